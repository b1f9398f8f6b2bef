"""A program of the fax server changes its user, and still ends with its guard or its supervisor. With real processes."""
from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from callcenter.fax_parts import end_strays, guarded
from callcenter.fax_server import group
from tests.real.instance import ends

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or group() is None, reason='only root may change the user')
# What HylaFAX's programs do: another effective user, a child in a process group of its own making, and no ear for signals.
PROGRAM = """
import os, signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN if 'deaf' in sys.argv else lambda *_: sys.exit(0))
os.setegid(10); os.seteuid(10)
child = subprocess.Popen(['sleep', '100'])
print(os.getpid(), child.pid, flush=True)
signal.pause()
"""
PARENT = """
import subprocess, sys
child = subprocess.Popen(sys.argv[1:])
child.wait()
"""


@contextmanager
def started(*words: str, by: tuple[str, ...] = ()) -> Iterator[tuple[subprocess.Popen[str], int, int]]:
    """A guard (or who starts one), its program and that one's child."""
    argv = [*by, *guarded(('setuid', 'setgid')), sys.executable, '-c', PROGRAM, *words]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        program, child = map(int, process.stdout.readline().split())
        try:
            yield process, program, child
        finally:
            process.kill()
            end_strays([argv[-len(words) - 3:]])


@pytest.mark.parametrize('words', [(), ('deaf',)])
def test_it_ends_with_all_that_it_started_when_it_is_asked(words: tuple[str, ...]) -> None:
    with started(*words) as (guard, program, child):
        guard.terminate()
        assert guard.wait(10) == 0
        assert ends(program) and ends(child)


def test_its_children_end_with_it() -> None:
    with started() as (guard, program, child):
        os.kill(program, signal.SIGKILL)
        assert guard.wait(10) == 128 + signal.SIGKILL
        assert ends(child)


def test_nothing_outlives_a_supervisor_that_is_killed() -> None:
    with started('deaf', by=(sys.executable, '-c', PARENT)) as (parent, program, child):
        parent.kill()
        assert ends(program) and ends(child)


def test_what_outlives_its_guard_is_found_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('callcenter.fax_parts.GONE_S', 20.0)
    with started('stray', 'deaf') as (guard, program, child):
        guard.kill()
        guard.wait()
        assert Path(f'/proc/{program}').exists()
        end_strays([[sys.executable, '-c', PROGRAM, 'stray']])
        assert Path(f'/proc/{program}').exists(), 'other words, another program'
        end_strays([[sys.executable, '-c', PROGRAM, 'stray', 'deaf']])
        assert not any(_runs(pid) for pid in (program, child)), 'it is gone when this returns'


def _runs(pid: int) -> bool:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    return False


def test_it_has_the_powers_that_it_needs_and_no_others() -> None:
    with started() as (_, program, _):
        status = dict(line.split(':\t', 1) for line in Path(f'/proc/{program}/status').read_text().splitlines() if ':\t' in line)
        assert int(status['CapBnd'], 16) == 1 << 6 | 1 << 7          # CAP_SETGID, CAP_SETUID
        assert status['NoNewPrivs'] == '1'
