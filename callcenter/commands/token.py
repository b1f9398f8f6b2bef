"""`mesa token`: programs that use the desk's API (docs/api.md)."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from callcenter.commands.user import ROLE, accounts, by
from callcenter.console import Complaint, print_json, say
from callcenter.instance import Instance, pass_instance
from desk.accounts.values import Role


@click.group()
def token() -> None:
    """Which programs may use the API, and as what."""


@token.command()
@click.argument('name')
@click.option('--role', type=ROLE, required=True, help='As what it acts; a contact reads, and confirms solutions.')
@click.option('--client', metavar='CLIENT', help="Whose data alone it sees; a contact's token needs it.")
@click.option('--days', type=click.IntRange(1, 3650), metavar='N', help='How long it serves.  [default: until it is revoked]')
@pass_instance
def add(instance: Instance, name: str, role: str, client: str | None, days: int | None) -> None:
    """Make a token. It is printed this once; NAME stands in timelines as who did it."""
    site = instance.site()
    if client is not None and client not in site.clients:
        raise Complaint(f'There is no client {client}; there are: {", ".join(sorted(site.clients))}')
    if name in site.agents:
        raise Complaint(f'{name} is an agent: give the program a name of its own, such as {name}-crm.')
    now = datetime.now(UTC)
    made = accounts(instance).add_token(name, role=Role(role), client=client, expires_at=now + timedelta(days=days) if days else None,
                                        by=by(), now=now)
    say(f'{name} may use http://127.0.0.1:{instance.place.ports.desk}/api/v1 as {role}{f" of {client}" if client else ""}')
    say(f'token, shown this once: {made}')


@token.command('list')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_instance
def list_(instance: Instance, as_json: bool) -> None:
    """All tokens, without their secrets."""
    now = datetime.now(UTC)
    found = accounts(instance).tokens()
    if as_json:
        print_json([_told(row, now) for row in found])
        return
    if not found:
        say('No program has a token. Make one with: mesa token add NAME --role agent')
        return
    say(f'{"name":<24}{"role":<12}{"client":<14}{"expires":<12}{"used last":<12}state')
    for row in found:
        say(f'{row.name:<24}{row.role:<12}{row.client or "-":<14}{_day(row.expires_at):<12}{_day(row.used_at):<12}{_state(row, now)}')


@token.command()
@click.argument('name')
@pass_instance
def revoke(instance: Instance, name: str) -> None:
    """End a token at once. Its name stays taken: it stands in timelines."""
    accounts(instance).revoke_token(name, by=by(), now=datetime.now(UTC))
    say(f'{name} may not use the API any more')


def _state(row: Any, now: datetime) -> str:
    if row.revoked_at is not None:
        return 'revoked'
    return 'expired' if row.expires_at is not None and row.expires_at <= now else 'in force'


def _day(moment: datetime | None) -> str:
    return f'{moment:%Y-%m-%d}' if moment else '-'


def _told(row: Any, now: datetime) -> dict[str, object]:
    times = {name: getattr(row, name) for name in ('created_at', 'expires_at', 'used_at', 'revoked_at')}
    return {'name': row.name, 'role': row.role, 'client': row.client, 'state': _state(row, now),
            **{name: moment.isoformat() if moment else None for name, moment in times.items()}}
