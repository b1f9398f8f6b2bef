"""A whole Mesa for tests: a real Asterisk and Mesa's services in a folder and on ports of their own, stopped without a trace."""
from __future__ import annotations

import json
import os
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from callcenter.asterisk import Asterisk
from callcenter.commands.fax_modems import states_of
from callcenter.instance import Instance
from callcenter.running import state, supervisor_pid
from config.place import MOST_MODEMS
from fax.modems import IDLE
from tests.real.commands import Commands

CHECKOUT = Path(__file__).resolve().parent.parent.parent
PATIENCE_S = 90
GONE_S = 15
MODEMS_S = 30
STARTED_ANEW = ('up', 'serve')                         # they leave processes behind
commands = cache(Commands)


class RealMesa:
    """One running instance. `edit` may change the copy of the example site before the first start; `clock` stops the clock there.

    It has so many `fax` modems: none, unless a test asks for them.
    """

    def __init__(self, root: Path, edit: Callable[[Path], None] | None = None, clock: str | None = None,
                 environment: Mapping[str, str] | None = None, fax: int = 0) -> None:
        self.root = root
        self._environment = _plain_environment() | {'MESA_FREE_PORTS': '1'} | dict(environment or {})
        with patch.dict(os.environ, self._environment):
            self.instance = Instance.create(root)
        set_modems(self.instance.place.edited_site / 'site.toml', fax)
        if edit:
            edit(self.instance.place.edited_site)
        self.place = self.instance.place
        self._seen: set[int] = set()
        self.start(clock)

    def start(self, clock: str | None = None) -> None:
        """Start Asterisk and Mesa; returns when both answer, and all modems are idle."""
        done = self.mesa('up', '--detach', *(('--clock', clock) if clock else ()))
        assert done.returncode == 0, f'mesa up failed:\n{done.stdout}{done.stderr}{self._logs()}'
        deadline = time.monotonic() + MODEMS_S
        while any(modem.state != IDLE for modem in states_of(self.instance)):
            assert time.monotonic() < deadline, f'not all modems are idle: {states_of(self.instance)}{self._logs()}'
            time.sleep(0.1)                            # between two looks
        self._seen |= {self.supervisor, *self.pids.values(), *self.fax_pids.values()}

    def stop(self) -> None:
        """Stop both, and see that no process of theirs is left."""
        self._seen |= {*self.pids.values(), *self.fax_pids.values()}
        done = self.mesa('down')
        assert done.returncode == 0, done.stdout + done.stderr
        left = [pid for pid in self._seen if not ends(pid)]
        assert not left, f'processes are left behind: {left}'
        assert not self.fax_leftovers(), f'of the fax server there is left: {self.fax_leftovers()}'
        shutil.rmtree(self.place.fax_spool, ignore_errors=True)

    def mesa(self, *words: str, patience_s: float = PATIENCE_S) -> subprocess.CompletedProcess[str]:
        """Run a command line on this instance: mesa('line', 'list')."""
        if words[0] in STARTED_ANEW:
            return subprocess.run(self._command(words), capture_output=True, text=True, timeout=patience_s, env=self._environment,
                                  stdin=subprocess.DEVNULL, check=False)
        return commands().run(['--instance', str(self.root), *words], self._environment, patience_s)

    @contextmanager
    def foreground(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """A command line that goes on, in a process group of its own as in a terminal; killed at the end if it still runs."""
        with subprocess.Popen(self._command(words), stdout=subprocess.PIPE, text=True, env=self._environment,
                              stdin=subprocess.DEVNULL, start_new_session=True) as process:
            try:
                yield process
            finally:
                process.kill()

    def json(self, *words: str) -> Any:
        """What a command answers to --json; it must succeed."""
        done = self.mesa(*words, '--json')
        assert done.returncode == 0, f'mesa {" ".join(words)} failed:\n{done.stdout}{done.stderr}'
        return json.loads(done.stdout)

    def clock(self, time: str | None) -> None:
        """Stop the clock at a local time of the site, or let it run again."""
        done = self.mesa('clock', 'set', time) if time else self.mesa('clock', 'clear')
        assert done.returncode == 0, done.stdout + done.stderr

    def asterisk_cli(self, command: str) -> str:
        """What Asterisk's console answers."""
        return Asterisk(self.place).command(command)

    @property
    def supervisor(self) -> int:
        """The process that keeps the others running."""
        pid = supervisor_pid(self.root)
        assert pid is not None, 'nobody supervises'
        return pid

    @property
    def pids(self) -> dict[str, int]:
        """The processes 'asterisk' and 'mesa'; without one that does not run now."""
        told = state(self.root)
        return {name: told[name]['pid'] for name in ('asterisk', 'mesa') if name in told and told[name]['pid']}

    @property
    def fax_pids(self) -> dict[str, int]:
        """The guards of the fax server's programs, by name: 'faxq', 'hfaxd', 'modem ttyIAX4670', 'faxgetty ttyIAX4670'."""
        return {name: part['pid'] for name, part in state(self.root).get('fax', {}).get('parts', {}).items() if part['pid']}

    def fax_leftovers(self) -> list[str]:
        """What a fax server that is stopped must not leave: processes that work in its spool, devices, locks."""
        spool, modems = self.place.fax_spool, self.place.modems(MOST_MODEMS)
        lines = (folder / 'cmdline' for folder in Path('/proc').iterdir() if folder.name.isdigit())
        return [*(words for words in map(_read, lines) if str(spool) in words),
                *(str(modem.device) for modem in modems if modem.device.is_symlink()), *map(str, (spool / 'locks').glob('*'))]

    @property
    def database_url(self) -> str:
        """The books of this instance."""
        return Instance.open(self.root).database_url if 'MESA_DATABASE' not in self._environment else self._environment['MESA_DATABASE']

    def _command(self, words: Sequence[str]) -> list[str]:
        return [sys.executable, '-P', '-m', 'callcenter', '--instance', str(self.root), *words]

    def _logs(self) -> str:
        files = [*sorted((self.root / 'log').glob('*.log')), self.place.asterisk_log / 'messages.log']
        return ''.join(f'\n== {file}\n{file.read_text(errors="replace")[-3000:]}' for file in files if file.exists())


def set_modems(file: Path, modems: int) -> None:
    """Edit how many modems a site has."""
    text, found = re.subn(r'(?m)^modems = \d+', f'modems = {modems}', file.read_text())
    assert found == 1
    file.write_text(text)


def _read(file: Path) -> str:
    """The words of a process; '' when it is gone."""
    try:
        return file.read_bytes().replace(b'\0', b' ').decode(errors='replace')
    except OSError:
        return ''


def _plain_environment() -> dict[str, str]:
    """Without what would lead to somebody's own instance."""
    return {name: value for name, value in os.environ.items() if name not in ('MESA_INSTANCE', 'MESA_DATABASE')}


def ends(pid: int) -> bool:
    """Whether a process is gone or goes within the patience."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], GONE_S)[0])
    finally:
        os.close(handle)
