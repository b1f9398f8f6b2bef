"""Rounds of the books that are cut off anywhere: the next process ends with the same books and does what was owed."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from ami_listener.bookkeeper import DUTIES, RETRY_S, SETTLING_S, Bookkeeper
from ami_listener.call_log import TIE_MESSAGE, CallLog, CallRecord
from ami_listener.fold import fold
from storage.engine import Database
from tests.recorded_calls import CALL_BACKS, RECORDED

NOW = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)


class Died(BaseException):
    """The process was killed here."""


class Mortal:
    """A database whose process dies just before, or just after, its n-th transaction."""

    def __init__(self, db: Database, last: int) -> None:
        self._db = db
        self._left = last

    def write(self, patience_s: float) -> Any:
        return self._one(self._db.write(patience_s))

    def read(self, patience_s: float) -> Any:
        return self._one(self._db.read(patience_s))

    @contextmanager
    def _one(self, transaction: Any) -> Iterator[Connection]:
        self._die()
        with transaction as connection:
            yield connection
        self._die()

    def _die(self) -> None:
        self._left -= 1
        if self._left == 0:
            raise Died


class Office:
    """The folio book: idempotent by call, as the real one."""

    def __init__(self) -> None:
        self.folios: dict[str, str] = {}
        self.asked: list[str] = []
        self.abandoned: dict[str, datetime] = {}
        self.answered: dict[str, str] = {}
        self.recorded: list[str] = []
        self.settled: list[tuple[str, str | None]] = []
        self.refuses = False
        self.seconds = 0.0

    def open_folio(self, call: CallRecord) -> str | None:
        self.asked.append(call.linkedid)
        if self.refuses:
            raise RuntimeError('the folio book is shut')
        if call.path == 'fallback-closed':
            return None
        return self.folios.setdefault(call.linkedid, f'2000000{len(self.folios)}')

    def mark_abandoned(self, linkedid: str, at: datetime) -> None:
        self.abandoned[linkedid] = at

    def mark_answered(self, linkedid: str, agent: str, at: datetime) -> None:
        self.answered[linkedid] = agent

    def keep_recording(self, call: CallRecord) -> None:
        self.recorded.append(call.linkedid)

    def settle_call_back(self, call: CallRecord) -> None:
        self.settled.append((call.linkedid, call.disposition))

    def bookkeeper(self, db: Any, folder: Path) -> Bookkeeper:
        return Bookkeeper(db, folder, lambda: NOW, self, lambda: self.seconds)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A log folder that holds every recorded call."""
    log = tmp_path / 'log'
    (log / 'cel-custom').mkdir(parents=True)
    (log / 'cel-custom' / 'mesa.csv').write_text(''.join(f'{line}\n' for recording in RECORDED.values() for line in recording.cel))
    (log / 'queue_log').write_text(''.join(f'{line}\n' for recording in RECORDED.values() for line in recording.queue))
    return log


def linkedid(name: str) -> str:
    return RECORDED[name].linkedid


def test_a_round_does_everything(db: Database, folder: Path) -> None:
    office = Office()
    assert office.bookkeeper(db, folder).round() is True
    assert office.folios == {linkedid('fallback_message'): '20000000'}
    call = CallLog(db).get(linkedid('fallback_message'))
    assert call is not None and call.folio == '20000000'
    abandoned = fold(RECORDED['abandoned'].rows)
    assert abandoned is not None
    assert office.abandoned == {linkedid('abandoned'): abandoned.left_queue}
    taken = {recording.linkedid: call for recording in RECORDED.values() if (call := fold(recording.rows)) and call.folio and call.agent}
    assert office.answered == {linkedid: call.agent for linkedid, call in taken.items()} and taken
    assert office.bookkeeper(db, folder).round() is False
    assert office.asked == [linkedid('fallback_message'), linkedid('odd_text')]               # each once; the second deserved none


def test_killed_at_any_transaction_nothing_is_lost(db: Database, folder: Path) -> None:
    office = Office()
    for last in range(1, 200):
        try:
            office.bookkeeper(Mortal(db, last), folder).round()
        except Died:
            continue
        break
    else:
        pytest.fail('no round ever ended')
    assert last > 10
    log = CallLog(db)
    for name, recording in RECORDED.items():
        call, whole = log.get(linkedid(name)), fold(recording.rows)
        assert call is not None and whole is not None
        assert call.legs == whole.legs and call.disposition == whole.disposition
    assert office.folios == {linkedid('fallback_message'): '20000000'}
    assert set(office.abandoned) == {linkedid('abandoned')}
    assert [call for duty in DUTIES for call in log.owed(duty.name) if duty.name != TIE_MESSAGE] == []


def test_a_folio_that_cannot_be_made_now_is_made_later(db: Database, folder: Path) -> None:
    office = Office()
    office.refuses = True
    books = office.bookkeeper(db, folder)
    books.round()
    books.round()
    assert len(office.asked) == 2                                                             # not again at once
    assert office.abandoned                                                                   # and it held up nobody else
    office.refuses = False
    office.seconds += RETRY_S
    books.round()
    assert linkedid('fallback_message') in office.folios


def test_a_message_that_mesa_may_still_be_tying_is_left_alone_for_a_while(db: Database, folder: Path) -> None:
    cel = folder / 'cel-custom' / 'mesa.csv'
    cel.write_text(''.join(line for line in cel.read_text().splitlines(keepends=True) if 'MESA_FALLBACK' not in line))
    office = Office()
    books = office.bookkeeper(db, folder)
    books.round()
    assert office.asked == []
    office.seconds += SETTLING_S
    books.round()
    assert office.asked == [linkedid('fallback_message'), linkedid('no_agent_then_message')]
    books.round()
    assert len(office.asked) == 2


def test_a_message_after_a_long_wait_is_tied_to_the_folio_that_the_call_has(db: Database, folder: Path) -> None:
    office = Office()
    books = office.bookkeeper(db, folder)
    books.round()
    office.seconds += SETTLING_S
    office.refuses = True
    books.round()
    log = CallLog(db)
    assert [call.linkedid for call in log.owed(TIE_MESSAGE)] == [linkedid('fallback_message'), linkedid('no_agent_then_message')]
    office.refuses = False
    office.seconds += RETRY_S
    books.round()
    assert log.owed(TIE_MESSAGE) == ()
    call, whole = log.get(linkedid('no_agent_then_message')), fold(RECORDED['no_agent_then_message'].rows)
    assert call is not None and whole is not None and call.folio == whole.folio


def test_the_end_of_every_attempt_to_call_back_is_told_once(db: Database, folder: Path) -> None:
    with (folder / 'cel-custom' / 'mesa.csv').open('a') as cel, (folder / 'queue_log').open('a') as queue:
        for recording in CALL_BACKS.values():
            cel.writelines(f'{line}\n' for line in recording.cel)
            queue.writelines(f'{line}\n' for line in recording.queue)
    office = Office()
    books = office.bookkeeper(db, folder)
    books.round()
    books.round()
    told = {call.linkedid: name for name, call in CALL_BACKS.items()}
    assert {(told[linkedid], disposition) for linkedid, disposition in office.settled} == {
        (name, name) for name in ('answered', 'busy', 'no_key', 'agent_left')}
    assert len(office.settled) == 4
    assert told.keys() & set(office.abandoned) == set()                                       # who asked for a call has not given up
    assert {told[linkedid] for linkedid in office.answered if linkedid in told} == {'answered'}


def test_a_call_that_mesa_placed_gets_the_folio_it_was_placed_for(db: Database, folder: Path) -> None:
    rows = [line.replace('1795365171', '1795465171').replace('from-trunk', 'mesa-close-call')
            for line in RECORDED['simple'].cel if 'USER_DEFINED' not in line]
    (folder / 'cel-custom' / 'mesa.csv').write_text(''.join(f'{line}\n' for line in rows))
    (folder / 'queue_log').write_text('')
    office = Office()
    office.bookkeeper(db, folder).round()
    (linkedid,) = office.folios
    call = CallLog(db).get(linkedid)
    assert call is not None and (call.direction, call.folio) == ('out', office.folios[linkedid])


def test_a_recorded_conversation_is_kept_when_it_is_over(db: Database, folder: Path) -> None:
    whole = [line.replace('|12345674"', '|12345674|yes"') for line in RECORDED['answered'].cel]
    assert whole != list(RECORDED['answered'].cel)
    gone = next(n for n, line in enumerate(whole) if line.startswith('"HANGUP"'))
    cel = folder / 'cel-custom' / 'mesa.csv'
    cel.write_text(''.join(f'{line}\n' for line in whole[:gone]))
    office = Office()
    books = office.bookkeeper(db, folder)
    books.round()
    assert office.recorded == []
    with cel.open('a') as file:
        file.writelines(f'{line}\n' for line in whole[gone:])
    books.round()
    books.round()
    assert office.recorded == [linkedid('answered')]
