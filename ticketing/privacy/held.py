"""What is held about a person, in one value: for the person himself to read, and to count before it goes (mission.md 4.1, ARCO rights)."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, func, or_, select

from config.values import Client
from ticketing.privacy.access import KeptFile, files_of_folios
from ticketing.privacy.subjects import Subject, calls_of, is_his
from ticketing.tables import (
    call_backs,
    call_notes,
    close_calls,
    count_decisions,
    erasures,
    folio_changes,
    folio_entries,
    folio_files,
    folios,
    messages_in,
    outbound_calls,
    outbox,
    status_inquiries,
    users,
    visits,
    webhook_deliveries,
)
from ticketing.values import OPEN_STATES

IN_AT_ONCE = 500                                       # values in one IN (...)
# What tells the person nothing: our own bookkeeping.
NOT_TOLD = frozenset({'id', 'folio_id', 'version', 'next_look', 'key', 'lease_until', 'not_before', 'tries', 'doubts', 'held', 'owner_id',
                      'problem_id', 'subject_sha256', 'erased', 'event_id', 'sequence', 'told_folio'})


@dataclass(frozen=True)
class Held:
    """All that the books hold about one person. `sections`: name -> rows, column -> value; the folio's number stands in each row."""

    subject: Subject
    sections: Mapping[str, Sequence[Mapping[str, Any]]]
    files: tuple[KeptFile, ...]
    calls: frozenset[str]                              # linkedids
    letters: frozenset[str]                            # SHA-256 of messages that came in
    folio_ids: tuple[int, ...]
    open_folios: tuple[str, ...]                       # numbers

    @property
    def counts(self) -> dict[str, int]:
        """How many of each are held; what is nothing is left out."""
        return {name: len(rows) for name, rows in self.sections.items() if rows}


def held_about(connection: Connection, client: Client, subject: Subject, key: str) -> Held:
    """Everything about a person, read in one consistent state. `key` is the instance's, which erasures are signed with."""
    his = connection.execute(select(folios).where(is_his(subject)).order_by(folios.c.id)).all()
    numbers = {row.id: row.number for row in his}
    calls = calls_of(connection, subject, numbers)
    letters = _rows(connection, messages_in, numbers, func.lower(messages_in.c.sender).in_(sorted(subject.emails)))
    sections = {
        'user': _listed(connection, client, subject),
        'folios': [_told(row, numbers) for row in his],
        **{table.name: _rows(connection, table, numbers) for table in (
            folio_entries, folio_changes, folio_files, close_calls, visits, count_decisions)},
        'messages_in': letters,
        'outbox': _rows(connection, outbox, numbers, func.lower(outbox.c.recipient).in_(sorted(subject.emails))),
        'webhook_deliveries': _rows(connection, webhook_deliveries, numbers, webhook_deliveries.c.subject.in_(
            [f'call:{linkedid}' for linkedid in sorted(calls)])),
        'call_backs': _rows(connection, call_backs, numbers, call_backs.c.number.in_(sorted(subject.phones))),
        'outbound_calls': _rows(connection, outbound_calls, numbers, outbound_calls.c.number.in_(sorted(subject.phones))),
        'call_notes': _rows(connection, call_notes, {}, call_notes.c.linkedid.in_(sorted(calls))),
        'status_inquiries': _rows(connection, status_inquiries, {}, status_inquiries.c.key.in_(sorted(subject.phones))),
        'erasures': _rows(connection, erasures, {}, erasures.c.subject_sha256 == subject.digest(key)),
    }
    return Held(subject, sections, files_of_folios(connection, numbers), frozenset(calls),
                frozenset(row['sha256'] for row in letters), tuple(numbers), tuple(row.number for row in his if row.state in OPEN_STATES))


def _listed(connection: Connection, client: Client, subject: Subject) -> list[dict[str, Any]]:
    """The person's own lines: of the record, and of the list in force."""
    known = connection.execute(select(users).where(
        users.c.client == client.key, users.c.employee_number == subject.employee_number)).all()
    listed = [{'client': user.client, 'employee_number': user.employee_number, 'name': user.name, 'email': user.email,
               'phones': list(user.phones), 'site': user.site, 'vip': user.vip}
              for user in client.users if user.employee_number == subject.employee_number]
    return [*listed, *(_told(row, {}) for row in known)]


def _rows(connection: Connection, table: Table, numbers: Mapping[int, str],
          also: ColumnElement[bool] | None = None) -> list[dict[str, Any]]:
    """The rows of the person's folios, and those of a condition of their own, each once and in order."""
    found: dict[Any, dict[str, Any]] = {}
    ids = sorted(numbers)
    conditions = [] if also is None else [also]
    if 'folio_id' in table.c:
        conditions += [table.c.folio_id.in_(ids[start:start + IN_AT_ONCE]) for start in range(0, len(ids), IN_AT_ONCE)]
    for condition in conditions:
        for row in connection.execute(select(table).where(or_(condition)).order_by(*table.primary_key.columns)):
            found[tuple(getattr(row, column.name) for column in table.primary_key.columns)] = _told(row, numbers)
    return [found[identity] for identity in sorted(found)]


def _told(row: Any, numbers: Mapping[int, str]) -> dict[str, Any]:
    told = {name: value for name, value in row._mapping.items() if name not in NOT_TOLD}
    number = numbers.get(row._mapping.get('folio_id'))
    return {'number': number, **told} if number else told
