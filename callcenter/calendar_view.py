"""A calendar's year as a picture for the terminal: `mesa calendar 2027`."""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from config.calendar_year import LEGEND, MONTHS, WEEKDAYS, DayKind, day_kinds, plain, week_in_words, year_facts
from config.values import Calendar, HolidayBook, Override

HEADING = 'Lu Ma Mi Ju Vi Sá Do '
MONTH_WIDTH, GAP = len(HEADING), 3

SIGNS = {
    DayKind.OPEN: ' ', DayKind.CLOSED: '·', DayKind.HOLIDAY: '*',
    DayKind.UNCONFIRMED: '!', DayKind.PROPOSED: '?', DayKind.OVERRIDE: '~',
}
COLOURS = {
    DayKind.OPEN: '32', DayKind.CLOSED: '2', DayKind.HOLIDAY: '1;31',
    DayKind.UNCONFIRMED: '1;33', DayKind.PROPOSED: '33', DayKind.OVERRIDE: '1;35',
}


def render_year(
    calendar: Calendar, book: HolidayBook, overrides: Sequence[Override], year: int, today: date, colour: bool, width: int,
) -> str:
    """The picture of a year, at most `width` columns (at least 21): twelve months, a legend, the holidays by name, the totals."""
    facts = year_facts(calendar, book, overrides, year, today)
    kinds = day_kinds(calendar, book, overrides, year)
    lines = [plain(f'{year}  {calendar.name}  ({calendar.zone.key}, {calendar.state})'), week_in_words(calendar), '']
    lines += _grid(kinds, year, today, colour, width)
    lines += _flow(_legend(kinds, today, colour), width)
    lines += ['', 'Días festivos (fracción del artículo 74 LFT)', *_holiday_lines(facts['holidays'], colour, width), '', *_totals(facts)]
    return '\n'.join(line.rstrip() for line in lines) + '\n'


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
    by = plain(facts['confirmed_by'])
    return f'Días festivos confirmados hasta el {facts["confirmed_until"]}' + (f' por {by}' if by else '')


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length - 1] + '…'
