"""Sites that move: a read-only list with each one's history for those who lead, and a contact's own ones (mission.md 7.4, 6.4)."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from config.values import Site
from contracts.move_rows import Move
from contracts.move_rules import (
    OPEN,
    STATE_NAMES,
    ClosedDay,
    Cost,
    MoveState,
    UnknownMove,
    answer_is_late,
    closed_day,
    day_words,
    delivery_is_late,
    earliest,
    is_short,
    total,
)
from contracts.moves import SiteMoves, expected_costs
from desk.desk import Desk
from desk.web.failures import not_found
from desk.web.frame import Answer, Visit
from desk.web.render import page

MOST = 200
ALL = 'todos'
COLOURS: Mapping[MoveState, str] = {
    MoveState.NOTICED: 'warn', MoveState.FEASIBLE: 'warn', MoveState.NOT_FEASIBLE: 'bad', MoveState.ACCEPTED: 'main',
    MoveState.DELIVERED: 'good', MoveState.WITHDRAWN: 'soft', MoveState.SERVICE_CANCELLED: 'soft', MoveState.CLOSED: 'soft'}
# What a contact reads of each state, so that he knows whose turn it is.
TOLD: Mapping[MoveState, str] = {
    MoveState.NOTICED: 'Recibimos su notificación. Le responderemos si el servicio puede instalarse en el nuevo domicilio.',
    MoveState.FEASIBLE: 'Es factible. Para programar el cambio falta que su empresa acepte el costo inicial.',
    MoveState.NOT_FEASIBLE: 'No es factible instalar el servicio en ese domicilio. Su empresa decide si conserva sus servicios como están '
                            'o los cancela conforme a la cláusula de terminación y rescisión.',
    MoveState.ACCEPTED: 'El cambio está programado.',
    MoveState.DELIVERED: 'El servicio se entregó en el nuevo domicilio.',
    MoveState.WITHDRAWN: 'Su empresa retiró la solicitud.',
    MoveState.SERVICE_CANCELLED: 'Su empresa canceló el servicio conforme a la cláusula de terminación y rescisión.',
    MoveState.CLOSED: 'Su empresa conserva sus servicios como estaban.',
}
# Before an answer nothing is said about costs, and where it cannot be done there are none.
COSTS_TOLD = frozenset({MoveState.FEASIBLE, MoveState.ACCEPTED, MoveState.DELIVERED})


@dataclass(frozen=True)
class Shown:
    """A move as a page shows it. `costs`: of the delivery, else those expected on the planned day; None when no price is known."""

    move: Move
    client: str
    state: str
    colour: str
    costs: tuple[Cost, ...] | None
    late: str                                          # Spanish, '' when nothing is
    rest: ClosedDay | None                             # the planned day, when nobody works at the site then
    short: bool
    told: str                                          # what a contact reads

    @property
    def total(self) -> Decimal | None:
        """MXN before taxes; None when no price is known."""
        return None if self.costs is None else total(self.costs)

    @property
    def has_cost(self) -> bool:
        """Whether it costs something, or would."""
        return self.move.state in COSTS_TOLD | {MoveState.NOTICED}

    @property
    def day(self) -> date:
        """Of the change: when it was delivered, else for when it is planned."""
        return self.move.delivered_on or self.move.wanted_on


def show_all(desk: Desk, visit: Visit) -> Answer:
    """Moves, the newest first; those under way unless all are asked for."""
    client, which = visit.query.get('cliente', ''), visit.query.get('mostrar', '')
    found = SiteMoves(desk.db).list(client or None, () if which == ALL else OPEN, MOST)
    site = desk.site()
    return page(visit, 'moves.html.j2', title='Cambios de domicilio', found=[shown(site, move, visit) for move in found], chosen=client,
                which=which, clients=sorted((one.key, one.name) for one in site.clients.values()), most=MOST)


def show_one(desk: Desk, visit: Visit) -> Answer:
    """One move with everything that was done."""
    books = SiteMoves(desk.db)
    try:
        move, events = books.get(visit.words['reference']), books.events(visit.words['reference'])
    except UnknownMove:
        return not_found(visit)
    site = desk.site()
    return page(visit, 'move.html.j2', title=f'Cambio de domicilio {move.reference}', one=shown(site, move, visit), events=events,
                states=STATE_NAMES, zone=site.zone, day_words=day_words, earliest=earliest(move.received_on))


def show_own(desk: Desk, visit: Visit) -> Answer:
    """A contact's moves: what was answered, the cost, the new term; nothing of who did what."""
    assert visit.who.client is not None                # the table of routes lets only contacts in, and each has one
    site = desk.site()
    found = SiteMoves(desk.db).list(visit.who.client, limit=MOST)
    return page(visit, 'portal_moves.html.j2', title='Cambios de domicilio', found=[shown(site, move, visit) for move in found],
                costs_told=COSTS_TOLD, day_words=day_words, zone=site.zone)


def shown(site: Site, move: Move, visit: Visit) -> Shown:
    """A move as it stands today."""
    today = visit.now.astimezone(site.zone).date()
    client = site.clients.get(move.client)
    late = 'falta responder' if answer_is_late(move.state, move.received_on, today) else ''
    late = 'pasó el día' if delivery_is_late(move.state, move.wanted_on, today) else late
    rest = closed_day(site, client, move.site, move.wanted_on) if client and move.state in OPEN else None
    return Shown(move, client.name if client else move.client, STATE_NAMES[move.state], COLOURS[move.state], expected_costs(move, site),
                 late, rest, is_short(move.received_on, move.wanted_on), TOLD[move.state])
