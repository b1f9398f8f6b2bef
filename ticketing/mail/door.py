"""The door of e-mail: LMTP and SMTP on loopback, behind the site's own mail server (mission.md 4.8).

A message is taken once it is on disk; before that the sender is told to try again. Import this late: Twisted's SMTP imports the reactor.
"""
from __future__ import annotations

import io
import logging
import re
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import ServerFactory
from twisted.internet.threads import deferToThreadPool
from twisted.mail import smtp as untyped_smtp
from zope.interface import implementer  # type: ignore[import-untyped]

from ticketing.mail.mime import MAX_BYTES
from ticketing.mail.reader import Envelope

smtp: Any = untyped_smtp
log = logging.getLogger('mesa.mail')

LONGEST_LINE = 1024 * 1024                             # programs write whole letters on one line, whatever the standard says
MAX_RECIPIENTS = 100
MAX_CONNECTIONS = 10
SILENCE_S = 120
LISTEN_AGAIN_S = 5.0
_SIZE = re.compile(rb'\sSIZE=(\d{1,15})\b', re.IGNORECASE)

Take = Callable[[bytes, Envelope], object]
IsOurs = Callable[[str], bool]


@implementer(smtp.IMessage)
class _Incoming:
    """A message on its way in: one for all its recipients."""

    def __init__(self, reactor: Any, take: Take, envelope: Envelope) -> None:
        self._reactor = reactor
        self._take = take
        self._envelope = envelope
        self._bytes = io.BytesIO()
        self._waiting: list[Deferred[None]] = []

    def lineReceived(self, line: bytes) -> None:
        if self._bytes.tell() + len(line) > MAX_BYTES:
            raise smtp.SMTPServerError(552, b'The message is larger than %d bytes' % MAX_BYTES)
        self._bytes.write(line + b'\r\n')

    def eomReceived(self) -> Deferred[None]:
        return deferToThreadPool(self._reactor, self._reactor.getThreadPool(), self._keep)

    def _keep(self) -> None:
        self._take(self._bytes.getvalue(), self._envelope)

    def connectionLost(self) -> None:
        self._bytes = io.BytesIO()                     # cut off or too large: it never was


@implementer(smtp.IMessage)
class _Along:
    """The same message for a further recipient: it ends as the first one's does."""

    def lineReceived(self, line: bytes) -> None:
        pass

    def eomReceived(self) -> Deferred[None]:
        done: Deferred[None] = Deferred()
        done.callback(None)
        return done

    def connectionLost(self) -> None:
        pass


class MailDoor(smtp.SMTP):  # type: ignore[misc]
    """One connection of a mail server that hands messages over. Speaks LMTP after LHLO, else SMTP; runs on the reactor's thread."""

    MAX_LENGTH = LONGEST_LINE
    timeout = SILENCE_S
    noisy = False

    def __init__(self, reactor: Any, take: Take, is_ours: IsOurs, gone: Callable[[], None]) -> None:
        super().__init__()
        self.host = b'mesa'
        self._reactor = reactor
        self._take = take
        self._is_ours = is_ours
        self._gone = gone
        self._lmtp = False
        self._sender = ''
        self._recipients: list[str] = []
        self._storing = False
        self._come_early: deque[bytes] = deque()

    def greeting(self) -> bytes:
        return b'mesa LMTP'

    def do_LHLO(self, rest: bytes) -> None:
        self._lmtp = True
        self.do_EHLO(rest)

    def do_EHLO(self, rest: bytes) -> None:
        self._helo = (rest, b'')
        self._from = None
        self._to: list[Any] = []
        self.sendCode(250, b'mesa\nSIZE %d\n8BITMIME\nPIPELINING' % MAX_BYTES)

    def do_NOOP(self, rest: bytes) -> None:
        self.sendCode(250, b'Here')

    def do_MAIL(self, rest: bytes) -> None:
        told = _SIZE.search(rest)
        if told and int(told.group(1)) > MAX_BYTES:
            self.sendCode(552, b'The message is larger than %d bytes' % MAX_BYTES)
            return
        self._recipients = []
        super().do_MAIL(rest)

    def validateFrom(self, helo: Any, origin: Any) -> Any:
        self._sender = _text(origin)
        return origin

    def validateTo(self, user: Any) -> Callable[[], Any]:
        address = _text(user.dest).lower()
        if len(self._to) >= MAX_RECIPIENTS:
            raise smtp.SMTPBadRcpt(user, 452, resp='Too many recipients: send the others by themselves')
        if not self._is_ours(address):
            raise smtp.SMTPBadRcpt(user, 550, resp='Nobody here has this address')
        self._recipients.append(address)
        return self._message_for(len(self._to) == 0)

    def _message_for(self, first: bool) -> Callable[[], Any]:
        if not first:
            return _Along
        return lambda: _Incoming(self._reactor, self._take, Envelope(self._sender, tuple(self._recipients)))

    def receivedHeader(self, helo: Any, origin: Any, recipients: Any) -> None:
        """None: it would make the same message, sent again, look like another one."""
        return None

    def lineReceived(self, line: bytes) -> None:
        if self._storing:
            # Postfix sends "." and QUIT together; a 221 in place of the answer to the message would be taken for a yes.
            self._come_early.append(line)
        else:
            super().lineReceived(line)

    def lineLengthExceeded(self, line: bytes) -> None:
        # Twisted would read the rest of the message as commands.
        self.sendCode(500, b'Line too long')
        self.transport.loseConnection()

    def connectionLost(self, reason: Any) -> None:
        self._gone()
        super().connectionLost(reason)

    def _messageHandled(self, results: Any) -> None:
        """Tell the sender: per message, or, in LMTP, once for each recipient (RFC 2033 4.2)."""
        failures = [result for success, result in results if not success] if isinstance(results, list) else []
        for failure in failures:
            log.error('a message could not be taken: %s', failure.getErrorMessage())
        for _ in range(len(self._recipients) if self._lmtp else 1):
            self.sendCode(451, b'It could not be stored now, try again later') if failures else self.sendCode(250, b'Taken')
        self._go_on()

    def _go_on(self) -> None:
        self._storing = False
        self.transport.resumeProducing()
        while self._come_early and not (self._storing or self.transport.disconnecting):
            super().lineReceived(self._come_early.popleft())

    def dataLineReceived(self, line: bytes) -> None:
        failed = self.datafailed
        if line == b'.' and failed is None:
            self._storing = True
            self.transport.pauseProducing()
        super().dataLineReceived(line)
        if line == b'.' and failed is not None and self._lmtp:
            for _ in self._recipients[1:]:
                self.sendCode(failed.code, failed.resp)

    state_DATA = dataLineReceived


def _text(address: Any) -> str:
    return bytes(address).decode('utf-8', 'replace')


class _Factory(ServerFactory):
    noisy = False

    def __init__(self, reactor: Any, take: Take, is_ours: IsOurs) -> None:
        self._reactor = reactor
        self._take = take
        self._is_ours = is_ours
        self._open = 0

    def buildProtocol(self, addr: Any) -> MailDoor | None:
        if self._open >= MAX_CONNECTIONS:
            return None                                # the mail server tries again
        self._open += 1
        return MailDoor(self._reactor, self._take, self._is_ours, self._gone)

    def _gone(self) -> None:
        self._open -= 1


class MailDoorService(Service):
    """Listens on loopback; `take` keeps a message durably and runs on a pool thread, `is_ours` knows our addresses."""

    def __init__(self, reactor: Any, take: Take, is_ours: IsOurs, interface: str, port: int) -> None:
        self._reactor = reactor
        self._factory = _Factory(reactor, take, is_ours)
        self._address: Sequence[Any] = (port, interface)
        self._port: Any = None
        self._again: Any = None

    @property
    def port(self) -> int | None:
        """The port that it listens on; None: not yet."""
        return int(self._port.getHost().port) if self._port else None

    def startService(self) -> None:
        """Open the port; one that is taken is tried again and again: the telephone must not wait for e-mail."""
        super().startService()  # type: ignore[no-untyped-call]
        self._listen()

    def stopService(self) -> Any:
        """Close the port; what is on disk is kept, what is not was never taken."""
        super().stopService()  # type: ignore[no-untyped-call]
        if self._again is not None and self._again.active():
            self._again.cancel()
        return self._port.stopListening() if self._port else None

    def _listen(self) -> None:
        port, interface = self._address
        try:
            self._port = self._reactor.listenTCP(port, self._factory, interface=interface)
        except CannotListenError as error:
            log.error('no e-mail can come in: %s. Trying again in %.0f s', error, LISTEN_AGAIN_S)
            self._again = self._reactor.callLater(LISTEN_AGAIN_S, self._listen)
