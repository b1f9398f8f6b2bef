"""Issued statements: the body, what each said of every request, what it charged.

Revision: 0015, after 0014
"""
from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.types import Exact, RowId, UtcDateTime

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None

KEPT = ('statements', 'statement_requests', 'statement_excesses', 'statement_items')
REASON = 'what was issued is never changed'


def upgrade() -> None:
    op.create_table(
        'statements',
        sa.Column('id', RowId, autoincrement=True, nullable=False),
        sa.Column('client', sa.String(64), nullable=False),
        sa.Column('month', sa.String(7), nullable=False),
        sa.Column('sha256', sa.String(64), nullable=False),
        sa.Column('body', sa.Text, nullable=False),
        sa.Column('total', Exact, nullable=False),
        sa.Column('issued_at', UtcDateTime, nullable=False),
        sa.Column('issued_by', sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_statements')),
        sa.UniqueConstraint('client', 'month', name=op.f('uq_statements_client_month')))
    op.create_table(
        'statement_requests',
        sa.Column('statement_id', RowId, autoincrement=False, nullable=False),
        sa.Column('reference', sa.String(180), nullable=False),
        sa.Column('month', sa.String(7), nullable=False),
        sa.Column('counts', sa.Boolean, nullable=False),
        sa.Column('reason', sa.Text, nullable=False),
        sa.PrimaryKeyConstraint('statement_id', 'reference', name=op.f('pk_statement_requests')),
        sa.ForeignKeyConstraint(['statement_id'], ['statements.id'], name=op.f('fk_statement_requests_statement_id')))
    op.create_index('statement_requests_of_reference', 'statement_requests', ['reference'])
    op.create_table(
        'statement_excesses',
        sa.Column('id', RowId, autoincrement=True, nullable=False),
        sa.Column('statement_id', RowId, nullable=False),
        sa.Column('modality', sa.String(16), nullable=False),
        sa.Column('month', sa.String(7), nullable=False),
        sa.Column('units', sa.Integer, nullable=False),
        sa.Column('price', Exact, nullable=False),
        sa.Column('amount', Exact, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_statement_excesses')),
        sa.ForeignKeyConstraint(['statement_id'], ['statements.id'], name=op.f('fk_statement_excesses_statement_id')))
    op.create_index('statement_excesses_of_statement', 'statement_excesses', ['statement_id'])
    op.create_table(
        'statement_items',
        sa.Column('client', sa.String(64), nullable=False),
        sa.Column('reference', sa.String(180), nullable=False),
        sa.Column('statement_id', RowId, nullable=False),
        sa.Column('amount', Exact, nullable=False),
        sa.PrimaryKeyConstraint('client', 'reference', name=op.f('pk_statement_items')),
        sa.ForeignKeyConstraint(['statement_id'], ['statements.id'], name=op.f('fk_statement_items_statement_id')))
    op.create_index('statement_items_of_statement', 'statement_items', ['statement_id'])
    if op.get_bind().dialect.name == 'sqlite':
        for table in KEPT:
            for deed in ('UPDATE', 'DELETE'):
                op.execute(f"CREATE TRIGGER {table}_{deed.lower()} BEFORE {deed} ON {table} BEGIN SELECT RAISE(ABORT, '{REASON}'); END")
        return
    op.execute(f"CREATE FUNCTION statements_stay() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{REASON}'; END $$")
    for table in KEPT:
        op.execute(f'CREATE TRIGGER {table}_stay BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION statements_stay()')
        op.execute(f'CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} EXECUTE FUNCTION statements_stay()')


def downgrade() -> None:
    for table in reversed(KEPT):
        op.drop_table(table)
    if op.get_bind().dialect.name != 'sqlite':
        op.execute('DROP FUNCTION statements_stay()')
