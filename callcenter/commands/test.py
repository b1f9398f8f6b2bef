"""`mesa test`: every check and test, the real ones included."""
from __future__ import annotations

import os
import subprocess
import sys
import time

import click

from callcenter.console import say
from callcenter.main import CHECKOUT
from callcenter.provision import ensure_asterisk

CORE = ('config', 'ivr_flows', 'ticketing', 'storage', 'agi', 'ami_listener', 'fax', 'contracts')


@click.command(context_settings={'ignore_unknown_options': True, 'help_option_names': ['--help']})
@click.option('--long', is_flag=True, help='Also the tests that take minutes.')
@click.argument('pytest_args', nargs=-1, type=click.UNPROCESSED)
def test(long: bool, pytest_args: tuple[str, ...]) -> None:
    """Run ruff, mypy --strict on the core, and pytest with the real servers; further words go to pytest.

    Exit code 0 only when all three are content.
    """
    ensure_asterisk()
    python = [sys.executable, '-P', '-m']
    chosen = () if long else ('-m', 'not long')
    runs = {
        'ruff': [*python, 'ruff', 'check', '.'],
        'mypy': [*python, 'mypy', '--strict', *CORE],
        'pytest': [*python, 'pytest', '-n', os.environ.get('MESA_TEST_PROCESSES', '2'), '--dist', 'loadfile',
                   '--no-loadscope-reorder', *chosen, *pytest_args],
    }
    if pytest_args:
        runs = {'pytest': runs['pytest']}              # somebody looks for one failure
    outcomes = {name: _run(name, command) for name, command in runs.items()}
    say()
    for name, outcome in outcomes.items():
        say(f'{name:7} {outcome}')
    sys.exit(0 if all(outcome.startswith('ok') for outcome in outcomes.values()) else 1)


def _run(name: str, command: list[str]) -> str:
    """Run one of them in the open; tells how it ended."""
    say(f'== {name}')
    began = time.monotonic()
    code = subprocess.run(command, cwd=CHECKOUT, env=_clean_environment(), check=False).returncode
    took = f'({time.monotonic() - began:.0f} s)'
    return f'ok {took}' if code == 0 else f'FAILED with exit code {code} {took}'


def _clean_environment() -> dict[str, str]:
    """Without what would lead a test to an instance of somebody's."""
    return {name: value for name, value in os.environ.items() if name not in ('MESA_INSTANCE', 'MESA_DATABASE', 'MESA_FREE_PORTS')}
