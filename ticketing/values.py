"""What a folio is made of, as frozen values (mission.md chapter 4)."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class TicketingError(Exception):
    """Something about a folio that its caller should know."""


class UnknownFolio(TicketingError):
    """No folio has this number."""


class State(StrEnum):
    """The states of a folio (mission.md 4.3)."""

    NEW = 'new'
    ASSIGNED = 'assigned'
    IN_PROGRESS = 'in_progress'
    WAITING = 'waiting'
    RESOLVED = 'resolved'
    CLOSED_VERIFIED = 'closed_verified'
    CLOSED_UNVERIFIED = 'closed_unverified'
    CANCELLED = 'cancelled'


OPEN_STATES = (State.NEW, State.ASSIGNED, State.IN_PROGRESS, State.WAITING)


class EntryKind(StrEnum):
    """What an entry of the timeline tells."""

    OPENED = 'opened'
    CALL = 'call'                       # a later call about this folio
    ANSWERED = 'answered'               # its call reached an agent
    ABANDONED = 'abandoned'             # its call left the queue before an agent
    DESCRIPTION = 'description'         # a spoken description was kept
    MESSAGE = 'message'                 # a voice message was kept
    CATEGORY = 'category'               # what it is about was said later
    PRIVACY = 'privacy'                 # the privacy notice was heard (mission.md 3.8)
    NOTE = 'note'


@dataclass(frozen=True, kw_only=True)
class Report:
    """What is known when a folio is opened. `clock_starts` is an aware instant; telephone numbers are E.164."""

    line: str
    client: str
    modality: str
    clock_starts: datetime
    rule: str                                          # the decision's own words
    call: str | None = None                            # linkedid; a folio without a call has none
    employee_number: str | None = None
    user_name: str | None = None
    caller_number: str | None = None
    identified_by: str = 'unknown'                     # 'caller_id' | 'employee_number' | 'unknown'
    unlisted: bool = False                             # not on the client's list (mission.md 1.5)
    category: str | None = None
    kind: str = 'failure'
    priority: str = 'medium'
    site: str | None = None
    from_message: bool = False
    origin: str = 'phone'                              # 'phone' | 'fallback'
    promised: datetime | None = None                   # when it is due, an aware instant; None: no service level


@dataclass(frozen=True)
class Folio:
    """A folio as it stands. Times are aware UTC instants."""

    number: str
    report: Report
    state: State
    opened_at: datetime
    holder: str = 'nobody'                             # 'nobody' | 'agent' | 'group'
    abandoned_at: datetime | None = None

    @property
    def promised(self) -> datetime | None:
        """When the folio is due; None without a service level."""
        return self.report.promised


@dataclass(frozen=True)
class Entry:
    """One line of a folio's timeline; `call` is the linkedid it speaks of."""

    at: datetime
    kind: str
    by: str
    text: str
    call: str | None
