"""`mesa close-call list|show|now|answer`: who is still asked whether his folio is solved (mission.md 4.7)."""
from __future__ import annotations

import getpass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from callcenter.commands.folio_moves import perform
from callcenter.console import Complaint, print_json, say
from callcenter.folio_view import hint
from callcenter.reading import Reading, pass_reading
from storage.engine import Database
from ticketing.closing.close_calls import CloseCalls, Made, Waiting
from ticketing.lifecycle import LifeCycle
from ticketing.values import Folio, UnknownFolio

NOT_SOLVED = {'user': 'El usuario informó que no quedó resuelto.',            # the user reads it
              'contact': 'El contacto de su empresa informó que no quedó resuelto.'}
as_json_option = click.option('--json', 'as_json', is_flag=True, help='For scripts.')


@click.group('close-call')
def close_call() -> None:
    """See who is asked to confirm; ask him sooner; enter what he told a person."""


@close_call.command('list')
@click.option('--client', help="Only this client's.")
@click.option('--limit', type=click.IntRange(1, 100_000), default=100, show_default=True, help='At most so many, the next first.')
@as_json_option
@pass_reading
def list_(reading: Reading, client: str | None, limit: int, as_json: bool) -> None:
    """List the close calls that are not answered yet, the next first."""
    with reading.database() as database:
        found = books_of(reading, database).waiting(client=client, limit=limit)
    if as_json:
        print_json([facts_of(one) for one in found])
    elif not found:
        say('Nobody is waiting to be asked.')
    else:
        say_waiting(found, reading.site().zone)


@close_call.command()
@click.argument('number')
@as_json_option
@pass_reading
def show(reading: Reading, number: str, as_json: bool) -> None:
    """Show what was tried to have one folio confirmed: what waits, and every call."""
    with reading.database() as database:
        books = books_of(reading, database)
        try:
            waiting, made = books.waiting(number), books.made(number)
        except UnknownFolio as error:
            raise no_folio(number) from error
    if as_json:
        print_json({'waiting': [facts_of(one) for one in waiting], 'calls': [call_facts(one) for one in made]})
        return
    zone = reading.site().zone
    if waiting:
        say_waiting(waiting, zone)
    else:
        say(f'Nobody is waiting to be asked about folio {number}.')
    for one in made:
        ended = f'{local(one.ended_at, zone)}  {one.outcome}' if one.ended_at else 'going on'
        say(f'  {local(one.started_at, zone)}  {one.number:<14}{ended}  [call {one.linkedid}]')


@close_call.command()
@click.argument('number')
@as_json_option
@pass_reading
def now(reading: Reading, number: str, as_json: bool) -> None:
    """Ask about a folio as soon as the line's hours and the limits of the contract allow it."""
    with reading.database() as database:
        books = books_of(reading, database)
        try:
            hurried = books.hurry(number, reading.now(reading.site()))
        except UnknownFolio as error:
            raise no_folio(number) from error
        waiting = books.waiting(number)
    if not hurried:
        state = ', '.join(one.state for one in waiting) or 'nobody is to be asked'
        raise Complaint(f'No close call of folio {number} waits for its time ({state}). See: mesa close-call show {number}')
    if as_json:
        print_json([facts_of(one) for one in waiting])
    else:
        say(f'Folio {number}: its user is called as soon as the line is open and the limits allow it.')


@close_call.command()
@click.argument('number')
@click.option('--by', metavar='LOGIN', default=getpass.getuser, show_default='the system user', help='Who asked; not who solved it.')
@click.option('--solved/--not-solved', default=None, help='What the user answered.')
@click.option('--score', type=click.IntRange(1, 5), help='How he rates the service, 5 is best.')
@click.option('--comment', default='', help='What he said.')
@click.option('--party', type=click.Choice(['user', 'contact']), default='user', show_default=True, help='Who answered.')
@as_json_option
@pass_reading
def answer(reading: Reading, number: str, by: str, solved: bool | None, score: int | None, comment: str, party: str, as_json: bool) -> None:
    """Enter what the user told a person, who may not be the solver."""
    if solved is None:
        raise click.UsageError('Say what he answered: --solved or --not-solved.')
    if not solved and score is not None:
        raise click.UsageError('Only a solved folio is rated: leave --score away.')

    def work(life: LifeCycle, at: datetime) -> Folio:
        if solved:
            return life.confirm(number, by=by, via='person', now=at, score=score, comment=comment, party=party)
        return life.reopen(number, reason=comment or NOT_SOLVED[party], by=by, now=at)
    perform(reading, work, as_json)


def books_of(reading: Reading, database: Database) -> CloseCalls:
    """The close calls of an instance, for a command."""
    site = reading.site()
    return CloseCalls(database, LifeCycle(database, lambda: site), lambda: site, reading.overrides)


def no_folio(number: str) -> Complaint:
    """What to say of a number that no folio has."""
    return Complaint(f'No folio has the number {number}.{hint(number)} See: mesa folio list')


def say_waiting(found: tuple[Waiting, ...], zone: ZoneInfo) -> None:
    """One line each."""
    say(f'{"folio":<10}{"client":<12}{"party":<9}{"state":<9}{"tried":<7}{"next":<18}answer until')
    for one in found:
        say(f'{one.number:<10}{one.client:<12}{one.party:<9}{one.state:<9}{one.attempts:<7}{local(one.next_at, zone):<18}'
            f'{local(one.deadline, zone)}')


def local(moment: datetime | None, zone: ZoneInfo) -> str:
    """A time for a person."""
    return f'{moment.astimezone(zone):%Y-%m-%d %H:%M}' if moment else '-'


def facts_of(one: Waiting) -> dict[str, Any]:
    """A close call for scripts; times are UTC, ISO 8601."""
    return {'number': one.number, 'client': one.client, 'party': one.party, 'state': one.state, 'attempts': one.attempts,
            'next_at': _iso(one.next_at), 'deadline': _iso(one.deadline)}


def call_facts(one: Made) -> dict[str, Any]:
    """A call for scripts."""
    return {'linkedid': one.linkedid, 'number': one.number, 'started_at': _iso(one.started_at), 'ended_at': _iso(one.ended_at),
            'outcome': one.outcome}


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
