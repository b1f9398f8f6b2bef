"""`mesa calls`: the call log."""
from __future__ import annotations

import click

from ami_listener.call_log import CallLog, CallRecord
from callcenter.console import print_json, say
from callcenter.reading import Reading, pass_reading
from ticketing.sessions import CallNotes


@click.command()
@click.argument('linkedid', required=False)
@click.option('--limit', default=50, show_default=True, help='At most so many, the newest first.')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_reading
def calls(reading: Reading, linkedid: str | None, limit: int, as_json: bool) -> None:
    """Show the call log, the newest call first; or one call, with its legs."""
    site, db = reading.site(), reading.database()
    book = CallLog(db)
    found = [c for c in [book.get(linkedid)] if c] if linkedid else list(book.list(limit=limit))
    if as_json:
        print_json([facts_of(c, CallNotes(db)) for c in found])
        return
    if not found:
        say('No calls yet.' if not linkedid else f'No call {linkedid}.')
        return
    say(f'{"started":<20}{"line":<15}{"from":<15}{"disposition":<14}{"folio":<10}{"queue":<20}{"wait":>6}{"talk":>6}  agent')
    for c in found:
        local = c.started.astimezone(site.zone)
        say(f'{local:%Y-%m-%d %H:%M:%S} {c.line or "-":<15}{c.ani or "-":<15}{c.disposition or "in progress":<14}{c.folio or "-":<10}'
            f'{c.queue or "-":<20}{seconds(c.wait_s):>6}{seconds(c.talk_s):>6}  {c.agent or "-"}')
        if linkedid:
            for leg in c.legs:
                say(f'    {leg.channel:<34}{leg.disposition or "in progress":<12}{leg.duration_s!s:>5} s, talked {leg.billsec_s!s} s')


def seconds(value: float | None) -> str:
    return '-' if value is None else f'{value:.0f} s'


def facts_of(call: CallRecord, notes: CallNotes) -> dict[str, object]:
    """A call for scripts; times are UTC."""
    from dataclasses import asdict
    note = notes.get(call.linkedid)
    return {**asdict(call), 'note': asdict(note) if note else None}
