"""Which call a wrap-up belongs to, and how long it took, told from what was noted of the agents (mission.md 6.1). Pure.

The books know when a wrap-up began and of whom, not of which call: it is that of the conversation that the agent had last.
"""
from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

WRAP_UP = 'wrap_up'
STATES = frozenset({'ready', 'paused', WRAP_UP, 'away'})
SOON = timedelta(minutes=5)                            # a wrap-up that begins later has nothing to do with the call


class Noted(NamedTuple):
    """A state that an agent entered. `queue`: of a wrap-up that began by itself and ends so; '' of one that he asked for."""

    login: str
    at: datetime
    state: str
    queue: str


class Talk(NamedTuple):
    """An agent's conversation, of any kind. `joined` None: it is no call that waited in a queue. `talk_s` None: it goes on."""

    agent: str
    answered: datetime
    talk_s: float | None
    joined: datetime | None
    line: str | None
    queue: str | None

    @property
    def ended(self) -> datetime:
        """When the caller and the agent were parted, or at the earliest (a caller who was transferred has talked with several)."""
        return self.answered + timedelta(seconds=self.talk_s or 0.0)


@dataclass(frozen=True)
class WrapUp:
    """The wrap-up of a call, all its parts added."""

    talk: Talk
    seconds: float


def wrap_ups(noted: Iterable[Noted], talks: Iterable[Talk], wrapup_s: Callable[[str], int]) -> tuple[WrapUp, ...]:
    """The wrap-ups that are over. `noted` in order of time; `wrapup_s`: how long the one after a queue's call takes by itself.

    One ends at the agent's next state, at his next conversation, or by itself, whatever comes first. It belongs to the conversation before
    it, if that ended at most SOON before; wrap-ups of calls that waited in no queue are left out, and of conversations that are not over.
    """
    by_agent: dict[str, list[Talk]] = defaultdict(list)
    for talk in sorted(talks, key=lambda one: one.answered):
        by_agent[talk.agent].append(talk)
    states: dict[str, list[Noted]] = defaultdict(list)
    for one in noted:
        if one.state in STATES:
            states[one.login].append(one)
    return tuple(wrap_up for login, some in states.items() for wrap_up in _of_agent(some, by_agent.get(login, []), wrapup_s))


def _of_agent(noted: list[Noted], talks: list[Talk], wrapup_s: Callable[[str], int]) -> Iterator[WrapUp]:
    seconds: dict[int, float] = {}
    answered = [talk.answered for talk in talks]
    for number, one in enumerate(noted):
        last = bisect_right(answered, one.at) - 1
        if one.state != WRAP_UP or last < 0:
            continue
        begins = max(one.at, talks[last].ended)
        ends = [*([noted[number + 1].at] if number + 1 < len(noted) else []), *answered[last + 1:last + 2],
                *([one.at + timedelta(seconds=wrapup_s(one.queue))] if one.queue else [])]
        if ends and min(ends) > begins and begins - talks[last].ended <= SOON:
            seconds[last] = seconds.get(last, 0.0) + (min(ends) - begins).total_seconds()
    return (WrapUp(talks[last], wrapped) for last, wrapped in seconds.items()
            if talks[last].joined is not None and talks[last].talk_s is not None)
