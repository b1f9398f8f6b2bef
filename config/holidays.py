"""Which days are holidays: article 74 of the Ley Federal del Trabajo and the days that an admin entered.

A day is a civil date in the zone of whoever asks; nothing here knows a zone or a clock.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from types import MappingProxyType

from config.values import Calendar, DatedHoliday, HolidayBook, Where

MONDAYS_SINCE = date(2006, 1, 18)                      # the decree of DOF 17 Jan 2006, in force the day after
OCTOBER_TRANSFER_SINCE = 2024                          # fr. VII as reformed in DOF 30 Sep 2024
NOWHERE = Where('', 0, '')


@dataclass(frozen=True)
class Holiday:
    """A day off: its Spanish name, the rule that makes it one, and the prompt that names it to a caller."""

    day: date
    name: str
    clause: str                                        # 'LFT art. 74 fr. VIII'; '' for a day of a client's own
    prompt: str                                        # 'mesa/holiday-christmas'
    where: Where = NOWHERE                             # the admin's entry; no file for a day that the law sets


@lru_cache(maxsize=128)
def statutory(year: int) -> Mapping[date, Holiday]:
    """The days off that fractions I to VIII of article 74 LFT set for a year (mission.md 2.2), in order.

    Fraction IX, election days, cannot be computed: an admin enters them.
    """
    rows = _article_74(year)
    days = [Holiday(day, name, f'LFT art. 74 fr. {fraction}', f'mesa/holiday-{prompt}') for fraction, day, name, prompt in rows]
    return MappingProxyType({holiday.day: holiday for holiday in sorted(days, key=_day)})


def _article_74(year: int) -> Iterator[tuple[str, date, str, str]]:
    """(fraction, day, name, prompt) in the order of the law."""
    # A second transitory article of the 2006 decree let fr. III begin only in 2007, so people rested on Tuesday
    # 21 March 2006. The annex (mission.md 2.2) draws one line on 18 Jan 2006 for the three days: 20 March here.
    mondays = date(year, 2, 1) >= MONDAYS_SINCE
    yield 'I', date(year, 1, 1), 'Año Nuevo', 'new-year'
    yield 'II', _monday(year, 2, 1) if mondays else date(year, 2, 5), 'Día de la Constitución', 'constitution'
    yield 'III', _monday(year, 3, 3) if mondays else date(year, 3, 21), 'Natalicio de Benito Juárez', 'juarez'
    yield 'IV', date(year, 5, 1), 'Día del Trabajo', 'labour'
    yield 'V', date(year, 9, 16), 'Día de la Independencia', 'independence'
    yield 'VI', _monday(year, 11, 3) if mondays else date(year, 11, 20), 'Día de la Revolución', 'revolution'
    if year % 6 == 2:                                  # 1988, 1994 ... 2018, 2024, 2030
        day = date(year, 10, 1) if year >= OCTOBER_TRANSFER_SINCE else date(year, 12, 1)
        yield 'VII', day, 'Transmisión del Poder Ejecutivo Federal', 'executive'
    yield 'VIII', date(year, 12, 25), 'Navidad', 'christmas'


def _day(holiday: Holiday) -> date:
    return holiday.day


def _monday(year: int, month: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(7 - first.weekday()) % 7 + 7 * (nth - 1))


def holidays_of(calendar: Calendar, book: HolidayBook, year: int) -> Mapping[date, Holiday]:
    """The days of a year on which this calendar closes, in order (mission.md 2.2).

    A day that is only proposed does not close: the hours in the contract stand until somebody confirms the exception,
    since turning callers away on a service day is the worse mistake; health and the calendar's picture nag meanwhile
    (`proposed_of`, `unconfirmed_days`). A calendar that ignores holidays closes only on entries that name it. Where
    several fall on one day the law's name wins, then an election's.
    """
    own = sorted((entry for entry in book.dated if entry.confirmed and _concerns(entry, calendar, year)), key=lambda entry: entry.election)
    found = {entry.day: _of_entry(entry) for entry in own}
    if calendar.holidays:
        found.update(statutory(year))
    return dict(sorted(found.items()))


def proposed_of(calendar: Calendar, book: HolidayBook, year: int) -> Mapping[date, Holiday]:
    """The days of a year that would close this calendar if somebody confirmed them, in order."""
    closed = holidays_of(calendar, book, year)
    entries = [entry for entry in book.dated if not entry.confirmed and _concerns(entry, calendar, year) and entry.day not in closed]
    return {entry.day: _of_entry(entry) for entry in sorted(entries, key=lambda entry: (entry.day, entry.election))}


def _concerns(entry: DatedHoliday, calendar: Calendar, year: int) -> bool:
    if entry.day.year != year or entry.state not in (None, calendar.state):
        return False
    return entry.calendar == calendar.name or (entry.calendar is None and calendar.holidays)


def _of_entry(entry: DatedHoliday) -> Holiday:
    if entry.election:
        return Holiday(entry.day, entry.name, 'LFT art. 74 fr. IX', 'mesa/holiday-election', entry.where)
    return Holiday(entry.day, entry.name, '', 'mesa/holiday-other', entry.where)


def is_confirmed(holiday: Holiday, book: HolidayBook) -> bool:
    """Whether somebody vouches for this day: an entry by its own mark, a day of the law by the date the book is confirmed to."""
    if holiday in statutory(holiday.day.year).values():
        return book.confirmed_until is not None and holiday.day <= book.confirmed_until
    return any(entry.confirmed and entry.day == holiday.day and entry.name == holiday.name for entry in book.dated)


def unconfirmed_days(book: HolidayBook, today: date) -> list[Holiday]:
    """Holidays in the twelve months from `today` that nobody has confirmed, proposed ones included, in order (mission.md 2.2)."""
    by_law = [holiday for year in (today.year, today.year + 1) for holiday in statutory(year).values() if not is_confirmed(holiday, book)]
    proposed = [_of_entry(entry) for entry in book.dated if not entry.confirmed]
    return sorted((holiday for holiday in by_law + proposed if today <= holiday.day <= _twelve_months(today)), key=_day)


def confirmed_for_next_year(book: HolidayBook, today: date) -> bool:
    """Whether somebody confirmed the whole of the next twelve months, and no day in them is still only proposed (mission.md 2.2)."""
    covered = book.confirmed_until is not None and book.confirmed_until >= _twelve_months(today)
    return covered and not unconfirmed_days(book, today)


def _twelve_months(today: date) -> date:
    """The last of the twelve months' days: 23 Nov 2026 leads to 22 Nov 2027."""
    year = today.year + 1
    return (date(year, 3, 1) if (today.month, today.day) == (2, 29) else today.replace(year=year)) - timedelta(days=1)
