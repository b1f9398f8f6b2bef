"""The live picture against a manager that speaks real bytes: after a login, by events, through a cut link.

Members are brought to what is wanted, and orders of people are carried out.
"""
from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from ami_listener.call_record import CallRecord
from ami_listener.connection import AmiError, LinkState, Pace
from ami_listener.live import Books, Change, Live
from ami_listener.membership import Wanted
from ami_listener.orders import OrderError, Orders, may_listen
from config.load import load
from tests.fake_ami import FakeAmi, Headers, fake_ami, message, reply
from tests.site_copies import EXAMPLE
from ticketing.click_to_call import Click

NOW = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
DESK, BROWSER = 'PJSIP/1001', 'PJSIP/1001-web'
SITE = load(EXAMPLE)
QUEUE = 'nopalera-standard'
CLICK = Click('mesa-ctc-1', '12345674', '+525555550101', 'demo', '+525555550900')
T = TypeVar('T')


class Member:
    """One member of the fake's only queue."""

    def __init__(self) -> None:
        self.paused, self.reason = '0', ''

    def told(self, event: str, **more: str) -> bytes:
        return message(Event=event, Queue=QUEUE, Name='ana', MemberName='ana', Interface=DESK, Location=DESK, Status='1',
                       Paused=self.paused, PausedReason=self.reason, Membership='static', **more)


class Scene:
    """A running Live, its manager, and what was told."""

    def __init__(self, server: FakeAmi, books: Books) -> None:
        self.server = server
        self.member = Member()
        self.channels: list[dict[str, str]] = []
        self.changes: list[Change] = []
        self.refuses = False
        self.told: list[tuple[str, ...]] = []
        server.answers |= {'QueueStatus': self._queues, 'CoreShowChannels': self._channels, 'QueuePause': self._pause}
        self.live = Live(None, server.address, ('desk', 'secret'), lambda: NOW, login_of={DESK: 'ana', BROWSER: 'ana'}.get, books=books,
                         pace=Pace(first_s=0.01, longest_s=0.05, patience_s=5))
        self.live.subscribe(self.changes.append)
        self.orders = Orders(self.live, lambda: SITE, CALLS.get, lambda *words: self.told.append(words))

    def _queues(self, headers: Headers) -> bytes:
        known = {'ActionID': headers['ActionID']}
        return (reply(headers, 'Success', EventList='start') + message(Event='QueueParams', Queue=QUEUE, **known)
                + self.member.told('QueueMember', **known)
                + message(Event='QueueEntry', Queue=QUEUE, Uniqueid='1.1', CallerIDNum='5555550101', Position='1', Wait='7', **known)
                + message(Event='QueueStatusComplete', EventList='Complete', **known))

    def _channels(self, headers: Headers) -> bytes:
        known = {'ActionID': headers['ActionID']}
        return (reply(headers, 'Success', EventList='start')
                + b''.join(message(Event='CoreShowChannel', **channel, **known) for channel in self.channels)
                + message(Event='CoreShowChannelsComplete', EventList='Complete', **known))

    def _pause(self, headers: Headers) -> bytes:
        if self.refuses:
            return reply(headers, 'Error', Message='Interface not found')
        self.member.paused = '1' if headers['Paused'] == 'true' else '0'
        self.member.reason = headers.get('Reason', '')
        return self.member.told('QueueMemberPause') + reply(headers, 'Success')

    async def until(self, is_so: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not is_so():
                await asyncio.sleep(0.005)

    async def blocking(self, work: Callable[[], T]) -> T:
        """As a pool thread would."""
        return await asyncio.get_running_loop().run_in_executor(None, work)

    async def ring(self) -> None:
        """A queue call rings on ana's desk."""
        self.server.say(message(
            Event='DialBegin', Channel='PJSIP/trunk-demo-00000000', Uniqueid='1.1', Linkedid='1.1', CallerIDNum='5555550101',
            DestChannel='PJSIP/1001-00000001', DestUniqueid='1.2', DestLinkedid='1.1', DestCallerIDNum='1001'))
        await self.until(lambda: self.live.phones.on(DESK))

    async def talk(self) -> None:
        """He takes it."""
        await self.ring()
        self.server.say(
            message(Event='BridgeEnter', BridgeUniqueid='b', Channel='PJSIP/1001-00000001', Uniqueid='1.2', Linkedid='1.1')
            + message(Event='BridgeEnter', BridgeUniqueid='b', Channel='PJSIP/trunk-demo-00000000', Uniqueid='1.1', Linkedid='1.1')
            + message(Event='AgentConnect', Queue=QUEUE, Uniqueid='1.1', MemberName='ana', DestUniqueid='1.2'))
        await self.until(lambda: self.live.phones.on(DESK)[0].queue)


CALLS: dict[str, CallRecord] = {}


@asynccontextmanager
async def scene(books: Books = Books()) -> AsyncIterator[Scene]:
    async with fake_ami() as server:
        running = Scene(server, books)
        running.live.startService()
        try:
            await running.until(lambda: running.live.is_fresh)
            yield running
        finally:
            await running.live.stopService().asFuture(asyncio.get_running_loop())


def hangup(uniqueid: str) -> bytes:
    return message(Event='Hangup', Uniqueid=uniqueid, Linkedid='1.1', Cause='16')


def test_the_picture_after_a_login_by_events_and_through_a_cut_link() -> None:
    async def story() -> None:
        async with scene() as running:
            live = running.live
            assert [caller.since for caller in live.board.callers(QUEUE)] == [NOW - timedelta(seconds=7)]
            assert live.fresh_at == NOW
            await running.talk()
            assert any(change.interfaces == {DESK} for change in running.changes)
            running.channels = [{
                'Channel': 'PJSIP/1001-00000001', 'Uniqueid': '1.2', 'Linkedid': '1.1', 'ChannelStateDesc': 'Up', 'Context': 'x',
                'Application': '', 'BridgeId': 'b', 'Duration': '00:00:09', 'CallerIDNum': '1001', 'ConnectedLineNum': '5555550101'}]
            await running.server.stop()
            await running.until(lambda: live.link_state is LinkState.DOWN)
            assert (live.phones.calls, live.board.seats, live.is_fresh) == ({}, {}, False)
            await running.server.start()
            await running.until(lambda: live.is_fresh)
            call, = live.phones.on(DESK)
            assert (call.phase, call.peer_number) == ('talking', '5555550101')
            running.server.say(hangup('1.2') + hangup('1.2'))
            await running.until(lambda: not live.phones.calls)
            assert running.changes[-1].interfaces == {DESK}
    asyncio.run(story())


def test_what_happens_while_asterisk_tells_its_picture_is_not_lost() -> None:
    async def story() -> None:
        async with scene() as running:
            told = running.server.answers['CoreShowChannels']

            def late(headers: Headers) -> bytes:
                running.server.say(hangup('7.7') + message(
                    Event='DialBegin', DestChannel='PJSIP/1002-00000008', DestUniqueid='8.8', DestLinkedid='8.8'))
                return told(headers)
            running.server.answers['CoreShowChannels'] = late
            running.channels = [{'Channel': 'PJSIP/1003-00000007', 'Uniqueid': '7.7', 'Linkedid': '7.7', 'ChannelStateDesc': 'Up',
                                 'Context': 'x', 'Application': '', 'BridgeId': '', 'Duration': '00:00:01'}]
            running.server.say(message(Event='Reload', Module='All'))
            await running.until(lambda: running.live.phones.calls)
            await running.until(lambda: running.live._looking is None or running.live._looking.done())
            assert running.live.phones.interfaces() == {'PJSIP/1002'}
    asyncio.run(story())


def test_members_are_brought_to_what_is_wanted_again_and_again_without_a_storm() -> None:
    pauses = {DESK: 'comida'}
    books = Books(wanted=lambda: [Wanted('ana', frozenset({QUEUE}), (DESK,), dict(pauses))], queues=lambda: [QUEUE])

    async def story() -> None:
        async with scene(books) as running:
            def orders() -> int:
                return len(running.server.asked('QueuePause'))
            await running.until(lambda: running.member.reason == 'comida')
            assert orders() == 1
            running.member.paused, running.member.reason = '0', ''
            running.server.say(running.member.told('QueueMemberPause'))
            await running.until(lambda: running.member.paused == '1')
            assert orders() == 2
            pauses[DESK] = ''
            await running.blocking(running.live.settle_now)
            await running.until(lambda: running.member.paused == '0')
            running.refuses = True
            pauses[DESK] = 'junta'
            before = orders()
            for _ in range(20):
                await running.blocking(running.live.settle_now)
                await running.blocking(running.live.settle_now)
            await running.until(lambda: orders() > before + 1)
            assert orders() <= before + 3
    asyncio.run(story())


def test_books_that_cannot_be_read_hold_nothing_up() -> None:
    def broken() -> list[Wanted]:
        raise OSError('no books')

    async def story() -> None:
        async with scene(Books(wanted=broken)) as running:
            await running.talk()
            assert running.server.asked('QueuePause') == []
    asyncio.run(story())


def test_the_end_of_a_queue_call_is_told_to_the_books_once() -> None:
    ended: list[tuple[str, str, str]] = []
    done = threading.Event()

    def tell(login: str, linkedid: str, queue: str) -> None:
        ended.append((login, linkedid, queue))
        done.set()

    async def story() -> None:
        async with scene(Books(call_ended=tell)) as running:
            running.live.subscribe(lambda change: 1 / 0)               # another's failure is his own
            await running.talk()
            running.server.say(hangup('1.2') + hangup('1.1') + hangup('1.2'))
            assert await running.blocking(lambda: done.wait(10))
            await running.until(lambda: not running.live.phones.calls)
        assert ended == [('ana', '1.1', QUEUE)]
    asyncio.run(story())


# --- orders ------------------------------------------------------------------------------------------------------------

def test_orders_name_the_channel_of_the_call() -> None:
    async def story() -> None:
        async with scene() as running:
            await running.talk()
            for work in (lambda: running.orders.hold(DESK), lambda: running.orders.transfer_to_agent(DESK, 'beto'),
                         lambda: running.orders.transfer_to_queue(DESK, QUEUE), lambda: running.orders.hang_up(DESK)):
                await running.blocking(work)
            channel = 'PJSIP/1001-00000001'
            key, = running.server.asked('PlayDTMF')
            assert (key['Channel'], key['Digit'], key['Receive']) == (channel, 'D', 'true')
            assert [(order['Channel'], order['Context'], order['Exten']) for order in running.server.asked('BlindTransfer')] == [
                (channel, 'mesa-transfer', '1002'), (channel, 'mesa-transfer', QUEUE)]
            assert [order['Channel'] for order in running.server.asked('Hangup')] == [channel]
    asyncio.run(story())


def test_a_hold_of_the_telephone_itself_is_not_ours_to_end() -> None:
    async def story() -> None:
        async with scene() as running:
            await running.talk()
            running.server.say(message(Event='Hold', Uniqueid='1.2'))
            await running.until(lambda: running.live.phones.on(DESK)[0].phase == 'held')
            with pytest.raises(OrderError, match='teléfono mismo'):
                await running.blocking(lambda: running.orders.resume(DESK))
            running.server.say(message(Event='UserEvent', UserEvent='MesaHold', Uniqueid='1.2', Phase='held'))
            await running.until(lambda: running.live.phones.on(DESK)[0].held_by == 'mesa')
            await running.blocking(lambda: running.orders.resume(DESK))
            assert len(running.server.asked('PlayDTMF')) == 1
    asyncio.run(story())


def test_a_click_rings_one_s_own_telephone() -> None:
    async def story() -> None:
        async with scene() as running:
            await running.blocking(lambda: running.orders.call(BROWSER, CLICK))
            order, = running.server.asked('Originate')
            assert (order['Channel'], order['ChannelId'], order['Context'], order['Exten']) == (
                BROWSER, CLICK.linkedid, 'mesa-agent-call', 's')
            for variable in ('MESA_FOLIO=12345674', 'MESA_NUMBER=5555550101', 'MESA_TRUNK=demo', 'MESA_SHOWN=5555550900'):
                assert f'Variable: {variable}\r\n'.encode() in running.server.raw
    asyncio.run(story())


@pytest.mark.parametrize('wrong', [
    lambda orders: orders.hang_up(DESK), lambda orders: orders.hold(DESK), lambda orders: orders.resume(DESK),
    lambda orders: orders.transfer_to_agent(DESK, 'nobody'), lambda orders: orders.transfer_to_agent(DESK, 'ana'),
    lambda orders: orders.transfer_to_queue(DESK, '../x'), lambda orders: orders.hang_up('PJSIP/trunk-demo'),
    lambda orders: orders.hang_up('PJSIP/1001\r\nAction: Logoff'), lambda orders: orders.listen('PJSIP/1003', DESK, 'carla'),
    lambda orders: orders.call(DESK, Click('x', '1', '911', 'demo', '')), lambda orders: orders.call('PJSIP/9999', CLICK),
    lambda orders: orders.call(DESK, Click('a b', '1', '+525555550101', 'demo', '')),
    lambda orders: orders.call(DESK, Click('x', '1)', '+525555550101', 'demo', '')),
    lambda orders: orders.call(DESK, Click('x', '1', '+525555550101', 'demo,x', ''))])
def test_what_cannot_be_done_is_a_sentence_and_no_order(wrong: Callable[[Orders], None]) -> None:
    async def story() -> None:
        async with scene() as running:
            with pytest.raises(OrderError):
                await running.blocking(lambda: wrong(running.orders))
            words = {order['Action'] for order in running.server.actions}
            assert words <= {'Login', 'QueueStatus', 'CoreShowChannels', 'Ping'}
    asyncio.run(story())


def test_without_a_link_and_when_refused_it_says_so(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene() as running:
            await running.talk()
            running.server.answers['Hangup'] = lambda headers: reply(headers, 'Error', Message='No such channel')
            with pytest.raises(OrderError, match='vuelva a intentarlo'):
                await running.blocking(lambda: running.orders.hang_up(DESK))
            await running.server.stop()
            await running.until(lambda: running.live.link_state is LinkState.DOWN)
            with pytest.raises(OrderError, match='comunicación'):
                await running.blocking(lambda: running.orders.hang_up(DESK))
            with pytest.raises(AmiError):
                await running.blocking(lambda: running.live.order({'Action': 'Ping'}))
    asyncio.run(story())


def record(**facts: object) -> CallRecord:
    unknown = dict.fromkeys(CallRecord.__dataclass_fields__)
    return CallRecord(**(unknown | {'linkedid': '1.1', 'direction': 'in', 'recorded': True} | facts))  # type: ignore[arg-type]


def test_who_may_be_listened_to() -> None:
    assert may_listen(record())
    for other in (None, record(recorded=False), record(direction='out'), record(ended=NOW)):
        assert not may_listen(other)


def test_listening_is_asked_of_the_call_log(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with scene() as running:
            await running.talk()
            with pytest.raises(OrderError, match='aviso de privacidad'):
                await running.blocking(lambda: running.orders.listen('PJSIP/1003', DESK, 'carla'))
            monkeypatch.setitem(CALLS, '1.1', record(folio='12345674'))
            assert running.told == []
            assert await running.blocking(lambda: running.orders.listen('PJSIP/1003', DESK, 'carla', whisper=True)) == '1.1'
            assert running.told == [('12345674', 'supervisor carla escuchó la llamada y habló al agente', 'carla')]
            order, = running.server.asked('Originate')
            assert (order['Channel'], order['Context'], order['Exten'], order['Variable']) == (
                'PJSIP/1003', 'mesa-listen', 'whisper', 'MESA_SPIED=PJSIP/1001-00000001')
    asyncio.run(story())
