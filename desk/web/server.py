"""The desk's web server. The reactor reads and writes; everything that may wait runs on the desk's own pool threads.

A reverse proxy stands in front, ends TLS, and says so in X-Forwarded-Proto; it appends the visitor's address to X-Forwarded-For.
"""
from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from desk.web.channel import WebSite, visitor_of, word
from desk.web.frame import Answer
from desk.web.gate import Gate, Raw, path_of
from desk.web.listening import Listening
from desk.web.relay import Relay, RelayWanted
from desk.web.static import StaticFile
from desk.web.stream import Hub, Subscription

log = logging.getLogger('mesa.desk')
CONNECTIONS = 3200
THREADS = 8
STATIC = '/static/'
InThread = Callable[..., Any]                          # runs blocking work on a thread of the desk; gives a Deferred
LARGEST_TO_NOBODY = 65_536                             # of a body from a stranger, or for an address that is none: he is told so
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; media-src 'self' blob:; "
          "worker-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
HEADERS = (
    ('Content-Security-Policy', POLICY),
    ('Referrer-Policy', 'same-origin'),
    ('X-Content-Type-Options', 'nosniff'),
    ('X-Frame-Options', 'DENY'),
    ('X-Robots-Tag', 'noindex'),
    ('Cross-Origin-Opener-Policy', 'same-origin'),
    ('Cross-Origin-Resource-Policy', 'same-origin'),
    ('Permissions-Policy', 'camera=(), geolocation=(), microphone=(self)'),
)


class Everything(Resource):
    """All addresses of the desk: the table of routes knows them."""

    isLeaf = True

    def __init__(self, gate: Gate, hub: Hub, relay: Relay, files: Mapping[str, StaticFile],
                 in_thread: InThread) -> None:
        super().__init__()
        self._gate = gate
        self._hub = hub
        self._relay = relay
        self._files = files
        self._in_thread = in_thread

    def render(self, request: Any) -> int:
        """Answer from a pool thread, or from memory."""
        path = path_of(request.uri)
        if path.startswith(STATIC) and request.method in (b'GET', b'HEAD'):
            self._static(request, path.removeprefix(STATIC))
            return NOT_DONE_YET
        gone: list[object] = []
        request.notifyFinish().addErrback(gone.append)
        raw = Raw(request.method.decode('ascii', 'replace'), path, request.uri.partition(b'?')[2], _headers(request),
                  request.content.read(), visitor_of(request)[:64])
        self._in_thread(self._gate.answer, raw).addCallback(self._done, request, raw, gone).addErrback(_defect, request, gone)
        return NOT_DONE_YET

    def _done(self, answer: Any, request: Any, raw: Raw, gone: list[object]) -> None:
        if gone:
            return
        if isinstance(answer, Subscription):
            if not self._hub.open(request, answer):
                send(request, Answer(503, b'', 'text/plain', (('Retry-After', '10'),)))
        elif isinstance(answer, RelayWanted):
            self._relay.open(request, answer)
        else:
            send(request, answer, raw.secure)

    def _static(self, request: Any, name: str) -> None:
        found = self._files.get(name)
        if found is None:
            send(request, Answer(404, b'', 'text/plain'))
        elif request.getHeader('if-none-match') == found.tag:
            send(request, Answer(304, b'', found.content_type, (('ETag', found.tag), ('Cache-Control', 'no-cache'))))
        else:
            send(request, Answer(200, found.data, found.content_type, (('ETag', found.tag), ('Cache-Control', 'no-cache'))))


class DeskServer(Listening):
    """The desk's port, its threads, and its readers of events. `at_end` is called when it stops."""

    def __init__(self, reactor: Any, gate: Gate, hub: Hub, relay: Relay, files: Mapping[str, StaticFile], pool: ThreadPool,
                 in_thread: InThread, host: str, port: int, at_end: Callable[[], None] = lambda: None) -> None:
        self._pool = pool
        self._hub = hub
        self._at_end = at_end
        root = Everything(gate, hub, relay, files, in_thread)
        super().__init__(reactor, WebSite(root, reactor, CONNECTIONS, _largest(gate), _log), host, port, 'the desk')

    def startService(self) -> None:
        """Listen."""
        self._pool.start()
        self._hub.start()
        super().startService()

    def stopService(self) -> Any:
        """Close the port, send the readers away, and let requests under way end."""
        closed = super().stopService()
        self._hub.stop()
        self._at_end()
        self._pool.stop()
        return closed


def desk_threads(reactor: Any) -> tuple[ThreadPool, InThread]:
    """The desk's own threads: a crowd of readers keeps no telephone waiting."""
    pool = ThreadPool(0, THREADS, 'desk')

    def in_thread(work: Callable[..., Any], *arguments: object) -> Any:
        return deferToThreadPool(reactor, pool, work, *arguments)
    return pool, in_thread


def send(request: Any, answer: Answer, secure: bool = False) -> None:
    """Write an answer and finish."""
    request.setResponseCode(answer.status)
    request.responseHeaders.removeHeader('Server')     # whose version is nobody's business
    for name, value in (*HEADERS, ('Content-Type', answer.content_type), *answer.headers):
        request.setHeader(name, value)
    if 'Cache-Control' not in dict(answer.headers):
        request.setHeader('Cache-Control', 'no-store')
    if secure:
        request.setHeader('Strict-Transport-Security', 'max-age=31536000')
    for cookie in answer.cookies:
        request.responseHeaders.addRawHeader('Set-Cookie', cookie)
    request.setHeader('Content-Length', str(len(answer.body)))
    if request.method != b'HEAD':
        request.write(answer.body)
    request.finish()


def _headers(request: Any) -> dict[str, tuple[str, ...]]:
    return {name.decode('latin-1').lower(): tuple(value.decode('utf-8', 'replace') for value in values)
            for name, values in request.requestHeaders.getAllRawHeaders()}


def _largest(gate: Gate) -> Callable[[bytes, list[str]], int]:
    """A long body is taken from somebody who was signed in a moment ago, when he looked at the page with its form."""
    def largest(uri: bytes, cookie_headers: list[str]) -> int:
        routes, _ = gate.router.find(path_of(uri))
        wanted = max((route.largest for route in routes.values()), default=LARGEST_TO_NOBODY)
        return wanted if wanted <= LARGEST_TO_NOBODY or gate.seen.knows(cookie_headers) else LARGEST_TO_NOBODY
    return largest


def _log(request: Any) -> None:
    """The path alone: what follows the question mark may be somebody's name."""
    log.info('%s %s %s', word(request.method), word(request.uri.partition(b'?')[0]), request.code)


def _defect(failure: Failure, request: Any, gone: list[object]) -> None:
    log.error('an answer could not be sent: %s', failure.getTraceback())
    if not gone and not request.startedWriting:
        send(request, Answer(500, b'', 'text/plain'))
