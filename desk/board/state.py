"""The wallboard: what is known of queues, agents and promises now, and how it reads (mission.md 6.3). Pure.

What is not known is None, and reads as such with the time since when; never as zero.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from babel.dates import format_datetime

from ami_listener.board import Board, Seat
from ami_listener.call_figures import NOTHING, CallFigures
from ami_listener.membership import TAKEN_OUT
from ami_listener.phones import Phones
from ami_listener.presence import BROWSER, READY, Presence
from config.values import Agent, Policy, Site
from desk.board.quarters import Quarter
from ticketing.finding.breaches import BreachesAhead
from ticketing.spanish import MODALITIES

# state -> (Spanish, tone of its mark), in the order in which they are counted
AGENT_STATES: Mapping[str, tuple[str, str]] = {
    'ready': ('disponible', 'good'), 'talking': ('en llamada', 'main'), 'ringing': ('timbrando', 'warn'),
    'wrap_up': ('seguimiento', 'warn'), 'paused': ('en pausa', 'warn'), 'unreachable': ('sin teléfono', 'bad'), 'away': ('fuera', 'soft'),
}
MANY = {'ready': 'disponibles', 'talking': 'en llamada', 'ringing': 'timbrando', 'wrap_up': 'en seguimiento', 'paused': 'en pausa',
        'unreachable': 'sin teléfono', 'away': 'fuera'}
STALE = 'stale'
AHEAD_MINUTES = (30, 60, 120)


@dataclass(frozen=True)
class Link:
    """The link to Asterisk: whether its picture is complete and current, and when it was last heard."""

    fresh: bool
    at: datetime | None


@dataclass(frozen=True)
class Books:
    """What was read from the books at `at`; `fresh`: and could still be read just now. `today` holds queues that were offered a call."""

    at: datetime
    fresh: bool
    today: Mapping[str, CallFigures]
    quarters: tuple[Quarter, ...]
    breaches: BreachesAhead
    faxes_held: int
    faxes_to_decide: int


@dataclass(frozen=True)
class AgentNow:
    """What an agent does: `state` of AGENT_STATES, since when if that is known, and the reason of a pause."""

    login: str
    name: str
    state: str
    since: datetime | None
    reason: str
    queues: frozenset[str]


@dataclass(frozen=True)
class QueueNow:
    """A queue. None is what nobody knows. `target`: percent and seconds of the contract."""

    name: str
    title: str
    waiting: int | None
    longest_since: datetime | None
    agents: Mapping[str, int] | None
    today: CallFigures | None
    target: tuple[int, int]


@dataclass(frozen=True)
class BoardState:
    """The whole board. `agents` is None while the live picture is not known, `books` until they were read once."""

    queues: tuple[QueueNow, ...]
    agents: tuple[AgentNow, ...] | None
    link: Link
    books: Books | None


@dataclass(frozen=True)
class Cell:
    """How a value reads: its text, a tone for its colour, and, where seconds are counted up on the page, since when."""

    text: str
    tone: str = ''
    since: datetime | None = None


def board_state(site: Site, board: Board, phones: Phones, presences: Mapping[str, Presence], books: Books | None, link: Link) -> BoardState:
    """The board. What the link tells is taken only while it is fresh."""
    agents = agents_of(site, board, presences, link, phones)
    return BoardState(
        queues=tuple(_queue(site, name, board, agents, books, link) for name in site.queues),
        agents=agents if link.fresh else None, link=link, books=books)


def agents_of(site: Site, board: Board, presences: Mapping[str, Presence], link: Link, phones: Phones = Phones()) -> tuple[AgentNow, ...]:
    """What every agent does; nobody while the link is not fresh."""
    if not link.fresh:
        return ()
    return tuple(_agent(agent, board, presences.get(agent.login), phones) for agent in site.agents.values())


def _agent(agent: Agent, board: Board, presence: Presence | None, phones: Phones) -> AgentNow:
    seats = {queue: mine for queue, all_seats in board.seats.items()
             if (mine := [all_seats[phone] for phone in (agent.desk_phone, agent.browser_phone) if phone in all_seats])}
    every = [seat for mine in seats.values() for seat in mine]
    calls = [call for phone in (agent.desk_phone, agent.browser_phone) for call in phones.on(phone)]
    state = _busy(every, bool(calls)) or _idle(agent, presence, board, every)
    busy = state in ('talking', 'ringing')
    since = min((call.since for call in calls), default=None) if busy else presence.since if presence and state == presence.state else None
    reason = presence.reason if presence and state == 'paused' == presence.state else ''
    inside = frozenset(queue for queue, mine in seats.items() if any(map(is_member, mine)))
    return AgentNow(agent.login, agent.name, state, since, reason, inside)


def is_member(seat: Seat) -> bool:
    """Whether Asterisk's member is one: it keeps whom a supervisor has taken out, paused for that reason."""
    return not (seat.paused and seat.reason == TAKEN_OUT)


def _busy(seats: list[Seat], has_calls: bool) -> str:
    states = {seat.state for seat in seats}
    if states & {'in_call', 'busy'}:
        return 'talking'
    if 'ringing' in states:
        return 'ringing'
    return 'talking' if has_calls else ''


def _idle(agent: Agent, presence: Presence | None, board: Board, seats: list[Seat]) -> str:
    """Of one without a call: what he chose; who chose nothing is as Asterisk has his telephones."""
    if presence is not None and presence.state != READY:
        return presence.state
    if presence is not None:
        phone = agent.browser_phone if presence.phone == BROWSER else agent.desk_phone
        seats = [every[phone] for every in board.seats.values() if phone in every]
    there = [seat for seat in seats if seat.state not in ('unreachable', 'unknown')]
    if not there:
        return 'unreachable' if seats else 'away'
    inside = [seat for seat in there if is_member(seat)]
    return 'paused' if inside and all(seat.paused for seat in inside) else 'ready'


def _queue(site: Site, name: str, board: Board, agents: tuple[AgentNow, ...], books: Books | None, link: Link) -> QueueNow:
    callers = board.callers(name)
    lines = [line for line in site.lines.values() if line.queue == name]
    client = site.clients.get(site.queues[name].client)
    words = ' y '.join(dict.fromkeys(MODALITIES[line.modality] for line in lines))
    return QueueNow(
        name=name, title=f'{client.name if client else site.queues[name].client} · {words or name}',
        waiting=len(callers) if link.fresh else None, longest_since=callers[0].since if callers and link.fresh else None,
        agents=Counter(agent.state for agent in agents if name in agent.queues) if link.fresh else None,
        today=books.today.get(name, NOTHING) if books else None, target=target_of(site, name))


def target_of(site: Site, queue: str) -> tuple[int, int]:
    """The contract's percent and seconds of answering in a queue: those of its first line."""
    line = next((line for line in site.lines.values() if line.queue == queue and line.client in site.clients), None)
    policy = site.clients[line.client].policy_of(line.modality) if line else Policy()
    return policy.answer_percent, policy.answer_seconds


# --- how it reads -------------------------------------------------------------------------------------------------------

def cells_of(state: BoardState, site: Site) -> dict[str, Cell]:
    """Every value of the board by the name of its place on the page."""
    found: dict[str, Cell] = {}
    for number, queue in enumerate(state.queues):
        found |= {f'q{number}-{name}': cell for name, cell in _queue_cells(queue, state, site).items()}
    unknown = _no_picture(state, site)
    by_login = {agent.login: agent for agent in state.agents or ()}
    for number, login in enumerate(site.agents):
        found[f'a{number}-state'], found[f'a{number}-since'] = _agent_cells(by_login.get(login), unknown)
    waiting = [queue.waiting for queue in state.queues if queue.waiting is not None]
    found['waiting'] = Cell(str(sum(waiting)), 'warn' if sum(waiting) else '') if state.link.fresh else unknown
    return found | _book_cells(state, site)


def _queue_cells(queue: QueueNow, state: BoardState, site: Site) -> dict[str, Cell]:
    unknown = _no_picture(state, site)
    if queue.waiting is None or queue.agents is None:
        live = {'waiting': unknown, 'longest': unknown, 'agents': unknown}
    else:
        there = [(name, queue.agents.get(name, 0)) for name in AGENT_STATES if queue.agents.get(name, 0)]
        words = [f'{many} {MANY[name] if many > 1 else AGENT_STATES[name][0]}' for name, many in there]
        nobody = not sum(queue.agents.get(name, 0) for name in ('ready', 'talking', 'ringing', 'wrap_up'))
        live = {
            'waiting': Cell(str(queue.waiting), 'bad' if queue.waiting and nobody else 'warn' if queue.waiting else ''),
            'longest': Cell('', 'warn', queue.longest_since) if queue.longest_since else Cell('nadie espera', 'soft'),
            'agents': Cell(' · '.join(words) or 'nadie en la cola', 'bad' if nobody else '')}
    return live | {
        'level': _aged(_level(queue), state, site), 'abandoned': _aged(_abandoned(queue), state, site),
        'target': Cell(f'{queue.target[0]} % en {queue.target[1]} s', 'soft')}


def _level(queue: QueueNow) -> Cell:
    """'83 % (5 de 6)'. The percent is cut, so that 79.9 does not read as the 80 that it is not."""
    today = queue.today
    if today is None:
        return Cell('sin datos', STALE)
    over = today.offered - today.in_progress
    if not over:
        return Cell('en curso' if today.offered else 'sin llamadas', 'soft')
    tone = 'good' if today.is_met else 'bad'
    return Cell(f'{today.answered_in_time * 100 // over} % ({today.answered_in_time} de {over})', tone)


def _abandoned(queue: QueueNow) -> Cell:
    if queue.today is None:
        return Cell('sin datos', STALE)
    if not queue.today.offered:
        return Cell('sin llamadas', 'soft')
    return Cell(f'{queue.today.abandoned} de {queue.today.offered}', 'warn' if queue.today.abandoned else '')


def _agent_cells(agent: AgentNow | None, unknown: Cell) -> tuple[Cell, Cell]:
    if agent is None:
        return unknown, Cell('')
    words, tone = AGENT_STATES[agent.state]
    return Cell(f'{words}: {agent.reason}' if agent.reason else words, tone), Cell('', 'soft', agent.since) if agent.since else Cell('')


def _book_cells(state: BoardState, site: Site) -> dict[str, Cell]:
    books = state.books
    names = ('overdue', *(f'in{minutes}' for minutes in AHEAD_MINUTES), 'faxes', 'faxes-decide')
    if books is None:
        return dict.fromkeys(names, Cell('sin datos', STALE))
    ahead = {f'in{minutes}': books.breaches.within.get(timedelta(minutes=minutes)) for minutes in AHEAD_MINUTES}
    numbers = {'overdue': books.breaches.overdue, **ahead, 'faxes': books.faxes_held, 'faxes-decide': books.faxes_to_decide}
    tones = {'overdue': 'bad', 'in30': 'bad', 'in60': 'warn', 'in120': '', 'faxes': '', 'faxes-decide': 'warn'}
    return {name: _aged(Cell('sin datos', STALE) if many is None else Cell(str(many), tones[name] if many else ''), state, site)
            for name, many in numbers.items()}


def _aged(cell: Cell, state: BoardState, site: Site) -> Cell:
    """What was read some time ago says so."""
    books = state.books
    if books is None or books.fresh or cell.tone == STALE:
        return cell
    return Cell(f'{cell.text} · a las {_clock(books.at, site)}', STALE)


def _no_picture(state: BoardState, site: Site) -> Cell:
    return Cell(f'sin datos desde {_clock(state.link.at, site)}' if state.link.at else 'sin datos', STALE)


def _clock(at: datetime, site: Site) -> str:
    return format_datetime(at, 'HH:mm', tzinfo=site.zone, locale='es_MX')


# --- for the browser ----------------------------------------------------------------------------------------------------

def as_json(state: BoardState, site: Site) -> dict[str, Any]:
    """The board as it goes to the browser: the same only if nothing has changed, since no present time is in it."""
    return {
        'layout': layout_of(site),
        'cells': {name: [cell.text, cell.tone, cell.since.isoformat() if cell.since else None]
                  for name, cell in cells_of(state, site).items()},
        'quarters': [[int(one.start.timestamp()), _clock(one.start, site), one.entered, one.peak, one.answered]
                     for one in state.books.quarters] if state.books else None,
    }


def layout_of(site: Site) -> str:
    """What the page's rows are made of: when it changes, the page is asked for anew."""
    return '|'.join([*site.queues, '', *(f'{agent.login} {agent.name}' for agent in site.agents.values())])
