"""What the allowance is counted by: classes of cancellations, people's decisions, inquiries that were answered, alerts that were sent.

Revision: 0011, after 0010
"""
from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.types import RowId, UtcDateTime

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None

REMEMBERED, TOLD = sa.text("key <> ''"), sa.text('told_folio IS NOT NULL')
KEPT = ('id', 'folio_id', 'counts', 'at')              # of a decision; its words may be erased
STAY = 'decisions about the allowance are never removed'
KEEP = 'decisions about the allowance are never changed'


def upgrade() -> None:
    op.add_column('folios', sa.Column('cancel_cause', sa.String(16)))
    op.add_column('status_inquiries', sa.Column('told_folio', RowId))
    op.drop_index('status_inquiries_by_time', 'status_inquiries')
    for name, table, condition in (('status_inquiries_remembered', 'status_inquiries', REMEMBERED),
                                   ('status_inquiries_told', 'status_inquiries', TOLD)):
        op.create_index(name, table, ['at'], sqlite_where=condition, postgresql_where=condition)
    op.create_table(
        'count_decisions',
        sa.Column('id', RowId, autoincrement=True, nullable=False),
        sa.Column('folio_id', RowId, nullable=False),
        sa.Column('counts', sa.Boolean, nullable=False),
        sa.Column('reason', sa.Text, nullable=False),
        sa.Column('by', sa.String(64), nullable=False),
        sa.Column('at', UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_count_decisions')),
        sa.ForeignKeyConstraint(['folio_id'], ['folios.id'], name=op.f('fk_count_decisions_folio_id')))
    op.create_index('count_decisions_of_folio', 'count_decisions', ['folio_id'])
    _keep_decisions(op.get_bind().dialect.name == 'sqlite')
    op.create_table(
        'allowance_alerts',
        sa.Column('client', sa.String(64), nullable=False),
        sa.Column('modality', sa.String(16), nullable=False),
        sa.Column('month', sa.String(7), nullable=False),
        sa.Column('threshold', sa.Integer, nullable=False),
        sa.Column('requests', sa.Integer, nullable=False),
        sa.Column('allowance', sa.Integer, nullable=False),
        sa.Column('at', UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint('client', 'modality', 'month', 'threshold', name=op.f('pk_allowance_alerts')))


def downgrade() -> None:
    op.drop_table('allowance_alerts')
    op.drop_table('count_decisions')
    if op.get_bind().dialect.name != 'sqlite':
        op.execute('DROP FUNCTION count_decisions_stay()')
        op.execute('DROP FUNCTION count_decisions_keep()')
    op.drop_index('status_inquiries_told', 'status_inquiries')
    op.drop_index('status_inquiries_remembered', 'status_inquiries')
    op.execute("DELETE FROM status_inquiries WHERE key = ''")      # before, none was kept for so long
    op.drop_column('status_inquiries', 'told_folio')
    op.create_index('status_inquiries_by_time', 'status_inquiries', ['at'])
    op.drop_column('folios', 'cancel_cause')


def _keep_decisions(sqlite: bool) -> None:
    same = ' AND '.join(f'NEW.{name} {"IS" if sqlite else "IS NOT DISTINCT FROM"} OLD.{name}' for name in KEPT)
    if sqlite:
        op.execute(f"CREATE TRIGGER count_decisions_stay BEFORE DELETE ON count_decisions BEGIN SELECT RAISE(ABORT, '{STAY}'); END")
        op.execute(f'CREATE TRIGGER count_decisions_keep BEFORE UPDATE ON count_decisions WHEN NOT ({same}) '
                   f"BEGIN SELECT RAISE(ABORT, '{KEEP}'); END")
        return
    op.execute(f"""
        CREATE FUNCTION count_decisions_stay() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{STAY}'; END $$;
        CREATE TRIGGER count_decisions_stay BEFORE DELETE ON count_decisions FOR EACH ROW EXECUTE FUNCTION count_decisions_stay();
        CREATE TRIGGER count_decisions_no_truncate BEFORE TRUNCATE ON count_decisions EXECUTE FUNCTION count_decisions_stay()""")
    op.execute(f"""
        CREATE FUNCTION count_decisions_keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF {same} THEN RETURN NEW; END IF; RAISE EXCEPTION '{KEEP}'; END $$;
        CREATE TRIGGER count_decisions_keep BEFORE UPDATE ON count_decisions FOR EACH ROW EXECUTE FUNCTION count_decisions_keep()""")
