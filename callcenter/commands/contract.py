"""`mesa contract CLIENT`: what was agreed, and what of it holds on a day (mission.md chapter 7)."""
from __future__ import annotations

from datetime import date

import click

from callcenter.console import Complaint, print_json, say
from callcenter.contract_view import contract_lines
from callcenter.reading import Reading, pass_reading
from contracts.agreed import contract_facts


@click.command()
@click.argument('client')
@click.option('--on', 'day', metavar='DAY', help='A local day of the site, such as 2026-11-24.  [default: today]')
@click.option('--edited', is_flag=True, help='Ask the files as edited, not the site in force.')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_reading
def contract(reading: Reading, client: str, day: str | None, edited: bool, as_json: bool) -> None:
    """Show a client's contract: terms of each modality, prices, promises, waivers, and what changes when."""
    site = reading.edited_site() if edited else reading.site()
    found = site.clients.get(client)
    if found is None:
        raise Complaint(f'No client is called {client!r}. There are: {", ".join(site.clients) or "none"}')
    facts = contract_facts(site, found, day_of(day) if day else reading.today(site))
    if as_json:
        print_json(facts)
    else:
        for line in contract_lines(facts):
            say(line)


def day_of(text: str) -> date:
    """The day that a person wrote. Complaint when it is none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Complaint(f'--on {text}: this is not a day. Write it like 2026-11-24.', 2) from None
