"""When a calendar is open, why, until when, and how much open time lies between two instants (mission.md 2).

Moments are aware datetimes of any zone, answers are UTC, and everything is exact to the second: fractions are cut off.
A span is wall-clock time: an hour that the clock repeats counts twice, an hour that it skips does not exist. `overrides`
are those of the line in question. `opening` is on every call's path, so the answers for 64 days at a time are
kept per pair of calendar and book, both of which never change.
"""
from __future__ import annotations

import difflib
import zoneinfo
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from config.holidays import Holiday, holidays_of
from config.values import Calendar, HolidayBook, Override, OverrideState, Where

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DAY_S = 86_400
BLOCK_S = 64 * DAY_S
LOOK_AHEAD_S = 400 * DAY_S
KEPT_BLOCKS = 1024
EPOCH_ORDINAL = EPOCH.toordinal()
WEEKDAYS = ('', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday')


class UnknownZone(ValueError):
    """No such time zone in the pinned tzdata package."""


class NeverOpens(ValueError):
    """Open time was asked of a calendar that has none in the next 400 days."""


class Reason(StrEnum):
    """Why a line is open or closed."""

    HOURS = 'hours'                                    # open by the week's hours
    EARLY = 'early'                                    # before the day's first opening
    BREAK = 'break'                                    # between two spans of a day
    NIGHT = 'night'                                    # after the day's last closing
    WEEKEND = 'weekend'                                # a Saturday or Sunday without hours
    CLOSED_DAY = 'closed_day'                          # another day without hours
    HOLIDAY = 'holiday'                                # a holiday on a day that has hours
    NEVER = 'never'                                    # a calendar without any hours
    OVERRIDE_OPEN = 'override_open'
    OVERRIDE_CLOSED = 'override_closed'


@dataclass(frozen=True, slots=True)
class Opening:
    """Whether a line is open, and the rule that decided. `until`: when it next opens or closes, UTC; None: not within 400 days."""

    open: bool
    reason: Reason
    rule: str                                          # for the operator, English, with file and line where known
    holiday: Holiday | None
    until: datetime | None


class _Part(NamedTuple):
    """Seconds [since, until) of a local day and the answer that holds in them, apart from its `until`."""

    since: int
    until: int
    answer: Opening


class _Window(NamedTuple):
    """An override in epoch seconds."""

    since: int
    until: int
    override: Override


class _Block(NamedTuple):
    """The answers of 64 days, each from its epoch second on. `until` is None where the next change lies beyond the block."""

    starts: list[int]
    answers: list[Opening]
    change: int | None                                 # the first change within the block
    owners: tuple[Calendar, HolidayBook]               # keeps them alive: the cache knows them by id


def zone(name: str) -> ZoneInfo:
    """The IANA zone of the pinned tzdata package, never the system's (mission.md 2.3). Raises UnknownZone."""
    if zoneinfo.TZPATH:
        # The search path belongs to the process; a zone that was loaded from the system's files must go too.
        zoneinfo.reset_tzpath(())
        ZoneInfo.clear_cache()
    if name in zoneinfo.available_timezones():
        return ZoneInfo(name)
    near = difflib.get_close_matches(name, zoneinfo.available_timezones(), n=1)
    hint = f'did you mean {near[0]!r}?' if near else "for example 'America/Mexico_City'"
    raise UnknownZone(f'no time zone is called {name!r}; {hint}')


def opening(calendar: Calendar, book: HolidayBook, overrides: Sequence[Override], moment: datetime) -> Opening:
    """Is the line open at this moment, why, and until when (mission.md 2.1-2.4).

    An override that is in force decides first, of several the one that began last; then a holiday; then the week.
    """
    epoch = (moment - EPOCH) // SECOND
    windows = _windows(overrides, epoch) if overrides else ()
    winner = _winner(windows, epoch)
    answer = _by_override(winner, calendar.zone) if winner else _by_calendar(calendar, book, epoch)
    if answer.until is not None and not windows:
        return answer
    change = _change(calendar, book, windows, epoch, answer.open, epoch + LOOK_AHEAD_S)
    return replace(answer, until=None if change is None else _instant(change))


def next_opening(calendar: Calendar, book: HolidayBook, overrides: Sequence[Override], moment: datetime) -> datetime | None:
    """When the line is open next, UTC: the moment itself if it is open; None if it stays closed for 400 days."""
    answer = opening(calendar, book, overrides, moment)
    return moment.astimezone(UTC) if answer.open else answer.until


def intervals(
    calendar: Calendar, book: HolidayBook, overrides: Sequence[Override], start: datetime, end: datetime,
) -> Iterator[tuple[datetime, datetime]]:
    """The open time between two instants as UTC intervals, half-open, in order, never touching each other."""
    for opens, closes in _open_runs(calendar, book, overrides, start, end):
        yield _instant(opens), _instant(closes)


def open_seconds(calendar: Calendar, book: HolidayBook, overrides: Sequence[Override], start: datetime, end: datetime) -> int:
    """Seconds of open time in [start, end); 0 when end comes first (mission.md 4.5)."""
    return sum(closes - opens for opens, closes in _open_runs(calendar, book, overrides, start, end))


def add_open_seconds(calendar: Calendar, book: HolidayBook, overrides: Sequence[Override], start: datetime, seconds: int) -> datetime:
    """The first instant by which `seconds` of open time have passed since `start`, UTC (mission.md 4.5).

    Time that runs out exactly at closing is due at closing, not at the next opening. Raises NeverOpens when 400 days bring no open time.
    """
    if seconds < 0:
        raise ValueError(f'open time can only be added, not {seconds} s')
    epoch = (start - EPOCH) // SECOND
    windows = _windows(overrides, epoch)
    while seconds > 0:
        is_open = _is_open(calendar, book, windows, epoch)
        change = _change(calendar, book, windows, epoch, is_open, epoch + LOOK_AHEAD_S)
        if change is None and not is_open:
            since = _instant(epoch)
            raise NeverOpens(f'calendar {calendar.name!r}{_at(calendar.where)} has no open time in the 400 days after {since:%Y-%m-%d}')
        run = (change - epoch) if change is not None else LOOK_AHEAD_S
        if is_open:
            run = min(run, seconds)
            seconds -= run
        epoch += run
    return _instant(epoch)


def _open_runs(
    calendar: Calendar, book: HolidayBook, overrides: Sequence[Override], start: datetime, end: datetime,
) -> Iterator[tuple[int, int]]:
    epoch, stop = (start - EPOCH) // SECOND, (end - EPOCH) // SECOND
    windows = _windows(overrides, epoch)
    while epoch < stop:
        is_open = _is_open(calendar, book, windows, epoch)
        change = _change(calendar, book, windows, epoch, is_open, stop)
        if is_open:
            yield epoch, stop if change is None else change
        epoch = stop if change is None else change


def _instant(epoch: int) -> datetime:
    return EPOCH + timedelta(seconds=epoch)


# -- overrides -----------------------------------------------------------------------------------------------------

def _windows(overrides: Iterable[Override], epoch: int) -> tuple[_Window, ...]:
    """The overrides that open or close at this second or later; the last of those in force wins."""
    windows = (
        _Window((override.since - EPOCH) // SECOND, (override.until - EPOCH) // SECOND, override)
        for override in overrides if override.state is not OverrideState.MESSAGE
    )
    return tuple(sorted((window for window in windows if window.until > epoch), key=lambda window: window.since))


def _winner(windows: Sequence[_Window], epoch: int) -> Override | None:
    for window in reversed(windows):
        if window.since <= epoch < window.until:
            return window.override
    return None


def _by_override(override: Override, tz: ZoneInfo) -> Opening:
    is_open = override.state is OverrideState.OPEN
    reason = Reason.OVERRIDE_OPEN if is_open else Reason.OVERRIDE_CLOSED
    by = f', set by {override.by}' if override.by else ''
    until = f'{override.until.astimezone(tz):%Y-%m-%d %H:%M} {tz.key}'
    return Opening(is_open, reason, f'override {override.state} of {override.line}{_at(override.where)} until {until}{by}', None, None)


def _is_open(calendar: Calendar, book: HolidayBook, windows: Sequence[_Window], epoch: int) -> bool:
    winner = _winner(windows, epoch)
    return winner.state is OverrideState.OPEN if winner else _by_calendar(calendar, book, epoch).open


def _change(calendar: Calendar, book: HolidayBook, windows: Sequence[_Window], epoch: int, is_open: bool, limit: int) -> int | None:
    """The first second after `epoch` and before `limit` at which the line is no longer what `is_open` says."""
    if not windows:
        return _calendar_change(calendar, book, epoch, is_open, limit)
    edges = sorted({edge for window in windows for edge in (window.since, window.until) if epoch < edge < limit} | {limit})
    for edge in edges:
        if _is_open(calendar, book, windows, epoch) != is_open:
            return epoch
        change = None if _winner(windows, epoch) else _calendar_change(calendar, book, epoch, is_open, edge)
        if change is not None:
            return change
        epoch = edge
    return None


# -- the calendar alone --------------------------------------------------------------------------------------------

_blocks: dict[tuple[int, int, int], _Block] = {}


def _by_calendar(calendar: Calendar, book: HolidayBook, epoch: int) -> Opening:
    block = _block(calendar, book, epoch // BLOCK_S)
    return block.answers[bisect_right(block.starts, epoch) - 1]


def _calendar_change(calendar: Calendar, book: HolidayBook, epoch: int, is_open: bool, limit: int) -> int | None:
    """The first second in (epoch, limit) at which the calendar, open or closed as `is_open` says at `epoch`, is the other."""
    until = _by_calendar(calendar, book, epoch).until
    change = None if until is None else (until - EPOCH) // SECOND
    number = epoch // BLOCK_S + 1
    while change is None and number * BLOCK_S < limit:
        block = _block(calendar, book, number)
        change = block.change if block.answers[0].open == is_open else number * BLOCK_S
        number += 1
    return change if change is not None and change < limit else None


def _block(calendar: Calendar, book: HolidayBook, number: int) -> _Block:
    key = (id(calendar), id(book), number)
    block = _blocks.get(key)
    if block is None:
        if len(_blocks) >= KEPT_BLOCKS:
            _blocks.clear()
        block = _blocks[key] = _make_block(calendar, book, number)
    return block


def _make_block(calendar: Calendar, book: HolidayBook, number: int) -> _Block:
    pieces = list(_pieces(calendar, book, number * BLOCK_S, (number + 1) * BLOCK_S))
    answers: list[Opening] = []
    change: int | None = None
    for position in range(len(pieces) - 1, -1, -1):
        answer = pieces[position][1]
        if answers and answers[-1].open != answer.open:
            change = pieces[position + 1][0]
        answers.append(answer if change is None else replace(answer, until=_instant(change)))
    return _Block([start for start, _ in pieces], answers[::-1], change, (calendar, book))


def _pieces(calendar: Calendar, book: HolidayBook, start: int, stop: int) -> Iterator[tuple[int, Opening]]:
    """The answers of [start, stop), each with the epoch second from which it holds."""
    weekly = {weekday: _week_day(calendar, weekday) for weekday in range(1, 8)}
    closed: dict[int, Mapping[date, Holiday]] = {}
    for since, until, offset in _offsets(calendar.zone, start, stop):
        for day_number in range((since + offset) // DAY_S, (until + offset - 1) // DAY_S + 1):
            day = date.fromordinal(EPOCH_ORDINAL + day_number)
            if day.year not in closed:
                closed[day.year] = holidays_of(calendar, book, day.year)
            holiday = closed[day.year].get(day)
            parts = _holiday_parts(holiday) if holiday and calendar.week.get(day.isoweekday()) else weekly[day.isoweekday()]
            midnight = day_number * DAY_S - offset
            yield from ((max(midnight + part.since, since), part.answer) for part in parts
                        if midnight + part.until > since and midnight + part.since < until)


def _offsets(tz: ZoneInfo, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """Stretches (since, until, offset from UTC in seconds) of [start, stop) in which the zone's clock is not changed."""
    since, offset = start, _offset(tz, start)
    for day in range(start, stop, DAY_S):
        if _offset(tz, min(day + DAY_S, stop)) == offset:
            continue
        before, after = day, min(day + DAY_S, stop)
        while after - before > 1:
            middle = (before + after) // 2
            before, after = (middle, after) if _offset(tz, middle) == offset else (before, middle)
        if after < stop:
            yield since, after, offset
            since, offset = after, _offset(tz, after)
    yield since, stop, offset


def _offset(tz: ZoneInfo, epoch: int) -> int:
    shift = _instant(epoch).astimezone(tz).utcoffset()
    assert shift is not None                           # a ZoneInfo always knows
    return shift // SECOND


def _week_day(calendar: Calendar, weekday: int) -> list[_Part]:
    """The answers of an ordinary day of the week."""
    spans = calendar.week.get(weekday, ())
    name, source = WEEKDAYS[weekday], f'calendar {calendar.name!r}{_at(calendar.where)}'

    def answer(reason: Reason, why: str) -> Opening:
        return Opening(reason is Reason.HOURS, reason, f'{source}: {why}', None, None)

    if not any(calendar.week.values()):
        return [_Part(0, DAY_S, answer(Reason.NEVER, 'no hours on any day'))]
    if not spans:
        return [_Part(0, DAY_S, answer(Reason.WEEKEND if weekday > 5 else Reason.CLOSED_DAY, f'no hours on {name}'))]
    parts, clock = [], 0
    for span in spans:
        if span.opens * 60 > clock:
            why = answer(Reason.BREAK if clock else Reason.EARLY, f'{name} opens {"again " if clock else ""}at {_clock(span.opens)}')
            parts.append(_Part(clock, span.opens * 60, why))
        parts.append(_Part(span.opens * 60, span.closes * 60, answer(Reason.HOURS, f'{name} {_clock(span.opens)}-{_clock(span.closes)}')))
        clock = span.closes * 60
    if clock < DAY_S:
        parts.append(_Part(clock, DAY_S, answer(Reason.NIGHT, f'{name} closes at {_clock(clock // 60)}')))
    return parts


def _holiday_parts(holiday: Holiday) -> list[_Part]:
    rule = f'{holiday.clause or "holiday"}{_at(holiday.where)}: {holiday.name}, {holiday.day:%Y-%m-%d}'
    return [_Part(0, DAY_S, Opening(False, Reason.HOLIDAY, rule, holiday, None))]


def _clock(minutes: int) -> str:
    return f'{minutes // 60:02}:{minutes % 60:02}'


def _at(where: Where) -> str:
    return f' ({where.file}:{where.line})' if where.file else ''
