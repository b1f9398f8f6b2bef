"""A real IMAP server for tests: Dovecot with a folder, a configuration and a port of its own, stopped by its process id."""
from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import make_msgid
from pathlib import Path

from callcenter.postgres_scratch import free_port

START_PATIENCE_S = 30.0
USER, PASSWORD = 'mesa', 'una clave'


@dataclass(frozen=True)
class Mailbox:
    """The one mailbox of a running server."""

    port: int
    maildir: Path

    def deliver(self, raw: bytes) -> None:
        """Put a message into the inbox, unseen."""
        name = make_msgid(domain='x').strip('<>').replace('/', '')
        (self.maildir / 'tmp' / name).write_bytes(raw)
        os.chmod(self.maildir / 'tmp' / name, 0o666)                                       # noqa: PTH101
        (self.maildir / 'tmp' / name).rename(self.maildir / 'new' / name)

    def seen(self) -> list[bool]:
        """For each message whether it is marked as seen."""
        files = [*(self.maildir / 'new').iterdir(), *(self.maildir / 'cur').iterdir()]
        return sorted('S' in file.name.partition(':2,')[2] for file in files)


@contextmanager
def imap_server() -> Iterator[Mailbox]:
    """A server with an empty mailbox; gone afterwards with all that it held."""
    folder = Path(tempfile.mkdtemp(prefix='mesa-imap-'))
    folder.chmod(0o755)
    maildir = folder / 'mail'
    for part in ('new', 'cur', 'tmp'):
        (maildir / part).mkdir(parents=True)
    for path in (maildir, *maildir.iterdir()):
        shutil.chown(path, 'nobody')
    port = free_port()
    (folder / 'dovecot.conf').write_text(_configuration(folder, port))
    (folder / 'users').write_text(f'{USER}:{{PLAIN}}{PASSWORD}::::::\n')
    with (folder / 'log').open('wb') as log:
        process = subprocess.Popen(['dovecot', '-F', '-c', str(folder / 'dovecot.conf')], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _wait_until_it_answers(port, process, folder)
        yield Mailbox(port, maildir)
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def _configuration(folder: Path, port: int) -> str:
    return f"""
protocols = imap
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/messages
ssl = no
disable_plaintext_auth = no
listen = 127.0.0.1
mail_location = maildir:{folder}/mail
mail_uid = nobody
mail_gid = nogroup
first_valid_uid = 1
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
passdb {{
  driver = passwd-file
  args = {folder}/users
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={folder}/mail
}}
"""


def _wait_until_it_answers(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + START_PATIENCE_S
    while True:
        try:
            with socket.create_connection(('127.0.0.1', port), timeout=2) as connection:
                if connection.recv(10).startswith(b'* OK'):
                    return
        except OSError:
            pass
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f'Dovecot did not start:\n{(folder / "log").read_text()}')
        time.sleep(0.05)
