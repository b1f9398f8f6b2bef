"""The tables of ticketing. Times are UTC; numbers of telephones are E.164."""
from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint, text

from storage.tables import metadata
from storage.types import RowId, UtcDateTime

# One row per series; taking a number locks its row, which also makes all openings wait for each other.
counters = Table(
    'counters', metadata,
    Column('name', String(20), primary_key=True),
    Column('last', RowId, nullable=False),
)

folios = Table(
    'folios', metadata,
    Column('id', RowId, primary_key=True, autoincrement=False),           # the n of numbers.number_for
    Column('number', String(16), nullable=False, unique=True),
    Column('opened_at', UtcDateTime, nullable=False),
    Column('clock_starts', UtcDateTime, nullable=False),
    Column('state', String(20), nullable=False),
    Column('priority', String(8), nullable=False),
    Column('kind', String(16), nullable=False),
    Column('client', String(64), nullable=False),
    Column('line', String(20), nullable=False),
    Column('modality', String(16), nullable=False),
    Column('site', String(64)),
    Column('linkedid', String(160), unique=True),                         # of the call that opened it
    Column('employee_number', String(32)),
    Column('user_name', Text),
    Column('caller_number', String(40)),
    Column('identified_by', String(20), nullable=False),
    Column('unlisted', Boolean, nullable=False),
    Column('category', String(64)),
    Column('rule', Text, nullable=False),                          # what decided where the call went
    Column('from_message', Boolean, nullable=False),
    Column('origin', String(16), nullable=False),
    Column('holder', String(16), nullable=False),                         # 'nobody' | 'agent' | 'group'
    Column('promised', UtcDateTime),
    Column('abandoned_at', UtcDateTime),                                  # its call left the queue before an agent
    Index('folios_of_user', 'client', 'employee_number', 'opened_at'),
    Index('folios_by_time', 'opened_at'),
)

# Append-only: triggers of the database refuse every UPDATE and DELETE (mission.md 4.1).
folio_entries = Table(
    'folio_entries', metadata,
    Column('id', RowId, primary_key=True, autoincrement=True),
    Column('folio_id', RowId, ForeignKey('folios.id'), nullable=False),
    Column('at', UtcDateTime, nullable=False),
    Column('kind', String(20), nullable=False),
    Column('by', String(64), nullable=False),
    Column('text', Text, nullable=False),
    Column('linkedid', String(160)),                                      # of a later call; the first one stands in the folio
    # A call enters a timeline once for each thing it does. Partial: the commonest entries speak of no call.
    Index('folio_entries_of_call', 'linkedid', 'kind', 'folio_id', unique=True,
          sqlite_where=text('linkedid IS NOT NULL'), postgresql_where=text('linkedid IS NOT NULL')),
    Index('folio_entries_of_folio', 'folio_id'),
)

folio_files = Table(
    'folio_files', metadata,
    Column('id', RowId, primary_key=True, autoincrement=True),
    Column('folio_id', RowId, ForeignKey('folios.id'), nullable=False),
    Column('kind', String(20), nullable=False),                           # 'description' | 'message'
    Column('name', String(255), nullable=False),                          # relative to the instance's messages/
    Column('sha256', String(64), nullable=False),
    Column('seconds', Integer, nullable=False),
    Column('at', UtcDateTime, nullable=False),
    UniqueConstraint('folio_id', 'name', 'sha256'),
)

status_inquiries = Table(
    'status_inquiries', metadata,
    Column('id', RowId, primary_key=True, autoincrement=True),
    Column('key', String(64), nullable=False),                            # the caller's number, or the line for a trunk
    Column('at', UtcDateTime, nullable=False),
    Column('allowed', Boolean, nullable=False),
    Index('status_inquiries_of_key', 'key', 'at'),
    Index('status_inquiries_by_time', 'at'),
)

users = Table(
    'users', metadata,
    Column('client', String(64), primary_key=True),
    Column('employee_number', String(32), primary_key=True),
    Column('name', String(200), nullable=False),
    Column('email', String(254), nullable=False),
    Column('phones', JSON, nullable=False),
    Column('site', String(64), nullable=False),
    Column('vip', Boolean, nullable=False),
    Column('since', UtcDateTime, nullable=False),
    Column('changed_at', UtcDateTime, nullable=False),
    Column('left_at', UtcDateTime),                                       # no longer on the client's list
)

line_overrides = Table(
    'line_overrides', metadata,
    Column('id', RowId, primary_key=True, autoincrement=True),
    Column('line', String(20), nullable=False),
    Column('state', String(10), nullable=False),
    Column('message', String(255)),
    Column('since', UtcDateTime, nullable=False),
    Column('until', UtcDateTime, nullable=False),
    Column('by', String(64), nullable=False),
    Column('put_at', UtcDateTime, nullable=False),
    Column('cancelled_at', UtcDateTime),
    Column('cancelled_by', String(64)),
    Index('line_overrides_by_end', 'until'),
)

call_notes = Table(
    'call_notes', metadata,
    Column('linkedid', String(160), primary_key=True),
    Column('line', String(20), nullable=False),
    Column('client', String(64), nullable=False),
    Column('caller_number', String(40)),
    Column('employee_number', String(32)),
    Column('identified_by', String(20), nullable=False),
    Column('rule', Text, nullable=False),
    Column('last_prompt', Text, nullable=False),
    Column('at', UtcDateTime, nullable=False),
)
