"""Statistics of any interval: one function for wallboard, `mesa stats`, the desk's page and the monthly statement (mission.md 7.5).

The telephone's part is `ami_listener/call_figures.py`, which the wallboard shows, too; the rest is counted from `statistics_facts`. Every
figure is defined in docs/statistics.md. Everything reads inside the caller's transaction; instants are aware UTC, intervals half-open.
"""
from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from math import fsum
from typing import Any

from sqlalchemy import Connection

from ami_listener.call_figures import CallFigures, figures, figures_by_queue
from config.values import Modality, Site
from contracts.intervals import Interval
from contracts.statistics_facts import NO_FACTS, Facts, FolioMoved, FolioOpened, FolioResolved, Whose, read_facts, read_wrap_ups, whose
from contracts.statistics_values import (
    CallBacksAsked,
    CloseCalls,
    Closed,
    Faxes,
    Handling,
    Level,
    Levels,
    Opened,
    Problems,
    Solved,
    Statistics,
    Survey,
    Unlisted,
)
from contracts.targets import targets_of
from contracts.wrap_ups import WrapUp
from fax.outgoing.jobs import JobState
from fax.values import WORKED_ON, FaxState
from ticketing.call_backs import CANCELLED, GIVEN_UP, SERVED, WAITING
from ticketing.values import Move


def statistics(connection: Connection, site: Site, since: datetime, until: datetime, client: str | None = None,
               modality: Modality | None = None, *, queue: str | None = None, now: datetime | None = None) -> Statistics:
    """All figures of [since, until): of a client, of a modality, or of all.

    With `queue` only the telephone's. `now` (default `until`) says which promises of a response are overdue.
    """
    who = whose(site, client, modality)
    handling = telephone(connection, site, since, until, who, queue)
    if queue is not None:
        return Statistics(since, until, client, modality, queue, calls=handling)
    parts = count(read_facts(connection, site, since, until, who), now or until)
    return Statistics(since, until, client, modality, calls=handling, **parts)


def by_interval(connection: Connection, site: Site, intervals: Sequence[Interval], client: str | None = None,
                modality: Modality | None = None, *, queue: str | None = None, now: datetime | None = None) -> tuple[Statistics, ...]:
    """The figures of each of these intervals, which follow each other without a gap; the books are read once for all of them."""
    return with_parts(connection, site, intervals, client, modality, queue=queue, now=now)[1] if intervals else ()


def with_parts(connection: Connection, site: Site, intervals: Sequence[Interval], client: str | None = None,
               modality: Modality | None = None, *, queue: str | None = None,
               now: datetime | None = None) -> tuple[Statistics, tuple[Statistics, ...]]:
    """The figures of all these intervals together, and of each; at least one. The books are read once."""
    since, until = intervals[0].since, intervals[-1].until
    who, begins, targets = whose(site, client, modality), [interval.since for interval in intervals], targets_of(site)
    every = read_wrap_ups(connection, site, since, until, who, queue)
    wrapped = _split(every, lambda one: bisect_right(begins, one.talk.joined) - 1)

    def handling(begin: datetime, end: datetime, some: Collection[WrapUp]) -> Handling:
        return _handling(figures(connection, begin, end, targets, queue=queue, lines=who.lines), some)

    calls = [handling(one.since, one.until, wrapped.get(number, ())) for number, one in enumerate(intervals)]
    whole, parts = handling(since, until, every), dict.fromkeys(range(len(intervals)), NO_FACTS)
    facts = NO_FACTS
    if queue is None:
        facts = read_facts(connection, site, since, until, who)
        parts = _split_facts(facts, lambda fact: bisect_right(begins, fact.at) - 1, parts)

    def told(begin: datetime, end: datetime, some: Handling, of: Facts) -> Statistics:
        counted = count(of, now or until) if queue is None else {}
        return Statistics(begin, end, client, modality, queue, calls=some, **counted)

    return told(since, until, whole, facts), tuple(
        told(one.since, one.until, calls[number], parts[number]) for number, one in enumerate(intervals))


def by_queue(connection: Connection, site: Site, since: datetime, until: datetime, client: str | None = None,
             modality: Modality | None = None) -> dict[str, Statistics]:
    """The telephone's figures of each queue that was offered a call; they add up to those of all."""
    who = whose(site, client, modality)
    found = figures_by_queue(connection, since, until, targets_of(site), lines=who.lines)
    wrapped = _split(read_wrap_ups(connection, site, since, until, who, None), lambda one: one.talk.queue or '')
    return {queue: Statistics(since, until, client, modality, queue, calls=_handling(calls, wrapped.get(queue, ())))
            for queue, calls in found.items()}


def by_modality(connection: Connection, site: Site, since: datetime, until: datetime,
                client: str | None = None) -> dict[Modality, CallFigures]:
    """The telephone's figures of each modality whose lines were called, each by its own target.

    They add up to those of all, but for calls to lines that the site does not have any more.
    """
    targets = targets_of(site)
    lines = {modality: whose(site, client, modality).lines for modality in Modality}
    found = {modality: figures(connection, since, until, targets, lines=some) for modality, some in lines.items()}
    return {modality: calls for modality, calls in found.items() if calls.offered}


def by_category(connection: Connection, site: Site, since: datetime, until: datetime, client: str | None = None,
                modality: Modality | None = None, *, now: datetime | None = None) -> dict[str, Statistics]:
    """The figures of the folios of each category ('': of none), without those that know no category."""
    facts = read_facts(connection, site, since, until, whose(site, client, modality))
    names = sorted({fact.category for part in fields(facts) if part.name in CATEGORISED for fact in getattr(facts, part.name)})
    parts = _split_facts(facts, lambda fact: fact.category, names)
    return {name: Statistics(since, until, client, modality, category=name,
                             **{part: value for part, value in count(parts[name], now or until).items() if part in OF_CATEGORY})
            for name in names}


def telephone(connection: Connection, site: Site, since: datetime, until: datetime, who: Whose, queue: str | None = None) -> Handling:
    """The telephone's figures of [since, until), with what came after each call."""
    calls = figures(connection, since, until, targets_of(site), queue=queue, lines=who.lines)
    return _handling(calls, read_wrap_ups(connection, site, since, until, who, queue) if calls.handled else ())


def _handling(calls: CallFigures, wrapped: Collection[WrapUp]) -> Handling:
    return Handling(calls, fsum(one.seconds for one in wrapped), len(wrapped))


# --- counting: facts to figures, pure ----------------------------------------------------------------------------------

CATEGORISED = frozenset({'opened', 'moved', 'resolved', 'answers', 'attempts', 'escalated', 'problems'})
OF_CATEGORY = frozenset({'opened', 'solved', 'closed', 'close_calls', 'survey', 'levels', 'escalations', 'problems'})


def count(facts: Facts, now: datetime) -> dict[str, Any]:
    """The parts of Statistics that these facts tell, by their names."""
    return {
        'opened': _opened(facts.opened), 'solved': _solved(facts.moved, facts.resolved), 'closed': _closed(facts.moved),
        'close_calls': CloseCalls(
            confirmed=_counted(one.via for one in facts.answers if one.state == 'confirmed'),
            refused=_counted(one.via for one in facts.answers if one.state == 'refused'),
            unanswered=sum(one.move == Move.CLOSE for one in facts.moved), attempts=_counted(one.what for one in facts.attempts)),
        'survey': _survey(facts.moved), 'levels': Levels(_respond(facts.opened, now), _resolve(facts.resolved)),
        'unlisted': Unlisted(sum(one.unlisted for one in facts.opened), len(facts.unlisted_calls), len(facts.messages)),
        'call_backs': _call_backs(Counter(one.what for one in facts.call_backs)), 'faxes': _faxes(facts),
        'problems': Problems(len(facts.problems), _counted(one.what for one in facts.problems)),
        'escalations': _counted(one.what for one in facts.escalated),
    }


def _opened(opened: Sequence[FolioOpened]) -> Opened:
    return Opened(
        total=len(opened), modalities=_counted(one.modality for one in opened), kinds=_counted(one.kind for one in opened),
        priorities=_counted(one.priority for one in opened), categories=_counted(one.category for one in opened),
        origins=_counted(one.origin for one in opened), abandoned=sum(one.abandoned for one in opened),
        duplicates=sum(one.duplicate for one in opened), cancelled=sum(one.cancelled for one in opened))


def _solved(moved: Sequence[FolioMoved], resolved: Sequence[FolioResolved]) -> Solved:
    return Solved(
        resolutions=sum(one.move == Move.RESOLVE for one in moved), resolved=len(resolved),
        first_contact=sum(one.first_contact for one in resolved), reopens=sum(one.move == Move.REOPEN for one in moved))


def _closed(moved: Sequence[FolioMoved]) -> Closed:
    moves = Counter(one.move for one in moved)
    return Closed(moves[Move.CONFIRM], moves[Move.CLOSE], moves[Move.CANCEL])


def _survey(moved: Sequence[FolioMoved]) -> Survey:
    confirmed = [one for one in moved if one.move == Move.CONFIRM]
    scores = Counter(one.score for one in confirmed if one.score is not None)
    return Survey({score: scores[score] for score in sorted(scores)}, len(confirmed))


def _respond(opened: Sequence[FolioOpened], now: datetime) -> dict[str, Level]:
    """A response that is owed and not due yet is pending; a folio that ended without one owes none."""
    told: Counter[tuple[str, str]] = Counter()
    for one in opened:
        if one.respond_due is None:
            continue
        if one.responded_at is not None:
            told[one.priority, 'kept' if one.responded_at <= one.respond_due else 'breached'] += 1
        else:
            told[one.priority, 'breached' if one.respond_due < now else 'pending'] += 1
    return _levels(told)


def _resolve(resolved: Sequence[FolioResolved]) -> dict[str, Level]:
    return _levels(Counter((one.priority, 'kept' if one.kept else 'breached') for one in resolved if one.kept is not None))


def _levels(told: Counter[tuple[str, str]]) -> dict[str, Level]:
    return {priority: Level(told[priority, 'kept'], told[priority, 'breached'], told[priority, 'pending'])
            for priority in sorted({priority for priority, _ in told})}


def in_all(levels: Mapping[str, Level]) -> Level:
    """The levels of all priorities together."""
    return Level(sum(one.kept for one in levels.values()), sum(one.breached for one in levels.values()),
                 sum(one.pending for one in levels.values()))


def _call_backs(states: Counter[str]) -> CallBacksAsked:
    return CallBacksAsked(states.total(), states[SERVED], states[GIVEN_UP], states[CANCELLED], states[WAITING])


def _faxes(facts: Facts) -> Faxes:
    came, went = Counter(one.state for one in facts.faxes_in), Counter(one.state for one in facts.faxes_out)
    return Faxes(
        received=len(facts.faxes_in), pages=sum(one.pages for one in facts.faxes_in), delivered=came[FaxState.SENT],
        pages_delivered=sum(one.pages_delivered for one in facts.faxes_in if one.state == FaxState.SENT), rejected=came[FaxState.REJECTED],
        on_the_way=sum(came[state] for state in (*WORKED_ON, FaxState.QUEUED)),
        to_decide=came[FaxState.QUARANTINED] + came[FaxState.UNDELIVERED], discarded=came[FaxState.DISCARDED],
        ordered=len(facts.faxes_out), sent=went[JobState.SENT], pages_sent=sum(one.pages_sent for one in facts.faxes_out),
        failed=went[JobState.FAILED] + went[JobState.CANCELLED])


def _counted(words: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(words).items()))


def _split(some: Iterable[Any], key: Callable[[Any], Any]) -> dict[Any, list[Any]]:
    found: dict[Any, list[Any]] = defaultdict(list)
    for one in some:
        found[key(one)].append(one)
    return found


def _split_facts(facts: Facts, key: Callable[[Any], Any], keys: Iterable[Any]) -> dict[Any, Facts]:
    """Facts by what `key` tells of each."""
    parts = {part.name: _split(getattr(facts, part.name), key) for part in fields(facts)}
    return {one: Facts(**{name: some.get(one, ()) for name, some in parts.items()}) for one in keys}
