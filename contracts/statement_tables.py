"""The tables of issued statements. Times are UTC, months are local ones of the site's zone, money is exact, in MXN.

What is issued is never changed: triggers of the database refuse every UPDATE and DELETE. Corrections stand on later statements.
"""
from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from storage.tables import metadata
from storage.types import Exact, RowId, UtcDateTime

statements = Table(
    'statements', metadata,
    Column('id', RowId, primary_key=True, autoincrement=True),
    Column('client', String(64), nullable=False),
    Column('month', String(7), nullable=False),                           # '2026-10'
    Column('sha256', String(64), nullable=False),                         # of the body's UTF-8
    Column('body', Text, nullable=False),                                 # the statement as canonical JSON
    Column('total', Exact, nullable=False),                               # with IVA
    Column('issued_at', UtcDateTime, nullable=False),
    Column('issued_by', String(64), nullable=False),
    UniqueConstraint('client', 'month'),
)

# What a statement said of each request, those of its month and those that it corrects: the newest word is compared with the books.
statement_requests = Table(
    'statement_requests', metadata,
    Column('statement_id', RowId, ForeignKey('statements.id'), primary_key=True, autoincrement=False),
    Column('reference', String(180), primary_key=True),
    Column('month', String(7), nullable=False),                           # in which it was made
    Column('counts', Boolean, nullable=False),
    Column('reason', Text, nullable=False),
    Index('statement_requests_of_reference', 'reference'),
)

# What was charged for the excess of which month; corrections are negative.
statement_excesses = Table(
    'statement_excesses', metadata,
    Column('id', RowId, primary_key=True, autoincrement=True),
    Column('statement_id', RowId, ForeignKey('statements.id'), nullable=False),
    Column('modality', String(16), nullable=False),
    Column('month', String(7), nullable=False),
    Column('units', Integer, nullable=False),
    Column('price', Exact, nullable=False),
    Column('amount', Exact, nullable=False),
    Index('statement_excesses_of_statement', 'statement_id'),
)

# Single things that are charged once, ever: visits and initial costs.
statement_items = Table(
    'statement_items', metadata,
    Column('client', String(64), primary_key=True),
    Column('reference', String(180), primary_key=True),                   # 'visit:7', 'move:M22857141/standard'
    Column('statement_id', RowId, ForeignKey('statements.id'), nullable=False),
    Column('amount', Exact, nullable=False),
    Index('statement_items_of_statement', 'statement_id'),
)
