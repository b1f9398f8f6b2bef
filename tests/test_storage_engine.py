"""Transactions: what is stored, what is refused, and how soon a caller learns that the database does not answer."""
from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import psycopg
import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError

from storage import migrate
from storage.engine import Database, DatabaseUnavailable
from tests.databases import PostgresServer, postgres_instance
from ticketing.tables import counters

PATIENCE_S = 0.4
MARGIN_S = 0.6                     # for a machine that is busy with other things


@pytest.fixture
def hasty(db_url: str):
    database = Database(db_url, patience_s=PATIENCE_S)
    yield database
    database.close()


def refused_within_patience(use) -> str:
    """How the database's absence was told; asserts that it was told in time."""
    began = monotonic()
    with pytest.raises(DatabaseUnavailable) as refusal:
        use()
    assert monotonic() - began < PATIENCE_S + MARGIN_S
    return str(refusal.value)


def write_one(database: Database, name: str = 'x') -> None:
    with database.write() as connection:
        connection.execute(insert(counters).values(name=name, last=1))


def names(database: Database) -> set[str]:
    with database.read() as connection:
        return set(connection.scalars(select(counters.c.name))) - {'fax', 'site_move'}  # series of the schema, as is 'folio'


def test_a_transaction_is_stored_whole_or_not_at_all(db: Database) -> None:
    write_one(db, 'kept')
    with pytest.raises(ZeroDivisionError), db.write() as connection:
        connection.execute(insert(counters).values(name='lost', last=1))
        raise ZeroDivisionError
    assert names(db) == {'folio', 'kept'}


def test_a_reader_cannot_write(db: Database) -> None:
    with pytest.raises(Exception, match=r'readonly|read-only'), db.read() as connection:
        connection.execute(insert(counters).values(name='x', last=1))
    assert names(db) == {'folio'}
    write_one(db)                  # the connection that served the reader may write again
    assert names(db) == {'folio', 'x'}


def test_a_reader_does_not_see_what_is_being_written_nor_wait_for_it(hasty: Database) -> None:
    with hasty.write() as connection:
        connection.execute(insert(counters).values(name='x', last=1))
        assert names(hasty) == {'folio'}
    assert names(hasty) == {'folio', 'x'}


def test_our_own_mistakes_are_not_called_absence(db: Database) -> None:
    with pytest.raises(IntegrityError):
        write_one(db, 'folio')
    with pytest.raises(Exception, match='no_such_table') as mistake, db.read() as connection:
        connection.execute(text('SELECT * FROM no_such_table'))
    assert not isinstance(mistake.value, DatabaseUnavailable)


def test_read_modify_write_by_eight_threads_loses_nothing(db: Database) -> None:
    def count_up() -> None:
        for _ in range(25):
            with db.write() as connection:
                db.lock(connection, 'counting')
                last = connection.scalar(select(counters.c.last).where(counters.c.name == 'folio'))
                connection.execute(counters.update().values(last=last + 1))

    threads = [threading.Thread(target=count_up) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with db.read() as connection:
        assert connection.scalar(select(counters.c.last)) == 200


def test_a_second_lock_of_the_same_name_waits_no_longer_than_the_patience(hasty: Database, db_url: str) -> None:
    other = Database(db_url, patience_s=PATIENCE_S)
    with hasty.write() as connection:
        hasty.lock(connection, 'users')

        def second() -> None:
            with other.write() as its:
                other.lock(its, 'users')
        refused_within_patience(second)
    second()
    other.close()


# --- SQLite ---------------------------------------------------------------------------------------------------------

@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    file = tmp_path / 'mesa.db'
    migrate.upgrade(f'sqlite:///{file}')
    return file


def test_sqlite_is_durable_and_readable_by_its_owner_and_group_only(sqlite_file: Path) -> None:
    database = Database(f'sqlite:///{sqlite_file}')
    with database.write() as connection:
        pragmas = {name: connection.exec_driver_sql(f'PRAGMA {name}').scalar() for name in ('journal_mode', 'synchronous', 'foreign_keys')}
        connection.execute(insert(counters).values(name='x', last=1))
    assert pragmas == {'journal_mode': 'wal', 'synchronous': 2, 'foreign_keys': 1}
    for file in (sqlite_file, sqlite_file.with_name('mesa.db-wal')):
        assert stat.S_IMODE(file.stat().st_mode) & 0o007 == 0
    database.close()


def test_sqlite_locked_by_somebody_else_is_refused_in_time_and_heals(sqlite_file: Path) -> None:
    database = Database(f'sqlite:///{sqlite_file}', patience_s=PATIENCE_S)
    intruder = sqlite3.connect(sqlite_file, isolation_level=None)
    intruder.execute('BEGIN IMMEDIATE')
    assert 'mesa.db' in refused_within_patience(lambda: write_one(database))
    assert names(database) == {'folio'}                      # readers never wait
    intruder.execute('ROLLBACK')
    write_one(database)
    assert names(database) == {'folio', 'x'}
    intruder.close()
    database.close()


def test_sqlite_locked_refuses_many_threads_all_in_time(sqlite_file: Path) -> None:
    database = Database(f'sqlite:///{sqlite_file}', patience_s=PATIENCE_S)
    intruder = sqlite3.connect(sqlite_file, isolation_level=None)
    intruder.execute('BEGIN IMMEDIATE')
    told: list[str] = []
    threads = [threading.Thread(target=lambda: told.append(refused_within_patience(lambda: write_one(database)))) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 10
    intruder.close()
    database.close()


def test_sqlite_reading_a_missing_file_does_not_make_it(tmp_path: Path) -> None:
    database = Database(f'sqlite:///{tmp_path}/absent.db')
    with pytest.raises(DatabaseUnavailable, match=r'absent\.db'):
        names(database)
    assert not list(tmp_path.iterdir())


def test_sqlite_folder_that_does_not_exist_is_an_absence(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match='nowhere'):
        write_one(Database(f'sqlite:///{tmp_path}/nowhere/mesa.db'))


@pytest.mark.parametrize('url', ['sqlite://', 'sqlite:///:memory:', 'mysql://a@b/c', 'mesa.db', ''])
def test_other_databases_are_refused_by_name(url: str) -> None:
    with pytest.raises(ValueError, match='sqlite:///PATH'):
        Database(url)


# --- PostgreSQL -----------------------------------------------------------------------------------------------------

def test_postgres_restarted_under_us_heals_at_the_next_transaction() -> None:
    with postgres_instance() as server:
        migrate.upgrade(server.url)
        database = Database(server.url, patience_s=5.0)
        held = [database.read() for _ in range(3)]           # several idle connections in the pool
        for transaction in held:
            transaction.__enter__()
        for transaction in held:
            transaction.__exit__(None, None, None)
        server.stop()
        with pytest.raises(DatabaseUnavailable):
            write_one(database)
        server.start()
        for name in 'abcd':
            write_one(database, name)
        assert names(database) == {'folio', *'abcd'}
        database.close()


def test_postgres_stopped_or_frozen_is_refused_in_time() -> None:
    with postgres_instance() as server:
        migrate.upgrade(server.url)
        database = Database(server.url, patience_s=PATIENCE_S)
        write_one(database, 'before')
        with server.frozen():
            refused_within_patience(lambda: write_one(database))          # an open connection that says nothing
            refused_within_patience(lambda: write_one(database))          # a new one that is never accepted
            refused_within_patience(lambda: names(database))
        write_one(database, 'after')
        assert names(database) >= {'before', 'after'}
        server.stop()
        refused_within_patience(lambda: write_one(database))
        refused_within_patience(lambda: names(database))
        database.close()


def test_postgres_row_locked_by_somebody_else_is_refused_in_time(postgres: PostgresServer, migrated_name: str) -> None:
    url = postgres.create('rowlock', migrated_name)
    database = Database(url, patience_s=PATIENCE_S)
    with psycopg.connect(f'host=127.0.0.1 port={postgres.port} user=mesa dbname=rowlock') as intruder:
        intruder.execute('SELECT * FROM counters FOR UPDATE')

        def take() -> None:
            with database.write() as connection:
                connection.execute(counters.update().values(last=7))
        refused_within_patience(take)
        intruder.rollback()
        take()
    database.close()
    postgres.drop('rowlock')


def test_postgres_pool_used_up_is_refused_in_time(postgres: PostgresServer, migrated_name: str) -> None:
    url = postgres.create('pool', migrated_name)
    database = Database(url, patience_s=PATIENCE_S, connections=1)
    with database.read():
        refused_within_patience(lambda: names(database))
    assert names(database) == {'folio'}
    database.close()
    postgres.drop('pool')


def test_the_password_is_not_in_the_name_or_the_error(postgres: PostgresServer) -> None:
    database = Database(f'postgresql://mesa:s3cret@127.0.0.1:{postgres.port}/absent', patience_s=1.0)
    with pytest.raises(DatabaseUnavailable) as refusal:
        names(database)
    assert 's3cret' not in str(refusal.value) + database.name
    assert 'absent' in str(refusal.value)


def test_no_call_time_is_lost_to_the_zone_of_the_server(db: Database) -> None:
    now = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
    with db.read() as connection:
        if db.dialect == 'postgresql':
            assert connection.scalar(text('SHOW TimeZone')) == 'UTC'
            assert connection.scalar(text('SELECT CAST(:now AS timestamptz)'), {'now': now}) == now


def test_another_process_that_comes_and_goes_does_not_take_the_log_away(tmp_path: Path) -> None:
    """The reader is open when the writer opens; a handle opened and closed there would give up the reader's lock."""
    file = tmp_path / 'mesa.db'
    db = Database(f'sqlite:///{file}')
    with db.write() as connection:
        connection.execute(text('CREATE TABLE t (x INTEGER)'))
    db.close()
    with db.read() as connection:
        assert connection.execute(text('SELECT count(*) FROM t')).scalar() == 0
    with db.write() as connection:
        connection.execute(text('INSERT INTO t VALUES (1)'))
    other = ('import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); print(c.execute("SELECT count(*) FROM t").fetchone()[0]); '
             'c.execute("INSERT INTO t VALUES (2)"); c.commit(); c.close()')
    assert subprocess.run([sys.executable, '-c', other, str(file)], capture_output=True, text=True, check=True).stdout == '1\n'
    assert (tmp_path / 'mesa.db-wal').exists()
    with db.write() as connection:
        connection.execute(text('INSERT INTO t VALUES (3)'))
    assert subprocess.run([sys.executable, '-c', other, str(file)], capture_output=True, text=True, check=True).stdout == '3\n'
