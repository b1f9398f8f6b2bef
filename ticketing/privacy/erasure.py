"""Erasing a person on an ARCO request (mission.md 4.1): what identifies him and what he wrote goes, what the statement counts stays.

The order is chosen so that a cut at any instant loses no trace of what is still to be erased: first whatever is found only by his numbers
and names, then his folios, one transaction each, and last his line in the record, which tells who he is. Asking again finishes it.
"""
from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, delete, insert, select, update

from config.values import Client, Site
from storage.engine import Database, DatabaseUnavailable
from ticketing.finding.index import SearchIndex
from ticketing.privacy.erasure_rows import CALLED_NOW, erase_folio, erase_loose_rows
from ticketing.privacy.held import Held, held_about
from ticketing.privacy.kept_files import Folders
from ticketing.privacy.letter_files import delete_letter, is_coming_in, letters_about
from ticketing.privacy.mentions import Mentions
from ticketing.privacy.redaction import redact_others
from ticketing.privacy.retention import Retention, delete_unclaimed
from ticketing.privacy.subjects import Subject, find_subject, with_own_traces
from ticketing.tables import erasures, users
from ticketing.values import NotAllowed
from ticketing.words import clean, clean_name

log = logging.getLogger('mesa.privacy')
COMES_NOW = 'an e-mail of the person, or that names him, is just coming in: ask again when the worker has brought it into the books'
PATIENCE_S = 60.0                                      # to find everything: nobody waits


class Elsewhere(Protocol):
    """What the parts keep that this package does not know: the call log, the ledger, faxes."""

    def hindrance(self, held: Held) -> str:
        """Why it cannot be erased now, in an English sentence; '' when nothing hinders."""

    def erase(self, held: Held, by: str, now: datetime) -> Mapping[str, int]:
        """Erase it; how many of each kind. Cut off anywhere, the next time finishes it."""


@dataclass(frozen=True)
class Erased:
    """Who was erased, and how much of each kind went."""

    subject: Subject
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Eraser:
    """The erasures of one instance.

    `key` signs the note of who was erased. `letters`: folders whose letters name people, `quarantine`: of messages that came in and wait
    for a person, in the folder of those that are not in the books yet.
    """

    db: Database
    site: Callable[[], Site]
    folders: Folders
    letters: tuple[Path, ...]
    quarantine: Path
    key: str = field(repr=False)
    elsewhere: Elsewhere

    def look(self, client: Client, text: str) -> Held:
        """What is held about the person whom the text means. Raises UnknownPerson, AmbiguousPerson."""
        with self.db.read(PATIENCE_S) as connection:
            subject = with_own_traces(connection, client, find_subject(connection, client, text))
            return held_about(connection, client, subject, self.key)

    def erase(self, client: Client, text: str, *, by: str, reason: str, now: datetime, machine_now: datetime,
              open_too: bool = False) -> Erased:
        """Erase the person. `machine_now`: of the clock that leases go by.

        Raises UnknownPerson, AmbiguousPerson; NotAllowed while a folio of his is open, unless `open_too`, and while he is called or a
        letter to him is on its way: then asking again finishes it.
        """
        held = self.look(client, text)
        if held.open_folios and not open_too:
            raise NotAllowed(f'folios {", ".join(held.open_folios)} are open and need his data to be served: close or cancel them first, '
                             'or erase them, too, with --open-too')
        if any(call['ended_at'] is None for call in held.sections['outbound_calls']):
            raise NotAllowed(CALLED_NOW)
        if is_coming_in(self.quarantine.parent, held.subject.mentions):
            raise NotAllowed(COMES_NOW)
        if hindrance := self.elsewhere.hindrance(held):
            raise NotAllowed(hindrance)
        who, mentions = clean_name(by), held.subject.mentions
        request = self._begin(held.subject, who, mentions.redact_own(clean(reason)), now)
        counts: Counter[str] = Counter()
        counts['letters'] += _delete_letters([
            *letters_about(self.letters, mentions), *letters_about((self.quarantine,), Mentions(), held.letters)])
        counts.update(self.elsewhere.erase(held, who, now))
        with self.db.write(PATIENCE_S) as connection:
            counts.update(erase_loose_rows(connection, held, now, machine_now))
        counts['mentions'] += redact_others(self.db, client.key, mentions, held.folio_ids, now)
        for folio_id in held.folio_ids:
            with self.db.write(PATIENCE_S) as connection:
                gone, files = erase_folio(connection, folio_id, mentions, who, now, machine_now)
            counts.update(gone)
            delete_unclaimed(self.db, self.folders, files)
        Retention(self.db, self.site, self.folders).sweep()
        index = SearchIndex(self.db)
        index.finish()
        index.forget_replaced()
        self._finish(request, held.subject, counts)
        try:
            self.db.forget_erased()
        except DatabaseUnavailable as error:
            log.warning('everything is erased, but %s: it empties itself with what is written next', error)
        return Erased(held.subject, {name: count for name, count in counts.items() if count})

    def _begin(self, subject: Subject, by: str, reason: str, now: datetime) -> int:
        """Note that it was asked for; a request that was cut off goes on under its first note."""
        digest = subject.digest(self.key)
        with self.db.write() as connection:
            self.db.lock(connection, f'erasure {digest}')
            for row in connection.execute(select(erasures).where(erasures.c.subject_sha256 == digest)):
                if not row.erased.get('complete'):
                    return int(row.id)
            made = connection.execute(insert(erasures).values(
                client=subject.client, subject_sha256=digest, at=now, by=by, reason=reason, erased={'complete': False}))
            assert made.inserted_primary_key is not None
            return int(made.inserted_primary_key[0])

    def _finish(self, request: int, subject: Subject, counts: Mapping[str, int]) -> None:
        """Take the person from the record, and note what went: both, or the request is still to be finished."""
        with self.db.write() as connection:
            if subject.employee_number:
                connection.execute(delete(users).where(
                    users.c.client == subject.client, users.c.employee_number == subject.employee_number))
            connection.execute(update(erasures).where(erasures.c.id == request).values(
                erased={'complete': True, **_sum(connection, request, counts)}))


def _sum(connection: Connection, request: int, counts: Mapping[str, int]) -> dict[str, int]:
    """What went now and in earlier tries."""
    before: Any = connection.scalar(select(erasures.c.erased).where(erasures.c.id == request)) or {}
    total = Counter({name: count for name, count in before.items() if name != 'complete'})
    total.update(counts)
    return {name: count for name, count in total.items() if count}


def _delete_letters(files: Iterable[Path]) -> int:
    found = list(files)
    for file in found:
        delete_letter(file)
    return len(found)
