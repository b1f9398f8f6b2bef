"""The tables of moved sites. Times are UTC; days are local days of the site's zone."""
from __future__ import annotations

from sqlalchemy import JSON, Column, Date, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from storage.tables import metadata
from storage.types import Exact, RowId, UtcDateTime

site_moves = Table(
    'site_moves', metadata,
    Column('id', RowId, primary_key=True, autoincrement=False),           # the n of the series 'site_move'
    Column('reference', String(16), nullable=False, unique=True),
    Column('client', String(64), nullable=False),
    Column('site', String(64), nullable=False),                           # as the client's users have it
    Column('notice', String(64), nullable=False),                         # the client's own reference of its letter
    Column('received_on', Date, nullable=False),                          # the 60 days are counted from here, always
    Column('wanted_on', Date, nullable=False),
    Column('destination', Text, nullable=False),
    Column('modalities', JSON, nullable=False),
    Column('state', String(20), nullable=False),                          # move_rules.MoveState
    Column('version', Integer, nullable=False),                           # counts steps: two people, no lost update
    Column('recorded_at', UtcDateTime, nullable=False),
    Column('agreed', Text, nullable=False),                               # why both parties agreed to less than 60 days; '': they did not
    Column('answer', Text, nullable=False),                               # what was said of its feasibility
    Column('answered_at', UtcDateTime),
    Column('accepted_total', Exact),                                      # expected when the client accepted it
    Column('term_months', Integer),                                       # agreed for this move; at the delivery, those of the new term
    Column('delivered_on', Date),
    Column('delivery_recorded_at', UtcDateTime),
    Column('term_first', Date),
    Column('term_last', Date),
    Column('ended_why', Text, nullable=False),                            # withdrawn, cancelled, closed
    Column('answer_late_at', UtcDateTime),                                # when the supervisors were told
    Column('delivery_late_at', UtcDateTime),
    UniqueConstraint('client', 'site', 'notice'),                         # the same notice entered twice is one move
    Index('site_moves_delivered', 'client', 'delivered_on'),
)

# What a delivered move costs: facts, whatever tariffs say later.
site_move_costs = Table(
    'site_move_costs', metadata,
    Column('move_id', RowId, ForeignKey('site_moves.id'), primary_key=True, autoincrement=False),
    Column('modality', String(16), primary_key=True),
    Column('amount', Exact, nullable=False),
    Column('tariff', Date, nullable=False),                               # from which day on it is in force
)

# Rows are only ever added; triggers of the database see to it.
site_move_events = Table(
    'site_move_events', metadata,
    Column('id', RowId, primary_key=True, autoincrement=True),
    Column('move_id', RowId, ForeignKey('site_moves.id'), nullable=False),
    Column('at', UtcDateTime, nullable=False),
    Column('version', Integer, nullable=False),                           # of the move after it
    Column('state', String(20), nullable=False),                          # after it
    Column('by', String(64), nullable=False),
    Column('text', Text, nullable=False),
    Index('site_move_events_of_move', 'move_id'),
)
