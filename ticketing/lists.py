"""Lists and counts of folios for those who work on them and those who answer for them (mission.md 6.2, 7.5).

What is open is found through indexes of open folios alone, and a month through the client's folios by time: neither takes longer
because a million folios were closed before.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, func, select, text

from storage.engine import Database
from ticketing.tables import OPEN, folios

# Word for word the condition of the partial indexes: with parameters in its place SQLite would not see that they serve.
_IS_OPEN = text(OPEN)


@dataclass(frozen=True)
class WorkItem:
    """One open folio as a work list shows it. Times are aware UTC instants; `promised` is None while no clock runs."""

    number: str
    client: str
    line: str
    modality: str
    kind: str
    priority: str
    state: str
    category: str | None
    summary: str | None
    user_name: str | None
    unlisted: bool
    opened_at: datetime
    promised: datetime | None
    holder: str
    agent: str | None
    resolver_group: str | None
    waiting_for: str | None
    version: int
    closed_at: datetime | None = None
    employee_number: str | None = None


@dataclass(frozen=True)
class MonthCounts:
    """A client's folios opened in one local month, counted by what they are now. `categories` has '' for those without one."""

    total: int
    modalities: Mapping[str, int]
    kinds: Mapping[str, int]
    priorities: Mapping[str, int]
    states: Mapping[str, int]
    categories: Mapping[str, int]
    origins: Mapping[str, int]
    unlisted: int                                      # mission.md 1.5
    first_contact: int                                 # solved on the line (mission.md 4.3)


@dataclass(frozen=True)
class OpenCounts:
    """Folios that still need work."""

    total: int
    states: Mapping[str, int]
    priorities: Mapping[str, int]
    unassigned: int


class FolioLists:
    """The lists of one database. Every method is one read and raises DatabaseUnavailable when that cannot be had in time."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def work_list(self, *, agent: str | None = None, group: str | None = None, client: str | None = None,
                  limit: int = 100) -> tuple[WorkItem, ...]:
        """Open folios of an agent (login), a resolver group, a client, or all: what is promised first stands first, the unpromised last.

        A group's key is the client's own, so name both. At most `limit` items.
        """
        return self._items(_of(_ITEMS, agent=agent, resolver_group=group, client=client), limit)

    def unassigned(self, client: str | None = None, limit: int = 100) -> tuple[WorkItem, ...]:
        """Open folios that nobody has, in the order of a work list."""
        return self._items(_of(_ITEMS, holder='nobody', client=client), limit)

    def open_counts(self, client: str | None = None) -> OpenCounts:
        """How many folios of a client, or of all, are open."""
        wanted = _of(_OPEN_GROUPS, client=client)
        with self._db.read() as connection:
            rows = connection.execute(wanted).all()
        return OpenCounts(
            total=sum(row.many for row in rows), states=_added(rows, 'state'), priorities=_added(rows, 'priority'),
            unassigned=sum(row.many for row in rows if row.holder == 'nobody'))

    def month_counts(self, client: str, year: int, month: int, zone: ZoneInfo) -> MonthCounts:
        """A client's folios opened in a month of a zone: from its first local midnight to, not including, the next month's."""
        since, until = month_span(year, month, zone)
        wanted = _MONTH_GROUPS.where(folios.c.client == client, folios.c.opened_at >= since, folios.c.opened_at < until)
        with self._db.read() as connection:
            rows = connection.execute(wanted).all()
        return MonthCounts(
            total=sum(row.many for row in rows), modalities=_added(rows, 'modality'), kinds=_added(rows, 'kind'),
            priorities=_added(rows, 'priority'), states=_added(rows, 'state'), categories=_added(rows, 'category'),
            origins=_added(rows, 'origin'), unlisted=sum(row.many for row in rows if row.unlisted),
            first_contact=sum(row.many for row in rows if row.first_contact))

    def _items(self, wanted: Select[Any], limit: int) -> tuple[WorkItem, ...]:
        with self._db.read() as connection:
            rows = connection.execute(wanted.order_by(folios.c.promised.asc().nulls_last(), folios.c.id).limit(limit))
            return tuple(WorkItem(*row) for row in rows)


def month_span(year: int, month: int, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """A local month as UTC instants [since, until)."""
    after = (year + 1, 1) if month == 12 else (year, month + 1)
    first, last = (datetime(*day, 1, tzinfo=zone).astimezone(UTC) for day in ((year, month), after))
    return first, last


def _of(wanted: Select[Any], **values: str | None) -> Select[Any]:
    return wanted.where(*(folios.c[name] == value for name, value in values.items() if value is not None))


def _added(rows: Any, name: str) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for row in rows:
        counts[getattr(row, name) or ''] += row.many
    return dict(counts)


def _groups(*names: str) -> Select[Any]:
    columns = [folios.c[name] for name in names]
    return select(*columns, func.count().label('many')).group_by(*columns)


_ITEMS = select(*(folios.c[name] for name in WorkItem.__dataclass_fields__)).where(_IS_OPEN)
_OPEN_GROUPS = _groups('state', 'priority', 'holder').where(_IS_OPEN)
_MONTH_GROUPS = _groups('modality', 'kind', 'priority', 'state', 'category', 'origin', 'unlisted', 'first_contact')
