"""Terms that change at a midnight reach Asterisk's own files, too: rendered anew and put in force as by an apply (mission.md chapter 7).

What Mesa itself decides follows the day at once (`callcenter.standing`); longest waits, call-backs and the like stand in Asterisk's files.
"""
from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import date
from time import monotonic
from typing import Any

from callcenter.applied import applied_files
from callcenter.instance import Instance
from config.render import render
from config.values import Site

log = logging.getLogger('mesa.day')
AGAIN_S = 3600.0                                       # after an attempt that failed


def days_of_change(site: Site) -> tuple[date, ...]:
    """The first days of all terms, and one before them all."""
    return (date.min, *sorted({terms.since for client in site.clients.values() for terms in client.contract.terms}))


def rendered_for_another_day(instance: Instance) -> bool:
    """Whether Asterisk's files in force are exactly those that the same site has under terms of other days.

    Files that differ for another reason (a newer Mesa, other ports) are the matter of the next start.
    """
    place, site = instance.place, instance.site()
    if not any(client.contract.terms for client in site.clients.values()):
        return False
    secrets, in_force = instance.secrets(site), applied_files(place)
    if render(site, place, secrets) == in_force:
        return False
    return any(render(site.on(day), place, secrets) == in_force for day in days_of_change(site))


class DayChange:
    """The duty: looks once for every site that is served, which is a new one after each midnight and each apply."""

    def __init__(self, instance: Instance, standing: Callable[[], Any], seconds: Callable[[], float] = monotonic) -> None:
        self._instance = instance
        self._standing = standing
        self._seconds = seconds
        self._looked_at: Site | None = None
        self._rest_until = 0.0

    def round(self) -> bool:
        """Put today's files in force where yesterday's are; True when it did. Raises what an apply raises, and tries again in an hour."""
        from callcenter.apply import apply_today
        site = self._standing().site
        if site is self._looked_at or self._seconds() < self._rest_until:
            return False
        self._rest_until = self._seconds() + AGAIN_S
        done = apply_today(self._instance)
        self._looked_at, self._rest_until = site, 0.0
        if done is not None:
            log.info('the terms of today are in force in the files of Asterisk: apply %s', done.number)
        return done is not None
