"""What a conversation may ask of its surroundings, and what may come back.

A flow is a generator: it yields a step and is sent that step's answer. Talking steps are performed on the
telephone by `agi/perform.py`; office steps by the folio book. Tests script both.
"""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from config.values import Line, User

Prompts = tuple[str, ...]                              # sound files in order, e.g. ('mesa/your-folio', 'digits/4')


@dataclass(frozen=True)
class Say:
    """Play prompts to their end; answered with None."""

    prompts: Prompts


@dataclass(frozen=True)
class Ask:
    """Play prompts, interruptible, and collect up to `digits` keys; '#' ends early. Answered with Keys or TimedOut."""

    prompts: Prompts
    digits: int
    patience_s: float = 5.0


@dataclass(frozen=True)
class Keys:
    """The caller pressed these keys; empty when he pressed only '#'."""

    pressed: str


@dataclass(frozen=True)
class TimedOut:
    """The caller pressed nothing in time."""


@dataclass(frozen=True)
class Record:
    """Record the caller after a beep, until '#', silence or `max_s`. Answered with the seconds kept (0.0: nothing)."""

    name: str                                          # 'description' or 'message'
    max_s: int


@dataclass(frozen=True)
class Identified:
    """Tell the surroundings who the caller proved to be (also 'nobody', with user None)."""

    user: User | None
    by: str                                            # 'caller_id' | 'employee_number' | 'unknown'


@dataclass(frozen=True)
class OpenFolio:
    """Open the call's folio, once; answered with its number."""

    category: str | None
    from_message: bool = False                         # a voice message: its clock starts at the next opening


@dataclass(frozen=True)
class Categorise:
    """Say what the call's folio is about; answered with None."""

    category: str


@dataclass(frozen=True)
class PrivacyHeard:
    """The caller heard the privacy notice and accepted or refused (mission.md 3.8); answered with None."""

    notice: str
    accepted: bool


@dataclass(frozen=True)
class ReuseFolio:
    """Tie the call to a folio that is already open (menu choice 3); answered with None."""

    number: str


@dataclass(frozen=True)
class FindFolio:
    """Look a folio up by number, as this line's client sees it; answered with FolioStatus, Mistyped, NoSuchFolio or TooManyGuesses."""

    number: str


@dataclass(frozen=True)
class MyOpenFolios:
    """The identified caller's open folios; answered with a tuple of FolioStatus, newest first."""


@dataclass(frozen=True)
class FolioStatus:
    """What a caller may hear about a folio (mission.md 3.4); `promised` is an aware UTC instant."""

    number: str
    state: str
    priority: str
    holder: str                                        # 'nobody' | 'agent' | 'group'
    promised: datetime | None


@dataclass(frozen=True)
class Mistyped:
    """The check digit does not fit: no folio has this number (mission.md 3.4)."""


@dataclass(frozen=True)
class NoSuchFolio:
    """Unknown, or another client's: the two are never told apart (mission.md 3.4)."""


@dataclass(frozen=True)
class TooManyGuesses:
    """The number of status inquiries an hour is used up."""


@dataclass(frozen=True)
class Confirmed:
    """He says that the folio is solved and recorded right (mission.md 4.7); answered with False when the folio changed meanwhile."""


@dataclass(frozen=True)
class Refused:
    """He says that the folio is not solved: it is reopened; answered with False when the folio changed meanwhile."""


@dataclass(frozen=True)
class Later:
    """He wants to be called another time; answered with None."""


@dataclass(frozen=True)
class Scored:
    """His answer to the survey, 1 to 5; answered with None."""

    score: int


@dataclass(frozen=True)
class KeepPlace:
    """Keep the caller's place in the queue and call him back at `number` (mission.md 3.6); False when a call there is pending already."""

    number: str                                        # E.164


@dataclass(frozen=True)
class ToQueue:
    """The end of a conversation: wait for an agent."""

    queue: str
    priority: int
    record: bool = False                               # he was told and did not refuse (mission.md 3.8)


@dataclass(frozen=True)
class ToFax:
    """The end of a conversation: a modem of the fax server takes the call."""


@dataclass(frozen=True)
class Goodbye:
    """The end of a conversation: hang up."""


@dataclass(frozen=True)
class StayInQueue:
    """The end of a conversation with somebody who waits: he goes on waiting, in his place."""


Ending = ToQueue | ToFax | Goodbye | StayInQueue


@dataclass(frozen=True)
class Caller:
    """What the call itself tells: the line dialled and the caller's number, E.164 or None."""

    line: Line
    ani: str | None
    user: User | None
    by: str                                            # how the user was found: 'caller_id' | 'employee_number' | 'unknown'
