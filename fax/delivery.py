"""The last steps of a fax: its letter enters the outbox, and what becomes of the letter becomes of the fax (mission.md 5.1, 5.4)."""
from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, update

from config.values import Line, Site
from fax.books import MESA, FaxBook, rows, step
from fax.hooks import announce_fax
from fax.notices import alerts, delivery
from fax.tables import faxes
from fax.values import Fax, FaxState
from ticketing.notices import send
from ticketing.tables import outbox
from ticketing.values import Sending

log = logging.getLogger('mesa.fax')
BOUNCES = timedelta(days=10)                           # so long a letter that was accepted may still come back
ENDED = (Sending.SENT.value, Sending.FAILED.value, Sending.DOUBTFUL.value, Sending.DROPPED.value)
WHY = {Sending.DOUBTFUL: 'no se sabe si llegó; se envió dos veces sin respuesta del servidor', Sending.DROPPED: 'su correo se descartó'}


def queue(connection: Connection, facsimile: Fax, line: Line, recipient: str, site: Site, now: datetime, by: str = MESA,
          why: str = '') -> bool:
    """Put the letter of a fax into the outbox, in one transaction with the fax's step; False when somebody else was quicker."""
    counted = replace(facsimile, deliveries=facsimile.deliveries + 1)
    told = f'correo a {recipient}' + (f': {why}' if why else '')
    if not step(connection, facsimile, FaxState.QUEUED, told, now, by, deliveries=counted.deliveries, recipient=recipient,
                release_at=facsimile.release_at, on_hold=False, problem=None, finished_at=None):
        return False
    notice = delivery(counted, line, site, recipient)
    send(connection, [notice], site, now, now)
    letter = connection.scalar(select(outbox.c.id).where(outbox.c.key == notice.key))
    connection.execute(update(faxes).where(faxes.c.id == facsimile.id).values(letter_id=letter))
    return True


class Deliveries:
    """The duty that learns from the outbox what became of the letters. Raises DatabaseUnavailable."""

    def __init__(self, book: FaxBook, site: Callable[[], Site], now: Callable[[], datetime]) -> None:
        self._book = book
        self._site = site
        self._now = now

    def round(self) -> int:
        """Settle every fax whose letter has left, or came back; how many there were."""
        now = self._now()
        return sum(self._settle(facsimile, letter, now) for facsimile, letter in [*self._ended(), *self._returned(now)])

    def _ended(self) -> list[tuple[Fax, Any]]:
        with self._book.db.read() as connection:
            return _with_letters(connection, faxes.c.state == FaxState.QUEUED.value, outbox.c.state.in_(ENDED))

    def _returned(self, now: datetime) -> list[tuple[Fax, Any]]:
        """Those that the mail server accepted and that bounced afterwards."""
        with self._book.db.read() as connection:
            return _with_letters(connection, faxes.c.state == FaxState.SENT.value, faxes.c.deleted_at.is_(None),
                                 faxes.c.finished_at > now - BOUNCES, outbox.c.state == Sending.FAILED.value)

    def _settle(self, facsimile: Fax, letter: Any, now: datetime) -> bool:
        with self._book.db.write() as connection:
            if letter.state == Sending.SENT.value:
                told = f'lo aceptó el servidor de correo de {facsimile.recipient}' + (' (posible duplicado)' if letter.doubts else '')
                sent = step(connection, facsimile, FaxState.SENT, told, now, finished_at=letter.finished_at or now)
                if sent:
                    announce_fax(connection, self._site(), replace(facsimile, state=FaxState.SENT), now)
                return sent
            why = WHY.get(Sending(letter.state)) or f'{facsimile.recipient} no lo recibió: {letter.last_error or "sin explicación"}'
            return self._undelivered(connection, facsimile, Sending(letter.state), why, now)

    def _undelivered(self, connection: Connection, facsimile: Fax, how: Sending, why: str, now: datetime) -> bool:
        """The second account gets what certainly did not reach the first; a supervisor hears of it either way."""
        site = self._site()
        line = site.lines.get(facsimile.line or '')
        second = line.email_second if line is not None and how is Sending.FAILED else ''
        if line is not None and second and facsimile.recipient != second:
            done = queue(connection, facsimile, line, second, site, now, why=why)
            told = f'{why}. Se envía a {second}'
        else:
            done = step(connection, facsimile, FaxState.UNDELIVERED, why, now, problem=why)
            told = why
            if done:
                announce_fax(connection, site, replace(facsimile, state=FaxState.UNDELIVERED), now)
        if done:
            log.warning('fax %s did not reach its account', facsimile.reference)
            send(connection, alerts(facsimile, site, f'undelivered:{facsimile.deliveries}', told), site, now, now)
        return done


def _with_letters(connection: Connection, *conditions: Any) -> list[tuple[Fax, Any]]:
    """Faxes with the letter that each was queued with last."""
    found = connection.execute(select(faxes.c.id, outbox.c.state, outbox.c.doubts, outbox.c.last_error, outbox.c.finished_at).join(
        outbox, outbox.c.id == faxes.c.letter_id).where(*conditions).order_by(faxes.c.id)).all()
    letters = {row.id: row for row in found}
    return [(facsimile, letters[facsimile.id]) for facsimile in rows(connection, faxes.c.id.in_(list(letters)))] if letters else []
