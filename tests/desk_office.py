"""A desk for tests: two clients with folios, calls and faxes, people and tokens of every role, a gate to ask, a server to call."""
from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import insert, select
from twisted.internet.asyncioreactor import AsyncioSelectorReactor

from ami_listener.call_log import CallLog
from ami_listener.live import Live
from ami_listener.orders import Orders
from ami_listener.presence import PresenceBook
from ami_listener.tables import calls
from config.values import Contact, Modality, Site
from contracts.move_tables import site_moves
from desk.accounts.accounts import Accounts
from desk.accounts.passwords import csrf_of, digest, hashed, new_token
from desk.accounts.tables import desk_sessions, desk_users
from desk.accounts.values import Role
from desk.board.feed import BoardBooks, BoardFeed
from desk.calls.cards import Cards
from desk.calls.seats import Seats
from desk.desk import Desk
from desk.health import Health
from desk.routes import ROUTES
from desk.web.failures import PageFailures, ProgramFailures
from desk.web.frame import Answer, Router
from desk.web.gate import PLAIN_COOKIE, Gate, Raw
from desk.web.rates import Rates
from desk.web.relay import Relay
from desk.web.server import DeskServer, desk_threads
from desk.web.static import static_files
from desk.web.stream import Hub
from fax.tables import faxes
from storage.engine import Database
from tests import lives
from tests.desk_visits import place_in
from tests.kept_statements import keep
from ticketing.click_to_call import ClicksToCall
from ticketing.folios import FolioBook
from ticketing.lifecycle import LifeCycle
from ticketing.lists import FolioLists
from ticketing.overrides import Overrides
from ticketing.tables import folio_files
from ticketing.tables import folios as rows_of_folios

NOW = lives.NOW
MOMENT = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
OTHER_LINE = '+528005550201'
PASSWORD = 'una contraseña larga'
# Everything in it would be noticed: a script, the end of an attribute, an entity, a template's words, another direction of the text.
XSS = '"><script>alert(1)</script><img src=x onerror=alert(2)>\'&lt;{{ 7*7 }}\u202ecod.exe'
RUNNABLE = re.compile(rb'<script>alert|<img src=x|<b>@acme|\b49\b')
FORM = 'application/x-www-form-urlencoded'
# Who asks: (role, client); people and tokens have the same names, and a token the ending '-crm'.
WHO: Mapping[str, tuple[Role, str | None]] = {
    'ana': (Role.AGENT, None), 'sara': (Role.SUPERVISOR, None), 'adela': (Role.ADMIN, None), 'elena': (Role.CONTACT, 'acme'),
    'gil': (Role.CONTACT, 'globex')}
TOKENS: Mapping[str, tuple[Role, str | None]] = {
    'agent-crm': (Role.AGENT, None), 'supervisor-crm': (Role.SUPERVISOR, None), 'admin-crm': (Role.ADMIN, None),
    'acme-lead-crm': (Role.SUPERVISOR, 'acme'),
    'acme-agent-crm': (Role.AGENT, 'acme'), 'globex-agent-crm': (Role.AGENT, 'globex'), 'acme-crm': (Role.CONTACT, 'acme'),
    'globex-crm': (Role.CONTACT, 'globex')}


def site() -> Site:
    """acme and globex of tests/lives.py, each with lines and users of its own."""
    made = lives.site()
    other = replace(made.clients['globex'], contact=Contact('Gil Globex', 'gil@globex.example'), groups={}, users=(
        lives.user('77', client='globex', name=XSS, email='otra@globex.example', phones=('+525555550777',)),))
    return replace(made, clients=made.clients | {'globex': other}, lines=made.lines | {
        '+528005550301': replace(made.lines[OTHER_LINE], number='+528005550301', modality=Modality.FAX, queue=None)})


@dataclass
class Office:
    """A desk on a database, and what a test needs to ask it."""

    db: Database
    folder: Path
    site: Site = field(default_factory=site)
    now: datetime = NOW
    moment: datetime = MOMENT
    sessions: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    mine: str = ''
    others: str = ''
    complaint: str = ''
    reactor: Any = field(default_factory=lambda: AsyncioSelectorReactor(asyncio.new_event_loop()))

    def __post_init__(self) -> None:
        self.accounts = Accounts(self.db)
        self.desk = self._desk()
        self.gate = Gate(self.desk, Router(ROUTES), self.accounts, PageFailures(), ProgramFailures(), lambda: self.now,
                         lambda: self.moment, Rates(1_000_000))

    def _desk(self) -> Desk:
        """All of it but Asterisk, of which nothing is known here."""
        def of_site() -> Site:
            return self.site

        def moment() -> datetime:
            return self.moment
        reactor, presence = self.reactor, PresenceBook(self.db, of_site)
        live = Live(reactor, ('127.0.0.1', 1), ('desk', 'none'), moment)
        _, in_thread = desk_threads(reactor)
        hub = Hub(reactor, dict, lambda topic: None)
        seats = Seats(reactor, live, hub, Cards(self.db, of_site, lambda: self.now), presence, of_site, moment, in_thread)
        board = BoardFeed(reactor, live, presence, BoardBooks(self.db, of_site, lambda: self.now, moment), of_site, moment, in_thread, hub)
        return Desk(
            db=self.db, site=of_site, place=place_in(self.folder), accounts=self.accounts, folios=FolioBook(self.db),
            lists=FolioLists(self.db), lifecycle=LifeCycle(self.db, of_site), live=live, presence=presence,
            orders=Orders(live, of_site, CallLog(self.db).get, lambda folio, text, by: None), clicks=ClicksToCall(self.db, of_site),
            seats=seats, end_streams=lambda token: None, browser_password=lambda login: 'of a telephone',
            overrides=Overrides(self.db).current, board=board, health=Health((('Nada', lambda: ()),), moment), routes=ROUTES)

    @cached_property
    def life(self) -> LifeCycle:
        return self.desk.lifecycle

    def people(self) -> None:
        """Let everybody in, each with a session. By rows: ten passwords would cost a test a second."""
        with self.db.write() as connection:
            for login, (role, client) in WHO.items():
                self.sessions[login] = new_token()
                connection.execute(insert(desk_users).values(
                    login=login, name=f'{login.title()} {XSS}', role=role, client=client, password=_stored(), created_at=self.moment,
                    changed_at=self.moment))
                connection.execute(insert(desk_sessions).values(
                    token_sha256=digest(self.sessions[login]), login=login, address='198.51.100.7', created_at=self.moment,
                    seen_at=self.moment))

    def programs(self) -> None:
        """A token of every kind."""
        for name, (role, client) in TOKENS.items():
            self.tokens[name] = self.accounts.add_token(name, role=role, client=client, expires_at=None, by='test', now=self.moment)

    def folios(self) -> None:
        """One of acme, one of globex, a complaint about ana; all told in hostile words."""
        hostile = {'user_name': XSS, 'summary': XSS, 'description': XSS, 'user_email': 'x"><b>@acme.example'}
        self.mine = self.life.open(lives.report(**hostile), self.now).number
        self.others = self.life.open(lives.report(
            client='globex', line=OTHER_LINE, employee_number='77', caller_number='+525555550777', **hostile), self.now).number
        self.complaint = self.life.open(lives.report(kind='complaint', complained_of='ana', summary='se queja'), self.now).number
        for number in (self.mine, self.others):
            self.life.note(number, text=XSS, by='ana', now=self.now)

    def register(self) -> None:
        """A call and a fax of each client."""
        with self.db.write() as connection:
            for n, (line, folio, client) in enumerate(((lives.STANDARD, self.mine, 'acme'), (OTHER_LINE, self.others, 'globex'))):
                connection.execute(insert(calls).values(
                    linkedid=f'mesa-{n}.1', direction='in', started=self.now + timedelta(seconds=n), line=line, ani=XSS[:40],
                    recorded=False, folio=folio))
                connection.execute(insert(folio_files).values(
                    id=n + 1, folio_id=select(rows_of_folios.c.id).where(rows_of_folios.c.number == folio).scalar_subquery(),
                    kind='attachment', name='0' * 64, sha256='0' * 64, seconds=0, at=self.now, title=XSS, content_type='text/html', size=9))
                connection.execute(insert(faxes).values(
                    id=n + 1, reference=f'F{n}0000000', file=f'fax{n}', sha256='a' * 64, size=9, line=line, client=client,
                    caller_number=XSS[:40], caller_name=XSS[:80], called_number=line, device='ttyIAX0', commid=str(n), reason='',
                    received_at=self.now, state='held', damage=[XSS]))

    def moves(self) -> None:
        """A site of each client that moves, told in hostile words."""
        with self.db.write() as connection:
            for n, client in enumerate(('acme', 'globex'), 1):
                connection.execute(insert(site_moves).values(
                    id=900 + n, reference=f'M0000000{n}', client=client, site=XSS[:60], notice=XSS[:60], received_on=self.now.date(),
                    wanted_on=self.now.date() + timedelta(days=60), destination=XSS, modalities=['standard'], state='not_feasible',
                    version=1, recorded_at=self.now, agreed=XSS, answer=XSS, answered_at=self.now, ended_why=''))

    def statements(self) -> None:
        """An issued statement of each client."""
        for client, month in (('acme', '2026-10'), ('globex', '2026-09')):
            keep(self.db, client, month)

    def ask(self, method: str, target: str, body: bytes = b'', who: str = '', **headers: str) -> Answer:
        """Ask the gate as somebody, or nobody; underscores in header names are dashes."""
        path, _, query = target.partition('?')
        told = {name.replace('_', '-'): (value,) for name, value in headers.items()}
        told.setdefault('host', ('mesa.example',))
        if who in self.sessions:
            told.setdefault('cookie', (f'{PLAIN_COOKIE}={self.sessions[who]}',))
        if who in self.tokens:
            told.setdefault('authorization', (f'Bearer {self.tokens[who]}',))
        answer = self.gate.answer(Raw(method, path, query.encode(), told, body, '198.51.100.7'))
        assert not isinstance(answer, Answer) or answer.status != 500, f'{method} {target} as {who or "nobody"} is a defect of ours'
        return answer  # type: ignore[no-any-return]

    def post(self, path: str, who: str, **fields: str) -> Answer:
        """Post a page's form with the right word."""
        body = urlencode({'csrf': csrf_of(self.sessions[who]), **fields}).encode()
        return self.ask('POST', path, body, who, content_type=FORM)

    def call(self, method: str, path: str, who: str, told: Any = None, **headers: str) -> tuple[int, Any]:
        """Call the API; the status, and what came back."""
        body = b'' if told is None else json.dumps(told).encode()
        answer = self.ask(method, f'/api/v1{path}', body, who, **{'content_type': 'application/json', **headers})
        return answer.status, json.loads(answer.body)

    def version(self, number: str) -> int:
        folio = self.desk.folios.get(number)
        assert folio is not None
        return folio.version


@cache
def _stored() -> str:
    return hashed(PASSWORD)


def office(db: Database, folder: Path) -> Office:
    """A desk with everybody and everything in it."""
    made = Office(db, folder)
    made.people()
    made.programs()
    made.folios()
    made.register()
    made.statements()
    made.moves()
    return made


@contextmanager
def served(one: Office) -> Iterator[int]:
    """The desk on a port of loopback, on a reactor of its own, while the block runs."""
    reactor = AsyncioSelectorReactor(asyncio.new_event_loop())
    hub = Hub(reactor, lambda: {'asterisk': 'up'}, lambda topic: None)
    service = DeskServer(reactor, one.gate, hub, Relay(reactor, '127.0.0.1', 1), static_files(), *desk_threads(reactor), '127.0.0.1', 0)
    started = threading.Event()
    reactor.callWhenRunning(lambda: (service.startService(), started.set()))
    reactor.addSystemEventTrigger('before', 'shutdown', service.stopService)
    loop = threading.Thread(target=reactor.run, kwargs={'installSignalHandlers': False}, name='reactor-of-a-test')
    loop.start()
    try:
        assert started.wait(10) and service.port is not None
        yield service.port
    finally:
        reactor.callFromThread(reactor.stop)
        loop.join(10)
