"""Problems on both databases: which folios are one failure, and what is told to whom (mission.md 4.9)."""
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from config.values import Policy
from storage.engine import Database
from tests.small_site import SECOND, SITE, a_site, at, open_folio, rows
from ticketing.folios import FolioBook
from ticketing.problems import LIFE, STATES, Finding, Found, Problems, UnknownProblem, find
from ticketing.tables import folios, outbox, problems
from ticketing.values import IllegalMove, NotAllowed

T = timedelta(minutes=30)
NOON = at('2026-11-24 12:00')
MINUTE = timedelta(minutes=1)


# -- the decision ------------------------------------------------------------------------------------------------------

def found(*minutes, problem=None, first=1):
    return [Found(first + n, datetime(2026, 11, 24, tzinfo=UTC) + minute * MINUTE, problem) for n, minute in enumerate(minutes)]


@pytest.mark.parametrize(('minutes', 'proposed'), [
    ((0, 1, 2, 3), ()),                                # four are not five
    ((0, 5, 10, 20, 30), (1, 2, 3, 4, 5)),             # within half an hour, to the minute
    ((0, 5, 10, 20, 31), ()),                          # not within it
    ((0, 29, 30, 31, 32, 33), (1, 2, 3, 4, 5, 6)),     # what came a little before belongs to it
    ((0, 40, 41, 42, 43, 44, 120), (2, 3, 4, 5, 6)),   # what came long before or after does not
    ((), ()),
])
def test_so_many_within_so_short_a_time_are_a_problem(minutes, proposed):
    assert find(found(*minutes), [], 5, T) == ((Finding(None, proposed),) if proposed else ())


def test_two_failures_of_one_day_are_two_problems():
    assert find(found(0, 1, 2, 300, 301, 302), [], 3, T) == (Finding(None, (1, 2, 3)), Finding(None, (4, 5, 6)))


def test_a_late_one_joins_an_open_problem_and_a_later_one_does_not():
    members = found(0, 1, 2, problem=7, first=10)
    assert find(found(32), members, 3, T) == (Finding(7, (1,)),)
    assert find(found(33), members, 3, T) == ()
    assert find(found(32, 60, 89), members, 3, T) == (Finding(7, (1, 2, 3)),)
    assert find([], members, 3, T) == ()


@pytest.mark.parametrize('count', [0, 1])
def test_a_count_below_two_switches_it_off(count):
    assert find(found(0, 1, 2), [], count, T) == ()


@settings(max_examples=100)
@given(st.lists(st.integers(0, 600), max_size=25), st.integers(2, 6))
def test_every_crowd_is_found_and_nothing_is_found_twice(minutes, count):
    candidates = found(*minutes)
    findings = find(candidates, [], count, T)
    ids = [one for finding in findings for one in finding.folios]
    assert len(ids) == len(set(ids))
    for one in candidates:
        crowd = [other for other in candidates if timedelta(0) <= other.opened_at - one.opened_at <= T]
        assert len(crowd) < count or {other.id for other in crowd} <= set(ids)


# -- rounds ------------------------------------------------------------------------------------------------------------

def flood(db, many=5, since=NOON, category='correo', **facts):
    """So many folios of different users, a minute apart."""
    return [open_folio(db, since + n * MINUTE, category=category, **{'user_email': f'u{n}@quetzal.example', **facts}) for n in range(many)]


def book(db, site=SITE):
    return Problems(db, lambda: site)


def entries(db, number):
    return [entry.text for entry in FolioBook(db).timeline(number) if entry.kind == 'problem']


def letters(db, notice):
    return [row for row in rows(db, outbox, 'notice', 'recipient', 'due', 'held', 'payload') if row.notice == notice]


def test_five_similar_folios_propose_a_problem_to_the_supervisors_and_the_second_level(db):
    numbers = flood(db)
    assert book(db).round(NOON + 3 * MINUTE) == 0
    assert book(db).round(NOON + 4 * MINUTE) == 1
    [problem] = book(db).list()
    assert (problem.client, problem.category, problem.state, problem.title, problem.by, problem.numbers) == (
        'quetzal', 'correo', 'proposed', 'Correo electrónico', 'mesa', tuple(numbers))
    told = letters(db, 'problem_proposed')
    assert [row.recipient for row in told] == ['eva@mesa.example', 'sol@mesa.example', 'redes@mesa.example']
    assert {name: told[0].payload[name] for name in ('problem_id', 'title', 'numbers', 'client_name')} == {
        'problem_id': problem.id, 'title': problem.title, 'numbers': numbers, 'client_name': 'Seguros Quetzal'}
    assert all(entries(db, number) == [f'problema {problem.id}: posible falla detectada'] for number in numbers)
    assert [book(db).round(NOON + 5 * MINUTE) for _ in range(3)] == [0, 0, 0]


@pytest.mark.parametrize('spoilt', [
    {'category': 'red'}, {'category': None}, {'client': 'otro'}, {'kind': 'complaint', 'complained_of': 'ana'}, {'state': 'cancelled'}])
def test_what_is_not_similar_does_not_count(db, spoilt):
    *_, last = flood(db)
    with db.write() as connection:
        connection.execute(update(folios).where(folios.c.number == last).values(**spoilt))
    assert book(db).round(NOON + 10 * MINUTE) == 0


def test_a_new_similar_folio_joins_and_one_that_is_late_does_not(db):
    flood(db)
    problem_book = book(db)
    problem_book.round(NOON + 4 * MINUTE)
    joins = open_folio(db, NOON + 34 * MINUTE, category='correo')
    late = open_folio(db, NOON + 65 * MINUTE, category='correo')
    assert problem_book.round(NOON + 66 * MINUTE) == 1
    [problem] = problem_book.list()
    assert problem.numbers[-1] == joins
    assert entries(db, late) == []
    assert len(letters(db, 'problem_proposed')) == 3


def test_what_happened_while_the_worker_was_away_is_found_when_it_is_back(db):
    flood(db)
    assert book(db).round(NOON + timedelta(hours=20)) == 1


def test_one_category_that_fails_keeps_no_other_waiting_and_is_not_forgotten(db):
    spoilt = flood(db)
    flood(db, category='red')
    with db.write() as connection:
        connection.execute(update(folios).where(folios.c.number.in_(spoilt)).values(modality='nothing'))
    problem_book = book(db)
    assert [problem_book.round(NOON + 5 * MINUTE) for _ in range(2)] == [1, 0]
    with db.write() as connection:
        connection.execute(update(folios).values(modality='standard'))
    assert problem_book.round(NOON + timedelta(hours=10)) == 1
    assert [problem.category for problem in problem_book.list()] == ['correo', 'red']


def test_a_category_that_is_said_later_counts(db):
    numbers = flood(db)
    with db.write() as connection:
        connection.execute(update(folios).where(folios.c.number == numbers[0]).values(category=None))
    problem_book = book(db)
    assert problem_book.round(NOON + 5 * MINUTE) == 0
    FolioBook(db).categorise(numbers[0], 'correo', NOON + 40 * MINUTE)
    assert problem_book.round(NOON + 40 * MINUTE) == 1


def test_letters_of_the_night_wait_for_the_opening(db):
    night = at('2026-11-27 22:00')
    flood(db, since=night)
    problem_book = book(db)
    problem_book.round(night + 10 * MINUTE)
    [problem] = problem_book.list()
    problem_book.confirm(problem.id, 'eva', night + 11 * MINUTE)
    problem_book.progress(problem.id, 'Se reinició el servidor.', 'eva', night + 12 * MINUTE)
    everything = letters(db, 'problem_proposed') + letters(db, 'problem_progress')
    assert {(row.due, row.held) for row in everything} == {(at('2026-11-30 08:00'), True)}
    assert len(everything) == 3 + 5


def test_nobody_supervises_and_still_it_is_proposed(db):
    flood(db)
    assert book(db, replace(SITE, agents={})).round(NOON + 4 * MINUTE) == 1
    assert [row.recipient for row in letters(db, 'problem_proposed')] == ['redes@mesa.example']


def test_the_contract_says_how_many_and_how_fast(db):
    site = a_site(policy=Policy(problem_folios=3, problem_minutes=1))
    flood(db, 3)
    assert book(db, site).round(NOON + 4 * MINUTE) == 0
    assert book(db, a_site(policy=Policy(problem_folios=3, problem_minutes=2))).round(NOON + 4 * MINUTE) == 1


def test_workers_side_by_side_propose_once(db, db_url):
    flood(db)
    databases = [Database(db_url, patience_s=20.0) for _ in range(4)]
    try:
        with ThreadPoolExecutor(len(databases)) as threads:
            done = [threads.submit(book(one).round, NOON + 5 * MINUTE) for one in databases]
            assert sum(one.result() for one in done) == 1
    finally:
        for one in databases:
            one.close()
    assert len(rows(db, problems, 'id')) == 1
    assert len(letters(db, 'problem_proposed')) == 3


# -- what people do -------------------------------------------------------------------------------------------------------

@pytest.fixture
def proposed(db):
    """A proposed problem, its book and its folios."""
    numbers = flood(db)
    problem_book = book(db)
    problem_book.round(NOON + 5 * MINUTE)
    return problem_book, problem_book.list()[0].id, numbers


LATER = NOON + 10 * MINUTE


def test_progress_is_told_to_every_affected_user_once_and_answers_him(db, proposed):
    problem_book, problem_id, numbers = proposed
    with db.write() as connection:                     # two folios of one user, one of a user without an address
        for number, address in zip(numbers, ('a@quetzal.example', 'A@quetzal.example', None), strict=False):
            connection.execute(update(folios).where(folios.c.number == number).values(user_email=address))
        connection.execute(update(folios).where(folios.c.number == numbers[4]).values(responded_at=NOON + 5 * MINUTE))
    problem_book.confirm(problem_id, 'eva', LATER)
    assert letters(db, 'problem_progress') == []
    problem_book.progress(problem_id, 'Se reinició el servidor de correo.', 'eva', LATER)
    told = letters(db, 'problem_progress')
    assert sorted(row.recipient.casefold() for row in told) == ['a@quetzal.example', 'u3@quetzal.example', 'u4@quetzal.example']
    assert {row.payload['text'] for row in told} == {'Se reinició el servidor de correo.'}
    assert [row.responded_at for row in rows(db, folios, 'responded_at')] == [LATER, LATER, None, LATER, NOON + 5 * MINUTE]
    assert entries(db, numbers[2])[1:] == [
        f'problema {problem_id}: confirmado', f'problema {problem_id}: avance: Se reinició el servidor de correo.']
    problem_book.progress(problem_id, 'Se reinició el servidor de correo.', 'eva', LATER)
    assert len(letters(db, 'problem_progress')) == 6                     # said again by a person, told again


def test_a_solved_problem_is_told_and_takes_no_more_folios(db, proposed):
    problem_book, problem_id, _ = proposed
    problem_book.confirm(problem_id, 'eva', LATER)
    assert problem_book.solve(problem_id, 'eva', LATER).state == 'solved'
    assert {row.payload['text'] for row in letters(db, 'problem_progress')} == {'El problema quedó solucionado.'}
    open_folio(db, LATER, category='correo')
    assert problem_book.round(LATER + MINUTE) == 0
    assert {row.state for row in rows(db, folios, 'state')} == {'new'}   # each folio is resolved by itself


def test_what_was_rejected_is_released_and_never_proposed_again(db, proposed):
    problem_book, problem_id, numbers = proposed
    assert problem_book.reject(problem_id, 'cinco preguntas distintas', 'eva', LATER).numbers == ()
    assert entries(db, numbers[0])[-1] == f'problema {problem_id}: descartado, sin falla común: cinco preguntas distintas'
    open_folio(db, LATER, category='correo')
    assert [problem_book.round(LATER + MINUTE), book(db).round(LATER + MINUTE)] == [0, 0]
    flood(db, 4, LATER + MINUTE)
    assert book(db).round(LATER + 10 * MINUTE) == 1                      # five others
    assert len(book(db).list()[0].numbers) == 5


@pytest.mark.parametrize('state', STATES)
@pytest.mark.parametrize('what', list(LIFE))
def test_every_pair_of_move_and_state(db, proposed, state, what):
    problem_book, problem_id, _ = proposed
    with db.write() as connection:
        connection.execute(update(problems).values(state=state))
    words = {'reject': ('motivo',), 'progress': ('avance',)}.get(what, ())
    do = getattr(problem_book, what)
    if state in LIFE[what]:
        assert do(problem_id, *words, by='eva', now=LATER).state == LIFE[what][state]
    else:
        with pytest.raises(IllegalMove, match=f'problem {problem_id} is {state}: {what} is not possible now'):
            do(problem_id, *words, by='eva', now=LATER)
        assert problem_book.get(problem_id).state == state


def test_progress_says_something_and_a_problem_exists(db, proposed):
    problem_book, problem_id, _ = proposed
    with pytest.raises(NotAllowed, match='the text is missing'):
        problem_book.progress(problem_id, ' \n', 'eva', LATER)
    with pytest.raises(UnknownProblem, match=rf'there is no problem 99 \(the newest is {problem_id}\)'):
        problem_book.confirm(99, 'eva', LATER)


def test_a_cancelled_folio_s_user_is_not_told(db, proposed):
    problem_book, problem_id, numbers = proposed
    with db.write() as connection:
        connection.execute(update(folios).where(folios.c.number == numbers[0]).values(state='cancelled'))
    problem_book.confirm(problem_id, 'eva', LATER)
    problem_book.progress(problem_id, 'Avance.', 'eva', LATER + SECOND)
    assert 'u0@quetzal.example' not in [row.recipient for row in letters(db, 'problem_progress')]


def test_problems_are_listed_by_client_and_state(db, proposed):
    problem_book, problem_id, _ = proposed
    assert [one.id for one in problem_book.list(client='quetzal', state='proposed')] == [problem_id]
    assert problem_book.list(client='otro') == problem_book.list(state='solved') == ()
