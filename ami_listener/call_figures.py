"""How the telephone was answered: the figures that call centres compare, each by its usual definition, from the call log alone.

The call log is made again from Asterisk's journal at any time with the same result, and so are these: the wallboard, the statistics and the
statement ask here, and cannot differ (mission.md 6.3, 7.5, chapter 9).

A call is *offered* when its caller enters a queue. It belongs to the interval in which he entered, whenever it ends, and to the queue in
which he waited last (`calls.promoted` tells who was moved on). Not offered are calls that end before a queue, faxes, and calls that we
place: a call-back is not counted a second time.

Each call is judged by what the contract promised for the line that its caller dialled, when he entered the queue; so figures of several
lines, queues and months add up whatever their contracts say.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Integer, Select, and_, case, cast, func, literal, select

from ami_listener.tables import calls

ANSWERED, ABANDONED, IN_PROGRESS = 'answered', 'abandoned', 'in_progress'
BUCKETS_S = (10, 20, 30, 60, 120, 300, 600)            # the upper ends, included, of the histogram of waits; one more holds the rest
LONGEST = timedelta(days=1)                            # nobody waits before a queue for longer; the index goes by when a call began


@dataclass(frozen=True, order=True)
class Target:
    """What a contract promises of answering: so many percent of the calls within so many seconds (mission.md chapter 9)."""

    percent: int = 80
    seconds: int = 20


USUAL = Target()


@dataclass(frozen=True)
class Targets:
    """What holds for each line (E.164): the targets with the instant from which each holds, the oldest first, without a beginning (None).

    `otherwise`: of calls to lines that are not here.
    """

    lines: Mapping[str, tuple[tuple[datetime | None, Target], ...]] = field(default_factory=dict)
    otherwise: Target = USUAL

    def of(self, line: str, moment: datetime) -> Target:
        """What holds for a call to this line that enters a queue at this moment."""
        held = [target for since, target in self.lines.get(line, ()) if since is None or since <= moment]
        return held[-1] if held else self.otherwise


@dataclass(frozen=True)
class Waits:
    """The calls whose wait was above the bucket before and at most `up_to_s` seconds (None: no end), by how the wait ended."""

    up_to_s: int | None
    answered: int = 0
    abandoned: int = 0
    otherwise: int = 0


@dataclass(frozen=True)
class CallFigures:
    """The calls offered in an interval. Seconds are floats; an average or a longest of nothing is None.

    offered = answered + abandoned + the sum of `otherwise` + in_progress.
    """

    offered: int
    """Calls offered: that entered the queue."""
    answered: int
    """Calls handled: that reached an agent, also those that are still talking."""
    answered_in_time: int
    """Answered after at most the line's seconds of waiting; the wait begins when the caller enters the queue."""
    abandoned: int
    """Calls abandoned: the caller hung up while he waited, or while he was asked what to do instead."""
    abandoned_in_time: int
    """Abandoned after at most the target's seconds (short abandons), for contracts that leave them out of what was offered."""
    otherwise: Mapping[str, int]
    """The other ends by disposition: voice_message, call_back (kept his place), no_agent_timeout, failed."""
    in_progress: int
    """Still waiting, or not yet told by the journal."""
    average_speed_of_answer_s: float | None
    """ASA: the waits of the answered calls, divided by their number."""
    longest_wait_s: float | None
    """The longest wait that is over, however it ended; who waits now stands on the board."""
    average_talk_s: float | None
    """ATT: the conversations that are over, divided by their number; without wrap-up."""
    waits: tuple[Waits, ...] = field(default=())
    """The histogram of the waits that are over, by BUCKETS_S."""
    promised: int = 0
    """The percents that the contracts promise, added over the calls that are no longer in progress: hundredths of calls."""
    waited_s: float = 0.0
    """The waits of the answered calls, added."""
    talked_s: float = 0.0
    """The conversations that are over, added; hold is part of them, wrap-up is not."""
    handled: int = 0
    """Answered calls whose conversation is over: what averages of handling divide by."""

    @property
    def service_level(self) -> float | None:
        """Answered in time / offered, of calls that are no longer in progress; 0 to 1, None when there was none.

        Abandoned calls count against it. (Two other usual formulas leave out all, or the short, abandons; their parts stand here.)
        """
        over = self.offered - self.in_progress
        return self.answered_in_time / over if over else None

    @property
    def abandonment_rate(self) -> float | None:
        """Abandoned / offered, of calls that are no longer in progress; 0 to 1."""
        over = self.offered - self.in_progress
        return self.abandoned / over if over else None

    @property
    def promised_level(self) -> float | None:
        """The contracts' target for these calls, 0 to 1: the lines' percents, weighted by their calls; None when none is over."""
        over = self.offered - self.in_progress
        return self.promised / over / 100 if over else None

    @property
    def is_met(self) -> bool:
        """Whether the contracts' target is met ('80 % in 20 s'), in whole numbers; an interval without calls meets every one."""
        return self.answered_in_time * 100 >= self.promised


NOTHING = CallFigures(0, 0, 0, 0, 0, {}, 0, None, None, None, tuple(Waits(up_to) for up_to in (*BUCKETS_S, None)))


def figures(connection: Connection, since: datetime, until: datetime, targets: Targets, *, queue: str | None = None,
            lines: Collection[str] | None = None) -> CallFigures:
    """The calls offered in [since, until), of one queue, of some lines (a client's, E.164), or of all. Inside the caller's transaction."""
    return _told(list(connection.execute(_grouped(since, until, targets, queue, lines))))


def figures_by_queue(connection: Connection, since: datetime, until: datetime, targets: Targets, *,
                     lines: Collection[str] | None = None) -> dict[str, CallFigures]:
    """The same for every queue that was offered a call; they add up to the figures of all."""
    rows: dict[str, list[Any]] = {}
    for row in connection.execute(_grouped(since, until, targets, None, lines, calls.c.queue)):
        rows.setdefault(row.queue or '', []).append(row)
    return {queue: _told(some) for queue, some in sorted(rows.items())}


def of_queue(since: datetime, until: datetime, queue: str | None = None, lines: Collection[str] | None = None) -> list[ColumnElement[bool]]:
    """Which calls were offered in [since, until): the conditions, for those who list what the figures count."""
    found: list[ColumnElement[bool]] = [
        calls.c.started >= since - LONGEST, calls.c.started < until, calls.c.joined >= since, calls.c.joined < until,
        calls.c.direction == 'in']
    if queue is not None:
        found.append(calls.c.queue == queue)
    if lines is not None:
        found.append(calls.c.line.in_(sorted(lines)))
    return found


def _grouped(since: datetime, until: datetime, targets: Targets, queue: str | None, lines: Collection[str] | None,
             *by: ColumnElement[Any]) -> Select[Any]:
    """One row for each end, bucket and side of the target; the database adds up, whatever the interval."""
    seconds, percent = _target(targets, 'seconds', since, until), _target(targets, 'percent', since, until)
    end, bucket, in_time = _END.label('fate'), _BUCKET.label('bucket'), _WAIT.__le__(seconds).label('in_time')
    wanted = select(
        *by, end, bucket, in_time, func.count().label('many'), func.sum(_us(_WAIT)).label('waited_us'), func.max(_WAIT).label('longest'),
        func.sum(_us(calls.c.talk_s)).label('talked_us'), func.count(calls.c.talk_s).label('talks'), func.sum(percent).label('promised'),
    ).where(*of_queue(since, until, queue, lines))
    return wanted.group_by(*by, 'fate', 'bucket', 'in_time')   # by name: PostgreSQL takes expressions with parameters for different ones


def _us(seconds: ColumnElement[Any]) -> ColumnElement[int]:
    """In microseconds, whose sum is the same in whatever order a database adds."""
    return cast(func.round(seconds * 1_000_000), BigInteger)


def _target(targets: Targets, what: str, since: datetime, until: datetime) -> ColumnElement[int]:
    """Percent or seconds of the line that was dialled, when its caller entered the queue; lines that are alike are asked together."""
    otherwise = getattr(targets.otherwise, what)
    alike: dict[tuple[datetime | None, int], list[str]] = {}
    for line, told in targets.lines.items():
        for begins, target in _in_force(told, since, until):
            alike.setdefault((begins, getattr(target, what)), []).append(line)
    if {value for _, value in alike} <= {otherwise}:
        return literal(otherwise, Integer)
    # What holds from the latest instant on is asked first.
    ordered = sorted(alike.items(), key=lambda one: (one[0][0] is not None, one[0][0] or since), reverse=True)
    return case(*((and_(calls.c.line.in_(sorted(some)), *([calls.c.joined >= begins] if begins else [])), value)
                  for (begins, value), some in ordered), else_=otherwise)


def _in_force(told: Sequence[tuple[datetime | None, Target]], since: datetime, until: datetime) -> Iterable[tuple[datetime | None, Target]]:
    """What holds at some time of [since, until); what held at its beginning needs no beginning."""
    before = [target for begins, target in told if begins is None or begins <= since]
    if before:
        yield None, before[-1]
    yield from ((begins, target) for begins, target in told if begins is not None and since < begins < until)


def _told(rows: list[Any]) -> CallFigures:
    ends: Counter[str] = Counter()
    for row in rows:
        ends[row.fate] += row.many
    answered = [row for row in rows if row.fate == ANSWERED]
    talks, waited = sum(row.talks for row in answered), sum(int(row.waited_us) for row in answered) / 1e6
    talked = sum(int(row.talked_us or 0) for row in answered) / 1e6
    return CallFigures(
        offered=ends.total(), answered=ends[ANSWERED], answered_in_time=sum(row.many for row in answered if row.in_time),
        abandoned=ends[ABANDONED], abandoned_in_time=sum(row.many for row in rows if row.fate == ABANDONED and row.in_time),
        otherwise={end: count for end, count in sorted(ends.items()) if end not in (ANSWERED, ABANDONED, IN_PROGRESS)},
        in_progress=ends[IN_PROGRESS],
        average_speed_of_answer_s=waited / ends[ANSWERED] if ends[ANSWERED] else None,
        longest_wait_s=max((row.longest for row in rows if row.fate != IN_PROGRESS), default=None),
        average_talk_s=talked / talks if talks else None, promised=sum(int(row.promised) for row in rows if row.fate != IN_PROGRESS),
        waited_s=waited, talked_s=talked, handled=talks,
        waits=tuple(_waits(rows, number, up_to) for number, up_to in enumerate((*BUCKETS_S, None))))


def _waits(rows: list[Any], number: int, up_to: int | None) -> Waits:
    here: Counter[str] = Counter()
    for row in rows:
        if row.bucket == number and row.fate != IN_PROGRESS:
            here[row.fate if row.fate in (ANSWERED, ABANDONED) else 'otherwise'] += row.many
    return Waits(up_to, here[ANSWERED], here[ABANDONED], here['otherwise'])


_WAIT = func.coalesce(calls.c.wait_s, 0.0)
_END: ColumnElement[str] = case(
    (and_(calls.c.agent_answered.is_not(None), calls.c.left_queue.is_not(None)), ANSWERED),
    (calls.c.disposition.is_(None), IN_PROGRESS), else_=calls.c.disposition)
_BUCKET: ColumnElement[int] = case(*((_WAIT.__le__(up_to), number) for number, up_to in enumerate(BUCKETS_S)), else_=len(BUCKETS_S))
