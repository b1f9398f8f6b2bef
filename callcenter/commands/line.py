"""`mesa line list|override`: the contracted numbers, and temporary exceptions to their hours (mission.md 2.4)."""
from __future__ import annotations

import getpass
from typing import Any

import click

from callcenter.clock import parse_instant
from callcenter.commands.simulate import line_of
from callcenter.console import Complaint, print_json, say
from callcenter.reading import Reading, pass_reading
from callcenter.standing import override_stamp
from config.phones import national
from config.values import OverrideState
from ticketing.overrides import Overrides


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
        {'number': n.number, 'client': n.client, 'modality': n.modality.value, 'calendar': n.calendar, 'queue': n.queue}
        for n in site.lines.values()]
    if as_json:
        print_json(rows)
        return
    say(f'{"number":<11}{"client":<14}{"modality":<10}{"calendar":<16}queue')
    for row in rows:
        say(f'{national(row["number"]):<11}{row["client"]:<14}{row["modality"]:<10}{row["calendar"]:<16}{row["queue"] or "-"}')


@line.command()
@click.argument('number', metavar='LINE')
@click.option('--closed', 'state', flag_value=OverrideState.CLOSED, help='Close the line.')
@click.option('--open', 'state', flag_value=OverrideState.OPEN, help='Open the line.')
@click.option('--message', metavar='PROMPT', help='Play this prompt first, such as mesa/override-message or site/aviso-mantenimiento.')
@click.option('--until', metavar='TIME', help='When it ends, in the line\'s local time. Required: an override always ends.')
@click.option('--cancel', is_flag=True, help='End the overrides of the line now.')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_reading
def override(reading: Reading, number: str, state: OverrideState | None, message: str | None, until: str | None, cancel: bool, as_json: bool) -> None:
    """Close or open LINE, or play a message on it, until a time."""
    site, instance = reading.site(), reading.instance()
    chosen = line_of(site, number)
    now = reading.now(site)
    book = Overrides(reading.database())
    if cancel:
        ended = book.cancel_line(chosen.number, getpass.getuser(), now)
        tell(instance, f'{national(chosen.number)}: {ended} override(s) ended.', as_json, {'line': chosen.number, 'ended': ended})
        return
    if state is None and message is None:
        raise Complaint('Say what to do: --closed, --open or --message PROMPT (or --cancel).', 2)
    if until is None:
        raise Complaint('An override needs its end: add --until TIME, such as --until \'2026-11-24 18:00\'.', 2)
    if message is not None and message not in known_prompts(reading):
        raise Complaint(f'No prompt is called {message!r}. Use a name such as mesa/override-message, or add a text to prompts.toml as site/NAME '
                        'and run `mesa config apply`.', 2)
    end = parse_instant(until, site.calendars[chosen.calendar].zone)
    if end <= now:
        raise Complaint(f'--until {until} is in the past.', 2)
    ident = book.put(chosen.number, state or OverrideState.MESSAGE, message, end, getpass.getuser(), now)
    what = state or OverrideState.MESSAGE
    local = end.astimezone(site.calendars[chosen.calendar].zone)
    tell(instance, f'{national(chosen.number)}: {what} until {local:%Y-%m-%d %H:%M} (override {ident}).', as_json,
         {'id': ident, 'line': chosen.number, 'state': str(what), 'message': message, 'until': local.isoformat()})


def tell(instance: Any, sentence: str, as_json: bool, facts: dict[str, Any]) -> None:
    """Let the running Mesa and the dialplan know, then the person."""
    from callcenter.hours_table import renew
    stamp = override_stamp(instance.root)
    stamp.touch()
    renew(instance)
    if as_json:
        print_json(facts)
    else:
        say(sentence)


def known_prompts(reading: Reading) -> frozenset[str]:
    """Everything that can be played."""
    from callcenter import voices
    instance = reading.instance()
    return voices.known_prompts(instance.place.prefix, reading.site(), instance.place.site)
