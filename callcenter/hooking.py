"""The courier of an instance, wired: its books, its clocks, its secrets."""
from __future__ import annotations

from typing import Any

from config.values import Site

LANES = 3                                              # receivers that are served at once


def courier_of(serving: Any) -> Any:
    """The courier that serves by what is in force; `serving` is `callcenter.services.Serving`."""
    from ticketing.hooks.courier import Courier
    instance = serving.instance

    def in_force() -> Site:
        site: Site = serving.standing().site
        return site

    return Courier(serving.db, in_force, lambda key: instance.secrets(in_force()).webhooks[key], serving.clock.now)
