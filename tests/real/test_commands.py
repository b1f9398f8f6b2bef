"""The command lines of these tests are those that a person types, only quicker."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.real.disasters import until
from tests.real.instance import commands


@pytest.mark.parametrize('words', [['--help'], ['nonsense'], ['folio', 'list'], ['config', 'check', '--json'], ['calendar', 'mx-5x12']])
def test_they_say_and_end_the_same(tmp_path: Path, words: list[str]) -> None:
    words = ['--instance', str(tmp_path), *words]
    typed = subprocess.run([sys.executable, '-P', '-m', 'callcenter', *words], capture_output=True, text=True, check=False,
                           stdin=subprocess.DEVNULL)
    quick = commands().run(words, os.environ, 60)
    assert (quick.returncode, quick.stdout, quick.stderr) == (typed.returncode, typed.stdout, typed.stderr)


def test_words_environment_and_folder_are_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = commands().run(['status'], {**os.environ, 'MESA_INSTANCE': 'here'}, 60)
    assert str(tmp_path / 'here') in told.stdout + told.stderr
    assert str(tmp_path / 'there') in (again := commands().run(['--instance', 'there', 'status'], os.environ, 60)).stdout + again.stderr


def test_one_that_does_not_end_is_killed(tmp_path: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        commands().run(['--instance', str(tmp_path), 'bench', 'lists'], os.environ, 0)
    until('nothing of it is left', lambda: not commands().running())
