"""Performs the talking steps of a conversation on the telephone; what else a conversation asks for is a subclass's."""
from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any

from agi.errors import BadReply, CallerGone
from agi.session import CallSession
from ivr_flows.steps import Ask, Ending, Keys, Prompts, Say, TimedOut

LONGEST_PROMPT_S = 30.0                                # of one sound file; ours are shorter, an admin's may not be
GRACE_S = 30.0                                         # a frozen Asterisk holds a call thread no longer than this beyond the talking

Verbs = Mapping[type, Callable[[Any, Any], Any]]       # step -> what performs it, given the performer and the step


class Talking:
    """One conversation on the telephone. Runs on a call thread; raises CallerGone when he hangs up."""

    def __init__(self, call: CallSession) -> None:
        self.call = call
        self.last_prompt = ''

    def verbs(self) -> Verbs:
        """What this performer can do."""
        return TALK

    def perform(self, flow: Generator[Any, Any, Ending]) -> Ending:
        """Run a conversation to its end and return where the call goes."""
        verbs = self.verbs()
        answer: Any = None
        try:
            while True:
                step = flow.send(answer)
                answer = verbs[type(step)](self, step)
        except StopIteration as end:
            ending: Ending = end.value
            return ending
        finally:
            flow.close()

    def say(self, step: Say) -> None:
        """Play prompts to their end."""
        self.last_prompt = step.prompts[-1]
        self.call.run('mesa-say', 's', '1', files(step.prompts), deadline_s=at_most(step.prompts))

    def ask(self, step: Ask) -> Keys | TimedOut:
        """Play prompts and collect keys."""
        self.last_prompt = step.prompts[-1]
        said = self.call.gosub('mesa-ask', 's', '1', files(step.prompts), str(step.digits), f'{step.patience_s:g}',
                               deadline_s=at_most(step.prompts) + step.digits * step.patience_s)
        outcome, _, keys = said.partition(' ')
        if outcome == 'HANGUP':
            raise CallerGone('the caller hung up during a question')
        if outcome not in ('OK', 'TIMEOUT', 'INTERRUPTED', 'SKIPPED'):
            raise BadReply(f'Read ended with {outcome!r}: is one of {files(step.prompts)} missing?')
        return Keys(keys) if outcome == 'OK' else TimedOut()


TALK: Verbs = {Say: Talking.say, Ask: Talking.ask}


def at_most(prompts: Prompts) -> float:
    """Seconds after which Asterisk must have played prompts; small files (a digit, a month) are counted as generously as long ones."""
    return len(prompts) * LONGEST_PROMPT_S + GRACE_S


def files(prompts: Prompts) -> str:
    """Prompts as the subroutines of the dialplan take them."""
    return '&'.join(prompts)
