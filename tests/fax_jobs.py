"""Faxes to be sent, for tests."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from config.load import load
from config.values import Site
from fax.outgoing.documents import document
from fax.outgoing.job_book import JobBook
from fax.outgoing.jobs import Document, FaxJob, Order
from fax.outgoing.orders import store
from tests.site_copies import EXAMPLE

NOW = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
MACHINE = datetime(2030, 1, 1, tzinfo=UTC)
PAGE = document('oficio.txt', 'Estimados señores:\n\nhola\n'.encode())
Change = Callable[[Site], Site]


def the_site(modems: int = 2) -> Site:
    """The example site with a fax server."""
    site = load(EXAMPLE)
    return replace(site, fax_server=replace(site.fax_server, modems=modems))


def an_order(**wishes: object) -> Order:
    """A fax of nobody to a number without a line."""
    return Order(**({'number': '+525555550199', 'by': 'ana'} | wishes))  # type: ignore[arg-type]


def queued(book: JobBook, folder: Path, document: Document = PAGE, **wishes: object) -> FaxJob:
    """A fax in the books and its document on disk."""
    return store(book, folder, an_order(**wishes), document, NOW)
