"""The live picture of Asterisk for the desk, as a Twisted service: who waits, what the agents' telephones do, and members kept as wanted.

It has a login of its own, and no books: whoever is interested subscribes.
"""
from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from panoramisk.message import Message
from twisted.application.service import Service
from twisted.internet.defer import Deferred

from ami_listener.board import Board, fresh_board
from ami_listener.board import after as board_after
from ami_listener.connection import AmiConnection, AmiError, LinkState, Pace
from ami_listener.events import Booted, Event, Reloaded, read_event
from ami_listener.membership import Order, Tries, Wanted, orders
from ami_listener.phones import HELD, TALKING, PhoneCall, Phones, fresh_phones
from ami_listener.phones import after as phones_after

log = logging.getLogger(__name__)
LOOK_EVERY_S = 10.0                                    # `queue reload` on the console tells nobody what it has changed
SETTLE_AFTER_S = 0.2                                   # changes that come together are settled together
AGAIN_S = 5.0
ANSWER_S = 5.0


@dataclass(frozen=True)
class Change:
    """What is new: the telephones on which something happened, whether queues or their members changed, and whether the link did."""

    interfaces: frozenset[str] = frozenset()
    board: bool = False
    link: bool = False


@dataclass(frozen=True)
class Books:
    """What Live asks of the books, on pool threads: what members should be, the site's queues, and who is told of a call's end.

    `call_ended(login, linkedid, queue)` is called after an agent has talked in a call that came through a queue.
    """

    wanted: Callable[[], Iterable[Wanted]] = tuple
    queues: Callable[[], Iterable[str]] = tuple
    call_ended: Callable[[str, str, str], object] = lambda login, linkedid, queue: None


class Live(Service):
    """Listens to one Asterisk by the account `desk`. Start and stop it on the reactor's thread.

    `board`, `phones`, `link_state` and `fresh_at` may be read on any thread at any time: they are values that are replaced. `now` is
    Mesa's clock. `login_of` names the agent of an interface ('PJSIP/1001-web'), None for nobody's.
    """

    def __init__(self, reactor: Any, address: tuple[str, int], credentials: tuple[str, str], now: Callable[[], datetime], *,
                 login_of: Callable[[str], str | None] = lambda interface: None, books: Books = Books(), pace: Pace = Pace()) -> None:
        self.name = 'live'
        self._reactor = reactor
        self._now = now
        self._login_of = login_of
        self._books = books
        self._ami = AmiConnection(address, credentials, on_event=self._hear, on_up=self._came_up, on_state=self._state_changed,
                                 on_heard=self._heard, pace=pace)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._subscribers: list[Callable[[Change], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._looking: asyncio.Task[None] | None = None
        self._look_again = False
        self._meanwhile: list[Event] = []              # heard while an answer is on its way, which may not know it
        self._settling: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._tries = Tries()
        self.board = Board()
        self.phones = Phones()
        self.is_fresh = False                          # the picture is complete: both questions were answered since the login
        self.fresh_at: datetime | None = None          # when Asterisk was last heard, be it the answer to a ping

    @property
    def link_state(self) -> LinkState:
        """Whether the link is up, down, or denied."""
        return self._ami.state

    def startService(self) -> None:
        """Log in, and stay so."""
        Service.startService(self)                     # type: ignore[no-untyped-call]
        self._loop = asyncio.get_event_loop_policy().get_event_loop()
        self._ami.start(self._loop)
        self._keep(self._look_on())

    def stopService(self) -> Deferred[None]:
        """Log out; Asterisk's members stay as they are."""
        Service.stopService(self)                      # type: ignore[no-untyped-call]
        return Deferred.fromFuture(asyncio.ensure_future(self._stopped()))

    def subscribe(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Have `callback` called on the reactor's thread after every event that changed something; returns what ends it."""
        self._subscribers.append(callback)

        def end() -> None:
            if callback in self._subscribers:
                self._subscribers.remove(callback)
        return end

    def settle_now(self) -> None:
        """Bring Asterisk's members to what the books want, soon; may be called from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._settle_in, 0.0)

    def order(self, headers: Mapping[str, Any]) -> Message:
        """Give one order and wait for its answer, on any thread but the reactor's. Raises AmiError when it is refused or not answered."""
        return self._ami.order(headers, ANSWER_S)

    # --- what Asterisk tells, on the reactor's thread ----------------------------------------------------------------

    def _heard(self) -> None:
        self.fresh_at = self._now()

    def _hear(self, message: Message) -> None:
        event = read_event(message)
        if event is None:
            return
        if self._looking is not None and not self._looking.done():
            self._meanwhile.append(event)
        if isinstance(event, Booted | Reloaded):
            if self.link_state is LinkState.UP:        # before that it belongs to the login
                self._came_up()
            return
        self._take(event)

    def _take(self, event: Event) -> None:
        before_board, before_phones = self.board, self.phones
        self.board = board_after(before_board, event, self._now())
        self.phones = phones_after(before_phones, event, self._now())
        self._tell(before_board, before_phones)

    def _tell(self, board: Board, phones: Phones, link: bool = False) -> None:
        """Tell everybody what differs from these."""
        keys = {key for key in call_keys(phones, self.phones) if phones.calls.get(key) != self.phones.calls.get(key)}
        for call in [phones.calls[key] for key in keys if key in phones.calls and key not in self.phones.calls]:
            self._ended(call)
        changed = frozenset(calls[key].interface for key in keys for calls in (phones.calls, self.phones.calls) if key in calls)
        queues = (board.waiting, board.seats) != (self.board.waiting, self.board.seats)
        if board.seats != self.board.seats:
            self._settle_in(SETTLE_AFTER_S)
        if changed or queues or link:
            change = Change(changed, queues, link)
            for callback in tuple(self._subscribers):
                try:
                    callback(change)
                except Exception:
                    log.exception('a subscriber of the live picture failed')

    def _ended(self, call: PhoneCall) -> None:
        login = self._login_of(call.interface)
        if call.queue and login is not None and call.phase in (TALKING, HELD) and self.link_state is LinkState.UP:
            self._keep(self._in_books(lambda: self._books.call_ended(login, call.linkedid, call.queue), 'the end of a call'))

    def _state_changed(self, state: LinkState) -> None:
        log.info('live: AMI link %s', state.value)
        board, phones = self.board, self.phones
        if state is not LinkState.UP:
            self.is_fresh = False                      # first: nobody on another thread may take the empty picture for a quiet one
            self.board, self.phones = Board(), Phones(gone=phones.gone)            # better nothing than what may be wrong
        self._tell(board, phones, link=True)

    # --- looking -----------------------------------------------------------------------------------------------------

    def _came_up(self) -> None:
        self._tries = Tries()
        self._look()

    def _look(self) -> None:
        """Ask Asterisk for the whole picture, once more when it is being asked already."""
        if self._looking is None or self._looking.done():
            self._look_again, self._meanwhile = False, []
            self._looking = asyncio.ensure_future(self._ask_all())
        else:
            self._look_again = True

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if self.link_state is LinkState.UP:
                self._look()

    async def _ask_all(self) -> None:
        try:
            queues = await self._ami.ask({'Action': 'QueueStatus'}, many=True)
            channels = await self._ami.ask({'Action': 'CoreShowChannels'}, many=True)
        except AmiError as error:
            log.warning('the live picture is not fresh: %s', error)
            return
        now = self._now()
        board, phones = self.board, self.phones
        self.board = fresh_board(map(read_event, queues), now, board)
        self.phones = fresh_phones(map(read_event, channels), phones, now)
        for event in self._meanwhile:
            self.board, self.phones = board_after(self.board, event, now), phones_after(self.phones, event, now)
        self._meanwhile, self.is_fresh = [], True
        self._tell(board, phones)
        self._settle_in(0.0)
        if self._look_again:
            asyncio.get_running_loop().call_soon(self._look)

    # --- members -----------------------------------------------------------------------------------------------------

    def _settle_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_event_loop_policy().get_event_loop().call_later(seconds, self._begin_to_settle)

    def _begin_to_settle(self) -> None:
        self._timer = None
        if self._settling is not None and not self._settling.done():
            self._settle_in(SETTLE_AFTER_S)
        elif self.link_state is LinkState.UP and self.is_fresh:
            self._settling = asyncio.ensure_future(self._settle())

    async def _settle(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            wanted, queues = await loop.run_in_executor(None, lambda: (tuple(self._books.wanted()), tuple(self._books.queues())))
        except Exception as error:
            log.warning('the members of queues wait for the books: %s', error)
            self._settle_in(AGAIN_S)
            return
        missing = orders(wanted, self.board, queues)
        due = self._tries.due(missing, time.monotonic())
        for order in due:
            await self._give(order)
        self._tries = self._tries.after(due, time.monotonic())
        again = self._tries.next_at(orders(wanted, self.board, queues))
        if again is not None:
            self._settle_in(max(again - time.monotonic(), SETTLE_AFTER_S))

    async def _give(self, order: Order) -> None:
        try:
            answer = (await self._ami.ask(order.headers(), patience_s=ANSWER_S))[0]
        except AmiError as error:
            log.warning('members: %s', error)
            return
        if answer.response != 'Success':
            log.warning('members: Asterisk refuses %s of %s in %s: %s', order.action, order.interface, order.queue, answer.message)

    # --- threads -----------------------------------------------------------------------------------------------------

    async def _in_books(self, work: Callable[[], object], what: str) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(None, work)
        except Exception as error:
            log.error('%s is not in the books: %s', what, error)

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)                          # asyncio alone would forget it
        task.add_done_callback(self._tasks.discard)

    async def _stopped(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        running = [task for task in (*self._tasks, self._looking, self._settling) if task is not None]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self._ami.stop()


def call_keys(*pictures: Phones) -> set[str]:
    """The uniqueids of all calls of some pictures."""
    return {key for picture in pictures for key in picture.calls}
