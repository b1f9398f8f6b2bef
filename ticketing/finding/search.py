"""Full-text search over folios: the newest first, each with the passage in which the words stand (mission.md 6.2)."""
from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, Select, String, column, select, table
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.sql import cast

from storage.engine import Database
from ticketing.finding.index import INTERNAL as INTERNAL_FIELDS
from ticketing.finding.index import INTERNAL_ENTRIES, TOLD, TOLD_ENTRIES, SearchIndex, is_told
from ticketing.finding.keys import Key, Page, page_of
from ticketing.finding.viewers import Viewer, visible
from ticketing.finding.words import INTERNAL, client_word, passage, plain, stems, words_in
from ticketing.finding.work_lists import ITEM
from ticketing.lists import WorkItem
from ticketing.tables import folio_entries, folios, search_documents

ASKED = 200                                            # characters of what is typed that are looked at
NUMBER = re.compile(r'[0-9]{8}')
TEXTS = ('summary', 'description', 'solution', 'diagnosis', 'user_name', 'employee_number', 'number')    # in which a passage is looked for
NOTES = 'timeline'
IDS = 100                                              # hits of PostgreSQL that are looked up at once
RECENT = 20_000                                        # folios that PostgreSQL looks through before it asks its index
READ_ENTRIES = 500                                     # of one page of hits, for their passages
_fts = table('search_index', column('rowid', Integer), column('search_index', String))


@dataclass(frozen=True)
class Hit:
    """A folio that was found. `field`: the column of folios, or 'timeline', that `passage` is cut from.

    A passage is pieces of text; True marks those that were looked for. The pieces are what people wrote: to be escaped.
    """

    item: WorkItem
    field: str
    passage: tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class Found:
    """A page of hits; `number` when what was typed is the number of this one folio, to which the page may go straight."""

    page: Page[Hit]
    number: str | None = None


class Search:
    """The search of one database. Raises BadPage and DatabaseUnavailable."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._index = SearchIndex(db)

    def search(self, words: str, viewer: Viewer, client: str | None = None, limit: int = 20, after: str | None = None) -> Found:
        """The folios in which all these words stand and which the viewer may see, of one client or of all, the newest first.

        Eight digits (spaces and dashes aside) that are a folio's number find that folio alone. No words find nothing.
        """
        asked = words[:ASKED]
        whose = viewer.client if viewer.client is not None else client
        if straight := self._numbered(asked, viewer, whose):
            return straight
        wanted, key = stems(asked), Key.read(after)
        if not wanted:
            return Found(Page((), None))
        self._index.catch_up()
        with self._db.read() as connection:
            rows = _rows(connection, _Asked(wanted, viewer, whose, key), limit)
            page = page_of(rows, limit)
            return Found(Page(_hits(connection, rows[:limit], wanted, viewer), page.after))

    def _numbered(self, asked: str, viewer: Viewer, client: str | None) -> Found | None:
        number = re.sub(r'[\s-]', '', asked)
        if NUMBER.fullmatch(number) is None:
            return None
        of_client = () if client is None else (folios.c.client == client,)
        with self._db.read() as connection:
            row = connection.execute(ITEM.where(folios.c.number == number, visible(viewer), *of_client)).first()
        if row is None:
            return None
        return Found(Page((Hit(WorkItem(*row[1:]), 'number', ((number, True),)),), None), number)


def _hits(connection: Connection, rows: Sequence[tuple[Key, WorkItem]], wanted: Sequence[str], viewer: Viewer) -> tuple[Hit, ...]:
    texts = _texts(connection, [key.id for key, _ in rows], viewer)
    return tuple(Hit(item, *_best(texts[key.id], wanted)) for key, item in rows)


def _texts(connection: Connection, ids: Sequence[int], viewer: Viewer) -> Mapping[int, list[tuple[str, str]]]:
    """The texts of folios that the viewer may read: (field, text), those first that say most."""
    texts: dict[int, list[tuple[str, str]]] = defaultdict(list)
    fields = [name for name in TEXTS if name in (TOLD + INTERNAL_FIELDS if viewer.reads_internals else TOLD)]
    for row in connection.execute(select(folios.c.id, *(folios.c[name] for name in fields)).where(folios.c.id.in_(ids))):
        texts[row.id] = [(name, text) for name in fields if (text := getattr(row, name))]
    entries = select(folio_entries.c.folio_id, folio_entries.c.kind, folio_entries.c.by, folio_entries.c.text).where(
        folio_entries.c.folio_id.in_(ids), folio_entries.c.kind.in_([kind.value for kind in TOLD_ENTRIES + INTERNAL_ENTRIES]))
    for row in connection.execute(entries.order_by(folio_entries.c.id.desc()).limit(READ_ENTRIES)):
        if viewer.reads_internals or is_told(row.kind, row.by):
            texts[row.folio_id].append((NOTES, row.text))
    return texts


def _best(texts: Sequence[tuple[str, str]], wanted: Sequence[str]) -> tuple[str, tuple[tuple[str, bool], ...]]:
    """The text with the most of the wanted words, and its passage."""
    if not texts:
        return '', ()
    field, text = max(texts, key=lambda named: len({word.stem for word in words_in(plain(named[1]))} & set(wanted)))
    return field, passage(text, wanted)


@dataclass(frozen=True)
class _Asked:
    """What is looked for, by whom, and before which place."""

    words: Sequence[str]
    viewer: Viewer
    client: str | None
    before: Key | None

    def query(self, either: str, every: str, quote: str) -> str:
        """The words in the language of a database: all of them, each wherever the viewer may read it.

        Words are letters and digits, so that quotes hold them.
        """
        scope = [] if self.client is None else [f'{quote}{client_word(self.client)}{quote}']
        internal = INTERNAL if self.viewer.reads_internals else None
        return every.join([*scope, *(_either(word, internal, either, quote) for word in self.words)])

    def page(self, rows: Select[Any], place: ColumnElement[int]) -> Select[Any]:
        """The rows that the viewer may see, from the place on, the newest first."""
        of_client = () if self.client is None else (folios.c.client == self.client,)
        return rows.where(visible(self.viewer), *of_client, *self.earlier(place)).order_by(place.desc())

    def earlier(self, place: ColumnElement[int]) -> tuple[ColumnElement[bool], ...]:
        """The condition that a row stands before the place."""
        return () if self.before is None else (place < self.before.id,)


def _rows(connection: Connection, asked: _Asked, limit: int) -> list[tuple[Key, WorkItem]]:
    """A page and one more."""
    if connection.dialect.name == 'sqlite':
        return _read(connection, _sqlite(asked), limit)
    recent = _shown(connection, asked, connection.scalars(_postgres_recent(asked).limit(IDS)).all(), limit)
    return recent if len(recent) > limit else _postgres_rows(connection, asked, limit)


def _postgres_rows(connection: Connection, asked: _Asked, limit: int) -> list[tuple[Key, WorkItem]]:
    """The same from all folios: some hits at a time, since only of a few it must be known whether the viewer may see them."""
    rows: list[tuple[Key, WorkItem]] = []
    some = IDS
    while len(rows) <= limit:
        ids = connection.scalars(_postgres(asked).limit(some)).all()
        rows += _shown(connection, asked, ids, limit)
        if len(ids) < some:
            break
        asked, some = replace(asked, before=Key(None, ids[-1])), 4 * some
    return rows[:limit + 1]


def _shown(connection: Connection, asked: _Asked, ids: Sequence[int], limit: int) -> list[tuple[Key, WorkItem]]:
    return _read(connection, asked.page(ITEM.where(folios.c.id.in_(ids)), folios.c.id), limit) if ids else []


def _read(connection: Connection, wanted: Select[Any], limit: int) -> list[tuple[Key, WorkItem]]:
    return [(Key(None, row[0]), WorkItem(*row[1:])) for row in connection.execute(wanted.limit(limit + 1))]


def _sqlite(asked: _Asked) -> Select[Any]:
    """FTS5 gives the rows in falling order by itself and is asked for no more than a page."""
    rows = ITEM.select_from(_fts.join(folios, folios.c.id == _fts.c.rowid))
    return asked.page(rows.where(_fts.c.search_index.op('MATCH')(asked.query(' OR ', ' AND ', '"'))), _fts.c.rowid)


def _postgres_recent(asked: _Asked) -> Select[int]:
    """The hits among the last folios, without the index: words that many folios have fill a page from these.

    Left to itself PostgreSQL guesses how many folios have a word, and when it guesses wrong it reads all of them in this way, or
    fetches a hundred thousand for a page.
    """
    folio_id, words = search_documents.c.folio_id, search_documents.c.words
    last = select(folio_id, words).where(*asked.earlier(folio_id)).order_by(folio_id.desc()).limit(RECENT).subquery()
    return select(last.c.folio_id).where(last.c.words.op('@@')(_tsquery(asked))).order_by(last.c.folio_id.desc())


def _postgres(asked: _Asked) -> Select[int]:
    """All hits, by the index, before they are put in order."""
    words = search_documents.c.words.op('@@')(_tsquery(asked))
    found = select(search_documents.c.folio_id).where(words).cte('found').prefix_with('MATERIALIZED', dialect='postgresql')
    return select(found.c.folio_id).where(*asked.earlier(found.c.folio_id)).order_by(found.c.folio_id.desc())


def _tsquery(asked: _Asked) -> ColumnElement[Any]:
    return cast(asked.query(' | ', ' & ', "'"), TSQUERY)


def _either(word: str, internal: str | None, either: str, quote: str) -> str:
    found = f'{quote}{word}{quote}'
    return found if internal is None else f'({found}{either}{quote}{internal}{word}{quote})'
