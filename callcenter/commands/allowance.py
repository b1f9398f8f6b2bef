"""`mesa allowance [show|decide]`: how far clients' allowances are used up, what counts, and a supervisor's decision (mission.md 7.1)."""
from __future__ import annotations

import getpass
from typing import Any

import click

from callcenter.choosing import MonthType, ShowUnlessNamed
from callcenter.commands.folio import known
from callcenter.console import Complaint, print_json, say
from callcenter.folio_view import printable
from callcenter.reading import Reading, pass_reading
from config.terms import Counted
from config.values import Site
from contracts.counting import KINDS, Request
from contracts.meter import Usage, requests, usage_of, verdict_on
from contracts.months import Month
from ticketing.lifecycle import LifeCycle
from ticketing.spanish import moment


@click.group(cls=ShowUnlessNamed)
def allowance() -> None:
    """How far clients' allowances are used up, and what counts. Without a command: show."""


@allowance.command()
@click.argument('client', required=False)
@click.option('--month', type=MonthType(), metavar='YYYY-MM', help='Which month.  [default: the present one]')
@click.option('--folios', is_flag=True, help='List each thing with its reason.')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_reading
def show(reading: Reading, client: str | None, month: Month | None, folios: bool, as_json: bool) -> None:
    """The allowance of CLIENT, or of all clients, by modality."""
    site = reading.site()
    wanted = month or Month.of(reading.today(site))
    if client is not None and client not in site.clients:
        raise Complaint(f'No client is called {client!r}. There are: {", ".join(site.clients)}')
    keys = [client] if client else list(site.clients)
    with reading.database() as database, database.read() as connection:
        found = {key: requests(connection, site, key, wanted) for key in keys}
    lines = {key: usage_of(site, key, wanted, found[key]) for key in keys}
    if as_json:
        print_json({'month': str(wanted), 'clients': [
            {'client': key, 'modalities': [usage_facts(line) for line in lines[key]],
             **({'requests': [request_facts(request) for request in found[key]]} if folios else {})} for key in keys]})
        return
    say(f'{"client":<14}{"modality":<10}{"allowance":>9}{"counted":>9}{"percent":>9}{"left":>7}{"above":>7}  not counted')
    for key in keys:
        for line in lines[key]:
            say(usage_line(key, line))
    if folios:
        for key in keys:
            for request in found[key]:
                say(request_line(site, request))


@allowance.command()
@click.argument('number', metavar='FOLIO')
@click.option('--counts/--not', 'counts', default=None, help='Whether it counts.')
@click.option('--reason', required=True, help='Why; it stands on the folio and beside the statement.')
@click.option('--by', metavar='LOGIN', default=getpass.getuser, show_default='the system user', help='The supervisor who decides.')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_reading
def decide(reading: Reading, number: str, counts: bool | None, reason: str, by: str, as_json: bool) -> None:
    """Decide whether FOLIO counts, whatever the rules say. The newest decision holds; none is ever removed."""
    if counts is None:
        raise Complaint('Say --counts or --not.', 2)
    site = reading.site()
    with reading.database() as database:
        known(database, number)
        LifeCycle(database, lambda: site).decide_count(number, counts=counts, reason=reason, by=by, now=reading.now(site))
        with database.read() as connection:
            verdict = verdict_on(connection, site, number)
    assert verdict is not None
    if as_json:
        print_json(request_facts(verdict))
    else:
        say(f'Folio {number} {"counts" if verdict.counts else "does not count"}: {printable(verdict.reason)}')


def usage_facts(line: Usage) -> dict[str, Any]:
    """A month of one modality for scripts."""
    meter = line.meter
    return {'modality': str(line.modality), 'allowance': meter.allowance, 'counted': meter.requests, 'left': meter.left,
            'above': meter.above, 'percent': None if meter.percent is None else str(meter.percent), 'threshold': meter.threshold,
            'not_counted': {kind_name(kind): many for kind, many in line.not_counted.items()}}


def request_facts(request: Request) -> dict[str, Any]:
    """One thing that may count, for scripts; times are UTC, ISO 8601."""
    return {'at': request.at.isoformat(), 'client': request.client, 'modality': str(request.modality), 'reference': request.reference,
            'folio': request.folio, 'kind': str(request.kind) if request.kind else None, 'counts': request.counts, 'reason': request.reason}


def kind_name(kind: Counted | None) -> str:
    """What did not count; an ordinary folio does not on a day without an allowance, or when a supervisor decided so."""
    return str(kind) if kind else 'request'


def usage_line(client: str, line: Usage) -> str:
    """A month of one modality for a person."""
    meter = line.meter
    allowed, left = ('-' if value is None else value for value in (meter.allowance, meter.left))
    percent = '-' if meter.percent is None else f'{meter.percent} %'
    besides = ', '.join(f'{many} {KINDS[kind] if kind else "solicitudes"}' for kind, many in line.not_counted.items())
    return f'{client:<14}{line.modality:<10}{allowed:>9}{meter.requests:>9}{percent:>9}{left:>7}{meter.above:>7}  {besides or "-"}'


def request_line(site: Site, request: Request) -> str:
    """One thing that may count, for a person."""
    return (f'{moment(request.at, site.zone)}  {request.client:<12} {request.modality:<9} {request.folio or "-":<9} '
            f'{"yes" if request.counts else "no":<4}{printable(request.reason)}'
            + ('' if request.reference.startswith('folio:') else f' [{request.reference}]'))
