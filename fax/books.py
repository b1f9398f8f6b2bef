"""The books of received faxes. Each method is one transaction; DatabaseUnavailable when it cannot be had in time.

A step says from which state it leads: whoever comes second changes nothing, so a step may be done twice, by two workers or after a kill.
"""
from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, TextClause, exists, func, insert, select, text, update

from config.values import Site
from fax.arrival import Arrival
from fax.hooks import announce_fax
from fax.policy import fax_line
from fax.tables import WORKED_ON as IN_WORK
from fax.tables import fax_events, faxes
from fax.values import WORKED_ON, Fax, FaxEvent, FaxState, UnknownFax
from storage.engine import Database
from ticketing.numbers import number_for
from ticketing.tables import counters

SERIES = 'fax'
MESA = 'mesa'
OF_NOBODY = 'llegó a un número que no es de ninguna línea de fax'


def reference_of(n: int) -> str:
    """The reference of the n-th fax: like a folio's number (mission.md 4.2), and told from one by its letter."""
    return f'F{number_for(n)}'


class FaxBook:
    """What is known of received faxes."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def record(self, arrival: Arrival, sha256: str, size: int, received_at: datetime, site: Site, now: datetime) -> Fax | None:
        """Take a fax into the books; None when it is there: the hook ran twice, or we were killed before the spool was cleared."""
        line = fax_line(site, arrival.called_number)
        with self.db.write() as connection:
            self.db.lock(connection, 'faxes')
            if _is_known(connection, arrival, sha256):
                return None
            id_ = _next(connection)
            connection.execute(insert(faxes).values(
                id=id_, reference=reference_of(id_), sha256=sha256, size=size, line=line.number if line else None,
                client=line.client if line else None, received_at=received_at, state=FaxState.RECEIVED.value, damage=[],
                **{name: getattr(arrival, name) for name in _OF_ARRIVAL}))
            add_event(connection, id_, FaxState.RECEIVED, MESA, _told(arrival), now)
            facsimile = _one(connection, faxes.c.id == id_)
            announce_fax(connection, site, facsimile, now)
            return facsimile

    def get(self, reference: str) -> Fax:
        """One fax. Raises UnknownFax."""
        with self.db.read() as connection:
            return one(connection, reference)

    def events(self, reference: str) -> tuple[FaxEvent, ...]:
        """The steps of a fax, the oldest first. Raises UnknownFax."""
        with self.db.read() as connection:
            fax_id = one(connection, reference).id
            rows = connection.execute(select(fax_events).where(fax_events.c.fax_id == fax_id).order_by(fax_events.c.id))
            return tuple(FaxEvent(row.at, FaxState(row.state), row.by, row.text) for row in rows)

    def list(self, states: Sequence[FaxState] = (), line: str | None = None, limit: int = 50) -> tuple[Fax, ...]:
        """Faxes in these states (all when none is named), the newest first."""
        with self.db.read() as connection:
            where: list[ColumnElement[bool]] = [faxes.c.state.in_([state.value for state in states])] if states else []
            return rows(connection, *where, *([faxes.c.line == line] if line else []), newest_first=True, limit=limit)

    def page(self, client: str | None, states: Sequence[FaxState], limit: int, before: int | None = None) -> tuple[Fax, ...]:
        """Faxes of a client, or of all, the newest first; those that came before the one with this id."""
        where = [*([faxes.c.client == client] if client is not None else []), *([faxes.c.id < before] if before is not None else []),
                 *([faxes.c.state.in_([state.value for state in states])] if states else [])]
        with self.db.read() as connection:
            return rows(connection, *where, newest_first=True, limit=limit)

    def working(self) -> tuple[Fax, ...]:
        """Faxes that have a way to go before their letter is in the outbox, in order of arrival; not those that a person holds."""
        with self.db.read() as connection:
            return rows(connection, _IN_WORK, faxes.c.state.in_([state.value for state in WORKED_ON]), faxes.c.on_hold.is_(False))

    def counts(self) -> dict[FaxState, int]:
        """How many faxes are in each state."""
        with self.db.read() as connection:
            found = {FaxState(state): int(many) for state, many in connection.execute(
                select(faxes.c.state, func.count()).group_by(faxes.c.state))}
        return {state: found.get(state, 0) for state in FaxState}

    def step(self, facsimile: Fax, state: FaxState, told: str, now: datetime, by: str = MESA, **columns: Any) -> bool:
        """Lead a fax from the state in which it was seen to another; False when somebody else was quicker."""
        with self.db.write() as connection:
            return step(connection, facsimile, state, told, now, by, **columns)


def step(connection: Connection, facsimile: Fax, state: FaxState, told: str, now: datetime, by: str = MESA, **columns: Any) -> bool:
    """The same in the caller's transaction."""
    changed = connection.execute(update(faxes).where(
        faxes.c.id == facsimile.id, faxes.c.state == facsimile.state.value, faxes.c.deliveries == facsimile.deliveries,
    ).values(state=state.value, **columns))
    if changed.rowcount:
        add_event(connection, facsimile.id, state, by, told, now)
    return changed.rowcount == 1


def add_event(connection: Connection, fax_id: int, state: FaxState, by: str, told: str, now: datetime) -> None:
    """One line of a fax's history."""
    connection.execute(insert(fax_events).values(fax_id=fax_id, at=now, state=state.value, by=by[:64], text=told))


def one(connection: Connection, reference: str, lock: bool = False) -> Fax:
    """A fax by its reference, with or without the F. Raises UnknownFax."""
    wanted = 'F' + reference.strip().upper().removeprefix('F')
    if lock:
        connection.execute(select(faxes.c.id).where(faxes.c.reference == wanted).with_for_update())
    found = rows(connection, faxes.c.reference == wanted)
    if not found:
        raise UnknownFax(f'no fax has the reference {reference!r}')
    return found[0]


def rows(connection: Connection, *conditions: ColumnElement[bool] | TextClause, newest_first: bool = False,
         limit: int | None = None) -> tuple[Fax, ...]:
    """Faxes, by the order in which they came."""
    order = faxes.c.id.desc() if newest_first else faxes.c.id
    found = connection.execute(select(faxes).where(*conditions).order_by(order).limit(limit))
    return tuple(Fax(**(dict(row._mapping) | {'state': FaxState(row.state), 'damage': tuple(row.damage)})) for row in found)


def _one(connection: Connection, condition: ColumnElement[bool]) -> Fax:
    return rows(connection, condition)[0]


def _is_known(connection: Connection, arrival: Arrival, sha256: str) -> bool:
    """The same file with the same content; or the same session with the same content, whatever the file is called.

    A hook that is late finds no file any more: then the session tells.
    """
    same = faxes.c.file == arrival.file
    if not sha256:
        return bool(connection.scalar(select(exists().where(same, faxes.c.commid == arrival.commid))))
    if arrival.commid:
        same = same | (faxes.c.commid == arrival.commid)
    return bool(connection.scalar(select(exists().where(faxes.c.sha256 == sha256, same))))


def _next(connection: Connection) -> int:
    taken = connection.execute(update(counters).where(counters.c.name == SERIES).values(
        last=counters.c.last + 1).returning(counters.c.last)).scalar_one()
    return int(taken)


def _told(arrival: Arrival) -> str:
    told = f'al {arrival.called_number or "número desconocido"}, módem {arrival.device or "desconocido"}'
    return told + (f'; HylaFAX: {arrival.reason}' if arrival.reason else '')


_IN_WORK = text(IN_WORK)
_OF_ARRIVAL = ('file', 'device', 'commid', 'reason', 'caller_number', 'caller_name', 'called_number')
