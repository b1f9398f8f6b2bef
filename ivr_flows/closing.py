"""The close call as a conversation (mission.md 4.7): which folio, is it solved, and how was the service.

Only a key is an answer: whoever talks and presses nothing, an answering machine above all, has confirmed nothing.
"""
from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from ivr_flows import spoken
from ivr_flows.steps import Ask, Confirmed, Ending, Goodbye, Keys, Later, Prompts, Refused, Say, Scored, ToQueue

TRIES = 2
SCORES = '12345'
TOPICS = frozenset({'office', 'windows', 'mail', 'directory', 'conferencing', 'pdf', 'terminal', 'own', 'other'})
Flow = Generator[Any, Any, Any]
ToEnd = Generator[Any, Any, Ending]


@dataclass(frozen=True)
class Closing:
    """What the conversation needs to know. `topic` is a prompt; `agents` is where he may talk to somebody now, None while closed."""

    number: str
    pending: bool = True                               # False: it was answered or reopened meanwhile
    topic: str | None = None
    agents: ToQueue | None = None


def closing(facts: Closing) -> ToEnd:
    """Ask whether a folio is solved and recorded right, until a key says so; silence is no answer."""
    folio = spoken.digits(facts.number)
    if not facts.pending:
        yield Say(('mesa/close-call-hello', *folio, 'mesa/close-call-changed', 'mesa/close-call-thanks'))
        return Goodbye()
    topic: Prompts = ('mesa/close-call-category', facts.topic) if facts.topic else ()
    hello = 'mesa/close-call-hello'
    for _ in range(TRIES):
        answer = yield Ask((hello, *folio, *topic, 'mesa/close-call-question'), 1)
        if isinstance(answer, Keys) and answer.pressed in ANSWERS:
            return (yield from ANSWERS[answer.pressed](facts))
        hello = 'mesa/close-call-hello-again'
    yield Say(('mesa/close-call-goodbye',))
    return Goodbye()


def solved(facts: Closing) -> ToEnd:
    """Stored before anything else is said; then the survey (mission.md 4.7)."""
    if not (yield Confirmed()):
        return (yield from changed())
    yield from survey()
    return Goodbye()


def survey() -> Flow:
    """One to five, twice asked."""
    lead: Prompts = ('mesa/close-call-verified',)
    for _ in range(TRIES):
        answer = yield Ask((*lead, 'mesa/survey-ask'), 1)
        if isinstance(answer, Keys) and answer.pressed and answer.pressed in SCORES:
            yield Scored(int(answer.pressed))
            yield Say(('mesa/survey-thanks', 'mesa/close-call-thanks'))
            return
        lead = ('mesa/menu-again',) if isinstance(answer, Keys) else ()
    yield Say(('mesa/close-call-thanks',))


def unsolved(facts: Closing) -> ToEnd:
    """Reopened at once; while the line is open he may talk to an agent in the same call."""
    if not (yield Refused()):
        return (yield from changed())
    if facts.agents is not None:
        answer = yield Ask(('mesa/close-call-reopened', 'mesa/close-call-agent'), 1)
        if answer == Keys('1'):
            yield Say(('mesa/to-queue',))
            return facts.agents
        yield Say(('mesa/close-call-thanks',))
    else:
        yield Say(('mesa/close-call-reopened', 'mesa/close-call-thanks'))
    return Goodbye()


def later(facts: Closing) -> ToEnd:
    """He has no time now."""
    yield Later()
    yield Say(('mesa/close-call-later',))
    return Goodbye()


def changed() -> ToEnd:
    """Somebody else answered or reopened it between the call's beginning and the key."""
    yield Say(('mesa/close-call-changed', 'mesa/close-call-thanks'))
    return Goodbye()


def topic_of(category: str | None) -> str | None:
    """The prompt that names a category; None for an admin's own, which has no recording."""
    return f'mesa/topic-{category}' if category in TOPICS else None


ANSWERS = {'1': solved, '2': unsolved, '9': later}
