"""`mesa calls`: the call log."""
from __future__ import annotations

import re
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from ami_listener.call_log import CallLog, CallRecord
from callcenter.console import Complaint, print_json, say
from callcenter.reading import Reading, pass_reading
from config.values import Site
from ticketing.sessions import CallNote, CallNotes

ROW = '{:<20}{:<15}{:<15}{:<14}{:<10}{:<20}{:>6}{:>7}  {}'
HEADINGS = ('started', 'line', 'from', 'disposition', 'folio', 'queue', 'wait', 'talk', 'agent')
LONGEST_SHOWN = 14


@click.command()
@click.argument('linkedid', required=False)
@click.option('--limit', type=click.IntRange(1, 100_000), default=50, show_default=True, help='At most so many, the newest first.')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_reading
def calls(reading: Reading, linkedid: str | None, limit: int, as_json: bool) -> None:
    """Show the call log, the newest call first; or one call by its linkedid, with its legs."""
    site = reading.site()
    with reading.database() as database:
        log, notes = CallLog(database), CallNotes(database)
        found = [call for call in [log.get(linkedid)] if call] if linkedid else list(log.list(limit=limit))
        told = {call.linkedid: notes.get(call.linkedid) for call in found if as_json}
    if linkedid and not found:
        raise Complaint(f'No call has the linkedid {linkedid}. mesa calls --json lists them.')
    if as_json:
        print_json([facts_of(call, told[call.linkedid]) for call in found])
    elif not found:
        say('No calls yet.')
    else:
        show(site, found, with_legs=linkedid is not None)


def show(site: Site, found: list[CallRecord], with_legs: bool) -> None:
    """The calls for a person; times in the site's zone."""
    say(ROW.format(*HEADINGS))
    for call in found:
        say(ROW.format(f'{call.started.astimezone(site.zone):%Y-%m-%d %H:%M:%S}', call.line or '-', shown(call.ani),
                       call.disposition or 'in progress', call.folio or '-', call.queue or '-', seconds(call.wait_s), seconds(call.talk_s),
                       call.agent or '-'))
        for leg in call.legs if with_legs else ():
            say(f'    {leg.channel:<34}{leg.disposition or "in progress":<12}{seconds(leg.duration_s):>7}, talked {seconds(leg.billsec_s)}')


def shown(ani: str | None) -> str:
    """The caller's number for a terminal: whatever he calls himself, it neither steers the screen nor leaves its column."""
    return re.sub(r'[^0-9A-Za-z+*#.-]+', '?', ani)[:LONGEST_SHOWN] if ani else '-'


def seconds(value: float | None) -> str:
    """A duration for a person."""
    return '-' if value is None else f'{value:.0f} s'


def facts_of(call: CallRecord, note: CallNote | None) -> dict[str, Any]:
    """A call for scripts; times are UTC, ISO 8601; `note` is what Mesa knew of a caller who got no folio."""
    return {**plain(asdict(call)), 'note': plain(asdict(note)) if note else None}


def plain(value: Any) -> Any:
    """A value of dataclasses with its instants as text."""
    match value:
        case datetime():
            return value.isoformat()
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
    return value
