"""Faxes where they speak of a person: to be told to him, and to be erased on request (mission.md 4.1).

His are the faxes that came from his telephone or under his name, and those that we sent to his telephone or for his folios. What stands on
a sheet nobody has read: a fax of the person goes whole. Faxes of another client keep all but the number, which no part of Mesa keeps.
"""
from __future__ import annotations

import mimetypes
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, or_, select, update

from fax.books import add_event, rows
from fax.outgoing.job_book import JobBook, jobs_where
from fax.outgoing.job_tables import fax_attempts, fax_jobs
from fax.outgoing.jobs import FaxJob
from fax.outgoing.orders import forget_one
from fax.pipeline import Folders
from fax.retention import delete_files, let_go
from fax.tables import fax_events, faxes
from fax.values import DELIVERED, Fax
from storage.engine import Database
from ticketing.privacy.mentions import ERASED, ESCAPE, Mentions, masked
from ticketing.tables import folios

PATIENCE_S = 60.0
IN_AT_ONCE = 400                                       # values in one IN (...)
ARCO = 'se suprimió por solicitud ARCO'


@dataclass(frozen=True)
class FaxesAbout:
    """The faxes that speak of one person of `client`, those of other clients included; each in its order."""

    client: str
    received: tuple[Fax, ...]
    sent: tuple[FaxJob, ...]

    def is_own(self, facsimile: Fax | FaxJob) -> bool:
        """Whether a fax is this client's, or nobody's."""
        return facsimile.client in (self.client, None)

    @property
    def hindrance(self) -> str:
        """Why they cannot be erased now, as an English sentence for the operator; '' when nothing hinders."""
        coming = [one.reference for one in self.received if self.is_own(one) and one.state not in DELIVERED]
        going = [str(one.id) for one in self.sent if self.is_own(one) and (one.is_open or one.seconds is None)]
        told = ((coming, 'of the person are not delivered yet: wait, or discard them (mesa fax discard)'),
                (going, 'to the person are on their way: wait, or cancel them (mesa fax cancel)'))
        return '; '.join(f'faxes {", ".join(some)} {what}' for some, what in told if some)


def faxes_about(connection: Connection, client: str, mentions: Mentions, numbers: Iterable[str]) -> FaxesAbout:
    """The faxes that speak of a person of a client; `numbers` are of his folios."""
    c = faxes.c
    named = [column.ilike(needle, escape=ESCAPE) for column in (c.caller_number, c.caller_name)
             for needle in (*mentions.number_needles(), *mentions.word_needles())]
    received = rows(connection, or_(*named)) if named else ()
    found = {job.id: job for condition in _sent(mentions, sorted(numbers)) for job in jobs_where(connection, condition)}
    return FaxesAbout(
        client, tuple(one for one in received if mentions.in_text(one.caller_number) or mentions.in_text(one.caller_name)),
        tuple(found[id_] for id_ in sorted(found)))


def export_sections(about: FaxesAbout) -> dict[str, list[Mapping[str, Any]]]:
    """What an export tells of them: the client's own, by section."""
    return {
        'faxes': [{'reference': one.reference, 'received_at': one.received_at, 'line': one.line, 'client': one.client,
                   'caller_number': one.caller_number, 'caller_name': one.caller_name, 'pages': one.pages, 'fax_state': str(one.state),
                   'recipient': one.recipient, 'deleted_at': one.deleted_at} for one in about.received if about.is_own(one)],
        'fax_jobs': [{'fax': one.id, 'created_at': one.created_at, 'ended_at': one.ended_at, 'client': one.client, 'folio': one.folio,
                      'number': one.number, 'name': one.name, 'pages': one.pages, 'fax_state': str(one.state), 'seconds': one.seconds,
                      'by': one.by, 'deleted_at': one.forgotten_at} for one in about.sent if about.is_own(one)],
    }


def export_files(about: FaxesAbout, folders: Folders, documents: Path) -> dict[str, Path]:
    """The files that an export holds, by their names in it, which are ours: what came, as PDF where there is one, and what we sent."""
    found: dict[str, Path] = {}
    for facsimile in filter(about.is_own, about.received):
        file = next((file for file in (folders.pdf(facsimile), folders.tiff(facsimile)) if file.is_file()), None)
        found |= {f'faxes/recibido-{facsimile.reference}{file.suffix}': file} if file else {}
    for job in filter(about.is_own, about.sent):
        if (document := documents / job.sha256).is_file() and not job.forgotten_at:
            found[f'faxes/enviado-{job.id}{mimetypes.guess_extension(job.content_type) or ".bin"}'] = document
    return found


def log_handed_over(connection: Connection, about: FaxesAbout, by: str, now: datetime) -> None:
    """Who gave the person a copy stands in the history of each fax that came."""
    for facsimile in filter(about.is_own, about.received):
        add_event(connection, facsimile.id, facsimile.state, by, 'se entregó una copia al propio titular (ARCO)', now)


def erase_from_faxes(db: Database, about: FaxesAbout, folders: Folders, documents: Path, mentions: Mentions, by: str,
                     now: datetime) -> dict[str, int]:
    """Take the person out of the faxes; how many of each kind. Cut off anywhere, the next time or the sweep finishes it.

    That a fax came, when, for which line, how many pages and how it ended stays, and what was sent and what it cost: the statement tells
    it. Raises DatabaseUnavailable.
    """
    gone: Counter[str] = Counter()
    book = JobBook(db)
    for facsimile in about.received:
        with db.write(PATIENCE_S) as connection:
            if about.is_own(facsimile):
                let_go(connection, facsimile, ARCO, by, now)
            _redact_received(connection, facsimile.id, mentions)
        if about.is_own(facsimile):
            delete_files(db, folders, facsimile)
        gone['faxes'] += 1
    for job in about.sent:
        if about.is_own(job):
            forget_one(book, job, documents, now)
        with db.write(PATIENCE_S) as connection:
            gone['fax_jobs'] += _redact_sent(connection, job, mentions, about.is_own(job))
    return {name: count for name, count in gone.items() if count}


def _sent(mentions: Mentions, numbers: list[str]) -> list[ColumnElement[bool]]:
    his: list[ColumnElement[bool]] = [fax_jobs.c.number.in_(sorted(mentions.telephones))] if mentions.telephones else []
    return his + [folios.c.number.in_(numbers[at:at + IN_AT_ONCE]) for at in range(0, len(numbers), IN_AT_ONCE)]


def _redact_received(connection: Connection, id_: int, mentions: Mentions) -> None:
    row = connection.execute(select(faxes).where(faxes.c.id == id_)).one()
    connection.execute(update(faxes).where(faxes.c.id == id_).values(
        caller_number=mentions.redact(row.caller_number), caller_name=mentions.redact(row.caller_name), reason=mentions.redact(row.reason),
        problem=mentions.redact(row.problem) if row.problem else row.problem))
    for event in connection.execute(select(fax_events).where(fax_events.c.fax_id == id_)).all():
        if mentions.in_text(event.text):
            connection.execute(update(fax_events).where(fax_events.c.id == event.id).values(text=mentions.redact(event.text)))


def _redact_sent(connection: Connection, job: FaxJob, mentions: Mentions, own: bool) -> int:
    """Whether something of it went: its number keeps its region, as the calls that carried it do."""
    after = {'number': masked(job.number) if job.number in mentions.telephones else job.number, 'name': ERASED if own else job.name,
             'status': mentions.redact(job.status)}
    if all(getattr(job, name) == value for name, value in after.items()):
        return 0
    connection.execute(update(fax_jobs).where(fax_jobs.c.id == job.id).values(after))
    for call in connection.execute(select(fax_attempts).where(fax_attempts.c.job_id == job.id, fax_attempts.c.reason != '')).all():
        connection.execute(update(fax_attempts).where(fax_attempts.c.id == call.id).values(reason=mentions.redact(call.reason)))
    return 1
