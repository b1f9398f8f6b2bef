"""What Mesa knew of a call that never became a folio: who it was, what was decided, where it ended."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from storage.engine import Database
from ticketing.tables import call_notes


@dataclass(frozen=True, kw_only=True)
class CallNote:
    """One call as Mesa saw it. `at` is the aware UTC instant of the note; numbers are E.164."""

    linkedid: str
    line: str
    client: str
    caller_number: str | None
    employee_number: str | None
    identified_by: str                                 # 'caller_id' | 'employee_number' | 'unknown'
    rule: str                                          # the decision's own words
    last_prompt: str                                   # what the caller heard last: where the call ended
    at: datetime


class CallNotes:
    """The notes of one database."""

    def __init__(self, db: Database) -> None:
        self._db = db
        insert = sqlite.insert if db.dialect == 'sqlite' else postgresql.insert
        note = insert(call_notes)
        self._upsert = note.on_conflict_do_update(
            index_elements=['linkedid'], set_={column.name: column for column in note.excluded if column.name != 'linkedid'})

    def keep(self, *, linkedid: str, line: str, client: str, caller_number: str | None, employee_number: str | None,
             identified_by: str, rule: str, last_prompt: str, now: datetime) -> None:
        """Keep what is known of a call; a later note of the same call replaces the earlier. Raises DatabaseUnavailable."""
        with self._db.write() as connection:
            connection.execute(self._upsert, {
                'linkedid': linkedid, 'line': line, 'client': client, 'caller_number': caller_number, 'employee_number': employee_number,
                'identified_by': identified_by, 'rule': rule, 'last_prompt': last_prompt, 'at': now})

    def get(self, linkedid: str) -> CallNote | None:
        """The note of a call, or None."""
        with self._db.read() as connection:
            row = connection.execute(select(call_notes).where(call_notes.c.linkedid == linkedid)).first()
            return None if row is None else CallNote(**row._mapping)
