"""What others did to a folio since somebody looked at it: for the page that must show both, his lost edit and theirs."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from storage.engine import Database
from ticketing.folio_rows import FOLIO, folio_of
from ticketing.tables import folio_entries, folios
from ticketing.values import Entry, Folio, UnknownFolio

# What follows from other columns, and says nothing that a person could have written.
NOT_SHOWN = frozenset({'version', 'promised', 'respond_due', 'next_look'})


@dataclass(frozen=True)
class Since:
    """The folio as it stands, the entries after what the person saw, oldest first, and the names of the fields that changed.

    A field's value stands in `folio` (or its report). An erasure is told by its entry alone.
    """

    folio: Folio
    entries: tuple[Entry, ...]
    fields: tuple[str, ...]


def changes_since(db: Database, number: str, version: int) -> Since:
    """What came after a version of a folio. Entries that belong to no change may have been seen already: none is ever left out.

    Raises UnknownFolio, DatabaseUnavailable.
    """
    with db.read() as connection:
        row = connection.execute(FOLIO.add_columns(folios.c.id).where(folios.c.number == number)).first()
        if row is None:
            raise UnknownFolio(f'there is no folio {number}')
        entries = [entry for entry in _entries(connection, row.id, version) if entry.version is None or entry.version > version]
    fields = dict.fromkeys(name for entry in entries for name in (entry.fields or '').split(',') if name and name not in NOT_SHOWN)
    told = tuple(Entry(entry.at, entry.kind, entry.by, entry.text, entry.linkedid, entry.id) for entry in entries)
    return Since(folio_of(row), told, tuple(fields))


def _entries(connection: Connection, folio_id: int, version: int) -> list[Any]:
    """The entries after the last one that tells a version seen; of a folio as it was opened, after the opening."""
    own = folio_entries.c.folio_id == folio_id
    seen = connection.scalar(select(func.max(folio_entries.c.id)).where(own, folio_entries.c.version <= version))
    seen = seen or connection.scalar(select(func.min(folio_entries.c.id)).where(own)) or 0
    return list(connection.execute(select(folio_entries).where(own, folio_entries.c.id > seen).order_by(folio_entries.c.id)))
