"""Call-backs of a real Asterisk, told from its journal (mission.md 3.6, 7.3)."""
from __future__ import annotations

import random

import pytest

from ami_listener.fold import fold
from ami_listener.rows import CelRow, OwnRow, read_cel
from tests.recorded_calls import CALL_BACKS

# name, disposition, agent, talk s, the caller's leg as the carrier charges it
TOLD = [
    ('answered', 'answered', 'ana', 3.496, ('ANSWERED', 3)),
    ('busy', 'busy', 'ana', None, ('NO ANSWER', 0)),
    ('no_key', 'no_key', 'ana', None, ('ANSWERED', 24)),
    ('agent_left', 'agent_left', 'ana', None, ('NO ANSWER', 0)),
]


@pytest.mark.parametrize(('name', 'disposition', 'agent', 'talk', 'leg'), TOLD, ids=[row[0] for row in TOLD])
def test_an_attempt_is_told_as_one_call_to_the_caller(name: str, disposition: str, agent: str, talk: float | None,
                                                      leg: tuple[str, int]) -> None:
    call = fold(CALL_BACKS[name].rows, login_of={'1001': 'ana'}.__getitem__)
    assert call is not None
    assert (call.direction, call.destination, call.disposition, call.agent) == ('out', 'call_back', disposition, agent)
    assert (call.line, call.queue, call.joined, call.recorded) == ('+528005550101', 'nopalera-standard', None, False)
    assert call.dialled is not None and call.dialled.startswith('55555501') and call.folio is not None
    assert call.talk_s == pytest.approx(talk, abs=0.001)
    assert [(one.disposition, one.billsec_s) for one in call.legs] == [leg]
    assert call.legs[0].channel.startswith('PJSIP/trunk-demo') and call.legs[0].dialled == call.dialled
    assert call.ended is not None and call.legs[0].ended is not None
    assert 0 <= (call.ended - call.legs[0].ended).total_seconds() < 0.01, 'the conversation ends just before the channel'


def test_a_place_that_no_agent_took_is_no_call() -> None:
    assert fold(CALL_BACKS['only_a_place'].rows) is None


def test_who_asked_for_it_has_not_abandoned() -> None:
    call = fold(CALL_BACKS['asked'].rows)
    assert call is not None and (call.direction, call.disposition, call.agent) == ('in', 'call_back', None)
    rows = [row for row in CALL_BACKS['asked'].rows if getattr(row, 'user_event', '') != 'MESA_CALL_BACK']
    gave_up = fold(rows)                               # he pressed the key and hung up while he was asked
    assert gave_up is not None and gave_up.disposition == 'abandoned'


@pytest.mark.parametrize('name', CALL_BACKS)
def test_the_order_of_the_rows_does_not_matter(name: str) -> None:
    rows = CALL_BACKS[name].rows
    told = fold(rows)
    for seed in range(20):
        assert fold(random.Random(seed).sample(rows, len(rows))) == told


@pytest.mark.parametrize('name', [row[0] for row in TOLD])
def test_it_is_over_only_when_nothing_follows(name: str) -> None:
    rows = [read_cel(line) for line in CALL_BACKS[name].cel]
    for length in range(1, len(rows)):
        call = fold(rows[:length])
        assert call is None or (call.ended, call.disposition) == (None, None)


def test_an_attempt_under_which_asterisk_died_has_failed() -> None:
    rows = [read_cel(line) for line in CALL_BACKS['busy'].cel]
    dials = next(n for n, row in enumerate(rows) if row.app == 'Dial') + 1
    lost = fold([*rows[:dials], OwnRow('LOST', rows[-1].at_us, rows[0].linkedid, '')])
    assert lost is not None and lost.disposition == 'failed' and lost.ended is not None


def test_an_attempt_that_dialled_nobody_has_failed() -> None:
    rows = [row for row in CALL_BACKS['agent_left'].rows if isinstance(row, CelRow)]
    nothing = fold([row for row in rows if row.app != 'Dial' and row.extra.get('extra') != 'dials'
                    and not row.channel.startswith('PJSIP/trunk')])
    assert nothing is not None and (nothing.disposition, nothing.dialled, nothing.legs) == ('failed', None, ())
