"""A desk for the pages of supervisors, admins and contacts: real books, the real gate, and a live picture that a test paints.

The picture is a real `Live` that was never started: nothing comes from a telephone, and orders find no link.
"""
from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import insert, select
from twisted.internet.defer import maybeDeferred
from twisted.internet.task import Clock

from ami_listener.board import Board, Seat, Waiting
from ami_listener.call_log import CallLog
from ami_listener.live import Live
from ami_listener.orders import Orders
from ami_listener.presence import PresenceBook
from ami_listener.tables import calls
from config.place import Place, Ports
from config.values import Contact, Override, QueueDef, Site
from desk.accounts.accounts import Accounts
from desk.accounts.passwords import csrf_of, digest, new_token
from desk.accounts.tables import desk_sessions, desk_users
from desk.accounts.values import Role
from desk.board.feed import BoardBooks, BoardFeed
from desk.calls.cards import Cards
from desk.calls.seats import Seats
from desk.desk import Desk
from desk.health import Health, Look
from desk.routes import ROUTES
from desk.web.failures import PageFailures, ProgramFailures
from desk.web.frame import Router
from desk.web.gate import PLAIN_COOKIE, Gate, Raw
from desk.web.stream import Hub
from storage.engine import Database
from tests import lives
from tests.desk_reader import Page
from ticketing.click_to_call import ClicksToCall
from ticketing.folios import FolioBook
from ticketing.lifecycle import LifeCycle
from ticketing.lists import FolioLists
from ticketing.tables import folios
from ticketing.values import EntryKind

NOW = lives.NOW
GLOBEX_LINE = '+528005550201'
XSS = '"><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*7 }}'
RUNNABLE = re.compile(r'<script>alert|<img src=x|\b49\b<')
PEOPLE = {'ana': (Role.AGENT, None), 'sara': (Role.SUPERVISOR, None), 'adela': (Role.ADMIN, None), 'elena': (Role.CONTACT, 'acme'),
          'gil': (Role.CONTACT, 'globex')}


def floor_site(**policy: Any) -> Site:
    """acme and globex of tests/lives.py, the latter with a queue and a contact of its own."""
    made = lives.site(lives.Policy(**policy))
    other = replace(made.clients['globex'], contact=Contact('Gil Globex', 'gil@globex.example'))
    return replace(made, clients=made.clients | {'globex': other}, queues=made.queues | {'globex': QueueDef('globex', 'globex')},
                   lines=made.lines | {GLOBEX_LINE: replace(made.lines[GLOBEX_LINE], queue='globex')})


class Floor:
    """A desk on a database. `site`, `now` and `moment` may be exchanged while it is open."""

    def __init__(self, db: Database, folder: Path, site: Site | None = None, looks: Iterable[Look] = ()) -> None:
        self.db = db
        self.site = site or floor_site()
        self.now = self.moment = NOW
        self.stored: tuple[Override, ...] = ()
        self.clock = Clock()
        self.accounts = Accounts(db)
        self.life = LifeCycle(db, lambda: self.site)
        self.presence = PresenceBook(db, lambda: self.site)
        self.live = Live(self.clock, ('127.0.0.1', 1), ('desk', 'x'), lambda: self.moment)
        self.hub = Hub(self.clock, dict, lambda topic: None)
        self.books = BoardBooks(db, lambda: self.site, lambda: self.now, lambda: self.moment)
        self.feed = BoardFeed(self.clock, self.live, self.presence, self.books, lambda: self.site, lambda: self.moment, maybeDeferred,
                              self.hub)
        call_log = CallLog(db, str)
        self.desk = Desk(
            db=db, site=lambda: self.site, place=Place(folder, Path('/'), Ports(1, 2, 3, 4, 5)), accounts=self.accounts,
            folios=FolioBook(db), lists=FolioLists(db), lifecycle=self.life, live=self.live, presence=self.presence,
            orders=Orders(self.live, lambda: self.site, call_log.get,
                          lambda folio, text, by: FolioBook(db).note(folio, EntryKind.ACCESS, text, by, self.now)),
            clicks=ClicksToCall(db, lambda: self.site),
            seats=Seats(self.clock, self.live, self.hub, Cards(db, lambda: self.site, lambda: self.now), self.presence, lambda: self.site,
                        lambda: self.moment, maybeDeferred),
            end_streams=lambda token: None, browser_password=lambda login: '', overrides=lambda now: self.stored, board=self.feed,
            health=Health(tuple(looks), lambda: self.moment, timedelta()), routes=ROUTES)
        self.gate = Gate(self.desk, Router(ROUTES), self.accounts, PageFailures(), ProgramFailures(), lambda: self.now, lambda: self.moment)
        self.tokens: dict[str, str] = {}
        self._let_in()

    def _let_in(self) -> None:
        """Everybody, each with a session. By rows: real passwords would cost each test a second."""
        with self.db.write() as connection:
            for login, (role, client) in PEOPLE.items():
                self.tokens[login] = new_token()
                connection.execute(insert(desk_users).values(login=login, name=f'{login.title()} {XSS}', role=role, client=client,
                                                             password='-', created_at=NOW, changed_at=NOW))
                connection.execute(insert(desk_sessions).values(token_sha256=digest(self.tokens[login]), login=login,
                                                                address='198.51.100.7', created_at=NOW, seen_at=NOW))

    def get(self, who: str, path: str) -> Page:
        return self._ask(who, 'GET', path, b'')

    def post(self, who: str, path: str, **form: Any) -> Page:
        return self._ask(who, 'POST', path, urlencode({'csrf': csrf_of(self.tokens[who])} | form).encode())

    def _ask(self, who: str, method: str, path: str, body: bytes) -> Page:
        bare, _, query = path.partition('?')
        headers = {'cookie': (f'{PLAIN_COOKIE}={self.tokens[who]}',), 'host': ('mesa.example',),
                   'content-type': ('application/x-www-form-urlencoded',)}
        return Page(self.gate.answer(Raw(method, bare, query.encode(), headers, body, '198.51.100.7')))

    # --- what there is to see --------------------------------------------------------------------------------------

    def open(self, **facts: Any) -> str:
        """A folio of acme."""
        return self.life.open(lives.report(**({'clock_starts': self.now} | facts)), self.now).number

    def version(self, number: str) -> int:
        with self.db.read() as connection:
            return int(connection.scalar(select(folios.c.version).where(folios.c.number == number)) or 0)

    def paint(self, waiting: Iterable[datetime] = (), seats: dict[str, Seat] | None = None) -> None:
        """A current picture: callers of acme who wait since these moments, and telephones in its queue."""
        callers = {f'c{number}': Waiting(f'c{number}', '5555550101', since) for number, since in enumerate(waiting)}
        self.live.board = Board({'acme': callers}, {'acme': seats or {}, 'globex': {}})
        self.live.is_fresh, self.live.fresh_at = True, self.moment

    def cut(self) -> None:
        """The link is lost, as `Live` tells it."""
        self.live.is_fresh, self.live.board = False, Board()

    def called(self, *waits: tuple[datetime, float, bool], queue: str = 'acme') -> None:
        """Calls of the log: when each joined, for how many seconds he waited, whether an agent took it."""
        with self.db.write() as connection:
            for joined, seconds, answered in waits:
                left = joined + timedelta(seconds=seconds)
                connection.execute(insert(calls).values(
                    linkedid=f'{queue}-{joined.timestamp()}-{seconds}', direction='in', started=joined, joined=joined, left_queue=left,
                    wait_s=seconds, queue=queue, agent='ana' if answered else None, agent_answered=left if answered else None, ended=left,
                    recorded=False, disposition='answered' if answered else 'abandoned', line=lives.STANDARD))


def at(hour: int, minute: int = 0, second: int = 0) -> datetime:
    """A time of the day of NOW in Mexico City, as UTC."""
    return datetime(2026, 11, 24, hour, minute, second, tzinfo=lives.MEXICO).astimezone(UTC)
