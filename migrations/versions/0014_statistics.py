"""Statistics of an interval read that interval alone: what was done to folios, answered, escalated and asked for, by time.

Revision: 0014, after 0013
"""
from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None
ANSWERED = sa.text('answered_at IS NOT NULL')


def upgrade() -> None:
    op.create_index('folio_changes_by_time', 'folio_changes', ['at'])
    op.create_index('escalations_by_time', 'escalations', ['fired_at'])
    op.create_index('close_calls_by_answer', 'close_calls', ['answered_at'], sqlite_where=ANSWERED, postgresql_where=ANSWERED)
    op.create_index('call_backs_by_time', 'call_backs', ['asked_at'])


def downgrade() -> None:
    op.drop_index('call_backs_by_time', 'call_backs')
    op.drop_index('close_calls_by_answer', 'close_calls')
    op.drop_index('escalations_by_time', 'escalations')
    op.drop_index('folio_changes_by_time', 'folio_changes')
