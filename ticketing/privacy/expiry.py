"""What identifies a user expires with the contract's days, folio by folio, as it would on his own request (mission.md 4.1).

The books first, then the disk, as in `retention`: what a power cut leaves behind is found by its sweep.
"""
from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from sqlalchemy import Select, select, text

from config.values import Client, Modality, Site
from storage.engine import Database
from ticketing.privacy.erasure_rows import CONTRACT, erase_folio
from ticketing.privacy.kept_files import Folders
from ticketing.privacy.mentions import Mentions
from ticketing.privacy.retention import delete_unclaimed
from ticketing.tables import folios
from ticketing.values import NotAllowed

log = logging.getLogger('mesa.retention')
BATCH = 200                                            # folios a round; a round is every hour
MESA = 'mesa'
# Written out: SQLite uses the partial index of these rows only where the query repeats its condition.
TO_FORGET = text('folios.closed_at IS NOT NULL AND folios.erased_at IS NULL')


class PersonalExpiry:
    """The duty that forgets who reported what was closed long ago. Raises DatabaseUnavailable; the next round goes on."""

    def __init__(self, db: Database, site: Callable[[], Site], folders: Folders) -> None:
        self._db = db
        self._site = site
        self._folders = folders

    def round(self, now: datetime, machine_now: datetime) -> int:
        """Forget the users of folios whose days are over, one transaction each; how many. `machine_now`: of the clock that leases go by."""
        forgotten = 0
        for folio_id in self._due(now):
            try:
                forgotten += self._forget(folio_id, now, machine_now)
            except NotAllowed as error:                # a letter is on its way, a call in progress: the next round
                log.info('folio with id %d is forgotten later: %s', folio_id, error)
        return forgotten

    def _due(self, now: datetime) -> list[int]:
        found: list[int] = []
        with self._db.read() as connection:
            for client in self._site().clients.values():
                for modality, days in expiring(client):
                    found += connection.scalars(closed_before(client.key, modality, now - timedelta(days=days)))
        return found[:BATCH]

    def _forget(self, folio_id: int, now: datetime, machine_now: datetime) -> int:
        with self._db.write() as connection:
            row = connection.execute(select(folios).where(folios.c.id == folio_id, TO_FORGET).with_for_update()).first()
            if row is None:
                return 0                               # reopened or erased since
            mentions = Mentions(
                frozenset({row.user_name} - {None}), frozenset({row.user_email} - {None}), frozenset({row.caller_number} - {None}),
                row.employee_number)
            _, files = erase_folio(connection, folio_id, mentions, MESA, now, machine_now, CONTRACT)
        delete_unclaimed(self._db, self._folders, files)
        return 1


def closed_before(client: str, modality: Modality, instant: datetime) -> Select[int]:
    """The folios to forget, by their ids, those closed first at the head; at most a batch."""
    return select(folios.c.id).where(
        folios.c.client == client, folios.c.modality == modality.value, folios.c.closed_at <= instant, TO_FORGET,
    ).order_by(folios.c.closed_at).limit(BATCH)


def expiring(client: Client) -> Iterator[tuple[Modality, int]]:
    """The modalities whose personal fields expire, each with its days."""
    for modality in Modality:
        days = client.policy_of(modality).personal_days
        if days:
            yield modality, days
