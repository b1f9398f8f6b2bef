"""A received fax, a TIFF, becomes a PDF, in a process that may crash, hang or want too much without harm (mission.md 5.1, 5.4)."""
from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from fax.conversion.limits import SENTENCES, Limits, Outcome
from ticketing.mail.files import sync_folder
from ticketing.values import TicketingError

MAX_TITLE = 300                                        # characters
_COMMAND = (sys.executable, '-I', '-m', 'fax.conversion.pages_child')
_FOR_THE_CHILD = ('PATH', 'LD_LIBRARY_PATH')           # of our environment; the rest may hold passwords
_FROM_OUTSIDE = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
_ON_DAMAGE: dict[int, Outcome] = {signal.SIGXCPU: Outcome.OUT_OF_TIME, signal.SIGXFSZ: Outcome.PDF_TOO_BIG}
_MAX_SAID = 1024 * 1024                                # bytes of an answer that are read ...
_MAX_COMPLAINT = 2000                                  # ... and characters of a traceback that are kept
_NOT_PRINTED = re.compile(r'[\x00-\x1f\x7f-\x9f\ud800-\udfff]+')


class Unconvertible(TicketingError):
    """The file gives no PDF, now or later; the text is a Spanish sentence for the e-mail, `outcome` its name."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(SENTENCES[outcome])
        self.outcome = outcome


class NotConverted(TicketingError):
    """The conversion itself could not be done and says nothing about the fax: try again."""


@dataclass(frozen=True)
class Converted:
    """What became of a fax. Pages are numbered from 1."""

    pages_in_file: int
    pages: tuple[int, ...]                             # those that are in the PDF, in order
    good_pages: tuple[int, ...]                        # of these, the ones that arrived whole
    damage: tuple[str, ...]                            # Spanish sentences for the e-mail; empty when nothing is wrong
    size: int                                          # of the PDF in bytes
    sha256: str                                        # of the PDF

    @property
    def written_pages(self) -> int:
        """How many pages the PDF has."""
        return len(self.pages)


@dataclass(frozen=True)
class Counted:
    """How many pages a file lists, and whether the list itself is damaged (mission.md 5.2); the pages are not looked at."""

    pages: int
    damaged: bool


def count(tiff: Path, *, limits: Limits = Limits()) -> Counted:
    """How many pages came. A file that is no TIFF has none, and is damaged.

    Raises Unconvertible when it cannot be read within the limits; NotConverted or OSError when it should be tried again.
    """
    with _opened(tiff) as source:
        try:
            answer = _asked({'tiff': source, 'pdf': None}, limits)
        except Unconvertible as error:
            if error.outcome in (Outcome.EMPTY, Outcome.NOT_A_TIFF):
                return Counted(0, True)
            raise
    try:
        return Counted(int(answer['pages']), bool(answer['damaged']))
    except (KeyError, TypeError, ValueError):
        raise Unconvertible(Outcome.CRASHED) from None


def convert(tiff: Path, pdf: Path, *, pages_wanted: int | None, title: str, received: datetime, limits: Limits = Limits()) -> Converted:
    """Write the first `pages_wanted` usable pages of a fax (None: all) as a PDF, whole and durable or not at all.

    The same file, pages, title and moment give the same bytes. One conversion to the same `pdf` at a time.
    Raises Unconvertible when no page can be used; NotConverted or OSError (a full disk) when it should be tried again.
    """
    if pages_wanted is not None and pages_wanted < 1:
        raise ValueError(f'no pages are wanted: {pages_wanted}')
    order = {'pages_wanted': pages_wanted, 'title': _NOT_PRINTED.sub(' ', title)[:MAX_TITLE], 'created': _pdf_date(received)}
    aside = pdf.with_name(f'.{pdf.name}.part')         # the same each time, so that what a kill left is written over
    with _opened(tiff) as source, _new(aside) as target:
        answer = _asked({'tiff': source, 'pdf': target, **order}, limits)
        done = _checked(answer, target)
        os.fsync(target)
        if not os.path.samestat(os.fstat(target), aside.stat()):
            raise NotConverted(f'somebody else converts to {pdf}')
        aside.replace(pdf)
    sync_folder(pdf.parent)
    return done


def _asked(order: dict[str, Any], limits: Limits) -> dict[str, Any]:
    """What the process answers to an order."""
    passed = [order[name] for name in ('tiff', 'pdf') if order[name] is not None]
    # Files, for what is said in excess then ends at the process's own limit.
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained:
        try:
            ended = subprocess.run(
                _COMMAND, input=json.dumps({**order, 'limits': asdict(limits)}).encode(), stdout=said, stderr=complained, pass_fds=passed,
                timeout=limits.wall_s, cwd='/', env={name: os.environ[name] for name in _FOR_THE_CHILD if name in os.environ},
                start_new_session=True, check=False)
        except subprocess.TimeoutExpired:
            raise Unconvertible(Outcome.OUT_OF_TIME) from None
        complaint = _beginning(complained).decode(errors='replace')[-_MAX_COMPLAINT:]
        if ended.returncode:
            raise _as_error(ended.returncode, complaint)
        return _understood(_beginning(said), complaint)


def _beginning(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read(_MAX_SAID)


def _as_error(code: int, complaint: str) -> TicketingError:
    """A process that did not come to its end: killed from outside or not to be started, or by the fault of the fax."""
    if code > 0 or -code in _FROM_OUTSIDE:
        return NotConverted(f'the conversion ended with {code}: {complaint}')
    error = Unconvertible(_ON_DAMAGE.get(-code, Outcome.CRASHED))
    error.add_note(f'signal {-code}')
    return error


def _understood(said: bytes, complaint: str) -> dict[str, Any]:
    try:
        answer = json.loads(said)
        outcome = Outcome(answer['outcome']) if 'outcome' in answer else None
        number = int(answer['errno']) if 'errno' in answer else None
    except (ValueError, TypeError):
        outcome, number = Outcome.CRASHED, None
    if outcome:
        error = Unconvertible(outcome)
        error.add_note(complaint)
        raise error
    if number is not None:
        raise OSError(number, os.strerror(number))
    return dict(answer)


def _checked(answer: dict[str, Any], target: int) -> Converted:
    """The answer, compared with the file that was written. Raises Unconvertible when they do not agree."""
    size = os.fstat(target).st_size
    try:
        pages, harmed = (tuple(map(int, answer[name])) for name in ('written', 'harmed'))
        done = Converted(int(answer['pages']), pages, tuple(page for page in pages if page not in harmed),
                         tuple(map(str, answer['damage'])), int(answer['size']), _digest(target))
    except (KeyError, TypeError, ValueError):
        raise Unconvertible(Outcome.CRASHED) from None
    whole = os.pread(target, 5, 0) == b'%PDF-' and os.pread(target, 6, max(0, size - 6)) == b'%%EOF\n'
    if not (whole and done.size == size and 0 < len(pages) <= done.pages_in_file):
        raise Unconvertible(Outcome.CRASHED)
    return done


def _digest(target: int) -> str:
    with os.fdopen(os.dup(target), 'rb') as file:
        file.seek(0)
        return hashlib.file_digest(file, 'sha256').hexdigest()


@contextmanager
def _opened(tiff: Path) -> Iterator[int]:
    """The file for reading. A pipe or a device in its place is no TIFF, and nobody waits for it."""
    descriptor = os.open(tiff, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Unconvertible(Outcome.NOT_A_TIFF)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _new(aside: Path) -> Iterator[int]:
    """A new file for the PDF; it goes unless it was renamed."""
    aside.unlink(missing_ok=True)
    descriptor = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
        aside.unlink(missing_ok=True)


def _pdf_date(moment: datetime) -> str:
    """A moment as a PDF writes it, in its own zone."""
    if moment.tzinfo is None:
        raise ValueError(f'a moment without a zone: {moment}')
    zone = moment.strftime('%z')
    return f"D:{moment:%Y%m%d%H%M%S}{zone[:3]}'{zone[3:5]}'"
