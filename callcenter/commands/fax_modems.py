"""`mesa fax modems`: what each modem of the fax server is doing."""
from __future__ import annotations

from dataclasses import asdict

import click

from callcenter.applied import applied_number
from callcenter.console import print_json, say
from callcenter.instance import Instance, pass_instance
from callcenter.running import state
from fax.modems import ModemState, modems_now


@click.command()
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_instance
def modems(instance: Instance, as_json: bool) -> None:
    """Tell what each modem is doing: idle, receiving, sending, or down."""
    found = states_of(instance)
    if as_json:
        print_json([asdict(modem) for modem in found])
        return
    for modem in found:
        say(f'{modem.name:14} {modem.state:10} {modem.text}')
    if not found:
        say('This site has no fax server: [fax] modems is 0 in site.toml.')
    if wrong := state(instance.root).get('fax', {}).get('wrong'):
        say(f'warning: {wrong}')


def states_of(instance: Instance) -> tuple[ModemState, ...]:
    """The modems of the site in force; none before the first apply."""
    if applied_number(instance.place) is None:
        return ()
    modems = instance.place.modems(instance.site().fax_server.modems)
    parts = state(instance.root).get('fax', {}).get('parts', {})
    running = {name for name, part in parts.items() if part['pid']}
    return modems_now(instance.place.fax_spool, (modem.name for modem in modems), running)
