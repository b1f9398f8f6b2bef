"""The whole life of a folio: states, clock, outbox, e-mail in, close calls, call-backs, problems, erasure.

Revision: 0003, after 0002
"""
from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from storage.types import RowId, UtcDateTime

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

FOLIO_INDEXES = ('folios_of_client', 'folios_open', 'folios_of_agent', 'folios_of_group', 'folios_to_look_at', 'folios_of_problem',
                 'folios_to_forget', 'folios_of_original')
NEW_TABLES = ('folio_changes', 'outbox', 'messages_in', 'escalations', 'close_calls', 'call_backs', 'outbound_calls', 'problems',
              'visits', 'erasures')
OPEN = "state IN ('new', 'assigned', 'in_progress', 'waiting')"
# What an erasure leaves as it was; the text, and an author who is the person himself, give way to a marker, once.
KEPT = ('id', 'folio_id', 'at', 'kind', 'linkedid')


def folio_columns() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column('version', sa.Integer, nullable=False, server_default='0'),
        sa.Column('impact', sa.String(8), nullable=False, server_default='medium'),
        sa.Column('urgency', sa.String(8), nullable=False, server_default='medium'),
        sa.Column('application', sa.String(64)),
        sa.Column('summary', sa.Text),
        sa.Column('description', sa.Text),
        sa.Column('diagnosis', sa.Text),
        sa.Column('solution', sa.Text),
        sa.Column('user_email', sa.String(254)),
        sa.Column('agent', sa.String(64)),
        sa.Column('resolver_group', sa.String(64)),
        sa.Column('complained_of', sa.String(64)),
        sa.Column('acknowledged_at', UtcDateTime),
        sa.Column('waiting_for', sa.String(16)),
        sa.Column('respond_due', UtcDateTime),
        sa.Column('responded_at', UtcDateTime),
        sa.Column('resolved_at', UtcDateTime),
        sa.Column('resolved_by', sa.String(64)),
        sa.Column('closed_at', UtcDateTime),
        sa.Column('reopens', sa.Integer, nullable=False, server_default='0'),
        sa.Column('first_contact', sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column('score', sa.Integer),
        sa.Column('cancel_reason', sa.Text),
        sa.Column('duplicate_of', sa.String(16)),
        sa.Column('problem_id', RowId),
        sa.Column('next_look', UtcDateTime),
        sa.Column('erased_at', UtcDateTime),
    )

def file_columns() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column('title', sa.String(255)),
        sa.Column('content_type', sa.String(100)),
        sa.Column('size', sa.Integer),
        sa.Column('deleted_at', UtcDateTime),
        sa.Column('deleted_why', sa.String(64)),
    )

def _only(condition: str) -> dict[str, Any]:
    return {'sqlite_where': sa.text(condition), 'postgresql_where': sa.text(condition)}


def upgrade() -> None:
    for column in folio_columns():
        op.add_column('folios', column)
    # The clocks of folios that are open already: the first round of the ladder reckons them.
    op.execute(f'UPDATE folios SET next_look = clock_starts WHERE {OPEN}')
    op.create_index('folios_of_client', 'folios', ['client', 'opened_at'])
    op.create_index('folios_open', 'folios', ['client', 'promised'], **_only(OPEN))
    op.create_index('folios_of_agent', 'folios', ['agent', 'promised'], **_only(f'agent IS NOT NULL AND {OPEN}'))
    op.create_index('folios_of_group', 'folios', ['resolver_group', 'promised'], **_only(f'resolver_group IS NOT NULL AND {OPEN}'))
    op.create_index('folios_to_look_at', 'folios', ['next_look'], **_only('next_look IS NOT NULL'))
    op.create_index('folios_of_problem', 'folios', ['problem_id'], **_only('problem_id IS NOT NULL'))
    op.create_index('folios_to_forget', 'folios', ['client', 'closed_at'], **_only('closed_at IS NOT NULL AND erased_at IS NULL'))
    op.create_index('folios_of_original', 'folios', ['duplicate_of'], **_only('duplicate_of IS NOT NULL'))
    for column in file_columns():
        op.add_column('folio_files', column)
    op.create_index('folio_files_by_age', 'folio_files', ['kind', 'at'], **_only('deleted_at IS NULL'))
    op.create_index('folio_files_by_name', 'folio_files', ['name'])
    op.add_column('folio_entries', sa.Column('erased_at', UtcDateTime))
    op.create_table(
        'folio_changes',
        sa.Column('id', RowId, autoincrement=True, nullable=False),
        sa.Column('folio_id', RowId, nullable=False),
        sa.Column('at', UtcDateTime, nullable=False),
        sa.Column('move', sa.String(16), nullable=False),
        sa.Column('from_state', sa.String(20), nullable=False),
        sa.Column('to_state', sa.String(20), nullable=False),
        sa.Column('priority', sa.String(8), nullable=False),
        sa.Column('waiting_for', sa.String(16)),
        sa.Column('by', sa.String(64), nullable=False),
        sa.Column('reason', sa.Text, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_folio_changes')),
        sa.ForeignKeyConstraint(['folio_id'], ['folios.id'], name=op.f('fk_folio_changes_folio_id')))
    op.create_index('folio_changes_of_folio', 'folio_changes', ['folio_id'])
    op.create_table(
        'outbox',
        sa.Column('id', RowId, autoincrement=True, nullable=False),
        sa.Column('key', sa.String(160), nullable=False),
        sa.Column('kind', sa.String(16), nullable=False),
        sa.Column('notice', sa.String(32), nullable=False),
        sa.Column('client', sa.String(64)),
        sa.Column('folio_id', RowId),
        sa.Column('recipient', sa.String(254), nullable=False),
        sa.Column('message_id', sa.String(255), nullable=False),
        sa.Column('payload', sa.JSON, nullable=False),
        sa.Column('held', sa.Boolean, nullable=False),
        sa.Column('due', UtcDateTime, nullable=False),
        sa.Column('state', sa.String(16), nullable=False),
        sa.Column('tries', sa.Integer, nullable=False),
        sa.Column('doubts', sa.Integer, nullable=False),
        sa.Column('not_before', UtcDateTime),
        sa.Column('lease_until', UtcDateTime),
        sa.Column('last_error', sa.Text),
        sa.Column('created_at', UtcDateTime, nullable=False),
        sa.Column('finished_at', UtcDateTime),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_outbox')),
        sa.UniqueConstraint('key', name=op.f('uq_outbox_key')),
        sa.ForeignKeyConstraint(['folio_id'], ['folios.id'], name=op.f('fk_outbox_folio_id')),
        sa.UniqueConstraint('message_id', name=op.f('uq_outbox_message_id')))
    op.create_index('outbox_waiting', 'outbox', ['due'], **_only("state IN ('waiting', 'sending')"))
    op.create_index('outbox_of_folio', 'outbox', ['folio_id'])
    op.create_table(
        'messages_in',
        sa.Column('id', RowId, autoincrement=True, nullable=False),
        sa.Column('message_id', sa.String(255), nullable=False),
        sa.Column('sha256', sa.String(64), nullable=False),
        sa.Column('received_at', UtcDateTime, nullable=False),
        sa.Column('client', sa.String(64)),
        sa.Column('folio_id', RowId),
        sa.Column('sender', sa.String(254), nullable=False),
        sa.Column('subject', sa.Text, nullable=False),
        sa.Column('outcome', sa.String(16), nullable=False),
        sa.Column('reason', sa.Text, nullable=False),
        sa.Column('settled_at', UtcDateTime),
        sa.Column('settled_by', sa.String(64)),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_messages_in')),
        sa.UniqueConstraint('message_id', name=op.f('uq_messages_in_message_id')),
        sa.ForeignKeyConstraint(['folio_id'], ['folios.id'], name=op.f('fk_messages_in_folio_id')))
    op.create_index('messages_in_by_time', 'messages_in', ['received_at'])
    op.create_index('messages_in_of_folio', 'messages_in', ['folio_id'])
    op.create_index('messages_in_of_sender', 'messages_in', ['sender', 'received_at'])
    op.create_index('messages_in_held', 'messages_in', ['received_at'],
                    **_only("settled_at IS NULL AND outcome IN ('quarantined', 'to_verify')"))
    op.create_table(
        'escalations',
        sa.Column('id', RowId, autoincrement=True, nullable=False),
        sa.Column('folio_id', RowId, nullable=False),
        sa.Column('step', sa.String(32), nullable=False),
        sa.Column('due_at', UtcDateTime, nullable=False),
        sa.Column('fired_at', UtcDateTime, nullable=False),
        sa.Column('acknowledged_at', UtcDateTime),
        sa.Column('acknowledged_by', sa.String(64)),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_escalations')),
        sa.ForeignKeyConstraint(['folio_id'], ['folios.id'], name=op.f('fk_escalations_folio_id')),
        sa.UniqueConstraint('folio_id', 'step', name=op.f('uq_escalations_folio_id_step')))

    op.create_table(
        'close_calls',
        sa.Column('id', RowId, autoincrement=True, nullable=False),
        sa.Column('folio_id', RowId, nullable=False),
        sa.Column('cycle', sa.Integer, nullable=False),
        sa.Column('party', sa.String(8), nullable=False),
        sa.Column('client', sa.String(64), nullable=False),
        sa.Column('state', sa.String(16), nullable=False),
        sa.Column('attempts', sa.Integer, nullable=False),
        sa.Column('next_at', UtcDateTime),
        sa.Column('deadline', UtcDateTime),
        sa.Column('answered_by', sa.String(64)),
        sa.Column('answered_via', sa.String(8)),
        sa.Column('answered_at', UtcDateTime),
        sa.Column('score', sa.Integer),
        sa.Column('comment', sa.Text),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_close_calls')),
        sa.ForeignKeyConstraint(['folio_id'], ['folios.id'], name=op.f('fk_close_calls_folio_id')),
        sa.UniqueConstraint('folio_id', 'cycle', 'party', name=op.f('uq_close_calls_folio_id_cycle_party')))
    op.create_index('close_calls_waiting', 'close_calls', ['next_at'], **_only("state IN ('waiting', 'calling', 'mailed')"))
    op.create_table(
        'call_backs',
        sa.Column('id', RowId, autoincrement=True, nullable=False),
        sa.Column('linkedid', sa.String(160), nullable=False),
        sa.Column('client', sa.String(64), nullable=False),
        sa.Column('line', sa.String(20), nullable=False),
        sa.Column('queue', sa.String(64), nullable=False),
        sa.Column('priority', sa.Integer, nullable=False),
        sa.Column('number', sa.String(40), nullable=False),
        sa.Column('folio_id', RowId),
        sa.Column('joined_at', UtcDateTime, nullable=False),
        sa.Column('asked_at', UtcDateTime, nullable=False),
        sa.Column('state', sa.String(16), nullable=False),
        sa.Column('attempts', sa.Integer, nullable=False),
        sa.Column('next_at', UtcDateTime, nullable=False),
        sa.Column('finished_at', UtcDateTime),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_call_backs')),
        sa.UniqueConstraint('linkedid', name=op.f('uq_call_backs_linkedid')),
        sa.ForeignKeyConstraint(['folio_id'], ['folios.id'], name=op.f('fk_call_backs_folio_id')))
    op.create_index('call_backs_in_flight', 'call_backs', ['client', 'number'], unique=True, **_only("state = 'waiting'"))
    op.create_index('call_backs_waiting', 'call_backs', ['next_at'], **_only("state = 'waiting'"))
    op.create_table(
        'outbound_calls',
        sa.Column('id', RowId, autoincrement=True, nullable=False),
        sa.Column('linkedid', sa.String(160), nullable=False),
        sa.Column('kind', sa.String(16), nullable=False),
        sa.Column('owner_id', RowId, nullable=False),
        sa.Column('folio_id', RowId),
        sa.Column('client', sa.String(64), nullable=False),
        sa.Column('number', sa.String(40), nullable=False),
        sa.Column('started_at', UtcDateTime, nullable=False),
        sa.Column('ended_at', UtcDateTime),
        sa.Column('outcome', sa.String(20)),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_outbound_calls')),
        sa.UniqueConstraint('linkedid', name=op.f('uq_outbound_calls_linkedid')),
        sa.ForeignKeyConstraint(['folio_id'], ['folios.id'], name=op.f('fk_outbound_calls_folio_id')))
    op.create_index('outbound_calls_in_flight', 'outbound_calls', ['number'], unique=True, **_only('ended_at IS NULL'))
    op.create_index('outbound_calls_of_owner', 'outbound_calls', ['kind', 'owner_id'])
    op.create_index('outbound_calls_by_time', 'outbound_calls', ['client', 'started_at'])
    op.create_table(
        'problems',
        sa.Column('id', RowId, autoincrement=True, nullable=False),
        sa.Column('client', sa.String(64), nullable=False),
        sa.Column('category', sa.String(64), nullable=False),
        sa.Column('state', sa.String(16), nullable=False),
        sa.Column('title', sa.Text, nullable=False),
        sa.Column('proposed_at', UtcDateTime, nullable=False),
        sa.Column('changed_at', UtcDateTime, nullable=False),
        sa.Column('by', sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_problems')))
    op.create_index('problems_of_client', 'problems', ['client', 'category', 'state'])
    op.create_table(
        'visits',
        sa.Column('id', RowId, autoincrement=True, nullable=False),
        sa.Column('folio_id', RowId, nullable=False),
        sa.Column('at', UtcDateTime, nullable=False),
        sa.Column('by', sa.String(64), nullable=False),
        sa.Column('reason', sa.Text, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_visits')),
        sa.ForeignKeyConstraint(['folio_id'], ['folios.id'], name=op.f('fk_visits_folio_id')))
    op.create_index('visits_of_folio', 'visits', ['folio_id'])
    op.create_table(
        'erasures',
        sa.Column('id', RowId, autoincrement=True, nullable=False),
        sa.Column('client', sa.String(64), nullable=False),
        sa.Column('subject_sha256', sa.String(64), nullable=False),
        sa.Column('at', UtcDateTime, nullable=False),
        sa.Column('by', sa.String(64), nullable=False),
        sa.Column('reason', sa.Text, nullable=False),
        sa.Column('erased', sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_erasures')))

    if op.get_bind().dialect.name == 'sqlite':
        op.execute('DROP TRIGGER folio_entries_keep')
        op.execute(_sqlite_keep(f'WHEN NOT ({_erases("IS")}) '))
    else:
        op.execute(_postgres_keep(f'IF {_erases("IS NOT DISTINCT FROM")} THEN RETURN NEW; END IF; '))


def downgrade() -> None:
    if op.get_bind().dialect.name == 'sqlite':
        op.execute('DROP TRIGGER folio_entries_keep')
        op.execute(_sqlite_keep(''))
    else:
        op.execute(_postgres_keep(''))
    for table in reversed(NEW_TABLES):
        op.drop_table(table)
    op.drop_column('folio_entries', 'erased_at')
    op.drop_index('folio_files_by_name', 'folio_files')
    op.drop_index('folio_files_by_age', 'folio_files')
    for column in file_columns():
        op.drop_column('folio_files', column.name)
    for index in FOLIO_INDEXES:
        op.drop_index(index, 'folios')
    for column in folio_columns():
        op.drop_column('folios', column.name)


def _erases(same: str) -> str:
    kept = ' AND '.join(f'NEW."{name}" {same} OLD."{name}"' for name in KEPT)
    return f'OLD.erased_at IS NULL AND NEW.erased_at IS NOT NULL AND {kept}'


def _sqlite_keep(exception: str) -> str:
    return (f'CREATE TRIGGER folio_entries_keep BEFORE UPDATE ON folio_entries {exception}'
            "BEGIN SELECT RAISE(ABORT, 'entries of a timeline are never changed'); END")


def _postgres_keep(exception: str) -> str:
    return f"""
        CREATE OR REPLACE FUNCTION folio_entries_keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        {exception}RAISE EXCEPTION 'entries of a timeline are never changed'; END $$"""
