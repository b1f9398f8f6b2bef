"""A caller made of software: dials a number through the instance's own Asterisk, hears, presses keys, and tells how it ended."""
from __future__ import annotations

import re
import secrets
import time
import wave
from array import array
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, TypeVar

from callcenter.console import Complaint
from callcenter.listening import (
    AmiEvent,
    AmiLost,
    AskedMesa,
    Fact,
    FellBack,
    FolioNamed,
    Gone,
    HandedOver,
    ManagerLink,
    Met,
    OwnChannel,
    Prompted,
    PromptTexts,
    Queued,
    Recording,
    facts_of,
    spoken_digits,
)
from callcenter.phone import Phone, PhoneEvent, Server, loopback
from config.phones import e164
from config.values import Site

CONNECT_S = 10.0
ENDING_S = 5.0
LAST_EVENTS_S = 2.0
SPEAKS_S = 2.5
AUDIBLE = 300                                          # of 32768: far above the noise of silence, far below a voice
WINDOW = 80                                            # samples: 10 ms
NO_RESPONSE = (408, 502, 503)                          # what PJSIP itself says when nobody answers
WITHHELD = 'anonymous'
ANSWERED_CODE = 200


@dataclass(frozen=True)
class Exchange:
    """The Asterisk to call, and the address of the trunk to call from."""

    sip: Server
    ami_port: int
    probe_secret: str = field(repr=False)
    trunk_address: str = '127.0.0.2'


@dataclass(frozen=True)
class Dialled:
    """The INVITE was sent."""

    at: float


@dataclass(frozen=True)
class Answered:
    """Asterisk took the call."""

    at: float


@dataclass(frozen=True)
class Audible:
    """Something is heard for the first time."""

    at: float


@dataclass(frozen=True)
class Spoken:
    """We have finished speaking."""

    at: float


@dataclass(frozen=True)
class Pressed:
    """We pressed keys."""

    at: float
    keys: str


@dataclass(frozen=True)
class HungUp:
    """We hung up."""

    at: float


@dataclass(frozen=True)
class Ended:
    """The call is over: the last SIP code and its reason."""

    at: float
    code: int
    reason: str


Happening = Fact | Dialled | Answered | Audible | Spoken | Pressed | HungUp | Ended
H = TypeVar('H')


class Caller:
    """One call. Use it as a context manager; every wait has a deadline. Raises Complaint when Asterisk or the telephone fails."""

    def __init__(self, exchange: Exchange, number: str, caller: str, *, wav: Path | None = None,
                 tell: Callable[[Happening], None] = lambda happening: None, telephone: Callable[..., Any] = Phone) -> None:
        self._exchange = exchange
        self._telephone = telephone
        self._dialled = dial_string(number)
        self._caller = WITHHELD if caller == WITHHELD else dial_string(caller)
        self._wav = wav
        self._tell = tell
        self._inbox: SimpleQueue[Any] = SimpleQueue()
        self._ahead: deque[Happening] = deque()
        self._open = ExitStack()
        self._token = secrets.token_hex(8)
        self._own = OwnChannel(self._token, self._caller, self._dialled)
        self._link: ManagerLink
        self._phone: Phone
        self.story: list[Happening] = []

    def __enter__(self) -> Caller:
        try:
            address = loopback(self._exchange.trunk_address)
            loopback(self._exchange.sip.host)
            self._link = ManagerLink(self._exchange.sip.host, self._exchange.ami_port, self._exchange.probe_secret, self._inbox)
            self._open.callback(self._link.close)
            self._phone = self._open.enter_context(self._telephone(self._exchange.sip, address, self._caller, self._inbox))
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._open.close()

    @property
    def linkedid(self) -> str | None:
        """Asterisk's name of the whole call, as soon as it is known."""
        return self._own.linkedid

    @property
    def uniqueid(self) -> str | None:
        """Asterisk's name of the caller's channel, as soon as it is known."""
        return self._own.uniqueid

    def dial(self) -> None:
        """Send the INVITE."""
        self._phone.call(self._dialled, {'X-Mesa-Probe': self._token}, self._wav)

    def press(self, keys: str) -> None:
        """Press keys, as soon as there is sound."""
        self._phone.press(keys)
        self._inbox.put(Pressed(time.monotonic(), keys))

    def speak(self, seconds: float = SPEAKS_S) -> None:
        """Make a sound like speech; `Spoken` follows."""
        self._phone.speak(seconds)

    def hang_up(self) -> None:
        """End the call."""
        self._phone.hang_up()
        self._inbox.put(HungUp(time.monotonic()))

    def next(self, deadline: float) -> Happening | None:
        """The next thing that happens, None when nothing does until `deadline` (monotonic)."""
        while not self._ahead:
            try:
                item = self._inbox.get(timeout=max(0.0, deadline - time.monotonic()))
            except Empty:
                return None
            self._ahead.extend(self._read(item))
        happening = self._ahead.popleft()
        self._note(happening)
        return happening

    def expect(self, kind: type[H], within_s: float = 10.0, where: Callable[[H], bool] = lambda happening: True) -> H:
        """Wait for a happening of a kind; AssertionError with the story so far when the call ends or the time passes first."""
        deadline = time.monotonic() + within_s
        while (happening := self.next(deadline)) is not None:
            if isinstance(happening, kind) and where(happening):
                return happening
            if isinstance(happening, Ended):
                raise AssertionError(f'the call ended ({happening.code} {happening.reason}) before {kind.__name__}:\n{self.told()}')
        raise AssertionError(f'no {kind.__name__} within {within_s:g} s:\n{self.told()}')

    def expect_prompt(self, prompt: str, within_s: float = 20.0) -> Prompted:
        """Wait until a prompt begins (in a sequence: until the sequence begins)."""
        return self.expect(Prompted, within_s, lambda heard: prompt in heard.prompts)

    def finish(self, within_s: float = ENDING_S) -> None:
        """Take in what still happens until the call is over on both sides, or the time has passed."""
        deadline = time.monotonic() + within_s
        ended = any(isinstance(happening, Ended) for happening in self.story)
        while not ended and (happening := self.next(deadline)) is not None:
            ended = isinstance(happening, Ended)
        deadline = time.monotonic() + LAST_EVENTS_S
        # A call that is refused at once may be over on the telephone before its first event has come.
        gone = any(isinstance(happening, Gone) for happening in self.story)
        while not gone and (happening := self.next(deadline)) is not None:
            gone = isinstance(happening, Gone)

    def told(self) -> str:
        """The story so far, for a failed test."""
        start = self.story[0].at if self.story else 0.0
        return '\n'.join(f'{happening.at - start:8.2f}  {happening}' for happening in self.story)

    def _note(self, happening: Happening) -> None:
        self.story.append(happening)
        self._tell(happening)

    def _read(self, item: Any) -> Iterable[Happening]:
        match item:
            case AmiEvent():
                return [fact for event in self._own.mine(item) for fact in facts_of(event.at, event.fields)]
            case PhoneEvent():
                return read_phone(item)
            case Pressed() | HungUp():
                return [item]
            case AmiLost():
                raise Complaint('Asterisk ended its manager connection during the call: what the caller heard since then is not known.')
        raise TypeError(f'unexpected {item!r}')


def read_phone(event: PhoneEvent) -> Iterable[Happening]:
    """What a telephone's event means for the caller; most mean nothing."""
    match event.name:
        case 'invite':
            return [Dialled(event.at)]
        case 'audio':
            return [Audible(event.at)]
        case 'spoken':
            return [Spoken(event.at)]
        case 'state' if event.facts['state'] == 'CONFIRMED':
            return [Answered(event.at)]
        case 'state' if event.facts['state'].startswith('DISCONN'):
            return [Ended(event.at, event.facts['code'], event.facts['reason'])]
        case 'refused' if event.facts['command'] == 'call':
            return [Ended(event.at, NO_RESPONSE[0], event.facts['reason'])]
        case 'dead':
            raise Complaint('The telephone ended unexpectedly during the call; please place it again.')
    return []


def dial_string(number: str) -> str:
    """The number as it is dialled: digits, perhaps after a +. Complaint when it is no telephone number."""
    if e164(number) is None:
        raise Complaint(f'{number!r} is not a telephone number: write ten digits or E.164, for example 8005550101 or +528005550101.', 2)
    return re.sub(r'[^0-9+]', '', number)


def exchange_of(site: Site, host: str, sip_port: int, ami_port: int, probe_secret: str) -> Exchange:
    """How to call a site's Asterisk through its first trunk. Complaint when that is not on this machine."""
    if not site.trunks or not site.trunks[0].addresses:
        raise Complaint('This site has no trunk to call through: add one to trunks.toml, for example addresses = ["127.0.0.2"].')
    return Exchange(Server(loopback(host), sip_port), ami_port, probe_secret, loopback(site.trunks[0].addresses[0]))


class Keys:
    """The items of --keys: one for every prompt that takes keys; `w` lets a prompt pass, `h` hangs up."""

    def __init__(self, text: str) -> None:
        """Complaint for an item that is none."""
        self._items = deque(item.strip().lower() for item in text.split(',')) if text.strip() else deque[str]()
        for item in self._items:
            if not re.fullmatch(r'[0-9*#]{1,32}|w|h', item):
                raise Complaint(f'--keys: {item!r} is no item. Each is the keys for one prompt (0-9 * #), w to let a prompt pass, '
                                'or h to hang up.', 2)

    def take(self) -> str:
        """The item for the prompt that begins now; `w` when all are used."""
        return self._items.popleft() if self._items else 'w'


def converse(caller: Caller, keys: Keys, wait_s: float, timeout_s: float) -> str | None:
    """Dial and follow the keys to the end of the call; why we ended it: 'h', 'waited', 'timeout', 'not_connected', or None."""
    caller.dial()
    deadline = time.monotonic() + timeout_s
    leave_at, why = time.monotonic() + CONNECT_S, 'not_connected'
    at_recording = 'w'
    while (happening := caller.next(min(deadline, leave_at))) is not None:
        match happening:
            case Prompted(takes_keys=True):
                act(caller, keys.take())
            case Recording():
                at_recording = keys.take()             # first he speaks, so that there is something to keep
                caller.speak()
            case Spoken():
                act(caller, at_recording)
            case HungUp():
                caller.finish()
                return 'h'
            case Queued() | Met():
                leave_at, why = happening.at + wait_s, 'waited'
            case Ended():
                caller.finish()
                return None
        if why == 'not_connected' and not isinstance(happening, Dialled):
            leave_at = deadline
    timed_out = time.monotonic() >= deadline
    caller.hang_up()
    caller.finish()
    return 'timeout' if timed_out else why


def act(caller: Caller, item: str) -> None:
    """Do one item of --keys."""
    if item == 'h':
        caller.hang_up()
    elif item != 'w':
        caller.press(item)


@dataclass(frozen=True)
class Outcome:
    """How a call went. Times are seconds from the INVITE; `first_audio_s` holds seconds from the INVITE and from the answer."""

    number: str
    caller: str
    folio: str | None
    queue: str | None
    outcome: str
    heard: tuple[dict[str, object], ...]
    keys: tuple[str, ...]
    answered_at: float | None
    duration: float | None
    first_audio_s: dict[str, float] | None
    sip_status: str
    linkedid: str | None
    wav: str | None
    voice_message: bool

    def facts(self) -> dict[str, object]:
        """For scripts; `from` is the caller."""
        told = dict(vars(self))
        caller = told.pop('caller')
        return {'number': told.pop('number'), 'from': caller, **told}


def outcome_of(story: list[Happening], *, number: str, caller: str, why: str | None, texts: PromptTexts,
               linkedid: str | None = None, wav: Path | None = None) -> Outcome:
    """Sum a call up (pure, but for reading the recording)."""
    start = next((h.at for h in story if isinstance(h, Dialled)), story[0].at if story else 0.0)
    answered = next((h.at for h in story if isinstance(h, Answered)), None)
    ended = next((h for h in story if isinstance(h, Ended)), None)
    end_at = ended.at if ended else (story[-1].at if story else start)
    folios = [h.number for h in story if isinstance(h, FolioNamed)]
    queues = [h.queue for h in story if isinstance(h, Queued)]
    return Outcome(
        number=e164(number) or number, caller=e164(caller) or caller,
        folio=folios[-1] if folios else folio_spoken(story), queue=queues[-1] if queues else None,
        outcome=verdict(story, why, linkedid is not None),
        heard=tuple(heard(story, start, texts)), keys=tuple(h.keys for h in story if isinstance(h, Pressed)),
        answered_at=None if answered is None else round(answered - start, 3),
        duration=None if answered is None else round(end_at - answered, 3),
        first_audio_s=first_audio(story, start, answered, wav),
        sip_status=f'{ended.code} {ended.reason}' if ended else '', linkedid=linkedid, wav=str(wav) if wav else None,
        voice_message=any(isinstance(h, Recording) and h.message for h in story))


def verdict(story: list[Happening], why: str | None, has_channel: bool) -> str:
    """The outcome in one word."""
    kinds = {type(h) for h in story}
    ended = next((h for h in story if isinstance(h, Ended)), None)
    if Answered not in kinds and why in (None, 'not_connected'):
        unreached = ended is None or why is not None or (ended.code in NO_RESPONSE and not has_channel)
        return 'not_connected' if unreached else 'rejected'
    if why == 'h':
        return 'hung_up'
    if FellBack in kinds:
        return 'fallback'
    milestone = next((h for h in reversed(story) if isinstance(h, Queued | Met | Recording) and not _is_description(h)), None)
    if milestone is not None:
        return {Queued: 'queued', Met: 'answered', Recording: 'voice_message'}[type(milestone)]
    if why == 'timeout':
        return 'timed_out'
    return 'dropped' if AskedMesa in kinds and HandedOver not in kinds else 'goodbye'


def _is_description(happening: Happening) -> bool:
    return isinstance(happening, Recording) and not happening.message


def heard(story: list[Happening], start: float, texts: PromptTexts) -> Iterable[dict[str, object]]:
    """Every prompt that began; pauses are not heard."""
    for happening in story:
        if isinstance(happening, Prompted):
            for prompt in happening.prompts:
                if not is_pause(prompt):
                    yield {'at': round(happening.at - start, 2), 'prompt': prompt, 'text': texts.text(prompt)}


def is_pause(prompt: str) -> bool:
    """Whether a sound file holds silence only."""
    return prompt == 'mesa/pause' or prompt.startswith('silence/')


def folio_spoken(story: list[Happening]) -> str | None:
    """The folio number that the caller heard, None when none was said."""
    spoken = (spoken_digits(h.prompts, 'mesa/your-folio') for h in story if isinstance(h, Prompted))
    return next((digits for digits in spoken if digits), None)


def first_audio(story: list[Happening], start: float, answered: float | None, wav: Path | None) -> dict[str, float] | None:
    """Seconds of silence until the first sound, by the recording; by the telephone's meter when there is none."""
    offset = silence_before_sound(wav) if wav else None
    meter = next((h.at for h in story if isinstance(h, Audible)), None)
    at = answered + offset if answered is not None and offset is not None else meter
    if at is None or answered is None:
        return None
    return {'from_invite': round(at - start, 3), 'from_answer': round(at - answered, 3)}


def silence_before_sound(wav: Path) -> float | None:
    """Seconds until the first audible sample of a recording, None when there is none."""
    try:
        with wave.open(str(wav)) as sound:
            samples = array('h', sound.readframes(sound.getnframes()))
            rate = sound.getframerate()
    except (OSError, EOFError, wave.Error):
        return None
    found = next((n for n in range(0, len(samples), WINDOW) if max(map(abs, samples[n:n + WINDOW])) > AUDIBLE), None)
    return None if found is None else found / rate


def place_call(exchange: Exchange, number: str, caller: str, keys: Keys, *, texts: PromptTexts, wait_s: float, timeout_s: float,
               wav: Path | None = None, tell: Callable[[Happening], None] = lambda happening: None) -> Outcome:
    """Place one call, follow the keys, and sum it up. Complaint when Asterisk cannot be reached."""
    with TemporaryDirectory(prefix='mesa-call-') as folder:
        recording = wav or Path(folder) / 'heard.wav'
        with Caller(exchange, number, caller, wav=recording, tell=tell) as line:
            why = converse(line, keys, wait_s, timeout_s)
        # Only now is the recording whole: the telephone completes it as it goes.
        summed = outcome_of(line.story, number=number, caller=caller, why=why, texts=texts, linkedid=line.linkedid, wav=recording)
    return summed if wav else replace(summed, wav=None)
