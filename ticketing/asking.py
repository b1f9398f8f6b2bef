"""Openings that programs ask for, each under a key of the program's own: asked again, the same folio answers (mission.md 4.2)."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, insert, select

from ticketing.folio_rows import FOLIO, folio_of
from ticketing.tables import folios, openings_asked
from ticketing.values import Folio, NotAllowed


@dataclass(frozen=True)
class Asked:
    """Who asks, under which key, and the digest of what is asked: a key means one thing for ever."""

    by: str
    key: str
    sha256: str

    @property
    def lock(self) -> str:
        """What the transaction must hold, so that two at once open one folio."""
        return f'opening {self.by} {self.key}'


def opened_before(connection: Connection, asked: Asked) -> Folio | None:
    """The folio that was opened under this key. Raises NotAllowed when something else was asked then."""
    row = connection.execute(select(openings_asked.c.sha256, openings_asked.c.folio_id).where(_its(asked))).first()
    if row is None:
        return None
    if row.sha256 != asked.sha256:
        raise NotAllowed(f'the key {asked.key!r} was used for another folio: a new one needs a new key')
    return folio_of(connection.execute(FOLIO.where(folios.c.id == row.folio_id)).one())


def remember(connection: Connection, asked: Asked, folio: Folio, now: datetime) -> None:
    """Keep which folio was opened under this key, in the transaction that opens it."""
    folio_id = select(folios.c.id).where(folios.c.number == folio.number).scalar_subquery()
    connection.execute(insert(openings_asked).values(by=asked.by, key=asked.key, sha256=asked.sha256, folio_id=folio_id, at=now))


def _its(asked: Asked) -> ColumnElement[bool]:
    return (openings_asked.c.by == asked.by) & (openings_asked.c.key == asked.key)
