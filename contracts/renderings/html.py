"""A statement as a page: whole and self-contained, or its body alone for a page of the desk (mission.md 7.5, 6.4).

`to_html` gives one file with its style sheet and pictures in it, without a script and without a reference to anything else. `body` gives
what stands between <body> and </body>, for a page whose policy is `style-src 'self'`: it has no style in it, and needs `stylesheet()`
served beside it; `contracts.charts.svg` draws a chart alone. Every text is escaped, and isolated from what stands beside it, so that names
written from right to left move nothing else.
"""
from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC
from functools import cache
from html import escape
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from config.values import Letterhead
from contracts.charts import svg
from contracts.renderings import written as words
from contracts.statement import Column, Kind, Statement, Table, Value

TEMPLATES = Path(__file__).resolve().parent / 'templates'
COLOUR = re.compile(r'#[0-9a-fA-F]{6}')
PLAIN = re.compile(r'[A-Za-z0-9.-]{1,60}')             # what may stand in an id and in a link to it
UNBROKEN = frozenset({Kind.DATE, Kind.INSTANT, Kind.FOLIO, Kind.CALL})
CONTROLS = re.compile(r'[\x00-\x08\x0b-\x1f\x7f-\x9f]')                # nothing that a page could show
# No character before U+0590 is written from right to left, or turns others.
HARMLESS = re.compile(r'[^\x00-\x08\x0b-\x1f\x7f-\x9f\u0590-\U0010ffff]*')
UNKNOWN = '\N{REPLACEMENT CHARACTER}'
ANCHORED = {Kind.FOLIO: 'folio', Kind.CALL: 'call'}
PNG = 'data:image/png;base64,'


def to_html(statement: Statement, letterhead: Letterhead) -> bytes:
    """The whole document, annexes included."""
    logo = PNG + b64encode(letterhead.logo).decode() if letterhead.logo else ''
    return filled('document.html.j2', statement, letterhead, style=Markup(stylesheet()), logo=logo).encode()


def body(statement: Statement, letterhead: Letterhead, logo: str = '', level: int = 1) -> str:
    """The statement for a page that has a frame of its own. `logo`: the picture's address, '' for none; `level`: of its first heading."""
    return filled('body.html.j2', statement, letterhead, logo=logo, level=level)


@cache
def stylesheet() -> str:
    """The style sheet of both, CSS: light and dark, screen and paper."""
    return (TEMPLATES / 'statement.css').read_text(encoding='utf-8')


def filled(template: str, statement: Statement, letterhead: Letterhead, **facts: Any) -> str:
    """A template of this package with what all of them know."""
    zone = words.zone_of(statement)
    told = {
        'statement': statement, 'letterhead': letterhead, 'zone': zone, 'level': 1, 'standing': words.standing(statement),
        'notes': words.notes_of(statement), 'colours': _colours(letterhead), 'anchors': anchors(statement),
        'tables': {table.key: table for table in words.tables_of(statement)},
        'dated': (statement.issued_at or statement.made_at).astimezone(UTC)}
    return _environment().get_template(template).render(**told | facts)


@cache
def _environment() -> Environment:
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
                              lstrip_blocks=True)
    environment.filters |= {'money': words.money, 'percent': words.percent, 'day': words.day_words, 'charge_month': words.charge_month,
                            'rate': lambda price: words.written(price, Kind.RATE, ZoneInfo('UTC')), 'isolated': isolated, 'slug': slug}
    environment.globals |= {'chart_svg': lambda chart: Markup(svg(chart)), 'table_rows': table_rows, 'is_number': is_number}
    return environment


def _colours(letterhead: Letterhead) -> Letterhead:
    """A letterhead whose colours are nothing but colours."""
    default = Letterhead()
    return Letterhead(primary=letterhead.primary if COLOUR.fullmatch(letterhead.primary) else default.primary,
                      accent=letterhead.accent if COLOUR.fullmatch(letterhead.accent) else default.accent)


def isolated(text: str) -> Markup:
    """A text that may come from anybody, without power over the markup or the direction of what stands beside it."""
    return Markup(_marked(text))


def _marked(text: str) -> str:
    return escape(text) if HARMLESS.fullmatch(text) else f'<bdi>{escape(CONTROLS.sub(UNKNOWN, text))}</bdi>'


def slug(key: str) -> str:
    """A key as part of an id."""
    return ''.join(letter if letter.isascii() and letter.isalnum() else '-' for letter in key)


def is_number(column: Column) -> bool:
    """Whether its cells stand right-aligned."""
    return column.kind in words.RIGHT


def anchors(statement: Statement) -> Mapping[tuple[Kind, str], str]:
    """The ids of the annexes' rows, by what a cell elsewhere says: a figure leads down to its folio and calls."""
    found: dict[tuple[Kind, str], str] = {}
    for table in words.tables_of(statement):
        kind = table.columns[0].kind if table.annex and table.columns else Kind.TEXT
        for row in table.rows if kind in ANCHORED else ():
            if isinstance(row[0], str) and PLAIN.fullmatch(row[0]):
                found.setdefault((kind, row[0]), f'{ANCHORED[kind]}-{row[0]}')
    return found


def table_rows(table: Table, zone: ZoneInfo, anchors: Mapping[tuple[Kind, str], str]) -> Markup:
    """The rows of a table and its last one: built by hand, since an annex has thousands."""
    cells = [_Cell(column, zone, anchors, first=index == 0) for index, column in enumerate(table.columns)]
    kind = table.columns[0].kind if table.annex and table.columns else Kind.TEXT
    seen: set[str] = set()
    rows = ''.join(_row(row, cells, _anchor(row, kind, anchors, seen)) for row in table.rows)
    if table.total is None:
        return Markup(f'<tbody>{rows}</tbody>')
    last = _row(tuple('' if value is None else value for value in table.total), cells)
    return Markup(f'<tbody>{rows}</tbody><tfoot>{last}</tfoot>')


def _anchor(row: tuple[Value, ...], kind: Kind, anchors: Mapping[tuple[Kind, str], str], seen: set[str]) -> str:
    """The row's id; the first row of a folio has it."""
    name = anchors.get((kind, row[0]), '') if kind in ANCHORED and isinstance(row[0], str) else ''
    if not name or name in seen:
        return ''
    seen.add(name)
    return f' id="{name}"'


def _row(row: tuple[Value, ...], cells: list[_Cell], anchor: str = '') -> str:
    return f'<tr{anchor}>{"".join(cell.told(value) for cell, value in zip(cells, row, strict=True))}</tr>'


class _Cell:
    """How the cells of one column are written; most of a long column's values come again, and their cells are remembered."""

    def __init__(self, column: Column, zone: ZoneInfo, anchors: Mapping[tuple[Kind, str], str], first: bool) -> None:
        self._kind, self._zone = column.kind, zone
        self._anchors = anchors if column.kind in ANCHORED and not first else {}
        place = ' class="n"' if column.kind in words.RIGHT else ' class="c"' if column.kind in UNBROKEN else ''
        self._open, self._close = (f'<th scope="row"{place}>', '</th>') if first else (f'<td{place}>', '</td>')
        self._known: dict[tuple[type, Value], str] = {}

    def told(self, value: Value) -> str:
        key = type(value), value
        told = self._known.get(key)
        if told is None:
            told = self._known[key] = f'{self._open}{self._content(value)}{self._close}'
        return told

    def _content(self, value: Value) -> str:
        if value is None:
            return f'<span class="none">{words.NOTHING}</span>'
        if not isinstance(value, str):
            return words.written(value, self._kind, self._zone)
        anchor = self._anchors.get((self._kind, value))
        if anchor:
            return f'<a href="#{anchor}">{value}</a>'
        return _marked(value)
