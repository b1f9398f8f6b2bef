"""The whole listener: a manager, a log folder and a database, on a running asyncio loop as under Twisted's reactor."""
from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from ami_listener.call_log import CallLog, CallRecord
from ami_listener.connection import LinkState, Pace
from ami_listener.service import ListenerService
from storage.engine import Database
from tests.fake_ami import FakeAmi, fake_ami, message
from tests.recorded_calls import RECORDED

NOW = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
FALLBACK = RECORDED['fallback_message']
ABANDONED = RECORDED['abandoned']


class Desk:
    """A running listener, and what it asked of the folio book."""

    def __init__(self, db: Database, folder: Path, server: FakeAmi, password: str) -> None:
        self.folder = folder
        self.opened = threading.Event()
        self.marked = threading.Event()
        self.service = ListenerService(
            None, db, folder, server.address, ('mesa', password), lambda: NOW, folios=self,
            pace=Pace(first_s=0.01, longest_s=0.05, patience_s=5))

    def open_folio(self, call: CallRecord) -> str:
        self.opened.set()
        return '20000007'

    def mark_abandoned(self, linkedid: str, at: datetime) -> None:
        self.marked.set()

    def mark_answered(self, linkedid: str, agent: str, at: datetime) -> None: ...

    def keep_recording(self, call: CallRecord) -> None: ...

    def settle_call_back(self, call: CallRecord) -> None: ...

    def write(self, *names: str) -> None:
        """Asterisk writes these calls."""
        for name in names:
            with (self.folder / 'cel-custom' / 'mesa.csv').open('a') as file:
                file.writelines(f'{line}\n' for line in RECORDED[name].cel)
            with (self.folder / 'queue_log').open('a') as file:
                file.writelines(f'{line}\n' for line in RECORDED[name].queue)


@asynccontextmanager
async def desk(db: Database, tmp_path: Path, server: FakeAmi, password: str = 'secret') -> AsyncIterator[Desk]:
    folder = tmp_path / 'log'
    (folder / 'cel-custom').mkdir(parents=True, exist_ok=True)
    running = Desk(db, folder, server, password)
    running.service.startService()
    try:
        yield running
    finally:
        await running.service.stopService().asFuture(asyncio.get_running_loop())


async def happens(event: threading.Event) -> None:
    assert await asyncio.get_running_loop().run_in_executor(None, event.wait, 20)


def test_calls_get_into_the_books_and_their_folios_are_made(db: Database, tmp_path: Path) -> None:
    async def scene() -> None:
        async with fake_ami() as server, desk(db, tmp_path, server) as running:
            running.write('answered', 'fallback_message')
            server.say(message(Event='Hangup', Uniqueid='1.1', Linkedid='1.0'))
            await happens(running.opened)
            running.write('abandoned')
            await happens(running.marked)
    asyncio.run(scene())
    log = CallLog(db)
    assert [call.linkedid for call in log.list()] == [FALLBACK.linkedid, ABANDONED.linkedid, RECORDED['answered'].linkedid]
    call = log.get(FALLBACK.linkedid)
    assert call is not None and call.folio == '20000007'


def test_the_books_need_no_link(db: Database, tmp_path: Path) -> None:
    async def scene() -> None:
        async with fake_ami() as server, desk(db, tmp_path, server, password='wrong') as running:
            running.write('fallback_message')
            await happens(running.opened)
            await server.until(lambda: bool(server.asked('Login')))
            while running.service.link_state is not LinkState.DENIED:
                await asyncio.sleep(0.01)
    asyncio.run(scene())


def test_trouble_with_the_database_is_only_a_delay(db: Database, tmp_path: Path) -> None:
    async def scene() -> None:
        async with fake_ami() as server, desk(db, tmp_path, server) as running:
            broken = db.write
            db.write = lambda patience_s=None: (_ for _ in ()).throw(RuntimeError('no database'))    # type: ignore[method-assign]
            running.write('fallback_message')
            await asyncio.get_running_loop().run_in_executor(None, running.opened.wait, 0.5)
            assert not running.opened.is_set()
            db.write = broken                                                                 # type: ignore[method-assign]
            await happens(running.opened)
    asyncio.run(scene())
