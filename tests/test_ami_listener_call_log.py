"""The call log in the database: folded from the journal, idempotent, and faithful in what it owes to the folios."""
from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, func, select

from ami_listener import call_log as module
from ami_listener.call_log import MARK_ABANDONED, OPEN_FOLIO, Abandoned, CallLog, abandoned_of
from ami_listener.fold import fold
from ami_listener.journal import insert_new
from ami_listener.rows import READERS
from ami_listener.tables import call_duties, call_legs, calls, fold_marks, journal
from storage.engine import Database
from tests.recorded_calls import RECORDED

NOW = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)


def write(db: Database, source: str, lines: Iterable[str]) -> None:
    """Put lines into the journal as the reader does."""
    rows = [READERS[source](line) for line in lines]
    with db.write() as connection:
        insert_new(connection, journal, [{'key': f'{source}:{hash(line)}', 'source': source, 'linkedid': row.linkedid, 'at_us': row.at_us,
                                          'line': line} for row, line in zip(rows, lines, strict=True)])


def record(db: Database, *names: str) -> None:
    """The whole journal of recorded calls."""
    for name in names:
        write(db, 'cel', RECORDED[name].cel)
        if RECORDED[name].queue:
            write(db, 'queue', RECORDED[name].queue)


def linkedid(name: str) -> str:
    return RECORDED[name].linkedid


def test_every_recorded_call_is_stored_as_folded(db: Database) -> None:
    record(db, *RECORDED)
    log = CallLog(db)
    log.catch_up(NOW)
    for name, recording in RECORDED.items():
        assert log.get(linkedid(name)) == fold(recording.rows)
    assert len(log.list(limit=100)) == len(RECORDED)
    started = [call.started for call in log.list()]
    assert started == sorted(started, reverse=True)


def test_calls_are_found_by_time_and_by_folio(db: Database) -> None:
    record(db, 'simple', 'answered', 'abandoned')
    log = CallLog(db)
    log.catch_up(NOW)
    answered = log.get(linkedid('answered'))
    assert answered is not None
    assert {call.linkedid for call in log.list(folio='12345674')} == {linkedid('answered'), linkedid('abandoned')}
    assert log.list(since=answered.started, until=answered.started + timedelta(seconds=1)) == (answered,)
    assert log.get('nobody') is None


def test_rows_that_come_later_change_the_call(db: Database) -> None:
    log = CallLog(db)
    recording = RECORDED['second_agent']
    for line in recording.cel:
        write(db, 'cel', [line])
        log.catch_up(NOW)
    write(db, 'queue', recording.queue)
    log.catch_up(NOW)
    log.catch_up(NOW)
    assert log.get(linkedid('second_agent')) == fold(recording.rows)


def test_everything_can_be_made_again_from_the_journal(db: Database) -> None:
    record(db, *RECORDED)
    log = CallLog(db)
    log.catch_up(NOW)
    log.attach_folio(linkedid('fallback_message'), '20000007', NOW)
    before = log.list(limit=100)
    with db.write() as connection:
        for table in (call_legs, calls, fold_marks):
            connection.execute(delete(table))
    log.catch_up(NOW)
    assert log.list(limit=100) == before


def test_a_long_journal_is_folded_in_several_transactions(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, 'JOURNAL_BATCH', 7)
    record(db, *RECORDED)
    log = CallLog(db)
    log.catch_up(NOW)
    assert {call.linkedid: call for call in log.list(limit=100)} == {call.linkedid: fold(call.rows) for call in RECORDED.values()}
    with db.read() as connection:
        assert connection.scalar(select(fold_marks.c.journal_id)) == connection.scalar(select(func.max(journal.c.id)))


def test_a_fallback_call_waits_for_its_folio_and_keeps_it(db: Database) -> None:
    record(db, 'fallback_message', 'simple', 'answered')
    log = CallLog(db)
    log.catch_up(NOW)
    assert [call.linkedid for call in log.owed(OPEN_FOLIO)] == [linkedid('fallback_message')]
    log.attach_folio(linkedid('fallback_message'), '20000007', NOW)
    log.attach_folio(linkedid('fallback_message'), '99999999', NOW)                           # the first one stays
    assert log.owed(OPEN_FOLIO) == ()
    log.refresh([linkedid('fallback_message')], NOW)
    call = log.get(linkedid('fallback_message'))
    assert call is not None and call.folio == '20000007'
    assert log.owed(OPEN_FOLIO) == ()


def test_a_fallback_caller_who_still_waits_gets_his_folio_already(db: Database) -> None:
    recording = RECORDED['fallback_message']
    queued = next(i for i, line in enumerate(recording.cel) if '"Queue"' in line)
    log = CallLog(db)
    write(db, 'cel', recording.cel[:queued])
    log.catch_up(NOW)
    assert log.owed(OPEN_FOLIO) == ()
    write(db, 'cel', recording.cel[queued:queued + 1])
    log.catch_up(NOW)
    assert [call.ended for call in log.owed(OPEN_FOLIO)] == [None]


def test_a_message_that_nobody_tied_to_a_folio_is_owed_one(db: Database) -> None:
    write(db, 'cel', [line for line in RECORDED['fallback_message'].cel if 'MESA_FALLBACK' not in line])
    log = CallLog(db)
    log.catch_up(NOW)
    assert [call.message for call in log.owed(OPEN_FOLIO)] == ['/var/spool/a.wav']


def test_giving_up_is_reported_until_it_is_settled(db: Database) -> None:
    record(db, 'abandoned', 'answered')
    log = CallLog(db)
    call = fold(RECORDED['abandoned'].rows)
    assert call is not None and call.left_queue is not None
    fact = Abandoned(linkedid('abandoned'), '12345674', call.left_queue)
    assert log.catch_up(NOW) == (fact,)
    assert [abandoned_of(call) for call in log.owed(MARK_ABANDONED)] == [fact]
    log.failed(fact.linkedid, MARK_ABANDONED, 'the folio book is shut')
    assert [abandoned_of(call) for call in log.owed(MARK_ABANDONED)] == [fact]
    log.settle(fact.linkedid, MARK_ABANDONED, NOW)
    assert log.refresh([fact.linkedid], NOW) == (fact,)
    assert log.owed(MARK_ABANDONED) == ()
    with db.read() as connection:
        marking = select(call_duties.c.tries, call_duties.c.done).where(call_duties.c.duty == MARK_ABANDONED)
        assert connection.execute(marking).all() == [(1, NOW)]


def test_who_hangs_up_before_the_queue_abandons_the_folio_that_he_has_by_then(db: Database) -> None:
    rows = RECORDED['cancelled'].cel
    cancelled = fold(RECORDED['cancelled'].rows)
    assert cancelled is not None and cancelled.ended is not None
    log = CallLog(db)
    write(db, 'cel', rows)
    assert log.catch_up(NOW) == ()
    named = next(row for row in rows if 'MESA_LINE' in row).replace('MESA_LINE', 'MESA_FOLIO').replace('""+528005550104""', '""12345674""')
    write(db, 'cel', [named])
    assert log.catch_up(NOW) == (Abandoned(linkedid('cancelled'), '12345674', cancelled.ended),)


def test_a_fallback_caller_who_gave_up_is_reported_with_the_folio_made_afterwards(db: Database) -> None:
    cel = [line.replace('MESA_DONE', 'MESA_FALLBACK').replace('queue|soporte|0|12345674', 'open|watchdog')
           for line in RECORDED['abandoned'].cel]
    write(db, 'cel', cel)
    log = CallLog(db)
    assert log.catch_up(NOW) == ()
    assert [fact.folio for fact in log.attach_folio(linkedid('abandoned'), '20000007', NOW)] == ['20000007']
    assert [call.folio for call in log.owed(MARK_ABANDONED)] == ['20000007']


def test_a_call_under_which_asterisk_died_is_closed_at_its_next_start(db: Database) -> None:
    write(db, 'cel', RECORDED['answered'].cel[:9])
    record(db, 'two_queues')                                                                  # twenty seconds later, and whole
    log = CallLog(db)
    log.catch_up(NOW)
    open_call = log.get(linkedid('answered'))
    assert open_call is not None and open_call.ended is None
    write(db, 'queue', ['1795365190|NONE|NONE|NONE|QUEUESTART|'])
    log.catch_up(NOW)
    closed = log.get(linkedid('answered'))
    assert closed is not None and closed.ended is not None and closed.disposition == 'answered'
    whole = log.get(linkedid('two_queues'))
    assert whole == fold(RECORDED['two_queues'].rows)


def test_a_crash_that_is_read_afterwards_in_one_piece_closes_the_call_too(db: Database) -> None:
    write(db, 'cel', RECORDED['answered'].cel[:6])
    write(db, 'queue', ['1795365190|NONE|NONE|NONE|QUEUESTART|'])
    record(db, 'two_queues')
    log = CallLog(db)
    log.catch_up(NOW)
    closed = log.get(linkedid('answered'))
    assert closed is not None and closed.disposition == 'failed'
    assert log.get(linkedid('two_queues')) == fold(RECORDED['two_queues'].rows)
    write(db, 'cel', RECORDED['answered'].cel[6:])                                            # it was only late
    log.catch_up(NOW)
    late = log.get(linkedid('answered'))
    assert late is not None and (late.disposition, late.talk_s) == ('answered', 2.499127)


def test_a_call_that_cannot_be_told_keeps_no_other_out(db: Database) -> None:
    record(db, 'simple')
    with db.write() as connection:
        insert_new(connection, journal, [{'key': 'x', 'source': 'cel', 'linkedid': 'broken', 'at_us': 1, 'line': 'no row'}])
    record(db, 'answered')
    log = CallLog(db)
    log.catch_up(NOW)
    assert log.get('broken') is None
    assert log.get(linkedid('simple')) is not None and log.get(linkedid('answered')) is not None


def test_absurd_texts_fit_into_the_tables(db: Database) -> None:
    recording = RECORDED['fallback_message']
    long = 'ñ' * 3000
    cel = list(recording.cel)
    for usual, absurd in (('open|agi FAILURE', f'open|{long}\\u0000'), ('vacia', long), ('5555550101', long), ('+528005550103', long)):
        cel = [line.replace(usual, absurd) for line in cel]
    write(db, 'cel', cel)
    log = CallLog(db)
    log.catch_up(NOW)
    call = log.get(recording.linkedid)
    assert call is not None and call.why is not None and call.queue is not None
    assert (len(call.why), len(call.queue)) == (200, 80)
    log.failed(recording.linkedid, OPEN_FOLIO, long)
    assert len(log.owed(OPEN_FOLIO)) == 1
