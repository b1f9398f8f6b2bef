"""Command lines without the second that importing takes each of them: one process has imported everything, and forks for each.

Everything else is a command line's own: its process, words, environment, standard files, exit code and end. `mesa up`, which leaves
processes behind, is started as a person starts it, and so is what a test keeps running.
"""
from __future__ import annotations

import atexit
import gc
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile

CHECKOUT = Path(__file__).resolve().parent.parent.parent
LARGEST = 1 << 17                                      # bytes of words and environment
IMPORTED = ('callcenter', 'config', 'storage', 'ivr_flows', 'ticketing', 'agi', 'ami_listener', 'fax')
LEFT_OUT = ('callcenter.__main__',)


class Commands:
    """Runs command lines; the process behind it ends with this one."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen([sys.executable, '-m', 'tests.real.commands', str(theirs.fileno())], cwd=CHECKOUT,
                                             pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        atexit.register(self._end)

    def run(self, words: Sequence[str], environment: Mapping[str, str], patience_s: float) -> subprocess.CompletedProcess[str]:
        """Run `mesa` with these words to its end. Raises subprocess.TimeoutExpired, having killed it."""
        asked = json.dumps({'words': list(words), 'environment': dict(environment), 'folder': str(Path.cwd())}).encode()
        ended, ends = os.pipe()
        with TemporaryFile() as out, TemporaryFile() as err, os.fdopen(ended, 'rb', buffering=0) as status:
            with Path(os.devnull).open('rb') as nothing:
                socket.send_fds(self._ours, [asked], [nothing.fileno(), out.fileno(), err.fileno(), ends])
            os.close(ends)
            deadline = time.monotonic() + patience_s
            if not (began := status.read(20)):
                raise RuntimeError(f'what starts command lines has ended ({self._process.poll()})')
            pid = int(began)
            if not select.select([status], [], [], max(deadline - time.monotonic(), 0))[0]:
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(['mesa', *words], patience_s)
            code = os.waitstatus_to_exitcode(int(status.read(20)))
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(['mesa', *words], code, _text(out.read()), _text(err.read()))


    def running(self) -> bool:
        """Whether any of them runs."""
        return bool(Path(f'/proc/{self._process.pid}/task/{self._process.pid}/children').read_text())

    def _end(self) -> None:
        self._ours.close()
        self._process.wait(10)


def _text(written: bytes) -> str:
    return written.decode().replace('\r\n', '\n')


def _import_all() -> None:
    for package in IMPORTED:
        for module in pkgutil.walk_packages(import_module(package).__path__, f'{package}.'):
            if module.name not in LEFT_OUT:
                import_module(module.name)


def _serve(control: socket.socket) -> None:
    """Fork for each command line; returns in its process alone."""
    while True:
        asked, files, _, _ = socket.recv_fds(control, LARGEST, 4)
        if not asked:
            os._exit(0)
        if os.fork() == 0:
            break
        for file in files:
            os.close(file)
    control.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *standard, status = files
    if (pid := os.fork()) != 0:
        os.write(status, b'%-20d' % pid)
        os.write(status, b'%-20d' % os.waitpid(pid, 0)[1])
        os._exit(0)
    os.close(status)
    for number, file in enumerate(standard):
        os.dup2(file, number)
        os.close(file)
    wanted = json.loads(asked)
    os.environ.clear()
    os.environ.update(wanted['environment'])
    time.tzset()
    os.chdir(wanted['folder'])
    sys.argv = ['mesa', *wanted['words']]


if __name__ == '__main__':
    _import_all()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)      # nobody waits for those in between
    _serve(socket.socket(fileno=int(sys.argv[1])))
    import_module('callcenter.main').main()
