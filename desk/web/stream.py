"""Events pushed to browsers (Server-Sent Events). All of it runs on the reactor's thread.

What is pushed is always a whole state, never a step: a reader who was away, or too slow, gets the newest one of each topic and has
missed nothing that still holds. So a stalled reader costs one text a topic, and nobody needs a memory of past events.
"""
from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from desk.accounts.values import Person

log = logging.getLogger('mesa.desk')
BEAT_S = 5.0
MOST_STREAMS = 3000
MOST_OF_ONE = 20
HEADERS = (('Content-Type', 'text/event-stream; charset=utf-8'), ('Cache-Control', 'no-store'), ('X-Accel-Buffering', 'no'))


@dataclass(frozen=True)
class Subscription:
    """What a route wants: the events of these topics for this person. `token`: of the session that must go on."""

    person: Person
    token: str
    topics: tuple[str, ...]


class Stream:
    """One reader. It is its connection's producer: Twisted says when he reads too slowly."""

    def __init__(self, request: Any, wanted: Subscription) -> None:
        self.wanted = wanted
        self._request = request
        self._waiting: dict[str, bytes] = {}
        self._slow = False

    def begin(self) -> None:
        """Send the head, and be told of slowness."""
        self._request.setResponseCode(200)
        for name, value in HEADERS:
            self._request.setHeader(name, value)
        self._request.write(b'retry: 1000\n\n')
        self._request.registerProducer(self, True)

    def push(self, topic: str, message: bytes) -> None:
        """Send a state, or keep the newest one for when he reads again."""
        if self._slow:
            self._waiting[topic] = message
        else:
            self._request.write(message)

    def end(self) -> None:
        """Close; the browser comes again by itself, and is asked who it is."""
        self._request.unregisterProducer()
        self._request.finish()

    def pauseProducing(self) -> None:
        """The connection's buffer is full."""
        self._slow = True

    def resumeProducing(self) -> None:
        """It is empty again."""
        self._slow = False
        waiting, self._waiting = self._waiting, {}
        for message in waiting.values():
            self._request.write(message)

    def stopProducing(self) -> None:
        """The connection is lost; `notifyFinish` tells the hub."""
        self._slow = True


class Hub:
    """All readers, and the newest state of each topic that somebody reads. `beat` tells what every reader hears every few seconds.

    What nobody reads is not kept: it would grow old unseen, and its next reader would be told what was.
    """

    def __init__(self, reactor: Any, beat: Callable[[], dict[str, Any]], first_seen: Callable[[str], None]) -> None:
        self._reactor = reactor
        self._beat = beat
        self._first_seen = first_seen                  # a topic has its first reader, and no state yet
        self._readers: dict[str, set[Stream]] = {}
        self._streams: set[Stream] = set()
        self._newest: dict[str, bytes] = {}
        self._timer: Any = None

    def __len__(self) -> int:
        return len(self._streams)

    def start(self) -> None:
        """Begin to beat."""
        self._timer = self._reactor.callLater(BEAT_S, self._beat_all)

    def stop(self) -> None:
        """Send everybody away."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        for stream in tuple(self._streams):
            stream.end()

    def open(self, request: Any, wanted: Subscription) -> bool:
        """A new reader; False when there are too many."""
        own = sum(stream.wanted.person.login == wanted.person.login for stream in self._streams)
        if len(self._streams) >= MOST_STREAMS or own >= MOST_OF_ONE:
            return False
        stream = Stream(request, wanted)
        stream.begin()
        self._streams.add(stream)
        request.notifyFinish().addBoth(lambda _: self._closed(stream))
        stream.push('', event('beat', self._beat()))
        for topic in wanted.topics:
            self._readers.setdefault(topic, set()).add(stream)
            if topic in self._newest:
                stream.push(topic, self._newest[topic])
            else:
                self._first_seen(topic)
            self._on_readers(topic)
        return True

    def publish(self, topic: str, name: str, state: Any) -> None:
        """The newest state of a topic, for all its readers and for those who come later."""
        message = event(name, state)
        if topic not in self._readers or self._newest.get(topic) == message:
            return
        self._newest[topic] = message
        for stream in self._readers.get(topic, ()):
            stream.push(topic, message)

    def readers(self, topic: str) -> frozenset[Person]:
        """Who reads a topic now."""
        return frozenset(stream.wanted.person for stream in self._readers.get(topic, ()))

    def topics(self, prefix: str) -> frozenset[str]:
        """The topics with this beginning that somebody reads now."""
        return frozenset(topic for topic in self._readers if topic.startswith(prefix))

    def keep(self, topic: str, allowed: Callable[[Person], bool]) -> None:
        """Tell a topic no more to those for whom it is not any longer."""
        self._without(topic, {stream for stream in self._readers.get(topic, ()) if not allowed(stream.wanted.person)})

    def tokens(self) -> frozenset[str]:
        """The sessions that read, to be looked at again."""
        return frozenset(stream.wanted.token for stream in self._streams)

    def send_away(self, token: str) -> None:
        """Close what belongs to a session that is over."""
        for stream in [stream for stream in self._streams if stream.wanted.token == token]:
            stream.end()

    def _closed(self, stream: Stream) -> None:
        self._streams.discard(stream)
        for topic in stream.wanted.topics:
            self._without(topic, {stream})
            self._on_readers(topic)

    def _without(self, topic: str, left: set[Stream]) -> None:
        readers = self._readers.get(topic, set())
        readers -= left
        if not readers:
            self._readers.pop(topic, None)
            self._newest.pop(topic, None)

    def _on_readers(self, topic: str) -> None:
        """Who looks at a folio is a state, too."""
        if topic.startswith('folio/') and topic in self._newest:
            self._first_seen(topic)

    def _beat_all(self) -> None:
        self._timer = self._reactor.callLater(BEAT_S, self._beat_all)
        message = event('beat', self._beat())
        for stream in tuple(self._streams):
            stream.push('', message)


def event(name: str, state: Any) -> bytes:
    """One event as it goes over the line. JSON has no raw line ends, so one `data:` is enough."""
    return f'event: {name}\ndata: {json.dumps(state, ensure_ascii=False, separators=(",", ":"))}\n\n'.encode()
