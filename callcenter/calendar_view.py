"""A calendar's year as a picture for the terminal and as plain facts for scripts: `mesa calendar 2027`.

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
HEADING = 'Lu Ma Mi Ju Vi Sá Do '
MONTH_WIDTH, GAP = len(HEADING), 3


class DayKind(StrEnum):
    """How a day is drawn; every kind has a sign of its own, so that the picture needs no colour."""

    OPEN = 'open'
    CLOSED = 'closed'                                  # no hours on that weekday
    HOLIDAY = 'holiday'
    UNCONFIRMED = 'unconfirmed'                        # a holiday of the law that nobody has confirmed yet: closes all the same
    PROPOSED = 'proposed'                              # an entry that would close the day if somebody confirmed it
    OVERRIDE = 'override'                              # an override opens or closes some of it


SIGNS = {
    DayKind.OPEN: ' ', DayKind.CLOSED: '·', DayKind.HOLIDAY: '*',
    DayKind.UNCONFIRMED: '!', DayKind.PROPOSED: '?', DayKind.OVERRIDE: '~',
}
COLOURS = {
    DayKind.OPEN: '32', DayKind.CLOSED: '2', DayKind.HOLIDAY: '1;31',
    DayKind.UNCONFIRMED: '1;33', DayKind.PROPOSED: '33', DayKind.OVERRIDE: '1;35',
}
LEGEND = {
    DayKind.OPEN: 'abierto', DayKind.CLOSED: 'sin servicio', DayKind.HOLIDAY: 'festivo',
    DayKind.UNCONFIRMED: 'festivo por confirmar', DayKind.PROPOSED: 'propuesto, todavía no cierra', DayKind.OVERRIDE: 'excepción temporal',
}


def year_facts(calendar: Calendar, book: HolidayBook, overrides: Sequence[Override], year: int, today: date) -> dict[str, Any]:
    """The year of a calendar as plain values, ready for JSON: totals, holidays in order, every day's kind, changes of the clock.

    `overrides` are those of one line, or none. Open time is counted between the local midnights of two New Year's Days.
    """
    open_by_day = _open_seconds_by_day(calendar, book, overrides, year)
    kinds = _kinds(calendar, book, overrides, year)
    return {
        'calendar': calendar.name, 'zone': calendar.zone.key, 'state': calendar.state, 'year': year,
        'open_days': len(open_by_day), 'open_seconds': sum(open_by_day.values()),
        'next_twelve_months_confirmed': confirmed_for_next_year(book, today),
        'confirmed_until': book.confirmed_until.isoformat() if book.confirmed_until else None, 'confirmed_by': book.confirmed_by,
        'holidays': [_holiday_facts(holiday, book, kinds[holiday.day]) for holiday in _holidays(calendar, book, year)],
        'clock_changes': [{'date': day.isoformat(), 'minutes': minutes} for day, minutes in _clock_changes(calendar, year)],
        'days': {day.isoformat(): kind.value for day, kind in kinds.items()},
    }


def render_year(
    calendar: Calendar, book: HolidayBook, overrides: Sequence[Override], year: int, today: date, colour: bool, width: int,
) -> str:
    """The picture of a year, at most `width` columns (at least 21): twelve months, a legend, the holidays by name, the totals."""
    facts = year_facts(calendar, book, overrides, year, today)
    kinds = _kinds(calendar, book, overrides, year)
    lines = [_plain(f'{year}  {calendar.name}  ({calendar.zone.key}, {calendar.state})'), _week(calendar), '']
    lines += _grid(kinds, year, today, colour, width)
    lines += _flow(_legend(kinds, today, colour), width)
    lines += ['', 'Días festivos (fracción del artículo 74 LFT)', *_holiday_lines(facts['holidays'], colour, width), '', *_totals(facts)]
    return '\n'.join(line.rstrip() for line in lines) + '\n'


# -- facts ---------------------------------------------------------------------------------------------------------

def _holidays(calendar: Calendar, book: HolidayBook, year: int) -> list[Holiday]:
    found = {**proposed_of(calendar, book, year), **holidays_of(calendar, book, year)}
    return [found[day] for day in sorted(found)]


def _holiday_facts(holiday: Holiday, book: HolidayBook, kind: DayKind) -> dict[str, Any]:
    proposed = kind is DayKind.PROPOSED
    return {
        'date': holiday.day.isoformat(), 'weekday': WEEKDAYS[holiday.day.weekday()], 'name': _plain(holiday.name), 'clause': holiday.clause,
        'confirmed': not proposed and is_confirmed(holiday, book), 'closes': not proposed,
        'where': f'{holiday.where.file}:{holiday.where.line}' if holiday.where.file else None,
    }


def _kinds(calendar: Calendar, book: HolidayBook, overrides: Sequence[Override], year: int) -> Mapping[date, DayKind]:
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


# -- picture -------------------------------------------------------------------------------------------------------

def _grid(kinds: Mapping[date, DayKind], year: int, today: date, colour: bool, width: int) -> Iterator[str]:
    """The months side by side, as many of 4, 3, 2 or 1 as fit."""
    columns = next((number for number in (4, 3, 2) if number * (MONTH_WIDTH + GAP) - GAP <= width), 1)
    for first in range(1, 13, columns):
        months = [_month(kinds, year, month, today, colour) for month in range(first, first + columns)]
        rows = ((' ' * GAP).join(row) for row in zip(*months, strict=True))
        yield from (row for row in rows if row.strip())
        yield ''


def _month(kinds: Mapping[date, DayKind], year: int, month: int, today: date, colour: bool) -> list[str]:
    """Eight rows of the same visible width: name, weekdays, six weeks."""
    days = [day for day in kinds if day.month == month]
    cells = ['   '] * days[0].weekday() + [_cell(day, kinds[day], day == today, colour) for day in days]
    cells += ['   '] * (42 - len(cells))
    return [MONTHS[month - 1].center(MONTH_WIDTH), HEADING, *(''.join(cells[week:week + 7]) for week in range(0, 42, 7))]


def _cell(day: date, kind: DayKind, is_today: bool, colour: bool) -> str:
    if not colour:
        return f'{day.day:2}' + ('<' if is_today and kind is DayKind.OPEN else SIGNS[kind])
    return _paint(f'{day.day:2}{SIGNS[kind]}', kind, colour, '7;' if is_today else '')


def _paint(text: str, kind: DayKind, colour: bool, also: str = '') -> str:
    return f'\x1b[{also}{COLOURS[kind]}m{text}\x1b[0m' if colour else text


def _legend(kinds: Mapping[date, DayKind], today: date, colour: bool) -> list[str]:
    words = [_paint(f'{SIGNS[kind]} {LEGEND[kind]}'.strip(), kind, colour) for kind in DayKind if kind in kinds.values()]
    return words + (['< hoy'] if not colour and kinds.get(today) is DayKind.OPEN else [])


def _flow(words: Sequence[str], width: int) -> list[str]:
    """Words with three blanks between them, broken into lines that fit."""
    lines = ['']
    for word in words:
        if lines[-1] and _visible(lines[-1]) + 3 + _visible(word) > width:
            lines.append('')
        lines[-1] += ('   ' if lines[-1] else '') + word
    return lines


def _visible(text: str) -> int:
    while '\x1b[' in text:
        before, _, after = text.partition('\x1b[')
        text = before + after.partition('m')[2]
    return len(text)


def _holiday_lines(holidays: Sequence[Mapping[str, Any]], colour: bool, width: int) -> Iterator[str]:
    named = min(max((len(holiday['name']) for holiday in holidays), default=0), max(width - 39, 8))
    for holiday in holidays:
        day = date.fromisoformat(holiday['date'])
        kind = DayKind.HOLIDAY if holiday['confirmed'] else DayKind.UNCONFIRMED if holiday['closes'] else DayKind.PROPOSED
        note = {DayKind.HOLIDAY: 'confirmado', DayKind.UNCONFIRMED: 'por confirmar', DayKind.PROPOSED: 'propuesto'}[kind]
        label = f'{SIGNS[kind]} {WEEKDAYS[day.weekday()][:3]} {day.day:2} {MONTHS[day.month - 1][:3].lower()}'
        fraction = holiday['clause'].removeprefix('LFT art. 74 ') or 'propio'
        yield _paint(f'{label}  {_cut(holiday["name"], named):{named}}  {fraction:8}  {note}'[:width], kind, colour)
    if not holidays:
        yield 'ninguno'


def _totals(facts: Mapping[str, Any]) -> Iterator[str]:
    hours, rest = divmod(facts['open_seconds'] // 60, 60)
    yield f'Abierto {facts["open_days"]} días, {hours} h' + (f' {rest} min' if rest else '')
    yield _confirmation(facts)
    if not facts['next_twelve_months_confirmed']:
        yield 'Falta confirmar los días festivos de los próximos doce meses'
    for change in facts['clock_changes']:
        day, minutes = date.fromisoformat(change['date']), change['minutes']
        moves = 'adelanta' if minutes > 0 else 'atrasa'
        yield f'Cambio de horario: {day.day} de {MONTHS[day.month - 1].lower()}, el reloj se {moves} {abs(minutes)} min'


def _confirmation(facts: Mapping[str, Any]) -> str:
    if facts['confirmed_until'] is None:
        return 'Nadie ha confirmado los días festivos'
    by = _plain(facts['confirmed_by'])
    return f'Días festivos confirmados hasta el {facts["confirmed_until"]}' + (f' por {by}' if by else '')


def _week(calendar: Calendar) -> str:
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


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length - 1] + '…'


def _plain(text: str) -> str:
    """Text of the admin's files without what a terminal would obey."""
    return ''.join(letter for letter in text if letter.isprintable())
