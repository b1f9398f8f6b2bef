"""`mesa ledger`: what calls out cost, rated again, and compared with Asterisk's own call records (mission.md 7.3)."""
from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import click

from callcenter.choosing import MonthType, ShowUnlessNamed
from callcenter.console import Complaint, print_json, say
from callcenter.reading import Reading, pass_reading
from config.values import Site
from contracts.call_records import Checked
from contracts.call_records import check as check_records
from contracts.cells import safe
from contracts.ledger import UNLINKED, Difference, Ledger, LedgerLine
from contracts.ledger import lines as ledger_lines
from contracts.months import Month

ROW = '{:<20}{:<15}{:<10}{:<15}{:<16}{:<24}{:>7}{:>9}{:>10}'
HEADINGS = ('at', 'purpose', 'folio', 'client', 'number', 'destination', 's', 'charged', 'MXN')
PLAIN = ('linkedid', 'position', 'at', 'client', 'folio', 'purpose', 'number', 'destination', 'seconds', 'charged_seconds', 'amount',
         'tariff', 'problem', 'statement')
as_json_option = click.option('--json', 'as_json', is_flag=True, help='For scripts.')


month_option = click.option('--month', type=MonthType(), metavar='YYYY-MM', help='The local month.  [default: the present one]')


@click.group(cls=ShowUnlessNamed)
def ledger() -> None:
    """What the calls that we make cost: `mesa ledger [CLIENT]` shows a month; rate it again; compare it with the call records."""


@ledger.command()
@click.argument('client', required=False)
@month_option
@click.option('--unlinked', is_flag=True, help='Only calls that are tied to no folio, closing, call-back or fax.')
@click.option('--unpriced', is_flag=True, help='Only calls that no tariff prices.')
@as_json_option
@click.option('--csv', 'as_csv', is_flag=True, help='For a spreadsheet.')
@pass_reading
def show(reading: Reading, client: str | None, month: Month | None, unlinked: bool, unpriced: bool, as_json: bool, as_csv: bool) -> None:
    """Show a month's calls out, the oldest first, with totals by purpose and by destination. MXN before taxes."""
    site = reading.site()
    if client is not None and client not in site.clients:
        raise Complaint(f'No client is called {client!r}. There are: {", ".join(site.clients)}')
    chosen = month or present(site)
    with reading.database() as database, database.read() as connection:
        found = [line for line in ledger_lines(connection, client, *chosen.span(site.zone))
                 if (not unlinked or line.purpose == UNLINKED) and (not unpriced or line.amount is None)]
    if as_csv:
        write_csv(found)
    elif as_json:
        print_json({'month': str(chosen), 'lines': [facts_of(line) for line in found], **totals(found)})
    elif not found:
        say(f'No such call in {chosen}.')
    else:
        tell(site, found)


@ledger.command()
@month_option
@click.option('--dry-run', is_flag=True, help='Only tell what would change.')
@as_json_option
@pass_reading
def rerate(reading: Reading, month: Month | None, dry_run: bool, as_json: bool) -> None:
    """Rate a month's calls again by the tariffs in force, and tell what that changes. What stands on an issued statement never does."""
    site = reading.site()
    chosen = month or present(site)
    with reading.database() as database:
        found = Ledger(database, lambda: site).rerate(chosen, datetime.now(UTC), dry_run)
    if as_json:
        print_json({'month': str(chosen), 'dry_run': dry_run, 'changes': [
            {'before': one.before and facts_of(one.before), 'after': one.after and facts_of(one.after)} for one in found]})
        return
    for one in found:
        say(sentence(site, one))
    say(f'{chosen}: {len(found) or "no"} {"call" if len(found) == 1 else "calls"} {"would change" if dry_run else "changed"}.')


@ledger.command()
@month_option
@as_json_option
@pass_reading
def check(reading: Reading, month: Month | None, as_json: bool) -> None:
    """Compare a month with Asterisk's own call records, call for call, to the second and to the cent. Exit code 1 when they differ."""
    site = reading.site()
    chosen = month or present(site)
    log = reading.place().asterisk_log
    with reading.database() as database, database.read() as connection:
        found = check_records(connection, site, log, *chosen.span(site.zone))
    if as_json:
        print_json({'month': str(chosen), 'calls': found.calls, 'seconds': dict(zip(('ledger', 'records'), found.seconds, strict=True)),
                    'amount': dict(zip(('ledger', 'records'), map(str, found.amount), strict=True)), 'unreadable': found.unreadable,
                    'differences': [asdict(one) for one in found.mismatches]})
    else:
        tell_check(chosen, found)
    if found.mismatches:
        sys.exit(1)


def present(site: Site) -> Month:
    """The present local month by the machine's clock, which calls go by."""
    return Month.of(datetime.now(UTC).astimezone(site.zone).date())


def tell(site: Site, found: Sequence[LedgerLine]) -> None:
    """The lines for a person; times in the site's zone."""
    say(ROW.format(*HEADINGS))
    for line in found:
        say(ROW.format(f'{line.at.astimezone(site.zone):%Y-%m-%d %H:%M:%S}', line.purpose, line.folio or '-', (line.client or '-')[:14],
                       line.number or '-', line.destination[:23] or '-', line.seconds, line.charged_seconds, money(line)))
    told = totals(found)
    for name in ('purpose', 'destination'):
        say()
        for key, sums in told[f'by_{name}'].items():
            say_sum(key or '-', sums)
    say()
    whole = told['total']
    say_sum('total', whole)
    if whole['unpriced']:
        say(f'{whole["unpriced"]} of them have no price and are in no sum: mesa ledger --unpriced')


def say_sum(name: str, sums: dict[str, Any]) -> None:
    """One line of sums."""
    say(f'{name:<40}{sums["calls"]:>7} calls{sums["seconds"]:>9} s{sums["charged_seconds"]:>9} s charged{sums["amount"]:>12} MXN')


def totals(found: Sequence[LedgerLine]) -> dict[str, Any]:
    """Sums of what is shown, as text where it is money; calls without a price are counted apart."""
    by_purpose = {key: [line for line in found if line.purpose == key] for key in sorted({line.purpose for line in found})}
    by_destination = {key: [line for line in found if line.destination == key] for key in sorted({line.destination for line in found})}
    return {'by_purpose': {key: summed(some) for key, some in by_purpose.items()},
            'by_destination': {key: summed(some) for key, some in by_destination.items()}, 'total': summed(found)}


def summed(some: Iterable[LedgerLine]) -> dict[str, Any]:
    """One sum."""
    given = list(some)
    return {'calls': len(given), 'seconds': sum(line.seconds for line in given),
            'charged_seconds': sum(line.charged_seconds for line in given),
            'amount': str(sum((line.amount for line in given if line.amount is not None), Decimal('0.00'))),
            'unpriced': sum(line.amount is None for line in given)}


def facts_of(line: LedgerLine) -> dict[str, Any]:
    """A line for scripts; times are UTC, ISO 8601; money as text, exact."""
    facts = {name: getattr(line, name) for name in PLAIN}
    return facts | {'at': line.at.isoformat(), 'amount': None if line.amount is None else str(line.amount)}


def write_csv(found: Iterable[LedgerLine]) -> None:
    """The lines for a spreadsheet: a cell that would be a formula there has an apostrophe before it."""
    rows = csv.writer(sys.stdout, lineterminator='\n')
    rows.writerow(PLAIN)
    for line in found:
        rows.writerow(['' if value is None else safe(str(value)) for value in facts_of(line).values()])


def sentence(site: Site, change: Difference) -> str:
    """What one change is."""
    line = change.after or change.before
    assert line is not None
    about = f'{line.at.astimezone(site.zone):%Y-%m-%d %H:%M:%S} to {line.number or "an unknown number"}'
    if change.before is None:
        return f'{about}: {line.purpose}, {money(line)}, was missing'
    if change.after is None:
        return f'{about}: {line.purpose}, {money(line)}, no call stands behind it'
    before, after = facts_of(change.before), facts_of(change.after)
    told = (f'{name} {"-" if before[name] in (None, "") else before[name]} -> {"-" if after[name] in (None, "") else after[name]}'
            for name in before if before[name] != after[name])
    return f'{about}: {", ".join(told) or "the channel"}'


def money(line: LedgerLine) -> str:
    """What a line costs, for a person."""
    return line.problem or '-' if line.amount is None else str(line.amount)


def tell_check(month: Month, found: Checked) -> None:
    """The comparison for a person."""
    for one in found.mismatches:
        say(f'{one.linkedid} {one.channel}: {one.says}')
    if found.unreadable:
        say(f'{found.unreadable} lines of the call records cannot be read and were left out.')
    say(f'{month}: {found.calls} calls out; {found.seconds[0]} s and {found.amount[0]} MXN in the ledger, {found.seconds[1]} s and '
        f'{found.amount[1]} MXN by the call records; {len(found.mismatches) or "no"} '
        f'{"difference" if len(found.mismatches) == 1 else "differences"}.')
