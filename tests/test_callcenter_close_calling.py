"""The duty that places close calls: nothing is dialled twice, and what Asterisk has forgotten is settled (mission.md 4.7)."""
from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import update

from ami_listener.connection import AmiError, LinkState
from ami_listener.dialer import DialDoubt, DialError, Ended, OnEnd, Placing
from callcenter.close_calling import MOST_AT_ONCE, CloseCalling
from config.phones import e164
from storage.engine import Database
from tests.test_ticketing_closing_close_calls import TUESDAY, Books
from ticketing.tables import folios, outbound_calls


class Exchange:
    """What the duty needs of a dialer, by hand: what it is asked, and what it knows."""

    def __init__(self) -> None:
        self.link_state = LinkState.UP
        self.refusal: Exception | None = None
        self.trouble: Exception | None = None
        self.placed: list[Placing] = []
        self.up: set[str] = set()
        self.looks = 0
        self.on_end: OnEnd

    def dial(self, placing: Placing, on_end: OnEnd) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.placed.append(placing)
        self.up.add(placing.linkedid)
        self.on_end = on_end

    def alive(self) -> frozenset[str]:
        self.looks += 1
        if self.trouble is not None:
            raise self.trouble
        return frozenset(self.up)


class Desk:
    def __init__(self, db: Database) -> None:
        self.books = Books(db)
        self.exchange = Exchange()
        self.seconds = 0.0
        self.now = TUESDAY
        self.start()

    def start(self) -> None:
        """As after a restart: nothing is remembered."""
        self.duty = CloseCalling(self.books.calls, self.exchange, lambda: self.now, lambda: self.seconds)  # type: ignore[arg-type]

    def rounds(self, seconds: float) -> None:
        """One round a second."""
        for _ in range(round(seconds)):
            self.seconds += 1
            self.duty.round()


@pytest.fixture
def desk(db: Database) -> Iterator[Desk]:
    yield Desk(db)


def test_a_due_call_is_placed_once_with_all_that_the_dialplan_needs(desk: Desk) -> None:
    number = desk.books.resolved()
    assert desk.duty.round() == 1
    desk.rounds(60)
    placing, = desk.exchange.placed
    assert (placing.number, placing.trunk, placing.caller_id, placing.context) == (
        '+525555551101', 'demo', '+528005550101', 'mesa-close-call')
    assert placing.variables == {
        'MESA_CLOSE_CALL': str(desk.books.row().id), 'MESA_FOLIO': number, 'MESA_LINE': '+528005550101'}
    desk.exchange.on_end(Ended(placing.linkedid, 'busy', 17))
    assert desk.books.outcomes() == ['busy'] and desk.books.row().state == 'waiting'


def test_while_the_link_is_down_no_attempt_is_begun(desk: Desk) -> None:
    desk.books.resolved()
    desk.exchange.link_state = LinkState.DOWN
    desk.rounds(5)
    assert desk.books.row().attempts == 0 and desk.books.outcomes() == []


def test_a_refused_order_is_a_failed_attempt(desk: Desk) -> None:
    desk.books.resolved()
    desk.exchange.refusal = DialError('Extension does not exist.')
    desk.rounds(20)
    assert desk.books.outcomes() == ['failed'] and desk.books.row().attempts == 1


def test_a_doubtful_order_is_not_repeated_and_lost_when_asterisk_does_not_know_it(desk: Desk) -> None:
    desk.books.resolved()
    desk.exchange.refusal = DialDoubt('the link went down')
    desk.rounds(9)
    assert desk.books.outcomes() == [None]
    desk.rounds(15)
    assert desk.books.outcomes() == ['lost'] and (desk.books.row().state, desk.books.row().attempts) == ('waiting', 1)


def test_a_call_that_goes_on_after_a_restart_is_left_alone(desk: Desk) -> None:
    desk.books.resolved()
    desk.rounds(1)
    desk.start()
    desk.rounds(60)
    assert len(desk.exchange.placed) == 1 and desk.books.outcomes() == [None]
    desk.exchange.up.clear()
    desk.rounds(20)
    assert desk.books.outcomes() == ['lost']


def test_a_channel_that_comes_late_is_not_lost(desk: Desk) -> None:
    desk.books.resolved()
    desk.rounds(1)
    linkedid = desk.exchange.placed[0].linkedid
    desk.exchange.up.clear()
    desk.rounds(9)
    desk.exchange.up.add(linkedid)
    desk.rounds(9)
    desk.exchange.up.clear()
    desk.rounds(9)
    assert desk.books.outcomes() == [None]


def test_nothing_is_concluded_while_asterisk_does_not_tell(desk: Desk) -> None:
    desk.books.resolved()
    desk.rounds(1)
    desk.exchange.up.clear()
    desk.exchange.trouble = AmiError('no answer')
    desk.rounds(60)
    assert desk.books.outcomes() == [None]


def test_asterisk_is_not_asked_while_nothing_is_placed(desk: Desk) -> None:
    desk.rounds(30)
    assert desk.exchange.looks == 0


def spoil(desk: Desk, number: str) -> None:
    """A folio that no code can read."""
    with desk.books.db.write() as connection:
        connection.execute(update(folios).where(folios.c.number == number).values(modality='nothing'))


def test_one_that_fails_holds_up_nobody(desk: Desk) -> None:
    spoil(desk, desk.books.resolved(employee_number=None, caller_number='+525555551177'))
    desk.books.resolved()
    desk.rounds(3)
    assert [placing.number for placing in desk.exchange.placed] == ['+525555551101']


def test_a_lost_call_that_cannot_be_settled_holds_up_no_other(desk: Desk) -> None:
    spoiled = desk.books.resolved(employee_number=None, caller_number='+525555551177')
    desk.books.resolved()
    desk.rounds(1)
    spoil(desk, spoiled)
    desk.exchange.up.clear()
    desk.rounds(20)
    assert sorted(desk.books.outcomes(), key=str) == [None, 'lost']


def test_not_all_are_called_in_the_same_instant(desk: Desk) -> None:
    """At 08:00:00 a whole night's close calls are due: callers must still find a place in Mesa."""
    for n in range(MOST_AT_ONCE + 3):
        desk.books.resolved(employee_number=None, caller_number=e164(f'55555512{n:02d}'))
    desk.rounds(5)
    assert len(desk.exchange.placed) == MOST_AT_ONCE
    with desk.books.db.write() as connection:
        connection.execute(update(outbound_calls).values(ended_at=TUESDAY))
    desk.rounds(1)
    assert len(desk.exchange.placed) == MOST_AT_ONCE + 3


def test_who_did_not_answer_in_writing_is_given_up_while_asterisk_is_away(desk: Desk) -> None:
    number = desk.books.resolved(employee_number=None, caller_number=None)
    desk.rounds(1)
    assert desk.books.row().state == 'mailed'
    desk.exchange.link_state = LinkState.DOWN
    desk.now = desk.books.row().deadline
    desk.rounds(1)
    assert desk.books.state(number) == 'closed_unverified'
