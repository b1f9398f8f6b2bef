"""The duty that keeps called-back callers in their queues, and when a call-back may be made (mission.md 3.6)."""
from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from agi.office import Office
from ami_listener.places import Manager, Places
from config.hours import opening
from config.values import Override, Site
from ticketing.call_backs import CallBack


def call_back_round(office: Office, manager: Manager) -> Callable[[], object]:
    """One round over all kept places."""
    def may_call(one: CallBack) -> bool:
        now = office.now()
        return in_hours(office.standing().site, office.overrides(now), one, now)
    return Places(manager, lambda: office.call_backs.due(office.now()), may_call).round


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
