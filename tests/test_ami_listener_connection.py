"""The AMI link against a manager that lies, stalls, dies and comes back, over real sockets."""
from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from panoramisk.message import Message

from ami_listener.connection import LONGEST_MESSAGE, AmiConnection, AmiError, LinkState, Pace
from ami_listener.events import ChannelGone, Event, read_event
from tests.fake_ami import FakeAmi, fake_ami, message, reply

QUICK = Pace(first_s=0.01, longest_s=0.05, ping_s=0.05, patience_s=5.0)
NORMAL = message(Event='Hangup', Uniqueid='1.1', Linkedid='1.0')


class Watch:
    """A connection, and everything that it told, as a queue of states, 'up' marks and events."""

    def __init__(self, server: FakeAmi, password: str, pace: Pace) -> None:
        self.told: asyncio.Queue[LinkState | str | Message] = asyncio.Queue()
        self.fail = False
        self.connection = AmiConnection(
            server.address, ('mesa', password), on_event=self._event, on_up=lambda: self.told.put_nowait('login'),
            on_state=self.told.put_nowait, pace=pace)

    def _event(self, event: Message) -> None:
        self.told.put_nowait(event)
        if self.fail:
            raise RuntimeError('a callback failed')

    async def next(self) -> LinkState | str | Message:
        return await asyncio.wait_for(self.told.get(), 10)

    async def next_event(self) -> Event | None:
        told = await self.next()
        while not isinstance(told, Message):
            told = await self.next()
        return read_event(told)

    async def up(self) -> None:
        assert await self.next() is LinkState.UP
        assert await self.next() == 'login'


@asynccontextmanager
async def watching(server: FakeAmi, password: str = 'secret', pace: Pace = QUICK) -> AsyncIterator[Watch]:
    watch = Watch(server, password, pace)
    watch.connection.start(asyncio.get_running_loop())
    try:
        yield watch
    finally:
        await watch.connection.stop()


def test_up_and_down() -> None:
    async def scene() -> None:
        async with fake_ami() as server, watching(server) as watch:
            await watch.up()
            server.say(NORMAL)
            assert await watch.next_event() == ChannelGone('1.1', '1.0')
            await watch.connection.stop()
            assert await watch.next() is LinkState.DOWN
            await server.until(lambda: not server._writers)
            assert server.logins == 1
    asyncio.run(scene())


def test_it_comes_back_whenever_the_manager_does() -> None:
    async def scene() -> None:
        async with fake_ami() as server, watching(server) as watch:
            await watch.up()
            for _ in range(3):
                server.drop()
                assert await watch.next() is LinkState.DOWN
                await watch.up()
            await server.stop()
            assert await watch.next() is LinkState.DOWN
            await asyncio.wait_for(_refused(server), 10)
            await server.start()
            await watch.up()
            server.say(NORMAL)
            assert await watch.next_event() == ChannelGone('1.1', '1.0')
    asyncio.run(scene())


async def _refused(server: FakeAmi) -> None:
    """Wait until nobody listens there."""
    while True:
        try:
            _, writer = await asyncio.open_connection(*server.address)
        except OSError:
            return
        writer.close()


def test_a_wrong_password_is_seen_and_tried_seldom(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        pace = Pace(first_s=0.01, longest_s=0.3, ping_s=1, patience_s=5)
        async with fake_ami() as server, watching(server, password='wrong', pace=pace) as watch:
            assert await watch.next() is LinkState.DENIED
            began = asyncio.get_running_loop().time()
            await server.until(lambda: len(server.asked('Login')) == 2)
            assert asyncio.get_running_loop().time() - began >= 0.25
            assert watch.connection.state is LinkState.DENIED
            server.password = 'wrong'
            await watch.up()
    asyncio.run(scene())
    assert 'refuses the login' in caplog.text


def test_a_manager_that_says_nothing_any_more_is_dead() -> None:
    async def scene() -> None:
        async with fake_ami() as server, watching(server) as watch:
            await watch.up()
            await server.until(lambda: len(server.asked('Ping')) >= 5)                        # answered pings keep the link
            assert watch.connection.state is LinkState.UP
            server.mute = True
            assert await watch.next() is LinkState.DOWN
            server.mute = False
            await watch.up()
    asyncio.run(scene())


def test_a_manager_that_never_greets_is_left_alone() -> None:
    async def scene() -> None:
        pace = Pace(first_s=0.01, longest_s=0.05, ping_s=0.05, patience_s=0.1)
        async with fake_ami() as server:
            server.mute = True
            async with watching(server, pace=pace) as watch:
                await server.until(lambda: len(server.asked('Login')) == 2)
                server.mute = False
                await watch.up()
    asyncio.run(scene())


def test_an_answer_is_a_message_or_a_whole_list() -> None:
    def status(headers: dict[str, str]) -> bytes:
        parts = [reply(headers, 'Success', EventList='start'), NORMAL,
                 message(Event='QueueEntry', ActionID=headers['ActionID'], Queue='a', Uniqueid='1.1', Position='1', Wait='7'),
                 message(Event='QueueStatusComplete', ActionID=headers['ActionID'], EventList='Complete')]
        return b''.join(parts)

    async def scene() -> None:
        async with fake_ami() as server, watching(server) as watch:
            await watch.up()
            server.answers['QueueStatus'] = status
            assert [str(part['Event']) for part in (await watch.connection.ask({'Action': 'QueueStatus'}, many=True))[1:]] == [
                'QueueEntry', 'QueueStatusComplete']
            assert await watch.next_event() == ChannelGone('1.1', '1.0')                      # the event in between is an event
            server.answers['QueueStatus'] = lambda headers: reply(headers, 'Error', Message='Permission denied')
            assert [part.response for part in await watch.connection.ask({'Action': 'QueueStatus'}, many=True)] == ['Error']
            assert (await watch.connection.ask({'Action': 'Originate', 'Channel': 'Local/1'}))[0].response == 'Success'
    asyncio.run(scene())


def test_an_answer_that_makes_no_sense_drops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        async with fake_ami() as server, watching(server) as watch:
            await watch.up()
            server.answers['QueueStatus'] = lambda headers: message(Event='a', ActionID=headers['ActionID']).replace(
                b'Event: a', b'Event: a\r\nEvent: b') + NORMAL
            with pytest.raises(AmiError, match='no answer'):
                await watch.connection.ask({'Action': 'QueueStatus'}, many=True, patience_s=0.2)
            assert await watch.next_event() == ChannelGone('1.1', '1.0')
            assert (server.logins, watch.connection.state) == (1, LinkState.UP)
    asyncio.run(scene())
    assert 'cannot be used' in caplog.text


def test_a_question_ends_when_the_link_does_and_is_never_sent_again() -> None:
    async def scene() -> None:
        async with fake_ami() as server, watching(server) as watch:
            await watch.up()
            server.answers['Originate'] = lambda _: b''
            asked = asyncio.ensure_future(watch.connection.ask({'Action': 'Originate', 'Channel': 'Local/1'}))
            await server.until(lambda: bool(server.asked('Originate')))
            server.drop()
            with pytest.raises(AmiError, match='Originate: the link went down'):
                await asked
            assert await watch.next() is LinkState.DOWN
            with pytest.raises(AmiError, match='Originate: the link is down'):
                await watch.connection.ask({'Action': 'Originate'})
            await watch.up()
            with pytest.raises(AmiError, match='no answer'):
                await watch.connection.ask({'Action': 'Originate'}, patience_s=0.05)
            await server.until(lambda: bool(server.asked('Ping')))
            assert len(server.asked('Originate')) == 2
    asyncio.run(scene())


def test_a_line_break_in_a_value_begins_no_header() -> None:
    async def scene() -> None:
        async with fake_ami() as server, watching(server) as watch:
            await watch.up()
            await watch.connection.ask({'Action': 'Ping', 'Data': 'x\r\nSecret: 1\r\n\r\nAction: Logoff\r\n', 'More': ['a\nB: c', 'd']})
            assert [headers['Action'] for headers in server.actions if 'Data' in headers or headers['Action'] == 'Logoff'] == ['Ping']
            assert b'\r\nSecret: 1' not in server.raw
            assert b'More: a B: c\r\nMore: d\r\n' in server.raw
    asyncio.run(scene())


@given(st.lists(st.integers(1, 200), max_size=8))
@settings(max_examples=20, deadline=None)
def test_segments_may_end_anywhere(cuts: list[int]) -> None:
    text = message(Event='QueueCallerJoin', Queue='niñas-áéí', Uniqueid='1.1', CallerIDNum='55', Position='1') + NORMAL

    async def scene() -> None:
        async with fake_ami() as server, watching(server) as watch:
            await watch.up()
            begin = 0
            for cut in [*sorted(cuts), len(text)]:
                server.say(text[begin:cut])
                await asyncio.sleep(0)
                begin = max(begin, cut)
            assert getattr(await watch.next_event(), 'queue', None) == 'niñas-áéí'
            assert await watch.next_event() == ChannelGone('1.1', '1.0')
    asyncio.run(scene())


def test_a_failing_callback_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)

    async def scene() -> None:
        async with fake_ami() as server, watching(server) as watch:
            await watch.up()
            watch.fail = True
            server.say(NORMAL * 3)
            for _ in range(3):
                assert await watch.next_event() == ChannelGone('1.1', '1.0')
            assert (server.logins, watch.connection.state) == (1, LinkState.UP)
    asyncio.run(scene())


def test_a_message_without_end_is_skipped() -> None:
    async def scene() -> None:
        async with fake_ami() as server, watching(server, pace=Pace(patience_s=5, ping_s=60)) as watch:
            await watch.up()
            server.say(b'Event: Hangup\r\nX: ' + b'x' * (3 * LONGEST_MESSAGE))
            server.say(b'\r\nUniqueid: 6.6\r\nLinkedid: 6.6\r\n\r\n' + NORMAL)
            assert await watch.next_event() == ChannelGone('1.1', '1.0')
            assert (server.logins, watch.connection.state) == (1, LinkState.UP)
    asyncio.run(scene())


HEADER = st.sampled_from([
    'Event', 'Response', 'Queue', 'Uniqueid', 'Linkedid', 'CallerIDNum', 'Position', 'Wait', 'MemberName', 'Interface', 'Status', 'Paused',
    'ActionID', 'CommandID', 'Message', 'EventList', 'X'])
VALUE = st.one_of(
    st.sampled_from(['Hangup', 'QueueCallerJoin', 'QueueMemberStatus', 'FullyBooted', 'Shutdown', 'Follows', 'Fail', 'start', 'Complete',
                     '', '%00', '-1']),
    st.binary(max_size=40).map(lambda raw: raw.replace(b'\r\n\r\n', b'')), st.integers(0, 5).map(lambda size: 'x' * 10**size))


def hostile(parts: list[tuple[str, str | bytes]]) -> bytes:
    """A message of Asterisk's own shape with anything in it."""
    lines = (key.encode() + b': ' + (value if isinstance(value, bytes) else value.encode()) + b'\r\n' for key, value in parts)
    return b''.join(lines) + b'\r\n'


@given(st.lists(st.lists(st.tuples(HEADER, VALUE), max_size=8).map(hostile), min_size=100, max_size=100))
@settings(max_examples=100, deadline=None)                            # 10,000 messages
def test_a_hundred_hostile_messages_and_then_a_normal_one(messages: list[bytes]) -> None:
    async def scene() -> None:
        async with fake_ami() as server, watching(server, pace=Pace(patience_s=5, ping_s=60)) as watch:
            await watch.up()
            server.say(b''.join(messages) + message(Event='Hangup', Uniqueid='the-last', Linkedid='1.0'))
            while await watch.next_event() != ChannelGone('the-last', '1.0'):
                pass
            assert (server.logins, watch.connection.state) == (1, LinkState.UP)
            assert (await watch.connection.ask({'Action': 'Ping'}))[0].response == 'Success'
    asyncio.run(scene())


def test_stopping_at_any_moment_of_a_connection_ends_it() -> None:
    async def scene() -> None:
        async with fake_ami() as server:
            for turns in range(60):
                link = AmiConnection(server.address, ('mesa', 'secret'), on_event=lambda _: None, pace=QUICK)
                link.start(asyncio.get_running_loop())
                for _ in range(turns):
                    await asyncio.sleep(0)             # one turn of the loop further: the connection is made in one of them
                async with asyncio.timeout(10):
                    await link.stop()
    asyncio.run(scene())
