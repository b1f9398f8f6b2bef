"""Who may sign in to the desk: people, sessions, wrong tries, the audit log, tokens of programs.

Revision: 0006, after 0005
"""
from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.types import RowId, UtcDateTime

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'desk_users',
        sa.Column('login', sa.String(64), nullable=False),
        sa.Column('name', sa.String(200), nullable=False),
        sa.Column('role', sa.String(16), nullable=False),
        sa.Column('client', sa.String(64)),
        sa.Column('password', sa.String(200), nullable=False),
        sa.Column('totp_key', sa.String(64)),
        sa.Column('totp_last', sa.Integer),
        sa.Column('created_at', UtcDateTime, nullable=False),
        sa.Column('changed_at', UtcDateTime, nullable=False),
        sa.Column('disabled_at', UtcDateTime),
        sa.PrimaryKeyConstraint('login', name='pk_desk_users'),
    )
    op.create_table(
        'desk_sessions',
        sa.Column('id', RowId, autoincrement=True, nullable=False),
        sa.Column('token_sha256', sa.String(64), nullable=False),
        sa.Column('login', sa.String(64), nullable=False),
        sa.Column('address', sa.String(64), nullable=False),
        sa.Column('created_at', UtcDateTime, nullable=False),
        sa.Column('seen_at', UtcDateTime, nullable=False),
        sa.Column('ended_at', UtcDateTime),
        sa.PrimaryKeyConstraint('id', name='pk_desk_sessions'),
        sa.UniqueConstraint('token_sha256', name='uq_desk_sessions_token_sha256'),
        sa.ForeignKeyConstraint(['login'], ['desk_users.login'], name='fk_desk_sessions_login'),
    )
    op.create_index('desk_sessions_of_user', 'desk_sessions', ['login'])
    op.create_index('desk_sessions_by_time', 'desk_sessions', ['created_at'])
    op.create_table(
        'desk_tries',
        sa.Column('key', sa.String(160), nullable=False),
        sa.Column('failures', sa.Integer, nullable=False),
        sa.Column('last_at', UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint('key', name='pk_desk_tries'),
    )
    op.create_table(
        'desk_audit',
        sa.Column('id', RowId, autoincrement=True, nullable=False),
        sa.Column('at', UtcDateTime, nullable=False),
        sa.Column('login', sa.String(64), nullable=False),
        sa.Column('address', sa.String(64), nullable=False),
        sa.Column('what', sa.String(40), nullable=False),
        sa.Column('detail', sa.Text, nullable=False),
        sa.PrimaryKeyConstraint('id', name='pk_desk_audit'),
    )
    op.create_index('desk_audit_by_time', 'desk_audit', ['at'])
    op.create_index('desk_audit_of_user', 'desk_audit', ['login', 'at'])
    op.create_table(
        'api_tokens',
        sa.Column('id', RowId, autoincrement=True, nullable=False),
        sa.Column('token_sha256', sa.String(64), nullable=False),
        sa.Column('name', sa.String(64), nullable=False),
        sa.Column('role', sa.String(16), nullable=False),
        sa.Column('client', sa.String(64)),
        sa.Column('created_at', UtcDateTime, nullable=False),
        sa.Column('expires_at', UtcDateTime),
        sa.Column('used_at', UtcDateTime),
        sa.Column('revoked_at', UtcDateTime),
        sa.PrimaryKeyConstraint('id', name='pk_api_tokens'),
        sa.UniqueConstraint('token_sha256', name='uq_api_tokens_token_sha256'),
        sa.UniqueConstraint('name', name='uq_api_tokens_name'),
    )


def downgrade() -> None:
    for table in ('api_tokens', 'desk_audit', 'desk_tries', 'desk_sessions', 'desk_users'):
        op.drop_table(table)
