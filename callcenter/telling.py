"""A call told to who watches: line by line as it happens, and its outcome in one line."""
from __future__ import annotations

from itertools import groupby

from callcenter.console import say
from callcenter.following import Answered, Audible, Dialled, Ended, Happening, HungUp, Pressed, Rang, Spoken
from callcenter.listening import AskedMesa, FellBack, FolioNamed, Gone, HandedOver, Met, Prompted, PromptTexts, Queued, Recording
from callcenter.outcome import Outcome, is_pause

NOT_TALKED = ('not_connected', 'rejected')
PIECES = frozenset(f'mesa/{name}' for name in (                 # of `ivr_flows.spoken`: no sentences of their own
    'at-hour', 'at-hour-one', 'in-the-small-hours', 'in-the-morning', 'at-noon', 'in-the-afternoon', 'at-night',
    'minute', 'minutes', 'twenty-one'))


class Teller:
    """Prints what happens, line by line, with seconds from the INVITE, sent or received."""

    def __init__(self, texts: PromptTexts) -> None:
        self._texts = texts
        self._start: float | None = None
        self._is_up = False
        self._early: list[Happening] = []
        self._told_folio: str | None = None
        self._ended: Ended | None = None

    def __call__(self, happening: Happening) -> None:
        """Asterisk tells of the first words before the answer has reached the telephone: they are told after it, as they are heard.

        Of the last ones it may tell after the telephone has hung up: the end waits until Asterisk is done with the call.
        """
        if self._start is None:
            self._start = happening.at
        if isinstance(happening, Ended):
            self._ended = happening
            return
        if not self._is_up and not isinstance(happening, Dialled | Rang | Answered | Gone):
            self._early.append(happening)
            return
        self._tell(happening, happening.at if self._ended is None else min(happening.at, self._ended.at))
        if isinstance(happening, Answered):
            self._is_up = True
            for early in self._early:
                self._tell(early, happening.at)
        if isinstance(happening, Gone):
            self.close()

    def close(self) -> None:
        """Tell the end, unless it was told: nothing more happens."""
        if self._ended is not None:
            self._tell(self._ended, self._ended.at)
            self._ended = None

    def _tell(self, happening: Happening, at: float) -> None:
        if isinstance(happening, FolioNamed):
            if happening.number == self._told_folio:   # it is named when it is opened and when the call is handed over
                return
            self._told_folio = happening.number
        for what, detail in described(happening, self._texts):
            say(f'{at - (self._start or at):7.2f} s  {what:<9} {detail}'.rstrip())


def described(happening: Happening, texts: PromptTexts) -> list[tuple[str, str]]:
    """The lines for something that happened: what it is, and its detail."""
    match happening:
        case Prompted(prompts=prompts):
            return [('hears', line) for line in prompt_lines(prompts, texts)]
        case Dialled():
            return [('dials', '')]
        case Rang(number=number, caller=caller):
            return [('rings', f'{caller} calls {number}')]
        case Answered():
            return [('answered', '')]
        case Audible():
            return [('sound', 'first sound heard')]
        case Recording(message=message):
            return [('recorded', 'voice message' if message else 'description of the problem')]
        case Spoken():
            return [('spoke', '')]
        case Pressed(keys=keys):
            return [('presses', keys)]
        case Queued(queue=queue):
            return [('queue', queue)]
        case Met():
            return [('agent', 'talks with the caller')]
        case FellBack() | AskedMesa() | HandedOver() | Gone():
            return []
        case FolioNamed(number=number):
            return [('folio', number)]
        case HungUp():
            return [('hangs up', '')]
        case Ended(code=code, reason=reason):
            return [('ended', f'{code} {reason}')]


def prompt_lines(prompts: tuple[str, ...], texts: PromptTexts) -> list[str]:
    """One line a prompt; numbers, letters, and the parts of a date or a wait that follow each other share one."""
    lines = []
    audible = [prompt for prompt in prompts if not is_pause(prompt)]
    for spelled, group in groupby(audible, key=is_spelled):
        names = list(group)
        if spelled:
            label = names[0] if len(names) == 1 else 'digits' if all(name.startswith('digits/') for name in names) else 'date or time'
            lines.append(f'{label:<28} {" ".join(texts.text(name) for name in names)}')
        else:
            lines += [f'{name:<28} {texts.text(name)}'.rstrip() for name in names]
    return lines


def is_spelled(prompt: str) -> bool:
    """Whether a sound file is only a piece of a number, a name or a moment."""
    return prompt.startswith(('digits/', 'letters/')) or prompt in PIECES


def closing_line(summed: Outcome) -> str:
    """The outcome in one line."""
    parts = [f'outcome: {summed.outcome}']
    if summed.outcome in NOT_TALKED and summed.sip_status:
        parts.append(summed.sip_status)
    if summed.queue:
        parts.append(f'queue {summed.queue}')
    if summed.folio:
        parts.append(f'folio {summed.folio}')
    if summed.first_audio_s:
        parts.append(f'first sound {summed.first_audio_s["from_answer"]:.2f} s after the answer')
    return ', '.join(parts)
