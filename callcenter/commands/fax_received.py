"""`mesa fax list|show|hold|release|resend|quarantine|discard|save`: the faxes that came in (mission.md 5.4, 5.5)."""
from __future__ import annotations

import getpass
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from callcenter.console import Complaint, print_json, say
from callcenter.faxing import folders_of
from callcenter.folio_view import printable
from callcenter.reading import Reading, pass_reading
from config.phones import e164
from fax.books import FaxBook
from fax.notices import sender
from fax.operations import FaxDesk
from fax.values import Fax, FaxError, FaxState, UnknownFax

reference = click.argument('reference')
by = click.option('--by', metavar='LOGIN', default=getpass.getuser, show_default='the system user', help='Who does it.')
as_json = click.option('--json', 'as_json', is_flag=True, help='For scripts.')
reason = click.option('--reason', required=True, help='Why; it stands in the history of the fax.')


@click.command('list')
@click.option('--state', 'states', multiple=True, type=click.Choice([str(state) for state in FaxState]),
              help='Only in this state (repeatable).')
@click.option('--line', metavar='NUMBER', help='Only of this fax line.')
@click.option('--limit', type=click.IntRange(1, 100_000), default=50, show_default=True, help='At most so many, the newest first.')
@as_json
@pass_reading
def list_(reading: Reading, states: tuple[str, ...], line: str | None, limit: int, as_json: bool) -> None:
    """List received faxes, the newest first."""
    with books(reading) as book:
        found = book.list([FaxState(state) for state in states], fax_line(line), limit)
    if as_json:
        print_json([facts_of(facsimile) for facsimile in found])
    elif not found:
        say('No fax is in such a state.' if states or line else 'No faxes yet.')
    else:
        say_list(found, reading.site().zone)


@click.command()
@reference
@as_json
@pass_reading
def show(reading: Reading, reference: str, as_json: bool) -> None:
    """Show one fax: what is known of it, and each step with its time."""
    with books(reading) as book:
        facsimile, events = book.get(reference), book.events(reference)
    zone = reading.site().zone
    if as_json:
        print_json(facts_of(facsimile) | {'events': [
            {'at': event.at.isoformat(), 'state': str(event.state), 'by': event.by, 'text': event.text} for event in events]})
        return
    for name, value in facts_of(facsimile).items():
        if value not in (None, '', [], False):
            say(f'{name.replace("_", " "):>15}  {in_words(getattr(facsimile, name, value), zone)}')
    say('\nhistory')
    for event in events:
        say(f'  {event.at.astimezone(zone):%Y-%m-%d %H:%M:%S}  {event.state:<12}{event.by:<10}{printable(event.text)}')


@click.command()
@reference
@by
@as_json
@pass_reading
def hold(reading: Reading, reference: str, by: str, as_json: bool) -> None:
    """Keep a fax back until it is released, whatever the hour."""
    move(reading, lambda desk: desk.hold(reference, by), 'is held until: mesa fax release', as_json)


@click.command()
@reference
@click.option('--line', metavar='NUMBER', help='One in quarantine that reached no fax line of ours is for this one.')
@by
@as_json
@pass_reading
def release(reading: Reading, reference: str, line: str | None, by: str, as_json: bool) -> None:
    """Let a held fax leave at once, or try one in quarantine anew."""
    move(reading, lambda desk: desk.release(reference, by, fax_line(line)), 'goes on', as_json)


@click.command()
@reference
@click.option('--all-pages', is_flag=True, help="Also the pages beyond the contract's limit.")
@by
@as_json
@pass_reading
def resend(reading: Reading, reference: str, all_pages: bool, by: str, as_json: bool) -> None:
    """Send a fax again, at once, to the account of its line."""
    move(reading, lambda desk: desk.resend(reference, by, all_pages), 'is sent again', as_json)


@click.command()
@reference
@reason
@by
@as_json
@pass_reading
def quarantine(reading: Reading, reference: str, reason: str, by: str, as_json: bool) -> None:
    """Put a fax aside until somebody decides: release or discard."""
    move(reading, lambda desk: desk.quarantine(reference, by, reason), 'is in quarantine', as_json)


@click.command()
@reference
@reason
@by
@click.option('--yes', is_flag=True, help='Do not ask.')
@as_json
@pass_reading
def discard(reading: Reading, reference: str, reason: str, by: str, yes: bool, as_json: bool) -> None:
    """Nobody gets a fax; its files go when the contract's days are over."""
    if not yes:
        click.confirm(f'Nobody will get fax {reference}. Discard it?', abort=True)
    move(reading, lambda desk: desk.discard(reference, by, reason), 'is discarded', as_json)


@click.command()
@reference
@click.option('--to', type=click.Path(dir_okay=False, path_type=Path), required=True, metavar='FILE',
              help='Ends in .tif: the fax as it came; else its PDF.')
@pass_reading
def save(reading: Reading, reference: str, to: Path) -> None:
    """Copy a fax to a file, to look at it. Never replaces one."""
    with books(reading) as book:
        facsimile = book.get(reference)
    folders = folders_of(reading.instance().place)
    source = folders.tiff(facsimile) if to.suffix.lower() in ('.tif', '.tiff') else folders.pdf(facsimile)
    if not source.is_file():
        raise Complaint(f'Fax {facsimile.reference} has no such file (any more): it is {facsimile.state}. Every fax has its TIFF '
                        "(--to NAME.tif) until the contract's days are over.")
    try:
        with source.open('rb') as content, to.open('xb') as copy:
            shutil.copyfileobj(content, copy)
    except FileExistsError as error:
        raise Complaint(f'{to} is there already, and is not replaced.') from error
    say(f'Fax {facsimile.reference} is in {to}.')


def move(reading: Reading, work: Callable[[FaxDesk], Fax], what: str, as_json: bool) -> None:
    """Do an operator's move and say what became of the fax. Complaint when it is refused."""
    site = reading.site()
    with books(reading) as book:
        facsimile = work(FaxDesk(book, lambda: site, lambda: reading.now(site)))
    if as_json:
        print_json(facts_of(facsimile))
    else:
        say(f'Fax {facsimile.reference} {what}.')


@contextmanager
def books(reading: Reading) -> Iterator[FaxBook]:
    """The books of faxes. Complaint for a fax that is not there, and for a move that is refused."""
    with reading.database() as database:
        try:
            yield FaxBook(database)
        except UnknownFax as error:
            raise Complaint(f'{str(error).capitalize()}. See: mesa fax list') from error
        except FaxError as error:
            raise Complaint(f'{error}.') from error


def fax_line(number: str | None) -> str | None:
    """A number as it was typed, in E.164. Complaint for what is none."""
    if number is None:
        return None
    found = e164(number)
    if found is None:
        raise Complaint(f'{number!r} is no telephone number.', 2)
    return found


def say_list(found: tuple[Fax, ...], zone: ZoneInfo) -> None:
    """One line a fax."""
    say(f'{"fax":<12}{"received":<18}{"state":<13}{"pages":<7}{"from":<16}{"line":<16}to')
    for facsimile in found:
        received = facsimile.received_at.astimezone(zone)
        say(f'{facsimile.reference:<12}{received:%Y-%m-%d %H:%M}  {facsimile.state:<13}{pages_of(facsimile):<7}'
            f'{printable(sender(facsimile) or "-"):<16}{facsimile.line or "-":<16}'
            f'{printable(facsimile.problem or facsimile.recipient or "-")}')


def pages_of(facsimile: Fax) -> str:
    """'3', or '5/8' when not all of them go."""
    if facsimile.pages is None:
        return '-'
    return str(facsimile.pages) if facsimile.sent_pages in (None, facsimile.pages) else f'{facsimile.sent_pages}/{facsimile.pages}'


def facts_of(facsimile: Fax) -> dict[str, Any]:
    """A fax for people and scripts; times are UTC, ISO 8601."""
    names = ('reference', 'state', 'line', 'client', 'caller_number', 'caller_name', 'called_number', 'received_at', 'pages', 'sent_pages',
             'damage', 'reason', 'problem', 'release_at', 'on_hold', 'recipient', 'deliveries', 'finished_at', 'deleted_at', 'device',
             'commid', 'sha256', 'size', 'pdf_sha256', 'pdf_size')
    return {name: plain(getattr(facsimile, name)) for name in names}


def plain(value: Any) -> Any:
    """A value of a fax as JSON has it."""
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else str(value) if isinstance(value, FaxState) else value


def in_words(value: Any, zone: ZoneInfo) -> str:
    """A fact for a person: times in the site's zone."""
    if isinstance(value, datetime):
        return f'{value.astimezone(zone):%Y-%m-%d %H:%M:%S}'
    return printable('; '.join(value) if isinstance(value, tuple) else str(value))
