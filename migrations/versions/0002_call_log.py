"""The journal of Asterisk's own lines, and the call log folded from it.

Revision: 0002, after 0001
"""
from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.types import RowId, UtcDateTime

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'journal',
        sa.Column('id', RowId, autoincrement=True, nullable=False),
        sa.Column('key', sa.String(80), nullable=False),
        sa.Column('source', sa.String(8), nullable=False),
        sa.Column('linkedid', sa.String(160), nullable=False),
        sa.Column('at_us', sa.BigInteger, nullable=False),
        sa.Column('line', sa.Text, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_journal')),
        sa.UniqueConstraint('key', name=op.f('uq_journal_key')))
    op.create_index('journal_by_linkedid', 'journal', ['linkedid'])
    op.create_table(
        'journal_positions',
        sa.Column('source', sa.String(8), nullable=False),
        sa.Column('device', sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column('inode', sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column('head', sa.String(64), nullable=False),
        sa.Column('offset', sa.BigInteger, nullable=False),
        sa.Column('tail', sa.String(64), nullable=False),
        sa.Column('repeats', sa.Text, nullable=False),
        sa.Column('name', sa.String(255), nullable=False),
        sa.Column('read_at', UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint('source', 'device', 'inode', name=op.f('pk_journal_positions')))
    op.create_table(
        'journal_rejects',
        sa.Column('id', RowId, autoincrement=True, nullable=False),
        sa.Column('key', sa.String(80), nullable=False),
        sa.Column('source', sa.String(8), nullable=False),
        sa.Column('line', sa.Text, nullable=False),
        sa.Column('reason', sa.String(200), nullable=False),
        sa.Column('seen_at', UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_journal_rejects')),
        sa.UniqueConstraint('key', name=op.f('uq_journal_rejects_key')))
    op.create_table(
        'fold_marks',
        sa.Column('name', sa.String(16), nullable=False),
        sa.Column('journal_id', sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint('name', name=op.f('pk_fold_marks')))
    op.create_table(
        'calls',
        sa.Column('linkedid', sa.String(160), nullable=False),
        sa.Column('direction', sa.String(8), nullable=False),
        sa.Column('started', UtcDateTime, nullable=False),
        sa.Column('answered', UtcDateTime),
        sa.Column('ended', UtcDateTime),
        sa.Column('line', sa.String(32)),
        sa.Column('dialled', sa.String(80)),
        sa.Column('ani', sa.String(40)),
        sa.Column('path', sa.String(24)),
        sa.Column('why', sa.String(200)),
        sa.Column('destination', sa.String(16)),
        sa.Column('queue', sa.String(80)),
        sa.Column('priority', sa.Integer),
        sa.Column('promoted', sa.String(80)),
        sa.Column('joined', UtcDateTime),
        sa.Column('left_queue', UtcDateTime),
        sa.Column('wait_s', sa.Float),
        sa.Column('agent', sa.String(80)),
        sa.Column('agent_answered', UtcDateTime),
        sa.Column('talk_s', sa.Float),
        sa.Column('message', sa.Text),
        sa.Column('recorded', sa.Boolean, nullable=False),
        sa.Column('folio', sa.String(20)),
        sa.Column('disposition', sa.String(24)),
        sa.PrimaryKeyConstraint('linkedid', name=op.f('pk_calls')))
    op.create_index('calls_by_started', 'calls', ['started'])
    op.create_index('calls_by_folio', 'calls', ['folio'])
    op.create_table(
        'call_legs',
        sa.Column('linkedid', sa.String(160), nullable=False),
        sa.Column('position', sa.Integer, nullable=False),
        sa.Column('uniqueid', sa.String(160), nullable=False),
        sa.Column('channel', sa.String(160), nullable=False),
        sa.Column('peer', sa.String(160), nullable=False),
        sa.Column('application', sa.String(80), nullable=False),
        sa.Column('started', UtcDateTime, nullable=False),
        sa.Column('answered', UtcDateTime),
        sa.Column('ended', UtcDateTime),
        sa.Column('duration_s', sa.Integer),
        sa.Column('billsec_s', sa.Integer),
        sa.Column('disposition', sa.String(16)),
        sa.PrimaryKeyConstraint('linkedid', 'position', name=op.f('pk_call_legs')),
        sa.ForeignKeyConstraint(['linkedid'], ['calls.linkedid'], name=op.f('fk_call_legs_linkedid')))
    op.create_table(
        'call_duties',
        sa.Column('id', RowId, autoincrement=True, nullable=False),
        sa.Column('linkedid', sa.String(160), nullable=False),
        sa.Column('duty', sa.String(24), nullable=False),
        sa.Column('created', UtcDateTime, nullable=False),
        sa.Column('tries', sa.Integer, nullable=False),
        sa.Column('error', sa.String(400)),
        sa.Column('done', UtcDateTime),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_call_duties')))
    op.create_index('call_duties_once', 'call_duties', ['linkedid', 'duty'], unique=True)
    op.create_index('call_duties_open', 'call_duties', ['done'])


def downgrade() -> None:
    for table in ('call_duties', 'call_legs', 'calls', 'fold_marks', 'journal_rejects', 'journal_positions', 'journal'):
        op.drop_table(table)
