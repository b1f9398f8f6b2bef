"""The call log when nobody listened: the AMI link cut under calls, Mesa dead for a minute, Mesa killed again and again.

What it must equal is Asterisk's own call records, call for call; nothing of ours is made from them.
"""
from __future__ import annotations

import csv
import os
import random
import re
import select
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest

from ami_listener.call_log import CallRecord, Leg
from callcenter.following import Ended
from callcenter.listening import FolioNamed, Met, Queued, Recording
from callcenter.outcome import Outcome
from tests.real.disasters import (
    CLOSED,
    DIRECTOR,
    NOW,
    OPEN,
    OPEN_FAX,
    OPEN_PREMIUM,
    OPEN_VIP,
    Books,
    Ear,
    asleep,
    killed,
    linkedid,
    one_open_one_closed,
    reach_closed_menu,
    reach_menu,
    reach_queue,
    say_something,
    until,
    vip,
)
from tests.real.instance import RealMesa
from tests.real.phones import agent, call

pytestmark = pytest.mark.timeout(300)                  # a minute is cut off, and Mesa is started anew around it
CUT_S = 60.0
STAMPS_S = 0.02                                        # a record and a channel event of one happening are stamped one after the other
FIELDS = ('linkedid', 'uniqueid', 'sequence', 'channel', 'peer', 'src', 'dst', 'context', 'application', 'data', 'start', 'answer', 'end',
          'duration', 'billsec', 'disposition', 'userfield')
CALLS, AT_ONCE, KILLS, SEED = 12, 6, 3, 20261124
MANY_CALLS, MANY_KILLS = 30, 8

LOGINS = 3                                             # the listener's, the dialer's and the desk's


class ManagerProxy:
    """Stands between Mesa and Asterisk's manager interface; while it is cut, nothing comes through and nobody is told."""

    def __init__(self, port: int) -> None:
        self._target = ('127.0.0.1', port)
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.port: int = self._listener.getsockname()[1]
        self._cut = threading.Event()
        self._stopping = threading.Event()
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._held: list[socket.socket] = []
        self.logins = 0
        self.kept_waiting = 0
        self._thread = threading.Thread(target=self._run, name='manager-proxy')
        self._thread.start()

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Let nothing through; what is connected stays so, and what connects is not answered. Afterwards only new connections work."""
        self._cut.set()
        yield
        self._cut.clear()

    def close(self) -> None:
        """End the thread and every connection."""
        self._stopping.set()
        self._thread.join(10)

    def _run(self) -> None:
        while not self._stopping.is_set():
            cut = self._cut.is_set()
            if cut:
                self._hold(*self._pairs)
            elif self._held:
                self._drop(*self._held)
            readable, _, _ = select.select([self._listener, *self._pairs], [], [], 0.05)
            for ready in readable:
                if ready is self._listener:
                    self._accept(ready.accept()[0], cut)
                else:
                    self._pass_on(ready)
        self._drop(*self._pairs, *self._held, self._listener)

    def _accept(self, ours: socket.socket, cut: bool) -> None:
        if cut:
            self.kept_waiting += 1
            self._held.append(ours)
            return
        theirs = socket.create_connection(self._target)
        self._pairs |= {ours: theirs, theirs: ours}
        self.logins += 1

    def _pass_on(self, sender: socket.socket) -> None:
        receiver = self._pairs.get(sender)
        if receiver is None:
            return
        with suppress(OSError):
            data = sender.recv(65536)
            if data:
                receiver.sendall(data)
                return
        del self._pairs[sender], self._pairs[receiver]
        self._drop(sender, receiver)

    def _hold(self, *sockets: socket.socket) -> None:
        self._held += sockets
        self._pairs.clear()

    def _drop(self, *sockets: socket.socket) -> None:
        for one in sockets:
            one.close()
        self._held.clear()


@pytest.fixture(scope='module')
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealMesa]:
    instance = RealMesa(tmp_path_factory.mktemp('jg'), one_open_one_closed, NOW)
    yield instance
    instance.stop()


@pytest.fixture
def books(office: RealMesa) -> Iterator[Books]:
    open_books = Books(office)
    yield open_books
    open_books.close()


@pytest.fixture
def proxy(office: RealMesa) -> Iterator[ManagerProxy]:
    """Mesa, started anew, asks the manager through the proxy; Asterisk itself stays where it was."""
    between = ManagerProxy(office.place.ports.ami)
    file = office.root / 'instance.toml'
    usual = file.read_text()
    file.write_text(re.sub(r'^ami = \d+$', f'ami = {between.port}', usual, flags=re.MULTILINE))
    log = office.root / 'log' / 'mesa.log'
    told_before = log.stat().st_size
    restart(office)
    until('Mesa is at the manager', lambda: log.read_bytes()[told_before:].count(b'AMI link up') >= LOGINS and between.logins >= LOGINS, 60)
    yield between
    file.write_text(usual)
    restart(office)
    between.close()


def restart(mesa: RealMesa) -> None:
    """Kill Mesa and wait for the next one."""
    with killed(mesa):
        pass


def link_is(mesa: RealMesa, state: str) -> bool:
    """What Mesa's log said last of the listener's link."""
    told = re.findall(r'ami_listener\.service: AMI link (\w+)', (mesa.root / 'log' / 'mesa.log').read_text())
    return bool(told) and told[-1] == state


# --- a dozen calls of all kinds ----------------------------------------------------------------------------------


def abandons(ear: Ear) -> None:
    """Wait in the queue and give up."""
    reach_queue(ear)
    ear.linger()
    ear.leave()


def hangs_up_in_menu(ear: Ear) -> None:
    """Hang up at the menu."""
    reach_menu(ear)
    ear.leave()


def hangs_up_with_folio(ear: Ear) -> None:
    """Hang up when the folio is open and the queue is not reached."""
    reach_menu(ear)
    ear.press('1')
    ear.expect_prompt('mesa/category-intro')
    ear.leave()


def talks(ear: Ear) -> None:
    """Be answered, talk, and hang up."""
    reach_queue(ear)
    ear.expect(Met, 30)
    ear.linger()
    ear.leave()


def asks_status(number: str) -> Callable[[Ear], None]:
    """Ask for the state of a folio and say good-bye."""
    def ask(ear: Ear) -> None:
        reach_menu(ear)
        ear.press('2')
        ear.expect_prompt('mesa/ask-folio')
        ear.press(number)
        ear.expect_prompt('mesa/after-status')
        ear.press('9')
        ear.expect(Ended)
        ear.finish()
    return ask


def says_goodbye_when_closed(ear: Ear) -> None:
    """Hear that it is closed and end the call by key."""
    reach_closed_menu(ear)
    ear.press('9')
    ear.expect(Ended)
    ear.finish()


def leaves_message(ear: Ear) -> None:
    """Leave a voice message with Mesa."""
    reach_closed_menu(ear)
    ear.press('1')
    ear.expect_prompt('mesa/privacy-message')
    ear.press('1')
    ear.expect(Recording)
    say_something(ear)
    ear.expect_prompt('mesa/your-folio')
    ear.leave()


def is_refused(ear: Ear) -> None:
    """Not be answered at all."""
    ear.dial()
    ear.expect(Ended)


def is_served_by_the_dialplan(ear: Ear) -> None:
    """Be queued by the fallback and give up."""
    ear.dial()
    ear.expect(Queued, 15)
    ear.linger()
    ear.leave()


SHORT_CALLS = (
    (hangs_up_in_menu, OPEN, '5555550102'),
    (hangs_up_with_folio, OPEN, '5555550103'),
    (leaves_message, CLOSED, '5555551101'),
    (says_goodbye_when_closed, CLOSED, '5555551102'),
    (is_refused, OPEN_FAX, '5555550104'),
    (is_refused, '8005559999', '5555550104'),
)


def a_dozen_calls(mesa: RealMesa, books: Books) -> None:
    """Calls of every kind, some at the same time."""
    with ThreadPoolExecutor(6) as pool:
        def place(act: Callable[[Ear], None], line: str, from_: str) -> Ear:
            with Ear(mesa, line, from_) as ear:
                act(ear)
            return ear
        first = pool.submit(place, abandons, OPEN, '5555550101')
        going = [pool.submit(place, *case) for case in SHORT_CALLS]
        with agent(mesa.instance, 'carla', auto_answer_s=0.3) as carla, agent(mesa.instance, 'beto') as beto:
            talking = pool.submit(place, talks, OPEN_PREMIUM, '5555550105')
            with Ear(mesa, OPEN_VIP, DIRECTOR) as director:
                vip(director)
                beto.expect_ring()
                beto.refuse()                          # and rings again, until he answers and hangs up himself
                beto.expect_ring()
                beto.answer()
                director.expect(Met)
                beto.hang_up()
                director.expect(Ended)
                director.finish()
            talking.result()
            carla.expect_over()
            with Ear(mesa, OPEN_VIP, DIRECTOR) as impatient:
                vip(impatient)
                beto.expect_ring()
                impatient.leave()                      # while the agent's telephone rings
        number = next(happening.number for happening in first.result().story if isinstance(happening, FolioNamed))
        going.append(pool.submit(place, asks_status(number), OPEN, '5555550101'))
        for one in going:
            one.result()
        with asleep(mesa):
            place(is_served_by_the_dialplan, OPEN, '5555550106')


# --- the comparison ----------------------------------------------------------------------------------------------


def records_of(mesa: RealMesa) -> list[dict[str, str]]:
    """Asterisk's own call records so far."""
    with (mesa.place.asterisk_log / 'cdr-custom' / 'mesa.csv').open(newline='') as file:
        return [dict(zip(FIELDS, record, strict=True)) for record in csv.reader(file)]


def calls_of(books: Books) -> Mapping[str, CallRecord]:
    """The call log by linkedid."""
    return {record.linkedid: record for record in books.calls.list(limit=10_000)}


def all_told(mesa: RealMesa, books: Books) -> bool:
    """Whether the call log knows every call of Asterisk's and that it is over."""
    told = calls_of(books)
    return all(linked in told and told[linked].ended for linked in {record['linkedid'] for record in records_of(mesa)})


def insist_on_equal(mesa: RealMesa, books: Books) -> int:
    """Compare the call log with Asterisk's call records, leg for leg; returns how many calls there were."""
    until('every call is in the call log', lambda: all_told(mesa, books), 30)
    records, told = records_of(mesa), calls_of(books)
    assert set(told) == {record['linkedid'] for record in records}
    for linked, log in told.items():
        own = sorted((record for record in records if record['linkedid'] == linked), key=lambda record: float(record['start']))
        assert [identity(leg) for leg in log.legs] == [
            (record['uniqueid'], record['channel'], record['peer'], record['disposition']) for record in own], linked
        for leg, record in zip(log.legs, own, strict=True):
            differences = [(name, ours, theirs) for name, ours, theirs in compared(leg, record) if not agree(name, ours, theirs, record)]
            assert differences == [], f'call {linked}: {differences}'
    return len(told)


def identity(leg: Leg) -> tuple[str, str, str, str | None]:
    return leg.uniqueid, leg.channel, leg.peer, leg.disposition


def compared(leg: Leg, record: Mapping[str, str]) -> list[tuple[str, float, float]]:
    """What is compared: name, our value, Asterisk's value, in seconds; 0 is never."""
    ours = {'start': leg.started, 'answer': leg.answered, 'end': leg.ended}
    stamps = [(name, moment.timestamp() if moment else 0.0, float(record[name])) for name, moment in ours.items()]
    return [*stamps, ('duration', leg.duration_s or 0, int(record['duration'])), ('billsec', leg.billsec_s or 0, int(record['billsec']))]


def agree(name: str, ours: float, theirs: float, record: Mapping[str, str]) -> bool:
    """Instants agree within the stamps' distance; whole seconds exactly, unless that distance lies across a full second."""
    if name not in ('duration', 'billsec') or ours == theirs:
        return abs(ours - theirs) <= STAMPS_S
    since = float(record['start' if name == 'duration' else 'answer'])
    exact = float(record['end']) - since
    return abs(ours - theirs) == 1 and abs(exact - round(exact)) <= STAMPS_S


# --- the tests ---------------------------------------------------------------------------------------------------


def test_the_link_is_cut_for_a_minute_under_a_dozen_calls(office: RealMesa, books: Books, proxy: ManagerProxy) -> None:
    began, logins = time.monotonic(), proxy.logins
    with proxy.cut():
        a_dozen_calls(office, books)
        until('Mesa has noticed', lambda: link_is(office, 'down') and proxy.kept_waiting > 0, CUT_S)
        until('the minute is over', lambda: time.monotonic() - began >= CUT_S, CUT_S)
    until('the link is back', lambda: link_is(office, 'up') and proxy.logins > logins, 60)
    assert insist_on_equal(office, books) >= 12
    told = Counter(record.disposition for record in calls_of(books).values())
    assert set(told) == {'abandoned', 'answered', 'hung_up', 'goodbye', 'voice_message', 'fax_unavailable', 'failed'}
    fallback = [record for record in calls_of(books).values() if record.is_fallback]
    assert len(fallback) == 1 and books.ended(fallback[0].linkedid).folio == books.only_folio(fallback[0].linkedid).number


def session_of(office: RealMesa, user: str) -> str | None:
    """The number of a manager session; the console lists none while one is just coming or going."""
    sessions = [line.split() for line in office.asterisk_cli('manager show connected').splitlines()]
    return next((columns[4] for columns in sessions if columns[:1] == [user]), None)


def test_asterisk_ends_the_session(office: RealMesa, books: Books) -> None:
    until('the link is up', lambda: link_is(office, 'up'))
    session = until('the session is listed', lambda: session_of(office, 'mesa'))
    log = office.root / 'log' / 'mesa.log'
    before = log.read_text().count('AMI link up')
    office.asterisk_cli(f'manager kick session {session}')
    with Ear(office, OPEN, '5555550107') as ear:
        abandons(ear)
    until('the link is back', lambda: log.read_text().count('AMI link up') > before)
    assert books.ended(linkedid(ear)).disposition == 'abandoned'
    insist_on_equal(office, books)


@pytest.mark.long
def test_mesa_is_dead_for_a_minute_under_calls(office: RealMesa, books: Books) -> None:
    before = len(calls_of(books))
    with killed(office):
        began = time.monotonic()
        with ThreadPoolExecutor(6) as pool:
            def place(number: int) -> str:
                with Ear(office, OPEN, f'55555501{number:02}') as ear:
                    is_served_by_the_dialplan(ear)
                return linkedid(ear)
            placed = list(pool.map(place, range(21, 33)))
        until('the minute is over', lambda: time.monotonic() - began >= CUT_S, CUT_S)
    assert insist_on_equal(office, books) == before + len(placed)
    for linked in placed:
        assert books.ended(linked).folio == books.only_folio(linked).number
        assert books.only_folio(linked).abandoned_at is not None


@pytest.mark.parametrize(('calls', 'most'), [(CALLS, KILLS), pytest.param(MANY_CALLS, MANY_KILLS, marks=pytest.mark.long)])
def test_killed_again_and_again_under_calls(office: RealMesa, books: Books, calls: int, most: int) -> None:
    chance = random.Random(SEED)
    over = threading.Event()
    kills: list[int] = []

    def kill_now_and_then() -> None:
        while len(kills) < most and not over.wait(chance.uniform(2, 8)):
            pid = office.pids.get('mesa')
            if pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    kills.append(pid)
    wishes = [(OPEN, '5555550121', '0,9'), (OPEN, '5555550122', '1,1,2,9'), (CLOSED, '5555551103', '1,1,#,9'), (OPEN, '5555550123', '1,h'),
              (OPEN, '5555550124', '1,1,1,1,#,9'), (OPEN_VIP, DIRECTOR, '9')]
    with ThreadPoolExecutor(AT_ONCE + 1) as pool:
        killer = pool.submit(kill_now_and_then)
        outcomes = list(pool.map(lambda n: call(office.instance, *wishes[n % len(wishes)]), range(calls)))
        over.set()
        killer.result()
    last = office.pids.get('mesa')
    until('Mesa serves', lambda: office.mesa('status').returncode == 0, 60)
    assert len(kills) >= most // 2 and last not in kills
    spoken = check_outcomes(books, outcomes)
    insist_on_equal(office, books)
    print(f'{len(kills)} kills, {calls} calls: {Counter(outcome.outcome for outcome in outcomes)}, {spoken} were told a folio')


def check_outcomes(books: Books, outcomes: list[Outcome]) -> int:
    """Every call is in the call log, and every folio that a caller was told is in the book; returns how many were told one."""
    told = 0
    for outcome in outcomes:
        assert outcome.linkedid is not None
        record = books.ended(outcome.linkedid, 60)
        if outcome.folio is not None:
            told += 1
            folio = books.folios.get(outcome.folio)
            assert folio is not None, f'the caller of {outcome.linkedid} was told folio {outcome.folio}, which does not exist'
            assert record.folio == outcome.folio
            assert books.only_folio(outcome.linkedid).number == outcome.folio
    return told
