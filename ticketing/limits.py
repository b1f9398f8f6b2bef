"""How often a telephone may ask for folios by number: guessing is limited and logged (mission.md 3.4, chapter 9)."""
from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, func, insert, select, text, update

from storage.engine import Database
from ticketing.tables import folios, status_inquiries

WINDOW = timedelta(hours=1)
KEPT = timedelta(days=30)                     # how long the log of inquiries remembers a telephone
_REMEMBERED = text("status_inquiries.key <> ''")        # in the words of its index


class StatusGuard:
    """Counts status inquiries, in the database: a restart forgives nothing."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def allow(self, key: str, now: datetime, per_hour: int, told: str | None = None) -> bool:
        """Log one inquiry and answer whether it is among the first `per_hour` allowed ones of the hour up to `now`.

        `key` is the caller's number, or the line when the call came through a trunk. Refused inquiries are logged but do
        not count, so a caller who waits is served again. `told`: the number of the folio that the caller hears of if he may; such an
        inquiry is kept for the statement (mission.md 7.1) when its telephone is forgotten. Raises DatabaseUnavailable.
        """
        inquiry = status_inquiries.c
        with self._db.write() as connection:
            self._db.lock(connection, f'status {key}')       # two calls of one telephone may ask in the same instant
            used = connection.scalar(select(func.count()).where(inquiry.key == key, inquiry.at > now - WINDOW, inquiry.allowed)) or 0
            allowed = used < per_hour
            folio = select(folios.c.id).where(folios.c.number == told).scalar_subquery() if allowed and told else None
            connection.execute(insert(status_inquiries).values(key=key, at=now, allowed=allowed, told_folio=folio))
            old = (_REMEMBERED, inquiry.at < now - KEPT)
            connection.execute(delete(status_inquiries).where(*old, inquiry.told_folio.is_(None)))
            connection.execute(update(status_inquiries).where(*old).values(key=''))
            return allowed
