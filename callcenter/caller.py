"""A caller made of software: dials a number through the instance's own Asterisk, hears, presses keys, and tells how it ended."""
from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from callcenter.channels import OwnChannel
from callcenter.exchange import Exchange, dial_string
from callcenter.following import Following, Happening, Keys, follow
from callcenter.listening import PromptTexts
from callcenter.outcome import Outcome, outcome_of
from callcenter.phone import Phone, loopback

WITHHELD = 'anonymous'


class Caller(Following):
    """A call that we place."""

    def __init__(self, exchange: Exchange, number: str, caller: str, *, wav: Path | None = None,
                 tell: Callable[[Happening], None] = lambda happening: None, telephone: Callable[..., Any] = Phone) -> None:
        address = loopback(exchange.trunk_address)
        self._dialled = dial_string(number)
        self._caller = WITHHELD if caller == WITHHELD else dial_string(caller)
        self._wav = wav
        self._token = secrets.token_hex(8)
        super().__init__(exchange, OwnChannel(self._token, self._caller, self._dialled),
                         lambda inbox: telephone(exchange.sip, address, self._caller, inbox), tell)

    def dial(self) -> None:
        """Send the INVITE."""
        self._phone.call(self._dialled, {'X-Mesa-Probe': self._token}, self._wav)


def converse(caller: Caller, keys: Keys, wait_s: float, timeout_s: float) -> str | None:
    """Dial and follow the keys to the end of the call; why we ended it, as `follow` tells."""
    caller.dial()
    return follow(caller, keys, wait_s, timeout_s)


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
