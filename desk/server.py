"""The web server: what a stranger may send, how long he may take, and where the work is done. The reactor never waits for the database.

A reverse proxy stands in front, ends TLS and appends the visitor's address to X-Forwarded-For.
"""
from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool
from twisted.web.http import HTTPChannel
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from desk import pages
from desk.confirm import Answer, Confirmations, read_answer
from desk.limits import WrongTries
from storage.engine import DatabaseUnavailable

log = logging.getLogger('mesa.web')
BODY_BYTES = 16_384
HEADER_BYTES = 8_192
HEADERS = 60
REQUEST_S = 20                                         # from the first byte to the last
CONNECTIONS = 200
LISTEN_AGAIN_S = 5.0
THREADS = 4                                            # of their own: a crowd of readers keeps no duty waiting
FORM = 'application/x-www-form-urlencoded'
InThread = Callable[..., 'Deferred[Any]']
_TOKEN = re.compile(r'(/c/[^./?#]*)[^/]*.*', re.DOTALL)


class ConfirmPages(Resource):
    """`/c/ID.TOKEN`: GET and HEAD show, POST answers."""

    isLeaf = True

    def __init__(self, confirmations: Confirmations, wrong: WrongTries, in_thread: InThread) -> None:
        super().__init__()
        self._confirmations = confirmations
        self._wrong = wrong
        self._in_thread = in_thread

    def render(self, request: Any) -> int:
        """Answer from a pool thread; a defect becomes a page, too."""
        gone: list[object] = []
        request.notifyFinish().addErrback(gone.append)
        visitor = visitor_of(request)
        close_call_id = self._known(request, visitor)
        if isinstance(close_call_id, pages.Page):
            send(request, close_call_id)
        elif request.method in (b'GET', b'HEAD'):
            self._in_thread(self._look, close_call_id).addErrback(_trouble, None).addCallback(_send_unless, gone, request)
        elif request.method != b'POST':
            send(request, pages.refused(405, 'GET, HEAD, POST'))
        elif (request.getHeader('content-type') or '').partition(';')[0].strip().lower() != FORM:
            send(request, pages.refused(415))
        else:
            answer = _answer_in(request)
            self._in_thread(self._answer, close_call_id, answer, request.postpath[0].decode()).addErrback(
                _trouble, answer).addCallback(_send_unless, gone, request)
        return NOT_DONE_YET

    def _known(self, request: Any, visitor: str) -> int | pages.Page:
        if self._wrong.refuses(visitor):
            return pages.too_many()
        word = request.postpath[0].decode('utf-8', 'replace') if len(request.postpath) == 1 else ''
        close_call_id = self._confirmations.known(word)
        if close_call_id is None:
            self._wrong.count(visitor)
            return pages.not_found()
        return close_call_id

    def _look(self, close_call_id: int) -> pages.Page:
        shown = self._confirmations.look(close_call_id)
        return pages.not_found() if shown is None else pages.page_of(shown)

    def _answer(self, close_call_id: int, answer: Answer | None, word: str) -> pages.Page:
        taken = answer is not None and self._confirmations.answer(close_call_id, answer)
        if taken:
            return pages.Page(303, '', (('Location', word),))      # relative: right behind any proxy's path
        shown = self._confirmations.look(close_call_id)
        if shown is None:
            return pages.not_found()
        if shown.status == 'open':
            return pages.incomplete(shown) if answer is None else pages.broken()
        return pages.answered_before(shown)


class Nothing(Resource):
    """Every other address."""

    isLeaf = True

    def render(self, request: Any) -> int:
        """The page of an address that is none."""
        send(request, pages.not_found())
        return NOT_DONE_YET


class Root(Resource):
    """All pages."""

    def __init__(self, confirmations: Confirmations, wrong: WrongTries, in_thread: InThread) -> None:
        super().__init__()
        self.putChild(b'c', ConfirmPages(confirmations, wrong, in_thread))

    def getChild(self, path: bytes, request: Any) -> Resource:
        """Whatever is not in the table."""
        return Nothing()


class Channel(HTTPChannel):
    """One connection. Its time-out counts from the first byte to the last, so a byte a second does not hold it; bodies are small."""

    totalHeadersSize = HEADER_BYTES
    maxHeaders = HEADERS
    refused = False

    def resetTimeout(self) -> None:
        """Data earns no more time."""

    def connectionMade(self) -> None:
        """Count it."""
        self.factory.connections += 1
        super().connectionMade()

    def connectionLost(self, reason: Failure) -> None:
        """Count it out."""
        self.factory.connections -= 1
        super().connectionLost(reason)

    def allHeadersReceived(self) -> None:
        """Refuse a body that is too long, or of no told length, before a byte of it is kept."""
        if self.length is None or self.length > BODY_BYTES:
            self.refused = True
            status = b'411 Length Required' if self.length is None else b'413 Content Too Large'
            self.transport.write(b'HTTP/1.1 ' + status + b'\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
            self.loseConnection()
        else:
            super().allHeadersReceived()

    def rawDataReceived(self, data: bytes) -> None:
        """The body, unless it was refused."""
        if not self.refused:
            super().rawDataReceived(data)


class WebSite(Site):
    """The factory of connections: so many and no more; its log names no link."""

    protocol = Channel
    connections = 0

    def __init__(self, root: Resource, reactor: Any) -> None:
        super().__init__(root, timeout=REQUEST_S, reactor=reactor, parsePOSTFormSubmission=False)

    def buildProtocol(self, addr: Any) -> Any:
        """A connection, or None when there are too many."""
        return super().buildProtocol(addr) if self.connections < CONNECTIONS else None

    def log(self, request: Any) -> None:
        """One line a request, without the token, and without addresses: the proxy has those."""
        log.info('%s %s %s', _word(request.method), without_token(_word(request.uri)), request.code)


class WebService(Service):
    """Listens on one address. A port that is taken is tried again and again: the telephone must not wait for a page."""

    def __init__(self, reactor: Any, confirmations: Confirmations, host: str, port: int) -> None:
        self._reactor = reactor
        self._pool = ThreadPool(0, THREADS, 'pages')
        self._site = WebSite(Root(confirmations, WrongTries(), self._in_thread), reactor)
        self._address = (host, port)
        self._port: Any = None
        self._again: Any = None

    @property
    def port(self) -> int | None:
        """Where it listens; None: not yet."""
        return self._port.getHost().port if self._port else None

    def startService(self) -> None:
        """Listen."""
        super().startService()
        self._pool.start()
        self._listen()

    def stopService(self) -> Any:
        """Close the port; requests under way are answered."""
        super().stopService()
        if self._again is not None and self._again.active():
            self._again.cancel()
        closed = self._port.stopListening() if self._port else None
        self._pool.stop()
        return closed

    def _in_thread(self, work: Callable[..., Any], *arguments: object) -> Deferred[Any]:
        return deferToThreadPool(self._reactor, self._pool, work, *arguments)

    def _listen(self) -> None:
        host, port = self._address
        try:
            self._port = self._reactor.listenTCP(port, self._site, interface=host)
        except CannotListenError as error:
            log.error('the pages cannot be served: %s. Trying again in %.0f s', error, LISTEN_AGAIN_S)
            self._again = self._reactor.callLater(LISTEN_AGAIN_S, self._listen)


def send(request: Any, page: pages.Page) -> None:
    """Write a page and finish."""
    body = page.html.encode()
    request.setResponseCode(page.status)
    request.responseHeaders.removeHeader('Server')     # whose version is nobody's business
    for name, value in (*pages.HEADERS.items(), *page.headers):
        request.setHeader(name, value)
    request.setHeader('Content-Length', str(len(body)))
    request.write(body)
    request.finish()


def visitor_of(request: Any) -> str:
    """The visitor's address: what the proxy appended last, or the peer's own."""
    told = request.requestHeaders.getRawHeaders('X-Forwarded-For', [])
    return told[-1].rpartition(',')[2].strip() if told else str(request.getClientAddress().host)


def without_token(uri: str) -> str:
    """An address as it may stand in a log."""
    return _TOKEN.sub(r'\1.…', uri)


def _answer_in(request: Any) -> Answer | None:
    try:
        return read_answer(request.content.read())
    except ValueError:                                 # too many fields
        return None


def _trouble(failure: Failure, answer: Answer | None) -> pages.Page:
    if failure.check(DatabaseUnavailable):
        log.warning('a page could not be served: %s', failure.getErrorMessage())
        return pages.unavailable(answer)
    log.error('a page failed: %s', failure.getTraceback())
    return pages.broken()


def _send_unless(page: pages.Page, gone: list[object], request: Any) -> None:
    if not gone:
        send(request, page)


def _word(raw: bytes) -> str:
    return raw.decode('ascii', 'replace')[:200].encode('unicode_escape').decode()
