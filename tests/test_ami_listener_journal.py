"""The journal: however a file grows, is renamed, copied or torn, its lines are in the books once, and in no other way."""
from __future__ import annotations

import os
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from ami_listener import journal as module
from ami_listener.journal import JournalReader
from ami_listener.tables import journal, journal_rejects
from storage.engine import Database
from tests.recorded_calls import RECORDED

NOW = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
CALL = RECORDED['answered']
CEL = [f'{line}\n'.encode() for line in CALL.cel]


class Log:
    """A log folder of Asterisk and the books read from it."""

    def __init__(self, folder: Path, db: Database) -> None:
        self.folder = folder
        self.cel = folder / 'cel-custom' / 'mesa.csv'
        self.queue = folder / 'queue_log'
        self.cel.parent.mkdir()
        self.db = db
        self.reader = JournalReader(db, folder)

    def add(self, *lines: bytes) -> None:
        with self.cel.open('ab') as file:
            file.write(b''.join(lines))

    def look(self, again: bool = False) -> set[str]:
        """Catch up; `again` as a process that has just started."""
        if again:
            self.reader = JournalReader(self.db, self.folder)
        return self.reader.catch_up(NOW)

    def lines(self, source: str = 'cel') -> list[str]:
        with self.db.read() as connection:
            return list(connection.scalars(select(journal.c.line).where(journal.c.source == source).order_by(journal.c.id)))

    def rejects(self) -> list[str]:
        with self.db.read() as connection:
            return list(connection.scalars(select(journal_rejects.c.line).order_by(journal_rejects.c.id)))


@pytest.fixture
def log(tmp_path: Path, db: Database) -> Log:
    folder = tmp_path / 'log'
    folder.mkdir()
    return Log(folder, db)


def test_nothing_is_there_yet(log: Log) -> None:
    assert log.look() == set()


def test_lines_come_once(log: Log) -> None:
    log.add(*CEL[:3])
    assert log.look() == {CALL.linkedid}
    assert log.look() == set()
    log.add(*CEL[3:])
    assert log.look(again=True) == {CALL.linkedid}
    assert log.lines() == list(CALL.cel)


def test_a_line_that_is_not_whole_waits(log: Log) -> None:
    log.add(CEL[0], CEL[1][:40])
    log.look()
    assert log.lines() == list(CALL.cel[:1])
    log.add(CEL[1][40:])
    log.look()
    assert log.lines() == list(CALL.cel[:2])
    assert log.rejects() == []


def test_queue_log_is_read_too(log: Log) -> None:
    log.queue.write_text('1795365172|NONE|NONE|NONE|QUEUESTART|\n' + ''.join(f'{line}\n' for line in CALL.queue))
    assert log.look() == {CALL.linkedid}
    assert log.lines('queue')[1:] == list(CALL.queue)


def test_a_renamed_file_is_finished_and_the_new_one_begun(log: Log) -> None:
    log.add(*CEL[:2])
    log.look()
    log.add(*CEL[2:4])
    log.cel.rename(log.cel.with_name('mesa.csv.1'))
    log.add(*CEL[4:])
    log.look(again=True)
    assert log.lines() == list(CALL.cel)


def test_a_copied_and_emptied_file_is_read_once(log: Log) -> None:
    log.add(*CEL[:4])
    log.look()
    log.add(*CEL[4:6])
    shutil.copy(log.cel, log.cel.with_name('mesa.csv-20261122'))
    os.truncate(log.cel, 0)
    log.add(*CEL[6:])
    log.look()
    assert sorted(log.lines()) == sorted(CALL.cel)


def test_a_new_file_with_an_old_inode_is_read_from_its_beginning(log: Log) -> None:
    log.add(*CEL[:2])
    log.look()
    with log.cel.open('r+b') as file:                  # the same inode, and longer than before
        file.write(b''.join(CEL[2:]))
    log.look(again=True)
    assert log.lines() == list(CALL.cel)


def test_a_file_that_comes_back_from_a_backup_adds_nothing(log: Log) -> None:
    log.add(*CEL)
    log.look()
    log.cel.rename(log.folder / 'elsewhere')
    log.cel.write_bytes(b'"not one of ours"\n' + b''.join(CEL))
    log.look()
    assert log.lines() == list(CALL.cel)


def test_packed_files_are_past_reading(log: Log) -> None:
    log.cel.with_name('mesa.csv.2.gz').write_bytes(b''.join(CEL))
    assert log.look() == set()


def test_garbage_is_kept_aside_and_stops_nothing(log: Log) -> None:
    log.add(CEL[0], b'\xff\xfe\0\0half a "line\n', b'\0' * 5000 + b'\n', b'\n', b'=cmd|"/c calc"\n', *CEL[1:])
    log.look()
    assert log.lines() == list(CALL.cel)
    assert len(log.rejects()) == 3
    assert all(line.isascii() and '\0' not in line for line in log.rejects())


def test_a_line_without_end_is_given_up(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, 'BATCH_BYTES', 4096)
    log.add(CEL[0], b'x' * 20_000)
    log.look()
    log.add(b'\n', *CEL[1:])
    log.look()
    assert log.lines() == list(CALL.cel)
    assert log.rejects()


def test_equal_lines_of_one_instant_are_kept_apart_and_read_twice_they_are_not(log: Log) -> None:
    twice = f'{CALL.queue[0]}\n{CALL.queue[0]}\n'
    log.queue.write_text(twice)
    log.look()
    assert len(log.lines('queue')) == 2
    shutil.copy(log.queue, log.folder / 'queue_log.1')
    log.queue.write_text(twice + f'{CALL.queue[1]}\n')
    log.look(again=True)
    assert log.lines('queue') == [CALL.queue[0], CALL.queue[0], CALL.queue[1]]


def test_what_could_not_be_stored_is_read_again(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    log.add(*CEL)
    with monkeypatch.context() as broken:
        broken.setattr(module, '_keep_position', lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            log.look()
    assert log.lines() == []
    log.look()
    assert log.lines() == list(CALL.cel)


def test_a_line_end_in_a_caller_s_number_forges_no_row(log: Log) -> None:
    """'5%0aHANGUP,...%0a5' as the user of a SIP address: the row goes on over three lines, and the one between is nobody's event."""
    forged = f'HANGUP,1795369640.000000,{FOREIGN},{FOREIGN},,,,,,,,,,,,'
    row = CEL[1].replace(b'"5555550101"', f'"5\n{forged}\n5"'.encode(), 1)
    assert row != CEL[1]
    log.add(CEL[0], row[:row.index(b'\n') + 4])
    log.look()
    assert len(log.lines()) == 1
    log.add(row[row.index(b'\n') + 4:], *CEL[2:])
    assert FOREIGN not in log.look()
    assert len(log.lines()) == len(CEL)
    assert log.rejects() == []


def test_a_row_torn_inside_its_quotes_takes_no_other_with_it(log: Log) -> None:
    log.add(CEL[0], CEL[1][:60] + b'\n', *CEL[2:])
    log.look()
    assert log.lines() == [CALL.cel[0], *CALL.cel[2:]]
    assert len(log.rejects()) == 1


FOREIGN = '1795369640.9'
ROWS = {line.rstrip(b'\n') for line in CEL}
POOL = [*CEL, CEL[1], CEL[1], b'garbage\n', '"ñandú",\n'.encode(), b'\n', b'\xe1\xe9\n']


@given(lines=st.lists(st.sampled_from(POOL), max_size=25), cuts=st.lists(st.integers(0, 9000), max_size=12),
       renames=st.sets(st.integers(0, 11)), restarts=st.sets(st.integers(0, 11)), batch=st.sampled_from([600, 5000, 300_000]))
@settings(max_examples=60, deadline=None)
def test_any_split_into_reads_gives_the_same_books(migrated_file: Path, lines: list[bytes], cuts: list[int], renames: set[int],
                                                   restarts: set[int], batch: int) -> None:
    text = b''.join(lines)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, 'BATCH_BYTES', batch)
        whole, pieces = _log(Path(folder), 'whole', migrated_file), _log(Path(folder), 'pieces', migrated_file)
        whole.add(text)
        whole.look()
        begin = 0
        for number, cut in enumerate([*sorted(min(cut, len(text)) for cut in cuts), len(text)]):
            pieces.add(text[begin:cut])
            pieces.look(again=number in restarts)
            # Equal lines count within one file: Asterisk does not write one event into two.
            apart = not ROWS & set(text[:cut].split(b'\n')) & set(text[cut:].split(b'\n'))
            if number in renames and apart and text[:cut].endswith(b'\n') and pieces.cel.exists():
                pieces.cel.rename(pieces.cel.with_name(f'mesa.csv.{number}'))
            begin = cut
        pieces.look()
        assert sorted(pieces.lines()) == sorted(whole.lines())
        assert sorted(pieces.rejects()) == sorted(whole.rejects())
        whole.db.close()
        pieces.db.close()


def _log(folder: Path, name: str, migrated_file: Path) -> Log:
    (folder / name).mkdir()
    return Log(folder / name, Database(f'sqlite:///{shutil.copy(migrated_file, folder / f"{name}.db")}', patience_s=20.0))
