"""The schema: migrated up it is what the code says, and down again with data in it nothing is left."""
from __future__ import annotations

import threading
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import bindparam, inspect, text
from sqlalchemy.exc import DBAPIError

import ami_listener.tables
import contracts.allowance_tables
import contracts.ledger_tables
import contracts.move_tables
import contracts.statement_tables
import desk.accounts.tables
import fax.outgoing.job_tables
import fax.tables
import ticketing.tables
from storage import migrate
from storage.engine import Database
from storage.tables import metadata
from storage.types import Exact, UtcDateTime
from tests.test_ticketing_folios import report
from ticketing.finding.index import SearchIndex
from ticketing.finding.search import Search
from ticketing.finding.viewers import Viewer
from ticketing.folios import FolioBook
from ticketing.lists import FolioLists
from ticketing.numbers import number_for

NOW = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)


def ours(name: str | None, kind: str, parents: object) -> bool:
    """What the code knows of; SQLite's FTS5 is a table, with tables of its own, and PostgreSQL's GIN index an index of one column."""
    return not (name or '').startswith('search_index') and name != 'search_documents_words'


def tables(url: str) -> set[str]:
    database = Database(url, patience_s=10.0)
    with database.read() as connection:
        names = {name for name in inspect(connection).get_table_names() if ours(name, 'table', None)}
    database.close()
    return names


def test_the_migrated_schema_is_the_code_s(empty_url: str) -> None:
    migrate.upgrade(empty_url)
    database = Database(empty_url, patience_s=10.0)
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={'compare_type': True, 'compare_server_default': True, 'include_name': ours})
        assert compare_metadata(context, metadata) == []
    database.close()
    assert tables(empty_url) == {*metadata.tables, 'alembic_version'}
    assert ticketing.tables.folios.name in metadata.tables
    assert ami_listener.tables.calls.name in metadata.tables
    assert fax.outgoing.job_tables.fax_jobs.name in metadata.tables
    assert fax.tables.faxes.name in metadata.tables
    assert contracts.allowance_tables.allowance_alerts.name in metadata.tables
    assert contracts.statement_tables.statements.name in metadata.tables
    assert contracts.move_tables.site_moves.name in metadata.tables
    assert desk.accounts.tables.desk_users.name in metadata.tables
    assert contracts.ledger_tables.outbound_ledger.name in metadata.tables


def test_the_difference_between_schema_and_code_would_be_noticed(empty_url: str) -> None:
    migrate.upgrade(empty_url)
    database = Database(empty_url, patience_s=10.0)
    with database.write() as connection:
        connection.execute(text('DROP INDEX folios_by_time'))
        connection.execute(text('ALTER TABLE users ADD COLUMN shoe_size INTEGER'))
        context = MigrationContext.configure(connection, opts={'include_name': ours})
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


OLD_FOLIO = text("""
    INSERT INTO folios (id, number, opened_at, clock_starts, state, priority, kind, client, line, modality, linkedid, identified_by,
                        unlisted, rule, from_message, origin, holder, promised)
    VALUES (:id, :number, :at, :at, :state, 'high', 'failure', 'nopalera', '+528005550101', 'standard', :call, 'unknown',
            false, 'open', false, 'phone', 'nobody', :at)""").bindparams(bindparam('at', type_=UtcDateTime))
OLD_ENTRY = text("""INSERT INTO folio_entries (folio_id, at, kind, "by", text, linkedid) VALUES (:id, :at, 'opened', 'phone', :text, :call)
                 """).bindparams(bindparam('at', type_=UtcDateTime))
OLD_FILE = text("""INSERT INTO folio_files (folio_id, kind, name, sha256, seconds, at) VALUES (:id, 'message', 'm.wav', 'ab', 7, :at)
                """).bindparams(bindparam('at', type_=UtcDateTime))


def put_old_folios(database: Database) -> None:
    """Two folios of schema 0002, with entries and a file."""
    with database.write() as connection:
        for n, state in ((1, 'new'), (2, 'closed_verified')):
            about = {'id': n, 'number': number_for(n), 'at': NOW, 'call': f'c{n}'}
            connection.execute(OLD_FOLIO, about | {'state': state})
            connection.execute(OLD_ENTRY, {'id': n, 'at': NOW, 'text': 'open', 'call': None})
            connection.execute(OLD_ENTRY, {'id': n, 'at': NOW, 'text': 'later', 'call': f'd{n}'})
        connection.execute(OLD_FILE, {'id': 1, 'at': NOW})
        connection.execute(text("UPDATE counters SET last = 2 WHERE name = 'folio'"))


def rows(database: Database, question: str) -> list[tuple[object, ...]]:
    with database.read() as connection:
        return [tuple(row) for row in connection.execute(text(question))]


def refused(database: Database, statement: str) -> None:
    """The statement is refused by a trigger, and nothing of it is kept."""
    with pytest.raises(DBAPIError, match='never'), database.write() as connection:
        connection.execute(text(statement))


OLD_QUESTIONS = (
    'SELECT id, number, opened_at, state, priority, promised, linkedid FROM folios ORDER BY id',
    'SELECT folio_id, at, kind, "by", text, linkedid FROM folio_entries ORDER BY id',
    'SELECT folio_id, name, sha256, seconds, at FROM folio_files ORDER BY id')


def test_folios_and_their_timelines_survive_the_way_up_and_down(empty_url: str) -> None:
    migrate.upgrade(empty_url, '0002')
    database = Database(empty_url, patience_s=10.0)
    put_old_folios(database)
    before = [rows(database, question) for question in OLD_QUESTIONS]
    database.close()

    migrate.upgrade(empty_url)
    assert [rows(database, question) for question in OLD_QUESTIONS] == before
    book = FolioBook(database)
    first, second = (book.get(number_for(n)) for n in (1, 2))
    assert first is not None and second is not None
    assert (first.version, first.report.impact, first.report.urgency) == (0, 'medium', 'medium')
    assert (first.reopens, first.first_contact) == (0, False)
    assert (first.report.next_look, second.report.next_look) == (NOW, None)                # the clock of the open one is looked at
    assert [entry.text for entry in book.timeline(second.number)] == ['open', 'later']
    assert [item.number for item in FolioLists(database).work_list(client='nopalera')] == [first.number]
    assert book.open(report(call='c3'), NOW).number == number_for(3)
    database.close()

    migrate.downgrade(empty_url, '0002')
    after = [rows(database, question) for question in OLD_QUESTIONS]
    assert [kept[:len(old)] for kept, old in zip(after, before, strict=True)] == before and len(after[0]) == 3
    refused(database, "UPDATE folio_entries SET text = 'x'")
    refused(database, 'DELETE FROM folio_entries')
    database.close()

    migrate.upgrade(empty_url)
    assert [rows(database, question) for question in OLD_QUESTIONS] == after
    database.close()


def test_folios_that_were_there_before_the_search_are_found_after_it(empty_url: str) -> None:
    migrate.upgrade(empty_url, '0005')
    database = Database(empty_url, patience_s=10.0)
    put_old_folios(database)
    with database.write() as connection:
        connection.execute(text("UPDATE folios SET summary = 'Báscula rota' WHERE id = 2"))
    migrate.upgrade(empty_url)
    search, viewer = Search(database), Viewer('ana')
    assert [hit.item.number for hit in search.search('bascula', viewer).page.items] == [number_for(2)]     # few: the search does it itself
    assert SearchIndex(database).finish() == 0
    database.close()

    migrate.downgrade(empty_url, '0005')
    migrate.upgrade(empty_url)
    assert SearchIndex(database).finish() == 2
    assert [hit.item.number for hit in search.search('rotas', viewer).page.items] == [number_for(2)]
    database.close()


SOON = "'2026-11-25T00:00:00.000000Z'"
ERASE = f"UPDATE folio_entries SET text = '(borrado)', erased_at = {SOON} WHERE id = 1"


def test_an_entry_may_be_erased_once_and_changed_in_no_other_way(empty_url: str) -> None:
    migrate.upgrade(empty_url, '0002')
    database = Database(empty_url, patience_s=10.0)
    put_old_folios(database)
    database.close()
    migrate.upgrade(empty_url)
    untouched = rows(database, 'SELECT * FROM folio_entries ORDER BY id')
    refused(database, "UPDATE folio_entries SET text = 'x' WHERE id = 1")
    refused(database, "UPDATE folio_entries SET erased_at = NULL, text = 'x' WHERE id = 1")
    for column, value in (('id', '99'), ('folio_id', '2'), ('at', SOON), ('kind', "'note'"), ('linkedid', "'other'")):
        refused(database, ERASE.replace('SET ', f'SET "{column}" = {value}, '))
    refused(database, 'DELETE FROM folio_entries WHERE id = 1')
    assert rows(database, 'SELECT * FROM folio_entries ORDER BY id') == untouched

    with database.write() as connection:
        connection.execute(text(ERASE))
        connection.execute(text(ERASE.replace('id = 1', 'id = 2')))        # one that has a call keeps it
    refused(database, ERASE)
    refused(database, 'UPDATE folio_entries SET erased_at = NULL WHERE id = 1')
    refused(database, "UPDATE folio_entries SET text = 'open' WHERE id = 1")
    refused(database, 'DELETE FROM folio_entries WHERE id = 1')
    assert rows(database, 'SELECT text, linkedid FROM folio_entries ORDER BY id') == [
        ('(borrado)', None), ('(borrado)', 'd1'), ('open', None), ('later', 'd2')]
    refused(database, 'DELETE FROM folios WHERE id = 1')
    refused(database, "UPDATE folios SET number = '1' WHERE id = 1")
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
    if isinstance(column.type, Exact):
        return Decimal(1)
    kind = column.type.python_type
    return {'date': NOW.date(), 'int': 1, 'float': 1.0, 'bool': True, 'dict': {}}.get(kind.__name__, 'c1')
