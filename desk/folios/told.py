"""What a client's contact may read of a folio (mission.md 6.4; docs/decisions.md): a list of what is told, so that what comes later is not.

Never: internal notes, the diagnosis, who is complained of, reasons that were written for our people, telephone numbers, files, escalations.
"""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from config.values import Site
from storage.engine import Database
from ticketing.changes import changes_of
from ticketing.folio_rows import id_of
from ticketing.spanish import PRIORITIES, STATES, letter_name, of_party
from ticketing.tables import folio_entries, outbox
from ticketing.values import Change, EntryKind, Folio, Move, Sending, State

USER_LETTERS = frozenset({'opened', 'assigned', 'waiting', 'update', 'resolved', 'reopened', 'cancelled', 'merged', 'closed', 'confirm',
                          'problem_progress'})
TEXTS = {EntryKind.UPDATE: 'Avance', EntryKind.VISIT: 'Visita en sitio', EntryKind.SURVEY: 'Encuesta'}
WRITERS = {'user': 'Correo del usuario', 'contact': 'Correo del contacto'}
# Whose reason the user has read in the letter that told him of the move.
TOLD_REASONS = frozenset({Move.WAIT, Move.CANCEL})


@dataclass(frozen=True)
class Told:
    """One line: when, what, and somebody's own words, '' without any."""

    at: datetime
    what: str
    text: str = ''


@dataclass(frozen=True)
class ToldFolio:
    """A folio for the contact. `holder` names the agent or group that has it; '' nobody."""

    folio: Folio
    category: str
    holder: str
    lines: tuple[Told, ...]


def told_folio(db: Database, site: Site, folio: Folio) -> ToldFolio:
    """A folio with all that is told of it, the newest line last. The caller has checked whose it is."""
    with db.read() as connection:
        folio_id = id_of(connection, folio.number)
        changes = changes_of(connection, folio_id)
        entries = connection.execute(select(folio_entries.c.at, folio_entries.c.kind, folio_entries.c.by, folio_entries.c.text).where(
            folio_entries.c.folio_id == folio_id).order_by(folio_entries.c.id)).all()
        letters = connection.execute(select(outbox.c.notice, outbox.c.finished_at, outbox.c.recipient).where(
            outbox.c.folio_id == folio_id, outbox.c.state == Sending.SENT.value, outbox.c.finished_at.is_not(None))).all()
    lines = [Told(folio.opened_at, 'Se abrió el folio'), *map(_of_change, changes), *_of_entries(entries),
             *_of_letters(letters, folio, site)]
    client = site.clients.get(folio.report.client)
    titles = {category.name: category.title for category in client.categories} if client else {}
    return ToldFolio(folio, titles.get(folio.report.category or '', ''), holder_of(folio, site),
                     tuple(sorted(lines, key=lambda line: line.at)))


def holder_of(folio: Folio, site: Site) -> str:
    """Who has it, as the telephone tells it too (mission.md 3.4)."""
    if folio.holder == 'group' and folio.resolver_group:
        client = site.clients.get(folio.report.client)
        group = client.groups.get(folio.resolver_group) if client else None
        return group.title if group else folio.resolver_group
    agent = site.agents.get(folio.agent or '') if folio.holder == 'agent' else None
    return agent.name if agent else ''


def _of_change(change: Change) -> Told:
    text = change.reason if change.move in TOLD_REASONS else ''
    if change.move is Move.PRIORITISE:
        return Told(change.at, f'Prioridad {PRIORITIES[change.priority]}')
    if change.move is Move.REOPEN:
        return Told(change.at, 'Se reabrió')
    if change.to_state is State.WAITING and change.waiting_for:
        return Told(change.at, f'En espera {of_party(change.waiting_for)}', text)
    return Told(change.at, STATES[change.to_state].capitalize(), text)


def _of_entries(entries: Any) -> list[Told]:
    lines = []
    for entry in entries:
        if entry.kind in TEXTS:
            lines.append(Told(entry.at, TEXTS[entry.kind], entry.text))
        elif entry.kind == EntryKind.EMAIL_IN and entry.by in WRITERS:
            lines.append(Told(entry.at, WRITERS[entry.by], entry.text))
    return lines


def _of_letters(letters: Any, folio: Folio, site: Site) -> list[Told]:
    client = site.clients.get(folio.report.client)
    contact = client.contact.email if client and client.contact else None
    names = {email.casefold(): party for email, party in ((contact, 'al contacto'), (folio.report.user_email, 'al usuario')) if email}
    return [Told(row.finished_at, f'Se envió el {letter_name(row.notice)} {names[row.recipient.casefold()]}')
            for row in letters if row.notice in USER_LETTERS and row.recipient.casefold() in names]
