"""A PostgreSQL server of our own for tests: as a bench's, but hasty, and it may be frozen."""
from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
import psycopg.sql

from callcenter.postgres_scratch import ScratchServer, scratch_server

__all__ = ['CleanedDatabase', 'PostgresServer', 'postgres_instance']

HASTY = ('fsync=off', 'full_page_writes=off', 'max_connections=200', 'shared_buffers=32MB')


class PostgresServer(ScratchServer):
    """A running server; `url` names an empty database. It may be stopped, frozen and started again."""

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The server with every process stopped by SIGSTOP: it takes connections and says nothing."""
        children = Path(f'/proc/{self.pid}/task/{self.pid}/children').read_text().split()
        processes = [self.pid, *map(int, children)]
        try:
            for process in processes:
                os.kill(process, signal.SIGSTOP)
            yield
        finally:
            for process in processes:
                os.kill(process, signal.SIGCONT)


def postgres_instance() -> AbstractContextManager[PostgresServer]:
    """A fresh server with an empty database 'mesa', gone afterwards with all it held."""
    return scratch_server(PostgresServer, HASTY)


class CleanedDatabase:
    """A migrated database that is used again and again: to copy the migrated one for each test takes most of a test's time."""

    def __init__(self, server: PostgresServer, url: str) -> None:
        self.url = url
        self._server = server
        self._name = url.rpartition('/')[2]
        with self._connect() as connection:
            self._tables = [row[0] for row in connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename != 'alembic_version' ORDER BY tablename")]
            # What the migrations themselves put there, such as the series of numbers.
            self._seeds = {table: connection.execute(psycopg.sql.SQL('SELECT * FROM {}').format(_named(table))).fetchall()
                           for table in self._filled(connection)}

    def clean(self) -> None:
        """Throw out whoever uses it; empty what was filled, give numbers from 1 again, and put back what the migrations put there."""
        with self._connect() as connection:
            connection.execute('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid != pg_backend_pid()',
                               [self._name])
            connection.execute('SET session_replication_role = replica')      # triggers of append-only tables do not run
            for (table,) in connection.execute(
                    "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename != 'alembic_version'").fetchall():
                if table not in self._tables:          # a test's own
                    connection.execute(psycopg.sql.SQL('DROP TABLE {} CASCADE').format(_named(table)))
            filled = self._filled(connection)
            if filled:
                connection.execute(psycopg.sql.SQL('TRUNCATE {} CASCADE').format(psycopg.sql.SQL(', ').join(map(_named, filled))))
            for (sequence,) in connection.execute(
                    "SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL").fetchall():
                connection.execute(psycopg.sql.SQL('ALTER SEQUENCE {} RESTART').format(_named(sequence)))
            for table, rows in self._seeds.items():
                for row in rows:
                    connection.execute(psycopg.sql.SQL('INSERT INTO {} VALUES ({})').format(
                        _named(table), psycopg.sql.SQL(', ').join(psycopg.sql.Placeholder() * len(row))), row)

    def _filled(self, connection: psycopg.Connection[tuple[str]]) -> list[str]:
        asked = psycopg.sql.SQL(' UNION ALL ').join(
            psycopg.sql.SQL('SELECT {} WHERE EXISTS (SELECT 1 FROM {})').format(table, _named(table)) for table in self._tables)
        return [row[0] for row in connection.execute(asked)]

    def _connect(self) -> psycopg.Connection[tuple[str]]:
        return psycopg.connect(f'host=127.0.0.1 port={self._server.port} user=mesa dbname={self._name}', autocommit=True)


def _named(name: str) -> psycopg.sql.Identifier:
    return psycopg.sql.Identifier(name)
