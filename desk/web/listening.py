"""A service that listens on one address. A port that is taken is tried again and again: the telephone must not wait for a page."""
from __future__ import annotations

import logging
from typing import Any

from twisted.application.service import Service
from twisted.internet.error import CannotListenError

log = logging.getLogger('mesa.web')
AGAIN_S = 5.0


class Listening(Service):
    """`what` it serves stands in the log when it cannot."""

    def __init__(self, reactor: Any, factory: Any, host: str, port: int, what: str) -> None:
        self._reactor = reactor
        self._factory = factory
        self._address = (host, port)
        self._what = what
        self._port: Any = None
        self._again: Any = None

    @property
    def port(self) -> int | None:
        """Where it listens; None: not yet."""
        return self._port.getHost().port if self._port else None

    def startService(self) -> None:
        """Listen."""
        super().startService()
        self._listen()

    def stopService(self) -> Any:
        """Close the port; requests under way are answered."""
        super().stopService()
        if self._again is not None and self._again.active():
            self._again.cancel()
        return self._port.stopListening() if self._port else None

    def _listen(self) -> None:
        host, port = self._address
        try:
            self._port = self._reactor.listenTCP(port, self._factory, interface=host)
        except CannotListenError as error:
            log.error('%s cannot be served: %s. Trying again in %.0f s', self._what, error, AGAIN_S)
            self._again = self._reactor.callLater(AGAIN_S, self._listen)
