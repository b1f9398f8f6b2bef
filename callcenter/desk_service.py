"""Wires the desk: the live picture of Asterisk, its books, its pages, its events, and the telephones of browsers."""
from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ami_listener.call_log import CallLog
from ami_listener.live import Books, Live
from ami_listener.orders import Orders
from ami_listener.presence import PresenceBook
from callcenter.desk_health import health_of
from config.values import Site
from desk.accounts.accounts import Accounts
from desk.board.feed import TOPIC as BOARD
from desk.board.feed import BoardBooks, BoardFeed
from desk.calls.cards import Cards
from desk.calls.seats import TOPIC, Seats
from desk.desk import Desk
from desk.folios.state import FolioWatch
from desk.routes import ROUTES
from desk.web.failures import PageFailures, ProgramFailures
from desk.web.frame import Router
from desk.web.gate import Gate
from desk.web.relay import Relay
from desk.web.server import DeskServer, desk_threads
from desk.web.sessions import SessionWatch
from desk.web.static import static_files
from desk.web.stream import Hub
from ticketing.click_to_call import ClicksToCall
from ticketing.lists import FolioLists
from ticketing.values import EntryKind


def desk_services(serving: Any) -> list[Any]:
    """The desk's services, in the order of starting; `serving` is `callcenter.services.Serving`."""
    place, reactor, now = serving.instance.place, serving.reactor, serving.clock.now
    secrets = serving.instance.secrets(serving.standing().site)

    def site() -> Site:
        in_force: Site = serving.standing().site
        return in_force

    presence = PresenceBook(serving.db, site)
    calls = CallLog(serving.db, serving.login_of)
    pool, in_thread = desk_threads(reactor)

    def moment() -> datetime:
        """The machine's clock: who waits, talks or pauses does so in this world, wherever a demo's clock stands."""
        return datetime.now(UTC)

    def call_ended(login: str, linkedid: str, queue: str) -> None:
        presence.call_ended(login, linkedid, queue, moment())
        seats.refresh_soon(login)

    live = Live(reactor, ('127.0.0.1', place.ports.ami), ('desk', secrets.ami_desk), moment,
                login_of=lambda interface: seats.login_of(interface),
                books=Books(lambda: presence.wanted(moment()), lambda: tuple(site().queues), call_ended))
    presence.changed = live.settle_now

    def accessed(folio: str, text: str, by: str) -> None:
        serving.folios.note(folio, EntryKind.ACCESS, text, by, now())

    def first_seen(topic: str) -> None:
        if topic.startswith(TOPIC):
            seats.refresh(topic.removeprefix(TOPIC))
        elif topic == BOARD:
            board.look()
        folios.readers_changed(topic)

    hub = Hub(reactor, lambda: {'asterisk': 'up' if live.is_fresh else 'down', 'now': moment().isoformat()}, first_seen)
    folios = FolioWatch(reactor, hub, serving.db, site, in_thread)
    seats = Seats(reactor, live, hub, Cards(serving.db, site, now), presence, site, moment, in_thread)
    board = BoardFeed(reactor, live, presence, BoardBooks(serving.db, site, now, moment), site, moment, in_thread, hub)
    live.subscribe(seats.hear)
    live.subscribe(board.hear)
    desk = Desk(
        db=serving.db, site=site, place=place, accounts=Accounts(serving.db), folios=serving.folios, lists=FolioLists(serving.db),
        lifecycle=serving.lifecycle, live=live, presence=presence, orders=Orders(live, site, calls.get, accessed),
        clicks=ClicksToCall(serving.db, site), seats=seats,
        end_streams=lambda token: reactor.callFromThread(hub.send_away, token),
        browser_password=lambda login: serving.instance.secrets(site()).web_phones[login],
        overrides=serving.overrides, board=board, health=health_of(serving, live), routes=ROUTES, grown=folios.grown,
        writing=folios.writing)

    def stop() -> None:
        seats.stop()
        board.stop()

    gate = Gate(desk, Router(ROUTES), desk.accounts, PageFailures(), ProgramFailures(), now, moment)
    relay = Relay(reactor, '127.0.0.1', place.ports.sip_ws)
    watch = SessionWatch(reactor, hub, desk.accounts, moment, in_thread)
    server = DeskServer(reactor, gate, hub, relay, static_files(), pool, in_thread, '127.0.0.1', place.ports.desk, stop)
    return [live, server, watch, folios]
