"""The outbox of webhooks as its workers and people see it. Each method is a transaction; DatabaseUnavailable when it cannot be had in time.

An event is delivered at least once: what a worker had when it died is sent again when its lease is over, under the same id. `now` is Mesa's
clock, by which an event grows old; `machine_now` the machine's, which leases and pauses go by.
"""
from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, case, delete, func, or_, select, text, update

from storage.engine import Database
from ticketing.tables import webhook_deliveries as rows
from ticketing.values import Sending, TicketingError

FIRST_PAUSE = timedelta(minutes=1)                     # doubles after each attempt ...
LONGEST_PAUSE = timedelta(hours=1)                     # ... up to this
TRIED_FOR = timedelta(hours=72)
KEPT_FOR = timedelta(days=30)                          # after its end
JITTER = 0.1
BATCH = 500
PATIENCE_S = 30.0                                      # to write down an outcome: it cannot be asked for again
Receiver = tuple[str, str]                             # client, webhook


class NoSuchDelivery(TicketingError):
    """No delivery has this id."""


@dataclass(frozen=True)
class Delivery:
    """One event for one webhook, as it stands. Instants are aware UTC; `payload` is {} once it was erased."""

    id: int
    event_id: str
    client: str
    webhook: str
    type: str
    subject: str
    sequence: int
    payload: Mapping[str, Any]
    state: Sending
    tries: int
    not_before: datetime | None
    last_error: str | None
    created_at: datetime
    finished_at: datetime | None

    @property
    def receiver(self) -> Receiver:
        """For whom it is."""
        return self.client, self.webhook


@dataclass(frozen=True)
class Standing:
    """How it stands with one webhook: how many events wait, were delivered and failed, and the last of the two latter. Instants are UTC."""

    waiting: int = 0
    sent: int = 0
    failed: int = 0
    last_sent_at: datetime | None = None
    last_error: str | None = None


_UNFINISHED = text("webhook_deliveries.state IN ('waiting', 'sending')")     # in the words of its index
_COLUMNS = tuple(rows.c[name] for name in Delivery.__dataclass_fields__)


class HookBook:
    """The deliveries of one database."""

    def __init__(self, db: Database, jitter: Callable[[], float] = random.random) -> None:
        self._db = db
        self._jitter = jitter

    def due(self, machine_now: datetime) -> tuple[Receiver, ...]:
        """The webhooks for which something may leave, the one whose event is the oldest first. Only reads: it is asked every second."""
        with self._db.read() as connection:
            found = connection.execute(select(rows.c.client, rows.c.webhook).where(_may_leave(machine_now)).group_by(
                rows.c.client, rows.c.webhook).order_by(func.min(rows.c.id)))
            return tuple((row.client, row.webhook) for row in found)

    def claim(self, receiver: Receiver, machine_now: datetime, lease_s: float) -> Delivery | None:
        """Take the oldest event for a webhook that may leave: nobody else gets it until the lease ends."""
        with self._db.write() as connection:
            id_ = connection.scalar(select(rows.c.id).where(_of(receiver), _may_leave(machine_now)).order_by(rows.c.id).limit(1)
                                    .with_for_update(skip_locked=True))
            if id_ is None:
                return None
            connection.execute(update(rows).where(rows.c.id == id_).values(
                state=Sending.SENDING.value, tries=rows.c.tries + 1, not_before=None,
                lease_until=machine_now + timedelta(seconds=lease_s)))
            return _one(connection, id_)

    def sent(self, row: Delivery, now: datetime) -> bool:
        """The receiver has it; False when that was known, or it was erased meanwhile."""
        with self._db.write(PATIENCE_S) as connection:
            return _end(connection, rows.c.id == row.id, Sending.SENT, None, now)

    def failed(self, row: Delivery, error: str, now: datetime, machine_now: datetime) -> Sending | None:
        """It did not arrive: later again, or FAILED when it has been tried for days. None: not ours any more."""
        if now - row.created_at >= TRIED_FOR:
            return self.ended(row, Sending.FAILED, error, now)
        pause = pause_after(row.tries) * (1 + JITTER * self._jitter())
        with self._db.write(PATIENCE_S) as connection:
            changed = connection.execute(update(rows).where(_of_attempt(row)).values(
                state=Sending.WAITING.value, last_error=error, lease_until=None, not_before=machine_now + pause))
            return Sending.WAITING if changed.rowcount else None

    def ended(self, row: Delivery, state: Sending, error: str, now: datetime) -> Sending | None:
        """It is never sent again: FAILED, or DROPPED when nobody wants it any more. None: not ours any more."""
        with self._db.write(PATIENCE_S) as connection:
            return state if _end(connection, _of_attempt(row), state, error, now) else None

    def give_up_old(self, now: datetime, machine_now: datetime) -> int:
        """End what nobody took for days, also what was never tried since others before it were; how many there were."""
        old = and_(_UNFINISHED, rows.c.created_at <= now - TRIED_FOR, _free(machine_now))
        with self._db.read() as connection:
            if connection.scalar(select(rows.c.id).where(old).limit(1)) is None:
                return 0
        with self._db.write() as connection:
            return connection.execute(update(rows).where(old).values(
                state=Sending.FAILED.value, lease_until=None, not_before=None, finished_at=now,
                last_error=func.coalesce(rows.c.last_error, f'the receiver took nothing for {TRIED_FOR.days} days'))).rowcount

    def forget(self, now: datetime) -> int:
        """Let go of what ended long ago, a batch at a time; how many went."""
        with self._db.write() as connection:
            old = select(rows.c.id).where(rows.c.finished_at <= now - KEPT_FOR).limit(BATCH)
            return connection.execute(delete(rows).where(rows.c.id.in_(connection.scalars(old).all()))).rowcount

    def get(self, id_: int) -> Delivery:
        """One delivery. Raises NoSuchDelivery."""
        with self._db.read() as connection:
            return _one(connection, id_)

    def list(self, receiver: Receiver | None = None, states: Collection[Sending] = (), limit: int = 50) -> tuple[Delivery, ...]:
        """Deliveries of a webhook (of all, when none is named) in these states (in all), the newest first."""
        wanted = select(*_COLUMNS).order_by(rows.c.id.desc()).limit(limit)
        if receiver is not None:
            wanted = wanted.where(_of(receiver))
        if states:
            wanted = wanted.where(rows.c.state.in_([state.value for state in states]))
        with self._db.read() as connection:
            return tuple(_delivery(row) for row in connection.execute(wanted))

    def standings(self) -> dict[Receiver, Standing]:
        """How it stands with every webhook for which there ever was something within the days that are kept."""
        def many(*states: Sending) -> Any:
            return func.sum(case((rows.c.state.in_([state.value for state in states]), 1), else_=0))
        with self._db.read() as connection:
            found = connection.execute(select(
                rows.c.client, rows.c.webhook, many(Sending.WAITING, Sending.SENDING).label('waiting'), many(Sending.SENT).label('sent'),
                many(Sending.FAILED).label('failed'),
                func.max(case((rows.c.state == Sending.SENT.value, rows.c.finished_at))).label('last_sent_at'),
                func.max(case((rows.c.last_error.is_not(None), rows.c.id))).label('last_wrong'),
            ).group_by(rows.c.client, rows.c.webhook)).all()
            errors = {id_: error for id_, error in connection.execute(select(rows.c.id, rows.c.last_error).where(
                rows.c.id.in_([row.last_wrong for row in found if row.last_wrong])))}
        return {(row.client, row.webhook): Standing(
            int(row.waiting), int(row.sent), int(row.failed), row.last_sent_at, errors.get(row.last_wrong)) for row in found}

    def retry(self, ids: Sequence[int], now: datetime) -> tuple[Delivery, ...]:
        """A person wants them tried again at once, from the beginning: all of them, or none. Raises NoSuchDelivery.

        Raises TicketingError for one that was delivered, is being sent, or was erased.
        """
        with self._db.write() as connection:
            for id_ in ids:
                connection.execute(select(rows.c.id).where(rows.c.id == id_).with_for_update())
                row = _one(connection, id_)
                if row.state in (Sending.SENT, Sending.SENDING):
                    raise TicketingError(f'delivery {id_} is {row.state}: it cannot be tried again now')
                if not row.payload:
                    raise TicketingError(f'delivery {id_} was erased: there is nothing left to send')
                connection.execute(update(rows).where(rows.c.id == id_).values(
                    state=Sending.WAITING.value, tries=0, not_before=None, lease_until=None, finished_at=None, created_at=now))
            return tuple(_one(connection, id_) for id_ in ids)


def pause_after(tries: int) -> timedelta:
    """How long an event rests after so many attempts."""
    return min(FIRST_PAUSE * (1 << min(max(tries - 1, 0), 20)), LONGEST_PAUSE)


def _of(receiver: Receiver) -> Any:
    client, webhook = receiver
    return and_(rows.c.client == client, rows.c.webhook == webhook)


def _free(machine_now: datetime) -> Any:
    return or_(rows.c.state == Sending.WAITING.value, rows.c.lease_until <= machine_now)


def _may_leave(machine_now: datetime) -> Any:
    return and_(_UNFINISHED, _free(machine_now), or_(rows.c.not_before.is_(None), rows.c.not_before <= machine_now))


def _of_attempt(row: Delivery) -> Any:
    """Only while the attempt is still the one that claimed the row: `tries` grows with each."""
    return (rows.c.id == row.id) & (rows.c.state == Sending.SENDING.value) & (rows.c.tries == row.tries)


def _end(connection: Connection, condition: Any, state: Sending, error: str | None, now: datetime) -> bool:
    ended = connection.execute(update(rows).where(condition, _UNFINISHED).values(
        state=state.value, last_error=error, lease_until=None, not_before=None, finished_at=now))
    return ended.rowcount == 1


def _one(connection: Connection, id_: int) -> Delivery:
    row = connection.execute(select(*_COLUMNS).where(rows.c.id == id_)).first()
    if row is None:
        raise NoSuchDelivery(f'no delivery of a webhook has the id {id_}')
    return _delivery(row)


def _delivery(row: Any) -> Delivery:
    return Delivery(**(dict(row._mapping) | {'state': Sending(row.state)}))
