"""Carries the telephone of a browser to Asterisk: SIP over WebSocket, byte for byte, for signed-in agents alone.

Asterisk's own web server hears loopback only, so nobody reaches its SIP without a session here; and the browser has one origin, one
certificate, and nothing to configure. Runs on the reactor's thread.
"""
from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.protocol import connectionDone as CONNECTION_DONE
from twisted.python.failure import Failure

log = logging.getLogger('mesa.desk')
MOST = 500
NAMES = (b'sec-websocket-key', b'sec-websocket-version', b'sec-websocket-protocol')   # no extensions: less to go wrong


@dataclass(frozen=True)
class RelayWanted:
    """An agent's browser wants to telephone. The request was checked: session, role, Origin."""

    login: str


class _ToAsterisk(Protocol):
    """The end towards Asterisk; what it hears goes to the browser."""

    def __init__(self, relay: Relay, channel: Any) -> None:
        self._relay = relay
        self._channel = channel

    def connectionMade(self) -> None:
        """Each end is the other's producer: whoever reads too slowly slows the other down, and floods nobody."""
        self._relay.count += 1
        self._channel.registerProducer(self.transport, True)
        self.transport.registerProducer(self._channel.transport, True)
        self._channel.relay_to(self)

    def dataReceived(self, data: bytes) -> None:
        """On to the browser."""
        self._channel.transport.write(data)

    def browser_said(self, data: bytes) -> None:
        """On to Asterisk."""
        self.transport.write(data)

    def browser_gone(self) -> None:
        """It hangs up."""
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = CONNECTION_DONE) -> None:
        """The browser's connection goes, too; its telephone tries again by itself."""
        self._relay.count -= 1
        self._channel.transport.loseConnection()


class Relay:
    """All telephones of browsers, and Asterisk's address."""

    def __init__(self, reactor: Any, host: str, port: int) -> None:
        self._endpoint = TCP4ClientEndpoint(reactor, host, port, timeout=5)
        self._host = f'{host}:{port}'.encode()
        self.count = 0

    def open(self, request: Any, wanted: RelayWanted) -> None:
        """Take over the connection of an upgrade request and join it to Asterisk."""
        headers = request.requestHeaders
        if (headers.getRawHeaders(b'upgrade', [b''])[0].lower() != b'websocket' or not headers.hasHeader(b'sec-websocket-key')
                or self.count >= MOST):
            request.setResponseCode(400 if self.count < MOST else 503)
            request.finish()
            return
        lines = [b'GET /ws HTTP/1.1', b'Host: ' + self._host, b'Upgrade: websocket', b'Connection: Upgrade']
        lines += [name + b': ' + value for name in NAMES for value in headers.getRawHeaders(name, [])]

        def joined(asterisk: _ToAsterisk) -> None:
            log.info('the telephone of %s is joined', wanted.login)
            asterisk.browser_said(b'\r\n'.join([*lines, b'', b'']))

        def failed(failure: Failure) -> None:
            log.warning('the telephone of %s does not reach Asterisk: %s', wanted.login, failure.getErrorMessage())
            if request.channel is not None:
                request.setResponseCode(503)
                request.finish()
        if request.channel is not None:
            connectProtocol(self._endpoint, _ToAsterisk(self, request.channel)).addCallbacks(joined, failed)
