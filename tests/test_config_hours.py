"""Opening hours: edges, zones, holidays, overrides, and every minute of two years against a table made by hand (mission.md 2)."""
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.holidays import statutory
from config.hours import NeverOpens, Reason, UnknownZone, add_open_seconds, intervals, next_opening, open_seconds, opening, zone
from config.values import Calendar, DatedHoliday, HolidayBook, Override, OverrideState, Span, Where

SECOND = timedelta(seconds=1)
WORKDAYS = {day: (Span(480, 1200),) for day in range(1, 6)}
ALWAYS = {day: (Span(0, 1440),) for day in range(1, 8)}
CITY = Calendar('5x12', zone('America/Mexico_City'), 'CMX', WORKDAYS, where=Where('calendars.toml', 3, '5x12'))
TIJUANA = Calendar('5x12-norte', zone('America/Tijuana'), 'BCN', WORKDAYS)
CANCUN = Calendar('5x12-sureste', zone('America/Cancun'), 'ROO', WORKDAYS)
BOOK = HolidayBook()


def at(calendar, text):
    """A wall-clock time of the calendar as UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=calendar.zone).astimezone(UTC)


def override(state, since, until, calendar=CITY, **more):
    return Override('+528005550101', OverrideState(state), at(calendar, since), at(calendar, until), **more)


# -- edges and reasons ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize(('moment', 'is_open', 'reason', 'until'), [
    ('2026-11-24 07:59:59', False, Reason.EARLY, '2026-11-24 08:00'),
    ('2026-11-24 08:00:00', True, Reason.HOURS, '2026-11-24 20:00'),
    ('2026-11-24 19:59:59.999999', True, Reason.HOURS, '2026-11-24 20:00'),
    ('2026-11-24 20:00:00', False, Reason.NIGHT, '2026-11-25 08:00'),
    ('2026-11-24 23:59:59', False, Reason.NIGHT, '2026-11-25 08:00'),
    ('2026-11-25 00:00:00', False, Reason.EARLY, '2026-11-25 08:00'),
    ('2026-11-27 20:00:00', False, Reason.NIGHT, '2026-11-30 08:00'),
    ('2026-11-28 12:00:00', False, Reason.WEEKEND, '2026-11-30 08:00'),
    ('2026-11-29 23:59:59', False, Reason.WEEKEND, '2026-11-30 08:00'),
    ('2026-12-24 20:00:00', False, Reason.NIGHT, '2026-12-28 08:00'),
    ('2026-12-25 00:00:00', False, Reason.HOLIDAY, '2026-12-28 08:00'),
    ('2026-12-25 09:00:00', False, Reason.HOLIDAY, '2026-12-28 08:00'),
    ('2026-12-26 00:00:00', False, Reason.WEEKEND, '2026-12-28 08:00'),
    ('2027-05-01 09:00:00', False, Reason.WEEKEND, '2027-05-03 08:00'),     # Labour Day on a Saturday: the week closes it
])
def test_edges_are_half_open_and_every_closing_has_its_reason(moment, is_open, reason, until):
    answer = opening(CITY, BOOK, (), at(CITY, moment))
    assert (answer.open, answer.reason, answer.until) == (is_open, reason, at(CITY, until))


def test_the_rule_names_its_place_in_the_files():
    book = HolidayBook((DatedHoliday(date(2026, 11, 26), 'Aniversario', where=Where('holidays.toml', 8, 'day')),))

    def rule(text, *overrides):
        return opening(CITY, book, overrides, at(CITY, text)).rule

    assert rule('2026-11-24 09:00') == "calendar '5x12' (calendars.toml:3): Tuesday 08:00-20:00"
    assert rule('2026-11-24 07:00') == "calendar '5x12' (calendars.toml:3): Tuesday opens at 08:00"
    assert rule('2026-11-24 21:00') == "calendar '5x12' (calendars.toml:3): Tuesday closes at 20:00"
    assert rule('2026-11-28 09:00') == "calendar '5x12' (calendars.toml:3): no hours on Saturday"
    assert rule('2026-12-25 09:00') == 'LFT art. 74 fr. VIII: Navidad, 2026-12-25'
    assert rule('2026-11-26 09:00') == 'holiday (holidays.toml:8): Aniversario, 2026-11-26'
    closing = override('closed', '2026-11-24 10:00', '2026-11-24 12:00', by='ana', where=Where('overrides.toml', 2, 'x'))
    assert rule('2026-11-24 11:00', closing) == (
        'override closed of +528005550101 (overrides.toml:2) until 2026-11-24 12:00 America/Mexico_City, set by ana'
    )


def test_a_holiday_is_handed_over_with_its_prompt():
    holiday = opening(CITY, BOOK, (), at(CITY, '2026-12-25 09:00')).holiday
    assert (holiday.prompt, holiday.clause) == ('mesa/holiday-christmas', 'LFT art. 74 fr. VIII')
    assert opening(CITY, BOOK, (), at(CITY, '2026-12-26 09:00')).holiday is None


def test_an_election_matters_only_to_a_calendar_that_opens_on_sundays():
    book = HolidayBook((DatedHoliday(date(2027, 6, 6), 'Elección federal', election=True),))
    seven = Calendar('7x12', CITY.zone, 'CMX', {day: (Span(480, 1200),) for day in range(1, 8)})
    assert opening(seven, book, (), at(CITY, '2027-06-06 10:00')).reason is Reason.HOLIDAY
    assert opening(CITY, book, (), at(CITY, '2027-06-06 10:00')).reason is Reason.WEEKEND


def test_a_day_with_a_break_a_closed_weekday_and_a_calendar_without_hours():
    lunch = Calendar('lunch', CITY.zone, 'CMX', {1: (Span(540, 840), Span(960, 1140))})
    assert opening(lunch, BOOK, (), at(CITY, '2026-11-23 14:00')).reason is Reason.BREAK
    assert opening(lunch, BOOK, (), at(CITY, '2026-11-23 14:00')).until == at(CITY, '2026-11-23 16:00')
    assert opening(lunch, BOOK, (), at(CITY, '2026-11-24 14:00')).reason is Reason.CLOSED_DAY
    never = Calendar('never', CITY.zone, 'CMX', {})
    answer = opening(never, BOOK, (), at(CITY, '2026-11-23 14:00'))
    assert (answer.open, answer.reason, answer.until) == (False, Reason.NEVER, None)
    assert next_opening(never, BOOK, (), at(CITY, '2026-11-23 14:00')) is None


def test_around_the_clock_never_closes():
    always = Calendar('24x7', TIJUANA.zone, 'BCN', ALWAYS, holidays=False)
    start = at(always, '2026-01-01 00:00')
    end = at(always, '2028-01-01 00:00')
    assert opening(always, BOOK, (), start).until is None
    assert list(intervals(always, BOOK, (), start, end)) == [(start, end)]
    assert all(opening(always, BOOK, (), at(always, f'2026-11-{day:02} 23:59:59')).open for day in range(1, 31))
    assert add_open_seconds(always, BOOK, (), start, 500 * 86_400) == start + timedelta(days=500)


def test_a_span_to_midnight_goes_on_in_the_morning_without_a_gap():
    night = Calendar('night', CITY.zone, 'CMX', {day: (Span(0, 360), Span(1200, 1440)) for day in range(1, 8)}, holidays=False)
    answer = opening(night, BOOK, (), at(CITY, '2026-11-24 21:00'))
    assert (answer.open, answer.until) == (True, at(CITY, '2026-11-25 06:00'))


def test_a_moment_without_zone_is_refused():
    with pytest.raises(TypeError):
        opening(CITY, BOOK, (), datetime(2026, 11, 24, 10))  # noqa: DTZ001


def test_any_zone_may_ask():
    for name in ('UTC', 'America/Tijuana', 'Asia/Tokyo'):
        assert opening(CITY, BOOK, (), at(CITY, '2026-11-24 08:00').astimezone(zone(name))).open


# -- zones ---------------------------------------------------------------------------------------------------------

def test_zones_come_from_the_pinned_package():
    import zoneinfo
    zoneinfo.reset_tzpath(['/usr/share/zoneinfo'])
    try:
        zone('America/Mexico_City')
        assert zoneinfo.TZPATH == ()
    finally:
        zoneinfo.reset_tzpath(())
    assert zone('America/Tijuana') is zone('America/Tijuana')


@pytest.mark.parametrize('name', [
    '', 'America', '../etc/passwd', '/etc/localtime', 'America/Mexico_City\0', 'america/mexico_city', 'zona centro',
])
def test_an_unknown_zone_is_refused_with_a_hint(name):
    with pytest.raises(UnknownZone, match='no time zone is called'):
        zone(name)


def test_a_near_miss_is_suggested():
    with pytest.raises(UnknownZone, match="did you mean 'America/Mexico_City'"):
        zone('America/Mexico_Cty')


def test_the_same_instant_is_open_here_and_closed_there():
    moment = at(CANCUN, '2026-07-01 08:00')
    assert [opening(calendar, BOOK, (), moment).open for calendar in (CANCUN, CITY, TIJUANA)] == [True, False, False]


def test_mexico_city_has_kept_its_clock_since_october_2022():
    assert at(CITY, '2022-07-01 08:00').hour == 13
    assert at(CITY, '2023-07-03 08:00').hour == 14
    assert opening(CITY, BOOK, (), datetime(2027, 7, 1, 14, tzinfo=UTC)).reason is Reason.HOURS
    assert opening(CITY, BOOK, (), datetime(2027, 7, 1, 13, 59, 59, tzinfo=UTC)).reason is Reason.EARLY


def test_a_repeated_hour_counts_twice_and_a_skipped_one_not_at_all():
    small = Calendar('small', TIJUANA.zone, 'BCN', {7: (Span(60, 180),)}, holidays=False)        # Sundays 01:00-03:00
    spring, autumn = (datetime(2027, 3, 14, tzinfo=UTC), datetime(2027, 11, 7, tzinfo=UTC))
    assert open_seconds(small, BOOK, (), spring, spring + timedelta(days=2)) == 3600
    assert open_seconds(small, BOOK, (), autumn, autumn + timedelta(days=2)) == 3 * 3600
    half = Calendar('half', TIJUANA.zone, 'BCN', {7: (Span(75, 90),)}, holidays=False)           # 01:15-01:30 comes twice
    twice = [
        (datetime(2027, 11, 7, 8, 15, tzinfo=UTC), datetime(2027, 11, 7, 8, 30, tzinfo=UTC)),
        (datetime(2027, 11, 7, 9, 15, tzinfo=UTC), datetime(2027, 11, 7, 9, 30, tzinfo=UTC)),
    ]
    assert list(intervals(half, BOOK, (), autumn, autumn + timedelta(days=2))) == twice
    for minute in range(6 * 60, 12 * 60):
        moment = autumn + timedelta(minutes=minute)
        assert opening(half, BOOK, (), moment).open == any(opens <= moment < closes for opens, closes in twice)
    gap = Calendar('gap', TIJUANA.zone, 'BCN', {7: (Span(120, 180),)}, holidays=False)           # 02:00-03:00 does not exist
    assert list(intervals(gap, BOOK, (), spring, spring + timedelta(days=2))) == []


# -- overrides -----------------------------------------------------------------------------------------------------

def test_an_override_decides_from_its_first_second_to_before_its_last():
    closing = override('closed', '2026-11-24 10:00', '2026-11-24 12:00')
    clocks = ('09:59:59', '10:00:00', '11:59:59', '12:00:00')
    states = [opening(CITY, BOOK, (closing,), at(CITY, f'2026-11-24 {clock}')) for clock in clocks]
    assert [(state.open, state.reason) for state in states] == [
        (True, Reason.HOURS), (False, Reason.OVERRIDE_CLOSED), (False, Reason.OVERRIDE_CLOSED), (True, Reason.HOURS),
    ]
    assert [state.until for state in states] == [at(CITY, f'2026-11-24 {text}') for text in ('10:00', '12:00', '12:00', '20:00')]


def test_an_override_opens_on_a_holiday_and_leads_into_the_hours():
    opened = override('open', '2026-12-25 09:00', '2026-12-28 09:00')
    answer = opening(CITY, BOOK, (opened,), at(CITY, '2026-12-25 10:00'))
    assert (answer.open, answer.reason, answer.until) == (True, Reason.OVERRIDE_OPEN, at(CITY, '2026-12-28 20:00'))
    assert next_opening(CITY, BOOK, (opened,), at(CITY, '2026-12-25 08:00')) == at(CITY, '2026-12-25 09:00')


def test_of_two_overrides_the_later_decides_and_a_message_never():
    first, second = override('closed', '2026-11-24 09:00', '2026-11-24 18:00'), override('open', '2026-11-24 10:00', '2026-11-24 11:00')
    message = override('message', '2026-11-24 10:30', '2026-11-24 11:30', message='mesa/override-message')
    for both in ((first, second, message), (message, second, first)):
        reasons = [opening(CITY, BOOK, both, at(CITY, f'2026-11-24 {hour}')).reason for hour in ('09:30', '10:45', '11:15', '18:00')]
        assert reasons == [Reason.OVERRIDE_CLOSED, Reason.OVERRIDE_OPEN, Reason.OVERRIDE_CLOSED, Reason.HOURS]


def test_next_opening_waits_for_the_override_to_end():
    closing = override('closed', '2026-11-24 10:00', '2026-11-25 07:00')
    assert next_opening(CITY, BOOK, (closing,), at(CITY, '2026-11-24 11:00')) == at(CITY, '2026-11-25 08:00')
    assert next_opening(CITY, BOOK, (closing,), at(CITY, '2026-11-24 09:00')) == at(CITY, '2026-11-24 09:00')
    overnight = override('closed', '2026-11-24 10:00', '2026-11-25 09:00')
    assert next_opening(CITY, BOOK, (overnight,), at(CITY, '2026-11-24 21:00')) == at(CITY, '2026-11-25 09:00')


def test_an_override_beyond_the_look_ahead_is_closed_without_end():
    closing = override('closed', '2026-11-24 10:00', '2028-11-24 10:00')
    answer = opening(CITY, BOOK, (closing,), at(CITY, '2026-11-24 11:00'))
    assert (answer.open, answer.until) == (False, None)
    with pytest.raises(NeverOpens, match='5x12'):
        add_open_seconds(CITY, BOOK, (closing,), at(CITY, '2026-11-24 11:00'), 1)


# -- open time -----------------------------------------------------------------------------------------------------

def test_open_time_is_counted_to_the_second():
    assert open_seconds(CITY, BOOK, (), at(CITY, '2026-11-27 19:59:30'), at(CITY, '2026-11-30 08:00:15')) == 45
    assert open_seconds(CITY, BOOK, (), at(CITY, '2026-11-30 08:00:15'), at(CITY, '2026-11-27 19:59:30')) == 0
    assert open_seconds(CITY, BOOK, (), at(CITY, '2026-01-01'), at(CITY, '2027-01-01')) == 254 * 12 * 3600


def test_promised_time_runs_only_while_open():
    friday = at(CITY, '2026-11-27 19:00')
    assert add_open_seconds(CITY, BOOK, (), friday, 4 * 3600) == at(CITY, '2026-11-30 11:00')
    assert add_open_seconds(CITY, BOOK, (), friday, 3600) == at(CITY, '2026-11-27 20:00')      # at closing, not on Monday
    assert add_open_seconds(CITY, BOOK, (), friday, 3601) == at(CITY, '2026-11-30 08:00:01')
    assert add_open_seconds(CITY, BOOK, (), at(CITY, '2026-11-28 12:00'), 0) == at(CITY, '2026-11-28 12:00')
    with pytest.raises(ValueError, match='only be added'):
        add_open_seconds(CITY, BOOK, (), friday, -1)


# -- against independent tables ------------------------------------------------------------------------------------

HOLIDAYS_2026_2027 = """
    2026-01-01 2026-02-02 2026-03-16 2026-05-01 2026-09-16 2026-11-16 2026-12-25
    2027-01-01 2027-02-01 2027-03-15 2027-05-01 2027-09-16 2027-11-15 2027-12-25
"""
# Hours behind UTC on a day; Tijuana's clock changes on Sundays, when nothing is open.
SUMMERS = (('2026-03-08', '2026-11-01'), ('2027-03-14', '2027-11-07'))
BEHIND = {
    'America/Mexico_City': lambda day: 6,
    'America/Cancun': lambda day: 5,
    'America/Tijuana': lambda day: 7 if any(first <= day < last for first, last in SUMMERS) else 8,
}
START, MINUTES = datetime(2026, 1, 1, tzinfo=UTC), 730 * 1440


def table_by_hand(zone_name):
    """One byte for every minute of 2026 and 2027 UTC: 1 open, 0 closed."""
    table = bytearray(MINUTES)
    for number in range(-1, 731):
        day = date(2026, 1, 1) + timedelta(days=number)
        if day.weekday() < 5 and day.isoformat() not in HOLIDAYS_2026_2027.split():
            first = number * 1440 + (8 + BEHIND[zone_name](day.isoformat())) * 60
            for minute in range(max(first, 0), min(first + 720, MINUTES)):
                table[minute] = 1
    return table


@pytest.mark.parametrize('calendar', [CITY, TIJUANA, CANCUN], ids=lambda calendar: calendar.zone.key)
def test_every_minute_of_two_years_agrees_with_a_table_made_by_hand(calendar):
    expected = table_by_hand(calendar.zone.key)
    minute, moment, found = timedelta(minutes=1), START, bytearray()
    for _ in range(MINUTES):
        found.append(opening(calendar, BOOK, (), moment).open)
        moment += minute
    differing = [str(START + minute * number) for number in range(MINUTES) if found[number] != expected[number]]
    assert differing == []
    assert sum(expected) > 360_000                     # the table is not empty


spans = st.lists(st.integers(0, 96), min_size=0, max_size=4, unique=True).map(
    lambda edges: tuple(Span(first * 15, last * 15) for first, last in zip(*[iter(sorted(edges))] * 2, strict=False)))
# Havana changes its clock at midnight, Lord Howe by half an hour.
zones = st.sampled_from(['America/Mexico_City', 'America/Tijuana', 'America/Cancun', 'America/Havana', 'Australia/Lord_Howe'])
calendars = st.builds(
    lambda name, week, closes: Calendar('any', zone(name), 'CMX', dict(enumerate(week, 1)), closes),
    zones, st.lists(spans, min_size=7, max_size=7), st.booleans())
# Around the changes of the clock in those zones, and anywhere.
moments = st.one_of(
    st.sampled_from([datetime(2027, 3, 14, tzinfo=UTC), datetime(2027, 11, 7, tzinfo=UTC), datetime(2027, 4, 4, tzinfo=UTC),
                     datetime(2026, 12, 25, tzinfo=UTC)]).flatmap(
        lambda day: st.integers(-200_000, 200_000).map(lambda seconds: day + timedelta(seconds=seconds))),
    st.integers(0, 63_000_000).map(lambda seconds: START + timedelta(seconds=seconds)))


@st.composite
def overridden(draw):
    """A moment and overrides near it."""
    moment = draw(moments)
    one = st.tuples(st.integers(-90_000, 90_000), st.integers(1, 90_000), st.sampled_from(list(OverrideState)))
    return moment, tuple(
        Override('+528005550101', state, moment + since * SECOND, moment + (since + length) * SECOND)
        for since, length, state in draw(st.lists(one, max_size=3)))


def open_by_the_book(calendar, overrides, moment):
    """The definition, without arithmetic on edges."""
    in_force = [one for one in overrides if one.state is not OverrideState.MESSAGE and one.since <= moment < one.until]
    if in_force:
        last = max(one.since for one in in_force)
        return [one for one in in_force if one.since == last][-1].state is OverrideState.OPEN
    local = moment.astimezone(calendar.zone)
    if calendar.holidays and local.date() in statutory(local.year):
        return False
    seconds = local.hour * 3600 + local.minute * 60 + local.second
    return any(span.opens * 60 <= seconds < span.closes * 60 for span in calendar.week[local.isoweekday()])


@settings(max_examples=300, deadline=None)
@given(calendars, overridden())
def test_opening_equals_its_definition_and_until_is_the_next_change(calendar, near):
    moment, overrides = near
    answer = opening(calendar, BOOK, overrides, moment)
    assert answer.open == open_by_the_book(calendar, overrides, moment)
    if answer.until is not None:
        assert answer.until > moment
        assert open_by_the_book(calendar, overrides, answer.until) != answer.open
        assert open_by_the_book(calendar, overrides, answer.until - SECOND) == answer.open


@settings(max_examples=60, deadline=None)
@given(calendars, overridden())
def test_intervals_are_exactly_the_open_minutes(calendar, near):
    moment, overrides = near
    end = moment + timedelta(days=3)
    found = list(intervals(calendar, BOOK, overrides, moment, end))
    assert all(opens < closes for opens, closes in found)
    assert all(one[1] < other[0] for one, other in pairwise(found))
    for step in range(0, 3 * 86_400, 601):
        probe = moment + step * SECOND
        assert any(opens <= probe < closes for opens, closes in found) == open_by_the_book(calendar, overrides, probe)
    assert open_seconds(calendar, BOOK, overrides, moment, end) == sum((closes - opens) // SECOND for opens, closes in found)


@settings(max_examples=100, deadline=None)
@given(calendars, overridden(), st.integers(1, 200_000))
def test_a_due_time_is_the_first_instant_with_enough_open_time(calendar, near, seconds):
    moment, overrides = near
    try:
        due = add_open_seconds(calendar, BOOK, overrides, moment, seconds)
    except NeverOpens:
        assert not any(calendar.week.values())
        return
    assert open_seconds(calendar, BOOK, overrides, moment, due) == seconds
    assert open_seconds(calendar, BOOK, overrides, moment, due - SECOND) == seconds - 1
