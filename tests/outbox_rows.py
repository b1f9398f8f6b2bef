"""Letters in an outbox for tests."""
from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from storage.engine import Database
from ticketing.folios import FolioBook
from ticketing.mail.outbox import Notice, post
from ticketing.tables import folios, outbox
from ticketing.values import Report

NOW = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)        # a Tuesday, 10:00 in Mexico City


def a_folio(db: Database) -> str:
    """The number of a new folio of the example site."""
    report = Report(line='+528005550101', client='nopalera', modality='standard', clock_starts=NOW, rule='open')
    return FolioBook(db).open(report, NOW).number


def posted(db: Database, key: str = 'update:1', number: str | None = None, due: datetime = NOW, **more: Any) -> int:
    """The id of a letter that waits; its Message-ID is made of its key."""
    with db.write() as connection:
        folio_id = connection.scalar(select(folios.c.id).where(folios.c.number == number)) if number else None
        notice = Notice(**({'key': key, 'name': 'update', 'recipient': 'ana@nopalera.example', 'client': 'nopalera',
                            'folio_id': folio_id, 'facts': {'text': 'Avance'}} | more))
        assert post(connection, notice, f'<{key.replace(":", ".")}@mesa.example>', due, NOW)
        return int(connection.scalar(select(outbox.c.id).where(outbox.c.key == key)) or 0)
