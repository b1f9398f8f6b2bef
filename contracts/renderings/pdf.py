"""A statement on paper: letter size, with letterhead, page numbers and charts; the annexes are named, not printed (mission.md 7.5).

Laid out by WeasyPrint from a template of its own. Nothing is fetched: the one picture is handed over, and every other address is refused.
The same statement and letterhead give the same bytes with the same fonts.
"""
from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup
from weasyprint import HTML
from weasyprint.urls import URLFetcher, URLFetcherResponse

from config.pictures import picture_size
from config.values import Letterhead
from contracts.charts import described, svg
from contracts.renderings.html import TEMPLATES, UNBROKEN, filled
from contracts.renderings.written import RIGHT, tables_of, written, zone_of
from contracts.statement import Chart, Kind, Statement, Table

LOGO = 'statement:logo'
PAGE = 182                                             # millimetres between the margins
NARROW = 118                                           # of a table that needs no more: the eye finds the number beside its name
LETTER, DIGIT, GAP = 1.6, 1.85, 3                      # widths in a table, and what stands between two columns: millimetres
LONGEST, WORD = 46, 20                                 # letters: longer texts take more lines, longer words are broken
ON_FIRST = 11                                          # so many charges leave the first page room for the contents
PRINTED = 300                                          # rows of a table: a longer one is an annex on paper


class _Pictures(URLFetcher):                           # type: ignore[misc]  # WeasyPrint has no types
    """What a document may fetch: its own pictures, from memory."""

    def __init__(self, logo: bytes) -> None:
        super().__init__(allowed_protocols=())
        self._pictures: dict[str, tuple[bytes, str]] = {LOGO: (logo, 'image/png')}

    def chart(self, chart: Chart) -> str:
        """The address of a chart's picture."""
        url = f'statement:chart-{len(self._pictures)}'
        self._pictures[url] = (svg(chart).encode(), 'image/svg+xml')
        return url

    def fetch(self, url: str, headers: Any = None) -> URLFetcherResponse:
        if url not in self._pictures:
            raise ValueError('a statement refers to nothing outside itself')
        content, kind = self._pictures[url]
        return URLFetcherResponse(url, content, {'Content-Type': kind})


def to_pdf(statement: Statement, letterhead: Letterhead) -> bytes:
    """The document, tagged for those who hear it read."""
    style = Markup((TEMPLATES / 'print.css').read_text(encoding='utf-8'))
    # A chapter of annexes alone would be a heading above nothing.
    sections = [one for one in statement.sections if not one.tables or one.charts or any(is_printed(table) for table in one.tables)]
    annexes = [table for table in tables_of(statement) if not is_printed(table)]
    zone, on_first = zone_of(statement), len(statement.charges) <= ON_FIRST
    pictures = _Pictures(letterhead.logo)
    text = filled(
        'print.html.j2', statement, letterhead, style=style, logo=LOGO if letterhead.logo else '', logo_width=logo_width(letterhead.logo),
        sections=sections, annexes=annexes, is_printed=is_printed, on_first=on_first, columns=lambda table: columns(table, zone),
        picture=pictures.chart, described=described)
    identifier = hashlib.sha256(text.encode()).digest()[:16]
    document: bytes = HTML(string=text, url_fetcher=pictures).write_pdf(pdf_identifier=identifier, pdf_tags=True)
    return document


def logo_width(logo: bytes) -> float:
    """How wide a logo stands on paper, in millimetres: as large as it can be without being higher than 16 or wider than 34."""
    if not logo:
        return 0
    width, height = picture_size(logo)
    return round(min(34, 16 * width / height), 1)


def is_printed(table: Table) -> bool:
    """Whether its rows stand on paper: those of an annex do not."""
    return not table.annex and len(table.rows) <= PRINTED


def columns(table: Table, zone: ZoneInfo) -> tuple[float, tuple[float, ...]]:
    """The table's width and its columns', in millimetres: numbers and days get what they need, texts share the rest as they need it.

    WeasyPrint would find them itself, by laying every cell out twice more.
    """
    needs = [_needs(table, index, zone) for index in range(len(table.columns))]
    whole = NARROW if sum(most for _, most in needs) <= NARROW else PAGE
    least = [low for low, _ in needs]
    spare = whole - sum(least)
    wants = [most - low for low, most in needs] if spare > 0 and any(most > low for low, most in needs) else least
    return whole, tuple(round(low + spare * want / sum(wants), 2) for low, want in zip(least, wants, strict=True))


def _needs(table: Table, index: int, zone: ZoneInfo) -> tuple[float, float]:
    """The least and the most that a column needs."""
    column = table.columns[index]
    rows = (*table.rows, table.total) if table.total is not None else table.rows
    texts = [written(row[index], column.kind, zone) for row in rows]
    title = max(1 + _longest(column.title.split()), (len(column.title) + 1) // 2)      # on two lines, mostly
    most = max(title, _longest(texts))
    if column.kind in UNBROKEN | RIGHT:
        needed = min(WORD, most) * (LETTER if column.kind in (Kind.DATE, Kind.INSTANT) else DIGIT)
        return needed + GAP, needed + GAP
    least = min(WORD, max(title, *(_longest(text.split()) for text in texts), 1)) * DIGIT
    return least + GAP, max(least, min(LONGEST, most + 1) * LETTER) + GAP


def _longest(texts: Iterable[str]) -> int:
    return max((len(text) for text in texts), default=0)
