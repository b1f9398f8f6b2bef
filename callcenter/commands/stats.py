"""`mesa stats`: how the desk answered, what was reported and how it ended, of any interval (mission.md 7.5)."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import click

from callcenter.console import Complaint, print_json, say
from callcenter.folio_view import printable
from callcenter.reading import Reading, pass_reading
from config.values import Modality, Site
from contracts.intervals import BY, span
from contracts.months import Month
from contracts.statement import Kind, Value
from contracts.statistics import by_category, by_interval, by_queue, statistics
from contracts.statistics_figures import FIGURES, GROUPS, Figure, as_table, told_of
from contracts.statistics_values import Statistics
from storage.engine import Database

PATIENCE_S = 60.0                                      # years at once take their time
CALLS_COLUMNS = ('offered', 'answered', 'abandoned', 'service_level', 'average_speed_of_answer_s', 'average_handle_s')
FOLIO_COLUMNS = ('opened', 'resolved', 'first_contact_percent', 'reopens', 'resolve_percent', 'survey_average')
SHORT: Mapping[str, str] = {
    'offered': 'offered', 'answered': 'answered', 'abandoned': 'abandoned', 'service_level': 'level', 'average_speed_of_answer_s': 'ASA',
    'average_handle_s': 'AHT', 'opened': 'opened', 'resolved': 'resolved', 'first_contact_percent': 'FCR', 'reopens': 'reopened',
    'resolve_percent': 'in time', 'survey_average': 'survey'}


@dataclass(frozen=True)
class Asked:
    """What was asked for. Days are local days of the site's zone, both included."""

    first: date
    last: date
    client: str | None
    modality: Modality | None
    queue: str | None
    now: datetime


@click.command()
@click.argument('client', required=False)
@click.option('--since', metavar='DAY', help='The first local day, such as 2026-10-01.')
@click.option('--until', metavar='DAY', help='The last one, included.  [default: today]')
@click.option('--month', metavar='MONTH', help='A month, such as 2026-10.')
@click.option('--day', metavar='DAY', help='One day.  [default: today]')
@click.option('--week', is_flag=True, help='The present week, from Monday on.')
@click.option('--modality', type=click.Choice([str(one) for one in Modality]), help='Only of these lines.')
@click.option('--queue', metavar='QUEUE', help='Only of this queue: the telephone alone.')
@click.option('--by', type=click.Choice([*BY, 'queue', 'category']), help='A line for each, instead of one account of all.')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@click.option('--csv', 'as_csv', is_flag=True, help='A table of all figures, a line for each part.')
@pass_reading
def stats(reading: Reading, client: str | None, since: str | None, until: str | None, month: str | None, day: str | None, week: bool,
          modality: str | None, queue: str | None, by: str | None, as_json: bool, as_csv: bool) -> None:
    """Statistics of the calls and folios of all clients, or of CLIENT. docs/statistics.md defines every figure."""
    if as_json and as_csv:
        raise Complaint('Give --json or --csv, not both.', 2)
    if queue is not None and by == 'category':
        raise Complaint('Folios have no queue: --by category cannot be told of one.', 2)
    site = reading.site()
    _known(site, client, queue)
    now = reading.now(site)
    asked = Asked(*period(since, until, month, day, week, now.astimezone(site.zone).date()), client,
                  Modality(modality) if modality else None, queue, now)
    with reading.database() as database:
        found = read(database, site, asked, by)
    if as_json:
        print_json([facts_of(label, one) for label, one in found] if by else facts_of(*found[0]))
    elif as_csv:
        say(as_table(by or 'period', found).rstrip('\n'))
    elif by:
        show_lines(by, found)
    else:
        show(*found[0], asked)


def period(since: str | None, until: str | None, month: str | None, day: str | None, week: bool, today: date) -> tuple[date, date]:
    """The first and the last day of what was asked for. Complaint when it is asked in two ways, or is no day."""
    ways = [since is not None or until is not None, month is not None, day is not None, week]
    if sum(ways) > 1:
        raise Complaint('Give one period: --since and --until, --month, --day, or --week.', 2)
    if month is not None:
        try:
            found = Month.parse(month)
        except ValueError:
            raise Complaint(f'{month!r} is not a month. Write it like 2026-10', 2) from None
        return found.first, found.last
    if week:
        monday = today - timedelta(days=today.weekday())
        return monday, monday + timedelta(days=6)
    if since is None and until is not None:
        raise Complaint('--until needs --since.', 2)
    first = _day(since or day) if since or day else today
    last = (_day(until) if until else today) if since else first
    if last < first:
        raise Complaint(f'The last day, {last}, is before the first, {first}.', 2)
    return first, last


def _day(word: str) -> date:
    try:
        return date.fromisoformat(word)
    except ValueError:
        raise Complaint(f'{word!r} is not a day. Write it like 2026-10-01', 2) from None


def _known(site: Site, client: str | None, queue: str | None) -> None:
    if client is not None and client not in site.clients:
        raise Complaint(f'No client is called {client!r}. There are: {", ".join(site.clients)}')
    if queue is not None and queue not in site.queues:
        raise Complaint(f'No queue is called {queue!r}. There are: {", ".join(site.queues)}')


def read(database: Database, site: Site, asked: Asked, by: str | None) -> list[tuple[str, Statistics]]:
    """The statistics that were asked for, each with its label; without `by` one of all."""
    since, until = span(asked.first, asked.last, site.zone)
    with database.read(PATIENCE_S) as connection:
        if by is None:
            one = statistics(connection, site, since, until, asked.client, asked.modality, queue=asked.queue, now=asked.now)
            return [(f'{asked.first}' if asked.first == asked.last else f'{asked.first} to {asked.last}', one)]
        if by == 'queue':
            each = by_queue(connection, site, since, until, asked.client, asked.modality)
            return [(queue, told) for queue, told in each.items() if asked.queue in (None, queue)]
        if by == 'category':
            return list(by_category(connection, site, since, until, asked.client, asked.modality, now=asked.now).items())
        parts = BY[by](asked.first, asked.last, site.zone)
        found = by_interval(connection, site, parts, asked.client, asked.modality, queue=asked.queue, now=asked.now)
        return [(part.label, told) for part, told in zip(parts, found, strict=True)]


# --- how it is told -----------------------------------------------------------------------------------------------------

def facts_of(label: str, one: Statistics) -> dict[str, Any]:
    """For scripts: figures by their keys, decimals as numbers, and the breakdowns; what is not known of such a part is left out."""
    return {
        'label': label, 'since': one.since.isoformat(), 'until': one.until.isoformat(), 'client': one.client,
        'modality': None if one.modality is None else str(one.modality), 'queue': one.queue, 'category': one.category,
        'figures': {figure.key: plain(figure.of(one)) for figure in FIGURES if getattr(one, figure.part) is not None},
        'breakdowns': {shares.key: dict(shares.counts) for shares in told_of(one)},
        'waits': [] if one.calls is None else [
            {'up_to_s': wait.up_to_s, 'answered': wait.answered, 'abandoned': wait.abandoned, 'otherwise': wait.otherwise}
            for wait in one.calls.calls.waits]}


def plain(value: Value) -> Any:
    """A value as JSON has it."""
    if value in ('sí', 'no'):
        return value == 'sí'
    return float(value) if isinstance(value, Decimal) else value


def show(label: str, one: Statistics, asked: Asked) -> None:
    """One account, under headings."""
    whose = ', '.join(word for word in (asked.client or 'all clients', asked.modality and str(asked.modality), asked.queue) if word)
    say(f'{whose}, {label}')
    for group in GROUPS:
        known = [figure for figure in group.figures if getattr(one, figure.part) is not None]
        if known:
            say(f'\n{group.english}')
        for figure in known:
            say(f'  {figure.english:<42}{written(figure, one):>12}')
    for shares in told_of(one):
        if shares.counts:
            say(f'\n{shares.english}: ' + ', '.join(f'{printable(name) or "none"} {many}' for name, many in shares.counts.items()))


def show_lines(by: str, found: Sequence[tuple[str, Statistics]]) -> None:
    """A line for each part, with the figures that are compared most."""
    if not found:
        say('Nothing in this period.')
        return
    part = found[0][1]
    keys = [*(CALLS_COLUMNS if part.calls is not None else ()), *(FOLIO_COLUMNS if part.opened is not None else ())]
    figures = [figure for key in keys for figure in FIGURES if figure.key == key]
    say(f'{by:<20}' + ''.join(f'{SHORT[figure.key]:>11}' for figure in figures))
    for label, one in found:
        say(f'{printable(label) or "none":<20}' + ''.join(f'{written(figure, one):>11}' for figure in figures))


def written(figure: Figure, one: Statistics) -> str:
    """A figure for a person."""
    value = figure.of(one)
    if value is None:
        return '-'
    if figure.kind is Kind.PERCENT:
        return f'{value} %'
    if figure.kind is Kind.SECONDS:
        return f'{value} s'
    return {'sí': 'yes'}.get(str(value), str(value))
