"""A worker that is killed between any two things that it does: every fax is delivered, once (mission.md 5.4)."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection

from callcenter.postgres_scratch import ScratchServer, scratch_server
from fax.values import FaxState
from storage import migrate
from storage.engine import Database, DatabaseUnavailable
from tests.fax_office import SITE, FaxOffice, tiff
from tests.site_copies import ROOT
from tests.smtp_peer import SmtpPeer
from ticketing.mail.letters import POSSIBLE_DUPLICATE

MOST_POINTS = 200
Order = Callable[[int, int], str]


@pytest.fixture
def smtp() -> Iterator[SmtpPeer]:
    server = SmtpPeer()
    yield server
    server.close()


@pytest.fixture
def worker(db_url: str, tmp_path: Path, smtp: SmtpPeer) -> Iterator[Order]:
    """Gives an order to a worker: a point at which it dies (0: at none), and the machine's minutes."""
    command = [sys.executable, '-m', 'tests.fax_walk', db_url, str(tmp_path), f'127.0.0.1:{smtp.port}']
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None

        def order(point: int, minutes: int) -> str:
            process.stdin.write(f'{point} {minutes}\n')  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
            return process.stdout.readline().strip()  # type: ignore[union-attr]
        yield order
        process.stdin.close()


@pytest.mark.timeout(300)
def test_a_worker_that_is_killed_at_every_point(db: Database, tmp_path: Path, worker: Order, smtp: SmtpPeer) -> None:
    """One fax for each point; after the kill another worker goes on, ten minutes and then an hour later."""
    office = FaxOffice(db, tmp_path)
    killed: list[str] = []
    minutes = 0
    for point in range(1, MOST_POINTS):
        office.arrive(tiff(f'punto {point}'))
        answer = worker(point, minutes)
        minutes += 10
        assert worker(0, minutes) == 'done'
        minutes += 60
        assert worker(0, minutes) == 'done'
        if answer == 'done':
            break
        killed.append(answer.removeprefix('killed '))
    assert killed and answer == 'done', 'the walk has an end'
    kinds = Counter(killed)
    assert kinds['before commit'] >= 6 and kinds['subprocess.Popen'] >= 2 and kinds['socket.connect'] >= 1, kinds
    assert kinds['os.remove .tif'] >= 2 and kinds['os.remove .args'] >= 1 and kinds['os.rename .part'] + kinds['os.rename '] >= 1, kinds

    faxes = office.faxes
    assert [fax.file for fax in faxes] == [f'fax{n:09d}' for n in range(1, len(killed) + 2)]
    assert {fax.state for fax in faxes} == {FaxState.SENT} and office.left_in_spool() == []
    letters = [taken.message for taken in smtp.taken]
    copies = Counter(str(letter['Subject']).split()[1] for letter in letters)
    assert set(copies) == {fax.reference for fax in faxes} and max(copies.values()) <= 2
    marked = Counter(str(letter['Subject']).split()[1] for letter in letters if letter[POSSIBLE_DUPLICATE])
    assert all(marked[reference] for reference, count in copies.items() if count == 2), 'a second copy says so'


@contextmanager
def server_that_dies() -> Iterator[tuple[ScratchServer, Database]]:
    """A PostgreSQL server of this test's own, durable as in earnest, with our schema in it."""
    with scratch_server(ScratchServer, ('max_connections=50',)) as server:
        migrate.upgrade(server.url)
        database = Database(server.url, patience_s=5.0)
        try:
            yield server, database
        finally:
            database.close()


def die_and_return(server: ScratchServer) -> None:
    """kill -9 of the whole server, as by a power cut, and a new start."""
    children = Path(f'/proc/{server.pid}/task/{server.pid}/children').read_text().split()
    for process in [server.pid, *map(int, children)]:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    os.waitpid(server.pid, 0)
    server.start()


def work(office: FaxOffice) -> None:
    """All rounds; one that the dead server spoils is done again."""
    for _ in range(3):
        with suppress(DatabaseUnavailable):
            office.work()
            return
    raise AssertionError('the database does not come back')


@pytest.mark.timeout(300)
def test_the_database_server_dies_around_every_commit(tmp_path: Path, smtp: SmtpPeer) -> None:
    """Before a commit nothing is stored; after it, everything, though nobody was told so."""
    with server_that_dies() as (server, database):
        office = FaxOffice(database, tmp_path, site=replace(SITE, mail=replace(SITE.mail, smtp=f'127.0.0.1:{smtp.port}')))
        commits = commits_of_a_fax(office)
        assert commits >= 6
        for point in range(1, commits + 1):
            for after in (False, True):
                office.arrive(tiff(f'{point} {after}'))
                with at_commit(database, point, after, lambda: die_and_return(server)):
                    work(office)
                office.work(minutes=10)
                office.work(minutes=60)
        assert {fax.state for fax in office.faxes} == {FaxState.SENT}
        assert [fax.file for fax in office.faxes] == [f'fax{n:09d}' for n in range(1, 2 * commits + 2)] and office.left_in_spool() == []
        copies = Counter(str(taken.message['Subject']).split()[1] for taken in smtp.taken)
        assert set(copies) == {fax.reference for fax in office.faxes} and max(copies.values()) <= 2


def commits_of_a_fax(office: FaxOffice) -> int:
    """How many write transactions the way of one fax takes."""
    count = 0

    def counted() -> None:
        nonlocal count
        count += 1
    office.arrive(tiff('the first'))
    with at_commit(office.db, 0, False, counted, every=True):
        office.work()
    return count


@contextmanager
def at_commit(database: Database, point: int, after: bool, happen: Callable[[], None], every: bool = False) -> Iterator[None]:
    """Let something happen before, or after, the n-th write transaction of a database is committed."""
    original = database.write
    count = 0

    @contextmanager
    def write(patience_s: float | None = None) -> Iterator[Connection]:
        nonlocal count
        with original(patience_s) as connection:
            yield connection
            count += 1
            here = count == point
            if every or (here and not after):
                happen()
        if here and after:
            happen()
            raise DatabaseUnavailable('the answer to the commit was lost')
    database.write = write  # type: ignore[assignment]
    try:
        yield
    finally:
        del database.write  # type: ignore[attr-defined]
