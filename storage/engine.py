"""Transactions on SQLite or PostgreSQL, each within a patience: a caller is waiting at the other end.

`Database.write()` and `Database.read()` are the only ways in. Whatever keeps the database from answering in time
(a foreign lock, a stopped or frozen server, a full disk) is one error, `DatabaseUnavailable`.
"""
from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from time import monotonic
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

# Primary result codes of SQLite that speak of the file or its locks, not of our SQL.
_FILE_TROUBLE = frozenset({
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB,
})


class StorageError(Exception):
    """Something that the operator of the database should know."""


class DatabaseUnavailable(StorageError):
    """The database did not answer within the patience; what was asked may or may not have been stored."""


class Database:
    """One database. `url` is 'sqlite:///PATH' or 'postgresql://...'; `patience_s` bounds every transaction, waiting included.

    `connections` is how many threads may be inside a PostgreSQL transaction, or an SQLite read, at the same time.
    Opening a Database touches nothing: the first transaction does.
    """

    def __init__(self, url: str, patience_s: float = 1.0, connections: int = 20) -> None:
        address = _address(url)
        self.patience_s = patience_s
        self.name = address.render_as_string(hide_password=True)
        self.dialect = address.get_backend_name()
        self._books: _SqliteBooks | _PostgresBooks
        if self.dialect == 'sqlite':
            self._books = _SqliteBooks(address, patience_s, connections)
        else:
            self._books = _PostgresBooks(address, patience_s, connections)

    def write(self, patience_s: float | None = None) -> AbstractContextManager[Connection]:
        """One transaction that may write: durable when the block ends, nothing stored when it raises.

        Raises DatabaseUnavailable within `patience_s` (default: the Database's own) and a small margin.
        """
        return self._transaction(self._books.writer, self._books.turn, patience_s)

    def read(self, patience_s: float | None = None) -> AbstractContextManager[Connection]:
        """One read-only transaction on a consistent state; never waits for a writer. Raises DatabaseUnavailable."""
        return self._transaction(self._books.reader, lambda _: nullcontext(), patience_s)

    def lock(self, connection: Connection, name: str) -> None:
        """Make this transaction the only one that holds the lock `name`, until it ends."""
        self._books.lock(connection, name)

    def forget_erased(self) -> None:
        """Let what was erased also leave SQLite's write-ahead log; readers that are still in it keep it. PostgreSQL's VACUUM does it.

        Raises DatabaseUnavailable.
        """
        try:
            self._books.forget_erased()
        except Exception as error:
            if not _is_unavailable(error):
                raise
            raise DatabaseUnavailable(f'{self.name}: the write-ahead log could not be emptied ({error})') from error

    def close(self) -> None:
        """Let go of the idle connections; the Database may be used again."""
        self._books.writer.dispose()
        self._books.reader.dispose()

    @contextmanager
    def _transaction(self, engine: Engine, turn: Callable[[float], AbstractContextManager[object]],
                     patience_s: float | None) -> Iterator[Connection]:
        patience = self.patience_s if patience_s is None else patience_s
        deadline = monotonic() + patience
        try:
            with turn(patience), engine.connect() as connection:
                self._books.limit(connection, deadline)
                with connection.begin():
                    yield connection
        except Exception as error:
            if not _is_unavailable(error):
                raise
            cause = error.orig if isinstance(error, DBAPIError) else error
            raise DatabaseUnavailable(f'{self.name}: no answer within {patience:.1f} s ({str(cause).strip()})') from error


def _address(url: str) -> URL:
    """The URL with the driver that we use; ValueError when it is none of ours."""
    try:
        address = make_url(url)
    except ArgumentError as error:
        raise ValueError('the database must be given as sqlite:///PATH or postgresql://USER@HOST/NAME') from error
    if address.get_backend_name() in ('postgresql', 'postgres'):
        return address.set(drivername='postgresql+psycopg')
    if address.get_backend_name() != 'sqlite' or address.database in (None, '', ':memory:'):
        raise ValueError(f'{address.render_as_string()}: only sqlite:///PATH and postgresql://USER@HOST/NAME can be used')
    return address.set(drivername='sqlite')


def _is_unavailable(error: Exception) -> bool:
    """Whether the database is in trouble, as against our statement; `error` is SQLAlchemy's or the driver's own."""
    if isinstance(error, PoolTimeout) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return True
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        # SQLite says OperationalError for a missing table as well: only the result code tells.
        return getattr(cause, 'sqlite_errorcode', 0) & 0xff in _FILE_TROUBLE
    psycopg = sys.modules.get('psycopg')     # an SQLite site need not load it
    return psycopg is not None and isinstance(cause, (psycopg.OperationalError, psycopg.InterfaceError))


class _Turn:
    """The one place at the writing desk, taken within a patience."""

    def __init__(self, desk: Lock, patience_s: float) -> None:
        self._desk = desk
        self._patience_s = patience_s

    def __enter__(self) -> None:
        if not self._desk.acquire(timeout=max(self._patience_s, 0)):
            raise PoolTimeout('other threads of this process are writing')

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._desk.release()


class _SqliteBooks:
    """SQLite in WAL mode: one writer that takes its lock at BEGIN, readers that never wait.

    The driver's own transaction handling begins too late: two threads then read the same counter and both write it.
    """

    def __init__(self, address: URL, patience_s: float, connections: int) -> None:
        self._path = Path(str(address.database))
        self._patience_s = patience_s
        self._desk = Lock()                  # SQLite polls for its lock, with sleeps up to 100 ms; our own threads queue here instead
        self.writer = create_engine(address, poolclass=QueuePool, creator=self._open_writer, pool_size=1,
                                    pool_timeout=patience_s, pool_reset_on_return=None)
        self.reader = create_engine(address, poolclass=QueuePool, creator=self._open_reader, pool_size=connections,
                                    max_overflow=0, pool_timeout=patience_s, pool_reset_on_return=None)
        event.listen(self.writer, 'begin', lambda connection: driver_of(connection).execute('BEGIN IMMEDIATE'))
        event.listen(self.reader, 'begin', lambda connection: driver_of(connection).execute('BEGIN'))

    def turn(self, patience_s: float) -> AbstractContextManager[object]:
        return _Turn(self._desk, patience_s)

    def limit(self, connection: Connection, deadline: float) -> None:
        left_ms = max(int((deadline - monotonic()) * 1000), 0)
        driver_of(connection).execute(f'PRAGMA busy_timeout={left_ms}')

    def lock(self, connection: Connection, name: str) -> None:
        """BEGIN IMMEDIATE has locked everybody out already."""

    def forget_erased(self) -> None:
        with _Turn(self._desk, self._patience_s), self.writer.connect() as connection:
            driver_of(connection).execute('PRAGMA wal_checkpoint(TRUNCATE)').fetchall()

    def _open_writer(self) -> sqlite3.Connection:
        _make_file(self._path)
        connection = self._open()
        connection.execute('PRAGMA journal_mode=WAL')
        connection.execute('PRAGMA synchronous=FULL')        # NORMAL would lose the last commits at a power cut
        connection.execute('PRAGMA foreign_keys=ON')
        connection.execute('PRAGMA secure_delete=ON')        # what was erased leaves the file, too, and not only the tables
        return connection

    def _open_reader(self) -> sqlite3.Connection:
        connection = self._open()
        connection.execute('PRAGMA query_only=ON')
        return connection

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(f'{self._path.absolute().as_uri()}?mode=rw', uri=True, timeout=0.1,
                               isolation_level=None, check_same_thread=False)


def _make_file(path: Path) -> None:
    """Make a database that is not there, so that nobody else can ever read it; the -wal and -shm files copy this mode.

    One that is there must never be opened and closed beside SQLite: POSIX gives up all locks of a process when it closes any
    handle of the file, and another process would then delete the WAL that is in use. Raises DatabaseUnavailable.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o640))
    except FileExistsError:
        return
    except OSError as error:
        raise DatabaseUnavailable(f'{path}: {error.strerror}') from error


class _PostgresBooks:
    """PostgreSQL through psycopg 3."""

    def __init__(self, address: URL, patience_s: float, connections: int) -> None:
        from storage.postgres import connector, drop_when_stale
        self.writer = create_engine(
            address, creator=connector(address, patience_s), pool_size=connections, max_overflow=0, pool_timeout=patience_s)
        self.reader: Engine = self.writer.execution_options(postgresql_readonly=True)
        event.listen(self.writer, 'checkout', drop_when_stale)

    def turn(self, patience_s: float) -> AbstractContextManager[object]:
        return nullcontext()

    def limit(self, connection: Connection, deadline: float) -> None:
        driver_of(connection).deadline = deadline

    def lock(self, connection: Connection, name: str) -> None:
        connection.execute(_ADVISORY_LOCK, {'name': name})

    def forget_erased(self) -> None:
        """VACUUM does, by itself."""


_ADVISORY_LOCK = text('SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))')


def driver_of(connection: Connection) -> Any:
    """The driver's own connection under SQLAlchemy's, for the few statements whose cost matters."""
    return connection.connection.driver_connection
