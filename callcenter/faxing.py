"""The fax server's duties, wired: its books, its spool, its clocks, its folders."""
from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import time
from typing import Any

from config.place import Place
from config.values import Policy, Site
from fax.books import FaxBook
from fax.delivery import Deliveries
from fax.pipeline import Clocks, Folders, Pipeline
from fax.policy import policy_of
from fax.retention import FaxRetention
from fax.spool import Spool

log = logging.getLogger('mesa.fax')


@dataclass(frozen=True)
class FaxRounds:
    """What is done with received faxes again and again."""

    work: Callable[[], int]
    expire: Callable[[], int]
    sweep: Callable[[], int]


def folders_of(place: Place) -> Folders:
    """Where an instance keeps its copies of faxes."""
    return Folders(place.fax / 'tiff', place.fax / 'pdf')


def fax_rounds(serving: Any) -> FaxRounds:
    """The rounds of `callcenter.services.Serving`. They belong on the machine of the modems: files are handed over there."""
    place, clock = serving.instance.place, serving.clock

    def in_force() -> Site:
        site: Site = serving.standing().site
        return site

    book, folders = FaxBook(serving.db), folders_of(place)
    # With a stopped clock a fax comes when the clock says, not when the machine wrote it.
    clocks = Clocks(clock.now, lambda written: clock.set_to() or written, lambda: datetime.now(UTC))
    spool = Spool(place.fax_spool, folders.tiffs)
    pipeline = Pipeline(book, spool, folders, in_force, serving.office.overrides, clocks)
    deliveries = Deliveries(book, in_force, clock.now)
    retention = FaxRetention(book, folders, in_force)

    def expire() -> int:
        gone = retention.round(clock.now())
        if gone:
            log.info('%d faxes expired by contract', gone)
        return gone

    def sweep() -> int:
        longest = max((policy_of(in_force(), key).fax_days for key in in_force().clients), default=Policy().fax_days)
        return retention.sweep() + spool.forget_sessions(time() - longest * 86_400)
    return FaxRounds(lambda: pipeline.round() + deliveries.round(), expire, sweep)
