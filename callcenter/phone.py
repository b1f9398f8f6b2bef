"""A SIP telephone in a child process: what `mesa call` and the tests hold in their hand.

Everything that the telephone tells arrives as `PhoneEvent`s in the queue that was given to it, so that one reader can
wait for telephone and exchange alike. `at` is `time.monotonic()`, which all processes of a machine share.
"""
from __future__ import annotations

import contextlib
import ipaddress
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any

from callcenter.console import Complaint

CHECKOUT = Path(__file__).resolve().parent.parent
READY_S = 20.0
GOODBYE_S = 4.0


@dataclass(frozen=True)
class PhoneEvent:
    """What a telephone told.

    'ready', 'invite', 'state', 'media', 'audio', 'spoken', 'ringing', 'registration', 'refused', 'over', or 'dead' when its process ended.
    """

    at: float
    name: str
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Server:
    """Where an exchange listens for SIP."""

    host: str
    port: int

    def __str__(self) -> str:
        return f'{self.host}:{self.port}'


def loopback(address: str) -> str:
    """An address or the first usable one of a network, if it is this machine's own; Complaint otherwise."""
    try:
        network = ipaddress.ip_network(address, strict=False)
    except ValueError:
        raise Complaint(f'{address!r} is not an IP address: calls are placed within this machine only.') from None
    if not network.is_loopback:
        raise Complaint(f'{address} is not a loopback address: calls are placed within this machine only, nothing is dialled outside.')
    return str(network[0] if network.num_addresses == 1 else network[1])


class Phone:
    """One telephone. Close it, or use it as a context manager: a telephone that just vanishes leaves its call standing."""

    def __init__(self, server: Server, address: str, user: str, events: SimpleQueue[Any], *,
                 secret: str | None = None, auto_answer_s: float | None = None, port: int = 0) -> None:
        """Start the process and wait until it is ready; with a `secret` it registers as an agent. Complaint when it cannot start.

        `port` is where it listens (UDP, 0: any): a telephone that is called without having registered.
        """
        self._events = events
        self._complaints = tempfile.TemporaryFile(mode='w+')   # noqa: SIM115 - closed in close()
        self._child = subprocess.Popen([sys.executable, '-m', 'callcenter.softphone'], cwd=CHECKOUT, text=True, start_new_session=True,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints)
        self._closing = False
        started: SimpleQueue[PhoneEvent] = SimpleQueue()
        self._reader = threading.Thread(target=self._read, args=(started,), daemon=True)
        self._tell({'server': str(Server(loopback(server.host), server.port)), 'address': loopback(address), 'user': user,
                    'secret': secret, 'auto_answer_s': auto_answer_s, 'port': port})
        self._reader.start()
        self._wait_until_ready(started)

    def __enter__(self) -> Phone:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def call(self, number: str, headers: Mapping[str, str], wav: Path | None = None) -> None:
        """Dial; `wav` receives what is heard."""
        self._tell({'do': 'call', 'number': number, 'headers': dict(headers), 'wav': str(wav) if wav else None})

    def press(self, digits: str) -> None:
        """Press keys (RFC 4733), as soon as there is sound."""
        self._tell({'do': 'press', 'digits': digits})

    def speak(self, seconds: float) -> None:
        """Make a sound like speech; `spoken` is told when it ends."""
        self._tell({'do': 'speak', 'seconds': seconds})

    def listen(self, wav: Path | None = None) -> None:
        """Tell `audio` again when something is heard from now on; `wav` receives what is heard in the calls that come in."""
        self._tell({'do': 'listen', 'wav': str(wav) if wav else None})

    def answer(self) -> None:
        """Take the call that rings."""
        self._tell({'do': 'answer'})

    def hang_up(self, code: int = 0) -> None:
        """End the call; a ringing one may be refused with a SIP code such as 486."""
        self._tell({'do': 'hang_up', 'code': code})

    def close(self) -> None:
        """Hang up, unregister, end the process. Harmless when done before."""
        self._closing = True
        with contextlib.suppress(OSError):
            if self._child.stdin is not None:
                self._child.stdin.close()
        try:
            self._child.wait(GOODBYE_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._reader.join(GOODBYE_S)
        assert self._child.stdout is not None
        self._child.stdout.close()
        self._complaints.close()

    def _tell(self, message: Mapping[str, object]) -> None:
        assert self._child.stdin is not None
        with contextlib.suppress(OSError):             # a dead telephone has told so as an event
            self._child.stdin.write(json.dumps(message) + '\n')
            self._child.stdin.flush()

    def _read(self, started: SimpleQueue[PhoneEvent]) -> None:
        assert self._child.stdout is not None
        for line in self._child.stdout:
            facts = json.loads(line)
            event = PhoneEvent(facts.pop('at'), facts.pop('event'), facts)
            (started if event.name == 'ready' else self._events).put(event)
        if not self._closing:
            dead = PhoneEvent(time.monotonic(), 'dead', {})
            started.put(dead)
            self._events.put(dead)

    def _wait_until_ready(self, started: SimpleQueue[PhoneEvent]) -> None:
        try:
            first = started.get(timeout=READY_S)
        except Empty:
            self.close()
            raise Complaint(f'The telephone did not start within {READY_S:.0f} s: is this machine overloaded?') from None
        if first.name == 'dead':
            self._complaints.seek(0)
            said = self._complaints.read().strip()
            self.close()
            raise Complaint('The telephone could not start: ' + (said.splitlines()[-1] if said else 'it said nothing.'))
