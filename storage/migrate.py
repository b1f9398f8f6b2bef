"""Bring a database to a version of the schema, up or down, from code alone: no ini file is looked for."""
from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from storage.engine import Database

MIGRATIONS = Path(__file__).resolve().parent.parent / 'migrations'
PATIENCE_S = 30.0                         # nobody is on the telephone, and a table may be large


def upgrade(url: str, to: str = 'head') -> None:
    """Migrate the database up to version `to`, all of it or nothing. Raises DatabaseUnavailable after 30 s.

    Safe to call from several processes at once: the second finds the work done.
    """
    database = Database(url, PATIENCE_S)
    try:
        with database.write() as connection:
            database.lock(connection, 'migrations')
            command.upgrade(_alembic(connection), to)
    finally:
        database.close()


def downgrade(url: str, to: str) -> None:
    """Migrate the database down to version `to` ('base': nothing is left), all of it or nothing. Raises DatabaseUnavailable."""
    database = Database(url, PATIENCE_S)
    try:
        with database.write() as connection:
            database.lock(connection, 'migrations')
            command.downgrade(_alembic(connection), to)
    finally:
        database.close()


def current(url: str) -> str | None:
    """The version of the database's schema; None when nothing was ever migrated into it. Raises DatabaseUnavailable.

    An SQLite file that does not exist counts as unavailable, and is not made.
    """
    database = Database(url)
    try:
        with database.read() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        database.close()


def newest() -> str | None:
    """The version that this code needs."""
    return ScriptDirectory(str(MIGRATIONS)).get_current_head()


def _alembic(connection: Connection) -> Config:
    settings = Config()
    settings.set_main_option('script_location', str(MIGRATIONS).replace('%', '%%'))
    settings.attributes['connection'] = connection
    return settings
