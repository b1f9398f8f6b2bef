"""One round of the books: copy the journal, fold the calls, do what is owed to the folios. Blocks; always on one and the same thread.

A round may be cut off at any point; the next one, of this process or of a later one, goes on from there.
"""
from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from ami_listener.call_log import MARK_ABANDONED, MARK_ANSWERED, OPEN_FOLIO, TIE_MESSAGE, CallLog, CallRecord
from ami_listener.journal import JournalReader
from storage.engine import Database

log = logging.getLogger(__name__)
OpenFolio = Callable[[CallRecord], str | None]
MarkAbandoned = Callable[[str, datetime], object]
MarkAnswered = Callable[[str, str, datetime], object]
SETTLING_S = 10.0                                      # Mesa itself is still tying the message to its folio
RETRY_S = 15.0


class Bookkeeper:
    """Keeps the call log of one Asterisk.

    `open_folio(call)` makes the folio of a call that Mesa did not serve to its end and returns its number, or None when it deserves none;
    `mark_abandoned(linkedid, at)` records on the call's folio that the caller left the queue, `mark_answered(linkedid, agent, at)` that an
    agent took the call. All must bear being asked twice.
    """

    def __init__(self, db: Database, log_folder: Path, now: Callable[[], datetime], open_folio: OpenFolio, mark_abandoned: MarkAbandoned,
                 mark_answered: MarkAnswered, seconds: Callable[[], float], login_of: Callable[[str], str] = str) -> None:
        self._journal = JournalReader(db, log_folder)
        self._calls = CallLog(db, login_of)
        self._now = now
        self._open_folio = open_folio
        self._mark_abandoned = mark_abandoned
        self._mark_answered = mark_answered
        self._seconds = seconds                        # a clock for waiting, which nobody sets
        self._not_before: dict[tuple[str, str], float] = {}

    def round(self) -> bool:
        """Do everything that there is to do; whether there may be more already. Raises DatabaseUnavailable; nothing is lost by it."""
        touched = self._journal.catch_up(self._now())
        self._calls.catch_up(self._now())
        self._open_folios()
        self._tie_messages()
        self._mark_answers()
        self._mark_abandons()
        return bool(touched)

    def _open_folios(self) -> None:
        for call in self._calls.unfoliated_fallback_calls():
            if self._is_due(call.linkedid, OPEN_FOLIO, 0.0 if call.is_fallback else SETTLING_S):
                self._do(call.linkedid, OPEN_FOLIO, lambda call=call: self._make_folio(call))    # type: ignore[misc]

    def _make_folio(self, call: CallRecord) -> None:
        number = call.folio or self._open_folio(call)
        if number is not None:
            self._calls.attach_folio(call.linkedid, number, self._now())
        elif call.ended is not None:
            self._calls.settle(call.linkedid, OPEN_FOLIO, self._now())
        # A call in progress may come to deserve one: asked again later.

    def _tie_messages(self) -> None:
        for call in self._calls.untied_messages():
            if self._is_due(call.linkedid, TIE_MESSAGE, SETTLING_S):
                self._do(call.linkedid, TIE_MESSAGE, lambda call=call: self._tie(call))    # type: ignore[misc]

    def _tie(self, call: CallRecord) -> None:
        self._open_folio(call)                         # finds the one that there is, and ties the message to it
        self._calls.settle(call.linkedid, TIE_MESSAGE, self._now())

    def _mark_answers(self) -> None:
        for call in self._calls.unmarked_answers():
            if self._is_due(call.linkedid, MARK_ANSWERED, 0.0):
                self._do(call.linkedid, MARK_ANSWERED, lambda call=call: self._answered(call))    # type: ignore[misc]

    def _answered(self, call: CallRecord) -> None:
        assert call.agent is not None and call.agent_answered is not None
        self._mark_answered(call.linkedid, call.agent, call.agent_answered)
        self._calls.settle(call.linkedid, MARK_ANSWERED, self._now())

    def _mark_abandons(self) -> None:
        for fact in self._calls.unmarked_abandons():
            if self._is_due(fact.linkedid, MARK_ABANDONED, 0.0):
                self._do(fact.linkedid, MARK_ABANDONED, lambda fact=fact: self._mark(fact.linkedid, fact.at))    # type: ignore[misc]

    def _mark(self, linkedid: str, at: datetime) -> None:
        self._mark_abandoned(linkedid, at)
        self._calls.settle(linkedid, MARK_ABANDONED, self._now())

    def _is_due(self, linkedid: str, duty: str, first_s: float) -> bool:
        return self._seconds() >= self._not_before.setdefault((linkedid, duty), self._seconds() + first_s)

    def _do(self, linkedid: str, duty: str, work: Callable[[], None]) -> None:
        """Do one duty. A failure is kept with it and does not hold up the others."""
        key = linkedid, duty
        self._not_before[key] = self._seconds() + RETRY_S
        try:
            work()
        except Exception as error:
            log.exception('call %s: %s failed and is tried again', linkedid, duty)
            self._calls.failed(linkedid, duty, f'{type(error).__name__}: {error}')
        else:
            if len(self._not_before) > 10_000:
                self._not_before.clear()
