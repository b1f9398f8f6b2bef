"""`mesa simulate`: what happens when X calls Y at time T, by the code that answers the phone (mission.md 8.2)."""
from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import click

from agi.office import Standing
from callcenter.clock import parse_instant
from callcenter.console import Complaint, print_json, say
from callcenter.reading import Reading, pass_reading
from config.phones import e164, national
from config.values import Line, Site
from ivr_flows.decide import Decision, decide
from ivr_flows.steps import Caller
from ticketing.directory import Directory


@click.command()
@click.argument('number')
@click.option('--from', 'ani', metavar='NUMBER', help="The caller's number; without it the caller is anonymous.")
@click.option('--employee', metavar='NUMBER', help='The employee number that the caller types.')
@click.option('--at', metavar='TIME', help="A local time of the line such as '2026-12-25 09:00'.  [default: now]")
@click.option('--edited', is_flag=True, help='Ask the files as edited, not the site in force.')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_reading
def simulate(reading: Reading, number: str, ani: str | None, employee: str | None, at: str | None, edited: bool, as_json: bool) -> None:
    """Tell what would happen to a call to NUMBER, and which rule decides."""
    site = reading.edited_site() if edited else reading.site()
    line = line_of(site, number)
    now = parse_instant(at, site.calendars[line.calendar].zone) if at else reading.now(site)
    site = site.on(now.astimezone(site.zone).date())
    caller = caller_of(Standing(site, Directory(site.clients), {}), line, ani, employee)
    decision = decide(site, caller, reading.overrides(now), now)
    facts = facts_of(decision, now)
    if as_json:
        print_json(facts)
    else:
        for name in SHOWN:
            say(f'{name.replace("_", " "):>13}  {"-" if facts[name] is None else facts[name]}')


SHOWN = ('number', 'at', 'client', 'modality', 'caller', 'open', 'reason', 'rule', 'next_opening', 'destination', 'queue', 'priority')


def line_of(site: Site, number: str) -> Line:
    """The contracted line with this number, E.164 or ten digits. Complaint when there is none."""
    line = site.lines.get(e164(number) or '')
    if line is None:
        known = ', '.join(national(n) for n in site.lines)
        raise Complaint(f'{number}: no line has this number. The lines are: {known}')
    return line


def caller_of(standing: Standing, line: Line, ani: str | None, employee: str | None) -> Caller:
    """The caller as the telephone would know him. Complaint for a number that is none."""
    number = e164(ani) if ani else None
    if ani and number is None and ani not in ('anonymous', 'unknown'):
        raise Complaint(f'--from {ani}: this is not a telephone number. Write ten digits, E.164 (+52...), or anonymous.', 2)
    caller = standing.caller(line, number)
    named = standing.directory.by_employee_number(line.client, employee) if employee and caller.user is None else None
    return replace(caller, user=named, by='employee_number') if named else caller


def facts_of(decision: Decision, now: datetime) -> dict[str, Any]:
    """A decision for people and scripts; times in the line's own zone, ISO 8601 with offset."""
    zone, user = decision.calendar.zone, decision.caller.user
    return {
        'number': decision.line.number, 'at': now.astimezone(zone).isoformat(timespec='seconds'), 'client': decision.client.key,
        'modality': decision.line.modality.value, 'calendar': decision.calendar.name,
        'caller': f'{user.name} ({user.employee_number})' if user else 'unlisted', 'identified_by': decision.caller.by,
        'employee_number': user.employee_number if user else None, 'vip': bool(user and user.vip), 'unlisted': decision.unlisted,
        'open': decision.open, 'reason': decision.reason.value, 'holiday': decision.holiday.name if decision.holiday else None,
        'rule': decision.rule, 'next_opening': decision.next_opening.astimezone(zone).isoformat() if decision.next_opening else None,
        'destination': decision.destination.value, 'queue': decision.queue, 'priority': decision.priority, 'message': decision.message,
        'own_number': decision.own_number,
    }
