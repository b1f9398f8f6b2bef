"""The outbox: effects outside the database, stored in the transaction of their cause and done later by a worker.

`due` goes by Mesa's clock, `not_before` and `lease_until` by the machine's (`machine_now`), which nobody stops. An attempt of which nobody
knows whether it arrived is a doubt. It is counted *before* it can arise (`committed`) and taken back by a definite answer, so a worker that
is killed leaves the truth behind. There are at most two attempts in doubt: the second one says so in the letter, a third is never made.
"""
from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, not_, or_, select, text, update

from storage.engine import Database
from ticketing.spanish import letter_name
from ticketing.tables import folio_entries, folios, messages_in, outbox
from ticketing.values import EntryKind, Sending, TicketingError

FIRST_PAUSE = timedelta(minutes=1)                     # doubles after each attempt ...
LONGEST_PAUSE = timedelta(hours=4)                     # ... up to this
TRIED_FOR = timedelta(days=4)
JITTER = 0.1                                           # pauses differ by so much, lest all letters come back at once
MOST_DOUBTS = 2
MOST_REFERENCES = 9                                    # besides the folio's own
PATIENCE_S = 30.0                                      # to write down an outcome: it cannot be asked for again


class NotInOutbox(TicketingError):
    """No message of the outbox has this id."""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One message to one recipient, not yet written: the letter is made of the template and these facts when it is sent.

    `key` is natural, e.g. 'resolved:12345674:2': the same cause asks once. `facts` are JSON values; instants ISO 8601 in UTC.
    `held`: never sent outside the line's hours (mission.md 4.6).
    """

    key: str
    name: str                                          # the template: 'opened', 'resolved', 'escalation', ...
    recipient: str                                     # an e-mail address
    client: str | None
    folio_id: int | None
    facts: Mapping[str, Any] = field(default_factory=dict)
    held: bool = True


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """A message of the outbox as it stands; `line`, `site` and `number` are its folio's, None without one. Instants are aware UTC."""

    id: int
    notice: str
    recipient: str
    message_id: str
    facts: Mapping[str, Any]
    state: Sending
    due: datetime
    created_at: datetime
    client: str | None = None
    folio_id: int | None = None
    number: str | None = None
    line: str | None = None
    site: str | None = None
    held: bool = True
    tries: int = 0
    doubts: int = 0                                    # attempts of which nobody knows whether they arrived
    last_error: str | None = None
    not_before: datetime | None = None
    finished_at: datetime | None = None
    references: tuple[str, ...] = ()                   # earlier messages between us and the recipient about the folio, oldest first


def post(connection: Connection, notice: Notice, message_id: str, due: datetime, now: datetime) -> bool:
    """Store a message in the transaction of its cause; False when its key is known: it was asked for before.

    `message_id` is made now and stored before it is used; `due` is when it may leave, by Mesa's clock.
    """
    if connection.scalar(select(outbox.c.id).where(outbox.c.key == notice.key)) is not None:
        return False
    connection.execute(insert(outbox).values(
        key=notice.key, kind='mail', notice=notice.name, client=notice.client, folio_id=notice.folio_id, recipient=notice.recipient,
        message_id=message_id, payload=dict(notice.facts), held=notice.held, due=due, state=Sending.WAITING.value, tries=0, doubts=0,
        created_at=now))
    return True


def pause_after(tries: int) -> timedelta:
    """How long a message rests after so many attempts."""
    return min(FIRST_PAUSE * (1 << min(tries - 1, 30)), LONGEST_PAUSE)


def most_tries() -> int:
    """How many attempts fill the days for which a message is tried."""
    tries, passed = 1, timedelta(0)
    while passed < TRIED_FOR:
        passed += pause_after(tries)
        tries += 1
    return tries


class Outbox:
    """The worker's view of the outbox. Each method is one transaction; DatabaseUnavailable when it cannot be had in time."""

    def __init__(self, db: Database, jitter: Callable[[], float] = random.random) -> None:
        self._db = db
        self._jitter = jitter

    def claim(self, now: datetime, machine_now: datetime, lease_s: float, limit: int = 1) -> tuple[Outgoing, ...]:
        """Take messages that may leave, the longest due first: nobody else gets them until the lease ends.

        What a worker left behind when it died comes back here, unless it is for `put_aside`.
        """
        with self._db.write() as connection:
            free = or_(outbox.c.state == Sending.WAITING.value, outbox.c.lease_until <= machine_now)
            rested = or_(outbox.c.not_before.is_(None), outbox.c.not_before <= machine_now)
            wanted = select(outbox.c.id).where(_UNFINISHED, outbox.c.due <= now, free, rested, not_(_HOPELESS)).order_by(
                outbox.c.due, outbox.c.id).limit(limit)
            ids = connection.scalars(wanted.with_for_update(skip_locked=True)).all()
            if not ids:
                return ()
            connection.execute(update(outbox).where(outbox.c.id.in_(ids)).values(
                state=Sending.SENDING.value, tries=outbox.c.tries + 1, not_before=None,
                lease_until=machine_now + timedelta(seconds=lease_s)))
            return tuple(_with_references(connection, row) for row in _rows(connection, outbox.c.id.in_(ids)))

    def put_aside(self, now: datetime, machine_now: datetime) -> int:
        """End what a dead worker left in its second doubt, or in the last attempt: a person must look. How many there were."""
        with self._db.write() as connection:
            left = _rows(connection, _UNFINISHED, outbox.c.state == Sending.SENDING.value, outbox.c.lease_until <= machine_now, _HOPELESS)
            for row in left:
                state = Sending.DOUBTFUL if row.doubts >= MOST_DOUBTS else Sending.FAILED
                _end(connection, replace(row, last_error=row.last_error or 'the worker ended in the middle of it'), state, now)
            return len(left)

    def committed(self, row: Outgoing, machine_now: datetime, lease_s: float) -> bool:
        """Write down that the message may have arrived from now on; False when it is not ours any more: then it must not be sent."""
        with self._db.write() as connection:
            changed = connection.execute(update(outbox).where(_of_attempt(row)).values(
                doubts=row.doubts + 1, lease_until=machine_now + timedelta(seconds=lease_s)))
            return changed.rowcount == 1

    def sent(self, row: Outgoing, now: datetime) -> bool:
        """It was accepted, by whichever attempt; False when that was known, or when it came back meanwhile."""
        with self._db.write(PATIENCE_S) as connection:
            ended = connection.execute(update(outbox).where(outbox.c.id == row.id, outbox.c.state.in_(_MAY_HAVE_GONE)).values(
                state=Sending.SENT.value, doubts=row.doubts, last_error=None, lease_until=None, not_before=None, finished_at=now))
            if ended.rowcount:
                duplicate = ' (posible duplicado)' if row.doubts else ''
                _tell(connection, row, EntryKind.EMAIL_OUT, f'{letter_name(row.notice)} a {row.recipient} {row.message_id}{duplicate}', now)
            return ended.rowcount == 1

    def failed(self, row: Outgoing, error: str, now: datetime, machine_now: datetime) -> Sending | None:
        """It certainly did not arrive this time: later again, or FAILED when it was tried for days. None: not ours any more."""
        return self._unsent(row, row.doubts, error, now, machine_now)

    def doubt(self, row: Outgoing, error: str, now: datetime, machine_now: datetime) -> Sending | None:
        """Nobody knows whether it arrived: once more, or DOUBTFUL for a person when that was the second time. None: not ours any more."""
        return self._unsent(row, row.doubts + 1, error, now, machine_now)

    def refused(self, row: Outgoing, error: str, now: datetime) -> bool:
        """It was refused for good; a supervisor should see it. False: not ours any more."""
        with self._db.write(PATIENCE_S) as connection:
            return _end(connection, replace(row, last_error=error), Sending.FAILED, now)

    def put_off(self, row: Outgoing, due: datetime) -> bool:
        """It may not leave before `due`, by Mesa's clock; this was no attempt. False: not ours any more."""
        with self._db.write() as connection:
            changed = connection.execute(update(outbox).where(_of_attempt(row)).values(
                state=Sending.WAITING.value, due=due, tries=row.tries - 1, lease_until=None))
            return changed.rowcount == 1

    def withdraw(self, row: Outgoing, why: str, now: datetime) -> bool:
        """It is not so any more, and never leaves; its folio's timeline says why. False: not ours any more."""
        with self._db.write(PATIENCE_S) as connection:
            return _end(connection, replace(row, last_error=why), Sending.DROPPED, now)

    def get(self, id_: int) -> Outgoing:
        """One message. Raises NotInOutbox."""
        with self._db.read() as connection:
            return _with_references(connection, _one(connection, id_))

    def list(self, states: Sequence[Sending] = (), limit: int = 50) -> tuple[Outgoing, ...]:
        """Messages in these states (all when none is named), the newest first."""
        with self._db.read() as connection:
            named = outbox.c.state.in_([state.value for state in states])
            return _rows(connection, *([named] if states else []), newest_first=True, limit=limit)

    def retry(self, id_: int, by: str, now: datetime) -> Outgoing:
        """A person wants it tried again at once, from the beginning; one in doubt goes out once more, marked. Raises NotInOutbox.

        Raises TicketingError for one that was sent or is being sent.
        """
        with self._db.write() as connection:
            row = _locked(connection, id_, 'tried again', Sending.SENT, Sending.SENDING)
            doubts = min(row.doubts, MOST_DOUBTS - 1)
            connection.execute(update(outbox).where(outbox.c.id == id_).values(
                state=Sending.WAITING.value, tries=0, doubts=doubts, not_before=None, lease_until=None, finished_at=None,
                due=min(row.due, now)))
            _tell(connection, row, EntryKind.NOTE, f'se enviará de nuevo el {letter_name(row.notice)} a {row.recipient}', now, by)
            return _one(connection, id_)

    def drop(self, id_: int, reason: str, by: str, now: datetime) -> Outgoing:
        """A person wants it never sent. Raises NotInOutbox, or TicketingError for one that was sent, is being sent or was dropped."""
        with self._db.write() as connection:
            row = _locked(connection, id_, 'dropped', Sending.SENT, Sending.SENDING, Sending.DROPPED)
            connection.execute(update(outbox).where(outbox.c.id == id_).values(
                state=Sending.DROPPED.value, last_error=reason, not_before=None, finished_at=now))
            _tell(connection, row, EntryKind.NOTE, f'ya no se enviará el {letter_name(row.notice)} a {row.recipient}: {reason}', now, by)
            return _one(connection, id_)

    def _unsent(self, row: Outgoing, doubts: int, error: str, now: datetime, machine_now: datetime) -> Sending | None:
        after = replace(row, doubts=doubts, last_error=error)
        pause = pause_after(row.tries) * (1 + JITTER * self._jitter())
        with self._db.write(PATIENCE_S) as connection:
            if doubts >= MOST_DOUBTS:
                return Sending.DOUBTFUL if _end(connection, after, Sending.DOUBTFUL, now) else None
            if row.tries >= most_tries():
                return Sending.FAILED if _end(connection, after, Sending.FAILED, now) else None
            changed = connection.execute(update(outbox).where(_of_attempt(row)).values(
                state=Sending.WAITING.value, doubts=doubts, last_error=error, lease_until=None, not_before=machine_now + pause))
            return Sending.WAITING if changed.rowcount else None


_UNFINISHED = text("outbox.state IN ('waiting', 'sending')")     # in the words of its index: with parameters none would be used
_HOPELESS = or_(outbox.c.doubts >= MOST_DOUBTS, outbox.c.tries >= most_tries())
_MAY_HAVE_GONE = (Sending.WAITING.value, Sending.SENDING.value, Sending.DOUBTFUL.value)
_COLUMNS = tuple(outbox.c[name] for name in (
    'id', 'notice', 'recipient', 'message_id', 'state', 'due', 'created_at', 'client', 'folio_id', 'held', 'tries', 'doubts', 'last_error',
    'not_before', 'finished_at'))
_ROW = select(*_COLUMNS, outbox.c.payload.label('facts'), folios.c.number, folios.c.line, folios.c.site).join_from(
    outbox, folios, outbox.c.folio_id == folios.c.id, isouter=True)


def _of_attempt(row: Outgoing) -> Any:
    """Only while the attempt is still the one that claimed the row: `tries` grows with each."""
    return (outbox.c.id == row.id) & (outbox.c.state == Sending.SENDING.value) & (outbox.c.tries == row.tries)


def _rows(connection: Connection, *conditions: Any, newest_first: bool = False, limit: int | None = None) -> tuple[Outgoing, ...]:
    order = (outbox.c.id.desc(),) if newest_first else (outbox.c.due, outbox.c.id)
    found = connection.execute(_ROW.where(*conditions).order_by(*order).limit(limit))
    return tuple(Outgoing(**(dict(row._mapping) | {'state': Sending(row.state)})) for row in found)


def _one(connection: Connection, id_: int) -> Outgoing:
    found = _rows(connection, outbox.c.id == id_)
    if not found:
        raise NotInOutbox(f'no message of the outbox has the id {id_}')
    return found[0]


def _locked(connection: Connection, id_: int, what: str, *impossible: Sending) -> Outgoing:
    connection.execute(select(outbox.c.id).where(outbox.c.id == id_).with_for_update())
    row = _one(connection, id_)
    if row.state in impossible:
        raise TicketingError(f'message {id_} is {row.state}: it cannot be {what} now')
    return row


def _with_references(connection: Connection, row: Outgoing) -> Outgoing:
    """The row with the ids of what was written before about its folio, to and by its recipient."""
    if row.folio_id is None:
        return row
    ours = connection.execute(select(outbox.c.created_at, outbox.c.message_id).where(
        outbox.c.folio_id == row.folio_id, outbox.c.recipient == row.recipient, outbox.c.id < row.id
    ).order_by(outbox.c.id.desc()).limit(MOST_REFERENCES))
    theirs = connection.execute(select(messages_in.c.received_at, messages_in.c.message_id).where(
        messages_in.c.folio_id == row.folio_id, messages_in.c.sender == row.recipient, messages_in.c.received_at <= row.created_at
    ).order_by(messages_in.c.id.desc()).limit(MOST_REFERENCES))
    by_time = sorted([tuple(r) for r in ours] + [tuple(r) for r in theirs])
    return replace(row, references=tuple(message_id for _, message_id in by_time[-MOST_REFERENCES:]))


def _end(connection: Connection, row: Outgoing, state: Sending, now: datetime) -> bool:
    """Nothing more is tried, and the folio's timeline says so; False when the attempt is not ours any more."""
    ended = connection.execute(update(outbox).where(_of_attempt(row)).values(
        state=state.value, doubts=row.doubts, last_error=row.last_error, lease_until=None, not_before=None, finished_at=now))
    if ended.rowcount:
        told = _PROBLEM[state].format(letter_name(row.notice), row.recipient)
        _tell(connection, row, EntryKind.NOTE if state is Sending.DROPPED else EntryKind.WARNING, f'{told}: {row.last_error}', now)
    return ended.rowcount == 1


_PROBLEM = {
    Sending.FAILED: 'no se pudo entregar el {} a {}',
    Sending.DROPPED: 'ya no se envió el {} a {}',
    Sending.DOUBTFUL: 'no se sabe si el {} llegó a {}; se envió dos veces sin respuesta del servidor',
}


def _tell(connection: Connection, row: Outgoing, kind: EntryKind, text: str, now: datetime, by: str = 'mesa') -> None:
    if row.folio_id is not None:
        connection.execute(insert(folio_entries).values(folio_id=row.folio_id, at=now, kind=kind.value, by=by, text=text))
