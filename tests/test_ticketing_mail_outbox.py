"""The outbox on both databases: leases, back-off, doubts, and what the timeline is told."""
from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, update

from storage.engine import Database
from tests.outbox_rows import NOW, a_folio, posted
from ticketing.folios import FolioBook
from ticketing.mail.outbox import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    MOST_DOUBTS,
    TRIED_FOR,
    Notice,
    NotInOutbox,
    Outbox,
    most_tries,
    pause_after,
    post,
)
from ticketing.tables import folios, messages_in, outbox
from ticketing.values import EntryKind, Sending, TicketingError

MACHINE = datetime(2030, 1, 1, tzinfo=UTC)             # the two clocks have nothing to do with each other
MINUTE = timedelta(minutes=1)
LEASE_S = 300.0


def an_outbox(db: Database) -> Outbox:
    return Outbox(db, jitter=lambda: 0.0)


def entries(db: Database, number: str, kind: EntryKind) -> list[str]:
    return [entry.text for entry in FolioBook(db).timeline(number) if entry.kind == kind]


def test_the_same_cause_asks_once(db: Database) -> None:
    posted(db)
    with db.write() as connection:
        again = Notice(key='update:1', name='update', recipient='x@y.example', client=None, folio_id=None)
        assert not post(connection, again, '<2@x>', NOW, NOW)
    assert len(an_outbox(db).list()) == 1


def test_due_goes_by_mesas_clock_and_leases_by_the_machines(db: Database) -> None:
    posted(db, due=NOW + MINUTE)
    book = an_outbox(db)
    assert book.claim(NOW, MACHINE, LEASE_S) == ()
    assert book.claim(NOW + MINUTE, MACHINE, LEASE_S)
    assert book.claim(NOW + 60 * MINUTE, MACHINE + timedelta(seconds=LEASE_S - 1), LEASE_S) == ()
    again = book.claim(NOW + MINUTE, MACHINE + timedelta(seconds=LEASE_S), LEASE_S)
    assert [row.tries for row in again] == [2]


def test_a_letter_is_claimed_by_one_of_many(db: Database) -> None:
    ids = [posted(db, f'update:{n}') for n in range(30)]
    taken: list[int] = []

    def work() -> None:
        while rows := an_outbox(db).claim(NOW, MACHINE, LEASE_S):
            taken.extend(row.id for row in rows)
    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == ids


def test_the_longest_due_goes_first(db: Database) -> None:
    late, early = posted(db, 'a', due=NOW), posted(db, 'b', due=NOW - MINUTE)
    assert [row.id for row in an_outbox(db).claim(NOW, MACHINE, LEASE_S, limit=5)] == [early, late]


def test_sent_stands_in_the_timeline_once(db: Database) -> None:
    number = a_folio(db)
    posted(db, number=number)
    book = an_outbox(db)
    row, = book.claim(NOW, MACHINE, LEASE_S)
    assert (row.number, row.line, row.facts) == (number, '+528005550101', {'text': 'Avance'})
    assert book.committed(row, MACHINE, LEASE_S)
    assert book.sent(row, NOW)
    assert not book.sent(row, NOW)
    assert entries(db, number, EntryKind.EMAIL_OUT) == ['correo «avance» a ana@nopalera.example <update.1@mesa.example>']
    assert (book.get(row.id).state, book.get(row.id).doubts) == (Sending.SENT, 0)
    assert book.claim(NOW, MACHINE + timedelta(days=9), LEASE_S) == ()


def test_pauses_double_up_to_four_hours_and_fill_four_days(db: Database) -> None:
    pauses = [pause_after(n) for n in range(1, most_tries())]
    assert pauses[:3] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert pauses[-1] == LONGEST_PAUSE
    assert TRIED_FOR <= sum(pauses, timedelta(0)) < TRIED_FOR + LONGEST_PAUSE


def test_tried_for_days_and_then_failed_with_a_warning(db: Database) -> None:
    number = a_folio(db)
    posted(db, number=number)
    book, machine, states = an_outbox(db), MACHINE, []
    while rows := book.claim(NOW, machine, LEASE_S):
        states.append(book.failed(rows[0], '451 later', NOW, machine))
        machine = (book.get(rows[0].id).not_before or machine) + timedelta(seconds=1)
    assert states == [Sending.WAITING] * (most_tries() - 1) + [Sending.FAILED]
    assert machine - MACHINE > TRIED_FOR
    assert entries(db, number, EntryKind.WARNING) == ['no se pudo entregar el correo «avance» a ana@nopalera.example: 451 later']


def test_it_rests_before_it_is_tried_again(db: Database) -> None:
    posted(db)
    book = an_outbox(db)
    row, = book.claim(NOW, MACHINE, LEASE_S)
    book.failed(row, '451 later', NOW, MACHINE)
    assert book.claim(NOW, MACHINE + FIRST_PAUSE - timedelta(seconds=1), LEASE_S) == ()
    assert book.claim(NOW, MACHINE + FIRST_PAUSE, LEASE_S)


def test_pauses_differ_a_little(db: Database) -> None:
    posted(db)
    book = Outbox(db, jitter=lambda: 1.0)
    row, = book.claim(NOW, MACHINE, LEASE_S)
    book.failed(row, '', NOW, MACHINE)
    assert book.get(row.id).not_before == MACHINE + FIRST_PAUSE * 1.1


def test_refused_is_final(db: Database) -> None:
    number = a_folio(db)
    posted(db, number=number)
    book = an_outbox(db)
    row, = book.claim(NOW, MACHINE, LEASE_S)
    assert book.refused(row, '550 no such user', NOW)
    assert (book.get(row.id).state, book.get(row.id).last_error) == (Sending.FAILED, '550 no such user')
    assert len(entries(db, number, EntryKind.WARNING)) == 1
    assert book.claim(NOW, MACHINE + timedelta(days=9), LEASE_S) == ()


def test_after_the_second_doubt_there_is_no_third_attempt(db: Database) -> None:
    number = a_folio(db)
    posted(db, number=number)
    book, machine = an_outbox(db), MACHINE
    for expected in (Sending.WAITING, Sending.DOUBTFUL):
        row, = book.claim(NOW, machine, LEASE_S)
        assert book.committed(row, machine, LEASE_S)
        assert book.doubt(row, 'no answer', NOW, machine) is expected
        machine += timedelta(days=1)
    assert book.claim(NOW, machine, LEASE_S) == ()
    assert len(entries(db, number, EntryKind.WARNING)) == 1


def test_a_killed_worker_leaves_its_doubt_behind(db: Database) -> None:
    number = a_folio(db)
    posted(db, number=number)
    book, machine = an_outbox(db), MACHINE
    for known in range(MOST_DOUBTS):
        row, = book.claim(NOW, machine, LEASE_S)
        assert row.doubts == known
        assert book.committed(row, machine, LEASE_S)           # and then it is killed
        machine += timedelta(seconds=LEASE_S)
    assert book.claim(NOW, machine, LEASE_S) == ()
    assert (book.put_aside(NOW, machine - timedelta(seconds=1)), book.put_aside(NOW, machine)) == (0, 1)
    assert book.get(row.id).state is Sending.DOUBTFUL
    assert 'dos veces' in entries(db, number, EntryKind.WARNING)[0]


def test_killed_before_the_letter_could_arrive_is_no_doubt(db: Database) -> None:
    posted(db)
    book, machine = an_outbox(db), MACHINE
    for _ in range(5):
        row, = book.claim(NOW, machine, LEASE_S)
        assert row.doubts == 0
        machine += timedelta(seconds=LEASE_S)


def test_what_kills_its_worker_every_time_ends(db: Database) -> None:
    posted(db)
    book, machine, began = an_outbox(db), MACHINE, 0
    while book.claim(NOW, machine, LEASE_S):
        began += 1
        machine += timedelta(seconds=LEASE_S)
    assert began == most_tries()
    assert book.put_aside(NOW, machine) == 1
    assert book.list([Sending.FAILED])


def test_a_definite_no_takes_the_doubt_back(db: Database) -> None:
    posted(db)
    book = an_outbox(db)
    row, = book.claim(NOW, MACHINE, LEASE_S)
    assert book.committed(row, MACHINE, LEASE_S)
    book.failed(row, '452 disk full', NOW, MACHINE)
    assert book.get(row.id).doubts == 0


def test_a_worker_that_slept_through_its_lease_may_not_send(db: Database) -> None:
    posted(db)
    book = an_outbox(db)
    slow, = book.claim(NOW, MACHINE, LEASE_S)
    quick, = book.claim(NOW, MACHINE + timedelta(seconds=LEASE_S), LEASE_S)
    assert not book.committed(slow, MACHINE, LEASE_S)
    assert book.failed(slow, 'late', NOW, MACHINE) is None
    assert not book.refused(slow, 'late', NOW)
    assert book.committed(quick, MACHINE, LEASE_S)


def test_a_late_yes_is_believed(db: Database) -> None:
    """It was accepted after its lease had ended, and somebody else's attempt failed: it arrived."""
    posted(db)
    book, later = an_outbox(db), MACHINE + timedelta(seconds=LEASE_S)
    slow, = book.claim(NOW, MACHINE, LEASE_S)
    assert book.committed(slow, MACHINE, LEASE_S)
    quick, = book.claim(NOW, later, LEASE_S)
    book.failed(quick, '451', NOW, later)
    assert book.sent(slow, NOW)
    assert book.get(slow.id).state is Sending.SENT


def test_put_off_is_no_attempt(db: Database) -> None:
    posted(db)
    book = an_outbox(db)
    row, = book.claim(NOW, MACHINE, LEASE_S)
    assert book.put_off(row, NOW + 60 * MINUTE)
    assert book.claim(NOW, MACHINE, LEASE_S) == ()
    assert book.claim(NOW + 60 * MINUTE, MACHINE, LEASE_S)[0].tries == 1


def test_references_are_the_earlier_letters_to_and_from_the_same_person(db: Database) -> None:
    number = a_folio(db)
    for n in range(3):
        posted(db, f'update:{n}', number=number)
    posted(db, 'other', number=number, recipient='otro@nopalera.example')
    last = posted(db, 'last', number=number)
    with db.write() as connection:
        folio_id = connection.scalar(select(folios.c.id))
        connection.execute(messages_in.insert().values(
            message_id='<hers@nopalera.example>', sha256='0', received_at=NOW - MINUTE, folio_id=folio_id, sender='ana@nopalera.example',
            subject='', outcome='joined', reason=''))
    assert an_outbox(db).get(last).references == (
        '<hers@nopalera.example>', '<update.0@mesa.example>', '<update.1@mesa.example>', '<update.2@mesa.example>')


def test_a_person_tries_again_or_drops(db: Database) -> None:
    number = a_folio(db)
    id_ = posted(db, number=number)
    book = an_outbox(db)
    row, = book.claim(NOW, MACHINE, LEASE_S)
    with pytest.raises(TicketingError, match='is sending'):
        book.drop(id_, 'ya no', 'laura', NOW)
    book.refused(row, '550', NOW)
    assert book.retry(id_, 'laura', NOW).state is Sending.WAITING
    assert book.drop(id_, 'el usuario ya no trabaja ahí', 'laura', NOW).state is Sending.DROPPED
    assert len(entries(db, number, EntryKind.NOTE)) == 2
    with pytest.raises(TicketingError, match='is dropped'):
        book.drop(id_, 'otra vez', 'laura', NOW)
    with pytest.raises(NotInOutbox):
        book.retry(999, 'laura', NOW)


def test_one_in_doubt_goes_out_once_more_and_marked(db: Database) -> None:
    id_ = posted(db)
    with db.write() as connection:
        connection.execute(update(outbox).values(state=Sending.DOUBTFUL.value, doubts=2, tries=2))
    book = an_outbox(db)
    book.retry(id_, 'laura', NOW)
    row, = book.claim(NOW, MACHINE, LEASE_S)
    assert row.doubts == 1
    assert book.committed(row, MACHINE, LEASE_S)
    assert book.doubt(row, 'no answer', NOW, MACHINE) is Sending.DOUBTFUL


def test_the_outbox_of_a_year_is_not_read_for_what_waits(db: Database) -> None:
    """What was sent stays for ever; every second somebody asks for the next letter."""
    posted(db)
    seen: list[tuple[str, Any]] = []
    book = an_outbox(db)
    with db.write() as connection:
        event.listen(connection.engine, 'before_cursor_execute', lambda c, cursor, words, values, *_: seen.append((words, values)))
    book.put_aside(NOW, MACHINE)
    book.claim(NOW, MACHINE, LEASE_S)
    asked = [(words, values) for words, values in seen if 'lease_until' in words and words.startswith('SELECT')]
    assert len(asked) >= 2
    with db.write() as connection:
        if db.dialect == 'postgresql':
            connection.exec_driver_sql('SET LOCAL enable_seqscan = off')
        explain = 'EXPLAIN ' if db.dialect == 'postgresql' else 'EXPLAIN QUERY PLAN '
        for words, values in asked[:2]:
            plan = str(connection.exec_driver_sql(explain + words, values).fetchall())
            assert 'outbox_waiting' in plan, plan
