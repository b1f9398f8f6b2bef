"""The rows of close calls and of the calls that they place. For use inside a transaction."""
from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, text, update

from config.contract import way_out
from config.phones import national
from config.values import Site
from ticketing.closing.steps import HOUR, Facts, line_of
from ticketing.folio_rows import add_entry, locked_folio
from ticketing.notices import due_of, send, to_contact, to_user
from ticketing.spanish import moment, to_party
from ticketing.tables import close_calls, folios, outbound_calls
from ticketing.values import EntryKind, Folio, State, TicketingError

KIND = 'close_call'
PENDING = ('waiting', 'calling', 'mailed')
# As the partial index has it, letter by letter: SQLite does not recognise it with bound values, and would read all that ever was.
IS_PENDING = text("close_calls.state IN ('waiting', 'calling', 'mailed')")


class UnknownCloseCall(TicketingError):
    """No close call has this id, or it never made this call."""


@dataclass(frozen=True)
class Attempt:
    """A call to be placed now; it stands in `outbound_calls`. Numbers are E.164."""

    close_call_id: int
    linkedid: str
    folio: str
    number: str
    line: str
    trunk: str
    caller_id: str


def locked_call(connection: Connection, close_call_id: int) -> tuple[int, Folio, Row[Any]]:
    """A close call with its folio, both locked; the folio first, as everywhere."""
    number = connection.scalar(select(folios.c.number).join(close_calls, close_calls.c.folio_id == folios.c.id).where(
        close_calls.c.id == close_call_id))
    if number is None:
        raise UnknownCloseCall(f'there is no close call {close_call_id}')
    folio_id, folio = locked_folio(connection, number)
    row = connection.execute(select(close_calls).where(close_calls.c.id == close_call_id).with_for_update()).one()
    return folio_id, folio, row


def is_pending(folio: Folio, row: Row[Any]) -> bool:
    """Whether the folio is still resolved as it was when this question arose, and nobody has answered it."""
    return folio.state is State.RESOLVED and folio.reopens == row.cycle and row.state in PENDING


def facts_of(connection: Connection, row: Row[Any], number: str | None, now: datetime) -> Facts:
    """A close call and the calls of the last hour that count against its limits."""
    o = outbound_calls.c
    lately = (o.kind == KIND, o.client == row.client, o.started_at > now - HOUR, o.started_at <= now)
    calls = connection.execute(select(o.started_at, o.number).where(*lately).order_by(o.started_at)).all()
    busy = number is not None and connection.scalar(select(o.id).where(o.number == number, o.ended_at.is_(None)).limit(1)) is not None
    return Facts(
        state=row.state, attempts=row.attempts, deadline=row.deadline, number=number, in_flight=busy,
        client_calls=tuple(call.started_at for call in calls), user_calls=tuple(call.started_at for call in calls if call.number == number))


def store_attempt(connection: Connection, site: Site, folio_id: int, folio: Folio, row: Row[Any], number: str, now: datetime) -> Attempt:
    """Store an attempt, its linkedid and its place in the timeline, before anybody dials."""
    attempts = row.attempts + 1
    linkedid = f'mesa-cc-{row.id}-{attempts}-{secrets.token_hex(4)}'
    connection.execute(insert(outbound_calls).values(
        linkedid=linkedid, kind=KIND, owner_id=row.id, folio_id=folio_id, client=row.client, number=number, started_at=now))
    set_columns(connection, row.id, state='calling', attempts=attempts)
    told = f'intento {attempts} {to_party(row.party)}, {national(number)}'
    add_entry(connection, folio_id, EntryKind.CLOSE_CALL, told, 'mesa', now, linkedid)
    trunk, line = way_out(site), line_of(site, folio)
    assert trunk is not None and line is not None      # without them nothing led here
    return Attempt(row.id, linkedid, folio.number, number, line.number, trunk.name, trunk.caller_id or line.number)


def write_letter(connection: Connection, site: Site, folio_id: int, folio: Folio, row: Row[Any], deadline: datetime,
                 now: datetime) -> None:
    """Ask in writing, once; without an address the deadline alone runs."""
    to = to_contact if row.party == 'contact' else to_user
    letters = to('confirm', folio, folio_id, site, close_call_id=row.id, deadline=deadline.isoformat())
    send(connection, letters, site, due_of(site, folio, now), now)
    set_columns(connection, row.id, state='mailed', deadline=deadline, next_at=deadline)
    told = f'se preguntó por correo {to_party(row.party)}' if letters else f'no hay cómo preguntar {to_party(row.party)}'
    until = moment(deadline, site.zone)
    add_entry(connection, folio_id, EntryKind.CLOSE_CALL, f'{told}; puede responder hasta el {until}', 'mesa', now)


def placed_call(connection: Connection, linkedid: str) -> Row[Any] | None:
    """A call that a close call placed."""
    return connection.execute(select(outbound_calls).where(
        outbound_calls.c.linkedid == linkedid, outbound_calls.c.kind == KIND)).first()


def store_outcome(connection: Connection, linkedid: str, outcome: str) -> None:
    """Keep what is known of a call while it goes on."""
    connection.execute(update(outbound_calls).where(outbound_calls.c.linkedid == linkedid).values(outcome=outcome))


def set_columns(connection: Connection, close_call_id: int, **columns: Any) -> None:
    """Change a close call."""
    connection.execute(update(close_calls).where(close_calls.c.id == close_call_id).values(**columns))
