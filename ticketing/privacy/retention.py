"""What the contract lets expire: recordings and attachments go after their days, and leave a marker (mission.md 3.8, 4.1).

The books first, then the disk: a row is marked as deleted, with the timeline's entry, in one transaction; the file goes after it. Whatever
a power cut leaves behind is found by the sweep: a file that only deleted rows speak of is deleted.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from time import time
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, literal, or_, select, update

from config.values import Modality, Policy, Site
from storage.engine import Database
from storage.types import UtcDateTime
from ticketing.folio_rows import add_entry
from ticketing.privacy.kept_files import ATTACHMENTS, LOCK, MESSAGES, RECORDINGS, Folders, delete, kinds_in, names_in
from ticketing.spanish import file_name
from ticketing.tables import folio_files, folios
from ticketing.values import EntryKind

BATCH = 100                                            # files a transaction
AT_ONCE = 10                                           # files deleted while the books wait
BATCHES = 50                                           # transactions a round
ORPHAN_DAYS = 7
RULES = ((('description', 'message', 'recording'), 'recording_days'), (('attachment',), 'attachment_days'))
MESA = 'mesa'
T = TypeVar('T')


@dataclass(frozen=True)
class Sweep:
    """What a look at the folders found: names as 'recordings/NAME'."""

    deleted: tuple[str, ...]                           # only deleted rows spoke of them
    orphans: tuple[str, ...]                           # no row speaks of them, and they are old: for a person to look at


class Retention:
    """The duty that lets files expire. Raises DatabaseUnavailable; a round that was cut off is finished by the next one."""

    def __init__(self, db: Database, site: Callable[[], Site], folders: Folders) -> None:
        self._db = db
        self._site = site
        self._folders = folders

    def round(self, now: datetime) -> int:
        """Let go what is due, in small batches; how many files expired. `now` is Mesa's."""
        expired = 0
        for _ in range(BATCHES):
            gone = self._expire(now)
            expired += len(gone)
            delete_unclaimed(self._db, self._folders, gone)
            if len(gone) < BATCH:
                break
        return expired

    def sweep(self, orphan_days: int = ORPHAN_DAYS) -> Sweep:
        """Look through the folders for files that should be gone, and for files that nobody knows. Ages go by the machine's clock."""
        deleted: list[str] = []
        orphans: list[str] = []
        for folder in (MESSAGES, RECORDINGS, ATTACHMENTS):
            for names in _batches(names_in(self._folders.named(folder))):
                known, live = self._claims(folder, names)
                deleted += delete_unclaimed(self._db, self._folders, [(folder, name) for name in names if name in known - live])
                orphans += [f'{folder}/{name}' for name in names if name not in known and self._age_days(folder, name) >= orphan_days]
        return Sweep(tuple(deleted), tuple(orphans))

    def _expire(self, now: datetime) -> list[tuple[str, str]]:
        """Mark one batch in the books; the folder and name of each of its files."""
        with self._db.write() as connection:
            rows = [row for kinds, days in RULES for row in connection.execute(_due(self._site(), kinds, days, now))]
            return [where for row in rows[:BATCH] for where in mark_deleted(
                connection, row, row.rule, f'a los {_days(self._site(), row)} días, por contrato ({row.rule})', now)]

    def _claims(self, folder: str, names: Sequence[str]) -> tuple[set[str], set[str]]:
        with self._db.read() as connection:
            return claims(connection, folder, names)

    def _age_days(self, folder: str, name: str) -> float:
        try:
            return (time() - (self._folders.named(folder) / name).lstat().st_mtime) / 86_400
        except FileNotFoundError:
            return 0.0


def mark_deleted(connection: Connection, row: Any, why: str, words: str, now: datetime, by: str = MESA) -> list[tuple[str, str]]:
    """Mark a row of folio_files as deleted and leave the timeline's marker; its file's folder and name, for whoever deletes it afterwards.

    Empty when somebody else did it before. `row` has id, folio_id, kind, name, sha256.
    """
    marked = connection.execute(update(folio_files).where(folio_files.c.id == row.id, folio_files.c.deleted_at.is_(None)).values(
        deleted_at=now, deleted_why=why))
    if not marked.rowcount:
        return []
    told = f'se eliminó {file_name(row.kind, row.id)} {words}; sha256 {row.sha256}'
    add_entry(connection, row.folio_id, EntryKind.EXPIRED, told, by, now)
    return [(folder_of(row.kind), row.name)]


def delete_unclaimed(db: Database, folders: Folders, files: Iterable[tuple[str, str]]) -> list[str]:
    """Delete those of the files that no row claims any more; their names as 'recordings/NAME'.

    Under the lock, so that nobody ties an attachment of the same content to a folio between the look and the deletion.
    """
    deleted = []
    for batch in _batches(files, AT_ONCE):
        with db.write() as connection:
            db.lock(connection, LOCK)
            for folder, name in dict.fromkeys(batch):
                if name not in claims(connection, folder, (name,))[1] and delete(folders.named(folder), name):
                    deleted.append(f'{folder}/{name}')
    return deleted


def claims(connection: Connection, folder: str, names: Sequence[str]) -> tuple[set[str], set[str]]:
    """Which of the names any row speaks of, and which a row claims that is not deleted."""
    rows = connection.execute(select(folio_files.c.name, func.count(), func.count(folio_files.c.deleted_at)).where(
        folio_files.c.name.in_(names), folio_files.c.kind.in_(kinds_in(folder))).group_by(folio_files.c.name)).all()
    return {name for name, _, _ in rows}, {name for name, every, gone in rows if gone < every}


def folder_of(kind: str) -> str:
    """The folder's name of a kind of file."""
    return next(folder for folder in (MESSAGES, RECORDINGS, ATTACHMENTS) if kind in kinds_in(folder))


def _due(site: Site, kinds: Sequence[str], days: str, now: datetime) -> Select[Any]:
    """The files of these kinds that are older than their contract's days, oldest first."""
    return select(
        folio_files.c.id, folio_files.c.folio_id, folio_files.c.kind, folio_files.c.name, folio_files.c.sha256,
        folios.c.client, folios.c.modality, literal(days).label('rule'),
    ).join_from(folio_files, folios).where(
        folio_files.c.deleted_at.is_(None), folio_files.c.kind.in_(kinds), folio_files.c.at <= _cutoff(site, days, now),
    ).order_by(folio_files.c.at, folio_files.c.id).limit(BATCH)


def _cutoff(site: Site, days: str, now: datetime) -> ColumnElement[datetime]:
    """The instant before which a file of the folio has expired, by its client and modality."""
    by_days: dict[int, list[ColumnElement[bool]]] = {}
    for client in site.clients.values():
        for modality in Modality:
            by_days.setdefault(getattr(client.policy_of(modality), days), []).append(
                and_(folios.c.client == client.key, folios.c.modality == modality.value))
    cases = [(or_(*whose), literal(now - timedelta(days=kept), UtcDateTime())) for kept, whose in by_days.items()]
    default = literal(now - timedelta(days=getattr(Policy(), days)), UtcDateTime())
    return case(*cases, else_=default) if cases else default


def _days(site: Site, row: Any) -> int:
    client = site.clients.get(row.client)
    return int(getattr(client.policy_of(Modality(row.modality)) if client else Policy(), row.rule))


def _batches(things: Iterable[T], size: int = BATCH) -> Iterable[list[T]]:
    remaining = iter(things)
    while batch := list(islice(remaining, size)):
        yield batch
