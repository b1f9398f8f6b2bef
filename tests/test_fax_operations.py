"""What a person does with a fax: every move from every state, exactly the possible ones pass (mission.md 5.5)."""
from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from fax.operations import FaxDesk
from fax.tables import faxes
from fax.values import FaxError, FaxState, UnknownFax
from storage.engine import Database
from tests.fax_office import ACCOUNT, LINE, FaxOffice, tiff
from ticketing.tables import outbox
from ticketing.values import Sending

S = FaxState
POSSIBLE = {
    'hold': {S.CONVERTED, S.HELD, S.QUEUED},
    'release': {S.HELD, S.QUARANTINED},
    'resend': {S.SENT, S.UNDELIVERED, S.REJECTED, S.DISCARDED},
    'quarantine': {S.RECEIVED, S.COUNTED, S.CONVERTED, S.HELD, S.QUEUED, S.UNDELIVERED},
    'discard': {S.HELD, S.QUEUED, S.QUARANTINED, S.UNDELIVERED},
}


@pytest.fixture
def office(db: Database, tmp_path: Path) -> FaxOffice:
    return FaxOffice(db, tmp_path)


def do(desk: FaxDesk, move: str, reference: str) -> None:
    getattr(desk, move)(reference, 'eva', *(['no es para nadie'] if move in ('quarantine', 'discard') else []))


@pytest.mark.parametrize('state', FaxState)
@pytest.mark.parametrize('move', POSSIBLE)
def test_exactly_the_possible_moves_pass(office: FaxOffice, move: str, state: FaxState) -> None:
    office.arrive(tiff('a'))
    office.pipeline.round()
    reference = office.only.reference
    assert office.only.state is S.QUEUED
    with office.db.write() as connection:
        connection.execute(update(faxes).values(state=state.value))
    if state in POSSIBLE[move]:
        do(office.desk, move, reference)
        assert office.book.events(reference)[-1].by == 'eva'
    else:
        before = office.only
        with pytest.raises(FaxError, match=f'is {state}'):
            do(office.desk, move, reference)
        assert office.only == before


def test_a_fax_on_hold_stays_whatever_the_hour(office: FaxOffice) -> None:
    office.arrive(tiff('a'))
    office.pipeline.round()
    office.desk.hold(office.only.reference.lower(), 'eva')
    office.work()
    office.work(minutes=7 * 24 * 60)
    assert (office.only.state, office.only.on_hold, office.letters()) == (S.HELD, True, [])
    office.desk.release(office.only.reference, 'eva')
    office.work()
    assert office.only.state is S.SENT and [letter['To'] for letter in office.letters()] == [ACCOUNT]


def test_a_released_fax_leaves_at_night(office: FaxOffice) -> None:
    office.now += timedelta(hours=12)
    office.arrive(tiff('a'))
    office.work()
    assert office.only.state is S.HELD
    office.desk.release(office.only.reference, 'eva')
    office.work()
    assert office.only.state is S.SENT


@pytest.mark.parametrize('letter', [{'state': Sending.SENDING.value}, {'state': Sending.SENT.value}, {'doubts': 1}])
def test_what_may_be_on_its_way_is_not_held_back(office: FaxOffice, letter: dict[str, object]) -> None:
    office.arrive(tiff('a'))
    office.pipeline.round()
    with office.db.write() as connection:
        connection.execute(update(outbox).values(**letter))
    for move in ('hold', 'quarantine', 'discard'):
        with pytest.raises(FaxError, match='on its way'):
            do(office.desk, move, office.only.reference)
    assert office.only.state is S.QUEUED


def test_a_discarded_fax_is_nobody_s_and_may_still_be_sent(office: FaxOffice) -> None:
    office.arrive(tiff('a'))
    office.pipeline.round()
    office.desk.discard(office.only.reference, 'eva', 'publicidad')
    office.work()
    assert (office.only.state, office.letters()) == (S.DISCARDED, [])
    office.desk.resend(office.only.reference, 'eva')
    office.work()
    assert office.only.state is S.SENT and len(office.letters()) == 1


def test_references_and_lines_that_are_none(office: FaxOffice) -> None:
    with pytest.raises(UnknownFax, match="'F123'"):
        office.desk.hold('F123', 'eva')
    office.arrive(tiff('a'), called='+528005550101')
    office.arrive(tiff('b'))
    office.work()
    quarantined, sent = office.faxes
    for number in ('+528005550101', '+528005550999'):
        with pytest.raises(FaxError, match='no fax line'):
            office.desk.release(quarantined.reference, 'eva', number)
    with pytest.raises(FaxError):
        office.desk.release(sent.reference, 'eva', LINE)


def test_two_people_at_once(office: FaxOffice) -> None:
    office.arrive(tiff('a'))
    office.pipeline.round()
    office.desk.hold(office.only.reference, 'eva')
    office.desk.hold(office.only.reference, 'sol')
    office.desk.release(office.only.reference, 'sol')
    office.work()
    assert len(office.letters()) == 1
    with pytest.raises(FaxError, match='is sent'):
        office.desk.release(office.only.reference, 'eva')
