"""Databases for tests: every test that asks for `db` runs on SQLite and on PostgreSQL, each time on an empty migrated database."""
from __future__ import annotations

import itertools
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from storage import migrate
from storage.engine import Database
from tests.databases import CleanedDatabase, PostgresServer, postgres_instance
from tests.standstill import Pulse, Standstill

DIALECTS = ('sqlite', 'postgresql')
_names = itertools.count(1)


def pytest_configure(config: pytest.Config) -> None:
    """A shell's background job ignores Ctrl-C; so would the programs that its tests start, also those that are to be stopped by it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # How long an example takes says how busy the machine is, and nothing about the code; `timeout` in setup.cfg ends what hangs.
    settings.register_profile('mesa', deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile('mesa')
    config.pluginmanager.register(Standstill(Pulse()), 'standstill')


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests that wait for real servers first: the many short ones then fill the gaps, and no process ends with a long file alone."""
    items.sort(key=lambda item: 'real' not in item.path.parts)


@pytest.fixture(scope='session')
def postgres() -> Iterator[PostgresServer]:
    """One PostgreSQL server for the whole run."""
    with postgres_instance() as server:
        yield server


@pytest.fixture(scope='session')
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with the newest schema, to be copied."""
    file = tmp_path_factory.mktemp('sqlite') / 'template.db'
    migrate.upgrade(f'sqlite:///{file}')
    return file


@pytest.fixture(scope='session')
def migrated_name(postgres: PostgresServer) -> str:
    """The name of a PostgreSQL database with the newest schema, to be copied."""
    migrate.upgrade(postgres.create('migrated'))
    return 'migrated'


@pytest.fixture(scope='session')
def cleaned(postgres: PostgresServer, migrated_name: str) -> CleanedDatabase:
    """A PostgreSQL database with the newest schema that one test after the other gets, emptied in between."""
    return CleanedDatabase(postgres, postgres.create('cleaned', migrated_name))


@pytest.fixture(params=DIALECTS)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without any table, of each kind."""
    yield from _empty(request, tmp_path)


@pytest.fixture(params=DIALECTS)
def db_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database with the newest schema, of each kind."""
    if request.param == 'sqlite':
        file = tmp_path / 'mesa.db'
        shutil.copy(request.getfixturevalue('migrated_file'), file)
        yield f'sqlite:///{file}'
    else:
        reused: CleanedDatabase = request.getfixturevalue('cleaned')
        yield reused.url
        reused.clean()


@pytest.fixture
def db(db_url: str) -> Iterator[Database]:
    """An empty database with the newest schema, of each kind, ready to use; patient, since tests share the machine."""
    database = Database(db_url, patience_s=20.0)
    yield database
    database.close()


def _empty(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    if request.param == 'sqlite':
        yield f'sqlite:///{folder / "mesa.db"}'
        return
    server: PostgresServer = request.getfixturevalue('postgres')
    name = f'test{next(_names)}'
    yield server.create(name)
    server.drop(name)
