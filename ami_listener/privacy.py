"""The call log and the journal where they speak of a person: to be told to him, and to be erased on request (mission.md 4.1).

Telephones keep their region and their length, so that the calls made of the journal stay the same calls, and outbound ones can be rated.
"""
from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, or_, select, update

from ami_listener.rows import CEL_FIELDS
from ami_listener.tables import call_duties, call_legs, calls, journal, journal_rejects
from storage.engine import Database
from ticketing.privacy.mentions import ESCAPE, Mentions

BATCH = 200
IN_AT_ONCE = 400                                       # values in one IN (...)
PATIENCE_S = 60.0
WHERE: Mapping[Table, tuple[str, ...]] = {
    journal: ('line',),
    journal_rejects: ('line',),
    calls: ('ani', 'dialled', 'why', 'message'),
    call_legs: ('channel', 'peer', 'dialled'),
    call_duties: ('error',),
}
NAME = CEL_FIELDS.index('name')


def calls_about(connection: Connection, mentions: Mentions, linkedids: Iterable[str], numbers: Iterable[str]) -> list[dict[str, Any]]:
    """The calls of these linkedids, of these folios, and from or to the person's telephones, oldest first."""
    found: dict[str, dict[str, Any]] = {}
    conditions: list[ColumnElement[bool]] = [or_(calls.c.ani.like(needle), calls.c.dialled.like(needle))
                                             for needle in mentions.number_needles()]
    conditions += [calls.c.linkedid.in_(some) for some in _batches(linkedids, IN_AT_ONCE)]
    conditions += [calls.c.folio.in_(some) for some in _batches(numbers, IN_AT_ONCE)]
    for condition in conditions:
        for row in connection.execute(select(calls).where(condition)):
            found[row.linkedid] = dict(row._mapping)
    return sorted(found.values(), key=lambda call: (call['started'], call['linkedid']))


def erase_from_calls(db: Database, mentions: Mentions, linkedids: Iterable[str]) -> dict[str, int]:
    """Take the person out of the journal and the call log; of his own calls (`linkedids`) also the name that the telephone showed.

    How many rows changed, by table. In small transactions: cut off anywhere, the next time finishes it. Raises DatabaseUnavailable.
    """
    changed: Counter[str] = Counter()
    for some in _batches(set(linkedids), IN_AT_ONCE):
        own = (journal.c.source == 'cel') & journal.c.linkedid.in_(some)
        changed[journal.name] += _redact(db, journal, ('line',), [own], lambda line: nameless(mentions.redact(line)))
    needles = (*mentions.number_needles(), *mentions.word_needles())
    for table, columns in WHERE.items():
        conditions = [table.c[name].ilike(needle, escape=ESCAPE) for name in columns for needle in needles]
        changed[table.name] += _redact(db, table, columns, conditions, mentions.redact)
    return {name: count for name, count in changed.items() if count}


def nameless(line: str) -> str:
    """A line of the CEL file without the caller's name; a line that is none as it is."""
    try:
        fields = next(csv.reader((line,), strict=True))
    except (csv.Error, StopIteration):
        return line
    if len(fields) != len(CEL_FIELDS) or not fields[NAME]:
        return line
    fields[NAME] = ''
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator='').writerow(fields)
    return text.getvalue()


def _redact(db: Database, table: Table, columns: Iterable[str], conditions: Sequence[ColumnElement[bool]],
            redact: Callable[[str], str]) -> int:
    if not conditions:
        return 0
    with db.read(PATIENCE_S) as connection:
        keys = [tuple(row) for row in connection.execute(select(*table.primary_key.columns).where(or_(*conditions)))]
    changed = 0
    for some in _batches(keys, BATCH):
        with db.write(PATIENCE_S) as connection:
            changed += sum(_redact_row(connection, table, columns, key, redact) for key in some)
    return changed


def _redact_row(connection: Connection, table: Table, columns: Iterable[str], key: tuple[Any, ...], redact: Callable[[str], str]) -> bool:
    identity = [column == value for column, value in zip(table.primary_key.columns, key, strict=True)]
    row = connection.execute(select(table).where(*identity)).first()
    if row is None:
        return False
    before = {name: value for name in columns if (value := getattr(row, name)) is not None}
    after = {name: redact(value) for name, value in before.items()}
    if after == before:
        return False
    connection.execute(update(table).where(*identity).values(after))
    return True


def _batches(things: Iterable[Any], size: int) -> Iterator[list[Any]]:
    remaining = iter(things)
    while batch := list(islice(remaining, size)):
        yield batch
