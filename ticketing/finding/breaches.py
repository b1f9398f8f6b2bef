"""How many open folios will miss what was promised, and when: for the wallboard (mission.md 6.3)."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, case, func, select, text

from ticketing.tables import OPEN, folios

AHEAD = tuple(timedelta(minutes=minutes) for minutes in (30, 60, 120))


@dataclass(frozen=True)
class BreachesAhead:
    """Open folios by when they are promised. `within`: from now on, up to each span (one counts the next shorter one's, too)."""

    overdue: int
    within: Mapping[timedelta, int]


def breaches_ahead(connection: Connection, now: datetime, spans: Sequence[timedelta] = AHEAD, client: str | None = None) -> BreachesAhead:
    """How many open folios are overdue (promised before `now`), and how many will be within each span if nothing is done.

    Folios whose clock stands still are promised nothing and not counted. Complaints are: a number tells nobody whom they concern.
    """
    wanted = select(
        _sum(folios.c.promised < now), *(_sum((folios.c.promised >= now) & (folios.c.promised <= now + span)) for span in spans),
    ).where(text(OPEN), folios.c.promised <= now + max(spans, default=timedelta()))
    if client is not None:
        wanted = wanted.where(folios.c.client == client)
    overdue, *within = connection.execute(wanted).one()
    return BreachesAhead(overdue, dict(zip(spans, within, strict=True)))


def _sum(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
