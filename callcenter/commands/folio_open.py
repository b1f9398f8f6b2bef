"""`mesa folio open`: a folio by a person, for somebody who came by no line."""
from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import Any

import click

from callcenter.commands.folio_moves import LEVELS, as_json, by, perform
from callcenter.commands.simulate import line_of
from callcenter.console import Complaint
from callcenter.reading import Reading, pass_reading
from config.contract import ordinary_line
from config.values import Client, Line, Site, User
from ticketing.lifecycle import LifeCycle
from ticketing.opening_facts import person_report
from ticketing.values import Folio, Kind

ADDRESS = re.compile(r'[^\s@<>,;"]{1,64}@[A-Za-z0-9.-]{1,189}')


@click.command('open')
@click.option('--client', required=True, help="The client's key.")
@click.option('--user', 'employee', metavar='NUMBER', help='Who reports: his employee number.')
@click.option('--email', metavar='ADDRESS', help='Who reports: his address.')
@click.option('--line', 'line_number', metavar='NUMBER', help="The 800 number whose contract counts.  [default: the client's ordinary one]")
@click.option('--summary', required=True, help='What it is, in a few words.')
@click.option('--description', help='All that is known.')
@click.option('--kind', type=click.Choice([str(kind) for kind in Kind]), default='failure', show_default=True)
@click.option('--about', metavar='LOGIN', help='Of a complaint: whom it is about.')
@click.option('--impact', type=LEVELS, default='medium', show_default=True, help='How much it stops.')
@click.option('--urgency', type=LEVELS, default='medium', show_default=True, help='How soon it hurts.')
@click.option('--category', help="One of the client's menu.")
@click.option('--application', metavar='KEY', help="One of the client's catalogue.")
@by
@as_json
@pass_reading
def open_(reading: Reading, client: str, employee: str | None, email: str | None, line_number: str | None, by: str, as_json: bool,
          about: str | None, **facts: Any) -> None:
    """Open a folio for somebody who came by no line."""
    site = reading.site()
    whose = client_of(site, client)
    line = line_for(site, whose, line_number)
    user = user_of(whose, employee, email)
    if facts['category'] and facts['category'] not in [known.name for known in whose.categories]:
        raise Complaint(f'{client} has no category {facts["category"]!r}. It has: {", ".join(known.name for known in whose.categories)}')

    def work(life: LifeCycle, now: datetime) -> Folio:
        return life.open(replace(person_report(site, line, user, email, by, now), complained_of=about, **facts), now)
    perform(reading, work, as_json)


def client_of(site: Site, key: str) -> Client:
    """The client. Complaint when there is none."""
    if key not in site.clients:
        raise Complaint(f'No client is called {key!r}. There are: {", ".join(site.clients)}')
    return site.clients[key]


def line_for(site: Site, client: Client, wanted: str | None) -> Line:
    """The line whose contract counts. Complaint when it is another client's, a fax, or there is none."""
    line = line_of(site, wanted) if wanted else ordinary_line(site, client)
    if line is None or line.client != client.key or line.queue is None:
        raise Complaint(f'{wanted or client.key}: this is no line of {client.key} on which help is given. See: mesa line list')
    return line


def user_of(client: Client, employee: str | None, email: str | None) -> User | None:
    """The client's user, by number or address; None for an address that is nobody's. Complaint for what names nobody."""
    if email is not None and ADDRESS.fullmatch(email) is None:
        raise Complaint(f'--email {email}: this is no e-mail address.', 2)
    if employee is None and email is None:
        raise Complaint('Who reports it? Give --user NUMBER or --email ADDRESS.', 2)
    known = [user for user in client.users if user.employee_number == employee or (
        employee is None and user.email.casefold() == (email or '').casefold())]
    if employee is not None and not known:
        raise Complaint(f'{client.key} has no user with the employee number {employee}.')
    return known[0] if len(known) == 1 else None
