"""The ledger of outbound calls: which calls it has, what for, that it follows what changes and is frozen when issued (mission.md 7.3)."""
from __future__ import annotations

import csv
import gzip
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from ami_listener.call_log import CallLog, to_rate
from ami_listener.fold import fold
from ami_listener.journal import JournalReader
from ami_listener.legs import legs_of
from ami_listener.rows import read_cel
from ami_listener.tables import call_legs, calls, calls_to_rate
from ami_listener.trunk_calls import trunk_calls
from config.load import load
from config.terms import Prices, Rate, Tariff
from config.values import Site
from contracts import ledger as module
from contracts.call_records import Checked, check
from contracts.ledger import Ledger, LedgerLine, count_doubtful, doubtful, erase_from_ledger, fax_costs, issue, lines, lines_about
from contracts.months import Month
from fax.outgoing.job_tables import fax_attempts, fax_jobs
from storage.engine import Database
from tests.ledger_books import NOON, PRICES, leg, place, priced, put_call
from tests.site_copies import EXAMPLE
from tests.test_ticketing_folios import report
from ticketing.folios import FolioBook
from ticketing.privacy.mentions import Mentions
from ticketing.tables import folios, outbound_calls

TRUNK, TRUNK_2 = 'PJSIP/trunk-demo-00000001', 'PJSIP/trunk-demo-00000002'
TO, LINE = '+525555550101', '+528005550101'
NOW = datetime(2026, 11, 24, 19, tzinfo=UTC)
MONTH = Month(2026, 11)
A_DAY = timedelta(days=1)


@pytest.fixture(scope='module')
def site() -> Site:
    return priced(load(EXAMPLE))


@pytest.fixture
def ledger(db: Database, site: Site) -> Ledger:
    return Ledger(db, lambda: site)


@pytest.fixture
def folio(db: Database) -> tuple[int, str]:
    """Id and number of a folio of nopalera."""
    number = FolioBook(db).open(report(client='nopalera', call='c1'), NOON).number
    with db.read() as connection:
        return connection.scalar(select(folios.c.id).where(folios.c.number == number)) or 0, number


def all_lines(db: Database, client: str | None = None) -> tuple[LedgerLine, ...]:
    with db.read() as connection:
        return lines(connection, client, NOON - 30 * A_DAY, NOON + 30 * A_DAY)


def only(db: Database) -> LedgerLine:
    found, = all_lines(db)
    return found


# --- which calls, and what for -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(('kind', 'legs'), [
    ('close_call', [leg(TRUNK, '', 61)]),
    ('call_back', [leg(TRUNK, '', 61)]),
    ('click_to_call', [leg('PJSIP/1001-00000009', TRUNK, 61, dialled='5555550101')]),
])
def test_a_call_of_ours_has_its_folio_and_its_price(db: Database, ledger: Ledger, folio: tuple[int, str], kind: str,
                                                    legs: list[dict[str, Any]]) -> None:
    place(db, 'mesa-1', kind, TO, folio_id=folio[0])
    put_call(db, 'mesa-1', legs)
    assert ledger.round(NOW) == 1
    assert only(db) == LedgerLine('mesa-1', 0, NOON, 'nopalera', folio[1], kind, TO, 'Ciudad de México', 61, 120, Decimal('3.35'),
                                  date(2026, 1, 1), TRUNK)
    assert ledger.round(NOW) == 0 and len(all_lines(db)) == 1


def test_nobody_answered_costs_nothing_and_is_listed(db: Database, ledger: Ledger) -> None:
    place(db, 'mesa-1', 'click_to_call', TO)
    # The agent's own telephone was answered: Asterisk bills 20 s of ringing, and the carrier none.
    put_call(db, 'mesa-1', [leg('PJSIP/1001-00000009', TRUNK, 20, disposition='NO ANSWER'), leg('PJSIP/1001-00000009', '', 1)])
    ledger.round(NOW)
    assert (only(db).seconds, only(db).amount, only(db).problem) == (0, Decimal('0.00'), '')


def test_ringing_and_waiting_before_the_other_side_answered_are_not_charged(db: Database, ledger: Ledger) -> None:
    place(db, 'mesa-1', 'click_to_call', TO)
    put_call(db, 'mesa-1', [leg('PJSIP/1001-00000009', TRUNK, 100, taken=NOON + timedelta(seconds=39.5))])
    ledger.round(NOW)
    assert (only(db).seconds, only(db).charged_seconds, only(db).at) == (60, 60, NOON + timedelta(seconds=39.5))


def test_a_channel_with_several_records_is_one_call(db: Database, ledger: Ledger) -> None:
    """A close call that goes on to the agents: two telephones are rung, one after the other, then he talks; the carrier sees one call."""
    place(db, 'mesa-1', 'close_call', TO)
    put_call(db, 'mesa-1', [
        leg(TRUNK, 'PJSIP/1001-00000002', 30, disposition='NO ANSWER'),
        leg(TRUNK, 'PJSIP/1002-00000003', 50, NOON + timedelta(seconds=25)), leg(TRUNK, '', 2, NOON + timedelta(seconds=75))])
    ledger.round(NOW)
    assert (only(db).seconds, only(db).charged_seconds) == (77, 120)


def test_a_transfer_to_the_world_belongs_to_the_callers_folio(db: Database, ledger: Ledger, folio: tuple[int, str]) -> None:
    put_call(db, 'c1', [leg(TRUNK, 'PJSIP/1001-00000002', 30), leg(TRUNK, TRUNK_2, 70, NOON + timedelta(seconds=30), dialled='5555550199')],
             direction='in', line=LINE, dialled=LINE, folio=folio[1])
    ledger.round(NOW)
    assert (only(db).purpose, only(db).client, only(db).folio, only(db).number, only(db).seconds, only(db).position) == (
        'transfer', 'nopalera', folio[1], '+525555550199', 70, 1)


def test_a_user_whom_we_called_is_sent_on_outside(db: Database, ledger: Ledger, folio: tuple[int, str]) -> None:
    place(db, 'mesa-1', 'close_call', TO, folio_id=folio[0])
    put_call(db, 'mesa-1', [leg(TRUNK, TRUNK_2, 70, dialled='5555550199')])
    ledger.round(NOW)
    assert [(line.purpose, line.number, line.channel, line.folio) for line in sorted(all_lines(db), key=lambda line: line.purpose)] == [
        ('close_call', TO, TRUNK, folio[1]), ('transfer', '+525555550199', TRUNK_2, folio[1])]
    assert len({line.position for line in all_lines(db)}) == 2


def test_what_comes_in_is_not_charged(db: Database, ledger: Ledger) -> None:
    put_call(db, 'c1', [leg(TRUNK, 'PJSIP/1001-00000002', 30)], direction='in', line=LINE, dialled=LINE)
    put_call(db, 'c2', [leg(TRUNK, '', 3)], direction='in', dialled='+528005559999')
    put_call(db, 'c3', [leg('PJSIP/1001-00000004', 'PJSIP/1002-00000005', 30)], dialled='1002')
    assert ledger.round(NOW) == 3 and all_lines(db) == ()


def test_an_emergency_is_never_rated(db: Database, ledger: Ledger, site: Site) -> None:
    number = site.emergency.numbers[0]
    put_call(db, 'c1', [leg('PJSIP/1001-00000004', 'PJSIP/emergency-00000005', 30)], dialled=number)
    put_call(db, 'c2', [leg('PJSIP/1001-00000006', TRUNK, 30, dialled=number)], dialled=number)
    put_call(db, 'c3', [leg('PJSIP/1001-00000007', TRUNK_2, 30)], dialled=number)
    ledger.round(NOW)
    assert all_lines(db) == ()


def test_everything_else_is_unlinked(db: Database, ledger: Ledger) -> None:
    put_call(db, 'c1', [leg('PJSIP/1001-00000004', TRUNK, 30, dialled='5555550199')], dialled='5555550199')
    put_call(db, 'c2', [leg(TRUNK_2, '', 30)], direction='in', dialled='s')                # somebody at Asterisk's console
    ledger.round(NOW)
    agent, console = all_lines(db)
    assert (agent.purpose, agent.client, agent.number, agent.amount) == ('unlinked', None, '+525555550199', Decimal('1.85'))
    assert (console.purpose, console.number, console.amount, console.problem) == ('unlinked', '', None, 'no_number')
    with db.read() as connection:
        assert count_doubtful(connection, NOON - A_DAY) == (2, 1)
        assert doubtful(connection, NOON - A_DAY, NOON + A_DAY) == (agent, console)
        assert lines(connection, 'nopalera', NOON - A_DAY, NOON + A_DAY) == ()


def test_what_no_tariff_prices_is_never_free(db: Database, site: Site) -> None:
    place(db, 'mesa-1', 'close_call', TO)
    put_call(db, 'mesa-1', [leg(TRUNK)])
    Ledger(db, lambda: priced(site, Prices())).round(NOW)
    assert (only(db).amount, only(db).problem) == (None, 'no_tariff')
    ledger = Ledger(db, lambda: site)
    assert ledger.again(NOW) == 1 and only(db).amount == Decimal('1.85'), 'as soon as there is one'
    assert ledger.again(NOW) == 0


# --- faxes ---------------------------------------------------------------------------------------------------------------


def put_fax(db: Database, at: datetime, number: str = '+525555550199', client: str | None = 'quetzal', commid: str = '000000001') -> int:
    """A fax of which HylaFAX told one call."""
    with db.write() as connection:
        made = connection.execute(insert(fax_jobs).values(
            tag=f'mesa-{commid}', sha256='x', name='a.pdf', content_type='application/pdf', size=1, pages=1, number=number, client=client,
            by='ana', max_tries=3, max_dials=3, state='sent', submissions=1, tries=1, dials=1, pages_sent=1, status='', created_at=NOON))
        job = int(made.inserted_primary_key[0])
        connection.execute(insert(fax_attempts).values(job_id=job, commid=commid, at=at, seconds=40, pages=1, reason=''))
    return job


def test_a_fax_that_we_send_is_tied_as_soon_as_hylafax_tells(db: Database, ledger: Ledger) -> None:
    put_call(db, 'f1', [leg('IAX2/faxm4670-1', TRUNK, 40, NOON + timedelta(seconds=50), dialled='5555550199')], dialled='5555550199')
    ledger.round(NOW)
    assert (only(db).purpose, only(db).client) == ('unlinked', None)
    put_fax(db, NOON - timedelta(minutes=6), commid='1')                                   # an earlier call to the same number
    put_fax(db, NOON, '+525555550198', commid='2')                                         # another number in the same minute
    assert ledger.again(NOW) == 0
    job = put_fax(db, NOON, commid='3')
    assert ledger.again(NOW) == 1
    assert (only(db).purpose, only(db).client, only(db).amount) == ('fax', 'quetzal', Decimal('1.85'))
    with db.read() as connection:
        assert fax_costs(connection, [job, 99]) == {job: Decimal('1.85')}


def test_two_faxes_to_one_number_in_one_minute_have_each_its_own_call(db: Database, ledger: Ledger) -> None:
    for number, (second, client) in enumerate(((0, 'quetzal'), (28, None), (40, 'nopalera'))):
        begun = NOON + timedelta(seconds=second)
        put_fax(db, begun, client=client, commid=str(number))
        put_call(db, f'f{number}', [leg('IAX2/faxm4670-1', f'PJSIP/trunk-demo-0000000{number}', 5, begun + timedelta(seconds=4),
                                        dialled='5555550199')], dialled='5555550199')
    ledger.round(NOW)
    assert [line.client for line in all_lines(db)] == ['quetzal', None, 'nopalera']


def test_an_agent_who_calls_a_fax_number_sends_no_fax(db: Database, ledger: Ledger) -> None:
    put_fax(db, NOON)
    put_call(db, 'c1', [leg('PJSIP/1001-00000004', TRUNK, 40, dialled='5555550199')], dialled='5555550199')
    ledger.round(NOW)
    assert only(db).purpose == 'unlinked'


# --- again ---------------------------------------------------------------------------------------------------------------


def test_a_leg_that_is_told_otherwise_later_is_rated_again(db: Database, ledger: Ledger) -> None:
    place(db, 'mesa-1', 'close_call', TO)
    put_call(db, 'mesa-1', [leg(TRUNK, '', 50)])
    ledger.round(NOW)
    with db.write() as connection:
        connection.execute(update(call_legs).values(billsec_s=61))
        connection.execute(insert(calls_to_rate).values(linkedid='mesa-1', times=1))
    ledger.round(NOW)
    assert (only(db).seconds, only(db).amount) == (61, Decimal('3.35'))


def test_a_call_that_is_stored_while_it_is_rated_is_rated_again(db: Database, ledger: Ledger, site: Site,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    place(db, 'mesa-1', 'close_call', TO)
    put_call(db, 'mesa-1', [leg(TRUNK, '', 50)])
    derive = module.derive

    def slow(*given: Any) -> Any:
        made = derive(*given)
        with db.write() as connection:
            connection.execute(update(call_legs).values(billsec_s=61))
            to_rate(connection, ['mesa-1'])
        return made
    monkeypatch.setattr(module, 'derive', slow)
    assert ledger.round(NOW) == 0 and all_lines(db) == ()
    monkeypatch.setattr(module, 'derive', derive)
    ledger.round(NOW)
    assert only(db).seconds == 61


def test_rating_a_month_again_is_told_and_twice_the_same(db: Database, ledger: Ledger, site: Site) -> None:
    for number in range(5):
        place(db, f'mesa-{number}', 'close_call', f'+52555555010{number}')
        put_call(db, f'mesa-{number}', [leg(f'PJSIP/trunk-demo-0000000{number}')], queued=number < 3)
    ledger.round(NOW)
    dearer = Ledger(db, lambda: priced(site, Prices((Tariff(date(2026, 1, 1), (Rate('+52', 'México', Decimal('2')),)),))))
    before = all_lines(db)
    assert len(before) == 3
    dry = dearer.rerate(MONTH, NOW, dry_run=True)
    assert all_lines(db) == before and len(dry) == 5
    assert [(one.before.amount if one.before else None, one.after.amount if one.after else None) for one in dry] == [
        (Decimal('1.85'), Decimal('2.00'))] * 3 + [(None, Decimal('2.00'))] * 2
    assert dearer.rerate(MONTH, NOW) == dry
    assert dearer.rerate(MONTH, NOW) == () and {line.amount for line in all_lines(db)} == {Decimal('2.00')}
    assert ledger.rerate(Month(2026, 10), NOW) == () and len(ledger.rerate(MONTH, NOW)) == 5
    assert all_lines(db)[:3] == before, 'reproducible'
    with db.write() as connection:
        connection.execute(call_legs.delete())
    assert [one.after for one in ledger.rerate(MONTH, NOW)] == [None] * 5 and all_lines(db) == ()


def test_an_issued_line_never_changes(db: Database, ledger: Ledger, site: Site) -> None:
    for number, client in enumerate(('nopalera', 'quetzal')):
        place(db, f'mesa-{number}', 'close_call', TO, client)
        put_call(db, f'mesa-{number}', [leg(f'PJSIP/trunk-demo-0000000{number}')])
        ledger.round(NOW)
        with db.write() as connection:                 # one call to a number at a time
            connection.execute(update(outbound_calls).values(number=TO))
    with db.write() as connection:
        assert issue(connection, 'nopalera', *MONTH.span(site.zone), 'nopalera 2026-11') == 1
        assert issue(connection, 'nopalera', *MONTH.span(site.zone), 'another') == 0
    dearer = Ledger(db, lambda: priced(site, Prices((Tariff(date(2026, 1, 1), (Rate('+52', 'México', Decimal('2')),)),))))
    assert [one.before.client for one in dearer.rerate(MONTH, NOW) if one.before] == ['quetzal']
    assert {line.client: (line.amount, line.statement) for line in all_lines(db)} == {
        'nopalera': (Decimal('1.85'), 'nopalera 2026-11'), 'quetzal': (Decimal('2.00'), None)}


def test_many_calls_after_a_long_pause(db: Database, ledger: Ledger) -> None:
    with db.write() as connection:
        many = range(450)
        connection.execute(insert(calls), [{'linkedid': f'c{n}', 'direction': 'out', 'started': NOON, 'ended': NOON, 'recorded': False,
                                            'dialled': '5555550199'} for n in many])
        connection.execute(insert(call_legs), [{'linkedid': f'c{n}', 'position': 0} | leg('PJSIP/1001-1', f'PJSIP/trunk-a-{n:08x}')
                                               for n in many])
        connection.execute(insert(calls_to_rate), [{'linkedid': f'c{n}', 'times': 1} for n in many])
    assert ledger.round(NOW) == 450 and len(all_lines(db)) == 450 and ledger.round(NOW) == 0


# --- personal data -------------------------------------------------------------------------------------------------------


def test_an_erased_number_keeps_its_region_and_its_price(db: Database, ledger: Ledger, site: Site) -> None:
    place(db, 'mesa-1', 'close_call', TO)
    put_call(db, 'mesa-1', [leg(TRUNK)])
    ledger.round(NOW)
    him = Mentions(telephones=frozenset({TO}))
    with db.read() as connection:
        assert [line.linkedid for line in lines_about(connection, him, ())] == ['mesa-1']
    assert erase_from_ledger(db, him, ()) == 1 and erase_from_ledger(db, him, {'mesa-1'}) == 0
    assert (only(db).number, only(db).amount) == ('+52555xxxxxxx', Decimal('1.85'))
    assert Ledger(db, lambda: priced(site, Prices())).rerate(MONTH, NOW) == (), 'what it was rated by is gone'


def test_a_number_that_only_the_placed_call_has_lost_keeps_its_price(db: Database, ledger: Ledger) -> None:
    place(db, 'mesa-1', 'close_call', '+525555550101')
    put_call(db, 'mesa-1', [leg(TRUNK)])
    ledger.round(NOW)
    with db.write() as connection:
        connection.execute(update(outbound_calls).values(number='+52555xxxxxxx'))          # its folio expired by contract
    changed, = ledger.rerate(MONTH, NOW)
    assert changed.after is not None and (changed.after.number, changed.after.amount) == ('+52555xxxxxxx', Decimal('1.85'))


# --- the journal ---------------------------------------------------------------------------------------------------------


def cel(event: str, at: str, unique: str, channel: str, app: str = '', data: str = '', user: str = '', extra: str = '',
        context: str = 'mesa-agent-call') -> str:
    """A line of the CEL file of one click to call."""
    fields = (event, f'1795849{at}', unique, 'mesa-ctc-1', channel, '', '', '', '', 's', context, app, data, '', user, extra)
    return ','.join(f'"{field}"' for field in fields)


CLICK = (
    cel('CHAN_START', '963.339697', 'mesa-ctc-1', 'PJSIP/1001-00000002', context='from-agents'),
    cel('ANSWER', '963.355331', 'mesa-ctc-1', 'PJSIP/1001-00000002'),
    cel('APP_START', '963.355788', 'mesa-ctc-1', 'PJSIP/1001-00000002', 'Dial', 'PJSIP/5555550101@trunk-demo,60,U(mesa-answered)'),
    cel('CHAN_START', '963.356742', '1795849963.3', 'PJSIP/trunk-demo-00000003', context='from-trunk'),
    cel('ANSWER', '966.376463', '1795849963.3', 'PJSIP/trunk-demo-00000003', 'AppDial'),
    cel('USER_DEFINED', '966.376900', '1795849963.3', 'PJSIP/trunk-demo-00000003', 'CELGenUserEvent', '', 'MESA_ANSWERED',
        '{""extra"":""1795849966.376701""}'),
    cel('BRIDGE_ENTER', '966.377071', '1795849963.3', 'PJSIP/trunk-demo-00000003', 'AppDial'),
    cel('BRIDGE_ENTER', '966.377196', 'mesa-ctc-1', 'PJSIP/1001-00000002', 'Dial'),
    cel('BRIDGE_EXIT', '970.393304', '1795849963.3', 'PJSIP/trunk-demo-00000003', 'AppDial'),
    cel('BRIDGE_EXIT', '970.393489', 'mesa-ctc-1', 'PJSIP/1001-00000002', 'Dial'),
    cel('HANGUP', '970.393665', '1795849963.3', 'PJSIP/trunk-demo-00000003', 'AppDial'),
    cel('APP_END', '970.393965', 'mesa-ctc-1', 'PJSIP/1001-00000002', 'Dial'),
    cel('HANGUP', '970.394328', 'mesa-ctc-1', 'PJSIP/1001-00000002', 'AppDial2'),
    cel('LINKEDID_END', '970.394328', 'mesa-ctc-1', 'PJSIP/1001-00000002', 'AppDial2'))


def test_the_journal_tells_the_number_and_when_it_was_answered() -> None:
    one, = legs_of([read_cel(line) for line in CLICK])
    assert (one.dialled, one.billsec_s, one.peer) == ('5555550101', 7, 'PJSIP/trunk-demo-00000003')
    out, = trunk_calls(enumerate([one]), originated=True)
    assert (out.seconds, out.channel, out.by, out.dialled) == (4, one.peer, one.channel, '5555550101')
    assert out.at == one.taken == datetime.fromtimestamp(1795849966, UTC) + timedelta(microseconds=376701)
    forged = [line.replace('1795849966.376701', 'whenever') for line in CLICK]
    assert legs_of([read_cel(line) for line in forged])[0].taken is None


def test_the_call_log_asks_for_what_left_over_a_trunk(db: Database, tmp_path: Path) -> None:
    (tmp_path / 'cel-custom').mkdir()
    file = tmp_path / 'cel-custom' / 'mesa.csv'
    reader, log = JournalReader(db, tmp_path), CallLog(db)
    file.write_text('\n'.join(CLICK[:9]) + '\n')
    reader.catch_up(NOW)
    log.catch_up(NOW)
    assert waiting(db) == {}, 'it is not over'
    file.write_text('\n'.join(CLICK) + '\n')
    reader.catch_up(NOW)
    log.catch_up(NOW)
    log.refresh(['mesa-ctc-1'], NOW)
    assert waiting(db) == {'mesa-ctc-1': 2}
    call = fold([read_cel(line) for line in CLICK])
    assert call is not None and log.get('mesa-ctc-1') == call


def waiting(db: Database) -> dict[str, int]:
    with db.read() as connection:
        return {row.linkedid: row.times for row in connection.execute(select(calls_to_rate))}


# --- Asterisk's own records ----------------------------------------------------------------------------------------------


def record(linkedid: str, channel: str, peer: str, seconds: int, at: datetime = NOON, disposition: str = 'ANSWERED', taken: str = '',
           data: str = 'PJSIP/5555550101@trunk-demo,60') -> list[str]:
    """A line of Asterisk's CDR file."""
    start, end = (f'{moment.timestamp():.6f}' for moment in (at, at + timedelta(seconds=seconds)))
    return [linkedid, linkedid, '1', channel, peer, '5555550900', 's', 'x', 'Dial', data, start, start, end, str(seconds), str(seconds),
            disposition, taken]


def write(log: Path, *records: list[str], name: str = 'mesa.csv') -> None:
    (log / 'cdr-custom').mkdir(exist_ok=True)
    with (log / 'cdr-custom' / name).open('w', newline='') as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows(records)


def checked(db: Database, site: Site, log: Path) -> Checked:
    with db.read() as connection:
        return check(connection, site, log, *MONTH.span(site.zone))


@pytest.fixture
def books(db: Database, ledger: Ledger) -> Database:
    """A close call of 61 s, a click of 100 s of which 60 are charged, an inbound call, an emergency."""
    place(db, 'mesa-1', 'close_call', TO)
    put_call(db, 'mesa-1', [leg(TRUNK, '', 61)])
    place(db, 'mesa-2', 'click_to_call', '+525555550102')
    put_call(db, 'mesa-2', [leg('PJSIP/1001-00000009', TRUNK_2, 100, taken=NOON + timedelta(seconds=40))])
    put_call(db, 'c3', [leg('PJSIP/trunk-demo-00000007', 'PJSIP/1001-0000000a', 30)], direction='in', line=LINE, dialled=LINE)
    put_call(db, 'c4', [leg('PJSIP/1001-0000000b', 'PJSIP/trunk-demo-00000008', 30, dialled='911')], dialled='911')
    ledger.round(NOW)
    return db


TAKEN = f'{(NOON + timedelta(seconds=40)).timestamp():.6f}'
CLOSE = record('mesa-1', TRUNK, '', 61)
CLICKED = record('mesa-2', 'PJSIP/1001-00000009', TRUNK_2, 100, taken=TAKEN)
INBOUND = record('c3', 'PJSIP/trunk-demo-00000007', 'PJSIP/1001-0000000a', 30)
EMERGENCY = record('c4', 'PJSIP/1001-0000000b', 'PJSIP/trunk-demo-00000008', 30, data='PJSIP/911@trunk-demo')


def test_equal_books_are_equal_also_in_rotated_packed_and_older_files(books: Database, site: Site, tmp_path: Path) -> None:
    write(tmp_path, CLOSE[:-1], name='mesa.csv.2')                                         # of before `userfield`
    packed = tmp_path / 'cdr-custom' / 'mesa.csv.1.gz'
    write(tmp_path, CLICKED, name='plain')
    packed.write_bytes(gzip.compress((tmp_path / 'cdr-custom' / 'plain').read_bytes()))
    write(tmp_path, CLICKED, INBOUND, EMERGENCY, ['no', 'record'])                         # copied, not renamed
    found = checked(books, site, tmp_path)
    assert found == Checked(2, (121, 121), (Decimal('5.20'), Decimal('5.20')), (), 1)


@pytest.mark.parametrize(('records', 'differences'), [
    ([CLOSE], [('mesa-2', 'not_in_records')]),
    ([CLOSE, CLICKED, record('x9', 'PJSIP/1001-0000000c', 'PJSIP/trunk-demo-00000009', 5)], [('x9', 'not_in_ledger')]),
    ([record('mesa-1', TRUNK, '', 59), CLICKED], [('mesa-1', 'seconds'), ('mesa-1', 'amount')]),
    ([record('mesa-1', TRUNK, '', 62), CLICKED], [('mesa-1', 'seconds')]),
    ([CLOSE, record('mesa-2', 'PJSIP/1001-00000009', TRUNK_2, 100)], [('mesa-2', 'seconds'), ('mesa-2', 'amount')]),
])
def test_every_difference_is_told(books: Database, site: Site, tmp_path: Path, records: list[list[str]],
                                  differences: list[tuple[str, str]]) -> None:
    write(tmp_path, *records)
    assert [(one.linkedid, one.what) for one in checked(books, site, tmp_path).mismatches] == differences


def test_prices_that_are_not_those_in_force_are_told(books: Database, site: Site, tmp_path: Path) -> None:
    write(tmp_path, CLOSE, CLICKED)
    other = replace(site, prices=Prices((Tariff(date(2026, 1, 1), PRICES.tariffs[0].rates[:1]),)))
    found = checked(books, other, tmp_path)
    assert [one.what for one in found.mismatches] == ['amount', 'amount'] and 'mesa ledger rerate' in found.mismatches[0].says
    with books.write() as connection:
        issue(connection, 'nopalera', *MONTH.span(site.zone), 'nopalera 2026-11')
    assert checked(books, other, tmp_path).mismatches == (), 'an issued line keeps its price'
