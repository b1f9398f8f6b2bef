"""A calendar's year as plain facts: what every day is, holidays by name, totals, changes of the clock. Pure.

Month and weekday names are Spanish, because what is shown here is what callers hear. Nothing here reads a clock.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

from config.holidays import Holiday, confirmed_for_next_year, holidays_of, is_confirmed, proposed_of
from config.hours import intervals
from config.values import Calendar, HolidayBook, Override, OverrideState, Span

MONTHS = ('Enero', 'Febrero', 'Marzo', 'Abril', 'Mayo', 'Junio', 'Julio', 'Agosto', 'Septiembre', 'Octubre', 'Noviembre', 'Diciembre')
WEEKDAYS = ('lunes', 'martes', 'miércoles', 'jueves', 'viernes', 'sábado', 'domingo')


class DayKind(StrEnum):
    """How a day is drawn; every kind has a sign of its own, so that the picture needs no colour."""

    OPEN = 'open'
    CLOSED = 'closed'                                  # no hours on that weekday
    HOLIDAY = 'holiday'
    UNCONFIRMED = 'unconfirmed'                        # a holiday of the law that nobody has confirmed yet: closes all the same
    PROPOSED = 'proposed'                              # an entry that would close the day if somebody confirmed it
    OVERRIDE = 'override'                              # an override opens or closes some of it


LEGEND = {
    DayKind.OPEN: 'abierto', DayKind.CLOSED: 'sin servicio', DayKind.HOLIDAY: 'festivo',
    DayKind.UNCONFIRMED: 'festivo por confirmar', DayKind.PROPOSED: 'propuesto, todavía no cierra', DayKind.OVERRIDE: 'excepción temporal',
}


def year_facts(calendar: Calendar, book: HolidayBook, overrides: Sequence[Override], year: int, today: date) -> dict[str, Any]:
    """The year of a calendar as plain values, ready for JSON: totals, holidays in order, every day's kind, changes of the clock.

    `overrides` are those of one line, or none. Open time is counted between the local midnights of two New Year's Days.
    """
    open_by_day = _open_seconds_by_day(calendar, book, overrides, year)
    kinds = day_kinds(calendar, book, overrides, year)
    return {
        'calendar': calendar.name, 'zone': calendar.zone.key, 'state': calendar.state, 'year': year,
        'open_days': len(open_by_day), 'open_seconds': sum(open_by_day.values()),
        'next_twelve_months_confirmed': confirmed_for_next_year(book, today),
        'confirmed_until': book.confirmed_until.isoformat() if book.confirmed_until else None, 'confirmed_by': book.confirmed_by,
        'holidays': [_holiday_facts(holiday, book, kinds[holiday.day]) for holiday in _holidays(calendar, book, year)],
        'clock_changes': [{'date': day.isoformat(), 'minutes': minutes} for day, minutes in _clock_changes(calendar, year)],
        'days': {day.isoformat(): kind.value for day, kind in kinds.items()},
    }


def _holidays(calendar: Calendar, book: HolidayBook, year: int) -> list[Holiday]:
    found = {**proposed_of(calendar, book, year), **holidays_of(calendar, book, year)}
    return [found[day] for day in sorted(found)]


def _holiday_facts(holiday: Holiday, book: HolidayBook, kind: DayKind) -> dict[str, Any]:
    proposed = kind is DayKind.PROPOSED
    return {
        'date': holiday.day.isoformat(), 'weekday': WEEKDAYS[holiday.day.weekday()], 'name': plain(holiday.name), 'clause': holiday.clause,
        'confirmed': not proposed and is_confirmed(holiday, book), 'closes': not proposed,
        'where': f'{holiday.where.file}:{holiday.where.line}' if holiday.where.file else None,
    }


def day_kinds(calendar: Calendar, book: HolidayBook, overrides: Sequence[Override], year: int) -> Mapping[date, DayKind]:
    """What each day of the year is, in order."""
    closed, proposed = holidays_of(calendar, book, year), proposed_of(calendar, book, year)
    excepted = {day for override in overrides if override.state is not OverrideState.MESSAGE for day in _days_of(override, calendar)}

    def kind(day: date) -> DayKind:
        if day in closed:
            return DayKind.HOLIDAY if is_confirmed(closed[day], book) else DayKind.UNCONFIRMED
        if day in proposed:
            return DayKind.PROPOSED
        if day in excepted:
            return DayKind.OVERRIDE
        return DayKind.OPEN if calendar.week.get(day.isoweekday()) else DayKind.CLOSED

    return {day: kind(day) for day in _days(date(year, 1, 1), date(year, 12, 31))}


def _days_of(override: Override, calendar: Calendar) -> Iterator[date]:
    first = override.since.astimezone(calendar.zone).date()
    return _days(first, (override.until - timedelta(microseconds=1)).astimezone(calendar.zone).date())


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


def _open_seconds_by_day(calendar: Calendar, book: HolidayBook, overrides: Sequence[Override], year: int) -> Mapping[date, int]:
    """Open seconds of the days that have any."""
    counted: dict[date, int] = {}
    start, end = _midnight(calendar, date(year, 1, 1)), _midnight(calendar, date(year + 1, 1, 1))
    for opens, closes in intervals(calendar, book, overrides, start, end):
        while opens < closes:
            day = opens.astimezone(calendar.zone).date()
            until = min(closes, _midnight(calendar, day + timedelta(days=1)))
            counted[day] = counted.get(day, 0) + (until - opens) // timedelta(seconds=1)
            opens = until
    return counted


def _midnight(calendar: Calendar, day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=calendar.zone).astimezone(UTC)


def _clock_changes(calendar: Calendar, year: int) -> Iterator[tuple[date, int]]:
    """Days on which the zone's clock changes, and by how many minutes."""
    for day in _days(date(year, 1, 1), date(year, 12, 31)):
        length = _midnight(calendar, day + timedelta(days=1)) - _midnight(calendar, day)
        if length != timedelta(days=1):
            yield day, (timedelta(days=1) - length) // timedelta(minutes=1)


def week_in_words(calendar: Calendar) -> str:
    """The weekly hours in words, neighbours with the same hours together: 'lunes a viernes 08:00-20:00'."""
    groups: list[tuple[int, int, tuple[Span, ...]]] = []
    for weekday in range(1, 8):
        spans = tuple(calendar.week.get(weekday, ()))
        if groups and groups[-1][2] == spans:
            groups[-1] = (groups[-1][0], weekday, spans)
        else:
            groups.append((weekday, weekday, spans))
    return '; '.join(f'{_from_to(first, last)} {_hours(spans)}' for first, last, spans in groups if spans) or 'sin horario'


def _from_to(first: int, last: int) -> str:
    return WEEKDAYS[first - 1] + (f' a {WEEKDAYS[last - 1]}' if last > first else '')


def _hours(spans: Sequence[Span]) -> str:
    return ', '.join(f'{span.opens // 60:02}:{span.opens % 60:02}-{span.closes // 60:02}:{span.closes % 60:02}' for span in spans)


def plain(text: str) -> str:
    """Text of the admin's files without what a terminal would obey."""
    return ''.join(letter for letter in text if letter.isprintable())
