"""A real test is run again only when the machine stood still under it."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parent.parent
CONFTEST = """
from pathlib import Path
import pytest
from tests.standstill import Pulse, Standstill

class Scripted(Pulse):
    def longest_since(self, moment):
        return float(Path({still!r}).read_text())

def pytest_configure(config):
    config.pluginmanager.register(Standstill(Scripted()))
"""
TESTS = """
import time
from pathlib import Path
import pytest

RUNS = Path({runs!r})

@pytest.fixture(scope='module')
def server():
    RUNS.write_text(RUNS.read_text() + 's')
    yield RUNS.read_text().count('s')

def test_before(server):
    assert server == 1

@pytest.mark.timeout(3)
def test_of_time(server):
    RUNS.write_text(RUNS.read_text() + 't')
    {body}

def test_after(server):
    assert server == RUNS.read_text().count('s')
"""
BEATS = """
import sys, time
from tests.standstill import BEAT_S, Pulse
pulse, began = Pulse(), time.monotonic()
print('beats', flush=True)
sys.stdin.readline()
while not pulse.longest_since(began) and time.monotonic() < began + 20:
    time.sleep(BEAT_S)
felt = pulse.longest_since(began)
while pulse.longest_since(time.monotonic()) and time.monotonic() < began + 20:
    time.sleep(BEAT_S)
print(felt, pulse.longest_since(time.monotonic()), flush=True)
"""
FAILS_ONCE = "assert RUNS.read_text().count('t') > 1, 'too late'"
FAILS = "assert not server, 'too late'"
SLOW = 'time.sleep(2); ' + FAILS_ONCE


def run(folder: Path, where: str, body: str, stood_still_s: float, *words: str) -> subprocess.CompletedProcess[str]:
    """pytest on a file of three tests, the second of which goes by the clock."""
    (folder / where).mkdir(exist_ok=True)
    (folder / 'runs').write_text('')
    (folder / 'still').write_text(str(stood_still_s))
    (folder / 'conftest.py').write_text(CONFTEST.format(still=str(folder / 'still')))
    (folder / where / 'test_it.py').write_text(TESTS.format(runs=str(folder / 'runs'), body=body))
    return subprocess.run(
        [sys.executable, '-m', 'pytest', '-q', '-p', 'pytest_timeout', '-c', '/dev/null', '--rootdir', str(folder), '--basetemp',
         str(folder / 'temp'), *words, str(folder)], cwd=CHECKOUT, env={**os.environ, 'PYTEST_DISABLE_PLUGIN_AUTOLOAD': '1'},
        capture_output=True, text=True, check=False, timeout=100)


@pytest.mark.parametrize('words', [(), ('-p', 'xdist', '-n', '1')], ids=['alone', 'xdist'])
def test_once_more_with_new_servers_and_it_is_told(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = run(tmp_path, 'real', FAILS_ONCE, 0.9, *words)
    assert done.returncode == 0, done.stdout
    assert '3 passed' in done.stdout
    assert (tmp_path / 'runs').read_text() == 'stst'
    told = [line for line in done.stdout.splitlines() if line.startswith('RUN AGAIN')]
    assert len(told) == 1 and 'test_of_time' in told[0]
    assert 'the machine stood still for 0.9 s, and it failed in call: AssertionError: too late' in told[0]
    assert 'longest standstill of the machine: ' in done.stdout


def test_the_time_out_begins_anew(tmp_path: Path) -> None:
    assert '3 passed' in run(tmp_path, 'real', SLOW, 0.9).stdout


@pytest.mark.parametrize(('where', 'body', 'stood_still_s', 'runs'), [
    ('real', FAILS_ONCE, 0, 'st'), ('real', FAILS, 0.9, 'stst'), ('computing', FAILS_ONCE, 0.9, 'st')],
    ids=['the machine was awake', 'it fails again', 'it does not go by the clock'])
def test_what_failed_has_failed(tmp_path: Path, where: str, body: str, stood_still_s: float, runs: str) -> None:
    done = run(tmp_path, where, body, stood_still_s)
    assert done.returncode == 1
    assert '1 failed, 2 passed' in done.stdout
    assert (tmp_path / 'runs').read_text() == runs


def test_the_pulse_feels_a_standstill() -> None:
    with subprocess.Popen([sys.executable, '-c', BEATS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT) as child:
        assert child.stdin is not None and child.stdout is not None
        child.stdout.readline()
        os.kill(child.pid, signal.SIGSTOP)
        time.sleep(1.0)
        os.kill(child.pid, signal.SIGCONT)
        child.stdin.write('\n')
        child.stdin.flush()
        stood_still, afterwards = map(float, child.stdout.readline().split())
    assert 0.8 <= stood_still < 20
    assert afterwards == 0
