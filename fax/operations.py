"""What a person does with a fax: hold, release, send again, put aside, discard (mission.md 5.5). Each is one transaction."""
from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, update

from config.values import Modality, Site
from fax.books import FaxBook, one, step
from fax.values import Fax, FaxError, FaxState
from ticketing.tables import outbox
from ticketing.values import Sending

S = FaxState
# From which states each may be done: anything else is refused by name.
MAY: dict[str, tuple[FaxState, ...]] = {
    'held': (S.CONVERTED, S.HELD, S.QUEUED),
    'released': (S.HELD, S.QUARANTINED),
    'sent again': (S.SENT, S.UNDELIVERED, S.REJECTED, S.DISCARDED),
    'put into quarantine': (S.RECEIVED, S.COUNTED, S.CONVERTED, S.HELD, S.QUEUED, S.UNDELIVERED),
    'discarded': (S.HELD, S.QUEUED, S.QUARANTINED, S.UNDELIVERED),
}


class FaxDesk:
    """The operators' moves. Raises UnknownFax, FaxError for a move that is not possible now, DatabaseUnavailable."""

    def __init__(self, book: FaxBook, site: Callable[[], Site], now: Callable[[], datetime]) -> None:
        self._book = book
        self._site = site
        self._now = now

    def hold(self, reference: str, by: str) -> Fax:
        """Keep a fax back until somebody releases it, whatever the hour."""
        return self._move(reference, 'held', by, S.HELD, 'se retiene a mano', on_hold=True, release_at=None)

    def release(self, reference: str, by: str, line: str | None = None) -> Fax:
        """Let a held fax leave at once; one in quarantine is tried anew, as one of `line` when that is named."""
        found = self._book.get(reference)
        if found.state is S.QUARANTINED:
            return self._move(reference, 'released', by, S.RECEIVED, 'se saca de la cuarentena', problem=None, **self._of_line(line))
        if line is not None:
            raise FaxError(f'fax {found.reference} has its line already: only one in quarantine can be given another')
        return self._move(reference, 'released', by, S.HELD, 'se libera a mano', on_hold=False, release_at=self._now())

    def resend(self, reference: str, by: str, all_pages: bool = False) -> Fax:
        """Send a fax again, at once; with `all_pages` also those beyond the contract's limit (mission.md 5.2)."""
        found = self._book.get(reference)
        if found.deleted_at is not None:
            raise FaxError(f'fax {found.reference} was deleted on {found.deleted_at:%Y-%m-%d}, by contract: it cannot be sent again')
        as_it_is = found.pdf_sha256 is not None and (found.all_pages or not all_pages or found.sent_pages == found.pages)
        told = 'se envía de nuevo' + (' con todas sus páginas' if all_pages else '')
        return self._move(reference, 'sent again', by, S.CONVERTED if as_it_is else S.COUNTED, told, release_at=self._now(), problem=None,
                          all_pages=found.all_pages or all_pages, finished_at=None)

    def quarantine(self, reference: str, by: str, why: str) -> Fax:
        """Put a fax aside: nobody gets it until somebody has decided."""
        return self._move(reference, 'put into quarantine', by, S.QUARANTINED, why, problem=why, on_hold=False)

    def discard(self, reference: str, by: str, why: str) -> Fax:
        """Nobody gets this fax; it goes when the contract's days are over."""
        return self._move(reference, 'discarded', by, S.DISCARDED, why, finished_at=self._now(), on_hold=False)

    def _move(self, reference: str, what: str, by: str, state: FaxState, told: str, **columns: Any) -> Fax:
        now = self._now()
        with self._book.db.write() as connection:
            facsimile = one(connection, reference, lock=True)
            if facsimile.state not in MAY[what]:
                raise FaxError(f'fax {facsimile.reference} is {facsimile.state}: it cannot be {what} now')
            if facsimile.state is S.QUEUED:
                _withdraw(connection, facsimile, what, now)
            step(connection, facsimile, state, told, now, by, **columns)
            return one(connection, reference)

    def _of_line(self, number: str | None) -> dict[str, str]:
        if number is None:
            return {}
        line = self._site().lines.get(number)
        if line is None or line.modality is not Modality.FAX:
            raise FaxError(f'{number} is no fax line of this site')
        return {'line': line.number, 'client': line.client}


def _withdraw(connection: Connection, facsimile: Fax, what: str, now: datetime) -> None:
    """Take the letter of a fax out of the outbox, unless it may be on its way."""
    withdrawn = connection.execute(update(outbox).where(
        outbox.c.id == facsimile.letter_id, outbox.c.state == Sending.WAITING.value, outbox.c.doubts == 0,
    ).values(state=Sending.DROPPED.value, last_error=f'the fax was {what}', finished_at=now))
    if not withdrawn.rowcount:
        raise FaxError(f'fax {facsimile.reference} may be on its way to {facsimile.recipient}: it cannot be {what} any more')
