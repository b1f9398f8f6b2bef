"""Run by Alembic inside the transaction that `storage/migrate.py` has opened, never by hand."""
from __future__ import annotations

from alembic import context

from storage.tables import metadata

context.configure(
    connection=context.config.attributes['connection'],
    target_metadata=metadata,
    render_as_batch=True,                 # SQLite alters a table only by copying it
    transactional_ddl=True,               # our driver set-up makes this true of SQLite as well
)
with context.begin_transaction():
    context.run_migrations()
