"""A supervised program is started again, stopped for certain, and never outlives its supervisor. With real processes."""
from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from callcenter.console import Complaint
from callcenter.running import claim, state, supervisor_pid

PATIENCE_S = 20
SUPERVISOR = """
import asyncio, sys
from pathlib import Path
from twisted.internet import asyncioreactor
asyncio.set_event_loop(asyncio.new_event_loop())
asyncioreactor.install(asyncio.get_event_loop())
from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred
from callcenter.supervise import Child, Task

def say(text):
    print(text, flush=True)

child = Child(reactor, Task('thing', tuple(sys.argv[2:]), Path(sys.argv[1]), 1.0), lambda: say(f'pid {child.pid}'), say)
reactor.addSystemEventTrigger('before', 'shutdown', lambda: ensureDeferred(child.stop()))
reactor.callWhenRunning(child.start)
reactor.run()
say('over')
"""

Supervised = tuple['subprocess.Popen[str]', Path]


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Callable[[str], Supervised]]:
    """Run a shell script under supervision; gives the supervisor and the log of the script."""
    started: list[subprocess.Popen[str]] = []

    def start(script: str) -> Supervised:
        log = tmp_path / 'thing.log'
        started.append(subprocess.Popen([sys.executable, '-c', SUPERVISOR, str(log), '/bin/sh', '-c', script], text=True,
                                        stdout=subprocess.PIPE, start_new_session=True, cwd=Path(__file__).resolve().parent.parent))
        return started[-1], log
    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()


def told(process: subprocess.Popen[str], pattern: str) -> re.Match[str]:
    """Read the supervisor's words until a line matches."""
    assert process.stdout
    for line in process.stdout:
        if match := re.search(pattern, line):
            return match
    raise AssertionError(f'the supervisor ended without {pattern!r}')


@contextmanager
def watched(pid: int) -> Iterator[Callable[[], bool]]:
    """Whether a process that is no child of ours ends within the patience."""
    handle = os.pidfd_open(pid)
    try:
        yield lambda: bool(select.select([handle], [], [], PATIENCE_S)[0])
    finally:
        os.close(handle)


def until_said(log: Path, text: str) -> None:
    """Wait until the script has said something; its log is followed as it grows."""
    with subprocess.Popen(['tail', '-n', '+1', '-F', '-q', str(log)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as tail:
        assert tail.stdout
        assert any(text in line for line in tail.stdout)
        tail.kill()


def test_what_ends_is_started_again_later_each_time(supervise: Callable[[str], Supervised]) -> None:
    process, log = supervise('echo started; exit 7')
    assert told(process, r'exit code (\d+); starting it again in ([\d.]+) s').groups() == ('7', '0.2')
    assert told(process, r'starting it again in ([\d.]+) s')[1] == '0.4'
    assert told(process, r'starting it again in ([\d.]+) s')[1] == '0.8'
    assert log.read_text() == 'started\n' * 3


def test_what_is_killed_is_started_again(supervise: Callable[[str], Supervised]) -> None:
    process, _ = supervise('sleep 60')
    first = int(told(process, r'pid (\d+)')[1])
    os.kill(first, signal.SIGKILL)
    told(process, 'thing was ended by signal 9; starting it again')
    assert int(told(process, r'pid (\d+)')[1]) != first


def test_a_stop_is_asked_for_first(supervise: Callable[[str], Supervised]) -> None:
    process, log = supervise('trap "echo asked; exit 0" TERM; echo ready; while :; do sleep 0.05; done')
    until_said(log, 'ready')
    process.terminate()
    told(process, 'over')
    assert log.read_text() == 'ready\nasked\n'


def test_what_does_not_stop_is_made_to(supervise: Callable[[str], Supervised]) -> None:
    process, log = supervise('trap "" TERM; echo ready; while :; do sleep 0.05; done')
    pid = int(told(process, r'pid (\d+)')[1])
    until_said(log, 'ready')
    with watched(pid) as ends:
        process.terminate()
        told(process, 'over')
        assert ends()


def test_a_program_that_waits_for_its_next_start_is_not_started_after_a_stop(supervise: Callable[[str], Supervised]) -> None:
    process, log = supervise('echo started; exit 1')
    told(process, r'again in 0\.8')
    process.terminate()
    told(process, 'over')
    assert log.read_text() == 'started\n' * 3


def test_nothing_outlives_a_supervisor_that_is_killed(supervise: Callable[[str], Supervised]) -> None:
    process, log = supervise('trap "" TERM HUP; echo ready; exec sleep 60')
    pid = int(told(process, r'pid (\d+)')[1])
    until_said(log, 'ready')
    with watched(pid) as ends:
        process.kill()
        assert ends()


def test_ctrl_c_reaches_the_supervisor_alone(supervise: Callable[[str], Supervised]) -> None:
    process, log = supervise('trap "echo INT" INT; trap "echo TERM; exit 0" TERM; echo ready; while :; do sleep 0.05; done')
    until_said(log, 'ready')
    os.killpg(process.pid, signal.SIGINT)
    told(process, 'over')
    assert log.read_text() == 'ready\nTERM\n'


def test_an_instance_is_supervised_once(tmp_path: Path) -> None:
    (tmp_path / 'run').mkdir()
    assert supervisor_pid(tmp_path) is None
    lock = claim(tmp_path)
    try:
        assert supervisor_pid(tmp_path) == os.getpid()
        with pytest.raises(Complaint, match=rf'already runs .*process {os.getpid()}.*mesa down') as refusal:
            claim(tmp_path)
        assert refusal.value.exit_code == 2
    finally:
        os.close(lock)
    assert supervisor_pid(tmp_path) is None, 'a file that nobody locks is a leftover'
    os.close(claim(tmp_path))


def test_what_a_killed_supervisor_told_does_not_count(tmp_path: Path) -> None:
    (tmp_path / 'run').mkdir()
    (tmp_path / 'run' / 'children.json').write_text('{"ready": true}')
    assert state(tmp_path) == {'ready': True}
    os.close(claim(tmp_path))
    assert state(tmp_path) == {}
