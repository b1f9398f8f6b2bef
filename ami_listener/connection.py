"""The AMI link: panoramisk's protocol, messages and actions, with their defects repaired here and nowhere else.

Runs on the asyncio loop (under Twisted: the one of its asyncioreactor). Callbacks are plain functions, called on that loop in order.
"""
from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from panoramisk.actions import Action
from panoramisk.ami_protocol import AMIProtocol
from panoramisk.message import Message

log = logging.getLogger(__name__)
END_OF_MESSAGE = b'\r\n\r\n'
LONGEST_MESSAGE = 1024 * 1024
SLACK_S = 5.0                                          # beyond an answer's own patience, for the reactor's turn

Result = TypeVar('Result')


class LinkState(Enum):
    """What the link is: `DOWN` also while it is being made; `DENIED` when Asterisk refused our name and password."""

    DOWN = 'down'
    UP = 'up'
    DENIED = 'denied'


class AmiError(Exception):
    """An action was not answered; the text says whether the link went down, or the time was up."""


@dataclass(frozen=True)
class Pace:
    """How patient the link is, in seconds. The pause before another try doubles from `first_s` to `longest_s`."""

    first_s: float = 0.5
    longest_s: float = 30.0
    ping_s: float = 5.0
    patience_s: float = 10.0                           # for a connection, a login and, unless told otherwise, an answer


class Question(Action):                                # type: ignore[misc]
    """An action and the messages that answer it. `many`: the answer is a list that ends with a ...Complete event."""

    def __init__(self, headers: Mapping[str, Any], many: bool) -> None:
        # A line break in a value would begin a header of its own, or even another action.
        super().__init__({_one_line(key): _one_line(value) for key, value in headers.items()}, as_list=many)

    def add_message(self, message: Message) -> bool:
        # panoramisk guesses from the English text whether more will follow: an Originate without Async raises there, and a refused
        # list never ends.
        self.responses.append(message)
        refused = message.response in ('Error', 'Fail', 'Failure')
        if not (refused or not self.as_list or message.event.endswith('Complete')):
            return False
        if not self.future.done():
            self.future.set_result(self.responses)
        return True


class Link(AMIProtocol):                               # type: ignore[misc]
    """One TCP connection to Asterisk's manager."""

    responses: dict[str, Question]
    closed: bool

    def __init__(self, on_event: Callable[[Message], None], on_heard: Callable[[], None] = lambda: None) -> None:
        self._on_event = on_event
        self._on_heard = on_heard
        self._unread = bytearray()
        self._skipping = False
        self.heard = asyncio.Event()
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        # panoramisk decodes every segment by itself, which loses a letter that two segments share, and splits the whole unread
        # text again with each of them.
        self.heard.set()
        self._on_heard()
        self._unread += data
        *messages, rest = self._unread.split(END_OF_MESSAGE)
        self._unread = rest
        if messages and self._skipping:
            del messages[0]
            self._skipping = False
        for message in messages:
            self._read(bytes(message))
        if len(self._unread) > LONGEST_MESSAGE:
            log.warning('AMI: a message of more than %d bytes is skipped', LONGEST_MESSAGE)
            self._unread, self._skipping = self._unread[-len(END_OF_MESSAGE):], True

    def _read(self, text: bytes) -> None:
        # An exception in here would make asyncio drop the connection.
        try:
            message = Message.from_line(text.decode('utf-8', 'replace').strip())
            if message is not None:
                self.handle_message(message)
        except Exception:
            log.exception('AMI: a message of %d bytes cannot be used', len(text))

    def handle_message(self, message: Message) -> None:
        question = self.responses.get(message.action_id) if isinstance(message.action_id, str) else None
        if question is not None:
            if question.add_message(message):
                self.responses.pop(question.id, None)
        elif 'event' in message:
            self._on_event(message)

    def ask(self, headers: Mapping[str, Any], many: bool = False) -> asyncio.Future[list[Message]]:
        """Send an action; the future gets the messages that answer it, or an AmiError when the link goes down first."""
        question = Question(headers, many)
        if self.closed or self.transport.is_closing():
            question.future.set_exception(AmiError(f'{headers.get("Action")}: the link is down'))
        else:
            self.responses[question.id] = question
            self.transport.write(str(question).encode('utf-8', 'replace'))
        answer: asyncio.Future[list[Message]] = question.future
        return answer

    def connection_lost(self, exc: Exception | None) -> None:
        self.close()
        if not self.lost.done():
            self.lost.set_result(None)

    def close(self) -> None:
        # panoramisk keeps what was not answered and sends it again after a reconnect: an Originate could ring a caller four times.
        for question in self.responses.values():
            if not question.future.done():
                question.future.set_exception(AmiError(f'{question["Action"]}: the link went down before the answer'))
                question.future.exception()            # whoever waits sees it; if nobody does, asyncio must not complain
        self.responses = {}
        if not self.closed:
            self.closed = True
            self.transport.abort()


class AmiConnection:
    """Keeps one login to Asterisk's manager alive for ever.

    `on_up` is called after every login, `on_event` with every event that answers no question, `on_state` when the state changes,
    `on_heard` whenever something comes from Asterisk, be it the answer to a ping.
    Their exceptions are logged and go no further.
    """

    def __init__(self, address: tuple[str, int], credentials: tuple[str, str], *, on_event: Callable[[Message], None],
                 on_up: Callable[[], None] = lambda: None, on_state: Callable[[LinkState], None] = lambda _: None,
                 on_heard: Callable[[], None] = lambda: None, pace: Pace = Pace()) -> None:
        self._address = address
        self._credentials = credentials
        self._on_event = on_event
        self._on_up = on_up
        self._on_state = on_state
        self._on_heard = on_heard
        self._pace = pace
        self._link: Link | None = None
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.state = LinkState.DOWN

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to connect, on the thread of `loop`; a second call does nothing."""
        self._loop = loop
        if self._task is None:
            self._task = loop.create_task(self._run())

    def from_thread(self, work: Coroutine[Any, Any, Result], patience_s: float) -> Result:
        """Run `work` on the link's thread and wait for it here, on any other thread.

        Raises what it raises, AmiError also when the link was never started or its thread is stuck.
        """
        if self._loop is None:
            work.close()
            raise AmiError('the link to the manager is not started')
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(patience_s + SLACK_S)
        except TimeoutError:
            future.cancel()
            raise AmiError('the reactor did not come to it') from None

    def order(self, headers: Mapping[str, Any], patience_s: float) -> Message:
        """Give one order from a thread and wait for its answer. Raises AmiError when it is refused or not answered."""
        answer = self.from_thread(self.ask(headers, patience_s=patience_s), patience_s)[0]
        if answer.response != 'Success':
            raise AmiError(f'{headers.get("Action")}: {answer.message}')
        return answer

    async def stop(self) -> None:
        """Disconnect and stay so; questions that are open fail."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._become(LinkState.DOWN)

    async def ask(self, headers: Mapping[str, Any], many: bool = False, patience_s: float | None = None) -> list[Message]:
        """Send one action and return the messages that answer it (`many`: the whole list, first the response, last ...Complete).

        Never sent twice. Raises AmiError when the link is or goes down, or the time is up; then nobody knows whether it was done.
        """
        if self._link is None or self.state is not LinkState.UP:
            raise AmiError(f'{headers.get("Action")}: the link is {self.state.value}')
        return await self._answer(self._link, headers, many, patience_s)

    async def _answer(self, link: Link, headers: Mapping[str, Any], many: bool = False, patience_s: float | None = None) -> list[Message]:
        future = link.ask(headers, many)
        try:
            async with asyncio.timeout(self._pace.patience_s if patience_s is None else patience_s):
                return await future
        except TimeoutError:
            raise AmiError(f'{headers.get("Action")}: no answer') from None

    async def _run(self) -> None:
        pause = self._pace.first_s
        while True:
            reached = await self._session()
            if reached is LinkState.UP:
                pause = self._pace.first_s
            elif reached is LinkState.DENIED:
                pause = self._pace.longest_s           # asking again soon would only fill Asterisk's security log
            self._become(LinkState.DENIED if reached is LinkState.DENIED else LinkState.DOWN)
            await asyncio.sleep(pause)
            pause = min(pause * 2, self._pace.longest_s)

    async def _session(self) -> LinkState:
        """One connection from beginning to end; returns the best state that it reached."""
        loop = asyncio.get_running_loop()
        try:
            # Not wait_for: in Python 3.11 it forgets that it was cancelled when the connection is made in the same moment.
            async with asyncio.timeout(self._pace.patience_s):
                _, link = await loop.create_connection(lambda: Link(self._guarded_event, self._guarded_heard), *self._address)
        except (OSError, TimeoutError) as error:
            log.warning('AMI at %s:%d cannot be reached: %s', *self._address, error or 'no answer')
            return LinkState.DOWN
        try:
            return await self._logged_in(link)
        finally:
            self._link = None
            link.close()

    async def _logged_in(self, link: Link) -> LinkState:
        name, password = self._credentials
        try:
            answer = (await self._answer(link, {'Action': 'Login', 'Username': name, 'Secret': password, 'Events': 'on'}))[0]
        except AmiError as error:
            log.warning('AMI: %s', error)
            return LinkState.DOWN
        if answer.response != 'Success':
            log.error('AMI: Asterisk refuses the login of %r: %s', name, answer.message)
            return LinkState.DENIED
        self._link = link
        self._become(LinkState.UP)
        self._guarded(self._on_up)
        await self._until_lost(link)
        return LinkState.UP

    async def _until_lost(self, link: Link) -> None:
        """Ping a quiet link; one that stays silent for three pings is dead, whatever TCP thinks."""
        unheard = 0
        while unheard < 3 and not link.lost.done():
            link.heard.clear()
            await asyncio.wait({link.lost}, timeout=self._pace.ping_s)
            if link.heard.is_set():
                unheard = 0
            elif not link.lost.done():
                unheard += 1
                link.ask({'Action': 'Ping'})
        log.warning('AMI: the link is lost%s', '' if link.lost.done() else ' (silent)')

    def _become(self, state: LinkState) -> None:
        if state is not self.state:
            self.state = state
            self._guarded(lambda: self._on_state(state))

    def _guarded_heard(self) -> None:
        self._guarded(self._on_heard)

    def _guarded_event(self, message: Message) -> None:
        self._guarded(lambda: self._on_event(message))

    def _guarded(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception:
            log.exception('AMI: a callback failed')


def _one_line(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_one_line(item) for item in value]
    return ' '.join(str(value).splitlines()).replace('\0', ' ')
