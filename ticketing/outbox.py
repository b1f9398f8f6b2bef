"""The outbox: effects outside the database, stored in the transaction of their cause and done later by a worker."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from ticketing.tables import outbox
from ticketing.values import Sending


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One message to one recipient, not yet written: the letter is made of the template and these facts when it is sent.

    `key` is natural, e.g. 'resolved:12345674:2': the same cause asks once. `facts` are JSON values; instants ISO 8601 in UTC.
    `held`: never sent outside the line's hours (mission.md 4.6).
    """

    key: str
    name: str                                          # the template: 'opened', 'resolved', 'escalation', ...
    recipient: str                                     # an e-mail address
    client: str | None
    folio_id: int | None
    facts: Mapping[str, Any] = field(default_factory=dict)
    held: bool = True


def post(connection: Connection, notice: Notice, message_id: str, due: datetime, now: datetime) -> bool:
    """Store a message in the transaction of its cause; False when its key is known: it was asked for before.

    `message_id` is made now and stored before it is used; `due` is when it may leave, by Mesa's clock.
    """
    if connection.scalar(select(outbox.c.id).where(outbox.c.key == notice.key)) is not None:
        return False
    connection.execute(insert(outbox).values(
        key=notice.key, kind='mail', notice=notice.name, client=notice.client, folio_id=notice.folio_id, recipient=notice.recipient,
        message_id=message_id, payload=dict(notice.facts), held=notice.held, due=due, state=Sending.WAITING.value, tries=0, doubts=0,
        created_at=now))
    return True
