"""When a call-back may be made, and attempts whose end nobody tells (mission.md 3.6)."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from callcenter.afterwards import Afterwards
from callcenter.call_back_places import FORGOTTEN_S, Forgotten, in_hours
from config.values import Override, OverrideState
from storage.engine import Database
from tests.small_site import LINE, SITE, at
from ticketing.call_backs import CallBack, CallBacks, Request
from ticketing.folios import FolioBook

NOW = at('2026-11-24 10:00')
ONE = CallBack(id=1, linkedid='17.1', client='quetzal', line=LINE, queue='quetzal', priority=0, number='+525555550101', folio=None,
               joined_at=NOW, asked_at=NOW, state='waiting', attempts=0, next_at=NOW, finished_at=None)


@pytest.mark.parametrize(('moment', 'may'), [
    ('2026-11-24 07:59:59', False), ('2026-11-24 08:00', True), ('2026-11-24 19:59:59', True), ('2026-11-24 20:29:59', True),
    ('2026-11-24 20:30', False), ('2026-11-28 12:00', False), ('2026-12-25 12:00', False)])
def test_while_a_caller_on_the_line_could_still_wait(moment: str, may: bool) -> None:
    assert in_hours(SITE, (), ONE, at(moment)) is may


def test_overrides_and_lines_that_are_gone() -> None:
    closed = Override(LINE, OverrideState.CLOSED, at('2026-11-24 09:00'), at('2026-11-24 12:00'))
    assert not in_hours(SITE, (closed,), ONE, NOW)
    assert not in_hours(SITE, (), replace(ONE, line='+528005550199'), NOW)
    assert not in_hours(SITE, (), replace(ONE, queue='gone'), NOW)


def test_an_attempt_that_nobody_tells_of_is_made_again_after_a_while(db: Database) -> None:
    books = CallBacks(db)
    books.ask(Request(linkedid='17.1', client='quetzal', line=LINE, queue='quetzal', priority=0, number='+525555550101',
                      joined_at=NOW), NOW)
    (kept,) = books.due(NOW)
    books.begin(kept.id, 'call-back-1-a', NOW)
    office: Any = SimpleNamespace(call_backs=books, now=lambda: NOW)
    alive, clock = ['call-back-1-a'], [0.0]
    forgotten = Forgotten(office, lambda: alive, lambda: clock[0])
    for passed, known in ((0.0, True), (FORGOTTEN_S * 5, True), (FORGOTTEN_S * 5 + 1, False), (FORGOTTEN_S * 6, False)):
        clock[0], alive[:] = passed, ['call-back-1-a'] if known else []
        forgotten.round()
        assert books.due(NOW) == ()
    clock[0] = FORGOTTEN_S * 6 + 1
    forgotten.round()
    assert books.due(NOW) == (kept,) and books.in_flight() == ()


def test_an_agent_who_took_the_very_call_ends_its_call_back(db: Database, tmp_path: Path) -> None:
    books, folios = CallBacks(db), FolioBook(db)
    books.ask(Request(linkedid='17.1', client='quetzal', line=LINE, queue='quetzal', priority=0, number='+525555550101',
                      joined_at=NOW), NOW)
    office: Any = SimpleNamespace(call_backs=books, folios=folios)
    Afterwards(office, tmp_path, lambda moment: moment).mark_answered('17.1', 'ana', NOW)
    assert books.due(NOW) == ()
