"""The dialer against a manager that speaks real bytes: what it orders, what it believes, what it never dials."""
from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from queue import SimpleQueue
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ami_listener.connection import AmiError, LinkState, Pace
from ami_listener.dialer import DialDoubt, Dialer, DialError, Ended, Placing, ended, originate
from tests.fake_ami import FakeAmi, Headers, fake_ami, message, reply

T = TypeVar('T')
CALL = Placing(linkedid='mesa-cc-7-1-0a1b2c3d', number='+525555550101', trunk='demo', context='mesa-close-call',
               variables={'MESA_FOLIO': '12345674', 'MESA_LINE': '+528005550101'}, caller_id='+528005550101')


class Threads:
    """What the dialer needs of a reactor."""

    def callInThread(self, work: Callable[..., object], *args: Any) -> None:
        threading.Thread(target=work, args=args).start()


class Desk:
    """A running dialer, and what it told."""

    def __init__(self, server: FakeAmi, password: str = 'secret') -> None:
        self.server = server
        self.ends: SimpleQueue[Ended] = SimpleQueue()
        self.dialer = Dialer(Threads(), server.address, ('dialer', password), Pace(first_s=0.01, longest_s=0.05, patience_s=5))

    async def blocking(self, work: Callable[[], T]) -> T:
        """As a pool thread would."""
        return await asyncio.get_running_loop().run_in_executor(None, work)

    async def dial(self, placing: Placing = CALL) -> None:
        await self.blocking(lambda: self.dialer.dial(placing, self.ends.put))

    async def end(self) -> Ended:
        return await self.blocking(lambda: self.ends.get(timeout=10))


@asynccontextmanager
async def desk() -> AsyncIterator[Desk]:
    async with fake_ami() as server:
        server.answers['CoreShowChannels'] = nothing_up
        running = Desk(server)
        running.dialer.startService()
        try:
            while running.dialer.link_state is not LinkState.UP:
                await asyncio.sleep(0.005)
            yield running
        finally:
            await running.dialer.stopService().asFuture(asyncio.get_running_loop())


def nothing_up(headers: Headers) -> bytes:
    return reply(headers, 'Success', EventList='start') + message(
        Event='CoreShowChannelsComplete', EventList='Complete', ListItems='0', ActionID=headers['ActionID'])


def response(outcome: str, reason: int = 0, linkedid: str = CALL.linkedid) -> bytes:
    return message(Event='OriginateResponse', ActionID=linkedid, Response=outcome, Reason=str(reason), Uniqueid='<null>')


def hangup(cause: int, linkedid: str = CALL.linkedid) -> bytes:
    return message(Event='Hangup', Uniqueid=linkedid, Linkedid=linkedid, Cause=str(cause))


def test_the_order_names_our_own_linkedid_and_the_trunk_alone() -> None:
    async def story() -> None:
        async with desk() as running:
            await running.dial()
            order, = running.server.asked('Originate')
            assert order['ChannelId'] == order['ActionID'] == CALL.linkedid
            assert (order['Channel'], order['CallerID'], order['Async']) == ('PJSIP/5555550101@trunk-demo', '<8005550101>', 'true')
            assert (order['Context'], order['Exten'], order['Priority'], order['Timeout']) == ('mesa-close-call', 's', '1', '30000')
            assert running.server.raw.count(b'Variable: ') == 2
    asyncio.run(story())


@pytest.mark.parametrize(('events', 'outcome', 'cause'), [
    ((response('Failure', 0), hangup(17)), 'busy', 17),
    ((hangup(17), response('Failure', 0)), 'busy', 17),                # they come in either order
    ((response('Failure', 3), hangup(19)), 'no_answer', 19),
    ((response('Failure', 5), hangup(0)), 'busy', 0),
    ((response('Failure', 8), hangup(34)), 'failed', 34),
    ((response('Success', 4), hangup(16)), 'hung_up', 16),
    ((hangup(16), response('Success', 4)), 'hung_up', 16),
    ((response('Success', 4), hangup(0)), 'hung_up', 0),
])
def test_how_a_call_ends_is_told_once(events: tuple[bytes, ...], outcome: str, cause: int) -> None:
    async def story() -> None:
        async with desk() as running:
            await running.dial()
            for event in events:
                running.server.say(event)
            assert await running.end() == Ended(CALL.linkedid, outcome, cause)
            for event in events:
                running.server.say(event)
            await running.blocking(running.dialer.alive)               # all of that was read by now
            assert running.ends.empty()
    asyncio.run(story())


def test_where_not_even_a_channel_could_be_made_the_response_is_all_there_is() -> None:
    async def story() -> None:
        async with desk() as running:
            await running.dial()
            running.server.say(response('Failure', 0))
            assert await running.end() == Ended(CALL.linkedid, 'failed', 0)
    asyncio.run(story())


def test_other_peoples_calls_tell_nothing() -> None:
    async def story() -> None:
        async with desk() as running:
            await running.dial()
            running.server.say(response('Failure', 5, 'other') + hangup(17, 'other') + message(Event='OriginateResponse'))
            await running.blocking(running.dialer.alive)
            assert running.ends.empty()
    asyncio.run(story())


def test_a_refused_order_is_an_error_and_its_end_is_never_told() -> None:
    async def story() -> None:
        async with desk() as running:
            running.server.answers['Originate'] = lambda headers: reply(headers, 'Error', Message='Extension does not exist.')
            with pytest.raises(DialError, match='Extension does not exist'):
                await running.dial()
            running.server.say(hangup(17) + response('Failure', 5))
            await running.blocking(running.dialer.alive)
            assert running.ends.empty()
    asyncio.run(story())


def test_a_link_that_breaks_before_the_answer_leaves_a_doubt_and_nothing_is_dialled_twice() -> None:
    async def story() -> None:
        async with desk() as running:
            def cut(headers: Headers) -> bytes:
                running.server.drop()
                return b''
            running.server.answers['Originate'] = cut
            with pytest.raises(DialDoubt):
                await running.dial()
            await running.server.until(lambda: running.server.logins == 2)
            assert len(running.server.asked('Originate')) == 1
    asyncio.run(story())


def test_while_the_link_is_down_nothing_is_dialled() -> None:
    async def story() -> None:
        async with desk() as running:
            await running.server.stop()
            while running.dialer.link_state is LinkState.UP:
                await asyncio.sleep(0.005)
            with pytest.raises(DialError, match='down'):
                await running.dial()
            with pytest.raises(AmiError):
                await running.blocking(running.dialer.alive)
            assert running.server.asked('Originate') == []
    asyncio.run(story())


def test_a_wrong_password_dials_nothing() -> None:
    async def story() -> None:
        async with fake_ami('another') as server:
            running = Desk(server)
            running.dialer.startService()
            while running.dialer.link_state is not LinkState.DENIED:
                await asyncio.sleep(0.005)
            with pytest.raises(DialError, match='denied'):
                await running.dial()
            await running.dialer.stopService().asFuture(asyncio.get_running_loop())
    asyncio.run(story())


def channels(headers: Headers) -> bytes:
    known = {'ActionID': headers['ActionID']}
    return (reply(headers, 'Success', EventList='start')
            + message(Event='CoreShowChannel', Channel='PJSIP/trunk-demo-00000001', Uniqueid=CALL.linkedid, Linkedid=CALL.linkedid, **known)
            + message(Event='CoreShowChannel', Channel='PJSIP/1001-00000002', Uniqueid='1.2', Linkedid=CALL.linkedid, **known)
            + message(Event='CoreShowChannelsComplete', EventList='Complete', ListItems='2', **known))


def test_what_is_alive_and_hanging_up_our_own_leg() -> None:
    async def story() -> None:
        async with desk() as running:
            running.server.answers['CoreShowChannels'] = channels
            assert await running.blocking(running.dialer.alive) == {CALL.linkedid}
            assert await running.blocking(lambda: running.dialer.hang_up(CALL.linkedid))
            assert not await running.blocking(lambda: running.dialer.hang_up('gone'))
            assert [order['Channel'] for order in running.server.asked('Hangup')] == ['PJSIP/trunk-demo-00000001']
    asyncio.run(story())


@pytest.mark.parametrize('number', [
    '911', '+52911', '089', '060', '+15551234567', '5555550101', '', '+52 5555550101', '+525555550101,30', '+525555550101@evil',
    '+5255555501012', '+520155550101', '+529005550101', '+525555550101\r\nAction: Logoff', '+52555555010١'])
def test_only_a_mexican_number_is_ever_dialled(number: str) -> None:
    with pytest.raises(DialError):
        originate(replace(CALL, number=number))


@pytest.mark.parametrize('wrong', [
    {'trunk': 'demo/sip:911@10.0.0.1'}, {'trunk': ''}, {'context': 'a,b'}, {'linkedid': 'x\r\ny'}, {'linkedid': ''},
    {'variables': {'A,B': '1'}}, {'variables': {'A': '1,B=2'}}, {'variables': {'A': '${SHELL(id)}'}}, {'variables': {'A': '1\r\nX: y'}},
    {'caller_id': 'Mesa <911>'}])
def test_no_word_of_an_order_can_say_more_than_it_should(wrong: dict[str, Any]) -> None:
    with pytest.raises(DialError):
        originate(replace(CALL, **wrong))


@given(st.text(max_size=20))
@settings(max_examples=80, deadline=None)
def test_any_text_is_dialled_as_ten_digits_or_not_at_all(number: str) -> None:
    try:
        order = originate(replace(CALL, number=number))
    except DialError:
        return
    digits = order['Channel'].removeprefix('PJSIP/').removesuffix('@trunk-demo')
    assert len(digits) == 10 and digits.isascii() and digits.isdigit()


def test_a_hang_up_after_the_answer_is_no_failure() -> None:
    assert ended('x', True, 0, 17).outcome == 'hung_up'
    assert ended('x', False, 0, 0).outcome == 'failed'
