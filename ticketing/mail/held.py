"""Messages that wait for a person: the supervisors hear of them, and none waits for ever (mission.md 1.5, 4.8)."""
from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from time import time
from typing import Any

from sqlalchemy import Connection, func, select, text

from config.values import Agent, Site
from storage.engine import Database
from ticketing.mail import rows as mail_rows
from ticketing.mail.decide import policy_of
from ticketing.mail.files import MailFolder
from ticketing.mail.outbox import Notice
from ticketing.notices import release_without_folio, send, serves
from ticketing.tables import messages_in, outbox
from ticketing.values import Intake

log = logging.getLogger('mesa.mail')
NOTICE = 'warning'
KEY = 'held mail'
APART = timedelta(hours=1)                             # between two notices about one client's mail
NAMED = 10                                             # messages that a notice names
QUARANTINE_DAYS = 30                                   # nobody decides: the message goes, its row stays
BATCH = 100
MESA = 'mesa'
_HELD = text("messages_in.settled_at IS NULL AND messages_in.outcome IN ('quarantined', 'to_verify')")   # in the words of its index


class HeldMail:
    """The messages of an instance that a person must decide about. Raises DatabaseUnavailable."""

    def __init__(self, db: Database, site: Callable[[], Site], folder: Path) -> None:
        self._db = db
        self._site = site
        self._folder = MailFolder(folder)

    def tell(self, now: datetime) -> int:
        """Tell the supervisors of what came since they were told last, at most once an hour for each client; how many notices."""
        if not self._any():
            return 0
        with self._db.write() as connection:
            self._db.lock(connection, KEY)
            found = sorted(connection.execute(_waiting()), key=lambda row: row.client or '')
            return sum(_tell(connection, self._site(), client, list(rows), now)
                       for client, rows in groupby(found, key=lambda row: row.client))

    def expire(self, now: datetime) -> int:
        """Let go what nobody decided about in QUARANTINE_DAYS, and files whose message is settled; how many messages went."""
        gone = 0
        while batch := self._let_go(now - timedelta(days=QUARANTINE_DAYS), now):
            gone += batch
        self._sweep()
        return gone

    def _any(self) -> bool:
        with self._db.read() as connection:
            return connection.scalar(select(messages_in.c.id).where(_HELD).limit(1)) is not None

    def _let_go(self, before: datetime, now: datetime) -> int:
        """The books first: a file without its row is found by the sweep."""
        with self._db.write() as connection:
            self._db.lock(connection, 'mail in')
            old = connection.execute(_waiting().where(messages_in.c.received_at <= before).limit(BATCH)).all()
            for row in old:
                mail_rows.settle(connection, row.id, Intake.IGNORED, None, row.client, MESA, now)
        for row in old:
            self._folder.forget(row.sha256)
            log.warning('message %d waited %d days for a person and is deleted', row.id, QUARANTINE_DAYS)
        return len(old)

    def _sweep(self) -> None:
        for sha256, written in self._folder.all_held():
            with self._db.read() as connection:
                row = mail_rows.of_digest(connection, sha256)
            old = time() - written > QUARANTINE_DAYS * 86_400
            if (row is None and old) or (row is not None and row.settled_at is not None):
                self._folder.forget(sha256)
                log.warning('a message in quarantine that nothing waits for is deleted: %s', sha256)


def waiting_held(connection: Connection, limit: int = 100) -> int:
    """How many messages wait for a person, counted up to `limit`."""
    return connection.scalar(select(func.count()).select_from(select(messages_in.c.id).where(_HELD).limit(limit).subquery())) or 0


def _waiting() -> Any:
    return select(messages_in.c.id, messages_in.c.client, messages_in.c.sender, messages_in.c.subject, messages_in.c.sha256,
                  messages_in.c.outcome).where(_HELD).order_by(messages_in.c.id)


def _tell(connection: Connection, site: Site, client: str | None, waiting: Sequence[Any], now: datetime) -> int:
    told, at = _last(connection, client)
    fresh = [row for row in waiting if row.id > told]
    if not fresh or (at is not None and now - APART < at <= now):
        return 0
    outside = client is not None and policy_of(site, client).notify_outside_hours
    notices = [Notice(key=f'{KEY}:{fresh[-1].id}:{agent.login[:64]}', name=NOTICE, recipient=agent.email, client=client, folio_id=None,
                      facts={'text': words(fresh, len(waiting))}, held=not outside) for agent in listeners(site, client)]
    send(connection, notices, site, now if outside else release_without_folio(site, client, now), now)
    return len(notices)


def _last(connection: Connection, client: str | None) -> tuple[int, datetime | None]:
    """The newest message that a notice about this client's mail told of, and when; (0, None) before the first."""
    whose = outbox.c.client.is_(None) if client is None else outbox.c.client == client
    row = connection.execute(select(outbox.c.key, outbox.c.created_at).where(
        outbox.c.folio_id.is_(None), outbox.c.notice == NOTICE, whose, outbox.c.key.startswith(f'{KEY}:', autoescape=True),
    ).order_by(outbox.c.id.desc()).limit(1)).first()
    return (int(row.key.split(':')[1]), row.created_at) if row else (0, None)


def listeners(site: Site, client: str | None) -> tuple[Agent, ...]:
    """The supervisors who hear of a client's mail: those of its own queues, else all."""
    everybody = [agent for agent in site.agents.values() if agent.supervisor and agent.email]
    own = [agent for agent in everybody if serves(site, agent, site.clients.get(client or ''))]
    return tuple(own or everybody)


def words(fresh: Iterable[Any], waiting: int) -> str:
    """What the notice says, in Spanish."""
    new = list(fresh)
    lines = [f'{row.sender or "sin remitente"}: {row.subject or "sin asunto"}' for row in new[:NAMED]]
    if len(new) > NAMED:
        lines.append(f'… y {len(new) - NAMED} más')
    begin = 'Un correo espera' if len(new) == 1 else f'{len(new)} correos esperan'
    total = f'En total hay {waiting} en espera. ' if waiting > len(new) else ''
    return '\n'.join((f'{begin} a que una persona decida si se atiende:', '', *lines, '',
                      f'{total}Para verlos: mesa mail list. Se eliminan a los {QUARANTINE_DAYS} días si nadie decide.'))
