"""The clocks of stored folios: read in bulk, and reckoned again when the site changes (mission.md 4.5)."""
from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, text, update

from config.values import Site
from storage.engine import Database, DatabaseUnavailable
from ticketing.changes import due_columns
from ticketing.folio_rows import FOLIO, folio_of
from ticketing.levels.clock import Clock, read_clock
from ticketing.levels.terms import Terms, terms_of
from ticketing.tables import escalations, folio_changes, folios
from ticketing.values import Change, Folio, Move, State

log = logging.getLogger('mesa.timing')
BATCH = 100
# As the partial indexes have it, letter by letter: SQLite does not recognise it with bound values.
OPEN = text("folios.state IN ('new', 'assigned', 'in_progress', 'waiting')")


@dataclass(frozen=True)
class Timed:
    """A stored folio with its contract's terms and its clock; both None when the site in force does not have its line any more."""

    id: int
    folio: Folio
    fired: frozenset[str]                              # the escalation steps that were told
    terms: Terms | None
    clock: Clock | None

    @property
    def due_times(self) -> dict[str, Any]:
        """The columns of the folio that follow from its clock."""
        return due_columns(self.clock, self.folio)

    @property
    def moved(self) -> bool:
        """Whether a stored due time is not what the clock says now."""
        return any(getattr(self.folio.report, name) != instant for name, instant in self.due_times.items())


def read_timed(connection: Connection, ids: Sequence[int], site: Site, now: datetime, lock: bool = False) -> list[Timed]:
    """These folios and their clocks, by id; with `lock` their rows stay locked until the transaction ends."""
    wanted = FOLIO.add_columns(folios.c.id).where(folios.c.id.in_(ids)).order_by(folios.c.id)
    rows = connection.execute(wanted.with_for_update() if lock else wanted).all()
    changes, fired = _changes(connection, ids), _fired(connection, ids)
    return [timed(row.id, folio_of(row), changes[row.id], frozenset(fired[row.id]), site, now) for row in rows]


def timed(folio_id: int, folio: Folio, changes: Sequence[Change], fired: frozenset[str], site: Site, now: datetime) -> Timed:
    """A folio with the clock that its changes tell. Pure."""
    report = folio.report
    terms = terms_of(site, report.line, report.site, report.priority, folio.opened_at)
    if terms is None:
        return Timed(folio_id, folio, fired, None, None)
    clock = read_clock(folio.opened_at, report.clock_starts, folio.responded_at, changes, terms, fired, now)
    return Timed(folio_id, folio, fired, terms, clock)


def recompute_open(db: Database, site: Site, now: datetime) -> int:
    """Reckon the due times of all open folios anew, by the site in force; how many moved. Raises DatabaseUnavailable.

    Nothing is locked while it looks, and what is right already is not written; cut off anywhere, the next run does the rest. A folio that
    cannot be read is told in the log, and the others are served.
    """
    with db.read() as connection:
        ids = list(connection.scalars(select(folios.c.id).where(OPEN)))
    return sum(_try_recompute(db, ids[first:first + BATCH], site, now) for first in range(0, len(ids), BATCH))


def _try_recompute(db: Database, ids: Sequence[int], site: Site, now: datetime) -> int:
    try:
        return _recompute(db, ids, site, now)
    except DatabaseUnavailable:
        raise
    except Exception:
        if len(ids) == 1:
            log.exception('folio with id %s: its due times cannot be reckoned', ids[0])
            return 0
    return sum(_try_recompute(db, [one], site, now) for one in ids)


def _recompute(db: Database, ids: Sequence[int], site: Site, now: datetime) -> int:
    with db.read() as connection:
        moved = [one.id for one in read_timed(connection, ids, site, now) if one.moved]
    if not moved:
        return 0
    with db.write() as connection:
        return sum(set_due_times(connection, one) for one in read_timed(connection, moved, site, now, lock=True))


def set_due_times(connection: Connection, one: Timed) -> bool:
    """Store what the clock of a locked folio says; False when it stands there. No change that a person made: the version stays."""
    if one.moved:
        connection.execute(update(folios).where(folios.c.id == one.id).values(**one.due_times))
    return one.moved


def _changes(connection: Connection, ids: Sequence[int]) -> dict[int, list[Change]]:
    told: dict[int, list[Change]] = defaultdict(list)
    c = folio_changes.c
    for row in connection.execute(select(
            c.folio_id, c.at, c.move, c.from_state, c.to_state, c.priority, c.waiting_for, c.by, c.reason,
    ).where(c.folio_id.in_(ids)).order_by(c.id)):
        told[row.folio_id].append(Change(row.at, Move(row.move), State(row.from_state), State(row.to_state), *row[5:]))
    return told


def _fired(connection: Connection, ids: Sequence[int]) -> dict[int, set[str]]:
    told: dict[int, set[str]] = defaultdict(set)
    for folio_id, step in connection.execute(select(escalations.c.folio_id, escalations.c.step).where(escalations.c.folio_id.in_(ids))):
        told[folio_id].add(step)
    return told
