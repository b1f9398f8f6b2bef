"""`mesa call`: a real SIP call through the instance's own Asterisk, told line by line."""
from __future__ import annotations

import sys
from pathlib import Path

import click

from callcenter.caller import place_call
from callcenter.console import print_json, say
from callcenter.exchange import exchange_of
from callcenter.following import Keys
from callcenter.instance import Instance, pass_instance
from callcenter.listening import PromptTexts
from callcenter.telling import NOT_TALKED, Teller, closing_line

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
    teller.close()
    if as_json:
        print_json(summed.facts())
    else:
        say(closing_line(summed))
    if summed.outcome in NOT_TALKED:
        sys.exit(NOT_REACHED)
