"""The duty that keeps called-back callers in their queues, and when a call-back may be made (mission.md 3.6)."""
from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from time import monotonic

from agi.office import Office
from ami_listener.places import Manager, Places
from config.hours import opening
from config.values import Override, Policy, Site
from ticketing.call_backs import CallBack, Outcome

log = logging.getLogger('mesa.call_backs')
FORGOTTEN_S = 900.0


def call_back_round(office: Office, manager: Manager) -> Callable[[], object]:
    """One round over all kept places."""
    def may_call(one: CallBack) -> bool:
        now = office.now()
        return in_hours(office.standing().site, office.overrides(now), one, now)
    return Places(manager, lambda: office.call_backs.due(office.now()), may_call).round


class Forgotten:
    """Attempts whose end the journal never tells, because it was lost: they must not keep a caller waiting for ever.

    `patience` is the machine's clock. An attempt that Asterisk does not know for a quarter of an hour is over, and does not count.
    """

    def __init__(self, office: Office, alive: Callable[[], Collection[str]], patience: Callable[[], float] = monotonic) -> None:
        self._office = office
        self._alive = alive
        self._patience = patience
        self._missing: dict[str, float] = {}

    def round(self) -> None:
        """Look once. Raises AmiError."""
        attempts = self._office.call_backs.in_flight()
        alive = self._alive() if attempts else ()
        self._missing = {one: self._missing.get(one, self._patience()) for one in attempts if one not in alive}
        for linkedid, since in self._missing.items():
            if self._patience() - since >= FORGOTTEN_S:
                log.warning('call-back %s: the journal does not tell how it ended; he is called again', linkedid)
                self._office.call_backs.settle(linkedid, Outcome.LOST, Policy(), self._office.now())


def in_hours(site: Site, overrides: tuple[Override, ...], one: CallBack, now: datetime) -> bool:
    """Whether his line is open, or closed so lately that a caller on the line could still wait for his turn too.

    False for a line or a queue that the site in force does not have any more.
    """
    line = site.lines.get(one.line)
    if line is None or one.queue not in site.queues:
        return False
    calendar = site.calendars[line.calendar]
    mine = [override for override in (*site.overrides, *overrides) if override.line == line.number]
    last_wait = timedelta(minutes=site.clients[line.client].policy_of(line.modality).queue_wait_minutes)
    return any(opening(calendar, site.holidays, mine, moment).open for moment in (now, now - last_wait))
