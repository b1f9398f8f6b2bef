"""What clients' own systems are to hear.

Revision: 0009, after 0008
"""
from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.types import RowId, UtcDateTime

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None

WAITING = sa.text("state IN ('waiting', 'sending')")


def upgrade() -> None:
    op.create_table(
        'webhook_deliveries',
        sa.Column('id', RowId, autoincrement=True, nullable=False),
        sa.Column('key', sa.String(320), nullable=False),
        sa.Column('event_id', sa.String(40), nullable=False),
        sa.Column('client', sa.String(64), nullable=False),
        sa.Column('webhook', sa.String(40), nullable=False),
        sa.Column('type', sa.String(32), nullable=False),
        sa.Column('subject', sa.String(180), nullable=False),
        sa.Column('sequence', sa.Integer, nullable=False),
        sa.Column('folio_id', RowId),
        sa.Column('payload', sa.JSON, nullable=False),
        sa.Column('state', sa.String(16), nullable=False),
        sa.Column('tries', sa.Integer, nullable=False),
        sa.Column('not_before', UtcDateTime),
        sa.Column('lease_until', UtcDateTime),
        sa.Column('last_error', sa.Text),
        sa.Column('created_at', UtcDateTime, nullable=False),
        sa.Column('finished_at', UtcDateTime),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_webhook_deliveries')),
        sa.UniqueConstraint('key', name=op.f('uq_webhook_deliveries_key')),
        sa.UniqueConstraint('client', 'webhook', 'event_id', name=op.f('uq_webhook_deliveries_client_webhook_event_id')),
        sa.ForeignKeyConstraint(['folio_id'], ['folios.id'], name=op.f('fk_webhook_deliveries_folio_id')))
    op.create_index('webhook_deliveries_waiting', 'webhook_deliveries', ['client', 'webhook', 'id'],
                    sqlite_where=WAITING, postgresql_where=WAITING)
    op.create_index('webhook_deliveries_of_folio', 'webhook_deliveries', ['folio_id'])
    op.create_index('webhook_deliveries_of_subject', 'webhook_deliveries', ['subject'])
    op.create_index('webhook_deliveries_finished', 'webhook_deliveries', ['finished_at'])


def downgrade() -> None:
    op.drop_table('webhook_deliveries')
