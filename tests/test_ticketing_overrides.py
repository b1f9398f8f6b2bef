"""Temporary overrides: always with an end, in force or still to come until over or cancelled (mission.md 2.4)."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from config.values import Override, OverrideState
from storage.engine import Database
from ticketing.overrides import Overrides
from ticketing.values import TicketingError

NOW = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
LINE = '+528005550101'


def test_an_override_stands_until_its_end(db: Database) -> None:
    book = Overrides(db)
    book.put(LINE, OverrideState.CLOSED, None, NOW + HOUR, 'root', NOW)
    expected = Override(LINE, OverrideState.CLOSED, NOW, NOW + HOUR, None, 'root')
    assert book.current(NOW) == (expected,)
    assert book.current(NOW + HOUR - timedelta(microseconds=1)) == (expected,)
    assert book.current(NOW + HOUR) == ()


def test_one_that_is_still_to_come_is_among_them(db: Database) -> None:
    book = Overrides(db)
    book.put(LINE, OverrideState.MESSAGE, 'site/aviso', NOW + 3 * HOUR, 'root', NOW, since=NOW + 2 * HOUR)
    assert book.current(NOW) == (Override(LINE, OverrideState.MESSAGE, NOW + 2 * HOUR, NOW + 3 * HOUR, 'site/aviso', 'root'),)


@pytest.mark.parametrize(('until', 'since', 'state', 'message'), [
    (None, None, OverrideState.CLOSED, None), (NOW, None, OverrideState.CLOSED, None), (NOW - HOUR, None, OverrideState.OPEN, None),
    (NOW + HOUR, NOW + HOUR, OverrideState.OPEN, None), (NOW - HOUR, NOW - 2 * HOUR, OverrideState.OPEN, None),
    (NOW + HOUR, None, OverrideState.MESSAGE, None)])
def test_without_an_end_in_the_future_or_without_its_message_it_is_refused(
        db: Database, until: datetime | None, since: datetime | None, state: OverrideState, message: str | None) -> None:
    book = Overrides(db)
    with pytest.raises(TicketingError, match=r'\+528005550101'):
        book.put(LINE, state, message, until, 'root', NOW, since)
    assert book.current(NOW - 3 * HOUR) == ()


def test_cancelling_by_id_leaves_the_others(db: Database) -> None:
    book = Overrides(db)
    first = book.put(LINE, OverrideState.CLOSED, None, NOW + HOUR, 'root', NOW)
    second = book.put(LINE, OverrideState.OPEN, None, NOW + HOUR, 'root', NOW)
    book.cancel(first, 'lupita', NOW)
    assert [standing.id for standing in book.standing(NOW)] == [second]
    for gone in (first, 4711):
        with pytest.raises(TicketingError, match=str(gone)):
            book.cancel(gone, 'lupita', NOW)
    with pytest.raises(TicketingError):
        book.cancel(second, 'lupita', NOW + HOUR)                    # over


def test_cancelling_a_line_ends_all_of_its_own(db: Database) -> None:
    book = Overrides(db)
    book.put(LINE, OverrideState.CLOSED, None, NOW + HOUR, 'root', NOW)
    book.put(LINE, OverrideState.OPEN, None, NOW + 3 * HOUR, 'root', NOW, since=NOW + 2 * HOUR)
    other = book.put('+528005550102', OverrideState.CLOSED, None, NOW + HOUR, 'root', NOW)
    assert book.cancel_line(LINE, 'lupita', NOW) == 2
    assert book.cancel_line(LINE, 'lupita', NOW) == 0
    assert [standing.id for standing in book.standing(NOW)] == [other]
