"""The fold against calls of a real Asterisk: what it tells, and that its legs are Asterisk's own call records."""
from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest

from ami_listener.fold import fold
from ami_listener.rows import CelRow, OwnRow, read_cel, read_queue
from tests.recorded_calls import RECORDED

# name, disposition, path, queue, agent, folio, wait s, talk s
TOLD = [
    ('simple', 'goodbye', 'mesa', None, None, None, None, None),
    ('cancelled', 'hung_up', None, None, None, None, None, None),
    ('answered', 'answered', 'mesa', 'soporte', '1001', '12345674', 0.507, 2.499),
    ('second_agent', 'answered', 'mesa', 'soporte', '1002', '12345674', 3.512, 2.496),
    ('busy_then_answered', 'answered', 'mesa', 'soporte', '1002', '12345674', 0.812, 2.697),
    ('abandoned', 'abandoned', 'mesa', 'soporte', None, '12345674', 4.008, None),
    ('agent_hangs_up', 'answered', 'mesa', 'uno', '1001', '12345674', 0.511, 1.091),
    ('agent_hangs_up_end', 'answered', 'mesa', 'uno', '1001', '12345674', 0.508, 1.099),
    ('no_agent_then_message', 'voice_message', 'mesa', 'uno', None, '12345674', 4.007, None),
    ('fallback_message', 'voice_message', 'fallback-open', 'vacia', None, None, 2.001, None),
    ('odd_text', 'goodbye', 'fallback-closed', None, None, None, None, None),
    ('two_queues', 'answered', 'mesa', 'soporte', '1002', '12345674', 4.610, 2.397),
    ('ring_all', 'answered', 'mesa', 'todos', '1002', '12345674', 0.807, 2.700),
]


@pytest.mark.parametrize(('name', 'disposition', 'path', 'queue', 'agent', 'folio', 'wait', 'talk'), TOLD, ids=[row[0] for row in TOLD])
def test_a_recorded_call_is_told(name: str, disposition: str, path: str | None, queue: str | None, agent: str | None, folio: str | None,
                                 wait: float | None, talk: float | None) -> None:
    call = fold(RECORDED[name].rows)
    assert call is not None
    assert (call.disposition, call.path, call.queue, call.agent, call.folio) == (disposition, path, queue, agent, folio)
    assert call.wait_s == pytest.approx(wait, abs=0.001)
    assert call.talk_s == pytest.approx(talk, abs=0.001)
    assert call.direction == 'in'
    assert call.ani == '5555550101'
    assert call.line is not None and call.line.startswith('+5280055501')


@pytest.mark.parametrize('name', RECORDED)
def test_legs_equal_asterisks_own_call_records(name: str) -> None:
    call = fold(RECORDED[name].rows)
    assert call is not None
    records = RECORDED[name].records()
    assert [(leg.uniqueid, leg.channel, leg.peer, leg.duration_s, leg.billsec_s, leg.disposition) for leg in call.legs] == [
        (record['uniqueid'], record['channel'], record['peer'], int(record['duration']), int(record['billsec']), record['disposition'])
        for record in records]
    for leg, record in zip(call.legs, records, strict=True):
        # Asterisk stamps a record and a channel event of one happening some hundred microseconds apart.
        assert leg.started.timestamp() == pytest.approx(float(record['start']), abs=0.005)
        assert (leg.answered.timestamp() if leg.answered else 0) == pytest.approx(float(record['answer']), abs=0.005)
        assert leg.ended is not None and leg.ended.timestamp() == pytest.approx(float(record['end']), abs=0.005)


@pytest.mark.parametrize('name', RECORDED)
def test_the_order_of_the_rows_does_not_matter(name: str) -> None:
    rows = RECORDED[name].rows
    told = fold(rows)
    for seed in range(20):
        assert fold(random.Random(seed).sample(rows, len(rows))) == told


@pytest.mark.parametrize('name', RECORDED)
def test_a_call_in_progress_has_no_end_and_no_disposition(name: str) -> None:
    rows = [read_cel(line) for line in RECORDED[name].cel]
    gone = next(i for i, row in enumerate(rows) if row.event == 'HANGUP' and row.uniqueid == rows[0].uniqueid)
    for length in range(1, gone):
        call = fold(rows[:length])
        assert call is not None
        assert (call.ended, call.disposition) == (None, None)


def test_waiting_is_seen_while_it_lasts() -> None:
    rows = [read_cel(line) for line in RECORDED['answered'].cel]
    waiting = fold(rows[:[row.event for row in rows].index('APP_START') + 1])
    assert waiting is not None and waiting.joined == datetime(2026, 11, 22, 16, 32, 52, 872322, UTC)
    assert (waiting.left_queue, waiting.wait_s, waiting.agent) == (None, None, None)


def test_giving_up_is_told_from_the_channel_events_until_queue_log_is_there() -> None:
    for name, disposition in (('abandoned', 'abandoned'), ('answered', 'answered')):
        call = fold([read_cel(line) for line in RECORDED[name].cel])
        assert call is not None and call.disposition == disposition


def test_nobody_answered_is_not_giving_up() -> None:
    rows = [row for row in RECORDED['no_agent_then_message'].rows if getattr(row, 'user_event', '') != 'MESA_MESSAGE']
    call = fold(rows)
    assert call is not None and call.disposition == 'no_agent_timeout'


def test_the_promotion_to_the_vip_queue_is_kept() -> None:
    call = fold(RECORDED['two_queues'].rows)
    assert call is not None and call.promoted == 'soporte'
    assert call.joined == datetime(2026, 11, 22, 16, 33, 16, 160877, UTC)                     # when he began to wait in the first queue


def test_what_the_dialplan_wrote_comes_through_unchanged() -> None:
    call = fold(RECORDED['odd_text'].rows)
    assert call is not None and call.why == 'a "quote" comma\\, back\\\\slash áé Ana'


def test_an_agent_is_named_by_queue_log_or_by_his_extension() -> None:
    named = [line.replace('PJSIP/1001|', 'ana|') for line in RECORDED['answered'].queue]
    rows = RECORDED['answered'].rows
    cel = [row for row in rows if isinstance(row, CelRow)]
    by_log = fold([*cel, *map(read_queue, named)], login_of={'1001': 'nobody'}.__getitem__)
    by_extension = fold(cel, login_of={'1001': 'ana'}.__getitem__)
    assert by_log is not None and by_log.agent == 'ana'
    assert by_extension is not None and by_extension.agent == 'ana'


def test_a_folio_made_afterwards_is_the_calls_unless_mesa_gave_one() -> None:
    rows = RECORDED['fallback_message'].rows
    attached = OwnRow('FOLIO', rows[-1].at_us, RECORDED['fallback_message'].linkedid, '20000007')
    call = fold([*rows, attached])
    assert call is not None and call.folio == '20000007'
    decided = fold([*RECORDED['answered'].rows, attached])
    assert decided is not None and decided.folio == '12345674'


def test_a_call_under_which_asterisk_died_has_failed() -> None:
    rows = [read_cel(line) for line in RECORDED['abandoned'].cel][:6]
    lost = fold([*rows, OwnRow('LOST', rows[-1].at_us + 10**9, rows[0].linkedid, '')])
    assert lost is not None and lost.disposition == 'failed'
    assert lost.ended is not None and lost.ended.timestamp() == rows[-1].at_us / 1e6


def test_queue_lines_alone_are_no_call_yet() -> None:
    assert fold([row for row in RECORDED['answered'].rows if row.event == 'ENTERQUEUE']) is None


@pytest.mark.parametrize(('cause', 'disposition'), [
    (17, 'BUSY'), (3, 'FAILED'), (20, 'FAILED'), (34, 'FAILED'), (21, 'NO ANSWER'), (1, 'NO ANSWER')])
def test_who_is_sent_away_without_an_answer_has_a_record_that_says_how(cause: int, disposition: str) -> None:
    """As Asterisk 22.10's own record does."""
    lines = [line.replace('""hangupcause"":127', f'""hangupcause"":{cause}') for line in RECORDED['cancelled'].cel]
    call = fold([read_cel(line) for line in lines])
    assert call is not None and [leg.disposition for leg in call.legs] == [disposition]

PLACED_BUSY = '''
"CHAN_START","1795376187.009047","mesa-cc-0-1-abc","mesa-cc-0-1-abc","PJSIP/trunk-demo-00000000","","","","","s","from-trunk","","","","",""
"HANGUP","1795376188.026152","mesa-cc-0-1-abc","mesa-cc-0-1-abc","PJSIP/trunk-demo-00000000","","8005550101","8005550101","","s","from-trunk","AppDial2","(Outgoing Line)","","","{""hangupcause"":17,""hangupsource"":""PJSIP/trunk-demo-00000000"",""dialstatus"":""""}"
"CHAN_END","1795376188.026152","mesa-cc-0-1-abc","mesa-cc-0-1-abc","PJSIP/trunk-demo-00000000","","8005550101","8005550101","","s","from-trunk","AppDial2","(Outgoing Line)","","",""
"LINKEDID_END","1795376188.026152","mesa-cc-0-1-abc","mesa-cc-0-1-abc","PJSIP/trunk-demo-00000000","","8005550101","8005550101","","s","from-trunk","AppDial2","(Outgoing Line)","","",""
'''  # noqa: E501
PLACED_ANSWERED = '''
"CHAN_START","1795376215.100189","mesa-cc-4-1-abc","mesa-cc-4-1-abc","PJSIP/trunk-demo-00000004","","","","","s","from-trunk","","","","",""
"ANSWER","1795376216.115381","mesa-cc-4-1-abc","mesa-cc-4-1-abc","PJSIP/trunk-demo-00000004","","8005550101","8005550101","","s","from-trunk","AppDial2","(Outgoing Line)","","",""
"USER_DEFINED","1795376216.115497","mesa-cc-4-1-abc","mesa-cc-4-1-abc","PJSIP/trunk-demo-00000004","","8005550101","8005550101","","s","mesa-close-call","CELGenUserEvent","MESA_FOLIO,12345674","","MESA_FOLIO","{""extra"":""12345674""}"
"HANGUP","1795376217.117731","mesa-cc-4-1-abc","mesa-cc-4-1-abc","PJSIP/trunk-demo-00000004","","8005550101","8005550101","","s","mesa-close-call","AppDial2","(Outgoing Line)","","","{""hangupcause"":0,""hangupsource"":""PJSIP/trunk-demo-00000004"",""dialstatus"":""""}"
"CHAN_END","1795376217.117731","mesa-cc-4-1-abc","mesa-cc-4-1-abc","PJSIP/trunk-demo-00000004","","8005550101","8005550101","","s","mesa-close-call","AppDial2","(Outgoing Line)","","",""
"LINKEDID_END","1795376217.117731","mesa-cc-4-1-abc","mesa-cc-4-1-abc","PJSIP/trunk-demo-00000004","","8005550101","8005550101","","s","mesa-close-call","AppDial2","(Outgoing Line)","","",""
'''  # noqa: E501


@pytest.mark.parametrize(('text', 'disposition', 'folio'), [(PLACED_BUSY, 'busy', None), (PLACED_ANSWERED, 'answered', '12345674')])
def test_a_call_that_mesa_placed_is_outgoing_though_it_begins_in_the_trunks_context(text: str, disposition: str, folio: str | None) -> None:
    rows = [row for row in (read_cel(line) for line in text.split('\n') if line) if isinstance(row, CelRow)]
    call = fold(rows)
    assert call is not None
    assert (call.direction, call.disposition, call.folio, call.agent) == ('out', disposition, folio, None)


@pytest.mark.parametrize(('cause', 'answered', 'disposition'), [(17, False, 'busy'), (19, False, 'no_answer'), (16, True, 'answered')])
def test_a_call_that_mesa_placed_has_no_agent_and_says_how_it_ended(cause: int, answered: bool, disposition: str) -> None:
    def row(event: str, at_us: int, **more: Any) -> CelRow:
        return CelRow(event, at_us, 'close-call-7', 'close-call-7', 'PJSIP/trunk-demo-00000001', context='mesa-close-call', **more)

    rows = [row('CHAN_START', 1), *([row('ANSWER', 2)] if answered else []),
            *([row('USER_DEFINED', 3, user_event='MESA_FOLIO', extra={'extra': '48213307'})] if answered else []),
            row('HANGUP', 4, extra={'hangupcause': cause}), row('CHAN_END', 4), row('LINKEDID_END', 4)]
    call = fold(rows)
    assert call is not None
    assert (call.direction, call.disposition, call.agent, call.folio) == ('out', disposition, None, '48213307' if answered else None)
