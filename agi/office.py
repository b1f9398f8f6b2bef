"""What a call needs besides its telephone: the site in force, the books, and the time."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from config.phones import e164
from config.values import Line, Override, Site
from ivr_flows.steps import Caller
from ticketing.call_backs import CallBacks
from ticketing.closing.close_calls import CloseCalls
from ticketing.directory import Directory
from ticketing.folios import FolioBook
from ticketing.limits import StatusGuard
from ticketing.sessions import CallNotes


@dataclass(frozen=True)
class Standing:
    """The site as it is in force, with its directory; replaced whole when an apply or an undo is noticed."""

    site: Site
    directory: Directory
    notices: Mapping[str, str]                         # privacy notice's prompt -> version, which changes with its words (mission.md 3.8)

    def caller(self, line: Line, presented: str | None) -> Caller:
        """What a call itself tells of its caller; a trunk's or shared number selects nobody (mission.md 3.1, 3.2)."""
        number = e164(presented) if presented else None
        user = self.directory.by_phone(line.client, number) if number else None
        return Caller(line, number, user, 'caller_id' if user else 'unknown')


@dataclass
class Office:
    """Shared by all call threads. Every member is safe to call from any of them; none blocks longer than the database's patience."""

    standing: Callable[[], Standing]
    overrides: Callable[[datetime], tuple[Override, ...]]
    folios: FolioBook
    guard: StatusGuard
    notes: CallNotes
    call_backs: CallBacks
    close_calls: CloseCalls
    messages: Path                                     # folder of spoken descriptions and voice messages
    now: Callable[[], datetime]
