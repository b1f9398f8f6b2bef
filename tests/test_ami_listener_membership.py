"""From what is wanted to orders: none when all is well, and always to the same end."""
from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from ami_listener.board import Board, Seat, after
from ami_listener.events import MemberGone, MemberState
from ami_listener.membership import TAKEN_OUT, Order, Tries, Wanted, orders

NOW = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
DESK, BROWSER = 'PJSIP/1001', 'PJSIP/1001-web'
QUEUES = ('soporte', 'vip')
STATIC = {DESK: Seat('ana', 'free', False, '', True), BROWSER: Seat('ana', 'free', True, '', True)}
ANA = Wanted('ana', frozenset({'soporte'}), (DESK, BROWSER), {DESK: '', BROWSER: 'otro teléfono'})


def obeyed(board: Board, order: Order) -> Board:
    """What Asterisk makes of an order: it removes no member of its file."""
    seat = board.seats.get(order.queue, {}).get(order.interface)
    if order.action == 'QueueRemove':
        assert seat is not None and not seat.static
        return after(board, MemberGone(order.queue, seat.agent, order.interface), NOW)
    if order.action == 'QueueAdd':
        assert seat is None
        return after(board, MemberState(order.queue, order.login, order.interface, 'free', order.paused, ''), NOW)
    assert seat is not None
    reason = order.reason if order.paused else ''
    return after(board, MemberState(order.queue, seat.agent, order.interface, 'free', order.paused, reason, seat.static), NOW)


def settled(wanted: list[Wanted], board: Board) -> Board:
    for _ in range(3):                                 # a member that is added gets the reason of its pause in the next round
        for order in orders(wanted, board, QUEUES):
            board = obeyed(board, order)
    return board


def test_who_has_chosen_nothing_is_left_as_he_is() -> None:
    assert orders([], Board(seats={'soporte': STATIC}), QUEUES) == ()
    unasked = Wanted('ana', frozenset({'soporte'}), (DESK, BROWSER))
    assert orders([unasked], Board(seats={'soporte': STATIC}), QUEUES) == ()


def test_the_other_telephone_stops_before_this_one_begins() -> None:
    browser = replace(ANA, pauses={DESK: 'otro teléfono', BROWSER: ''})
    first, second = orders([browser], Board(seats={'soporte': STATIC}), QUEUES)
    assert (first.interface, first.paused, second.interface, second.paused) == (DESK, True, BROWSER, False)
    assert first.headers() == {'Action': 'QueuePause', 'Queue': 'soporte', 'Interface': DESK, 'Paused': 'true', 'Reason': 'otro teléfono'}
    assert second.headers() == {'Action': 'QueuePause', 'Queue': 'soporte', 'Interface': BROWSER, 'Paused': 'false'}


def test_moved_into_a_queue_and_out_of_one() -> None:
    moved = Wanted('ana', frozenset({'vip'}), (DESK, BROWSER))
    board = settled([moved], Board(seats={'soporte': STATIC, 'vip': {}}))
    assert [(seat.paused, seat.reason) for seat in board.seats['soporte'].values()] == [(True, TAKEN_OUT), (True, TAKEN_OUT)]
    assert {interface: seat.paused for interface, seat in board.seats['vip'].items()} == {DESK: False, BROWSER: True}
    back = settled([replace(moved, queues=frozenset({'soporte'}))], board)
    assert not back.seats['soporte'][DESK].paused
    assert back.seats['soporte'][BROWSER].paused, 'his browser was paused before'
    assert back.seats['vip'] == {}, 'who came by an order goes by one'


def test_a_queue_that_asterisk_or_the_site_does_not_know_is_let_alone() -> None:
    assert orders([ANA], Board(), QUEUES) == ()
    assert orders([ANA], Board(seats={'old': {DESK: Seat('ana', 'free', True, '', True)}}), QUEUES) == ()


SEATS = st.dictionaries(st.sampled_from([DESK, BROWSER]), st.builds(
    Seat, st.just('ana'), st.just('free'), st.booleans(), st.sampled_from(['', 'comida', TAKEN_OUT]), st.booleans()))
WANTED = st.builds(
    Wanted, st.just('ana'), st.frozensets(st.sampled_from(QUEUES)), st.just((DESK, BROWSER)),
    st.one_of(st.just({}), st.fixed_dictionaries({DESK: st.sampled_from(['', 'comida']), BROWSER: st.sampled_from(['', 'comida'])})))


@given(WANTED, st.fixed_dictionaries({queue: SEATS for queue in QUEUES}))
@settings(max_examples=200, deadline=None)
def test_obeyed_orders_leave_none(wanted: Wanted, seats: dict[str, dict[str, Seat]]) -> None:
    board = settled([wanted], Board(seats=seats))
    assert orders([wanted], board, QUEUES) == ()
    for queue in QUEUES:
        for interface in (DESK, BROWSER):
            seat = board.seats[queue].get(interface)
            if queue not in wanted.queues:
                assert seat is None or (seat.static and seat.paused)
            elif interface in wanted.pauses:
                assert seat is not None and seat.paused == bool(wanted.pauses[interface])


def test_what_does_not_help_is_ordered_more_and_more_rarely() -> None:
    order = Order('QueuePause', 'soporte', DESK, paused=True)
    tries, now, given = Tries(), 0.0, []
    while now < 300:
        due = tries.due([order], now)
        given += [now for _ in due]
        tries = tries.after(due, now)
        now += 0.5
    assert len(given) <= 10
    assert max(later - earlier for earlier, later in pairwise(given)) <= 61
    assert Tries().due([order], 0.0) == (order,)
    assert tries.next_at([order]) is not None and Tries().next_at([order]) is None
