"""Keeping the words that folios are found by: what triggers of the database note is read again and stored, some folios a transaction.

Opening and changing a folio costs one small row more, whoever does it and however; nobody on the telephone waits for an index. One indexer
works at a time: otherwise one that has read an older state could store it after one that has read a newer.
"""
from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ARRAY, Connection, Text, bindparam, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from storage.engine import Database, DatabaseUnavailable, driver_of
from ticketing.finding.words import document
from ticketing.tables import folio_entries, folios, search_documents, search_todo
from ticketing.values import EntryKind

log = logging.getLogger('mesa.search')
BATCH = 100                                            # changes a transaction
BATCHES = 500                                          # transactions a round
PAUSE_S = 0.01                                         # between them, for those who wait to write
A_FEW = 50                                             # who searches indexes so many by himself, and leaves more to the worker
A_STEP = 300                                           # pages of FTS5 that one transaction merges
LOCK = 'search index'
TOLD = ('number', 'user_name', 'employee_number', 'summary', 'description', 'solution')
INTERNAL = ('diagnosis',)
TOLD_ENTRIES = (EntryKind.UPDATE, EntryKind.VISIT, EntryKind.EMAIL_IN)
INTERNAL_ENTRIES = (EntryKind.NOTE,)
FROM_OUTSIDE = ('user', 'contact')                     # whose letters the client has seen


class SearchIndex:
    """The index of one database. Safe to be cut off anywhere, and for several processes at once. Raises DatabaseUnavailable."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def round(self) -> int:
        """Index what has changed, the newest first; how many changes are in it now."""
        done = 0
        for _ in range(BATCHES):
            indexed = self._batch(BATCH)
            done += indexed
            if indexed < BATCH:
                break
            time.sleep(PAUSE_S)
        return done

    def finish(self) -> int:
        """The same until nothing is left."""
        done = 0
        while indexed := self.round():
            done += indexed
        return done

    def catch_up(self) -> bool:
        """Index what has changed a moment ago, so that who has written it finds it; False when there is more, or no time for it."""
        with self._db.read() as connection:
            waiting = connection.scalar(select(func.count()).select_from(select(search_todo.c.id).limit(A_FEW + 1).subquery())) or 0
        if waiting and waiting <= A_FEW:
            try:
                self._batch(A_FEW)
            except DatabaseUnavailable as error:
                log.info('the search goes without the last %d changes: %s', waiting, error)
                return False
        return waiting <= A_FEW

    def forget_replaced(self) -> None:
        """Let the words that were replaced also leave the file: SQLite's FTS5 only marks them as gone until their parts are merged.

        In small transactions. PostgreSQL's VACUUM does it by itself.
        """
        if self._db.dialect != 'sqlite':
            return
        pages = -A_STEP                                # negative: everything is merged into one, and positive steps go on with it
        while self._merge(pages):
            pages = A_STEP
            time.sleep(PAUSE_S)

    def _merge(self, pages: int) -> bool:
        """One step; False when there was nothing to do (SQLite's own test for it)."""
        with self._db.write() as connection:
            driver = driver_of(connection)
            before = driver.total_changes
            driver.execute("INSERT INTO search_index (search_index, rank) VALUES ('merge', ?)", (pages,))
            return bool(driver.total_changes - before >= 2)

    def _batch(self, most: int) -> int:
        with self._db.write() as connection:
            self._db.lock(connection, LOCK)
            noted = connection.execute(
                select(search_todo.c.id, search_todo.c.folio_id).order_by(search_todo.c.id.desc()).limit(most)).all()
            if noted:
                store_documents(connection, {row.folio_id for row in noted})
                connection.execute(delete(search_todo).where(search_todo.c.id.in_([row.id for row in noted])))
            return len(noted)


def store_documents(connection: Connection, ids: Iterable[int]) -> None:
    """Read these folios and store their words."""
    wanted = sorted(ids)
    rows = connection.execute(_FOLIOS.where(folios.c.id.in_(wanted))).all()
    told, internal = _entries(connection, wanted)
    documents = [{'folio_id': row.id, 'words': document(
        row.client, [*(getattr(row, name) for name in TOLD), *told[row.id]],
        [*(getattr(row, name) for name in INTERNAL), *internal[row.id]])} for row in rows]
    if not documents:
        return
    if connection.dialect.name == 'sqlite':
        documents = [one | {'words': ' '.join(one['words'])} for one in documents]
    connection.execute(_UPSERT[connection.dialect.name], [{'folio_id': one['folio_id'], 'stored': one['words']} for one in documents])


def _entries(connection: Connection, ids: list[int]) -> tuple[dict[int, list[str]], dict[int, list[str]]]:
    """The texts of the timelines that are looked through, by folio: those that the client may read, and the internal ones."""
    told: dict[int, list[str]] = defaultdict(list)
    internal: dict[int, list[str]] = defaultdict(list)
    for row in connection.execute(_ENTRIES.where(folio_entries.c.folio_id.in_(ids)).order_by(folio_entries.c.id.desc())):
        (told if is_told(row.kind, row.by) else internal)[row.folio_id].append(row.text)
    return told, internal


def is_told(kind: str, by: str) -> bool:
    """Whether the client may read an entry of this kind and author."""
    return kind in TOLD_ENTRIES and (kind != EntryKind.EMAIL_IN or by in FROM_OUTSIDE)


_FOLIOS = select(folios.c.id, folios.c.client, *(folios.c[name] for name in TOLD + INTERNAL))
_ENTRIES = select(folio_entries.c.folio_id, folio_entries.c.kind, folio_entries.c.by, folio_entries.c.text).where(
    folio_entries.c.kind.in_([kind.value for kind in TOLD_ENTRIES + INTERNAL_ENTRIES]))


def _upsert(insertion: Any, words: Any) -> Any:
    """Store a folio's words; what is there already is not written again."""
    made = insertion.values(folio_id=bindparam('folio_id'), words=words)
    return made.on_conflict_do_update(index_elements=['folio_id'], set_={'words': made.excluded.words},
                                      where=search_documents.c.words.is_distinct_from(made.excluded.words))


_UPSERT = {
    'sqlite': _upsert(sqlite.insert(search_documents), bindparam('stored', type_=Text())),
    'postgresql': _upsert(postgresql.insert(search_documents), func.array_to_tsvector(bindparam('stored', type_=ARRAY(Text())))),
}
