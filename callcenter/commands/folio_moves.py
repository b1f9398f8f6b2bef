"""`mesa folio assign|ack|...`: what people do to a folio, through its one life cycle, by the hand of `--by`."""
from __future__ import annotations

import getpass
from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from callcenter.console import Complaint, print_json, say
from callcenter.folio_view import facts_of, hint, sentence
from callcenter.reading import Reading, pass_reading
from ticketing.lifecycle import LifeCycle
from ticketing.values import CancelCause, Folio, Kind, Level, UnknownFolio

LEVELS = click.Choice([str(level) for level in Level])
Work = Callable[[LifeCycle, datetime], Folio]

number = click.argument('number')
by = click.option('--by', metavar='LOGIN', default=getpass.getuser, show_default='the system user', help='Who does it.')
if_version = click.option('--if-version', 'expected', type=int, metavar='N', help='Only if nobody changed the folio since version N.')
as_json = click.option('--json', 'as_json', is_flag=True, help='For scripts.')
reason = click.option('--reason', default='', help='Why.')
needed_reason = click.option('--reason', required=True, help='Why.')


def perform(reading: Reading, work: Work, as_json: bool) -> None:
    """Change a folio and say how it stands then."""
    site = reading.site()
    with reading.database() as database:
        try:
            folio = work(LifeCycle(database, lambda: site), reading.now(site))
        except UnknownFolio as error:
            told = str(error).rsplit(' ', 1)[-1]
            raise Complaint(f'No folio has the number {told}.{hint(told)} See: mesa folio list') from error
    if as_json:
        print_json(facts_of(folio))
    else:
        say(sentence(folio, site.zone))


@click.command()
@number
@click.option('--agent', metavar='LOGIN', help='To this agent.')
@click.option('--group', metavar='KEY', help='To this resolver group.')
@reason
@by
@if_version
@as_json
@pass_reading
def assign(reading: Reading, number: str, as_json: bool, **facts: Any) -> None:
    """Give it to an agent, or hand it over to a resolver group."""
    perform(reading, lambda life, now: life.assign(number, now=now, **facts), as_json)


@click.command()
@number
@by
@as_json
@pass_reading
def ack(reading: Reading, number: str, by: str, as_json: bool) -> None:
    """The resolver group has taken what was handed over."""
    perform(reading, lambda life, now: life.acknowledge(number, by=by, now=now), as_json)


@click.command()
@number
@by
@if_version
@as_json
@pass_reading
def start(reading: Reading, number: str, as_json: bool, **facts: Any) -> None:
    """Work on it begins."""
    perform(reading, lambda life, now: life.start(number, now=now, **facts), as_json)


@click.command()
@number
@click.option('--for', 'waiting_for', type=click.Choice(['user', 'supplier']), required=True, help='Who must do something first.')
@needed_reason
@by
@if_version
@as_json
@pass_reading
def wait(reading: Reading, number: str, as_json: bool, **facts: Any) -> None:
    """Pause the clock: somebody else must do something first."""
    perform(reading, lambda life, now: life.wait(number, now=now, **facts), as_json)


@click.command()
@number
@reason
@by
@if_version
@as_json
@pass_reading
def resume(reading: Reading, number: str, as_json: bool, **facts: Any) -> None:
    """The clock goes on."""
    perform(reading, lambda life, now: life.resume(number, now=now, **facts), as_json)


@click.command()
@number
@click.argument('text')
@by
@as_json
@pass_reading
def update(reading: Reading, number: str, text: str, by: str, as_json: bool) -> None:
    """Tell the user how it goes."""
    perform(reading, lambda life, now: life.update(number, text=text, by=by, now=now), as_json)


@click.command()
@number
@click.argument('text')
@by
@as_json
@pass_reading
def note(reading: Reading, number: str, text: str, by: str, as_json: bool) -> None:
    """Add an internal note."""
    perform(reading, lambda life, now: life.note(number, text=text, by=by, now=now), as_json)


@click.command()
@number
@click.option('--solution', required=True, help='What was done; the user reads it.')
@click.option('--diagnosis', default='', help='What it was.')
@click.option('--first-contact', is_flag=True, help='Solved on the line by first level.')
@by
@if_version
@as_json
@pass_reading
def resolve(reading: Reading, number: str, as_json: bool, **facts: Any) -> None:
    """It is solved; the user is asked to confirm."""
    perform(reading, lambda life, now: life.resolve(number, now=now, **facts), as_json)


@click.command()
@number
@click.option('--party', type=click.Choice(['user', 'contact']), default='user', show_default=True, help='Who told you.')
@click.option('--score', type=click.IntRange(1, 5), help='How satisfied, 1 to 5.')
@click.option('--comment', default='', help='What was said.')
@by
@as_json
@pass_reading
def confirm(reading: Reading, number: str, as_json: bool, **facts: Any) -> None:
    """Somebody told you that it is solved. Never by who solved it."""
    perform(reading, lambda life, now: life.confirm(number, via='person', now=now, **facts), as_json)


@click.command()
@number
@needed_reason
@by
@as_json
@pass_reading
def reopen(reading: Reading, number: str, reason: str, by: str, as_json: bool) -> None:
    """It is not solved; the clock goes on."""
    perform(reading, lambda life, now: life.reopen(number, reason=reason, by=by, now=now), as_json)


@click.command()
@number
@needed_reason
@click.option('--cause', type=click.Choice([str(cause) for cause in CancelCause]), default=str(CancelCause.USER), show_default=True,
              help='Its class, by which the allowance counts it.')
@by
@if_version
@as_json
@pass_reading
def cancel(reading: Reading, number: str, as_json: bool, **facts: Any) -> None:
    """Nothing is to be done about it."""
    perform(reading, lambda life, now: life.cancel(number, now=now, **facts), as_json)


@click.command()
@number
@click.argument('into')
@by
@as_json
@pass_reading
def merge(reading: Reading, number: str, into: str, by: str, as_json: bool) -> None:
    """NUMBER says the same as INTO: it is cancelled as a duplicate."""
    perform(reading, lambda life, now: life.merge(number, into, by=by, now=now), as_json)


@click.command()
@number
@click.option('--impact', type=LEVELS, required=True, help='How much it stops.')
@click.option('--urgency', type=LEVELS, required=True, help='How soon it hurts.')
@needed_reason
@by
@if_version
@as_json
@pass_reading
def prioritise(reading: Reading, number: str, as_json: bool, **facts: Any) -> None:
    """Change impact and urgency, and so the priority and what is due."""
    perform(reading, lambda life, now: life.prioritise(number, now=now, **facts), as_json)


@click.command()
@number
@click.argument('category')
@by
@if_version
@as_json
@pass_reading
def categorise(reading: Reading, number: str, as_json: bool, **facts: Any) -> None:
    """Say which category it is about."""
    perform(reading, lambda life, now: life.categorise(number, now=now, **facts), as_json)


@click.command()
@number
@click.option('--application', metavar='KEY', help="One of the client's catalogue.")
@click.option('--summary', help='What it is, in a few words.')
@click.option('--description', help='All that is known.')
@click.option('--diagnosis', help='What the cause is.')
@click.option('--kind', type=click.Choice([str(kind) for kind in Kind if kind is not Kind.COMPLAINT]))
@by
@if_version
@as_json
@pass_reading
def describe(reading: Reading, number: str, as_json: bool, **facts: Any) -> None:
    """Correct what the folio says."""
    perform(reading, lambda life, now: life.describe(number, now=now, **facts), as_json)


@click.command()
@number
@click.argument('text')
@click.option('--about', 'complained_of', metavar='LOGIN', help='Whom it is about.')
@by
@as_json
@pass_reading
def complain(reading: Reading, number: str, as_json: bool, **facts: Any) -> None:
    """It is a complaint: a supervisor gets it."""
    perform(reading, lambda life, now: life.complain(number, now=now, **facts), as_json)


@click.command()
@number
@needed_reason
@by
@as_json
@pass_reading
def visit(reading: Reading, number: str, reason: str, by: str, as_json: bool) -> None:
    """An engineer goes there: premium only, with an additional charge."""
    perform(reading, lambda life, now: life.visit(number, reason=reason, by=by, now=now), as_json)
    if not as_json:
        say('The visit has an additional charge.')


MOVES = (assign, ack, start, wait, resume, update, note, resolve, confirm, reopen, cancel, merge, prioritise, categorise, describe,
         complain, visit)
