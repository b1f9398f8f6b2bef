"""The service-level clock of one folio, told from its changes alone (mission.md 4.5). Pure: same facts, same answer."""
from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from ticketing.terms import Terms
from ticketing.values import Change


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


def read_clock(opened_at: datetime, clock_starts: datetime, responded_at: datetime | None, changes: Sequence[Change], terms: Terms,
               fired: Collection[str], now: datetime) -> Clock:
    """The clock of a folio at `now`; `fired` names the escalation steps that have been told already."""
    raise NotImplementedError
