"""The command line: its table, and errors as sentences."""
from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest

from callcenter.console import Complaint
from callcenter.main import COMMANDS, complaint_about
from config.problems import ConfigErrors, Problem
from config.values import Where
from storage.engine import DatabaseUnavailable

CHECKOUT = Path(__file__).resolve().parent.parent


def mesa(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, '-P', '-m', 'callcenter', *words], capture_output=True, text=True, check=False,
                          env={'PATH': '/usr/bin:/bin', **environment})


@pytest.mark.parametrize('name', COMMANDS)
def test_every_command_of_the_table_is_there_and_called_so(name: str) -> None:
    module, _, attribute = COMMANDS[name][0].partition(':')
    command = getattr(import_module(module), attribute)
    assert isinstance(command, click.Command)
    assert command.name == name
    assert command.help


def test_help_lists_all_commands_and_imports_none() -> None:
    done = mesa('--help')
    assert done.returncode == 0
    assert all(f'\n  {name} ' in done.stdout for name in COMMANDS)
    script = 'import sys; from callcenter.main import cli; cli.main(["--help"], standalone_mode=False); print(sorted(sys.modules))'
    loaded = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True, check=True, cwd=CHECKOUT).stdout
    assert 'callcenter.main' in loaded
    assert not [name for name in ('sqlalchemy', 'pydantic', 'twisted', 'jinja2', 'callcenter.commands.up') if f"'{name}'" in loaded]


def test_an_unknown_command_is_a_usage_error() -> None:
    done = mesa('upp')
    assert done.returncode == 2
    assert 'upp' in done.stderr


def test_an_error_is_a_sentence_and_with_debug_a_traceback(tmp_path: Path) -> None:
    done = mesa('--instance', str(tmp_path), 'status')
    assert done.returncode == 1
    assert done.stderr == f'mesa: There is no Mesa in {tmp_path}. Make one with: mesa up\n'
    assert 'Traceback' in mesa('--instance', str(tmp_path), 'status', MESA_DEBUG='1').stderr


def test_the_instance_may_be_named_by_the_environment(tmp_path: Path) -> None:
    assert f'There is no Mesa in {tmp_path}.' in mesa('status', MESA_INSTANCE=str(tmp_path)).stderr


def test_known_errors_are_sentences_and_defects_are_not() -> None:
    complaint = Complaint('x', 3)
    assert complaint_about(complaint) is complaint
    assert 'the server is gone' in str(complaint_about(DatabaseUnavailable('the server is gone')))
    problems = ConfigErrors([Problem(Where('a.toml', 1, 'k'), 'wrong'), Problem(Where('b.toml', 2, 'l'), 'worse')])
    assert {'a.toml:1: k: error: wrong', 'b.toml:2: l: error: worse'} <= set(str(complaint_about(problems)).splitlines())
    assert complaint_about(ZeroDivisionError()) is None
