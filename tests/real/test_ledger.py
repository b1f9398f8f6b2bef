"""The ledger of outbound calls on the real Asterisk: it equals Asterisk's own call records to the second and to the cent (mission.md 7.3).

The worker has no tariffs yet; this process rates by tariffs of its own, with the duty's own code and the books of the running instance.
"""
from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from ami_listener.tables import calls, calls_to_rate
from config.terms import Prices, Rate, Tariff
from contracts.call_records import check
from contracts.ledger import Ledger, LedgerLine, lines
from contracts.months import Month
from storage.engine import Database
from tests.integer_rater import cents
from tests.real.callers import NOPALERA, Books, eventually, phone_of
from tests.real.instance import RealMesa
from tests.real.live_desk import LiveDesk
from tests.real.phones import agent, caller
from tests.real.test_call_back import UserPhone, free_port, leave_place, outbound_to, talking, to_queue
from tests.real.test_close_call import resolved
from tests.real.test_desk_phones import ANA, only

pytestmark = pytest.mark.timeout(300)
RATES = (Rate('+52', 'México', Decimal('0.90'), 60), Rate('+5255', 'Ciudad de México', Decimal('1.37'), 1, 0, Decimal('0.05')),
         Rate('+525555550199', 'Servicio', Decimal('7.00'), 6, 30))
OUTSIDE = """
; An agent dials the world himself: tied to no folio.
[custom-agents]
exten => _XXXXXXXXXX,1,Dial(PJSIP/${EXTEN}@trunk-demo,30)
 same => n,Hangup()
"""


def outside(port: int) -> Callable[[Path], None]:
    """A site whose calls out go to this port, and whose agents may dial anywhere."""
    def edit(site: Path) -> None:
        outbound_to(port)(site)
        (site / 'custom' / 'outside.conf').write_text(OUTSIDE)
    return edit


class Floor:
    """One instance, the telephone at the far end of its trunk, an agent, and the ledger with prices of its own."""

    def __init__(self, mesa: RealMesa, user: UserPhone, desk: LiveDesk) -> None:
        self.mesa, self.user, self.desk = mesa, user, desk
        self.books = Books(mesa)
        self.site = replace(desk.site, prices=Prices((Tariff(date(2026, 1, 1), RATES),)))
        self.db = Database(mesa.database_url, patience_s=20.0)
        self.ledger = Ledger(self.db, lambda: self.site)

    def lines(self) -> tuple[LedgerLine, ...]:
        """All lines, by this floor's prices: the worker, which has none, may have been quicker."""
        now = datetime.now(UTC)
        for month in {Month.of(at.astimezone(self.site.zone).date()) for at in (now - timedelta(minutes=10), now)}:
            self.ledger.rerate(month, now)
        with self.db.read() as connection:
            return lines(connection, None, now - timedelta(hours=1), now + timedelta(hours=1))

    def over(self) -> None:
        """Wait until the call log knows the end of every call, and the worker has rated them all: it does not rate them after us."""
        def going_on() -> int:
            with self.db.read() as connection:
                unended = connection.execute(select(calls.c.linkedid).where(calls.c.ended.is_(None))).all()
                return len(unended) + len(connection.execute(select(calls_to_rate.c.linkedid)).all())
        time.sleep(1.5)                                # the journal is read every second, and nothing tells when
        eventually(going_on, lambda number: number == 0, 'every call is over and rated')


@pytest.fixture(scope='module')
def floor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    port = free_port()
    mesa = RealMesa(tmp_path_factory.mktemp('ledger'), edit=outside(port), clock='2026-11-24T10:00')
    with LiveDesk(mesa) as desk, UserPhone(mesa, port) as user:
        made = Floor(mesa, user, desk)
        yield made
        made.books.close()
        made.db.close()
    mesa.stop()


def a_close_call(floor: Floor) -> str:
    """A folio is resolved, its user called, answers and hangs up; the folio's number."""
    number = resolved(floor.mesa, '5555550101')
    floor.user.expect_ring()
    floor.user.answer()
    floor.user.expect_audio()
    time.sleep(1.2)                                    # of a call that is charged by seconds
    floor.user.hang_up()
    return number


def clicks(floor: Floor, folio: str) -> None:
    """An agent calls with one click: once it is answered after some ringing, once it is busy."""
    reach, *_ = floor.desk.clicks.numbers(folio)
    with agent(floor.mesa.instance, 'ana') as ana:
        for answered in (True, False):
            eventually(floor.desk.clicks.in_flight, lambda going_on: not going_on, 'nobody is called')
            click = floor.desk.clicks.begin(folio, reach.number, 'ana', floor.desk.now())
            floor.desk.orders.call(ANA, click)
            ana.expect_ring()
            ana.answer()
            floor.user.expect_ring()
            time.sleep(2.2)                            # of ringing, which nobody pays for
            if answered:
                floor.user.answer()
                time.sleep(3.1)
                floor.user.hang_up()
            else:
                floor.user.refuse(486)
            ana.expect_over()


def a_call_back(floor: Floor, presses: str) -> str:
    """A caller leaves his place, waits, is called back, and presses a key and talks, or is a machine; the folio's number."""
    (who,) = floor.books.strangers(1)
    with caller(floor.mesa.instance, NOPALERA, phone_of(who)) as call:
        to_queue(call)
        leave_place(call)
        call.finish(20)
        folio = floor.books.folio_of(call.linkedid)
    assert folio
    only(floor.desk, 'ana')
    with agent(floor.mesa.instance, 'ana', auto_answer_s=2.0) as ana:
        ana.expect_talk(30)
        floor.user.expect_ring()
        time.sleep(1.5)                                # of ringing
        floor.user.answer()
        if presses:
            floor.user.press(presses)
            talking(floor.mesa)
            time.sleep(2.0)                            # of talk
            floor.user.hang_up()
        else:
            floor.user.expect_over(60)
        ana.expect_over(30)
    only(floor.desk)
    return folio.number


def an_agents_own_call(floor: Floor) -> None:
    """An agent dials a number of the world on his telephone, which belongs to nothing."""
    with agent(floor.mesa.instance, 'ana') as ana:
        ana._phone.call('5555550199', {})
        floor.user.expect_ring()
        time.sleep(1.0)
        floor.user.answer()
        time.sleep(1.5)
        floor.user.hang_up()
        ana.expect_over()


def test_the_ledger_equals_asterisks_own_call_records(floor: Floor) -> None:
    only(floor.desk)
    folio = a_close_call(floor)
    clicks(floor, folio)
    called_back, machine = a_call_back(floor, '1'), a_call_back(floor, '')
    an_agents_own_call(floor)
    floor.over()

    found = floor.lines()
    told = [(line.purpose, line.client, line.folio, line.seconds > 0) for line in found]
    assert sorted(told, key=str) == sorted([
        ('close_call', 'nopalera', folio, True), ('click_to_call', 'nopalera', folio, True), ('click_to_call', 'nopalera', folio, False),
        ('call_back', 'nopalera', called_back, True), ('call_back', 'nopalera', machine, True), ('unlinked', None, None, True)], key=str)
    by_purpose = {line.purpose: line for line in found if line.seconds and line.folio != machine}
    assert by_purpose['close_call'].destination == by_purpose['call_back'].destination == 'Ciudad de México'
    assert (by_purpose['unlinked'].number, by_purpose['unlinked'].charged_seconds) == ('+525555550199', 30)
    assert by_purpose['click_to_call'].seconds in (3, 4), "the two seconds of ringing are nobody's"
    assert by_purpose['call_back'].seconds < 8, 'nor is the wait for an agent'
    for line in found:
        assert line.amount is not None
        assert int(line.amount * 100) == cents(line.number, line.at, line.seconds, floor.site.prices, line.client, floor.site.zone)

    with floor.db.read() as connection:
        compared = check(connection, floor.site, floor.mesa.place.asterisk_log, found[0].at - timedelta(hours=1),
                         datetime.now(UTC) + timedelta(hours=1))
    assert compared.mismatches == ()
    assert (compared.calls, compared.unreadable) == (6, 0)
    assert compared.seconds[0] == compared.seconds[1] == sum(line.seconds for line in found)
    assert compared.amount[0] == compared.amount[1] == sum(line.amount for line in found if line.amount is not None) > 0


def test_the_command_compares_and_complains(floor: Floor) -> None:
    """By the tariffs of the site in force, as the running worker rates."""
    month = str(Month.of(datetime.now(UTC).astimezone(floor.site.zone).date()))
    floor.mesa.mesa('ledger', 'rerate', '--month', month)            # the test before rated by prices of its own
    told = floor.mesa.json('ledger', '--month', month)
    assert [Decimal(line['amount']) > 0 for line in told['lines'] if line['seconds']] == [True] * 5
    assert floor.mesa.json('ledger', '--unpriced', '--month', month)['lines'] == []
    assert [line['purpose'] for line in floor.mesa.json('ledger', '--unlinked', '--month', month)['lines']] == ['unlinked']
    same = floor.mesa.mesa('ledger', 'check', '--month', month)
    assert same.returncode == 0 and '6 calls out' in same.stdout and 'no differences' in same.stdout, same.stdout
    log = floor.mesa.place.asterisk_log / 'cdr-custom' / 'mesa.csv'
    log.rename(log.with_name('mesa.csv.1'))            # rotated: still read
    assert floor.mesa.mesa('ledger', 'check', '--month', month).returncode == 0
    log.with_name('mesa.csv.1').rename(floor.mesa.root / 'aside.csv')
    gone = floor.mesa.mesa('ledger', 'check', '--month', month)
    assert gone.returncode == 1 and gone.stdout.count('is in no call record of Asterisk') == 6, gone.stdout
