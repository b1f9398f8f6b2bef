"""Sending a fax: what a person asks for, checked, drawn and stored before anything happens (mission.md 5.5)."""
from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from config.values import Site
from fax.outgoing.documents import document
from fax.outgoing.job_book import JobBook
from fax.outgoing.jobs import Document, FaxJob, Order, SendingError
from fax.outgoing.numbers import fax_number
from fax.policy import policy_of
from ticketing.folios import FolioBook
from ticketing.mail.files import store_whole


def send(book: JobBook, folios: FolioBook, site: Site, folder: Path, order: Order, name: str, content: bytes, now: datetime) -> FaxJob:
    """Take a fax to be sent: checked, drawn, durable in `folder`, and in the books. `order.number` and `order.line` as typed.

    Raises SendingError, OSError, DatabaseUnavailable.
    """
    if site.fax_server.modems == 0:
        raise SendingError('This site has no fax server: say how many modems it has in site.toml, [fax], modems, and apply.')
    checked = on_behalf(site, folios, replace(order, number=fax_number(site, order.number)))
    drawn = document(name, content)
    return store(book, folder, checked, drawn, now)


def store(book: JobBook, folder: Path, order: Order, drawn: Document, now: datetime) -> FaxJob:
    """Put a fax into the folder, durably, and then into the books."""
    digest = sha256(drawn.content).hexdigest()
    with _documents(folder):
        store_whole(folder / digest, drawn.content)
        store_whole(sheets_file(folder, digest), drawn.sheets)
        return book.store(order, drawn, now)


def sheets_file(folder: Path, digest: str) -> Path:
    """The sheets of a document, by the SHA-256 of its content."""
    return folder / f'{digest}.tif'


def on_behalf(site: Site, folios: FolioBook, order: Order) -> Order:
    """The order with the client whose fax it is: of its folio, else of its line, else as named. Raises SendingError when they differ."""
    folio = folios.get(order.folio) if order.folio else None
    if order.folio and folio is None:
        raise SendingError(f'No folio has the number {order.folio}. See: mesa folio list')
    line = site.lines.get(order.line) if order.line else None
    if order.line and line is None:
        raise SendingError(f'{order.line}: no line has this number. See: mesa line list')
    if order.client and order.client not in site.clients:
        raise SendingError(f'No client is called {order.client!r}. There are: {", ".join(sorted(site.clients))}')
    clients = {one for one in (folio.report.client if folio else None, line.client if line else None, order.client) if one}
    if len(clients) > 1:
        raise SendingError(f'It is the fax of one client, and not of {" and ".join(sorted(clients))}: folio, line and client must agree.')
    return replace(order, client=next(iter(clients), None), line=order.line or (folio.report.line if folio else None))


def forget(book: JobBook, site: Site, folder: Path, now: datetime) -> int:
    """Delete the documents of faxes that ended long enough ago, by each client's contract (mission.md 5.4); how many faxes."""
    done = 0
    for client in book.kept_for():
        policy = policy_of(site, client)
        for job in book.forgettable(now - timedelta(days=policy.fax_days), client):
            forget_one(book, job, folder, now)
            done += 1
    return done


def forget_one(book: JobBook, job: FaxJob, folder: Path, now: datetime) -> None:
    """Delete the document of a fax that is over, unless another one needs it."""
    with _documents(folder):
        if book.forget(job, now):
            (folder / job.sha256).unlink(missing_ok=True)
            sheets_file(folder, job.sha256).unlink(missing_ok=True)


@contextmanager
def _documents(folder: Path) -> Iterator[None]:
    """Nobody else stores or deletes a document: one that is about to be sent again must not go as an old one."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / '.documents').open('a') as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
