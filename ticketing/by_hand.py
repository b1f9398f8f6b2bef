"""A folio that a person of ours opens for somebody who came by no line, checked against the client (mission.md 3.3, 4.1). Pure."""
from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime

from config.contract import ordinary_line
from config.values import Client, Line, Site, User
from ticketing.opening_facts import person_report
from ticketing.rules import words
from ticketing.values import NotAllowed, Report

ADDRESS = re.compile(r'[^\s@<>,;"]{1,64}@[A-Za-z0-9.-]{1,189}')


@dataclass(frozen=True, kw_only=True)
class ByHand:
    """What a person says of a new folio. Somebody reports it: an employee number or an address; `line` None: the client's ordinary one."""

    client: str
    summary: str
    employee_number: str | None = None
    email: str | None = None
    line: str | None = None                            # E.164
    description: str | None = None
    kind: str = 'failure'
    complained_of: str | None = None
    impact: str = 'medium'
    urgency: str = 'medium'
    category: str | None = None
    application: str | None = None


def report_by_hand(site: Site, said: ByHand, by: str, now: datetime) -> Report:
    """The report that `LifeCycle.open` stores. Raises NotAllowed for whatever names nothing of this client."""
    client = site.clients.get(said.client)
    if client is None:
        raise NotAllowed(f'No client is called {said.client!r}. There are: {", ".join(site.clients)}', 'Elija un cliente de la lista.')
    user = _user_of(client, said)
    line = _line_for(site, client, said.line)
    if said.category and said.category not in [known.name for known in client.categories]:
        raise NotAllowed(f'{client.key} has no category {said.category!r}. It has: {", ".join(known.name for known in client.categories)}',
                         'Elija una categoría de la lista.')
    return replace(
        person_report(site, line, user, said.email, by, now), summary=words(said.summary, 'the summary'), description=said.description,
        kind=said.kind, complained_of=said.complained_of, impact=said.impact, urgency=said.urgency, category=said.category,
        application=said.application)


def _line_for(site: Site, client: Client, wanted: str | None) -> Line:
    """The line whose contract counts."""
    line = site.lines.get(wanted) if wanted else ordinary_line(site, client)
    if line is None or line.client != client.key or line.queue is None:
        raise NotAllowed(f'{wanted or client.key}: this is no line of {client.key} on which help is given. See: mesa line list',
                         'Elija una línea de este cliente en la que se dé servicio.')
    return line


def _user_of(client: Client, said: ByHand) -> User | None:
    """The client's user, by number or address; None for an address that is nobody's."""
    if said.email is not None and ADDRESS.fullmatch(said.email) is None:
        raise NotAllowed(f'{said.email}: this is no e-mail address.', 'Ese correo no es una dirección válida.')
    if said.employee_number is None and said.email is None:
        raise NotAllowed('Who reports it? Say an employee number or an address.', 'Diga quién reporta: un usuario de la lista o un correo.')
    known = [user for user in client.users if user.employee_number == said.employee_number or (
        said.employee_number is None and user.email.casefold() == (said.email or '').casefold())]
    if said.employee_number is not None and not known:
        raise NotAllowed(f'{client.key} has no user with the employee number {said.employee_number}.',
                         'Ese usuario no está en la lista del cliente.')
    return known[0] if len(known) == 1 else None
