"""A PostgreSQL server of our own for a bench or for tests: free port, temporary folder, loopback, stopped by its process id."""
from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import psycopg

START_PATIENCE_S = 30.0
S = TypeVar('S', bound='ScratchServer')


class ScratchServer:
    """A running server; `url` names an empty database. It may be stopped and started again. `options` are its settings."""

    def __init__(self, folder: Path, port: int, options: Sequence[str]) -> None:
        self.port = port
        self.url = f'postgresql+psycopg://mesa@127.0.0.1:{port}/mesa'
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the server's first process."""
        assert self._process is not None, 'the server is stopped'
        return self._process.pid

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        options = [part for option in self._options for part in ('-c', option)]
        with (self._folder / 'log').open('ab') as log:
            self._process = subprocess.Popen(
                [*_as_unprivileged(), 'setpriv', '--pdeathsig', 'INT', str(_binary('postgres')), '-D', str(self._folder / 'data'),
                 '-p', str(self.port), '-c', 'listen_addresses=127.0.0.1', '-c', f'unix_socket_directories={self._folder}', *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd='/', start_new_session=True)
        deadline = time.monotonic() + START_PATIENCE_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f'PostgreSQL did not start:\n{(self._folder / "log").read_text()[-2000:]}')
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop the server at once, breaking its connections; nothing happens when it is stopped."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(20)
        self._process = None

    def create(self, name: str, template: str = 'template0') -> str:
        """Make a database as a copy of `template` and give its URL."""
        with psycopg.connect(self._admin, autocommit=True) as connection:
            connection.execute(psycopg.sql.SQL('CREATE DATABASE {} TEMPLATE {}').format(
                psycopg.sql.Identifier(name), psycopg.sql.Identifier(template)))
        return self.url.rpartition('/')[0] + f'/{name}'

    def drop(self, name: str) -> None:
        """Drop a database, throwing out whoever uses it."""
        with psycopg.connect(self._admin, autocommit=True) as connection:
            connection.execute(psycopg.sql.SQL('DROP DATABASE {} WITH (FORCE)').format(psycopg.sql.Identifier(name)))

    @property
    def _admin(self) -> str:
        return f'host=127.0.0.1 port={self.port} user=mesa dbname=postgres'

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._admin, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def scratch_server(kind: type[S], options: Sequence[str], parent: Path | None = None) -> Iterator[S]:
    """A fresh server with an empty database 'mesa', gone afterwards with all it held. `parent` is where its folder is made.

    Raises RuntimeError when there is no PostgreSQL, or when it does not start.
    """
    folder = Path(tempfile.mkdtemp(prefix='mesa-pg-', dir=parent))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, user=_unprivileged())
        made = subprocess.run([*_as_unprivileged(), str(_binary('initdb')), '-D', str(folder / 'data'), '-U', 'mesa', '-A', 'trust',
                               '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync', '--no-instructions'],
                              cwd='/', stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if made.returncode:
            raise RuntimeError(f'PostgreSQL cannot keep data in {folder}: {made.stderr.strip()}')
        server = kind(folder, free_port(), options)
        try:
            server.start()
            server.create('mesa')
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """A TCP port of the loopback that nobody uses right now."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port: int = probe.getsockname()[1]
        return port


def _binary(name: str) -> Path:
    """A program of PostgreSQL's server; Debian keeps them off the PATH."""
    homes = sorted(Path('/usr/lib/postgresql').glob('*/bin'), key=lambda home: int(home.parent.name), reverse=True)
    for home in [*homes, *map(Path, os.get_exec_path())]:
        if (home / name).is_file():
            return home / name
    raise RuntimeError(f"PostgreSQL's {name} is missing: install the package postgresql (its server part)")


def _unprivileged() -> str:
    return 'postgres' if subprocess.run(['id', 'postgres'], capture_output=True).returncode == 0 else 'nobody'


def _as_unprivileged() -> Sequence[str]:
    """How to start a program as somebody else: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return ()
    user = _unprivileged()
    return ('setpriv', f'--reuid={user}', f'--regid={_group(user)}', '--clear-groups')


def _group(user: str) -> str:
    return subprocess.run(['id', '-gn', user], check=True, capture_output=True, text=True).stdout.strip()
