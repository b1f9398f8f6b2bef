"""Escalation under SIGKILL: what a worker had not finished is told by the next one, and nothing is told twice."""
import subprocess
import sys
import time

import pytest
from sqlalchemy import func, select

from tests.site_copies import ROOT
from tests.small_site import SECOND, at, open_folio, rows
from ticketing.tables import escalations, folio_entries, outbox

FOLIOS, STEPS = 12, 5
WORKER = """
import sys
from storage.engine import Database
from tests.small_site import SITE, at
from ticketing.levels.escalation import Escalator
print(Escalator(Database(sys.argv[1], patience_s=20.0), lambda: SITE).round(at('2026-11-26 10:00')), flush=True)
"""
PATIENCE_S = 30


def told(db):
    with db.read() as connection:
        return connection.scalar(select(func.count()).select_from(escalations))


@pytest.fixture
def worker(db_url):
    """Starts a worker's round in a process of its own."""
    started = []

    def start():
        started.append(subprocess.Popen([sys.executable, '-c', WORKER, db_url], cwd=ROOT, stdout=subprocess.PIPE))
        return started[-1]
    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_worker_that_is_killed_again_and_again_tells_each_step_once(db, worker):
    for n in range(FOLIOS):
        open_folio(db, at('2026-11-24 08:00') + n * SECOND)
    killed_at = []
    for goal in (1, 20, 40):
        process, deadline = worker(), time.monotonic() + PATIENCE_S
        while told(db) < goal and process.poll() is None:
            assert time.monotonic() < deadline, 'the worker tells nothing'
        process.kill()
        process.wait()
        killed_at.append(told(db))
    last = worker()
    remaining = int(last.communicate(timeout=PATIENCE_S)[0])
    assert remaining == FOLIOS * STEPS - killed_at[-1]
    assert killed_at[0] < FOLIOS * STEPS, 'it was never killed on its way'
    assert all(count % STEPS == 0 for count in killed_at), 'a folio is told whole or not at all'
    steps = [tuple(row) for row in rows(db, escalations, 'folio_id', 'step')]
    assert len(steps) == len(set(steps)) == FOLIOS * STEPS
    entries = [row for row in rows(db, folio_entries, 'folio_id', 'kind') if row.kind == 'escalated']
    assert len(entries) == FOLIOS * STEPS
    # respond: agent, 2 supervisors; 50 %: agent; 80 %: agent, 2 supervisors; 100 % and after: 2 supervisors, contact
    assert len(rows(db, outbox, 'id')) == FOLIOS * (3 + 1 + 3 + 3 + 3)
