"""What a fax that we send is, as frozen values (mission.md 5.5)."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from fax.values import FaxError


class SendingError(FaxError):
    """Why a fax is not sent, in a sentence for the operator."""


class UnknownJob(SendingError):
    """No fax has this number."""


class JobState(StrEnum):
    """Where a fax that we send stands."""

    QUEUED = 'queued'                   # in our books; HylaFAX does not have it yet, or nobody has asked since
    SUBMITTED = 'submitted'             # HylaFAX has it: it waits for a modem, its turn, or the next attempt
    SENDING = 'sending'                 # HylaFAX is at work on it
    SENT = 'sent'                       # every page was confirmed by the other machine
    FAILED = 'failed'
    CANCELLED = 'cancelled'


OPEN_STATES = (JobState.QUEUED, JobState.SUBMITTED, JobState.SENDING)


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be sent to whom. `number` is E.164; `folio` a folio's number."""

    number: str
    by: str
    client: str | None = None
    line: str | None = None
    folio: str | None = None
    max_tries: int = 3
    max_dials: int = 6


@dataclass(frozen=True, kw_only=True)
class Document:
    """A document as it was handed in, and the sheets that it makes: a TIFF as fax machines take it."""

    name: str
    content_type: str
    content: bytes
    sheets: bytes
    pages: int


@dataclass(frozen=True, kw_only=True)
class FaxJob:
    """A fax that we send, as the books have it. Instants are aware UTC; `not_before` is by the machine's clock, the others by Mesa's.

    What its calls cost stands in the ledger of outbound calls; only a fax of before that has `price` and `cost`.
    """

    id: int
    tag: str                                           # by which HylaFAX knows it
    sha256: str
    name: str
    content_type: str
    size: int
    pages: int
    number: str
    client: str | None
    line: str | None
    folio: str | None
    by: str
    max_tries: int
    max_dials: int
    state: JobState
    submissions: int
    not_before: datetime | None
    hylafax_job: int | None
    tries: int
    dials: int
    pages_sent: int
    status: str
    cancel_by: str | None
    cancel_at: datetime | None
    created_at: datetime
    submitted_at: datetime | None
    ended_at: datetime | None
    seconds: int | None
    price: Decimal | None
    cost: Decimal | None
    forgotten_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether something may still happen to it."""
        return self.state in OPEN_STATES


@dataclass(frozen=True)
class Attempt:
    """One call that HylaFAX made. `at`: when its session began, before it rang; `seconds` on the telephone, 0 without an answer.

    `reason` is '' when it went well.
    """

    commid: str
    at: datetime
    seconds: int
    pages: int
    reason: str


@dataclass(frozen=True)
class Told:
    """A job as HylaFAX tells it now. `code`: T, P, S, B, W wait, R runs, D is done, F failed."""

    tag: str
    job: int
    code: str
    pages_sent: int
    pages: int
    tries: int
    dials: int
    status: str

    @property
    def is_over(self) -> bool:
        """Whether HylaFAX will do nothing more about it."""
        return self.code in ('D', 'F')

    @property
    def all_sent(self) -> bool:
        """Whether every page arrived. Its 'done' alone is no proof: HylaFAX says it also of a job whose sender could not even start."""
        return self.code == 'D' and 0 < self.pages <= self.pages_sent
