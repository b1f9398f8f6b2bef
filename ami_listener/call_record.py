"""One call as the call log has it."""
from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ami_listener.legs import Leg

CALL_BACK = 'call_back'

_ENDPOINT = re.compile(r'[^/]+/(.+)-[0-9a-f]{8,}(?:;[12])?')


@dataclass(frozen=True)
class CallRecord:
    """One call. Aware UTC instants; seconds are floats with microseconds; what is not known, or not yet, is None."""

    linkedid: str
    direction: str                                     # 'in' | 'out'
    started: datetime
    answered: datetime | None                          # by us: an agent is not needed
    ended: datetime | None                             # None: in progress
    line: str | None
    dialled: str | None
    ani: str | None
    path: str | None                                   # 'mesa' | 'fallback-open' | 'fallback-closed' | 'fallback-stale' | 'fallback-fax'
    why: str | None                                    # of a fallback, as the dialplan wrote it
    destination: str | None                            # what Mesa decided: 'queue' | 'fax' | 'hangup'; of our own call-back: 'call_back'
    queue: str | None                                  # the last one that the caller waited in
    priority: int | None
    promoted: str | None                               # the VIP queue that a long wait led to
    joined: datetime | None
    left_queue: datetime | None                        # connected, gave up, or sent on
    wait_s: float | None
    agent: str | None                                  # login
    agent_answered: datetime | None
    talk_s: float | None
    message: str | None
    recorded: bool                                     # the conversation, with the caller's leave (mission.md 3.8)
    folio: str | None
    disposition: str | None                            # see `_disposition`; None: in progress
    legs: tuple[Leg, ...] = ()

    @property
    def is_fallback(self) -> bool:
        """Whether the dialplan served this call without Mesa (mission.md 3.7)."""
        return self.path is not None and self.path.startswith('fallback')


def login(name: str, login_of: Callable[[str], str]) -> str | None:
    """The agent's login from a channel's name, an interface or a login; None for ''."""
    endpoint = _ENDPOINT.fullmatch(name)
    extension = endpoint[1] if endpoint else name.rpartition('/')[2]
    if not extension:
        return None
    return (name if name and '/' not in name else login_of(extension))[:80]
