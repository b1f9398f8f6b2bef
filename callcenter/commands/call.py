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

    def __call__(self, happening: Happening) -> None:
        if self._start is None:
            self._start = happening.at
        for what, detail in described(happening, self._texts):
            say(f'{happening.at - self._start:7.2f} s  {what:<9} {detail}'.rstrip())


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
    """One line a prompt; numbers, letters and dates that follow each other share one."""
    lines = []
    audible = [prompt for prompt in prompts if not is_pause(prompt)]
    for spelled, group in groupby(audible, key=lambda prompt: prompt.startswith(('digits/', 'letters/'))):
        names = list(group)
        if spelled:
            lines.append(f'{"digits" if len(names) > 1 else names[0]:<28} {" ".join(texts.text(name) for name in names)}')
        else:
            lines += [f'{name:<28} {texts.text(name)}'.rstrip() for name in names]
    return lines


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
