"""A month's statement in five formats from one model, each telling the same figures (mission.md 7.5).

What a format needs is imported when it is asked for: a command that writes no PDF does not wait for a layout engine.
"""
from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

from config.values import Letterhead
from contracts.collecting import no_collecting
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
    with no_collecting():
        return _rendered(statement, format, letterhead)


def render_all(statement: Statement, letterhead: Letterhead) -> Mapping[str, bytes]:
    """The statement in every format. A process with one thread has the PDF, half of the work, laid out in a second one meanwhile."""
    others = [name for name in FORMATS if name != 'pdf']
    if threading.active_count() > 1:                   # a fork would take the other threads' locks along
        return {name: render(statement, name, letterhead) for name in FORMATS}
    with ProcessPoolExecutor(1, mp_context=get_context('fork')) as second:
        pdf = second.submit(render, statement, 'pdf', letterhead)
        made = {name: render(statement, name, letterhead) for name in others}
        return {'pdf': pdf.result(), **made}


def _rendered(statement: Statement, format: str, letterhead: Letterhead) -> bytes:
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
