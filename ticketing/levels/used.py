"""How much open time a folio has used, of thousands of folios quickly: the clock's own arithmetic without its story (mission.md 4.5). Pure.

`ticketing/levels/clock.py` tells where every second went; this adds up the same seconds and nothing else.
"""
from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta

from config.hours import EPOCH, SECOND, intervals
from config.values import Calendar, HolidayBook
from ticketing.values import OPEN_STATES, State

RUNNING = frozenset(OPEN_STATES) - {State.WAITING}


class OpenTime:
    """The open seconds of a calendar within [since, until), added up once. Overrides of a line change nothing here."""

    def __init__(self, calendar: Calendar, holidays: HolidayBook, since: datetime, until: datetime) -> None:
        self._until_instant = until
        runs = [(_epoch(begin), _epoch(end)) for begin, end in intervals(calendar, holidays, (), since, until)]
        self._begins = [begin for begin, _ in runs]
        self._ends = [end for _, end in runs]
        self._before = [0]
        for begin, end in runs:
            self._before.append(self._before[-1] + end - begin)

    def between(self, since: int, until: int) -> int:
        """Open seconds within [since, until), epoch seconds inside the range."""
        return self._until(until) - self._until(since) if since < until else 0

    def later(self, moment: datetime, after: timedelta) -> datetime:
        """The instant so much open time after another one, whole seconds of it; the end of the range when it is not reached before."""
        wanted = self._until(_epoch(moment)) + after // SECOND
        number = bisect_right(self._before, wanted) - 1
        if number >= len(self._begins):
            return self._until_instant
        return EPOCH + (self._begins[number] + wanted - self._before[number]) * SECOND + after % SECOND

    def _until(self, moment: int) -> int:
        number = bisect_right(self._begins, moment)
        return self._before[number] - (max(0, self._ends[number - 1] - moment) if number else 0)


def used_s(opened_at: datetime, clock_starts: datetime, changes: Sequence[tuple[datetime, str]], open_time: OpenTime) -> int:
    """The open seconds that counted until the last change, which ended the clock's run.

    `changes`: when, and the state reached, in the order in which they were made. Fractions are cut off, and a clock that was set back
    never makes time run backwards, as in `clock.read_clock`.
    """
    since, state, used = _epoch(opened_at), str(State.NEW), 0
    starts = max(_epoch(clock_starts), since)
    for at, reached in changes:
        until = max(_epoch(at), since)
        if state in RUNNING:
            used += open_time.between(max(since, starts), until)
        since, state = until, reached
    return used


def _epoch(moment: datetime) -> int:
    return (moment - EPOCH) // SECOND
