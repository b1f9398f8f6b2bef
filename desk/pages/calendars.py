"""The calendars, and the year of one as a picture that can also be read as text (mission.md 2.2, 8.1)."""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from config.calendar_year import LEGEND, MONTHS, DayKind, day_kinds, week_in_words, year_facts
from config.holidays import holidays_of, proposed_of
from config.hours import opening
from config.phones import national
from config.values import Calendar, HolidayBook, Override, Site
from desk.desk import Desk
from desk.hours_words import day, override_words, when, why
from desk.web.failures import not_found
from desk.web.frame import Answer, Visit, see_other
from desk.web.render import page

FIRST, LAST = 1970, 2200                               # as `mesa calendar` takes them
SHORT = ('Lu', 'Ma', 'Mi', 'Ju', 'Vi', 'Sá', 'Do')


@dataclass(frozen=True)
class Square:
    """A day of the picture; `kind` '' is a place before the first. `mark` is its sign without colour, `says` what a screen reader reads."""

    number: int = 0
    kind: str = ''
    mark: str = ''
    says: str = ''
    today: bool = False
    election: bool = False


MARKS = {DayKind.HOLIDAY: '★', DayKind.UNCONFIRMED: '!', DayKind.PROPOSED: '?', DayKind.OVERRIDE: '~'}


def show_all(desk: Desk, visit: Visit) -> Answer:
    """Every calendar: its week, its zone, whether it is open now, and which lines follow it."""
    site = desk.site()
    rows = []
    for calendar in site.calendars.values():
        state = opening(calendar, site.holidays, (), visit.now)
        rows.append({
            'calendar': calendar, 'week': week_in_words(calendar), 'open': state.open, 'why': why(state),
            'until': when(state.until, visit.now, calendar.zone), 'lines': lines_of(site, calendar),
            'year': visit.now.astimezone(calendar.zone).year, 'where': f'{calendar.where.file}:{calendar.where.line}'})
    return page(visit, 'calendars.html.j2', title='Calendarios', rows=rows, book=site.holidays)


def this_year(desk: Desk, visit: Visit) -> Answer:
    """The present year of a calendar."""
    calendar = desk.site().calendars.get(visit.words['calendar'])
    if calendar is None:
        return not_found(visit)
    return see_other(f'/calendarios/{calendar.name}/{visit.now.astimezone(calendar.zone).year}')


def show_year(desk: Desk, visit: Visit) -> Answer:
    """A year of a calendar, with the exceptions of the lines that follow it."""
    site, word = desk.site(), visit.words['year']
    calendar = site.calendars.get(visit.words['calendar'])
    year = int(word) if word.isascii() and word.isdigit() and len(word) == 4 else 0
    if calendar is None or not FIRST <= year <= LAST:
        return not_found(visit)
    today = visit.now.astimezone(calendar.zone).date()
    lines = lines_of(site, calendar)
    stored = (*site.overrides, *desk.overrides(visit.now))
    exceptions = [one for one in stored if national(one.line) in lines]
    facts = year_facts(calendar, site.holidays, (), year, today)
    return page(
        visit, 'calendar.html.j2', title=f'{calendar.name} {year}', calendar=calendar, year=year, week=week_in_words(calendar), facts=facts,
        months=list(months(calendar, site.holidays, exceptions, year, today)), short=SHORT, lines=lines, legend=legend(),
        book=site.holidays, hours=facts['open_seconds'] // 3600, holidays=holiday_rows(facts),
        exceptions=[(national(one.line), override_words(one, visit.now, calendar.zone)) for one in exceptions
                    if one.since.astimezone(calendar.zone).year <= year <= one.until.astimezone(calendar.zone).year],
        changes=[(day(date.fromisoformat(one['date'])), 'adelanta' if one['minutes'] > 0 else 'atrasa', abs(one['minutes']))
                 for one in facts['clock_changes']],
        before=year - 1 if year > FIRST else None, after=year + 1 if year < LAST else None)


def lines_of(site: Site, calendar: Calendar) -> tuple[str, ...]:
    """The lines that follow a calendar."""
    return tuple(national(line.number) for line in site.lines.values() if line.calendar == calendar.name)


def legend() -> list[tuple[str, str, str]]:
    """(kind, sign, what it means), and the day of an election."""
    return [(kind.value, MARKS.get(kind, ''), words) for kind, words in LEGEND.items()]


def months(calendar: Calendar, book: HolidayBook, overrides: Sequence[Override], year: int,
           today: date) -> Iterator[tuple[str, list[list[Square]]]]:
    """Each month: its name and its weeks of seven squares."""
    kinds = day_kinds(calendar, book, overrides, year)
    named = {**proposed_of(calendar, book, year), **holidays_of(calendar, book, year)}
    for month, name in enumerate(MONTHS, 1):
        squares = [_square(each, kinds[each], named, each == today) for each in kinds if each.month == month]
        cells = [Square()] * date(year, month, 1).weekday() + squares
        cells += [Square()] * (-len(cells) % 7)
        yield name, [cells[first:first + 7] for first in range(0, len(cells), 7)]


def _square(each: date, kind: DayKind, named: Mapping[date, Any], today: bool) -> Square:
    holiday = named.get(each)
    name = f', {holiday.name}' if holiday else ''
    return Square(each.day, kind.value, MARKS.get(kind, ''), f'{day(each)}: {LEGEND[kind]}{name}', today,
                  holiday is not None and holiday.clause.endswith('fr. IX'))


def holiday_rows(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The holidays for the list."""
    return [{**one, 'day': day(date.fromisoformat(one['date'])), 'clause': one['clause'].removeprefix('LFT ') or 'día propio'}
            for one in facts['holidays']]
