"""Full-text search over folios: the newest first, each with the passage in which the words stand (mission.md 6.2)."""
from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
        query = (_sqlite if self._db.dialect == 'sqlite' else _postgres)(wanted, viewer, whose, key)
        with self._db.read() as connection:
            rows = [(Key(None, row[0]), WorkItem(*row[1:])) for row in connection.execute(query.limit(limit + 1))]
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


def _sqlite(wanted: Sequence[str], viewer: Viewer, client: str | None, key: Key | None) -> Select[Any]:
    """FTS5 gives the rows in falling order by itself and is asked for no more than a page."""
    match = ' AND '.join(_either(word, viewer, ' OR ', '"') for word in (*_scope(client), *wanted))
    rows = ITEM.select_from(_fts.join(folios, folios.c.id == _fts.c.rowid)).where(_fts.c.search_index.op('MATCH')(match))
    return _page(rows, _fts.c.rowid, viewer, client, key)


def _postgres(wanted: Sequence[str], viewer: Viewer, client: str | None, key: Key | None) -> Select[Any]:
    query = ' & '.join(_either(word, viewer, ' | ', "'") for word in (*_scope(client), *wanted))
    rows = ITEM.select_from(search_documents.join(folios, folios.c.id == search_documents.c.folio_id))
    return _page(rows.where(search_documents.c.words.op('@@')(cast(query, TSQUERY))), search_documents.c.folio_id, viewer, client, key)


def _page(rows: Select[Any], place: ColumnElement[int], viewer: Viewer, client: str | None, key: Key | None) -> Select[Any]:
    of_client = () if client is None else (folios.c.client == client,)
    before = () if key is None else (place < key.id,)
    return rows.where(visible(viewer), *of_client, *before).order_by(place.desc())


def _either(word: str, viewer: Viewer, either: str, quote: str) -> str:
    """A word, wherever the viewer may read it. Words are letters and digits, so that quotes hold them."""
    if not viewer.reads_internals or '_' in word:
        return f'{quote}{word}{quote}'
    return f'({quote}{word}{quote}{either}{quote}{INTERNAL}{word}{quote})'


def _scope(client: str | None) -> tuple[str, ...]:
    return () if client is None else (client_word(client),)
