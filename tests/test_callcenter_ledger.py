"""The ledger as the worker keeps it and as people ask for it: the duty, its letter, the commands, the findings (mission.md 7.3)."""
from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from ami_listener.tables import calls_to_rate
from callcenter.apply import apply_edited
from callcenter.commands import doctor
from callcenter.desk_health import ledger as health_of_ledger
from callcenter.instance import Instance
from callcenter.ledgering import AGAIN_S, LedgerRounds, doubts
from callcenter.personal_data import eraser_of, export_of, faxes_of
from config.load import load
from config.terms import Prices
from config.values import Site
from contracts import ledger as module
from contracts.ledger import Ledger, lines
from contracts.ledger_tables import outbound_ledger
from contracts.months import Month
from storage.engine import Database
from tests.ledger_books import NOON, PRICES, leg, place, priced, put_call
from tests.site_copies import EXAMPLE
from tests.test_callcenter_commands import Mesa
from ticketing.privacy.export import data_of, page_of
from ticketing.tables import outbox

TRUNK = 'PJSIP/trunk-demo-00000001'
TO = '+525555550101'
OWN = '5555550199'
LATER = NOON + timedelta(hours=1)


class Worker:
    """The duty with clocks that a test sets."""

    def __init__(self, db: Database, site: Site) -> None:
        self.db, self.site = db, site
        self.now = self.machine = LATER
        self.seconds = 0.0
        self.rounds = LedgerRounds(db, lambda: self.site, lambda: self.now, lambda: self.machine, lambda: self.seconds)

    def round(self) -> int:
        self.seconds += AGAIN_S
        return self.rounds.round()

    def letters(self) -> list[Any]:
        with self.db.read() as connection:
            return list(connection.execute(select(outbox).where(outbox.c.notice == 'warning').order_by(outbox.c.id)))


@pytest.fixture(scope='module')
def site() -> Site:
    return priced(load(EXAMPLE))


@pytest.fixture
def worker(db: Database, site: Site) -> Worker:
    return Worker(db, site)


def unlinked(db: Database, number: int, at: datetime = NOON) -> None:
    """An agent's own call to the world."""
    put_call(db, f'c{number}', [leg('PJSIP/1001-00000004', f'PJSIP/trunk-demo-{number:08x}', 30, at, dialled=OWN)], dialled=OWN, started=at,
             ended=at + timedelta(seconds=30))


# --- the duty ------------------------------------------------------------------------------------------------------------


def test_supervisors_hear_once_of_what_nobody_pays(worker: Worker) -> None:
    unlinked(worker.db, 1)
    worker.machine = NOON + timedelta(minutes=10)
    assert worker.round() == 1 and worker.letters() == [], 'it may yet be tied: a fax is told of after its call'
    worker.machine = LATER
    assert worker.round() == 0
    letter, = worker.letters()
    assert letter.recipient == 'carla@mesa.example' and letter.key == 'doubtful calls:2026-11-24:carla'
    text = letter.payload['text']
    assert text.startswith('Una llamada de salida sin folio o sin precio') and '24/11/2026 12:00, al 5555550199, 30 s' in text
    assert 'no corresponde a ningún folio' in text and 'mesa ledger --unlinked' in text
    worker.round()
    unlinked(worker.db, 2)
    worker.round()
    assert len(worker.letters()) == 1, 'one a day'
    worker.now += timedelta(days=1)
    worker.machine += timedelta(days=1)
    worker.round()
    assert len(worker.letters()) == 2 and worker.letters()[1].payload['text'].count('5555550199') == 1, 'each call once'
    worker.now += timedelta(days=1)
    worker.round()
    assert len(worker.letters()) == 2


def test_without_a_price_they_hear_why(worker: Worker, site: Site) -> None:
    worker.site = priced(site, Prices())
    place(worker.db, 'mesa-1', 'close_call', TO)
    put_call(worker.db, 'mesa-1', [leg(TRUNK)])
    worker.round()
    assert 'no hay tarifa vigente' in worker.letters()[0].payload['text']
    assert doubts(worker.db, site, LATER) == (0, 1)
    worker.site = site
    worker.round()
    assert doubts(worker.db, site, LATER) == (0, 0)


def test_a_site_without_supervisors_waits(worker: Worker, site: Site) -> None:
    worker.site = replace(site, agents={})
    unlinked(worker.db, 1)
    worker.round()
    worker.site = site
    worker.round()
    assert len(worker.letters()) == 1


def test_a_round_that_is_cut_off_is_made_again(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    unlinked(worker.db, 1)

    def cut(*given: Any) -> None:
        raise KeyboardInterrupt
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(module, '_store', cut)
        worker.round()
    with worker.db.read() as connection:
        assert connection.execute(select(calls_to_rate)).all() and not connection.execute(select(outbound_ledger)).all()
    assert worker.round() == 1


def test_the_page_of_health_and_the_doctor_tell(db: Database, site: Site, worker: Worker) -> None:
    worker.round()
    assert [(one.level, one.says) for one in health_of_ledger(db, site, LATER)] == [
        ('ok', 'Todas las llamadas de salida de este mes y del anterior tienen motivo y precio.')]
    unlinked(db, 1)
    worker.round()
    finding, = health_of_ledger(db, site, LATER)
    assert finding.level == 'warning' and 'sin folio ni fax: 1' in finding.says


# --- commands ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def mesa(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], migrated_file: Path) -> Mesa:
    """An instance that was applied once; its site has the prices of these tests."""
    for name in ('MESA_INSTANCE', 'MESA_DATABASE', 'MESA_DEBUG'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('MESA_FREE_PORTS', '1')
    instance = Instance.create(tmp_path / 'i')
    shutil.copy(migrated_file, instance.root / 'mesa.db')
    apply_edited(instance)
    plain = Instance.site
    monkeypatch.setattr(Instance, 'site', lambda self: priced(plain(self), PRICES))
    return Mesa(instance.root, monkeypatch, capfd)


@pytest.fixture
def books(mesa: Mesa, site: Site) -> Iterator[Database]:
    """Two calls of two clients, one of nobody; two are rated."""
    database = Database(Instance.open(mesa.root).database_url, patience_s=20.0)
    place(database, 'mesa-1', 'close_call', TO)
    put_call(database, 'mesa-1', [leg(TRUNK, '', 61)])
    place(database, 'mesa-2', 'click_to_call', '+528112345678', 'quetzal')
    put_call(database, 'mesa-2', [leg('PJSIP/1001-00000002', 'PJSIP/trunk-demo-00000003', 20)])
    Ledger(database, lambda: site).round(LATER)
    unlinked(database, 9)
    yield database
    database.close()


def test_a_month_is_listed_with_its_sums(mesa: Mesa, books: Database) -> None:
    shown = mesa('ledger', '--month', '2026-11')
    assert shown.code == 0 and 'Ciudad de México' in shown.out and shown.out.count('2026-11-24 12:00:00') == 2
    assert 'total' in shown.out and '4.25 MXN' in shown.out
    told = mesa('ledger', 'nopalera', '--month', '2026-11', '--json').json
    assert [(line['linkedid'], line['amount'], line['charged_seconds']) for line in told['lines']] == [('mesa-1', '3.35', 120)]
    assert told['by_purpose'] == {'close_call': {'calls': 1, 'seconds': 61, 'charged_seconds': 120, 'amount': '3.35', 'unpriced': 0}}
    assert mesa('ledger', 'show', 'quetzal', '--month', '2026-11', '--json').json['total']['amount'] == '0.90'
    assert mesa('ledger', '--month', '2026-10').out == 'No such call in 2026-10.\n'
    unknown = mesa('ledger', 'nobody')
    assert (unknown.code, unknown.err) == (1, "mesa: No client is called 'nobody'. There are: nopalera, quetzal\n")
    assert mesa('ledger', '--month', '2026-13').code == 2


def test_a_spreadsheet_runs_nothing_of_it(mesa: Mesa, books: Database) -> None:
    with books.write() as connection:
        connection.execute(update(outbound_ledger).where(outbound_ledger.c.linkedid == 'mesa-1').values(destination='=1+1'))
    first, second, *_ = csv.DictReader(io.StringIO(mesa('ledger', '--month', '2026-11', '--csv').out))
    assert (first['destination'], first['number'], first['amount'], second['folio']) == ("'=1+1", f"'{TO}", '3.35', '')


def test_rating_again_tells_what_it_changes(mesa: Mesa, books: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    dry = mesa('ledger', 'rerate', '--month', '2026-11', '--dry-run')
    assert dry.out.splitlines()[-1] == '2026-11: 1 call would change.' and 'unlinked, 1.85, was missing' in dry.out
    assert [one['before'] for one in mesa('ledger', 'rerate', '--month', '2026-11', '--json').json['changes']] == [None]
    assert mesa('ledger', 'rerate', '--month', '2026-11').out == '2026-11: no calls changed.\n'
    assert [line['linkedid'] for line in mesa('ledger', '--unlinked', '--month', '2026-11', '--json').json['lines']] == ['c9']
    site = priced(load(EXAMPLE), Prices())
    monkeypatch.setattr(Instance, 'site', lambda self: site)
    changed = mesa('ledger', 'rerate', '--month', '2026-11').out
    assert 'amount 3.35 -> -' in changed and 'problem - -> no_tariff' in changed and changed.endswith('3 calls changed.\n')
    assert mesa('ledger', '--unpriced', '--month', '2026-11').out.count('no_tariff') == 3


def test_check_without_records_says_what_is_missing(mesa: Mesa, books: Database) -> None:
    found = mesa('ledger', 'check', '--month', '2026-11')
    assert found.code == 1 and found.out.count('is in no call record of Asterisk') == 2
    assert 'mesa-1 PJSIP/trunk-demo-00000001: the call of 2026-11-24 18:00:00 UTC, 61 s, 3.35 MXN' in found.out
    log = Instance.open(mesa.root).place.asterisk_log / 'cdr-custom'
    log.mkdir(parents=True, exist_ok=True)
    start, end = NOON.timestamp(), NOON.timestamp() + 61
    (log / 'mesa.csv').write_text(
        f'"mesa-1","mesa-1","1","{TRUNK}","","","s","x","Read","","{start:.6f}","{start:.6f}","{end:.6f}","61","61","ANSWERED",""\n')
    with books.write() as connection:
        connection.execute(delete(outbound_ledger).where(outbound_ledger.c.linkedid != 'mesa-1'))
    same = mesa('ledger', 'check', '--month', '2026-11')
    assert same.code == 0
    assert same.out == ('2026-11: 1 calls out; 61 s and 3.35 MXN in the ledger, 61 s and 3.35 MXN by the call records; no differences.\n')
    assert mesa('ledger', 'check', '--month', '2026-11', '--json').json['amount'] == {'ledger': '3.35', 'records': '3.35'}


def test_the_doctor_counts_this_month(mesa: Mesa, books: Database, site: Site) -> None:
    now = datetime.now(UTC)
    unlinked(books, 12, now - timedelta(minutes=1))
    Ledger(books, lambda: site).round(now)
    told = list(doctor.ledger(Instance.open(mesa.root)))
    assert [one.level for one in told] == ['warning'] and 'tied to no folio or fax' in told[0].text


# --- personal data -------------------------------------------------------------------------------------------------------


def test_a_person_is_told_and_forgotten(mesa: Mesa, books: Database, site: Site, tmp_path: Path) -> None:
    instance = Instance.open(mesa.root)
    client = site.clients['nopalera']
    eraser = eraser_of(instance.place, books, 'a key', lambda: site)
    held = eraser.look(client, '10001')
    assert TO in held.subject.phones
    export = export_of(instance.place, books, held, faxes_of(books, held), client, LATER, site.zone)
    assert [(row['number'], row['amount']) for row in export.elsewhere['outbound_ledger']] == [(TO, '3.35')]
    assert 'Costo de las llamadas' in page_of(export) and 'llamada de cierre' in page_of(export)
    assert json.loads(data_of(export))['Costo de las llamadas que hicimos por sus folios'][0]['importe (MXN, antes de impuestos)'] == '3.35'
    erased = eraser.erase(client, '10001', by='ana', reason='solicitud', now=LATER, machine_now=LATER)
    assert erased.counts['outbound_ledger'] == 1
    with books.read() as connection:
        line, = lines(connection, 'nopalera', *Month(2026, 11).span(site.zone))
    assert (line.number, str(line.amount)) == ('+52555xxxxxxx', '3.35')
