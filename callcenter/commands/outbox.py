"""`mesa outbox list|show|retry|drop`: the letters that wait, left, or did not arrive."""
from __future__ import annotations

import getpass
from typing import Any
from zoneinfo import ZoneInfo

import click

from callcenter.console import Complaint, print_json, say
from callcenter.folio_view import printable
from callcenter.reading import Reading, pass_reading
from ticketing.mail.outbox import NotInOutbox, Outbox, Outgoing
from ticketing.values import Sending

INSTANTS = ('due', 'not_before', 'created_at', 'finished_at')
ids = click.argument('ids', metavar='ID...', nargs=-1, required=True, type=int)
by = click.option('--by', metavar='LOGIN', default=getpass.getuser, show_default='the system user', help='Who does it.')
as_json = click.option('--json', 'as_json', is_flag=True, help='For scripts.')
yes = click.option('--yes', is_flag=True, help='Do not ask.')


@click.group()
def outbox() -> None:
    """See the letters that wait, left or failed; send again, or drop."""


@outbox.command('list')
@click.option('--state', 'states', multiple=True, type=click.Choice([str(state) for state in Sending]),
              help='Only in this state (repeatable).')
@click.option('--limit', type=click.IntRange(1, 100_000), default=50, show_default=True, help='At most so many, the newest first.')
@as_json
@pass_reading
def list_(reading: Reading, states: tuple[str, ...], limit: int, as_json: bool) -> None:
    """List letters, the newest first."""
    zone = reading.site().zone
    with reading.database() as database:
        rows = Outbox(database).list([Sending(state) for state in states], limit)
    if as_json:
        print_json([facts_of(row) for row in rows])
        return
    if not rows:
        say('No letter is in such a state.' if states else 'No letters yet.')
        return
    say(f'{"id":<8}{"state":<10}{"due":<18}{"notice":<18}{"folio":<10}{"tries":<7}{"recipient":<34}last error')
    for row in rows:
        local = row.due.astimezone(zone)
        say(f'{row.id:<8}{row.state:<10}{local:%Y-%m-%d %H:%M}  {row.notice:<18}{row.number or "-":<10}{row.tries:<7}'
            f'{printable(row.recipient):<34}{printable(row.last_error or "-")}')


@outbox.command()
@click.argument('id_', metavar='ID', type=int)
@as_json
@pass_reading
def show(reading: Reading, id_: int, as_json: bool) -> None:
    """Show one letter: its state and the facts it is made of."""
    zone = reading.site().zone
    with reading.database() as database:
        row, = known(Outbox(database), (id_,))
    if as_json:
        print_json({**facts_of(row), 'facts': row.facts, 'references': row.references})
        return
    for name, value in facts_of(row).items():
        say(f'{name.replace("_", " "):>12}  {in_words(name, getattr(row, name, value), zone)}')
    say('\nfacts')
    for name, value in row.facts.items():
        say(f'{name:>16}  {printable(str(value))}')


@outbox.command()
@ids
@by
@yes
@as_json
@pass_reading
def retry(reading: Reading, ids: tuple[int, ...], by: str, yes: bool, as_json: bool) -> None:
    """Send again what failed, and what waits at once. One in doubt goes out once more, marked: it may arrive twice."""
    site = reading.site()
    with reading.database() as database:
        book = Outbox(database)
        for row in known(book, ids):
            if row.state is Sending.DOUBTFUL and not yes:
                click.confirm(f'Letter {row.id} to {row.recipient} may have arrived already. Send it once more?', abort=True)
        done = [book.retry(id_, by, reading.now(site)) for id_ in ids]
    tell(done, 'goes out again', as_json)


@outbox.command()
@ids
@click.option('--reason', required=True, help='Why; it stands in the timeline.')
@by
@yes
@as_json
@pass_reading
def drop(reading: Reading, ids: tuple[int, ...], reason: str, by: str, yes: bool, as_json: bool) -> None:
    """Never send letters that have not left yet."""
    site = reading.site()
    with reading.database() as database:
        book = Outbox(database)
        for row in known(book, ids):
            if not yes:
                click.confirm(f'Letter {row.id} ({row.notice}) to {row.recipient} will never be sent. Drop it?', abort=True)
        done = [book.drop(id_, reason, by, reading.now(site)) for id_ in ids]
    tell(done, 'will not be sent', as_json)


def tell(rows: list[Outgoing], what: str, as_json: bool) -> None:
    """Say what became of letters."""
    if as_json:
        print_json([facts_of(row) for row in rows])
    else:
        for row in rows:
            say(f'Letter {row.id} ({row.notice}) to {row.recipient} {what}.')


def known(book: Outbox, ids: tuple[int, ...]) -> list[Outgoing]:
    """The letters with these ids; Complaint when the outbox lacks one."""
    try:
        return [book.get(id_) for id_ in ids]
    except NotInOutbox as error:
        raise Complaint(f'{str(error).capitalize()}. See: mesa outbox list') from error


def facts_of(row: Outgoing) -> dict[str, Any]:
    """A letter for people and scripts; times are UTC, ISO 8601. `due` goes by Mesa's clock, `not_before` by the machine's."""
    instants = {name: value.isoformat() if (value := getattr(row, name)) else None for name in INSTANTS}
    return {'id': row.id, 'state': str(row.state), 'notice': row.notice, 'recipient': row.recipient, 'folio': row.number,
            'client': row.client, 'message_id': row.message_id, 'held': row.held, 'tries': row.tries, 'doubts': row.doubts,
            'last_error': row.last_error, **instants}


def in_words(name: str, value: Any, zone: ZoneInfo) -> str:
    """A fact for a person: times in the site's zone."""
    if value is not None and name in INSTANTS:
        return f'{value.astimezone(zone):%Y-%m-%d %H:%M:%S}'
    return '-' if value is None else printable(str(value))

