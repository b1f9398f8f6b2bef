"""`mesa folio open`: a folio by a person, for somebody who came by no line."""
from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from callcenter.commands.folio_moves import LEVELS, as_json, by, perform
from callcenter.commands.simulate import line_of
from callcenter.console import Complaint
from callcenter.reading import Reading, pass_reading
from ticketing.by_hand import ADDRESS, ByHand, report_by_hand
from ticketing.lifecycle import LifeCycle
from ticketing.values import Folio, Kind


@click.command('open')
@click.option('--client', required=True, help="The client's key.")
@click.option('--user', 'employee_number', metavar='NUMBER', help='Who reports: his employee number.')
@click.option('--email', metavar='ADDRESS', help='Who reports: his address.')
@click.option('--line', metavar='NUMBER', help="The 800 number whose contract counts.  [default: the client's ordinary one]")
@click.option('--summary', required=True, help='What it is, in a few words.')
@click.option('--description', help='All that is known.')
@click.option('--kind', type=click.Choice([str(kind) for kind in Kind]), default='failure', show_default=True)
@click.option('--about', 'complained_of', metavar='LOGIN', help='Of a complaint: whom it is about.')
@click.option('--impact', type=LEVELS, default='medium', show_default=True, help='How much it stops.')
@click.option('--urgency', type=LEVELS, default='medium', show_default=True, help='How soon it hurts.')
@click.option('--category', help="One of the client's menu.")
@click.option('--application', metavar='KEY', help="One of the client's catalogue.")
@by
@as_json
@pass_reading
def open_(reading: Reading, employee_number: str | None, email: str | None, line: str | None, by: str, as_json: bool, **facts: Any) -> None:
    """Open a folio for somebody who came by no line."""
    if email is not None and ADDRESS.fullmatch(email) is None:
        raise Complaint(f'--email {email}: this is no e-mail address.', 2)
    if employee_number is None and email is None:
        raise Complaint('Who reports it? Give --user NUMBER or --email ADDRESS.', 2)
    site = reading.site()
    found = line_of(site, line) if line else None
    said = ByHand(employee_number=employee_number, email=email, line=found.number if found else line, **facts)

    def work(life: LifeCycle, now: datetime) -> Folio:
        return life.open(report_by_hand(site, said, by, now), now)
    perform(reading, work, as_json)
