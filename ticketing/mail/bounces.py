"""A letter of ours that did not arrive: it lands on its folio, and a supervisor hears of it."""
from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, select, update

from config.values import Site
from ticketing.folio_rows import FOLIO, add_entry, folio_of
from ticketing.notices import due_of, send, to_supervisors
from ticketing.spanish import letter_name
from ticketing.tables import folios, outbox
from ticketing.values import EntryKind, Sending

NOTICE = 'bounce'
LONGEST_DIAGNOSTIC = 500


def bounced(connection: Connection, site: Site, message_id: str, recipient: str, diagnostic: str, now: datetime) -> bool:
    """Take down that a letter came back, in the transaction of the message that says so; False when it was none of ours.

    `recipient` and `diagnostic` are the foreign server's words. A second report of the same letter changes nothing, and of a notice
    that is itself about a bounce nobody is told: that could go round for ever.
    """
    row = connection.execute(select(outbox.c.id, outbox.c.notice, outbox.c.recipient, outbox.c.folio_id, outbox.c.state).where(
        outbox.c.message_id == message_id).with_for_update()).first()
    if row is None:
        return False
    if row.state == Sending.FAILED.value:
        return True
    elsewhere = recipient.casefold() not in ('', row.recipient.casefold())             # forwarded by the recipient's server
    said = _line(f'{recipient}: {diagnostic}' if elsewhere else diagnostic) or 'sin explicación'
    connection.execute(update(outbox).where(outbox.c.id == row.id).values(
        state=Sending.FAILED.value, last_error=f'bounced: {said}', lease_until=None, not_before=None, finished_at=now))
    if row.folio_id is not None:
        told = f'no llegó el {letter_name(row.notice)} a {row.recipient}: {said}'
        add_entry(connection, row.folio_id, EntryKind.BOUNCE, told, 'mesa', now)
        if row.notice != NOTICE:
            _tell_supervisors(connection, site, row.id, row.folio_id, row.recipient, said, now)
    return True


def _tell_supervisors(connection: Connection, site: Site, row_id: int, folio_id: int, recipient: str, said: str, now: datetime) -> None:
    folio = folio_of(connection.execute(FOLIO.where(folios.c.id == folio_id)).one())
    notices = to_supervisors(NOTICE, folio, folio_id, site, recipient=recipient, diagnostic=said)
    own = [replace(notice, key=f'{NOTICE}:{row_id}:{notice.key}'[:160]) for notice in notices]
    send(connection, own, site, due_of(site, folio, now), now)


def _line(text: str) -> str:
    return ' '.join(''.join(c if c.isprintable() else ' ' for c in text).split())[:LONGEST_DIAGNOSTIC]
