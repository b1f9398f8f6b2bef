"""What the tests of real calls have in common: who calls, how a call is followed to a certain word, and what was written down of it."""
from __future__ import annotations

import hashlib
import math
import re
import time
import wave
from array import array
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from ami_listener.call_log import CallLog, CallRecord
from callcenter.caller import Caller
from callcenter.clock import parse_instant, set_clock, tell_asterisk
from callcenter.following import Ended, Happening, Spoken
from callcenter.listening import Gone, Met, Prompted, Queued, Recording
from callcenter.outcome import Outcome
from config.phones import national
from config.values import User
from storage.engine import Database
from tests.real.instance import RealMesa
from tests.real.phones import call, caller
from ticketing.folios import Entry, EntryKind, Folio, FolioBook
from ticketing.numbers import number_for
from ticketing.sessions import CallNote, CallNotes

TUESDAY = '2026-11-24T10:00'                           # open everywhere; what the shared instance stands at
NOPALERA, NOPALERA_PREMIUM, NOPALERA_VIP, NOPALERA_VIP_2 = '8005550101', '8005550102', '8005550103', '8005550104'
QUETZAL, QUETZAL_PREMIUM, QUETZAL_VIP = '8005550201', '8005550202', '8005550203'
NOPALERA_TRUNK, QUETZAL_TRUNK, SHARED_PHONE, FOREIGN = '5555559000', '5555559100', '5555550150', '5555557777'
BOOKS_S = 15.0                                         # until the call log has read the journal
STEP_S = 40.0
T = TypeVar('T')


class Books:
    """What was written down of calls in an instance."""

    def __init__(self, mesa: RealMesa) -> None:
        db = Database(mesa.database_url, patience_s=20.0)
        self._mesa = mesa
        self._folios = FolioBook(db)
        self._calls = CallLog(db)
        self._notes = CallNotes(db)
        self.close = db.close

    def call(self, linkedid: str | None, folio: str | None = None) -> CallRecord:
        """A call that is over, as the call log tells it; waits until it does (and, when `folio` is given, until it knows that)."""
        assert linkedid, 'the call was never seen'
        record = eventually(
            lambda: self._calls.get(linkedid), lambda found: bool(found and found.ended and (not folio or found.folio == folio)),
            f'call {linkedid} in the call log, over, with folio {folio}')
        assert record is not None
        return record

    def is_over(self, linkedid: str | None) -> bool:
        """Whether the call log takes a call for ended now."""
        record = self._calls.get(linkedid or '')
        return record is not None and record.ended is not None

    def note(self, linkedid: str | None) -> CallNote | None:
        """What Mesa noted of a call without a folio."""
        return self._notes.get(linkedid or '')

    def folio(self, number: str | None) -> Folio:
        """A folio."""
        found = self._folios.get(number or '')
        assert found is not None, f'no folio {number}'
        return found

    def folio_of(self, linkedid: str | None) -> Folio | None:
        """The folio that a call opened or continued."""
        return self._folios.of_call(linkedid or '')

    def opened_by(self, linkedid: str | None) -> list[Folio]:
        """All folios that name a call as theirs."""
        return [folio for folio in self._folios.list(limit=100_000) if folio.report.call == linkedid]

    def abandoned(self, number: str) -> Folio:
        """A folio, once it is marked abandoned."""
        return eventually(lambda: self.folio(number), lambda folio: folio.abandoned_at is not None, f'folio {number} marked abandoned')

    def entries(self, number: str | None, kind: EntryKind | None = None) -> list[Entry]:
        """The timeline, or its entries of one kind."""
        return [entry for entry in self._folios.timeline(number or '') if kind is None or entry.kind == kind]

    def privacy(self, number: str | None) -> list[tuple[str, str]]:
        """Which privacy notices were heard, and how they were answered; each names its version."""
        entries = self.entries(number, EntryKind.PRIVACY)
        found = [re.fullmatch(r'aviso de privacidad (\S+) [0-9a-f]{8}: (\w+)', entry.text) for entry in entries]
        return [(told[1], told[2]) if told else ('?', '?') for told in found]

    def recording(self, number: str | None, kind: EntryKind) -> Path:
        """The sound file that a folio's timeline names, after a look at its digest."""
        (entry,) = self.entries(number, kind)
        named = re.fullmatch(r'(\S+) \((\d+) s, sha256 ([0-9a-f]{64})\)', entry.text)
        assert named, entry.text
        file = self._mesa.root / 'messages' / named[1]
        assert hashlib.sha256(file.read_bytes()).hexdigest() == named[3]
        return file

    def strangers(self, count: int, client: str = 'nopalera', vip: bool = False) -> list[User]:
        """So many users of a client who alone have their telephone and have not called yet."""
        users = self._mesa.instance.site().clients[client].users
        called = {record.ani for record in self._calls.list(limit=100_000)} | {
            folio.report.caller_number and national(folio.report.caller_number) for folio in self._folios.list(limit=100_000)}
        owners = [phone for user in users for phone in user.phones]
        fresh = [user for user in users if user.vip == vip and owners.count(user.phones[0]) == 1 and phone_of(user) not in called]
        assert len(fresh) >= count, f'only {len(fresh)} users of {client} have not called yet'
        return fresh[:count]


def phone_of(user: User) -> str:
    """The number that a user calls from, ten digits."""
    return national(user.phones[0]).replace(' ', '')


def eventually(look: Callable[[], T], is_so: Callable[[T], bool], what: str, within_s: float = BOOKS_S) -> T:
    """Look again and again until it is so; AssertionError after a while."""
    deadline = time.monotonic() + within_s
    while not is_so(seen := look()):
        assert time.monotonic() < deadline, f'after {within_s:g} s still not: {what}; seen last: {seen}'
        time.sleep(0.05)                               # between two looks, not instead of one
    return seen


def together(*jobs: Callable[[], T]) -> list[T]:
    """Do things at the same time; their results in order, or the first failure."""
    with ThreadPoolExecutor(len(jobs)) as pool:
        return [done.result() for done in [pool.submit(job) for job in jobs]]


def calls(mesa: RealMesa, *wanted: tuple[str, str, str], wait_s: float = 0.2) -> list[Outcome]:
    """Place calls at the same time, each (number, caller, keys)."""
    return together(*(lambda one=one: call(mesa.instance, *one, wait_s=wait_s) for one in wanted))


@contextmanager
def clock_at(mesa: RealMesa, time_: str) -> Iterator[None]:
    """The clock stands at another time for a while. As `mesa clock set` does it, but in this process: it is needed often."""
    stop_clock(mesa, time_)
    try:
        yield
    finally:
        stop_clock(mesa, TUESDAY)


def stop_clock(mesa: RealMesa, time_: str) -> None:
    instant = parse_instant(time_, mesa.instance.site().zone)
    set_clock(mesa.root, True, instant)
    tell_asterisk(mesa.place, instant)


@contextmanager
def override(mesa: RealMesa, line: str, *words: str) -> Iterator[None]:
    """An override is in force for a while: override(mesa, line, '--closed')."""
    done = mesa.mesa('line', 'override', line, *words, '--until', '2026-11-24T14:00')
    assert done.returncode == 0, done.stderr
    try:
        yield
    finally:
        assert mesa.mesa('line', 'override', line, '--cancel').returncode == 0


Where = Callable[[Happening], bool]


def prompt(name: str) -> Where:
    """When a prompt begins, alone or in a sequence."""
    return lambda happening: isinstance(happening, Prompted) and name in happening.prompts


def recording(happening: Happening) -> bool:
    """When a recording begins."""
    return isinstance(happening, Recording)


def queued(happening: Happening) -> bool:
    """When the caller waits in a queue."""
    return isinstance(happening, Queued)


def met(happening: Happening) -> bool:
    """When the caller talks with somebody."""
    return isinstance(happening, Met)


def follow(line: Caller, keys: str, until: Where, within_s: float = STEP_S) -> Happening:
    """Press one item of `keys` at each prompt that takes keys, speak and press # where a recording begins, until something happens."""
    items = iter(keys.split(',') if keys else ())
    deadline = time.monotonic() + within_s
    while (happening := line.next(deadline)) is not None:
        if until(happening):
            return happening
        match happening:
            case Prompted(takes_keys=True):
                line.press(next(items))
            case Recording():
                line.speak(2.0)
                line.expect(Spoken)
                line.press('#')
            case Ended() | Gone():
                break
    raise AssertionError(f'it did not come so far:\n{line.told()}')


def hang_up_at(mesa: RealMesa, number: str, from_: str, keys: str, until: Where, speak_s: float = 0.0) -> str:
    """Call, follow the keys, and hang up where `until` says (after having spoken for `speak_s`); the call's linkedid."""
    with caller(mesa.instance, number, from_) as line:
        line.dial()
        follow(line, keys, until)
        if speak_s:
            line.speak(speak_s)
            line.expect(Spoken)
        line.hang_up()
        line.finish()
        assert line.linkedid, line.told()
        return line.linkedid


def prompts(outcome: Outcome) -> list[str]:
    """What was heard, as sound files."""
    return [str(heard['prompt']) for heard in outcome.heard]


def words(outcome: Outcome) -> str:
    """What was heard, as text."""
    return ' '.join(str(heard['text']) for heard in outcome.heard)


def unused_number(seed: int) -> str:
    """A well-formed folio number that will not be given out for years."""
    return number_for(8_000_000 + seed)


def loudness(file: Path) -> tuple[float, float]:
    """Seconds and root mean square (of 32768) of a recording."""
    with wave.open(str(file)) as sound:
        samples = array('h', sound.readframes(sound.getnframes()))
        rate = sound.getframerate()
    return len(samples) / rate, math.sqrt(sum(sample * sample for sample in samples) / max(1, len(samples)))


def silences(file: Path, level: int = 200, window_s: float = 0.02) -> list[tuple[float, float]]:
    """Spans (from, to) in seconds in which nothing can be heard."""
    with wave.open(str(file)) as sound:
        samples = array('h', sound.readframes(sound.getnframes()))
        rate = sound.getframerate()
    size = int(rate * window_s)
    found: list[tuple[float, float]] = []
    began: float | None = None
    for at in range(0, len(samples), size):
        quiet = max(map(abs, samples[at:at + size])) < level
        if quiet and began is None:
            began = at / rate
        if not quiet and began is not None:
            found.append((began, at / rate))
            began = None
    if began is not None:
        found.append((began, len(samples) / rate))
    return found
