"""The way of a fax: from the spool into the books, page by page into a PDF, and into the outbox at its hour (mission.md 5.1-5.4).

A round does what can be done now, one step and one transaction after the other; it may be cut off anywhere, and the next one goes on. What
fails for want of disk or database stays where it is. A fax that makes trouble keeps no other waiting.
"""
from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fcntl import LOCK_EX, LOCK_NB, flock
from functools import partial
from pathlib import Path

from config.values import Line, Override, Site
from fax.books import OF_NOBODY, FaxBook, step
from fax.conversion.convert import Unconvertible, convert, count
from fax.delivery import queue
from fax.hooks import announce_fax
from fax.notices import alerts, pdf_name, rejection
from fax.policy import judge, may_leave, policy_of, release_at
from fax.spool import Found, Spool
from fax.values import Fax, FaxState
from storage.engine import DatabaseUnavailable
from ticketing.notices import send

log = logging.getLogger('mesa.fax')
SWEEP = timedelta(minutes=1)
REST = timedelta(minutes=1)                            # of a fax that a full disk or a defect of ours keeps from going on
EMPTY = 'no trae ninguna página que se pueda leer'


@dataclass(frozen=True)
class Folders:
    """Where our copies stand: `tiffs` by SHA-256, `pdfs` by reference."""

    tiffs: Path
    pdfs: Path

    def tiff(self, facsimile: Fax) -> Path:
        """The fax as it came."""
        return self.tiffs / f'{facsimile.sha256}.tif'

    def pdf(self, facsimile: Fax) -> Path:
        """The fax as it goes."""
        return self.pdfs / pdf_name(facsimile.reference)


@dataclass(frozen=True)
class Clocks:
    """`now` is Mesa's; `arrived` is when a fax came, of the machine's time at which it was written; `machine` the machine's own."""

    now: Callable[[], datetime]
    arrived: Callable[[datetime], datetime]
    machine: Callable[[], datetime]


class Pipeline:
    """The duty that works on received faxes. Raises DatabaseUnavailable."""

    def __init__(self, book: FaxBook, spool: Spool, folders: Folders, site: Callable[[], Site],
                 overrides: Callable[[datetime], Sequence[Override]], clocks: Clocks) -> None:
        self._book = book
        self._spool = spool
        self._folders = folders
        self._site = site
        self._overrides = overrides
        self._clocks = clocks
        for folder in (folders.tiffs, folders.pdfs):
            folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._rests: dict[str, datetime] = {}
        self._swept_at: datetime | None = None

    def round(self) -> int:
        """Take in what came, and lead every fax on; how many steps were done. Once a minute it looks for what no hook announced."""
        with self._alone() as alone:
            return self._take_in() + self._lead_on() if alone else 0

    def _take_in(self) -> int:
        spool, done = self._spool, 0
        for stem in spool.announced():
            done += self._guarded(stem, partial(self._record, partial(spool.announced_fax, stem), partial(spool.forget, stem)))
        for file in self._strays():
            done += self._guarded(file.stem, partial(self._record, partial(spool.stray_fax, file), partial(spool.forget_stray, file)))
        return done

    def _strays(self) -> Iterator[Path]:
        machine_now = self._clocks.machine()
        if self._swept_at is not None and machine_now - self._swept_at < SWEEP:
            return
        for file in self._spool.strays(machine_now.timestamp()):
            log.warning('fax file %s was announced by no hook; it is taken in now', file.name)
            yield file
        self._swept_at = machine_now

    def _record(self, look: Callable[[], Found], forget: Callable[[], None]) -> bool:
        """Our copy first, then the books, then the spool is cleared: at every instant somebody has the fax."""
        found = look()
        content = found.content or b''
        sha256 = self._spool.keep(content) if content else ''
        written = datetime.fromtimestamp(found.written_at, UTC)
        received_at = self._clocks.arrived(min(written, self._clocks.machine()))
        facsimile = self._book.record(found.arrival, sha256, len(content), received_at, self._site(), self._clocks.now())
        if facsimile is not None:
            log.info('fax %s of %d bytes from modem %s is in the books', facsimile.reference, facsimile.size, facsimile.device or '?')
        forget()
        return facsimile is not None

    def _lead_on(self) -> int:
        """Each fax as far as it can go now, in order of arrival."""
        return sum(self._lead(facsimile) for facsimile in self._book.working())

    def _lead(self, facsimile: Fax) -> int:
        done = 0
        while facsimile.state in STEPS and self._guarded(facsimile.reference, partial(STEPS[facsimile.state], self, facsimile)):
            facsimile = self._book.get(facsimile.reference)
            done += 1
        return done

    def _guarded(self, what: str, work: Callable[[], bool]) -> bool:
        """Whether the work was done. What cannot be done now rests for a while, and nothing else waits for it."""
        if self._rests.get(what, self._clocks.machine()) > self._clocks.machine():
            return False
        try:
            done = work()
        except DatabaseUnavailable:
            raise
        except Exception as error:
            log.exception('fax %s cannot go on now (%s): tried again in %s', what, error, REST)
            self._rests[what] = self._clocks.machine() + REST
            return False
        self._rests.pop(what, None)
        return done

    def _count(self, facsimile: Fax) -> bool:
        now, site = self._clocks.now(), self._site()
        line = site.lines.get(facsimile.line or '')
        if line is None:
            return self._quarantine(facsimile, OF_NOBODY, now)
        try:
            pages = self._pages(facsimile)
        except Unconvertible as error:
            return self._quarantine(facsimile, str(error), now)
        if not pages:
            return self._quarantine(facsimile, EMPTY, now)
        verdict = judge(policy_of(site, facsimile.client), pages, facsimile.reason, facsimile.all_pages)
        if verdict.rejected:
            return self._reject(facsimile, pages, line, now)
        return self._book.step(facsimile, FaxState.COUNTED, in_words(pages), now, pages=pages)

    def _pages(self, facsimile: Fax) -> int:
        """How many pages the TIFF lists; none when there is no TIFF. Raises Unconvertible."""
        return count(self._folders.tiff(facsimile)).pages if facsimile.sha256 else 0

    def _convert(self, facsimile: Fax) -> bool:
        now, site = self._clocks.now(), self._site()
        verdict = judge(policy_of(site, facsimile.client), facsimile.pages or 0, facsimile.reason, facsimile.all_pages)
        client = site.clients.get(facsimile.client or '')
        title = f'Fax {facsimile.reference} para {client.name if client else facsimile.client}'
        try:
            made = convert(self._folders.tiff(facsimile), self._folders.pdf(facsimile), pages_wanted=verdict.pages, title=title,
                           received=facsimile.received_at)
        except Unconvertible as error:
            return self._quarantine(facsimile, str(error), now)
        told = '; '.join([f'PDF de {in_words(made.written_pages)}, {made.size} bytes', *made.damage])
        return self._book.step(facsimile, FaxState.CONVERTED, told, now, pages=max(facsimile.pages or 0, made.pages_in_file),
                               sent_pages=made.written_pages, damage=list(made.damage), pdf_sha256=made.sha256, pdf_size=made.size)

    def _release(self, facsimile: Fax) -> bool:
        """At once, or held until the line opens (mission.md 5.3)."""
        now, site = self._clocks.now(), self._site()
        line = site.lines.get(facsimile.line or '')
        if line is None:
            return self._quarantine(facsimile, OF_NOBODY, now)
        due = facsimile.release_at or release_at(site, line, self._overrides(now), facsimile.received_at)
        if due > now:
            local = due.astimezone(site.calendars[line.calendar].zone)
            return self._book.step(facsimile, FaxState.HELD, f'se guarda hasta {local:%Y-%m-%d %H:%M}', now, release_at=due)
        return self._queue(replace(facsimile, release_at=due), line, now)

    def _let_go(self, facsimile: Fax) -> bool:
        """A held fax leaves when its time has come."""
        now, site = self._clocks.now(), self._site()
        if not may_leave(site, facsimile, self._overrides(now), now):
            return False
        line = site.lines.get(facsimile.line or '')
        return self._quarantine(facsimile, OF_NOBODY, now) if line is None else self._queue(facsimile, line, now)

    def _queue(self, facsimile: Fax, line: Line, now: datetime) -> bool:
        """Facts before effects: state and letter in one transaction."""
        site = self._site()
        with self._book.db.write() as connection:
            return queue(connection, facsimile, line, line.email, site, now)

    def _reject(self, facsimile: Fax, pages: int, line: Line, now: datetime) -> bool:
        site = self._site()
        told = f'{in_words(pages)} o más: el contrato rechaza los faxes de más de {policy_of(site, facsimile.client).fax_pages}'
        with self._book.db.write() as connection:
            done = step(connection, facsimile, FaxState.REJECTED, told, now, pages=pages, finished_at=now)
            if done:
                send(connection, [rejection(replace(facsimile, pages=pages), line, site)], site, now, now)
                announce_fax(connection, site, replace(facsimile, state=FaxState.REJECTED, pages=pages), now)
            return done

    def _quarantine(self, facsimile: Fax, why: str, now: datetime) -> bool:
        site = self._site()
        with self._book.db.write() as connection:
            done = step(connection, facsimile, FaxState.QUARANTINED, why, now, problem=why)
            if done:
                log.warning('fax %s is in quarantine', facsimile.reference)
                send(connection, alerts(facsimile, site, 'quarantine', f'quedó en cuarentena: {why}'), site, now, now)
            return done

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Whether nobody else works on these folders; the lock falls with its process."""
        with (self._folders.tiffs / '.lock').open('a') as handle:
            try:
                flock(handle, LOCK_EX | LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True


def in_words(pages: int) -> str:
    """A number of pages in Spanish."""
    return '1 página' if pages == 1 else f'{pages} páginas'


STEPS: dict[FaxState, Callable[[Pipeline, Fax], bool]] = {
    FaxState.RECEIVED: Pipeline._count, FaxState.COUNTED: Pipeline._convert, FaxState.CONVERTED: Pipeline._release,
    FaxState.HELD: Pipeline._let_go}
