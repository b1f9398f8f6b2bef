"""Which letters each change causes, to whom, with which facts, and when they may leave."""
from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from config.values import Calendar, Line, Modality, Policy
from storage.engine import Database
from tests.lives import DAY, HOUR, MEXICO, NOW, STANDARD, Desk, agent, report, site
from ticketing.notices import folio_facts, release, supervisors
from ticketing.opening_facts import receipt_of, with_terms
from ticketing.values import Folio, State

FACTS = {'number', 'client_name', 'user_name', 'line', 'state', 'priority', 'category_title', 'summary', 'opened_at', 'promised', 'zone',
         'modality'}
SATURDAY = NOW + 4 * DAY
MONDAY_8 = NOW + 6 * DAY - 2 * HOUR


def local(text: str) -> datetime:
    return datetime.fromisoformat(text + '-06:00')


# --- when ------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(('now', 'leaves'), [
    ('2026-11-24 10:00', '2026-11-24 10:00'), ('2026-11-24 07:59:59', '2026-11-24 08:00'), ('2026-11-24 08:00', '2026-11-24 08:00'),
    ('2026-11-24 19:59:59', '2026-11-24 19:59:59'), ('2026-11-24 20:00', '2026-11-25 08:00'), ('2026-11-27 20:00', '2026-11-30 08:00'),
    ('2026-12-24 21:00', '2026-12-28 08:00'),          # Christmas is a Friday
    ('2026-11-16 09:00', '2026-11-17 08:00')])         # the third Monday of November
def test_no_message_outside_hours_unless_the_contract_says_so(now: str, leaves: str) -> None:
    assert release(site(), STANDARD, None, False, local(now)) == local(leaves)
    assert release(site(), STANDARD, None, True, local(now)) == local(now)


def test_hours_that_nobody_knows_hold_nothing_back() -> None:
    never = replace(site(), calendars={'week': Calendar('week', MEXICO, 'CMX', {})})
    assert release(never, STANDARD, None, False, SATURDAY) == SATURDAY
    assert release(site(), '+528005559999', None, False, SATURDAY) == SATURDAY


def test_hours_of_the_users_site_count_where_the_contract_says_so() -> None:
    early = Calendar('early', MEXICO, 'CMX', site().calendars['week'].week | {6: site().calendars['week'].week[1]})
    by_site = site(Policy(hours_by='site'), site_calendars={'planta': 'early'})
    by_site = replace(by_site, calendars=dict(by_site.calendars) | {'early': early})
    assert release(by_site, STANDARD, 'planta', False, SATURDAY) == SATURDAY
    assert release(by_site, STANDARD, 'oficina', False, SATURDAY) == MONDAY_8


# --- what ------------------------------------------------------------------------------------------------------------

def test_the_facts_of_a_folio() -> None:
    told = folio_facts(Folio('12345674', with_terms(report(), site(), NOW), State.NEW, NOW), site())
    assert told == {
        'number': '12345674', 'client_name': 'Acme México', 'user_name': 'José Ñúñez', 'line': '8005550101', 'state': 'new',
        'priority': 'medium', 'category_title': 'Correo electrónico', 'summary': 'No imprime', 'opened_at': '2026-11-24T16:00:00+00:00',
        'promised': '2026-11-25T02:00:00+00:00', 'zone': 'America/Mexico_City', 'modality': 'standard'}


def test_facts_of_a_client_and_line_that_are_gone() -> None:
    bare = replace(site(), clients={}, lines={})
    told = folio_facts(Folio('12345674', report(category=None), State.NEW, NOW), bare)
    assert set(told) == FACTS
    assert (told['client_name'], told['category_title'], told['zone']) == ('acme', None, 'America/Mexico_City')


def test_supervisors_of_the_clients_own_queues_come_first() -> None:
    people = (agent('far', True, queue='elsewhere'), agent('near', True), agent('ana'))
    folio = Folio('12345674', report(kind='complaint', complained_of='none'), State.NEW, NOW)
    assert [one.login for one in supervisors(site(agents=people), folio)] == ['near', 'far']


# --- each change -----------------------------------------------------------------------------------------------------

USER, SUPERVISOR = 'jose@acme.example', 'sara@mesa.example'
# A life in which everything happens: the deed, and the letters that it alone causes.
LIFE: tuple[tuple[str, dict[str, Any], list[tuple[str, str, dict[str, Any]]]], ...] = (
    ('assign', {'agent': 'ana'}, [('assigned', USER, {'agent_name': 'Ana Pérez'})]),
    ('start', {}, []),
    ('wait', {'waiting_for': 'user', 'reason': 'falta un dato'}, [('waiting', USER, {'waiting_for': 'user', 'reason': 'falta un dato'})]),
    ('resume', {}, []),
    ('update', {'text': 'seguimos'}, [('update', USER, {'text': 'seguimos'})]),
    ('note', {'text': 'interno'}, []),
    ('prioritise', {'impact': 'high', 'urgency': 'high', 'reason': 'todos'}, [
        ('update', USER, {'text': 'La prioridad de su reporte cambió de media a alta: todos'})]),
    ('prioritise', {'impact': 'high', 'urgency': 'high', 'reason': 'otra vez'}, []),
    ('assign', {'group': 'redes', 'reason': 'es la red'}, [
        ('handover', 'redes@mesa.example', {'group_title': 'Redes', 'reason': 'es la red'}), ('assigned', USER, {'group_title': 'Redes'})]),
    ('acknowledge', {}, []),
    ('resolve', {'solution': 'un cable'}, [('resolved', USER, {'solution': 'un cable', 'first_contact': False})]),
    ('reopen', {'reason': 'sigue'}, [
        ('reopened', USER, {'reason': 'sigue'}), ('handover', 'redes@mesa.example', {'group_title': 'Redes', 'reason': 'sigue'})]),
    ('resolve', {'solution': 'otro cable'}, [('resolved', USER, {'solution': 'otro cable', 'first_contact': False})]),
    ('confirm', {'via': 'person', 'score': 4, 'comment': 'no funciona'}, [
        ('closed', USER, {'verified': True, 'score': 4}),
        ('warning', SUPERVISOR, {'text': 'Se confirmó como resuelto, pero el comentario dice lo contrario: «no funciona».'})]),
)


def test_exactly_the_letters_of_each_change(db: Database) -> None:
    desk = Desk(db)
    number = desk.open()
    assert [(letter.notice, letter.recipient) for letter in desk.letters()] == [('opened', USER)]
    told = 1
    for deed, facts, expected in LIFE:
        by = 'luis' if deed == 'confirm' else 'ana'
        getattr(desk.life, deed)(number, by=by, now=NOW, **facts)
        letters = desk.letters()[told:]
        told += len(letters)
        assert [(one.notice, one.recipient) for one in letters] == [(name, recipient) for name, recipient, _ in expected], deed
        for letter, (_, _, more) in zip(letters, expected, strict=True):
            assert set(letter.payload) == FACTS | set(more)
            assert {name: letter.payload[name] for name in more} == more
            assert letter.payload['state'] == desk.get(number).state
    keys = [letter.key for letter in desk.letters()]
    assert len(set(keys)) == len(keys)
    ids = {letter.message_id for letter in desk.letters()}
    assert len(ids) == len(keys) and all(one.startswith('<') and one.endswith('@mesa.example>') for one in ids)


def test_cancelled_merged_and_closed_unverified(db: Database) -> None:
    desk = Desk(db)
    one, two, three = desk.open(), desk.open(), desk.open()
    desk.life.cancel(one, reason='por error', by='ana', now=NOW)
    desk.life.merge(two, three, by='ana', now=NOW)
    desk.life.resolve(three, solution='x', by='ana', now=NOW)
    desk.life.close(three, now=NOW)
    told = [(one.notice, one.payload['number']) for one in desk.letters('cancelled', 'merged', 'closed')]
    assert told == [('cancelled', one), ('merged', two), ('closed', three)]
    assert desk.letters('closed')[0].payload['verified'] is False


def test_who_reported_a_duplicate_hears_of_the_solution_without_the_others_words(db: Database) -> None:
    desk = Desk(db)
    kept, near, far = (desk.open(user_email=f'{name}@acme.example', user_name=name, summary=f'palabras de {name}')
                       for name in ('uno', 'dos', 'tres'))
    same = desk.open(user_email='uno@acme.example')
    desk.life.merge(far, near, by='ana', now=NOW)
    desk.life.merge(near, kept, by='ana', now=NOW)
    desk.life.merge(same, kept, by='ana', now=NOW)
    desk.life.resolve(kept, solution='un cable', by='ana', now=NOW)
    told = {one.recipient: one.payload for one in desk.letters('resolved')}
    assert set(told) == {'uno@acme.example', 'dos@acme.example', 'tres@acme.example'} and len(desk.letters('resolved')) == 3
    third = told['tres@acme.example']
    assert third | {'number': kept, 'user_name': 'tres', 'summary': None, 'solution': 'un cable'} == third
    assert told['uno@acme.example']['summary'] == 'palabras de uno'


def test_at_a_weekend_everything_waits_for_the_opening(db: Database) -> None:
    desk = Desk(db)
    number = desk.open(SATURDAY)
    desk.life.assign(number, group='sap', by='ana', now=SATURDAY)
    desk.life.resolve(number, solution='x', by='ana', now=SATURDAY)
    desk.life.confirm(number, by='user', via='page', comment='no funciona', now=SATURDAY)
    assert len(desk.letters()) == 6
    assert {(letter.due, letter.held) for letter in desk.letters()} == {(MONDAY_8, True)}


def test_a_contract_may_allow_letters_at_any_time(db: Database) -> None:
    desk = Desk(db, site(Policy(notify_outside_hours=True)))
    desk.life.assign(desk.open(SATURDAY), agent='ana', by='ana', now=SATURDAY)
    assert {(letter.due, letter.held) for letter in desk.letters()} == {(SATURDAY, False)}


def test_the_contract_of_the_modality_decides(db: Database) -> None:
    acme = replace(site().clients['acme'], modality_policies={Modality.PREMIUM: Policy(notify_outside_hours=True)})
    desk = Desk(db, replace(site(), clients={'acme': acme}, lines={
        line.number: line for line in (Line(STANDARD, 'acme', Modality.STANDARD, 'week', 'acme', None, 'x'),
                                       Line('+528005550102', 'acme', Modality.PREMIUM, 'week', 'acme', None, 'x'))}))
    desk.open(SATURDAY)
    desk.open(SATURDAY, line='+528005550102', modality='premium')
    assert [letter.due for letter in desk.letters()] == [MONDAY_8, SATURDAY]


def test_whoever_has_no_address_is_not_told_and_nothing_fails(db: Database) -> None:
    people = (agent('ana'), agent('luis'), agent('sara', supervisor=True, email=''))
    groups = {key: replace(group, email='') for key, group in site().clients['acme'].groups.items()}
    desk = Desk(db, site(agents=people, groups=groups, contact=None))
    number = desk.open(user_email=None)
    for deed, facts, _ in LIFE:
        getattr(desk.life, deed)(number, by='luis' if deed == 'confirm' else 'ana', now=NOW, **facts)
    desk.open(user_email=None, kind='complaint', complained_of='sara')
    assert desk.letters() == []


# --- the receipt -----------------------------------------------------------------------------------------------------

def test_opening_the_quick_way_stores_the_receipt_with_the_folio(db: Database) -> None:
    desk = Desk(db)
    facts = with_terms(report(call='c1'), desk.site, NOW)
    opened = desk.book.open(facts, NOW, receipt_of(facts, desk.site, NOW))
    assert desk.book.open(facts, NOW, receipt_of(facts, desk.site, NOW)) == opened, 'a call that comes again tells nobody twice'
    letter, = desk.letters()
    assert (letter.key, letter.notice, letter.recipient) == (f'opened:{opened.number}', 'opened', USER)
    assert (letter.state, letter.tries) == ('waiting', 0)
    assert letter.payload == folio_facts(opened, desk.site)
    assert (letter.due, letter.created_at, letter.client, letter.held) == (NOW, NOW, 'acme', True)


def test_the_quick_way_and_the_life_cycle_write_the_same_receipt(db: Database) -> None:
    desk = Desk(db)
    facts = with_terms(report(), desk.site, SATURDAY)
    desk.book.open(facts, SATURDAY, receipt_of(facts, desk.site, SATURDAY))
    desk.life.open(report(), SATURDAY)
    one, two = (letter._asdict() for letter in desk.letters())
    for letter in (one, two):
        for own in ('id', 'key', 'folio_id', 'message_id'):
            del letter[own]
        del letter['payload']['number']
    assert one == two
    assert one['due'] == MONDAY_8


def test_who_has_no_address_gets_no_receipt() -> None:
    assert receipt_of(report(user_email=None), site(), NOW) is None
    assert receipt_of(report(user_email=''), site(), NOW) is None


def test_terms_of_a_line_that_is_gone_stay_as_reported() -> None:
    assert with_terms(report(line='+528005559999'), site(), NOW) == report(line='+528005559999')
