"""A month's statement in five formats from one model, each telling the same figures (mission.md 7.5).

What a format needs is imported when it is asked for: a command that writes no PDF does not wait for a layout engine.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from config.values import Letterhead
from contracts.statement import Statement


@dataclass(frozen=True)
class Format:
    """How a file of this format is called and served."""

    extension: str
    content_type: str


FORMATS: Mapping[str, Format] = {
    'pdf': Format('.pdf', 'application/pdf'),
    'xlsx': Format('.xlsx', 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'),
    'csv': Format('.csv', 'text/csv; charset=utf-8'),
    'json': Format('.json', 'application/json'),
    'html': Format('.html', 'text/html; charset=utf-8'),
}


def render(statement: Statement, format: str, letterhead: Letterhead) -> bytes:
    """The statement as a file. `format`: a key of FORMATS, else ValueError. The same arguments give the same bytes."""
    if format == 'json':
        from contracts.renderings.json_ import to_json

        return to_json(statement)
    if format == 'csv':
        from contracts.renderings.csv_ import to_csv

        return to_csv(statement)
    if format == 'xlsx':
        from contracts.renderings.xlsx import to_xlsx

        return to_xlsx(statement, letterhead)
    if format == 'html':
        from contracts.renderings.html import to_html

        return to_html(statement, letterhead)
    if format == 'pdf':
        from contracts.renderings.pdf import to_pdf

        return to_pdf(statement, letterhead)
    raise ValueError(f'{format!r} is not a format: choose one of {", ".join(FORMATS)}')
