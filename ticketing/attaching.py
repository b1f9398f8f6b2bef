"""Files that people at the desk add to a folio, and files that they open (mission.md 3.8, 4.1, 4.8)."""
from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, insert, select

from config.values import Site
from storage.engine import Database
from ticketing.folio_rows import FOLIO, add_entry, folio_of, locked_folio
from ticketing.mail.attachments import MEGABYTE, Kept
from ticketing.mail.content_types import UNKNOWN, content_type, refusal
from ticketing.mail.files import store_whole
from ticketing.notices import is_accused, policy_for
from ticketing.privacy.access import KeptFile, kept_file
from ticketing.privacy.kept_files import LOCK, Folders, reading
from ticketing.spanish import file_name
from ticketing.tables import folio_entries, folio_files, folios
from ticketing.values import EntryKind, Folio, NotAllowed, UnknownFolio
from ticketing.words import clean, clean_name

LONGEST_TITLE = 200
LISTENED = timedelta(minutes=15)                       # a player asks for a recording piece by piece: that is one access
HEARD = ('description', 'message', 'recording')        # what somebody said: every access stands in the timeline
HEAD = 4096


@dataclass(frozen=True)
class Opened:
    """A file that may be read now. The type is what its content shows; the title is the sender's, for showing only."""

    path: Path
    content_type: str
    title: str
    size: int
    sha256: str


class Attaching:
    """The files of one instance's folios."""

    def __init__(self, db: Database, site: Callable[[], Site], folders: Folders) -> None:
        self._db = db
        self._site = site
        self._folders = folders

    def attach_file(self, number: str, title: str, data: bytes, by: str, now: datetime) -> KeptFile:
        """Add a file to a folio, by the limits of mail attachments; the same file is added once.

        The file is on the disk, under its SHA-256, before the books speak of it. Raises UnknownFolio; NotAllowed for a program, an empty
        file, one above the contract's megabytes, and to the person complained of; OSError (a full disk), DatabaseUnavailable.
        """
        who, name = clean_name(by), title_of(title)
        kind = content_type(data)
        self._check(self._folio(number), name, kind, len(data), who)
        file = Kept(name, kind, len(data), hashlib.sha256(data).hexdigest(), None)
        store_whole(self._folders.attachments / file.sha256, data)
        with self._db.write() as connection:
            self._db.lock(connection, LOCK)
            folio_id, folio = locked_folio(connection, number)
            self._check(folio, name, kind, len(data), who)
            store_whole(self._folders.attachments / file.sha256, data)     # what was there may have expired since
            return _tied(connection, folio_id, file, who, now)

    def open_file(self, number: str, file_id: int, by: str, now: datetime) -> Opened:
        """Where a folio's file is; that somebody listens to what was recorded is in the timeline before he hears it.

        Raises UnknownFolio; TicketingError when there is no such file, or it is gone; NotAllowed to the person complained of.
        """
        who = clean_name(by)
        if not who:
            raise NotAllowed('a file is opened by somebody: say who')
        folio = self._folio(number)
        if is_accused(folio, who):
            raise NotAllowed(f'folio {number} is a complaint about {who}, who may not open its files')
        with self._db.read() as connection:
            kept = kept_file(connection, number, file_id)
        folder = self._folders.of_kind(kept.kind)
        with reading(folder, kept.name) as handle, open(handle, 'rb', closefd=False) as file:
            shown = kept.content_type or content_type(file.read(HEAD))
            size = kept.size if kept.size is not None else (folder / kept.name).stat().st_size
        if kept.kind in HEARD:
            self._log(kept, who, now)
        return Opened(folder / kept.name, shown or UNKNOWN, kept.title or kept.name, size, kept.sha256)

    def _folio(self, number: str) -> Folio:
        with self._db.read() as connection:
            row = connection.execute(FOLIO.where(folios.c.number == number)).first()
        if row is None:
            raise UnknownFolio(f'there is no folio {number}')
        return folio_of(row)

    def _check(self, folio: Folio, title: str, kind: str, size: int, by: str) -> None:
        megabytes = policy_for(self._site(), folio).attachment_megabytes
        if not by:
            raise NotAllowed('a file is added by somebody: say who')
        if is_accused(folio, by):
            raise NotAllowed(f'folio {folio.number} is a complaint about {by}, who may not work on it')
        if not size:
            raise NotAllowed(f'{title}: the file is empty', 'El archivo está vacío.')
        if size > megabytes * MEGABYTE:
            raise NotAllowed(f'{title}: pasa de {megabytes} MB', f'«{title}» pasa de {megabytes} MB: no se guardó.')
        why = refusal(title, kind)
        if why is not None:
            raise NotAllowed(f'{title}: no se guarda, {why}', f'«{title}» no se guarda: {why}.')

    def _log(self, kept: KeptFile, by: str, now: datetime) -> None:
        told = f'se abrió {file_name(kept.kind, kept.id)}'
        with self._db.write() as connection:
            lately = select(folio_entries.c.id).where(
                folio_entries.c.folio_id == kept.folio_id, folio_entries.c.kind == EntryKind.ACCESS.value, folio_entries.c.by == by,
                folio_entries.c.text == told, folio_entries.c.at > now - LISTENED)
            if connection.scalar(lately.limit(1)) is None:
                add_entry(connection, kept.folio_id, EntryKind.ACCESS, told, by, now)


def title_of(name: str) -> str:
    """A file's name as a browser sends it, as it may be shown: the last part of a path, in one line."""
    return ' '.join(clean(name).replace('\\', '/').rpartition('/')[2].split())[:LONGEST_TITLE] or 'archivo'


def _tied(connection: Connection, folio_id: int, file: Kept, by: str, now: datetime) -> KeptFile:
    same = select(folio_files.c.id, folio_files.c.deleted_at).where(folio_files.c.folio_id == folio_id, folio_files.c.name == file.sha256)
    there = connection.execute(same).first()
    if there is not None and there.deleted_at is not None:
        raise NotAllowed(f'{file.title}: this very file was in the folio and was deleted on {there.deleted_at:%Y-%m-%d}',
                         'Ese mismo archivo estuvo en el folio y ya se eliminó: no vuelve a guardarse.')
    if there is not None:
        return _by_id(connection, there.id)
    made = connection.execute(insert(folio_files).values(
        folio_id=folio_id, kind='attachment', name=file.sha256, sha256=file.sha256, seconds=0, at=now, title=file.title,
        content_type=file.kind, size=file.size))
    assert made.inserted_primary_key is not None
    add_entry(connection, folio_id, EntryKind.ATTACHMENT, file.words, by, now)
    return _by_id(connection, int(made.inserted_primary_key[0]))


def _by_id(connection: Connection, file_id: int) -> KeptFile:
    columns = [folio_files.c[name] for name in KeptFile.__dataclass_fields__]
    return KeptFile(*connection.execute(select(*columns).where(folio_files.c.id == file_id)).one())
