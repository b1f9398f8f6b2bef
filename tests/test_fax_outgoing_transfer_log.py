"""HylaFAX's log of calls: lines as HylaFAX 6.0.7 wrote them, and lines as nobody should."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fax.outgoing.jobs import Attempt
from fax.outgoing.transfer_log import attempt_of, attempts_in

TAG = 'mesa-0123456789abcdef'
BUSY = ('11/27/26 23:20\tSEND\t000000001\tpts_1\t1\t"mesa-0123456789abcdef"\tmesa@vm\t"8005550105"\t""\t2220073\t0\t0:00:01\t0:00:00\t'
        '"Busy signal detected"\t""\t""\t""\t"mesa"\t"00 00 00"')
SENT = ('11/27/26 23:24\tSEND\t000000012\tttyIAX4670\t3\t"mesa-0123456789abcdef"\tmesa@vm\t"8005550105"\t"+52 800 555 0105"\t4294905\t3\t'
        '0:01:07\t0:00:48\t""\t""\t""\t""\t"mesa"\t"00 76 1F 20"')
RECEIVED = ('11/27/26 23:24\tRECV\t000000013\tttyIAX4671\trecvq/fax000000004.tif\t""\tfax\t"+528005550105"\t"mesa-0123456789abcdef"\t'
            '4294905\t3\t0:00:48\t0:00:48\t""\t"5550105"\t"Jane\tDoe"\t"800"\t""\t"00 76 1F 20"')


@pytest.fixture(autouse=True)
def local_time(monkeypatch: pytest.MonkeyPatch) -> None:
    import time
    monkeypatch.setenv('TZ', 'America/Mexico_City')
    time.tzset()


def test_a_call_without_an_answer() -> None:
    assert attempt_of(BUSY, TAG) == Attempt('000000001', datetime(2026, 11, 28, 5, 20, tzinfo=UTC), 0, 0, 'Busy signal detected')


def test_a_call_that_went_well() -> None:
    assert attempt_of(SENT, TAG) == Attempt('000000012', datetime(2026, 11, 28, 5, 24, tzinfo=UTC), 48, 3, '')


def test_other_lines_are_not_ours(tmp_path: Path) -> None:
    log = tmp_path / 'xferfaxlog'
    other = SENT.replace(TAG, 'mesa-ffffffffffffffff')
    log.write_text('\n'.join((RECEIVED, BUSY, other, '', 'junk', SENT, SENT[:90])) + f'\n{BUSY.replace("000000001", "000000099")}')
    assert [attempt.commid for attempt in attempts_in(log, TAG)] == ['000000001', '000000012']     # the last line has no end yet
    assert attempts_in(tmp_path / 'none', TAG) == ()
    assert attempt_of(SENT, 'mesa-0123456789abcde') is None


@pytest.mark.parametrize(('first_line', 'seconds'), [
    (b'Nov 27 23:24:41.07: [31234]: SESSION BEGIN 000000012 8005550105\n', 41.07),
    (b'Nov 27 23:25:01.00: [  234]: SESSION BEGIN 000000012 8005550105\nNov 27', 61),     # its line was written of the minute before
    (b'Nov 27 23:29:41.07: [31234]: SESSION BEGIN 000000012 8005550105\n', 0),            # of another call
    (b'Nov 27 23:24:41.07: [31234]: SESSION BEGIN 000000013 8005550105\n', 0),
    (b'Nov 27 99:24:41.07: [31234]: SESSION BEGIN 000000012 8005550105\n', 0),
    (b'Nov 27 23:24:41.07: [31234]: <-- [5:OK\n', 0), (b'\xff\0', 0), (b'', 0), (None, 0)])
def test_the_log_of_a_session_tells_the_moment(tmp_path: Path, first_line: bytes | None, seconds: float) -> None:
    log = tmp_path / 'xferfaxlog'
    log.write_text(f'{SENT}\n')
    if first_line is not None:
        (tmp_path / 'c000000012').write_bytes(first_line)
    call, = attempts_in(log, TAG)
    assert call.at == datetime(2026, 11, 28, 5, 24, tzinfo=UTC) + timedelta(seconds=seconds)


def test_a_session_about_midnight(tmp_path: Path) -> None:
    log = tmp_path / 'xferfaxlog'
    log.write_text(SENT.replace('11/27/26 23:24', '12/31/26 23:59') + '\n')
    (tmp_path / 'c000000012').write_bytes(b'Jan  1 00:00:00.50: [31234]: SESSION BEGIN 000000012 8005550105\n')
    assert attempts_in(log, TAG)[0].at == datetime(2027, 1, 1, 6, 0, 0, 500000, tzinfo=UTC)


def test_the_same_call_twice_is_one(tmp_path: Path) -> None:
    log = tmp_path / 'xferfaxlog'
    log.write_text(f'{SENT}\n{SENT}\n')
    assert len(attempts_in(log, TAG)) == 1


@pytest.mark.parametrize(('field', 'value'), [
    (0, '13/27/26 23:20'), (0, ''), (2, '../../etc'), (2, ''), (10, '-1'), (10, 'x'), (10, '٣'), (12, '0:99'), (12, '1:2:3'),
    (12, '٠:٠٠:٠٠')])
def test_a_damaged_line_is_no_attempt(field: int, value: str) -> None:
    fields = SENT.split('\t')
    fields[field] = value
    assert attempt_of('\t'.join(fields), TAG) is None


def test_what_a_machine_says_of_itself_is_shown_without_commands() -> None:
    fields = BUSY.split('\t')
    fields[13] = '"\x1b[2Jgone\x07"'
    found = attempt_of('\t'.join(fields), TAG)
    assert found is not None and found.reason == '[2Jgone'


@given(st.text(max_size=400))
def test_garbage_never_breaks_the_reading(text: str) -> None:
    attempt_of(text, TAG)
    attempt_of(f'{SENT[:60]}{text}', TAG)
    attempt_of('\t'.join([*text, *SENT.split('\t')][:14]), TAG)


@given(st.binary(max_size=600))
def test_garbage_in_the_file_hides_no_call(tmp_path_factory: pytest.TempPathFactory, junk: bytes) -> None:
    log = tmp_path_factory.mktemp('log') / 'xferfaxlog'
    log.write_bytes(junk.replace(TAG.encode(), b'') + b'\n' + SENT.encode() + b'\n')
    assert [attempt.commid for attempt in attempts_in(log, TAG)] == ['000000012']
