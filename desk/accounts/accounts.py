"""Accounts: making them, signing in, sessions, tokens, and the audit log. Blocking: pool threads and commands.

`now` is the machine's clock, aware. Every method is one transaction but `sign_in`, which checks the password outside of any, and
raises DatabaseUnavailable.
"""
from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from desk.accounts import tries as wrong
from desk.accounts.passwords import digest, fits, hashed, new_token, step_of_code
from desk.accounts.tables import api_tokens, desk_audit, desk_sessions, desk_tries, desk_users
from desk.accounts.values import Account, AccountError, CodeNeeded, LockedOut, Person, Refused, Role
from storage.engine import Database

IDLE = timedelta(hours=2)
LONGEST_SESSION = timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=1)
LOGIN = re.compile(r'[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?')
# Who acts in timelines without being one of ours: nobody may sign in under such a name, nor a program.
RESERVED = frozenset({'user', 'contact', 'caller', 'mesa'})
TOKEN = re.compile(r'mesa_[A-Za-z0-9_-]{43}')
# Locks of the database.
NAMES, TRIES = 'names of people and programs', 'wrong tries'


class Accounts:
    """The accounts of one database."""

    def __init__(self, db: Database) -> None:
        self._db = db

    # --- people ----------------------------------------------------------------------------------------------------

    def add(self, login: str, *, name: str, role: Role, client: str | None, password: str, by: str, now: datetime) -> None:
        """Let somebody in. Raises AccountError: a login that is taken or none, a client that is missing or too much."""
        if LOGIN.fullmatch(login) is None:
            raise AccountError(f'{login!r:.80} is no login: small letters, digits, and . _ - between them, at most 64')
        if login in RESERVED:
            raise AccountError(f'{login} stands in timelines for somebody else: choose another login')
        if (client is None) == (role is Role.CONTACT):
            raise AccountError('a contact belongs to one client, and nobody else does')
        if not name.strip():
            raise AccountError(f'{login} needs a name, which others will read')
        stored = hashed(password)
        try:
            with self._db.write() as connection:
                self._db.lock(connection, NAMES)
                if connection.scalar(select(api_tokens.c.id).where(api_tokens.c.name == login)) is not None:
                    raise AccountError(f'a token is called {login}: nobody could tell who did what')
                connection.execute(insert(desk_users).values(
                    login=login, name=' '.join(name.split())[:200], role=role, client=client, password=stored, created_at=now,
                    changed_at=now))
                _note(connection, by, '', 'user_added', f'{login} {role}{f" {client}" if client else ""}', now)
        except IntegrityError as error:
            raise AccountError(f'there is a user {login} already') from error

    def all(self) -> tuple[Account, ...]:
        """Everybody, by login."""
        with self._db.read() as connection:
            return tuple(_account(row) for row in connection.execute(select(desk_users).order_by(desk_users.c.login)))

    def one(self, login: str) -> Account:
        """An account. Raises AccountError."""
        with self._db.read() as connection:
            row = connection.execute(select(desk_users).where(desk_users.c.login == login)).first()
        if row is None:
            raise AccountError(f'there is no user {login}')
        return _account(row)

    def set_password(self, login: str, password: str, *, by: str, now: datetime, but_session: str = '') -> None:
        """Give a new password; all his sessions end, but for the one with the token `but_session`. Raises AccountError."""
        self._change(login, by, 'password_set', now, but_session, password=hashed(password))

    def set_totp(self, login: str, key: str | None, *, by: str, now: datetime, but_session: str = '') -> None:
        """Ask for a code beside the password from now on; None: no more. Sessions end as with a password. Raises AccountError."""
        self._change(login, by, 'totp_set' if key else 'totp_removed', now, but_session, totp_key=key, totp_last=None)

    def disable(self, login: str, *, by: str, now: datetime) -> None:
        """Let him in no more; his sessions end. Raises AccountError."""
        self._change(login, by, 'user_disabled', now, disabled_at=now)

    def enable(self, login: str, *, by: str, now: datetime) -> None:
        """Let him in again. Raises AccountError."""
        self._change(login, by, 'user_enabled', now, disabled_at=None)

    def _change(self, login: str, by: str, what: str, now: datetime, but_session: str = '', **columns: Any) -> None:
        with self._db.write() as connection:
            done = connection.execute(update(desk_users).values(changed_at=now, **columns).where(desk_users.c.login == login))
            if done.rowcount != 1:
                raise AccountError(f'there is no user {login}')
            connection.execute(update(desk_sessions).values(ended_at=now).where(
                desk_sessions.c.login == login, desk_sessions.c.ended_at.is_(None), desk_sessions.c.token_sha256 != digest(but_session)))
            _note(connection, by, '', what, login, now)

    # --- signing in ------------------------------------------------------------------------------------------------

    def sign_in(self, login: str, password: str, code: str, *, address: str, now: datetime) -> str:
        """A session's token. Raises Refused, CodeNeeded and LockedOut."""
        login = login.strip().casefold()[:64]
        with self._db.read() as connection:
            waits = [wrong.wait_s(_tries(connection, key), limit, now) for key, limit in wrong.keys(login, address).items()]
            row = connection.execute(select(desk_users).where(desk_users.c.login == login)).first()
        if seconds := wrong.longest(waits):
            raise LockedOut(seconds)
        right = fits(password, row.password if row is not None else None)
        if row is None or not right or row.disabled_at is not None:
            self._failed(login, address, now)
            raise Refused
        step = None
        if row.totp_key:
            if not code.strip():
                raise CodeNeeded
            step = step_of_code(row.totp_key, code, now.timestamp())
            if step is None or step <= (row.totp_last or 0):
                self._failed(login, address, now)
                raise Refused
        return self._begin(login, step, address, now)

    def confirm(self, login: str, password: str, *, address: str, now: datetime) -> bool:
        """Whether somebody who is signed in knows his password; wrong ones count like those of a stranger."""
        with self._db.read() as connection:
            waits = [wrong.wait_s(_tries(connection, key), limit, now) for key, limit in wrong.keys(login, address).items()]
            stored: str | None = connection.scalar(select(desk_users.c.password).where(desk_users.c.login == login))
        if wrong.longest(waits):
            return False
        try:
            right = fits(password, stored)
        except LockedOut:
            return False                               # nothing was looked at, so nothing is counted
        if not right:
            self._failed(login, address, now)
        return right

    def _failed(self, login: str, address: str, now: datetime) -> None:
        with self._db.write() as connection:
            self._db.lock(connection, TRIES)           # two at once would count as one, or make the same row
            for key in wrong.keys(login, address):
                tries = wrong.after_failure(_tries(connection, key), now)
                connection.execute(delete(desk_tries).where(desk_tries.c.key == key))
                connection.execute(insert(desk_tries).values(key=key, failures=tries.failures, last_at=tries.last_at))
            connection.execute(delete(desk_tries).where(desk_tries.c.last_at < now - wrong.FORGOTTEN))
            _note(connection, login, address, 'sign_in_refused', '', now)

    def _begin(self, login: str, step: int | None, address: str, now: datetime) -> str:
        token = new_token()
        with self._db.write() as connection:
            if step is not None and connection.execute(update(desk_users).values(totp_last=step).where(
                    desk_users.c.login == login, (desk_users.c.totp_last.is_(None)) | (desk_users.c.totp_last < step))).rowcount != 1:
                raise Refused                          # two at once with the same code
            connection.execute(insert(desk_sessions).values(
                token_sha256=digest(token), login=login, address=address[:64], created_at=now, seen_at=now))
            connection.execute(delete(desk_tries).where(desk_tries.c.key == next(iter(wrong.keys(login, address)))))
            _note(connection, login, address, 'signed_in', '', now)
        return token

    def session(self, token: str, now: datetime) -> Person | None:
        """Who has this session; None when it is over, or none."""
        with self._db.read() as connection:
            row = connection.execute(_SESSION.where(desk_sessions.c.token_sha256 == digest(token))).first()
        if row is None or row.ended_at is not None or row.disabled_at is not None:
            return None
        if now - row.seen_at >= IDLE or now - row.created_at >= LONGEST_SESSION:
            return None
        if now - row.seen_at >= SEEN_EVERY:
            with self._db.write() as connection:
                connection.execute(update(desk_sessions).values(seen_at=now).where(desk_sessions.c.token_sha256 == digest(token)))
        return Person(row.login, row.name, Role(row.role), row.client)

    def sign_out(self, token: str, *, address: str, now: datetime) -> str | None:
        """End a session; the login whose it was."""
        with self._db.write() as connection:
            login: str | None = connection.scalar(select(desk_sessions.c.login).where(
                desk_sessions.c.token_sha256 == digest(token), desk_sessions.c.ended_at.is_(None)))
            if login is not None:
                connection.execute(update(desk_sessions).values(ended_at=now).where(desk_sessions.c.token_sha256 == digest(token)))
                _note(connection, login, address, 'signed_out', '', now)
            return login

    def forget_sessions(self, now: datetime) -> None:
        """Remove what is over for long."""
        with self._db.write() as connection:
            connection.execute(delete(desk_sessions).where(desk_sessions.c.created_at < now - 30 * LONGEST_SESSION))

    # --- programs --------------------------------------------------------------------------------------------------

    def add_token(self, name: str, *, role: Role, client: str | None, expires_at: datetime | None, by: str, now: datetime) -> str:
        """A token for a program, told once. Raises AccountError."""
        if LOGIN.fullmatch(name) is None:
            raise AccountError(f'{name!r:.80} is no name of a token: small letters, digits, and . _ - between them, at most 64')
        if name in RESERVED:
            raise AccountError(f'{name} stands in timelines for somebody else: choose another name')
        if role is Role.CONTACT and client is None:
            raise AccountError("a contact's token belongs to one client")
        token = f'mesa_{new_token()}'
        try:
            with self._db.write() as connection:
                self._db.lock(connection, NAMES)
                if connection.scalar(select(desk_users.c.login).where(desk_users.c.login == name)) is not None:
                    raise AccountError(f'{name} is a person who signs in: give the program a name of its own')
                connection.execute(insert(api_tokens).values(
                    token_sha256=digest(token), name=name, role=role, client=client, created_at=now, expires_at=expires_at))
                _note(connection, by, '', 'token_added', f'{name} {role}{f" {client}" if client else ""}', now)
        except IntegrityError as error:
            raise AccountError(f'there is a token {name} already') from error
        return token

    def tokens(self) -> tuple[Any, ...]:
        """All tokens, without the secrets: name, role, client, created_at, expires_at, used_at, revoked_at."""
        with self._db.read() as connection:
            return tuple(connection.execute(select(*(column for column in api_tokens.c if column.name != 'token_sha256')).order_by(
                api_tokens.c.name)))

    def revoke_token(self, name: str, *, by: str, now: datetime) -> None:
        """A token serves no more. Raises AccountError."""
        with self._db.write() as connection:
            done = connection.execute(update(api_tokens).values(revoked_at=now).where(
                api_tokens.c.name == name, api_tokens.c.revoked_at.is_(None)))
            if done.rowcount != 1:
                raise AccountError(f'there is no token {name} in force')
            _note(connection, by, '', 'token_revoked', name, now)

    def bearer(self, token: str, now: datetime) -> Person | None:
        """Whom a token stands for; None when it serves no more, or is none."""
        if TOKEN.fullmatch(token) is None:
            return None
        with self._db.read() as connection:
            row = connection.execute(select(api_tokens).where(api_tokens.c.token_sha256 == digest(token))).first()
        if row is None or row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
            return None
        if row.used_at is None or now - row.used_at >= timedelta(days=1):
            with self._db.write() as connection:
                connection.execute(update(api_tokens).values(used_at=now).where(api_tokens.c.id == row.id))
        return Person(row.name, row.name, Role(row.role), row.client)

    # --- the audit log ---------------------------------------------------------------------------------------------

    def note(self, login: str, what: str, detail: str, *, address: str, now: datetime) -> None:
        """Keep what somebody did or looked at."""
        with self._db.write() as connection:
            _note(connection, login, address, what, detail, now)

    def audit(self, *, login: str | None = None, limit: int = 200) -> tuple[Any, ...]:
        """The newest entries first: at, login, address, what, detail."""
        wanted = select(desk_audit).order_by(desk_audit.c.id.desc()).limit(limit)
        if login is not None:
            wanted = wanted.where(desk_audit.c.login == login)
        with self._db.read() as connection:
            return tuple(connection.execute(wanted))


_SESSION = select(
    desk_sessions.c.login, desk_sessions.c.created_at, desk_sessions.c.seen_at, desk_sessions.c.ended_at, desk_users.c.name,
    desk_users.c.role, desk_users.c.client, desk_users.c.disabled_at).join_from(desk_sessions, desk_users)


def _account(row: Any) -> Account:
    return Account(row.login, row.name, Role(row.role), row.client, row.totp_key is not None, row.created_at, row.disabled_at)


def _tries(connection: Connection, key: str) -> wrong.Tries | None:
    row = connection.execute(select(desk_tries.c.failures, desk_tries.c.last_at).where(desk_tries.c.key == key)).first()
    return None if row is None else wrong.Tries(row.failures, row.last_at)


def _note(connection: Connection, login: str, address: str, what: str, detail: str, now: datetime) -> None:
    clean = ''.join(letter if letter.isprintable() else ' ' for letter in detail)[:500]
    known = ''.join(letter if letter.isprintable() else ' ' for letter in login)[:64]
    connection.execute(insert(desk_audit).values(at=now, login=known, address=address[:64], what=what, detail=clean))
