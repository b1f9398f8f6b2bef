"""Rows about letters: `messages_in`, and what a letter adds to a folio. For use inside a transaction."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from config.values import Site
from config.webhooks import hooks_of
from ticketing.folio_rows import add_entry, locked
from ticketing.lifecycle import reopened
from ticketing.mail.attachments import Kept, attach
from ticketing.mail.decide import OPENINGS_AN_HOUR, Ignores, Joins, Opens
from ticketing.mail.letters import is_address
from ticketing.mail.reader import Letter, Unreadable
from ticketing.notices import release
from ticketing.opening import Wanted, store
from ticketing.opening_facts import receipt_of, with_terms
from ticketing.tables import folios, messages_in
from ticketing.turn import Turn
from ticketing.values import EntryKind, Intake, Move, Report

MAX_SUMMARY = 200
MAX_REASON = 300
USER = 'user'                                          # never an address: what stands in `by` can never be erased


@dataclass(frozen=True)
class MessageIn:
    """A message that came in, as the books have it. Times are aware UTC; `folio` is a number."""

    id: int
    message_id: str
    sha256: str
    received_at: datetime
    client: str | None
    folio: str | None
    sender: str
    subject: str
    outcome: Intake
    reason: str
    settled_at: datetime | None
    settled_by: str | None


_MESSAGE = select(*messages_in.c, folios.c.number.label('folio')).outerjoin(folios, folios.c.id == messages_in.c.folio_id)


def _value(row: Any) -> MessageIn:
    columns = {name: value for name, value in row._mapping.items() if name != 'folio_id'}
    return MessageIn(**(columns | {'outcome': Intake(row.outcome)}))


def known(connection: Connection, letter: Letter | Unreadable) -> MessageIn | None:
    """The row of this message, None when it never came.

    The same Message-ID with another sender or subject is another message whose program makes no unique ids: it goes by its digest.
    """
    row = connection.execute(_MESSAGE.where(messages_in.c.message_id == letter.digest_id)).first()
    if row is None and isinstance(letter, Letter) and letter.message_id:
        row = connection.execute(_MESSAGE.where(messages_in.c.message_id == letter.message_id)).first()
        if row is not None and row.sha256 != letter.sha256 and (row.sender, row.subject) != (letter.sender, letter.subject):
            return None
    return None if row is None else _value(row)


def get(connection: Connection, message: int) -> MessageIn | None:
    """One message by its id."""
    row = connection.execute(_MESSAGE.where(messages_in.c.id == message)).first()
    return None if row is None else _value(row)


def of_digest(connection: Connection, sha256: str) -> MessageIn | None:
    """The message that came as these bytes."""
    row = connection.execute(_MESSAGE.where(messages_in.c.sha256 == sha256).order_by(messages_in.c.id)).first()
    return None if row is None else _value(row)


def newest(connection: Connection, outcome: Intake | None, limit: int) -> tuple[MessageIn, ...]:
    """The messages that came last, the newest first."""
    wanted = _MESSAGE.order_by(messages_in.c.received_at.desc(), messages_in.c.id.desc()).limit(limit)
    return tuple(map(_value, connection.execute(wanted if outcome is None else wanted.where(messages_in.c.outcome == outcome.value))))


def add(connection: Connection, letter: Letter | Unreadable, outcome: Intake, reason: str, now: datetime, client: str | None = None,
        folio_id: int | None = None) -> MessageIn:
    """Store what became of a message."""
    sender, subject = (letter.sender[:254], letter.subject) if isinstance(letter, Letter) else ('', '')
    stored = connection.execute(insert(messages_in).values(
        message_id=_id_for(connection, letter), sha256=letter.sha256, received_at=now, client=client, folio_id=folio_id,
        sender=sender, subject=subject, outcome=outcome.value, reason=reason))
    assert stored.inserted_primary_key is not None
    found = get(connection, int(stored.inserted_primary_key[0]))
    assert found is not None
    return found


def _id_for(connection: Connection, letter: Letter | Unreadable) -> str:
    if isinstance(letter, Unreadable) or not letter.message_id:
        return letter.digest_id
    taken = connection.scalar(select(messages_in.c.id).where(messages_in.c.message_id == letter.message_id))
    return letter.digest_id if taken is not None else letter.message_id


def settle(connection: Connection, message: int, outcome: Intake, folio_id: int | None, client: str | None, by: str,
           now: datetime) -> MessageIn:
    """What a person decided about a message."""
    connection.execute(update(messages_in).where(messages_in.c.id == message).values(
        outcome=outcome.value, folio_id=folio_id, client=client, settled_at=now, settled_by=by[:64]))
    found = get(connection, message)
    assert found is not None
    return found


def open_folio(connection: Connection, letter: Letter, planned: Opens, kept: tuple[Kept, ...], site: Site, now: datetime) -> int:
    """Open a letter's folio with its receipt, its words and its files; returns the folio's id."""
    report = with_terms(_report(letter, planned, site, now), site, now)
    folio = store(connection, [Wanted(report, now, receipt_of(report, site, now), hooks_of(site.clients.get(report.client)))])[0]
    assert folio is not None                           # only a call can have a folio already
    folio_id = locked(connection, folio.number)
    add_entry(connection, folio_id, EntryKind.EMAIL_IN, _told(letter, letter.text), USER, now)
    attach(connection, folio_id, letter, kept, USER, now)
    if planned.refers_to:
        old = locked(connection, planned.refers_to)
        add_entry(connection, folio_id, EntryKind.NOTE, f'responde al folio {planned.refers_to}, que ya está cerrado', USER, now)
        add_entry(connection, old, EntryKind.NOTE, f'llegó una respuesta por correo; se abrió el folio {folio.number}', USER, now)
    return folio_id


def _report(letter: Letter, planned: Opens, site: Site, now: datetime) -> Report:
    client, line = site.clients[planned.client], site.lines[planned.line]
    user = next((user for user in client.users if user.employee_number == planned.user), None)
    place = user.site if user else None
    summary = letter.subject or letter.text.partition('\n')[0]
    return Report(
        line=line.number, client=client.key, modality=str(line.modality), clock_starts=release(site, line.number, place, False, now),
        rule=planned.rule, employee_number=planned.user, user_name=user.name if user else letter.sender_name or None,
        identified_by='email', unlisted=user is None, site=place, origin='email',
        user_email=letter.sender if is_address(letter.sender) else None, summary=summary[:MAX_SUMMARY] or None,
        description=letter.text or None)


def join_folio(connection: Connection, letter: Letter, planned: Joins, kept: tuple[Kept, ...], site: Site, now: datetime) -> int:
    """Add a letter and its files to a folio, which may go on or be reopened because of it; returns the folio's id."""
    folio_id = locked(connection, planned.number)
    add_entry(connection, folio_id, EntryKind.EMAIL_IN, _told(letter, letter.fresh), planned.by, now)
    attach(connection, folio_id, letter, kept, planned.by, now)
    if planned.move is not None:
        turn = Turn(connection, site, planned.number, planned.by, now)
        said = letter.fresh[:MAX_REASON]
        why = f'respondió por correo: {said}' if said else 'respondió por correo'
        if planned.move is Move.REOPEN:
            reopened(turn, said or 'respondió con archivos adjuntos', 'mail')
        else:
            turn.move(planned.move, why)
            turn.enter(EntryKind.MOVE, 'de nuevo en atención', why)
    return folio_id


def note_automatic(connection: Connection, letter: Letter, planned: Ignores, now: datetime) -> int | None:
    """Let the folio that an automatic letter answers know of it; returns the folio's id."""
    if planned.number is None:
        return None
    folio_id = locked(connection, planned.number)
    told = f'respuesta automática {_from(letter)}: {letter.subject}\n\n{letter.fresh[:2000]}'.strip()
    add_entry(connection, folio_id, EntryKind.NOTE, told, 'email', now)
    return folio_id


def _told(letter: Letter, text: str) -> str:
    return f'correo {_from(letter)}: {letter.subject}\n\n{text}'.strip()


def _from(letter: Letter) -> str:
    return f'de {letter.sender}' if letter.sender else 'sin remitente'


def warn_of_loop(connection: Connection, letter: Letter, now: datetime) -> None:
    """A warning on the last folio that this sender opened, once an hour: nothing of his is opened or answered now."""
    lately = (messages_in.c.sender == letter.sender, messages_in.c.received_at > now - timedelta(hours=1))
    if connection.scalar(select(func.count()).where(*lately, messages_in.c.outcome == Intake.QUARANTINED.value)):
        return
    last = connection.scalar(select(func.max(messages_in.c.folio_id)).where(*lately, messages_in.c.outcome == Intake.OPENED.value))
    if last is not None:
        said = f'{letter.sender} abrió {OPENINGS_AN_HOUR} folios en una hora: parece un bucle; sus correos quedan por revisar'
        add_entry(connection, last, EntryKind.WARNING, said, 'mesa', now)
