"""Temporary exceptions to a line's hours, put by an operator; each has an end (mission.md 2.4)."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update

from config.values import Override, OverrideState
from storage.engine import Database
from ticketing.tables import line_overrides
from ticketing.values import TicketingError


@dataclass(frozen=True)
class StandingOverride:
    """An override that is in force or still to come, with the id that cancels it."""

    id: int
    override: Override


class Overrides:
    """The overrides of one database. Times are aware instants."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def put(self, line: str, state: OverrideState, message: str | None, until: datetime | None, by: str, now: datetime,
            since: datetime | None = None) -> int:
        """Put an override on a line, from `since` (default `now`) up to, not including, `until`; answers its id.

        Raises TicketingError without an end in the future, or for a MESSAGE without one; DatabaseUnavailable.
        """
        begins = now if since is None else since
        if until is None:
            raise TicketingError(f'the override of {line} needs an end (--until)')
        if until <= now or until <= begins:
            raise TicketingError(f'the override of {line} would end at {until.isoformat()}, before it begins or in the past')
        if state is OverrideState.MESSAGE and not message:
            raise TicketingError(f'the override of {line} says "message" but names no prompt')
        with self._db.write() as connection:
            put = connection.execute(insert(line_overrides).values(
                line=line, state=state.value, message=message, since=begins, until=until, by=by, put_at=now))
            assert put.inserted_primary_key is not None
            return int(put.inserted_primary_key[0])

    def standing(self, now: datetime) -> tuple[StandingOverride, ...]:
        """Overrides neither over nor cancelled, in the order they were put; those still to come are among them."""
        its = line_overrides.c
        wanted = select(line_overrides).where(its.until > now, its.cancelled_at.is_(None)).order_by(its.id)
        with self._db.read() as connection:
            return tuple(
                StandingOverride(row.id, Override(row.line, OverrideState(row.state), row.since, row.until, row.message, row.by))
                for row in connection.execute(wanted))

    def current(self, now: datetime) -> tuple[Override, ...]:
        """The standing overrides as the decision engine takes them."""
        return tuple(standing.override for standing in self.standing(now))

    def cancel(self, id: int, by: str, now: datetime) -> None:
        """End an override before its time. Raises TicketingError when it is unknown, over or cancelled; DatabaseUnavailable."""
        its = line_overrides.c
        with self._db.write() as connection:
            cancelled = connection.execute(
                update(line_overrides).values(cancelled_at=now, cancelled_by=by)
                .where(its.id == id, its.cancelled_at.is_(None), its.until > now))
            if not cancelled.rowcount:
                raise TicketingError(f'there is no override {id} in force or to come')

    def cancel_line(self, line: str, by: str, now: datetime) -> int:
        """End everything that is in force or to come on a line; answers how many overrides that were. Raises DatabaseUnavailable."""
        its = line_overrides.c
        with self._db.write() as connection:
            return connection.execute(
                update(line_overrides).values(cancelled_at=now, cancelled_by=by)
                .where(its.line == line, its.cancelled_at.is_(None), its.until > now)).rowcount
