"""`mesa bench pops`: how long from an event of Asterisk to the painted card, with many desks connected, and what a desk costs in memory.

One desk is a real Chromium, the others read the same stream over sockets of their own, each signed in as another agent. Calls ring all
over the house meanwhile. The card's moment is the frame in which the browser shows it; both clocks are this machine's.
"""
from __future__ import annotations

import asyncio
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import time
from typing import Any

from callcenter.bench_desk import LINE, bench_site
from callcenter.console import Complaint
from callcenter.ports import free_ports
from callcenter.scripted_ami import ScriptedAmi

CHROMIUM = '/usr/bin/chromium'
EVERY_S = 0.15
ELSEWHERE = 2                                          # calls that ring elsewhere for each one that is measured
WARM_UP = 10
GOAL_P99_MS, GOAL_KB = 150.0, 100.0


@dataclass(frozen=True)
class Pops:
    """One run: milliseconds from the event to the painted card, and kilobytes of the server for each desk beyond the first."""

    desks: int
    cards: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    kb_a_desk: float | None
    strays: int                                        # cards that reached a desk that was not meant

    @property
    def passes(self) -> bool:
        """Whether the goals are reached."""
        return self.strays == 0 and self.p99_ms <= GOAL_P99_MS and (self.kb_a_desk or 0) <= GOAL_KB


def run(desks: tuple[int, ...], cards: int, tell: Callable[[str], None]) -> list[Pops]:
    """One run for each number of desks. Complaint when Chromium is missing."""
    if not Path(CHROMIUM).exists():
        raise Complaint(f'{CHROMIUM} is missing: apt-get install chromium')
    found: list[Pops] = []
    for many in desks:
        tell(f'· {many} desks ...')
        folder = Path(tempfile.mkdtemp(prefix='mesa-bench-'))
        try:
            found.append(asyncio.run(_House(folder, many).measure(cards)))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return found


class _House:
    """A desk server, its scripted Asterisk, and so many desks."""

    def __init__(self, folder: Path, desks: int) -> None:
        self._folder = folder
        self._desks = desks
        self._site = bench_site(desks)
        self._ami = ScriptedAmi()
        self._port = free_ports().desk
        self._dice = random.Random(1)
        self._tokens: dict[str, str] = {}
        self._folios: list[tuple[str, str]] = []       # linkedid, number
        self._rung: dict[str, set[str]] = {login: set() for login in self._site.agents}
        self._strays = 0
        self._ready: set[str] = set()
        self._calls = 0

    async def measure(self, cards: int) -> Pops:
        """Ring so many times at the desk with the browser; how long each card took."""
        from playwright.async_api import async_playwright
        await self._ami.start()
        self._fill(cards + WARM_UP)
        (self._folder / 'bench.json').write_text(json.dumps({'ami': self._ami.port, 'desk': self._port, 'agents': self._desks}))
        server = subprocess.Popen([sys.executable, '-P', '-m', 'callcenter.bench_desk', str(self._folder)],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            await asyncio.to_thread(server.stdout.readline)                  # type: ignore[union-attr]
            await asyncio.wait_for(self._ami.logged_in.wait(), 20)
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=['--no-sandbox'])
                page = await self._browser_desk(browser)
                before = _kilobytes(server.pid)
                readers = [asyncio.create_task(self._read(login)) for login in self._logins()[1:]]
                await self._all_reading()
                after = _kilobytes(server.pid)
                took = [await self._ring(page) for _ in range(cards + WARM_UP)][WARM_UP:]
                for reader in readers:
                    reader.cancel()
                await browser.close()
        finally:
            server.stdin.close()                       # type: ignore[union-attr]
            await asyncio.to_thread(server.wait, 20)
        return self._told(took, before, after)

    def _told(self, took: list[float], before: float, after: float) -> Pops:
        cuts = statistics.quantiles(took, n=100, method='inclusive')
        others = self._desks - 1
        return Pops(self._desks, len(took), cuts[49], cuts[94], cuts[98], (after - before) / others if others else None, self._strays)

    def _logins(self) -> list[str]:
        return list(self._site.agents)

    def _fill(self, calls: int) -> None:
        """The books: agents with sessions, and the folios of the calls that will ring at the browser's desk."""
        from sqlalchemy import insert

        from desk.accounts.passwords import digest, new_token
        from desk.accounts.tables import desk_sessions, desk_users
        from storage.engine import Database
        from storage.migrate import upgrade
        from ticketing.folios import FolioBook, Report
        url = f'sqlite:///{self._folder}/mesa.db'
        upgrade(url)
        now = datetime.now(UTC)
        self._tokens = {login: new_token() for login in self._logins()}
        db = Database(url, patience_s=20)
        with db.write() as connection:
            connection.execute(insert(desk_users), [
                {'login': login, 'name': login, 'role': 'agent', 'password': '-', 'created_at': now, 'changed_at': now}
                for login in self._tokens])
            connection.execute(insert(desk_sessions), [
                {'token_sha256': digest(token), 'login': login, 'address': '127.0.0.1', 'created_at': now, 'seen_at': now}
                for login, token in self._tokens.items()])
        book, users = FolioBook(db), self._site.clients['nopalera'].users
        for number in range(calls):
            user = users[number % len(users)]
            report = Report(line=LINE, client='nopalera', modality='standard', clock_starts=now, rule='bench', call=f'bench-{number}',
                            employee_number=user.employee_number, user_name=user.name, caller_number='+525555550101')
            self._folios.append((f'bench-{number}', book.open(report, now).number))
        db.close()

    async def _browser_desk(self, browser: Any) -> Any:
        context = await browser.new_context(viewport={'width': 1366, 'height': 768}, locale='es-MX')
        await context.add_cookies([{'name': 'mesa', 'value': self._tokens[self._logins()[0]], 'url': f'http://127.0.0.1:{self._port}'}])
        page = await context.new_page()
        await page.add_init_script(WATCH)
        await page.goto(f'http://127.0.0.1:{self._port}/agente')
        await page.locator('#puesto > *').first.wait_for(state='attached')
        return page

    async def _ring(self, page: Any) -> float:
        """Milliseconds from the event to the frame with its card."""
        linkedid, number = self._folios[self._calls]
        self._calls += 1
        for _ in range(ELSEWHERE if self._desks > 1 else 0):
            elsewhere = self._dice.randrange(1, self._desks)
            self._call(elsewhere, f'far-{self._calls}-{elsewhere}-{_}')
            await asyncio.sleep(EVERY_S / ELSEWHERE)
        at = time()
        self._call(0, linkedid)
        painted = await page.evaluate('(number) => window.painted(number)', number)
        self._end(0, linkedid)
        await asyncio.sleep(EVERY_S)
        return float(painted) - at * 1000

    def _call(self, agent: int, linkedid: str) -> None:
        login = self._logins()[agent]
        self._rung[login].add(linkedid)
        self._ami.say(RINGS.format(extension=self._site.agents[login].extension, linkedid=linkedid, login=login))
        if agent:
            self._end(agent, linkedid)

    def _end(self, agent: int, linkedid: str) -> None:
        extension = self._site.agents[self._logins()[agent]].extension
        self._ami.say(ENDS.format(extension=extension, linkedid=linkedid))

    async def _read(self, login: str) -> None:
        """A desk that reads its stream as a browser does."""
        reader, writer = await asyncio.open_connection('127.0.0.1', self._port)
        writer.write(f'GET /eventos HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nCookie: mesa={self._tokens[login]}\r\n\r\n'.encode())
        with suppress(ConnectionError):
            while line := await reader.readline():
                if line.startswith(b'event: seat'):
                    state = json.loads((await reader.readline()).partition(b'data: ')[2])
                    call = state['call']
                    if call is None and login not in self._ready:
                        self._ready.add(login)
                    elif call is not None and call['linkedid'] not in self._rung[login]:
                        self._strays += 1

    async def _all_reading(self) -> None:
        for _ in range(600):
            if len(self._ready) >= self._desks - 1:
                return
            await asyncio.sleep(0.1)
        raise Complaint(f'only {len(self._ready)} of {self._desks - 1} desks were connected within a minute')


def _kilobytes(pid: int) -> float:
    """What a process keeps in memory of its own."""
    lines = Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines()
    return sum(float(line.split()[1]) for line in lines if line.startswith(('Private_Dirty', 'Private_Clean')))


# The frame after the next one is the first that can show what is in the document now.
WATCH = """
window.painted = (number) => new Promise((done) => {
  const seen = () => document.querySelector('.pop .folio')?.textContent.includes(number);
  const told = () => requestAnimationFrame(() => { const at = performance.timeOrigin + performance.now(); setTimeout(() => done(at), 0); });
  if (seen()) { told(); return; }
  const observer = new MutationObserver(() => { if (seen()) { observer.disconnect(); told(); } });
  observer.observe(document.documentElement, {childList: true, subtree: true});
});
"""
RINGS = """Event: DialBegin
Privilege: call,all
Channel: PJSIP/trunk-demo-0000aaaa
CallerIDNum: 5555550101
CallerIDName: <unknown>
Uniqueid: {linkedid}
Linkedid: {linkedid}
DestChannel: PJSIP/{extension}-0000bbbb
DestCallerIDNum: {extension}
DestCallerIDName: {login}
DestUniqueid: {linkedid}.{extension}
DestLinkedid: {linkedid}
DialString: PJSIP/{extension}"""
ENDS = """Event: Hangup
Privilege: call,all
Channel: PJSIP/{extension}-0000bbbb
CallerIDNum: {extension}
CallerIDName: <unknown>
Uniqueid: {linkedid}.{extension}
Linkedid: {linkedid}
Cause: 16
Cause-txt: Normal Clearing"""
