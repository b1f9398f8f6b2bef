"""A desk without a port: visits go through the real gate to the real pages, on a database of a test."""
from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import insert

from ami_listener.presence import PresenceBook
from config.place import Place, Ports
from desk.accounts.accounts import Accounts
from desk.accounts.passwords import csrf_of, digest, new_token
from desk.accounts.tables import desk_sessions, desk_users
from desk.accounts.values import Role
from desk.desk import Desk
from desk.routes import ROUTES
from desk.web.failures import PageFailures, ProgramFailures
from desk.web.frame import Router
from desk.web.gate import PLAIN_COOKIE, Gate, Raw
from storage.engine import Database
from tests.desk_reader import Page
from ticketing.click_to_call import ClicksToCall
from ticketing.folios import FolioBook
from ticketing.lifecycle import LifeCycle
from ticketing.lists import FolioLists

BOUNDARY = '----mesa'


@dataclass
class Visitor:
    """Somebody with a session."""

    gate: Gate
    token: str
    address: str = '127.0.0.1'

    def get(self, path: str, **headers: str) -> Page:
        return self._ask('GET', path, b'', headers)

    def post(self, path: str, **form: Any) -> Page:
        body = urlencode({'csrf': csrf_of(self.token)} | form).encode()
        return self._ask('POST', path, body, {'content-type': 'application/x-www-form-urlencoded'})

    def upload(self, path: str, title: str, data: bytes, **form: str) -> Page:
        parts = [f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
                 for name, text in ({'csrf': csrf_of(self.token)} | form).items()]
        quoted = title.replace('"', '%22')
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="archivo"; filename="{quoted}"\r\n\r\n'
        parts.append(head.encode() + data + b'\r\n')
        return self._ask('POST', path, b''.join(parts) + f'--{BOUNDARY}--\r\n'.encode(),
                         {'content-type': f'multipart/form-data; boundary={BOUNDARY}'})

    def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Page:
        bare, _, query = path.partition('?')
        told = {'cookie': (f'{PLAIN_COOKIE}={self.token}',), 'host': ('mesa.example',)}
        told |= {name.replace('_', '-'): (value,) for name, value in headers.items()}
        return Page(self.gate.answer(Raw(method, bare, query.encode(), told, body, self.address)))


@dataclass
class TestDesk:
    """A desk on a database, with a clock that a test sets. `grown` notes which folios were told to have grown."""

    __test__ = False

    db: Database
    site: Any
    root: Path
    now: datetime
    asterisk: Any = None                               # what stands for the live picture and its orders; none is served here
    grown: list[str] = field(default_factory=list)
    written: list[tuple[str, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.life = LifeCycle(self.db, lambda: self.site)
        self.place = place_in(self.root)
        self.accounts = Accounts(self.db)
        self.desk = Desk(
            db=self.db, site=lambda: self.site, place=self.place, accounts=self.accounts, folios=FolioBook(self.db),
            lists=FolioLists(self.db), lifecycle=self.life, presence=PresenceBook(self.db, lambda: self.site),
            clicks=ClicksToCall(self.db, lambda: self.site), live=self.asterisk, orders=self.asterisk, seats=self.asterisk,
            end_streams=lambda token: None, browser_password=lambda login: '', overrides=lambda since: (), board=self.asterisk,
            health=self.asterisk, routes=ROUTES, grown=self.grown.append,
            writing=lambda number, person, what: self.written.append((number, person.login, what)))
        self.gate = Gate(self.desk, Router(ROUTES), self.accounts, PageFailures(), ProgramFailures(), lambda: self.now,
                         lambda: datetime.now(UTC))

    def visitor(self, login: str, role: Role = Role.AGENT, client: str | None = None, name: str = '') -> Visitor:
        """Somebody new who has signed in."""
        moment, token = datetime.now(UTC), new_token()
        with self.db.write() as connection:            # without the tenths of a second that a password's digest costs, twice
            connection.execute(insert(desk_users).values(
                login=login, name=name or login.title(), role=role, client=client, password='', created_at=moment, changed_at=moment))
            connection.execute(insert(desk_sessions).values(
                token_sha256=digest(token), login=login, address='127.0.0.1', created_at=moment, seen_at=moment))
        return Visitor(self.gate, token)


def place_in(root: Path) -> Place:
    """An instance's folders below a folder of a test; nothing runs there."""
    place = Place(root, Path('/'), Ports(1, 2, 3, 4, 5))
    for folder in (place.messages, place.recordings, place.attachments):
        folder.mkdir(parents=True, exist_ok=True)
    return place
