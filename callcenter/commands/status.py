"""`mesa status`: what is running, and where."""
from __future__ import annotations

import re
import socket
import sys
from dataclasses import asdict
from typing import Any

import click

from callcenter.applied import applied_number
from callcenter.asterisk import Asterisk
from callcenter.commands.fax_modems import states_of
from callcenter.console import Complaint, print_json, say
from callcenter.instance import Instance, pass_instance
from callcenter.running import state, supervisor_pid

NOT_RUNNING = 3                                        # as init scripts answer


@click.command()
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_instance
def status(instance: Instance, as_json: bool) -> None:
    """Tell what is running, and where. Exit code 0 when everything answers, 3 when not."""
    found = facts(instance)
    if as_json:
        print_json(found)
    else:
        show(found)
    if not found['running']:
        sys.exit(NOT_RUNNING)


def facts(instance: Instance) -> dict[str, Any]:
    """All that is known about a running or stopped instance."""
    supervisor, told = supervisor_pid(instance.root), state(instance.root)
    asterisk = _asterisk(instance) if supervisor else None
    mesa = supervisor is not None and _listens(instance.place.agi_host, instance.place.ports.agi)
    return {
        'running': asterisk is not None and mesa, 'instance': str(instance.root), 'supervisor': supervisor,
        'asterisk': {**told.get('asterisk', {}), 'answers': asterisk is not None, **(asterisk or {})} if supervisor else None,
        'mesa': {**told.get('mesa', {}), 'answers': mesa} if supervisor else None,
        'fax': {**told.get('fax', {}), 'modems': [asdict(modem) for modem in states_of(instance)]} if supervisor else None,
        'ports': asdict(instance.place.ports), 'database': _without_password(instance.database_url),
        'applied': applied_number(instance.place), 'site': _site(instance),
    }


def show(found: dict[str, Any]) -> None:
    """The facts for a person."""
    say(f'Mesa in {found["instance"]} ' + ('is running.' if found['running'] else 'is not running.' if not found['supervisor']
                                           else 'is running, but not everything answers.'))
    for name in ('asterisk', 'mesa'):
        if found[name]:
            told = found[name]
            calls = f', {told["calls"]} call(s)' if 'calls' in told else ''
            again = f', started {told["starts"]} times' if told.get('starts', 1) > 1 else ''
            say(f'  {name:9} process {told.get("pid")}, {"answers" if told["answers"] else "does not answer"}{calls}{again}')
    if found['fax'] and (found['fax']['modems'] or found['fax'].get('wrong')):
        wrong = found['fax'].get('wrong')
        say('  fax       ' + (wrong or ', '.join(f'{modem["name"]} {modem["state"]}' for modem in found['fax']['modems'])))
    say('  ports     ' + ', '.join(f'{name} {port}' for name, port in found['ports'].items()))
    say(f'  database  {found["database"]}')
    if found['site']:
        say(f'  site      {found["site"]["name"]}, apply {found["applied"]}' + (', demo' if found['site']['demo'] else ''))
        say(f'  clock     {found["site"]["now"]}' + (' (set: it stands still)' if found['site']['clock_set'] else ''))


def _asterisk(instance: Instance) -> dict[str, Any] | None:
    """What the running Asterisk tells of itself, None when it does not answer."""
    try:
        told = Asterisk(instance.place).command('core show channels count')
    except Complaint:
        return None
    calls = re.search(r'(\d+) active calls?', told)
    return {'calls': int(calls[1]) if calls else 0}


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return False
    return True


def _site(instance: Instance) -> dict[str, Any] | None:
    if applied_number(instance.place) is None:
        return None
    site = instance.site()
    clock = instance.clock(site)
    return {'name': site.name, 'demo': site.demo, 'now': clock.now().astimezone(site.zone).isoformat(timespec='seconds'),
            'clock_set': clock.set_to() is not None}


def _without_password(url: str) -> str:
    return re.sub(r'(//[^:/@]*):[^@]*@', r'\1:***@', url)
