"""The hub of live states: whole states, in order, to whom they are meant, and a slow reader costs one state a topic."""
from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from desk.accounts.values import Person, Role
from desk.web.stream import MOST_OF_ONE, Hub, Subscription


class Reader:
    """A request as the hub sees it: what was written, and who the producer is."""

    def __init__(self) -> None:
        self.written = b''
        self.headers: dict[str, str] = {}
        self.producer: Any = None
        self.finished = False
        self._gone: Deferred[None] = Deferred()

    def setResponseCode(self, code: int) -> None:
        assert code == 200

    def setHeader(self, name: str, value: str) -> None:
        self.headers[name] = value

    def write(self, data: bytes) -> None:
        self.written += data

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        assert streaming
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def notifyFinish(self) -> Deferred[None]:
        return self._gone

    def finish(self) -> None:
        self.finished = True
        self.leave()

    def leave(self) -> None:
        gone, self._gone = self._gone, Deferred()
        gone.callback(None)

    def events(self, name: str) -> list[Any]:
        """The states of one kind of event that came, in order."""
        blocks = [block.splitlines() for block in self.written.decode().split('\n\n')]
        return [json.loads(block[1].removeprefix('data: ')) for block in blocks if block and block[0] == f'event: {name}']


def ana(token: str = 't1', *topics: str) -> Subscription:
    return Subscription(Person('ana', 'Ana', Role.AGENT), token, topics or ('agent/ana',))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def hub(clock: Clock, asked: list[str]) -> Hub:
    made = Hub(clock, lambda: {'asterisk': 'up'}, asked.append)
    made.start()
    return made


def test_the_first_reader_of_a_topic_has_it_asked_for_and_later_ones_get_what_is_known(hub: Hub, asked: list[str]) -> None:
    first, second = Reader(), Reader()
    assert hub.open(first, ana())
    assert asked == ['agent/ana'] and first.events('seat') == [] and first.events('beat') == [{'asterisk': 'up'}]
    hub.publish('agent/ana', 'seat', {'call': 1})
    assert hub.open(second, ana('t2'))
    assert first.events('seat') == second.events('seat') == [{'call': 1}] and asked == ['agent/ana']


def test_nobody_reads_what_is_another_s(hub: Hub) -> None:
    hers, his = Reader(), Reader()
    hub.open(hers, ana())
    hub.open(his, Subscription(Person('beto', 'Beto', Role.AGENT), 't2', ('agent/beto',)))
    hub.publish('agent/ana', 'seat', {'call': 1})
    assert his.events('seat') == [] and hers.events('seat') == [{'call': 1}]


def test_the_same_state_is_not_told_twice(hub: Hub) -> None:
    reader = Reader()
    hub.open(reader, ana())
    for call in (1, 1, 2, 2, 1):
        hub.publish('agent/ana', 'seat', {'call': call})
    assert reader.events('seat') == [{'call': 1}, {'call': 2}, {'call': 1}]


def test_a_slow_reader_gets_the_newest_state_of_each_topic_and_no_more(hub: Hub) -> None:
    reader = Reader()
    hub.open(reader, ana('t', 'agent/ana', 'board'))
    reader.producer.pauseProducing()
    before = reader.written
    for call in range(1000):
        hub.publish('agent/ana', 'seat', {'call': call})
        hub.publish('board', 'board', {'waiting': call})
    assert reader.written == before
    reader.producer.resumeProducing()
    assert reader.events('seat') == [{'call': 999}] and reader.events('board') == [{'waiting': 999}]
    hub.publish('agent/ana', 'seat', {'call': 1000})
    assert reader.events('seat') == [{'call': 999}, {'call': 1000}]


def test_beats_tell_that_the_connection_lives(hub: Hub, clock: Clock) -> None:
    reader = Reader()
    hub.open(reader, ana())
    clock.pump([5.0, 5.0, 5.0])
    assert len(reader.events('beat')) == 4


def test_who_has_left_is_forgotten_and_a_session_that_is_over_is_sent_away(hub: Hub) -> None:
    one, other = Reader(), Reader()
    hub.open(one, ana('t1'))
    hub.open(other, ana('t2'))
    one.leave()
    hub.publish('agent/ana', 'seat', {'call': 1})
    assert one.events('seat') == [] and len(hub) == 1
    hub.send_away('t2')
    assert other.finished and len(hub) == 0 and not hub.readers('agent/ana')


def test_what_nobody_reads_is_not_kept_and_the_next_reader_is_not_told_what_was(hub: Hub, asked: list[str]) -> None:
    first, next_ = Reader(), Reader()
    hub.open(first, ana())
    hub.publish('agent/ana', 'seat', {'call': 1})
    first.leave()
    hub.publish('agent/ana', 'seat', {'call': 2})
    hub.open(next_, ana('t2'))
    assert next_.events('seat') == [] and asked == ['agent/ana', 'agent/ana']


def test_one_person_has_so_many_streams_and_no_more(hub: Hub) -> None:
    assert [hub.open(Reader(), ana(f't{number}')) for number in range(MOST_OF_ONE + 1)] == [True] * MOST_OF_ONE + [False]


def test_stopping_sends_everybody_away_and_leaves_no_timer(hub: Hub, clock: Clock) -> None:
    reader = Reader()
    hub.open(reader, ana())
    hub.stop()
    assert reader.finished and not clock.getDelayedCalls()


@given(st.lists(st.one_of(st.sampled_from(['slow', 'quick', 'leave', 'come']), st.integers(0, 5)), max_size=60))
def test_whatever_happens_a_reader_ends_with_the_newest_state(steps: list[str | int]) -> None:
    newest: dict[str, int] | None = None
    hub = Hub(Clock(), lambda: {}, lambda topic: hub.publish(topic, 'seat', newest) if newest else None)
    reader = Reader()
    hub.open(reader, ana())
    for step in steps:
        if step == 'slow' and reader.producer:
            reader.producer.pauseProducing()
        elif step == 'quick' and reader.producer:
            reader.producer.resumeProducing()
        elif step in ('leave', 'come'):
            reader.leave()
            reader = Reader()
            hub.open(reader, ana())
        elif isinstance(step, int):
            newest = {'call': step}
            hub.publish('agent/ana', 'seat', newest)
    reader.producer.resumeProducing()
    told = reader.events('seat')
    assert (told[-1] if told else None) == newest
