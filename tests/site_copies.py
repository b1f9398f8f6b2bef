"""Copies of the example site for tests to spoil: small edits, and what a check says of them."""
from __future__ import annotations

import shutil
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from config.check import Known, check_reading
from config.load import read
from config.problems import Problem

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / 'config' / 'example'
TODAY = date(2026, 11, 24)
TEXTS = tomllib.loads((ROOT / 'asterisk-conf' / 'prompts' / 'es_MX.toml').read_text(encoding='utf-8'))['texts']
KNOWN = Known(frozenset(f'mesa/{name}' for name in TEXTS), TODAY)


def copy_example(folder: Path) -> Path:
    """A copy of the example's files in a folder of its own."""
    return Path(shutil.copytree(EXAMPLE, folder / 'site'))


def edit(site: Path, file: str, old: str, new: str) -> None:
    """Replace the first occurrence of a text that must be there."""
    path = site / file
    text = path.read_text(encoding='utf-8') if path.exists() else ''
    assert old in text, f'{file} holds no {old!r}'
    path.write_text(text.replace(old, new, 1), encoding='utf-8')


def line_of(site: Path, file: str, words: str) -> int:
    """The line of the first occurrence of a text."""
    text = (site / file).read_text(encoding='utf-8')
    return text[:text.index(words)].count('\n') + 1


def problems_of(site: Path, known: Known = KNOWN) -> list[Problem]:
    """Everything wrong with a folder."""
    return check_reading(read(site), known)


USUAL = frozenset(str(problem) for problem in problems_of(EXAMPLE))


def new_problems(site: Path, known: Known = KNOWN) -> list[Problem]:
    """What is wrong with a spoilt copy and not with the example (whose one warning is there to show a warning)."""
    return [problem for problem in problems_of(site, known) if str(problem) not in USUAL]


@dataclass(frozen=True)
class Mistake:
    """An edit of one file, and the one problem that it makes: words that begin on its line ('': line 1), its key, words of its message."""

    file: str
    old: str
    new: str
    line: str
    key: str
    says: str
    severity: str = 'error'

    def spoil(self, site: Path) -> None:
        edit(site, self.file, self.old, self.new)

    def place(self, site: Path) -> str:
        """What the problem's `where` and severity should be in a spoilt site."""
        line = line_of(site, self.file, self.line) if self.line else 1
        return f'{self.file}:{line}: {self.key} {self.severity}'


def places(problems: Iterable[Problem]) -> list[str]:
    """Where problems are, with their severity."""
    return [f'{problem.where} {problem.severity}' for problem in problems]
