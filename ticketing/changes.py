"""What a folio's service-level clock is told from, in the database. For use inside a transaction."""
from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from config.values import Site
from ticketing.levels.clock import Clock, read_clock
from ticketing.levels.terms import terms_of
from ticketing.tables import escalations, folio_changes
from ticketing.values import Change, Folio, Move, State

_CHANGES = select(folio_changes.c.at, folio_changes.c.move, folio_changes.c.from_state, folio_changes.c.to_state, folio_changes.c.priority,
                  folio_changes.c.waiting_for, folio_changes.c.by, folio_changes.c.reason).order_by(folio_changes.c.id)


def changes_of(connection: Connection, folio_id: int) -> tuple[Change, ...]:
    """Every change of a folio's state or priority, in the order in which they were made."""
    return tuple(
        Change(row.at, Move(row.move), State(row.from_state), State(row.to_state), row.priority, row.waiting_for, row.by, row.reason)
        for row in connection.execute(_CHANGES.where(folio_changes.c.folio_id == folio_id)))


def add_change(connection: Connection, folio_id: int, change: Change) -> None:
    """Store a change."""
    connection.execute(insert(folio_changes).values(
        folio_id=folio_id, at=change.at, move=change.move.value, from_state=change.from_state.value, to_state=change.to_state.value,
        priority=change.priority, waiting_for=change.waiting_for, by=change.by, reason=change.reason))


def fired_steps(connection: Connection, folio_id: int) -> frozenset[str]:
    """The escalation steps that have been told already."""
    return frozenset(connection.scalars(select(escalations.c.step).where(escalations.c.folio_id == folio_id)))


def clock_of(connection: Connection, folio_id: int, folio: Folio, site: Site, now: datetime) -> Clock | None:
    """The folio's clock by its stored changes; None when the site has its line no more, and so there are no terms."""
    report = folio.report
    terms = terms_of(site, report.line, report.site, report.priority, folio.opened_at)
    if terms is None:
        return None
    return read_clock(folio.opened_at, report.clock_starts, folio.responded_at, changes_of(connection, folio_id), terms,
                      fired_steps(connection, folio_id), now)


def due_columns(clock: Clock | None, folio: Folio) -> dict[str, Any]:
    """The due times that follow from a clock. By when a response was due stays known after it."""
    columns: dict[str, Any] = {'promised': clock.resolve_due if clock else None, 'next_look': clock.next_look if clock else None}
    if folio.responded_at is None:
        columns['respond_due'] = clock.respond_due if clock else None
    return columns
