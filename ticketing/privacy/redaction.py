"""Where a person is named in what is not his: other folios, letters and notes of the same client. His name goes, the rest stays."""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, ColumnElement, Table, Text, cast, or_, select, true, update

from storage.engine import Database
from ticketing.privacy.erasure_rows import erase_entry, identity_of
from ticketing.privacy.mentions import ESCAPE, Mentions
from ticketing.tables import (
    call_backs,
    call_notes,
    close_calls,
    count_decisions,
    folio_changes,
    folio_entries,
    folios,
    messages_in,
    outbound_calls,
    outbox,
    problems,
    status_inquiries,
    visits,
    webhook_deliveries,
)
from ticketing.values import Sending

BATCH = 50
PATIENCE_S = 60.0
# The columns whose text people write, or that hold a telephone or an address.
WHERE: Mapping[Table, tuple[str, ...]] = {
    folios: ('user_name', 'caller_number', 'user_email', 'summary', 'description', 'diagnosis', 'solution', 'cancel_reason', 'rule'),
    folio_entries: ('text', 'by'),
    folio_changes: ('reason', 'by'),
    outbox: ('recipient', 'payload', 'last_error'),
    webhook_deliveries: ('payload', 'last_error'),
    messages_in: ('message_id', 'sender', 'subject', 'reason'),
    close_calls: ('comment',),
    call_backs: ('number',),
    outbound_calls: ('number',),
    call_notes: ('caller_number', 'rule'),
    status_inquiries: ('key',),
    problems: ('title',),
    visits: ('reason',),
    count_decisions: ('reason', 'by'),
}
# Rows of which somebody is making use just now, or that a duty finds by the number: they are erased when that is over.
BUSY: Mapping[Table, ColumnElement[bool]] = {
    outbox: outbox.c.state == Sending.SENDING.value,
    webhook_deliveries: webhook_deliveries.c.state == Sending.SENDING.value,
    call_backs: call_backs.c.state == 'waiting',
    outbound_calls: outbound_calls.c.ended_at.is_(None),
}


def redact_others(db: Database, client: str, mentions: Mentions, own: Sequence[int], now: datetime) -> int:
    """Take the person out of every row of the client that is not of his own folios; how many rows changed."""
    changed = 0
    for table, columns in WHERE.items():
        found = [row for row in _candidates(db, table, columns, client, mentions) if not _is_own(table, row, own)]
        for start in range(0, len(found), BATCH):
            with db.write(PATIENCE_S) as connection:
                for row in found[start:start + BATCH]:
                    values = _redacted(table, columns, row, mentions)
                    if not values:
                        continue
                    changed += 1
                    if table is folio_entries:
                        erase_entry(connection, row, mentions, now)
                    else:
                        connection.execute(update(table).where(*_identity(table, row)).values(values))
    return changed


def naming(columns: Iterable[Column[Any]], mentions: Mentions) -> ColumnElement[bool]:
    """The condition that may name the person in one of the columns; `mentions` decides afterwards."""
    conditions = []
    for column in columns:
        is_json = isinstance(column.type, JSON)
        text: ColumnElement[Any] = cast(column, Text) if is_json else column
        conditions += [text.ilike(needle, escape=ESCAPE) for needle in (mentions.json_needles() if is_json else mentions.needles())]
    return or_(*conditions) if conditions else ~true()


def _candidates(db: Database, table: Table, columns: Sequence[str], client: str, mentions: Mentions) -> list[Any]:
    if not (mentions.needles()):
        return []
    condition = naming([table.c[name] for name in columns], mentions)
    if 'client' in table.c:
        scope = or_(table.c.client == client, table.c.client.is_(None))
    elif 'folio_id' in table.c:
        scope = table.c.folio_id.in_(select(folios.c.id).where(folios.c.client == client))
    else:
        scope = true()
    busy = BUSY.get(table)
    with db.read(PATIENCE_S) as connection:
        return list(connection.execute(select(table).where(condition, scope, *(() if busy is None else (~busy,)))))


def _is_own(table: Table, row: Any, own: Sequence[int]) -> bool:
    return (row.id if table is folios else row._mapping.get('folio_id')) in own


def _redacted(table: Table, columns: Sequence[str], row: Any, mentions: Mentions) -> dict[str, Any]:
    """The columns that name the person, without him."""
    values = {name: mentions.redact_json(value) for name in columns if (value := getattr(row, name)) is not None}
    if 'message_id' in values:
        values['message_id'] = identity_of(row, mentions)
    return {name: value for name, value in values.items() if value != getattr(row, name)}


def _identity(table: Table, row: Any) -> list[ColumnElement[bool]]:
    return [column == getattr(row, column.name) for column in table.primary_key.columns]
