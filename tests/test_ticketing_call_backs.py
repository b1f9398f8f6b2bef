"""Kept places in the books: one in flight per number, attempts stored before they are dialled, settled once (mission.md 3.6)."""
from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from config.values import Policy
from storage.engine import Database
from tests.small_site import LINE, at
from ticketing.call_backs import CallBack, CallBacks, Outcome, Request, UnknownCallBack, after
from ticketing.folios import EntryKind, FolioBook, Report

NOW = at('2026-11-24 10:00')
MINUTE = timedelta(minutes=1)
POLICY = Policy()


def request(linkedid: str = '17.1', number: str = '+525555550101', joined: datetime = NOW, folio: str | None = None) -> Request:
    return Request(linkedid=linkedid, client='quetzal', line=LINE, queue='quetzal', priority=0, number=number, joined_at=joined,
                   folio=folio)


def a_folio(db: Database, call: str = '17.1', **facts: Any) -> str:
    report = Report(line=LINE, client='quetzal', modality='standard', clock_starts=NOW, rule='test', call=call, **facts)
    return FolioBook(db).open(report, NOW).number


def told(db: Database, number: str) -> list[str]:
    return [entry.text for entry in FolioBook(db).timeline(number) if entry.kind == EntryKind.CALL_BACK]


@pytest.fixture
def books(db: Database) -> CallBacks:
    return CallBacks(db)


def test_a_place_is_kept_once_and_told_on_the_folio(books: CallBacks, db: Database) -> None:
    number = a_folio(db)
    assert books.ask(request(folio=number), NOW) and books.ask(request(folio=number), NOW)
    (kept,) = books.due(NOW)
    assert (kept.linkedid, kept.folio, kept.joined_at, kept.next_at, kept.state, kept.attempts) == ('17.1', number, NOW, NOW, 'waiting', 0)
    assert told(db, number) == ['pidió que se le llame y conserva su lugar en la fila']


def test_one_call_in_flight_per_caller(books: CallBacks, db: Database) -> None:
    second = a_folio(db, '17.2')
    assert books.ask(request(), NOW)
    assert not books.ask(request('17.2', folio=second), NOW)
    assert not books.ask(request('17.2', folio=second), NOW)
    assert [one.linkedid for one in books.due(NOW)] == ['17.1']
    assert told(db, second) == ['pidió que se le llame; ya había una llamada pendiente a ese número']
    books.begin(books.due(NOW)[0].id, 'call-back-1-a', NOW)
    books.settle('call-back-1-a', Outcome.ACCEPTED, POLICY, NOW)
    assert books.ask(request('17.3'), NOW)


def test_a_user_who_names_other_numbers_has_one_call_in_flight_all_the_same(books: CallBacks, db: Database) -> None:
    for n, (who, kept) in enumerate([('20001', True), ('20001', False), ('20002', True), (None, True), (None, True)]):
        folio = a_folio(db, f'17.{n}', employee_number=who)
        assert books.ask(request(f'17.{n}', f'+52555555010{n}', folio=folio), NOW) is kept
    assert len(books.due(NOW)) == 4


def test_a_round_reads_nothing_of_what_was_before(migrated_file: Path, tmp_path: Path) -> None:
    """On SQLite, whose plan does not depend on how much there is."""
    shutil.copy(migrated_file, tmp_path / 'mesa.db')
    db = Database(f'sqlite:///{tmp_path / "mesa.db"}')
    asked: list[tuple[str, Any]] = []

    @event.listens_for(Engine, 'before_cursor_execute')
    def listen(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        asked.append((statement, parameters))
    try:
        CallBacks(db).due(NOW)
        CallBacks(db).in_flight()
    finally:
        event.remove(Engine, 'before_cursor_execute', listen)
    with db.read() as connection:
        plans = [str(row[3]) for statement, parameters in asked if statement.startswith('SELECT')
                 for row in connection.exec_driver_sql(f'EXPLAIN QUERY PLAN {statement}', parameters)]
    assert any('call_backs_waiting' in step for step in plans) and any('outbound_calls_in_flight' in step for step in plans)
    assert not any('(kind=?)' in step or step in ('SCAN call_backs', 'SCAN outbound_calls') for step in plans), plans
    db.close()


def test_of_many_who_ask_for_one_number_at_once_one_is_kept(books: CallBacks) -> None:
    with ThreadPoolExecutor(8) as pool:
        kept = list(pool.map(lambda n: books.ask(request(f'17.{n}'), NOW), range(8)))
    assert kept.count(True) == 1 and len(books.list()) == 1


def test_places_come_in_the_order_of_joining(books: CallBacks) -> None:
    for n in (3, 1, 2):
        books.ask(request(f'17.{n}', f'+52555555010{n}', NOW + n * MINUTE), NOW)
    assert [one.linkedid for one in books.due(NOW)] == ['17.1', '17.2', '17.3'] == [one.linkedid for one in books.list()]


def test_an_attempt_is_stored_before_it_is_dialled_and_only_one_at_a_time(books: CallBacks, db: Database) -> None:
    number = a_folio(db)
    books.ask(request(folio=number), NOW)
    (kept,) = books.due(NOW)
    assert books.begin(kept.id, 'call-back-1-a', NOW) == kept
    assert books.begin(kept.id, 'call-back-1-a', NOW) == kept          # the same call asks twice
    assert books.begin(kept.id, 'call-back-1-b', NOW) is None          # another must not: his telephone rings already
    assert books.due(NOW) == ()                                        # nobody puts a second place into the queue
    assert [entry.call for entry in FolioBook(db).timeline(number) if entry.kind == EntryKind.CALL] == ['call-back-1-a']
    assert books.owner('call-back-1-a') == replace(kept, next_at=NOW + MINUTE)
    assert books.folio_of_placed('call-back-1-a') == number and books.folio_of_placed('nothing') is None


def test_who_stayed_in_the_queue_and_was_answered_is_not_called_back(books: CallBacks, db: Database) -> None:
    number = a_folio(db)
    books.ask(request(folio=number), NOW)
    assert not books.stayed('17.9', NOW) and books.due(NOW)
    assert books.stayed('17.1', NOW) and not books.stayed('17.1', NOW)
    assert books.due(NOW) == () and 'siguió en la línea' in told(db, number)[-1]


def test_nobody_is_dialled_who_does_not_wait_any_more(books: CallBacks) -> None:
    books.ask(request(), NOW)
    (kept,) = books.due(NOW)
    assert books.cancel(kept.id, by='ana', reason='ya no', now=NOW).state == 'cancelled'
    assert books.begin(kept.id, 'call-back-1-a', NOW) is None and books.begin(99, 'call-back-99-a', NOW) is None
    assert books.due(NOW) == ()
    assert not books.settle('call-back-1-a', Outcome.ACCEPTED, POLICY, NOW)
    with pytest.raises(UnknownCallBack, match='no call-back 99'):
        books.cancel(99, by='ana', reason='ya no', now=NOW)


def test_not_reached_three_times_it_is_given_up_and_the_folio_stays_open(books: CallBacks, db: Database) -> None:
    number = a_folio(db)
    books.ask(request(folio=number), NOW)
    (kept,) = books.due(NOW)
    now = NOW
    for attempt, outcome in enumerate((Outcome.MISSED, Outcome.NO_KEY, Outcome.MISSED), 1):
        assert books.begin(kept.id, f'call-back-1-{attempt}', now)
        assert books.settle(f'call-back-1-{attempt}', outcome, POLICY, now)
        assert not books.settle(f'call-back-1-{attempt}', outcome, POLICY, now)          # told twice, counted once
        assert books.due(now) == ()
        now += timedelta(minutes=POLICY.callback_spacing_minutes)
        assert [one.joined_at for one in books.due(now)] == ([NOW] if attempt < 3 else [])
    (over,) = books.list('given_up')
    assert over.attempts == 3 and over.finished_at is not None
    folio = FolioBook(db).get(number)
    assert folio is not None and folio.state == 'new'
    assert told(db, number)[1:] == [
        'se le llamó y no contestó', 'se le llamó y contestó una grabadora o alguien que no marcó uno', 'se le llamó y no contestó',
        'no se le pudo llamar de regreso; el folio queda abierto para darle seguimiento']


@pytest.mark.parametrize(('outcome', 'changes'), [
    (Outcome.ACCEPTED, {'state': 'served', 'attempts': 2, 'finished_at': NOW}),
    (Outcome.MISSED, {'attempts': 2, 'next_at': NOW + 10 * MINUTE}),
    (Outcome.NO_KEY, {'attempts': 2, 'next_at': NOW + 10 * MINUTE}),
    (Outcome.AGENT_LEFT, {'attempts': 2, 'next_at': NOW}),
    (Outcome.LOST, {'next_at': NOW}),
])
def test_what_follows_from_an_outcome(outcome: Outcome, changes: dict[str, object]) -> None:
    once = CallBack(id=1, linkedid='17.1', client='quetzal', line=LINE, queue='quetzal', priority=0, number='+525555550101', folio=None,
                    joined_at=NOW, asked_at=NOW, state='waiting', attempts=1, next_at=NOW, finished_at=None)
    assert after(once, outcome, POLICY, NOW) == changes


def test_a_call_back_cancelled_while_it_rings_stays_cancelled(books: CallBacks, db: Database) -> None:
    number = a_folio(db)
    books.ask(request(folio=number), NOW)
    (kept,) = books.due(NOW)
    books.begin(kept.id, 'call-back-1-a', NOW)
    books.cancel(kept.id, by='ana', reason='llamó otra vez', now=NOW)
    assert books.settle('call-back-1-a', Outcome.MISSED, POLICY, NOW)
    assert books.list() == () and [one.state for one in books.list(None)] == ['cancelled']
    assert 'se canceló la llamada de regreso: llamó otra vez' in told(db, number)
