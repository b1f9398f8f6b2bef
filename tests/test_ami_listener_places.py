"""Which places must stand in Asterisk's queues, from what is stored and what Asterisk tells (mission.md 3.6)."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ami_listener.places import WAITING_CONTEXT, Place, Places, order_of, places_of
from ticketing.call_backs import CallBack

JOINED = datetime(2026, 11, 24, 16, 0, 0, 340_000, tzinfo=UTC)
ONE = CallBack(id=7, linkedid='17.1', client='nopalera', line='+528005550101', queue='nopalera-standard', priority=10,
               number='+525555550101', folio='48213307', joined_at=JOINED, asked_at=JOINED, state='waiting', attempts=0, next_at=JOINED,
               finished_at=None)


class Switch:
    """Asterisk, as far as it concerns places: what is ordered is there."""

    def __init__(self) -> None:
        self.there: list[dict[str, str]] = []
        self.orders: list[Mapping[str, Any]] = []
        self.looks = 0

    def channels(self) -> Sequence[Mapping[str, Any]]:
        self.looks += 1
        return list(self.there)

    def order(self, headers: Mapping[str, Any]) -> None:
        self.orders.append(headers)
        if headers['Action'] == 'Originate':
            for uniqueid, end in ((headers['ChannelId'], 1), (headers['OtherChannelId'], 2)):
                self.there.append({'Uniqueid': uniqueid, 'Channel': f'{headers["Channel"]}-{len(self.there)};{end}',
                                   'Context': headers['Context'] if end == 1 else 'mesa-queue'})
        else:
            gone = next(one for one in self.there if one['Channel'] == headers['Channel'])['Uniqueid']
            self.there = [one for one in self.there if not one['Uniqueid'].startswith(gone)]


def test_what_is_ordered() -> None:
    order = order_of(ONE, 'abcd')
    assert order['Channel'] == 'Local/7@mesa-call-back/n' and order['Context'] == WAITING_CONTEXT
    assert (order['ChannelId'], order['OtherChannelId']) == ('call-back-7-abcd', 'call-back-7-abcd-place')
    assert dict(word.split('=', 1) for word in order['Variable']) == {
        'MESA_CALL_BACK': '7', 'MESA_QUEUE': 'nopalera-standard', 'MESA_PRIORITY': '10', 'MESA_JOINED': '17955360003',
        'MESA_LINE': '+528005550101', 'MESA_FOLIO': '48213307', 'MESA_SHOWN': '5555550101'}


def test_the_tenth_in_which_he_joined_comes_back_exactly() -> None:
    for tenth in range(0, 100_000, 7):
        joined = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=(17_955_360_000 + tenth) * 100)
        assert f'MESA_JOINED={17_955_360_000 + tenth}' in order_of(replace(ONE, joined_at=joined), 'x')['Variable']


def test_a_missing_place_is_put_once_and_again_when_it_is_lost() -> None:
    switch = Switch()
    places = Places(switch, lambda: (ONE,), lambda one: True)
    places.round()
    places.round()
    assert [order['Action'] for order in switch.orders] == ['Originate']
    switch.there.clear()
    places.round()
    assert [order['Action'] for order in switch.orders] == ['Originate'] * 2
    assert len({order['ChannelId'] for order in switch.orders}) == 2


def test_a_place_that_nobody_needs_goes_but_a_call_under_way_stays() -> None:
    switch = Switch()
    wanted = [ONE, replace(ONE, id=8)]
    places = Places(switch, lambda: tuple(wanted), lambda one: True)
    places.round()
    switch.there[0]['Context'] = 'mesa-call-back-dial'               # an agent has taken number 7
    wanted.clear()
    places.round()
    assert [order['Action'] for order in switch.orders[2:]] == ['Hangup']
    assert {one['Uniqueid'].split('-')[2] for one in switch.there} == {'7'}
    places.round()
    assert len(switch.orders) == 3


def test_outside_hours_nobody_is_put_into_a_queue() -> None:
    switch = Switch()
    Places(switch, lambda: (ONE,), lambda one: False).round()
    assert switch.orders == []


def test_asterisk_is_left_alone_while_there_is_nothing_to_do() -> None:
    switch = Switch()
    places = Places(switch, lambda: (), lambda one: True)
    for _ in range(5):
        places.round()
    assert switch.looks == 1                                         # once: another process may have left something


def test_channels_of_others_are_no_places() -> None:
    assert places_of([{'Uniqueid': '1795376997.0', 'Channel': 'PJSIP/1001-00000001', 'Context': WAITING_CONTEXT}, {'Channel': 'x'},
                      {'Uniqueid': 'call-back-7-a', 'Channel': 'Local/7@mesa-call-back-0;1', 'Context': WAITING_CONTEXT},
                      {'Uniqueid': 'call-back-7-a-place', 'Channel': 'Local/7@mesa-call-back-0;2', 'Context': 'mesa-queue'}]) == (
        Place('7', 'Local/7@mesa-call-back-0;1', True),)


def test_one_that_cannot_be_put_holds_up_neither_the_others_nor_those_that_go() -> None:
    switch = Switch()
    wanted = [ONE, replace(ONE, id=8)]
    places = Places(switch, lambda: tuple(wanted), lambda one: True)
    places.round()
    wanted[:] = [replace(ONE, id=9, number='+12125550100'), replace(ONE, id=10), ONE]
    places.round()
    assert {one['Uniqueid'].split('-')[2] for one in switch.there} == {'7', '10'}
