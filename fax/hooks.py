"""What a client's own systems hear of a received fax (docs/webhooks.md). For use inside the transaction of the step."""
from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from config.values import Site
from config.webhooks import hooks_of
from fax.tables import fax_events
from fax.values import Fax, FaxState
from ticketing.hooks.announce import announce
from ticketing.hooks.events import News, iso

TOLD = {FaxState.RECEIVED: 'fax.received', FaxState.SENT: 'fax.delivered', FaxState.UNDELIVERED: 'fax.undelivered',
        FaxState.REJECTED: 'fax.rejected'}


def announce_fax(connection: Connection, site: Site, facsimile: Fax, now: datetime) -> int:
    """Tell of a fax that has just come to this state; how many webhooks are told. A fax of nobody is told to nobody."""
    hooks = hooks_of(site.clients.get(facsimile.client or ''))
    if not hooks:
        return 0
    steps = connection.scalar(select(func.count()).where(fax_events.c.fax_id == facsimile.id)) or 0
    return announce(connection, hooks, fax_news(facsimile, steps), now)


def fax_news(facsimile: Fax, sequence: int) -> News | None:
    """The event that a fax's state is, None for those that nobody outside needs; it may come to the same state again, being sent anew."""
    type_ = TOLD.get(facsimile.state)
    if type_ is None or facsimile.client is None:
        return None
    subject = f'fax:{facsimile.reference}'
    return News(type_, facsimile.client, subject, sequence, f'{subject}:{facsimile.state}:{facsimile.deliveries}', fax_data(facsimile))


def fax_data(facsimile: Fax) -> dict[str, Any]:
    """A fax as it stands."""
    return {'fax': facsimile.reference, 'line': facsimile.line, 'state': str(facsimile.state), 'ani': facsimile.caller_number or None,
            'received_at': iso(facsimile.received_at), 'pages': facsimile.pages, 'sent_pages': facsimile.sent_pages,
            'deliveries': facsimile.deliveries}
