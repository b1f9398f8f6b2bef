"""The telephone in an agent's browser: a small window of its own, so that no other page's coming and going ends a call."""
from __future__ import annotations

from desk.desk import Desk
from desk.web.failures import PageFailures
from desk.web.frame import Answer, Visit, json_answer
from desk.web.relay import RelayWanted
from desk.web.render import page


def show(desk: Desk, visit: Visit) -> Answer:
    """The window."""
    agent = desk.site().agents.get(visit.who.login)
    return page(visit, 'softphone.html.j2', title='Mi teléfono', agent=agent)


def credentials(desk: Desk, visit: Visit) -> Answer:
    """Who the telephone is, and its password; asked for when it starts, kept nowhere in the browser."""
    agent = desk.site().agents.get(visit.who.login)
    if agent is None:
        return json_answer({'says': 'Su usuario no tiene un teléfono en esta mesa.'}, 409)
    return json_answer({'user': agent.browser_extension, 'password': desk.browser_password(agent.login), 'name': agent.name})


def socket(desk: Desk, visit: Visit) -> Answer | RelayWanted:
    """Carry it to Asterisk."""
    if visit.who.login not in desk.site().agents:
        return PageFailures().answer(403, 'no telephone', visit.person, visit.csrf)
    return RelayWanted(visit.who.login)
