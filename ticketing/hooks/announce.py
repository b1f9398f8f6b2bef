"""Putting an event into the outbox of webhooks, in the transaction of its cause."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from config.values import Webhook
from config.webhooks import hook_key, is_asked_for
from ticketing.hooks.events import News, envelope
from ticketing.tables import webhook_deliveries
from ticketing.values import Sending

HooksOf = Callable[[str], Sequence[Webhook]]           # client -> its webhooks in force


def nobody_listens(client: str) -> Sequence[Webhook]:
    """No client has a webhook."""
    return ()


def announce(connection: Connection, hooks: Sequence[Webhook], news: News | None, now: datetime) -> int:
    """Store a delivery for each webhook that asked for such events; how many. What is known by its key is not stored again.

    All deliveries of one event bear its one id, made here, before it is used. None: there is nothing to tell.
    """
    asking = [] if news is None else [hook for hook in hooks if is_asked_for(hook, news.type)]
    if news is None or not asking:
        return 0
    event_id = f'evt_{uuid4().hex}'
    payload = envelope(news, event_id, now)
    stored = 0
    for hook in asking:
        made = connection.execute(_insert(connection), {
            'key': f'{hook_key(news.client, hook.name)}:{news.key}', 'event_id': event_id, 'client': news.client, 'webhook': hook.name,
            'type': news.type, 'subject': news.subject, 'sequence': news.sequence, 'folio_id': news.folio_id, 'payload': payload,
            'state': Sending.WAITING.value, 'tries': 0, 'created_at': now})
        stored += made.first() is not None
    return stored


def _insert(connection: Connection) -> Any:
    dialect = sqlite if connection.dialect.name == 'sqlite' else postgresql
    return dialect.insert(webhook_deliveries).on_conflict_do_nothing(index_elements=['key']).returning(webhook_deliveries.c.id)
