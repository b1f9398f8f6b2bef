"""`mesa escalation list|ack`: the steps of the ladder that were told, and who takes care of them (mission.md 4.5)."""
from __future__ import annotations

import getpass
from typing import Any

import click

from callcenter.console import Complaint, print_json, say
from callcenter.folio_view import hint, printable
from callcenter.reading import Reading, pass_reading
from ticketing.levels.escalation import Escalation, Escalator
from ticketing.values import UnknownFolio


@click.group()
def escalation() -> None:
    """List and acknowledge escalations."""


@escalation.command('list')
@click.argument('number', required=False)
@click.option('--all', 'everything', is_flag=True, help='Also those that somebody acknowledged.')
@click.option('--limit', type=click.IntRange(1, 100_000), default=50, show_default=True, help='At most so many, the newest first.')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_reading
def list_(reading: Reading, number: str | None, everything: bool, limit: int, as_json: bool) -> None:
    """List escalations, of one folio or of all, the newest first."""
    site = reading.site()
    with reading.database() as database:
        found = Escalator(database, lambda: site).list(number, None if everything or number else False, limit)
    if as_json:
        print_json([facts_of(one) for one in found])
        return
    if not found:
        say('Nothing was escalated.' if everything or number else 'No escalation waits for somebody.')
        return
    say(f'{"folio":<10}{"step":<12}{"due":<21}{"told":<21}acknowledged')
    for one in found:
        due, fired = (f'{instant.astimezone(site.zone):%Y-%m-%d %H:%M:%S}' for instant in (one.due_at, one.fired_at))
        taken = f'{one.acknowledged_at.astimezone(site.zone):%Y-%m-%d %H:%M:%S} ' if one.acknowledged_at else '-'
        say(f'{one.number:<10}{one.step:<12}{due:<21}{fired:<21}{taken}{printable(one.acknowledged_by or "")}')


@escalation.command()
@click.argument('number')
@click.option('--step', metavar='STEP', help="Only this step, such as respond, '80 %' or '+240 min'; else all of the folio.")
@click.option('--by', metavar='LOGIN', default=getpass.getuser, show_default='the system user', help='Who takes care of it.')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_reading
def ack(reading: Reading, number: str, step: str | None, by: str, as_json: bool) -> None:
    """Somebody takes care of it. The ladder goes on all the same."""
    site = reading.site()
    with reading.database() as database:
        try:
            steps = Escalator(database, lambda: site).acknowledge(number, step, by, reading.now(site))
        except UnknownFolio as error:
            raise Complaint(f'No folio has the number {number}.{hint(number)} See: mesa escalation list') from error
    if as_json:
        print_json({'number': number, 'acknowledged': list(steps), 'by': by})
    else:
        say(f'Folio {number}: {", ".join(steps)} acknowledged by {by}.' if steps else f'Folio {number}: all of it was acknowledged before.')


def facts_of(one: Escalation) -> dict[str, Any]:
    """An escalation for scripts; times are UTC, ISO 8601."""
    return {
        'number': one.number, 'step': one.step, 'due_at': one.due_at.isoformat(), 'fired_at': one.fired_at.isoformat(),
        'acknowledged_at': one.acknowledged_at.isoformat() if one.acknowledged_at else None, 'acknowledged_by': one.acknowledged_by}
