"""What a month's statement costs with months of calls and folios behind it: the draft, each format, all five, signing off.

The books are made for it by `contract_loader` and gone afterwards. Calls out are rated and every month but the last is issued as life
would do it, so that the last one is drafted with all that a statement looks back at.
"""
from __future__ import annotations

import gc
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from callcenter.bench_folios import DURABLE
from callcenter.console import Complaint
from callcenter.contract_loader import load as load_books
from callcenter.instance import EXAMPLE
from callcenter.postgres_scratch import ScratchServer, scratch_server
from config.load import load as load_site
from config.values import Site
from contracts.ledger import Ledger
from contracts.meter import counts
from contracts.months import Month
from contracts.renderings import FORMATS, render, render_all
from contracts.statement import Statement
from contracts.statements import Statements
from contracts.statistics import statistics
from storage import migrate
from storage.engine import Database

FIRST = Month(2025, 9)
CLIENT = 'nopalera'                                    # the one with the most calls and folios
GOAL_S = 5.0
FIVE = 'all five formats, from the books'
RENDERED = 'the five formats of a draft'
REPEATS = 3
BYTES_A_CALL, BYTES_A_FOLIO = 5_000, 12_000            # of disk, generously
PATIENCE_S = 120.0


@dataclass(frozen=True)
class StatementFigure:
    """One thing that is asked for. Seconds; `processor_s`: the median of what it computed; `size`: what it brought, in `unit`."""

    database: str
    act: str
    count: int
    median_s: float
    slowest_s: float
    processor_s: float
    size: int
    unit: str

    @property
    def goal_s(self) -> float | None:
        """Within which it must come; None: nothing is promised."""
        return GOAL_S if self.act == FIVE else None

    @property
    def reached(self) -> bool:
        """Whether the slowest came in time."""
        return self.goal_s is None or self.slowest_s <= self.goal_s


def run(kind: str, calls: int, folios: int, months: int, tell: Callable[[str], None], parent: Path | None = None,
        repeats: int = REPEATS) -> list[StatementFigure]:
    """All figures of one kind of database. Raises Complaint when there is no room, no PostgreSQL, or too few calls for the folios."""
    with tempfile.TemporaryDirectory(prefix='mesa-bench-', dir=parent) as name:
        folder = Path(name)
        folder.chmod(0o755)                            # PostgreSQL runs as somebody else
        need = calls * BYTES_A_CALL + folios * BYTES_A_FOLIO
        if shutil.disk_usage(folder).free < need:
            raise Complaint(f'The bench needs {need / 1e9:.1f} GB below {folder.parent}; choose another folder with --scratch.')
        if kind == 'sqlite':
            return _filled(kind, f'sqlite:///{folder / "mesa.db"}', calls, folios, months, tell, repeats)
        try:
            with scratch_server(ScratchServer, DURABLE, folder) as server:
                return _filled(kind, server.url, calls, folios, months, tell, repeats)
        except RuntimeError as error:
            raise Complaint(f'{error}\nGive a folder that everybody may enter with --scratch, or measure without --postgres.') from error


def _filled(kind: str, url: str, calls: int, folios: int, months: int, tell: Callable[[str], None], repeats: int) -> list[StatementFigure]:
    began = time.monotonic()

    def say(words: str) -> None:
        tell(f'{kind}: {time.monotonic() - began:.0f} s, {words}')
    migrate.upgrade(url)
    db, site = Database(url, patience_s=PATIENCE_S), load_site(EXAMPLE)
    try:
        try:
            load_books(db, site, first=FIRST, months=months, calls=calls, folios=folios, told=lambda words: say(f'loaded: {words}'))
        except ValueError as error:
            raise Complaint(f'{error}: give more --calls, or fewer --folios.', 2) from error
        now = FIRST.plus(months).span(site.zone)[0] + timedelta(hours=12)
        ledger = Ledger(db, lambda: site)
        rated = sum(len(ledger.rerate(FIRST.plus(number), now)) for number in range(months))
        say(f'{rated} calls out rated')
        signed = [_issue(db, site, FIRST.plus(number)) for number in range(months - 1)]
        say(f'{len(signed)} statements issued')
        issued = [_figure(kind, 'issue a month', signed, len(signed), 'months')]
        found = [*issued, *_measured(kind, db, site, FIRST.plus(months - 1), now, repeats)]
        say('measured')
        return found
    finally:
        db.close()


def _issue(db: Database, site: Site, month: Month) -> tuple[float, float]:
    issuing = month.plus(1).span(site.zone)[0] + timedelta(hours=12)
    return _timed(lambda: Statements(db, lambda: site).issue(CLIENT, month, 'bench', issuing))[0]


def _timed(asked: Callable[[], Any]) -> tuple[tuple[float, float], Any]:
    """Seconds by the clock and of the processor, and the answer."""
    computed, began = _computed(), time.perf_counter()
    answer = asked()
    return (time.perf_counter() - began, _computed() - computed), answer


def _computed() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def _figure(kind: str, act: str, times: Sequence[tuple[float, float]], size: int, unit: str) -> StatementFigure:
    elapsed, computed = zip(*times, strict=True)
    return StatementFigure(kind, act, len(times), round(median(elapsed), 2), round(max(elapsed), 2), round(median(computed), 2), size, unit)


def _measured(kind: str, db: Database, site: Site, month: Month, now: datetime, repeats: int) -> Iterator[StatementFigure]:
    books, (since, until) = Statements(db, lambda: site), month.span(site.zone)

    def draft() -> Statement:
        return books.draft(CLIENT, month, now)

    def figure(act: str, asked: Callable[[], Any], size: Callable[[Any], int], unit: str) -> StatementFigure:
        times: list[tuple[float, float]] = []
        for _ in range(repeats):
            gc.collect()                               # what was before is not charged to this
            took, answer = _timed(asked)
            times.append(took)
        return _figure(kind, act, times, size(answer), unit)

    def all_formats(statement: Statement) -> list[bytes]:
        return list(render_all(statement, site.letterhead).values())

    def of_month() -> int:
        with db.read() as connection:
            found = statistics(connection, site, since, until)
        assert found.calls is not None
        return found.calls.calls.offered

    def counted() -> int:
        with db.read() as connection:
            return sum(counts(connection, site, CLIENT, FIRST, month).values())

    yield figure('counts of all months', counted, int, 'requests')
    yield figure('statistics of the month', of_month, int, 'calls offered')
    yield figure('draft', draft, rows_of, 'rows')
    made = draft()
    for name in FORMATS:
        yield figure(f'format {name}', lambda of=name: render(made, of, site.letterhead), len, 'bytes')
    yield figure(RENDERED, lambda: all_formats(made), lambda files: sum(map(len, files)), 'bytes')
    yield figure(FIVE, lambda: all_formats(draft()), lambda files: sum(map(len, files)), 'bytes')


def rows_of(statement: Statement) -> int:
    """The rows of all its tables."""
    return sum(len(table.rows) for section in statement.sections for table in section.tables)
