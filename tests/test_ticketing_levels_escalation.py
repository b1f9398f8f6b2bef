"""Escalation on both databases: who is told what, when, and once, whatever happens to the worker (mission.md 4.5)."""
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update

from config.values import EscalationStep, Policy
from storage.engine import Database
from tests.small_site import LINE, SECOND, SITE, a_report, a_site, at, open_folio, rows
from ticketing.changes import add_change
from ticketing.folio_rows import id_of
from ticketing.folios import FolioBook
from ticketing.levels import escalation
from ticketing.levels.clock import read_clock
from ticketing.levels.escalation import DueStep, Escalator, UnknownEscalation, due_steps, recipients
from ticketing.levels.terms import terms_of
from ticketing.levels.timing import recompute_open
from ticketing.life import LIFE
from ticketing.lifecycle import LifeCycle
from ticketing.tables import escalations, folio_changes, folios, outbox
from ticketing.values import OPEN_STATES, Change, EntryKind, Folio, IllegalMove, Move, NotAllowed, State, UnknownFolio

RUNGS = ('respond', '50 %', '80 %', '100 %', '+240 min')


def move(db, number, when, what, waiting_for=None, reason=''):
    """A change as the life cycle stores it, without its letters."""
    with db.write() as connection:
        ident = id_of(connection, number)
        state = State(connection.scalar(select(folios.c.state).where(folios.c.id == ident)))
        after = LIFE[what][state]
        add_change(connection, ident, Change(when, what, state, after, 'medium', waiting_for, 'ana', reason))
        connection.execute(update(folios).where(folios.c.id == ident).values(state=after.value))


def fired(db):
    return [row.step for row in rows(db, escalations, 'step')]


def next_look(db):
    return rows(db, folios, 'next_look')[-1].next_look


# -- the decision ---------------------------------------------------------------------------------------------------

def steps_at(moment, fired=(), ladder=None, responded=None):
    terms = terms_of(SITE, LINE, None, 'medium', at(moment))
    terms = terms if ladder is None else replace(terms, ladder=ladder)
    opened = at('2026-11-24 08:00')
    clock = read_clock(opened, opened, responded, (), terms, fired, at(moment))
    return due_steps(clock, terms, fired, at(moment))


@pytest.mark.parametrize(('moment', 'names'), [
    ('2026-11-24 08:59:59', ()), ('2026-11-24 09:00:00', ('respond',)), ('2026-11-24 12:59:59', ('respond',)),
    ('2026-11-24 13:00:00', ('respond', '50 %')),
    ('2026-11-24 18:00:00', ('respond', '50 %', '80 %', '100 %')), ('2026-11-25 10:00:00', RUNGS)])
def test_each_step_falls_due_to_the_second(moment, names):
    assert tuple(step.name for step in steps_at(moment)) == names


def test_a_step_knows_when_it_fell_due():
    assert [step.due_at for step in steps_at('2026-11-30 10:00', fired=('respond', '50 %'))] == [
        at('2026-11-24 16:00'), at('2026-11-24 18:00'), at('2026-11-25 10:00')]


def test_what_was_told_is_not_due_again_and_a_response_ends_its_step():
    assert steps_at('2026-11-30 10:00', fired=RUNGS) == ()
    assert steps_at('2026-11-24 10:00', responded=at('2026-11-24 08:30')) == ()


def test_two_rungs_at_one_height_are_one_step_for_both():
    ladder = (EscalationStep(50, None, ('agent',)), EscalationStep(50, None, ('supervisor',)))
    assert steps_at('2026-11-24 13:00', ('respond',), ladder) == (DueStep('50 %', at('2026-11-24 13:00'), ('agent', 'supervisor')),)


def a_folio(**facts):
    own = {name: facts.pop(name) for name in ('agent', 'resolver_group') if name in facts}
    return Folio('10000009', a_report(at('2026-11-24 08:00'), **facts), State.ASSIGNED, at('2026-11-24 08:00'), **own)


@pytest.mark.parametrize(('notify', 'told'), [
    (('agent',), ['ana@mesa.example']),
    (('group',), ['redes@mesa.example']),
    (('agent', 'group', 'supervisor'), ['ana@mesa.example', 'redes@mesa.example', 'eva@mesa.example', 'sol@mesa.example']),
    (('supervisor', 'contact'), ['eva@mesa.example', 'sol@mesa.example', 'rita@quetzal.example']),
    (('guardia@proveedor.example', 'ANA@mesa.example', 'agent'), ['guardia@proveedor.example', 'ANA@mesa.example']),
    (('nobody',), [])])
def test_a_rung_tells_those_it_names_each_once(notify, told):
    assert list(recipients(SITE, a_folio(agent='ana', resolver_group='redes'), notify)) == told


def test_who_is_not_there_is_not_told():
    everybody = ('agent', 'group', 'supervisor', 'contact')
    alone = replace(a_site(contact=None, groups={}), agents={})
    assert recipients(alone, a_folio(agent='ana', resolver_group='redes'), everybody) == {}
    assert recipients(SITE, a_folio(client='nadie', agent='nadie'), ('agent', 'group', 'contact')) == {}


def test_a_complaint_never_reaches_the_person_complained_of():
    everybody = ('agent', 'group', 'supervisor', 'contact', 'EVA@mesa.example')
    complaint = a_folio(kind='complaint', complained_of='eva', agent='eva', resolver_group='redes')
    assert list(recipients(SITE, complaint, everybody)) == ['redes@mesa.example', 'sol@mesa.example', 'rita@quetzal.example']
    of_the_group = a_folio(kind='complaint', complained_of='beto', agent='beto', resolver_group='redes')
    assert 'redes@mesa.example' not in recipients(SITE, of_the_group, everybody)


# -- rounds -----------------------------------------------------------------------------------------------------------

def test_a_due_step_is_stored_with_its_entry_its_letters_and_the_next_look(db):
    number = open_folio(db, at('2026-11-24 08:00'), responded=at('2026-11-24 08:05'))
    escalator = Escalator(db, lambda: SITE)
    assert escalator.round(at('2026-11-24 12:59:59')) == 0
    assert escalator.round(at('2026-11-24 13:00:02')) == 1
    assert rows(db, escalations, 'step', 'due_at', 'fired_at') == [('50 %', at('2026-11-24 13:00'), at('2026-11-24 13:00:02'))]
    [letter] = rows(db, outbox, 'notice', 'recipient', 'due', 'held', 'payload', 'client')
    assert (letter.notice, letter.recipient, letter.due, letter.held, letter.client) == (
        'escalation', 'ana@mesa.example', at('2026-11-24 13:00:02'), True, 'quetzal')
    assert {name: letter.payload[name] for name in ('number', 'step', 'used_s', 'resolve_s', 'due')} == {
        'number': number, 'step': '50 %', 'used_s': 18_002, 'resolve_s': 36_000, 'due': '2026-11-25T00:00:00+00:00'}
    assert FolioBook(db).timeline(number)[-1].text == 'escalamiento «50 %»: 300 de 600 min de servicio usados; se avisa a ana'
    assert next_look(db) == at('2026-11-24 16:00')


def test_steps_that_a_stopped_worker_missed_are_all_told_in_order_and_once(db):
    open_folio(db, at('2026-11-24 08:00'))
    escalator = Escalator(db, lambda: SITE)
    assert escalator.round(at('2026-11-26 10:00')) == 5
    assert fired(db) == list(RUNGS)
    assert next_look(db) is None
    letters = len(rows(db, outbox, 'id'))
    assert [Escalator(db, lambda: SITE).round(at('2026-11-26 10:00') + n * SECOND) for n in range(3)] == [0, 0, 0]
    assert (fired(db), len(rows(db, outbox, 'id'))) == (list(RUNGS), letters)


def test_nobody_to_tell_and_still_the_step_is_told(db):
    site = replace(a_site(contact=None, groups={}), agents={})
    number = open_folio(db, at('2026-11-24 08:00'), site)
    assert Escalator(db, lambda: site).round(at('2026-11-24 09:00')) == 1
    assert (fired(db), rows(db, outbox, 'id')) == (['respond'], [])
    assert FolioBook(db).timeline(number)[-1].text == 'escalamiento «sin primera respuesta»; no hay a quién avisar'


def test_no_escalation_letter_leaves_at_a_weekend(db):
    """Named regression: escalation mail at a weekend. It falls due as the line closes on Friday, and is told on Monday."""
    open_folio(db, at('2026-11-27 10:00'), responded=at('2026-11-27 10:00'))
    Escalator(db, lambda: SITE).round(at('2026-11-27 20:00'))
    assert fired(db) == ['50 %', '80 %', '100 %']
    assert {row.due for row in rows(db, outbox, 'due')} == {at('2026-11-30 08:00')}
    assert all(row.held for row in rows(db, outbox, 'held'))


def test_the_contract_may_want_it_at_any_hour(db):
    site = a_site(policy=Policy(escalate_outside_hours=True))
    open_folio(db, at('2026-11-27 10:00'), site, responded=at('2026-11-27 10:00'))
    Escalator(db, lambda: site).round(at('2026-11-28 11:00'))
    assert {(row.due, row.held) for row in rows(db, outbox, 'due', 'held')} == {(at('2026-11-28 11:00'), False)}


def test_a_worker_killed_before_the_end_of_a_folio_tells_it_whole_the_next_time(db, monkeypatch):
    open_folio(db, at('2026-11-24 08:00'))

    def power_cut(*args, **kwargs):
        raise KeyboardInterrupt
    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(escalation, 'set_due_times', power_cut)
        Escalator(db, lambda: SITE).round(at('2026-11-24 13:00'))
    assert (fired(db), rows(db, outbox, 'id')) == ([], [])
    Escalator(db, lambda: SITE).round(at('2026-11-24 13:00'))
    assert fired(db) == ['respond', '50 %']


def test_workers_side_by_side_tell_each_step_once(db, db_url):
    opened = at('2026-11-24 08:00')
    for n in range(6):
        open_folio(db, opened + n * SECOND)
    databases = [Database(db_url, patience_s=20.0) for _ in range(3)]
    try:
        with ThreadPoolExecutor(len(databases)) as threads:
            told = [threads.submit(Escalator(one, lambda: SITE).round, at('2026-11-25 12:00')) for one in databases]
            assert sum(one.result() for one in told) == 6 * len(RUNGS)
    finally:
        for one in databases:
            one.close()
    steps = [tuple(row) for row in rows(db, escalations, 'folio_id', 'step')]
    assert len(steps) == len(set(steps)) == 6 * len(RUNGS)


def test_one_folio_that_fails_keeps_no_other_waiting(db, monkeypatch, caplog):
    first, second = open_folio(db, at('2026-11-24 08:00')), open_folio(db, at('2026-11-24 08:01'))
    told = escalation._tell

    def fails_on_the_first(connection, site, one, *rest):
        if one.folio.number == first:
            raise ValueError('spoilt')
        told(connection, site, one, *rest)
    escalator = Escalator(db, lambda: SITE)
    with monkeypatch.context() as spoilt:
        spoilt.setattr(escalation, '_tell', fails_on_the_first)
        assert [escalator.round(at('2026-11-24 09:30')) for _ in range(3)] == [1, 0, 0]
    assert [one.number for one in escalator.list()] == [second]
    assert len(caplog.records) == 1                    # not one every two seconds for ever
    assert escalator.round(at('2026-11-24 09:30')) == 1


def spoil(db, number):
    """A folio with a change that no code can read."""
    with db.write() as connection:
        add_change(connection, id_of(connection, number), Change(
            at('2026-11-24 08:30'), Move.START, State.NEW, State.IN_PROGRESS, 'medium', None, 'ana', ''))
        connection.execute(update(folio_changes).values(move='nothing'))


def test_a_whole_round_of_folios_that_fail_keeps_no_other_waiting(db, monkeypatch):
    for minute in range(3):
        spoil(db, open_folio(db, at(f'2026-11-24 08:0{minute}')))
    last = open_folio(db, at('2026-11-24 08:10'))
    monkeypatch.setattr(escalation, 'MOST_A_ROUND', 2)
    escalator = Escalator(db, lambda: SITE)
    for _ in range(3):
        escalator.round(at('2026-11-24 09:30'))
    assert [one.number for one in escalator.list()] == [last]


def test_due_times_are_reckoned_anew_for_the_others_when_one_folio_cannot_be_read(db):
    moved, spoilt = open_folio(db, at('2026-11-24 08:00')), open_folio(db, at('2026-11-24 08:00'))
    spoil(db, spoilt)
    with db.write() as connection:
        connection.execute(update(folios).values(next_look=None))
    assert recompute_open(db, SITE, at('2026-11-24 09:30')) == 1
    assert {row.number: row.next_look is not None for row in rows(db, folios, 'number', 'next_look')} == {moved: True, spoilt: False}


def test_a_line_that_went_is_looked_at_no_more(db):
    open_folio(db, at('2026-11-24 08:00'))
    assert Escalator(db, lambda: replace(SITE, lines={})).round(at('2026-11-24 12:00')) == 0
    assert next_look(db) is None


def test_a_pause_holds_the_ladder_and_its_end_lets_it_go_on(db):
    number = open_folio(db, at('2026-11-24 08:00'), responded=at('2026-11-24 08:00'))
    move(db, number, at('2026-11-24 09:00'), Move.START)
    move(db, number, at('2026-11-24 10:00'), Move.WAIT, 'user', 'falta la foto')
    recompute_open(db, SITE, at('2026-11-24 10:00'))
    escalator = Escalator(db, lambda: SITE)
    assert escalator.round(at('2026-11-27 10:00')) == 0
    move(db, number, at('2026-11-27 10:00'), Move.RESUME)
    recompute_open(db, SITE, at('2026-11-27 10:00'))
    assert next_look(db) == at('2026-11-27 13:00')
    assert escalator.round(at('2026-11-27 13:00')) == 1


# -- acknowledgement -----------------------------------------------------------------------------------------------------

def test_an_escalation_is_acknowledged_once_and_by_whom(db):
    number = open_folio(db, at('2026-11-24 08:00'))
    escalator = Escalator(db, lambda: SITE)
    escalator.round(at('2026-11-24 13:00'))
    assert escalator.acknowledge(number, 'respond', 'eva', at('2026-11-24 13:05')) == ('respond',)
    assert [one.step for one in escalator.list(acknowledged=False)] == ['50 %']
    assert escalator.acknowledge(number, None, 'sol', at('2026-11-24 13:06')) == ('50 %',)
    assert escalator.acknowledge(number, None, 'ana', at('2026-11-24 13:07')) == ()
    assert [(one.step, one.acknowledged_by) for one in escalator.list(number)] == [('50 %', 'sol'), ('respond', 'eva')]
    assert [(entry.kind, entry.by, entry.text) for entry in FolioBook(db).timeline(number)][-2:] == [
        (EntryKind.ESCALATED, 'eva', 'escalamiento «sin primera respuesta» atendido'),
        (EntryKind.ESCALATED, 'sol', 'escalamiento «50 %» atendido')]


def test_the_person_complained_of_acknowledges_nothing(db):
    number = open_folio(db, at('2026-11-24 08:00'), kind='complaint', complained_of='ana')
    escalator = Escalator(db, lambda: SITE)
    escalator.round(at('2026-11-24 09:30'))
    with pytest.raises(NotAllowed, match='complaint about Ana'):
        escalator.acknowledge(number, None, 'Ana', at('2026-11-24 09:31'))
    assert escalator.acknowledge(number, None, 'eva', at('2026-11-24 09:31'))


def test_what_was_not_told_cannot_be_acknowledged(db):
    number = open_folio(db, at('2026-11-24 08:00'))
    escalator = Escalator(db, lambda: SITE)
    with pytest.raises(UnknownFolio):
        escalator.acknowledge('10000000', None, 'eva', at('2026-11-24 13:05'))
    with pytest.raises(UnknownEscalation, match='nothing was escalated'):
        escalator.acknowledge(number, None, 'eva', at('2026-11-24 13:05'))
    escalator.round(at('2026-11-24 13:00'))
    with pytest.raises(UnknownEscalation, match=r'no escalation 80 % \(there are: respond, 50 %\)'):
        escalator.acknowledge(number, '80 %', 'eva', at('2026-11-24 13:05'))


# -- a new site ------------------------------------------------------------------------------------------------------------

def due_times(db):
    return tuple(rows(db, folios, 'promised', 'respond_due', 'next_look')[-1])


def test_a_new_contract_moves_the_due_times_of_what_is_open_and_of_nothing_else(db):
    old, now = at('2026-11-24 08:00'), at('2026-11-24 10:00')
    done = open_folio(db, old)
    move(db, done, at('2026-11-24 09:00'), Move.RESOLVE)
    open_folio(db, old)
    before = rows(db, folios, 'promised', 'respond_due', 'next_look', 'version')
    faster = a_site(policy=Policy(resolve_medium_hours=4, respond_medium_minutes=30))
    assert recompute_open(db, faster, now) == 1
    assert due_times(db) == (at('2026-11-24 12:00'), at('2026-11-24 08:30'), at('2026-11-24 08:30'))
    assert rows(db, folios, 'promised', 'respond_due', 'next_look', 'version')[0] == before[0]
    assert recompute_open(db, faster, now) == 0
    assert recompute_open(db, SITE, now) == 1
    assert rows(db, folios, 'promised', 'respond_due', 'next_look', 'version') == before


def test_a_new_calendar_forgets_no_pause(db):
    number = open_folio(db, at('2026-11-24 18:00'), responded=at('2026-11-24 18:00'))
    move(db, number, at('2026-11-24 19:00'), Move.START)
    move(db, number, at('2026-11-24 19:30'), Move.WAIT, 'supplier', 'refacción')
    move(db, number, at('2026-11-25 19:00'), Move.RESUME)
    now = at('2026-11-25 19:30')
    recompute_open(db, SITE, now)
    assert due_times(db)[0] == at('2026-11-26 15:30')
    calendars = dict(SITE.calendars)
    always = replace(SITE, calendars=calendars | {'5x12': replace(calendars['24x7'], name='5x12')})
    assert recompute_open(db, always, now) == 1
    assert due_times(db)[0] == at('2026-11-26 03:30')        # 1.5 h used before the pause: 8.5 h are left from its end on
    assert Escalator(db, lambda: always).round(now) == 0


def test_a_line_that_comes_back_is_due_again(db):
    open_folio(db, at('2026-11-24 08:00'))
    stored = due_times(db)
    assert recompute_open(db, replace(SITE, lines={}), at('2026-11-24 08:10')) == 1
    assert due_times(db) == (None, None, None)
    assert recompute_open(db, SITE, at('2026-11-24 08:20')) == 1
    assert due_times(db) == stored


def test_more_folios_than_a_batch_holds_are_all_reckoned(db):
    opened = at('2026-11-24 08:00')
    with db.write() as connection:
        columns = {name: '' for name in ('rule',)} | {
            'opened_at': opened, 'clock_starts': opened, 'state': 'new', 'priority': 'medium', 'kind': 'failure', 'client': 'quetzal',
            'line': LINE, 'modality': 'standard', 'identified_by': 'unknown', 'unlisted': False, 'from_message': False, 'origin': 'phone',
            'holder': 'nobody'}
        connection.execute(insert(folios), [columns | {'id': n, 'number': f'{n:08}'} for n in range(1, 252)])
    assert recompute_open(db, SITE, opened) == 251
    assert {row.promised for row in rows(db, folios, 'promised')} == {at('2026-11-24 18:00')}


# -- together with the life cycle ---------------------------------------------------------------------------------------------

MOVES = {
    'assign': lambda life, number, now: life.assign(number, agent='ana', by='eva', now=now),
    'hand over': lambda life, number, now: life.assign(number, group='redes', by='eva', now=now),
    'start': lambda life, number, now: life.start(number, by='ana', now=now),
    'wait': lambda life, number, now: life.wait(number, waiting_for='user', reason='falta la foto', by='ana', now=now),
    'resume': lambda life, number, now: life.resume(number, by='ana', now=now),
    'update': lambda life, number, now: life.update(number, text='Seguimos.', by='ana', now=now),
    'resolve': lambda life, number, now: life.resolve(number, solution='Se cambió el cable.', by='ana', now=now),
    'reopen': lambda life, number, now: life.reopen(number, reason='sigue fallando', by='user', now=now),
    'faster': lambda life, number, now: life.prioritise(number, impact='high', urgency='high', reason='producción', by='eva', now=now),
    'slower': lambda life, number, now: life.prioritise(number, impact='low', urgency='low', reason='hay otra vía', by='eva', now=now),
}


@pytest.mark.parametrize('seed', range(4))
def test_in_random_lives_every_stored_due_time_is_what_the_clock_says_and_every_step_is_told_once(db, seed):
    chance = random.Random(seed)
    life, escalator, now = LifeCycle(db, lambda: SITE), Escalator(db, lambda: SITE), at('2026-11-24 08:00')
    numbers = [open_folio(db, now, agent=None) for _ in range(3)]
    moves = 0
    for _ in range(30):
        now += timedelta(seconds=chance.choice((1, 600, 3_600, 20_000, 80_000)))
        escalator.round(now)
        with suppress(IllegalMove):
            MOVES[chance.choice(list(MOVES))](life, chance.choice(numbers), now)
            moves += 1
        assert recompute_open(db, SITE, now) == 0
        with db.read() as connection:
            due = connection.scalars(select(folios.c.next_look).where(folios.c.state.not_in(OPEN_STATES))).all()
        assert set(due) <= {None}
    steps = [tuple(row) for row in rows(db, escalations, 'folio_id', 'step')]
    assert len(steps) == len(set(steps))
    assert moves > 5
    assert len(steps) > 3
