"""`mesa line list|override|overrides`: the contracted numbers, and temporary exceptions to their hours (mission.md 2.4)."""
from __future__ import annotations

import getpass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from callcenter.clock import parse_instant
from callcenter.commands.simulate import line_of
from callcenter.console import Complaint, print_json, say
from callcenter.instance import Instance
from callcenter.reading import Reading, pass_reading
from callcenter.standing import override_stamp
from config.phones import national
from config.values import Line, Override, OverrideState, Site
from ticketing.overrides import Overrides

UNTIL = "--until '2026-11-24 18:00'"


@click.group()
def line() -> None:
    """List the 800 numbers; close or open one for a while."""


@line.command('list')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_reading
def list_(reading: Reading, as_json: bool) -> None:
    """List the contracted lines."""
    site = reading.site()
    rows: list[dict[str, Any]] = [
        {'number': one.number, 'client': one.client, 'modality': one.modality.value, 'calendar': one.calendar, 'queue': one.queue}
        for one in site.lines.values()]
    if as_json:
        print_json(rows)
        return
    say(f'{"number":<11}{"client":<14}{"modality":<10}{"calendar":<16}queue')
    for row in rows:
        say(f'{national(row["number"]):<11}{row["client"]:<14}{row["modality"]:<10}{row["calendar"]:<16}{row["queue"] or "-"}')
    now = reading.now(site)
    exceptions = {one.line for one in (*site.overrides, *reading.overrides(now)) if one.until > now}
    if exceptions:
        say(f'With overrides, see `mesa line overrides`: {", ".join(national(number) for number in sorted(exceptions))}')


@line.command('overrides')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_reading
def overrides_(reading: Reading, as_json: bool) -> None:
    """List the overrides in force and to come: those put by `mesa line override`, and those of overrides.toml."""
    site = reading.site()
    now = reading.now(site)
    of_files = [facts_of(site, one, None) for one in site.overrides if one.until > now]
    put = [facts_of(site, standing.override, standing.id) for standing in reading.standing_overrides(now)]
    if as_json:
        print_json([*of_files, *put])
        return
    for one in (*of_files, *put):
        origin = f'override {one["id"]}, by {one["by"]}' if one['id'] else 'overrides.toml'
        message = f', message {one["message"]}' if one['message'] else ''
        say(f'{national(one["line"])}  {one["state"]:<8}{one["since"]} to {one["until"]}{message} ({origin})')
    if not (of_files or put):
        say('No line has an override.')


@line.command()
@click.argument('number', metavar='LINE')
@click.option('--closed', is_flag=True, help='Close the line.')
@click.option('--open', 'opened', is_flag=True, help='Open the line.')
@click.option('--message', metavar='PROMPT', help='Play this prompt first, such as mesa/override-message or site/aviso-mantenimiento.')
@click.option('--until', metavar='TIME', help="When it ends, in the line's local time. Required: an override always ends.")
@click.option('--cancel', is_flag=True, help='End the overrides of the line now.')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_reading
def override(reading: Reading, number: str, closed: bool, opened: bool, message: str | None, until: str | None, cancel: bool,
             as_json: bool) -> None:
    """Close or open LINE, or play a message on it, until a time. It counts from the next call on."""
    state = wanted_state(closed, opened, message, until, cancel)
    instance, site = reading.instance(), reading.site()
    chosen = line_of(site, number)
    if state is None:
        cancel_overrides(reading, instance, site, chosen, as_json)
    else:
        put_override(reading, instance, site, chosen, state, message, until or '', as_json)


def wanted_state(closed: bool, opened: bool, message: str | None, until: str | None, cancel: bool) -> OverrideState | None:
    """What the options ask for, None to cancel. Complaint when they contradict each other or leave something open."""
    if closed and opened:
        raise Complaint('A line is either --closed or --open.', 2)
    if cancel and (closed or opened or message or until):
        raise Complaint('--cancel ends what is there: give nothing else with it.', 2)
    if cancel:
        return None
    if not (closed or opened or message):
        raise Complaint('Say what to do: --closed, --open or --message PROMPT, or --cancel.', 2)
    if not until:
        raise Complaint(f'An override always ends: add {UNTIL}.', 2)
    return OverrideState.CLOSED if closed else OverrideState.OPEN if opened else OverrideState.MESSAGE


def put_override(reading: Reading, instance: Instance, site: Site, chosen: Line, state: OverrideState, message: str | None, until: str,
                 as_json: bool) -> None:
    """Store an override and let everybody know. Complaint for an end in the past or an unknown prompt."""
    zone = site.calendars[chosen.calendar].zone
    now, end = reading.now(site), parse_instant(until, zone)
    if end <= now:
        raise Complaint(f'--until {until} is in the past: it is {shown(now, zone)} there.', 2)
    if message is not None and message not in known_prompts(instance, site):
        raise Complaint(f'No prompt is called {message!r}. Use one such as mesa/override-message, '
                        'or add a text to prompts.toml, which is played as site/NAME, and run mesa config apply.')
    with reading.database() as database:
        ident = Overrides(database).put(chosen.number, state, message, end, getpass.getuser(), now)
    what = f'message {message}' if state is OverrideState.MESSAGE else str(state) + (f', message {message}' if message else '')
    tell(instance, f'{national(chosen.number)}: {what}, until {shown(end, zone)} (override {ident}).', as_json,
         {'id': ident, 'line': chosen.number, 'state': str(state), 'message': message, 'until': end.astimezone(zone).isoformat()})


def cancel_overrides(reading: Reading, instance: Instance, site: Site, chosen: Line, as_json: bool) -> None:
    """End the stored overrides of a line and let everybody know."""
    with reading.database() as database:
        ended = Overrides(database).cancel_line(chosen.number, getpass.getuser(), reading.now(site))
    tell(instance, f'{national(chosen.number)}: {ended} override{"" if ended == 1 else "s"} ended.', as_json,
         {'line': chosen.number, 'ended': ended})


def tell(instance: Instance, sentence: str, as_json: bool, facts: dict[str, Any]) -> None:
    """Let the running Mesa and the dialplan know, then the person. Complaint when the dialplan cannot be told."""
    from callcenter.hours_table import renew
    override_stamp(instance.root).touch()
    try:
        renew(instance)
    except Complaint as error:
        raise Complaint(f'{sentence} But the table that the dialplan follows without Mesa is not renewed: {error}') from error
    if as_json:
        print_json(facts)
    else:
        say(sentence)


def known_prompts(instance: Instance, site: Site) -> frozenset[str]:
    """Everything that can be played."""
    from callcenter import voices
    return voices.known_prompts(instance.place.prefix, site, instance.place.site)


def shown(instant: datetime, zone: ZoneInfo) -> str:
    """A time for a person."""
    return f'{instant.astimezone(zone):%Y-%m-%d %H:%M}'


def facts_of(site: Site, one: Override, ident: int | None) -> dict[str, Any]:
    """An override for people and scripts; times in the line's zone. Without an id it stands in overrides.toml."""
    known = site.lines.get(one.line)
    zone = site.calendars[known.calendar].zone if known else site.zone
    return {'id': ident, 'line': one.line, 'state': str(one.state), 'since': one.since.astimezone(zone).isoformat(),
            'until': one.until.astimezone(zone).isoformat(), 'message': one.message, 'by': one.by}
