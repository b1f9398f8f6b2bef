"""Received faxes and their steps.

Revision: 0004, after 0003
"""
from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from storage.types import RowId, UtcDateTime

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

WORKED_ON = "state IN ('received', 'counted', 'converted', 'held', 'queued')"
KEPT = "state IN ('sent', 'rejected', 'discarded') AND deleted_at IS NULL"


def _only(condition: str) -> dict[str, Any]:
    return {'sqlite_where': sa.text(condition), 'postgresql_where': sa.text(condition)}


def upgrade() -> None:
    op.create_table(
        'faxes',
        sa.Column('id', RowId, primary_key=True, autoincrement=False),
        sa.Column('reference', sa.String(16), nullable=False, unique=True),
        sa.Column('file', sa.String(64), nullable=False),
        sa.Column('sha256', sa.String(64), nullable=False),
        sa.Column('size', sa.Integer, nullable=False),
        sa.Column('line', sa.String(20)),
        sa.Column('client', sa.String(64)),
        sa.Column('caller_number', sa.String(40), nullable=False),
        sa.Column('caller_name', sa.String(80), nullable=False),
        sa.Column('called_number', sa.String(40), nullable=False),
        sa.Column('device', sa.String(40), nullable=False),
        sa.Column('commid', sa.String(40), nullable=False),
        sa.Column('reason', sa.Text, nullable=False),
        sa.Column('received_at', UtcDateTime, nullable=False),
        sa.Column('state', sa.String(16), nullable=False),
        sa.Column('pages', sa.Integer),
        sa.Column('sent_pages', sa.Integer),
        sa.Column('damage', sa.JSON, nullable=False),
        sa.Column('all_pages', sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column('pdf_sha256', sa.String(64)),
        sa.Column('pdf_size', sa.Integer),
        sa.Column('release_at', UtcDateTime),
        sa.Column('on_hold', sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column('letter_id', RowId, sa.ForeignKey('outbox.id')),
        sa.Column('deliveries', sa.Integer, nullable=False, server_default='0'),
        sa.Column('recipient', sa.String(254)),
        sa.Column('problem', sa.Text),
        sa.Column('finished_at', UtcDateTime),
        sa.Column('deleted_at', UtcDateTime),
        sa.UniqueConstraint('file', 'sha256'))
    op.create_index('faxes_by_time', 'faxes', ['received_at'])
    op.create_index('faxes_of_line', 'faxes', ['line', 'received_at'])
    op.create_index('faxes_worked_on', 'faxes', ['id'], **_only(WORKED_ON))
    op.create_index('faxes_kept', 'faxes', ['finished_at'], **_only(KEPT))
    op.create_index('faxes_by_state', 'faxes', ['state'])
    op.create_index('faxes_by_content', 'faxes', ['sha256'])
    op.create_index('faxes_by_pdf', 'faxes', ['pdf_sha256'])
    op.create_table(
        'fax_events',
        sa.Column('id', RowId, primary_key=True, autoincrement=True),
        sa.Column('fax_id', RowId, sa.ForeignKey('faxes.id'), nullable=False),
        sa.Column('at', UtcDateTime, nullable=False),
        sa.Column('state', sa.String(16), nullable=False),
        sa.Column('by', sa.String(64), nullable=False),
        sa.Column('text', sa.Text, nullable=False))
    op.create_index('fax_events_of_fax', 'fax_events', ['fax_id'])
    op.execute("INSERT INTO counters (name, last) VALUES ('fax', 0)")


def downgrade() -> None:
    op.execute("DELETE FROM counters WHERE name = 'fax'")
    op.drop_table('fax_events')
    op.drop_table('faxes')
