"""The gate that every request passes: route, person, role, CSRF, then the handler; and what a failure looks like. Blocking: pool threads.

Whoever is not signed in is led to the sign-in page, or, as a program, told 401. What somebody may not see answers like what is not there.
"""
from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any, Protocol
from urllib.parse import quote, unquote_to_bytes, urlsplit

from desk.accounts.passwords import csrf_of, digest
from desk.accounts.values import Person
from desk.web.frame import Answer, Route, Router, Visit, see_other
from desk.web.rates import Rates
from desk.web.reading import BadRequest, cookies, form_of, pairs, strict_pairs
from storage.engine import DatabaseUnavailable
from ticketing.values import FolioChanged, IllegalMove, NotAllowed, TicketingError, UnknownFolio

log = logging.getLogger('mesa.desk')
SIGN_IN = '/entrar'
API = '/api/'
PLAIN_COOKIE, SECURE_COOKIE = 'mesa', '__Host-mesa'    # the latter is taken by browsers over TLS alone
REMEMBERED = 10_000                                    # sessions
CHANGING = frozenset({'POST', 'PUT', 'PATCH', 'DELETE'})


@dataclass(frozen=True)
class Raw:
    """A request as it came. Header names are in small letters; of a header that came twice all values are there."""

    method: str
    path: str
    query: bytes
    headers: Mapping[str, tuple[str, ...]]
    body: bytes = field(repr=False)
    address: str

    def header(self, name: str) -> str:
        """The last value of a header, '' without one."""
        return self.headers.get(name, ('',))[-1]

    @property
    def secure(self) -> bool:
        """Whether the proxy in front of us was reached by TLS."""
        return self.header('x-forwarded-proto').strip().lower() == 'https'


class Sessions(Protocol):
    """What the gate asks of the accounts."""

    def session(self, token: str, now: datetime) -> Person | None: ...
    def bearer(self, token: str, now: datetime) -> Person | None: ...


class Failures(Protocol):
    """How a failure is told: as a page to a person, as JSON to a program."""

    def answer(self, status: int, why: str, person: Person | None, csrf: str) -> Answer: ...


class SeenSessions:
    """The sessions that held when they were last looked at, in memory: the reactor asks before it takes a long body, and never waits."""

    def __init__(self) -> None:
        self._digests: dict[str, None] = {}
        self._lock = Lock()

    def add(self, token: str) -> None:
        """This one held just now."""
        with self._lock:
            self._digests.pop(digest(token), None)
            self._digests[digest(token)] = None
            if len(self._digests) > REMEMBERED:
                del self._digests[next(iter(self._digests))]

    def knows(self, cookie_headers: list[str]) -> bool:
        """Whether one of these cookies is such a session's."""
        found = cookies(cookie_headers)
        return any(digest(found[name]) in self._digests for name in (SECURE_COOKIE, PLAIN_COOKIE) if name in found)


@dataclass(frozen=True)
class Gate:
    """The gate of one desk. `now` is Mesa's clock, `moment` the machine's."""

    desk: Any
    router: Router
    accounts: Sessions
    pages: Failures
    programs: Failures
    now: Callable[[], datetime]
    moment: Callable[[], datetime]
    rates: Rates = field(default_factory=Rates)
    seen: SeenSessions = field(default_factory=SeenSessions)

    def answer(self, raw: Raw) -> Any:
        """The answer: an Answer, or what a streaming route wants the reactor to do. Never raises."""
        routes, words = self.router.find(raw.path)
        told = self.programs if raw.path.startswith(API) else self.pages
        if not routes:
            return told.answer(404, 'there is no such page', *self._for_failure(raw))
        route = routes.get('GET' if raw.method == 'HEAD' else raw.method)
        if route is None or (route.streams and raw.method == 'HEAD'):
            also = ('HEAD',) if 'GET' in routes and not routes['GET'].streams else ()
            refused = told.answer(405, f'{raw.method} is not for this page', None, '')
            return refused.with_header('Allow', ', '.join(sorted({*routes, *also})))
        try:
            return self._through(route, words, raw, told)
        except DatabaseUnavailable as error:
            log.warning('%s %s cannot be served: %s', raw.method, route.path, error)
            return told.answer(503, 'the books do not answer', None, '').with_header('Retry-After', '5')
        except BadRequest as error:
            return told.answer(error.status, str(error), None, '')
        except Exception:
            log.exception('%s %s failed', raw.method, route.path)
            return told.answer(500, 'a defect of ours', None, '')

    def _through(self, route: Route, words: Mapping[str, str], raw: Raw, told: Failures) -> Any:
        if len(raw.body) > route.largest:
            raise BadRequest(413, 'too long')
        moment = self.moment()
        token, person = self._bearer(raw, moment) if route.is_api else self._session(raw, moment)
        if route.roles and person is None:
            if route.is_api:
                refused = told.answer(401, 'a token is needed: Authorization: Bearer mesa_...', None, '')
                return refused.with_header('WWW-Authenticate', 'Bearer')
            return self._to_sign_in(route, raw, told)
        if route.is_api and person is not None and (seconds := self.rates.wait_s(person.login)):
            slow = told.answer(429, f'too many calls with this token: wait {seconds} s', None, '')
            return slow.with_header('Retry-After', str(seconds))
        csrf = csrf_of(token) if token else ''
        if route.roles and person is not None and person.role not in route.roles:
            return told.answer(403, 'not for this role', person, csrf)
        if route.streams and not self._ours(raw):      # a WebSocket asks nobody's leave but ours, and says its page's origin
            return told.answer(403, 'from another page', person, csrf)
        is_form = raw.method in CHANGING and not route.is_api
        form, files = form_of(raw.header('content-type'), raw.body) if is_form else ({}, {})
        if is_form and not (csrf and self._ours(raw) and hmac.compare_digest(form.pop('csrf', '').encode(), csrf.encode())):
            return told.answer(403, 'csrf', person, csrf)
        visit = Visit(
            method=raw.method, path=raw.path, words=words, form=form, files=files, body=raw.body, person=person,
            csrf=csrf, token=token, address=raw.address, now=self.now(), moment=moment, secure=raw.secure,
            query=strict_pairs(raw.query) if route.is_api else pairs(raw.query),
            wanted_range=raw.header('range'),
            headers={name: raw.header(name) for name in raw.headers} if route.is_api else {})
        try:
            return route.handler(self.desk, visit)
        except UnknownFolio:
            return told.answer(404, 'it is not there, or not for you', person, csrf)
        except (IllegalMove, FolioChanged) as error:
            return told.answer(409, str(error), person, csrf)
        except (NotAllowed, TicketingError) as error:
            return told.answer(422, str(error), person, csrf)

    def _session(self, raw: Raw, moment: datetime) -> tuple[str, Person | None]:
        token = cookies(list(raw.headers.get('cookie', ()))).get(SECURE_COOKIE if raw.secure else PLAIN_COOKIE, '')
        person = self.accounts.session(token, moment) if token else None
        if person is not None:
            self.seen.add(token)
        return token, person

    def _bearer(self, raw: Raw, moment: datetime) -> tuple[str, Person | None]:
        kind, _, token = raw.header('authorization').partition(' ')
        return '', self.accounts.bearer(token.strip(), moment) if kind.lower() == 'bearer' else None

    def _for_failure(self, raw: Raw) -> tuple[Person | None, str]:
        """Who is told, so that his menu and his call stay on the page; and the word of his forms."""
        try:
            token, person = ('', None) if raw.path.startswith(API) else self._session(raw, self.moment())
        except DatabaseUnavailable:
            return None, ''
        except Exception:
            log.exception('%s: who asks cannot be told', raw.method)
            return None, ''
        return person, csrf_of(token) if person is not None else ''

    def _to_sign_in(self, route: Route, raw: Raw, told: Failures) -> Answer:
        if raw.method not in ('GET', 'HEAD') or route.streams:
            return told.answer(401, 'nobody is signed in', None, '')
        return see_other(f'{SIGN_IN}?ir={quote(raw.path, safe="/")}' if raw.path != '/' else SIGN_IN)

    def _ours(self, raw: Raw) -> bool:
        """Whether a browser says that the form stands on a page of ours; old ones say nothing."""
        if raw.header('sec-fetch-site') not in ('', 'same-origin', 'none'):
            return False
        origin = raw.header('origin')
        return origin == '' or urlsplit(origin).netloc.lower() == raw.header('host').lower()


def session_cookie(token: str, secure: bool, seconds: int | None = None) -> str:
    """The cookie that keeps a token. `seconds`: 0 takes it away; None: until the browser is closed."""
    name = SECURE_COOKIE if secure else PLAIN_COOKIE
    age = '' if seconds is None else f'; Max-Age={seconds}'
    return f'{name}={token}; Path=/; HttpOnly; SameSite=Lax{"; Secure" if secure else ""}{age}'


def path_of(raw: bytes) -> str:
    """The path of an address, decoded once. One that cannot be ours is '', or API: so that a program is told so in its own language."""
    nowhere = API if raw.startswith(API.encode()) else ''
    try:
        decoded = unquote_to_bytes(raw.partition(b'?')[0]).decode('utf-8')
    except UnicodeDecodeError:
        return nowhere
    return decoded if decoded.startswith('/') and decoded.isprintable() else nowhere
