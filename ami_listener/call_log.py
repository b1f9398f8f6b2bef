"""The call log: calls folded from the journal, and what the call log owes to the folios.

Everything here is made again from the journal at any time with the same result. What must happen outside the call log (a folio for a
call that bypassed Mesa, the mark on a folio whose caller gave up) is written as a duty in the transaction that finds it, and crossed
out when it is done; so a listener that dies in between does it after its next start, and both may be done twice but never forgotten.
"""
from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from ami_listener.call_record import CALL_BACK, CallRecord
from ami_listener.fold import fold
from ami_listener.journal import insert_new
from ami_listener.legs import Leg, moment
from ami_listener.rows import READERS, OwnRow, own_line
from ami_listener.tables import call_duties, call_legs, calls, calls_to_rate, fold_marks, journal
from ami_listener.trunk_calls import is_originated, trunk_calls
from storage.engine import Database

__all__ = ['Abandoned', 'CallLog', 'CallRecord', 'Leg', 'fold']

log = logging.getLogger(__name__)
OPEN_FOLIO = 'open_folio'
MARK_ABANDONED = 'mark_abandoned'
MARK_ANSWERED = 'mark_answered'
TIE_MESSAGE = 'tie_message'
KEEP_RECORDING = 'keep_recording'
SETTLE_CALL_BACK = 'settle_call_back'
UNSERVED = frozenset({'abandoned', 'no_agent_timeout', 'hung_up'})
JOURNAL_BATCH = 1000                                   # rows of the journal whose calls are stored in one transaction
PATIENCE_S = 10.0                                      # nobody waits for the books
IN_AT_ONCE = 400                                       # values in one IN (...)
CALL_COLUMNS = tuple(field.name for field in fields(CallRecord) if field.name != 'legs')
LEG_COLUMNS = tuple(field.name for field in fields(Leg))


Tell = Callable[[Connection, Sequence[CallRecord], datetime], object]


def nobody_is_told(connection: Connection, records: Sequence[CallRecord], now: datetime) -> None:
    """Nobody else hears of calls."""


@dataclass(frozen=True)
class Abandoned:
    """A caller left at `at` (aware UTC), in the queue or before, without having met an agent; `folio` is the call's (mission.md 3.3)."""

    linkedid: str
    folio: str
    at: datetime


class CallLog:
    """The calls of one database. Every method is one or more whole transactions and gives plain values; blocks.

    `login_of` names the agent of a telephone's extension where queue_log does not. `tell` is asked in the transaction that stores calls
    to put into an outbox what others are to hear of them; the same calls come again and again.
    """

    def __init__(self, db: Database, login_of: Callable[[str], str] = str, tell: Tell = nobody_is_told) -> None:
        self._db = db
        self._login_of = login_of
        self._tell = tell

    def catch_up(self, now: datetime) -> tuple[Abandoned, ...]:
        """Fold everything that the journal got since the last time; see `refresh`. Idempotent, also when it dies half-way."""
        found: tuple[Abandoned, ...] = ()
        while news := self._news():
            touched = {row.linkedid for row in news} - {''}
            restarts = [row.at_us for row in news if row.source == 'queue' and '|QUEUESTART|' in row.line]
            if restarts:
                self._refresh(touched, now)
                touched |= self._give_up_lost(max(restarts))
            found += self._refresh(touched, now, mark=news[-1].id)
        return found

    def refresh(self, linkedids: Iterable[str], now: datetime) -> tuple[Abandoned, ...]:
        """Fold these calls again and store them. Returns the folios whose callers gave up, newly found or not."""
        return self._refresh(set(linkedids), now)

    def get(self, linkedid: str) -> CallRecord | None:
        """One call with its legs."""
        with self._db.read(PATIENCE_S) as connection:
            return next(iter(_read(connection, calls.c.linkedid == linkedid, 1)), None)

    def list(self, limit: int = 50, since: datetime | None = None, until: datetime | None = None,
             folio: str | None = None) -> Sequence[CallRecord]:
        """The newest calls first; those that started within [since, until), or of one folio."""
        wanted = [condition for condition in (
            calls.c.started >= since if since else None, calls.c.started < until if until else None,
            calls.c.folio == folio if folio else None) if condition is not None]
        with self._db.read(PATIENCE_S) as connection:
            return _read(connection, and_(True, *wanted), limit)

    def page(self, visible: ColumnElement[bool], limit: int, before: tuple[datetime, str] | None = None) -> Sequence[CallRecord]:
        """The newest calls of those that somebody may see, from after the call that started then and has this linkedid."""
        earlier = () if before is None else (calls.c.started <= before[0], or_(calls.c.started < before[0], calls.c.linkedid < before[1]))
        with self._db.read() as connection:
            return _read(connection, and_(visible, *earlier), limit)

    def owed(self, duty: str) -> Sequence[CallRecord]:
        """The calls that owe something to the folios, oldest first (`_duties` says which do)."""
        with self._db.read(PATIENCE_S) as connection:
            owing = connection.scalars(
                select(call_duties.c.linkedid).where(call_duties.c.done.is_(None), call_duties.c.duty == duty)
                .order_by(call_duties.c.id).limit(IN_AT_ONCE)).all()
            return _read(connection, calls.c.linkedid.in_(owing), IN_AT_ONCE)[::-1] if owing else ()

    def attach_folio(self, linkedid: str, number: str, now: datetime) -> tuple[Abandoned, ...]:
        """Tie a call to a folio that was made afterwards. It goes through the journal, so no later fold forgets it; the first one stays."""
        row = OwnRow('FOLIO', _microseconds(now), linkedid, number)
        with self._db.write(PATIENCE_S) as connection:
            insert_new(connection, journal, [_own(row, f'folio:{linkedid}')])
        found = self._refresh({linkedid}, now)
        self.settle(linkedid, OPEN_FOLIO, now)
        return found

    def settle(self, linkedid: str, duty: str, now: datetime) -> None:
        """Cross out a duty: done, or found not to be needed."""
        with self._db.write(PATIENCE_S) as connection:
            _settle(connection, linkedid, duty, now)

    def failed(self, linkedid: str, duty: str, error: str) -> None:
        """Note that a duty could not be done now; it stays open."""
        with self._db.write(PATIENCE_S) as connection:
            connection.execute(update(call_duties).where(call_duties.c.linkedid == linkedid, call_duties.c.duty == duty)
                               .values(tries=call_duties.c.tries + 1, error=error[:400]))

    def _news(self) -> Sequence[Row[Any, Any, Any, Any, Any]]:
        """The next rows of the journal that are not in the call log."""
        with self._db.read(PATIENCE_S) as connection:
            mark = connection.scalar(select(fold_marks.c.journal_id).where(fold_marks.c.name == 'calls')) or 0
            return connection.execute(
                select(journal.c.id, journal.c.linkedid, journal.c.source, journal.c.line, journal.c.at_us)
                .where(journal.c.id > mark).order_by(journal.c.id).limit(JOURNAL_BATCH)).all()

    def _give_up_lost(self, started_us: int) -> set[str]:
        """Asterisk started anew at this time: the calls that were in progress before will never tell their end."""
        with self._db.write(PATIENCE_S) as connection:
            lost = connection.scalars(
                select(calls.c.linkedid).where(calls.c.ended.is_(None), calls.c.started < moment(started_us))).all()
            if lost:
                rows = [_own(OwnRow('LOST', started_us, linkedid, ''), f'lost:{linkedid}') for linkedid in lost]
                insert_new(connection, journal, rows)
        return set(lost)

    def _refresh(self, linkedids: set[str], now: datetime, mark: int | None = None) -> tuple[Abandoned, ...]:
        # Folded before the transaction, because a caller may be waiting for the writer's place; nobody else adds to the journal.
        with self._db.read(PATIENCE_S) as connection:
            journals = _rows_of(connection, linkedids)
        folded = (self._fold(linkedid, rows) for linkedid, rows in journals.items())
        records = [record for record in folded if record is not None]
        legs = [{'linkedid': record.linkedid, 'position': position, **_columns(leg, LEG_COLUMNS)}
                for record in records for position, leg in enumerate(record.legs)]
        owed = [{'linkedid': record.linkedid, 'duty': duty, 'created': now, 'tries': 0} for record in records for duty in _duties(record)]
        with self._db.write(PATIENCE_S) as connection:
            _upsert(connection, calls, ('linkedid',), [_columns(record, CALL_COLUMNS) for record in records])
            _upsert(connection, call_legs, ('linkedid', 'position'), legs)
            if owed:
                insert_new(connection, call_duties, owed)
            to_rate(connection, [record.linkedid for record in records if _left_over_a_trunk(record)])
            self._tell(connection, records, now)
            if mark is not None:
                _upsert(connection, fold_marks, ('name',), [{'name': 'calls', 'journal_id': mark}])
        return tuple(fact for record in records if (fact := abandoned_of(record)) is not None)

    def _fold(self, linkedid: str, rows: Sequence[tuple[str, str]]) -> CallRecord | None:
        try:
            record = fold([READERS[source](line) for source, line in rows], self._login_of)
        except Exception:
            # One call that cannot be told must not keep the others out of the book; its rows stay in the journal.
            log.exception('call %s: its journal cannot be folded', linkedid)
            return None
        return record and replace(record, linkedid=linkedid)


def _duties(call: CallRecord) -> tuple[str, ...]:
    """What this call owes to the folios.

    A folio made afterwards, when the dialplan alone served it (mission.md 3.7; once it is over or waits in the queue), when a message was
    spoken that nobody has tied, or when Mesa placed it and it has not named its own; marks on the folio; what was recorded; how a call-back
    ended.
    """
    over = call.ended is not None
    wanted = {
        SETTLE_CALL_BACK: over and call.direction == 'out' and call.destination == CALL_BACK,
        OPEN_FOLIO: call.folio is None and _may_deserve_folio(call, over),
        TIE_MESSAGE: call.folio is not None and call.message is not None and over and _from_outside(call),
        KEEP_RECORDING: call.folio is not None and call.recorded and over,
        MARK_ANSWERED: call.folio is not None and call.agent is not None and call.agent_answered is not None,
        MARK_ABANDONED: _from_outside(call) and abandoned_of(call) is not None,
    }
    return tuple(duty for duty, is_so in wanted.items() if is_so)


def _from_outside(call: CallRecord) -> bool:
    return call.direction == 'in' and call.path != 'fallback-fax'


def _may_deserve_folio(call: CallRecord, over: bool) -> bool:
    if not _from_outside(call):
        return over and call.direction == 'out' and call.destination != CALL_BACK
    return (call.is_fallback and (over or call.joined is not None)) or (over and call.message is not None)


def to_rate(connection: Connection, linkedids: Sequence[str]) -> None:
    """Have these calls rated, again if they were, in the transaction that changes what is known of them (mission.md 7.3)."""
    if linkedids:
        dialect = sqlite if connection.dialect.name == 'sqlite' else postgresql
        rows = dialect.insert(calls_to_rate)
        connection.execute(rows.on_conflict_do_update(index_elements=['linkedid'], set_={'times': calls_to_rate.c.times + 1}),
                           [{'linkedid': linkedid, 'times': 1} for linkedid in linkedids])


def _left_over_a_trunk(call: CallRecord) -> bool:
    return call.ended is not None and bool(trunk_calls(enumerate(call.legs), is_originated(call.direction, call.line, call.dialled)))


def abandoned_of(call: CallRecord) -> Abandoned | None:
    """When the caller gave up before he met an agent; None when he did not, or has no folio."""
    left = call.left_queue or call.ended
    if call.folio is None or call.disposition not in UNSERVED or left is None:
        return None
    return Abandoned(call.linkedid, call.folio, left)


def _own(row: OwnRow, key: str) -> dict[str, Any]:
    return {'key': key[:80], 'source': 'mesa', 'linkedid': row.linkedid, 'at_us': row.at_us, 'line': own_line(row)}


def _rows_of(connection: Connection, linkedids: set[str]) -> dict[str, list[tuple[str, str]]]:
    """The journal of these calls: linkedid -> (source, line) in order of arrival."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    wanted = sorted(linkedids)
    for start in range(0, len(wanted), IN_AT_ONCE):
        query = select(journal.c.linkedid, journal.c.source, journal.c.line).where(
            journal.c.linkedid.in_(wanted[start:start + IN_AT_ONCE])).order_by(journal.c.id)
        for linkedid, source, line in connection.execute(query):
            found[linkedid].append((source, line))
    return found


def _read(connection: Connection, condition: Any, limit: int) -> Sequence[CallRecord]:
    rows = connection.execute(select(calls).where(condition).order_by(calls.c.started.desc(), calls.c.linkedid.desc()).limit(limit)).all()
    legs: dict[str, list[Leg]] = defaultdict(list)
    found = [row.linkedid for row in rows]
    for start in range(0, len(found), IN_AT_ONCE):
        query = select(call_legs).where(call_legs.c.linkedid.in_(found[start:start + IN_AT_ONCE])).order_by(call_legs.c.position)
        for leg in connection.execute(query).mappings():
            legs[leg['linkedid']].append(Leg(*(leg[column] for column in LEG_COLUMNS)))
    return tuple(replace(CallRecord(*(getattr(row, column) for column in CALL_COLUMNS)), legs=tuple(legs[row.linkedid])) for row in rows)


def _columns(value: CallRecord | Leg, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(value, name) for name in names}


def _upsert(connection: Connection, table: Any, keys: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    dialect = sqlite if connection.dialect.name == 'sqlite' else postgresql
    insert = dialect.insert(table)
    changes = {name: insert.excluded[name] for name in rows[0] if name not in keys}
    connection.execute(insert.on_conflict_do_update(index_elements=list(keys), set_=changes), rows)


def _settle(connection: Connection, linkedid: str, duty: str, now: datetime) -> None:
    connection.execute(update(call_duties).where(call_duties.c.linkedid == linkedid, call_duties.c.duty == duty)
                       .values(done=now, error=None))


def _microseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1_000_000)
