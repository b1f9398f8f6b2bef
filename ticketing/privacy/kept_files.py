"""The files that folios speak of: recordings and attachments, each in its folder of the instance, found by name and never elsewhere."""
from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ticketing.values import TicketingError

MESSAGES, RECORDINGS, ATTACHMENTS = 'messages', 'recordings', 'attachments'
FOLDER_OF = {'description': MESSAGES, 'message': MESSAGES, 'recording': RECORDINGS, 'attachment': ATTACHMENTS}
LOCK = 'files'                                         # who deletes a file, or ties one that exists to a folio, holds it
PIECE = 1 << 20


@dataclass(frozen=True)
class Folders:
    """Where the files are."""

    messages: Path
    recordings: Path
    attachments: Path

    def of_kind(self, kind: str) -> Path:
        """The folder of a kind of file. Raises TicketingError."""
        if kind not in FOLDER_OF:
            raise TicketingError(f'no folder holds files of kind {kind!r}')
        return self.named(FOLDER_OF[kind])

    def named(self, name: str) -> Path:
        """The folder that is called so."""
        return {MESSAGES: self.messages, RECORDINGS: self.recordings, ATTACHMENTS: self.attachments}[name]


def kinds_in(folder: str) -> tuple[str, ...]:
    """The kinds of files that a folder holds."""
    return tuple(kind for kind, where in FOLDER_OF.items() if where == folder)


def is_plain(name: str) -> bool:
    """Whether a name stays in its folder: no path, no hidden file, nothing that a file cannot be called."""
    return bool(name) and not name.startswith('.') and '/' not in name and '\0' not in name and len(os.fsencode(name)) <= 255


def names_in(folder: Path) -> Iterator[str]:
    """The plain names of the regular files of a folder, links left out; nothing when there is no such folder."""
    if not folder.is_dir():
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False) and is_plain(entry.name):
                yield entry.name


def delete(folder: Path, name: str) -> bool:
    """Delete a regular file of the folder, durably; False when there is none. A link or a folder of that name is left alone."""
    if not is_plain(name):
        return False
    try:
        with _opened(folder) as handle:
            if not stat.S_ISREG(os.lstat(name, dir_fd=handle).st_mode):
                return False
            os.unlink(name, dir_fd=handle)
            os.fsync(handle)
    except FileNotFoundError:
        return False
    return True


@contextmanager
def reading(folder: Path, name: str) -> Iterator[int]:
    """A file descriptor of a regular file of the folder, never through a link. Raises TicketingError when there is no such file."""
    if not is_plain(name):
        raise TicketingError(f'{name!r} is not the name of a file')
    try:
        with _opened(folder) as handle:
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=handle)
    except OSError as error:
        raise TicketingError(f'{folder / name}: {error.strerror}') from error
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise TicketingError(f'{folder / name} is not a file')
        yield file
    finally:
        os.close(file)


def pieces(file: int) -> Iterator[bytes]:
    """The bytes of an open file."""
    while piece := os.read(file, PIECE):
        yield piece


def digest(parts: Iterator[bytes] | Sequence[bytes]) -> str:
    """The SHA-256 of bytes."""
    sha256 = hashlib.sha256()
    for part in parts:
        sha256.update(part)
    return sha256.hexdigest()


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield handle
    finally:
        os.close(handle)
