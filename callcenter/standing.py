"""The site in force and the overrides in force, kept ready in memory for every call."""
from __future__ import annotations

import hashlib
import logging
from datetime import datetime
from pathlib import Path
from threading import Lock
from time import monotonic

from agi.office import Standing
from callcenter.listening import PromptTexts
from config.load import load
from config.place import Place
from config.values import Override, Site
from ivr_flows.conversation import MESSAGE_NOTICE, RECORDING_NOTICE
from storage.engine import DatabaseUnavailable
from ticketing.directory import Directory
from ticketing.overrides import Overrides

log = logging.getLogger('mesa.standing')
OLDEST_OVERRIDES_S = 2.0


class SiteInForce:
    """What `applied/current` leads to; loaded again when the link leads elsewhere."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.generation = place.current.readlink().name
        self._standing = read_standing(place.site)

    def __call__(self) -> Standing:
        return self._standing

    def refresh(self) -> bool:
        """Load the site again if an apply or an undo moved the link; True when it did. Blocks for the time of a load."""
        generation = self._place.current.readlink().name
        if generation == self.generation:
            return False
        self._standing = read_standing(self._place.applied / generation / 'site')
        self.generation = generation
        return True


def read_standing(folder: Path) -> Standing:
    """A site's folder as calls need it."""
    site = load(folder)
    return Standing(site, Directory(site.clients), notice_versions(site))


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
        seen_mark, seen_at = self._seen
        if (mark == seen_mark and wall - seen_at < OLDEST_OVERRIDES_S) or not self._lock.acquire(blocking=seen_mark == -1):
            return self._known
        try:
            self._known = self._overrides.current(now)
            self._seen = (mark, wall)
        except DatabaseUnavailable as error:
            self._seen = (mark, wall)
            log.warning('overrides not read, the last known ones stay in force: %s', error)
        finally:
            self._lock.release()
        return self._known


def override_stamp(root: Path) -> Path:
    """The file that `mesa line override` touches."""
    return root / 'run' / 'overrides.stamp'


def _mtime(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
