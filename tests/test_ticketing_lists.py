"""Work lists and counts: the right folios in the right order, found through indexes that closed folios are not in."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, event, text, update

from callcenter.folio_loader import AGENTS, LAST_MONTH, Past, load
from storage.engine import Database
from tests.test_ticketing_folios import report
from ticketing.folios import FolioBook
from ticketing.lists import FolioLists, month_span
from ticketing.tables import folios

NOW = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
MEXICO = ZoneInfo('America/Mexico_City')


def put(db: Database, n: int, opened_at: datetime = NOW, client: str = 'nopalera', **columns: Any) -> str:
    """A folio with some columns as given; its number."""
    number = FolioBook(db).open(replace(report(call=f'c{n}'), client=client), opened_at).number
    if columns:
        with db.write() as connection:
            connection.execute(update(folios).values(**columns).where(folios.c.number == number))
    return number


def hours(count: int) -> datetime:
    return NOW + timedelta(hours=count)


# --- what is in the lists -----------------------------------------------------------------------------------------

def test_a_work_list_has_the_open_folios_of_one_agent_in_the_order_of_their_promise(db: Database) -> None:
    late = put(db, 1, state='in_progress', agent='ana', promised=hours(5))
    unpromised = put(db, 2, state='waiting', agent='ana', promised=None)
    soon = put(db, 3, state='assigned', agent='ana', promised=hours(1))
    put(db, 4, state='assigned', agent='beto', promised=hours(0))
    for n, state in enumerate(('resolved', 'closed_verified', 'closed_unverified', 'cancelled'), start=5):
        put(db, n, state=state, agent='ana', promised=hours(0))
    same = put(db, 9, state='assigned', agent='ana', promised=hours(5))
    lists = FolioLists(db)
    assert [item.number for item in lists.work_list(agent='ana')] == [soon, late, same, unpromised]
    assert [item.number for item in lists.work_list(agent='ana', limit=2)] == [soon, late]
    first = lists.work_list(agent='ana')[0]
    assert (first.state, first.agent, first.promised, first.client, first.opened_at) == ('assigned', 'ana', hours(1), 'nopalera', NOW)
    assert lists.work_list(agent='nobody') == ()


def test_a_groups_key_is_its_clients_own(db: Database) -> None:
    ours = put(db, 1, state='assigned', holder='group', resolver_group='nivel-2', promised=hours(2))
    theirs = put(db, 2, client='quetzal', state='assigned', holder='group', resolver_group='nivel-2', promised=hours(1))
    lists = FolioLists(db)
    assert [item.number for item in lists.work_list(group='nivel-2')] == [theirs, ours]
    assert [item.number for item in lists.work_list(group='nivel-2', client='nopalera')] == [ours]


def test_unassigned_are_those_that_nobody_has(db: Database) -> None:
    new = put(db, 1, promised=hours(3))
    put(db, 2, state='assigned', holder='agent', agent='ana')
    put(db, 3, state='closed_verified')
    other = put(db, 4, client='quetzal', promised=hours(1))
    lists = FolioLists(db)
    assert [item.number for item in lists.unassigned('nopalera')] == [new]
    assert [item.number for item in lists.unassigned()] == [other, new]
    assert [item.number for item in lists.work_list(client='quetzal')] == [other]


def test_open_counts(db: Database) -> None:
    put(db, 1, priority='high')
    put(db, 2, priority='low', state='waiting', holder='agent', agent='ana')
    put(db, 3, state='resolved')
    put(db, 4, client='quetzal', priority='high')
    counts = FolioLists(db).open_counts('nopalera')
    assert (counts.total, counts.states, counts.priorities, counts.unassigned) == (
        2, {'new': 1, 'waiting': 1}, {'high': 1, 'low': 1}, 1)
    assert FolioLists(db).open_counts().total == 3
    assert FolioLists(db).open_counts('nobody').total == 0


def test_a_month_is_local_and_half_open(db: Database) -> None:
    before, first = datetime(2026, 11, 1, 5, 59, 59, 999_999, tzinfo=UTC), datetime(2026, 11, 1, 6, tzinfo=UTC)
    last, after = datetime(2026, 12, 1, 5, 59, 59, 999_999, tzinfo=UTC), datetime(2026, 12, 1, 6, tzinfo=UTC)
    for n, moment in enumerate((before, first, last, after)):
        put(db, n, opened_at=moment)
    lists = FolioLists(db)
    totals = [lists.month_counts('nopalera', 2026, month, MEXICO).total for month in (10, 11, 12)]
    assert totals == [1, 2, 1]
    assert lists.month_counts('nopalera', 2026, 10, ZoneInfo('America/Tijuana')).total == 2
    assert lists.month_counts('quetzal', 2026, 11, MEXICO).total == 0


def test_month_counts_by_everything(db: Database) -> None:
    put(db, 1, kind='request', priority='high', state='closed_verified', category='office', first_contact=True)
    put(db, 2, kind='failure', priority='high', state='new', category=None, unlisted=True, modality='premium')
    counts = FolioLists(db).month_counts('nopalera', 2026, 11, MEXICO)
    assert (counts.total, counts.kinds, counts.priorities, counts.states) == (
        2, {'request': 1, 'failure': 1}, {'high': 2}, {'closed_verified': 1, 'new': 1})
    assert (counts.categories, counts.unlisted, counts.first_contact, counts.origins) == ({'office': 1, '': 1}, 1, 1, {'phone': 2})
    assert sum(counts.modalities.values()) == 2 and counts.modalities['premium'] == 1


@given(st.integers(2000, 2099), st.integers(1, 12), st.sampled_from(['America/Mexico_City', 'America/Tijuana', 'America/Cancun', 'UTC']))
def test_months_join_without_gap_or_overlap(year: int, month: int, zone: str) -> None:
    place = ZoneInfo(zone)
    since, until = month_span(year, month, place)
    following = month_span(year + month // 12, month % 12 + 1, place)
    assert until == following[0] and since.astimezone(place).day == until.astimezone(place).day == 1
    assert timedelta(days=27, hours=23) <= until - since <= timedelta(days=31, hours=1)


# --- how they are found -------------------------------------------------------------------------------------------

@contextmanager
def statements() -> Iterator[list[tuple[str, Any]]]:
    """What goes to the driver meanwhile."""
    seen: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        seen.append((statement, parameters))

    event.listen(Engine, 'before_cursor_execute', note)
    try:
        yield seen
    finally:
        event.remove(Engine, 'before_cursor_execute', note)


def plan(db: Database, statement: str, parameters: Any) -> str:
    """How the database would find it, as it tells."""
    with db.read() as connection:
        prefix = 'EXPLAIN QUERY PLAN ' if db.dialect == 'sqlite' else 'EXPLAIN '
        return '\n'.join(str(row[-1]) for row in connection.exec_driver_sql(prefix + statement, parameters))


@pytest.fixture
def years(empty_url: str) -> Iterator[Database]:
    """Ten thousand folios, as a bench's; SQLite knows no statistics of them, like one in service."""
    load(empty_url, Past.of(10_000, 200))
    database = Database(empty_url, patience_s=20.0)
    yield database
    database.close()


INDEXES = {
    'agent': ('folios_of_agent', lambda db: FolioLists(db).work_list(agent=AGENTS[0])),
    'group': ('folios_of_group', lambda db: FolioLists(db).work_list(group='nivel-2')),
    'client': ('folios_open', lambda db: FolioLists(db).work_list(client='nopalera')),
    'all': ('folios_promised', lambda db: FolioLists(db).work_list()),
    'unassigned': ('folios_open', lambda db: FolioLists(db).unassigned('nopalera')),
    'open counts': ('folios_open', lambda db: FolioLists(db).open_counts('nopalera')),
    'month': ('folios_of_client', lambda db: FolioLists(db).month_counts('nopalera', *LAST_MONTH, MEXICO)),
    'look-up': ('number', lambda db: FolioBook(db).get('12345674')),
}


def test_no_list_reads_closed_folios(years: Database) -> None:
    for name, (index, ask) in INDEXES.items():
        with statements() as seen:
            ask(years)
        statement, parameters = seen[-1]
        told = plan(years, statement, parameters)
        if name != 'look-up' and years.dialect == 'postgresql':
            assert 'folios_' in told, (name, told)     # any of the indexes; ten thousand are few enough for a choice
        elif name == 'look-up' and years.dialect == 'sqlite':
            assert 'SEARCH folios USING INDEX sqlite_autoindex_folios' in told, told
        else:
            assert index in told, (name, told)
        assert 'Seq Scan' not in told, (name, told)
        assert 'SCAN folios\n' not in told + '\n', (name, told)


def test_the_plans_would_show_a_full_scan(years: Database) -> None:
    with years.write() as connection:
        for index in ('folios_of_agent', 'folios_open', 'folios_of_group', 'folios_promised'):
            connection.execute(text(f'DROP INDEX {index}'))
    with statements() as seen:
        FolioLists(years).work_list(agent=AGENTS[0])
    told = plan(years, *seen[-1])
    assert 'Seq Scan' in told or 'SCAN folios' in told
