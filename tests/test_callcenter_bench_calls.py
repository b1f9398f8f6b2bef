"""The bench's sums: SIPp's logs read, percentiles, CPU time, folios compared. SIPp itself runs in tests/real."""
import os
import time
import xml.etree.ElementTree as xml
from dataclasses import replace
from datetime import UTC, datetime

import click
import pytest

from callcenter.bench_calls import (
    SCENARIO,
    TICK_S,
    FolioCheck,
    Measure,
    Messages,
    caller,
    check_folios,
    cpu_ticks,
    folios_of,
    goals,
    pace,
    percentile,
    read_counts,
    read_messages,
)
from callcenter.commands.bench import Rates, closing, row
from callcenter.console import Complaint
from ticketing.folios import FolioBook, Report

NOW = datetime(2026, 11, 24, 16, tzinfo=UTC)
LOG = """\
2026-11-22\t16:55:37.253679\t100.000000\tS\t1-27237@127.0.0.2\tCSeq:1 INVITE\tINVITE sip:8005559901@127.0.0.1:5060 SIP/2.0
2026-11-22\t16:55:37.254369\t100.000700\tR\t1-27237@127.0.0.2\tCSeq:1 INVITE\tSIP/2.0 100 Trying
2026-11-22\t16:55:37.300000\t100.500000\tS\t1-27237@127.0.0.2\tCSeq:1 INVITE\tINVITE sip:8005559901@127.0.0.1:5060 SIP/2.0
2026-11-22\t16:55:37.300000\t100.520000\tS\t2-27237@127.0.0.2\tCSeq:1 INVITE\tINVITE sip:8005559901@127.0.0.1:5060 SIP/2.0
2026-11-22\t16:55:37.255631\t100.600000\tR\t1-27237@127.0.0.2\tCSeq:1 INVITE\tSIP/2.0 200 OK
2026-11-22\t16:55:37.255794\t100.600100\tS\t1-27237@127.0.0.2\tCSeq:1 ACK\tACK sip:8005559901@127.0.0.1:5060 SIP/2.0
2026-11-22\t16:55:37.255794\t100.700000\tR\t1-27237@127.0.0.2\tCSeq:9 BYE\tBYE sip:5552000000@127.0.0.2:5060 SIP/2.0
2026-11-22\t16:55:37.255794\t100.900000\tR\t1-27237@127.0.0.2\tCSeq:9 BYE\tBYE sip:5552000000@127.0.0.2:5060 SIP/2.0
cut off in the mid"""


def test_delays_run_from_the_first_invite_to_the_first_bye():
    assert read_messages(LOG.splitlines()) == {1: Messages(100.0, 100.7), 2: Messages(100.52, None)}


def test_counts_are_those_of_the_last_line():
    text = 'StartTime;SuccessfulCall(P);SuccessfulCall(C);Retransmissions(C);CallRate(C);\nx;1;1;0;9.9;\nx;4;5;2;9.8;\n'
    assert read_counts(text) == {'SuccessfulCall(C)': 5, 'Retransmissions(C)': 2}
    with pytest.raises(Complaint, match='no statistics'):
        read_counts('')


def test_pace_counts_the_calls_that_ended():
    assert pace([Messages(0, 10.0), Messages(0, None), Messages(0, 11.0), Messages(0, 12.0)]) == 1.0
    assert pace([Messages(0, 10.0)]) is None
    assert pace([]) is None


@pytest.mark.parametrize(('count', 'p50', 'p99'), [(1, 1.0, 1.0), (2, 1.0, 2.0), (100, 50.0, 99.0), (101, 51.0, 100.0)])
def test_percentiles_by_nearest_rank(count, p50, p99):
    delays = [n / 1000 for n in range(1, count + 1)]
    assert (percentile(delays, 50), percentile(delays, 99)) == (p50, p99)
    assert percentile([], 50) is None


def test_cpu_time_of_a_process_with_all_its_threads():
    before = cpu_ticks(os.getpid())
    spent = time.process_time()
    while time.process_time() - spent < 0.2:
        sum(range(10_000))
    assert 0.15 <= (cpu_ticks(os.getpid()) - before) * TICK_S <= 1.0


def test_a_process_that_is_gone_ends_the_bench_with_a_sentence():
    child = os.posix_spawn('/bin/true', ['true'], {})
    os.waitpid(child, 0)
    with pytest.raises(Complaint, match='ended during the bench'):
        cpu_ticks(child)


def test_callers_of_a_bench_differ_and_are_numbers():
    numbers = [caller(20, n) for n in (0, 1, 99_999)]
    assert numbers == ['5552000000', '5552000001', '5552099999']


def open_folio(book, who, call):
    book.open(Report(line='+528005550101', client='nopalera', modality='standard', call=call, caller_number=f'+52{who}',
                     identified_by='unknown', rule='test', clock_starts=NOW), NOW)


def test_every_call_must_have_left_its_folio(db):
    book = FolioBook(db)
    callers = {caller(20, n) for n in range(3)}
    for n, who in enumerate(sorted(callers)):
        open_folio(book, who, f'20.{n}')
    open_folio(book, caller(21, 0), '21.0')
    assert len(folios_of(db, 20)) == 3
    assert check_folios(db, 20, callers) == FolioCheck(calls=3, found=3, distinct=3)
    assert check_folios(db, 20, callers).passes
    missing = check_folios(db, 20, callers | {caller(20, 7)})
    assert (missing, missing.passes) == (FolioCheck(calls=4, found=3, distinct=3), False)


def test_a_second_folio_of_a_call_is_seen(db):
    book = FolioBook(db)
    open_folio(book, caller(20, 0), '20.0')
    open_folio(book, caller(20, 0), '20.1')
    assert not check_folios(db, 20, {caller(20, 0)}).passes


MEASURE = Measure('native', 100, 1000, 0, 99.0, 2.0, 7.0, 2.2, 0.8, 0)


def test_the_comparison_is_at_the_highest_rate_that_both_held():
    full = replace(MEASURE, path='full', p99_ms=22.0, asterisk_cpu_ms=2.8, mesa_cpu_ms=1.8)
    slower = [replace(m, rate=50, held=50.0) for m in (MEASURE, full)]
    assert goals([*slower, MEASURE, full]) == {'held_native': 100, 'held_full': 100, 'compared_at': 100,
                                               'mesa_cpu_ms': 1.8, 'native_cpu_ms': 2.2, 'p99_beyond_native_ms': 15.0}
    failed = goals([*slower, MEASURE, replace(full, failed=1)])
    assert (failed['held_full'], failed['compared_at']) == (50, 50)
    assert goals([MEASURE, replace(full, held=80.0)]) == {'held_native': 100, 'held_full': None}


def test_what_is_printed():
    assert row(MEASURE).split() == ['100', 'native', '1000', '0', '99.0', '2.0', '7.0', '2.20', '0.80']
    assert row(replace(MEASURE, held=None, p50_ms=None)).split()[4:6] == ['-', '-']
    assert closing({'held_native': 100, 'held_full': None}) == ['held without a failure: native 100, full no rate calls/s']


@pytest.mark.parametrize('text', ['', 'x', '0', '10,,20', '-5', '10000', 'nan'])
def test_odd_rates_are_refused(text):
    with pytest.raises(click.BadParameter):
        Rates().convert(text, None, None)
    assert Rates().convert('10,2.5', None, None) == (10.0, 2.5)


def test_the_scenario_waits_for_the_end_that_asterisk_makes():
    steps = [(step.tag, step.get('request') or step.get('response')) for step in xml.parse(SCENARIO).getroot()]
    assert ('recv', 'BYE') in steps
    assert steps.index(('recv', '200')) < steps.index(('recv', 'BYE'))
    assert 'cause=16' in SCENARIO.read_text()
