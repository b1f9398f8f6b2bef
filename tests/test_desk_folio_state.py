"""Who looks at a folio and that it has grown, on a clock of the test's hand and a real database (mission.md 6.2)."""
from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import maybeDeferred
from twisted.internet.task import Clock

from desk.accounts.values import Person, Role
from desk.folios.state import EVERY_S, WRITING_S, FolioWatch
from desk.web.stream import Hub, Subscription
from storage.engine import Database
from tests.lives import NOW, Desk
from tests.test_desk_stream import Reader
from ticketing.values import Kind

ANA, BETO = Person('ana', 'Ana Pérez', Role.AGENT), Person('beto', 'Beto Pérez', Role.AGENT)


class HandClock(Clock):
    """A reactor's clock; what other threads want is done at once."""

    def callFromThread(self, work: Any, *arguments: Any) -> None:
        work(*arguments)


class Watched:
    """A hub, a watch, and their readers."""

    def __init__(self, db: Database) -> None:
        self.books = Desk(db)
        self.clock = HandClock()
        self.hub = Hub(self.clock, dict, lambda topic: self.watch.readers_changed(topic))
        self.watch = FolioWatch(self.clock, self.hub, db, lambda: self.books.site, maybeDeferred)
        self.watch.startService()

    def look(self, person: Person, number: str) -> Reader:
        reader = Reader()
        assert self.hub.open(reader, Subscription(person, person.login, (f'folio/{number}',)))
        return reader


@pytest.fixture
def watched(db: Database) -> Watched:
    return Watched(db)


def people(reader: Reader) -> list[tuple[str, str]]:
    return [(person['login'], person['writes']) for person in reader.events('folio')[-1]['people']]


def test_two_see_each_other_and_what_the_other_writes(watched: Watched) -> None:
    number = watched.books.open()
    first = watched.look(ANA, number)
    assert people(first) == [('ana', '')]
    second = watched.look(BETO, number)
    assert people(first) == people(second) == [('ana', ''), ('beto', '')]
    watched.watch.writing(number, BETO, 'nota')
    assert people(first) == [('ana', ''), ('beto', 'nota')]
    watched.watch.writing(number, BETO, '')
    assert people(first) == [('ana', ''), ('beto', '')]
    second.leave()
    assert people(first) == [('ana', '')]


def test_who_falls_silent_writes_no_more(watched: Watched) -> None:
    number = watched.books.open()
    reader = watched.look(ANA, number)
    watched.watch.writing(number, ANA, 'nota')
    for _ in range(int(WRITING_S // EVERY_S) + 1):
        watched.clock.advance(EVERY_S)
    assert people(reader) == [('ana', '')]


def test_what_came_by_another_way_shows_at_the_next_look(watched: Watched) -> None:
    number = watched.books.open()
    reader = watched.look(ANA, number)
    before = reader.events('folio')[-1]
    watched.books.life.note(number, text='Secreto', by='beto', now=NOW)
    watched.clock.advance(EVERY_S)
    after = reader.events('folio')[-1]
    assert after['entry'] > before['entry'] and after['version'] == before['version']
    assert (after['by'], after['login'], after['kind']) == ('Beto Pérez', 'beto', 'nota')
    assert b'Secreto' not in reader.written
    told = len(reader.events('folio'))
    watched.clock.advance(EVERY_S)
    assert len(reader.events('folio')) == told         # nothing new: nothing is sent


def test_a_change_made_here_shows_at_once(watched: Watched) -> None:
    number = watched.books.open()
    reader = watched.look(ANA, number)
    watched.books.life.start(number, by='beto', now=NOW)
    watched.watch.grown(number)
    assert reader.events('folio')[-1]['version'] == 1


def test_who_may_see_it_no_more_is_told_no_more(watched: Watched) -> None:
    number = watched.books.open()
    beto = watched.look(BETO, number)
    told = len(beto.events('folio'))
    watched.books.life.complain(number, text='Fue grosero', by='sara', now=NOW, complained_of='beto')
    watched.clock.advance(EVERY_S)
    watched.books.life.note(number, text='x', by='sara', now=NOW)
    watched.clock.advance(EVERY_S)
    assert watched.books.get(number).report.kind == Kind.COMPLAINT
    assert len(beto.events('folio')) == told


def test_a_folio_that_nobody_looks_at_is_not_read(watched: Watched) -> None:
    number = watched.books.open()
    watched.look(ANA, number).leave()
    watched.clock.advance(EVERY_S)
    watched.books.life.note(number, text='x', by='beto', now=NOW)
    again = watched.look(ANA, number)
    assert [state['by'] for state in again.events('folio')] == ['Beto Pérez']
    watched.watch.stopService()
