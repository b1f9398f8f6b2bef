"""The service-level clock of one folio, told from its changes alone (mission.md 4.5). Pure: same facts, same answer.

Only open time counts: the hours of `terms.calendar`, less its holidays, and no override of a line. Everything is exact to the second;
fractions are cut off, as `config.hours` does. The terms are those of the folio's present priority and of the site in force, and they judge
the whole life: a change of level or of calendar moves every due time, and what was used or paused before is counted again, never forgotten.
"""
from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from config.hours import EPOCH, SECOND, NeverOpens, Reason, add_open_seconds, intervals, opening
from config.values import EscalationStep
from ticketing.levels.terms import Terms
from ticketing.values import OPEN_STATES, Change, State

RESPOND = 'respond'                                    # the escalation step of a response that did not come in time
LONG = timedelta(hours=20)                             # closed for longer than a night: look for what kept it closed
SAMPLE = timedelta(hours=12)


@dataclass(frozen=True)
class Interval:
    """A stretch of a folio's life, half-open [since, until), aware UTC, whole seconds.

    `kind`: 'before' the clock starts; 'running' (open time, counted); 'closed' (outside the hours, not a pause); 'paused' (waiting, by
    whose reason); 'stopped' (resolved, closed or cancelled).
    """

    kind: str
    since: datetime
    until: datetime
    reason: str

    @property
    def seconds(self) -> int:
        return round((self.until - self.since).total_seconds())


@dataclass(frozen=True)
class Clock:
    """Where every second went, and what comes next. Instants are aware UTC.

    `resolve_due` is None while the clock stands still (waiting, resolved, over) and where the calendar never opens.
    """

    intervals: tuple[Interval, ...]                    # from the opening to now, without gap or overlap
    used_s: int                                        # open time that counts towards resolving
    paused_s: int                                      # open time that would have counted but for a pause
    respond_due: datetime | None                       # None once responded
    resolve_due: datetime | None
    next_look: datetime | None                         # when a rung of the ladder or the response falls due next; None: never


@dataclass(frozen=True)
class _Phase:
    """A stretch without a change: the state that holds from `since` on, and why."""

    since: datetime
    state: State
    reason: str


def read_clock(opened_at: datetime, clock_starts: datetime, responded_at: datetime | None, changes: Sequence[Change], terms: Terms,
               fired: Collection[str], now: datetime) -> Clock:
    """The clock of a folio at `now`; `fired` names the escalation steps that have been told already.

    `changes` are in the order in which they were made. A clock that was set back (demos) never makes time run backwards: a change counts
    at the earliest when the one before it was made, and `now` is at the earliest the last change. Until a response, one is due even while
    the folio waits; a rung that was passed before a pause may be told during it.
    """
    opened = _second(opened_at)
    starts = max(_second(clock_starts), opened)
    phases = _phases(opened, changes)
    state, present = phases[-1].state, max(_second(now), phases[-1].since)
    told = tuple(_merged(_told(phases, starts, present, terms)))
    used = sum(one.seconds for one in told if one.kind == 'running')
    respond_due = None if responded_at is not None or state not in OPEN_STATES else _after(terms, starts, terms.respond_s)

    def due(target: int) -> datetime | None:
        """When `target` seconds will have been used; None for what lies ahead of a clock that stands still."""
        if state not in OPEN_STATES:
            return None
        if target <= used:
            return reached(told, target, starts)
        return None if state is State.WAITING else _after(terms, max(present, starts), target - used)

    looks = [] if RESPOND in fired else [respond_due]
    looks += [due(target_s(step, terms.resolve_s)) for step in terms.ladder if step.name not in fired]
    return Clock(
        intervals=told, used_s=used, paused_s=sum(one.seconds for one in told if one.kind == 'paused'), respond_due=respond_due,
        resolve_due=None if state is State.WAITING else due(terms.resolve_s),
        next_look=min((look for look in looks if look is not None), default=None))


def target_s(step: EscalationStep, resolve_s: int) -> int:
    """After how much used time a rung falls due, in seconds; part of a second counts as a whole one."""
    if step.percent is not None:
        return -(-resolve_s * step.percent // 100)
    return resolve_s + 60 * (step.after_minutes or 0)


def reached(told: Sequence[Interval], target: int, starts: datetime) -> datetime:
    """When `target` seconds had been used, which must have happened; `starts`: when the clock starts, where nothing tells it yet.

    What was reached exactly at closing was reached then, not at the next opening.
    """
    missing = target
    instant = next((one.since for one in told if one.kind != 'before'), starts)
    for one in told:
        if missing <= 0:
            break
        if one.kind == 'running':
            instant = one.since + min(missing, one.seconds) * SECOND
            missing -= one.seconds
    return instant


def _second(instant: datetime) -> datetime:
    return EPOCH + (instant - EPOCH) // SECOND * SECOND


def _after(terms: Terms, start: datetime, seconds: int) -> datetime | None:
    """The instant so much open time later; None when the calendar never opens again."""
    try:
        return add_open_seconds(terms.calendar, terms.holidays, (), start, seconds)
    except NeverOpens:
        return None


def _phases(opened: datetime, changes: Sequence[Change]) -> list[_Phase]:
    phases = [_Phase(opened, State.NEW, State.NEW.value)]
    for change in changes:
        phases.append(_Phase(max(_second(change.at), phases[-1].since), change.to_state, _reason(change)))
    return _pause_reasons_kept(phases, changes)


def _reason(change: Change) -> str:
    """Why the clock does what it does after a change: the state, and for a pause or an end whom it waits for and why."""
    if change.to_state is State.WAITING:
        return ': '.join(part for part in (f'waiting for {change.waiting_for or "somebody"}', change.reason) if part)
    return change.to_state.value


def _pause_reasons_kept(phases: list[_Phase], changes: Sequence[Change]) -> list[_Phase]:
    """A change of level during a pause gives a reason of its own, which is not the pause's."""
    for position, change in enumerate(changes, 1):
        if change.from_state is change.to_state:
            phases[position] = replace(phases[position], reason=phases[position - 1].reason)
    return phases


def _told(phases: Sequence[_Phase], starts: datetime, present: datetime, terms: Terms) -> Iterator[Interval]:
    """Every phase as intervals: before the clock starts, then by state and hours."""
    for phase, until in zip(phases, [*(one.since for one in phases[1:]), present], strict=True):
        ready = min(max(phase.since, starts), until)
        if phase.since < ready:
            yield Interval('before', phase.since, ready, 'the clock starts when the line opens')
        if ready >= until:
            continue
        if phase.state in OPEN_STATES:
            yield from _by_hours('paused' if phase.state is State.WAITING else 'running', phase.reason, ready, until, terms)
        else:
            yield Interval('stopped', ready, until, phase.reason)


def _by_hours(kind: str, reason: str, since: datetime, until: datetime, terms: Terms) -> Iterator[Interval]:
    """[since, until) cut where the calendar opens and closes: `kind` while open, 'closed' between."""
    runs = list(intervals(terms.calendar, terms.holidays, (), since, until))
    edges = [(since, since), *runs, (until, until)]
    for (_, closed), (opens, closes) in pairwise(edges):
        if closed < opens:
            yield Interval('closed', closed, opens, _why_closed(terms, closed, opens))
        if opens < closes:
            yield Interval(kind, opens, closes, reason)


def _why_closed(terms: Terms, since: datetime, until: datetime) -> str:
    """What kept the calendar closed: the holidays, else a weekend, else the reason with which it began."""
    instants = [since]
    while until - since > LONG and instants[-1] + SAMPLE < until and len(instants) < 60:
        instants.append(instants[-1] + SAMPLE)
    answers = [opening(terms.calendar, terms.holidays, (), instant) for instant in instants]
    holidays = dict.fromkeys(answer.holiday.name for answer in answers if answer.holiday)
    if holidays:
        return f'holiday: {", ".join(holidays)}'
    reasons = [answer.reason for answer in answers]
    return str(Reason.WEEKEND if Reason.WEEKEND in reasons else reasons[0])


def _merged(told: Iterator[Interval]) -> Iterator[Interval]:
    """Neighbours that say the same as one."""
    last: Interval | None = None
    for one in told:
        if last is not None and (last.kind, last.reason) == (one.kind, one.reason):
            last = replace(last, until=one.until)
            continue
        if last is not None:
            yield last
        last = one
    if last is not None:
        yield last
