"""`mesa user`: who may sign in to the desk (mission.md 6.1, 6.4)."""
from __future__ import annotations

import getpass
import os
import sys
from datetime import UTC, datetime

import click

from callcenter.console import Complaint, print_json, say
from callcenter.folio_view import printable
from callcenter.instance import Instance, pass_instance
from config.values import Site
from desk.accounts.accounts import Accounts
from desk.accounts.passwords import SHORTEST, made_up, new_totp_key, totp_address
from desk.accounts.values import ROLE_NAMES, Account, AccountError, Role
from storage.engine import Database

ROLE = click.Choice([str(role) for role in Role])


@click.group()
def user() -> None:
    """Who may sign in to the desk: agents, supervisors, admins, and the clients' contacts."""


@user.command()
@click.argument('login')
@click.option('--role', type=ROLE, required=True, help='What he is at the desk.')
@click.option('--client', metavar='CLIENT', help="Of a contact: whose folios and statements he sees, and nobody else's.")
@click.option('--name', metavar='NAME', help='As others read it; an agent has his from agents.toml.')
@click.option('--password-stdin', is_flag=True, help='Read the password from standard input instead of making one up.')
@pass_instance
def add(instance: Instance, login: str, role: str, client: str | None, name: str | None, password_stdin: bool) -> None:
    """Let somebody in. His password is made up and printed once, unless you give it.

    An agent or supervisor with a telephone uses the login that agents.toml gives him.
    """
    site = instance.site()
    _insist(site, login, Role(role), client)
    password = _given() if password_stdin else made_up()
    found = site.agents.get(login)
    accounts(instance).add(login, name=name or (found.name if found else login), role=Role(role), client=client, password=password,
                           by=by(), now=datetime.now(UTC))
    say(f'{login} may sign in as {ROLE_NAMES[Role(role)].lower()} at http://127.0.0.1:{instance.place.ports.desk}/')
    if not password_stdin:
        say(f'password, shown this once: {password}')


@user.command('list')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_instance
def list_(instance: Instance, as_json: bool) -> None:
    """Everybody who may sign in."""
    found = accounts(instance).all()
    if as_json:
        print_json([_told(account) for account in found])
        return
    if not found:
        say('Nobody may sign in yet. Let somebody in with: mesa user add LOGIN --role agent')
        return
    say(f'{"login":<20}{"name":<26}{"role":<12}{"client":<14}{"code":<6}state')
    for one in found:
        say(f'{one.login:<20}{printable(one.name):<26}{one.role:<12}{one.client or "-":<14}{"yes" if one.has_totp else "no":<6}'
            f'{"disabled" if one.disabled_at else "may sign in"}')


@user.command()
@click.argument('login')
@click.option('--password-stdin', is_flag=True, help='Read it from standard input instead of making one up.')
@pass_instance
def password(instance: Instance, login: str, password_stdin: bool) -> None:
    """Give somebody a new password; his sessions end."""
    new = _given() if password_stdin else made_up()
    accounts(instance).set_password(login, new, by=by(), now=datetime.now(UTC))
    say(f'{login} has a new password' + ('' if password_stdin else f', shown this once: {new}'))


@user.command()
@click.argument('login')
@click.option('--remove', is_flag=True, help='Ask for no code any more: he lost his telephone, say.')
@pass_instance
def totp(instance: Instance, login: str, remove: bool) -> None:
    """Ask somebody for a code of six digits beside his password (RFC 6238)."""
    key = None if remove else new_totp_key()
    accounts(instance).set_totp(login, key, by=by(), now=datetime.now(UTC))
    if key is None:
        say(f'{login} is asked for no code any more')
    else:
        say(f'{login} is asked for a code from now on. For his application, shown this once:\n{totp_address(key, login, "Mesa")}')


@user.command()
@click.argument('login')
@pass_instance
def disable(instance: Instance, login: str) -> None:
    """Let somebody in no more; his sessions end."""
    accounts(instance).disable(login, by=by(), now=datetime.now(UTC))
    say(f'{login} may not sign in any more')


@user.command()
@click.argument('login')
@pass_instance
def enable(instance: Instance, login: str) -> None:
    """Let somebody in again."""
    accounts(instance).enable(login, by=by(), now=datetime.now(UTC))
    say(f'{login} may sign in again')


@user.command()
@click.option('--login', metavar='LOGIN', help='Of this one alone.')
@click.option('--limit', default=50, show_default=True, help='So many of the newest.')
@pass_instance
def audit(instance: Instance, login: str | None, limit: int) -> None:
    """What people did at the desk: signing in, wrong passwords, changes of accounts."""
    rows = accounts(instance).audit(login=login, limit=limit)
    if not rows:
        say('Nothing yet.')
        return
    say(f'{"at (UTC)":<21}{"login":<22}{"from":<18}{"what":<18}detail')
    for row in rows:
        say(f'{row.at:%Y-%m-%d %H:%M:%S}  {printable(row.login):<22}{printable(row.address) or "-":<18}{row.what:<18}'
            f'{printable(row.detail)}')


def accounts(instance: Instance) -> Accounts:
    """The accounts of an instance."""
    return Accounts(Database(instance.database_url, patience_s=5.0))


def by() -> str:
    """Who is at the command line, for the audit log."""
    return f'command line ({os.environ.get("SUDO_USER") or getpass.getuser()})'[:64]


def _insist(site: Site, login: str, role: Role, client: str | None) -> None:
    if client is not None and client not in site.clients:
        raise Complaint(f'There is no client {client}; there are: {", ".join(sorted(site.clients))}')
    if role is Role.AGENT and login not in site.agents:
        raise AccountError(f'no agent is called {login}: give him a telephone in agents.toml first; '
                           f'there are: {", ".join(sorted(site.agents)) or "none"}')


def _given() -> str:
    given = (getpass.getpass('password: ') if sys.stdin.isatty() else sys.stdin.readline()).rstrip('\n')
    if not given:
        raise Complaint(f'The password is missing: at least {SHORTEST} characters, on standard input.')
    return given


def _told(account: Account) -> dict[str, object]:
    return {'login': account.login, 'name': account.name, 'role': str(account.role), 'client': account.client,
            'totp': account.has_totp, 'disabled': account.disabled_at is not None}
