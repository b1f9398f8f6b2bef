"""`mesa fax`: faxes that came in, and those that we send (mission.md chapter 5)."""
from __future__ import annotations

import click

from callcenter.commands.fax_modems import modems


@click.group()
def fax() -> None:
    """Faxes that came in, and those that we send."""


fax.add_command(modems)
