"""`mesa serve all|agi|events|worker|desk`: Mesa's own services; `mesa up` runs them under supervision."""
from __future__ import annotations

import click

from callcenter.instance import Instance, pass_instance


@click.command()
@click.argument('what', type=click.Choice(['all', 'agi', 'events', 'worker', 'desk']), default='all')
@pass_instance
def serve(instance: Instance, what: str) -> None:
    """Run Mesa's services in the foreground until a signal stops them."""
    from callcenter.services import run
    run(instance, what)
