"""A site's move as the books have it: its values, and the statements that read and lock them."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, select

from config.values import Modality
from contracts.move_rules import Cost, MoveState, Term, UnknownMove, total
from contracts.move_tables import site_move_costs, site_move_events, site_moves


@dataclass(frozen=True, kw_only=True)
class WrittenNotice:
    """What a client's letter says: its own `reference`, which site goes where, and when. `modalities`: () is all of the client's."""

    client: str
    site: str                                          # as the client's users have it
    reference: str
    received_on: date
    wanted_on: date
    destination: str
    modalities: tuple[Modality, ...] = ()
    agreed: str = ''                                   # why both parties agreed to less than 60 days


@dataclass(frozen=True, kw_only=True)
class Move:
    """A site's move. Days are local days of the site's zone, instants aware UTC; `costs` and `term` are facts of the delivery."""

    id: int
    reference: str                                     # 'M22857141', a series of its own
    client: str
    site: str
    notice: str                                        # the client's own reference
    received_on: date
    wanted_on: date
    destination: str
    modalities: tuple[Modality, ...]
    state: MoveState
    version: int
    recorded_at: datetime
    agreed: str = ''
    answer: str = ''
    answered_at: datetime | None = None
    accepted_total: Decimal | None = None              # MXN before taxes, as expected on the day of acceptance
    term_months: int | None = None
    delivered_on: date | None = None
    delivery_recorded_at: datetime | None = None
    term: Term | None = None
    ended_why: str = ''
    answer_late_at: datetime | None = None
    delivery_late_at: datetime | None = None
    costs: tuple[Cost, ...] = ()

    @property
    def initial_cost(self) -> Decimal | None:
        """What the delivered move costs, MXN before taxes; None before."""
        return None if self.delivered_on is None else total(self.costs)


@dataclass(frozen=True)
class MoveEvent:
    """One step of a move: when, the move's version and state after it, by whom, and what there is to say about it (Spanish)."""

    at: datetime
    version: int
    state: MoveState
    by: str
    text: str


def rows(connection: Connection, *conditions: ColumnElement[bool], limit: int | None = None,
         newest_first: bool = False) -> tuple[Move, ...]:
    """Moves, by the order in which they were recorded."""
    order = site_moves.c.id.desc() if newest_first else site_moves.c.id
    found = connection.execute(select(site_moves).where(*conditions).order_by(order).limit(limit)).all()
    costs = _costs(connection, [row.id for row in found])
    return tuple(_move(row, costs.get(row.id, ())) for row in found)


def one(connection: Connection, reference: str, lock: bool = False) -> Move:
    """A move by its reference, with or without the M. Raises UnknownMove."""
    wanted = 'M' + reference.strip().upper().removeprefix('M')
    if lock:
        connection.execute(select(site_moves.c.id).where(site_moves.c.reference == wanted).with_for_update())
    found = rows(connection, site_moves.c.reference == wanted)
    if not found:
        raise UnknownMove(f'no site move has the reference {reference!r}', f'No hay un cambio de domicilio con la referencia {reference}.')
    return found[0]


def events(connection: Connection, move_id: int) -> tuple[MoveEvent, ...]:
    """The steps of a move, the oldest first."""
    found = connection.execute(select(site_move_events).where(site_move_events.c.move_id == move_id).order_by(site_move_events.c.id))
    return tuple(MoveEvent(row.at, row.version, MoveState(row.state), row.by, row.text) for row in found)


def add_event(connection: Connection, move: Move, by: str, text: str, now: datetime) -> None:
    """One line of a move's history."""
    connection.execute(insert(site_move_events).values(
        move_id=move.id, at=now, version=move.version, state=move.state.value, by=by, text=text))


def _move(row: Any, costs: tuple[Cost, ...]) -> Move:
    values = dict(row._mapping)
    first, last = values.pop('term_first'), values.pop('term_last')
    return Move(**(values | {'state': MoveState(row.state), 'modalities': tuple(Modality(one) for one in row.modalities), 'costs': costs,
                             'term': Term(first, last) if first is not None else None}))


def _costs(connection: Connection, ids: Iterable[int]) -> dict[int, tuple[Cost, ...]]:
    found: dict[int, tuple[Cost, ...]] = {}
    for row in connection.execute(select(site_move_costs).where(site_move_costs.c.move_id.in_(list(ids))).order_by(
            site_move_costs.c.move_id, site_move_costs.c.modality)):
        found[row.move_id] = (*found.get(row.move_id, ()), Cost(Modality(row.modality), row.amount, row.tariff))
    return found
