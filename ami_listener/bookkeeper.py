"""One round of the books: copy the journal, fold the calls, do what is owed to the folios. Blocks; always on one and the same thread.

A round may be cut off at any point; the next one, of this process or of a later one, goes on from there.
"""
from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from ami_listener.call_log import (
    KEEP_RECORDING,
    MARK_ABANDONED,
    MARK_ANSWERED,
    OPEN_FOLIO,
    SETTLE_CALL_BACK,
    TIE_MESSAGE,
    CallLog,
    CallRecord,
    Tell,
    abandoned_of,
    nobody_is_told,
)
from ami_listener.journal import JournalReader
from storage.engine import Database

log = logging.getLogger(__name__)
SETTLING_S = 10.0                                      # Mesa itself is still tying the message to its folio
RETRY_S = 15.0


class Folios(Protocol):
    """What the books ask of the folios. Everything must bear being asked twice."""

    def open_folio(self, call: CallRecord) -> str | None:
        """The folio of a call that Mesa did not serve to its end, with the message that was spoken; None when it deserves none."""

    def mark_abandoned(self, linkedid: str, at: datetime) -> None:
        """The caller left before an agent."""

    def mark_answered(self, linkedid: str, agent: str, at: datetime) -> None:
        """An agent took the call."""

    def keep_recording(self, call: CallRecord) -> None:
        """The conversation was recorded."""

    def settle_call_back(self, call: CallRecord) -> None:
        """An attempt to call back is over."""


class Bookkeeper:
    """Keeps the call log of one Asterisk, and tells the folios what it owes them."""

    def __init__(self, db: Database, log_folder: Path, now: Callable[[], datetime], folios: Folios, seconds: Callable[[], float],
                 login_of: Callable[[str], str] = str, tell: Tell = nobody_is_told) -> None:
        self._journal = JournalReader(db, log_folder)
        self._calls = CallLog(db, login_of, tell)
        self._now = now
        self._folios = folios
        self._seconds = seconds                        # a clock for waiting, which nobody sets
        self._not_before: dict[tuple[str, str], float] = {}

    def round(self) -> bool:
        """Do everything that there is to do; whether there may be more already. Raises DatabaseUnavailable; nothing is lost by it."""
        touched = self._journal.catch_up(self._now())
        self._calls.catch_up(self._now())
        for duty in DUTIES:
            for call in self._calls.owed(duty.name):
                if self._is_due(call.linkedid, duty.name, duty.first_s(call)):
                    self._do(call, duty)
        return bool(touched)

    def make_folio(self, call: CallRecord) -> bool:
        """Tie a call to its folio. One in progress may come to deserve one: it is asked again."""
        number = call.folio or self._folios.open_folio(call)
        if number is None:
            return call.ended is not None
        self._calls.attach_folio(call.linkedid, number, self._now())
        return True

    def tie_message(self, call: CallRecord) -> bool:
        """Opening finds the folio that there is, and ties the message to it."""
        self._folios.open_folio(call)
        return True

    def mark_answered(self, call: CallRecord) -> bool:
        """Tell the folio who took the call."""
        assert call.agent is not None and call.agent_answered is not None
        self._folios.mark_answered(call.linkedid, call.agent, call.agent_answered)
        return True

    def mark_abandoned(self, call: CallRecord) -> bool:
        """Tell the folio that the caller gave up."""
        fact = abandoned_of(call)
        if fact is not None:
            self._folios.mark_abandoned(fact.linkedid, fact.at)
        return True

    def keep_recording(self, call: CallRecord) -> bool:
        """Give the folio what was recorded."""
        self._folios.keep_recording(call)
        return True

    def settle_call_back(self, call: CallRecord) -> bool:
        """Tell how an attempt ended."""
        self._folios.settle_call_back(call)
        return True

    def _is_due(self, linkedid: str, duty: str, first_s: float) -> bool:
        return self._seconds() >= self._not_before.setdefault((linkedid, duty), self._seconds() + first_s)

    def _do(self, call: CallRecord, duty: Duty) -> None:
        """Do one duty, and cross it out when it is done. A failure is kept with it and does not hold up the others."""
        self._not_before[call.linkedid, duty.name] = self._seconds() + RETRY_S
        try:
            if duty.work(self, call):
                self._calls.settle(call.linkedid, duty.name, self._now())
        except Exception as error:
            log.exception('call %s: %s failed and is tried again', call.linkedid, duty.name)
            self._calls.failed(call.linkedid, duty.name, f'{type(error).__name__}: {error}')
        else:
            if len(self._not_before) > 10_000:
                self._not_before.clear()


@dataclass(frozen=True)
class Duty:
    """What a call may owe: `work` answers whether it is done for good; `first_s` is how long it is left alone after it was found."""

    name: str
    work: Callable[[Bookkeeper, CallRecord], bool]
    first_s: Callable[[CallRecord], float] = lambda call: 0.0


DUTIES = (
    Duty(SETTLE_CALL_BACK, Bookkeeper.settle_call_back),
    Duty(OPEN_FOLIO, Bookkeeper.make_folio, lambda call: 0.0 if call.is_fallback or call.direction == 'out' else SETTLING_S),
    Duty(TIE_MESSAGE, Bookkeeper.tie_message, lambda call: SETTLING_S),
    Duty(KEEP_RECORDING, Bookkeeper.keep_recording),
    Duty(MARK_ANSWERED, Bookkeeper.mark_answered),
    Duty(MARK_ABANDONED, Bookkeeper.mark_abandoned),
)
