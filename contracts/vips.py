"""Too many VIPs although nobody was added: the users became fewer, or a waiver ended. Who can put it right is told (mission.md 1.3)."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from sqlalchemy import Connection, select

from config.values import Client, Site
from config.vip_cap import VipCap, vip_cap
from storage.engine import Database
from ticketing.mail.held import listeners
from ticketing.mail.outbox import Notice
from ticketing.notices import release_without_folio, send
from ticketing.tables import outbox

KEY = 'vip_cap'


class VipWatch:
    """Looks at every client; each situation is told once, for its letters' keys name it."""

    def __init__(self, db: Database, site: Callable[[], Site]) -> None:
        self._db = db
        self._site = site

    def round(self, now: datetime) -> int:
        """Put letters about caps that are not kept today into the outbox; how many are new. Raises DatabaseUnavailable."""
        site = self._site()
        today = now.astimezone(site.zone).date()
        caps = [(client, vip_cap(client, today)) for client in site.clients.values()]
        notices = [(client, notice) for client, cap in caps if not cap.is_kept for notice in notices_of(site, client, cap)]
        if not notices:
            return 0
        with self._db.read() as connection:
            fresh = _unknown(connection, notices)
        if fresh:
            with self._db.write() as connection:
                for client, notice in fresh:
                    send(connection, [notice], site, release_without_folio(site, client.key, now), now)
        return len(fresh)


def notices_of(site: Site, client: Client, cap: VipCap) -> Iterator[Notice]:
    """One letter to each supervisor of the client, and one to its contact. Pure."""
    situation = f'{KEY}:{client.key}:{cap.users}:{cap.vips}:{cap.ended.until if cap.ended else "-"}'
    reason = cap.ended if cap.ended and cap.ended.users >= cap.vips else None
    facts = {
        'client_name': client.name, 'users': cap.users, 'vips': cap.vips, 'allowed': cap.allowed,
        'percent': cap.percent if cap.allowed == cap.by_percent else None,
        'ended': reason.until.isoformat() if reason else None, 'ended_users': reason.users if reason else None}
    for agent in listeners(site, client.key):
        yield Notice(key=f'{situation}:{agent.login[:64]}', name='vip_cap', recipient=agent.email, client=client.key, folio_id=None,
                     facts=facts)
    if client.contact is not None:
        yield Notice(key=f'{situation}:contact', name='vip_cap_contact', recipient=client.contact.email, client=client.key, folio_id=None,
                     facts=facts)


def _unknown(connection: Connection, notices: list[tuple[Client, Notice]]) -> list[tuple[Client, Notice]]:
    known = set(connection.scalars(select(outbox.c.key).where(outbox.c.key.in_([notice.key for _, notice in notices]))))
    return [(client, notice) for client, notice in notices if notice.key not in known]
