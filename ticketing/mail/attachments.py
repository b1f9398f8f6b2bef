"""Files that came in letters: which are kept, each under its SHA-256, and what the timeline says of them (mission.md 4.8)."""
from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, insert, select

from ticketing.folio_rows import add_entry
from ticketing.mail.content_types import refusal
from ticketing.mail.files import store_whole
from ticketing.mail.reader import MAX_ATTACHMENTS, Attachment, Letter
from ticketing.tables import folio_files
from ticketing.values import EntryKind

MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Kept:
    """A file of a letter; `refused` says, in Spanish, why it was not kept."""

    title: str
    kind: str
    size: int
    sha256: str
    refused: str | None

    @property
    def words(self) -> str:
        """What the timeline says of it."""
        told = f'{self.title} ({self.kind}, {self.size} bytes, sha256 {self.sha256})'
        return f'{told}: no se guardó, {self.refused}' if self.refused else told


def keep(letter: Letter, megabytes: int, folder: Path) -> tuple[Kept, ...]:
    """Put a letter's files under their hashes into the folder, durably; programs and files above `megabytes` are not. Raises OSError."""
    kept = tuple(_judged(attachment, megabytes) for attachment in letter.attachments)
    for file, attachment in zip(kept, letter.attachments, strict=True):
        if file.refused is None:
            store_whole(folder / file.sha256, attachment.data)
    return kept


def _judged(attachment: Attachment, megabytes: int) -> Kept:
    size = len(attachment.data)
    refused = refusal(attachment.title, attachment.kind)
    if refused is None and size > megabytes * MEGABYTE:
        refused = f'pasa de {megabytes} MB'
    return Kept(attachment.title, attachment.kind, size, hashlib.sha256(attachment.data).hexdigest(), refused)


def attach(connection: Connection, folio_id: int, letter: Letter, kept: tuple[Kept, ...], by: str, now: datetime) -> None:
    """Tie a letter's files to its folio, each once."""
    for file in dict.fromkeys(kept):
        same = (folio_files.c.folio_id == folio_id, folio_files.c.name == file.sha256)
        if file.refused is None and connection.scalar(select(folio_files.c.id).where(*same)) is not None:
            continue
        if file.refused is None:
            connection.execute(insert(folio_files).values(
                folio_id=folio_id, kind='attachment', name=file.sha256, sha256=file.sha256, seconds=0, at=now, title=file.title,
                content_type=file.kind, size=file.size))
        add_entry(connection, folio_id, EntryKind.ATTACHMENT, file.words, by, now)
    if letter.dropped_attachments:
        add_entry(connection, folio_id, EntryKind.ATTACHMENT,
                  f'{letter.dropped_attachments} archivos más no se guardaron: se leen {MAX_ATTACHMENTS} por mensaje', by, now)
