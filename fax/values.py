"""What the fax server speaks of: a fax as the books have it, and its states (mission.md chapter 5). Pure."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ticketing.values import TicketingError


class FaxError(TicketingError):
    """Something about a fax that its caller should know."""


class UnknownFax(FaxError):
    """No fax has this reference."""


class FaxState(StrEnum):
    """How far a fax has come. Each is a durable row; a power cut between two of them loses nothing (mission.md 5.4)."""

    RECEIVED = 'received'                              # its TIFF is ours
    COUNTED = 'counted'                                # its pages are counted, and the contract takes them
    CONVERTED = 'converted'                            # its PDF is ours
    HELD = 'held'                                      # until the opening, or until somebody releases it
    QUEUED = 'queued'                                  # its letter is in the outbox
    SENT = 'sent'                                      # the mail server has accepted it
    QUARANTINED = 'quarantined'                        # damaged, empty, hostile, or of nobody: a person decides
    REJECTED = 'rejected'                              # too long, and the contract refuses such (mission.md 5.2)
    UNDELIVERED = 'undelivered'                        # no account took it: a person decides
    DISCARDED = 'discarded'                            # a person decided that nobody gets it


WORKED_ON = (FaxState.RECEIVED, FaxState.COUNTED, FaxState.CONVERTED, FaxState.HELD)
DELIVERED = (FaxState.SENT, FaxState.REJECTED, FaxState.DISCARDED)     # nothing more happens, and retention counts from here


@dataclass(frozen=True, kw_only=True)
class Fax:
    """A received fax. Instants are aware UTC; numbers of ours are E.164, the sender's as his line showed it."""

    id: int
    reference: str                                     # a series of its own: a fax is no request (mission.md 7.1)
    file: str                                          # HylaFAX's name of it, 'fax000000170'
    sha256: str                                        # of the TIFF; '' when there was none
    size: int
    line: str | None
    client: str | None
    caller_number: str
    caller_name: str
    called_number: str
    device: str
    commid: str
    reason: str                                        # what HylaFAX says went wrong; '' when nothing did
    received_at: datetime
    state: FaxState
    pages: int | None = None                           # in the TIFF
    sent_pages: int | None = None                      # in the PDF
    damage: tuple[str, ...] = ()                       # Spanish sentences
    all_pages: bool = False                            # somebody asked for those beyond the contract's limit
    pdf_sha256: str | None = None
    pdf_size: int | None = None
    release_at: datetime | None = None
    on_hold: bool = False                              # by a person: no opening releases it
    letter_id: int | None = None                       # in the outbox
    deliveries: int = 0                                # letters that were queued
    recipient: str | None = None                       # of the last one
    problem: str | None = None                         # Spanish: why a person must look
    finished_at: datetime | None = None
    deleted_at: datetime | None = None                 # its TIFF and PDF went, by contract


@dataclass(frozen=True)
class FaxEvent:
    """One step of a fax: when, by whom, into which state, and what there is to say about it (Spanish)."""

    at: datetime
    state: FaxState
    by: str
    text: str
