"""Statistics: a day written out by hand with its figures, lives led by the use cases, and what must add up (mission.md 7.5)."""
from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, insert

from ami_listener.call_figures import CallFigures, Target
from ami_listener.tables import calls, presence_history
from config.terms import Contract, Terms
from config.values import Calendar, HolidayBook, Modality, Policy, QueueDef, Site
from contracts import statistics_values
from contracts.intervals import BY, Interval, days, hours, months, span, weeks
from contracts.statistics import by_category, by_interval, by_modality, by_queue, in_all, statistics, with_parts
from contracts.statistics_figures import FIGURES, GROUPS, told_of
from contracts.statistics_values import Level, Statistics, percent
from contracts.targets import targets_of
from contracts.wrap_ups import Noted, Talk, wrap_ups
from desk.board.feed import BoardBooks
from fax.outgoing.job_tables import fax_jobs
from fax.tables import faxes
from storage.engine import Database
from tests import lives
from tests.lives import DAY, HOUR, MEXICO, MINUTE, NOW, PREMIUM, STANDARD
from ticketing.levels.clock import read_clock
from ticketing.levels.terms import Terms as ClockTerms
from ticketing.levels.used import OpenTime, used_s
from ticketing.tables import call_backs, call_notes, escalations, messages_in, outbound_calls, problems
from ticketing.values import Change, Move, State

MORNING = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)     # midnight in Mexico City of the day of lives.NOW
NIGHT = MORNING + DAY
GLOBEX = '+528005550201'
SECOND = timedelta(seconds=1)

# Twelve calls of a Tuesday: clock (Mexico City), queue, line, how it ended, seconds of waiting, of talking, agent, wrap-up noted after it.
A_DAY = """
    08:00:00   acme    standard  answered        8     300  ana    auto
    08:10:00   acme    standard  answered        20    100  beto   auto+60
    08:20:00   acme    standard  answered        21    200  ana    ready+4
    09:00:00   acme    standard  abandoned       5     -    -      -
    09:05:00   acme    standard  abandoned       90    -    -      -
    10:00:00   acme    premium   answered        25    400  ana    -
    10:30:00   acme    premium   answered        31    60   beto   auto
    11:00:00   vip     standard  answered        2     500  sara   auto
    11:30:00   acme    standard  call_back       120   -    -      -
    12:00:00   acme    standard  voice_message   1800  -    -      -
    13:00:00   globex  globex    answered        10    50   beto   auto
    19:59:59   acme    standard  answered        15    90   ana    auto
"""
LINES = {'standard': STANDARD, 'premium': PREMIUM, 'globex': GLOBEX}


def the_site() -> Site:
    """acme (standard: 80 % in 20 s, premium: 90 % in 30 s) and globex, with three queues that wrap up for 10 s."""
    site = lives.site(modality_policies={Modality.PREMIUM: Policy(answer_percent=90, answer_seconds=30)})
    other = replace(site.clients['globex'], policy=Policy(answer_seconds=5), modality_policies={})
    queues = {name: QueueDef(name, 'acme', wrapup_seconds=10) for name in ('acme', 'vip', 'globex')}
    return replace(site, clients=site.clients | {'globex': other}, queues=queues,
                   lines=site.lines | {GLOBEX: replace(site.lines[GLOBEX], queue='globex')})


def put(db: Database, table: Table, *rows: dict[str, Any]) -> None:
    with db.write() as connection:
        connection.execute(insert(table), list(rows))


def a_call(at: datetime, queue: str, line: str, end: str, wait: float, talk: float | None, agent: str | None,
           **more: Any) -> dict[str, Any]:
    left = at + timedelta(seconds=wait)
    ended = left + timedelta(seconds=talk or 0)
    return {'linkedid': f'c-{at.timestamp()}', 'direction': 'in', 'started': at - 30 * SECOND, 'line': line, 'queue': queue, 'joined': at,
            'left_queue': left, 'wait_s': wait, 'agent': agent, 'agent_answered': left if agent else None, 'talk_s': talk, 'ended': ended,
            'disposition': end, 'recorded': False, 'folio': None} | more


def put_the_day(db: Database) -> None:
    rows, noted = [], []
    for words in filter(None, (line.split() for line in A_DAY.splitlines())):
        clock, queue, line, end, wait, talk, agent, wrapped = words
        at = datetime.fromisoformat(f'2026-11-24T{clock}').replace(tzinfo=MEXICO).astimezone(UTC)
        one = a_call(at, queue, LINES[line], end, float(wait), None if talk == '-' else float(talk), None if agent == '-' else agent)
        rows.append(one)
        if wrapped != '-':
            noted.append((one['ended'], agent, 'wrap_up', queue))
        if wrapped == 'auto+60':                       # asks for more time after 5 s, and is ready a minute after the call
            noted += [(one['ended'] + 5 * SECOND, agent, 'wrap_up', ''), (one['ended'] + 60 * SECOND, agent, 'ready', '')]
        if wrapped == 'ready+4':
            noted.append((one['ended'] + 4 * SECOND, agent, 'ready', ''))
    put(db, calls, *rows)
    put(db, presence_history, *({'login': login, 'at': at, 'what': what, 'detail': detail, 'note': '', 'by': login}
                                for at, login, what, detail in noted))


def told(db: Database, site: Site, since: datetime = MORNING, until: datetime = NIGHT, *whose: Any, **more: Any) -> Statistics:
    with db.read() as connection:
        return statistics(connection, site, since, until, *whose, **more)


def of_calls(one: Statistics) -> CallFigures:
    assert one.calls is not None
    return one.calls.calls


def figures(one: Statistics) -> dict[str, Any]:
    return {figure.key: figure.of(one) for figure in FIGURES}


# --- the telephone, by hand ---------------------------------------------------------------------------------------------

def test_a_day_written_out_by_hand(db: Database) -> None:
    put_the_day(db)
    told_ = figures(told(db, the_site(), MORNING, NIGHT, 'acme'))
    # of acme: 11 calls. In time: 8 and 20 (within 20), not 21; premium 25 (within 30), not 31; vip 2 and the last 15 by the standard line
    assert {key: told_[key] for key in ('offered', 'answered', 'answered_in_time', 'abandoned', 'abandoned_in_time', 'otherwise')} == {
        'offered': 11, 'answered': 7, 'answered_in_time': 5, 'abandoned': 2, 'abandoned_in_time': 1, 'otherwise': 2}
    assert told_['service_level'] == Decimal('45.4')                      # 5 / 11 = 45.45, cut
    assert told_['promised_level'] == Decimal('81.8')                     # (9 x 80 + 2 x 90) / 11 = 81.81
    assert (told_['target_met'], told_['abandonment_rate']) == ('no', Decimal('18.1'))
    assert told_['average_speed_of_answer_s'] == Decimal('17.4')          # (8+20+21+25+31+2+15) / 7 = 122 / 7 = 17.43
    assert told_['longest_wait_s'] == Decimal('1800.0')
    assert told_['average_talk_s'] == Decimal('235.7')                    # 1650 / 7 = 235.71
    # wrap-up: 10 (ana), 60 (beto, of which the first 5 by itself), 4 (ana), none, 10, 10, 10: 104 / 7 = 14.857
    assert told_['average_wrap_up_s'] == Decimal('14.9') and told_['average_handle_s'] == Decimal('250.6')     # 1754 / 7


def test_the_parts_of_a_day_add_up_and_each_line_keeps_its_own_target(db: Database) -> None:
    put_the_day(db)
    site = the_site()
    with db.read() as connection:
        queues = {name: of_calls(one) for name, one in by_queue(connection, site, MORNING, NIGHT).items()}
        lines = by_modality(connection, site, MORNING, NIGHT, 'acme')
    assert {name: (one.offered, one.answered_in_time) for name, one in queues.items()} == {'acme': (10, 4), 'globex': (1, 0), 'vip': (1, 1)}
    assert {name: (one.offered, one.answered_in_time, one.promised, one.is_met) for name, one in lines.items()} == {
        Modality.STANDARD: (9, 4, 720, False), Modality.PREMIUM: (2, 1, 180, False)}
    whole = told(db, site)
    for name in ('offered', 'answered', 'answered_in_time', 'abandoned', 'promised', 'handled', 'talked_s', 'waited_s'):
        assert sum(getattr(one, name) for one in queues.values()) == pytest.approx(getattr(of_calls(whole), name)), name
    assert of_calls(told(db, site, MORNING, NIGHT, 'acme', Modality.PREMIUM)) == lines[Modality.PREMIUM]
    alone = told(db, site, MORNING, NIGHT, queue='vip')
    assert of_calls(alone) == queues['vip'] and alone.opened is None and figures(alone)['opened'] is None
    assert of_calls(told(db, site, MORNING, NIGHT, None, Modality.STANDARD)).offered == 10


def test_the_wallboard_tells_the_same(db: Database) -> None:
    put_the_day(db)
    site = the_site()
    for moment in (MORNING + 14 * HOUR + 5 * MINUTE, MORNING + 18 * HOUR, NIGHT - SECOND):
        clock = partial(datetime.fromtimestamp, moment.timestamp(), UTC)
        books = BoardBooks(db, lambda: site, clock, clock)()
        assert books is not None
        with db.read() as connection:
            found = by_queue(connection, site, MORNING, moment)
        assert books.today == {queue: of_calls(one) for queue, one in found.items()}
        assert sum(one.answered_in_time for one in books.today.values()) == of_calls(told(db, site, MORNING, moment)).answered_in_time


def test_a_call_across_midnight_belongs_to_the_day_on_which_it_began_to_wait(db: Database) -> None:
    put(db, calls, a_call(NIGHT - SECOND, 'acme', STANDARD, 'answered', 10, 60, 'ana'),
        a_call(NIGHT, 'acme', STANDARD, 'answered', 3, 60, 'ana', started=NIGHT - MINUTE))
    put(db, presence_history, {'login': 'ana', 'at': NIGHT + 69 * SECOND, 'what': 'wrap_up', 'detail': 'acme', 'note': '', 'by': 'ana'})
    site = the_site()
    first, second = told(db, site), told(db, site, NIGHT, NIGHT + DAY)
    assert (of_calls(first).offered, of_calls(second).offered) == (1, 1)
    assert first.calls is not None and second.calls is not None
    # the wrap-up is noted the day after, once both conversations have begun: it follows the one that was answered last
    assert (first.calls.wrap_ups, second.calls.wrap_ups) == (1, 0) and first.calls.wrapped_s == 10


def test_a_target_that_changes_applies_from_the_first_moment_of_its_day(db: Database) -> None:
    put(db, calls, a_call(NIGHT - MINUTE, 'acme', STANDARD, 'answered', 15, 60, 'ana'),
        a_call(NIGHT + MINUTE, 'acme', STANDARD, 'answered', 15, 60, 'ana'))
    site = the_site()
    strict = Terms(Modality.STANDARD, date(2026, 11, 25), policy=Policy(answer_percent=70, answer_seconds=10))
    acme = replace(site.clients['acme'], contract=Contract('1', date(2026, 1, 1), date(2026, 12, 31), terms=(strict,)))
    dated = replace(site, clients=site.clients | {'acme': acme})
    targets = targets_of(dated)
    assert targets.of(STANDARD, NIGHT - SECOND) == Target(80, 20) and targets.of(STANDARD, NIGHT) == Target(70, 10)
    assert targets.of(STANDARD, datetime(2027, 1, 1, 6, tzinfo=UTC)) == Target(70, 10)        # a call after the contract's end, too
    assert targets.of(PREMIUM, NIGHT) == Target(90, 30)
    both = of_calls(told(db, dated, MORNING, NIGHT + DAY))
    assert (both.answered, both.answered_in_time, both.promised) == (2, 1, 150)


# --- wrap-ups -----------------------------------------------------------------------------------------------------------

def talk(minute: float, seconds: float, agent: str = 'ana', queue: str | None = 'acme') -> Talk:
    at = NOW + minute * MINUTE
    return Talk(agent, at, seconds, at if queue else None, STANDARD, queue)


def wrapped(noted: list[tuple[float, str, str]], *talks: Talk) -> list[tuple[float, float]]:
    """Minute at which each call was answered, seconds of its wrap-up; of ana, with 10 s by itself."""
    found = wrap_ups([Noted('ana', NOW + timedelta(seconds=at), state, queue) for at, state, queue in noted], talks, lambda queue: 10)
    return [((one.talk.answered - NOW) / MINUTE, one.seconds) for one in found]


@pytest.mark.parametrize(('noted', 'seconds'), [
    ([(60, 'wrap_up', 'acme')], [10.0]),                                                        # by itself
    ([(60, 'wrap_up', 'acme'), (63, 'ready', '')], [3.0]),                                      # ready sooner
    ([(60, 'wrap_up', 'acme'), (65, 'wrap_up', ''), (105, 'paused', '')], [45.0]),              # more time, until a pause
    ([(60, 'wrap_up', 'acme'), (75, 'wrap_up', ''), (100, 'ready', '')], [35.0]),               # asked for after the first was over
    ([(60, 'wrap_up', '')], []),                                                                # goes on: not told yet
    ([(30, 'wrap_up', ''), (90, 'ready', '')], [30.0]),                                         # asked for while he talked
    ([(60, 'wrap_up', 'acme'), (61, 'phone', ''), (62, 'joins', '')], [10.0]),                  # these are no states
    ([(400, 'wrap_up', ''), (450, 'ready', '')], []),                                           # long after: nobody knows of what
    ([(-5, 'wrap_up', 'acme')], []), ([], []),
])
def test_how_long_a_wrap_up_took(noted: list[tuple[float, str, str]], seconds: list[float]) -> None:
    assert [one for _, one in wrapped(noted, talk(0, 60))] == seconds


def test_a_wrap_up_ends_with_the_next_conversation_and_belongs_to_the_last(db: Database) -> None:
    assert wrapped([(60, 'wrap_up', '')], talk(0, 60), talk(2, 60)) == [(0, 60.0)]
    assert wrapped([(60, 'wrap_up', 'acme'), (200, 'wrap_up', 'acme')], talk(0, 60), talk(2, 80)) == [(0, 10.0), (2, 10.0)]
    assert wrapped([(200, 'wrap_up', ''), (260, 'ready', '')], talk(0, 60), talk(2, 80, queue=None)) == [], 'of a call that he made'
    assert wrapped([(60, 'wrap_up', 'acme')], talk(0, 60, 'beto')) == []
    assert wrapped([(60, 'wrap_up', 'acme')], talk(0, 60)._replace(talk_s=None)) == [], 'the conversation is not over'


# --- folios, led by the use cases ---------------------------------------------------------------------------------------

def outcomes(one: Statistics) -> dict[str, Any]:
    wanted = ('opened', 'resolutions', 'resolved', 'first_contact', 'reopens', 'verified', 'unverified', 'cancelled', 'confirmed',
              'refused', 'unanswered', 'survey_answers', 'respond_kept', 'respond_breached', 'respond_pending', 'resolve_kept',
              'resolve_breached')
    return {key: value for key, value in figures(one).items() if key in wanted and value}


def test_lives_of_folios_in_figures(db: Database) -> None:
    desk = lives.Desk(db)
    life, at = desk.life, NOW
    quick = desk.open(at, category='mail')                                 # solved on the line, confirmed, 5
    life.start(quick, by='ana', now=at + MINUTE)
    life.resolve(quick, solution='listo', by='ana', now=at + 5 * MINUTE, first_contact=True)
    life.confirm(quick, by='user', via='call', now=at + HOUR, score=5)
    again = desk.open(at + MINUTE, kind='request')                         # solved, refused, solved anew, confirmed by page without a score
    life.resolve(again, solution='listo', by='ana', now=at + 2 * HOUR, first_contact=False)
    life.reopen(again, reason='no', by='user', now=at + 3 * HOUR, via='call')
    life.resolve(again, solution='ahora sí', by='ana', now=at + 4 * HOUR)
    late = desk.open(at + 2 * MINUTE, impact='high', urgency='high')    # 15 min to respond, 4 h to resolve: both late; nobody answers
    life.start(late, by='beto', now=at + 18 * MINUTE)
    gone = desk.open(at + 3 * MINUTE)                                      # cancelled before anybody responded: nothing was owed
    life.cancel(gone, reason='nada', by='ana', now=at + HOUR)
    twin = desk.open(at + 4 * MINUTE)
    life.merge(twin, late, by='ana', now=at + HOUR)
    life.confirm(again, by='user', via='page', now=at + 5 * HOUR)
    life.resolve(late, solution='listo', by='beto', now=at + 5 * HOUR)
    life.close(late, now=at + 6 * HOUR)
    desk.open(at + 5 * MINUTE, unlisted=True, category=None, origin='email')             # nobody has looked at it
    day = told(db, desk.site, now=at + 7 * HOUR)
    assert outcomes(day) == {
        'opened': 6, 'resolutions': 4, 'resolved': 3, 'first_contact': 1, 'reopens': 1, 'verified': 2, 'unverified': 1, 'cancelled': 2,
        'confirmed': 2, 'refused': 1, 'unanswered': 1, 'survey_answers': 1, 'respond_kept': 1, 'respond_breached': 3, 'resolve_kept': 2,
        'resolve_breached': 1}
    assert day.opened is not None and day.solved is not None and day.close_calls is not None and day.survey is not None
    assert day.opened.kinds == {'failure': 5, 'request': 1} and day.opened.priorities == {'high': 1, 'medium': 5}
    assert day.opened.categories == {'': 1, 'mail': 5} and day.opened.origins == {'email': 1, 'person': 5}
    assert (day.opened.duplicates, day.opened.cancelled) == (1, 2) and day.opened.modalities == {'standard': 6}
    assert (day.solved.first_contact_percent, day.solved.reopen_percent) == (Decimal('33.3'), Decimal('25.0'))
    assert day.close_calls.confirmed == {'call': 1, 'page': 1} and day.close_calls.refused == {'call': 1}
    assert (day.survey.scores, day.survey.average, day.survey.asked) == ({5: 1}, Decimal('5.00'), 2)
    assert (day.survey.answer_percent, day.survey.satisfied_percent) == (Decimal('50.0'), Decimal('100.0'))
    assert day.levels is not None and day.levels.resolve == {'high': Level(0, 1), 'medium': Level(2, 0)}
    assert day.unlisted is not None and day.unlisted.folios == 1
    # what the last one owes is pending until its hour is over
    assert outcomes(told(db, desk.site, now=at + 30 * MINUTE))['respond_pending'] == 1
    assert told(db, desk.site, NIGHT, NIGHT + DAY).opened == statistics_values.Opened()


def test_a_reopened_folio_counts_where_it_is_resolved_anew_and_loses_its_first_contact(db: Database) -> None:
    desk = lives.Desk(db)
    number = desk.open(NOW)
    desk.life.start(number, by='ana', now=NOW)
    desk.life.resolve(number, solution='listo', by='ana', now=NOW + MINUTE, first_contact=True)
    assert outcomes(told(db, desk.site))['first_contact'] == 1
    desk.life.reopen(number, reason='no', by='user', now=NOW + DAY, via='page')
    first, second = told(db, desk.site), told(db, desk.site, NIGHT, NIGHT + DAY)
    assert (outcomes(first).get('resolved'), outcomes(first)['resolutions']) == (None, 1) and outcomes(second)['reopens'] == 1
    desk.life.resolve(number, solution='listo', by='ana', now=NOW + DAY + HOUR)
    assert outcomes(told(db, desk.site, NIGHT, NIGHT + DAY)) == {
        'resolutions': 1, 'resolved': 1, 'reopens': 1, 'refused': 1, 'resolve_kept': 1}
    assert outcomes(told(db, desk.site)) == {'opened': 1, 'resolutions': 1, 'respond_kept': 1}


def test_pauses_and_priorities_are_judged_as_the_clock_judges_them(db: Database) -> None:
    desk = lives.Desk(db)
    paused, hurried = desk.open(NOW), desk.open(NOW)
    desk.life.start(paused, by='ana', now=NOW)
    desk.life.wait(paused, waiting_for='user', reason='falta algo', by='ana', now=NOW + HOUR)
    desk.life.resume(paused, by='ana', now=NOW + 2 * DAY)
    desk.life.resolve(paused, solution='listo', by='ana', now=NOW + 2 * DAY + 9 * HOUR)          # 1 h + 9 h of 10: kept to the second
    desk.life.resolve(hurried, solution='listo', by='ana', now=NOW + 9 * HOUR)
    three = told(db, desk.site, MORNING, NIGHT + 3 * DAY)
    assert three.levels is not None and three.levels.resolve == {'medium': Level(2, 0)}
    other = replace(desk.site.clients['acme'], policy=Policy(resolve_medium_hours=8))
    stricter = replace(desk.site, clients=desk.site.clients | {'acme': other})
    assert told(db, stricter, MORNING, NIGHT + 3 * DAY).levels == replace(three.levels, resolve={'medium': Level(0, 2)})
    nobody = replace(desk.site, lines={})
    assert told(db, nobody, MORNING, NIGHT + 3 * DAY).levels == replace(three.levels, resolve={})        # no terms, no verdict


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(0, 200_000), st.sampled_from([State.ASSIGNED, State.IN_PROGRESS, State.WAITING, State.RESOLVED])),
                max_size=8), st.integers(0, 100_000), st.sampled_from([MEXICO, ZoneInfo('America/Tijuana')]))
def test_the_quick_arithmetic_is_the_clocks_own(steps: list[tuple[int, State]], starts_s: int, zone: ZoneInfo) -> None:
    opened = datetime(2026, 10, 30, 15, 0, 0, 250_000, tzinfo=UTC)        # Tijuana changes its clock two days later
    calendar = Calendar('week', zone, 'BCN', lives.WEEK)
    at, changes = opened, []
    for after, state in [*steps, (60, State.RESOLVED)]:
        at += timedelta(seconds=after, microseconds=333_333)
        changes.append(Change(at, Move.ASSIGN, State.NEW, state, 'medium', None, 'ana', ''))
    terms = ClockTerms(calendar, HolidayBook(), Policy(), (), 3600, 36_000)
    clock = read_clock(opened, opened + starts_s * SECOND, None, changes, terms, (), at)
    quick = OpenTime(calendar, HolidayBook(), opened, at + DAY)
    assert used_s(opened, opened + starts_s * SECOND, [(one.at, one.to_state) for one in changes], quick) == clock.used_s


# --- the rest -----------------------------------------------------------------------------------------------------------

def test_unlisted_call_backs_faxes_problems_and_escalations(db: Database) -> None:
    desk, site = lives.Desk(db), the_site()
    number = desk.open(NOW, unlisted=True, call='u1', origin='phone')
    listed = desk.open(NOW, call='l1', origin='phone')
    with db.read() as connection:
        folio_id = lives.id_of(connection, number)
    idle: dict[str, Any] = {'joined': None, 'left_queue': None, 'wait_s': None}
    put(db, calls, a_call(NOW, 'acme', STANDARD, 'answered', 5, 60, 'ana', linkedid='u1', folio=number),
        a_call(NOW + HOUR, 'acme', STANDARD, 'answered', 5, 60, 'ana', linkedid='u2', folio=number),       # calls again
        a_call(NOW, 'acme', STANDARD, 'answered', 5, 60, 'ana', linkedid='l1', folio=listed),
        a_call(NOW, '', STANDARD, 'goodbye', 5, None, None, linkedid='u3', **idle),
        a_call(NOW, '', STANDARD, 'goodbye', 5, None, None, linkedid='l2', **idle))
    note = {'line': STANDARD, 'client': 'acme', 'caller_number': '+525512345678', 'identified_by': 'unknown', 'rule': '', 'last_prompt': '',
            'at': NOW}
    put(db, call_notes, note | {'linkedid': 'u3', 'employee_number': None}, note | {'linkedid': 'l2', 'employee_number': '1234'})
    letter = {'received_at': NOW, 'client': 'acme', 'sender': 'x@y', 'subject': '', 'reason': '', 'folio_id': None}
    put(db, messages_in, letter | {'message_id': '1', 'sha256': '1', 'outcome': 'opened', 'folio_id': folio_id},
        letter | {'message_id': '2', 'sha256': '2', 'outcome': 'to_verify'},
        letter | {'message_id': '3', 'sha256': '3', 'outcome': 'ignored'})
    asked = {'client': 'acme', 'line': STANDARD, 'queue': 'acme', 'priority': 0, 'joined_at': NOW, 'attempts': 1, 'next_at': NOW}
    put(db, call_backs, *(asked | {'linkedid': f'b{n}', 'number': f'+52555{n}', 'asked_at': NOW + n * MINUTE, 'state': state}
                          for n, state in enumerate(('served', 'served', 'given_up', 'cancelled', 'waiting'))))
    came = {'sha256': '', 'size': 1, 'line': '+528005550105', 'client': 'acme', 'caller_number': '', 'caller_name': '', 'called_number': '',
            'device': '', 'commid': '', 'reason': '', 'received_at': NOW, 'damage': [], 'pages': 3, 'sent_pages': None}
    put(db, faxes, *(came | {'id': n, 'reference': f'F{n}', 'file': f'f{n}', 'state': state, 'sent_pages': 3 if state == 'sent' else None}
                     for n, state in enumerate(('sent', 'sent', 'rejected', 'held', 'queued', 'quarantined', 'undelivered', 'discarded'))))
    job = {'sha256': '', 'name': '', 'content_type': '', 'size': 1, 'pages': 2, 'number': '+525555', 'client': 'acme', 'by': 'ana',
           'max_tries': 3, 'max_dials': 3, 'submissions': 1, 'tries': 1, 'dials': 1, 'status': '', 'created_at': NOW}
    put(db, fax_jobs, *(job | {'tag': state, 'state': state, 'pages_sent': 2 * (state == 'sent')}
                        for state in ('sent', 'failed', 'queued')))
    put(db, problems, *({'client': 'acme', 'category': 'mail', 'state': state, 'title': '', 'proposed_at': NOW, 'changed_at': NOW,
                         'by': 'x'} for state in ('solved', 'rejected')))
    put(db, escalations, {'folio_id': folio_id, 'step': '50 %', 'due_at': NOW, 'fired_at': NOW + HOUR},
        {'folio_id': folio_id, 'step': 'respond', 'due_at': NOW, 'fired_at': NIGHT})
    put(db, outbound_calls, {'linkedid': 'mesa-cc-1', 'kind': 'close_call', 'owner_id': 1, 'folio_id': folio_id, 'client': 'acme',
                             'number': '+52', 'started_at': NOW, 'ended_at': NOW, 'outcome': 'busy'},
        {'linkedid': 'b', 'kind': 'call_back', 'owner_id': 1, 'folio_id': folio_id, 'client': 'acme', 'number': '+52', 'started_at': NOW,
         'ended_at': NOW, 'outcome': 'missed'})
    day = told(db, site, MORNING, NIGHT, 'acme')
    assert day.unlisted == statistics_values.Unlisted(folios=1, calls=3, messages=2)
    assert day.call_backs == statistics_values.CallBacksAsked(5, 2, 1, 1, 1) and day.call_backs.kept_percent == Decimal('50.0')
    assert day.faxes == statistics_values.Faxes(
        received=8, pages=24, delivered=2, pages_delivered=6, rejected=1, on_the_way=2, to_decide=2, discarded=1, ordered=3, sent=1,
        pages_sent=2, failed=1)
    assert day.problems == statistics_values.Problems(2, {'rejected': 1, 'solved': 1}) and day.escalations == {'50 %': 1}
    assert day.close_calls is not None and day.close_calls.attempts == {'busy': 1}
    other = told(db, site, MORNING, NIGHT, 'globex')
    assert not any(value for figure in FIGURES if figure.adds_up and (value := figure.of(other)))
    premium = told(db, site, MORNING, NIGHT, 'acme', Modality.PREMIUM)
    assert premium.faxes == statistics_values.Faxes() and premium.unlisted == statistics_values.Unlisted()
    of_fax = told(db, site, MORNING, NIGHT, 'acme', Modality.FAX)
    assert of_fax.faxes == day.faxes and of_calls(of_fax).offered == 0


# --- intervals ----------------------------------------------------------------------------------------------------------

def test_intervals_are_local_and_half_open() -> None:
    october = days(date(2026, 10, 31), date(2026, 11, 2), ZoneInfo('America/Tijuana'))
    assert [(one.label, (one.until - one.since) / HOUR) for one in october] == [('2026-10-31', 24), ('2026-11-01', 25), ('2026-11-02', 24)]
    assert october[0].since == datetime(2026, 10, 31, 7, tzinfo=UTC) and october[2].until == datetime(2026, 11, 3, 8, tzinfo=UTC)
    repeated = [one.label for one in hours(date(2026, 11, 1), date(2026, 11, 1), ZoneInfo('America/Tijuana'))]
    assert len(repeated) == 25 and repeated.count('2026-11-01 01:00') == 2
    assert [one.label for one in weeks(date(2026, 12, 30), date(2027, 1, 5), MEXICO)] == ['2026-W53', '2027-W01']
    assert [one.label for one in months(date(2026, 1, 31), date(2026, 3, 1), MEXICO)] == ['2026-01', '2026-02', '2026-03']
    assert days(date(2026, 9, 5), date(2026, 9, 6), ZoneInfo('America/Santiago'))[1].since == datetime(2026, 9, 6, 4, tzinfo=UTC)


@given(st.dates(date(2020, 1, 1), date(2027, 1, 1)), st.integers(0, 70), st.sampled_from(list(BY)),
       st.sampled_from(['America/Mexico_City', 'America/Tijuana', 'America/Santiago', 'America/Cancun']))
def test_intervals_leave_no_gap(first: date, more: int, by: str, zone: str) -> None:
    last, tz = first + timedelta(days=more), ZoneInfo(zone)
    parts = BY[by](first, last, tz)
    assert (parts[0].since, parts[-1].until) == span(first, last, tz)
    assert all(one.until == after.since and one.since < one.until for one, after in pairwise(parts))


def sums(parts: tuple[Statistics, ...] | list[Statistics], read: Callable[[Statistics], Any]) -> Any:
    return sum(read(one) for one in parts)


def assert_adds_up(parts: tuple[Statistics, ...], whole: Statistics) -> None:
    for figure in FIGURES:
        if figure.adds_up:
            assert sums(parts, lambda one, figure=figure: figure.of(one)) == figure.of(whole), figure.key       # type: ignore[misc]
    for part in (parts[0], whole):
        assert part.calls is not None
    assert sum(one.calls.wrapped_s for one in parts if one.calls) == pytest.approx(whole.calls.wrapped_s if whole.calls else 0)
    of_parts: dict[tuple[str, str], int] = {}
    for one in parts:
        for shares in told_of(one):
            for name, many in shares.counts.items():
                of_parts[shares.key, name] = of_parts.get((shares.key, name), 0) + many
    assert of_parts == {(shares.key, name): many for shares in told_of(whole) for name, many in shares.counts.items()}


def test_hours_of_a_day_add_up(db: Database) -> None:
    put_the_day(db)
    desk = lives.Desk(db)
    number = desk.open(NOW)
    desk.life.resolve(number, solution='listo', by='ana', now=NOW + HOUR)
    desk.life.confirm(number, by='user', via='page', now=NOW + 2 * HOUR, score=4)
    parts = hours(date(2026, 11, 24), date(2026, 11, 24), MEXICO)
    with db.read() as connection:
        found = by_interval(connection, the_site(), parts, now=NIGHT)
        assert by_interval(connection, the_site(), ()) == ()
        assert with_parts(connection, the_site(), parts, now=NIGHT) == (told(db, the_site(), now=NIGHT), found)
        alone = by_interval(connection, the_site(), parts, queue='vip')
        assert by_interval(connection, the_site(), [Interval('x', MORNING, NIGHT)], now=NIGHT)[0] == told(db, the_site(), now=NIGHT)
        mail = by_category(connection, the_site(), MORNING, NIGHT)
    assert_adds_up(found, told(db, the_site(), now=NIGHT))
    assert [of_calls(one).offered for one in alone] == [int(hour == 11) for hour in range(24)]
    assert set(mail) == {'mail'} and mail['mail'].survey == statistics_values.Survey({4: 1}, 1) and mail['mail'].calls is None


# --- definitions --------------------------------------------------------------------------------------------------------

def test_every_field_is_defined_in_the_docs() -> None:
    document = (Path(__file__).resolve().parent.parent / 'docs' / 'statistics.md').read_text()
    for name, kind in vars(statistics_values).items():
        if dataclasses.is_dataclass(kind) and kind.__module__ == statistics_values.__name__:
            for field in dataclasses.fields(kind):
                assert f'`{field.name}`' in document, f'{name}.{field.name} has no definition in docs/statistics.md'
    for field in dataclasses.fields(CallFigures):
        assert f'`{field.name}`' in document, field.name
    for figure in FIGURES:
        assert f'`{figure.key}`' in document, figure.key
        assert figure.spanish in document, f'{figure.key}: the Spanish word {figure.spanish!r}'
        assert figure.english in document, f'{figure.key}: the English term {figure.english!r}'
    assert len({figure.key for figure in FIGURES}) == len(FIGURES) and all(group.figures for group in GROUPS)


def test_a_percentage_is_cut() -> None:
    assert (percent(7999, 10_000), percent(1, 1), percent(2, 3)) == (Decimal('79.9'), Decimal('100.0'), Decimal('66.6'))
    assert percent(0, 0) is None
    assert in_all({'low': Level(1, 2, 3), 'high': Level(4, 5, 6)}) == Level(5, 7, 9) and Level().kept_percent is None
