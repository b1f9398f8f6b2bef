"""Guessing folio numbers is limited by the hour and logged."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from storage.engine import Database
from tests.test_ticketing_folios import in_threads
from ticketing.limits import KEPT, StatusGuard
from ticketing.tables import status_inquiries

NOW = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ANI = '+525555550101'


def logged(db: Database) -> tuple[int, int]:
    """Inquiries allowed and refused."""
    with db.read() as connection:
        answers = list(connection.scalars(select(status_inquiries.c.allowed)))
    return answers.count(True), answers.count(False)


def test_so_many_an_hour_then_refused_until_the_hour_has_slid_on(db: Database) -> None:
    guard = StatusGuard(db)
    assert [guard.allow(ANI, NOW + n * MINUTE, 3) for n in range(6)] == [True, True, True, False, False, False]
    assert not guard.allow(ANI, NOW + 60 * MINUTE - timedelta(microseconds=1), 3)
    assert guard.allow(ANI, NOW + 60 * MINUTE, 3)                    # the first of the hour has left it
    assert not guard.allow(ANI, NOW + 60 * MINUTE, 3)
    assert guard.allow(ANI, NOW + 61 * MINUTE, 3)
    assert logged(db) == (5, 5)


def test_each_telephone_has_its_own_count_and_a_restart_forgives_nothing(db: Database) -> None:
    assert StatusGuard(db).allow(ANI, NOW, 1)
    assert StatusGuard(db).allow('+525555550102', NOW, 1)
    assert not StatusGuard(db).allow(ANI, NOW, 1)


def test_none_allowed_is_none(db: Database) -> None:
    assert not StatusGuard(db).allow(ANI, NOW, 0)


def test_calls_of_one_telephone_at_the_same_instant_do_not_get_more(db: Database) -> None:
    guard = StatusGuard(db)
    assert sum(map(bool, in_threads(8, lambda _: guard.allow(ANI, NOW, 5)))) == 5


def test_old_inquiries_are_forgotten(db: Database) -> None:
    guard = StatusGuard(db)
    guard.allow(ANI, NOW, 5)
    guard.allow('+525555550102', NOW + KEPT + MINUTE, 5)
    assert logged(db) == (1, 0)
