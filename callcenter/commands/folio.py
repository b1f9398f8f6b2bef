"""`mesa folio list|show`: the folios and their timelines."""
from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from callcenter.console import Complaint, print_json, say
from callcenter.reading import Reading, pass_reading
from config.phones import national
from ticketing import damm
from ticketing.folios import Folio, FolioBook, State

INSTANTS = ('opened_at', 'clock_starts', 'promised', 'abandoned_at')


@click.group()
def folio() -> None:
    """List and show folios."""


@folio.command('list')
@click.option('--client', help="Only this client's.")
@click.option('--state', type=click.Choice([str(s) for s in State]), help='Only in this state.')
@click.option('--limit', type=click.IntRange(1, 100_000), default=50, show_default=True, help='At most so many, the newest first.')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_reading
def list_(reading: Reading, client: str | None, state: str | None, limit: int, as_json: bool) -> None:
    """List folios, the newest first."""
    site = reading.site()
    with reading.database() as database:
        found = FolioBook(database).list(client=client, state=State(state) if state else None, limit=limit)
    if client and not found and client not in site.clients:
        raise Complaint(f'No client is called {client!r}. There are: {", ".join(site.clients)}')
    if as_json:
        print_json([facts_of(f) for f in found])
        return
    if not found:
        say('No folios yet.' if not (client or state) else 'No folio matches.')
        return
    say(f'{"folio":<10}{"opened":<18}{"client":<12}{"line":<12}{"state":<13}{"prio":<8}{"category":<14}who')
    for f in found:
        local = f.opened_at.astimezone(site.zone)
        who = f.report.user_name or f.report.caller_number or 'unknown'
        gone = ' (abandoned)' if f.abandoned_at else ''
        say(f'{f.number:<10}{local:%Y-%m-%d %H:%M}  {f.report.client:<12}{national(f.report.line):<12}{f.state:<13}{f.report.priority:<8}'
            f'{f.report.category or "-":<14}{who}{gone}')


@folio.command()
@click.argument('number')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_reading
def show(reading: Reading, number: str, as_json: bool) -> None:
    """Show one folio with its timeline."""
    site = reading.site()
    with reading.database() as database:
        book = FolioBook(database)
        found = book.get(number)
        timeline = book.timeline(number) if found else ()
    if found is None:
        raise Complaint(f'No folio has the number {number}.{hint(number)} See: mesa folio list')
    if as_json:
        entries = [{'at': e.at.isoformat(), 'kind': e.kind, 'by': e.by, 'text': e.text, 'call': e.call} for e in timeline]
        print_json({**facts_of(found), 'timeline': entries})
        return
    zone = site.zone
    for name, value in facts_of(found).items():
        say(f'{name.replace("_", " "):>16}  {in_words(name, value, zone)}')
    say('\ntimeline')
    for entry in timeline:
        call = f' [call {entry.call}]' if entry.call else ''
        say(f'  {entry.at.astimezone(zone):%Y-%m-%d %H:%M:%S}  {entry.kind:<12}{entry.by:<12}{entry.text}{call}'.rstrip())


def in_words(name: str, value: object, zone: ZoneInfo) -> str:
    """A fact for a person: times in the site's zone."""
    if name in INSTANTS and isinstance(value, str):
        return f'{datetime.fromisoformat(value).astimezone(zone):%Y-%m-%d %H:%M:%S}'
    if isinstance(value, bool):
        return 'yes' if value else 'no'
    return '-' if value is None else str(value)


def hint(number: str) -> str:
    """What may be wrong with a number that no folio has."""
    if not (number.isascii() and number.isdigit()):
        return ' A folio number is digits alone.'
    return '' if damm.is_valid(number) else ' Its check digit does not fit, so a digit is wrong.'


def facts_of(folio: Folio) -> dict[str, Any]:
    """A folio for people and scripts; times are UTC, ISO 8601."""
    report = folio.report
    return {
        'number': folio.number, 'client': report.client, 'line': report.line, 'modality': report.modality, 'state': str(folio.state),
        'priority': report.priority, 'kind': report.kind, 'category': report.category, 'opened_at': folio.opened_at.isoformat(),
        'clock_starts': report.clock_starts.isoformat(), 'promised': folio.promised.isoformat() if folio.promised else None,
        'holder': folio.holder, 'employee_number': report.employee_number, 'user_name': report.user_name,
        'caller_number': report.caller_number, 'identified_by': report.identified_by, 'unlisted': report.unlisted, 'site': report.site,
        'origin': report.origin, 'from_message': report.from_message, 'rule': report.rule, 'call': report.call,
        'abandoned_at': folio.abandoned_at.isoformat() if folio.abandoned_at else None,
    }
