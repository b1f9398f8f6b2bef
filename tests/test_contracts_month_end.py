"""Wallboard, statistics, statement and ledger at a month's end: the same figures, in every format, and again from the journal (7.5)."""
from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from sqlalchemy import delete, func, select

from ami_listener.call_figures import CallFigures
from ami_listener.call_log import CallLog
from ami_listener.journal import JournalReader
from ami_listener.tables import call_duties, call_legs, calls, calls_to_rate, fold_marks, journal
from callcenter.contract_loader import load as load_books
from config.load import load as load_site
from config.values import Modality, Site
from contracts.intervals import days
from contracts.ledger import Ledger, LedgerLine, lines
from contracts.ledger_tables import outbound_ledger
from contracts.meter import counts
from contracts.months import Month
from contracts.renderings import FORMATS, render
from contracts.renderings.json_ import from_json, to_json
from contracts.statement import Statement
from contracts.statements import Statements
from contracts.statistics import by_interval, by_queue, statistics
from desk.board.feed import BoardBooks
from storage.engine import Database
from tests.integer_rater import cents
from tests.ledger_books import place
from tests.recorded_calls import CALL_BACKS, RECORDED, Recording
from tests.site_copies import EXAMPLE
from tests.statement_books import charges, section, tables

SEPTEMBER, NOVEMBER = Month(2026, 9), Month(2026, 11)      # September ends with an open Wednesday
CLIENT = 'nopalera'
CALLS = ('offered', 'answered', 'abandoned')


@pytest.fixture(scope='module')
def site() -> Site:
    return load_site(EXAMPLE)


class MonthEnd:
    """The books of months up to September, which is rated, and the statement that is drafted on the first of October."""

    def __init__(self, db: Database, site: Site, months: int = 1, calls: int = 700, folios: int = 150) -> None:
        load_books(db, site, first=SEPTEMBER.plus(1 - months), months=months, calls=calls, folios=folios)
        self.db, self.site = db, site
        self.since, self.until = SEPTEMBER.span(site.zone)
        Ledger(db, lambda: site).rerate(SEPTEMBER, self.until)
        self.statement = Statements(db, lambda: site).draft(CLIENT, SEPTEMBER, self.until + timedelta(hours=1))

    def lines(self) -> tuple[LedgerLine, ...]:
        with self.db.read() as connection:
            return lines(connection, CLIENT, self.since, self.until)


@pytest.fixture
def end(db: Database, site: Site) -> MonthEnd:
    return MonthEnd(db, site)


def three(found: Iterable[CallFigures]) -> tuple[int, ...]:
    some = list(found)
    return tuple(sum(getattr(one, name) for one in some) for name in CALLS)


def test_board_statistics_and_statement_agree(end: MonthEnd) -> None:
    told = tables(end.statement)
    last_day = days(SEPTEMBER.last, SEPTEMBER.last, end.site.zone)[0]
    moment = last_day.until - timedelta(microseconds=1)
    board = BoardBooks(end.db, lambda: end.site, lambda: moment, lambda: moment)()
    assert board is not None and board.today
    own = {queue: found for queue, found in board.today.items() if queue.startswith(CLIENT)}
    as_then = end.site.on(SEPTEMBER.last)
    with end.db.read() as connection:
        of_day = statistics(connection, as_then, last_day.since, last_day.until, CLIENT)
        of_queues = by_queue(connection, as_then, last_day.since, last_day.until, CLIENT)
        month = statistics(connection, as_then, end.since, end.until, CLIENT)
        daily = by_interval(connection, as_then, days(SEPTEMBER.first, SEPTEMBER.last, end.site.zone), CLIENT)
    assert {queue: found.calls.calls for queue, found in of_queues.items() if found.calls} == own      # every figure of every queue
    assert of_day.calls is not None and month.calls is not None and month.opened is not None and of_day.opened is not None
    assert three(own.values()) == three([of_day.calls.calls]) == told['days'].rows[-1][2:]
    assert told['days'].rows[-1][1] == of_day.opened.total
    assert [(row[1], *row[2:]) for row in told['days'].rows] == [
        (day.opened.total, *three([day.calls.calls])) for day in daily if day.opened and day.calls]
    whole = month.calls.calls
    assert told['days'].total == ('Total', month.opened.total, *three([whole])) and whole.offered > 50
    ends = dict((row[0], row[1]) for row in told['calls'].rows)
    assert (ends['Ofrecidas'], ends['Contestadas'], ends['Abandonadas']) == three([whole])
    assert sum(many for what, many in ends.items() if what != 'Ofrecidas') == whole.offered - whole.in_progress
    assert told['waits'].total == ('Total', whole.answered, whole.abandoned, sum(one.otherwise for one in whole.waits))
    answered = [row for row in told['levels'].rows if str(row[0]).startswith('Contestar')]
    assert (sum(row[1] for row in answered), sum(row[2] for row in answered)) == (whole.offered - whole.in_progress, whole.answered_in_time)
    assert len(told['calls_one_by_one'].rows) == whole.offered
    assert len(told['folios'].rows) == month.opened.total == told['kinds'].total[-1] == told['categories'].total[1]
    assert month.survey is not None and told['scores'].total[1] == month.survey.answers


def test_charts_show_what_their_tables_say(end: MonthEnd) -> None:
    told = tables(end.statement)
    charts = {chart.key: chart for one in end.statement.sections for chart in one.charts}
    assert charts['days'].series[0].values == tuple(row[1] for row in told['days'].rows) and len(charts['days'].labels) == 30
    assert charts['categories'].series[0].values == tuple(row[1] for row in told['categories'].rows)[:9]
    assert [one.values for one in charts['waits'].series] == [tuple(row[place] for row in told['waits'].rows) for place in (1, 2)]
    assert charts['scores'].series[0].values == tuple(row[1] for row in told['scores'].rows)
    levels = charts['levels'].series[0].values
    assert [value is None for value in levels] == [row[2] == 0 for row in told['days'].rows]
    assert all(len(one.values) == len(chart.labels) for chart in charts.values() for one in chart.series)


def test_requests_are_the_meters(end: MonthEnd) -> None:
    with end.db.read() as connection:
        metered = counts(connection, end.site, CLIENT, SEPTEMBER, SEPTEMBER)
    told = tables(end.statement)
    assert [row[2] for row in told['usage'].rows] == [metered[SEPTEMBER, modality] for modality in sorted_modalities(end.site)]
    assert sum(metered.values()) == sum(row[2] for row in told['usage'].rows)
    yes = sum(row[9] == 'sí' for row in told['folios'].rows)
    assert yes == told['categories'].total[2] == sum(metered.values())
    assert section(end.statement, 'requests').text[0].endswith(f'{yes} cuentan como solicitudes del mes.')


def sorted_modalities(site: Site) -> list[Modality]:
    return [modality for modality in Modality if modality in site.clients[CLIENT].modalities]


def test_calls_out_cost_what_the_ledger_and_an_independent_rater_say(end: MonthEnd) -> None:
    found = [line for line in end.lines() if line.seconds]
    assert len(found) > 20
    rated = [cents(line.number, line.at, line.seconds, end.site.prices, CLIENT, end.site.zone) for line in found]
    assert [Decimal(one) / 100 for one in rated] == [line.amount for line in found]
    total = Decimal(sum(rated)) / 100
    told = tables(end.statement)
    assert charges(end.statement, 'outbound') == [('outbound', len(found), total)]
    assert told['destinations'].total[2:] == (len(found), total) == (len(told['outbound'].rows), told['outbound'].total[6])
    assert sum(row[3] for row in told['destinations'].rows) == sum(row[6] for row in told['outbound'].rows) == total
    assert [row[7] for row in told['outbound'].rows] == [line.linkedid for line in found]


# --- five renderings -----------------------------------------------------------------------------------------------------

def test_totals_and_rows_are_equal_in_every_format(end: MonthEnd) -> None:
    statement = end.statement
    made = {name: render(statement, name, end.site.letterhead) for name in FORMATS}
    assert set(made) == {'json', 'csv', 'xlsx', 'html', 'pdf'} and made['pdf'].startswith(b'%PDF-')
    assert from_json(made['json']) == statement
    assert_csv(statement, made['csv'].decode('utf-8-sig'))
    assert_xlsx(statement, made['xlsx'])
    page = made['html'].decode()
    total = f'{statement.total:,.2f}'
    assert total in page and statement.words in page
    for table in tables(statement).values():
        if table.rows:
            part = re.search(rf'<table[^>]*id="table-{re.escape(table.key)}".*?</table>', page, re.DOTALL) or re.search(
                rf'id="table-{re.escape(table.key.replace("_", "-"))}".*?</table>', page, re.DOTALL)
            assert part is not None, table.key
            assert part.group().count('<tr') == len(table.rows) + 1 + (table.total is not None), table.key


def assert_csv(statement: Statement, text: str) -> None:
    rows = list(csv.reader(io.StringIO(text)))
    begins = {row[0]: number for number, row in enumerate(rows) if row[0] and not any(row[1:])}
    charged = rows[begins['Cargos'] + 2:begins['Cargos'] + 2 + len(statement.charges)]
    assert sum(Decimal(row[4]) for row in charged) == statement.subtotal
    for one in statement.sections:
        for table in one.tables:
            title = table.title if one.title == table.title else f'{one.title}: {table.title}'
            begin = begins[title] + 2
            length = next(number for number, row in enumerate(rows[begin:]) if not any(row) or (table.note and row[0] == table.note))
            assert length == len(table.rows) + (table.total is not None), title


def assert_xlsx(statement: Statement, data: bytes) -> None:
    book = openpyxl.load_workbook(io.BytesIO(data), data_only=True)
    first = [cell for row in book.worksheets[0].iter_rows(values_only=True) for cell in row]
    numbers = {round(Decimal(str(cell)), 2) for cell in first if isinstance(cell, (int, float))}
    assert {statement.subtotal, statement.iva, statement.total} <= numbers
    filled = sorted(sum(any(cell is not None for cell in row) for row in sheet.iter_rows(values_only=True)) for sheet in book.worksheets)
    for table in tables(statement).values():           # a sheet has a heading, the columns, the rows, a total, a note
        if len(table.rows) > 40:
            assert any(len(table.rows) < many <= len(table.rows) + 6 for many in filled), table.key


@pytest.mark.long
@pytest.mark.timeout(900)
def test_all_of_this_holds_with_fourteen_months_of_books(db: Database, site: Site) -> None:
    """200,000 calls and 50,000 folios: the size that the statement's figures are measured with."""
    end = MonthEnd(db, site, months=14, calls=200_000, folios=50_000)
    for holds in (test_board_statistics_and_statement_agree, test_charts_show_what_their_tables_say, test_requests_are_the_meters,
                  test_calls_out_cost_what_the_ledger_and_an_independent_rater_say, test_totals_and_rows_are_equal_in_every_format):
        holds(end)
    assert len(tables(end.statement)['calls_one_by_one'].rows) > 1_000 and len(tables(end.statement)['folios'].rows) > 1_000


# --- again from the journal ----------------------------------------------------------------------------------------------

def copies(recordings: Iterable[Recording], times: int) -> tuple[list[str], list[str]]:
    """The recorded calls again and again, each time five hours earlier: lines of CEL and of the queue's log."""
    def earlier(line: str, by: int) -> str:
        return re.sub(r'\b(17[89]\d{7})(?=\D)', lambda found: str(int(found.group(1)) - by), line)
    every = [(recording, 18_000 * number) for number in range(times) for recording in recordings]
    return [earlier(line, by) for recording, by in every for line in recording.cel], [
        earlier(line, by) for recording, by in every for line in recording.queue]


def fold_and_rate(db: Database, site: Site, now: datetime) -> None:
    log = CallLog(db)
    before = -1
    while before != (before := mark_of(db)):
        log.catch_up(now)
    Ledger(db, lambda: site).round(now)


def mark_of(db: Database) -> int:
    with db.read() as connection:
        return connection.scalar(select(fold_marks.c.journal_id).where(fold_marks.c.name == 'calls')) or 0


def test_made_again_from_the_journal_the_statement_is_the_same(db: Database, site: Site, tmp_path: Path) -> None:
    (tmp_path / 'cel-custom').mkdir()
    cel, queue = copies([*RECORDED.values(), *CALL_BACKS.values()], 4)
    (tmp_path / 'cel-custom' / 'mesa.csv').write_text(''.join(f'{line}\n' for line in cel))
    (tmp_path / 'queue_log').write_text(''.join(f'{line}\n' for line in queue))
    now = NOVEMBER.span(site.zone)[1] + timedelta(hours=12)
    JournalReader(db, tmp_path).catch_up(now)
    fold_and_rate(db, site, now)
    with db.read() as connection:
        left = lines(connection, None, datetime(2026, 10, 1, tzinfo=UTC), now)
    for linkedid in dict.fromkeys(line.linkedid for line in left if line.client is None):
        place(db, linkedid, 'call_back', '+525555550101')      # what Mesa stored before it placed them
    Ledger(db, lambda: site).rerate(NOVEMBER, now)
    books = Statements(db, lambda: site)
    before = books.draft(CLIENT, NOVEMBER, now)
    assert tables(before)['days'].total[2] > 20 and charges(before, 'outbound')
    with db.write() as connection:
        many = connection.scalar(select(func.count()).select_from(calls))
        for table in (call_legs, calls, outbound_ledger, calls_to_rate, call_duties, fold_marks):
            connection.execute(delete(table))
        assert connection.scalar(select(func.count()).select_from(journal))
    assert charges(books.draft(CLIENT, NOVEMBER, now), 'outbound') == []
    fold_and_rate(db, site, now)
    with db.read() as connection:
        assert connection.scalar(select(func.count()).select_from(calls)) == many
    later = books.draft(CLIENT, NOVEMBER, now + timedelta(hours=1))
    assert to_json(replace(later, made_at=before.made_at)) == to_json(before)
