"""`mesa fax send|status|cancel`: faxes that we send (mission.md 5.5)."""
from __future__ import annotations

import getpass
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from callcenter.console import print_json, say
from callcenter.faxing_out import documents_of
from callcenter.folio_view import printable
from callcenter.reading import Reading, pass_reading
from config.phones import e164
from config.values import Site
from contracts.ledger import fax_costs
from fax.outgoing.documents import read_document
from fax.outgoing.job_book import JobBook
from fax.outgoing.jobs import Attempt, FaxJob, JobState, Order
from fax.outgoing.orders import send as send_fax
from storage.engine import Database
from ticketing.folios import FolioBook

Costs = Mapping[int, str]                              # of faxes, by their number
LOOK_EVERY_S = 0.5
INSTANTS = ('created_at', 'submitted_at', 'ended_at', 'cancel_at')
SHOWN = ('id', 'state', 'number', 'name', 'content_type', 'size', 'pages', 'sha256', 'client', 'line', 'folio', 'by', 'max_tries',
         'max_dials', 'hylafax_job', 'tries', 'dials', 'pages_sent', 'status', 'cancel_by', 'seconds')
as_json_option = click.option('--json', 'as_json', is_flag=True, help='For scripts.')
by_option = click.option('--by', metavar='LOGIN', default=getpass.getuser, show_default='the system user', help='Who does it.')
job_argument = click.argument('id_', metavar='JOB', type=click.IntRange(1, 2**31 - 1))


@click.command()
@click.argument('file', type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option('--to', 'number', required=True, metavar='NUMBER', help='Ten digits, or any way of writing a Mexican number.')
@click.option('--line', metavar='800NUMBER', help='On behalf of whom: the line; a fax line is shown as the sender.')
@click.option('--client', metavar='KEY', help='On behalf of whom: the client.')
@click.option('--folio', metavar='N', help='The folio that it belongs to; its timeline tells of the fax.')
@click.option('--tries', type=click.IntRange(1, 10), default=Order.max_tries, show_default=True, help='At most so many calls that a fax '
              'machine answers.')
@click.option('--dials', type=click.IntRange(1, 30), default=Order.max_dials, show_default=True, help='At most so many calls in all.')
@click.option('--wait', is_flag=True, help='Show how it goes until the end; 1 when it was not sent.')
@by_option
@as_json_option
@pass_reading
def send(reading: Reading, file: Path, number: str, line: str | None, client: str | None, folio: str | None, tries: int, dials: int,
         wait: bool, by: str, as_json: bool) -> None:
    """Send a PDF, a TIFF or a text as a fax: it is checked and drawn now, stored, and sent by the worker. 100 pages, 20 MB at most."""
    site = reading.site()
    order = Order(number=number, by=by[:64], client=client, line=line and (e164(line) or line), folio=folio, max_tries=tries,
                  max_dials=dials)
    with reading.database() as database:
        book = JobBook(database)
        job = send_fax(book, FolioBook(database), site, documents_of(reading.place()), order, file.name, read_document(file),
                       reading.now(site))
        if not as_json:
            about = f'Fax {job.id}, {job.pages} {"page" if job.pages == 1 else "pages"} to {job.number}'
            say(f'{about}:' if wait else f'{about}, waits to be sent. See: mesa fax status {job.id}')
        if wait:
            job = followed(book, job, quiet=as_json)
        if as_json:
            print_json(facts_of(job, costs_of(database, [job]), book.attempts(job.id)))
    if wait and job.state is not JobState.SENT:
        raise click.exceptions.Exit(1)


@click.command()
@click.argument('id_', metavar='[JOB]', required=False, type=click.IntRange(1, 2**31 - 1))
@click.option('--client', metavar='KEY', help="Only this client's.")
@click.option('--folio', metavar='N', help='Only those of this folio.')
@click.option('--limit', type=click.IntRange(1, 100_000), default=50, show_default=True, help='At most so many, the newest first.')
@as_json_option
@pass_reading
def status(reading: Reading, id_: int | None, client: str | None, folio: str | None, limit: int, as_json: bool) -> None:
    """List the faxes that we send, the newest first; with JOB show one, and every call that was made for it."""
    site = reading.site()
    with reading.database() as database:
        book = JobBook(database)
        if id_ is not None:
            job, attempts = book.get(id_), book.attempts(id_)
            costs = costs_of(database, [job])
            if as_json:
                print_json(facts_of(job, costs, attempts))
            else:
                show(site, job, costs, attempts)
            return
        found = book.list(client, folio, limit)
        costs = costs_of(database, found)
    if as_json:
        print_json([facts_of(job, costs) for job in found])
    elif not found:
        say('No fax was sent yet.' if client is folio is None else 'No such fax.')
    else:
        say_list(site, found, costs)


@click.command()
@job_argument
@by_option
@as_json_option
@pass_reading
def cancel(reading: Reading, id_: int, by: str, as_json: bool) -> None:
    """Give up a fax that is not sent yet; one that is on its way is cut."""
    site = reading.site()
    with reading.database() as database:
        job = JobBook(database).cancel(id_, by, reading.now(site))
        costs = costs_of(database, [job])
    if as_json:
        print_json(facts_of(job, costs))
    else:
        say(f'Fax {job.id} is cancelled.' if not job.is_open else
            f'Fax {job.id} is being cancelled: HylaFAX is told within seconds. See: mesa fax status {job.id}')


def followed(book: JobBook, job: FaxJob, quiet: bool) -> FaxJob:
    """The fax at its end; on the way every change is said."""
    said = ''
    while True:
        if not quiet and (words := sentence(job)) != said:
            said = words
            say(f'  {said}')
        if not job.is_open:
            return job
        time.sleep(LOOK_EVERY_S)                       # the books are another process's: there is nothing to wait on
        job = book.get(job.id)


def sentence(job: FaxJob) -> str:
    """How a fax stands, in one line."""
    words = [job.state.value]
    if job.cancel_at is not None and job.is_open:
        words.append('being cancelled')
    if job.dials:
        words.append(f'{job.dials} {"call" if job.dials == 1 else "calls"}')
    if job.pages_sent:
        words.append(f'{job.pages_sent} of {job.pages} pages')
    if job.seconds is not None:
        words.append(f'{job.seconds} s')
    if job.status:
        words.append(printable(job.status))
    return ', '.join(words)


def say_list(site: Site, found: tuple[FaxJob, ...], costs: Costs) -> None:
    """One line each."""
    say(f'{"job":<7}{"since":<18}{"state":<11}{"number":<15}{"pages":<7}{"calls":<7}{"s":<6}{"cost":<9}{"client":<12}{"folio":<10}status')
    for job in found:
        say(f'{job.id:<7}{job.created_at.astimezone(site.zone):%Y-%m-%d %H:%M}  {job.state:<11}{job.number:<15}{job.pages:<7}{job.dials:<7}'
            f'{"-" if job.seconds is None else job.seconds:<6}{costs.get(job.id) or "-":<9}{job.client or "-":<12}'
            f'{job.folio or "-":<10}{printable(job.status) or "-"}')


def show(site: Site, job: FaxJob, costs: Costs, attempts: tuple[Attempt, ...]) -> None:
    """One fax for a person, times in the site's zone."""
    for name, value in facts_of(job, costs).items():
        shown = value
        if name in INSTANTS and value is not None:
            shown = f'{getattr(job, name).astimezone(site.zone):%Y-%m-%d %H:%M:%S}'
        say(f'{name.replace("_", " "):>13}  {"-" if shown in (None, "") else printable(str(shown))}')
    for call in attempts:
        told = printable(call.reason) or 'went well'
        say(f'  {call.at.astimezone(site.zone):%Y-%m-%d %H:%M}  {call.seconds} s, {call.pages} pages  {told}')


def costs_of(database: Database, found: Sequence[FaxJob]) -> Costs:
    """What faxes cost, MXN before taxes, as text: by the ledger of outbound calls, an older one by what was reckoned then; else missing."""
    with database.read() as connection:
        rated = fax_costs(connection, [job.id for job in found])
    known = {job.id: rated.get(job.id, job.cost) for job in found}
    return {id_: str(cost) for id_, cost in known.items() if cost is not None}


def facts_of(job: FaxJob, costs: Costs, attempts: tuple[Attempt, ...] | None = None) -> dict[str, Any]:
    """A fax for scripts; times are UTC, ISO 8601; the cost in MXN before taxes, as text, exact."""
    facts = {name: getattr(job, name) for name in SHOWN}
    facts |= {name: moment.isoformat() if (moment := getattr(job, name)) else None for name in INSTANTS}
    facts['cost'] = costs.get(job.id)
    if attempts is not None:
        facts['attempts'] = [{'at': call.at.isoformat(), 'seconds': call.seconds, 'pages': call.pages, 'reason': call.reason}
                             for call in attempts]
    return facts
