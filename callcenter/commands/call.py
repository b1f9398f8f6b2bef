"""`mesa call`: a real SIP call through the instance's own Asterisk, told line by line."""
from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

import click

from callcenter.caller import (
    Answered,
    Audible,
    Dialled,
    Ended,
    Happening,
    HungUp,
    Keys,
    Outcome,
    Pressed,
    Spoken,
    exchange_of,
    is_pause,
    place_call,
)
from callcenter.console import print_json, say
from callcenter.instance import Instance, pass_instance
from callcenter.listening import AskedMesa, FellBack, FolioNamed, Gone, HandedOver, Met, Prompted, PromptTexts, Queued, Recording

NOT_REACHED = 3
PIECES = frozenset(f'mesa/{name}' for name in (                 # of `ivr_flows.spoken`: no sentences of their own
    'at-hour', 'at-hour-one', 'in-the-small-hours', 'in-the-morning', 'at-noon', 'in-the-afternoon', 'at-night',
    'minute', 'minutes', 'twenty-one'))


@click.command()
@click.argument('number')
@click.option('--from', 'caller', required=True, metavar='NUMBER', help='The caller: ten digits, E.164, or "anonymous".')
@click.option('--keys', default='', metavar='ITEMS',
              help='Comma separated, one item for each prompt that takes keys: 1 or 48213307#; w waits one prompt, h hangs up.')
@click.option('--wait', 'wait_s', default=3.0, show_default=True, metavar='SECONDS', help='How long to stay in a queue, or with an agent.')
@click.option('--timeout', 'timeout_s', default=180.0, show_default=True, metavar='SECONDS', help='The call is ended after so long.')
@click.option('--wav', type=click.Path(dir_okay=False, path_type=Path), help='Keep a recording of what the caller hears.')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_instance
def call(instance: Instance, number: str, caller: str, keys: str, wait_s: float, timeout_s: float, wav: Path | None, as_json: bool) -> None:
    """Place a real SIP call to an 800 number of this site and print what the caller hears.

    The call goes through this machine only. Exit code 3 when Asterisk could not be reached or refused the call.
    """
    site = instance.site()
    ports = instance.place.ports
    exchange = exchange_of(site, instance.place.bind, ports.sip, ports.ami, instance.secrets(site).ami_probe)
    texts = PromptTexts.load(site.prompt_texts)
    teller = Teller(texts)
    summed = place_call(exchange, number, caller, Keys(keys), texts=texts, wait_s=wait_s, timeout_s=timeout_s,
                        wav=wav, tell=(lambda happening: None) if as_json else teller)
    if as_json:
        print_json(summed.facts())
    else:
        say(closing_line(summed))
    if summed.outcome in ('not_connected', 'rejected'):
        sys.exit(NOT_REACHED)


class Teller:
    """Prints what happens, line by line, with seconds from the INVITE."""

    def __init__(self, texts: PromptTexts) -> None:
        self._texts = texts
        self._start: float | None = None
        self._is_up = False
        self._early: list[Happening] = []
        self._told_folio: str | None = None

    def __call__(self, happening: Happening) -> None:
        """Asterisk tells of the first words before the answer has reached the telephone: they are told after it, as they are heard."""
        if self._start is None:
            self._start = happening.at
        if not self._is_up and not isinstance(happening, Dialled | Answered | Ended):
            self._early.append(happening)
            return
        self._tell(happening, happening.at)
        if isinstance(happening, Answered):
            self._is_up = True
            for early in self._early:
                self._tell(early, happening.at)

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
    if summed.outcome in ('not_connected', 'rejected'):
        parts.append(summed.sip_status)
    if summed.queue:
        parts.append(f'queue {summed.queue}')
    if summed.folio:
        parts.append(f'folio {summed.folio}')
    if summed.first_audio_s:
        parts.append(f'first sound {summed.first_audio_s["from_answer"]:.2f} s after the answer')
    return ', '.join(parts)
