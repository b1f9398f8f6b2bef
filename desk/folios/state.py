"""Several people in one folio: who looks at it, who writes, and that it has grown (mission.md 6.2). On the reactor's thread but for reads.

A folio grows by the telephone, by e-mail, by the API and by other processes, which tell nobody here. So the folios that somebody looks
at are read every two seconds, all of them in one query, and at once after a change that was made here.
"""
from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from config.values import Site
from desk.accounts.values import Person
from desk.folios.viewing import name_of, viewer_of
from desk.web.stream import Hub
from storage.engine import Database, DatabaseUnavailable
from ticketing.growth import Growth, growth_of
from ticketing.spanish import ENTRIES

log = logging.getLogger('mesa.desk')
FOLIO = 'folio/'
EVERY_S = 2.0
WRITING_S = 12.0                                       # without a sign of life nobody writes any more


class FolioWatch:
    """Keeps the topics `folio/NUMBER` of one process current. A service: it has a beginning and an end."""

    def __init__(self, reactor: Any, hub: Hub, db: Database, site: Callable[[], Site], in_thread: Callable[..., Any]) -> None:
        self._in_thread = in_thread
        self._reactor = reactor
        self._hub = hub
        self._db = db
        self._site = site
        self._known: dict[str, Growth] = {}
        self._writers: dict[str, dict[str, tuple[str, float]]] = {}
        self._timer: Any = None
        self._reading = False
        self._again = False

    def startService(self) -> None:
        """Begin to look."""
        self._timer = self._reactor.callLater(EVERY_S, self._round)

    def stopService(self) -> None:
        """Look no more."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    # --- from any thread -------------------------------------------------------------------------------------------

    def grown(self, number: str) -> None:
        """A folio has changed here: look now."""
        self._reactor.callFromThread(self._look)

    def writing(self, number: str, person: Person, what: str) -> None:
        """Somebody writes in a form of this name; '': he has stopped."""
        self._reactor.callFromThread(self._writes, number, person.login, what)

    # --- on the reactor's thread -----------------------------------------------------------------------------------

    def readers_changed(self, topic: str) -> None:
        """Somebody began to look at a folio, or left it."""
        if not topic.startswith(FOLIO):
            return
        number = topic.removeprefix(FOLIO)
        if number in self._known:
            self._publish(number)
        else:
            self._look()

    def _writes(self, number: str, login: str, what: str) -> None:
        writers = self._writers.setdefault(number, {})
        writers.pop(login, None)
        if what:
            writers[login] = (what, self._reactor.seconds() + WRITING_S)
        if not writers:
            self._writers.pop(number, None)
        self._publish(number)

    def _round(self) -> None:
        self._timer = self._reactor.callLater(EVERY_S, self._round)
        self._look()

    def _look(self) -> None:
        """Read how far the folios have come that somebody looks at; what is asked for meanwhile is read right after."""
        if self._reading:
            self._again = True
            return
        numbers = {topic.removeprefix(FOLIO) for topic in self._hub.topics(FOLIO)}
        for gone in self._known.keys() - numbers:
            del self._known[gone]
        if not numbers:
            return
        self._reading = True
        self._in_thread(growth_of, self._db, numbers).addCallback(self._looked).addErrback(_failed).addBoth(self._done)

    def _looked(self, found: dict[str, Growth]) -> None:
        self._known |= found
        for number in found:
            self._publish(number)

    def _done(self, _: object) -> None:
        self._reading = False
        if self._again:
            self._again = False
            self._look()

    def _publish(self, number: str) -> None:
        known = self._known.get(number)
        if known is None:
            return
        topic = FOLIO + number
        self._hub.keep(topic, lambda person: viewer_of(person).sees(known.folio))
        self._hub.publish(topic, 'folio', self._state(number, known))

    def _state(self, number: str, known: Growth) -> dict[str, Any]:
        """What the page is told. No word that anybody wrote is in it."""
        writers, now = self._writers.get(number, {}), self._reactor.seconds()
        people = sorted(self._hub.readers(FOLIO + number), key=lambda person: person.name)
        return {
            'number': number, 'version': known.folio.version, 'entry': known.entry, 'kind': ENTRIES.get(known.kind, known.kind),
            'by': name_of(self._site(), known.by), 'login': known.by, 'at': known.at.isoformat(),
            'people': [{'login': person.login, 'name': person.name,
                        'writes': next((what for login, (what, until) in writers.items() if login == person.login and until > now), '')}
                       for person in people]}


def _failed(failure: Any) -> None:
    """The next round looks again."""
    if failure.check(DatabaseUnavailable):
        log.info('the folios that are looked at cannot be read: %s', failure.getErrorMessage())
    else:
        log.error('the folios that are looked at: %s', failure.getTraceback())
