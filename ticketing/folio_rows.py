"""Folios between the database and values: reading, locking, and entries of the timeline. For use inside a transaction."""
from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select

from ticketing.tables import folio_entries, folios
from ticketing.values import EntryKind, Folio, Report, State, UnknownFolio

_OWN = ('number', 'state', 'opened_at', 'holder', 'abandoned_at', 'version', 'agent', 'resolver_group', 'acknowledged_at', 'waiting_for',
        'responded_at', 'diagnosis', 'solution', 'resolved_at', 'resolved_by', 'closed_at', 'reopens', 'first_contact', 'score',
        'cancel_reason', 'cancel_cause', 'duplicate_of', 'problem_id', 'erased_at')
_REPORTED = (
    'line', 'client', 'modality', 'clock_starts', 'rule', 'employee_number', 'user_name', 'caller_number', 'identified_by', 'unlisted',
    'category', 'kind', 'priority', 'site', 'from_message', 'origin', 'promised', 'respond_due', 'next_look', 'impact', 'urgency',
    'user_email', 'application', 'summary', 'description', 'complained_of')
FOLIO: Select[Any] = select(*(folios.c[name] for name in _OWN + _REPORTED), folios.c.linkedid.label('call'))


def folio_of(row: Row[Any]) -> Folio:
    """A row of FOLIO as a value; columns that were asked for beside are left out."""
    columns = row._mapping
    own = {name: columns[name] for name in _OWN}
    return Folio(**(own | {'state': State(own['state'])}),
                 report=Report(call=columns['call'], **{name: columns[name] for name in _REPORTED}))


def changed(folio: Folio, columns: dict[str, Any]) -> Folio:
    """The folio with some columns of its row changed."""
    own = {name: value for name, value in columns.items() if name in _OWN}
    reported = {name: value for name, value in columns.items() if name not in _OWN}
    return replace(folio, report=replace(folio.report, **reported), **own)


def id_of(connection: Connection, number: str) -> int:
    """The id of a folio. Raises UnknownFolio."""
    return _known(connection.scalar(select(folios.c.id).where(folios.c.number == number)), number)


def locked(connection: Connection, number: str) -> int:
    """The folio's id, with its row locked until the transaction ends: what is looked up next stays true. Raises UnknownFolio."""
    return _known(connection.scalar(select(folios.c.id).where(folios.c.number == number).with_for_update()), number)


def locked_folio(connection: Connection, number: str) -> tuple[int, Folio]:
    """The folio and its id, its row locked until the transaction ends. Raises UnknownFolio."""
    row = connection.execute(FOLIO.add_columns(folios.c.id).where(folios.c.number == number).with_for_update()).first()
    if row is None:
        raise UnknownFolio(f'there is no folio {number}')
    return int(row.id), folio_of(row)


def add_entry(connection: Connection, folio_id: int, kind: EntryKind, text: str, by: str, at: datetime,
              linkedid: str | None = None, version: int | None = None, fields: str | None = None) -> None:
    """Add an entry to a timeline. `version`: of the folio after the change that it tells; `fields`: the columns that changed."""
    connection.execute(insert(folio_entries).values(
        folio_id=folio_id, at=at, kind=kind, by=by, text=text, linkedid=linkedid, version=version, fields=fields))


def _known(found: int | None, number: str) -> int:
    if found is None:
        raise UnknownFolio(f'there is no folio {number}')
    return int(found)

