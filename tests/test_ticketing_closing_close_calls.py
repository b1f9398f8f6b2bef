"""When whom to call about a resolved folio, what is stored of it, and what follows silence (mission.md 4.7)."""
from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event

from config.values import Calendar, HolidayBook, Override, OverrideState, Policy, Site, Span, Trunk, User
from storage.engine import Database
from tests.small_site import CITY, LINE, SITE, WHOLE_DAY, a_report, a_site, at, open_folio, rows
from ticketing.closing.close_calls import CloseCalls
from ticketing.closing.rows import Attempt, UnknownCloseCall
from ticketing.closing.steps import (
    Call,
    Facts,
    GiveUp,
    Hours,
    SendLetter,
    Wait,
    after_attempt,
    deadline_after,
    next_step,
    number_to_call,
)
from ticketing.folios import FolioBook
from ticketing.lifecycle import LifeCycle
from ticketing.tables import close_calls, outbound_calls, outbox
from ticketing.values import EntryKind, Folio, NotAllowed, State

HOURS = Hours(SITE.calendars['5x12'], SITE.holidays)
POLICY = Policy()
TUESDAY = at('2026-11-24 10:00')
USER = User('quetzal', '20001', 'Citlali Tapia', 'citlali@quetzal.example', ('+525555551101', '+525555551102'), 'Centro', False)
OUT = (Trunk('demo', ('127.0.0.2',), outbound='127.0.0.4:5070', caller_id='+528005550101'),)
CALLABLE = replace(a_site(users=(USER,)), trunks=OUT)


def facts(**known: Any) -> Facts:
    return Facts(**{'state': 'waiting', 'attempts': 0, 'deadline': None, 'number': '+525555551101', **known})


# --- what is next --------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(('now', 'step'), [
    ('2026-11-24 08:00', Call('+525555551101')),
    ('2026-11-24 19:59:59', Call('+525555551101')),
    ('2026-11-24 20:00', Wait(at('2026-11-25 08:00'))),
    ('2026-11-24 07:59:59', Wait(at('2026-11-24 08:00'))),
    ('2026-11-28 12:00', Wait(at('2026-11-30 08:00'))),            # a Saturday
    ('2026-12-25 12:00', Wait(at('2026-12-28 08:00'))),            # Christmas, a Friday
])
def test_nobody_is_called_outside_the_hours_of_his_line(now: str, step: object) -> None:
    assert next_step(facts(), POLICY, HOURS, at(now)) == step


def test_a_line_that_was_closed_for_a_while_calls_nobody() -> None:
    closed = Override(LINE, OverrideState.CLOSED, at('2026-11-24 09:00'), at('2026-11-24 12:00'))
    assert next_step(facts(), POLICY, replace(HOURS, overrides=(closed,)), TUESDAY) == Wait(at('2026-11-24 12:00'))


def test_attempts_are_two_open_hours_apart_and_the_letter_follows_the_last_at_once() -> None:
    assert after_attempt(1, POLICY, HOURS, TUESDAY) == at('2026-11-24 12:00')
    assert after_attempt(2, POLICY, HOURS, at('2026-11-24 19:30')) == at('2026-11-25 09:30')
    assert after_attempt(3, POLICY, HOURS, TUESDAY) == TUESDAY


@pytest.mark.parametrize(('now', 'deadline'), [
    ('2026-11-24 10:00', '2026-11-27 20:00'),                      # Tuesday: Wednesday, Thursday, Friday
    ('2026-11-26 10:00', '2026-12-01 20:00'),                      # over a weekend
    ('2026-11-24 21:00', '2026-11-30 20:00'),                      # the letter leaves on Wednesday morning
    ('2026-12-23 10:00', '2026-12-29 20:00'),                      # Christmas is no business day
])
def test_the_third_attempt_in_vain_leads_to_a_letter_with_three_business_days_to_answer(now: str, deadline: str) -> None:
    assert next_step(facts(attempts=3), POLICY, HOURS, at(now)) == SendLetter(at(deadline))


def test_without_a_telephone_number_he_is_asked_in_writing_at_once() -> None:
    assert next_step(facts(number=None), POLICY, HOURS, TUESDAY) == SendLetter(at('2026-11-27 20:00'))


def test_a_deadline_is_the_closing_time_of_its_own_day_around_the_clock_too() -> None:
    always = Hours(SITE.calendars['24x7'], SITE.holidays)
    assert deadline_after(always, TUESDAY, 3) == at('2026-11-28 00:00')
    early = Hours(Calendar('x', CITY, 'CMX', {2: (Span(480, 1200),), 5: (Span(480, 840),)}), HolidayBook())
    assert deadline_after(early, TUESDAY, 1) == at('2026-11-27 14:00')


def test_a_calendar_that_never_opens_calls_nobody_and_still_ends() -> None:
    never = Hours(Calendar('x', CITY, 'CMX', {}), HolidayBook())
    assert next_step(facts(), POLICY, never, TUESDAY) == SendLetter(at('2026-11-28 00:00'))
    assert after_attempt(1, POLICY, never, TUESDAY) == TUESDAY


def test_an_unanswered_letter_is_given_up_at_its_deadline_and_not_before() -> None:
    mailed = facts(state='mailed', attempts=3, deadline=at('2026-11-27 20:00'))
    assert next_step(mailed, POLICY, HOURS, at('2026-11-27 19:59:59')) == Wait(at('2026-11-27 20:00'))
    assert next_step(mailed, POLICY, HOURS, at('2026-11-27 20:00')) == GiveUp()


def test_the_limits_of_an_hour_are_kept_for_client_and_user() -> None:
    minutes = [TUESDAY - timedelta(minutes=m) for m in (50, 40, 30)]
    few = replace(POLICY, close_calls_per_hour=3)
    assert next_step(facts(client_calls=tuple(minutes)), few, HOURS, TUESDAY) == Wait(minutes[0] + timedelta(hours=1))
    assert next_step(facts(client_calls=tuple(minutes[1:])), few, HOURS, TUESDAY) == Call('+525555551101')
    assert next_step(facts(user_calls=tuple(minutes)), POLICY, HOURS, TUESDAY) == Wait(minutes[1] + timedelta(hours=1))


def test_a_number_that_is_being_called_is_left_in_peace() -> None:
    assert next_step(facts(in_flight=True), POLICY, HOURS, TUESDAY) == Wait(TUESDAY)


@given(attempts=st.integers(0, 5), minutes=st.integers(0, 60 * 24 * 30), number=st.sampled_from([None, '+525555551101']),
       calls=st.lists(st.integers(0, 3599), max_size=6), limit=st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_a_call_is_open_spaced_and_limited_whatever_the_facts(attempts: int, minutes: int, number: str | None, calls: list[int],
                                                             limit: int) -> None:
    now = at('2026-12-01 00:00') + timedelta(minutes=minutes)
    lately = tuple(sorted(now - timedelta(seconds=s) for s in calls))
    policy = replace(POLICY, close_calls_per_user_hour=limit)
    step = next_step(facts(attempts=attempts, number=number, user_calls=lately), policy, HOURS, now)
    if isinstance(step, Call):
        local = now.astimezone(CITY)
        assert local.isoweekday() < 6 and 8 <= local.hour < 20 and local.date().isoformat() != '2026-12-25'
        assert attempts < 3 and number is not None and len(calls) < limit
    if isinstance(step, Wait):
        assert step.until > now
    if isinstance(step, SendLetter):
        assert (attempts >= 3 or number is None) and step.deadline > now


# --- whom ----------------------------------------------------------------------------------------------------------

def folio_of(**known: Any) -> Folio:
    return Folio('12345674', a_report(TUESDAY, **known), State.RESOLVED, TUESDAY)


@pytest.mark.parametrize(('known', 'party', 'number'), [
    ({'employee_number': '20001', 'caller_number': '+525555559999'}, 'user', '+525555551101'),
    ({'caller_number': '+525555559999'}, 'user', '+525555559999'),
    ({'caller_number': '+525555559100'}, 'user', None),            # the client's trunk is everybody
    ({'caller_number': '+528005550101'}, 'user', None),            # one of our own lines
    ({'caller_number': '+12125550100'}, 'user', None),             # abroad
    ({'caller_number': '+529005550100'}, 'user', None),            # somebody earns by it
    ({'caller_number': '+525555550778'}, 'user', None),            # what our own calls show
    ({'caller_number': '911'}, 'user', None),
    ({}, 'user', None),
    ({'employee_number': '20001'}, 'contact', '+525555550777'),
])
def test_whom_to_call(known: dict[str, Any], party: str, number: str | None) -> None:
    client = CALLABLE.clients['quetzal']
    assert client.contact is not None
    site = replace(CALLABLE, trunks=(replace(OUT[0], caller_id='+525555550778'),), clients={'quetzal': replace(
        client, trunk_numbers=frozenset({'+525555559100'}), contact=replace(client.contact, phone='+525555550777'))})
    assert number_to_call(site, folio_of(**known), party) == number


def test_nobody_of_a_client_who_is_gone() -> None:
    assert number_to_call(replace(CALLABLE, clients={}), folio_of(employee_number='20001'), 'user') is None


# --- in the books --------------------------------------------------------------------------------------------------

class Books:
    """The books of one database, with a site that may be changed."""

    def __init__(self, db: Database, site: Site = CALLABLE) -> None:
        self.db = db
        self.site = site
        self.life = LifeCycle(db, lambda: self.site)
        self.calls = CloseCalls(db, self.life, lambda: self.site, lambda now: ())

    def resolved(self, now: datetime = TUESDAY, line: str = LINE, **known: Any) -> str:
        known = {'employee_number': '20001', 'user_email': 'citlali@quetzal.example', **known}
        number = open_folio(self.db, now, self.site, line, **known)
        self.life.resolve(number, solution='Listo', by='ana', now=now)
        return str(number)

    def next(self, now: datetime) -> list[Attempt]:
        """All that is due, taken."""
        return [attempt for one in self.calls.due(now) if (attempt := self.calls.take(one, now)) is not None]

    def only(self, now: datetime) -> Attempt:
        attempt, = self.next(now)
        return attempt

    def row(self, number: str | None = None) -> Any:
        found = rows(self.db, close_calls, 'id', 'state', 'attempts', 'next_at', 'deadline', 'party', 'score', 'answered_via')
        return found[-1]

    def outcomes(self) -> list[str | None]:
        return [row.outcome for row in rows(self.db, outbound_calls, 'outcome')]

    def state(self, number: str) -> str:
        folio = FolioBook(self.db).get(number)
        assert folio is not None
        return folio.state.value

    def told(self, number: str, kind: EntryKind) -> list[tuple[str, str | None]]:
        return [(entry.text, entry.call) for entry in FolioBook(self.db).timeline(number) if entry.kind == kind]

    def letters(self, name: str) -> list[Any]:
        return [row for row in rows(self.db, outbox, 'notice', 'recipient', 'payload', 'due') if row.notice == name]


@pytest.fixture
def books(db: Database) -> Books:
    return Books(db)


def test_an_attempt_is_stored_before_anybody_dials(books: Books) -> None:
    number = books.resolved()
    attempt = books.only(TUESDAY)
    assert (attempt.folio, attempt.number, attempt.trunk, attempt.caller_id) == (number, '+525555551101', 'demo', '+528005550101')
    row, = rows(books.db, outbound_calls, 'linkedid', 'kind', 'owner_id', 'client', 'number', 'started_at', 'ended_at')
    assert tuple(row) == (attempt.linkedid, 'close_call', attempt.close_call_id, 'quetzal', '+525555551101', TUESDAY, None)
    assert books.row().state == 'calling' and books.row().attempts == 1
    assert (f'intento 1 al usuario, {attempt.number[3:]}', attempt.linkedid) in books.told(number, EntryKind.CLOSE_CALL)
    assert books.next(TUESDAY) == [] and books.calls.in_flight() == (attempt.linkedid,)


def test_three_attempts_in_vain_a_letter_and_closed_unverified(books: Books) -> None:
    number, now = books.resolved(), TUESDAY
    for expected, outcome in (('10:00', 'no_answer'), ('12:00', 'busy'), ('14:00', 'lost')):
        now = at(f'2026-11-24 {expected}')
        assert books.next(now - timedelta(seconds=1)) == []
        attempt = books.only(now)
        assert books.calls.ended(attempt.linkedid, outcome, now)
        assert not books.calls.ended(attempt.linkedid, 'no_answer', now)          # told twice, taken in once
    assert books.next(now) == []
    letter, = books.letters('confirm')
    assert letter.recipient == 'citlali@quetzal.example' and letter.due == now
    assert letter.payload['close_call_id'] == books.row().id
    assert letter.payload['deadline'] == at('2026-11-27 20:00').isoformat()
    assert books.row().state == 'mailed' and books.outcomes() == ['no_answer', 'busy', 'lost']
    assert books.next(at('2026-11-27 19:59')) == [] and books.state(number) == 'resolved'
    assert books.next(at('2026-11-27 20:00')) == [] and books.state(number) == 'closed_unverified'
    assert books.row().state == 'unanswered' and len(books.letters('confirm')) == 1


def test_without_number_and_address_the_deadline_alone_runs(db: Database) -> None:
    books = Books(db, replace(a_site(contact=None), trunks=OUT))
    number = books.resolved(employee_number=None, user_email=None)
    books.next(TUESDAY)
    assert books.row().state == 'mailed' and books.letters('confirm') == []
    books.next(at('2026-11-27 20:00'))
    assert books.state(number) == 'closed_unverified'


def test_a_site_without_a_way_out_asks_in_writing(db: Database) -> None:
    books = Books(db, replace(CALLABLE, trunks=()))
    books.resolved()
    assert books.next(TUESDAY) == [] and len(books.letters('confirm')) == 1


def test_a_letter_at_night_waits_for_the_morning(books: Books) -> None:
    books.resolved(employee_number=None)
    with books.db.write() as connection:
        connection.execute(close_calls.update().values(next_at=at('2026-11-24 22:00')))
    books.next(at('2026-11-24 22:00'))
    assert books.letters('confirm')[0].due == at('2026-11-25 08:00')


def test_a_key_is_stored_at_once_and_the_score_after_it(books: Books) -> None:
    number = books.resolved()
    attempt = books.only(TUESDAY)
    question = books.calls.asked(attempt.close_call_id, attempt.linkedid, TUESDAY)
    assert question.pending and question.folio.number == number
    assert books.calls.confirmed(question, attempt.linkedid, TUESDAY)
    assert books.state(number) == 'closed_verified'
    books.calls.scored(question, 5, TUESDAY)
    assert books.calls.ended(attempt.linkedid, 'hung_up', TUESDAY)
    folio = FolioBook(books.db).get(number)
    assert folio is not None and folio.score == 5
    assert (books.row().state, books.row().score, books.row().answered_via, books.outcomes()) == ('confirmed', 5, 'call', ['confirmed'])
    assert books.told(number, EntryKind.SURVEY) == [('calificación del usuario: 5 de 5', None)]


def test_not_solved_reopens_and_nobody_is_called_again(books: Books) -> None:
    number = books.resolved()
    attempt = books.only(TUESDAY)
    question = books.calls.asked(attempt.close_call_id, attempt.linkedid, TUESDAY)
    assert books.calls.refused(question, attempt.linkedid, TUESDAY)
    assert books.calls.ended(attempt.linkedid, 'hung_up', TUESDAY)
    assert books.state(number) == 'assigned' and books.row().state == 'refused' and books.outcomes() == ['refused']
    assert books.next(TUESDAY + timedelta(days=30)) == []


def test_later_is_no_attempt_in_vain(books: Books) -> None:
    number = books.resolved()
    attempt = books.only(TUESDAY)
    books.calls.later(books.calls.asked(attempt.close_call_id, attempt.linkedid, TUESDAY), attempt.linkedid)
    books.calls.ended(attempt.linkedid, 'hung_up', TUESDAY)
    assert (books.row().state, books.row().attempts, books.row().next_at) == ('waiting', 0, at('2026-11-24 12:00'))
    again = books.only(at('2026-11-24 12:00'))
    assert again.linkedid != attempt.linkedid and books.state(number) == 'resolved'


@pytest.mark.parametrize(('asked', 'outcome'), [(True, 'no_key'), (False, 'failed')])
def test_who_answers_and_presses_nothing_has_confirmed_nothing(books: Books, asked: bool, outcome: str) -> None:
    number = books.resolved()
    attempt = books.only(TUESDAY)
    if asked:
        books.calls.asked(attempt.close_call_id, attempt.linkedid, TUESDAY)
    books.calls.ended(attempt.linkedid, 'hung_up', TUESDAY)
    assert books.state(number) == 'resolved' and books.outcomes() == [outcome]
    assert (books.row().state, books.row().attempts) == ('waiting', 1)


def test_an_answer_given_elsewhere_meanwhile_is_not_overruled(books: Books) -> None:
    number = books.resolved()
    attempt = books.only(TUESDAY)
    question = books.calls.asked(attempt.close_call_id, attempt.linkedid, TUESDAY)
    books.life.confirm(number, by='user', via='page', now=TUESDAY)
    assert not books.calls.refused(question, attempt.linkedid, TUESDAY)
    assert not books.calls.confirmed(question, attempt.linkedid, TUESDAY)
    books.calls.ended(attempt.linkedid, 'hung_up', TUESDAY)
    assert books.state(number) == 'closed_verified' and books.outcomes() == ['no_key'] and books.row().answered_via == 'page'


def test_a_call_about_an_earlier_solution_confirms_no_later_one(books: Books) -> None:
    number = books.resolved()
    attempt = books.only(TUESDAY)
    question = books.calls.asked(attempt.close_call_id, attempt.linkedid, TUESDAY)
    books.life.reopen(number, reason='sigue', by='ana', now=TUESDAY)
    books.life.resolve(number, solution='Ahora sí', by='ana', now=TUESDAY)
    assert not books.calls.confirmed(question, attempt.linkedid, TUESDAY)
    assert books.state(number) == 'resolved'


def test_a_folio_that_was_reopened_is_not_called_about(books: Books) -> None:
    number = books.resolved()
    with books.db.write() as connection:                   # as a crash between two transactions of an older release might leave it
        connection.execute(close_calls.update().values(cycle=7))
    assert books.next(TUESDAY) == [] and books.row().state == 'void' and books.state(number) == 'resolved'


def test_one_call_at_a_time_to_a_number(books: Books) -> None:
    books.resolved()
    books.resolved()
    attempt = books.only(TUESDAY)
    assert books.next(TUESDAY) == []
    books.calls.ended(attempt.linkedid, 'no_answer', TUESDAY)
    assert len(books.next(TUESDAY)) == 1


def test_a_user_is_not_called_more_often_than_the_contract_says_however_many_folios_he_has(books: Books) -> None:
    for _ in range(4):
        books.resolved()
    for minute in (0, 1):
        now = TUESDAY + timedelta(minutes=minute)
        books.calls.ended(books.only(now).linkedid, 'no_answer', now)
    assert books.next(TUESDAY + timedelta(minutes=2)) == []
    assert books.next(TUESDAY + timedelta(minutes=59, seconds=59)) == []
    assert len(books.next(TUESDAY + timedelta(minutes=60))) == 1


def test_workers_at_once_place_one_call(books: Books) -> None:
    for _ in range(3):
        books.resolved()
    taken: list[Attempt] = []
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        taken.extend(books.next(TUESDAY))
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 1 and len(books.calls.in_flight()) == 1


def test_both_parties_are_called_and_both_must_confirm(db: Database) -> None:
    contact = CALLABLE.clients['quetzal'].contact
    assert contact is not None
    books = Books(db, replace(a_site(users=(USER,), policy=Policy(verify_with='both'), contact=replace(contact, phone='+525555550777')),
                              trunks=OUT))
    number = books.resolved()
    first, second = books.next(TUESDAY)
    assert {first.number, second.number} == {'+525555551101', '+525555550777'}
    for attempt, state in ((first, 'resolved'), (second, 'closed_verified')):
        assert books.calls.confirmed(books.calls.asked(attempt.close_call_id, attempt.linkedid, TUESDAY), attempt.linkedid, TUESDAY)
        assert books.state(number) == state


def test_a_stranger_asks_nothing(books: Books) -> None:
    books.resolved()
    attempt = books.only(TUESDAY)
    with pytest.raises(UnknownCloseCall):
        books.calls.asked(attempt.close_call_id, 'mesa-cc-1-1-00000000', TUESDAY)
    with pytest.raises(UnknownCloseCall):
        books.calls.asked(attempt.close_call_id + 1, attempt.linkedid, TUESDAY)
    assert not books.calls.ended('mesa-cc-9-9-00000000', 'lost', TUESDAY)


def test_hurry_calls_sooner_but_never_at_night(books: Books) -> None:
    number = books.resolved()
    books.calls.ended(books.only(TUESDAY).linkedid, 'no_answer', TUESDAY)
    soon = TUESDAY + timedelta(minutes=5)
    assert books.next(soon) == [] and books.calls.hurry(number, soon) == 1
    books.calls.ended(books.only(soon).linkedid, 'no_answer', soon)
    night = at('2026-11-24 23:00')
    assert books.calls.hurry(number, night) == 1 and books.next(night) == []
    assert books.row().next_at == at('2026-11-25 08:00')


def test_the_solver_does_not_confirm_his_own_work(books: Books) -> None:
    number = books.resolved()
    with pytest.raises(NotAllowed):
        books.life.confirm(number, by='ana', via='person', now=TUESDAY)
    assert books.life.confirm(number, by='eva', via='person', now=TUESDAY, score=4).state is State.CLOSED_VERIFIED


def test_what_waits_is_told(books: Books) -> None:
    number = books.resolved(line=WHOLE_DAY)
    other = books.resolved()
    told = books.calls.waiting()
    assert [(one.number, one.party, one.state, one.attempts) for one in told] == [
        (number, 'user', 'waiting', 0), (other, 'user', 'waiting', 0)]
    assert [one.number for one in books.calls.waiting(other)] == [other]
    assert told[0].next_at == TUESDAY.astimezone(UTC)


def test_a_round_reads_what_is_pending_and_not_all_that_ever_was(migrated_file: Path, tmp_path: Path) -> None:
    """On SQLite, whose plan does not depend on how much there is."""
    shutil.copy(migrated_file, tmp_path / 'mesa.db')
    books = Books(Database(f'sqlite:///{tmp_path / "mesa.db"}'))
    asked: list[tuple[str, Any]] = []

    @event.listens_for(Engine, 'before_cursor_execute')
    def listen(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        asked.append((statement, parameters))
    try:
        books.calls.due(TUESDAY)
        books.calls.in_flight()
        books.calls.waiting()
    finally:
        event.remove(Engine, 'before_cursor_execute', listen)
    with books.db.read() as connection:
        plans = [' / '.join(str(row[3]) for row in connection.exec_driver_sql(f'EXPLAIN QUERY PLAN {statement}', parameters))
                 for statement, parameters in asked if statement.startswith('SELECT')]
    assert len(plans) == 3
    assert all('close_calls_waiting' in plan or 'outbound_calls_in_flight' in plan for plan in plans), plans
    books.db.close()


def test_workers_at_once_keep_the_limit_of_the_client(db: Database) -> None:
    books = Books(db, replace(a_site(policy=Policy(close_calls_per_hour=2)), trunks=OUT))
    for n in range(8):
        books.resolved(employee_number=None, caller_number=f'+52555555120{n}')
    start = threading.Barrier(8)

    def work(close_call_id: int) -> None:
        start.wait()
        books.calls.take(close_call_id, TUESDAY)
    threads = [threading.Thread(target=work, args=(one,)) for one in books.calls.due(TUESDAY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(books.calls.in_flight()) == 2
