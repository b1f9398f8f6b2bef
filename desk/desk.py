"""The desk: everything that its pages and its API reach, in one value. Handlers get it as their first argument."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ami_listener.live import Live
from ami_listener.orders import Orders
from ami_listener.presence import PresenceBook
from config.place import Place
from config.values import Override, Site
from desk.accounts.accounts import Accounts
from desk.accounts.values import Person
from desk.board.feed import BoardFeed
from desk.calls.seats import Seats
from desk.health import Health
from desk.web.frame import Route
from storage.engine import Database
from ticketing.click_to_call import ClicksToCall
from ticketing.folios import FolioBook
from ticketing.lifecycle import LifeCycle
from ticketing.lists import FolioLists


@dataclass(frozen=True)
class Desk:
    """One desk. What is callable is asked anew each time: the site changes by an apply while pages are open."""

    db: Database
    site: Callable[[], Site]
    place: Place
    accounts: Accounts
    folios: FolioBook
    lists: FolioLists
    lifecycle: LifeCycle
    live: Live
    presence: PresenceBook
    orders: Orders
    clicks: ClicksToCall
    seats: Seats
    end_streams: Callable[[str], None]                  # of a session, by its token: it is over
    browser_password: Callable[[str], str]             # of an agent's telephone in his browser, by login
    overrides: Callable[[datetime], tuple[Override, ...]]   # those stored that matter from an instant on
    board: BoardFeed
    health: Health
    routes: tuple[Route, ...]                          # of this desk, for those who describe it
    # Called on any thread: a folio has grown; somebody writes in it (the name of a form, '' when he stopped).
    grown: Callable[[str], None] = lambda number: None
    writing: Callable[[str, Person, str], None] = lambda number, person, what: None
