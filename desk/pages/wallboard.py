"""The wallboard of supervisors: its page, the big screen, and listening to a conversation (mission.md 6.3)."""
from __future__ import annotations

from ami_listener.orders import OrderError
from ami_listener.presence import BROWSER
from desk.accounts.values import Role
from desk.board.state import Cell, cells_of, layout_of
from desk.calls.seats import call_on
from desk.desk import Desk
from desk.web.frame import Answer, Visit, see_other
from desk.web.render import page

HERE = '/tablero'
NO_PHONE = 'Su usuario no tiene un teléfono en esta mesa, y se escucha en el teléfono.'


def show(desk: Desk, visit: Visit) -> Answer:
    """The board as it stands; what changes comes live."""
    return _board(desk, visit)


def listen(desk: Desk, visit: Visit) -> Answer:
    """Hear an agent's conversation on one's own telephone, or whisper to him; only after the caller heard the notice (mission.md 3.8)."""
    site, whisper = desk.site(), visit.form.get('how') == 'whisper'
    own, agent = site.agents.get(visit.who.login), site.agents.get(visit.form.get('login', ''))
    if own is None:
        return _board(desk, visit, NO_PHONE, 409)
    call = call_on(desk.live, agent) if agent else None
    if agent is None or call is None:
        return _board(desk, visit, 'Ese agente no tiene ninguna conversación en este momento.', 409)
    chosen = desk.presence.get(own.login, visit.moment)
    phone = own.browser_phone if chosen and chosen.phone == BROWSER else own.desk_phone
    try:
        linkedid = desk.orders.listen(phone, call.interface, own.login, whisper)
    except OrderError as error:
        return _board(desk, visit, str(error), 409)
    deed = 'whispered' if whisper else 'listened'
    desk.accounts.note(own.login, deed, f'{agent.login} {linkedid}', address=visit.address, now=visit.moment)
    return see_other(f'{HERE}?escucha=1')


def _board(desk: Desk, visit: Visit, says: str = '', status: int = 200) -> Answer:
    site, now = desk.site(), visit.moment
    board = desk.board.state()
    cells = cells_of(board, site)

    def elapsed(cell: Cell) -> str:
        """What a cell reads when the page is loaded; its script counts on."""
        if cell.since is None:
            return cell.text
        minutes, seconds = divmod(max(0, round((now - cell.since).total_seconds())), 60)
        return f'{minutes}:{seconds:02}'

    done = 'Su teléfono suena: conteste para escuchar.' if visit.query.get('escucha') and not says else ''
    return page(
        visit, 'board.html.j2', status, title='Tablero', says=says, done=done, board=board, cells=cells, elapsed=elapsed,
        agents=list(site.agents.values()), zone=site.zone, layout=layout_of(site), big=visit.query.get('pantalla') == 'grande',
        may_listen=visit.who.role is Role.SUPERVISOR and visit.who.login in site.agents, site_name=site.name)
