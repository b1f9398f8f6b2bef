"""The desk: everything that its pages and its API reach, in one value. Handlers get it as their first argument."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from config.place import Place
from config.values import Site
from desk.accounts.accounts import Accounts
from storage.engine import Database
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
