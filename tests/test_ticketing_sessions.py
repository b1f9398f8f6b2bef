"""Notes about calls without a folio."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from storage.engine import Database
from ticketing.sessions import CallNote, CallNotes

NOW = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
FACTS: dict[str, Any] = {
    'linkedid': '1732464000.1', 'line': '+528005550101', 'client': 'acme', 'caller_number': '+525555550101', 'employee_number': '12',
    'identified_by': 'caller_id', 'rule': 'open', 'last_prompt': 'mesa/menu'}


def test_a_note_comes_back_and_a_later_one_replaces_it(db: Database) -> None:
    notes = CallNotes(db)
    notes.keep(**FACTS, now=NOW)
    assert notes.get('1732464000.1') == CallNote(**FACTS, at=NOW)
    later = {**FACTS, 'caller_number': None, 'employee_number': None, 'identified_by': 'unknown', 'last_prompt': 'mesa/goodbye'}
    notes.keep(**later, now=NOW + timedelta(minutes=1))
    assert notes.get('1732464000.1') == CallNote(**later, at=NOW + timedelta(minutes=1))


def test_a_call_without_a_note_has_none(db: Database) -> None:
    assert CallNotes(db).get('1732464000.2') is None
