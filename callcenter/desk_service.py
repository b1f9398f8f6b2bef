"""Wires the desk: its books, its pages, its events, and the telephones of browsers."""
from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from desk.accounts.accounts import Accounts
from desk.desk import Desk
from desk.folio_state import FolioWatch
from desk.routes import ROUTES
from desk.web.failures import PageFailures, ProgramFailures
from desk.web.frame import Router
from desk.web.gate import Gate
from desk.web.relay import Relay
from desk.web.server import DeskServer
from desk.web.static import static_files
from desk.web.stream import Hub
from ticketing.lists import FolioLists


def desk_services(serving: Any) -> list[Any]:
    """The desk's services, in the order of starting; `serving` is `callcenter.services.Serving`."""
    place = serving.instance.place
    hub = Hub(serving.reactor, lambda: {'asterisk': 'up'}, lambda topic: watch.readers_changed(topic))
    watch = FolioWatch(serving.reactor, hub, serving.db, lambda: serving.standing().site)
    desk = Desk(
        db=serving.db, site=lambda: serving.standing().site, place=place, accounts=Accounts(serving.db), folios=serving.folios,
        lists=FolioLists(serving.db), lifecycle=serving.lifecycle, grown=watch.grown, writing=watch.writing)
    gate = Gate(desk, Router(ROUTES), desk.accounts, PageFailures(), ProgramFailures(), serving.clock.now, lambda: datetime.now(UTC))
    relay = Relay(serving.reactor, '127.0.0.1', 8088)
    return [DeskServer(serving.reactor, gate, hub, relay, static_files(), '127.0.0.1', place.ports.desk), watch]
