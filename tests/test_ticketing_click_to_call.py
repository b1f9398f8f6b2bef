"""A call with one click: whom an agent may call about a folio, and that it is in the books before anybody dials (mission.md 6.2, 7.3)."""
from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from ami_listener.call_record import CallRecord
from ami_listener.clicks import ClickRounds, outcome_of
from ami_listener.legs import Leg
from config.load import load
from config.values import Site
from storage.engine import Database
from tests.site_copies import EXAMPLE
from tests.test_ticketing_folios import report
from ticketing.click_to_call import Click, ClicksToCall
from ticketing.folios import FolioBook
from ticketing.tables import outbound_calls
from ticketing.values import EntryKind, NotAllowed, UnknownFolio

NOW = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
USER = '+525555550101'


@pytest.fixture(scope='module')
def site() -> Site:
    return load(EXAMPLE)


@pytest.fixture
def clicks(db: Database, site: Site) -> ClicksToCall:
    return ClicksToCall(db, lambda: site)


def folio_of(db: Database, site: Site, **facts: object) -> str:
    line = next(line for line in site.lines.values() if line.client == 'nopalera')
    known = {'line': line.number, 'client': 'nopalera', 'employee_number': None, 'caller_number': USER} | facts
    return FolioBook(db).open(report(**known), NOW).number


def test_the_user_s_telephones_the_caller_s_number_and_the_contact(db: Database, site: Site, clicks: ClicksToCall) -> None:
    user = next(user for user in site.clients['nopalera'].users if USER in user.phones)
    trunk = next(iter(site.clients['nopalera'].trunk_numbers))
    number = folio_of(db, site, employee_number=user.employee_number, caller_number=trunk)
    contact = site.clients['nopalera'].contact
    assert contact is not None
    assert [(one.number, one.whose) for one in clicks.numbers(number)] == [
        *((phone, user.name) for phone in user.phones), (contact.phone, f'contacto: {contact.name}')], 'a trunk is everybody'
    with pytest.raises(UnknownFolio):
        clicks.numbers('00000000')


def test_it_is_stored_and_told_before_anybody_dials(db: Database, site: Site, clicks: ClicksToCall) -> None:
    number = folio_of(db, site)
    click = clicks.begin(number, USER, 'ana', NOW)
    trunk = next(trunk for trunk in site.trunks if trunk.outbound)
    assert click == Click(click.linkedid, number, USER, trunk.name, trunk.caller_id)
    with db.read() as connection:
        row = connection.execute(select(outbound_calls)).one()
    assert (row.linkedid, row.kind, row.number, row.client, row.ended_at) == (click.linkedid, 'click_to_call', USER, 'nopalera', None)
    assert clicks.in_flight() == ((click.linkedid, NOW),)
    with pytest.raises(NotAllowed, match='en curso'):
        clicks.begin(number, USER, 'beto', NOW)
    assert clicks.ended(click.linkedid, 'no_answer', NOW + timedelta(seconds=40))
    assert not clicks.ended(click.linkedid, 'answered', NOW + timedelta(seconds=50))
    assert not clicks.ended('another', 'answered', NOW)
    told = [(entry.by, entry.text) for entry in FolioBook(db).timeline(number) if entry.kind == EntryKind.CALL]
    assert told == [('ana', 'llamada del agente a 5555550101 (quien llamó)'), ('mesa', 'llamada a 5555550101: no contestó')]
    clicks.begin(number, USER, 'ana', NOW)


@pytest.mark.parametrize('number', ['+525555557777', '911', '+529005550101', '5555550101', '+528005550101', ''])
def test_no_other_number_is_called(db: Database, site: Site, clicks: ClicksToCall, number: str) -> None:
    folio = folio_of(db, site)
    with pytest.raises(NotAllowed):
        clicks.begin(folio, number, 'ana', NOW)
    assert clicks.in_flight() == ()


def test_numbers_that_we_do_not_pay_for_are_not_even_offered(db: Database, site: Site, clicks: ClicksToCall) -> None:
    for caller in ('+529005550101', '+15555550100', '+528005550101', None):
        assert [one.whose for one in clicks.numbers(folio_of(db, site, caller_number=caller))][:1] != ['quien llamó']


def test_who_may_call(db: Database, site: Site, clicks: ClicksToCall) -> None:
    folio = folio_of(db, site)
    with pytest.raises(NotAllowed, match='agente'):
        clicks.begin(folio, USER, 'nobody', NOW)
    with pytest.raises(UnknownFolio):
        clicks.begin('00000000', USER, 'ana', NOW)
    complaint = folio_of(db, site, kind='complaint', complained_of='ana')
    with pytest.raises(UnknownFolio):
        clicks.begin(complaint, USER, 'ana', NOW)
    mute = replace(site, trunks=tuple(replace(trunk, outbound='') for trunk in site.trunks))
    with pytest.raises(NotAllowed, match='troncal'):
        ClicksToCall(db, lambda: mute).begin(folio, USER, 'ana', NOW)


def record(**facts: object) -> CallRecord:
    unknown = dict.fromkeys(CallRecord.__dataclass_fields__)
    return CallRecord(**(unknown | {'linkedid': 'x', 'direction': 'out', 'legs': (), 'ended': NOW, 'disposition': 'failed'} | facts))  # type: ignore[arg-type]


def leg(disposition: str) -> Leg:
    return Leg('1', 'PJSIP/1001-00000001', 'PJSIP/trunk-demo-00000002', 'Dial', NOW, None, NOW, 1, 0, disposition)


def test_how_it_ended_by_the_call_log() -> None:
    assert outcome_of(record(disposition='answered')) == 'answered'
    assert outcome_of(record()) == 'agent_gone'
    assert [outcome_of(record(legs=(leg(told),))) for told in ('BUSY', 'NO ANSWER', 'FAILED')] == ['busy', 'no_answer', 'failed']


def test_rounds_take_in_what_is_over_and_give_up_what_never_was(db: Database, site: Site, clicks: ClicksToCall) -> None:
    folio = folio_of(db, site)
    log: dict[str, CallRecord] = {}
    alive: set[str] = set()
    rounds = ClickRounds(clicks, log.get, lambda: frozenset(alive), lambda: NOW)
    first = clicks.begin(folio, USER, 'ana', NOW).linkedid
    alive.add(first)
    rounds.round()
    rounds.round()
    log[first] = record(ended=None)
    rounds.round()
    assert clicks.in_flight()
    log[first] = record(disposition='answered')
    rounds.round()
    assert clicks.in_flight() == ()
    clicks.begin(folio, USER, 'ana', NOW)
    rounds.round()
    assert clicks.in_flight(), 'the journal may be a moment late'
    rounds.round()
    assert clicks.in_flight() == ()
    assert [entry.text for entry in FolioBook(db).timeline(folio) if entry.by == 'mesa' and entry.kind == EntryKind.CALL] == [
        'llamada a 5555550101: contestó', 'llamada a 5555550101: la llamada se interrumpió']
