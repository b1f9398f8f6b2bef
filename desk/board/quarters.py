"""A day in quarters of an hour: how many callers entered a queue, how many waited at once, how many were answered. Pure."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

QUARTER = timedelta(minutes=15)


@dataclass(frozen=True)
class Wait:
    """One caller's wait: from when, until when (None: he still waits), and whether an agent ended it. Aware instants."""

    joined: datetime
    left: datetime | None
    answered: bool


@dataclass(frozen=True)
class Quarter:
    """A quarter of an hour from `start` on: callers who entered, the most that waited at once, and those answered in it."""

    start: datetime
    entered: int
    peak: int
    answered: int


def quarters(waits: Iterable[Wait], since: datetime, until: datetime) -> tuple[Quarter, ...]:
    """The quarters that have begun in [since, until); none before the first caller of the day."""
    known = [wait for wait in waits if wait.joined < until and (wait.left is None or wait.left >= since)]
    if not known:
        return ()
    first = _begin(max(min(wait.joined for wait in known), since), since)
    found = []
    start = first
    while start < until:
        found.append(_quarter(known, start, min(start + QUARTER, until)))
        start += QUARTER
    return tuple(found)


def _quarter(waits: Sequence[Wait], start: datetime, end: datetime) -> Quarter:
    here = [wait for wait in waits if wait.joined < end and (wait.left is None or wait.left >= start)]
    return Quarter(
        start, sum(start <= wait.joined for wait in here), _peak(here, start, end),
        sum(wait.answered and wait.left is not None and start <= wait.left < end for wait in here))


def _peak(waits: Sequence[Wait], start: datetime, end: datetime) -> int:
    """The most waits at one moment of [start, end). Who leaves makes room before who comes at the same instant."""
    steps = sorted([(max(wait.joined, start), 1) for wait in waits]
                   + [(wait.left, -1) for wait in waits if wait.left is not None and wait.left < end])
    peak = now = 0
    for _, step in steps:
        now += step
        peak = max(peak, now)
    return peak


def _begin(at: datetime, since: datetime) -> datetime:
    return since + (at - since) // QUARTER * QUARTER
