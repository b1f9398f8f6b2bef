"""The web server: what a stranger may send, how long he may take, and where the work is done. The reactor never waits for the database.

A reverse proxy stands in front, ends TLS and appends the visitor's address to X-Forwarded-For.
"""
from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from desk.confirming import pages
from desk.confirming.answers import Answer, Confirmations, read_answer
from desk.confirming.limits import WrongTries
from desk.web.channel import WebSite, visitor_of, word
from desk.web.listening import Listening
from storage.engine import DatabaseUnavailable

log = logging.getLogger('mesa.web')
BODY_BYTES = 16_384
CONNECTIONS = 200
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


class WebService(Listening):
    """The confirmation page's server."""

    def __init__(self, reactor: Any, confirmations: Confirmations, host: str, port: int) -> None:
        self._pool = ThreadPool(0, THREADS, 'pages')
        root = Root(confirmations, WrongTries(), self._in_thread)
        site = WebSite(root, reactor, CONNECTIONS, lambda uri, cookies: BODY_BYTES, _log)
        super().__init__(reactor, site, host, port, 'the confirmation page')

    def startService(self) -> None:
        """Listen."""
        self._pool.start()
        super().startService()

    def stopService(self) -> Any:
        """Close the port; requests under way are answered."""
        closed = super().stopService()
        self._pool.stop()
        return closed

    def _in_thread(self, work: Callable[..., Any], *arguments: object) -> Deferred[Any]:
        return deferToThreadPool(self._reactor, self._pool, work, *arguments)


def _log(request: Any) -> None:
    """Without the token, and without addresses: the proxy has those."""
    log.info('%s %s %s', word(request.method), without_token(word(request.uri)), request.code)


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

