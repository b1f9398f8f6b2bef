"""The site in force and the overrides in force, kept ready in memory for every call."""
from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from time import monotonic

from agi.office import Standing
from callcenter.clock import Clock
from callcenter.listening import PromptTexts
from config.load import load
from config.place import Place
from config.values import Override, Site
from contracts.months import midnight
from ivr_flows.conversation import MESSAGE_NOTICE, RECORDING_NOTICE
from storage.engine import DatabaseUnavailable
from ticketing.directory import Directory
from ticketing.overrides import Overrides

log = logging.getLogger('mesa.standing')
OLDEST_OVERRIDES_S = 2.0


@dataclass(frozen=True)
class Day:
    """What holds from one midnight of the site's zone to the next, aware UTC instants; `loaded` is what it was made of."""

    loaded: Standing
    begins: datetime
    ends: datetime
    standing: Standing


class SiteInForce:
    """What `applied/current` leads to, with the terms of today; loaded again when the link leads elsewhere.

    Today is that of Mesa's clock, so terms change at midnight by themselves. A site is made once a day; a call costs a comparison.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self.generation = place.current.readlink().name
        self._loaded = read_standing(place.site)
        self._clock = Clock(place.root, self._loaded.site.demo)
        self._day = day_of(self._loaded, self._clock.now())

    def __call__(self) -> Standing:
        loaded, day, now = self._loaded, self._day, self._clock.now()
        if day.loaded is not loaded or not day.begins <= now < day.ends:
            self._day = day = day_of(loaded, now)      # two threads that meet here make the same
        return day.standing

    def refresh(self) -> bool:
        """Load the site again if an apply or an undo moved the link; True when it did. Blocks for the time of a load."""
        generation = self._place.current.readlink().name
        if generation == self.generation:
            return False
        loaded = read_standing(self._place.applied / generation / 'site')
        self._clock = Clock(self._place.root, loaded.site.demo)
        self._loaded = loaded
        self.generation = generation
        return True


def read_standing(folder: Path) -> Standing:
    """A site's folder as calls need it."""
    site = load(folder)
    return Standing(site, Directory(site.clients), notice_versions(site))


def day_of(loaded: Standing, now: datetime) -> Day:
    """The local day of an instant: the site with its terms, and from when to when they hold."""
    zone = loaded.site.zone
    day = now.astimezone(zone).date()
    return Day(loaded, midnight(day, zone), midnight(day + timedelta(days=1), zone), replace(loaded, site=loaded.site.on(day)))


def notice_versions(site: Site) -> dict[str, str]:
    """The privacy notices that callers of this site may hear, each with a digest of its words."""
    texts = PromptTexts.load(site.prompt_texts)
    prompts = {MESSAGE_NOTICE, RECORDING_NOTICE, *(client.privacy_notice for client in site.clients.values())}
    return {prompt: f'{prompt} {hashlib.sha256(texts.text(prompt).encode()).hexdigest()[:8]}' for prompt in prompts}


class OverridesInForce:
    """The stored overrides, read again when somebody touched the stamp and every two seconds.

    While the database does not answer, the last known ones stay in force: a call is never lost for them.
    """

    def __init__(self, overrides: Overrides, stamp: Path) -> None:
        self._overrides = overrides
        self._stamp = stamp
        self._lock = Lock()
        self._known: tuple[Override, ...] = ()
        self._seen = (-1, 0.0)

    def __call__(self, now: datetime) -> tuple[Override, ...]:
        mark, wall = _mtime(self._stamp), monotonic()
        if self._is_known(mark, wall) or not self._lock.acquire(blocking=mark != self._seen[0]):
            return self._known
        try:
            if self._is_known(mark, wall):             # another call has read them meanwhile
                return self._known
            self._known = self._overrides.current(now)
            self._seen = (mark, wall)
        except DatabaseUnavailable as error:
            self._seen = (mark, wall)
            log.warning('overrides not read, the last known ones stay in force: %s', error)
        finally:
            self._lock.release()
        return self._known

    def _is_known(self, mark: int, wall: float) -> bool:
        seen_mark, seen_at = self._seen
        return mark == seen_mark and wall - seen_at < OLDEST_OVERRIDES_S


def override_stamp(root: Path) -> Path:
    """The file that `mesa line override` touches."""
    return root / 'run' / 'overrides.stamp'


def _mtime(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
