"""Intervals for figures: local hours, days, weeks and months of the site's zone, half-open, as instants (mission.md 7.5). Pure."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from contracts.months import midnight

ONE_DAY, ONE_HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass(frozen=True)
class Interval:
    """[since, until), aware UTC instants. `label`: '2026-10-01', '2026-10-01 08:00', '2026-W40', '2026-10'."""

    label: str
    since: datetime
    until: datetime


def span(first: date, last: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From the first moment of a local day to the first one after another (which is included): aware UTC instants."""
    return midnight(first, zone), midnight(last + ONE_DAY, zone)


def days(first: date, last: date, zone: ZoneInfo) -> tuple[Interval, ...]:
    """Each local day from `first` to `last`, both included: 23, 24 or 25 hours."""
    return tuple(Interval(f'{day:%Y-%m-%d}', *span(day, day, zone)) for day in _days(first, last))


def weeks(first: date, last: date, zone: ZoneInfo) -> tuple[Interval, ...]:
    """ISO weeks, from Monday on; the first and the last are cut to what was asked for."""
    return _joined(first, last, zone, lambda day: f'{day.isocalendar().year}-W{day.isocalendar().week:02}')


def months(first: date, last: date, zone: ZoneInfo) -> tuple[Interval, ...]:
    """Calendar months; the first and the last are cut to what was asked for."""
    return _joined(first, last, zone, lambda day: f'{day:%Y-%m}')


def hours(first: date, last: date, zone: ZoneInfo) -> tuple[Interval, ...]:
    """Each hour of each day, by the local clock at its beginning; an hour that the clock repeats stands twice."""
    found = []
    for day in days(first, last, zone):
        since = day.since
        while since < day.until:
            until = min(since + ONE_HOUR, day.until)
            found.append(Interval(f'{since.astimezone(zone):%Y-%m-%d %H:%M}', since, until))
            since = until
    return tuple(found)


BY: Mapping[str, Callable[[date, date, ZoneInfo], tuple[Interval, ...]]] = {'hour': hours, 'day': days, 'week': weeks, 'month': months}


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


def _joined(first: date, last: date, zone: ZoneInfo, label: Callable[[date], str]) -> tuple[Interval, ...]:
    ends: dict[str, tuple[date, date]] = {}
    for day in _days(first, last):
        ends[label(day)] = (ends.get(label(day), (day, day))[0], day)
    return tuple(Interval(name, *span(*some, zone)) for name, some in ends.items())
