"""A small site and a hand-driven clock for tests of a folio's life; Tuesday 2026-11-24 10:00 in Mexico City is NOW."""
from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from config.hours import zone
from config.values import (
    Agent,
    Application,
    Calendar,
    Category,
    Client,
    Contact,
    Emergency,
    HolidayBook,
    Line,
    Modality,
    Policy,
    QueueDef,
    ResolverGroup,
    Site,
    Span,
    User,
)
from storage.engine import Database
from ticketing.changes import changes_of, clock_of
from ticketing.folio_rows import id_of
from ticketing.folios import FolioBook
from ticketing.levels.clock import Clock
from ticketing.lifecycle import LifeCycle
from ticketing.tables import close_calls, outbox
from ticketing.values import Change, Folio, Report

NOW = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
STANDARD, PREMIUM = '+528005550101', '+528005550102'
MEXICO = zone('America/Mexico_City')
WEEK = {day: (Span(480, 1200),) for day in range(1, 6)}


def agent(login: str, supervisor: bool = False, queue: str = 'acme', email: str | None = None) -> Agent:
    return Agent(login=login, name=f'{login.title()} Pérez', extension=str(1000 + len(login)), queues=(queue,), supervisor=supervisor,
                 email=f'{login}@mesa.example' if email is None else email)


def user(number: str = '1234', **facts: Any) -> User:
    return User(**({'client': 'acme', 'employee_number': number, 'name': 'José Ñúñez', 'email': 'jose@acme.example',
                    'phones': ('+525555550101',), 'site': 'cdmx', 'vip': False} | facts))


def client(**facts: Any) -> Client:
    return Client(**({
        'key': 'acme', 'name': 'Acme México', 'modalities': frozenset({Modality.STANDARD, Modality.PREMIUM}), 'users': (user(),),
        'trunk_numbers': frozenset({'+525555559000'}), 'vip_queue': None,
        'categories': (Category('3', 'mail', 'Correo electrónico', 'mesa/category-mail'),), 'site_calendars': {},
        'contact': Contact('Elena Ruiz', 'elena@acme.example', '+525555550199'),
        'groups': {
            'redes': ResolverGroup('redes', 'Redes', True, 'redes@mesa.example', agents=('beto', 'luis')),
            'sap': ResolverGroup('sap', 'Soporte SAP', False, 'sap@proveedor.example')},
        'applications': {
            'word': Application('word', 'Word', ('2021',), Modality.STANDARD),
            'old': Application('old', 'Antigua', ('1',), Modality.STANDARD, active=False),
            'erp': Application('erp', 'ERP', ('9',), Modality.PREMIUM, material=('manual.pdf',)),
            'bare': Application('bare', 'Sin material', ('1',), Modality.PREMIUM)}} | facts))


def site(policy: Policy | None = None, agents: tuple[Agent, ...] | None = None, **of_client: Any) -> Site:
    acme = client(**({'policy': policy} if policy else {}), **of_client)
    other = replace(acme, key='globex', name='Globex')
    people = agents if agents is not None else (agent('ana'), agent('beto'), agent('luis'), agent('sara', supervisor=True))
    lines = [Line(STANDARD, 'acme', Modality.STANDARD, 'week', 'acme', None, 'x'),
             Line(PREMIUM, 'acme', Modality.PREMIUM, 'week', 'acme', None, 'x'),
             Line('+528005550201', 'globex', Modality.STANDARD, 'week', 'acme', None, 'x')]
    return Site(
        name='prueba', demo=True, zone=MEXICO, clients={'acme': acme, 'globex': other}, lines={line.number: line for line in lines},
        calendars={'week': Calendar('week', MEXICO, 'CMX', WEEK)}, holidays=HolidayBook(), menus={},
        queues={'acme': QueueDef('acme', 'acme')}, agents={one.login: one for one in people}, trunks=(),
        emergency=Emergency(('911',), '127.0.0.1'))


def report(**facts: Any) -> Report:
    return Report(**({
        'line': STANDARD, 'client': 'acme', 'modality': 'standard', 'clock_starts': NOW, 'rule': 'opened by ana', 'employee_number': '1234',
        'user_name': 'José Ñúñez', 'user_email': 'jose@acme.example', 'caller_number': '+525555550101', 'identified_by': 'caller_id',
        'origin': 'person', 'summary': 'No imprime', 'category': 'mail'} | facts))


class Desk:
    """A life cycle with its books; `site` may be exchanged, as an apply does."""

    def __init__(self, db: Database, of: Site | None = None) -> None:
        self.db = db
        self.site = of or site()
        self.life = LifeCycle(db, lambda: self.site)
        self.book = FolioBook(db)

    def open(self, now: datetime = NOW, **facts: Any) -> str:
        return self.life.open(report(**({'clock_starts': now} | facts)), now).number

    def get(self, number: str) -> Folio:
        found = self.book.get(number)
        assert found is not None
        return found

    def kinds(self, number: str) -> list[str]:
        return [entry.kind for entry in self.book.timeline(number)]

    def last(self, number: str) -> tuple[str, str, str]:
        """Kind, text and author of the newest entry."""
        entry = self.book.timeline(number)[-1]
        return entry.kind, entry.text, entry.by

    def changes(self, number: str) -> tuple[Change, ...]:
        with self.db.read() as connection:
            return changes_of(connection, id_of(connection, number))

    def clock(self, number: str, now: datetime) -> Clock:
        with self.db.read() as connection:
            clock = clock_of(connection, id_of(connection, number), self.get(number), self.site, now)
        assert clock is not None
        return clock

    def letters(self, *names: str) -> list[Any]:
        """The rows of the outbox with one of these names (of none given: all), in the order in which they were written."""
        with self.db.read() as connection:
            rows = connection.execute(select(outbox).order_by(outbox.c.id)).all()
        return [row for row in rows if not names or row.notice in names]

    def asked(self, number: str) -> list[Any]:
        """The close_calls rows of a folio."""
        with self.db.read() as connection:
            return list(connection.execute(select(close_calls).where(
                close_calls.c.folio_id == id_of(connection, number)).order_by(close_calls.c.id)))
