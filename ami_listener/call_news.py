"""What a client's own systems hear of calls to its lines (docs/webhooks.md), in the transaction that stores the calls."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from ami_listener.call_log import UNSERVED
from ami_listener.call_record import CallRecord
from config.values import Modality, Site
from config.webhooks import hooks_of
from ticketing.hooks.announce import announce
from ticketing.hooks.events import News, iso

# The call log may be made again from the journal at any time: what is older is no news, whenever it is folded.
NEWS = timedelta(hours=72)


class CallNews:
    """Puts what happened to calls into the outbox of webhooks, each event once, however often the call is folded.

    `site` is the one in force; `machine` the machine's clock, by which Asterisk writes its journal.
    """

    def __init__(self, site: Callable[[], Site], machine: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._site = site
        self._machine = machine

    def __call__(self, connection: Connection, records: Sequence[CallRecord], now: datetime) -> int:
        """Tell of these calls; how many events were stored. `now` is Mesa's."""
        site, oldest = self._site(), self._machine() - NEWS
        told = 0
        for record in records:
            line = site.lines.get(record.line or '')
            if line is None or line.modality is Modality.FAX or (record.ended or record.started) < oldest:
                continue
            hooks = hooks_of(site.clients.get(line.client))
            told += sum(announce(connection, hooks, news, now) for news in (call_news(record, line.client) if hooks else ()))
        return told


def call_news(call: CallRecord, client: str) -> Iterator[News]:
    """The events that a call is by now. Our own calls are told as what they are about, not as calls."""
    if call.direction != 'in':
        return
    subject, data = f'call:{call.linkedid}', call_data(call)
    happened = {'call.answered': call.agent is not None and call.agent_answered is not None,
                'call.abandoned': call.ended is not None and call.disposition in UNSERVED,
                'call.ended': call.ended is not None}
    for sequence, (type_, is_so) in enumerate(happened.items(), 1):
        if is_so:
            yield News(type_, client, subject, sequence, f'{subject}:{type_}', data)


def call_data(call: CallRecord) -> dict[str, Any]:
    """A call as far as it is known."""
    return {'linkedid': call.linkedid, 'line': call.line, 'ani': call.ani, 'folio': call.folio, 'queue': call.queue,
            'disposition': call.disposition, 'started_at': iso(call.started), 'answered_at': iso(call.agent_answered),
            'ended_at': iso(call.ended), 'wait_s': _rounded(call.wait_s), 'talk_s': _rounded(call.talk_s)}


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
