"""How the calls ended that agents place with one click: the call log knows, also of those that nobody listened to."""
from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ami_listener.call_record import CallRecord
from ticketing.click_to_call import ClicksToCall

TRUNK = 'PJSIP/trunk-'


class ClickRounds:
    """`alive` are the linkedids that Asterisk knows (`Dialer.alive`), `call_of` is the call log."""

    def __init__(self, clicks: ClicksToCall, call_of: Callable[[str], CallRecord | None], alive: Callable[[], frozenset[str]],
                 now: Callable[[], datetime]) -> None:
        self._clicks = clicks
        self._call_of = call_of
        self._alive = alive
        self._now = now
        self._missing: frozenset[str] = frozenset()    # at the last look, of Asterisk's channels and of the call log

    def round(self) -> None:
        """Take in the calls that are over. Raises AmiError when Asterisk does not tell; the next round goes on."""
        placed = {linkedid: self._call_of(linkedid) for linkedid, _ in self._clicks.in_flight()}
        for linkedid, call in placed.items():
            if call is not None and call.ended is not None:
                self._clicks.ended(linkedid, outcome_of(call), self._now())
        unknown = {linkedid for linkedid, call in placed.items() if call is None}
        missing = frozenset(unknown - self._alive()) if unknown else frozenset()
        # The journal may be a moment late: only what is missing twice never was.
        for linkedid in missing & self._missing:
            self._clicks.ended(linkedid, 'lost', self._now())
        self._missing = missing


def outcome_of(call: CallRecord) -> str:
    """answered | busy | no_answer | failed | agent_gone (he did not take his own telephone, or hung up before it rang)."""
    if call.disposition == 'answered':
        return 'answered'
    dialled = [leg for leg in call.legs if leg.peer.startswith(TRUNK)]
    if not dialled:
        return 'agent_gone'
    return {'BUSY': 'busy', 'NO ANSWER': 'no_answer'}.get(dialled[-1].disposition or '', 'failed')
