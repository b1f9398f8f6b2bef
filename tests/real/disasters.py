"""What can happen to Mesa and to its database, and what a caller hears meanwhile.

Every disaster is a context manager: it has happened when the block begins, and when it ends Mesa serves again.
"""
from __future__ import annotations

import os
import select
import signal
import socket
import sqlite3
import threading
import time
import wave
from array import array
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import select as query
from sqlalchemy.engine import make_url

from ami_listener.call_log import TIE_MESSAGE, CallLog, CallRecord
from ami_listener.tables import call_duties
from callcenter.caller import Caller
from callcenter.following import Answered, Dialled, Ended, Happening, Pressed, Spoken
from callcenter.listening import FellBack, Queued, Recording
from callcenter.outcome import AUDIBLE
from callcenter.phone import PhoneEvent
from callcenter.services import serving_file
from storage.engine import Database
from tests.databases import PostgresServer
from tests.real.instance import RealMesa
from tests.real.phones import exchange
from tests.site_copies import edit
from ticketing.folios import Folio, FolioBook
from ticketing.tables import folio_files, folios

AGAIN_S = 40.0                                         # until Mesa serves again; its supervisor waits longer after every fall
WINDOW_S = 0.01
BEAT_S = 0.04
LINGER_S = 1.5                                         # what a caller still hears of the queue
Value = TypeVar('Value')

NOW = '2026-11-24T08:30'                               # a Tuesday: half past eight in Mexico City, half past six in Tijuana
OPEN, OPEN_PREMIUM, OPEN_VIP, OPEN_FAX, CLOSED = '8005550101', '8005550102', '8005550103', '8005550105', '8005550201'
DIRECTOR = '5555550111'                                # a VIP of La Nopalera
STANDARD, PREMIUM, VIP = 'nopalera-standard', 'nopalera-premium', 'nopalera-vip'


def one_open_one_closed(site: Path) -> None:
    """La Nopalera's hours are Mexico City's, Quetzal's are Tijuana's; and each agent serves one queue."""
    quetzal = site / 'clients' / 'quetzal.toml'
    quetzal.write_text(quetzal.read_text().replace('calendar = "mx-5x12"', 'calendar = "tijuana-5x12"'))
    edit(site, 'agents.toml', 'queues = ["nopalera-standard", "nopalera-premium", "nopalera-vip", "quetzal-standard", "quetzal-vip"]',
         'queues = ["nopalera-standard"]')
    edit(site, 'agents.toml', 'queues = ["nopalera-standard", "nopalera-vip", "quetzal-premium", "quetzal-vip"]',
         'queues = ["nopalera-vip"]')
    edit(site, 'agents.toml', 'queues = ["nopalera-premium", "nopalera-vip", "quetzal-standard", "quetzal-premium", "quetzal-vip"]',
         'queues = ["nopalera-premium", "quetzal-standard", "quetzal-premium", "quetzal-vip"]')


def until(what: str, look: Callable[[], Value | None], within_s: float = 20.0) -> Value:
    """The first answer that is not None or False; AssertionError when there is none in time."""
    deadline = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < deadline, f'{what}: not within {within_s:g} s'
        time.sleep(0.05)                               # between two looks, not instead of one
    return found


# --- disasters ---------------------------------------------------------------------------------------------------


@contextmanager
def unsupervised(mesa: RealMesa) -> Iterator[None]:
    """Nobody starts Mesa again: its supervisor sleeps."""
    supervisor = mesa.supervisor
    os.kill(supervisor, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(supervisor, signal.SIGCONT)


@contextmanager
def killed(mesa: RealMesa) -> Iterator[None]:
    """Mesa killed with -9, and nobody starts it again for as long as the block lasts."""
    before = mesa.pids['mesa']
    with unsupervised(mesa):
        kill(before)
        yield
    serves_again(mesa, before)


def kill(pid: int) -> None:
    """Kill a process with -9 and wait until it is dead."""
    handle = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    assert select.select([handle], [], [], 10)[0], f'process {pid} survives SIGKILL'
    os.close(handle)


def serves_again(mesa: RealMesa, before: int) -> None:
    """Wait until another process than `before` takes calls."""
    until('Mesa serves again', lambda: mesa.pids.get('mesa') not in (None, before) and _serves(mesa), AGAIN_S)


@contextmanager
def asleep(mesa: RealMesa) -> Iterator[None]:
    """Mesa stopped by SIGSTOP: its port takes connections and says nothing. Then it goes on, unless it was killed meanwhile.

    It is stopped between two of its transactions: an SQLite file would stay locked for everybody else.
    """
    handle = os.pidfd_open(mesa.pids['mesa'])
    books = Database(mesa.database_url, patience_s=20.0)
    with books.write():
        signal.pidfd_send_signal(handle, signal.SIGSTOP)
    books.close()
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGCONT)
        os.close(handle)


@contextmanager
def write_locked(mesa: RealMesa) -> Iterator[None]:
    """Somebody else holds the write lock of the SQLite database."""
    holder = sqlite3.connect(str(make_url(mesa.database_url).database), isolation_level=None)
    try:
        holder.execute('BEGIN IMMEDIATE')
        yield
        holder.execute('ROLLBACK')
    finally:
        holder.close()


@contextmanager
def black_hole(mesa: RealMesa) -> Iterator[None]:
    """Mesa is dead, and connections to its AGI port are neither taken nor refused: the queue of its listener is full."""
    with killed(mesa), ExitStack() as sockets:
        address = (mesa.place.agi_host, mesa.place.ports.agi)
        listener = sockets.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(0)
        while _takes(sockets, address):
            pass
        yield


@contextmanager
def says_and_stops(mesa: RealMesa, words: bytes) -> Iterator[None]:
    """In place of a dead Mesa a peer that says this to the first caller, and nothing more, without ever hanging up."""
    listener = socket.create_server((mesa.place.agi_host, mesa.place.ports.agi))
    listener.settimeout(20)

    def speak() -> None:
        with listener.accept()[0] as peer:
            heard = b''
            while not heard.endswith(b'\n\n'):
                heard += peer.recv(4096)
            peer.sendall(words)
            while peer.recv(4096):
                pass
    with listener, ThreadPoolExecutor(1) as pool:
        spoken = pool.submit(speak)
        yield
        spoken.result(20)


@contextmanager
def dead(server: PostgresServer) -> Iterator[None]:
    """PostgreSQL stopped as by `pg_ctl stop -m immediate`."""
    os.kill(server.pid, signal.SIGQUIT)
    server.stop()
    try:
        yield
    finally:
        server.start()


def _takes(sockets: ExitStack, address: tuple[str, int]) -> bool:
    trial = sockets.enter_context(socket.socket())
    trial.settimeout(0.3)
    try:
        trial.connect(address)
    except TimeoutError:
        return False
    return True


def _serves(mesa: RealMesa) -> bool:
    try:
        told = serving_file(mesa.root).read_text()
    except FileNotFoundError:
        return False
    if f'"pid": {mesa.pids.get("mesa")},' not in told:
        return False
    with socket.socket() as trial:
        return trial.connect_ex((mesa.place.agi_host, mesa.place.ports.agi)) == 0


# --- the caller --------------------------------------------------------------------------------------------------


class Ear(Caller):
    """A caller who is recorded and who notices when it rings."""

    def __init__(self, mesa: RealMesa, number: str, from_: str, wav: Path | None = None) -> None:
        super().__init__(exchange(mesa.instance), number, from_, wav=wav)
        self._recording = wav
        self.rang_at: float | None = None

    def _read(self, item: Any) -> Any:
        if isinstance(item, PhoneEvent) and item.facts.get('state') == 'EARLY':
            self.rang_at = item.at
        return super()._read(item)

    @property
    def wav(self) -> Path:
        """What is heard; whole when the telephone has been put away."""
        assert self._recording is not None, 'this caller is not recorded'
        return self._recording

    def at(self, kind: type[Happening]) -> float | None:
        """When the first happening of a kind came."""
        return next((happening.at for happening in self.story if isinstance(happening, kind)), None)

    def linger(self, seconds: float = LINGER_S) -> None:
        """Listen on."""
        deadline = time.monotonic() + seconds
        while (happening := self.next(deadline)) is not None:
            assert not isinstance(happening, Ended), f'the call was dropped:\n{self.told()}'

    def leave(self) -> None:
        """Hang up and see the call end."""
        self.hang_up()
        self.finish()

    def close(self) -> None:
        """Put the telephone away; only then is the recording whole."""
        self.__exit__(None, None, None)


@dataclass(frozen=True)
class Experience:
    """What a caller went through. Seconds; None: it did not happen."""

    rang_s: float | None                               # from the INVITE to the ringing
    answer_s: float                                    # from the INVITE to the answer
    sound_s: float                                     # from the answer to the first sound
    silence_s: float                                   # the longest silence from the answer to a moment after the queue or the last word
    told: str

    @property
    def first_s(self) -> float:
        """Seconds from the INVITE to whatever the caller hears first; ringing counts while nobody has answered."""
        heard = self.answer_s + self.sound_s
        return heard if self.rang_s is None else min(self.rang_s, heard)


class Pulse:
    """Notices when the whole machine stands still: nobody can speak then, and nobody can be blamed."""

    def __init__(self) -> None:
        self.gaps: list[tuple[float, float]] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._beat, name='pulse')

    def __enter__(self) -> Pulse:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(10)

    def _beat(self) -> None:
        last = time.monotonic()
        while not self._stopping.wait(BEAT_S):
            now = time.monotonic()
            if now - last > 5 * BEAT_S:
                self.gaps.append((last, now))
            last = now


def experience(ear: Ear, since: float | None = None, pulse: Pulse | None = None) -> Experience:
    """Measure a call that is over, in its recording. `since` (monotonic): silences before it are the caller's own."""
    dialled, answered = ear.at(Dialled), ear.at(Answered)
    assert dialled is not None and answered is not None, f'never answered:\n{ear.told()}'
    sounds = sound_spans(ear.wav)
    assert sounds, f'nothing was heard:\n{ear.told()}'
    queued = ear.at(Queued)
    end = min([length_of(ear.wav), *([] if queued is None else [queued + LINGER_S - answered])])
    own = [(at - answered, until_ - answered) for at, until_ in (*own_silences(ear, since), *(pulse.gaps if pulse else ()))]
    began, silence = longest_silence(sorted([*sounds, *own]), end)
    told = (f'{ear.told()}\nThe longest silence began {began + answered - dialled:.2f} s after the INVITE; the machine stood still at '
            f'{[(round(a - dialled, 2), round(b - dialled, 2)) for a, b in (pulse.gaps if pulse else ())]}')
    return Experience(None if ear.rang_at is None else ear.rang_at - dialled, answered - dialled, sounds[0][0], silence, told)


def own_silences(ear: Ear, since: float | None) -> list[tuple[float, float]]:
    """When the caller himself was to speak or to press keys: not before `since`, and while he was recorded."""
    spans = [] if since is None else [(0.0, since)]
    for happening in ear.story:
        if isinstance(happening, Recording):
            pressed = [other.at for other in ear.story if isinstance(other, Pressed) and other.at > happening.at]
            spans.append((happening.at, pressed[0] if pressed else float('inf')))
    return spans


def sound_spans(wav: Path) -> list[tuple[float, float]]:
    """When something can be heard in a recording, in seconds from its beginning."""
    with wave.open(str(wav)) as sound:
        samples = array('h', sound.readframes(sound.getnframes()))
        step = int(sound.getframerate() * WINDOW_S)
    spans: list[tuple[float, float]] = []
    for n in range(0, len(samples), step):
        if max(map(abs, samples[n:n + step])) > AUDIBLE:
            at = n / step * WINDOW_S
            if spans and at - spans[-1][1] < WINDOW_S / 2:
                spans[-1] = (spans[-1][0], at + WINDOW_S)
            else:
                spans.append((at, at + WINDOW_S))
    return spans


def longest_silence(spans: list[tuple[float, float]], end: float) -> tuple[float, float]:
    """When the longest time in [0, end) without a sound began, and how long it was; spans are in order of their beginning."""
    found = [(0.0, 0.0)]
    heard_until = 0.0
    for begin, stop in [*spans, (end, end)]:
        found.append((heard_until, min(begin, end) - heard_until))
        heard_until = max(heard_until, stop)
    return max(found, key=lambda silence: silence[1])


def length_of(wav: Path) -> float:
    """Seconds of a recording."""
    with wave.open(str(wav)) as sound:
        return sound.getnframes() / sound.getframerate()


def linkedid(ear: Ear) -> str:
    """Asterisk's name of the call."""
    assert ear.linkedid is not None, f'Asterisk never saw this call:\n{ear.told()}'
    return ear.linkedid


def fell_back(ear: Ear) -> bool:
    """Whether the dialplan alone served the call."""
    return ear.at(FellBack) is not None


def last_press(ear: Ear) -> float:
    """When the caller last pressed a key."""
    return max(happening.at for happening in ear.story if isinstance(happening, Pressed))


# --- what callers do ---------------------------------------------------------------------------------------------


def reach_menu(ear: Ear) -> None:
    """Listen to the menu."""
    ear.dial()
    ear.expect_prompt('mesa/menu-new')


def reach_closed_menu(ear: Ear) -> None:
    """Hear that it is closed, and what can be done."""
    ear.dial()
    ear.expect_prompt('mesa/closed-menu')


def reach_queue(ear: Ear) -> None:
    """Ask for an agent and wait."""
    reach_menu(ear)
    ear.press('0')
    ear.expect_prompt('mesa/your-folio')
    ear.press('9')
    ear.expect(Queued)


def say_something(ear: Ear) -> None:
    """Speak, and end with the key."""
    ear.speak(2.0)
    ear.expect(Spoken)
    ear.press('#')


def together(*work: tuple[Callable[[Ear], None], Ear]) -> None:
    """Let several callers do something at the same time."""
    with ThreadPoolExecutor(len(work)) as pool:
        for done in [pool.submit(act, ear) for act, ear in work]:
            done.result()


def vip(ear: Ear) -> None:
    """As a director: straight to an agent of the VIPs."""
    ear.dial()
    ear.expect_prompt('mesa/your-folio')
    ear.press('9')
    assert ear.expect(Queued).queue == VIP


# --- the books ---------------------------------------------------------------------------------------------------


class Books:
    """The database of an instance, read beside it."""

    def __init__(self, mesa: RealMesa) -> None:
        self.db = Database(mesa.database_url, patience_s=20.0)
        self.folios = FolioBook(self.db)
        self.calls = CallLog(self.db)

    def ended(self, linkedid: str, within_s: float = 30.0) -> CallRecord:
        """The call's record once it is over, has its folio if it deserves one, and is marked abandoned if it was."""
        return until(f'call {linkedid} is in the books', lambda: self._done(linkedid), within_s)

    def only_folio(self, linkedid: str) -> Folio:
        """The call's one folio."""
        with self.db.read() as connection:
            numbers = connection.scalars(query(folios.c.number).where(folios.c.linkedid == linkedid)).all()
        assert len(numbers) == 1, f'call {linkedid} has {len(numbers)} folios'
        folio = self.folios.get(numbers[0])
        assert folio is not None
        return folio

    def seconds_attached(self, number: str) -> list[int]:
        """The lengths of the files that hang on a folio."""
        with self.db.read() as connection:
            return list(connection.scalars(
                query(folio_files.c.seconds).join(folios, folios.c.id == folio_files.c.folio_id).where(folios.c.number == number)))

    def last_of(self, line: str) -> CallRecord | None:
        """The newest call to a line."""
        return next((call for call in self.calls.list() if call.line == f'+52{line}'), None)

    def close(self) -> None:
        """Let go of the database."""
        self.db.close()

    def _done(self, linkedid: str) -> CallRecord | None:
        record = self.calls.get(linkedid)
        if record is None or record.ended is None:
            return None
        with self.db.read() as connection:
            owed = connection.scalar(query(call_duties.c.id).where(
                call_duties.c.linkedid == linkedid, call_duties.c.done.is_(None), call_duties.c.duty != TIE_MESSAGE))
        return record if owed is None else None
