"""What the contract says about a fax: pages, refusal, and the hour at which it leaves (mission.md 5.2, 5.3)."""
from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.hours import opening
from config.values import Override, OverrideState, Policy
from fax.arrival import TOO_MANY_PAGES
from fax.policy import Verdict, fax_line, judge, may_leave, release_at
from fax.values import Fax, FaxState
from tests.fax_office import LINE, SITE, policy

CITY = ZoneInfo('America/Mexico_City')
AT_ONCE = None
# When it came; when it leaves by default; when it leaves with fax_release = next_business_day. Monday 2026-11-16 is a holiday.
HOURS = [
    ('2026-11-13 19:59:59', AT_ONCE, AT_ONCE),                           # Friday
    ('2026-11-13 20:00:00', '2026-11-17 08:00:00', '2026-11-17 08:00:00'),   # Friday before the long weekend
    ('2026-11-14 11:00:00', '2026-11-17 08:00:00', '2026-11-17 08:00:00'),   # Saturday
    ('2026-11-16 12:00:00', '2026-11-17 08:00:00', '2026-11-17 08:00:00'),   # the holiday
    ('2026-11-18 06:00:00', '2026-11-18 08:00:00', '2026-11-19 08:00:00'),   # early on a business day
    ('2026-11-18 07:59:59', '2026-11-18 08:00:00', '2026-11-19 08:00:00'),
    ('2026-11-18 08:00:00', AT_ONCE, AT_ONCE),
    ('2026-11-18 21:00:00', '2026-11-19 08:00:00', '2026-11-19 08:00:00'),
    ('2026-12-24 20:00:00', '2026-12-28 08:00:00', '2026-12-28 08:00:00'),   # Christmas is a Friday
    ('2026-12-31 23:59:59', '2027-01-04 08:00:00', '2027-01-04 08:00:00'),
]


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CITY).astimezone(UTC)


@pytest.mark.parametrize(('came', 'leaves', 'next_day'), HOURS, ids=[row[0] for row in HOURS])
def test_when_a_fax_leaves(came: str, leaves: str | None, next_day: str | None) -> None:
    received = local(came)
    assert release_at(SITE, SITE.lines[LINE], (), received) == local(leaves or came)
    later = policy(SITE, fax_release='next_business_day')
    assert release_at(later, later.lines[LINE], (), received) == local(next_day or came)


@given(st.integers(0, 700 * 86_400))
def test_a_fax_leaves_while_the_line_is_open_and_never_before_it_came(seconds: int) -> None:
    received = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    line = SITE.lines[LINE]
    calendar = SITE.calendars[line.calendar]
    for site in (SITE, policy(SITE, fax_release='next_business_day')):
        leaves = release_at(site, line, (), received)
        assert leaves >= received and opening(calendar, SITE.holidays, (), leaves).open
        assert (leaves == received) == opening(calendar, SITE.holidays, (), received).open


def test_a_line_that_is_closed_for_a_while_holds_its_faxes() -> None:
    received = local('2026-11-18 10:00:00')
    closed = Override(LINE, OverrideState.CLOSED, received - timedelta(hours=1), local('2026-11-18 15:00:00'))
    other = replace(closed, line='+528005550101')
    assert release_at(SITE, SITE.lines[LINE], (closed,), received) == local('2026-11-18 15:00:00')
    assert release_at(SITE, SITE.lines[LINE], (other,), received) == received


def test_a_calendar_that_never_opens_holds_nothing_back() -> None:
    line = SITE.lines[LINE]
    never = replace(SITE, calendars={line.calendar: replace(SITE.calendars[line.calendar], week={})})
    assert release_at(never, line, (), local('2026-11-18 10:00:00')) == local('2026-11-18 10:00:00')
    late = policy(never, fax_release='next_business_day')
    assert release_at(late, line, (), local('2026-11-18 10:00:00')) == local('2026-11-18 10:00:00')


def held(release: datetime | None, **facts: object) -> Fax:
    fax = Fax(id=1, reference='F1', file='fax1', sha256='', size=0, line=LINE, client='nopalera', caller_number='', caller_name='',
              called_number='', device='', commid='', reason='', received_at=local('2026-11-14 11:00:00'), state=FaxState.HELD,
              release_at=release)
    return replace(fax, **facts)  # type: ignore[arg-type]


def test_when_a_held_fax_is_let_go() -> None:
    tuesday, saturday = local('2026-11-17 08:00:00'), local('2026-11-14 12:00:00')
    opened = Override(LINE, OverrideState.OPEN, saturday, saturday + timedelta(hours=1))
    assert not may_leave(SITE, held(tuesday), (), tuesday - timedelta(seconds=1))
    assert may_leave(SITE, held(tuesday), (), tuesday)
    assert may_leave(SITE, held(tuesday), (), tuesday + timedelta(hours=14)), 'its time has come, whatever the hour is now'
    assert may_leave(SITE, held(tuesday), (opened,), saturday), 'the line was opened earlier than was foreseen'
    assert not may_leave(policy(SITE, fax_release='next_business_day'), held(tuesday), (opened,), saturday)
    assert not may_leave(SITE, held(tuesday, on_hold=True), (), tuesday)
    assert not may_leave(SITE, held(None, on_hold=True), (), tuesday)
    assert may_leave(SITE, held(tuesday, line='+528005559999'), (), tuesday)


@pytest.mark.parametrize(('how', 'pages', 'reason', 'verdict'), [
    ('truncate', 1, '', Verdict(False, 1)),
    ('truncate', 5, '', Verdict(False, 5)),
    ('truncate', 8, '', Verdict(False, 5)),
    ('truncate', 200, f'{TOO_MANY_PAGES}, call terminated', Verdict(False, 5)),
    ('reject', 5, '', Verdict(False, 5)),
    ('reject', 6, '', Verdict(True, 5)),
    ('reject', 5, f'{TOO_MANY_PAGES}, call terminated', Verdict(True, 5)),
    ('reject', 3, 'COMREC received DCN (sender abort)', Verdict(False, 3)),
])
def test_how_many_pages_go(how: str, pages: int, reason: str, verdict: Verdict) -> None:
    assert judge(replace(Policy(), fax_too_long=how), pages, reason, all_pages=False) == verdict
    assert judge(replace(Policy(), fax_too_long=how), pages, reason, all_pages=True) == Verdict(False, pages)


def test_the_line_of_a_called_number() -> None:
    found = fax_line(SITE, '528005550105')
    assert found is not None and found.number == LINE and fax_line(SITE, LINE) is found
    for none in ('528005550101', '', '8005550105', '+', '5280055501050'):
        assert fax_line(SITE, none) is None
