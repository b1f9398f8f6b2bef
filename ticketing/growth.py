"""How far folios have come: what a page that is open compares with what it shows. One cheap read for all of them."""
from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from storage.engine import Database
from ticketing.folio_rows import FOLIO, folio_of
from ticketing.tables import folio_entries, folios
from ticketing.values import EntryKind, Folio

# What Mesa does by itself after what people do, and what changes nothing: nobody is interrupted for it.
QUIET = (EntryKind.EMAIL_OUT.value, EntryKind.ACCESS.value)


@dataclass(frozen=True)
class Growth:
    """A folio as it stands, and its newest entry that is not quiet: id, kind, author and time."""

    folio: Folio
    entry: int
    kind: str
    by: str
    at: datetime


def growth_of(db: Database, numbers: Collection[str]) -> dict[str, Growth]:
    """How far each of these folios has come; unknown numbers are left out. Raises DatabaseUnavailable."""
    if not numbers:
        return {}
    newest = select(func.max(folio_entries.c.id)).where(
        folio_entries.c.folio_id == folios.c.id, folio_entries.c.kind.not_in(QUIET)).correlate(folios).scalar_subquery()
    wanted = FOLIO.add_columns(folio_entries.c.id.label('entry_id'), folio_entries.c.kind.label('entry_kind'),
                               folio_entries.c.by.label('entry_by'), folio_entries.c.at.label('entry_at')).join(
        folio_entries, folio_entries.c.id == newest).where(folios.c.number.in_(sorted(numbers)))
    with db.read() as connection:
        return {row.number: Growth(folio_of(row), row.entry_id, row.entry_kind, row.entry_by, row.entry_at)
                for row in connection.execute(wanted)}
