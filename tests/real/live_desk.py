"""The desk's live picture, presence and orders of a running instance, on a loop of their own as in Mesa's own process."""
from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from ami_listener.call_log import CallLog
from ami_listener.connection import Pace
from ami_listener.live import Books, Change, Live
from ami_listener.orders import Orders
from ami_listener.phones import PhoneCall
from ami_listener.presence import PresenceBook
from storage.engine import Database
from tests.real.callers import eventually
from tests.real.instance import RealMesa
from ticketing.click_to_call import ClicksToCall
from ticketing.folios import EntryKind, FolioBook


class LiveDesk:
    """What the desk's process holds. `changes` is everything that a subscriber was told; `record` gets Asterisk's own words."""

    def __init__(self, mesa: RealMesa, record: Path | None = None) -> None:
        self.site = mesa.instance.site()
        clock = mesa.instance.clock(self.site).now
        self.now = clock
        self.db = Database(mesa.database_url, patience_s=20.0)
        self.calls = CallLog(self.db)
        self.presence = PresenceBook(self.db, lambda: self.site)
        self.clicks = ClicksToCall(self.db, lambda: self.site)
        phones = {phone: agent.login for agent in self.site.agents.values() for phone in (agent.desk_phone, agent.browser_phone)}
        self.live = Live(
            None, ('127.0.0.1', mesa.place.ports.ami), ('desk', mesa.instance.secrets(self.site).ami_desk), clock,
            login_of=phones.get, pace=Pace(first_s=0.1, longest_s=0.5), books=Books(
                wanted=lambda: self.presence.wanted(clock()), queues=lambda: self.site.queues,
                call_ended=lambda login, linkedid, queue: self.presence.call_ended(login, linkedid, queue, clock())))
        self.presence.changed = self.live.settle_now
        self.folios = FolioBook(self.db)
        self.orders = Orders(self.live, lambda: self.site, self.calls.get, lambda folio, text, by: self.folios.note(
            folio, EntryKind.ACCESS, text, by, clock()))
        self.changes: list[Change] = []
        self.heard: list[str] = []
        self._record = record
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> LiveDesk:
        if self._record:
            hear = self.live._ami._on_event

            def noted(message: object) -> None:
                self.heard.append(str(dict(message)))  # type: ignore[call-overload]
                hear(message)                          # type: ignore[arg-type]
            self.live._ami._on_event = noted           # type: ignore[assignment]
        self._thread.start()
        self.live.subscribe(self.changes.append)
        self._loop.call_soon_threadsafe(self.live.startService)
        eventually(lambda: self.live.is_fresh, bool, 'the live picture is fresh')
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        async def stop() -> None:
            await self.live.stopService().asFuture(self._loop)
        asyncio.run_coroutine_threadsafe(stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        self.db.close()
        if self._record:
            self._record.write_text('\n'.join(self.heard) + '\n')

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def call_on(self, interface: str, is_so: Callable[[PhoneCall], bool] = lambda call: True, what: str = 'a call', within_s: float = 15.0,
                ) -> PhoneCall:
        """The call on a telephone, once there is one that is so."""
        def look() -> PhoneCall | None:
            return next((call for call in self.live.phones.on(interface) if is_so(call)), None)
        found = eventually(look, lambda call: call is not None, f'{what} on {interface}', within_s)
        assert found is not None
        return found

    def nothing_on(self, interface: str) -> None:
        """Wait until a telephone has no call."""
        eventually(lambda: self.live.phones.on(interface), lambda calls: not calls, f'no call on {interface}')

    def seat(self, queue: str, interface: str, is_so: Callable[[object], bool], what: str) -> None:
        """Wait until a member of a queue, as Asterisk tells it, is so."""
        eventually(lambda: self.live.board.seats.get(queue, {}).get(interface), is_so, f'{interface} in {queue}: {what}', 20.0)
