"""The live picture: events in order, twice, too late, or in any order at all."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from ami_listener.board import REMEMBERED, Board, Seat, after, fresh_board
from ami_listener.events import AgentConnected, CallerAbandoned, CallerJoined, CallerLeft, ChannelGone, Event, MemberGone, MemberState

NOW = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)


def told(*events: Event) -> Board:
    """The board after these events, one a second."""
    board = Board()
    for second, event in enumerate(events):
        board = after(board, event, NOW + timedelta(seconds=second))
    return board


def waiting(board: Board, queue: str = 'soporte') -> list[str]:
    return [caller.uniqueid for caller in board.callers(queue)]


def joined(uniqueid: str, queue: str = 'soporte', waited_s: int = 0) -> CallerJoined:
    return CallerJoined(queue, uniqueid, '5555550101', 1, waited_s)


def test_callers_wait_in_order_of_arrival() -> None:
    board = told(joined('1'), joined('2'), joined('3'), CallerLeft('soporte', '2'))
    assert waiting(board) == ['1', '3']
    assert board.callers('soporte')[1].since == NOW + timedelta(seconds=2)
    assert waiting(board, 'ventas') == []


def test_every_way_out_of_a_queue_ends_the_wait() -> None:
    out = (CallerLeft('soporte', '1'), CallerAbandoned('soporte', '1'), AgentConnected('soporte', '1', 'ana'), ChannelGone('1', '1'))
    for event in out:
        assert waiting(told(joined('1'), event)) == []


def test_a_caller_moved_to_another_queue_waits_there() -> None:
    board = told(joined('1'), CallerLeft('soporte', '1'), joined('1', 'vip'), joined('1', 'vip'))
    assert (waiting(board), waiting(board, 'vip')) == ([], ['1'])


def test_nobody_comes_back_after_he_hung_up() -> None:
    assert waiting(told(ChannelGone('1', '1'), joined('1'))) == []


def test_only_so_many_gone_callers_are_remembered() -> None:
    assert len(told(*(ChannelGone(str(number), '1') for number in range(REMEMBERED + 50))).gone) == REMEMBERED


def test_agents() -> None:
    busy = MemberState('soporte', 'ana', 'PJSIP/1001', 'in_call', False, '')
    paused = MemberState('soporte', 'ana', 'PJSIP/1001', 'free', True, 'comida')
    assert told(busy, paused).seats == {'soporte': {'PJSIP/1001': Seat('ana', 'free', True, 'comida')}}
    assert told(busy, MemberGone('soporte', 'ana', 'PJSIP/1001'), MemberGone('soporte', 'ana', 'PJSIP/1001')).seats == {'soporte': {}}


def test_an_answer_to_queue_status_is_a_fresh_picture() -> None:
    board = fresh_board([None, joined('1', waited_s=40), joined('2', waited_s=90)], NOW)
    assert waiting(board) == ['2', '1']
    assert board.callers('soporte')[0].since == NOW - timedelta(seconds=90)


IDS = st.sampled_from(['1', '2', '3'])
QUEUES = st.sampled_from(['soporte', 'vip'])
EVENTS = st.one_of(
    st.builds(joined, IDS, QUEUES), st.builds(CallerLeft, QUEUES, IDS), st.builds(CallerAbandoned, QUEUES, IDS),
    st.builds(AgentConnected, QUEUES, IDS, st.just('ana')), st.builds(ChannelGone, IDS, IDS))


@given(st.lists(EVENTS, max_size=30))
@settings(max_examples=100, deadline=None)
def test_an_event_that_comes_twice_changes_nothing(events: list[Event]) -> None:
    once, twice = told(*events), Board()
    for event in events:
        twice = after(after(twice, event, NOW), event, NOW)
    for queue in ('soporte', 'vip'):
        assert set(twice.waiting.get(queue, ())) == set(once.waiting.get(queue, ()))


@given(st.permutations([joined('1'), joined('2', 'vip'), CallerLeft('soporte', '1'), joined('1', 'vip'), ChannelGone('1', '1'),
                        ChannelGone('2', '2')]))
@settings(max_examples=50, deadline=None)
def test_in_any_order_nobody_waits_when_all_have_hung_up(events: list[Event]) -> None:
    board = told(*events)
    assert waiting(board) == waiting(board, 'vip') == []
