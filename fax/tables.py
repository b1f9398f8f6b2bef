"""The tables of received faxes. Times are UTC."""
from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint, false, text

from storage.tables import metadata
from storage.types import RowId, UtcDateTime

WORKED_ON = "state IN ('received', 'counted', 'converted', 'held', 'queued')"
KEPT = "state IN ('sent', 'rejected', 'discarded') AND deleted_at IS NULL"

faxes = Table(
    'faxes', metadata,
    Column('id', RowId, primary_key=True, autoincrement=False),           # the n of the series 'fax'
    Column('reference', String(16), nullable=False, unique=True),
    Column('file', String(64), nullable=False),                           # HylaFAX's name of it
    Column('sha256', String(64), nullable=False),                         # of the TIFF; '' when there was none
    Column('size', Integer, nullable=False),
    Column('line', String(20)),                                           # None: of no fax line of ours
    Column('client', String(64)),
    Column('caller_number', String(40), nullable=False),
    Column('caller_name', String(80), nullable=False),
    Column('called_number', String(40), nullable=False),
    Column('device', String(40), nullable=False),
    Column('commid', String(40), nullable=False),
    Column('reason', Text, nullable=False),
    Column('received_at', UtcDateTime, nullable=False),
    Column('state', String(16), nullable=False),
    Column('pages', Integer),
    Column('sent_pages', Integer),
    Column('damage', JSON, nullable=False),
    Column('all_pages', Boolean, nullable=False, server_default=false()),
    Column('pdf_sha256', String(64)),
    Column('pdf_size', Integer),
    Column('release_at', UtcDateTime),
    Column('on_hold', Boolean, nullable=False, server_default=false()),
    Column('letter_id', RowId, ForeignKey('outbox.id')),
    Column('deliveries', Integer, nullable=False, server_default='0'),
    Column('recipient', String(254)),
    Column('problem', Text),
    Column('finished_at', UtcDateTime),
    Column('deleted_at', UtcDateTime),
    UniqueConstraint('file', 'sha256'),                                   # the hook called twice records once
    Index('faxes_by_time', 'received_at'),
    Index('faxes_of_line', 'line', 'received_at'),
    Index('faxes_worked_on', 'id', sqlite_where=text(WORKED_ON), postgresql_where=text(WORKED_ON)),
    Index('faxes_kept', 'finished_at', sqlite_where=text(KEPT), postgresql_where=text(KEPT)),
    Index('faxes_by_state', 'state'),
    Index('faxes_by_content', 'sha256'),
    Index('faxes_by_pdf', 'pdf_sha256'),
)

fax_events = Table(
    'fax_events', metadata,
    Column('id', RowId, primary_key=True, autoincrement=True),
    Column('fax_id', RowId, ForeignKey('faxes.id'), nullable=False),
    Column('at', UtcDateTime, nullable=False),
    Column('state', String(16), nullable=False),                          # after it
    Column('by', String(64), nullable=False),
    Column('text', Text, nullable=False),
    Index('fax_events_of_fax', 'fax_id'),
)
