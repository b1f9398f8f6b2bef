"""A HylaFAX of a test's own: a spool, hfaxd and faxq in the foreground, and perhaps a modem that is played by this process.

The spool cannot stand in pytest's folder: the daemons run as uucp and would not reach it.
"""
from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time
import tty
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from callcenter.postgres_scratch import free_port

ROOT = Path('/var/spool/mesa-test')
STOCK = Path('/var/spool/hylafax/bin')
FOLDERS = ('archive', 'bin', 'client', 'config', 'dev', 'docq', 'doneq', 'etc', 'info', 'locks', 'log', 'pollq', 'recvq', 'sendq', 'status',
           'tmp')
PATIENCE_S = 30.0
CONFIG = """\
SendFaxCmd: /usr/lib/hylafax/bin/faxsend
NotifyCmd: bin/notify
FaxRcvdCmd: bin/notify
CountryCode: 52
PollModemWait: 1
PollLockWait: 1
"""
# Retries at once, where HylaFAX would wait three minutes or five.
MODEM = """\
ModemType: Class1
ModemRate: 19200
ModemFlowControl: none
ModemResetDelay: 100
ModemDTRDropDelay: 0
ModemBaudRateDelay: 0
ModemSetupDTRDelay: 0
ModemSetupAACmd: ""
RingsBeforeAnswer: 0
MaxSetupAttempts: 2
FAXNumber: +528005550105
JobReqBusy: 1
JobReqNoAnswer: 1
JobReqNoCarrier: 1
JobReqOther: 1
JobReqError: 1
"""


class Spool:
    """A running HylaFAX. `password` is that of its one user, mesa."""

    def __init__(self, folder: Path, port: int, password: str) -> None:
        self.folder = folder
        self.port = port
        self.password = password
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._modems: list[str] = []

    @property
    def log(self) -> Path:
        """Where HylaFAX writes down every attempt."""
        return self.folder / 'log' / 'xferfaxlog'

    def start(self, *names: str) -> None:
        """Start 'hfaxd', 'faxq', or both; returns when they serve."""
        for name in names or ('faxq', 'hfaxd'):
            self._running[name] = subprocess.Popen(self._command(name), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                                   stderr=subprocess.DEVNULL, start_new_session=True)
            self._wait_for(name)

    def stop(self, *names: str) -> None:
        """Stop them with what they have started, by their process ids."""
        for name in names or tuple(self._running):
            process = self._running.pop(name)
            process.terminate()
            process.wait(PATIENCE_S)
            with suppress(ProcessLookupError):         # hfaxd has a process for each client
                os.killpg(process.pid, signal.SIGKILL)

    def add_modem(self, device: Path) -> None:
        """Tell the scheduler of a modem that is ready."""
        name = str(device.relative_to('/dev')).replace('/', '_')
        (self.folder / 'etc' / f'config.{name}').write_text(MODEM + _locks(self.folder))
        self._modems.append(name)
        self.announce_modems()

    def announce_modems(self) -> None:
        """Tell the scheduler again which modems are ready, as faxgetty does from time to time: it may miss what it is told by its FIFO."""
        for name in dict.fromkeys(self._modems):
            subprocess.run(['/usr/lib/hylafax/bin/faxmodem', '-q', str(self.folder), '-u', '33', name], check=True, timeout=PATIENCE_S)

    def queued(self) -> list[Path]:
        """The job files that HylaFAX has, done or not."""
        return [file for name in ('sendq', 'doneq') for file in (self.folder / name).glob('q[0-9]*')]

    def pid(self, name: str) -> int:
        """The process of 'hfaxd' or 'faxq'."""
        return self._running[name].pid

    def configure(self, **settings: str) -> None:
        """Change settings of the scheduler, which reads them anew."""
        file = self.folder / 'etc' / 'config'
        changed = [line for line in file.read_text().splitlines() if line.partition(':')[0] not in settings]
        file.write_text('\n'.join([*changed, *(f'{name}: {value}' for name, value in settings.items()), '']))
        self.stop('faxq')
        self.start('faxq')

    def script(self, name: str, line: str) -> None:
        """Put a program into the spool's bin."""
        _script(self.folder / 'bin' / name, line)

    def _command(self, name: str) -> Sequence[str]:
        if name == 'faxq':
            return ('/usr/sbin/faxq', '-D', '-q', str(self.folder))
        return ('/usr/sbin/hfaxd', '-d', '-q', str(self.folder), '-l', '127.0.0.1', '-i', str(self.port))

    def _wait_for(self, name: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        serves = self._answers if name == 'hfaxd' else self._reads
        while not serves():
            assert self._running[name].poll() is None, f'{name} does not run'
            assert time.monotonic() < deadline, f'{name} does not serve'
            time.sleep(0.02)

    def _answers(self) -> bool:
        with socket.socket() as trial:
            return trial.connect_ex(('127.0.0.1', self.port)) == 0

    def _reads(self) -> bool:
        try:
            os.close(os.open(self.folder / 'FIFO', os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            return False
        return True


@contextmanager
def hylafax_spool(password: str = 'una-clave') -> Iterator[Spool]:
    """A HylaFAX without modems; gone afterwards with all that it held."""
    folder = ROOT / secrets.token_hex(6)
    _lay_out(folder, password)
    spool = Spool(folder, free_port(), password)
    try:
        spool.start()
        yield spool
    finally:
        spool.stop()
        shutil.rmtree(folder)


def _lay_out(folder: Path, password: str) -> None:
    ROOT.mkdir(exist_ok=True)
    for name in FOLDERS:
        (folder / name).mkdir(parents=True)
    for tool in STOCK.iterdir():
        (folder / 'bin' / tool.name).symlink_to(tool)
    (folder / 'bin' / 'notify').unlink()
    _script(folder / 'bin' / 'notify', 'exit 0')
    shutil.copy('/etc/hylafax/setup.cache', folder / 'etc')
    (folder / 'etc' / 'config').write_text(CONFIG + _locks(folder))
    # Only the classic crypt takes part: hfaxd compares with what crypt(3) makes of the typed word.
    hashed = subprocess.run(['openssl', 'passwd', '-6', password], capture_output=True, text=True, check=True).stdout.strip()
    hosts = folder / 'etc' / 'hosts.hfaxd'
    hosts.write_text(f'^mesa@:21:{hashed}:\n')
    hosts.chmod(0o600)
    for path in (folder, *folder.rglob('*')):
        if not path.is_symlink():
            shutil.chown(path, 'uucp', 'uucp')


def _locks(folder: Path) -> str:
    """Locks of its own: numbers of pseudo terminals and processes come again, and a sender that was killed leaves its lock."""
    return f'UUCPLockDir: {folder}/locks\n'


def _script(file: Path, line: str) -> None:
    file.write_text(f'#!/bin/sh\n{line}\n')
    file.chmod(0o755)


class PtyModem:
    """A Class 1 modem on a pseudo terminal that finds every number as `answer` says: 'BUSY', 'NO ANSWER', 'NO CARRIER'."""

    def __init__(self, answer: str = 'BUSY') -> None:
        self.answer = answer
        self.dialled: list[str] = []
        self.wait_before_answer = threading.Event()
        self.wait_before_answer.set()
        self._ours, self._theirs = os.openpty()        # theirs stays open, or reading ours would fail between two sessions
        tty.setraw(self._theirs)
        self.device = Path(os.ttyname(self._theirs))
        self.device.chmod(0o666)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Hang up for good."""
        self.wait_before_answer.set()
        os.close(self._theirs)
        self._thread.join(PATIENCE_S)
        os.close(self._ours)

    def _serve(self) -> None:
        line = b''
        while True:
            try:
                piece = os.read(self._ours, 1)
            except OSError:
                return
            if not piece:
                return
            if piece == b'\r':
                self._obey(line.strip().decode(errors='replace'))
                line = b''
            elif piece not in b'\n\x10\x03':
                line += piece

    def _obey(self, command: str) -> None:
        if command.upper().startswith('ATDT') or command.upper().startswith('ATD'):
            self.dialled.append(command[3:].lstrip('Tt'))
            self.wait_before_answer.wait(PATIENCE_S)
            self._say(self.answer)
        elif command.upper() == 'AT+FCLASS=?':
            self._say('0,1\r\n\r\nOK')
        elif command.endswith('=?'):
            self._say('(3,24,48,72,73,74,96,97,98,121,122,145,146)\r\n\r\nOK')
        elif command.upper().startswith('AT'):
            self._say('OK')

    def _say(self, words: str) -> None:
        os.write(self._ours, f'\r\n{words}\r\n'.encode())
