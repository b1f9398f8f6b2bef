"""Re-import of a client's list of users (mission.md 1.4)."""
from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from config.values import User
from storage.engine import Database
from ticketing.tables import users
from ticketing.users import ImportResult, import_users
from ticketing.values import TicketingError

NOW = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
DAY = timedelta(days=1)
ANA = User('acme', '1', 'Ana Ñandú', 'ana@acme.example', ('+525555550101', '+525555550102'), 'cdmx', True)
BETO = User('acme', '02', 'Beto', 'beto@acme.example', (), 'cdmx', False)
CARO = User('acme', '3', 'Caro', 'caro@acme.example', ('+525555550103',), 'tijuana', False)


def stored(db: Database, client: str = 'acme') -> dict[str, tuple[object, ...]]:
    with db.read() as connection:
        rows = connection.execute(select(users).where(users.c.client == client))
        return {row.employee_number: (row.name, tuple(row.phones), row.vip, row.since, row.changed_at, row.left_at) for row in rows}


def test_a_list_is_stored_and_kept_current(db: Database) -> None:
    assert import_users(db, 'acme', [ANA, BETO], NOW) == ImportResult(added=2, changed=0, left=0, unchanged=0)
    assert import_users(db, 'acme', [BETO, ANA], NOW + DAY) == ImportResult(0, 0, 0, 2)
    moved = replace(ANA, phones=('+525555550109',), vip=False)
    assert import_users(db, 'acme', [moved, CARO], NOW + 2 * DAY) == ImportResult(added=1, changed=1, left=1, unchanged=0)
    assert stored(db) == {
        '1': ('Ana Ñandú', ('+525555550109',), False, NOW, NOW + 2 * DAY, None),
        '02': ('Beto', (), False, NOW, NOW + 2 * DAY, NOW + 2 * DAY),
        '3': ('Caro', ('+525555550103',), False, NOW + 2 * DAY, NOW + 2 * DAY, None)}


def test_who_left_stays_left_and_may_return_changed(db: Database) -> None:
    import_users(db, 'acme', [ANA, BETO], NOW)
    assert import_users(db, 'acme', [ANA], NOW + DAY).left == 1
    assert import_users(db, 'acme', [ANA], NOW + 2 * DAY) == ImportResult(0, 0, 0, 1)
    assert stored(db)['02'][-1] == NOW + DAY
    assert import_users(db, 'acme', [ANA, replace(BETO, name='Alberto')], NOW + 3 * DAY) == ImportResult(1, 0, 0, 1)
    assert stored(db)['02'] == ('Alberto', (), False, NOW, NOW + 3 * DAY, None)


def test_clients_do_not_touch_each_other(db: Database) -> None:
    import_users(db, 'acme', [ANA, BETO], NOW)
    import_users(db, 'globex', [replace(ANA, client='globex', name='Otra')], NOW)
    assert import_users(db, 'globex', [], NOW + DAY).left == 1
    assert [row[-1] for row in stored(db).values()] == [None, None]
    assert stored(db, 'globex')['1'][0] == 'Otra'


def test_a_moved_line_of_the_file_is_no_change(db: Database) -> None:
    import_users(db, 'acme', [ANA], NOW)
    assert import_users(db, 'acme', [replace(ANA, where=replace(ANA.where, line=99))], NOW + DAY).unchanged == 1


@pytest.mark.parametrize('wrong', [[ANA, replace(CARO, employee_number='1')], [ANA, replace(CARO, client='globex')]])
def test_a_list_with_a_mistake_changes_nothing(db: Database, wrong: list[User]) -> None:
    import_users(db, 'acme', [BETO], NOW)
    with pytest.raises(TicketingError, match='acme'):
        import_users(db, 'acme', wrong, NOW + DAY)
    assert list(stored(db)) == ['02']
