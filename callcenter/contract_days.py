"""Days of a help desk for the loader: which are open, and when people call."""
from __future__ import annotations

import random
from datetime import datetime, timedelta
from itertools import accumulate

from config.contract import ordinary_line
from config.hours import intervals, next_opening
from config.values import Calendar, Site
from contracts.months import Month
from ticketing.levels.used import OpenTime

# How many call in each open hour, and on which day of the week (Monday first).
BY_HOUR = (6, 12, 14, 13, 11, 8, 6, 7, 9, 8, 4, 2)
BY_WEEKDAY = (26, 21, 20, 18, 15, 8, 5)
SPARE = timedelta(days=60)
TICK = timedelta(microseconds=1)


class Days:
    """The open days of some months, by the calendar of the first client's ordinary line."""

    def __init__(self, site: Site, first: Month, months: int) -> None:
        line = next(found for client in site.clients.values() if (found := ordinary_line(site, client)))
        self.site = site
        self.calendar: Calendar = site.calendars[line.calendar]
        self.begin, _ = first.span(site.zone)
        _, self.end = first.plus(months - 1).span(site.zone)
        self._open_time = OpenTime(self.calendar, site.holidays, self.begin, self.end + SPARE)
        self.runs = list(intervals(self.calendar, site.holidays, (), self.begin, self.end))
        if not self.runs:
            raise ValueError(f'calendar {self.calendar.name!r} is closed in all of these months')

    def opening(self, at: datetime) -> datetime:
        """When the clock of something that came now starts."""
        return next_opening(self.calendar, self.site.holidays, (), at) or at

    def open_later(self, at: datetime, after: timedelta) -> datetime:
        """So much open time after a moment."""
        return self._open_time.later(at, after)

    def closed_moment(self, at: datetime, dice: random.Random) -> datetime:
        """A moment of the night after the day of an open one, before the end."""
        _, closes = next(intervals(self.calendar, self.site.holidays, (), at, at + timedelta(days=1)))
        return min(closes + timedelta(seconds=dice.randrange(1, 36_000)), self.end - timedelta(seconds=120))


def opened_at_random(days: Days, dice: random.Random, count: int) -> list[datetime]:
    """So many moments at which somebody calls, in order; within open hours, each to the microsecond."""
    slots: list[tuple[datetime, datetime]] = []
    weights: list[int] = []
    for opens, closes in days.runs:
        weekday = BY_WEEKDAY[opens.astimezone(days.site.zone).weekday()]
        hours = max(1, (closes - opens) // timedelta(hours=1))
        for hour in range(hours):
            since = opens + hour * timedelta(hours=1)
            slots.append((since, min(since + timedelta(hours=1), closes)))
            weights.append(weekday * BY_HOUR[hour * len(BY_HOUR) // hours])
    chosen = dice.choices(slots, cum_weights=list(accumulate(weights)), k=count)
    return sorted(since + dice.randrange(1, (until - since) // TICK) * TICK for since, until in chosen)
