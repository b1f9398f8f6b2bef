"""The card of a call and the seat of an agent: what they tell, of whom, and what they keep to themselves (mission.md 6.1)."""
from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ami_listener.board import Board, Seat
from ami_listener.phones import HELD, RINGING, TALKING, PhoneCall, Phones
from ami_listener.presence import Presence
from config.load import load
from config.values import Site
from desk.calls.cards import Cards, card_of
from desk.calls.seats import SeatFacts, call_on, reachable, state_of
from storage.engine import Database
from ticketing.folios import FolioBook, Report

EXAMPLE = Path(__file__).resolve().parent.parent / 'config' / 'example'
NOW = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
LINE, MARIA = '+528005550101', '10001'
XSS = '<script>alert(1)</script>"\'&'


@pytest.fixture(scope='module')
def site() -> Site:
    return load(EXAMPLE)


def rings(linkedid: str = 'call-1', interface: str = 'PJSIP/1001', phase: str = RINGING, **facts: Any) -> PhoneCall:
    return PhoneCall(interface, f'{interface}-0000aaaa', f'{linkedid}.{interface}', linkedid, phase, NOW, **facts)


def report(**facts: Any) -> Report:
    usual: dict[str, Any] = {
        'line': LINE, 'client': 'nopalera', 'modality': 'standard', 'clock_starts': NOW, 'rule': 'test', 'call': 'call-1',
        'employee_number': MARIA, 'caller_number': '+525555550101', 'identified_by': 'caller_id'}
    return Report(**(usual | facts))


def cards(db: Database, site: Site) -> Cards:
    return Cards(db, lambda: site, lambda: NOW)


def test_the_card_tells_who_calls_and_of_which_folio(db: Database, site: Site) -> None:
    book = FolioBook(db)
    older = book.open(report(call='before', summary='No imprime'), NOW - timedelta(days=1))
    folio = book.open(report(), NOW)
    card = cards(db, site).card('ana', rings(queue='nopalera-standard'))
    assert (card.who, card.client, card.modality, card.number, card.employee_number) == (
        'María Fernanda Ríos Castañeda', 'Alimentos La Nopalera', 'HELP DESK 911', '5555550101', MARIA)
    assert card.folio == folio.number and not card.vip and not card.unlisted
    assert card.quota is not None and card.quota.told.startswith('2 de ')
    assert [one.number for one in card.open_folios] == [older.number]


def test_a_call_that_continues_a_folio_shows_that_one(db: Database, site: Site) -> None:
    book = FolioBook(db)
    folio = book.open(report(call='before'), NOW)
    book.tie_call(folio.number, 'call-1', NOW)
    assert cards(db, site).card('ana', rings()).folio == folio.number


def test_an_unknown_call_tells_what_the_queue_tells(db: Database, site: Site) -> None:
    card = cards(db, site).card('ana', rings(queue='quetzal-vip', peer_number='5555557777'))
    assert (card.client, card.who, card.folio, card.number) == ('Transportes Quetzal', '', '', '5555557777')


def test_a_shared_telephone_names_its_candidates_and_a_trunk_nobody(db: Database, site: Site) -> None:
    nopalera = site.clients['nopalera']
    shared = next(phone for user in nopalera.users for phone in user.phones
                  if sum(phone in other.phones for other in nopalera.users) > 1)
    FolioBook(db).open(report(employee_number=None, caller_number=shared, identified_by='unknown'), NOW)
    assert len(cards(db, site).card('ana', rings()).candidates) > 1
    trunk = next(iter(nopalera.trunk_numbers))
    FolioBook(db).open(report(call='call-2', employee_number=None, caller_number=trunk, identified_by='unknown'), NOW)
    assert cards(db, site).card('ana', rings('call-2')).candidates == ()


def test_a_complaint_about_an_agent_is_not_on_his_card(db: Database, site: Site) -> None:
    folio = FolioBook(db).open(report(kind='complaint', complained_of='ana', summary='Me colgó'), NOW)
    card = cards(db, site).card('ana', rings())
    assert card.folio == '' and card.summary == '' and card.open_folios == ()
    assert cards(db, site).card('beto', rings()).folio == folio.number


def test_a_card_is_made_while_the_books_do_not_answer(site: Site, tmp_path: Path) -> None:
    broken = Database(f'sqlite:///{tmp_path}/none/mesa.db', patience_s=0.05)
    card = cards(broken, site).card('ana', rings(queue='nopalera-standard', peer_number='5555550101'))
    assert card.trouble and card.client == 'Alimentos La Nopalera' and card.number == '5555550101'


def test_a_colleague_who_calls_is_named(site: Site) -> None:
    card = card_of(site, rings(peer_number='1002'), None, None, None, None, (), None)
    assert card.internal and card.who == 'Beto Salgado'


def test_whatever_a_caller_is_called_stands_as_text(db: Database, site: Site) -> None:
    FolioBook(db).open(report(employee_number=None, user_name=XSS, summary=XSS, site=XSS, caller_number=None), NOW)
    card = cards(db, site).card('ana', rings(peer_number=XSS, peer_name=XSS))
    shown = state_of(SeatFacts('ana', Presence('ana', 'desk', 'paused', 'otro', NOW, note=XSS), True, None, card, True), site, NOW)
    assert '<script' not in shown['card'] and '&lt;script&gt;' in shown['card']
    assert '<script' not in shown['bar'] and '&lt;script&gt;' in shown['bar']


def test_of_two_calls_the_conversation_matters_before_one_that_rings(site: Site) -> None:
    class Picture:
        phones = Phones({'a': rings('a', phase=HELD), 'b': rings('b', 'PJSIP/1001-web', TALKING), 'c': rings('c', 'PJSIP/1002', TALKING)})
    found = call_on(Picture(), site.agents['ana'])     # type: ignore[arg-type]
    assert found is not None and found.linkedid == 'b'


@pytest.mark.parametrize(('state', 'fresh', 'expected'), [
    ('free', True, True), ('in_call', True, True), ('unreachable', True, False), ('free', False, None), (None, True, None)])
def test_a_telephone_is_there_only_when_it_is_known(site: Site, state: str | None, fresh: bool, expected: bool | None) -> None:
    class Picture:
        is_fresh = fresh
        board = Board(seats={'nopalera-standard': {'PJSIP/1001': Seat('ana', state, False, '')} if state else {}})
    assert reachable(Picture(), site.agents['ana'], 'desk') is expected    # type: ignore[arg-type]


@pytest.mark.parametrize(('presence', 'says'), [
    (None, 'Fuera'), (Presence('ana', 'desk', 'ready', '', NOW), 'Disponible'),
    (Presence('ana', 'desk', 'paused', 'comida', NOW), 'Pausa: comida'),
    (Presence('ana', 'desk', 'wrap_up', '', NOW, until=NOW + timedelta(seconds=10)), 'Más tiempo')])
def test_the_bar_says_what_he_is(site: Site, presence: Presence | None, says: str) -> None:
    state = state_of(SeatFacts('ana', presence, True, None, None, True), site, NOW)
    assert says in state['bar'] and state['call'] is None and state['card'] == ''
    assert (state['until'] is not None) == (presence is not None and presence.until is not None)


def test_a_state_that_nobody_knows_is_no_state(site: Site) -> None:
    facts = SeatFacts('ana', None, False, None, None, None)
    assert 'Estado desconocido' in state_of(facts, site, NOW)['bar']
    assert 'Teléfono sin conexión' in state_of(replace(facts, known=True, presence=Presence('ana', 'desk', 'ready', '', NOW),
                                                       reachable=False), site, NOW)['bar']


def test_the_client_s_own_system_can_pop_too_and_a_caller_leads_nowhere_else(db: Database, site: Site) -> None:
    FolioBook(db).open(report(employee_number=None, user_name=XSS), NOW)
    client = replace(site.clients['nopalera'], screen_pop='https://crm.example/pop?ani={ani}&folio={folio}', notes=(XSS,))
    ours = replace(site, clients={**site.clients, 'nopalera': client})
    card = cards(db, ours).card('ana', rings(peer_number='&x=1"><b>'))
    assert card.crm == f'https://crm.example/pop?ani=%2B525555550101&folio={card.folio}'
    told = state_of(SeatFacts('ana', None, True, None, card, None), ours, NOW)['card']
    assert 'target="mesa-crm"' in told and '<script' not in told and '&lt;script&gt;' in told
    without = card_of(ours, rings(peer_number='&x=1"><b>'), client, None, None, None, (), None)
    assert without.crm == 'https://crm.example/pop?ani=%26x%3D1%22%3E%3Cb%3E&folio='
