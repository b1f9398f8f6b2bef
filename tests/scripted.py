"""Plays a conversation from a script of keys, as `agi/perform.py` does on the telephone, and keeps what was heard."""
from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from typing import Any

from ivr_flows.steps import (
    Ask,
    Categorise,
    Ending,
    FindFolio,
    FolioStatus,
    Identified,
    Keys,
    MyOpenFolios,
    NoSuchFolio,
    OpenFolio,
    PrivacyHeard,
    Record,
    ReuseFolio,
    Say,
    TimedOut,
)

SILENCE = TimedOut()


@dataclass
class Talk:
    """One scripted call. `keys` answer the questions in order ('' presses only '#', SILENCE nothing, HANG_UP ends)."""

    keys: Iterable[Any]
    found: dict[str, Any] = field(default_factory=dict)
    mine: tuple[FolioStatus, ...] = ()
    recorded: float = 5.0
    heard: list[str] = field(default_factory=list)
    done: list[Any] = field(default_factory=list)

    def play(self, flow: Generator[Any, Any, Ending]) -> Ending:
        """Run to the end; the script must have an answer for every question."""
        script = iter(self.keys)
        answer: Any = None
        try:
            while True:
                answer = self.answer(flow.send(answer), script)
        except StopIteration as end:
            assert next(script, None) is None, 'keys were left over'
            return end.value

    def answer(self, step: Any, script: Any) -> Any:
        match step:
            case Say(prompts):
                self.heard += prompts
            case Ask(prompts):
                self.heard += prompts
                key = next(script)
                return key if isinstance(key, TimedOut) else Keys(key)
            case FindFolio(number):
                return self.found.get(number, NoSuchFolio())
            case MyOpenFolios():
                return self.mine
            case OpenFolio():
                self.done.append(step)
                return '48213307'
            case Record():
                self.done.append(step)
                return self.recorded
            case Identified() | Categorise() | PrivacyHeard() | ReuseFolio():
                self.done.append(step)
            case _:
                raise AssertionError(f'no conversation may yield {step!r}')
        return None
