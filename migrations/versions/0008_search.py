"""Full-text search, lists that stay quick, and which change of a folio an entry tells.

Revision: 0008, after 0007
"""
from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

from storage.types import RowId

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None

OPEN = "state IN ('new', 'assigned', 'in_progress', 'waiting')"
DONE = "state NOT IN ('new', 'assigned', 'in_progress', 'waiting')"
KEPT_BEFORE = ('id', 'folio_id', 'at', 'kind', 'linkedid')
KEPT = (*KEPT_BEFORE, 'version', 'fields')
# Which changes of which rows touch the words that a folio is found by: (trigger, event, table, column with the folio's id, condition).
SPOKEN = "('note', 'update', 'visit', 'email_in')"
NOTED = (
    ('search_new_folio', 'INSERT', 'folios', 'id', None),
    ('search_changed_folio', 'UPDATE OF user_name, employee_number, summary, description, diagnosis, solution', 'folios', 'id', None),
    ('search_new_entry', 'INSERT', 'folio_entries', 'folio_id', f'NEW.kind IN {SPOKEN}'),
    ('search_changed_entry', 'UPDATE', 'folio_entries', 'folio_id', f'NEW.kind IN {SPOKEN}'),
)
# FTS5 keeps no copy of the words (content=) and no places of them (detail=none): a passage is cut out of the folio's own text.
# The tokenizer only divides at spaces what `ticketing/finding/words.py` has made.
FTS = """CREATE VIRTUAL TABLE search_index USING fts5(
    words, content='search_documents', content_rowid='folio_id', detail='none', columnsize=0, tokenize="ascii tokenchars '_-'")"""
FTS_PUT = 'INSERT INTO search_index (rowid, words) VALUES (NEW.folio_id, NEW.words);'
FTS_TAKE = "INSERT INTO search_index (search_index, rowid, words) VALUES ('delete', OLD.folio_id, OLD.words);"


def _only(condition: str) -> dict[str, Any]:
    return {'sqlite_where': sa.text(condition), 'postgresql_where': sa.text(condition)}


def upgrade() -> None:
    sqlite = op.get_bind().dialect.name == 'sqlite'
    op.create_index('folios_promised', 'folios', ['promised'], **_only(OPEN))
    op.create_index('folios_done', 'folios', ['client', 'state', 'opened_at'], **_only(DONE))
    op.add_column('folio_entries', sa.Column('version', sa.Integer))
    op.add_column('folio_entries', sa.Column('fields', sa.Text))
    _keep_entries(KEPT, sqlite)
    op.create_table(
        'search_documents',
        sa.Column('folio_id', RowId, autoincrement=False, nullable=False),
        sa.Column('words', sa.Text().with_variant(TSVECTOR(), 'postgresql'), nullable=False),
        sa.PrimaryKeyConstraint('folio_id', name=op.f('pk_search_documents')))
    op.create_table(
        'search_todo',
        sa.Column('id', RowId, autoincrement=True, nullable=False),
        sa.Column('folio_id', RowId, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_search_todo')))
    if sqlite:
        op.execute(FTS)
        op.execute(f'CREATE TRIGGER search_documents_put AFTER INSERT ON search_documents BEGIN {FTS_PUT} END')
        op.execute(f'CREATE TRIGGER search_documents_taken AFTER DELETE ON search_documents BEGIN {FTS_TAKE} END')
        op.execute(f'CREATE TRIGGER search_documents_changed AFTER UPDATE ON search_documents BEGIN {FTS_TAKE} {FTS_PUT} END')
    else:
        # Without the list of pending insertions: the indexer can wait, who searches cannot.
        op.execute('CREATE INDEX search_documents_words ON search_documents USING gin (words) WITH (fastupdate = off)')
    for noted in NOTED:
        _note(*noted, sqlite)
    # The folios that are there are indexed by the worker, some hundred a transaction and the newest first: telephones do not wait.
    op.execute('INSERT INTO search_todo (folio_id) SELECT id FROM folios ORDER BY id')


def downgrade() -> None:
    sqlite = op.get_bind().dialect.name == 'sqlite'
    for name, _, table, _, _ in NOTED:
        op.execute(f'DROP TRIGGER {name}' if sqlite else f'DROP TRIGGER {name} ON {table}')
    if sqlite:
        op.execute('DROP TABLE search_index')
    else:
        op.execute('DROP FUNCTION search_note_folio()')
        op.execute('DROP FUNCTION search_note_entry()')
    op.drop_table('search_todo')
    op.drop_table('search_documents')
    _keep_entries(KEPT_BEFORE, sqlite)
    op.drop_column('folio_entries', 'fields')
    op.drop_column('folio_entries', 'version')
    op.drop_index('folios_done', 'folios')
    op.drop_index('folios_promised', 'folios')


def _note(name: str, event: str, table: str, column: str, condition: str | None, sqlite: bool) -> None:
    when = f'WHEN ({condition}) ' if condition else ''
    insertion = f'INSERT INTO search_todo (folio_id) VALUES (NEW.{column});'
    if sqlite:
        op.execute(f'CREATE TRIGGER {name} AFTER {event} ON {table} {when}BEGIN {insertion} END')
        return
    function = 'search_note_folio' if table == 'folios' else 'search_note_entry'
    op.execute(f'CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {insertion} RETURN NULL; END $$')
    op.execute(f'CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW {when}EXECUTE FUNCTION {function}()')


def _keep_entries(kept: tuple[str, ...], sqlite: bool) -> None:
    """Entries are never changed, but for the one erasure, which leaves these columns as they were."""
    same = 'IS' if sqlite else 'IS NOT DISTINCT FROM'
    erases = ' AND '.join(['OLD.erased_at IS NULL', 'NEW.erased_at IS NOT NULL', *(f'NEW."{name}" {same} OLD."{name}"' for name in kept)])
    if sqlite:
        op.execute('DROP TRIGGER folio_entries_keep')
        op.execute(f'CREATE TRIGGER folio_entries_keep BEFORE UPDATE ON folio_entries WHEN NOT ({erases}) '
                   "BEGIN SELECT RAISE(ABORT, 'entries of a timeline are never changed'); END")
    else:
        op.execute(f"""
            CREATE OR REPLACE FUNCTION folio_entries_keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF {erases} THEN RETURN NEW; END IF; RAISE EXCEPTION 'entries of a timeline are never changed'; END $$""")
