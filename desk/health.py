"""The health of every part, as the desk's people read it; the parts themselves are looked at by whoever runs them (mission.md 7, 8)."""
from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Literal

log = logging.getLogger('mesa.health')
OLDEST = timedelta(seconds=20)                         # looking takes time, and a page may be loaded again and again
Level = Literal['ok', 'warning', 'bad']
WORST: tuple[Level, ...] = ('bad', 'warning', 'ok')


@dataclass(frozen=True)
class Finding:
    """One thing looked at, in Spanish: what is so, and what to do about it. `bad` keeps Mesa from working, `warning` will hurt some day."""

    level: Level
    says: str


@dataclass(frozen=True)
class Part:
    """A part of Mesa and what was found in it."""

    title: str
    findings: tuple[Finding, ...]

    @property
    def level(self) -> Level:
        """The worst of its findings."""
        return next((level for level in WORST if any(finding.level == level for finding in self.findings)), 'ok')


@dataclass(frozen=True)
class Report:
    """All parts, and when they were looked at (the machine's clock)."""

    at: datetime
    parts: tuple[Part, ...]

    @property
    def level(self) -> Level:
        """The worst of all."""
        return next((level for level in WORST if any(part.level == level for part in self.parts)), 'ok')


Look = tuple[str, Callable[[], Iterable[Finding]]]     # title, what looks


class Health:
    """Looks at every part; one that cannot be looked at is told as such and hides no other. Blocking, safe on any thread."""

    def __init__(self, looks: Sequence[Look], moment: Callable[[], datetime], oldest: timedelta = OLDEST) -> None:
        self._looks = tuple(looks)
        self._moment = moment
        self._oldest = oldest
        self._lock = Lock()
        self._last: Report | None = None

    def report(self) -> Report:
        """What there is to tell, at most a few seconds old; two who ask at once look once."""
        with self._lock:
            now = self._moment()
            if self._last is None or not timedelta() <= now - self._last.at < self._oldest:
                self._last = Report(now, tuple(Part(title, tuple(_looked(title, look))) for title, look in self._looks))
            return self._last


def _looked(title: str, look: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    try:
        yield from look()
    except Exception:
        log.exception('%s cannot be looked at', title)
        yield Finding('bad', 'No se pudo revisar. El motivo está en mesa.log.')
