"""`mesa fax`: faxes that came in, and those that we send (mission.md chapter 5)."""
from __future__ import annotations

import click

from callcenter.commands.fax_sending import cancel, send, status


@click.group()
def fax() -> None:
    """Faxes that came in, and those that we send."""


fax.add_command(send)
fax.add_command(status)
fax.add_command(cancel)
