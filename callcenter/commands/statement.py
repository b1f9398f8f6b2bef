"""`mesa statement [show|issue|list|check]`: a client's month, as a draft or as it was issued (mission.md 7.5)."""
from __future__ import annotations

import getpass
import sys
from pathlib import Path

import click

from callcenter.choosing import MonthType, ShowUnlessNamed
from callcenter.console import Complaint, print_json, say
from callcenter.folio_view import printable
from callcenter.reading import Reading, pass_reading
from contracts.months import Month
from contracts.statement import Statement

FORMATS = ('pdf', 'xlsx', 'csv', 'json', 'html')
BINARY = frozenset({'pdf', 'xlsx'})
client_argument = click.argument('client')
month_argument = click.argument('month', type=MonthType(), metavar='YYYY-MM')


@click.group(cls=ShowUnlessNamed)
def statement() -> None:
    """A client's monthly statement. Without a command: show."""


@statement.command()
@client_argument
@month_argument
@click.option('--format', 'format_', type=click.Choice(FORMATS), help='Write it so.  [default: a summary for the terminal]')
@click.option('--out', type=click.Path(path_type=Path, dir_okay=False),
              help='Into this file.  [default: CLIENT-MONTH.pdf, .xlsx; else the terminal]')
@pass_reading
def show(reading: Reading, client: str, month: Month, format_: str | None, out: Path | None) -> None:
    """The statement of CLIENT for a month: the issued one, else a draft made now."""
    from contracts.renderings import render
    found = _statement(reading, client, month)
    if format_ is None and out is not None:
        format_ = out.suffix.lstrip('.')
        if format_ not in FORMATS:
            raise Complaint(f'{out}: which format? Write --format, or a name that ends in .{", .".join(FORMATS)}.', 2)
    if format_ is None:
        _summary(found)
        return
    made = render(found, format_, reading.site().letterhead)
    if out is None and format_ in BINARY:
        out = Path(f'{client}-{month}.{format_}')
    if out is None:
        sys.stdout.buffer.write(made)
        return
    out.write_bytes(made)
    say(f'{out}: {len(made):,} bytes, {_state(found)}')


@statement.command()
@client_argument
@month_argument
@click.option('--by', metavar='LOGIN', default=getpass.getuser, show_default='the system user', help='Who signs it off.')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_reading
def issue(reading: Reading, client: str, month: Month, by: str, as_json: bool) -> None:
    """Sign a month off: it is kept as it is now, and never changes. Later corrections stand on later statements."""
    from contracts.statements import CannotIssue, NoSuchMonth, Statements
    site = reading.site()
    with reading.database() as database:
        try:
            done = Statements(database, lambda: site).issue(client, month, by, reading.now(site))
        except (CannotIssue, NoSuchMonth) as error:
            raise Complaint(f'{client} {month}: {error}') from error
    if as_json:
        print_json(vars(done) | {'month': str(done.month), 'total': str(done.total)})
    else:
        say(f'{client} {month} is issued: ${done.total:,.2f} with IVA, SHA-256 {done.sha256}')


@statement.command('list')
@click.argument('client', required=False)
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_reading
def list_(reading: Reading, client: str | None, as_json: bool) -> None:
    """The issued statements, the newest month first."""
    from contracts.statements import Statements
    site = reading.site()
    with reading.database() as database:
        found = Statements(database, lambda: site).list(client)
    if as_json:
        print_json([vars(one) | {'month': str(one.month), 'total': str(one.total)} for one in found])
        return
    if not found:
        say('No statement was issued yet.')
    for one in found:
        say(f'{one.month}  {one.client:<20}{one.total:>14,.2f}  {one.issued_at.astimezone(site.zone):%Y-%m-%d %H:%M}  '
            f'{printable(one.issued_by):<16}{one.sha256}')


@statement.command()
@click.argument('client', required=False)
@pass_reading
def check(reading: Reading, client: str | None) -> None:
    """See that every issued statement is what was issued. Exit code 1 when one is not."""
    from contracts.statements import Damaged, Statements
    site = reading.site()
    with reading.database() as database:
        kept = Statements(database, lambda: site)
        found = kept.list(client)
        for one in found:
            try:
                kept.issued(one.client, one.month)
            except Damaged as error:
                raise Complaint(str(error)) from error
    say(f'{len(found)} issued statements, all as they were issued.')


def _statement(reading: Reading, client: str, month: Month) -> Statement:
    from contracts.statements import Damaged, NoSuchMonth, Statements
    site = reading.site()
    with reading.database() as database:
        try:
            return Statements(database, lambda: site).of(client, month, reading.now(site))
        except (NoSuchMonth, Damaged) as error:
            raise Complaint(f'{client} {month}: {error}') from error


def _state(found: Statement) -> str:
    return f'issued {found.issued_at:%Y-%m-%d} by {printable(found.issued_by)}' if found.issued_at else 'a draft'


def _summary(found: Statement) -> None:
    say(f'{printable(found.fiscal_name)}, {found.month_title}: {_state(found)}')
    for charge in found.charges:
        concept = f'{printable(charge.concept)}{f", {charge.month}" if charge.month else ""}'
        say(f'  {concept:<70}{charge.units:>7}{charge.amount:>14,.2f}')
    for title, amount in (('Subtotal', found.subtotal), (f'IVA {found.iva_percent.normalize():f} %', found.iva), ('Total', found.total)):
        say(f'  {title:<77}{amount:>14,.2f}')
    say(f'  {found.words}')
