"""The duty `close calls`: takes what is due from the books and has the dialer place it (mission.md 4.7)."""
from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from time import monotonic
from typing import Any

from ami_listener.connection import AmiError, LinkState
from ami_listener.dialer import DialDoubt, Dialer, DialError, Ended, Placing
from storage.engine import DatabaseUnavailable
from ticketing.closing.close_calls import CloseCalls
from ticketing.closing.rows import Attempt

log = logging.getLogger('mesa.close_calls')
CONTEXT = 'mesa-close-call'
LOOK_EVERY_S = 5.0                                     # after calls of which no end was told
LOST_AFTER_S = 10.0                                    # an accepted order takes a moment to become a channel
MOST_AT_ONCE = 10                                      # the whole morning's calls at 08:00:00 would leave callers no place in Mesa
MOST_A_ROUND = 50


class CloseCalling:
    """Runs on a pool thread, one round at a time; the ends of calls come in on others."""

    def __init__(self, books: CloseCalls, dialer: Dialer, now: Callable[[], datetime], patience: Callable[[], float] = monotonic) -> None:
        """`now` is Mesa's clock, `patience` the machine's."""
        self._books = books
        self._dialer = dialer
        self._now = now
        self._patience = patience
        self._missing: dict[str, float] = {}           # linkedid -> since when Asterisk does not know it
        self._looked = float('-inf')
        self._failing: set[int] = set()                # each told in the log once

    def round(self) -> int:
        """Settle what was lost, then place what is due; how many calls were placed.

        While Asterisk cannot be asked nobody is called, but who did not answer his letter in time is given up all the same. What fails on
        one close call is logged, and the others are served.
        """
        up = self._dialer.link_state is LinkState.UP
        if up:
            self._look_for_lost()
        room = MOST_AT_ONCE - len(self._books.in_flight()) if up else 0
        placed = 0
        for close_call_id in self._books.due(self._now(), MOST_A_ROUND + len(self._failing), only_mailed=room <= 0):
            placed += self._try(close_call_id, placed < room)
        return placed

    def _try(self, close_call_id: int, may_call: bool) -> bool:
        try:
            attempt = self._books.take(close_call_id, self._now(), may_call)
            placed = attempt is not None and self._place(attempt)
        except DatabaseUnavailable:
            raise
        except Exception:
            if close_call_id not in self._failing:
                log.exception('close call %s failed; tried again and again, and not told any more', close_call_id)
            self._failing.add(close_call_id)
            return False
        self._failing.discard(close_call_id)
        return placed

    def _place(self, attempt: Attempt) -> bool:
        try:
            self._dialer.dial(placing(attempt), self._ended)
        except DialError as error:
            log.warning('close call of folio %s not placed: %s', attempt.folio, error)
            self._books.ended(attempt.linkedid, 'failed', self._now())
            return False
        except DialDoubt as error:                     # it may be ringing: the look for lost ones will tell
            log.warning('close call of folio %s: %s', attempt.folio, error)
        return True

    def _ended(self, ended: Ended) -> None:
        self._books.ended(ended.linkedid, ended.outcome, self._now())

    def _look_for_lost(self) -> None:
        """End the calls that Asterisk does not know any more: placed before a restart, or ended while the link was down."""
        if self._patience() - self._looked < LOOK_EVERY_S:
            return
        self._looked = self._patience()
        placed = self._books.in_flight()
        if not placed:
            self._missing.clear()
            return
        try:
            alive = self._dialer.alive()
        except AmiError as error:
            log.warning('not known which calls are still there: %s', error)
            return
        self._missing = {linkedid: self._missing.get(linkedid, self._looked) for linkedid in placed if linkedid not in alive}
        for linkedid, since in tuple(self._missing.items()):
            if self._looked - since >= LOST_AFTER_S:
                log.warning('call %s is lost', linkedid)
                self._lost(linkedid)

    def _lost(self, linkedid: str) -> None:
        try:
            self._books.ended(linkedid, 'lost', self._now())
        except DatabaseUnavailable:
            raise
        except Exception:                              # the others are settled all the same
            log.exception('the end of call %s was not taken in', linkedid)


def placing(attempt: Attempt) -> Placing:
    """The order to the dialer."""
    return Placing(
        linkedid=attempt.linkedid, number=attempt.number, trunk=attempt.trunk, context=CONTEXT, caller_id=attempt.caller_id,
        variables={'MESA_CLOSE_CALL': str(attempt.close_call_id), 'MESA_FOLIO': attempt.folio, 'MESA_LINE': attempt.line})


def close_calling_of(serving: Any) -> CloseCalling:
    """The duty of an instance; `serving` is `callcenter.services.Serving`."""
    return CloseCalling(serving.close_calls, serving.dialer, serving.clock.now)
