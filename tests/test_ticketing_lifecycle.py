"""The use cases of a folio's life on both databases: rules by name, first response, verification, complaints, no lost update."""
from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select, update

from config.values import Policy, Trunk
from storage.engine import Database
from tests.lives import DAY, HOUR, MINUTE, NOW, PREMIUM, STANDARD, Desk, agent, site
from ticketing.closing.verification import parties
from ticketing.tables import close_calls, visits
from ticketing.values import Folio, FolioChanged, IllegalMove, NotAllowed, State, UnknownFolio


@pytest.fixture
def desk(db: Database) -> Desk:
    return Desk(db)


def resolved(desk: Desk, by: str = 'ana', **facts: Any) -> str:
    number = desk.open(**facts)
    desk.life.assign(number, agent=by, by='sara', now=NOW + MINUTE)
    desk.life.resolve(number, solution='se reinició', by=by, now=NOW + 2 * MINUTE)
    return number


# --- opening ---------------------------------------------------------------------------------------------------------

def test_a_person_opens_a_folio_with_its_contracts_terms(desk: Desk) -> None:
    folio = desk.get(desk.open(impact='high', urgency='medium'))
    assert (folio.report.priority, folio.state) == ('high', State.NEW)
    assert (folio.promised, folio.report.respond_due, folio.report.next_look) == (NOW + 4 * HOUR, NOW + 15 * MINUTE, NOW + 15 * MINUTE)


@pytest.mark.parametrize(('facts', 'said'), [
    ({'application': 'nothing'}, 'no application'), ({'application': 'old'}, 'not active'), ({'application': 'erp'}, 'premium line only'),
    ({'application': 'bare', 'line': PREMIUM, 'modality': 'premium'}, 'no material'), ({'impact': 'enormous'}, 'the impact'),
    ({'kind': 'joke'}, 'failure, request, complaint'), ({'complained_of': 'ana'}, 'only a complaint'),
    ({'kind': 'complaint', 'complained_of': 'anna'}, 'no agent is called')])
def test_what_may_not_be_opened_is_refused_by_name_and_stores_nothing(desk: Desk, facts: dict[str, str], said: str) -> None:
    with pytest.raises(NotAllowed, match=said):
        desk.open(**facts)
    assert (desk.book.list(), desk.letters()) == ((), [])


def test_what_was_written_is_made_fit_to_be_stored(desk: Desk) -> None:
    folio = desk.get(desk.open(summary='No\x00 imprime\x1b', description='\ud800'))
    assert (folio.report.summary, folio.report.description) == ('No  imprime', '?')


def test_an_application_of_the_catalogue_and_a_premium_one_on_its_line(desk: Desk) -> None:
    assert desk.get(desk.open(application='word')).report.application == 'word'
    number = desk.open(line=PREMIUM, modality='premium')
    assert desk.life.describe(number, application='erp', by='ana', now=NOW).report.application == 'erp'
    with pytest.raises(NotAllowed, match='premium line only'):
        desk.life.describe(desk.open(), application='erp', by='ana', now=NOW)


# --- who has it ------------------------------------------------------------------------------------------------------

def test_hand_over_and_acknowledgement(desk: Desk) -> None:
    number = desk.open()
    handed = desk.life.assign(number, group='sap', by='ana', reason='no es de primer nivel', now=NOW)
    assert (handed.holder, handed.resolver_group, handed.agent, handed.acknowledged_at) == ('group', 'sap', None, None)
    letter, = desk.letters('handover')
    assert (letter.recipient, letter.payload['group_title']) == ('sap@proveedor.example', 'Soporte SAP')
    assert letter.payload['reason'] == 'no es de primer nivel'
    taken = desk.life.acknowledge(number, by='Soporte SAP', now=NOW + HOUR)
    assert taken.acknowledged_at == taken.responded_at == NOW + HOUR
    assert desk.last(number) == ('acknowledged', 'acuse del grupo sap', 'Soporte SAP')
    with pytest.raises(NotAllowed, match='acknowledged the hand-over already'):
        desk.life.acknowledge(number, by='otra vez', now=NOW + 2 * HOUR)
    again = desk.life.assign(number, group='redes', by='ana', now=NOW + 3 * HOUR)
    assert again.acknowledged_at is None


def test_nothing_to_acknowledge_without_a_hand_over(desk: Desk) -> None:
    number = desk.open()
    desk.life.assign(number, agent='ana', by='ana', now=NOW)
    with pytest.raises(NotAllowed, match='no hand-over'):
        desk.life.acknowledge(number, by='ana', now=NOW)


@pytest.mark.parametrize(('to', 'said'), [
    ({'agent': 'nobody'}, 'no agent is called'), ({'group': 'nowhere'}, "no resolver group 'nowhere'; it has: redes, sap"),
    ({}, 'either'), ({'agent': 'ana', 'group': 'sap'}, 'either'), ({'agent': ''}, 'no agent')])
def test_to_whom_a_folio_cannot_go(desk: Desk, to: dict[str, str], said: str) -> None:
    number = desk.open()
    with pytest.raises(NotAllowed, match=said):
        desk.life.assign(number, by='ana', now=NOW, **to)
    assert desk.get(number).version == 0


def test_a_member_takes_it_for_his_group_and_another_agent_takes_it_away(desk: Desk) -> None:
    number = desk.open()
    desk.life.assign(number, group='redes', by='ana', now=NOW)
    mine = desk.life.start(number, by='beto', now=NOW)
    assert (mine.holder, mine.agent, mine.resolver_group) == ('agent', 'beto', 'redes')
    other = desk.life.assign(number, agent='ana', by='sara', now=NOW)
    assert (other.holder, other.agent, other.resolver_group) == ('agent', 'ana', None)


# --- pauses, due times -----------------------------------------------------------------------------------------------

def test_a_pause_needs_a_reason_and_somebody_to_wait_for(desk: Desk) -> None:
    number = desk.open()
    desk.life.start(number, by='ana', now=NOW)
    with pytest.raises(NotAllowed, match='reason of the pause'):
        desk.life.wait(number, waiting_for='user', reason=' \x00\n', by='ana', now=NOW)
    with pytest.raises(NotAllowed, match='user or supplier'):
        desk.life.wait(number, waiting_for='godot', reason='x', by='ana', now=NOW)
    waiting = desk.life.wait(number, waiting_for='supplier', reason='pieza pedida', by='ana', now=NOW + HOUR)
    assert (waiting.state, waiting.waiting_for, waiting.promised) == (State.WAITING, 'supplier', None)
    resumed = desk.life.resume(number, by='ana', now=NOW + 3 * HOUR)
    assert (resumed.waiting_for, resumed.promised) == (None, NOW + DAY)      # 10 h: 1 used, 2 paused, 7 today to 20:00, 2 tomorrow


def test_prioritise_moves_what_is_due_and_keeps_what_was_used_and_paused(desk: Desk) -> None:
    number = desk.open()
    desk.life.start(number, by='ana', now=NOW)
    desk.life.wait(number, waiting_for='user', reason='x', by='ana', now=NOW + HOUR)
    desk.life.resume(number, by='ana', now=NOW + 2 * HOUR)
    with pytest.raises(NotAllowed, match='reason of the change'):
        desk.life.prioritise(number, impact='high', urgency='high', reason='', by='ana', now=NOW + 3 * HOUR)
    folio = desk.life.prioritise(number, impact='high', urgency='high', reason='todo el piso', by='ana', now=NOW + 3 * HOUR)
    assert (folio.report.priority, folio.promised) == ('high', NOW + 5 * HOUR)
    assert desk.clock(number, NOW + 3 * HOUR).used_s == 7200
    assert desk.last(number) == ('move', 'prioridad alta, antes media (impacto alto, urgencia alta): todo el piso', 'ana')


def test_reopening_goes_on_with_the_same_clock(desk: Desk) -> None:
    number = desk.open()
    desk.life.assign(number, agent='ana', by='ana', now=NOW)
    desk.life.resolve(number, solution='x', by='ana', now=NOW + 2 * HOUR)
    folio = desk.life.reopen(number, reason='sigue', by='user', via='call', now=NOW + 4 * HOUR)
    assert (folio.state, folio.reopens, folio.holder, folio.agent) == (State.ASSIGNED, 1, 'agent', 'ana')
    assert (folio.resolved_at, folio.resolved_by, folio.closed_at) == (None, None, None)
    clock = desk.clock(number, NOW + 5 * HOUR)
    assert clock.used_s == 3 * 3600
    assert [(one.kind, one.seconds) for one in clock.intervals if one.kind == 'stopped'] == [('stopped', 7200)]


# --- the first response ----------------------------------------------------------------------------------------------

RESPONSES: dict[str, Callable[[Desk, str], Folio]] = {
    'start': lambda desk, number: desk.life.start(number, by='ana', now=NOW + HOUR),
    'update': lambda desk, number: desk.life.update(number, text='lo vemos', by='ana', now=NOW + HOUR),
    'resolve': lambda desk, number: desk.life.resolve(number, solution='x', by='ana', now=NOW + HOUR)}


@pytest.mark.parametrize('deed', RESPONSES)
def test_what_counts_as_the_first_response(desk: Desk, deed: str) -> None:
    number = desk.open()
    assert RESPONSES[deed](desk, number).responded_at == NOW + HOUR


def test_assigning_or_noting_is_no_response(desk: Desk) -> None:
    number = desk.open()
    desk.life.note(number, text='llamó', by='ana', now=NOW)
    assert desk.life.assign(number, agent='ana', by='ana', now=NOW).responded_at is None


def test_an_update_never_overrules_the_first_response(desk: Desk) -> None:
    number = desk.open()
    desk.life.update(number, text='lo vemos', by='ana', now=NOW + 10 * MINUTE)
    desk.life.start(number, by='ana', now=NOW + 20 * MINUTE)
    desk.life.update(number, text='seguimos', by='ana', now=NOW + 30 * MINUTE)
    folio = desk.life.resolve(number, solution='x', by='ana', now=NOW + 40 * MINUTE)
    assert folio.responded_at == NOW + 10 * MINUTE
    assert folio.report.respond_due == NOW + HOUR, 'by when a response was due stays known'


def test_an_agent_who_answered_the_call_responded_even_if_the_news_comes_late(desk: Desk) -> None:
    number = desk.open(call='c1')
    desk.life.update(number, text='lo vemos', by='ana', now=NOW + 10 * MINUTE)
    desk.book.mark_answered('c1', 'ana', NOW + MINUTE)
    assert desk.get(number).responded_at == NOW + MINUTE
    desk.book.tie_call(number, 'c2', NOW + HOUR)
    desk.book.mark_answered('c2', 'beto', NOW + HOUR)
    assert desk.get(number).responded_at == NOW + MINUTE


# --- resolving -------------------------------------------------------------------------------------------------------

def test_resolving_says_what_was_done_and_asks_the_user(desk: Desk) -> None:
    number = desk.open()
    with pytest.raises(NotAllowed, match='solution'):
        desk.life.resolve(number, solution='  ', by='ana', now=NOW)
    folio = desk.life.resolve(number, solution='se reinició', diagnosis='spooler', first_contact=True, by='ana', now=NOW + HOUR)
    assert (folio.solution, folio.diagnosis, folio.resolved_by, folio.resolved_at) == ('se reinició', 'spooler', 'ana', NOW + HOUR)
    assert folio.first_contact
    row, = desk.asked(number)
    assert (row.party, row.state, row.next_at, row.cycle, row.attempts) == ('user', 'waiting', NOW + HOUR, 0, 0)


def test_a_close_call_waits_for_the_next_opening(desk: Desk) -> None:
    number = desk.open()
    desk.life.resolve(number, solution='x', by='ana', now=NOW + 4 * DAY)       # Saturday
    assert desk.asked(number)[0].next_at == NOW + 6 * DAY - 2 * HOUR           # Monday 08:00


@pytest.mark.parametrize('before', ['group', 'member', 'waiting', 'reopened'])
def test_first_contact_is_first_level_alone(desk: Desk, before: str) -> None:
    number = desk.open()
    if before in ('group', 'member'):
        desk.life.assign(number, group='redes', by='ana', now=NOW)
    if before == 'member':
        desk.life.start(number, by='beto', now=NOW)
    if before == 'waiting':
        desk.life.start(number, by='ana', now=NOW)
        desk.life.wait(number, waiting_for='user', reason='x', by='ana', now=NOW)
    if before == 'reopened':
        desk.life.resolve(number, solution='x', by='ana', first_contact=True, now=NOW)
        desk.life.reopen(number, reason='no', by='user', now=NOW)
    with pytest.raises(NotAllowed, match='first-contact'):
        desk.life.resolve(number, solution='x', by='beto', first_contact=True, now=NOW + HOUR)
    assert desk.get(number).state in (State.ASSIGNED, State.IN_PROGRESS, State.WAITING)


@pytest.mark.parametrize(('verify_with', 'known', 'asked'), [
    ('user', {'user', 'contact'}, ('user',)), ('contact', {'user', 'contact'}, ('contact',)),
    ('both', {'user', 'contact'}, ('user', 'contact')), ('both', {'contact'}, ('contact',)), ('both', {'user'}, ('user',)),
    ('user', {'contact'}, ('contact',)), ('contact', {'user'}, ('user',)),
    ('user', set(), ('user',)), ('contact', set(), ('contact',)), ('both', set(), ('user',))])
def test_whom_to_ask(verify_with: str, known: set[str], asked: tuple[str, ...]) -> None:
    assert parties(Policy(verify_with=verify_with), known) == asked


UNKNOWN = {'user_email': None, 'caller_number': None, 'employee_number': None}


@pytest.mark.parametrize(('facts', 'party'), [
    ({}, 'user'), (UNKNOWN, 'contact'), (UNKNOWN | {'caller_number': '+525555559000'}, 'contact'),       # the trunk is nobody
    (UNKNOWN | {'caller_number': '+525555550177'}, 'user'), (UNKNOWN | {'employee_number': '1234'}, 'user'),
    (UNKNOWN | {'employee_number': '9999'}, 'contact'), (UNKNOWN | {'user_email': 'x@acme.example'}, 'user'),
    (UNKNOWN | {'caller_number': '+12125550100'}, 'contact'), (UNKNOWN | {'caller_number': STANDARD}, 'contact')])   # never dialled
def test_who_cannot_be_reached_is_not_asked(desk: Desk, facts: dict[str, Any], party: str) -> None:
    desk.site = replace(desk.site, trunks=(Trunk('t', ('127.0.0.2',), outbound='127.0.0.4:5070'),))
    assert [row.party for row in desk.asked(resolved(desk, **facts))] == [party]


def test_without_a_way_out_a_telephone_reaches_nobody(desk: Desk) -> None:
    number = resolved(desk, **UNKNOWN | {'caller_number': '+525555550177'})
    assert [row.party for row in desk.asked(number)] == ['contact']


def test_nobody_to_reach_still_leaves_a_row_so_that_the_folio_ends(db: Database) -> None:
    desk = Desk(db, site(contact=None, users=()))
    assert [row.party for row in desk.asked(resolved(desk, **UNKNOWN))] == ['user']


# --- confirming ------------------------------------------------------------------------------------------------------

def test_confirmed_by_call_with_a_score(desk: Desk) -> None:
    number = resolved(desk)
    folio = desk.life.confirm(number, by='user', via='call', score=5, now=NOW + HOUR)
    assert (folio.state, folio.score, folio.closed_at) == (State.CLOSED_VERIFIED, 5, NOW + HOUR)
    row, = desk.asked(number)
    assert (row.state, row.answered_by, row.answered_via, row.answered_at, row.score) == ('confirmed', 'user', 'call', NOW + HOUR, 5)
    assert desk.kinds(number)[-1] == 'survey'
    assert [letter.payload['verified'] for letter in desk.letters('closed')] == [True]
    with pytest.raises(IllegalMove):
        desk.life.confirm(number, by='user', via='page', now=NOW + HOUR)


@pytest.mark.parametrize('by', ['ana', 'Ana', ' ana '])
def test_the_solver_never_approves_himself(desk: Desk, by: str) -> None:
    number = resolved(desk)
    with pytest.raises(NotAllowed, match='somebody else must confirm'):
        desk.life.confirm(number, by=by, via='person', now=NOW + HOUR)
    for via in ('call', 'page'):
        with pytest.raises(NotAllowed, match='only the user or the contact'):
            desk.life.confirm(number, by=by, via=via, now=NOW + HOUR)
    assert desk.get(number).state is State.RESOLVED
    assert desk.life.confirm(number, by='beto', via='person', now=NOW + HOUR).state is State.CLOSED_VERIFIED


def test_who_had_it_when_another_resolved_it_is_a_solver_too(desk: Desk) -> None:
    number = desk.open()
    desk.life.assign(number, agent='ana', by='sara', now=NOW)
    desk.life.resolve(number, solution='x', by='sara', now=NOW)
    for by in ('ana', 'sara'):
        with pytest.raises(NotAllowed, match='somebody else'):
            desk.life.confirm(number, by=by, via='person', now=NOW)


@pytest.mark.parametrize('score', [0, 6, -1, 100])
def test_a_score_is_from_1_to_5(desk: Desk, score: int) -> None:
    number = resolved(desk)
    with pytest.raises(NotAllowed, match='from 1 to 5'):
        desk.life.confirm(number, by='user', via='call', score=score, now=NOW)
    assert desk.get(number).state is State.RESOLVED


@pytest.mark.parametrize(('by', 'via', 'party'), [('user', 'smoke', 'user'), ('ana', 'person', 'nobody'), ('', 'person', 'user')])
def test_what_is_no_confirmation(desk: Desk, by: str, via: str, party: str) -> None:
    number = resolved(desk, by='beto')
    with pytest.raises(NotAllowed):
        desk.life.confirm(number, by=by, via=via, party=party, now=NOW)


def test_both_must_confirm_where_the_contract_says_so(db: Database) -> None:
    desk = Desk(db, site(Policy(verify_with='both')))
    number = resolved(desk)
    assert [row.party for row in desk.asked(number)] == ['user', 'contact']
    first = desk.life.confirm(number, by='contact', via='page', score=2, now=NOW + HOUR)
    assert (first.state, desk.letters('closed')) == (State.RESOLVED, [])
    assert desk.life.confirm(number, by='contact', via='call', score=3, now=NOW + HOUR) == first, 'the same party again changes nothing'
    done = desk.life.confirm(number, by='user', via='call', score=5, now=NOW + 2 * HOUR)
    assert (done.state, done.score) == (State.CLOSED_VERIFIED, 5), "the user's score counts"
    assert [(row.state, row.score) for row in desk.asked(number)] == [('confirmed', 5), ('confirmed', 2)]


def test_a_party_that_was_not_asked_may_answer_and_the_question_to_the_other_ends(desk: Desk) -> None:
    number = resolved(desk)
    desk.life.confirm(number, by='contact', via='page', now=NOW + HOUR)
    assert [(row.party, row.state) for row in desk.asked(number)] == [('user', 'void'), ('contact', 'confirmed')]


def test_a_confirmation_with_a_comment_to_the_contrary_warns(desk: Desk) -> None:
    number = resolved(desk)
    folio = desk.life.confirm(number, by='user', via='page', comment='Pues SIGUE FALLANDO la impresora', now=NOW + HOUR)
    assert folio.state is State.CLOSED_VERIFIED
    assert desk.last(number) == ('warning', 'se confirmó, pero el comentario dice lo contrario: Pues SIGUE FALLANDO la impresora', 'user')
    letter, = desk.letters('warning')
    assert letter.recipient == 'sara@mesa.example' and 'SIGUE FALLANDO' in letter.payload['text']
    other = resolved(desk)
    desk.life.confirm(other, by='user', via='page', comment='gracias, ya no falla', now=NOW + HOUR)
    assert 'warning' not in desk.kinds(other)


def test_nobody_answered(desk: Desk) -> None:
    number = resolved(desk)
    folio = desk.life.close(number, now=NOW + HOUR)
    assert (folio.state, folio.closed_at) == (State.CLOSED_UNVERIFIED, NOW + HOUR)
    assert [row.state for row in desk.asked(number)] == ['unanswered']
    assert [letter.payload['verified'] for letter in desk.letters('closed')] == [False]


# --- reopening -------------------------------------------------------------------------------------------------------

def test_a_refusal_by_call_reopens_and_asks_anew_the_next_time(db: Database) -> None:
    desk = Desk(db, site(Policy(verify_with='both')))
    number = resolved(desk)
    desk.life.reopen(number, reason='no quedó', by='user', via='call', now=NOW + HOUR)
    assert [(row.party, row.state, row.answered_via) for row in desk.asked(number)] == [
        ('user', 'refused', 'call'), ('contact', 'void', None)]
    desk.life.resolve(number, solution='ahora sí', by='ana', now=NOW + 2 * HOUR)
    assert [(row.cycle, row.state) for row in desk.asked(number)][2:] == [(1, 'waiting'), (1, 'waiting')]


@pytest.mark.parametrize(('days', 'passes'), [(30, True), (31, False)])
def test_closed_unverified_may_be_reopened_for_30_days(desk: Desk, days: int, passes: bool) -> None:
    number = resolved(desk)
    desk.life.close(number, now=NOW)
    closed = desk.get(number).closed_at
    assert closed is not None
    when = closed + timedelta(days=days)
    if passes:
        assert desk.life.reopen(number, reason='sigue', by='user', now=when).state is State.ASSIGNED
    else:
        with pytest.raises(NotAllowed, match='could be reopened for 30 days'):
            desk.life.reopen(number, reason='sigue', by='user', now=when)


def test_a_reopened_folio_goes_back_to_its_group(desk: Desk) -> None:
    number = desk.open()
    desk.life.assign(number, group='redes', by='ana', now=NOW)
    desk.life.start(number, by='beto', now=NOW)
    desk.life.resolve(number, solution='x', by='beto', now=NOW)
    folio = desk.life.reopen(number, reason='no', by='user', now=NOW + HOUR)
    assert (folio.holder, folio.resolver_group, folio.acknowledged_at) == ('group', 'redes', None)
    *_, again = desk.letters('handover')               # it is handed over once more, and must be acknowledged
    assert (again.recipient, again.payload['reason']) == ('redes@mesa.example', 'no')
    assert desk.life.acknowledge(number, by='luis', now=NOW + HOUR).acknowledged_at == NOW + HOUR


def test_a_reopened_complaint_does_not_go_back_to_a_group_that_the_person_complained_of_has_joined(desk: Desk) -> None:
    number = desk.open(kind='complaint', complained_of='ana')
    desk.life.assign(number, group='redes', by='sara', now=NOW)
    desk.life.resolve(number, solution='x', by='sara', now=NOW)
    groups = desk.site.clients['acme'].groups
    desk.site = site(groups={**groups, 'redes': replace(groups['redes'], agents=('ana', 'luis'))})
    folio = desk.life.reopen(number, reason='no', by='user', now=NOW + HOUR)
    assert (folio.holder, folio.agent, folio.resolver_group) == ('agent', 'sara', None)


@pytest.mark.parametrize('by', ['user', 'contact', 'mesa', 'Caller'])
def test_who_confirms_as_a_person_is_one(desk: Desk, by: str) -> None:
    """Else the solver would confirm in the user's name."""
    number = resolved(desk)
    with pytest.raises(NotAllowed, match='his own login'):
        desk.life.confirm(number, by=by, via='person', now=NOW)


def test_complaints_about_different_people_are_not_one(desk: Desk) -> None:
    """The folio that stays may be with the person whom the other one accuses."""
    one, two = desk.open(kind='complaint', complained_of='ana'), desk.open(kind='complaint', complained_of='beto')
    with pytest.raises(NotAllowed, match='different people'):
        desk.life.merge(one, two, by='sara', now=NOW)


def test_a_solver_who_has_left_gets_nothing_back_and_a_supervisor_hears(desk: Desk) -> None:
    number = resolved(desk)
    desk.site = site(agents=(agent('beto'), agent('sara', supervisor=True)))
    folio = desk.life.reopen(number, reason='no', by='user', now=NOW + HOUR)
    assert (folio.state, folio.holder) == (State.ASSIGNED, 'nobody')
    assert desk.last(number)[0] == 'warning'
    assert [letter.recipient for letter in desk.letters('warning')] == ['sara@mesa.example']


# --- duplicates ------------------------------------------------------------------------------------------------------

def test_merging_follows_the_chain(desk: Desk) -> None:
    one, two, three = desk.open(), desk.open(), desk.open()
    desk.life.merge(two, one, by='ana', now=NOW)
    merged = desk.life.merge(three, two, by='ana', now=NOW)
    assert (merged.state, merged.cancel_reason, merged.duplicate_of) == (State.CANCELLED, 'duplicate', one)
    assert desk.kinds(one).count('merged') == 2
    assert [letter.payload['into'] for letter in desk.letters('merged')] == [one, one]


@pytest.mark.parametrize('case', ['itself', 'circle', 'client', 'cancelled', 'complaint', 'done'])
def test_what_cannot_be_merged(desk: Desk, case: str) -> None:
    one, two = desk.open(), desk.open()
    into = {'itself': one, 'client': desk.open(client='globex', line='+528005550201'),
            'complaint': desk.open(kind='complaint')}.get(case, two)
    if case == 'circle':
        desk.life.merge(two, one, by='ana', now=NOW)
    if case == 'cancelled':
        desk.life.cancel(two, reason='x', by='ana', now=NOW)
    if case == 'done':
        desk.life.resolve(one, solution='x', by='ana', now=NOW)
    before = desk.get(one)
    with pytest.raises((NotAllowed, IllegalMove)):
        desk.life.merge(one, into, by='ana', now=NOW)
    assert desk.get(one) == before


def test_merging_crosswise_at_once_leaves_one_of_two(desk: Desk) -> None:
    for _ in range(5):
        one, two = desk.open(), desk.open()
        outcomes = at_once(partial(desk.life.merge, one, two, by='ana', now=NOW), partial(desk.life.merge, two, one, by='beto', now=NOW))
        assert sum(isinstance(outcome, Folio) for outcome in outcomes) == 1, outcomes
        assert all(isinstance(outcome, (Folio, IllegalMove, NotAllowed, FolioChanged)) for outcome in outcomes)
        assert sorted(desk.get(number).state for number in (one, two)) == [State.CANCELLED, State.NEW]


# --- complaints ------------------------------------------------------------------------------------------------------

def test_a_complaint_goes_to_a_supervisor_who_is_told(desk: Desk) -> None:
    number = desk.open(kind='complaint', complained_of='ana', description='Me colgó')
    folio = desk.get(number)
    assert (folio.agent, folio.holder, folio.state) == ('sara', 'agent', State.ASSIGNED)
    letter, = desk.letters('complaint')
    assert (letter.recipient, letter.payload['text']) == ('sara@mesa.example', 'Me colgó')


def test_a_complaint_never_goes_to_the_person_complained_of_and_is_nothing_he_may_work_on(db: Database) -> None:
    desk = Desk(db, site(agents=(agent('sara', supervisor=True), agent('sol', supervisor=True), agent('beto'), agent('luis'))))
    number = desk.open(kind='complaint', complained_of='sara')
    assert desk.get(number).agent == 'sol'
    deeds: tuple[Callable[[str], object], ...] = (
        lambda by: desk.life.resolve(number, solution='x', by=by, now=NOW), lambda by: desk.life.note(number, text='x', by=by, now=NOW),
        lambda by: desk.life.cancel(number, reason='x', by=by, now=NOW), lambda by: desk.life.assign(number, agent='sol', by=by, now=NOW),
        lambda by: desk.life.start(number, by=by, now=NOW), lambda by: desk.life.merge(number, desk.open(kind='complaint'), by=by, now=NOW),
        lambda by: desk.life.describe(number, summary='nada', by=by, now=NOW))
    for deed in deeds:
        for by in ('sara', 'SARA', ' sara\n'):
            with pytest.raises(NotAllowed, match='may not work on it'):
                deed(by)
    with pytest.raises(NotAllowed, match='may not get it'):
        desk.life.assign(number, agent='sara', by='sol', now=NOW)
    desk.life.assign(number, group='sap', by='sol', now=NOW)
    desk.life.resolve(number, solution='se habló', by='sol', now=NOW)
    desk.life.confirm(number, by='user', via='page', comment='no funciona', now=NOW)
    told = {letter.recipient for letter in desk.letters() if letter.payload['number'] == number}
    assert 'sol@mesa.example' in told and 'sara@mesa.example' not in told


def test_a_group_with_the_person_complained_of_may_not_have_the_complaint(desk: Desk) -> None:
    number = desk.open(kind='complaint', complained_of='beto')
    with pytest.raises(NotAllowed, match='who is in group redes'):
        desk.life.assign(number, group='redes', by='sara', now=NOW)


def test_a_complaint_about_the_only_supervisor_is_told_to_the_clients_contact(desk: Desk) -> None:
    number = desk.open(kind='complaint', complained_of='sara')
    folio = desk.get(number)
    assert (folio.holder, folio.agent, folio.state) == ('nobody', None, State.NEW)
    assert [letter.recipient for letter in desk.letters('complaint')] == ['elena@acme.example']
    assert desk.last(number)[0] == 'warning'


def test_a_folio_becomes_a_complaint_and_leaves_the_agent(desk: Desk) -> None:
    number = desk.open()
    desk.life.assign(number, agent='ana', by='ana', now=NOW)
    folio = desk.life.complain(number, text='me colgó', complained_of='ana', by='beto', now=NOW + HOUR)
    assert (folio.report.kind, folio.agent) == ('complaint', 'sara')
    assert folio == desk.get(number)
    with pytest.raises(NotAllowed, match='may not work on it'):
        desk.life.complain(desk.open(), text='me colgó', complained_of='ana', by='ana', now=NOW)
    with pytest.raises(NotAllowed, match='not corrected'):
        desk.life.describe(number, kind='failure', by='beto', now=NOW)


# --- what the timeline says -------------------------------------------------------------------------------------------

def told(desk: Desk, number: str) -> list[str]:
    return [entry.text for entry in desk.book.timeline(number)][1:]


def test_a_life_is_told_in_spanish(desk: Desk) -> None:
    desk.site = site(Policy(verify_with='both'))
    number, life = desk.open(), desk.life
    life.assign(number, agent='ana', by='sara', now=NOW)
    life.start(number, by='ana', now=NOW)
    life.describe(number, by='ana', now=NOW, summary='No imprime nada', kind='request')
    life.categorise(number, category='mail', by='ana', now=NOW)
    life.prioritise(number, impact='high', urgency='medium', reason='todo el piso', by='ana', now=NOW)
    life.prioritise(number, impact='high', urgency='medium', reason='sigue igual', by='ana', now=NOW)
    life.wait(number, waiting_for='supplier', reason='falta una pieza', by='ana', now=NOW)
    life.resume(number, by='ana', now=NOW)
    life.assign(number, group='redes', by='ana', now=NOW, reason='es la red')
    life.acknowledge(number, by='beto', now=NOW)
    life.resolve(number, solution='se cambió el cable', by='beto', now=NOW)
    life.reopen(number, reason='no imprime', by='user', now=NOW, via='page')
    life.resolve(number, solution='otro cable', by='beto', now=NOW)
    life.confirm(number, by='user', via='call', now=NOW, score=4)
    life.confirm(number, by='sara', party='contact', via='person', now=NOW, comment='gracias')
    assert told(desk, number) == [
        'asignado a ana', 'en atención', 'corregido: tipo «solicitud»; resumen «No imprime nada»', 'categoría: Correo electrónico',
        'prioridad alta, antes media (impacto alto, urgencia media): todo el piso',
        'prioridad alta (impacto alto, urgencia media): sigue igual',
        'en espera del proveedor: falta una pieza', 'de nuevo en atención', 'turnado al grupo redes: es la red', 'acuse del grupo redes',
        'resuelto: se cambió el cable', 'reabierto en la página: no imprime', 'resuelto: otro cable',
        'el usuario confirmó por teléfono; falta el contacto del cliente', 'calificación del usuario: 4 de 5',
        'el contacto del cliente confirmó a través de la mesa; queda cerrado: gracias']


def test_ends_and_complaints_are_told_in_spanish(desk: Desk) -> None:
    unanswered, cancelled, complaint, one, two = (desk.open() for _ in range(5))
    desk.life.resolve(unanswered, solution='listo', by='ana', now=NOW, first_contact=True)
    desk.life.close(unanswered, now=NOW)
    desk.life.cancel(cancelled, reason='era una prueba', by='ana', now=NOW)
    desk.life.complain(complaint, text='me colgó', complained_of='ana', by='beto', now=NOW)
    desk.life.merge(two, one, by='ana', now=NOW)
    assert told(desk, unanswered) == ['resuelto en el primer contacto: listo', 'cerrado sin confirmar: nadie respondió']
    assert told(desk, cancelled) == ['cancelado: era una prueba']
    assert told(desk, complaint) == ['queja sobre ana: me colgó', 'asignado a sara: las quejas las atiende un supervisor']
    assert (told(desk, two), told(desk, one)) == ([f'duplicado del folio {one}'], [f'el folio {two} es un duplicado de este'])


# --- particulars -----------------------------------------------------------------------------------------------------

def test_visits_are_premium_and_charged(desk: Desk) -> None:
    with pytest.raises(NotAllowed, match='premium only'):
        desk.life.visit(desk.open(), reason='disco', by='ana', now=NOW)
    number = desk.open(line=PREMIUM, modality='premium')
    desk.life.visit(number, reason='disco', by='ana', now=NOW)
    assert desk.last(number) == ('visit', 'visita en sitio con cargo adicional: disco', 'ana')
    assert desk.letters('update')[-1].payload['text'] == 'Se solicitó la visita de un ingeniero a su sitio: disco'
    with desk.db.read() as connection:
        assert [tuple(row) for row in connection.execute(select(visits.c.at, visits.c.by, visits.c.reason))] == [(NOW, 'ana', 'disco')]


def test_categories_are_the_clients(desk: Desk) -> None:
    number = desk.open(category=None)
    assert desk.life.categorise(number, category='mail', by='ana', now=NOW).report.category == 'mail'
    with pytest.raises(NotAllowed, match='it has: mail'):
        desk.life.categorise(number, category='Mail', by='ana', now=NOW)


@pytest.mark.parametrize('text', ['nul \x00 byte', 'lone \ud800 half', 'x' * 50_000, 'línea\r\notra'])
def test_any_text_can_be_stored(desk: Desk, text: str) -> None:
    number = desk.open()
    desk.life.update(number, text=text, by=text, now=NOW)
    _, said, by = desk.last(number)
    assert '\x00' not in said and len(said) <= 10_000 and len(by) <= 64 and '\n' not in by


def test_an_unknown_folio_is_refused_by_name(desk: Desk) -> None:
    for number in ('12345674', '', "' OR 1=1 --"):
        with pytest.raises(UnknownFolio):
            desk.life.start(number, by='ana', now=NOW)
    with pytest.raises(UnknownFolio, match='12345674'):
        desk.life.merge(desk.open(), '12345674', by='ana', now=NOW)


def test_a_line_that_the_site_has_no_more_still_lets_the_folio_live(desk: Desk) -> None:
    number = desk.open()
    desk.site = replace(desk.site, lines={}, clients={}, queues={})
    folio = desk.life.start(number, by='ana', now=NOW)
    assert (folio.promised, folio.report.next_look) == (None, None)
    desk.life.resolve(number, solution='x', by='ana', now=NOW)
    assert desk.life.confirm(number, by='user', via='page', now=NOW).state is State.CLOSED_VERIFIED


# --- no lost update --------------------------------------------------------------------------------------------------

def at_once(*works: Callable[[], object]) -> list[Any]:
    """What each piece of work gave or raised, all begun at the same moment."""
    outcomes: list[Any] = [None] * len(works)
    barrier = threading.Barrier(len(works))

    def run(place: int, work: Callable[[], object]) -> None:
        barrier.wait(10)
        try:
            outcomes[place] = work()
        except Exception as error:
            outcomes[place] = error
    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return outcomes


def test_who_saw_an_older_version_is_told_who_changed_it_and_when(desk: Desk) -> None:
    number = desk.open()
    desk.life.assign(number, agent='ana', by='sara', now=NOW, expected=0)
    with pytest.raises(FolioChanged, match=r'at version 1 and you saw 0: sara changed it last \(move\) on 2026-11-24 10:00:00'):
        desk.life.assign(number, agent='beto', by='beto', now=NOW, expected=0)
    assert desk.get(number).agent == 'ana'


def test_two_agents_at_once_and_exactly_one_wins(db_url: str) -> None:
    own = [Database(db_url, patience_s=20.0) for _ in range(2)]
    desks = [Desk(one) for one in own]
    for _ in range(6):
        number = desks[0].open()
        outcomes = at_once(
            partial(desks[0].life.assign, number, agent='ana', by='ana', now=NOW, expected=0),
            partial(desks[1].life.resolve, number, solution='x', by='beto', now=NOW, expected=0),
            partial(desks[1].life.assign, number, agent='luis', by='luis', now=NOW, expected=0))
        winners = [outcome for outcome in outcomes if isinstance(outcome, Folio)]
        assert len(winners) == 1, outcomes
        assert [type(outcome) for outcome in outcomes if not isinstance(outcome, Folio)] == [FolioChanged] * 2
        assert desks[0].get(number) == winners[0]
        assert len(desks[0].changes(number)) == 1
    for one in own:
        one.close()


def test_changes_of_many_without_a_version_are_all_kept(db: Database) -> None:
    desk = Desk(db)
    number = desk.open()
    at_once(*(partial(desk.life.update, number, text=f'{place}', by='ana', now=NOW) for place in range(8)))
    assert desk.get(number).version == 8
    assert sorted(entry.text for entry in desk.book.timeline(number) if entry.kind == 'update') == [str(place) for place in range(8)]
    assert len({letter.key for letter in desk.letters('update')}) == 8


def test_a_failure_in_the_middle_stores_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    number = desk.open()
    before, timeline, letters = desk.get(number), desk.book.timeline(number), len(desk.letters())

    def power_cut(*_: object) -> None:
        raise OSError('power cut')
    monkeypatch.setattr('ticketing.lifecycle.verification.ask_parties', power_cut)
    with pytest.raises(OSError, match='power cut'):
        desk.life.resolve(number, solution='x', by='ana', now=NOW)
    assert (desk.get(number), desk.book.timeline(number), len(desk.letters()), desk.changes(number)) == (before, timeline, letters, ())


def test_a_row_of_an_older_resolution_is_never_taken_for_the_present_one(desk: Desk) -> None:
    number = resolved(desk)
    desk.life.reopen(number, reason='no', by='user', now=NOW)
    desk.life.resolve(number, solution='y', by='ana', now=NOW)
    with desk.db.write() as connection:
        connection.execute(update(close_calls).values(state='confirmed').where(close_calls.c.cycle == 0))
    assert desk.life.confirm(number, by='user', via='call', now=NOW).state is State.CLOSED_VERIFIED
    assert [(row.cycle, row.answered_via) for row in desk.asked(number)] == [(0, 'person'), (1, 'call')]


def test_a_clock_that_was_set_back_never_makes_a_life_run_backwards(desk: Desk) -> None:
    number = desk.open()
    desk.life.start(number, by='ana', now=NOW + HOUR)
    folio = desk.life.resolve(number, solution='x', by='ana', now=NOW - DAY)
    assert folio.resolved_at == NOW + HOUR
