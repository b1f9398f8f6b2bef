"""The service-level clock: timetables told by hand, named regressions, random lives that sum to the second (mission.md 4.5)."""
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.hours import add_open_seconds, open_seconds, zone
from config.values import LADDER, Calendar, DatedHoliday, EscalationStep, HolidayBook, Policy, Span
from ticketing.levels.clock import read_clock, target_s
from ticketing.levels.terms import Terms
from ticketing.life import LIFE
from ticketing.values import OPEN_STATES, Change, Move, State

HOUR, MINUTE = 3600, 60
WORKDAYS = {day: (Span(480, 1200),) for day in range(1, 6)}
CITY = Calendar('5x12', zone('America/Mexico_City'), 'CMX', WORKDAYS)
TIJUANA = Calendar('norte', zone('America/Tijuana'), 'BCN', WORKDAYS)
ALWAYS = {day: (Span(0, 1440),) for day in range(1, 8)}
NEVER = Calendar('nunca', CITY.zone, 'CMX', {})
RUNGS = tuple(step.name for step in LADDER)


def terms(calendar=CITY, resolve_h=10, respond_min=60, ladder=LADDER, book=HolidayBook()):
    return Terms(calendar, book, Policy(), ladder, respond_min * MINUTE, resolve_h * HOUR)


def at(text, calendar=CITY):
    """A wall-clock time of the calendar as UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=calendar.zone).astimezone(UTC)


def life(text, calendar=CITY, **more):
    """A pasted timetable, one line a change: `2026-11-24 10:00 wait user falta la foto`, read by the state machine's own table."""
    opened = None
    state, changes, now = State.NEW, [], None
    for line in filter(None, map(str.strip, text.splitlines())):
        day, hour, move, *rest = line.split(maxsplit=3)
        moment = at(f'{day} {hour}', calendar)
        if move == 'open':
            opened = moment
        elif move == 'now':
            now = moment
        else:
            changes.append(change(moment, Move(move), state, *(rest[0].split(' ', 1) if rest else ())))
            state = changes[-1].to_state
    return read_clock(opened, more.pop('starts', opened), more.pop('responded', None), changes, more.pop('terms', terms(calendar)),
                      more.pop('fired', ()), now)


def change(moment, move, state, waiting_for=None, reason='', priority='medium'):
    return Change(moment, move, state, LIFE[move][state], priority, waiting_for if move is Move.WAIT else None, 'ana', reason)


def told(clock, calendar=CITY):
    """The intervals as a timetable again."""
    return [f'{one.since.astimezone(calendar.zone):%a %H:%M}-{one.until.astimezone(calendar.zone):%a %H:%M} {one.kind}: {one.reason}'
            for one in clock.intervals]


# -- timetables ----------------------------------------------------------------------------------------------------

def test_a_pause_across_closing_is_a_pause_only_while_the_line_is_open():
    """Named regression: closed hours counted as pause."""
    clock = life("""
        2026-11-27 19:00 open
        2026-11-27 19:15 start
        2026-11-27 19:45 wait user falta la foto
        2026-11-30 09:00 resume
        2026-11-30 10:00 now""")
    assert told(clock) == [
        'Fri 19:00-Fri 19:15 running: new', 'Fri 19:15-Fri 19:45 running: in_progress',
        'Fri 19:45-Fri 20:00 paused: waiting for user: falta la foto', 'Fri 20:00-Mon 08:00 closed: weekend',
        'Mon 08:00-Mon 09:00 paused: waiting for user: falta la foto', 'Mon 09:00-Mon 10:00 running: in_progress']
    assert (clock.used_s, clock.paused_s) == (105 * MINUTE, 75 * MINUTE)
    assert clock.resolve_due == at('2026-11-30 18:15')


def test_a_message_of_the_night_waits_for_the_opening():
    clock = life("""
        2026-11-24 03:00 open
        2026-11-24 07:00 assign
        2026-11-24 09:30 now""", starts=at('2026-11-24 08:00'))
    assert told(clock) == ['Tue 03:00-Tue 08:00 before: the clock starts when the line opens', 'Tue 08:00-Tue 09:30 running: assigned']
    assert (clock.used_s, clock.respond_due, clock.resolve_due) == (90 * MINUTE, at('2026-11-24 09:00'), at('2026-11-24 18:00'))


def test_before_the_clock_starts_the_due_times_are_known():
    clock = life("""
        2026-11-21 13:00 open
        2026-11-21 14:00 now""", starts=at('2026-11-23 08:00'))
    assert (clock.used_s, clock.respond_due, clock.resolve_due) == (0, at('2026-11-23 09:00'), at('2026-11-23 18:00'))
    assert clock.next_look == clock.respond_due


def test_reopened_goes_on_where_it_stopped():
    clock = life("""
        2026-11-24 08:00 open
        2026-11-24 09:00 start
        2026-11-24 12:00 resolve
        2026-11-25 10:00 reopen
        2026-11-25 12:30 now""")
    assert told(clock)[2:] == ['Tue 12:00-Wed 10:00 stopped: resolved', 'Wed 10:00-Wed 12:30 running: assigned']
    assert (clock.used_s, clock.paused_s, clock.resolve_due) == (6.5 * HOUR, 0, at('2026-11-25 16:00'))


@pytest.mark.parametrize(('moves', 'reason'), [
    ('resolve', 'resolved'), ('resolve confirm', 'closed_verified'), ('resolve close', 'closed_unverified'), ('cancel', 'cancelled')])
def test_what_is_over_stands_still_and_is_never_looked_at(moves, reason):
    lines = '\n'.join(f'2026-11-24 10:00 {move}' for move in moves.split())
    clock = life(f'2026-11-24 08:00 open\n{lines}\n2026-11-27 10:00 now')
    assert told(clock) == ['Tue 08:00-Tue 10:00 running: new', f'Tue 10:00-Fri 10:00 stopped: {reason}']
    assert (clock.used_s, clock.respond_due, clock.resolve_due, clock.next_look) == (2 * HOUR, None, None, None)


def test_a_holiday_closes_and_is_named():
    clock = life("""
        2026-12-24 19:00 open
        2026-12-28 08:30 now""")
    assert told(clock) == [
        'Thu 19:00-Thu 20:00 running: new', 'Thu 20:00-Mon 08:00 closed: holiday: Navidad', 'Mon 08:00-Mon 08:30 running: new']
    assert clock.resolve_due == at('2026-12-28 17:00')


def test_a_night_is_a_night():
    assert told(life('2026-11-24 19:00 open\n2026-11-25 09:00 now'))[1] == 'Tue 20:00-Wed 08:00 closed: night'


@pytest.mark.parametrize(('opened', 'now', 'used_h'), [
    ('2026-10-31 00:00', '2026-11-02 00:00', 49),      # Tijuana repeats an hour on 1 November ...
    ('2026-03-07 00:00', '2026-03-09 00:00', 47),      # ... and skips one on 8 March; the border follows the US
])
def test_the_days_of_the_border_s_clock_change(opened, now, used_h):
    border = replace(TIJUANA, week=ALWAYS)
    clock = life(f'{opened} open\n{now} now', border, terms=terms(border, 100))
    assert clock.used_s == used_h * HOUR
    city = replace(CITY, week=ALWAYS)
    assert life(f'{opened} open\n{now} now', city, terms=terms(city, 100)).used_s == 48 * HOUR


def test_an_hour_of_service_that_the_clock_skips_does_not_count():
    early = replace(TIJUANA, week={7: (Span(60, 240),), 1: (Span(60, 240),)})           # Sunday and Monday 01:00-04:00
    clock = life('2026-03-08 01:00 open\n2026-03-09 01:30 now', early, terms=terms(early, 3))
    assert clock.used_s == 2.5 * HOUR                                                   # 02:00-03:00 did not exist
    assert clock.resolve_due == at('2026-03-09 02:00', early)
    twice = life('2026-11-01 01:00 open\n2026-11-01 04:00 now', early, terms=terms(early, 3))
    assert (twice.used_s, twice.resolve_due) == (4 * HOUR, at('2026-11-01 03:00', early))


def test_tijuana_and_mexico_city_differ_by_the_hours_of_their_zones():
    opened = at('2026-11-24 08:00')                                                     # 06:00 in Tijuana
    for calendar, used in ((CITY, 4 * HOUR), (TIJUANA, 2 * HOUR)):
        assert read_clock(opened, opened, None, (), terms(calendar), (), at('2026-11-24 12:00')).used_s == used


def test_a_calendar_that_never_opens_promises_nothing_and_fails_nothing():
    clock = life('2026-11-24 10:00 open\n2026-11-25 10:00 now', NEVER)
    assert (clock.used_s, clock.respond_due, clock.resolve_due, clock.next_look) == (0, None, None, None)
    assert told(clock, NEVER) == ['Tue 10:00-Wed 10:00 closed: never']


def test_around_the_clock_every_second_counts():
    """Named regression: a 24/7 calendar closed one minute at midnight."""
    always = replace(CITY, week=ALWAYS, holidays=False)
    clock = life('2026-12-20 10:00 open\n2027-01-03 10:00 now', always, terms=terms(always, 24 * 14))
    assert [(one.kind, one.seconds) for one in clock.intervals] == [('running', 14 * 24 * HOUR)]
    assert clock.resolve_due == at('2027-01-03 10:00')


def test_a_change_of_level_forgets_no_pause():
    """Named regression: level change forgets pauses."""
    timetable = """
        2026-11-24 08:00 open
        2026-11-24 09:00 start
        2026-11-24 10:00 wait supplier refacción
        2026-11-24 13:00 resume
        2026-11-24 13:30 prioritise
        2026-11-24 14:00 now"""
    low, high = life(timetable, terms=terms(resolve_h=24)), life(timetable, terms=terms(resolve_h=4))
    assert low.used_s == high.used_s == 3 * HOUR
    assert low.paused_s == high.paused_s == 3 * HOUR
    assert high.resolve_due == at('2026-11-24 15:00')
    assert low.resolve_due == at('2026-11-26 11:00')


def test_a_change_of_level_during_a_pause_keeps_the_pause_and_its_reason():
    clock = life("""
        2026-11-24 08:00 open
        2026-11-24 09:00 start
        2026-11-24 10:00 wait supplier refacción
        2026-11-24 11:00 prioritise
        2026-11-24 12:00 now""")
    assert told(clock)[-1] == 'Tue 10:00-Tue 12:00 paused: waiting for supplier: refacción'
    assert (clock.used_s, clock.resolve_due) == (2 * HOUR, None)


def test_a_change_of_calendar_counts_the_whole_life_by_the_new_one():
    timetable = """
        2026-11-27 19:00 open
        2026-11-27 19:30 start
        2026-11-28 12:00 wait user no contesta
        2026-11-28 14:00 resume
        2026-11-30 09:00 now"""
    seven = replace(CITY, week={day: (Span(480, 1200),) for day in range(1, 8)})
    assert (life(timetable).used_s, life(timetable).paused_s) == (2 * HOUR, 0)
    longer = life(timetable, terms=terms(seven))
    assert (longer.used_s, longer.paused_s) == ((1 + 4 + 6 + 12 + 1) * HOUR, 2 * HOUR)
    assert longer.resolve_due == at('2026-11-28 19:00')                                 # it was due before anybody knew


def test_a_client_s_own_holiday_entered_later_gives_its_hours_back():
    book = HolidayBook((DatedHoliday(date(2026, 11, 25), 'Aniversario'),))
    timetable = '2026-11-24 19:00 open\n2026-11-26 09:00 now'
    assert life(timetable).used_s == 14 * HOUR
    assert life(timetable, terms=terms(book=book)).used_s == 2 * HOUR


# -- due times and looks ------------------------------------------------------------------------------------------------

def test_the_looks_follow_the_ladder_one_after_the_other():
    timetable = '2026-11-24 08:00 open\n2026-11-24 08:30 now'
    looks, fired = [], []
    for name in ('respond', *RUNGS):
        looks.append(life(timetable, fired=tuple(fired)).next_look)
        fired.append(name)
    assert looks == [at(f'2026-11-{moment}') for moment in ('24 09:00', '24 13:00', '24 16:00', '24 18:00', '25 10:00')]
    assert life(timetable, fired=tuple(fired)).next_look is None


def test_a_rung_that_was_missed_is_looked_at_at_once():
    clock = life('2026-11-24 08:00 open\n2026-11-27 08:30 now', fired=('respond', '50 %'))
    assert clock.next_look == at('2026-11-24 16:00')
    assert clock.resolve_due == at('2026-11-24 18:00')


def test_a_response_is_due_even_while_the_folio_waits_but_no_rung_is():
    timetable = """
        2026-11-24 08:00 open
        2026-11-24 08:10 assign
        2026-11-24 08:20 wait user falta la foto
        2026-11-24 08:30 now"""
    assert life(timetable).next_look == life(timetable).respond_due == at('2026-11-24 09:00')
    answered = life(timetable, responded=at('2026-11-24 08:20'))
    assert (answered.respond_due, answered.resolve_due, answered.next_look) == (None, None, None)


def test_a_rung_that_was_passed_before_a_pause_may_be_told_during_it():
    clock = life("""
        2026-11-24 08:00 open
        2026-11-24 08:10 start
        2026-11-24 13:30 wait user falta la foto
        2026-11-24 14:00 now""", responded=at('2026-11-24 08:10'))
    assert (clock.next_look, clock.resolve_due) == (at('2026-11-24 13:00'), None)


def test_time_that_runs_out_at_closing_is_due_at_closing():
    timetable = '2026-11-24 10:00 open\n2026-11-{} now'
    for now in ('24 11:00', '24 20:00', '25 07:00', '25 09:00'):
        assert life(timetable.format(now)).resolve_due == at('2026-11-24 20:00')


@pytest.mark.parametrize(('step', 'seconds'), [
    (EscalationStep(50, None, ()), 18_001), (EscalationStep(100, None, ()), 36_001), (EscalationStep(None, 240, ()), 36_001 + 240 * 60)])
def test_a_share_is_rounded_up_to_a_whole_second(step, seconds):
    assert target_s(step, 36_001) == seconds


def test_fractions_of_a_second_are_cut_off():
    opened = at('2026-11-24 10:00:00.900000')
    clock = read_clock(opened, opened, None, [change(at('2026-11-24 10:00:01.100000'), Move.ASSIGN, State.NEW)], terms(), (),
                       at('2026-11-24 10:00:05.999999'))
    assert [one.seconds for one in clock.intervals] == [1, 4]
    assert clock.intervals[0].since == at('2026-11-24 10:00:00')


def test_a_clock_that_was_set_back_makes_no_time_run_backwards():
    clock = life("""
        2026-11-24 10:00 open
        2026-11-24 12:00 start
        2026-11-24 09:00 wait user prueba
        2026-11-24 08:00 now""")
    assert (clock.used_s, clock.paused_s) == (2 * HOUR, 0)
    assert clock.intervals[-1].until == at('2026-11-24 12:00')


def test_a_clock_that_starts_before_the_folio_counts_from_the_folio():
    clock = life('2026-11-24 10:00 open\n2026-11-24 12:00 now', starts=at('2026-11-24 08:00'))
    assert (clock.used_s, clock.intervals[0].since) == (2 * HOUR, at('2026-11-24 10:00'))


def test_the_moment_of_opening_has_no_interval_yet():
    clock = life('2026-11-24 10:00 open\n2026-11-24 10:00 now')
    assert (clock.intervals, clock.used_s, clock.resolve_due) == ((), 0, at('2026-11-24 20:00'))


# -- random lives -----------------------------------------------------------------------------------------------------------

spans = st.lists(st.integers(0, 96), min_size=0, max_size=4, unique=True).map(
    lambda quarters: tuple(Span(a * 15, b * 15) for a, b in zip(*[iter(sorted(quarters))] * 2, strict=False)))
calendars = st.builds(
    lambda name, week, closed: Calendar('x', zone(name), 'CMX', dict(enumerate(week, 1)), holidays=closed),
    st.sampled_from(['America/Mexico_City', 'America/Tijuana', 'America/Cancun', 'America/Hermosillo']),
    st.lists(spans, min_size=7, max_size=7), st.booleans())
ladders = st.lists(st.one_of(
    st.builds(EscalationStep, st.integers(0, 150), st.none(), st.just(())),
    st.builds(EscalationStep, st.none(), st.integers(0, 600), st.just(()))), max_size=4).map(tuple)


@st.composite
def lives(draw):
    """Facts of a folio: when it was opened and started, legal changes, terms, and a moment after all of them."""
    opened = at('2026-02-01 00:00') + timedelta(seconds=draw(st.floats(0, 330 * 86_400)))
    starts = opened + timedelta(seconds=draw(st.integers(0, 200_000)))
    state, moment, changes = State.NEW, opened, []
    for _ in range(draw(st.integers(0, 8))):
        moves = [move for move in Move if state in LIFE[move]]
        if not moves:
            break
        moment += timedelta(seconds=draw(st.floats(0, 150_000)))
        changes.append(change(moment, draw(st.sampled_from(moves)), state, 'user', 'x'))
        state = changes[-1].to_state
    own = Terms(draw(calendars), HolidayBook(), Policy(), draw(ladders), draw(st.integers(0, 20_000)), draw(st.integers(0, 200_000)))
    return (opened, starts, draw(st.sampled_from([None, opened])), changes, own), moment + timedelta(seconds=draw(st.integers(0, 400_000)))


def second(instant):
    return instant.replace(microsecond=0)


@settings(max_examples=150)
@given(lives())
def test_every_second_of_a_life_is_told_once(case):
    facts, now = case
    clock = read_clock(*facts, (), now)
    edges = [one.since for one in clock.intervals] + [one.until for one in clock.intervals[-1:]]
    assert edges[:1] == [second(facts[0])][:len(edges)] and edges[-1:] == [second(now)][:len(edges)]
    assert all(before.until == after.since for before, after in pairwise(clock.intervals))
    assert all(one.seconds > 0 and one.since.microsecond == 0 for one in clock.intervals)
    assert sum(one.seconds for one in clock.intervals) == (second(now) - second(facts[0])).total_seconds()
    kinds = {kind: sum(one.seconds for one in clock.intervals if one.kind == kind) for kind in ('running', 'paused')}
    assert (clock.used_s, clock.paused_s) == (kinds['running'], kinds['paused'])


@settings(max_examples=150)
@given(lives())
def test_used_and_paused_are_the_open_seconds_of_their_states_counted_another_way(case):
    (opened, starts, responded, changes, own), now = case
    edges = [opened, *(one.at for one in changes), now]
    states = [State.NEW, *(one.to_state for one in changes)]
    wanted = {True: 0, False: 0}
    for state, since, until in zip(states, edges[:-1], edges[1:], strict=True):
        if state in OPEN_STATES:
            counted = max(second(since), second(starts)), second(until)
            wanted[state is State.WAITING] += open_seconds(own.calendar, own.holidays, (), *counted)
    clock = read_clock(opened, starts, responded, changes, own, (), now)
    assert (clock.used_s, clock.paused_s) == (wanted[False], wanted[True])


@settings(max_examples=150)
@given(lives(), st.integers(0, 300_000))
def test_used_time_never_shrinks_and_the_due_time_of_a_running_clock_never_moves(case, later):
    facts, now = case
    clock, then = read_clock(*facts, (), now), read_clock(*facts, (), now + timedelta(seconds=later))
    assert (then.used_s >= clock.used_s, then.paused_s >= clock.paused_s) == (True, True)
    assert (then.respond_due, then.resolve_due, then.next_look) == (clock.respond_due, clock.resolve_due, clock.next_look)


@settings(max_examples=150)
@given(lives())
def test_when_it_is_due_exactly_the_time_to_resolve_has_been_used(case):
    facts, now = case
    due = read_clock(*facts, (), now).resolve_due
    if due is not None and due >= now:
        assert read_clock(*facts, (), due).used_s == facts[4].resolve_s
    elif due is not None and facts[4].resolve_s:
        assert read_clock(*facts[:3], [one for one in facts[3] if one.at < due], facts[4], (), due).used_s == facts[4].resolve_s


@settings(max_examples=100)
@given(lives(), st.data())
def test_what_has_fired_is_not_looked_at_again(case, data):
    facts, now = case
    names = ['respond', *(step.name for step in facts[4].ladder)]
    fired = data.draw(st.sets(st.sampled_from(names)))
    clock, all_told = read_clock(*facts, fired, now), read_clock(*facts, names, now)
    assert all_told.next_look is None
    earliest = read_clock(*facts, (), now).next_look
    assert clock.next_look is None or earliest <= clock.next_look


def test_the_folio_of_two_years_is_told_to_the_second():
    opened, now = at('2026-11-24 10:00'), at('2028-11-24 10:00')
    clock = read_clock(opened, opened, None, (), terms(), RUNGS, now)
    assert clock.used_s == open_seconds(CITY, HolidayBook(), (), opened, now)
    assert sum(one.seconds for one in clock.intervals) == (now - opened).total_seconds()
    assert clock.resolve_due == add_open_seconds(CITY, HolidayBook(), (), opened, 10 * HOUR)
