"""One POST to a receiver that nobody trusts: bounded in time and size, TLS verified, and sent nowhere else than to where the URL leads.

Redirects are answers like any other, and no success. The standard library does all of it; what no HTTP library bounds is the whole exchange
(a receiver that sends a byte every nine seconds keeps every timeout), so a timer ends the connection.
"""
from __future__ import annotations

import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import ip_address
from socket import SHUT_RDWR, create_connection, socket
from threading import Event, Timer

from config.webhooks import Target, is_never_told, plain, target_of

MOST_OF_AN_ANSWER = 64 * 1024
SHOWN = 200
LATE = 'no whole answer in time'
DELIVERED, GONE, BUSY = range(200, 300), 410, 429


@dataclass(frozen=True)
class Patience:
    """Seconds: `step` for each step (connecting, each wait for bytes), `whole` for everything after the connection."""

    step: float = 10.0
    whole: float = 20.0


class Outcome(Enum):
    """What became of an attempt."""

    DELIVERED = 'delivered'
    GONE = 'gone'                                      # the receiver wants no more of it
    REFUSED = 'refused'                                # it answered, and not with success
    SILENT = 'silent'                                  # no answer, or a server in trouble: others would meet the same


@dataclass(frozen=True)
class Answer:
    """What became of an attempt, and what there is to say about it, in one line."""

    outcome: Outcome
    said: str


class WrongPeer(OSError):
    """The name leads to an address that may not be told anything."""


def deliver(url: str, body: bytes, headers: Mapping[str, str], *, loopback: bool, tls: ssl.SSLContext | None = None,
            patience: Patience = Patience()) -> Answer:
    """POST once. `loopback`: whether it may reach this machine itself. Blocks; every failure of the receiver is an Answer."""
    try:
        target = target_of(url)
    except ValueError as error:
        return Answer(Outcome.REFUSED, f'the URL cannot be called: {error}')
    try:
        connected = _connected(target, loopback, patience)
    except (OSError, UnicodeError) as error:           # the latter: a name that DNS cannot be asked for
        return Answer(Outcome.SILENT, f'no connection to {target.host}:{target.port}: {_in_words(error)}')
    guard, late = connected.dup(), Event()             # the former ends the connection under TLS, whatever that is waiting for
    timer = Timer(patience.whole, _end, (guard, late))
    timer.daemon = True
    timer.start()
    try:
        return _exchange(target, connected, body, headers, tls, late)
    except (OSError, HTTPException, ValueError) as error:
        return Answer(Outcome.SILENT, f'{target.host}:{target.port}: {LATE if late.is_set() else _in_words(error)}')
    finally:
        timer.cancel()
        guard.close()
        connected.close()


def _connected(target: Target, loopback: bool, patience: Patience) -> socket:
    """A connection to where the URL leads, and only there. Raises OSError."""
    connected = create_connection((target.host, target.port), patience.step)
    peer = plain(ip_address(connected.getpeername()[0].partition('%')[0]))
    if is_never_told(peer) or (peer.is_loopback and not loopback):
        connected.close()
        raise WrongPeer(f'it leads to {peer}, which may not be told')
    return connected


def _exchange(target: Target, connected: socket, body: bytes, headers: Mapping[str, str], tls: ssl.SSLContext | None,
              late: Event) -> Answer:
    http: HTTPConnection
    if target.scheme == 'https':
        context = tls or _verifying()
        http = HTTPSConnection(target.host, target.port, context=context)
        http.sock = context.wrap_socket(connected, server_hostname=target.host)
    else:
        http = HTTPConnection(target.host, target.port)
        http.sock = connected
    try:
        http.request('POST', target.path, body, {**headers, 'Connection': 'close'})
        response = http.getresponse()
        if late.is_set():                              # http.client takes the cut for the end of the headers
            raise TimeoutError
        told = b''
        with suppress(OSError, HTTPException, ValueError):     # the status has decided
            told = response.read(MOST_OF_AN_ANSWER)
        return _judged(response.status, told)
    finally:
        http.close()


def _judged(status: int, told: bytes) -> Answer:
    said = f'HTTP {status}'
    if status in DELIVERED:
        return Answer(Outcome.DELIVERED, said)
    words = ' '.join(''.join(c if c.isprintable() else ' ' for c in told[:4 * SHOWN].decode('utf-8', 'replace')).split())
    said += f': {words[:SHOWN]}' if words else ''
    if status == GONE:
        return Answer(Outcome.GONE, said)
    return Answer(Outcome.SILENT if status >= 500 or status == BUSY else Outcome.REFUSED, said)


@cache
def _verifying() -> ssl.SSLContext:
    return ssl.create_default_context()


def _end(guard: socket, late: Event) -> None:
    late.set()
    with suppress(OSError):
        guard.shutdown(SHUT_RDWR)


def _in_words(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f'its certificate is not trusted: {error.verify_message}'
    return (str(error) or type(error).__name__)[:SHOWN]
