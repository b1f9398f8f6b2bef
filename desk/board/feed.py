"""The wallboard kept current for whoever looks at it: reads the books now and then, and tells changes at most once a second."""
from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any, Protocol

from sqlalchemy import Connection, select

from ami_listener.board import Board
from ami_listener.call_figures import LONGEST, figures_by_queue
from ami_listener.phones import Phones
from ami_listener.presence import Presence, PresenceBook
from ami_listener.tables import calls
from config.values import Site
from contracts.targets import targets_of
from desk.board.quarters import Quarter, Wait, quarters
from desk.board.state import BoardState, Books, Link, as_json, board_state
from desk.web.stream import Hub
from fax.books import FaxBook
from fax.values import FaxState
from storage.engine import Database, DatabaseUnavailable
from ticketing.finding.breaches import breaches_ahead

log = logging.getLogger('mesa.desk')
TOPIC = 'board'
BETWEEN_S = 1.0
LOOK_EVERY_S = 5.0
OLDEST_BOOKS = timedelta(seconds=4)


class Picture(Protocol):
    """What the board asks of the live picture."""

    board: Board
    phones: Phones
    is_fresh: bool
    fresh_at: datetime | None


class BoardBooks:
    """What the board needs of the books; what was read last stands while they do not answer. Blocking, safe on any thread.

    `now` is Mesa's clock, by which folios are promised; calls are of the machine's.
    """

    def __init__(self, db: Database, site: Callable[[], Site], now: Callable[[], datetime], moment: Callable[[], datetime]) -> None:
        self._db = db
        self._site = site
        self._now = now
        self._moment = moment
        self._lock = Lock()
        self._last: Books | None = None

    def __call__(self) -> Books | None:
        """What is known; None before the first reading, and when the last one was of another day."""
        with self._lock:
            moment = self._moment()
            if self._last is None or not self._last.fresh or not timedelta() <= moment - self._last.at < OLDEST_BOOKS:
                self._last = self._read(moment)
            return self._last

    def _read(self, moment: datetime) -> Books | None:
        site = self._site()
        begin = midnight(moment, site)
        try:
            with self._db.read() as connection:
                today = figures_by_queue(connection, begin, moment, targets_of(site))
                lately = _quarters(connection, begin, moment)
                breaches = breaches_ahead(connection, self._now())
            faxes = FaxBook(self._db).counts()
        except DatabaseUnavailable as error:
            log.warning('the board stays as it was read before: %s', error)
            return replace(self._last, fresh=False) if self._last is not None and self._last.at >= begin else None
        return Books(moment, True, today, lately, breaches, faxes[FaxState.HELD], faxes[FaxState.QUARANTINED] + faxes[FaxState.UNDELIVERED])


class BoardFeed:
    """The board for pages and events. `in_thread` runs blocking work and gives a Deferred; timers run on the reactor's thread."""

    def __init__(self, reactor: Any, live: Picture, presence: PresenceBook, books: Callable[[], Books | None], site: Callable[[], Site],
                 moment: Callable[[], datetime], in_thread: Callable[..., Any], hub: Hub) -> None:
        self._reactor = reactor
        self._live = live
        self._presence = presence
        self._books = books
        self._site = site
        self._moment = moment
        self._in_thread = in_thread
        self._hub = hub
        self._timer: Any = None
        self._busy = False
        self._dirty = False
        self._told_at = -BETWEEN_S
        self._stopped = False

    def state(self) -> BoardState:
        """The board as it is now. Blocking; books that do not answer are no error."""
        link = Link(self._live.is_fresh, self._live.fresh_at)     # first: a picture that is emptied meanwhile is not taken for an empty one
        board, phones = self._live.board, self._live.phones
        if not self._live.is_fresh:
            link = replace(link, fresh=False)
        presences: Mapping[str, Presence] = {}
        try:
            presences = self._presence.all(self._moment())
        except DatabaseUnavailable as error:
            log.warning('the board goes without what agents chose: %s', error)
        return board_state(self._site(), board, phones, presences, self._books(), link)

    def hear(self, _change: object = None) -> None:
        """Something of the live picture has changed; on the reactor's thread."""
        self._dirty = True
        if not self._busy:
            self._in(max(0.0, self._told_at + BETWEEN_S - self._reactor.seconds()))

    def look(self) -> None:
        """Somebody has come to look."""
        self.hear()

    def stop(self) -> None:
        """Let no timer be left."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _in(self, seconds: float) -> None:
        """Tell then, or sooner if that is due already."""
        if self._stopped:
            return
        if self._timer is None:
            self._timer = self._reactor.callLater(seconds, self._tell)
        elif self._timer.getTime() > self._reactor.seconds() + seconds:
            self._timer.reset(seconds)

    def _tell(self) -> None:
        self._timer = None
        if not self._hub.readers(TOPIC):
            return
        self._busy, self._dirty, self._told_at = True, False, self._reactor.seconds()
        self._in_thread(self._made).addCallbacks(self._made_well, self._failed).addBoth(self._rest)

    def _made(self) -> dict[str, Any]:
        return as_json(self.state(), self._site())

    def _made_well(self, state: dict[str, Any]) -> None:
        if not self._stopped:
            self._hub.publish(TOPIC, 'board', state)

    def _failed(self, failure: Any) -> None:
        log.error('the board cannot be told: %s', failure.getTraceback())

    def _rest(self, _: object) -> None:
        """Not sooner than in a second again; and now and then even if nothing was heard."""
        self._busy = False
        self._in(BETWEEN_S if self._dirty else LOOK_EVERY_S)


def midnight(moment: datetime, site: Site) -> datetime:
    """When today began in the site's zone, UTC."""
    local = moment.astimezone(site.zone)
    return datetime(local.year, local.month, local.day, tzinfo=site.zone).astimezone(UTC)


def _quarters(connection: Connection, begin: datetime, moment: datetime) -> tuple[Quarter, ...]:
    c = calls.c
    rows = connection.execute(select(c.joined, c.left_queue, c.ended, c.agent_answered).where(
        c.started >= begin - LONGEST, c.started < moment, c.direction == 'in', c.joined >= begin - LONGEST))
    return quarters((Wait(row.joined, row.left_queue or row.ended, row.agent_answered is not None) for row in rows), begin, moment)
