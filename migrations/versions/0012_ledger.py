"""What outbound calls cost; what a leg tells of the number dialled, and of when it was answered.

Revision: 0012, after 0011
"""
from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.types import Exact, UtcDateTime

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None

DOUBTFUL = "purpose = 'unlinked' OR amount IS NULL"
UNTOLD = f'told_at IS NULL AND ({DOUBTFUL})'


def upgrade() -> None:
    op.add_column('call_legs', sa.Column('dialled', sa.String(40)))
    op.add_column('call_legs', sa.Column('taken', UtcDateTime))
    op.create_table(
        'calls_to_rate',
        sa.Column('linkedid', sa.String(160), nullable=False),
        sa.Column('times', sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint('linkedid', name='pk_calls_to_rate'),
    )
    op.create_table(
        'outbound_ledger',
        sa.Column('linkedid', sa.String(160), nullable=False),
        sa.Column('position', sa.Integer, nullable=False),
        sa.Column('channel', sa.String(160), nullable=False),
        sa.Column('at', UtcDateTime, nullable=False),
        sa.Column('seconds', sa.Integer, nullable=False),
        sa.Column('client', sa.String(64)),
        sa.Column('folio', sa.String(20)),
        sa.Column('purpose', sa.String(16), nullable=False),
        sa.Column('number', sa.String(40), nullable=False),
        sa.Column('destination', sa.String(80), nullable=False),
        sa.Column('charged_seconds', sa.Integer, nullable=False),
        sa.Column('amount', Exact),
        sa.Column('tariff', sa.Date),
        sa.Column('problem', sa.String(16), nullable=False),
        sa.Column('rated_at', UtcDateTime, nullable=False),
        sa.Column('told_at', UtcDateTime),
        sa.Column('statement', sa.String(80)),
        sa.PrimaryKeyConstraint('linkedid', 'position', name='pk_outbound_ledger'),
    )
    op.create_index('outbound_ledger_of_client', 'outbound_ledger', ['client', 'at'])
    op.create_index('outbound_ledger_by_time', 'outbound_ledger', ['at'])
    for name, where in (('outbound_ledger_doubtful', DOUBTFUL), ('outbound_ledger_untold', UNTOLD)):
        op.create_index(name, 'outbound_ledger', ['at'], sqlite_where=sa.text(where), postgresql_where=sa.text(where))
    # The calls of before are rated, too.
    op.execute(sa.text("INSERT INTO calls_to_rate (linkedid, times) SELECT DISTINCT calls.linkedid, 1 FROM calls "
                       "JOIN call_legs ON call_legs.linkedid = calls.linkedid WHERE calls.ended IS NOT NULL AND (call_legs.peer LIKE "
                       "'PJSIP/trunk-%' OR (call_legs.channel LIKE 'PJSIP/trunk-%' AND calls.direction = 'out'))"))


def downgrade() -> None:
    op.drop_table('outbound_ledger')
    op.drop_table('calls_to_rate')
    op.drop_column('call_legs', 'taken')
    op.drop_column('call_legs', 'dialled')
