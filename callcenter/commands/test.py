"""`mesa test`: every check and test, the real ones included."""
from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import click

from callcenter.console import say
from callcenter.main import CHECKOUT
from callcenter.provision import ensure_asterisk

CORE = ('config', 'ivr_flows', 'ticketing', 'storage', 'agi', 'ami_listener', 'fax', 'contracts')
COMPUTING, WAITING = 2, 2                              # processes: of the tests that compute, and of those that wait for real servers
PYTHON = (sys.executable, '-P', '-m')
REAL = 'tests/real'
IDLE, NICE = ('chrt', '--idle', '0'), ('nice', '-n', '19')   # only the time that nobody else wants: sound and clicks come when they should
_one_line = Lock()


@click.command(context_settings={'ignore_unknown_options': True, 'help_option_names': ['--help']})
@click.option('--long', is_flag=True, help='Also the tests that take minutes.')
@click.argument('pytest_args', nargs=-1, type=click.UNPROCESSED)
def test(long: bool, pytest_args: tuple[str, ...]) -> None:
    """Run ruff, mypy --strict on the core, and pytest with the real servers; further words go to pytest.

    All at once: the tests with real servers wait for sound most of the time, and the others compute. Exit code 0 only when all are content.
    """
    ensure_asterisk()
    chosen = () if long else ('-m', 'not long')
    pytest = (*PYTHON, 'pytest', '--dist', 'loadfile', '--no-loadscope-reorder', '--color', 'yes' if sys.stdout.isatty() else 'no', *chosen)
    if pytest_args:                                    # somebody looks for one failure
        here = (*pytest, '-n', str(COMPUTING), *pytest_args)
        sys.exit(subprocess.run(here, cwd=CHECKOUT, env=_clean_environment(), check=False).returncode)
    behind = IDLE if subprocess.run((*IDLE, 'true'), stderr=subprocess.DEVNULL, check=False).returncode == 0 else NICE
    runs = {
        'ruff': (*PYTHON, 'ruff', 'check', '.'),
        'mypy': (*behind, *PYTHON, 'mypy', '--strict', *CORE),
        'tests': (*behind, *pytest, '-n', str(COMPUTING), '--timeout', '600', f'--ignore={REAL}'),
        'real': (*pytest, '-v', '-n', str(WAITING), REAL),     # a line for each: they are few and long
    }
    with ThreadPoolExecutor(len(runs)) as pool:
        outcomes = dict(zip(runs, pool.map(_run, runs, runs.values()), strict=True))
    say()
    for name, outcome in outcomes.items():
        say(f'{name:5} {outcome}')
    sys.exit(0 if all(outcome.startswith('ok') for outcome in outcomes.values()) else 1)


def _run(name: str, command: Iterable[str]) -> str:
    """Run one of them, each line that it says under its name; tells how it ended."""
    began = time.monotonic()
    with subprocess.Popen(list(command), cwd=CHECKOUT, env=_clean_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors='replace') as running:
        assert running.stdout is not None
        for line in running.stdout:
            with _one_line:
                say(f'{name:5} | {line.rstrip()}')
    took = f'({time.monotonic() - began:.0f} s)'
    return f'ok {took}' if running.returncode == 0 else f'FAILED with exit code {running.returncode} {took}'


def _clean_environment() -> dict[str, str]:
    """Without what would lead a test to an instance of somebody's."""
    return {name: value for name, value in os.environ.items() if name not in ('MESA_INSTANCE', 'MESA_DATABASE', 'MESA_FREE_PORTS')}
