"""The duties that watch open folios: escalation, similar folios, and due times reckoned anew when the contract changes."""
from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic
from typing import Any

from contracts.vips import VipWatch
from storage.engine import Database
from ticketing.levels.escalation import Escalator
from ticketing.levels.timing import recompute_open
from ticketing.problems import Problems

log = logging.getLogger('mesa.watching')
AGAIN_S = 900.0                                        # a command may have written by the contract of before an apply


def escalate(serving: Any) -> Callable[[], int]:
    """One round of the ladder; `serving` is `callcenter.services.Serving`."""
    return _told('escalation steps told', Escalator(serving.db, _site(serving)).round, serving)


def find_problems(serving: Any) -> Callable[[], int]:
    """One look for similar folios."""
    return _told('problems proposed or joined', Problems(serving.db, _site(serving)).round, serving)


def recompute(serving: Any) -> Callable[[], int]:
    """Reckon due times anew at the start and after each apply, and now and then."""
    return Reckoning(serving.db, serving.standing, serving.clock.now).round


def watch_vips(serving: Any) -> Callable[[], int]:
    """One look at every client's VIPs (mission.md 1.3)."""
    return _told('letters about too many VIPs', VipWatch(serving.db, _site(serving)).round, serving)


class Reckoning:
    """Remembers by which apply the due times were reckoned, in the machine's own time."""

    def __init__(self, db: Database, standing: Any, now: Callable[[], Any], seconds: Callable[[], float] = monotonic) -> None:
        self._db = db
        self._standing = standing
        self._now = now
        self._seconds = seconds
        self._done: tuple[str, float] | None = None

    def round(self) -> int:
        """Reckon if there is reason to; how many folios' due times moved."""
        generation, began = self._standing.generation, self._seconds()      # before the site: an apply meanwhile comes next time
        if self._done is not None and self._done[0] == generation and began - self._done[1] < AGAIN_S:
            return 0
        moved = recompute_open(self._db, self._standing().site, self._now())
        self._done = (generation, began)
        if moved:
            log.info('due times of %d folios moved by apply %s', moved, generation)
        return moved


def _site(serving: Any) -> Callable[[], Any]:
    return lambda: serving.standing().site


def _told(what: str, work: Callable[[Any], int], serving: Any) -> Callable[[], int]:
    def round_() -> int:
        done = work(serving.clock.now())
        if done:
            log.info('%d %s', done, what)
        return done
    return round_
