"""The record of a client's users, kept current by re-import of his list (mission.md 1.4)."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from config.values import User
from storage.engine import Database
from ticketing import tables
from ticketing.values import TicketingError


@dataclass(frozen=True)
class ImportResult:
    """What an import did, in users. One who returns counts as added; `unchanged` ones were on the list before and after."""

    added: int
    changed: int
    left: int
    unchanged: int


def import_users(db: Database, client_key: str, users: Sequence[User], now: datetime) -> ImportResult:
    """Make `users` the client's list: all of it or nothing. Who is no longer on it is marked as left, never removed.

    Raises TicketingError for a user of another client or an employee number that stands twice; DatabaseUnavailable.
    """
    listed = _checked(client_key, users)
    record = tables.users.c
    with db.write() as connection:
        db.lock(connection, f'users {client_key}')
        known = {row.employee_number: row for row in connection.execute(select(tables.users).where(record.client == client_key))}
        new = [number for number in listed if number not in known]
        back = [number for number in listed if number in known and known[number].left_at is not None]
        differ = [number for number, user in listed.items()
                  if number in known and known[number].left_at is None and _columns(user) != _same_columns(known[number])]
        gone = [number for number, row in known.items() if number not in listed and row.left_at is None]
        if new:
            connection.execute(insert(tables.users), [
                {'client': client_key, 'employee_number': number, 'since': now, 'changed_at': now, 'left_at': None,
                 **_columns(listed[number])} for number in new])
        if back or differ:
            connection.execute(_CHANGE, [
                {'its_client': client_key, 'its_number': number, 'changed_at': now, 'left_at': None, **_columns(listed[number])}
                for number in (*back, *differ)])
        if gone:
            connection.execute(_LEAVE, [
                {'its_client': client_key, 'its_number': number, 'changed_at': now, 'left_at': now} for number in gone])
    added = len(new) + len(back)
    return ImportResult(added, len(differ), len(gone), len(listed) - added - len(differ))


_ITS = (tables.users.c.client == bindparam('its_client')) & (tables.users.c.employee_number == bindparam('its_number'))
_LEAVE = update(tables.users).where(_ITS).values(changed_at=bindparam('changed_at'), left_at=bindparam('left_at'))
_CHANGE = _LEAVE.values({name: bindparam(name) for name in ('name', 'email', 'phones', 'site', 'vip')})


def _checked(client_key: str, users: Sequence[User]) -> dict[str, User]:
    listed: dict[str, User] = {}
    for user in users:
        if user.client != client_key:
            raise TicketingError(f'{user.where}: {user.name} belongs to client {user.client}, not {client_key}')
        if user.employee_number in listed:
            raise TicketingError(f'{user.where}: employee number {user.employee_number} of {client_key} stands twice')
        listed[user.employee_number] = user
    return listed


def _columns(user: User) -> dict[str, Any]:
    return {'name': user.name, 'email': user.email, 'phones': list(user.phones), 'site': user.site, 'vip': user.vip}


def _same_columns(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ('name', 'email', 'phones', 'site', 'vip')}
