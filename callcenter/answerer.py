"""A called user made of software: at the far end of a trunk, it takes one of the calls that Mesa places (mission.md 3.6, 4.7)."""
from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from callcenter.channels import PlacedChannel
from callcenter.console import Complaint
from callcenter.exchange import Exchange, FarEnd
from callcenter.following import Following, Happening, Keys, Rang, follow
from callcenter.listening import PromptTexts
from callcenter.outcome import Outcome, outcome_of
from callcenter.phone import Phone, PhoneEvent, Server

CALL_S = 180.0                                         # a call is ended after so long
USER = 'user'
REFUSALS = {'busy': 486, 'decline': 603}


class Answerer(Following):
    """A telephone that takes one call, the first that comes in; to others it is busy. It listens from __enter__ on."""

    def __init__(self, exchange: Exchange, far_end: FarEnd, *, wav: Path | None = None,
                 tell: Callable[[Happening], None] = lambda happening: None) -> None:
        self._listens = at = far_end.listens
        self._wav = wav
        self._sip_id: str | None = None
        self._placed = PlacedChannel(far_end.endpoint)
        super().__init__(exchange, self._placed, lambda inbox: Phone(exchange.sip, at.host, USER, inbox, port=at.port), tell)

    def __enter__(self) -> Answerer:
        must_be_free(self._listens)
        super().__enter__()
        self._phone.listen(self._wav)
        return self

    def wait_for_ring(self, within_s: float) -> Rang | None:
        """The call that comes in, None when none does."""
        deadline = time.monotonic() + within_s
        while (happening := self.next(deadline)) is not None:
            if isinstance(happening, Rang):
                return happening
        return None

    def answer(self) -> None:
        """Take the call that rings."""
        self._phone.answer()

    def refuse(self, code: int) -> None:
        """Refuse the call that rings, with a SIP code."""
        self._phone.hang_up(code)

    def _read_phone(self, event: PhoneEvent) -> Iterable[Happening]:
        """Only the first call is ours: what the telephone tells of those that found it busy, or that came after, is not."""
        sip_id = event.facts.get('sip_id')
        if event.name == 'ringing' and self._sip_id is None:
            self._sip_id = sip_id
            self._placed.has_rung = True
        return super()._read_phone(event) if sip_id in (None, self._sip_id) else []


def must_be_free(place: Server) -> None:
    """Complaint when something listens there: PJSIP would share the port, and the call ring at either."""
    with socket.socket(socket.AF_INET6 if ':' in place.host else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind((place.host, place.port))
        except OSError as error:
            raise Complaint(f'No telephone can listen on {place} ({error.strerror}): is another `mesa answer` waiting there?') from error


def attend(phone: Answerer, keys: Keys, *, refusal: int | None, wait_s: float, timeout_s: float) -> str | None:
    """Wait for a call, take it and follow the keys to its end, or refuse it; why we ended it, as `follow` tells."""
    if phone.wait_for_ring(timeout_s) is None:
        return 'not_connected'
    if refusal is not None:
        phone.refuse(refusal)
        phone.finish()
        return None
    phone.answer()
    return follow(phone, keys, wait_s, CALL_S)


def answer_call(exchange: Exchange, far_end: FarEnd, keys: Keys, *, texts: PromptTexts, refusal: int | None, wait_s: float,
                timeout_s: float, wav: Path | None = None, ready: Callable[[], None] = lambda: None,
                tell: Callable[[Happening], None] = lambda happening: None) -> Outcome:
    """Take one call and sum it up; `ready` is called when the telephone listens. Complaint when it cannot, or Asterisk is not there."""
    with TemporaryDirectory(prefix='mesa-answer-') as folder:
        recording = wav or Path(folder) / 'heard.wav'
        with Answerer(exchange, far_end, wav=recording, tell=tell) as phone:
            ready()
            why = attend(phone, keys, refusal=refusal, wait_s=wait_s, timeout_s=timeout_s)
        # Only now is the recording whole: the telephone completes it as it goes.
        rang = next((happening for happening in phone.story if isinstance(happening, Rang)), Rang(0.0, '', ''))
        summed = outcome_of(phone.story, number=rang.number, caller=rang.caller, why=why, texts=texts,
                            linkedid=phone.linkedid, wav=recording)
    return summed if wav else replace(summed, wav=None)
