"""Faxes that we send, and each call that was made for them.

Revision: 0005, after 0004
"""
from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.types import Exact, RowId, UtcDateTime

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None

OPEN = sa.text("state IN ('queued', 'submitted', 'sending')")
UNPRICED = sa.text('ended_at IS NOT NULL AND seconds IS NULL')


def upgrade() -> None:
    op.create_table(
        'fax_jobs',
        sa.Column('id', RowId, autoincrement=True, nullable=False),
        sa.Column('tag', sa.String(40), nullable=False),
        sa.Column('sha256', sa.String(64), nullable=False),
        sa.Column('name', sa.String(255), nullable=False),
        sa.Column('content_type', sa.String(100), nullable=False),
        sa.Column('size', sa.Integer, nullable=False),
        sa.Column('pages', sa.Integer, nullable=False),
        sa.Column('number', sa.String(20), nullable=False),
        sa.Column('client', sa.String(64)),
        sa.Column('line', sa.String(20)),
        sa.Column('folio_id', RowId),
        sa.Column('by', sa.String(64), nullable=False),
        sa.Column('max_tries', sa.Integer, nullable=False),
        sa.Column('max_dials', sa.Integer, nullable=False),
        sa.Column('state', sa.String(16), nullable=False),
        sa.Column('submissions', sa.Integer, nullable=False),
        sa.Column('not_before', UtcDateTime),
        sa.Column('hylafax_job', sa.Integer),
        sa.Column('tries', sa.Integer, nullable=False),
        sa.Column('dials', sa.Integer, nullable=False),
        sa.Column('pages_sent', sa.Integer, nullable=False),
        sa.Column('status', sa.Text, nullable=False),
        sa.Column('cancel_by', sa.String(64)),
        sa.Column('cancel_at', UtcDateTime),
        sa.Column('created_at', UtcDateTime, nullable=False),
        sa.Column('submitted_at', UtcDateTime),
        sa.Column('ended_at', UtcDateTime),
        sa.Column('seconds', sa.Integer),
        sa.Column('price', Exact),
        sa.Column('cost', Exact),
        sa.Column('forgotten_at', UtcDateTime),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_fax_jobs')),
        sa.UniqueConstraint('tag', name=op.f('uq_fax_jobs_tag')),
        sa.ForeignKeyConstraint(['folio_id'], ['folios.id'], name=op.f('fk_fax_jobs_folio_id')))
    op.create_index('fax_jobs_open', 'fax_jobs', ['id'], sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_index('fax_jobs_unpriced', 'fax_jobs', ['id'], sqlite_where=UNPRICED, postgresql_where=UNPRICED)
    op.create_index('fax_jobs_by_time', 'fax_jobs', ['created_at'])
    op.create_index('fax_jobs_of_client', 'fax_jobs', ['client', 'created_at'])
    op.create_index('fax_jobs_of_folio', 'fax_jobs', ['folio_id'])
    op.create_index('fax_jobs_of_document', 'fax_jobs', ['sha256'])
    op.create_table(
        'fax_attempts',
        sa.Column('id', RowId, autoincrement=True, nullable=False),
        sa.Column('job_id', RowId, nullable=False),
        sa.Column('commid', sa.String(16), nullable=False),
        sa.Column('at', UtcDateTime, nullable=False),
        sa.Column('seconds', sa.Integer, nullable=False),
        sa.Column('pages', sa.Integer, nullable=False),
        sa.Column('reason', sa.Text, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_fax_attempts')),
        sa.UniqueConstraint('job_id', 'commid', name=op.f('uq_fax_attempts_job_id_commid')),
        sa.ForeignKeyConstraint(['job_id'], ['fax_jobs.id'], name=op.f('fk_fax_attempts_job_id')))


def downgrade() -> None:
    op.drop_table('fax_attempts')
    op.drop_table('fax_jobs')
