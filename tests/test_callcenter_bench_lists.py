"""The bench of lists at a small size: every page that it asks for has something on it."""
from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from callcenter.bench_lists import ListFigure, run
from callcenter.commands.bench import bench
from callcenter.folio_loader import Past, documented, folio_rows, load
from storage.engine import Database
from ticketing.finding.index import SearchIndex
from ticketing.tables import search_documents, search_todo


@pytest.mark.parametrize('kind', ['sqlite', 'postgresql'])
def test_every_list_and_search_finds_something(kind: str) -> None:
    with TemporaryDirectory() as name:                 # not below pytest's own folder, which PostgreSQL's user may not enter
        Path(name).chmod(0o755)
        told: list[str] = []
        figures = run(kind, 3_000, told.append, Path(name), 6)
        assert list(Path(name).iterdir()) == []
    assert len(figures) == 19 and all(figure.count == 6 and figure.p50_ms <= figure.p95_ms for figure in figures)
    empty = {figure.act for figure in figures if not figure.items}
    assert empty <= {'search, nothing there', 'search, never together', 'search, four words', 'portal, far back'}
    assert any('search_documents' in line for line in told)


def test_what_is_loaded_for_the_search_is_what_the_index_would_store(empty_url: str) -> None:
    past = Past.of(1_000, 50)
    load(empty_url, past, search=True)
    db = Database(empty_url, patience_s=20.0)
    with db.write() as connection:
        assert connection.execute(select(search_todo)).first() is None     # triggers did not run while it was filled
        loaded = connection.execute(select(search_documents).order_by(search_documents.c.folio_id)).all()
        connection.execute(search_documents.delete())
        connection.execute(search_todo.insert(), [{'folio_id': row.folio_id} for row in loaded])
    SearchIndex(db).finish()
    with db.read() as connection:
        assert connection.execute(select(search_documents).order_by(search_documents.c.folio_id)).all() == loaded
    assert len(loaded) == 1_000 and len(documented(next(folio_rows(past, str)))) > 10
    db.close()


def test_the_command_says_whether_the_goal_was_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = ListFigure('sqlite', 1000, 'mine', 200, 50, 3.0, 51.0)
    monkeypatch.setattr('callcenter.bench_lists.run', lambda kind, *_: [slow])
    said = CliRunner().invoke(bench, ['lists', '--database', 'sqlite', '--folios', '1000'])
    assert said.exit_code == 1 and 'MISSED' in said.output and 'mine' in said.output
    told = CliRunner().invoke(bench, ['lists', '--database', 'sqlite', '--folios', '1000', '--json'])
    assert json.loads(told.stdout)['figures'][0]['reached'] is False
