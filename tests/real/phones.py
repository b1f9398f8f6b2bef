"""Telephones for tests against the real Asterisk: agents that register and answer, callers that do what the test says.

`agent(instance, login)` and `caller(instance, number, from_)` are all that a test needs; both are context managers, every
wait is for an event and has a deadline, and nothing is left behind.
"""
from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any

from callcenter.caller import Caller, place_call
from callcenter.exchange import Exchange, exchange_of
from callcenter.following import Keys
from callcenter.instance import Instance
from callcenter.listening import PromptTexts
from callcenter.outcome import Outcome
from callcenter.phone import Phone, PhoneEvent, Server
from config.place import Place

AGENTS_ADDRESS = '127.0.0.1'                           # not the trunk's, which is known by its address alone
REGISTERED = 200


class AgentPhone:
    """An agent's telephone: registers, rings, answers when told (or by itself after `auto_answer_s`), hangs up."""

    def __init__(self, place: Place, extension: str, secret: str, *, auto_answer_s: float | None = None, wav: Path | None = None) -> None:
        self.extension = extension
        self._server = Server(place.bind, place.ports.sip)
        self._secret = secret
        self._auto_answer_s = auto_answer_s
        self._wav = wav
        self._events: SimpleQueue[Any] = SimpleQueue()
        self.story: list[PhoneEvent] = []
        self._phone: Phone

    def __enter__(self) -> AgentPhone:
        self._phone = Phone(self._server, AGENTS_ADDRESS, self.extension, self._events, secret=self._secret,
                            auto_answer_s=self._auto_answer_s)
        try:
            self._phone.listen(self._wav)
            answer = self.expect('registration')
            if answer.facts['code'] != REGISTERED:
                raise AssertionError(f'{self.extension} was not registered: {answer.facts}')
        except BaseException:
            self._phone.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._phone.close()

    def expect(self, name: str, within_s: float = 10.0, where: Callable[[PhoneEvent], bool] = lambda event: True) -> PhoneEvent:
        """Wait for one of the telephone's events; AssertionError with all that came instead."""
        deadline = time.monotonic() + within_s
        while True:
            try:
                event: PhoneEvent = self._events.get(timeout=max(0.0, deadline - time.monotonic()))
            except Empty:
                raise AssertionError(f'telephone {self.extension}: no {name!r} within {within_s:g} s; it told {self.story}') from None
            self.story.append(event)
            if event.name == 'dead':
                raise AssertionError(f'telephone {self.extension} died; it had told {self.story}')
            if event.name == name and where(event):
                return event

    def expect_ring(self, within_s: float = 20.0) -> str:
        """Wait until it rings; who calls, as a SIP address with the name that the display shows."""
        return str(self.expect('ringing', within_s).facts['remote'])

    def answer(self) -> None:
        """Take the call and wait until both sides are connected."""
        self._phone.answer()
        self.expect_talk()

    def expect_talk(self, within_s: float = 10.0) -> None:
        """Wait until both sides are connected."""
        self.expect('state', within_s, lambda event: event.facts['state'] == 'CONFIRMED')

    def expect_audio(self, within_s: float = 10.0) -> None:
        """Wait until something is heard (once a call; `listen` arms it again)."""
        self.expect('audio', within_s)

    def expect_over(self, within_s: float = 10.0) -> None:
        """Wait until the call is over."""
        self.expect('over', within_s)

    def listen(self) -> None:
        """Wait for audio afresh."""
        self._phone.listen(self._wav)

    def speak(self, seconds: float = 1.0) -> None:
        """Make a sound like speech."""
        self._phone.speak(seconds)

    def refuse(self, code: int = 486) -> None:
        """Refuse the call that rings."""
        self._phone.hang_up(code)
        self.expect_over()

    def hang_up(self) -> None:
        """End the call and wait until it is over."""
        self._phone.hang_up()
        self.expect_over()


class UserPhone(AgentPhone):
    """A user's telephone behind the trunk's far end: takes the calls that we place there; nobody registers."""

    def __init__(self, place: Place, outbound: str, *, auto_answer_s: float | None = None, wav: Path | None = None) -> None:
        super().__init__(place, 'user', '', auto_answer_s=auto_answer_s, wav=wav)
        self._address, _, port = outbound.partition(':')
        self._port = int(port)

    def __enter__(self) -> UserPhone:
        self._phone = Phone(self._server, self._address, self.extension, self._events, port=self._port, auto_answer_s=self._auto_answer_s)
        self._phone.listen(self._wav)
        return self

    def press(self, digits: str) -> None:
        """Press keys."""
        self._phone.press(digits)

    def is_quiet(self, for_s: float) -> bool:
        """Whether nothing rings for so long."""
        try:
            self.expect('ringing', for_s)
        except AssertionError:
            return True
        return False


def agent(instance: Instance, login: str, *, auto_answer_s: float | None = None, wav: Path | None = None) -> AgentPhone:
    """The telephone of an agent of the instance's site."""
    site = instance.site()
    secret = instance.secrets(site).agents[login]
    return AgentPhone(instance.place, site.agents[login].extension, secret, auto_answer_s=auto_answer_s, wav=wav)


def user_phone(instance: Instance, *, auto_answer_s: float | None = None, wav: Path | None = None) -> UserPhone:
    """The telephone that our own calls reach: the site's first trunk leads to it (`outbound`)."""
    return UserPhone(instance.place, instance.site().trunks[0].outbound, auto_answer_s=auto_answer_s, wav=wav)


def exchange(instance: Instance) -> Exchange:
    """How to call an instance through its first trunk."""
    site = instance.site()
    ports = instance.place.ports
    return exchange_of(site, instance.place.bind, ports.sip, ports.ami, instance.secrets(site).ami_probe)


def caller(instance: Instance, number: str, from_: str, *, wav: Path | None = None) -> Caller:
    """A caller that does what the test says: `dial`, `expect_prompt`, `press`, `speak`, `hang_up`, `expect(Queued)`, `finish`."""
    return Caller(exchange(instance), number, from_, wav=wav)


def call(instance: Instance, number: str, from_: str, keys: str = '', *, wait_s: float = 1.0, timeout_s: float = 90.0,
         wav: Path | None = None) -> Outcome:
    """What `mesa call` does, as a value."""
    texts = PromptTexts.load(instance.site().prompt_texts)
    return place_call(exchange(instance), number, from_, Keys(keys), texts=texts, wait_s=wait_s, timeout_s=timeout_s, wav=wav)
