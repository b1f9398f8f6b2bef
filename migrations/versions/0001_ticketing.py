"""Folios with their timeline, users, overrides, limits and notes about calls.

Revision: 0001, the first
"""
from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.types import RowId, UtcDateTime

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None

# Nothing is ever taken out of a timeline, and no folio or number out of the book, whatever the code above does.
REFUSALS = (
    ('folio_entries_keep', 'folio_entries', 'UPDATE', 'entries of a timeline are never changed'),
    ('folio_entries_stay', 'folio_entries', 'DELETE', 'entries of a timeline are never removed'),
    ('folios_stay', 'folios', 'DELETE', 'folios are never removed'),
    ('folios_keep_number', 'folios', 'UPDATE OF id, number, opened_at', 'the number of a folio never changes'),
)


def upgrade() -> None:
    op.create_table(
        'counters',
        sa.Column('name', sa.String(20), nullable=False),
        sa.Column('last', RowId, nullable=False),
        sa.PrimaryKeyConstraint('name', name=op.f('pk_counters')))
    op.execute("INSERT INTO counters (name, last) VALUES ('folio', 0)")
    op.create_table(
        'folios',
        sa.Column('id', RowId, autoincrement=False, nullable=False),
        sa.Column('number', sa.String(16), nullable=False),
        sa.Column('opened_at', UtcDateTime, nullable=False),
        sa.Column('clock_starts', UtcDateTime, nullable=False),
        sa.Column('state', sa.String(20), nullable=False),
        sa.Column('priority', sa.String(8), nullable=False),
        sa.Column('kind', sa.String(16), nullable=False),
        sa.Column('client', sa.String(64), nullable=False),
        sa.Column('line', sa.String(20), nullable=False),
        sa.Column('modality', sa.String(16), nullable=False),
        sa.Column('site', sa.String(64)),
        sa.Column('linkedid', sa.String(160)),
        sa.Column('employee_number', sa.String(32)),
        sa.Column('user_name', sa.Text),
        sa.Column('caller_number', sa.String(40)),
        sa.Column('identified_by', sa.String(20), nullable=False),
        sa.Column('unlisted', sa.Boolean, nullable=False),
        sa.Column('category', sa.String(64)),
        sa.Column('rule', sa.Text, nullable=False),
        sa.Column('from_message', sa.Boolean, nullable=False),
        sa.Column('origin', sa.String(16), nullable=False),
        sa.Column('holder', sa.String(16), nullable=False),
        sa.Column('promised', UtcDateTime),
        sa.Column('abandoned_at', UtcDateTime),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_folios')),
        sa.UniqueConstraint('number', name=op.f('uq_folios_number')),
        sa.UniqueConstraint('linkedid', name=op.f('uq_folios_linkedid')))
    op.create_index('folios_of_user', 'folios', ['client', 'employee_number', 'opened_at'])
    op.create_index('folios_by_time', 'folios', ['opened_at'])
    op.create_table(
        'folio_entries',
        sa.Column('id', RowId, autoincrement=True, nullable=False),
        sa.Column('folio_id', RowId, nullable=False),
        sa.Column('at', UtcDateTime, nullable=False),
        sa.Column('kind', sa.String(20), nullable=False),
        sa.Column('by', sa.String(64), nullable=False),
        sa.Column('text', sa.Text, nullable=False),
        sa.Column('linkedid', sa.String(160)),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_folio_entries')),
        sa.ForeignKeyConstraint(['folio_id'], ['folios.id'], name=op.f('fk_folio_entries_folio_id')))
    op.create_index('folio_entries_of_call', 'folio_entries', ['linkedid', 'kind', 'folio_id'], unique=True,
                    sqlite_where=sa.text('linkedid IS NOT NULL'), postgresql_where=sa.text('linkedid IS NOT NULL'))
    op.create_index('folio_entries_of_folio', 'folio_entries', ['folio_id'])
    op.create_table(
        'folio_files',
        sa.Column('id', RowId, autoincrement=True, nullable=False),
        sa.Column('folio_id', RowId, nullable=False),
        sa.Column('kind', sa.String(20), nullable=False),
        sa.Column('name', sa.String(255), nullable=False),
        sa.Column('sha256', sa.String(64), nullable=False),
        sa.Column('seconds', sa.Integer, nullable=False),
        sa.Column('at', UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_folio_files')),
        sa.ForeignKeyConstraint(['folio_id'], ['folios.id'], name=op.f('fk_folio_files_folio_id')),
        sa.UniqueConstraint('folio_id', 'name', 'sha256', name=op.f('uq_folio_files_folio_id_name_sha256')))
    op.create_table(
        'status_inquiries',
        sa.Column('id', RowId, autoincrement=True, nullable=False),
        sa.Column('key', sa.String(64), nullable=False),
        sa.Column('at', UtcDateTime, nullable=False),
        sa.Column('allowed', sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_status_inquiries')))
    op.create_index('status_inquiries_of_key', 'status_inquiries', ['key', 'at'])
    op.create_index('status_inquiries_by_time', 'status_inquiries', ['at'])
    op.create_table(
        'users',
        sa.Column('client', sa.String(64), nullable=False),
        sa.Column('employee_number', sa.String(32), nullable=False),
        sa.Column('name', sa.String(200), nullable=False),
        sa.Column('email', sa.String(254), nullable=False),
        sa.Column('phones', sa.JSON, nullable=False),
        sa.Column('site', sa.String(64), nullable=False),
        sa.Column('vip', sa.Boolean, nullable=False),
        sa.Column('since', UtcDateTime, nullable=False),
        sa.Column('changed_at', UtcDateTime, nullable=False),
        sa.Column('left_at', UtcDateTime),
        sa.PrimaryKeyConstraint('client', 'employee_number', name=op.f('pk_users')))
    op.create_table(
        'line_overrides',
        sa.Column('id', RowId, autoincrement=True, nullable=False),
        sa.Column('line', sa.String(20), nullable=False),
        sa.Column('state', sa.String(10), nullable=False),
        sa.Column('message', sa.String(255)),
        sa.Column('since', UtcDateTime, nullable=False),
        sa.Column('until', UtcDateTime, nullable=False),
        sa.Column('by', sa.String(64), nullable=False),
        sa.Column('put_at', UtcDateTime, nullable=False),
        sa.Column('cancelled_at', UtcDateTime),
        sa.Column('cancelled_by', sa.String(64)),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_line_overrides')))
    op.create_index('line_overrides_by_end', 'line_overrides', ['until'])
    op.create_table(
        'call_notes',
        sa.Column('linkedid', sa.String(160), nullable=False),
        sa.Column('line', sa.String(20), nullable=False),
        sa.Column('client', sa.String(64), nullable=False),
        sa.Column('caller_number', sa.String(40)),
        sa.Column('employee_number', sa.String(32)),
        sa.Column('identified_by', sa.String(20), nullable=False),
        sa.Column('rule', sa.Text, nullable=False),
        sa.Column('last_prompt', sa.Text, nullable=False),
        sa.Column('at', UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint('linkedid', name=op.f('pk_call_notes')))
    sqlite = op.get_bind().dialect.name == 'sqlite'
    for name, table, deed, reason in REFUSALS:
        op.execute(_sqlite_refusal(name, table, deed, reason) if sqlite else _postgres_refusal(name, table, deed, reason))
    if not sqlite:
        for table in ('folio_entries', 'folios'):
            op.execute(f'CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} EXECUTE FUNCTION {table}_stay()')


def downgrade() -> None:
    for table in ('call_notes', 'line_overrides', 'users', 'status_inquiries', 'folio_files', 'folio_entries', 'folios', 'counters'):
        op.drop_table(table)
    if op.get_bind().dialect.name != 'sqlite':
        for name, _, _, _ in REFUSALS:
            op.execute(f'DROP FUNCTION {name}()')


def _sqlite_refusal(name: str, table: str, deed: str, reason: str) -> str:
    return f"CREATE TRIGGER {name} BEFORE {deed} ON {table} BEGIN SELECT RAISE(ABORT, '{reason}'); END"


def _postgres_refusal(name: str, table: str, deed: str, reason: str) -> str:
    return f"""
        CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{reason}'; END $$;
        CREATE TRIGGER {name} BEFORE {deed} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"""
