"""Rows of many tables gathered and stored in batches, by each driver's quickest way; for loaders."""
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table

from storage.engine import Database, driver_of
from storage.types import utc_text

PATIENCE_S = 600.0
A_FLUSH = 40_000                                       # rows that are kept in memory
Row = dict[str, Any]


class Writer:
    """Gathers rows and stores them in batches, by the driver's quickest way."""

    def __init__(self, db: Database, tables: Sequence[Table]) -> None:
        """`tables`: parents stand before what refers to them."""
        self._db = db
        self._tables = tables
        self._rows: dict[str, list[Row]] = {table.name: [] for table in tables}
        self._waiting = 0
        self.counts: Counter[str] = Counter()

    def add(self, table: Table, **columns: Any) -> None:
        """One row. All rows of a table name the same columns."""
        self._rows[table.name].append(columns)
        self.counts[table.name] += 1
        self._waiting += 1

    def pause(self) -> None:
        """Between two stories, when all that belongs together is here: store what was gathered, if it is enough."""
        if self._waiting >= A_FLUSH:
            self.flush()

    def flush(self) -> None:
        """Store what was gathered."""
        with self._db.write(PATIENCE_S) as connection:
            for table in self._tables:
                if rows := self._rows[table.name]:
                    (_copy if self._db.dialect == 'postgresql' else _insert)(connection, table, rows)
                    rows.clear()
        self._waiting = 0


def _insert(connection: Connection, table: Table, rows: list[Row]) -> None:
    driver_of(connection).executemany(
        f'INSERT INTO {table.name} ({_names(rows[0])}) VALUES ({", ".join("?" * len(rows[0]))})',
        [tuple(utc_text(value) if isinstance(value, datetime) else value for value in row.values()) for row in rows])


def _copy(connection: Connection, table: Table, rows: list[Row]) -> None:
    with driver_of(connection).cursor() as cursor, cursor.copy(f'COPY {table.name} ({_names(rows[0])}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row(tuple(row.values()))


def _names(row: Row) -> str:
    return ', '.join(f'"{name}"' for name in row)
