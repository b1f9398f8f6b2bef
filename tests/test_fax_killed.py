"""A worker that is killed between any two things that it does: every fax is delivered, once (mission.md 5.4)."""
from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fax.values import FaxState
from storage.engine import Database
from tests.fax_office import FaxOffice, tiff
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
