"""How the telephone was answered: the figures that call centres compare, each by its usual definition, from the call log alone.

The call log is made again from Asterisk's journal at any time with the same result, and so are these: the wallboard, the statistics and the
statement ask here, and cannot differ (mission.md 6.3, 7.5, chapter 9).

A call is *offered* when its caller enters a queue. It belongs to the interval in which he entered, whenever it ends, and to the queue in
which he waited last (`calls.promoted` tells who was moved on). Not offered are calls that end before a queue, faxes, and calls that we
place: a call-back is not counted a second time.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, select

from ami_listener.tables import calls

ANSWERED, ABANDONED, IN_PROGRESS = 'answered', 'abandoned', 'in_progress'
BUCKETS_S = (10, 20, 30, 60, 120, 300, 600)            # the upper ends, included, of the histogram of waits; one more holds the rest
LONGEST = timedelta(days=1)                            # nobody waits before a queue for longer; the index goes by when a call began


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
    """Answered after at most the target's seconds of waiting; the wait begins when the caller enters the queue."""
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

    def reaches(self, percent: int) -> bool:
        """Whether the contract's target is met ('80 % in 20 s'), in whole numbers; an interval without calls meets every one."""
        return self.answered_in_time * 100 >= percent * (self.offered - self.in_progress)


NOTHING = CallFigures(0, 0, 0, 0, 0, {}, 0, None, None, None, tuple(Waits(up_to) for up_to in (*BUCKETS_S, None)))


def figures(connection: Connection, since: datetime, until: datetime, *, answer_seconds: int, queue: str | None = None,
            lines: Collection[str] | None = None) -> CallFigures:
    """The calls offered in [since, until), of one queue, of some lines (those of a client, E.164), or of all.

    `answer_seconds`: the contract's target (`Policy.answer_seconds`). Inside the caller's transaction.
    """
    return _told(list(connection.execute(_grouped(since, until, answer_seconds, queue, lines))))


def figures_by_queue(connection: Connection, since: datetime, until: datetime, *, answer_seconds: int) -> dict[str, CallFigures]:
    """The same for every queue that was offered a call, with one target for all."""
    rows: dict[str, list[Any]] = {}
    for row in connection.execute(_grouped(since, until, answer_seconds, None, None, calls.c.queue)):
        rows.setdefault(row.queue or '', []).append(row)
    return {queue: _told(some) for queue, some in sorted(rows.items())}


def _grouped(since: datetime, until: datetime, answer_seconds: int, queue: str | None, lines: Collection[str] | None,
             *by: ColumnElement[Any]) -> Select[Any]:
    """One row for each end, bucket and side of the target; the database adds up, whatever the interval."""
    end, bucket, in_time = _END.label('fate'), _BUCKET.label('bucket'), _WAIT.__le__(answer_seconds).label('in_time')
    wanted = select(
        *by, end, bucket, in_time, func.count().label('many'), func.sum(_WAIT).label('waited'), func.max(_WAIT).label('longest'),
        func.sum(calls.c.talk_s).label('talked'), func.count(calls.c.talk_s).label('talks'),
    ).where(calls.c.started >= since - LONGEST, calls.c.started < until, calls.c.joined >= since, calls.c.joined < until,
            calls.c.direction == 'in')
    if queue is not None:
        wanted = wanted.where(calls.c.queue == queue)
    if lines is not None:
        wanted = wanted.where(calls.c.line.in_(sorted(lines)))
    return wanted.group_by(*by, 'fate', 'bucket', 'in_time')   # by name: PostgreSQL takes expressions with parameters for different ones


def _told(rows: list[Any]) -> CallFigures:
    ends: Counter[str] = Counter()
    for row in rows:
        ends[row.fate] += row.many
    answered = [row for row in rows if row.fate == ANSWERED]
    talks = sum(row.talks for row in answered)
    return CallFigures(
        offered=ends.total(), answered=ends[ANSWERED], answered_in_time=sum(row.many for row in answered if row.in_time),
        abandoned=ends[ABANDONED], abandoned_in_time=sum(row.many for row in rows if row.fate == ABANDONED and row.in_time),
        otherwise={end: count for end, count in sorted(ends.items()) if end not in (ANSWERED, ABANDONED, IN_PROGRESS)},
        in_progress=ends[IN_PROGRESS],
        average_speed_of_answer_s=sum(row.waited for row in answered) / ends[ANSWERED] if ends[ANSWERED] else None,
        longest_wait_s=max((row.longest for row in rows if row.fate != IN_PROGRESS), default=None),
        average_talk_s=sum(row.talked or 0.0 for row in answered) / talks if talks else None,
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
