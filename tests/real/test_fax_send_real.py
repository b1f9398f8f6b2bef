"""Faxes that we send, all the way: HylaFAX, a modem, Asterisk, and a machine at the other end, ours or a foreign one (mission.md 5.5)."""
from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from config.terms import Prices, Rate, Tariff
from contracts.call_records import check
from contracts.ledger import Ledger, LedgerLine, fax_costs, lines
from contracts.months import Month
from fax.outgoing.documents import document
from storage.engine import Database
from tests.real.callers import eventually
from tests.real.fax_machine import FaxMachine
from tests.real.instance import RealMesa

OURS, THEIRS = '8005550105', '5555550199'
SENT_S = 560.0                                         # a call that fails, as on a busy computer, is made again after up to 7.5 minutes
pytestmark = pytest.mark.timeout(700)
TEXT = 'Estimados señores:\n\nLes enviamos el informe que pidieron.\n'


@pytest.fixture(scope='module')
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RealMesa, FaxMachine]]:
    """A Mesa with two modems, and a fax machine at the other end of its trunk."""
    machine = FaxMachine(tmp_path_factory.mktemp('machine'))
    mesa = RealMesa(tmp_path_factory.mktemp('mesa'), edit=machine.take_trunk, fax=2, clock='2026-11-24T10:00')
    try:
        machine.start(mesa.place.ports.sip)
        yield mesa, machine
    finally:
        machine.stop()
        mesa.stop()


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    file = tmp_path / 'informe.txt'
    file.write_text(TEXT)
    return file


def send(mesa: RealMesa, letter: Path, number: str, *more: str) -> dict[str, Any]:
    """Send a fax, wait for its end, and tell all about it."""
    done = mesa.mesa('fax', 'send', '--to', number, '--wait', *more, str(letter), patience_s=SENT_S)
    told = mesa.json('fax', 'status', '--limit', '1')[0]
    assert done.returncode == (told['state'] != 'sent'), done.stdout + done.stderr
    told = dict(mesa.json('fax', 'status', str(told['id'])))
    print(told)
    return told


def until(mesa: RealMesa, job: int, reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """A fax as soon as something is so."""
    deadline = time.monotonic() + SENT_S
    while not reached(told := mesa.json('fax', 'status', str(job))):
        assert time.monotonic() < deadline, told
    return dict(told)


def test_a_fax_to_ourselves_leaves_by_one_modem_and_comes_in_by_the_other(office: tuple[RealMesa, FaxMachine], letter: Path) -> None:
    mesa, _ = office
    told = send(mesa, letter, OURS, '--client', 'quetzal')
    assert (told['state'], told['pages_sent']) == ('sent', 1)
    *_, last = calls = told['attempts']
    assert len(calls) <= told['dials'] and (last['pages'], last['reason']) == (1, '') and 10 < last['seconds'] < 120
    assert told['seconds'] == sum(call['seconds'] for call in calls)
    assert told['cost'] is None, 'no trunk was needed'
    received = eventually(lambda: mesa.json('fax', 'list'), lambda found: bool(found) and found[0]['state'] == 'sent', 'it has come in', 60)
    assert (received[0]['pages'], received[0]['line']) == (1, '+528005550105')
    eventually(lambda: [modem['state'] for modem in mesa.json('fax', 'modems')], lambda states: states == ['idle'] * 2,
               'both modems take calls again', 25)


def test_a_fax_to_a_foreign_machine_arrives(office: tuple[RealMesa, FaxMachine], letter: Path) -> None:
    mesa, machine = office
    machine.behave('fax')
    told = send(mesa, letter, THEIRS, '--client', 'quetzal')
    assert (told['state'], told['pages_sent']) == ('sent', 1)
    arrived = next(one for one in map(machine.arrived, range(told['dials'])) if one.status == 'SUCCESS')
    assert (arrived.status, arrived.pages, arrived.number[-10:]) == ('SUCCESS', 1, THEIRS)
    assert arrived.remote.strip()[-10:] == '8005550205', 'the fax line on whose behalf it is sent'
    assert document('arrived.tif', arrived.file.read_bytes()).pages == 1


def test_a_number_that_is_busy_fails_after_the_last_call(office: tuple[RealMesa, FaxMachine], letter: Path) -> None:
    mesa, machine = office
    machine.behave('busy')
    told = send(mesa, letter, THEIRS, '--tries', '1', '--dials', '1')
    assert (told['state'], told['dials'], told['seconds']) == ('failed', 1, 0)
    assert 'too many attempts to dial' in told['status'] and 'usy' in told['status']


def test_a_fax_on_its_way_is_cancelled(office: tuple[RealMesa, FaxMachine], letter: Path) -> None:
    mesa, machine = office
    machine.behave('ring')
    job = mesa.json('fax', 'send', '--to', THEIRS, str(letter))['id']
    until(mesa, job, lambda told: told['state'] == 'sending')
    assert mesa.json('fax', 'cancel', str(job), '--by', 'beto')['cancel_by'] == 'beto'
    told = until(mesa, job, lambda told: told['ended_at'] is not None)
    assert told['state'] == 'cancelled'


def test_the_ledger_has_every_call_of_these_faxes_and_equals_asterisks_records(office: tuple[RealMesa, FaxMachine]) -> None:
    """The site has no tariffs: this process rates by its own, with the duty's own code (mission.md 7.3)."""
    mesa, _ = office
    site = mesa.instance.site()
    site = replace(site, prices=Prices((Tariff(date(2026, 1, 1), (Rate('+52', 'México', Decimal('1.50')),)),)))
    database = Database(mesa.database_url, patience_s=20.0)
    now = datetime.now(UTC)
    ledger = Ledger(database, lambda: site)
    jobs = mesa.json('fax', 'status')
    attempts = [call for job in jobs if job['number'] == '+52' + THEIRS
                for call in mesa.json('fax', 'status', str(job['id']))['attempts']]
    begun = [datetime.fromisoformat(call['at']) for call in attempts]
    assert any(at.second or at.microsecond for at in begun), 'the logs of the sessions tell more than the minute'

    def look() -> tuple[LedgerLine, ...]:
        for month in {Month.of(at.astimezone(site.zone).date()) for at in (now - timedelta(hours=1), now)}:
            ledger.rerate(month, datetime.now(UTC))
        with database.read() as connection:
            return lines(connection, None, now - timedelta(hours=1), datetime.now(UTC))
    found = eventually(look, lambda told: len(told) >= len(attempts), 'every call is over', 30)
    assert {line.purpose for line in found} == {'fax'} and {line.number for line in found} == {'+52' + THEIRS}
    sent = [line for line in found if line.client == 'quetzal']
    assert sent and any(10 < line.seconds < 120 for line in sent) and all(line.client in ('quetzal', None) for line in found)
    assert all(line.amount == 0 for line in found if line.client is None), 'busy, and called off while it rang'
    with database.read() as connection:
        compared = check(connection, site, mesa.place.asterisk_log, now - timedelta(hours=1), datetime.now(UTC))
        costs = fax_costs(connection, [job['id'] for job in jobs])
    assert compared.mismatches == () and compared.calls == len(found) and compared.amount[0] == compared.amount[1] > 0
    job, = [job for job in jobs if job['client'] == 'quetzal' and job['number'] == '+52' + THEIRS]
    assert costs[job['id']] == sum(line.amount for line in sent if line.amount is not None)
    assert mesa.json('fax', 'status', str(job['id']))['cost'] == str(costs[job['id']])
    database.close()
