"""The books of the faxes that we send: stored before HylaFAX hears of them, and what it told of each (mission.md 5.5)."""
from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, insert, select, text, update

from fax.outgoing.job_tables import OPEN, UNMEASURED, fax_attempts, fax_jobs
from fax.outgoing.jobs import Attempt, Document, FaxJob, JobState, Order, SendingError, Told, UnknownJob
from storage.engine import Database
from ticketing.folio_rows import add_entry, id_of
from ticketing.tables import folios
from ticketing.values import EntryKind

TAGGED = 'mesa-'
FIRST_PAUSE = timedelta(seconds=5)                     # doubles after each submission that went wrong ...
LONGEST_PAUSE = timedelta(minutes=5)                   # ... up to this
MOST_SUBMISSIONS = 300                                 # about a day
PATIENCE_S = 30.0                                      # to write down an outcome
QUEUED_TEXT = 'se enviará el fax {name} ({pages} páginas) al {number} [fax {id}]'
ENDED_TEXT = {
    JobState.SENT: 'se envió el fax {id} al {number}: {pages} páginas',
    JobState.FAILED: 'no se pudo enviar el fax {id} al {number}: {status}',
    JobState.CANCELLED: 'se canceló el envío del fax {id} al {number}',
}
_C = fax_jobs.c
_OPEN = text(f'fax_jobs.{OPEN}')                                     # in the words of its index: with parameters none would be used
_UNMEASURED = text(UNMEASURED)
_ROWS = select(*(column for column in _C if column.name != 'folio_id'), folios.c.number.label('folio')).select_from(
    fax_jobs.outerjoin(folios, folios.c.id == _C.folio_id))


class JobBook:
    """All faxes of one database that we send. Each method is one transaction; DatabaseUnavailable when it cannot be had in time."""

    def __init__(self, db: Database) -> None:
        self._db = db

    # --- people --------------------------------------------------------------------------------------------------

    def store(self, order: Order, document: Document, now: datetime) -> FaxJob:
        """Queue a fax, told in its folio's timeline; its document must be durable by now. Raises UnknownFolio."""
        with self._db.write() as connection:
            folio_id = id_of(connection, order.folio) if order.folio else None
            made = connection.execute(insert(fax_jobs).values(
                tag=TAGGED + secrets.token_hex(8), sha256=sha256(document.content).hexdigest(), name=document.name,
                content_type=document.content_type, size=len(document.content), pages=document.pages, number=order.number,
                client=order.client, line=order.line, folio_id=folio_id, by=order.by, max_tries=order.max_tries, max_dials=order.max_dials,
                state=JobState.QUEUED.value, submissions=0, tries=0, dials=0, pages_sent=0, status='', created_at=now))
            job = _one(connection, int(made.inserted_primary_key[0]) if made.inserted_primary_key else 0)
            _tell(connection, job, QUEUED_TEXT, order.by, now)
            return job

    def cancel(self, id_: int, by: str, now: datetime) -> FaxJob:
        """Give up a fax: at once while HylaFAX never heard of it, else as soon as HylaFAX has. Raises UnknownJob, SendingError."""
        with self._db.write() as connection:
            job = _locked(connection, id_)
            if not job.is_open:
                raise SendingError(f'Fax {id_} is over: {job.state}.')
            if job.cancel_at is None:
                _set(connection, id_, cancel_by=by[:64], cancel_at=now)
            if job.state is JobState.QUEUED and job.submissions == 0:
                _end(connection, job, JobState.CANCELLED, '', (), now)
            return _one(connection, id_)

    def get(self, id_: int) -> FaxJob:
        """One fax. Raises UnknownJob."""
        with self._db.read() as connection:
            return _one(connection, id_)

    def list(self, client: str | None = None, folio: str | None = None, limit: int = 50) -> tuple[FaxJob, ...]:
        """Faxes, the newest first."""
        wanted = _ROWS.order_by(_C.id.desc()).limit(limit)
        for column, value in ((_C.client, client), (folios.c.number, folio)):
            if value is not None:
                wanted = wanted.where(column == value)
        return self._many(wanted)

    def attempts(self, id_: int) -> tuple[Attempt, ...]:
        """The calls that were made for a fax, the oldest first."""
        with self._db.read() as connection:
            return _calls(connection, id_)

    # --- the worker ----------------------------------------------------------------------------------------------

    def open(self) -> tuple[FaxJob, ...]:
        """The faxes to which something may still happen, the oldest first."""
        return self._many(_ROWS.where(_OPEN).order_by(_C.id))

    def over(self, tags: Sequence[str]) -> frozenset[str]:
        """Those of the tags whose faxes are over."""
        with self._db.read() as connection:
            return frozenset(connection.scalars(select(_C.tag).where(_C.tag.in_(tags), _C.ended_at.is_not(None))))

    def begin(self, job: FaxJob) -> bool:
        """Write down that sendfax is about to be started for it; False when it must not be: cancelled, or somebody else did."""
        with self._db.write() as connection:
            begun = connection.execute(update(fax_jobs).where(
                _C.id == job.id, _C.state == JobState.QUEUED.value, _C.submissions == job.submissions, _C.cancel_at.is_(None)
            ).values(submissions=job.submissions + 1))
            return begun.rowcount == 1

    def submitted(self, job: FaxJob, hylafax_job: int, now: datetime) -> None:
        """HylaFAX has it."""
        with self._db.write(PATIENCE_S) as connection:
            connection.execute(update(fax_jobs).where(_C.id == job.id, _C.state == JobState.QUEUED.value).values(
                state=JobState.SUBMITTED.value, hylafax_job=hylafax_job, status='', not_before=None, submitted_at=now))

    def not_submitted(self, job: FaxJob, error: str, machine_now: datetime) -> None:
        """HylaFAX would not take it now, or nobody knows: it is looked for, and tried again after a pause."""
        pause = min(FIRST_PAUSE * (1 << min(job.submissions, 20)), LONGEST_PAUSE)
        with self._db.write(PATIENCE_S) as connection:
            connection.execute(update(fax_jobs).where(_C.id == job.id, _C.state == JobState.QUEUED.value).values(
                status=error, not_before=machine_now + pause))

    def note(self, job: FaxJob, status: str) -> None:
        """Let a fax say what keeps it."""
        if job.status != status:
            with self._db.write() as connection:
                connection.execute(update(fax_jobs).where(_C.id == job.id, _OPEN).values(status=status))

    def follow(self, job: FaxJob, told: Told, attempts: Sequence[Attempt], now: datetime) -> None:
        """Keep what HylaFAX tells of a fax that is not over, and the calls that it made."""
        state = JobState.SENDING if told.code == 'R' else JobState.SUBMITTED
        with self._db.write(PATIENCE_S) as connection:
            _keep(connection, job.id, attempts)
            connection.execute(update(fax_jobs).where(_C.id == job.id, _OPEN).values(
                state=state.value, submitted_at=func.coalesce(_C.submitted_at, now), **_told_columns(told)))

    def end(self, job: FaxJob, state: JobState, status: str, attempts: Sequence[Attempt] | None, now: datetime,
            told: Told | None = None) -> bool:
        """It is over: its seconds are those of all its calls, to be told by `measured` when they are not known now (None).

        Told in its folio's timeline; False when that was known.
        """
        with self._db.write(PATIENCE_S) as connection:
            before = _locked(connection, job.id)
            if not before.is_open:
                return False
            if told is not None:
                _set(connection, job.id, submitted_at=before.submitted_at or now, **_told_columns(told))
            _end(connection, before, state, status, attempts, now)
            return True

    def unmeasured(self) -> tuple[FaxJob, ...]:
        """The faxes that are over and of which nobody knows yet how long their calls were."""
        return self._many(_ROWS.where(_UNMEASURED).order_by(_C.id))

    def measured(self, job: FaxJob, attempts: Sequence[Attempt]) -> None:
        """How long its calls were."""
        with self._db.write(PATIENCE_S) as connection:
            _settle(connection, job.id, attempts)

    def kept_for(self) -> tuple[str | None, ...]:
        """The clients whose documents we still have; None is nobody's."""
        with self._db.read() as connection:
            return tuple(connection.scalars(select(_C.client).where(_C.forgotten_at.is_(None)).distinct()))

    def forgettable(self, before: datetime, client: str | None, limit: int = 100) -> tuple[FaxJob, ...]:
        """A client's faxes that ended before this and whose documents we still have."""
        return self._many(_ROWS.where(_C.ended_at < before, _C.forgotten_at.is_(None), _C.client == client).order_by(_C.id).limit(limit))

    def forget(self, job: FaxJob, now: datetime) -> bool:
        """Write down that a document goes; True when no other fax needs the same one."""
        with self._db.write() as connection:
            connection.execute(update(fax_jobs).where(_C.id == job.id, _C.forgotten_at.is_(None)).values(forgotten_at=now))
            needed = select(_C.id).where(_C.sha256 == job.sha256, _C.forgotten_at.is_(None)).limit(1)
            return connection.scalar(needed) is None

    def _many(self, wanted: Select[Any]) -> tuple[FaxJob, ...]:
        with self._db.read() as connection:
            return tuple(_job(row) for row in connection.execute(wanted))


def jobs_where(connection: Connection, *conditions: ColumnElement[bool]) -> tuple[FaxJob, ...]:
    """The faxes of a condition on `fax_jobs` and `folios`, in their order."""
    return tuple(_job(row) for row in connection.execute(_ROWS.where(*conditions).order_by(_C.id)))


def _end(connection: Connection, job: FaxJob, state: JobState, status: str, attempts: Sequence[Attempt] | None, now: datetime) -> None:
    _set(connection, job.id, state=state.value, status=status, ended_at=now, not_before=None)
    if attempts is not None:
        _settle(connection, job.id, attempts)
    _tell(connection, _one(connection, job.id), ENDED_TEXT[state], job.cancel_by or 'mesa' if state is JobState.CANCELLED else 'mesa', now)


def _settle(connection: Connection, id_: int, attempts: Sequence[Attempt]) -> None:
    _keep(connection, id_, attempts)
    _set(connection, id_, seconds=sum(call.seconds for call in _calls(connection, id_)))


def _calls(connection: Connection, id_: int) -> tuple[Attempt, ...]:
    a = fax_attempts.c
    wanted = select(a.commid, a.at, a.seconds, a.pages, a.reason).where(a.job_id == id_).order_by(a.id)
    return tuple(Attempt(*row) for row in connection.execute(wanted))


def _keep(connection: Connection, id_: int, attempts: Sequence[Attempt]) -> None:
    known = set(connection.scalars(select(fax_attempts.c.commid).where(fax_attempts.c.job_id == id_)))
    for call in attempts:
        if call.commid not in known:
            connection.execute(insert(fax_attempts).values(
                job_id=id_, commid=call.commid, at=call.at, seconds=call.seconds, pages=call.pages, reason=call.reason))


def _told_columns(told: Told) -> dict[str, Any]:
    return {'hylafax_job': told.job, 'tries': told.tries, 'dials': told.dials, 'pages_sent': told.pages_sent, 'status': told.status,
            'not_before': None}


def _set(connection: Connection, id_: int, **columns: Any) -> None:
    connection.execute(update(fax_jobs).where(_C.id == id_).values(**columns))


def _locked(connection: Connection, id_: int) -> FaxJob:
    connection.execute(select(_C.id).where(_C.id == id_).with_for_update())
    return _one(connection, id_)


def _one(connection: Connection, id_: int) -> FaxJob:
    row = connection.execute(_ROWS.where(_C.id == id_)).first()
    if row is None:
        raise UnknownJob(f'No fax has the number {id_}.')
    return _job(row)


def _job(row: Any) -> FaxJob:
    return FaxJob(**(dict(row._mapping) | {'state': JobState(row.state)}))


def _tell(connection: Connection, job: FaxJob, words: str, by: str, now: datetime) -> None:
    if job.folio is not None:
        told = words.format(id=job.id, name=job.name, pages=job.pages, number=job.number, status=job.status)
        add_entry(connection, id_of(connection, job.folio), EntryKind.NOTE, told, by, now)
