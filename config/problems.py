"""What is wrong with a site's files: one value per problem, and the exception that carries them all."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from config.values import Where

Severity = Literal['error', 'warning']


@dataclass(frozen=True, order=True)
class Problem:
    """One thing an admin should mend: where it stands, what is wrong and what to do. Only errors keep a site from being applied."""

    where: Where
    message: str
    severity: Severity = 'error'

    def __str__(self) -> str:
        return f'{self.where}: {self.severity}: {self.message}'


class ConfigErrors(Exception):
    """A site cannot be used; `problems` holds every reason, warnings included, in the order of the files."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__('\n'.join(str(problem) for problem in self.problems))
