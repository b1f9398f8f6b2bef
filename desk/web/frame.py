"""What a page or a call of the API is made of, as values: routes, visits and answers."""
from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

from desk.accounts.values import Person, Role

HTML = 'text/html; charset=utf-8'
JSON = 'application/json; charset=utf-8'
_RANGE = re.compile(r'bytes=(\d{1,12})-(\d{0,12})')


@dataclass(frozen=True)
class Upload:
    """A file as a browser sent it; `title` is the sender's word for it and nothing else."""

    title: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One request, read and checked. `person` is whoever asks; only public routes are asked by nobody.

    `now` is Mesa's clock; `today` of the machine. Texts of `form` and `query` hold no control characters but line ends.
    """

    method: str
    path: str
    words: Mapping[str, str]                           # the {named} parts of the path
    query: Mapping[str, str]
    form: Mapping[str, str]
    files: Mapping[str, Upload]
    body: bytes = field(repr=False)
    person: Person | None
    csrf: str = field(repr=False)
    token: str = field(repr=False)                     # of the session, '' without one
    address: str
    now: datetime
    moment: datetime                                   # the machine's clock, which nobody stops
    secure: bool                                       # the browser reached us by TLS
    wanted_range: str = ''                             # the Range header: a player asks for a part of a recording
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)    # of an API call; names in small letters

    @property
    def who(self) -> Person:
        """The person of a route that is not public."""
        assert self.person is not None
        return self.person


@dataclass(frozen=True)
class Answer:
    """What goes back. `cookies` are whole Set-Cookie values."""

    status: int
    body: bytes = b''
    content_type: str = HTML
    headers: tuple[tuple[str, str], ...] = ()
    cookies: tuple[str, ...] = ()

    def with_header(self, name: str, value: str) -> Answer:
        """The same answer with one header more."""
        return replace(self, headers=(*self.headers, (name, value)))


Handler = Callable[[Any, Visit], Answer]               # the first argument is the Desk


@dataclass(frozen=True)
class Route:
    """One line of the table of routes. `roles` may call it; none: everybody, without signing in.

    `form`, `takes` and `gives` are pydantic models: of a page's form, of the API's body and answer.
    """

    method: str
    path: str
    handler: Handler
    roles: frozenset[Role]
    summary: str
    form: Any = None
    takes: Any = None
    gives: Any = None
    query: tuple[tuple[str, str], ...] = ()            # of a page: name, what it means
    asks: Any = None                                   # of the API: the pydantic model of its query
    creates: bool = False                              # 201, or 200 when it was done before under the same Idempotency-Key
    largest: int = 65_536                              # bytes of a body
    streams: bool = False                              # answered by the reactor: events, a telephone's socket
    media: str = ''                                    # of an answer that is neither page nor JSON

    @property
    def is_api(self) -> bool:
        """Whether a program calls it: by a token instead of a cookie."""
        return self.path.startswith('/api/')


class Router:
    """Finds the route of an address. A path with a {word} comes after the plain ones, so `/folios/nuevo` is no folio."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._plain: dict[str, dict[str, Route]] = {}
        self._shaped: dict[str, dict[str, Route]] = {}
        for route in self.routes:
            table = self._shaped if '{' in route.path else self._plain
            assert route.method not in table.setdefault(route.path, {}), f'{route.method} {route.path} stands twice'
            table[route.path][route.method] = route
        self._patterns = [(_pattern(path), methods) for path, methods in self._shaped.items()]

    def find(self, path: str) -> tuple[dict[str, Route], dict[str, str]]:
        """The routes of a path by method, none if there is no such path; and the path's words."""
        if path in self._plain:
            return self._plain[path], {}
        for pattern, methods in self._patterns:
            if found := pattern.fullmatch(path):
                return methods, found.groupdict()
        return {}, {}


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r'\{(\w+)\}', path)
    return re.compile(''.join(re.escape(part) if n % 2 == 0 else f'(?P<{part}>[^/]{{1,200}})' for n, part in enumerate(parts)))


def see_other(path: str, cookies: tuple[str, ...] = ()) -> Answer:
    """Go and look there; what a POST answers when it is done. `path` is ours."""
    assert path.startswith('/') and not path.startswith('//')
    return Answer(303, b'', HTML, (('Location', path),), cookies)


def json_answer(value: Any, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """A value that JSON knows."""
    return Answer(status, json.dumps(value, ensure_ascii=False, separators=(',', ':')).encode(), JSON, headers)


def download(data: bytes, content_type: str, title: str, inline: bool = False, wanted_range: str = '') -> Answer:
    """A file, or the part of it that a player asks for. Only what a browser cannot run is shown within the page; all else is saved."""
    how = 'inline' if inline else 'attachment'
    plain = re.sub(r'[^A-Za-z0-9._-]', '_', title)[:100] or 'archivo'
    whole = quote(title[:150].encode('utf-8', 'replace'), safe='')
    headers = (('Content-Disposition', f"{how}; filename=\"{plain}\"; filename*=UTF-8''{whole}"),
               ('Accept-Ranges', 'bytes'))
    asked = _RANGE.fullmatch(wanted_range.strip())
    if asked is None or not data:
        return Answer(200, data, content_type, headers)
    first, last = int(asked[1]), min(int(asked[2] or len(data)), len(data) - 1)
    if first > last:
        return Answer(416, b'', content_type, (*headers, ('Content-Range', f'bytes */{len(data)}')))
    return Answer(206, data[first:last + 1], content_type, (*headers, ('Content-Range', f'bytes {first}-{last}/{len(data)}')))
