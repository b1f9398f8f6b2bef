"""`mesa folio list|show|explain`: folios, timelines and clocks; the commands that change one are in `folio_open.py`, `folio_moves.py`."""
from __future__ import annotations

import click

from callcenter.commands.folio_moves import MOVES
from callcenter.commands.folio_open import open_
from callcenter.console import Complaint, print_json, say
from callcenter.explain import clock_facts, explain_lines
from callcenter.folio_view import facts_of, hint, lines_of, printable
from callcenter.reading import Reading, pass_reading
from config.phones import national
from contracts.meter import metered_verdict
from storage.engine import Database
from ticketing.changes import clock_of
from ticketing.folio_rows import id_of
from ticketing.folios import Folio, FolioBook, State

__all__ = ['facts_of', 'folio']


@click.group()
def folio() -> None:
    """Open, show and change folios."""


for move in (open_, *MOVES):
    folio.add_command(move)


@folio.command('list')
@click.option('--client', help="Only this client's.")
@click.option('--state', type=click.Choice([str(s) for s in State]), help='Only in this state.')
@click.option('--agent', metavar='LOGIN', help='Only what this agent has.')
@click.option('--group', metavar='KEY', help='Only what this resolver group has.')
@click.option('--open', 'only_open', is_flag=True, help='Only what still needs work.')
@click.option('--limit', type=click.IntRange(1, 100_000), default=50, show_default=True, help='At most so many, the newest first.')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_reading
def list_(reading: Reading, client: str | None, state: str | None, agent: str | None, group: str | None, only_open: bool, limit: int,
          as_json: bool) -> None:
    """List folios, the newest first."""
    site = reading.site()
    with reading.database() as database:
        found = FolioBook(database).list(client=client, state=State(state) if state else None, agent=agent, group=group,
                                         only_open=only_open, limit=limit)
    if client and not found and client not in site.clients:
        raise Complaint(f'No client is called {client!r}. There are: {", ".join(site.clients)}')
    if as_json:
        print_json([facts_of(f) for f in found])
        return
    if not found:
        say('No folios yet.' if not (client or state or agent or group or only_open) else 'No folio matches.')
        return
    say(f'{"folio":<10}{"opened":<18}{"client":<12}{"line":<12}{"state":<19}{"prio":<8}{"category":<14}{"with":<12}who')
    for f in found:
        local = f.opened_at.astimezone(site.zone)
        who = printable(f.report.user_name or f.report.caller_number or f.report.user_email or 'unknown')
        gone = ' (abandoned)' if f.abandoned_at else ''
        say(f'{f.number:<10}{local:%Y-%m-%d %H:%M}  {f.report.client:<12}{national(f.report.line):<12}{f.state:<19}{f.report.priority:<8}'
            f'{f.report.category or "-":<14}{f.agent or f.resolver_group or "-":<12}{who}{gone}')


@folio.command()
@click.argument('number')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_reading
def show(reading: Reading, number: str, as_json: bool) -> None:
    """Show one folio with its timeline."""
    site = reading.site()
    with reading.database() as database:
        found = known(database, number)
        timeline = FolioBook(database).timeline(number)
        with database.read() as connection:
            verdict = metered_verdict(connection, site, number)
    if as_json:
        entries = [{'at': e.at.isoformat(), 'kind': e.kind, 'by': e.by, 'text': e.text, 'call': e.call} for e in timeline]
        counted = {'counts': verdict.counts, 'counts_why': verdict.reason} if verdict else {'counts': None, 'counts_why': None}
        print_json({**facts_of(found), **counted, 'timeline': entries})
        return
    for line in lines_of(found, site.zone):
        say(line)
    if verdict:
        say(f'{"counts":>16}  {"yes" if verdict.counts else "no"}: {printable(verdict.reason)}')
    say('\ntimeline')
    for entry in timeline:
        call = f' [call {entry.call}]' if entry.call else ''
        at = entry.at.astimezone(site.zone)
        say(f'  {at:%Y-%m-%d %H:%M:%S}  {entry.kind:<12} {printable(entry.by):<12}{printable(entry.text)}{call}'.rstrip())


@folio.command()
@click.argument('number')
@click.option('--whole', is_flag=True, help='Every interval, however many.')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_reading
def explain(reading: Reading, number: str, whole: bool, as_json: bool) -> None:
    """Tell where every second of the service-level clock went, and what falls due when."""
    site = reading.site()
    with reading.database() as database:
        found = known(database, number)
        with database.read() as connection:
            clock = clock_of(connection, id_of(connection, number), found, site, reading.now(site))
    if clock is None:
        raise Complaint(f'Folio {number} came by {national(found.report.line)}, a line that the site has no more: no contract times it.')
    if as_json:
        print_json({'number': number, 'state': str(found.state), 'priority': found.report.priority, **clock_facts(clock)})
        return
    for line in explain_lines(found, clock, site.zone, whole):
        say(line)


def known(database: Database, number: str) -> Folio:
    """The folio. Complaint when there is none."""
    found = FolioBook(database).get(number)
    if found is None:
        raise Complaint(f'No folio has the number {number}.{hint(number)} See: mesa folio list')
    return found
