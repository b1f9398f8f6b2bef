"""What a call needs besides its telephone: the site in force, the books, and the time."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from config.values import Override, Site
from ticketing.call_backs import CallBacks
from ticketing.close_calls import CloseCalls
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
