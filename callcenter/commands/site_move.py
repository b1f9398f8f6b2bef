"""`mesa site-move ...`: clients' sites that move to another address, from the written notice to the delivery (mission.md 7.4)."""
from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

import click

from callcenter.console import Complaint, print_json, say
from callcenter.folio_view import printable
from callcenter.reading import Reading, pass_reading
from callcenter.site_move_view import facts_of, in_words, remarks, sentence
from config.values import Modality, Site
from contracts.move_rows import Move, WrittenNotice
from contracts.move_rules import MoveState, UnknownMove, total
from contracts.moves import SiteMoves, expected_costs

Work = Callable[[SiteMoves, Site, datetime], Move]


class Day(click.ParamType[date]):
    """A date such as 2026-09-16."""

    name = 'day'

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """The date itself; click's own complaint for anything else."""
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f'{value!r} is not a day. Write it like 2026-09-16', param, ctx)


reference = click.argument('reference')
by = click.option('--by', metavar='LOGIN', default=getpass.getuser, show_default='the system user', help='Who does it.')
if_version = click.option('--if-version', 'seen', type=int, metavar='N', help='Only if nobody changed the move since version N.')
as_json = click.option('--json', 'as_json', is_flag=True, help='For scripts.')
agreed = click.option('--agreed', default='', metavar='REASON',
                      help='Why both parties agreed to less than 60 days (Spanish; the client reads it).')


@click.group()
def site_move() -> None:
    """Moves of clients' sites: notice, feasibility, cost, delivery."""


@site_move.command()
@click.argument('client')
@click.argument('place', metavar='SITE')
@click.option('--reference', 'written', required=True, metavar='TEXT', help="The client's own reference of its letter.")
@click.option('--wanted', required=True, type=Day(), metavar='DAY', help='For which day the change is wanted.')
@click.option('--to', 'destination', required=True, metavar='ADDRESS', help='The new address.')
@click.option('--received', type=Day(), metavar='DAY', help='When the letter was received.  [default: today]')
@click.option('--modality', 'modalities', multiple=True, type=click.Choice([str(one) for one in Modality]),
              help="Served at the site (repeatable).  [default: all of the client's]")
@agreed
@by
@as_json
@pass_reading
def notice(reading: Reading, client: str, place: str, written: str, wanted: date, destination: str, received: date | None,
           modalities: tuple[str, ...], agreed: str, by: str, as_json: bool) -> None:
    """Enter a client's written notice that SITE moves. The same notice entered twice is one move."""
    def work(book: SiteMoves, site: Site, now: datetime) -> Move:
        return book.notice(WrittenNotice(
            client=client, site=place, reference=written, received_on=received or now.astimezone(site.zone).date(), wanted_on=wanted,
            destination=destination, modalities=tuple(sorted({Modality(one) for one in modalities})), agreed=agreed), site, by, now)
    perform(reading, work, as_json)


@site_move.command()
@reference
@click.option('--text', 'words', default='', help='What else the client is told (Spanish).')
@if_version
@by
@as_json
@pass_reading
def feasible(reading: Reading, reference: str, words: str, seen: int | None, by: str, as_json: bool) -> None:
    """It can be done: the client is told the initial cost, and accepts it or not."""
    perform(reading, lambda book, site, now: book.decide_feasibility(reference, True, words, site, by, now, seen), as_json)


@site_move.command('not-feasible')
@reference
@click.option('--reason', required=True, help='Why (Spanish; the client reads it).')
@if_version
@by
@as_json
@pass_reading
def not_feasible(reading: Reading, reference: str, reason: str, seen: int | None, by: str, as_json: bool) -> None:
    """It cannot be done: no liability, other services stay, the client may cancel under the termination clause."""
    perform(reading, lambda book, site, now: book.decide_feasibility(reference, False, reason, site, by, now, seen), as_json)


@site_move.command()
@reference
@click.option('--term-months', type=click.IntRange(1, 600), metavar='N', help="Months of the new term.  [default: the contract's]")
@if_version
@by
@as_json
@pass_reading
def accept(reading: Reading, reference: str, term_months: int | None, seen: int | None, by: str, as_json: bool) -> None:
    """The client accepts the cost: the move is planned for its day."""
    perform(reading, lambda book, site, now: book.accept(reference, site, by, now, term_months=term_months, seen=seen), as_json)


@site_move.command()
@reference
@click.argument('day', type=Day(), metavar='DAY')
@agreed
@click.option('--reason', default='', help='Why (Spanish; it stands in the history).')
@if_version
@by
@as_json
@pass_reading
def reschedule(reading: Reading, reference: str, day: date, agreed: str, reason: str, seen: int | None, by: str, as_json: bool) -> None:
    """Plan another DAY, also 60 days after the notice; a cost that changes with it must be accepted again."""
    perform(reading, lambda book, site, now: book.reschedule(
        reference, day, site, by, now, agreed=agreed, reason=reason, seen=seen), as_json)


@site_move.command()
@reference
@click.option('--on', 'day', type=Day(), metavar='DAY', help='When it was delivered.  [default: today]')
@if_version
@by
@as_json
@pass_reading
def deliver(reading: Reading, reference: str, day: date | None, seen: int | None, by: str, as_json: bool) -> None:
    """The service was delivered at the new address: its cost is owed and the new term runs from that day."""
    perform(reading, lambda book, site, now: book.deliver(
        reference, day or now.astimezone(site.zone).date(), site, by, now, seen), as_json)


@site_move.command()
@reference
@click.option('--reason', default='', help='Why (Spanish; the client reads it).')
@if_version
@by
@as_json
@pass_reading
def withdraw(reading: Reading, reference: str, reason: str, seen: int | None, by: str, as_json: bool) -> None:
    """The client takes its notice back before the delivery."""
    perform(reading, lambda book, site, now: book.withdraw(reference, reason, site, by, now, seen), as_json)


@site_move.command('cancel-service')
@reference
@click.option('--reason', default='', help='Why (Spanish; the client reads it).')
@if_version
@by
@as_json
@pass_reading
def cancel_service(reading: Reading, reference: str, reason: str, seen: int | None, by: str, as_json: bool) -> None:
    """Not feasible, and the client cancels under the termination clause. Switches nothing off."""
    perform(reading, lambda book, site, now: book.cancel_service(reference, reason, site, by, now, seen), as_json)


@site_move.command()
@reference
@click.option('--reason', default='', help='Why (Spanish; the client reads it).')
@if_version
@by
@as_json
@pass_reading
def close(reading: Reading, reference: str, reason: str, seen: int | None, by: str, as_json: bool) -> None:
    """Not feasible, and the client keeps what it has."""
    perform(reading, lambda book, site, now: book.close(reference, reason, site, by, now, seen), as_json)


@site_move.command('list')
@click.option('--client', metavar='KEY', help="Only this client's.")
@click.option('--state', 'states', multiple=True, type=click.Choice([str(state) for state in MoveState]),
              help='Only in this state (repeatable).')
@click.option('--limit', type=click.IntRange(1, 10_000), default=50, show_default=True, help='At most so many, the newest first.')
@as_json
@pass_reading
def list_(reading: Reading, client: str | None, states: tuple[str, ...], limit: int, as_json: bool) -> None:
    """List moves, the newest first."""
    site = reading.site()
    with books(reading) as book:
        found = book.list(client, [MoveState(state) for state in states], limit)
    if as_json:
        print_json([facts_of(move, site) for move in found])
        return
    if not found:
        say('No site move matches.' if client or states else 'No site moves yet.')
        return
    say(f'{"move":<12}{"client":<14}{"site":<24}{"notice":<12}{"change":<12}{"state":<19}cost')
    for move in found:
        costs = expected_costs(move, site)
        day, cost = move.delivered_on or move.wanted_on, f'{total(costs):,.2f}' if costs is not None else '-'
        say(f'{move.reference:<12}{move.client:<14}{printable(move.site):<24}{move.received_on!s:<12}{day!s:<12}{move.state:<19}{cost}')


@site_move.command()
@reference
@as_json
@pass_reading
def show(reading: Reading, reference: str, as_json: bool) -> None:
    """Show one move: what was agreed, what it costs, and each step with its time."""
    site = reading.site()
    with books(reading) as book:
        move, events = book.get(reference), book.events(reference)
    if as_json:
        print_json(facts_of(move, site) | {'events': [asdict(event) | {'at': event.at.isoformat()} for event in events]})
        return
    for name, value in facts_of(move, site).items():
        if value not in (None, '', [], False):
            say(f'{name.replace("_", " "):>22}  {in_words(value, site.zone)}')
    say('\nhistory')
    for event in events:
        say(f'  {event.at.astimezone(site.zone):%Y-%m-%d %H:%M:%S}  {event.state:<19}{event.by:<10}{printable(event.text)}')


def perform(reading: Reading, work: Work, as_json: bool) -> None:
    """Take one step and say how the move stands then, and what a person should know or do."""
    site = reading.site()
    with books(reading) as book:
        move = work(book, site, reading.now(site))
    if as_json:
        print_json(facts_of(move, site))
        return
    say(sentence(move, site))
    for line in remarks(move, site):
        say(f'  {line}')


@contextmanager
def books(reading: Reading) -> Iterator[SiteMoves]:
    """The books of moves. Complaint for one that is not there."""
    with reading.database() as database:
        try:
            yield SiteMoves(database)
        except UnknownMove as error:
            raise Complaint(f'{str(error)[:1].upper()}{str(error)[1:]}. See: mesa site-move list') from error
