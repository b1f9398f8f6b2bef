"""Places kept in the queue: callers who left their place and are called back in turn (mission.md 3.6)."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Select, exists, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from config.values import Policy
from storage.engine import Database
from ticketing.tables import call_backs, folio_entries, folios, outbound_calls
from ticketing.values import EntryKind, TicketingError

KIND = 'call_back'
BUSY_WITH_US = timedelta(minutes=1)                    # another call of ours to the same number is under way
WAITING, SERVED, GIVEN_UP, CANCELLED = 'waiting', 'served', 'given_up', 'cancelled'


class UnknownCallBack(TicketingError):
    """No call-back has this id."""


class Outcome(StrEnum):
    """How one attempt to call back ended."""

    ACCEPTED = 'accepted'               # the caller took it and pressed 1: he talks with an agent
    MISSED = 'missed'                   # he did not answer, or was busy
    NO_KEY = 'no_key'                   # somebody answered, and pressed nothing: an answering machine
    AGENT_LEFT = 'agent_left'           # the agent hung up before the caller answered
    LOST = 'lost'                       # Asterisk stopped under it: nobody knows


SAID = {
    Outcome.ACCEPTED: 'se le llamó y contestó',
    Outcome.MISSED: 'se le llamó y no contestó',
    Outcome.NO_KEY: 'se le llamó y contestó una grabadora o alguien que no marcó uno',
    Outcome.AGENT_LEFT: 'se le llamó; el agente colgó antes de que contestara',
    Outcome.LOST: 'se le llamó; la llamada se interrumpió',
}
ASKED_TEXT = 'pidió que se le llame y conserva su lugar en la fila'
ALREADY_TEXT = 'pidió que se le llame; ya había una llamada pendiente a ese número'
GIVEN_UP_TEXT = 'no se le pudo llamar de regreso; el folio queda abierto para darle seguimiento'
STAYED = 'siguió en la línea y lo atendió un agente'
CANCELLED_TEXT = 'se canceló la llamada de regreso: {reason}'


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a caller asks who leaves his place. `joined_at` is when he joined the queue, by the machine's clock; `number` is E.164."""

    linkedid: str
    client: str
    line: str
    queue: str
    priority: int
    number: str
    joined_at: datetime
    folio: str | None = None


@dataclass(frozen=True, kw_only=True)
class CallBack:
    """A kept place. `next_at` is by Mesa's clock; `joined_at` decides its order among those who wait, by the machine's."""

    id: int
    linkedid: str
    client: str
    line: str
    queue: str
    priority: int
    number: str
    folio: str | None
    joined_at: datetime
    asked_at: datetime
    state: str
    attempts: int
    next_at: datetime
    finished_at: datetime | None


class CallBacks:
    """All call-backs of one database. Every method is one transaction and raises DatabaseUnavailable when that cannot be had in time."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def ask(self, request: Request, now: datetime) -> bool:
        """Keep a caller's place, told in the folio's timeline; False when a call to his number, or to him, is pending already.

        One call in flight a caller (mission.md 3.6): the folio's user, whichever number he names, is one. Asked twice by the same call, it
        is kept once.
        """
        with self._db.write() as connection:
            self._db.lock(connection, 'call-backs')
            folio_id = connection.scalar(select(folios.c.id).where(folios.c.number == request.folio)) if request.folio else None
            known = connection.scalar(select(call_backs.c.id).where(call_backs.c.linkedid == request.linkedid))
            if known is not None:
                return True
            new = not _in_flight(connection, request, folio_id) and _insert(connection, request, folio_id, now)
            if folio_id is not None:
                _tell(connection, folio_id, ASKED_TEXT if new else ALREADY_TEXT, 'caller', now, request.linkedid)
            return new

    def due(self, now: datetime) -> tuple[CallBack, ...]:
        """The places that should stand in their queues now, in order: waiting, due, and not being dialled."""
        # Each one's own calls: those of all together would be read from the index of what ever was.
        dialling = exists().where(
            outbound_calls.c.kind == KIND, outbound_calls.c.owner_id == call_backs.c.id, outbound_calls.c.ended_at.is_(None))
        return self._many(_ROWS.where(call_backs.c.state == WAITING, call_backs.c.next_at <= now, ~dialling)
                          .order_by(call_backs.c.joined_at, call_backs.c.id))

    def list(self, state: str | None = WAITING, limit: int = 200) -> tuple[CallBack, ...]:
        """Call-backs in order of their places; in every state when `state` is None."""
        wanted = _ROWS.order_by(call_backs.c.joined_at, call_backs.c.id).limit(limit)
        return self._many(wanted if state is None else wanted.where(call_backs.c.state == state))

    def get(self, call_back_id: int) -> CallBack | None:
        """One call-back."""
        return next(iter(self._many(_ROWS.where(call_backs.c.id == call_back_id))), None)

    def begin(self, call_back_id: int, linkedid: str, now: datetime) -> CallBack | None:
        """Store an attempt before it is dialled; None when nothing may be dialled: no longer waiting, or a call to him is under way.

        The same call may begin twice.
        """
        with self._db.write() as connection:
            row = connection.execute(_ROWS.where(call_backs.c.id == call_back_id).with_for_update(of=call_backs)).first()
            if row is None or row.state != WAITING:
                return None
            if connection.scalar(select(outbound_calls.c.id).where(outbound_calls.c.linkedid == linkedid)) is not None:
                return _call_back(row)
            under_way = select(outbound_calls.c.id).where(outbound_calls.c.number == row.number, outbound_calls.c.ended_at.is_(None))
            if connection.scalar(under_way) is not None:
                connection.execute(update(call_backs).where(call_backs.c.id == call_back_id).values(next_at=now + BUSY_WITH_US))
                return None
            folio_id = connection.scalar(select(call_backs.c.folio_id).where(call_backs.c.id == call_back_id))
            connection.execute(insert(outbound_calls).values(
                linkedid=linkedid, kind=KIND, owner_id=call_back_id, folio_id=folio_id, client=row.client, number=row.number,
                started_at=now))
            if folio_id is not None:
                _tell(connection, folio_id, '', 'mesa', now, linkedid, EntryKind.CALL)
            return _call_back(row)

    def settle(self, linkedid: str, outcome: Outcome, policy: Policy, now: datetime) -> bool:
        """Note how an attempt ended, and what follows; False when that is known already, or it was none of ours."""
        with self._db.write() as connection:
            attempt = connection.execute(select(outbound_calls.c.owner_id, outbound_calls.c.folio_id).where(
                outbound_calls.c.linkedid == linkedid, outbound_calls.c.kind == KIND, outbound_calls.c.ended_at.is_(None)
            ).with_for_update()).first()
            if attempt is None:
                return False
            connection.execute(update(outbound_calls).where(outbound_calls.c.linkedid == linkedid)
                               .values(ended_at=now, outcome=outcome.value))
            row = connection.execute(_ROWS.where(call_backs.c.id == attempt.owner_id).with_for_update(of=call_backs)).one()
            changes = after(_call_back(row), outcome, policy, now) if row.state == WAITING else {}
            if changes:
                connection.execute(update(call_backs).where(call_backs.c.id == row.id).values(**changes))
            if attempt.folio_id is not None:
                _tell(connection, attempt.folio_id, SAID[outcome], 'mesa', now, linkedid)
                if changes.get('state') == GIVEN_UP:
                    _tell(connection, attempt.folio_id, GIVEN_UP_TEXT, 'mesa', now)
            return True

    def in_flight(self) -> tuple[str, ...]:
        """The linkedids of the attempts of which nobody has told the end."""
        o = outbound_calls.c
        with self._db.read() as connection:
            # By number, which is the order of the index of what is in flight: another one would read all that ever was.
            going_on = connection.execute(select(o.linkedid, o.kind).where(o.ended_at.is_(None)).order_by(o.number))
            return tuple(call.linkedid for call in going_on if call.kind == KIND)

    def folio_of_placed(self, linkedid: str) -> str | None:
        """The folio for which we placed a call, of whatever kind."""
        placed = select(folios.c.number).join(outbound_calls, outbound_calls.c.folio_id == folios.c.id)
        with self._db.read() as connection:
            return connection.scalar(placed.where(outbound_calls.c.linkedid == linkedid))

    def owner(self, linkedid: str) -> CallBack | None:
        """The call-back that an attempt belongs to."""
        owner = select(outbound_calls.c.owner_id).where(outbound_calls.c.linkedid == linkedid, outbound_calls.c.kind == KIND)
        return next(iter(self._many(_ROWS.where(call_backs.c.id.in_(owner)))), None)

    def cancel(self, call_back_id: int, *, by: str, reason: str, now: datetime) -> CallBack:
        """Give up a kept place; one that is over stays as it is. Raises UnknownCallBack."""
        with self._db.write() as connection:
            row = connection.execute(_ROWS.where(call_backs.c.id == call_back_id).with_for_update(of=call_backs)).first()
            if row is None:
                raise UnknownCallBack(f'there is no call-back {call_back_id}')
            if row.state == WAITING:
                connection.execute(update(call_backs).where(call_backs.c.id == call_back_id).values(state=CANCELLED, finished_at=now))
                folio_id = connection.scalar(select(call_backs.c.folio_id).where(call_backs.c.id == call_back_id))
                if folio_id is not None:
                    _tell(connection, folio_id, CANCELLED_TEXT.format(reason=reason), by, now)
            return _call_back(connection.execute(_ROWS.where(call_backs.c.id == call_back_id)).one())

    def stayed(self, linkedid: str, now: datetime) -> bool:
        """An agent took the very call that asked to be called back: Mesa stored its place and stopped before the dialplan knew."""
        with self._db.read() as connection:
            kept = connection.scalar(select(call_backs.c.id).where(call_backs.c.linkedid == linkedid, call_backs.c.state == WAITING))
        if kept is None:
            return False
        self.cancel(kept, by='mesa', reason=STAYED, now=now)
        return True

    def _many(self, wanted: Select[Any]) -> tuple[CallBack, ...]:
        with self._db.read() as connection:
            return tuple(_call_back(row) for row in connection.execute(wanted))


def after(call_back: CallBack, outcome: Outcome, policy: Policy, now: datetime) -> dict[str, Any]:
    """What an attempt's outcome changes of a waiting call-back (mission.md 3.6). Pure.

    Who was not reached is called again after a pause, and keeps his place; so is, at once, whose agent hung up. An attempt of which
    nobody knows the end does not count.
    """
    if outcome is Outcome.ACCEPTED:
        return {'state': SERVED, 'attempts': call_back.attempts + 1, 'finished_at': now}
    if outcome is Outcome.LOST:
        return {'next_at': now}
    attempts = call_back.attempts + 1
    if attempts >= policy.callback_attempts:
        return {'state': GIVEN_UP, 'attempts': attempts, 'finished_at': now}
    pause = timedelta(0) if outcome is Outcome.AGENT_LEFT else timedelta(minutes=policy.callback_spacing_minutes)
    return {'attempts': attempts, 'next_at': now + pause}


_ROWS = select(
    *(column for column in call_backs.c if column.name != 'folio_id'), folios.c.number.label('folio')
).select_from(call_backs.outerjoin(folios, folios.c.id == call_backs.c.folio_id))


def _call_back(row: Any) -> CallBack:
    return CallBack(**row._mapping)


def _in_flight(connection: Connection, request: Request, folio_id: int | None) -> bool:
    """Whether a call to this number, or to the folio's user, is pending."""
    user = None if folio_id is None else connection.scalar(select(folios.c.employee_number).where(folios.c.id == folio_id))
    same = call_backs.c.number == request.number
    pending = select(call_backs.c.id).select_from(call_backs.outerjoin(folios, folios.c.id == call_backs.c.folio_id)).where(
        call_backs.c.client == request.client, call_backs.c.state == WAITING,
        same if user is None else or_(same, folios.c.employee_number == user))
    return connection.scalar(pending.limit(1)) is not None


def _insert(connection: Connection, request: Request, folio_id: int | None, now: datetime) -> bool:
    """False when somebody else asked for this number at the same moment."""
    try:
        with connection.begin_nested():
            connection.execute(insert(call_backs).values(
                linkedid=request.linkedid, client=request.client, line=request.line, queue=request.queue, priority=request.priority,
                number=request.number, folio_id=folio_id, joined_at=request.joined_at, asked_at=now, state=WAITING, attempts=0,
                next_at=now))
    except IntegrityError:
        return False
    return True


def _tell(connection: Connection, folio_id: int, text: str, by: str, at: datetime, linkedid: str | None = None,
          kind: EntryKind = EntryKind.CALL_BACK) -> None:
    """An entry of the timeline; a call adds one of a kind only once."""
    told = select(folio_entries.c.id).where(
        folio_entries.c.linkedid == linkedid, folio_entries.c.kind == kind.value, folio_entries.c.folio_id == folio_id)
    if linkedid is None or connection.scalar(told) is None:
        connection.execute(insert(folio_entries).values(folio_id=folio_id, at=at, kind=kind.value, by=by, text=text, linkedid=linkedid))
