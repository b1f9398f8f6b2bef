"""The dialplan's own table of open intervals says what the engine says, minute by minute (mission.md 3.7)."""
import random
from datetime import UTC, datetime, timedelta

import pytest

from config.hours import opening, zone
from config.intervals import fallback_table
from config.values import Calendar, Emergency, HolidayBook, Line, Modality, Override, OverrideState, Site, Span

LINE, FAX = '+528005550101', '+528005550105'
BOOK = HolidayBook()
WEEKDAYS = {day: (Span(480, 1200),) for day in range(1, 6)}


def site_of(calendar, overrides=()):
    lines = {
        LINE: Line(LINE, 'uno', Modality.STANDARD, calendar.name, 'uno-standard', 'main', 'mesa/greeting'),
        FAX: Line(FAX, 'uno', Modality.FAX, calendar.name, None, None, 'mesa/greeting'),
    }
    return Site(
        'demo', True, calendar.zone, clients={}, lines=lines, calendars={calendar.name: calendar}, holidays=BOOK, menus={}, queues={},
        agents={}, trunks=(), emergency=Emergency(('911',), '127.0.0.1'), overrides=overrides,
    )


def random_week(dice):
    """Seven days of up to two spans, some of them to midnight."""
    week = {}
    for day in range(1, 8):
        edges = sorted(dice.sample(range(0, 1441, 30), dice.choice([0, 2, 2, 4])))
        week[day] = tuple(Span(*pair) for pair in zip(edges[::2], edges[1::2], strict=True))
    return week


def override(line, state, since, hours):
    return Override(line, OverrideState(state), since, since + timedelta(hours=hours))


@pytest.mark.parametrize(('zone_name', 'now'), [
    ('America/Tijuana', datetime(2027, 3, 8, 3, 17, 11, tzinfo=UTC)),      # the clock goes forward on the 14th
    ('America/Tijuana', datetime(2027, 11, 1, 20, 0, 0, tzinfo=UTC)),      # and back on the 7th
    ('America/Mexico_City', datetime(2026, 12, 20, 13, 59, 59, tzinfo=UTC)),
])
def test_the_table_agrees_with_the_engine_minute_by_minute(zone_name, now):
    dice = random.Random(f'{zone_name}{now}')
    for week in (WEEKDAYS, random_week(dice), random_week(dice)):
        calendar = Calendar('any', zone(zone_name), 'BCN', week)
        closing = override(LINE, 'closed', now + timedelta(hours=dice.randrange(200)), 9)
        overrides = (closing, override(LINE, 'open', now + timedelta(hours=200), 30))
        table = next(one for one in fallback_table(site_of(calendar), overrides, now) if one.line == LINE)
        for minute in range(14 * 1440):
            moment = now + timedelta(minutes=minute)
            epoch = int(moment.timestamp())
            assert any(opens <= epoch < closes for opens, closes in table.spans) == opening(calendar, BOOK, overrides, moment).open, moment


def test_a_table_says_for_which_line_and_how_long_it_holds():
    calendar = Calendar('5x12', zone('America/Mexico_City'), 'CMX', WEEKDAYS)
    now = datetime(2026, 11, 24, 18, 0, 0, 500, tzinfo=UTC)                # a Tuesday at 12:00
    standard, fax_line = fallback_table(site_of(calendar), (), now)
    start = int(datetime(2026, 11, 24, 18, tzinfo=UTC).timestamp())
    assert (standard.line, standard.queue, standard.modality) == (LINE, 'uno-standard', Modality.STANDARD)
    assert (fax_line.line, fax_line.queue, fax_line.modality) == (FAX, None, Modality.FAX)
    assert (standard.valid_from, standard.valid_until) == (start, start + 14 * 86_400)
    assert standard.spans[0] == (start, start + 8 * 3600)                  # already open: until 20:00
    assert len(standard.spans) == 11                                       # the rest of today, nine days, and half of the last
    assert standard.spans[-1][1] == standard.valid_until


def test_an_override_touches_only_its_line_and_the_sites_own_count_too():
    calendar = Calendar('5x12', zone('America/Mexico_City'), 'CMX', WEEKDAYS)
    now = datetime(2026, 11, 24, 18, tzinfo=UTC)
    own = override(FAX, 'closed', now, 1)
    standard, fax_line = fallback_table(site_of(calendar, (own,)), (override(LINE, 'closed', now, 2),), now, days=1)
    start = int(now.timestamp())
    assert standard.spans[0][0] == start + 2 * 3600
    assert fax_line.spans[0][0] == start + 3600
