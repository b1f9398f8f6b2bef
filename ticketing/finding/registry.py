"""All folios in the order of their opening, for programs: by what they are, and by what has happened since (mission.md 6.2)."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, literal, or_, select

from storage.engine import Database
from storage.types import UtcDateTime
from ticketing.finding.keys import Key, Page, page_of
from ticketing.finding.viewers import Viewer, visible
from ticketing.folio_rows import FOLIO, folio_of
from ticketing.tables import folio_entries, folios
from ticketing.values import Folio, State


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which folios; what is None does not matter. `since`: something was added to their timelines from then on."""

    client: str | None = None
    state: State | None = None
    agent: str | None = None
    group: str | None = None
    since: datetime | None = None


class Registry:
    """The folios of one database. Raises BadPage and DatabaseUnavailable."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def page(self, viewer: Viewer, wanted: Wanted, limit: int = 50, after: str | None = None) -> Page[Folio]:
        """The newest first, `limit` of them; `after` is the token of the page before."""
        key = Key.read(after)
        query = FOLIO.add_columns(folios.c.id).where(visible(viewer), *_conditions(wanted))
        if key is not None:
            at = literal(key.at, UtcDateTime())
            query = query.where(folios.c.opened_at <= at, or_(folios.c.opened_at < at, folios.c.id < key.id))
        with self._db.read() as connection:
            rows = connection.execute(query.order_by(folios.c.opened_at.desc(), folios.c.id.desc()).limit(limit + 1)).all()
        return page_of([(Key(row.opened_at, row.id), folio_of(row)) for row in rows], limit)


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    columns = ((folios.c.client, wanted.client), (folios.c.state, wanted.state and wanted.state.value), (folios.c.agent, wanted.agent),
               (folios.c.resolver_group, wanted.group))
    conditions = [column == value for column, value in columns if value is not None]
    if wanted.since is not None:
        conditions.append(folios.c.id.in_(select(folio_entries.c.folio_id).where(folio_entries.c.at >= wanted.since)))
    return conditions
