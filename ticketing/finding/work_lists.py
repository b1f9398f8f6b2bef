"""The lists that people at the desk work from, page by page, and how many stand in each (mission.md 6.2, 6.4).

Every list reads an index in its own order and stops at the end of the page; none takes longer because a million folios were closed
before. Complaints are few, so that leaving out those which the viewer must not see costs nothing.
"""
from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, ScalarSelect, Select, and_, func, literal, or_, select, text

from config.values import Site
from storage.engine import Database
from storage.types import UtcDateTime
from ticketing.finding.keys import Key, Page, page_of
from ticketing.finding.viewers import Viewer, visible
from ticketing.lists import WorkItem
from ticketing.tables import DONE, OPEN, folios
from ticketing.values import OPEN_STATES, State

MANY = 99
# Word for word the conditions of the partial indexes: with parameters in their place SQLite would not see that they serve.
_IS_OPEN, _IS_DONE = text(OPEN), text(DONE)
ITEM = select(folios.c.id.label('_id'), *(folios.c[name] for name in WorkItem.__dataclass_fields__))
Condition = Any                                        # what `where` takes: also the literal text of a partial index's condition
Group = tuple[str, str]                                # client's key, group's key


@dataclass(frozen=True)
class Bounded:
    """How many, up to MANY; beyond it nobody counts on."""

    many: int

    def __str__(self) -> str:
        return f'{MANY}+' if self.many > MANY else str(self.many)


@dataclass(frozen=True)
class Tabs:
    """How many folios stand in each of a person's lists."""

    mine: Bounded
    groups: Bounded
    breaching: Bounded
    unassigned: Bounded
    open: Bounded


def groups_of(site: Site, login: str) -> tuple[Group, ...]:
    """The resolver groups that an agent is in."""
    return tuple((client.key, key) for client in site.clients.values() for key, group in client.groups.items() if login in group.agents)


class WorkLists:
    """The lists of one database, each for a viewer. `after` is the token of the page before.

    Every method is one read and raises BadPage for a token that says nothing, and DatabaseUnavailable. What is promised first stands
    first, and what is not promised last, unless the method says otherwise.
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    def mine(self, viewer: Viewer, limit: int = 50, after: str | None = None, client: str | None = None) -> Page[WorkItem]:
        """The open folios that the viewer has."""
        return self._promised(viewer, (_mine(viewer), *_of_client(client)), limit, after)

    def of_groups(self, viewer: Viewer, groups: Collection[Group], limit: int = 50, after: str | None = None) -> Page[WorkItem]:
        """The open folios of resolver groups, also those that a member has taken."""
        return self._promised(viewer, (_of_groups(groups),), limit, after)

    def breaching(self, viewer: Viewer, until: datetime, client: str | None = None, limit: int = 50,
                  after: str | None = None) -> Page[WorkItem]:
        """The open folios promised by `until` (now and a while), the longest overdue first."""
        return self._promised(viewer, (folios.c.promised <= until, *_of_client(client)), limit, after, promised_only=True)

    def unassigned(self, viewer: Viewer, client: str | None = None, limit: int = 50, after: str | None = None) -> Page[WorkItem]:
        """The open folios that nobody has."""
        return self._promised(viewer, (folios.c.holder == 'nobody', *_of_client(client)), limit, after)

    def all_open(self, viewer: Viewer, client: str | None = None, limit: int = 50, after: str | None = None) -> Page[WorkItem]:
        """All open folios."""
        return self._promised(viewer, _of_client(client), limit, after)

    def closed(self, viewer: Viewer, client: str, limit: int = 50, after: str | None = None) -> Page[WorkItem]:
        """A client's folios that are closed or cancelled, the last one first; without those whose personal data are erased."""
        closed = (folios.c.client == client, folios.c.closed_at.is_not(None), folios.c.erased_at.is_(None), visible(viewer))
        return self._newest(folios.c.closed_at, closed, limit, after)

    def of_client(self, viewer: Viewer, client: str, state: State | None = None, only_open: bool = False, limit: int = 50,
                  after: str | None = None) -> Page[WorkItem]:
        """All folios of a client, the newest first; those in one state, or those that are open."""
        conditions: list[Condition] = [folios.c.client == client, visible(viewer)]
        if only_open or state in OPEN_STATES:
            conditions.append(_IS_OPEN)
        if state is not None:
            conditions += [folios.c.state == state.value, *(() if state in OPEN_STATES else (_IS_DONE,))]
        return self._newest(folios.c.opened_at, conditions, limit, after)

    def tabs(self, viewer: Viewer, groups: Collection[Group], breach_until: datetime) -> Tabs:
        """How many folios each list of the viewer has."""
        conditions = (_mine(viewer), _of_groups(groups), folios.c.promised <= breach_until, folios.c.holder == 'nobody', literal(True))
        with self._db.read() as connection:
            return Tabs(*map(Bounded, connection.execute(select(*(_count(viewer, condition) for condition in conditions))).one()))

    def _promised(self, viewer: Viewer, conditions: Sequence[Condition], limit: int, after: str | None,
                  promised_only: bool = False) -> Page[WorkItem]:
        key = Key.read(after)
        with self._db.read() as connection:
            return page_of(_by_promise(connection, (*conditions, visible(viewer)), limit, key, promised_only), limit)

    def _newest(self, column: ColumnElement[Any], conditions: Sequence[Condition], limit: int, after: str | None) -> Page[WorkItem]:
        key = Key.read(after)
        wanted = ITEM.where(*conditions)
        if key is not None:
            at = literal(key.at, UtcDateTime())
            wanted = wanted.where(column <= at, or_(column < at, folios.c.id < key.id))
        with self._db.read() as connection:
            return page_of(_found(connection, wanted.order_by(column.desc(), folios.c.id.desc()), limit, column.key or ''), limit)


def _by_promise(connection: Connection, conditions: Sequence[Condition], limit: int, key: Key | None,
                promised_only: bool = False) -> list[tuple[Key, WorkItem]]:
    """A page and one more. In two reads, each in the order of an index: of the promised, and then of the others."""
    wanted = ITEM.where(_IS_OPEN, *conditions)
    found: list[tuple[Key, WorkItem]] = []
    if key is None or key.at is not None:
        promised = wanted.where(folios.c.promised.is_not(None))
        if key is not None:
            at = literal(key.at, UtcDateTime())
            promised = promised.where(folios.c.promised >= at, or_(folios.c.promised > at, folios.c.id > key.id))
        found = _found(connection, promised.order_by(folios.c.promised, folios.c.id), limit, 'promised')
    if len(found) <= limit and not promised_only:
        others = wanted.where(folios.c.promised.is_(None))
        if key is not None and key.at is None:
            others = others.where(folios.c.id > key.id)
        found += _found(connection, others.order_by(folios.c.id), limit - len(found), 'promised')
    return found


def _found(connection: Connection, wanted: Select[Any], limit: int, at: str) -> list[tuple[Key, WorkItem]]:
    rows = connection.execute(wanted.limit(limit + 1))
    return [(Key(item_row._mapping[at], item_row[0]), WorkItem(*item_row[1:])) for item_row in rows]


def _count(viewer: Viewer, condition: Condition) -> ScalarSelect[int]:
    some = select(literal(1)).select_from(folios).where(_IS_OPEN, condition, visible(viewer)).limit(MANY + 1).subquery()
    return select(func.count()).select_from(some).scalar_subquery()


def _mine(viewer: Viewer) -> ColumnElement[bool]:
    return folios.c.agent == viewer.login


def _of_groups(groups: Collection[Group]) -> ColumnElement[bool]:
    pairs = [and_(folios.c.resolver_group == group, folios.c.client == client) for client, group in dict.fromkeys(groups)]
    return or_(*pairs) if pairs else literal(False)


def _of_client(client: str | None) -> tuple[Condition, ...]:
    return () if client is None else (folios.c.client == client,)
