"""The tables of faxes that we send. Times are UTC; numbers of telephones are E.164; money is exact, in MXN before taxes."""
from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint, text

from storage.tables import metadata
from storage.types import Exact, RowId, UtcDateTime
from ticketing.tables import folios

OPEN = "state IN ('queued', 'submitted', 'sending')"
UNMEASURED = 'ended_at IS NOT NULL AND seconds IS NULL'      # HylaFAX's log could not be read when they ended

fax_jobs = Table(
    'fax_jobs', metadata,
    Column('id', RowId, primary_key=True, autoincrement=True),
    Column('tag', String(40), nullable=False, unique=True),               # what HylaFAX knows it by, made before it is told of it
    Column('sha256', String(64), nullable=False),                         # of the document as it was handed in
    Column('name', String(255), nullable=False),                          # of its file
    Column('content_type', String(100), nullable=False),                  # by content, not by name
    Column('size', Integer, nullable=False),
    Column('pages', Integer, nullable=False),
    Column('number', String(20), nullable=False),
    Column('client', String(64)),
    Column('line', String(20)),
    Column('folio_id', RowId, ForeignKey(folios.c.id)),
    Column('by', String(64), nullable=False),
    Column('max_tries', Integer, nullable=False),                         # calls in which a fax machine answered
    Column('max_dials', Integer, nullable=False),                         # calls in all
    Column('state', String(16), nullable=False),                          # jobs.JobState
    Column('submissions', Integer, nullable=False),                       # times that sendfax was started for it
    Column('not_before', UtcDateTime),                                    # the next submission, by the machine's clock
    Column('hylafax_job', Integer),
    Column('tries', Integer, nullable=False),
    Column('dials', Integer, nullable=False),
    Column('pages_sent', Integer, nullable=False),
    Column('status', Text, nullable=False),                               # as HylaFAX tells it, or why it does not have it yet
    Column('cancel_by', String(64)),
    Column('cancel_at', UtcDateTime),
    Column('created_at', UtcDateTime, nullable=False),
    Column('submitted_at', UtcDateTime),
    Column('ended_at', UtcDateTime),
    Column('seconds', Integer),                                           # on the telephone, all attempts together
    Column('price', Exact),                                               # of before there was a ledger of calls out, as is the cost
    Column('cost', Exact),
    Column('forgotten_at', UtcDateTime),                                  # when its document was deleted
    Index('fax_jobs_open', 'id', sqlite_where=text(OPEN), postgresql_where=text(OPEN)),
    Index('fax_jobs_unpriced', 'id', sqlite_where=text(UNMEASURED), postgresql_where=text(UNMEASURED)),
    Index('fax_jobs_by_time', 'created_at'),
    Index('fax_jobs_of_client', 'client', 'created_at'),
    Index('fax_jobs_of_folio', 'folio_id'),
    Index('fax_jobs_of_document', 'sha256'),
)

# One for each call that HylaFAX made, as its log tells it.
fax_attempts = Table(
    'fax_attempts', metadata,
    Column('id', RowId, primary_key=True, autoincrement=True),
    Column('job_id', RowId, ForeignKey('fax_jobs.id'), nullable=False),
    Column('commid', String(16), nullable=False),                         # HylaFAX's number of the call
    Column('at', UtcDateTime, nullable=False),                            # when HylaFAX began; to the minute without the session's log
    Column('seconds', Integer, nullable=False),                           # on the telephone
    Column('pages', Integer, nullable=False),
    Column('reason', Text, nullable=False),                               # why it failed; '' when it did not
    UniqueConstraint('job_id', 'commid'),
)
