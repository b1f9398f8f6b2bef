"""One call at a telephone made of software, followed on both sides: what the telephone tells, and what Asterisk does meanwhile."""
from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from callcenter.console import Complaint
from callcenter.exchange import Exchange
from callcenter.listening import AmiEvent, AmiLost, Fact, Gone, ManagerLink, Met, Prompted, Queued, Recording, facts_of
from callcenter.phone import PhoneEvent, loopback

CONNECT_S = 10.0
ENDING_S = 5.0
LAST_EVENTS_S = 2.0
SPEAKS_S = 2.5
NO_ANSWER = 408                                        # what PJSIP itself says when nobody answers
NUMBER_IN_URI = re.compile(r'sips?:([^@;>]*)@')


@dataclass(frozen=True)
class Dialled:
    """The INVITE was sent."""

    at: float


@dataclass(frozen=True)
class Rang:
    """A call has come in. `number` is whom it is for, `caller` who calls, both as the telephone shows them."""

    at: float
    number: str
    caller: str


@dataclass(frozen=True)
class Answered:
    """Both sides are connected."""

    at: float


@dataclass(frozen=True)
class Audible:
    """Something is heard for the first time."""

    at: float


@dataclass(frozen=True)
class Spoken:
    """We have finished speaking."""

    at: float


@dataclass(frozen=True)
class Pressed:
    """We pressed keys."""

    at: float
    keys: str


@dataclass(frozen=True)
class HungUp:
    """We hung up."""

    at: float


@dataclass(frozen=True)
class Ended:
    """The call is over: the last SIP code and its reason."""

    at: float
    code: int
    reason: str


Happening = Fact | Dialled | Rang | Answered | Audible | Spoken | Pressed | HungUp | Ended
H = TypeVar('H')


class Own(Protocol):
    """Picks our own call out of everything that goes on in the exchange."""

    uniqueid: str | None
    linkedid: str | None

    def mine(self, event: AmiEvent) -> list[AmiEvent]:
        """The events of our call that this one lets us know."""
        ...


class Following:
    """One call. Use it as a context manager; every wait has a deadline. Raises Complaint when Asterisk or the telephone fails."""

    def __init__(self, exchange: Exchange, own: Own, telephone: Callable[[SimpleQueue[Any]], Any],
                 tell: Callable[[Happening], None] = lambda happening: None) -> None:
        """`telephone` starts one whose events go to a queue; `tell` is told of everything that happens."""
        loopback(exchange.sip.host)
        self._exchange = exchange
        self._own = own
        self._telephone = telephone
        self._tell = tell
        self._inbox: SimpleQueue[Any] = SimpleQueue()
        self._ahead: deque[Happening] = deque()
        self._open = ExitStack()
        self._phone: Any
        self.story: list[Happening] = []

    def __enter__(self) -> Self:
        try:
            link = ManagerLink(self._exchange.sip.host, self._exchange.ami_port, self._exchange.probe_secret, self._inbox)
            self._open.callback(link.close)
            self._phone = self._open.enter_context(self._telephone(self._inbox))
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._open.close()

    @property
    def linkedid(self) -> str | None:
        """Asterisk's name of the whole call, as soon as it is known."""
        return self._own.linkedid

    @property
    def uniqueid(self) -> str | None:
        """Asterisk's name of the channel to this telephone, as soon as it is known."""
        return self._own.uniqueid

    def press(self, keys: str) -> None:
        """Press keys, as soon as there is sound."""
        self._phone.press(keys)
        self._inbox.put(Pressed(time.monotonic(), keys))

    def speak(self, seconds: float = SPEAKS_S) -> None:
        """Make a sound like speech; `Spoken` follows."""
        self._phone.speak(seconds)

    def hang_up(self) -> None:
        """End the call."""
        self._phone.hang_up()
        self._inbox.put(HungUp(time.monotonic()))

    def next(self, deadline: float) -> Happening | None:
        """The next thing that happens, None when nothing does until `deadline` (monotonic)."""
        while not self._ahead:
            try:
                item = self._inbox.get(timeout=max(0.0, deadline - time.monotonic()))
            except Empty:
                return None
            self._ahead.extend(self._read(item))
        happening = self._ahead.popleft()
        self.story.append(happening)
        self._tell(happening)
        return happening

    def expect(self, kind: type[H], within_s: float = 10.0, where: Callable[[H], bool] = lambda happening: True) -> H:
        """Wait for a happening of a kind; AssertionError with the story so far when the call ends or the time passes first."""
        deadline = time.monotonic() + within_s
        while (happening := self.next(deadline)) is not None:
            if isinstance(happening, kind) and where(happening):
                return happening
            if isinstance(happening, Ended):
                raise AssertionError(f'the call ended ({happening.code} {happening.reason}) before {kind.__name__}:\n{self.told()}')
        raise AssertionError(f'no {kind.__name__} within {within_s:g} s:\n{self.told()}')

    def expect_prompt(self, prompt: str, within_s: float = 20.0) -> Prompted:
        """Wait until a prompt begins (in a sequence: until the sequence begins)."""
        return self.expect(Prompted, within_s, lambda heard: prompt in heard.prompts)

    def finish(self, within_s: float = ENDING_S) -> None:
        """Take in what still happens until the call is over on both sides, or the time has passed."""
        deadline = time.monotonic() + within_s
        ended = any(isinstance(happening, Ended) for happening in self.story)
        while not ended and (happening := self.next(deadline)) is not None:
            ended = isinstance(happening, Ended)
        deadline = time.monotonic() + LAST_EVENTS_S
        # A call that is refused at once may be over on the telephone before its first event has come.
        gone = any(isinstance(happening, Gone) for happening in self.story)
        while not gone and (happening := self.next(deadline)) is not None:
            gone = isinstance(happening, Gone)

    def told(self) -> str:
        """The story so far, for a failed test."""
        start = self.story[0].at if self.story else 0.0
        return '\n'.join(f'{happening.at - start:8.2f}  {happening}' for happening in self.story)

    def _read(self, item: Any) -> Iterable[Happening]:
        match item:
            case AmiEvent():
                return [fact for event in self._own.mine(item) for fact in facts_of(event.at, event.fields)]
            case PhoneEvent():
                return self._read_phone(item)
            case Pressed() | HungUp():
                return [item]
            case AmiLost():
                raise Complaint('Asterisk ended its manager connection meanwhile: what was heard since then is not known.')
        raise TypeError(f'unexpected {item!r}')

    def _read_phone(self, event: PhoneEvent) -> Iterable[Happening]:
        return read_phone(event)


def read_phone(event: PhoneEvent) -> Iterable[Happening]:
    """What a telephone's event means for its call; most mean nothing."""
    match event.name:
        case 'invite':
            return [Dialled(event.at)]
        case 'ringing':
            return [Rang(event.at, number_in(event.facts['local']), number_in(event.facts['remote']))]
        case 'audio':
            return [Audible(event.at)]
        case 'spoken':
            return [Spoken(event.at)]
        case 'state' if event.facts['state'] == 'CONFIRMED':
            return [Answered(event.at)]
        case 'state' if event.facts['state'].startswith('DISCONN'):
            return [Ended(event.at, event.facts['code'], event.facts['reason'])]
        case 'refused' if event.facts['command'] == 'call':
            return [Ended(event.at, NO_ANSWER, event.facts['reason'])]
        case 'dead':
            raise Complaint('The telephone ended unexpectedly during the call; please try again.')
    return []


def number_in(uri: str) -> str:
    """The user part of a SIP address, '' when it has none."""
    found = NUMBER_IN_URI.search(uri)
    return found[1] if found else ''


class Keys:
    """The items of --keys: one for every prompt that takes keys; `w` lets a prompt pass, `h` hangs up."""

    def __init__(self, text: str) -> None:
        """Complaint for an item that is none."""
        self._items = deque(item.strip().lower() for item in text.split(',')) if text.strip() else deque[str]()
        for item in self._items:
            if not re.fullmatch(r'[0-9*#]{1,32}|w|h', item):
                raise Complaint(f'--keys: {item!r} is no item. Each is the keys for one prompt (0-9 * #), w to let a prompt pass, '
                                'or h to hang up.', 2)

    def take(self) -> str:
        """The item for the prompt that begins now; `w` when all are used."""
        return self._items.popleft() if self._items else 'w'


def follow(call: Following, keys: Keys, wait_s: float, timeout_s: float) -> str | None:
    """Follow the keys to the end of the call; why we ended it: 'h', 'waited', 'timeout', 'not_connected', or None."""
    deadline = time.monotonic() + timeout_s
    leave_at, why = time.monotonic() + CONNECT_S, 'not_connected'
    at_recording = 'w'
    while (happening := call.next(min(deadline, leave_at))) is not None:
        match happening:
            case Prompted(takes_keys=True):
                act(call, keys.take())
            case Recording():
                at_recording = keys.take()             # first he speaks, so that there is something to keep
                call.speak()
            case Spoken():
                act(call, at_recording)
            case HungUp():
                call.finish()
                return 'h'
            case Queued() | Met():
                leave_at, why = happening.at + wait_s, 'waited'
            case Ended():
                call.finish()
                return None
        if why == 'not_connected' and not isinstance(happening, Dialled):
            leave_at = deadline
    timed_out = time.monotonic() >= deadline
    call.hang_up()
    call.finish()
    return 'timeout' if timed_out else why


def act(call: Following, item: str) -> None:
    """Do one item of --keys."""
    if item == 'h':
        call.hang_up()
    elif item != 'w':
        call.press(item)
