"""Connections of browsers: how many, how much a stranger may send on one, and how long he may take."""
from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.resource import Resource
from twisted.web.server import Site

log = logging.getLogger('mesa.web')
HEADER_BYTES = 8_192
HEADERS = 60
ADDRESS = re.compile(r'[0-9a-fA-F:.]{2,45}')
REQUEST_S = 20                                         # from the first byte of a request to its last
QUICK_BYTES = 65_536                                   # of a body; a longer one is an upload
UPLOAD_S = 300


class Channel(HTTPChannel):
    """One connection. Its time-out counts from the first byte to the last, so a byte a second does not hold it."""

    totalHeadersSize = HEADER_BYTES
    maxHeaders = HEADERS
    refused = False
    _relay: Any = None

    def relay_to(self, other: Any) -> None:
        """From now on this connection speaks no HTTP: `other` is told what the browser says, and when it goes."""
        self._relay = other

    def dataReceived(self, data: bytes) -> None:
        """HTTP, or what is relayed."""
        if self._relay is not None:
            self._relay.browser_said(data)
        else:
            super().dataReceived(data)

    def resetTimeout(self) -> None:
        """Data earns no more time."""

    def connectionMade(self) -> None:
        """Count it."""
        self.factory.connections += 1
        super().connectionMade()

    def connectionLost(self, reason: Failure) -> None:
        """Count it out."""
        self.factory.connections -= 1
        if self._relay is not None:
            self._relay.browser_gone()
        super().connectionLost(reason)

    def allHeadersReceived(self) -> None:
        """Refuse a body that is too long, or of no told length, before a byte of it is kept."""
        if self.length is None or self.length > self.factory.largest(self._path, self._cookies()):
            self.refused = True
            self.transport.write(_refusal(411 if self.length is None else 413, self._path))
            self.loseConnection()
        else:
            if self.length > QUICK_BYTES:
                self.setTimeout(UPLOAD_S)              # somebody we know, on a line that may be slow
            super().allHeadersReceived()

    def _cookies(self) -> list[str]:
        return [raw.decode('latin-1') for raw in self.requests[-1].requestHeaders.getRawHeaders(b'cookie', [])]

    def rawDataReceived(self, data: bytes) -> None:
        """The body, unless it was refused."""
        if not self.refused:
            super().rawDataReceived(data)


class WebSite(Site):
    """The factory of connections: `most` and no more.

    `largest` tells the longest body that an address takes from who has these cookies; `line` is its log line.
    """

    protocol = Channel
    connections = 0

    def __init__(self, root: Resource, reactor: Any, most: int, largest: Callable[[bytes, list[str]], int],
                 line: Callable[[Any], None]) -> None:
        super().__init__(root, timeout=REQUEST_S, reactor=reactor, parsePOSTFormSubmission=False)
        self.most = most
        self.largest = largest
        self._line = line

    def buildProtocol(self, addr: Any) -> Any:
        """A connection, or None when there are too many."""
        return super().buildProtocol(addr) if self.connections < self.most else None

    def log(self, request: Any) -> None:
        """One line a request."""
        self._line(request)


def _refusal(status: int, path: bytes) -> bytes:
    """What is said of a body that nobody read: to a program as a problem, to a person in a sentence."""
    phrase = HTTPStatus(status).phrase
    if path.startswith(b'/api/'):
        kind, told = 'application/problem+json', json.dumps({'type': 'about:blank', 'title': phrase, 'status': status, 'detail': phrase})
    else:
        kind, told = 'text/plain; charset=utf-8', 'Lo que envió es más grande de lo que se admite. Regrese e intente otra vez.'
    lines = (f'HTTP/1.1 {status} {phrase}', f'Content-Type: {kind}', f'Content-Length: {len(told.encode())}', "Content-Security-Policy: "
             "default-src 'none'; frame-ancestors 'none'", 'X-Content-Type-Options: nosniff', 'Connection: close', '', told)
    return '\r\n'.join(lines).encode()


def visitor_of(request: Any) -> str:
    """The visitor's address: what the proxy appended last, or the peer's own. What a visitor wrote before it is never looked at."""
    told = request.requestHeaders.getRawHeaders(b'x-forwarded-for', [])
    last = told[-1].rpartition(b',')[2].strip().decode('ascii', 'replace') if told else ''
    return last if ADDRESS.fullmatch(last) else str(request.getClientAddress().host)


def word(raw: bytes) -> str:
    """What a stranger sent, as it may stand in a log."""
    return raw.decode('ascii', 'replace')[:200].encode('unicode_escape').decode()
