"""What the contract lets expire: TIFF, PDF and sender of a fax, its days after it was delivered, never before (mission.md 4.1, 5.4).

The books first, then the disk: what a power cut leaves behind is found by the sweep.
"""
from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection, or_, select, text, update

from config.values import Site
from fax.books import MESA, FaxBook, add_event, rows
from fax.pipeline import Folders
from fax.policy import policy_of
from fax.tables import KEPT, faxes
from fax.values import Fax
from storage.engine import Database
from ticketing.tables import outbox

log = logging.getLogger('mesa.fax')
BATCH = 100


class FaxRetention:
    """The duty that lets faxes go. Raises DatabaseUnavailable; a round that was cut off is finished by the next one."""

    def __init__(self, book: FaxBook, folders: Folders, site: Callable[[], Site]) -> None:
        self._db: Database = book.db
        self._folders = folders
        self._site = site

    def round(self, now: datetime) -> int:
        """Let go what is due by Mesa's clock; how many faxes expired."""
        expired = 0
        while due := self._due(now)[:BATCH]:
            self._expire(due, now)
            expired += len(due)
        return expired

    def sweep(self) -> int:
        """Delete the files of faxes that the books let go; how many there were. What nobody knows stays and is told."""
        gone = 0
        for folder, suffix in ((self._folders.tiffs, '.tif'), (self._folders.pdfs, '.pdf')):
            for file in sorted(folder.glob(f'*{suffix}')):
                column = faxes.c.sha256 if suffix == '.tif' else faxes.c.reference
                with self._db.read() as connection:
                    known = rows(connection, column == file.stem.removeprefix('fax-'))
                if known and all(facsimile.deleted_at is not None for facsimile in known):
                    file.unlink(missing_ok=True)
                    gone += 1
                elif not known:
                    log.warning('%s belongs to no fax in the books', file.name)
        return gone

    def _due(self, now: datetime) -> list[Fax]:
        """The faxes whose days are over, by their clients' contracts; the longest delivered first."""
        site = self._site()
        days = {key: policy_of(site, key).fax_days for key in [*site.clients, None]}
        with self._db.read() as connection:
            found = connection.scalars(select(faxes.c.id).where(
                text(KEPT), faxes.c.finished_at <= now - timedelta(days=min(days.values()))).order_by(faxes.c.finished_at)).all()
            kept = [facsimile for ids in _batches(found) for facsimile in rows(connection, faxes.c.id.in_(ids))]
        default = days[None]
        return [facsimile for facsimile in kept
                if facsimile.finished_at and facsimile.finished_at <= now - timedelta(days=days.get(facsimile.client, default))]

    def _expire(self, due: list[Fax], now: datetime) -> None:
        with self._db.write() as connection:
            for facsimile in due:
                days = policy_of(self._site(), facsimile.client).fax_days
                let_go(connection, facsimile, f'se eliminó a los {days} días, por contrato', MESA, now)
        for facsimile in due:
            delete_files(self._db, self._folders, facsimile)


def let_go(connection: Connection, facsimile: Fax, why: str, by: str, now: datetime) -> None:
    """Write down that a fax's files go, and take its sender from the books; once. `why` is Spanish."""
    marked = connection.execute(update(faxes).where(
        faxes.c.id == facsimile.id, faxes.c.deleted_at.is_(None)).values(deleted_at=now, caller_number='', caller_name=''))
    if marked.rowcount:
        add_event(connection, facsimile.id, facsimile.state, by, f'{why}; sha256 {facsimile.sha256}', now)
        _forget_letters(connection, facsimile.reference)


def delete_files(db: Database, folders: Folders, facsimile: Fax) -> None:
    """Delete the files of a fax that was let go; a TIFF that another one has, too, stays."""
    folders.pdf(facsimile).unlink(missing_ok=True)
    with db.read() as connection:
        shared = rows(connection, faxes.c.sha256 == facsimile.sha256, faxes.c.deleted_at.is_(None), limit=1)
    if facsimile.sha256 and not shared:
        folders.tiff(facsimile).unlink(missing_ok=True)


def _forget_letters(connection: Connection, reference: str) -> None:
    """Who sent the fax goes from its letters, too; that they were sent stays."""
    keys = [outbox.c.key.like(f'{kind}:{reference}%') for kind in ('fax', 'fax-rejected', 'fax-alert')]
    connection.execute(update(outbox).where(or_(*keys)).values(payload={'reference': reference}))


def _batches(ids: Iterable[int]) -> Iterable[list[int]]:
    listed = list(ids)
    return (listed[at:at + BATCH] for at in range(0, len(listed), BATCH))
