"""What comes next for a close call: a telephone call, a letter, or giving up (mission.md 4.7). Pure: facts, policy, hours, now."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from config.contract import calendar_for, ordinary_line
from config.hours import NeverOpens, add_open_seconds, intervals, next_opening
from config.phones import e164, earns
from config.values import Calendar, Client, HolidayBook, Line, Override, Policy, Site, ours
from ticketing.values import Folio

HOUR = timedelta(hours=1)
MEXICO = '+52'
LONGEST_CLOSED_DAYS = 400


@dataclass(frozen=True)
class Hours:
    """When one line is open; `overrides` are its own."""

    calendar: Calendar
    holidays: HolidayBook
    overrides: tuple[Override, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A close call as it stands. The calls are those of the last hour, by their beginnings, oldest first; instants are aware."""

    state: str                                         # 'waiting' | 'mailed'
    attempts: int
    deadline: datetime | None                          # of the answer to the letter
    number: str | None                                 # E.164; None: nobody to call, or no way out
    client_calls: tuple[datetime, ...] = ()
    user_calls: tuple[datetime, ...] = ()
    in_flight: bool = False                            # a call to this number is going on


@dataclass(frozen=True)
class Call:
    """Call him now."""

    number: str


@dataclass(frozen=True)
class Wait:
    """Nothing before this instant; `now` itself: look again soon."""

    until: datetime


@dataclass(frozen=True)
class SendLetter:
    """Ask him in writing; without an answer by the deadline nobody has verified it."""

    deadline: datetime


@dataclass(frozen=True)
class GiveUp:
    """The deadline has passed: the folio is closed unverified."""


Step = Call | Wait | SendLetter | GiveUp


def next_step(facts: Facts, policy: Policy, hours: Hours, now: datetime) -> Step:
    """What to do about an unanswered close call at `now` (mission.md 4.7): within open hours, spaced and limited, then in writing."""
    if facts.state == 'mailed' and facts.deadline is not None:
        return GiveUp() if now >= facts.deadline else Wait(facts.deadline)
    if facts.number is None or facts.attempts >= policy.close_call_attempts:
        return SendLetter(deadline_after(hours, now, policy.close_unverified_days))
    opens = next_opening(hours.calendar, hours.holidays, hours.overrides, now)
    if opens is None:                                  # a calendar that never opens lets nobody call
        return SendLetter(deadline_after(hours, now, policy.close_unverified_days))
    if opens > now:
        return Wait(opens)
    if facts.in_flight:
        return Wait(now)
    free = max(_free_at(facts.client_calls, policy.close_calls_per_hour, now),
               _free_at(facts.user_calls, policy.close_calls_per_user_hour, now))
    return Wait(free) if free > now else Call(facts.number)


def after_attempt(attempts: int, policy: Policy, hours: Hours, now: datetime) -> datetime:
    """When to look again after an attempt without an answer: so many open hours later, or at once when the letter is next."""
    if attempts >= policy.close_call_attempts:
        return now
    return spaced(policy, hours, now)


def spaced(policy: Policy, hours: Hours, now: datetime) -> datetime:
    """When the next attempt may be: `close_call_spacing_hours` of open time after this one."""
    try:
        return add_open_seconds(hours.calendar, hours.holidays, hours.overrides, now, policy.close_call_spacing_hours * 3600)
    except NeverOpens:
        return now


def deadline_after(hours: Hours, now: datetime, days: int) -> datetime:
    """The closing time of the calendar on the `days`-th business day after the letter can leave (mission.md 9).

    A business day has open time. A line's overrides change no deadline; a calendar that never opens counts every day.
    """
    leaves = next_opening(hours.calendar, hours.holidays, (), now)
    day = (leaves or now).astimezone(hours.calendar.zone).date()
    if leaves is None:
        return _midnight(day + timedelta(days=days + 1), hours.calendar)
    for _ in range(LONGEST_CLOSED_DAYS):
        if days == 0:
            break
        day += timedelta(days=1)
        days -= closing(hours, day) is not None
    return closing(hours, day) or _midnight(day + timedelta(days=1), hours.calendar)


def closing(hours: Hours, day: date) -> datetime | None:
    """When a local day's open time ends, UTC; None on a day without any."""
    begins, ends = _midnight(day, hours.calendar), _midnight(day + timedelta(days=1), hours.calendar)
    return max((closes for _, closes in intervals(hours.calendar, hours.holidays, (), begins, ends)), default=None)


def hours_of(site: Site, folio: Folio, overrides: Sequence[Override]) -> Hours | None:
    """The hours of a folio's line, or of the client's ordinary one when the site has that line no more; None: the client has none."""
    line = line_of(site, folio)
    if line is None:
        return None
    mine = tuple(override for override in (*site.overrides, *overrides) if override.line == line.number)
    return Hours(calendar_for(site, line, folio.report.site), site.holidays, mine)


def line_of(site: Site, folio: Folio) -> Line | None:
    """The folio's line, or the client's ordinary one."""
    client = site.clients.get(folio.report.client)
    return site.lines.get(folio.report.line) or (ordinary_line(site, client) if client else None)


def number_to_call(site: Site, folio: Folio, party: str) -> str | None:
    """Whom to call (mission.md 4.7): the user's first telephone by his client's list, else the one he called from; or the contact's.

    None when nobody is known. Never a trunk's number, which is everybody's, nor one of our own.
    """
    client = site.clients.get(folio.report.client)
    if client is None:
        return None
    if party == 'contact':
        known: tuple[str | None, ...] = (client.contact.phone if client.contact else None,)
    else:
        known = (*_phones(client, folio.report.employee_number), folio.report.caller_number)
    return next((number for number in known if number and may_be_called(site, client, number)), None)


def _phones(client: Client, employee_number: str | None) -> tuple[str, ...]:
    return next((user.phones for user in client.users if user.employee_number == employee_number), ()) if employee_number else ()


def may_be_called(site: Site, client: Client, number: str) -> bool:
    """Whether this is a Mexican number that nobody earns by, no trunk's, which is everybody's, and none of our own."""
    return (number.startswith(MEXICO) and e164(number) == number and not earns(number) and number not in client.trunk_numbers
            and number not in ours(site))


def _free_at(calls: Sequence[datetime], limit: int, now: datetime) -> datetime:
    """When another call is within the limit of an hour."""
    if limit < 1 or len(calls) < limit:
        return now
    return calls[-limit] + HOUR


def _midnight(day: date, calendar: Calendar) -> datetime:
    return datetime.combine(day, time(), calendar.zone)
