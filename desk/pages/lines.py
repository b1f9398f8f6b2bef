"""The contracted lines and the queues, read only: both are edited in the site's files (mission.md 2.4, 6.3, 8.1)."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ami_listener.board import Board
from ami_listener.presence import Move, PresenceError
from config.contract import calendar_for
from config.hours import opening
from config.phones import national
from config.values import Agent, Line, Override, QueueDef, Site
from desk.accounts.values import Role
from desk.board.state import AGENT_STATES, Link, agents_of, is_member
from desk.desk import Desk
from desk.hours_words import override_words, when, why
from desk.web.frame import Answer, Visit, see_other
from desk.web.render import page
from storage.engine import DatabaseUnavailable
from ticketing.spanish import MODALITIES

STRATEGIES = {
    'rrmemory': 'por turno', 'ringall': 'a todos a la vez', 'leastrecent': 'a quien lleva más tiempo sin llamada',
    'fewestcalls': 'a quien lleva menos llamadas', 'random': 'al azar', 'linear': 'en orden', 'rrordered': 'por turno, en orden',
    'wrandom': 'al azar, con peso',
}


@dataclass(frozen=True)
class LineRow:
    """A line as the page shows it. `until` and `overrides` are Spanish, in the line's zone."""

    line: Line
    number: str
    client: str
    modality: str
    open: bool
    why: str
    rule: str                                          # the engine's own words, with file and line
    until: str
    overrides: tuple[str, ...]
    where: str


@dataclass(frozen=True)
class Member:
    """An agent in a queue. `state` is Spanish, '' when the live picture does not tell; `moved`: by a supervisor, not by the file."""

    login: str
    name: str
    state: str
    tone: str
    moved: str


@dataclass(frozen=True)
class QueueRow:
    """A queue as the page shows it."""

    queue: QueueDef
    client: str
    lines: tuple[str, ...]
    strategy: str
    members: tuple[Member, ...]
    others: tuple[Agent, ...]
    where: str


def show_lines(desk: Desk, visit: Visit) -> Answer:
    """Every contracted number: open or closed now, why, until when."""
    site = desk.site()
    rows = [line_row(site, line, desk.overrides(visit.now), visit.now) for line in site.lines.values()]
    return page(visit, 'lines.html.j2', title='Líneas', rows=rows, zone=site.zone)


def line_row(site: Site, line: Line, stored: Sequence[Override], now: datetime) -> LineRow:
    """What the engine that answers the telephone says of a line."""
    calendar = calendar_for(site, line, None)
    mine = [one for one in (*site.overrides, *stored) if one.line == line.number and one.until > now]
    state = opening(calendar, site.holidays, mine, now)
    client = site.clients.get(line.client)
    return LineRow(
        line=line, number=national(line.number), client=client.name if client else line.client, modality=MODALITIES[line.modality],
        open=state.open, why=why(state), rule=state.rule, until=when(state.until, now, calendar.zone),
        overrides=tuple(override_words(one, now, calendar.zone) for one in mine), where=f'{line.where.file}:{line.where.line}')


def show_queues(desk: Desk, visit: Visit) -> Answer:
    """Every queue with its members."""
    return _queues(desk, visit)


def move(desk: Desk, visit: Visit) -> Answer:
    """Put an agent into a queue, or take him out (mission.md 6.3)."""
    login, queue, member = visit.form.get('login', ''), visit.form.get('queue', ''), visit.form.get('member') == '1'
    try:
        desk.presence.move(login, queue, member, visit.who.login, visit.moment)
    except PresenceError as error:
        return _queues(desk, visit, str(error), 422)
    desk.accounts.note(visit.who.login, 'queue_joined' if member else 'queue_left', f'{login} {queue}', address=visit.address,
                       now=visit.moment)
    return see_other('/colas?hecho=1')


def _queues(desk: Desk, visit: Visit, says: str = '', status: int = 200) -> Answer:
    site, board = desk.site(), desk.live.board
    link = Link(desk.live.is_fresh, desk.live.fresh_at)
    try:
        presences, moves, known = desk.presence.all(visit.moment), desk.presence.moves(), True
    except DatabaseUnavailable:
        presences, moves, known = {}, (), False
    states = {one.login: one.state for one in agents_of(site, board, presences, link)}
    rows = [queue_row(site, queue, board, states, moves, link.fresh) for queue in site.queues.values()]
    done = 'El cambio quedó guardado; la central lo toma en un momento.' if visit.query.get('hecho') and not says else ''
    return page(visit, 'queues.html.j2', status, title='Colas', rows=rows, says=says, done=done, known=known, fresh=link.fresh,
                zone=site.zone, since=link.at, may_move=visit.who.role is Role.SUPERVISOR)


def queue_row(site: Site, queue: QueueDef, board: Board, states: dict[str, str], moves: Sequence[Move], fresh: bool) -> QueueRow:
    """A queue, its lines, and who is in it: by Asterisk's own word while that is fresh, else by the site and the moves."""
    moved = {one.login: one for one in moves if one.queue == queue.name}
    inside = {login for login, agent in site.agents.items() if _is_in(agent, queue.name, board, moved, fresh)}
    members = tuple(_member(agent, states, moved) for agent in site.agents.values() if agent.login in inside)
    client = site.clients.get(queue.client)
    return QueueRow(
        queue=queue, client=client.name if client else queue.client,
        lines=tuple(national(line.number) for line in site.lines.values() if line.queue == queue.name),
        strategy=STRATEGIES.get(queue.strategy, queue.strategy), members=members,
        others=tuple(agent for agent in site.agents.values() if agent.login not in inside),
        where=f'{queue.where.file}:{queue.where.line}')


def _is_in(agent: Agent, queue: str, board: Board, moved: dict[str, Move], fresh: bool) -> bool:
    if agent.login in moved:
        return moved[agent.login].member
    if fresh:
        seats = board.seats.get(queue, {})
        return any(is_member(seats[phone]) for phone in (agent.desk_phone, agent.browser_phone) if phone in seats)
    return queue in agent.queues


def _member(agent: Agent, states: dict[str, str], moved: dict[str, Move]) -> Member:
    state, by = states.get(agent.login, ''), moved.get(agent.login)
    words, tone = AGENT_STATES.get(state, ('', ''))
    return Member(agent.login, agent.name, words, tone, by.by if by else '')
