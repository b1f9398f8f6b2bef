"""What identifies a user expires with the contract's days, and nothing else does."""
from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.dialects import sqlite

from config.values import Modality, Site
from storage.engine import Database
from tests.test_ticketing_privacy_held import MATE, NOW, World, build
from tests.test_ticketing_privacy_held import site as site
from ticketing import tables
from ticketing.folios import FolioBook
from ticketing.privacy.expiry import PersonalExpiry, closed_before

YEAR = timedelta(days=365)


@pytest.fixture
def world(db: Database, site: Site, tmp_path: Path) -> World:
    return build(db, site, tmp_path)


def expiry(world: World, days: int) -> PersonalExpiry:
    client = replace(world.client, policy=replace(world.client.policy, personal_days=days))
    kept = replace(world.site, clients={**world.site.clients, 'nopalera': client})
    return PersonalExpiry(world.db, lambda: kept, world.folders)


def names(world: World) -> list[str | None]:
    with world.db.read() as connection:
        return list(connection.scalars(select(tables.folios.c.user_name).order_by(tables.folios.c.id)))


def test_by_default_nobody_is_forgotten(world: World) -> None:
    before = names(world)
    assert expiry(world, 0).round(NOW + 50 * YEAR, NOW) == 0 and names(world) == before


def test_when_the_days_are_over_the_user_goes_and_the_folio_stays(world: World) -> None:
    duty = expiry(world, 365)
    assert duty.round(NOW + YEAR - timedelta(seconds=1), NOW) == 0
    assert duty.round(NOW + YEAR, NOW) == 3
    assert names(world) == [None, None, None, MATE.name]          # hers is open: it needs her
    with world.db.read() as connection:
        gone = connection.execute(select(tables.folios).order_by(tables.folios.c.id).limit(3)).all()
    assert {(row.user_email, row.caller_number, row.employee_number, row.summary, row.solution) for row in gone} == {(None,) * 5}
    assert [row.state for row in gone] == ['closed_verified', 'cancelled', 'closed_verified']
    assert {row.category for row in gone} == {'printing'}
    told = [entry.text for entry in FolioBook(world.db).timeline(gone[0].number)]
    assert told[-1].startswith('datos personales suprimidos por plazo del contrato (textos: ')
    assert not any('girasol' in line or '5555557412' in line for line in told)
    assert [file.name for file in world.folders.recordings.iterdir()] == [f'{FolioBook(world.db).list(limit=1)[0].number}-recording.wav']
    assert duty.round(NOW + 2 * YEAR, NOW) == 0


def test_a_folio_with_a_letter_on_its_way_waits_for_the_next_round(world: World) -> None:
    with world.db.write() as connection:
        connection.execute(update(tables.outbox).where(tables.outbox.c.key == 'sent').values(
            state='sending', lease_until=NOW + timedelta(minutes=5)))
    duty = expiry(world, 365)
    assert duty.round(NOW + YEAR, NOW) == 2
    assert names(world)[0] is not None
    assert duty.round(NOW + YEAR, NOW + timedelta(minutes=6)) == 1


def test_the_round_reads_what_is_to_be_forgotten_alone(migrated_file: Path) -> None:
    """On SQLite; PostgreSQL plans by its statistics, and an empty table has none."""
    wanted = closed_before('nopalera', Modality.STANDARD, NOW).compile(dialect=sqlite.dialect(), compile_kwargs={'literal_binds': True})
    db = Database(f'sqlite:///{migrated_file}', patience_s=20)
    with db.read() as connection:
        plan = ' '.join(row[-1] for row in connection.execute(text(f'EXPLAIN QUERY PLAN {wanted}')))
    db.close()
    assert 'USING INDEX folios_to_forget' in plan
