"""The bench of the statement at a small size: it measures all that it says, and leaves nothing behind."""
from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner

from callcenter import bench_statement
from callcenter.bench_statement import FIVE, StatementFigure, run
from callcenter.commands.bench import bench
from callcenter.console import Complaint


@pytest.mark.parametrize('kind', ['sqlite', 'postgresql'])
def test_everything_is_measured(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_statement, 'FORMATS', {name: bench_statement.FORMATS[name] for name in ('json', 'csv')})
    told: list[str] = []
    with TemporaryDirectory() as name:                 # not below pytest's own folder, which PostgreSQL's user may not enter
        Path(name).chmod(0o755)
        figures = run(kind, 700, 120, 2, told.append, Path(name), 2)
        assert list(Path(name).iterdir()) == []
    assert [figure.act for figure in figures] == [
        'issue a month', 'counts of all months', 'statistics of the month', 'draft', 'format json', 'format csv',
        'the five formats of a draft', FIVE]
    assert all(figure.database == kind and figure.size > 0 and figure.median_s <= figure.slowest_s for figure in figures)
    assert any('calls out rated' in line for line in told) and any('1 statements issued' in line for line in told)


def test_no_room_or_too_few_calls_are_complaints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Complaint, match='give more --calls, or fewer --folios'):
        run('sqlite', 100, 100, 2, print, tmp_path)
    monkeypatch.setattr(bench_statement, 'BYTES_A_CALL', 10 ** 15)
    with pytest.raises(Complaint, match='--scratch'):
        run('sqlite', 100, 10, 2, print, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_whether_the_goal_was_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = [StatementFigure('sqlite', 'draft', 3, 1.0, 9.0, 1.0, 10, 'rows'),
               StatementFigure('sqlite', FIVE, 3, 4.0, 5.1, 4.0, 10, 'bytes')]
    monkeypatch.setattr('callcenter.bench_statement.run', lambda *_: figures)
    said = CliRunner().invoke(bench, ['statement'])
    assert said.exit_code == 1 and 'within 5 s: MISSED' in said.output
    told = CliRunner().invoke(bench, ['statement', '--json'])
    assert [one['reached'] for one in json.loads(told.stdout)['figures']] == [True, False]
    monkeypatch.setattr('callcenter.bench_statement.run', lambda *_: figures[:1])
    assert CliRunner().invoke(bench, ['statement']).exit_code == 0
    assert CliRunner().invoke(bench, ['statement', '--months', '1']).exit_code == 2
