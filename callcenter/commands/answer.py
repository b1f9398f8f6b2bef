"""`mesa answer`: the telephone that takes the calls which Mesa places on a demo site."""
from __future__ import annotations

import sys
from pathlib import Path

import click

from callcenter.answerer import REFUSALS, answer_call
from callcenter.console import print_json, say
from callcenter.exchange import Exchange, far_end_of
from callcenter.following import Keys
from callcenter.instance import Instance, pass_instance
from callcenter.listening import PromptTexts
from callcenter.outcome import Outcome
from callcenter.phone import Server
from callcenter.telling import NOT_TALKED, Teller, closing_line

NOT_REACHED = 3


@click.command()
@click.option('--keys', default='', metavar='ITEMS',
              help='Comma separated, one item for each prompt that takes keys: 1 or 48213307#; w waits one prompt, h hangs up.')
@click.option('--reject', type=click.Choice(list(REFUSALS)), help='Refuse the call instead of taking it.')
@click.option('--wait', 'wait_s', default=3.0, show_default=True, metavar='SECONDS', help='How long to stay in a queue, or with an agent.')
@click.option('--timeout', 'timeout_s', default=60.0, show_default=True, metavar='SECONDS', help='How long to wait for a call.')
@click.option('--wav', type=click.Path(dir_okay=False, path_type=Path), help='Keep a recording of what is heard.')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_instance
def answer(instance: Instance, keys: str, reject: str | None, wait_s: float, timeout_s: float, wav: Path | None, as_json: bool) -> None:
    """Take one call of those that Mesa places (close call, call-back), as the user who is called, and print what he hears.

    The telephone listens where `outbound` of the site's trunk leads, on this machine only. Exit code 3 when no call was taken.
    """
    items = Keys(keys)
    site = instance.site()
    far_end = far_end_of(site)
    place = instance.place
    exchange = Exchange(Server(place.bind, place.ports.sip), place.ports.ami, instance.secrets(site).ami_probe)
    texts = PromptTexts.load(site.prompt_texts)
    teller = Teller(texts)
    summed = answer_call(
        exchange, far_end, items, texts=texts, refusal=REFUSALS[reject] if reject else None, wait_s=wait_s, timeout_s=timeout_s, wav=wav,
        ready=lambda: say_waiting(far_end.listens, as_json), tell=(lambda happening: None) if as_json else teller)
    teller.close()
    if as_json:
        print_json(summed.facts())
    else:
        say(closing_line(summed) if summed.number else f'outcome: not_connected, nobody called within {timeout_s:g} s')
    if is_failure(summed, reject is not None):
        sys.exit(NOT_REACHED)


def say_waiting(listens: Server, as_json: bool) -> None:
    """Tell that a call may come now; a script reads it on standard error."""
    click.echo(f'waiting for a call on {listens} ...', err=as_json)


def is_failure(summed: Outcome, wished_to_refuse: bool) -> bool:
    """Whether it went otherwise than was asked for."""
    return summed.outcome in NOT_TALKED and not (wished_to_refuse and summed.outcome == 'rejected')
