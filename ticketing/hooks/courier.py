"""The courier: takes events from their outbox to the receivers.

`round` blocks and belongs on a pool thread; several may run at once (the duties of `callcenter.duties` are the lanes, and there are few). A
receiver has one lane at most, and after it did not answer it rests, so that a dead one costs the others a moment now and then.
"""
from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ssl import SSLContext
from threading import Lock

from config.values import Site, Webhook
from config.webhooks import hook_key, hooks_of
from storage.engine import Database
from ticketing.hooks.deliveries import Delivery, HookBook, Receiver
from ticketing.hooks.sender import Answer, Outcome, Patience, deliver
from ticketing.hooks.signing import body_of, headers_for
from ticketing.values import Sending

log = logging.getLogger('mesa.webhooks')
LEASE_S = 120.0                                        # more than an attempt can last, and its outcome be written down
MOST_A_ROUND = 100                                     # events a lane carries before it looks anew for who waits longest
FIRST_REST = timedelta(seconds=5)                      # of a receiver that does not answer, doubling ...
LONGEST_REST = timedelta(minutes=5)                    # ... up to this


@dataclass
class _Rest:
    times: int
    until: datetime


class Courier:
    """Delivers what is due. `site` is the one in force, `secret` that of 'client/name', asked for at each attempt.

    `clock` is Mesa's; `machine` the machine's, which also stands in signatures.
    """

    def __init__(self, db: Database, site: Callable[[], Site], secret: Callable[[str], str], clock: Callable[[], datetime],
                 machine: Callable[[], datetime] = lambda: datetime.now(UTC), tls: SSLContext | None = None,
                 patience: Patience = Patience()) -> None:
        self._book = HookBook(db)
        self._site = site
        self._secret = secret
        self._clock = clock
        self._machine = machine
        self._tls = tls
        self._patience = patience
        self._mutex = Lock()
        self._busy: set[Receiver] = set()
        self._rests: dict[Receiver, _Rest] = {}

    def round(self) -> int:
        """Deliver what may leave now, as one lane; how many attempts were made. Raises DatabaseUnavailable."""
        made = 0
        while made < MOST_A_ROUND and (receiver := self._next()) is not None:
            try:
                done = self._serve(receiver)
            finally:
                with self._mutex:
                    self._busy.discard(receiver)
            if not done:
                break
            made += done
        return made

    def tidy(self) -> int:
        """Give up what nobody took for days, and forget what ended long ago; how many there were."""
        gone = self._book.give_up_old(self._clock(), self._machine())
        if gone:
            log.warning('%d events were not taken by their receivers for days and are given up; see `mesa webhook list`', gone)
        while some := self._book.forget(self._clock()):
            gone += some
        return gone

    def _next(self) -> Receiver | None:
        """A receiver for whom something may leave, and whom no other lane serves."""
        due, machine_now = self._book.due(self._machine()), self._machine()
        with self._mutex:
            for receiver in due:
                rest = self._rests.get(receiver)
                if receiver not in self._busy and (rest is None or rest.until <= machine_now):
                    self._busy.add(receiver)
                    return receiver
        return None

    def _serve(self, receiver: Receiver) -> int:
        """One attempt for a receiver; 0 when another worker was quicker."""
        row = self._book.claim(receiver, self._machine(), LEASE_S)
        if row is None:
            return 0
        hook = self._hook(receiver)
        if hook is None:
            self._book.ended(row, Sending.DROPPED, 'the site has this webhook no more', self._clock())
        elif not row.payload:
            self._book.ended(row, Sending.DROPPED, 'it was erased', self._clock())
        else:
            self._settle(row, self._attempt(row, hook))
        return 1

    def _hook(self, receiver: Receiver) -> Webhook | None:
        client, name = receiver
        return next((hook for hook in hooks_of(self._site().clients.get(client)) if hook.name == name), None)

    def _attempt(self, row: Delivery, hook: Webhook) -> Answer:
        try:
            body = body_of(row.payload)
            headers = headers_for(body, row.event_id, self._secret(hook_key(*row.receiver)), self._machine())
            return deliver(hook.url, body, headers, loopback=hook.loopback or self._site().demo, tls=self._tls, patience=self._patience)
        except Exception as error:                     # a defect of ours: this receiver waits, the others go
            log.exception('event %s cannot be sent to %s', row.event_id, hook_key(*row.receiver))
            return Answer(Outcome.SILENT, f'{type(error).__name__}: {error}')

    def _settle(self, row: Delivery, answer: Answer) -> None:
        log.info('event %s (%s) to %s: %s', row.event_id, row.type, hook_key(*row.receiver), answer.said.partition(': ')[0])
        now, machine_now = self._clock(), self._machine()
        self._rest(row.receiver, answer.outcome is Outcome.SILENT, machine_now)
        if answer.outcome is Outcome.DELIVERED:
            self._book.sent(row, now)
        elif answer.outcome is Outcome.GONE:
            self._book.ended(row, Sending.FAILED, answer.said, now)
        else:
            self._book.failed(row, answer.said, now, machine_now)

    def _rest(self, receiver: Receiver, silent: bool, machine_now: datetime) -> None:
        with self._mutex:
            if not silent:
                self._rests.pop(receiver, None)
                return
            times = self._rests[receiver].times + 1 if receiver in self._rests else 0
            self._rests[receiver] = _Rest(times, machine_now + min(FIRST_REST * (1 << min(times, 10)), LONGEST_REST))
