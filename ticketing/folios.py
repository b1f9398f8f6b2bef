"""The folio book: opening, finding and continuing folios, each with its timeline (mission.md chapter 4)."""
from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Select, insert, select, update

from storage.engine import Database
from ticketing.damm import is_valid
from ticketing.folio_rows import FOLIO, add_entry, folio_of, id_of, locked
from ticketing.hooks.announce import HooksOf, nobody_listens
from ticketing.opening import Openings, Receipt, Wanted
from ticketing.tables import folio_entries, folio_files, folios
from ticketing.values import OPEN_STATES, Entry, EntryKind, Folio, Report, State, TicketingError, UnknownFolio

__all__ = ['Entry', 'EntryKind', 'Folio', 'FolioBook', 'Report', 'State', 'TicketingError', 'UnknownFolio']


class FolioBook:
    """All folios of one database. Every method is one transaction and raises DatabaseUnavailable when that cannot be had in time.

    `hooks_of` says which of a client's own systems hear of new folios.
    """

    def __init__(self, db: Database, hooks_of: HooksOf = nobody_listens) -> None:
        self._db = db
        self._hooks_of = hooks_of
        self._openings = Openings(db)

    def open(self, report: Report, now: datetime, receipt: Receipt | None = None) -> Folio:
        """The folio of this report, stored durably with the first entry of its timeline and the letter that tells the user of it.

        A call opens one folio, ever: for a call that has one already, that one is answered (mission.md 3.3).
        """
        folio = self._openings.open(Wanted(report, now, receipt, self._hooks_of(report.client)))
        if folio is None and report.call is not None:
            folio = self._one(FOLIO.where(folios.c.linkedid == report.call))
        if folio is None:
            raise TicketingError(f'the folio of call {report.call} was there and is gone')
        return folio

    def get(self, number: str) -> Folio | None:
        """The folio with this number, or None."""
        return self._one(FOLIO.where(folios.c.number == number))

    def find(self, number: str, client: str) -> Folio | None:
        """The folio that a client's caller may hear of; another client's is None, exactly like an unknown one (mission.md 3.4)."""
        if not is_valid(number):
            return None
        return self._one(FOLIO.where(folios.c.number == number, folios.c.client == client))

    def of_call(self, linkedid: str) -> Folio | None:
        """The folio that a call opened, or else the one it continued; None when it did neither."""
        continued = _entry_of(linkedid, EntryKind.CALL, folio_entries.c.folio_id)
        return (self._one(FOLIO.where(folios.c.linkedid == linkedid))
                or self._one(FOLIO.where(folios.c.id.in_(continued)).order_by(folios.c.id.desc())))

    def open_folios(self, client: str, employee_number: str) -> tuple[Folio, ...]:
        """A user's folios that still need work, newest first."""
        return self._many(FOLIO.where(
            folios.c.client == client, folios.c.employee_number == employee_number,
            folios.c.state.in_(OPEN_STATES)).order_by(folios.c.opened_at.desc(), folios.c.id.desc()))

    def list(self, client: str | None = None, state: State | None = None, line: str | None = None, agent: str | None = None,
             group: str | None = None, since: datetime | None = None, until: datetime | None = None, limit: int = 100,
             only_open: bool = False) -> tuple[Folio, ...]:
        """Folios opened in [since, until) that match what is given, newest first, at most `limit`; `only_open`: that still need work."""
        wanted = FOLIO.order_by(folios.c.opened_at.desc(), folios.c.id.desc()).limit(limit)
        for column, value in ((folios.c.client, client), (folios.c.state, state), (folios.c.line, line), (folios.c.agent, agent),
                              (folios.c.resolver_group, group)):
            if value is not None:
                wanted = wanted.where(column == value)
        if only_open:
            wanted = wanted.where(folios.c.state.in_(OPEN_STATES))
        if since is not None:
            wanted = wanted.where(folios.c.opened_at >= since)
        if until is not None:
            wanted = wanted.where(folios.c.opened_at < until)
        return self._many(wanted)

    def timeline(self, number: str) -> tuple[Entry, ...]:
        """Everything that happened to a folio, oldest first. Raises UnknownFolio."""
        with self._db.read() as connection:
            rows = connection.execute(_ENTRIES.where(folio_entries.c.folio_id == id_of(connection, number)))
            return tuple(Entry(*row) for row in rows)

    def note(self, number: str, kind: EntryKind, text: str, by: str, now: datetime) -> None:
        """Add an entry to a folio's timeline. Raises UnknownFolio."""
        with self._db.write() as connection:
            add_entry(connection, locked(connection, number), kind, text, by, now)

    def categorise(self, number: str, category: str, now: datetime, title: str = '') -> None:
        """Say what a folio is about, which its caller chose after it was opened; `title` is the category's. Raises UnknownFolio."""
        with self._db.write() as connection:
            folio_id = locked(connection, number)
            connection.execute(update(folios).values(category=category).where(folios.c.id == folio_id))
            add_entry(connection, folio_id, EntryKind.CATEGORY, f'categoría: {title or category}', 'caller', now)

    def privacy_heard(self, number: str, version: str, accepted: bool, at: datetime) -> None:
        """Record which privacy notice the caller heard and whether he let himself be recorded (mission.md 3.8). Raises UnknownFolio."""
        self.note(number, EntryKind.PRIVACY, _heard(version, accepted), 'caller', at)

    def tie_call(self, number: str, linkedid: str, now: datetime) -> bool:
        """Let a call continue an open folio (menu choice 3); False when it did so already. Raises UnknownFolio."""
        with self._db.write() as connection:
            return _add_call_entry(connection, locked(connection, number), EntryKind.CALL, linkedid, 'caller', now)

    def mark_answered(self, linkedid: str, agent: str, at: datetime) -> bool:
        """Record on the call's folios that an agent took the call; False when nothing was new.

        That is a response, and the first one counts: news of an earlier one may come late, from the journal (mission.md 4.5).
        """
        with self._db.write() as connection:
            concerned = _folios_of_call(connection, linkedid)
            added = [_add_call_entry(connection, folio_id, EntryKind.ANSWERED, linkedid, agent, at) for folio_id in concerned]
            connection.execute(update(folios).values(responded_at=at).where(
                folios.c.id.in_(concerned), (folios.c.responded_at.is_(None)) | (folios.c.responded_at > at)))
            return any(added)

    def mark_abandoned(self, linkedid: str, at: datetime) -> bool:
        """Record on the call's folios that the caller left before an agent (mission.md 3.3).

        False, and nothing is changed, when that is known already, when an agent took the call, or when it has no folio.
        """
        with self._db.write() as connection:
            concerned = _folios_of_call(connection, linkedid)
            if connection.scalar(_entry_of(linkedid, EntryKind.ANSWERED)) is not None:
                return False
            added = [_add_call_entry(connection, folio_id, EntryKind.ABANDONED, linkedid, 'caller', at) for folio_id in concerned]
            connection.execute(update(folios).values(abandoned_at=at).where(
                folios.c.linkedid == linkedid, folios.c.abandoned_at.is_(None)))
            return any(added)

    def attach(self, number: str, kind: EntryKind, name: str, sha256: str, seconds: int, now: datetime,
               heard: str | None = None) -> bool:
        """Add a recording, by its file name and digest, to a folio; False when it is there already. Raises UnknownFolio.

        `kind` is DESCRIPTION, MESSAGE or RECORDING; `seconds` is its length; `heard` the version of the privacy notice that was accepted
        before, when no other entry tells of it (mission.md 3.8).
        """
        if kind not in (EntryKind.DESCRIPTION, EntryKind.MESSAGE, EntryKind.RECORDING):
            raise ValueError(f'a file cannot be attached as {kind}')
        with self._db.write() as connection:
            folio_id = locked(connection, number)
            same = (folio_files.c.folio_id == folio_id, folio_files.c.name == name, folio_files.c.sha256 == sha256)
            if connection.scalar(select(folio_files.c.id).where(*same)) is not None:
                return False
            connection.execute(insert(folio_files).values(
                folio_id=folio_id, kind=kind, name=name, sha256=sha256, seconds=seconds, at=now))
            by = 'mesa' if kind is EntryKind.RECORDING else 'caller'
            add_entry(connection, folio_id, kind, f'{name} ({seconds} s, sha256 {sha256})', by, now)
            if heard is not None:
                add_entry(connection, folio_id, EntryKind.PRIVACY, _heard(heard, accepted=True), 'caller', now)
            return True

    def _one(self, wanted: Select[Any]) -> Folio | None:
        with self._db.read() as connection:
            row = connection.execute(wanted).first()
            return None if row is None else folio_of(row)

    def _many(self, wanted: Select[Any]) -> tuple[Folio, ...]:
        with self._db.read() as connection:
            return tuple(folio_of(row) for row in connection.execute(wanted))


def _heard(version: str, accepted: bool) -> str:
    """What the timeline says of a privacy notice."""
    return f'aviso de privacidad {version}: {"aceptado" if accepted else "rechazado"}'


_ENTRIES = select(
    folio_entries.c.at, folio_entries.c.kind, folio_entries.c.by, folio_entries.c.text, folio_entries.c.linkedid,
    folio_entries.c.id
).order_by(folio_entries.c.id)


def _folios_of_call(connection: Connection, linkedid: str) -> list[int]:
    """The folios that a call opened or continued, their rows locked."""
    continued = _entry_of(linkedid, EntryKind.CALL, folio_entries.c.folio_id)
    return list(connection.scalars(
        select(folios.c.id).where((folios.c.linkedid == linkedid) | folios.c.id.in_(continued)).order_by(folios.c.id).with_for_update()))


def _entry_of(linkedid: str, kind: EntryKind, column: Column[Any] = folio_entries.c.id) -> Select[Any]:
    return select(column).where(folio_entries.c.linkedid == linkedid, folio_entries.c.kind == kind)


def _add_call_entry(connection: Connection, folio_id: int, kind: EntryKind, linkedid: str, by: str, at: datetime) -> bool:
    """Add an entry that a call can cause once; False when it stands there. The folio's row must be locked."""
    if connection.scalar(_entry_of(linkedid, kind).where(folio_entries.c.folio_id == folio_id)) is not None:
        return False
    add_entry(connection, folio_id, kind, '', by, at, linkedid)
    return True
