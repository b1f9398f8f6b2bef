"""`mesa fax`: faxes that came in, and those that we send (mission.md chapter 5)."""
from __future__ import annotations

import click

from callcenter.commands import fax_modems, fax_received, fax_sending


@click.group()
def fax() -> None:
    """Faxes that came in, and those that we send."""


for command in (fax_received.list_, fax_received.show, fax_received.hold, fax_received.release, fax_received.resend,
                fax_received.quarantine, fax_received.discard, fax_received.save, fax_sending.send, fax_sending.status, fax_sending.cancel,
                fax_modems.modems):
    fax.add_command(command)
