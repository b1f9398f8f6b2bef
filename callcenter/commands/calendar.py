"""`mesa calendar YEAR`: a year to look at."""
from __future__ import annotations

import shutil
import sys

import click

from callcenter.calendar_view import render_year
from callcenter.commands.simulate import line_of
from callcenter.console import Complaint, print_json, say
from callcenter.reading import Reading, pass_reading
from config.calendar_year import year_facts


@click.command()
@click.argument('year', type=click.IntRange(1970, 2200))
@click.option('--calendar', 'name', help='Which calendar.  [default: the first]')
@click.option('--line', 'number', help='The calendar of this line.')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_reading
def calendar(reading: Reading, year: int, name: str | None, number: str | None, as_json: bool) -> None:
    """Look at a year: open days, holidays by name, unconfirmed days."""
    if name and number:
        raise Complaint('A line has one calendar: give --calendar or --line.', 2)
    site = reading.site()
    line = line_of(site, number) if number else None
    if line:
        name = line.calendar
    chosen = site.calendars.get(name) if name else next(iter(site.calendars.values()))
    if chosen is None:
        raise Complaint(f'No calendar is called {name!r}. There are: {", ".join(site.calendars)}')
    now = reading.now(site)
    today = now.astimezone(chosen.zone).date()
    exceptions = tuple(o for o in (*site.overrides, *reading.overrides(now)) if o.line == line.number) if line else ()
    if as_json:
        print_json(year_facts(chosen, site.holidays, exceptions, year, today))
    else:
        say(render_year(chosen, site.holidays, exceptions, year, today, sys.stdout.isatty(), shutil.get_terminal_size().columns))
