"""Looks again and again whether the sessions that read live states still hold: one that was ended elsewhere, or is too old, reads no more.

Reading counts as being there: who has the desk open is not signed out while he telephones.
"""
from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from twisted.application.service import Service
from twisted.internet.task import LoopingCall

from desk.web.gate import Sessions
from desk.web.stream import Hub
from storage.engine import DatabaseUnavailable

log = logging.getLogger('mesa.desk')
EVERY_S = 30.0


class SessionWatch(Service):
    """The rounds, on the reactor's thread; the books are read on the desk's."""

    def __init__(self, reactor: Any, hub: Hub, accounts: Sessions, moment: Callable[[], datetime], in_thread: Callable[..., Any]) -> None:
        self._hub = hub
        self._accounts = accounts
        self._moment = moment
        self._in_thread = in_thread
        self._rounds = LoopingCall(self.round)
        self._rounds.clock = reactor

    def startService(self) -> None:
        """Begin."""
        super().startService()
        self._rounds.start(EVERY_S, now=False)

    def stopService(self) -> None:
        """End."""
        super().stopService()
        if self._rounds.running:
            self._rounds.stop()

    def round(self) -> Any:
        """Send away whose session is over."""
        done = self._in_thread(self._over, self._hub.tokens())
        return done.addCallback(self._send_away).addErrback(lambda failure: log.error('sessions: %s', failure.getErrorMessage()))

    def _over(self, tokens: frozenset[str]) -> list[str]:
        try:
            return [token for token in tokens if self._accounts.session(token, self._moment()) is None]
        except DatabaseUnavailable:
            return []                                  # nobody knows: they go on

    def _send_away(self, tokens: list[str]) -> None:
        for token in tokens:
            self._hub.send_away(token)
