"""The bench of folios at small sizes: what it loads is sound, and its figures are what they say."""
from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner
from sqlalchemy import func, insert, select

from callcenter import bench_folios, postgres_scratch
from callcenter.bench_folios import Figure, Target, run, verdicts, verify
from callcenter.commands.bench import bench
from callcenter.console import Complaint
from callcenter.folio_loader import LAST_MONTH, NOW, OPEN, Past, load
from storage.engine import Database
from tests.test_ticketing_folios import report
from ticketing.folios import FolioBook
from ticketing.lists import FolioLists
from ticketing.numbers import number_for
from ticketing.tables import OPEN as IS_OPEN
from ticketing.tables import folio_changes, folio_entries, folios

FEW = {'look up': 10, 'work list': 10, 'month counts': 10, 'open': 10}


def test_what_is_loaded_is_as_if_it_had_been_opened(empty_url: str) -> None:
    past = Past.of(2_000, 100)
    load(empty_url, past)
    db = Database(empty_url, patience_s=20.0)
    book = FolioBook(db)
    opened = book.open(report(call='later'), NOW)
    assert opened.number == number_for(2_001)
    verify(Target(past, db), 1)
    counts = FolioLists(db).open_counts()
    assert counts.total == 101 and counts.unassigned and set(counts.states) == {'new', 'assigned', 'in_progress', 'waiting'}
    closed = book.get(number_for(10))
    assert closed is not None and closed.state.startswith('c') and [entry.kind for entry in book.timeline(closed.number)] == [
        'opened', 'move', 'move']
    assert FolioLists(db).month_counts('quetzal', *LAST_MONTH, bench_folios.ZONE).total == 500
    storied = [n for n in range(10, 2_001, 10) if n not in past.open]
    with db.read() as connection:
        assert connection.scalar(select(func.count()).select_from(folio_changes)) == 2 * len(storied)
        assert connection.scalar(select(func.count()).where(folio_entries.c.folio_id.not_in(select(folios.c.id)))) == 0
    db.close()


@pytest.mark.parametrize('total', [10_000, 100_000, 1_000_000])
def test_the_same_number_is_open_at_every_size_and_some_are_old(total: int) -> None:
    past = Past.of(total)
    assert len(past.open) == OPEN and min(past.open) >= 1 and max(past.open) == total
    assert sum(n < total - OPEN for n in past.open) >= OPEN // 20
    assert past.opened_at(total) < NOW and (NOW - past.opened_at(1)).days == pytest.approx(31 * total / 5000, abs=1)


def test_a_folio_that_is_lost_or_has_no_beginning_is_noticed(empty_url: str) -> None:
    past = Past.of(1_000, 10)
    load(empty_url, past)
    db = Database(empty_url, patience_s=20.0)
    target = Target(past, db)
    verify(target, 0)
    with pytest.raises(Complaint, match='1000 folios loaded, 1 opened, but 1000 are there'):
        verify(target, 1)
    with db.write() as connection:
        first = connection.execute(select(folios).where(folios.c.id == 1)).mappings().one()
        connection.execute(insert(folios).values({**first, 'id': 1_001, 'number': number_for(1_001), 'linkedid': None}))
    with pytest.raises(Complaint, match='1000 beginnings'):
        verify(target, 1)
    db.close()


def test_a_run_of_all_kinds() -> None:
    told: list[str] = []
    with TemporaryDirectory() as name:                 # not below pytest's own folder, which PostgreSQL's user may not enter
        Path(name).chmod(0o755)
        figures, found = run(('sqlite', 'postgresql'), (2_000, 4_000), told.append, Path(name), FEW)
        assert list(Path(name).iterdir()) == []
    assert [(f.database, f.total, f.act, f.count) for f in figures] == [
        (kind, total, act, 10) for kind in ('sqlite', 'postgresql') for act in FEW for total in (2_000, 4_000)]
    assert all(0 < f.p50_ms <= f.p99_ms for f in figures)
    assert [(v.database, v.act) for v in found] == [(kind, act) for kind in ('sqlite', 'postgresql') for act in FEW]
    assert len(told) == 4


def figure(total: int, act: str, p99: float, round_p99: float) -> Figure:
    return Figure('sqlite', total, act, 10, 0.1, p99, round_p99)


@pytest.mark.parametrize(('act', 'large', 'reached'), [
    ('look up', (4.0, 3.0), True), ('look up', (4.0, 3.1), False), ('look up', (5.1, 2.0), False),
    ('work list', (20.0, 2.0), True), ('work list', (20.1, 2.0), False), ('open', (100.0, 100.0), True)])
def test_verdicts(act: str, large: tuple[float, float], reached: bool) -> None:
    verdict, = verdicts([figure(1_000_000, act, *large), figure(100_000, act, 9, 9), figure(10_000, act, 2.0, 2.0)])
    assert verdict.reached is reached
    assert (verdict.p99_ms, verdict.ratio, verdict.p50_ratio) == (large[0], large[1] / 2, 1.0)


def test_no_room_is_said_before_anything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_folios, 'BYTES_EACH', 10 ** 15)
    with pytest.raises(Complaint, match='--scratch'):
        run(('sqlite',), (2_000, 4_000), print, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_postgresql_that_cannot_start_is_a_complaint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_scratch, '_binary', lambda name: Path('/bin/false'))
    with pytest.raises(Complaint, match='--database sqlite'):
        run(('postgresql',), (2_000, 4_000), print, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_folios, 'REPEATS', FEW)
    monkeypatch.setattr(bench_folios, 'MOST_RATIO', 1000.0)                 # what is tried is the command: other tests take the machine
    monkeypatch.setattr(bench_folios, 'MOST_P99_MS', dict.fromkeys(bench_folios.MOST_P99_MS, 10_000.0))
    arguments = ['folios', '--sizes', '4000,2000', '--database', 'sqlite', '--scratch', str(tmp_path)]
    told = CliRunner().invoke(bench, arguments)
    assert told.exit_code == 0, told.output
    assert 'sqlite, look up: at 4000 the p99 is' in told.output and 'reached' in told.output
    scripted = CliRunner().invoke(bench, [*arguments, '--json'])
    assert {'figures', 'verdicts'} == set(json.loads(scripted.stdout))
    monkeypatch.setattr(bench_folios, 'MOST_RATIO', 0.0)
    missed = CliRunner().invoke(bench, arguments)
    assert missed.exit_code == 1 and 'MISSED' in missed.output


@pytest.mark.parametrize('sizes', ['1000', '10,2000', '1000,x', '1000,9000000', ''])
def test_sizes_that_make_no_sense(sizes: str) -> None:
    assert CliRunner().invoke(bench, ['folios', '--sizes', sizes]).exit_code == 2


def test_open_is_what_the_tables_call_open() -> None:
    assert all(f"'{state}'" in IS_OPEN for state in ('new', 'assigned', 'in_progress', 'waiting'))
