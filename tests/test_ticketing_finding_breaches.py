"""Breaches ahead: open folios by when they are promised."""
from __future__ import annotations

from datetime import timedelta

from storage.engine import Database
from tests.lives import NOW
from tests.test_ticketing_lists import put
from ticketing.finding.breaches import AHEAD, BreachesAhead, breaches_ahead

HALF, ONE, TWO = AHEAD


def test_breaches_ahead(db: Database) -> None:
    for n, minutes in enumerate((-600, -1, 0, 30, 31, 60, 120, 121)):
        put(db, n, promised=NOW + timedelta(minutes=minutes))
    put(db, 20, promised=NOW, state='resolved')
    put(db, 21, promised=None, state='waiting')
    put(db, 22, promised=NOW, client='quetzal')
    with db.read() as connection:
        assert breaches_ahead(connection, NOW) == BreachesAhead(2, {HALF: 3, ONE: 5, TWO: 6})
        assert breaches_ahead(connection, NOW, client='quetzal') == BreachesAhead(0, {HALF: 1, ONE: 1, TWO: 1})
        assert breaches_ahead(connection, NOW, client='nobody') == BreachesAhead(0, {HALF: 0, ONE: 0, TWO: 0})
        assert breaches_ahead(connection, NOW, spans=()) == BreachesAhead(2, {})
