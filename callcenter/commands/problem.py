"""`mesa problem list|show|confirm|reject|progress|solve`: failures that concern many folios (mission.md 4.9)."""
from __future__ import annotations

import getpass
from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from callcenter.console import print_json, say
from callcenter.folio_view import printable
from callcenter.reading import Reading, pass_reading
from ticketing.folios import FolioBook
from ticketing.problems import STATES, Problem, Problems

problem_id = click.argument('problem_id', metavar='ID', type=click.IntRange(1, 2**31))
by = click.option('--by', metavar='LOGIN', default=getpass.getuser, show_default='the system user', help='Who does it.')
as_json = click.option('--json', 'as_json', is_flag=True, help='For scripts.')


@click.group()
def problem() -> None:
    """Failures that concern many folios."""


@problem.command('list')
@click.option('--client', help="Only this client's.")
@click.option('--state', type=click.Choice(STATES), help='Only in this state.')
@click.option('--limit', type=click.IntRange(1, 10_000), default=50, show_default=True, help='At most so many, the newest first.')
@as_json
@pass_reading
def list_(reading: Reading, client: str | None, state: str | None, limit: int, as_json: bool) -> None:
    """List problems, the newest first."""
    site = reading.site()
    with reading.database() as database:
        found = Problems(database, lambda: site).list(client, state, limit)
    if as_json:
        print_json([facts_of(one) for one in found])
        return
    if not found:
        say('No problem matches.' if client or state else 'No problems yet.')
        return
    say(f'{"id":>5}  {"proposed":<18}{"client":<12}{"state":<11}{"folios":>6}  title')
    for one in found:
        proposed = _local(one.proposed_at, site.zone)
        say(f'{one.id:>5}  {proposed:<18}{one.client:<12}{one.state:<11}{len(one.numbers):>6}  {printable(one.title)}')


@problem.command()
@problem_id
@as_json
@pass_reading
def show(reading: Reading, problem_id: int, as_json: bool) -> None:
    """Show one problem with its folios and who is affected."""
    site = reading.site()
    with reading.database() as database:
        found = Problems(database, lambda: site).get(problem_id)
        members = [folio for folio in map(FolioBook(database).get, found.numbers) if folio is not None]
    if as_json:
        print_json({**facts_of(found), 'folios': [
            {'number': folio.number, 'state': str(folio.state), 'user_name': folio.report.user_name, 'user_email': folio.report.user_email}
            for folio in members]})
        return
    say(f'problem {found.id}, {found.state}: {printable(found.title)}')
    say(f'{found.client}, {found.category}; proposed {_local(found.proposed_at, site.zone)}, '
        f'last changed {_local(found.changed_at, site.zone)} by {printable(found.by)}')
    for folio in members:
        opened, who = _local(folio.opened_at, site.zone), printable(folio.report.user_name or 'unknown')
        say(f'  {folio.number:<10}{opened:<18}{folio.state:<19}{who:<30} {printable(folio.report.user_email or "-")}')


@problem.command()
@problem_id
@by
@as_json
@pass_reading
def confirm(reading: Reading, problem_id: int, by: str, as_json: bool) -> None:
    """The second level takes it for a failure."""
    perform(reading, lambda book, now: book.confirm(problem_id, by, now), as_json)


@problem.command()
@problem_id
@click.option('--reason', required=True, help='Why it is no common failure.')
@by
@as_json
@pass_reading
def reject(reading: Reading, problem_id: int, reason: str, by: str, as_json: bool) -> None:
    """It is none: its folios are released and never proposed again."""
    perform(reading, lambda book, now: book.reject(problem_id, reason, by, now), as_json)


@problem.command()
@problem_id
@click.argument('text')
@by
@as_json
@pass_reading
def progress(reading: Reading, problem_id: int, text: str, by: str, as_json: bool) -> None:
    """Tell every affected user how it goes: TEXT is Spanish."""
    perform(reading, lambda book, now: book.progress(problem_id, text, by, now), as_json)


@problem.command()
@problem_id
@click.option('--text', default='', help='What the users are told (Spanish).  [default: that it is solved]')
@by
@as_json
@pass_reading
def solve(reading: Reading, problem_id: int, text: str, by: str, as_json: bool) -> None:
    """The failure is over: the users are told. Each folio is resolved by itself."""
    perform(reading, lambda book, now: book.solve(problem_id, by, now, text), as_json)


def perform(reading: Reading, work: Callable[[Problems, datetime], Problem], as_json: bool) -> None:
    """Change a problem and say how it stands then."""
    site = reading.site()
    with reading.database() as database:
        changed = work(Problems(database, lambda: site), reading.now(site))
    if as_json:
        print_json(facts_of(changed))
    else:
        say(f'Problem {changed.id} is {changed.state}: {printable(changed.title)}, {len(changed.numbers)} folios.')


def facts_of(one: Problem) -> dict[str, Any]:
    """A problem for scripts; times are UTC, ISO 8601."""
    return {
        'id': one.id, 'client': one.client, 'category': one.category, 'state': one.state, 'title': one.title,
        'proposed_at': one.proposed_at.isoformat(), 'changed_at': one.changed_at.isoformat(), 'by': one.by, 'numbers': list(one.numbers)}


def _local(instant: datetime, zone: ZoneInfo) -> str:
    return f'{instant.astimezone(zone):%Y-%m-%d %H:%M}'
