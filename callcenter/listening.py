"""What a caller hears, as Asterisk tells it over the manager interface: prompts begun, queue joined, agent met.

A read-only account is enough (classes dialplan and call). Asterisk's events are translated once, by `facts_of`; after that
only the facts below exist. Sound files become words by the texts that they were spoken from.
"""
from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from callcenter.console import Complaint

TEXTS = Path(__file__).resolve().parent.parent / 'asterisk-conf' / 'prompts' / 'es_MX.toml'
CONNECT_S = 5.0
FALLBACK = 'mesa-fallback'
MESSAGE = '-message'

DAYS = ('domingo', 'lunes', 'martes', 'miércoles', 'jueves', 'viernes', 'sábado')
MONTHS = ('enero', 'febrero', 'marzo', 'abril', 'mayo', 'junio', 'julio', 'agosto', 'septiembre', 'octubre', 'noviembre', 'diciembre')
WORDS = {'digits/a-m': 'de la mañana', 'digits/p-m': 'de la tarde', 'digits/and': 'y', 'digits/hundred': 'cien', 'digits/thousand': 'mil',
         'digits/at': 'a las', 'digits/es-de': 'de', 'digits/es-el': 'el', 'digits/1F': 'una', 'digits/1M': 'un',
         'beep': '(tono)'}

Event = Mapping[str, str]


@dataclass(frozen=True)
class AmiEvent:
    """One event of the manager interface and when it reached us (monotonic seconds)."""

    at: float
    fields: Event


@dataclass(frozen=True)
class AmiLost:
    """The manager connection ended."""

    at: float


@dataclass(frozen=True)
class Prompted:
    """Prompts begin; `takes_keys` when keys are listened for meanwhile."""

    at: float
    prompts: tuple[str, ...]
    takes_keys: bool


@dataclass(frozen=True)
class Recording:
    """The caller is being recorded after a tone; a key ends it. `message`: it is a voice message."""

    at: float
    message: bool


@dataclass(frozen=True)
class Queued:
    """The caller waits in a queue."""

    at: float
    queue: str


@dataclass(frozen=True)
class Met:
    """The caller talks with somebody."""

    at: float


@dataclass(frozen=True)
class FellBack:
    """The dialplan serves the call without Mesa."""

    at: float


@dataclass(frozen=True)
class AskedMesa:
    """The dialplan asks Mesa what to do."""

    at: float


@dataclass(frozen=True)
class HandedOver:
    """Mesa's last act: the dialplan may trust what it has set."""

    at: float


@dataclass(frozen=True)
class FolioNamed:
    """The call has a folio."""

    at: float
    number: str


@dataclass(frozen=True)
class Gone:
    """Asterisk's end of the call is no more."""

    at: float
    cause: int


Fact = Prompted | Recording | Queued | Met | FellBack | AskedMesa | HandedOver | FolioNamed | Gone


def facts_of(at: float, event: Event) -> Iterator[Fact]:
    """The facts in an event of the caller's own channel; most events hold none."""
    kind = event.get('Event')
    if kind == 'Newexten':
        yield from _step(at, event)
    elif kind == 'BridgeEnter':
        yield Met(at)
    elif kind == 'Hangup':
        yield Gone(at, int(event.get('Cause', '0') or 0))


def _step(at: float, event: Event) -> Iterator[Fact]:
    if event.get('Context') == FALLBACK:
        yield FellBack(at)
    arguments = event.get('AppData', '')
    read = STEPS.get(event.get('Application', '').lower())
    if read:
        yield from read(at, arguments)


def _asked(at: float, arguments: str) -> Iterator[Fact]:
    _, _, rest = arguments.partition(',')
    yield from _background(at, rest)


def _played(at: float, arguments: str) -> Iterator[Fact]:
    yield Prompted(at, tuple(filter(None, arguments.split(',')[0].split('&'))), False)


def _background(at: float, arguments: str) -> Iterator[Fact]:
    yield Prompted(at, tuple(filter(None, arguments.split(',')[0].split('&'))), True)


def _recorded(at: float, arguments: str) -> Iterator[Fact]:
    yield Recording(at, Path(arguments.split(',')[0]).stem.endswith(MESSAGE))


def _queue(at: float, arguments: str) -> Iterator[Fact]:
    yield Queued(at, arguments.split(',')[0])


def _agi(at: float, arguments: str) -> Iterator[Fact]:
    yield AskedMesa(at)


def _set(at: float, arguments: str) -> Iterator[Fact]:
    name, _, value = arguments.partition('=')
    if name == 'MESA_FOLIO' and value:
        yield FolioNamed(at, value)
    elif name == 'MESA_RESULT' and value == 'done':
        yield HandedOver(at)


STEPS: Mapping[str, Callable[[float, str], Iterator[Fact]]] = {
    'read': _asked, 'playback': _played, 'background': _background, 'record': _recorded, 'queue': _queue, 'agi': _agi, 'set': _set,
}


class ManagerLink:
    """A read-only connection to Asterisk's manager interface; its events go to a queue as they come."""

    def __init__(self, host: str, port: int, secret: str, events: SimpleQueue[Any], account: str = 'probe') -> None:
        """Log in and start to listen. Complaint when Asterisk is not there or refuses."""
        try:
            self._socket = socket.create_connection((host, port), CONNECT_S)
        except OSError as error:
            raise Complaint(f'Asterisk does not answer on {host}:{port} ({error.strerror or error}). Start it with: mesa up') from error
        self._events = events
        self._stream = self._socket.makefile('rb')
        self._closing = False
        try:
            self._log_in(account, secret)
        except OSError as error:
            self._socket.close()
            raise Complaint(f'Asterisk on {host}:{port} did not let the account {account!r} in ({error}).') from error
        self._socket.settimeout(None)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Log off."""
        self._closing = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(CONNECT_S)
        self._socket.close()

    def _log_in(self, account: str, secret: str) -> None:
        self._stream.readline()                        # the banner
        self._socket.sendall(f'Action: Login\r\nUsername: {account}\r\nSecret: {secret}\r\nEvents: on\r\n\r\n'.encode())
        while True:
            answer = read_block(self._stream)
            if answer is None:
                raise ConnectionError('it closed the connection')
            if 'Response' in answer:
                break
        if answer['Response'] != 'Success':
            raise ConnectionError(answer.get('Message', answer['Response']))

    def _listen(self) -> None:
        try:
            while (block := read_block(self._stream)) is not None:
                self._events.put(AmiEvent(time.monotonic(), block))
        except OSError:
            pass                                       # told as AmiLost below, like an orderly end
        if not self._closing:
            self._events.put(AmiLost(time.monotonic()))


def read_block(stream: Any) -> dict[str, str] | None:
    """The next `Key: Value` block of a manager connection, None at its end. Of a repeated key the first value counts."""
    fields: dict[str, str] = {}
    while line := stream.readline():
        text = line.decode('utf-8', 'replace').rstrip('\r\n')
        if not text:
            return fields
        key, _, value = text.partition(':')
        fields.setdefault(key, value.lstrip())
    return None


class PromptTexts:
    """The words of a sound file: our own texts, the admin's, and Asterisk's numbers, letters and dates in short."""

    def __init__(self, known: Mapping[str, str]) -> None:
        """`known`: sound file -> text."""
        self._known = known

    @classmethod
    def load(cls, admins: Mapping[str, str], file: Path = TEXTS) -> PromptTexts:
        """The texts of the program, played as `mesa/NAME`, and the admin's, played as `site/NAME`."""
        ours = tomllib.loads(file.read_text(encoding='utf-8'))['texts']
        return cls({**{f'mesa/{name}': text for name, text in ours.items()}, **{f'site/{name}': text for name, text in admins.items()}})

    def text(self, prompt: str) -> str:
        """The words in Spanish, '' when nobody knows them."""
        if prompt in WORDS:
            return WORDS[prompt]
        folder, _, name = prompt.rpartition('/')
        number = re.fullmatch(r'(day|mon)-(\d{1,2})', name)
        if folder == 'digits' and number:
            names = DAYS if number[1] == 'day' else MONTHS
            return names[int(number[2]) % len(names)]
        if folder in ('digits', 'letters'):
            return name.removeprefix('h-')
        return self._known.get(prompt, '')


def spoken_digits(prompts: tuple[str, ...], after: str) -> str:
    """The digits spoken behind a prompt, '' when it was not spoken. Pauses between groups are passed over."""
    if after not in prompts:
        return ''
    digits = []
    for prompt in prompts[prompts.index(after) + 1:]:
        digit = re.fullmatch(r'digits/(\d)', prompt)
        if digit:
            digits.append(digit[1])
        elif not prompt.startswith(('silence/', 'mesa/pause')):
            break
    return ''.join(digits)
