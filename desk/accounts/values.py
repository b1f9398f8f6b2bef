"""People of the desk, as frozen values."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """What somebody is at the desk, which decides what he may see and do."""

    AGENT = 'agent'
    SUPERVISOR = 'supervisor'
    ADMIN = 'admin'
    CONTACT = 'contact'                                # a client's person: his client's folios and statements, nobody else's


STAFF = frozenset({Role.AGENT, Role.SUPERVISOR, Role.ADMIN})
AGENTS = frozenset({Role.AGENT, Role.SUPERVISOR})
ALL_ROLES = frozenset(Role)
ROLE_NAMES = {Role.AGENT: 'Agente', Role.SUPERVISOR: 'Supervisión', Role.ADMIN: 'Administración', Role.CONTACT: 'Cliente'}


@dataclass(frozen=True)
class Person:
    """Somebody who is signed in, or a program with a token. `client` is whose data alone he sees; None: of all clients."""

    login: str
    name: str
    role: Role
    client: str | None = None

    @property
    def is_staff(self) -> bool:
        """Whether he is one of ours."""
        return self.role is not Role.CONTACT


@dataclass(frozen=True)
class Account:
    """A row of the people who may sign in. Times are aware UTC instants of the machine's clock."""

    login: str
    name: str
    role: Role
    client: str | None
    has_totp: bool
    created_at: datetime
    disabled_at: datetime | None


class AccountError(Exception):
    """Something about an account that its caller should know."""


class Refused(AccountError):
    """Nobody is signed in: the name, the password or the code is wrong; which of them is not told."""


class CodeNeeded(AccountError):
    """The password is right, and a code of six digits is asked for as well."""


class LockedOut(AccountError):
    """Too many wrong tries: nothing is looked at for `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f'too many wrong tries: wait {seconds} s')
        self.seconds = seconds
