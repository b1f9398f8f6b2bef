"""Moves of clients' sites, what they cost, and their steps.

Revision: 0013, after 0012
"""
from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.types import Exact, RowId, UtcDateTime

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None

REFUSALS = (
    ('site_move_events_keep', 'UPDATE', 'steps of a site move are never changed'),
    ('site_move_events_stay', 'DELETE', 'steps of a site move are never removed'),
)


def upgrade() -> None:
    op.create_table(
        'site_moves',
        sa.Column('id', RowId, autoincrement=False, nullable=False),
        sa.Column('reference', sa.String(16), nullable=False),
        sa.Column('client', sa.String(64), nullable=False),
        sa.Column('site', sa.String(64), nullable=False),
        sa.Column('notice', sa.String(64), nullable=False),
        sa.Column('received_on', sa.Date, nullable=False),
        sa.Column('wanted_on', sa.Date, nullable=False),
        sa.Column('destination', sa.Text, nullable=False),
        sa.Column('modalities', sa.JSON, nullable=False),
        sa.Column('state', sa.String(20), nullable=False),
        sa.Column('version', sa.Integer, nullable=False),
        sa.Column('recorded_at', UtcDateTime, nullable=False),
        sa.Column('agreed', sa.Text, nullable=False),
        sa.Column('answer', sa.Text, nullable=False),
        sa.Column('answered_at', UtcDateTime),
        sa.Column('accepted_total', Exact),
        sa.Column('term_months', sa.Integer),
        sa.Column('delivered_on', sa.Date),
        sa.Column('delivery_recorded_at', UtcDateTime),
        sa.Column('term_first', sa.Date),
        sa.Column('term_last', sa.Date),
        sa.Column('ended_why', sa.Text, nullable=False),
        sa.Column('answer_late_at', UtcDateTime),
        sa.Column('delivery_late_at', UtcDateTime),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_site_moves')),
        sa.UniqueConstraint('reference', name=op.f('uq_site_moves_reference')),
        sa.UniqueConstraint('client', 'site', 'notice', name=op.f('uq_site_moves_client_site_notice')))
    op.create_index('site_moves_delivered', 'site_moves', ['client', 'delivered_on'])
    op.create_table(
        'site_move_costs',
        sa.Column('move_id', RowId, autoincrement=False, nullable=False),
        sa.Column('modality', sa.String(16), nullable=False),
        sa.Column('amount', Exact, nullable=False),
        sa.Column('tariff', sa.Date, nullable=False),
        sa.PrimaryKeyConstraint('move_id', 'modality', name=op.f('pk_site_move_costs')),
        sa.ForeignKeyConstraint(['move_id'], ['site_moves.id'], name=op.f('fk_site_move_costs_move_id')))
    op.create_table(
        'site_move_events',
        sa.Column('id', RowId, autoincrement=True, nullable=False),
        sa.Column('move_id', RowId, nullable=False),
        sa.Column('at', UtcDateTime, nullable=False),
        sa.Column('version', sa.Integer, nullable=False),
        sa.Column('state', sa.String(20), nullable=False),
        sa.Column('by', sa.String(64), nullable=False),
        sa.Column('text', sa.Text, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_site_move_events')),
        sa.ForeignKeyConstraint(['move_id'], ['site_moves.id'], name=op.f('fk_site_move_events_move_id')))
    op.create_index('site_move_events_of_move', 'site_move_events', ['move_id'])
    op.execute("INSERT INTO counters (name, last) VALUES ('site_move', 0)")
    sqlite = op.get_bind().dialect.name == 'sqlite'
    for name, deed, reason in REFUSALS:
        op.execute(_sqlite_refusal(name, deed, reason) if sqlite else _postgres_refusal(name, deed, reason))
    if not sqlite:
        op.execute('CREATE TRIGGER site_move_events_no_truncate BEFORE TRUNCATE ON site_move_events '
                   'EXECUTE FUNCTION site_move_events_stay()')


def downgrade() -> None:
    op.execute("DELETE FROM counters WHERE name = 'site_move'")
    for table in ('site_move_events', 'site_move_costs', 'site_moves'):
        op.drop_table(table)
    if op.get_bind().dialect.name != 'sqlite':
        for name, _, _ in REFUSALS:
            op.execute(f'DROP FUNCTION {name}()')


def _sqlite_refusal(name: str, deed: str, reason: str) -> str:
    return f"CREATE TRIGGER {name} BEFORE {deed} ON site_move_events BEGIN SELECT RAISE(ABORT, '{reason}'); END"


def _postgres_refusal(name: str, deed: str, reason: str) -> str:
    return f"""
        CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{reason}'; END $$;
        CREATE TRIGGER {name} BEFORE {deed} ON site_move_events FOR EACH ROW EXECUTE FUNCTION {name}()"""
