"""Copies Asterisk's CEL file and queue_log into the journal, line by line, from where it stopped the last time.

Rows and position are stored in one transaction, so a reader that dies at any instant neither loses nor repeats a line. A row's
key is its own text (and how often that text has come in the same instant), so even a file that is read again from its beginning,
because it was copied, restored or given a new inode, adds nothing.
"""
from __future__ import annotations

import json
import os
import re
import stat
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from ami_listener.rows import READERS, NotARow
from ami_listener.tables import journal, journal_positions, journal_rejects
from storage.engine import Database

SOURCES = {'cel': 'cel-custom/mesa.csv', 'queue': 'queue_log'}        # relative to Asterisk's log folder
BATCH_BYTES = 256 * 1024                               # about a thousand lines a transaction
PATIENCE_S = 10.0                                      # nobody waits for the books
LONGEST_LINE = 64 * 1024
HEAD_BYTES = 4096
TAIL_BYTES = 256
KEPT_OF_A_REJECT = 2000
LINE = re.compile(rb'[^\n]*\n')
CEL_ROW = re.compile(rb'"[A-Z_]{1,40}","[0-9]{1,10}\.[0-9]{6}",')       # how every row of ours begins
PACKED = ('.gz', '.bz2', '.xz', '.zst')


@dataclass(frozen=True)
class Position:
    """How far one file was read. `repeats`: digests of the lines of the last instant, with how often each has come."""

    source: str
    device: int
    inode: int
    head: str
    offset: int = 0
    tail: str = ''
    instant: str = ''
    repeats: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Batch:
    """What one stretch of a file holds: rows and rejects for the tables, the calls concerned, and the position after it."""

    rows: Sequence[dict[str, Any]]
    rejects: Sequence[dict[str, Any]]
    linkedids: frozenset[str]
    after: Position


class JournalReader:
    """Reads the log folder of one Asterisk into one database. Blocks; one thread at a time."""

    def __init__(self, db: Database, log_folder: Path) -> None:
        self._db = db
        self._log = log_folder
        self._stored: dict[tuple[str, int, int], Position] = {}       # of this reader's own transactions

    def catch_up(self, now: datetime, at_most: int = 16 * 1024 * 1024) -> set[str]:
        """Store every whole new line, up to about `at_most` bytes, and return the linkedids that they belong to.

        Unreadable lines are kept in `journal_rejects`. Raises DatabaseUnavailable; what was stored before it stays stored.
        """
        touched: set[str] = set()
        left = at_most
        for source, name in SOURCES.items():
            for file in files_of(self._log / name):
                for batch in self._batches(source, file, now):
                    touched |= batch.linkedids
                    left -= BATCH_BYTES
                    if left <= 0:
                        return touched
        return touched

    def _batches(self, source: str, file: Path, now: datetime) -> Iterator[Batch]:
        try:
            descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:                                # renamed since it was listed: found under its new name the next time
            return
        try:
            position = self._position(source, descriptor)
            while position is not None:
                data = os.pread(descriptor, BATCH_BYTES, position.offset)
                batch = split(position, data, now)
                if batch is None:
                    return
                self._store(batch, file.name, now)
                position = batch.after
                yield batch
        finally:
            os.close(descriptor)

    def _position(self, source: str, descriptor: int) -> Position | None:
        """Where to go on in an open file: where its inode, or a copy of it, was left; None when there is nothing new to read."""
        status = os.fstat(descriptor)
        stored = self._stored.get((source, status.st_dev, status.st_ino))
        if not stat.S_ISREG(status.st_mode) or (stored is not None and stored.offset == status.st_size):
            return None
        head = _head(descriptor)
        if head is None:
            return None
        if stored is not None and stored.head == head and _tail_fits(descriptor, stored.offset, stored.tail):
            return stored
        return self._known(source, descriptor, status, head) or Position(source, status.st_dev, status.st_ino, head)

    def _known(self, source: str, descriptor: int, status: os.stat_result, head: str) -> Position | None:
        """The position that an earlier reader left in this file or in one with the same beginning."""
        table = journal_positions.c
        with self._db.read(PATIENCE_S) as connection:
            known = connection.execute(
                select(table.device, table.inode, table.offset, table.tail, table.repeats)
                .where(table.source == source, table.head == head, table.offset <= status.st_size)
                .order_by(table.offset.desc())).all()
        same_file_first = sorted(known, key=lambda row: (row.device, row.inode) != (status.st_dev, status.st_ino))
        for row in same_file_first:
            if _tail_fits(descriptor, row.offset, row.tail):
                instant, repeats = json.loads(row.repeats)
                return Position(source, status.st_dev, status.st_ino, head, row.offset, row.tail, instant, repeats)
        return None

    def _store(self, batch: Batch, name: str, now: datetime) -> None:
        with self._db.write(PATIENCE_S) as connection:
            if batch.rows:
                insert_new(connection, journal, batch.rows)
            if batch.rejects:
                insert_new(connection, journal_rejects, batch.rejects)
            _keep_position(connection, batch.after, name, now)
        after = batch.after
        self._stored[after.source, after.device, after.inode] = after


def files_of(file: Path) -> list[Path]:
    """The file's renamed predecessors, oldest first, and then the file itself; packed ones are past reading."""
    try:
        with os.scandir(file.parent) as entries:
            named = [entry for entry in entries
                     if entry.name == file.name or (entry.name.startswith((file.name + '.', file.name + '-'))
                                                    and not entry.name.endswith(PACKED))]
            renamed = sorted((entry for entry in named if entry.name != file.name), key=_age)
    except FileNotFoundError:                          # Asterisk has not written anything yet
        return []
    return [file.parent / entry.name for entry in renamed] + [file for entry in named if entry.name == file.name]


def split(position: Position, data: bytes, now: datetime) -> Batch | None:
    """The whole lines at the beginning of `data`, which stands at `position`; None when there is none yet."""
    pieces = cel_rows(data) if position.source == 'cel' else LINE.findall(data)
    end = sum(map(len, pieces))
    if end == 0 and len(data) >= BATCH_BYTES:
        # A line that never ends is no line: without this the reader would stand before it for ever.
        pieces, end = data.split(b'\n'), len(data)
    if end == 0:
        return None
    read = READERS[position.source]
    rows, rejects, linkedids = [], [], set()
    instant, repeats = position.instant, Counter(position.repeats)
    for raw in (piece.removesuffix(b'\n') for piece in pieces):
        if not raw.strip():
            continue
        line = raw.decode('utf-8', 'replace')
        try:
            if len(raw) > LONGEST_LINE or '\0' in line:
                raise NotARow('too long' if len(raw) > LONGEST_LINE else 'a null character')
            row = read(line)
        except NotARow as error:
            rejects.append({'key': _digest(position.source, raw), 'source': position.source, 'reason': str(error)[:200], 'seen_at': now,
                            'line': raw.decode('ascii', 'backslashreplace')[:KEPT_OF_A_REJECT].replace('\0', '\\x00')})
            continue
        key = _digest(position.source, raw)
        if str(row.at_us) != instant:
            # Equal lines have the same instant, so nothing older need be remembered.
            instant, repeats = str(row.at_us), Counter()
        repeats[key] += 1
        rows.append({'key': key if repeats[key] == 1 else f'{key}#{repeats[key]}', 'source': position.source,
                     'linkedid': row.linkedid, 'at_us': row.at_us, 'line': line})
        linkedids.add(row.linkedid)
    tail = _tail_of(data[max(0, end - TAIL_BYTES):end])
    after = Position(position.source, position.device, position.inode, position.head, position.offset + end, tail, instant, dict(repeats))
    return Batch(rows, rejects, frozenset(linkedids - {''}), after)


def cel_rows(data: bytes) -> list[bytes]:
    """The whole rows at the beginning of `data`, each with its line end.

    A caller's number may hold a line end (%0a in a SIP address). Asterisk writes it as it is, between quotes, so a row may go on in the
    next line; taken for a row of its own that line could say whatever the caller likes about other people's calls. What he writes cannot
    look like the beginning of a row, since quotes within quotes are doubled.
    """
    rows: list[bytes] = []
    is_open = False
    for line in LINE.findall(data):
        begins = CEL_ROW.match(line) is not None
        odd = line.count(b'"') % 2 == 1
        if is_open and not begins:
            rows[-1] += line
            is_open = not odd
        else:
            rows.append(line)
            is_open = begins and odd
    if is_open and len(rows[-1]) <= LONGEST_LINE:
        rows.pop()                                     # the rest of it is still to come
    return rows


def insert_new(connection: Connection, table: Any, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows of which some may be in the table already."""
    dialect = sqlite if connection.dialect.name == 'sqlite' else postgresql
    connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows)


def _keep_position(connection: Connection, position: Position, name: str, now: datetime) -> None:
    dialect = sqlite if connection.dialect.name == 'sqlite' else postgresql
    insert = dialect.insert(journal_positions).values(
        source=position.source, device=position.device, inode=position.inode, head=position.head, offset=position.offset,
        tail=position.tail, repeats=json.dumps([position.instant, position.repeats]), name=name[:255], read_at=now)
    changes = {column: insert.excluded[column] for column in ('head', 'offset', 'tail', 'repeats', 'name', 'read_at')}
    connection.execute(insert.on_conflict_do_update(index_elements=['source', 'device', 'inode'], set_=changes))


def _age(entry: os.DirEntry[str]) -> tuple[int, str]:
    try:
        return entry.stat().st_mtime_ns, entry.name
    except OSError:
        return 0, entry.name


def _head(descriptor: int) -> str | None:
    """What tells this file from another with its inode: its first line; None while that is not whole."""
    first, newline, _ = os.pread(descriptor, HEAD_BYTES, 0).partition(b'\n')
    return _hash(first) if newline or len(first) == HEAD_BYTES else None


def _tail_of(piece: bytes) -> str:
    return f'{len(piece)}:{_hash(piece)}'


def _tail_fits(descriptor: int, offset: int, tail: str) -> bool:
    """Whether the bytes before `offset` are those that were read there."""
    length = int(tail.partition(':')[0])
    return _tail_of(os.pread(descriptor, length, offset - length)) == tail


def _digest(source: str, raw: bytes) -> str:
    return f'{source}:{_hash(raw)}'


def _hash(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()
