"""The people of a demo site's desk, one of each role, with passwords made up at its first start."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from callcenter.instance import Instance
from config.values import Site
from desk.accounts.accounts import Accounts
from desk.accounts.passwords import made_up
from desk.accounts.values import Role
from storage.engine import Database


@dataclass(frozen=True)
class NewPerson:
    """Somebody who was let in just now."""

    login: str
    password: str
    role: Role


def let_in(instance: Instance) -> tuple[NewPerson, ...]:
    """Let them in, unless anybody was before; the new ones with their passwords, which are kept nowhere else."""
    db = Database(instance.database_url, patience_s=5.0)
    accounts = Accounts(db)
    try:
        if accounts.all():
            return ()
        made = []
        for login, name, role, client in _people(instance.site()):
            person = NewPerson(login, made_up(), role)
            accounts.add(login, name=name, role=role, client=client, password=person.password, by='set-up', now=datetime.now(UTC))
            made.append(person)
        return tuple(made)
    finally:
        db.close()


def _people(site: Site) -> list[tuple[str, str, Role, str | None]]:
    agents = [(agent.login, agent.name, Role.SUPERVISOR if agent.supervisor else Role.AGENT, None) for agent in site.agents.values()]
    contacts = [(f'contacto-{client.key}', client.contact.name, Role.CONTACT, client.key)
                for client in site.clients.values() if client.contact]
    return [*agents, ('admin', 'Administración', Role.ADMIN, None), *contacts[:1]]
