"""The folio book, on both databases: opening once, finding, continuing, and a timeline that only grows."""
from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import DBAPIError

from storage import migrate
from storage.engine import Database, DatabaseUnavailable
from tests.databases import postgres_instance
from ticketing.damm import is_valid
from ticketing.folios import EntryKind, FolioBook, Report, State, UnknownFolio
from ticketing.numbers import number_for
from ticketing.tables import folios

NOW = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
REPOSITORY = Path(__file__).resolve().parent.parent


def report(**facts: Any) -> Report:
    return Report(**({
        'line': '+528005550101', 'client': 'acme', 'modality': 'standard', 'clock_starts': NOW, 'rule': 'open: Monday to Friday',
        'employee_number': '1234', 'user_name': 'José Ñúñez', 'caller_number': '+525555550101', 'identified_by': 'caller_id'} | facts))


@pytest.fixture
def book(db: Database) -> FolioBook:
    return FolioBook(db)


def kinds(book: FolioBook, number: str) -> list[str]:
    return [entry.kind for entry in book.timeline(number)]


# --- opening --------------------------------------------------------------------------------------------------------

def test_a_folio_is_stored_as_it_was_reported(book: FolioBook) -> None:
    whole = report(call='c1', category='mail', kind='complaint', priority='high', site='cdmx', unlisted=True, from_message=True,
                   origin='fallback', clock_starts=NOW + MINUTE, promised=NOW + 600 * MINUTE)
    opened = book.open(whole, NOW)
    assert opened.number == number_for(1)
    assert is_valid(opened.number)
    assert opened.state is State.NEW
    assert book.get(opened.number) == opened
    assert (opened.report, opened.opened_at, opened.promised, opened.holder) == (whole, NOW, NOW + 600 * MINUTE, 'nobody')


def test_the_least_that_can_be_reported_is_enough(book: FolioBook) -> None:
    least = Report(line='+528005550101', client='acme', modality='vip', clock_starts=NOW, rule='')
    assert book.get(book.open(least, NOW).number).report == least


def test_the_timeline_begins_with_the_opening_and_its_rule(book: FolioBook) -> None:
    number = book.open(report(call='c1'), NOW).number
    entry, = book.timeline(number)
    assert (entry.at, entry.kind, entry.by, entry.text) == (NOW, 'opened', 'phone', 'open: Monday to Friday')


def test_a_call_opens_one_folio_ever(book: FolioBook) -> None:
    first = book.open(report(call='c1'), NOW)
    again = book.open(report(call='c1', origin='fallback', category='other'), NOW + MINUTE)
    assert again == first
    assert kinds(book, first.number) == ['opened']
    assert len(book.list()) == 1


def test_folios_without_a_call_are_never_taken_for_each_other(book: FolioBook) -> None:
    assert book.open(report(), NOW).number != book.open(report(), NOW).number


def test_a_naive_time_is_refused_and_stores_nothing(book: FolioBook) -> None:
    with pytest.raises(ValueError, match='no time zone'):
        book.open(report(), datetime(2026, 11, 24, 16, 0))                                # noqa: DTZ001
    assert book.list() == ()
    assert book.open(report(), NOW).number == number_for(1)


def test_words_of_a_caller_are_only_words(book: FolioBook) -> None:
    hostile = "'); DROP TABLE folios; -- %s %(x)s :y ? \" \\ \n😀"
    opened = book.open(report(user_name=hostile, category=hostile[:60], rule=hostile), NOW)
    assert book.get(opened.number) == opened
    assert book.find(hostile, 'acme') is None
    assert book.open_folios('acme', hostile) == ()


def in_threads(count: int, work: Callable[[int], object]) -> list[object]:
    """What each thread's work came to, exceptions included, all begun at the same moment."""
    results: list[object] = [None] * count
    start = threading.Barrier(count)

    def run(place: int) -> None:
        start.wait()
        try:
            results[place] = work(place)
        except Exception as error:
            results[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_eight_threads_open_eight_hundred_distinct_folios(book: FolioBook) -> None:
    opened = in_threads(8, lambda place: [book.open(report(call=f'c{place}.{n}'), NOW).number for n in range(100)])
    numbers = [number for of_thread in opened for number in of_thread]
    assert len(set(numbers)) == 800
    stored = book.list(limit=1000)
    assert {folio.number for folio in stored} == set(numbers)
    assert {folio.number for folio in stored} == {number_for(n) for n in range(1, 801)}
    assert {folio.report.call for folio in stored} == {f'c{place}.{n}' for place in range(8) for n in range(100)}


def test_two_processes_worth_of_books_share_one_series(db_url: str) -> None:
    books = [FolioBook(Database(db_url, patience_s=20.0)) for _ in range(4)]
    opened = in_threads(4, lambda place: [books[place].open(report(call=f'c{place}.{n}'), NOW).number for n in range(25)])
    assert len({number for of_thread in opened for number in of_thread}) == 100
    for book in books:
        book._db.close()


def test_threads_and_books_that_open_the_same_call_get_the_same_folio(db_url: str) -> None:
    books = [FolioBook(Database(db_url, patience_s=20.0)) for _ in range(2)]
    for call in ('c1', 'c2', 'c3'):
        opened = in_threads(8, lambda place, call=call: books[place % 2].open(report(call=call), NOW))
        assert len(set(opened)) == 1, opened
    assert len(books[0].list()) == 3
    for book in books:
        book._db.close()


def test_one_report_that_the_database_refuses_does_not_take_its_neighbours_along(book: FolioBook) -> None:
    def work(place: int) -> object:
        return book.open(report(call=f'c{place}', client=None if place == 3 else 'acme'), NOW)      # NULL where none may be
    results = in_threads(12, work)
    refused = [place for place, result in enumerate(results) if isinstance(result, Exception)]
    assert refused == [3]
    assert not isinstance(results[3], DatabaseUnavailable)
    assert len(book.list()) == 11


def test_a_locked_database_is_told_to_every_caller_in_time_and_forgotten_afterwards(tmp_path: Path) -> None:
    url = f'sqlite:///{tmp_path}/mesa.db'
    migrate.upgrade(url)
    book = FolioBook(Database(url, patience_s=0.5))
    intruder = sqlite3.connect(tmp_path / 'mesa.db', isolation_level=None)
    intruder.execute('BEGIN IMMEDIATE')

    def refused(place: int) -> float:
        began = monotonic()
        with pytest.raises(DatabaseUnavailable):
            book.open(report(call=f'c{place}'), NOW)
        return monotonic() - began

    waits = in_threads(20, refused)
    assert all(isinstance(wait, float) and wait < 1.2 for wait in waits), waits
    intruder.execute('ROLLBACK')
    intruder.close()
    assert in_threads(20, lambda place: book.open(report(call=f'c{place}'), NOW).report.call) == [f'c{place}' for place in range(20)]
    book._db.close()


def test_postgres_stopped_under_the_callers_is_told_in_time_and_heals() -> None:
    with postgres_instance() as server:
        migrate.upgrade(server.url)
        book = FolioBook(Database(server.url, patience_s=0.5))
        first = book.open(report(call='before'), NOW)
        server.stop()
        results = in_threads(6, lambda place: book.open(report(call=f'c{place}'), NOW))
        assert [type(result) for result in results] == [DatabaseUnavailable] * 6
        server.start()
        assert book.open(report(call='before'), NOW) == first
        assert {book.open(report(call=f'c{place}'), NOW).number for place in range(6)} == {number_for(n) for n in range(3, 9)}
        book._db.close()


KILLED = """
import sys
from datetime import UTC, datetime
from threading import Thread
from storage.engine import Database
from tests.test_ticketing_folios import report
from ticketing.folios import FolioBook

book = FolioBook(Database(sys.argv[1], patience_s=10.0))

def work(place):
    for n in range(10 ** 9):
        number = book.open(report(call=f'k{place}.{n}'), datetime(2026, 11, 24, tzinfo=UTC)).number
        sys.stdout.write(number + '\\n')
        sys.stdout.flush()

for place in range(4):
    Thread(target=work, args=(place,)).start()
"""


def test_every_number_told_by_a_process_that_was_killed_is_in_the_book(db_url: str) -> None:
    child = subprocess.Popen([sys.executable, '-c', KILLED, db_url], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY,
                             env={**os.environ, 'PYTHONPATH': str(REPOSITORY)})
    assert child.stdout is not None
    told = [child.stdout.readline().strip() for _ in range(150)]
    child.send_signal(signal.SIGKILL)
    rest = child.stdout.read().split('\n')
    assert child.wait() == -signal.SIGKILL
    told += [number for number in rest[:-1] if number]        # the last line may be cut
    assert len(told) >= 150
    database = Database(db_url, patience_s=20.0)
    book = FolioBook(database)
    stored = {folio.number for folio in book.list(limit=100_000)}
    assert set(told) <= stored
    assert len(set(told)) == len(told)
    assert all(kinds(book, number) == ['opened'] for number in told[:20] + told[-20:])
    assert book.open(report(call='after'), NOW).number not in stored
    database.close()


# --- finding --------------------------------------------------------------------------------------------------------

def test_another_clients_folio_answers_exactly_like_an_unknown_one(book: FolioBook) -> None:
    mine = book.open(report(client='acme'), NOW)
    assert book.find(mine.number, 'acme') == mine
    assert book.find(mine.number, 'globex') is None
    assert book.find(number_for(4711), 'acme') is None


@pytest.mark.parametrize('junk', ['', '0', 'abc', '1' * 400, '%', '\x00'])
def test_what_is_no_number_finds_nothing(book: FolioBook, junk: str) -> None:
    assert book.find(junk, 'acme') is None


def test_a_users_open_folios_newest_first(book: FolioBook, db: Database) -> None:
    old, middle, new = (book.open(report(call=f'c{n}'), NOW + n * MINUTE) for n in range(3))
    book.open(report(employee_number='9'), NOW)
    book.open(report(client='globex'), NOW)
    assert book.open_folios('acme', '1234') == (new, middle, old)
    for state in ('resolved', 'closed_verified', 'closed_unverified', 'cancelled'):
        set_state(db, middle.number, state)
        assert book.open_folios('acme', '1234') == (new, old)
    for state in ('assigned', 'in_progress', 'waiting'):
        set_state(db, middle.number, state)
        assert [folio.number for folio in book.open_folios('acme', '1234')] == [new.number, middle.number, old.number]
    assert book.open_folios('globex', '9') == ()


def set_state(db: Database, number: str, state: str) -> None:
    with db.write() as connection:
        connection.execute(update(folios).values(state=state).where(folios.c.number == number))


def test_list_filters(book: FolioBook) -> None:
    one = book.open(report(line='+528005550101'), NOW)
    two = book.open(report(line='+528005550102', client='globex'), NOW + MINUTE)
    three = book.open(report(line='+528005550101'), NOW + 2 * MINUTE)
    assert book.list() == (three, two, one)
    assert book.list(limit=2) == (three, two)
    assert book.list(client='globex') == (two,)
    assert book.list(line='+528005550101') == (three, one)
    assert book.list(since=NOW + MINUTE) == (three, two)
    assert book.list(until=NOW + MINUTE) == (one,)
    assert book.list(state=State.NEW, client='acme', since=NOW, until=NOW + MINUTE) == (one,)
    assert book.list(state=State.RESOLVED) == ()


def test_the_folio_of_a_call_is_the_one_it_opened_or_else_continued(book: FolioBook) -> None:
    mine = book.open(report(call='c1'), NOW)
    book.tie_call(mine.number, 'c2', NOW + MINUTE)
    assert book.of_call('c1') == mine
    assert book.of_call('c2') == mine
    other = book.open(report(call='c2'), NOW + 2 * MINUTE)
    assert book.of_call('c2') == other
    assert book.of_call('c3') is None


# --- what happens to a folio ----------------------------------------------------------------------------------------

def test_a_call_continues_a_folio_once(book: FolioBook) -> None:
    number = book.open(report(call='c1'), NOW).number
    assert book.tie_call(number, 'c2', NOW + MINUTE)
    assert not book.tie_call(number, 'c2', NOW + 2 * MINUTE)
    assert book.tie_call(number, 'c3', NOW + 3 * MINUTE)
    assert [(entry.kind, entry.call) for entry in book.timeline(number)] == [('opened', None), ('call', 'c2'), ('call', 'c3')]


def test_an_abandoned_call_marks_its_folio_once(book: FolioBook) -> None:
    number = book.open(report(call='c1'), NOW).number
    assert book.mark_abandoned('c1', NOW + MINUTE)
    assert not book.mark_abandoned('c1', NOW + 2 * MINUTE)
    assert book.get(number).abandoned_at == NOW + MINUTE
    assert book.get(number).state is State.NEW
    assert kinds(book, number) == ['opened', 'abandoned']


def test_abandoning_a_later_call_stands_in_the_timeline_only(book: FolioBook) -> None:
    number = book.open(report(call='c1'), NOW).number
    book.tie_call(number, 'c2', NOW + MINUTE)
    assert book.mark_abandoned('c2', NOW + 2 * MINUTE)
    assert book.get(number).abandoned_at is None
    assert kinds(book, number) == ['opened', 'call', 'abandoned']


def test_a_call_that_reached_an_agent_is_never_abandoned(book: FolioBook) -> None:
    number = book.open(report(call='c1'), NOW).number
    assert book.mark_answered('c1', 'lupita', NOW + MINUTE)
    assert not book.mark_answered('c1', 'lupita', NOW + MINUTE)
    assert not book.mark_abandoned('c1', NOW + 2 * MINUTE)
    assert book.get(number).abandoned_at is None
    assert kinds(book, number) == ['opened', 'answered']


def test_a_call_without_a_folio_can_be_neither(book: FolioBook) -> None:
    assert not book.mark_abandoned('nobody', NOW)
    assert not book.mark_answered('nobody', 'lupita', NOW)


def test_marks_that_race_are_made_once(book: FolioBook) -> None:
    number = book.open(report(call='c1'), NOW).number
    marked = in_threads(8, lambda place: book.mark_abandoned('c1', NOW) if place % 2 else book.tie_call(number, 'c9', NOW))
    assert sorted(marked, key=bool) == [False] * 6 + [True] * 2
    assert sorted(kinds(book, number)) == ['abandoned', 'call', 'opened']


def test_a_recording_is_attached_once(book: FolioBook) -> None:
    number = book.open(report(call='c1'), NOW).number
    facts = (EntryKind.DESCRIPTION, 'c1-description.wav', 'ab' * 32, 12)
    attached = in_threads(4, lambda _: book.attach(number, *facts, NOW))
    assert sorted(attached) == [False, False, False, True]
    assert book.attach(number, EntryKind.DESCRIPTION, 'c1-description.wav', 'cd' * 32, 13, NOW)      # not the same sound
    assert [entry.text for entry in book.timeline(number)[1:]] == [
        f'c1-description.wav (12 s, sha256 {"ab" * 32})', f'c1-description.wav (13 s, sha256 {"cd" * 32})']
    with pytest.raises(ValueError, match='note'):
        book.attach(number, EntryKind.NOTE, 'x', 'y', 1, NOW)


def test_category_privacy_and_notes_stand_in_the_timeline(book: FolioBook) -> None:
    number = book.open(report(call='c1'), NOW).number
    book.privacy_heard(number, 'mesa/privacy-1', True, NOW + MINUTE)
    book.privacy_heard(number, 'mesa/privacy-1', False, NOW + 2 * MINUTE)
    book.categorise(number, 'mail', NOW + 3 * MINUTE, 'Correo')
    book.categorise(number, 'pdf', NOW + 3 * MINUTE)
    book.note(number, EntryKind.NOTE, 'llamó otra vez', 'lupita', NOW + 4 * MINUTE)
    assert book.get(number).report.category == 'pdf'
    assert [(e.kind, e.by, e.text, e.at) for e in book.timeline(number)[1:]] == [
        ('privacy', 'caller', 'aviso de privacidad mesa/privacy-1: aceptado', NOW + MINUTE),
        ('privacy', 'caller', 'aviso de privacidad mesa/privacy-1: rechazado', NOW + 2 * MINUTE),
        ('category', 'caller', 'categoría: Correo', NOW + 3 * MINUTE), ('category', 'caller', 'categoría: pdf', NOW + 3 * MINUTE),
        ('note', 'lupita', 'llamó otra vez', NOW + 4 * MINUTE)]


@pytest.mark.parametrize('deed', [
    lambda book: book.timeline('11111111'),
    lambda book: book.note('11111111', EntryKind.NOTE, 'x', 'y', NOW),
    lambda book: book.tie_call('11111111', 'c1', NOW),
    lambda book: book.attach('11111111', EntryKind.MESSAGE, 'a.wav', 'ab', 1, NOW),
    lambda book: book.categorise('11111111', 'mail', NOW),
    lambda book: book.privacy_heard('11111111', '1', True, NOW)])
def test_an_unknown_number_is_refused_by_name(book: FolioBook, deed: Callable[[FolioBook], object]) -> None:
    with pytest.raises(UnknownFolio, match='11111111'):
        deed(book)


@pytest.mark.parametrize(('deed', 'reason'), [
    ("UPDATE folio_entries SET text = 'nothing happened'", 'never changed'), ('DELETE FROM folio_entries', 'never removed'),
    ('DELETE FROM folios', 'never removed'),
    ("UPDATE folios SET number = '1'", 'never changes'), ('UPDATE folios SET id = 7', 'never changes')])
def test_the_database_itself_keeps_timelines_and_numbers(book: FolioBook, db: Database, deed: str, reason: str) -> None:
    number = book.open(report(call='c1'), NOW).number
    before = book.timeline(number)
    with pytest.raises(DBAPIError, match=reason), db.write() as connection:
        connection.execute(text(deed))
    assert book.timeline(number) == before
    assert book.get(number).number == number
