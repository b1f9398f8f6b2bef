"""What a folio is made of, as frozen values (mission.md chapter 4)."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class TicketingError(Exception):
    """Something about a folio that its caller should know: an English sentence for logs and programs.

    `told` is the same in Spanish for a person at the desk; '' where nobody there ever meets it.
    """

    def __init__(self, sentence: str = '', told: str = '') -> None:
        super().__init__(sentence)
        self.told = told


class UnknownFolio(TicketingError):
    """No folio has this number."""


class IllegalMove(TicketingError):
    """The folio's state does not allow this; the text names the move and the state (mission.md 4.3)."""


class FolioChanged(TicketingError):
    """Somebody else changed the folio meanwhile: look again before you decide."""


class NotAllowed(TicketingError):
    """A rule forbids this person or this case to do it; the text says which."""


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


class Move(StrEnum):
    """What may be done to a folio's state; `ticketing/life.py` says from where to where."""

    ASSIGN = 'assign'
    START = 'start'
    WAIT = 'wait'
    RESUME = 'resume'
    RESOLVE = 'resolve'
    CONFIRM = 'confirm'                 # the user verified it: closed_verified
    CLOSE = 'close'                     # nobody answered: closed_unverified
    REOPEN = 'reopen'
    CANCEL = 'cancel'                   # also a duplicate that was merged
    PRIORITISE = 'prioritise'           # the state stays


class CancelCause(StrEnum):
    """Why nothing is to be done about a folio, as the allowance counts it (mission.md 7.1); a duplicate has none."""

    USER = 'user'                       # the user needs it no more
    SPAM = 'spam'                       # nobody asked for anything: advertising, a wrong number
    OUR_ERROR = 'our_error'             # opened by our mistake


class Kind(StrEnum):
    """What a folio is (mission.md 4.1)."""

    FAILURE = 'failure'
    REQUEST = 'request'                 # service request
    COMPLAINT = 'complaint'             # goes to the supervisor, never to the person complained of


class Level(StrEnum):
    """A priority, an impact or an urgency."""

    LOW = 'low'
    MEDIUM = 'medium'
    HIGH = 'high'


class Sending(StrEnum):
    """What became of a message of the outbox."""

    WAITING = 'waiting'
    SENDING = 'sending'                 # a worker has it, until its lease ends
    SENT = 'sent'
    FAILED = 'failed'                   # refused for good, or tried for days: somebody must look
    DOUBTFUL = 'doubtful'               # sent twice, and nobody knows whether either arrived: somebody must look
    DROPPED = 'dropped'                 # by a person, or because it was not so any more when it could leave


class Intake(StrEnum):
    """What became of a message that came in."""

    OPENED = 'opened'                   # it opened a folio
    JOINED = 'joined'                   # it joined one
    IGNORED = 'ignored'                 # automatic, or nothing for us
    BOUNCE = 'bounce'                   # one of ours did not arrive
    QUARANTINED = 'quarantined'         # damaged or hostile
    TO_VERIFY = 'to_verify'             # from somebody who is not on the list, by the client's rule


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
    NOTE = 'note'                       # internal
    UPDATE = 'update'                   # the user is told
    MOVE = 'move'                       # state or priority changed; folio_changes has it for the clock
    ACKNOWLEDGED = 'acknowledged'       # by the resolver group
    EMAIL_IN = 'email_in'
    EMAIL_OUT = 'email_out'
    BOUNCE = 'bounce'
    ESCALATED = 'escalated'
    CLOSE_CALL = 'close_call'           # an attempt and its outcome; `linkedid` is its call
    CALL_BACK = 'call_back'
    SURVEY = 'survey'
    RECORDING = 'recording'             # a conversation was kept
    ATTACHMENT = 'attachment'
    ACCESS = 'access'                   # somebody listened or looked
    EXPIRED = 'expired'                 # a file went by contract or request, leaving this marker
    ERASED = 'erased'                   # personal fields went on an ARCO request
    MERGED = 'merged'
    PROBLEM = 'problem'
    VISIT = 'visit'
    WARNING = 'warning'                 # something that a supervisor should see
    COUNTED = 'counted'                 # a person decided whether it counts against the allowance (mission.md 7.1)


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
    origin: str = 'phone'                              # 'phone' | 'fallback' | 'email' | 'person'
    promised: datetime | None = None                   # when it is due, an aware instant; None: no service level
    respond_due: datetime | None = None
    next_look: datetime | None = None                  # when its service-level clock has something to do
    impact: str = 'medium'
    urgency: str = 'medium'
    user_email: str | None = None
    application: str | None = None
    summary: str | None = None
    description: str | None = None
    complained_of: str | None = None                   # login


@dataclass(frozen=True)
class Folio:
    """A folio as it stands. Times are aware UTC instants. `report` holds what may have been corrected since: priority, kind, due times."""

    number: str
    report: Report
    state: State
    opened_at: datetime
    holder: str = 'nobody'                             # 'nobody' | 'agent' | 'group'
    abandoned_at: datetime | None = None
    version: int = 0
    agent: str | None = None                           # login
    resolver_group: str | None = None
    acknowledged_at: datetime | None = None
    waiting_for: str | None = None                     # 'user' | 'supplier'
    responded_at: datetime | None = None
    diagnosis: str | None = None
    solution: str | None = None
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    closed_at: datetime | None = None
    reopens: int = 0
    first_contact: bool = False
    score: int | None = None
    cancel_reason: str | None = None
    cancel_cause: str | None = None                    # CancelCause; None: not cancelled, a duplicate, or cancelled before causes were told
    duplicate_of: str | None = None
    problem_id: int | None = None
    erased_at: datetime | None = None

    @property
    def promised(self) -> datetime | None:
        """When the folio is due; None without a service level, and while its clock stands still."""
        return self.report.promised


@dataclass(frozen=True)
class Change:
    """One change of a folio's state or priority; `priority` and `waiting_for` are those after it."""

    at: datetime
    move: Move
    from_state: State
    to_state: State
    priority: str
    waiting_for: str | None
    by: str
    reason: str


@dataclass(frozen=True)
class Entry:
    """One line of a folio's timeline; `call` is the linkedid it speaks of, `id` its place in the order of all entries."""

    at: datetime
    kind: str
    by: str
    text: str
    call: str | None
    id: int = 0
