"""What a client's own systems are told, as plain values. Pure.

Names of fields are a promise (docs/webhooks.md): they may be joined by others and never change. Personal data is what the receiver cannot
do without: the number that called. Complaints are told to nobody (mission.md 4.1).
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ticketing.values import OPEN_STATES, Folio, Kind, State


@dataclass(frozen=True)
class News:
    """One event. `sequence` grows within the subject; `key` is natural: the same cause is told once.

    `data` are JSON values. `folio_id`: of the folio that it is about, with which it is erased.
    """

    type: str                                          # of `config.webhooks.EVENTS`
    client: str
    subject: str                                       # 'folio:12345674', 'call:LINKEDID', 'fax:F12345674'
    sequence: int
    key: str
    data: Mapping[str, Any]
    folio_id: int | None = None


def folio_news(before: Folio | None, after: Folio, folio_id: int) -> News | None:
    """What a change of a folio is told as; None when nobody outside needs to hear of it. `before`: None for a new one."""
    type_ = folio_event(before, after)
    if type_ is None:
        return None
    changed = {'changed': changes(before, after)} if before is not None else {}
    subject = f'folio:{after.number}'
    return News(type_, after.report.client, subject, after.version, f'{subject}:{after.version}', folio_data(after) | changed, folio_id)


def folio_event(before: Folio | None, after: Folio) -> str | None:
    """The event that a change of a folio is. A complaint is none, whatever happens to it."""
    if after.report.kind == Kind.COMPLAINT:
        return None
    if before is None:
        return 'folio.opened'
    if before.state is not after.state:
        if after.state is State.RESOLVED:
            return 'folio.resolved'
        if after.state not in OPEN_STATES:
            return 'folio.closed'
        if before.state not in OPEN_STATES:
            return 'folio.reopened'
    return 'folio.changed' if changes(before, after) else None


def changes(before: Folio, after: Folio) -> list[str]:
    """What is different, as far as it is told."""
    kinds = {
        'state': before.state is not after.state or before.waiting_for != after.waiting_for,
        'priority': before.report.priority != after.report.priority,
        'assignment': (before.holder, before.agent, before.resolver_group) != (after.holder, after.agent, after.resolver_group)}
    return [kind for kind, is_so in kinds.items() if is_so]


def folio_data(folio: Folio) -> dict[str, Any]:
    """A folio as it stands."""
    report = folio.report
    return {
        'folio': folio.number, 'version': folio.version, 'line': report.line, 'modality': str(report.modality), 'kind': str(report.kind),
        'state': str(folio.state), 'waiting_for': folio.waiting_for, 'priority': str(report.priority), 'category': report.category,
        'assigned_to': folio.holder, 'group': folio.resolver_group, 'opened_at': iso(folio.opened_at), 'promised_at': iso(report.promised),
        'resolved_at': iso(folio.resolved_at), 'closed_at': iso(folio.closed_at), 'reopens': folio.reopens, 'linkedid': report.call,
        'ani': report.caller_number}


def envelope(news: News, event_id: str, created: datetime) -> dict[str, Any]:
    """The event as it is stored and sent."""
    return {'id': event_id, 'type': news.type, 'created': iso(created), 'client': news.client, 'subject': news.subject,
            'sequence': news.sequence, 'data': dict(news.data)}


def iso(instant: datetime | None) -> str | None:
    """ISO 8601 in UTC, milliseconds, 'Z'; None of None."""
    return None if instant is None else instant.astimezone(UTC).isoformat(timespec='milliseconds').replace('+00:00', 'Z')
