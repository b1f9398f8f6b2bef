"""What programs ask through the API: openings with a key of their own, folios changed since.

Revision: 0010, after 0009
"""
from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.types import RowId, UtcDateTime

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'openings_asked',
        sa.Column('by', sa.String(64), nullable=False),
        sa.Column('key', sa.String(128), nullable=False),
        sa.Column('sha256', sa.String(64), nullable=False),
        sa.Column('folio_id', RowId, nullable=False),
        sa.Column('at', UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint('by', 'key', name='pk_openings_asked'),
        sa.ForeignKeyConstraint(['folio_id'], ['folios.id'], name='fk_openings_asked_folio_id'),
    )
    op.create_index('folio_entries_by_time', 'folio_entries', ['at'])


def downgrade() -> None:
    op.drop_index('folio_entries_by_time', 'folio_entries')
    op.drop_table('openings_asked')
