"""`mesa line override` on real calls: in force at once, also without Mesa, and over by itself (mission.md 2.4)."""
from __future__ import annotations

from collections.abc import Iterator

import pytest

from callcenter.outcome import Outcome
from tests.real.disasters import asleep
from tests.real.instance import RealMesa
from tests.real.phones import call

LINE, OTHER, MARIA = '8005550101', '8005550102', '5555550101'
TUESDAY = '2026-11-24T10:00'
UNTIL = '2026-11-24T18:00'


@pytest.fixture
def line(mesa: RealMesa) -> Iterator[RealMesa]:
    """The shared instance on a Tuesday at ten, and no override left behind."""
    mesa.clock(TUESDAY)
    yield mesa
    mesa.clock(TUESDAY)
    for number in (LINE, OTHER):
        mesa.mesa('line', 'override', number, '--cancel')


def put(mesa: RealMesa, *words: str) -> None:
    done = mesa.mesa('line', 'override', LINE, *words)
    assert done.returncode == 0, done.stderr


def prompts(told: Outcome) -> list[str]:
    return [str(heard['prompt']) for heard in told.heard]


def hears(mesa: RealMesa, number: str = LINE) -> list[str]:
    """What a caller who is on the list hears until he may press a key."""
    return prompts(call(mesa.instance, number, MARIA, 'h'))


def test_a_line_is_closed_from_the_next_call_on_until_the_clock_says_so(line: RealMesa) -> None:
    assert 'mesa/menu-new' in hears(line)
    put(line, '--closed', '--until', UNTIL)
    assert 'mesa/closed-override' in hears(line)
    assert 'mesa/menu-new' in hears(line, OTHER)
    line.clock('2026-11-24T17:59:59')
    assert 'mesa/closed-override' in hears(line)
    line.clock('2026-11-24T18:00:00')
    assert 'mesa/menu-new' in hears(line)


def test_a_cancelled_override_is_over_at_once(line: RealMesa) -> None:
    put(line, '--closed', '--until', UNTIL)
    assert 'mesa/closed-override' in hears(line)
    put(line, '--cancel')
    assert 'mesa/menu-new' in hears(line)


def test_a_line_is_opened_on_a_sunday_with_a_message_first(line: RealMesa) -> None:
    line.clock('2026-11-29T10:00')
    assert 'mesa/menu-new' not in hears(line)
    put(line, '--open', '--message', 'site/aviso-mantenimiento', '--until', '2026-11-29T12:00')
    heard = hears(line)
    assert heard[0] == 'site/aviso-mantenimiento' and 'mesa/menu-new' in heard


def test_a_message_alone_is_played_first(line: RealMesa) -> None:
    put(line, '--message', 'mesa/override-message', '--until', UNTIL)
    heard = hears(line)
    assert heard[0] == 'mesa/override-message' and 'mesa/menu-new' in heard


def test_an_override_counts_without_mesa_too(line: RealMesa) -> None:
    with asleep(line):
        opened = call(line.instance, LINE, MARIA, wait_s=0.5)
        put(line, '--closed', '--until', UNTIL)
        closed = call(line.instance, LINE, MARIA, 'h')
        put(line, '--cancel')
        again = call(line.instance, LINE, MARIA, wait_s=0.5)
    assert [told.queue for told in (opened, again)] == ['nopalera-standard', 'nopalera-standard']
    assert 'mesa/fallback-open' in prompts(opened)
    assert 'mesa/fallback-closed' in prompts(closed) and closed.queue is None
