"""An override counts from the next call on, for however many calls come at once (mission.md 2.4)."""
from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from callcenter.standing import OverridesInForce
from storage.engine import DatabaseUnavailable

NOW = datetime(2026, 11, 24, 16, tzinfo=UTC)


class Books:
    """Overrides that are read only when the test lets them be."""

    def __init__(self) -> None:
        self.stored: tuple[str, ...] = ()
        self.down = False
        self.reads = 0
        self.asked, self.may_answer = threading.Event(), threading.Event()
        self.may_answer.set()

    def current(self, now: datetime) -> Any:
        self.reads += 1
        self.asked.set()
        assert self.may_answer.wait(10)
        if self.down:
            raise DatabaseUnavailable('it is down')
        return self.stored


@pytest.fixture
def books(monkeypatch: pytest.MonkeyPatch) -> Books:
    monkeypatch.setattr('callcenter.standing.OLDEST_OVERRIDES_S', 3600.0)          # only the stamp has them read again
    return Books()


@pytest.fixture
def stamp(tmp_path: Path) -> Path:
    return tmp_path / 'overrides.stamp'


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as made:
        yield made


def test_every_call_after_the_stamp_goes_by_the_new_override(books: Books, stamp: Path, pool: ThreadPoolExecutor) -> None:
    in_force: Any = OverridesInForce(books, stamp)     # type: ignore[arg-type]
    assert in_force(NOW) == ()
    books.stored = ('cerrado',)
    books.asked.clear()
    books.may_answer.clear()
    stamp.touch()
    first = pool.submit(in_force, NOW)
    assert books.asked.wait(10)
    others = [pool.submit(in_force, NOW) for _ in range(3)]
    assert not any(one.done() for one in others)       # they wait for what the first one reads
    books.may_answer.set()
    assert [one.result(10) for one in (first, *others)] == [('cerrado',)] * 4
    assert books.reads == 2, 'once for all of them'


def test_while_the_books_are_down_the_last_known_ones_stay(books: Books, stamp: Path) -> None:
    in_force: Any = OverridesInForce(books, stamp)     # type: ignore[arg-type]
    books.stored = ('cerrado',)
    assert in_force(NOW) == ('cerrado',)
    books.stored, books.down = (), True
    stamp.touch()
    assert in_force(NOW) == ('cerrado',)
    assert in_force(NOW) == ('cerrado',) and books.reads == 2, 'nobody waits for them a second time'
