"""The listener as a Twisted service: the AMI link on the reactor, the books on one thread of their own."""
from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from panoramisk.message import Message
from twisted.application.service import Service
from twisted.internet.defer import Deferred

from ami_listener.bookkeeper import Bookkeeper, Folios
from ami_listener.call_log import Tell, nobody_is_told
from ami_listener.connection import AmiConnection, LinkState, Pace
from ami_listener.events import Booted, CallerLeft, ChannelGone, read_event
from storage.engine import Database

log = logging.getLogger(__name__)
LOOK_EVERY_S = 1.0
GATHER_S = 0.5                                         # calls that end together are folded together
AFTER_TROUBLE_S = 2.0
STOP_PATIENCE_S = 15.0


class ListenerService(Service):
    """Keeps one Asterisk's call log, and listens to it so that the journal is read at once. Start and stop it on the reactor's thread.

    `now` is Mesa's clock; `folios` is called on the thread of the books; `login_of` names the agent of an extension.
    `link_state` may be read at any time. The picture of what goes on now is kept elsewhere: `ami_listener/live.py`.
    """

    def __init__(self, reactor: Any, db: Database, log_folder: Path, address: tuple[str, int], credentials: tuple[str, str],
                 now: Callable[[], datetime], *, folios: Folios,
                 login_of: Callable[[str], str] = str, pace: Pace = Pace(), tell: Tell = nobody_is_told) -> None:
        self.name = 'ami_listener'
        self._reactor = reactor
        self._books = Bookkeeper(db, log_folder, now, folios, time.monotonic, login_of, tell)
        self._wake = threading.Event()
        self._ami = AmiConnection(address, credentials, on_event=self._hear, on_up=self._wake.set, on_state=self._state_changed, pace=pace)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def link_state(self) -> LinkState:
        """Whether the AMI link is up, down, or denied. The books are kept all the same."""
        return self._ami.state

    def startService(self) -> None:
        """Begin to listen and to keep the books; what happened while nobody did is caught up first."""
        Service.startService(self)                     # type: ignore[no-untyped-call]
        self._stopping.clear()
        self._thread = threading.Thread(target=self._keep_books, name='books', daemon=True)
        self._thread.start()
        self._ami.start(asyncio.get_event_loop_policy().get_event_loop())

    def stopService(self) -> Deferred[None]:
        """Stop both; fires when the round that is under way is over."""
        Service.stopService(self)                      # type: ignore[no-untyped-call]
        self._stopping.set()
        self._wake.set()
        return Deferred.fromFuture(asyncio.ensure_future(self._stopped()))

    async def _stopped(self) -> None:
        await self._ami.stop()
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.get_running_loop().run_in_executor(None, thread.join, STOP_PATIENCE_S)

    def look_now(self) -> None:
        """Have the journal read soon; may be called from any thread."""
        self._wake.set()

    def _keep_books(self) -> None:
        while not self._stopping.is_set():
            try:
                more = self._books.round()
                pause = GATHER_S if more else LOOK_EVERY_S
            except Exception as error:
                log.error('the books wait: %s', error, exc_info=not isinstance(error, OSError))
                pause = AFTER_TROUBLE_S
            self._wake.wait(pause)
            self._wake.clear()
            self._stopping.wait(GATHER_S)

    def _hear(self, message: Message) -> None:
        if isinstance(read_event(message), Booted | ChannelGone | CallerLeft):
            self._wake.set()

    def _state_changed(self, state: LinkState) -> None:
        log.info('AMI link %s', state.value)
