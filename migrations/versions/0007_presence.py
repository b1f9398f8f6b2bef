"""What agents have chosen: telephone, state, queues; and how it was before.

Revision: 0007, after 0006
"""
from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.types import RowId, UtcDateTime

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'agent_presence',
        sa.Column('login', sa.String(80), nullable=False),
        sa.Column('phone', sa.String(16), nullable=False),
        sa.Column('state', sa.String(16), nullable=False),
        sa.Column('reason', sa.String(24), nullable=False),
        sa.Column('note', sa.String(200), nullable=False),
        sa.Column('since', UtcDateTime, nullable=False),
        sa.Column('until', UtcDateTime),
        sa.Column('linkedid', sa.String(160)),
        sa.PrimaryKeyConstraint('login', name=op.f('pk_agent_presence')))
    op.create_table(
        'queue_moves',
        sa.Column('queue', sa.String(80), nullable=False),
        sa.Column('login', sa.String(80), nullable=False),
        sa.Column('member', sa.Boolean, nullable=False),
        sa.Column('by', sa.String(80), nullable=False),
        sa.Column('at', UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint('queue', 'login', name=op.f('pk_queue_moves')))
    op.create_table(
        'presence_history',
        sa.Column('id', RowId, autoincrement=True, nullable=False),
        sa.Column('login', sa.String(80), nullable=False),
        sa.Column('at', UtcDateTime, nullable=False),
        sa.Column('what', sa.String(16), nullable=False),
        sa.Column('detail', sa.String(80), nullable=False),
        sa.Column('note', sa.String(200), nullable=False),
        sa.Column('by', sa.String(80), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_presence_history')))
    op.create_index('presence_history_of_agent', 'presence_history', ['login', 'at'])
    op.create_index('presence_history_by_time', 'presence_history', ['at'])


def downgrade() -> None:
    op.drop_table('presence_history')
    op.drop_table('queue_moves')
    op.drop_table('agent_presence')
