"""An agent's own page: which telephone, ready or not, the call, and what he may do with it (mission.md 6.1, 6.2)."""
from __future__ import annotations

from collections.abc import Callable

from ami_listener.orders import OrderError
from ami_listener.presence import REASONS, PresenceError
from desk.calls.seats import call_on
from desk.desk import Desk
from desk.web.frame import Answer, Visit, json_answer, see_other
from desk.web.render import page

HERE = '/agente'
NOT_OURS = 'Su usuario no tiene un teléfono en esta mesa.'


def show(desk: Desk, visit: Visit) -> Answer:
    """The page; the call and the state come live."""
    return _page(desk, visit)


def choose_phone(desk: Desk, visit: Visit) -> Answer:
    """The telephone on his desk, or the one in his browser."""
    return _presence(desk, visit, lambda login: desk.presence.choose_phone(login, visit.form.get('phone', ''), visit.moment))


def ready(desk: Desk, visit: Visit) -> Answer:
    """He takes calls."""
    return _presence(desk, visit, lambda login: desk.presence.ready(login, visit.moment))


def pause(desk: Desk, visit: Visit) -> Answer:
    """He takes none, and says why."""
    reason, note = visit.form.get('reason', ''), visit.form.get('note', '')
    return _presence(desk, visit, lambda login: desk.presence.pause(login, reason, visit.moment, note))


def wrap_up(desk: Desk, visit: Visit) -> Answer:
    """He still writes about the last call."""
    def more(login: str) -> object:
        before = desk.presence.get(login, visit.moment)
        return desk.presence.wrap_up(login, before.linkedid if before else None, visit.moment)
    return _presence(desk, visit, more)


def away(desk: Desk, visit: Visit) -> Answer:
    """None of his telephones rings."""
    return _presence(desk, visit, lambda login: desk.presence.away(login, visit.moment))


def hang_up(desk: Desk, visit: Visit) -> Answer:
    """End the call, or refuse it while it rings."""
    return _order(desk, visit, desk.orders.hang_up)


def hold(desk: Desk, visit: Visit) -> Answer:
    """Music for the other side."""
    return _order(desk, visit, desk.orders.hold)


def resume(desk: Desk, visit: Visit) -> Answer:
    """Speak again."""
    return _order(desk, visit, desk.orders.resume)


def transfer(desk: Desk, visit: Visit) -> Answer:
    """To `agent:LOGIN` or `queue:NAME`."""
    kind, _, name = visit.form.get('to', '').partition(':')
    give = {'agent': desk.orders.transfer_to_agent, 'queue': desk.orders.transfer_to_queue}.get(kind)
    if give is None:
        return told(desk, visit, 'Elija a quién transferir la llamada.')
    return _order(desk, visit, lambda interface: give(interface, name))


def told(desk: Desk, visit: Visit, says: str = '') -> Answer:
    """What an action answers: to a script a sentence, or nothing when it went well; to a form the page."""
    if visit.form.get('quiet'):
        return json_answer({'says': says}, 409 if says else 200)
    return _page(desk, visit, says, 409) if says else see_other(HERE)


def _presence(desk: Desk, visit: Visit, change: Callable[[str], object]) -> Answer:
    login = visit.who.login
    if login not in desk.site().agents:
        return told(desk, visit, NOT_OURS)
    try:
        change(login)
    except PresenceError as error:
        return told(desk, visit, str(error))
    desk.seats.refresh_soon(login)
    return told(desk, visit)


def _order(desk: Desk, visit: Visit, give: Callable[[str], object]) -> Answer:
    agent = desk.site().agents.get(visit.who.login)
    call = call_on(desk.live, agent) if agent else None
    if agent is None or call is None:
        return told(desk, visit, 'No hay ninguna llamada en su teléfono.' if agent else NOT_OURS)
    try:
        give(call.interface)
    except OrderError as error:
        return told(desk, visit, str(error))
    return told(desk, visit)


def _page(desk: Desk, visit: Visit, says: str = '', status: int = 200) -> Answer:
    site, login = desk.site(), visit.who.login
    agent = site.agents.get(login)
    return page(
        visit, 'agent.html.j2', status, title='Mi puesto', says=says, agent=agent, zone=site.zone, reasons=REASONS,
        presence=desk.presence.get(login, visit.moment) if agent else None, work=desk.lists.work_list(agent=login, limit=12))
