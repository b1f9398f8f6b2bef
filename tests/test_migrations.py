"""The schema: migrated up it is what the code says, and down again with data in it nothing is left."""
from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

import ami_listener.tables
import ticketing.tables
from storage import migrate
from storage.engine import Database
from storage.tables import metadata
from storage.types import UtcDateTime
from tests.test_ticketing_folios import report
from ticketing.folios import FolioBook

NOW = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)


def tables(url: str) -> set[str]:
    database = Database(url, patience_s=10.0)
    with database.read() as connection:
        names = set(inspect(connection).get_table_names())
    database.close()
    return names


def test_the_migrated_schema_is_the_code_s(empty_url: str) -> None:
    migrate.upgrade(empty_url)
    database = Database(empty_url, patience_s=10.0)
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={'compare_type': True, 'compare_server_default': True})
        assert compare_metadata(context, metadata) == []
    database.close()
    assert tables(empty_url) == {*metadata.tables, 'alembic_version'}
    assert ticketing.tables.folios.name in metadata.tables
    assert ami_listener.tables.calls.name in metadata.tables


def test_the_difference_between_schema_and_code_would_be_noticed(empty_url: str) -> None:
    migrate.upgrade(empty_url)
    database = Database(empty_url, patience_s=10.0)
    with database.write() as connection:
        connection.execute(text('DROP INDEX folios_by_time'))
        connection.execute(text('ALTER TABLE users ADD COLUMN shoe_size INTEGER'))
        context = MigrationContext.configure(connection)
        noticed = compare_metadata(context, metadata)
    assert {difference[0] for difference in noticed} == {'add_index', 'remove_column'}
    database.close()


def test_up_twice_down_with_data_and_up_again(empty_url: str) -> None:
    Database(empty_url)
    migrate.upgrade(empty_url)
    migrate.upgrade(empty_url)
    assert migrate.current(empty_url) == migrate.newest()
    database = Database(empty_url, patience_s=10.0)
    fill_every_table(database)
    database.close()

    migrate.downgrade(empty_url, '0001')
    assert migrate.current(empty_url) == '0001'
    assert 'calls' not in tables(empty_url)
    database = Database(empty_url, patience_s=10.0)
    with database.read() as connection:
        assert connection.scalar(text('SELECT linkedid FROM folios ORDER BY id DESC')) == 'c1'
    database.close()

    migrate.downgrade(empty_url, 'base')
    assert migrate.current(empty_url) is None
    assert tables(empty_url) == {'alembic_version'}
    assert functions(empty_url) == []

    migrate.upgrade(empty_url)
    assert migrate.current(empty_url) == migrate.newest()
    database = Database(empty_url, patience_s=10.0)
    assert FolioBook(database).list() == ()
    database.close()


def test_a_migration_that_fails_leaves_nothing_behind(empty_url: str) -> None:
    database = Database(empty_url, patience_s=10.0)
    with database.write() as connection:
        connection.execute(text('CREATE TABLE call_legs (in_the_way INTEGER)'))
    database.close()
    with pytest.raises(DBAPIError, match='call_legs'):
        migrate.upgrade(empty_url)
    assert tables(empty_url) == {'call_legs'}


def test_two_processes_may_migrate_at_once(empty_url: str) -> None:
    errors: list[BaseException] = []

    def up() -> None:
        try:
            migrate.upgrade(empty_url)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=up) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert migrate.current(empty_url) == migrate.newest()


def functions(url: str) -> list[str]:
    if url.startswith('sqlite'):
        return []
    database = Database(url, patience_s=10.0)
    with database.read() as connection:
        found = list(connection.scalars(text("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace")))
    database.close()
    return found


def fill_every_table(database: Database) -> None:
    """At least one row in each table, references included."""
    FolioBook(database).open(report(call='c1'), NOW)
    with database.write() as connection:
        for table in metadata.sorted_tables:
            if connection.execute(table.select()).first() is None:
                row = {column.name: sample(column) for column in table.columns if not column.nullable and column.autoincrement is not True}
                connection.execute(table.insert().values(row))


def sample(column) -> object:
    if column.name in ('folio_id', 'last'):
        return 1
    if isinstance(column.type, UtcDateTime):
        return NOW
    kind = column.type.python_type
    return {'int': 1, 'float': 1.0, 'bool': True, 'dict': {}}.get(kind.__name__, 'c1')
