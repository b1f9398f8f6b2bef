"""Listening and looking: who took a copy of a recording or an attachment stands in the timeline before he has it (mission.md 3.8, 4.1)."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from storage.engine import Database
from ticketing.folio_rows import add_entry, id_of, locked_folio
from ticketing.notices import is_accused
from ticketing.privacy.kept_files import Folders, reading
from ticketing.spanish import file_name
from ticketing.tables import folio_files
from ticketing.values import EntryKind, NotAllowed, TicketingError
from ticketing.words import clean, clean_name


@dataclass(frozen=True)
class KeptFile:
    """A file of a folio. `title`: as its sender named it; `deleted_at`, `deleted_why`: only the marker is left. Instants are UTC."""

    id: int
    folio_id: int
    kind: str
    name: str
    sha256: str
    seconds: int
    at: datetime
    title: str | None
    content_type: str | None
    size: int | None
    deleted_at: datetime | None
    deleted_why: str | None


_FILE = select(*(folio_files.c[name] for name in KeptFile.__dataclass_fields__)).order_by(folio_files.c.id)


def files_of(db: Database, number: str) -> tuple[KeptFile, ...]:
    """The files of a folio, those that are gone included, oldest first. Raises UnknownFolio."""
    with db.read() as connection:
        rows = connection.execute(_FILE.where(folio_files.c.folio_id == id_of(connection, number)))
        return tuple(KeptFile(*row) for row in rows)


def files_of_folios(connection: Connection, folio_ids: Iterable[int]) -> tuple[KeptFile, ...]:
    """The files of several folios."""
    return tuple(KeptFile(*row) for row in connection.execute(_FILE.where(folio_files.c.folio_id.in_(sorted(folio_ids)))))


def kept_file(connection: Connection, number: str, file_id: int) -> KeptFile:
    """A file of a folio that can still be had. Raises UnknownFolio, TicketingError."""
    row = connection.execute(_FILE.where(folio_files.c.folio_id == id_of(connection, number), folio_files.c.id == file_id)).first()
    return _there(row, number, file_id)


def hand_out(db: Database, folders: Folders, number: str, file_id: int, by: str, why: str, now: datetime) -> KeptFile:
    """Store who takes a copy of a file and why; the copy may be made afterwards, with `kept_files.reading`.

    Raises UnknownFolio, TicketingError when the folio has no such file or it is gone, NotAllowed to a person complained of.
    """
    who, reason = clean_name(by), clean(why)
    if not who or not reason:
        raise NotAllowed('a copy needs to know who takes it and why')
    with db.write() as connection:
        folio_id, folio = locked_folio(connection, number)
        if is_accused(folio, who):
            raise NotAllowed(f'folio {number} is a complaint about {who}, who may not listen to its recordings')
        row = connection.execute(_FILE.where(folio_files.c.folio_id == folio_id, folio_files.c.id == file_id)).first()
        kept = _there(row, number, file_id)
        with reading(folders.of_kind(kept.kind), kept.name):
            log_access(connection, (kept,), who, reason, now)
        return kept


def log_access(connection: Connection, files: Iterable[KeptFile], by: str, why: str, now: datetime) -> None:
    """One entry in the timeline of each file's folio."""
    for file in files:
        add_entry(connection, file.folio_id, EntryKind.ACCESS, f'se copió {file_name(file.kind, file.id)}: {why}', by, now)


def _there(row: Any, number: str, file_id: int) -> KeptFile:
    if row is None:
        raise TicketingError(f'folio {number} has no file {file_id}. See: mesa recording list {number}')
    kept = KeptFile(*row)
    if kept.deleted_at is not None:
        raise TicketingError(f'file {file_id} of folio {number} was deleted on {kept.deleted_at:%Y-%m-%d} ({kept.deleted_why})')
    return kept
