"""A caller leaves his place in the queue and is called back in turn: what is said, and when nothing may be dialled (mission.md 3.6)."""
from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from config.phones import e164, earns
from config.values import Client, Site, ours
from ivr_flows import spoken
from ivr_flows.steps import Ask, Ending, Goodbye, KeepPlace, Keys, Prompts, Say, StayInQueue

NUMBER_DIGITS = 10
TRIES = 3


def call_back(own: str | None, may_dial: Callable[[str], bool] | None) -> Generator[Any, Any, Ending]:
    """Agree on a number and keep the place, or send the caller back to where he waited.

    `own` is the caller's own number (E.164), None when it is unknown or his company's trunk; `may_dial` tells whether another one is
    called, and is None for a caller who may not name one.
    """
    number = own
    for _ in range(TRIES):
        number = number or (yield from ask_number(may_dial))
        if number is None:
            break
        answer = yield Ask(('mesa/callback-number-is', *spoken.phone(number), 'mesa/callback-confirm'), 1)
        if answer == Keys('1'):
            kept = yield KeepPlace(number)
            yield Say(('mesa/callback-kept' if kept else 'mesa/callback-already', 'mesa/goodbye'))
            return Goodbye()
        if answer == Keys('3'):
            break
        if answer == Keys('2'):
            number = None
    yield Say(('mesa/callback-wait-on',))
    return StayInQueue()


def ask_number(may_dial: Callable[[str], bool] | None) -> Generator[Any, Any, str | None]:
    """Ten digits on the keypad; None when he gives none that we dial."""
    lead: Prompts = ()
    for _ in range(TRIES if may_dial else 0):
        answer = yield Ask((*lead, 'mesa/callback-ask-number'), NUMBER_DIGITS)
        number = e164(answer.pressed) if isinstance(answer, Keys) else None
        if number is not None and may_dial is not None and may_dial(number):
            return number
        lead = ('mesa/callback-number-wrong',)
    return None


def dialable(site: Site, number: str) -> bool:
    """Whether we would call a number that a caller typed: Mexican, nobody earns by it, and not one of our own."""
    return number.startswith('+52') and len(number) == 13 and not earns(number) and number not in ours(site)


def own_number(site: Site, client: Client, ani: str | None) -> str | None:
    """The number that the call came from, when a call there would reach the caller himself (mission.md 3.1)."""
    return ani if ani is not None and ani not in client.trunk_numbers and dialable(site, ani) else None
