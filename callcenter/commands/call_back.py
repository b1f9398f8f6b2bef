"""`mesa call-back list|cancel`: who left his place in a queue and will be called (mission.md 3.6)."""
from __future__ import annotations

import getpass
from dataclasses import asdict
from zoneinfo import ZoneInfo

import click

from callcenter.console import Complaint, print_json, say
from callcenter.folio_view import printable
from callcenter.reading import Reading, pass_reading
from ticketing.call_backs import CANCELLED, GIVEN_UP, SERVED, WAITING, CallBack, CallBacks

as_json = click.option('--json', 'as_json', is_flag=True, help='For scripts.')


@click.group(name='call-back')
def call_back() -> None:
    """Callers who left their place in the queue and will be called."""


@call_back.command('list')
@click.option('--state', type=click.Choice([WAITING, SERVED, GIVEN_UP, CANCELLED, 'all']), default=WAITING, show_default=True,
              help='Only in this state.')
@click.option('--limit', type=click.IntRange(1, 100_000), default=200, show_default=True, help='At most so many.')
@as_json
@pass_reading
def list_(reading: Reading, state: str, limit: int, as_json: bool) -> None:
    """List call-backs in the order of their places."""
    zone = reading.site().zone
    with reading.database() as database:
        found = CallBacks(database).list(None if state == 'all' else state, limit)
    if as_json:
        print_json([asdict(one) for one in found])
    elif not found:
        say('Nobody waits for a call.' if state == WAITING else 'No call-backs.')
    else:
        say(f'{"id":<7}{"state":<11}{"number":<13}{"queue":<22}{"joined":<21}{"next attempt":<18}{"tries":<7}folio')
        for one in found:
            say(row(one, zone))


@call_back.command()
@click.argument('id_', metavar='ID', type=int)
@click.option('--reason', required=True, help="Why; it stands in the folio's timeline.")
@click.option('--by', metavar='LOGIN', default=getpass.getuser, show_default='the system user', help='Who does it.')
@as_json
@pass_reading
def cancel(reading: Reading, id_: int, reason: str, by: str, as_json: bool) -> None:
    """Give up a kept place: nobody is called."""
    site = reading.site()
    with reading.database() as database:
        one = CallBacks(database).cancel(id_, by=by, reason=reason, now=reading.now(site))
    if one.state != CANCELLED:
        raise Complaint(f'Call-back {id_} is {one.state} already: there is nothing to cancel.')
    if as_json:
        print_json(asdict(one))
    else:
        say(f'Call-back {id_} is cancelled.')


def row(one: CallBack, zone: ZoneInfo) -> str:
    """One line of the list; times in the site's zone."""
    joined, due = one.joined_at.astimezone(zone), one.next_at.astimezone(zone)
    waits = f'{due:%Y-%m-%d %H:%M}' if one.state == WAITING else '-'
    number = printable(one.number).removeprefix('+52')     # an erased one is no number any more
    return (f'{one.id:<7}{one.state:<11}{number:<13}{printable(one.queue):<22}{joined:%Y-%m-%d %H:%M:%S}  {waits:<18}'
            f'{one.attempts:<7}{one.folio or "-"}')
