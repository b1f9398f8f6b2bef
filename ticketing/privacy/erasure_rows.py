"""What an erasure makes of the rows of a person: his folios whole, and the rows that belong to no folio. Inside a transaction."""
from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, or_, select, update

from ticketing.folio_rows import add_entry
from ticketing.privacy.access import files_of_folios
from ticketing.privacy.held import Held
from ticketing.privacy.mentions import ERASED, Mentions, masked
from ticketing.privacy.retention import folder_of, mark_deleted
from ticketing.tables import (
    call_backs,
    call_notes,
    close_calls,
    count_decisions,
    folio_changes,
    folio_entries,
    folio_files,
    folios,
    messages_in,
    outbound_calls,
    outbox,
    status_inquiries,
    visits,
    webhook_deliveries,
)
from ticketing.values import EntryKind, NotAllowed, Sending

MESA = 'mesa'
CALLED_NOW = 'the person is being called just now: ask again in a few minutes'
# Entries in which somebody says something in his own words; of the others only those go that name the person.
WORDED = frozenset({EntryKind.NOTE, EntryKind.UPDATE, EntryKind.MOVE, EntryKind.EMAIL_IN, EntryKind.EMAIL_OUT, EntryKind.BOUNCE,
                    EntryKind.ATTACHMENT, EntryKind.WARNING, EntryKind.VISIT, EntryKind.COUNTED})
UNSENT = (Sending.WAITING.value, Sending.SENDING.value, Sending.FAILED.value, Sending.DOUBTFUL.value)
CODE = re.compile('[a-z_]{1,32}')                      # a reason from a list of ours, which the statement counts by


@dataclass(frozen=True)
class Cause:
    """Why something goes: its code on files, and its words in a timeline."""

    code: str
    words: str


ARCO = Cause('arco', 'solicitud ARCO')
CONTRACT = Cause('personal_days', 'plazo del contrato')


def erase_folio(connection: Connection, folio_id: int, mentions: Mentions, by: str, now: datetime, machine_now: datetime,
                cause: Cause = ARCO) -> tuple[Counter[str], list[tuple[str, str]]]:
    """Erase one folio of the person: what went, and the files to be deleted afterwards.

    Raises NotAllowed while a letter or a call about it is on its way. The number, times, states, category and priority stay: the statement
    and the service levels are told from them.
    """
    row = connection.execute(select(folios).where(folios.c.id == folio_id).with_for_update()).one()
    gone: Counter[str] = Counter(folios=1)
    gone['texts'] += _erase_entries(connection, row, mentions, now, cause)
    files = _erase_files(connection, folio_id, by, now, cause)
    gone['files'] += len(files)
    gone.update(_erase_letters(connection, folio_id, mentions, now, machine_now))
    _erase_calls(connection, row, mentions, now)
    connection.execute(update(folio_changes).where(
        folio_changes.c.folio_id == folio_id, folio_changes.c.by != MESA, folio_changes.c.reason != '').values(reason=ERASED))
    for change in connection.execute(select(folio_changes.c.id, folio_changes.c.by, folio_changes.c.reason).where(
            folio_changes.c.folio_id == folio_id)).all():
        connection.execute(update(folio_changes).where(folio_changes.c.id == change.id).values(
            by=author(change.by, mentions), reason=mentions.redact_own(change.reason)))
    connection.execute(update(close_calls).where(close_calls.c.folio_id == folio_id).values(comment=None))
    for table in (visits, count_decisions):
        connection.execute(update(table).where(table.c.folio_id == folio_id).values(reason=ERASED))
    code = row.cancel_reason if CODE.fullmatch(row.cancel_reason or '') else ERASED
    connection.execute(update(folios).where(folios.c.id == folio_id).values(
        user_name=None, caller_number=None, user_email=None, employee_number=None, summary=None, description=None, diagnosis=None,
        solution=None, cancel_reason=code if row.cancel_reason else None, rule=mentions.redact_own(row.rule), erased_at=now,
        version=row.version + 1))
    counted = f'textos: {gone["texts"]}, archivos: {len(files)}'
    add_entry(connection, folio_id, EntryKind.ERASED, f'datos personales suprimidos por {cause.words} ({counted})', by, now)
    return gone, files


def erase_loose_rows(connection: Connection, held: Held, now: datetime, machine_now: datetime) -> Counter[str]:
    """Erase the person's rows that belong to no folio of his: letters, notes of calls, numbers. Raises NotAllowed."""
    emails, phones = sorted(held.subject.emails), sorted(held.subject.phones)
    gone: Counter[str] = Counter()
    gone.update(_erase_messages(connection, func.lower(messages_in.c.sender).in_(emails), held.subject.mentions))
    gone.update(_drop_letters(connection, func.lower(outbox.c.recipient).in_(emails), held.subject.mentions, now, machine_now))
    subjects = [f'call:{linkedid}' for linkedid in sorted(held.calls)]
    gone.update(_drop_events(connection, webhook_deliveries.c.subject.in_(subjects), now, machine_now))
    noted = [call_notes.c.linkedid.in_(sorted(held.calls)), call_notes.c.caller_number.in_(phones)]
    gone['call_notes'] += _erase_notes(connection, or_(*noted), held.subject.mentions)
    gone['status_inquiries'] += connection.execute(update(status_inquiries).where(status_inquiries.c.key.in_(phones)).values(
        key=ERASED)).rowcount
    gone['call_backs'] += _end_call_backs(connection, call_backs.c.number.in_(phones), now)
    return gone


def erase_entry(connection: Connection, row: Any, mentions: Mentions, now: datetime, cause: Cause = ARCO) -> None:
    """Let an entry's text give way to a marker; the database allows that once, and nothing else."""
    sha256 = hashlib.sha256(row.text.encode()).hexdigest()
    connection.execute(update(folio_entries).where(folio_entries.c.id == row.id, folio_entries.c.erased_at.is_(None)).values(
        text=f'suprimido el {now:%d/%m/%Y} ({cause.words}, sha256 {sha256})', by=author(row.by, mentions), erased_at=now))


def identity_of(row: Any, mentions: Mentions) -> str:
    """A Message-ID, or, when an address of the person stands in it, one made of the digest: unique as the column must be."""
    return f'<{row.sha256}@{row.id}.invalid>' if mentions.in_identity(row.message_id) else str(row.message_id)


def author(by: str, mentions: Mentions) -> str:
    """Who did something, unless it was the person himself: a letter's sender is an address."""
    return 'user' if '@' in by or mentions.in_text(by) else by


def _erase_entries(connection: Connection, folio: Any, mentions: Mentions, now: datetime, cause: Cause) -> int:
    erased = 0
    rows = connection.execute(select(folio_entries).where(
        folio_entries.c.folio_id == folio.id, folio_entries.c.erased_at.is_(None))).all()
    for row in rows:
        worded = bool(row.text) and row.kind in WORDED and not (row.kind == EntryKind.MOVE and row.by == MESA)
        if worded or mentions.redact_own(row.text) != row.text or author(row.by, mentions) != row.by:
            erase_entry(connection, row, mentions, now, cause)
            erased += 1
    return erased


def _erase_files(connection: Connection, folio_id: int, by: str, now: datetime, cause: Cause) -> list[tuple[str, str]]:
    files = files_of_folios(connection, (folio_id,))
    gone = [where for file in files for where in mark_deleted(connection, file, cause.code, f'por {cause.words}', now, by)]
    connection.execute(update(folio_files).where(folio_files.c.folio_id == folio_id).values(title=None))
    return gone + [(folder, name) for folder, name in _already(files) if (folder, name) not in gone]


def _already(files: Any) -> list[tuple[str, str]]:
    """Files whose rows were marked before, and which may still be on the disk."""
    return [(folder_of(file.kind), file.name) for file in files if file.deleted_at is not None]


def _erase_letters(connection: Connection, folio_id: int, mentions: Mentions, now: datetime, machine_now: datetime) -> Counter[str]:
    gone = _drop_letters(connection, outbox.c.folio_id == folio_id, mentions, now, machine_now)
    gone.update(_drop_events(connection, webhook_deliveries.c.folio_id == folio_id, now, machine_now))
    gone.update(_erase_messages(connection, messages_in.c.folio_id == folio_id, mentions))
    return gone


def _erase_messages(connection: Connection, whose: Any, mentions: Mentions) -> Counter[str]:
    """Of a message that came in only its identity and its digest stay: it must not be taken for a new one when it comes again."""
    rows = connection.execute(select(messages_in).where(whose, messages_in.c.sender != ERASED)).all()
    for row in rows:
        connection.execute(update(messages_in).where(messages_in.c.id == row.id).values(
            sender=ERASED, subject='', reason=ERASED, message_id=identity_of(row, mentions)))
    return Counter(messages_in=len(rows))


def _drop_letters(connection: Connection, whose: Any, mentions: Mentions, now: datetime, machine_now: datetime) -> Counter[str]:
    """What waits is dropped, what is over loses its words. Raises NotAllowed while a worker has one of them."""
    gone: Counter[str] = Counter()
    for row in connection.execute(select(outbox).where(whose).with_for_update()).all():
        if row.state == Sending.SENDING.value and row.lease_until is not None and row.lease_until > machine_now:
            raise NotAllowed(f'letter {row.id} is on its way just now: ask again in a few minutes, and what is left goes, too')
        if row.payload == {} and row.last_error is None and row.state not in UNSENT:
            continue                                   # erased before
        unsent = {'state': Sending.DROPPED.value, 'finished_at': row.finished_at or now} if row.state in UNSENT else {}
        his = mentions.in_text(row.recipient) or row.recipient.casefold() in mentions.emails
        connection.execute(update(outbox).where(outbox.c.id == row.id).values(
            recipient=ERASED if his else row.recipient, payload={}, last_error=None, **unsent))
        gone['outbox'] += 1
    return gone


def _drop_events(connection: Connection, whose: Any, now: datetime, machine_now: datetime) -> Counter[str]:
    """What a client's own system has not heard yet it never hears, and what it was told goes from our books. Raises NotAllowed."""
    gone: Counter[str] = Counter()
    for row in connection.execute(select(webhook_deliveries).where(whose).with_for_update()).all():
        if row.state == Sending.SENDING.value and row.lease_until is not None and row.lease_until > machine_now:
            raise NotAllowed(f'event {row.event_id} is on its way to webhook {row.webhook} just now: ask again in a few minutes, '
                             'and what is left goes, too')
        if row.payload == {} and row.last_error is None and row.state not in UNSENT:
            continue                                   # erased before
        unsent = {'state': Sending.DROPPED.value, 'finished_at': row.finished_at or now} if row.state in UNSENT else {}
        connection.execute(update(webhook_deliveries).where(webhook_deliveries.c.id == row.id).values(
            payload={}, last_error=None, lease_until=None, not_before=None, **unsent))
        gone['webhook_deliveries'] += 1
    return gone


def _erase_calls(connection: Connection, folio: Any, mentions: Mentions, now: datetime) -> None:
    """The calls about the folio: places kept in the queue end, numbers that were called keep their region, by which they are rated.

    Raises NotAllowed.
    """
    _end_call_backs(connection, call_backs.c.folio_id == folio.id, now)
    for row in connection.execute(select(outbound_calls).where(outbound_calls.c.folio_id == folio.id)).all():
        if row.ended_at is None:
            raise NotAllowed(CALLED_NOW)
        connection.execute(update(outbound_calls).where(outbound_calls.c.id == row.id).values(number=masked(row.number)))
    linkedids = select(folio_entries.c.linkedid).where(folio_entries.c.folio_id == folio.id, folio_entries.c.linkedid.is_not(None))
    _erase_notes(connection, or_(call_notes.c.linkedid == folio.linkedid, call_notes.c.linkedid.in_(linkedids)), mentions)


def _erase_notes(connection: Connection, whose: Any, mentions: Mentions) -> int:
    rows = connection.execute(select(call_notes).where(whose)).all()
    for row in rows:
        connection.execute(update(call_notes).where(call_notes.c.linkedid == row.linkedid).values(
            caller_number=None, employee_number=None, rule=mentions.redact_own(row.rule)))
    return len(rows)


def _end_call_backs(connection: Connection, whose: Any, now: datetime) -> int:
    connection.execute(update(call_backs).where(whose, call_backs.c.state == 'waiting').values(state='cancelled', finished_at=now))
    return connection.execute(update(call_backs).where(whose).values(number=ERASED)).rowcount
