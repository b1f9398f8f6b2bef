"""The door between HylaFAX's spool and us: files that faxgetty and the hook leave, and our own copies of them (mission.md 5.4).

The spool belongs to HylaFAX's user, who speaks with the world: nothing there is followed, only read, and only if it is a plain file.
"""
from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fax.arrival import Arrival, is_stem, of_arguments, of_faxinfo
from ticketing.mail.files import store_whole

ARGUMENTS = '.args'
TIFF = '.tif'
LARGEST = 256 * 1024 * 1024                            # bytes of one fax; 200 superfine pages of noise are less
LARGEST_ARGUMENTS = 64 * 1024
YOUNGEST_STRAY_S = 60                                  # the hook of a younger one may still be at work
SESSION = re.compile(r'c\d{9,}')                       # what HylaFAX calls the log of a session
FAXINFO = ('faxinfo', '-n')
FAXINFO_S = 10.0


@dataclass(frozen=True)
class Found:
    """A fax that waits in the spool."""

    arrival: Arrival
    written_at: float                                  # when faxgetty wrote it last, by the machine's clock; seconds since the epoch
    content: bytes | None                              # None: there is no file any more


class Spool:
    """HylaFAX's spool of one instance, and our folder of TIFFs. Raises OSError when a disk is full or gone: nothing is lost by it."""

    def __init__(self, spool: Path, tiffs: Path) -> None:
        self._inbox = spool / 'inbox'
        self._recvq = spool / 'recvq'
        self._logs = spool / 'log'
        self._tiffs = tiffs

    def announced(self) -> list[str]:
        """The faxes whose hook has run, in the order in which they came."""
        stems = [file.name.removesuffix(ARGUMENTS) for file in _entries(self._inbox) if file.name.endswith(ARGUMENTS)]
        return sorted(filter(is_stem, stems), key=lambda stem: (self._written_at(stem), stem))

    def strays(self, machine_now: float) -> list[Path]:
        """Whole faxes that no hook announced: faxgetty was killed, the disk was full, or the hook failed half-way."""
        known = set(self.announced())
        files = [folder / entry.name for folder in (self._recvq, self._inbox) for entry in _entries(folder)]
        found = [file for file in files if file.suffix == TIFF and is_stem(file.stem) and file.stem not in known
                 and machine_now - _written_at(file) >= YOUNGEST_STRAY_S and not _is_locked(file)]
        return sorted(found, key=lambda file: (_written_at(file), file.name))

    def announced_fax(self, stem: str) -> Found:
        """A fax with what its hook was told. Raises OSError."""
        raw = _plain(self._inbox / f'{stem}{ARGUMENTS}', LARGEST_ARGUMENTS) or b''
        content = self._content(stem)
        return Found(of_arguments(stem, raw), self._written_at(stem), content)

    def stray_fax(self, file: Path) -> Found:
        """A fax that nobody announced, with what stands in its file. Raises OSError."""
        return Found(of_faxinfo(file.stem, _faxinfo(file)), _written_at(file), _plain(file, LARGEST))

    def keep(self, content: bytes) -> str:
        """Make a TIFF ours: durable when this returns. Its SHA-256."""
        sha256 = hashlib.sha256(content).hexdigest()
        store_whole(self._tiffs / f'{sha256}{TIFF}', content)
        return sha256

    def forget(self, stem: str) -> None:
        """Let go what the books have. The arguments last: while they are there, the rest is asked for again."""
        for file in (self._recvq / f'{stem}{TIFF}', self._inbox / f'{stem}{TIFF}', self._inbox / f'{stem}{ARGUMENTS}'):
            file.unlink(missing_ok=True)

    def forget_stray(self, file: Path) -> None:
        """Let go a fax that nobody announced; another of its name stays."""
        file.unlink(missing_ok=True)

    def forget_sessions(self, before: float) -> int:
        """Let go HylaFAX's logs of sessions, which name who called, from before this moment of the machine's clock; how many there were."""
        old = [self._logs / entry.name for entry in _entries(self._logs) if SESSION.fullmatch(entry.name)]
        gone = [file for file in old if 0 < _written_at(file) < before]
        for file in gone:
            file.unlink(missing_ok=True)
        return len(gone)

    def _content(self, stem: str) -> bytes | None:
        for folder in (self._inbox, self._recvq):
            content = _plain(folder / f'{stem}{TIFF}', LARGEST)
            if content is not None:
                return content
        return None

    def _written_at(self, stem: str) -> float:
        files = (self._inbox / f'{stem}{TIFF}', self._recvq / f'{stem}{TIFF}', self._inbox / f'{stem}{ARGUMENTS}')
        return next((written for file in files if (written := _written_at(file))), 0.0)


def _written_at(file: Path) -> float:
    """When a file was written last, 0 when there is none."""
    with contextlib.suppress(FileNotFoundError):
        return file.lstat().st_mtime
    return 0.0


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from list(entries)
    except FileNotFoundError:
        return                                         # no fax server yet


def _plain(file: Path, most: int) -> bytes | None:
    """The content of a plain file, its first `most` bytes; None when there is none, or it is something else."""
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError:
        if file.is_symlink():
            return None
        raise
    with os.fdopen(handle, 'rb') as opened:
        return opened.read(most) if stat.S_ISREG(os.fstat(handle).st_mode) else None


def _is_locked(file: Path) -> bool:
    """Whether faxgetty is still writing it: it holds an exclusive lock meanwhile."""
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return True                                    # gone, or none of ours to touch
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _faxinfo(file: Path) -> str:
    try:
        done = subprocess.run([*FAXINFO, str(file)], capture_output=True, text=True, errors='replace', timeout=FAXINFO_S, check=False,
                              stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return ''
    return done.stdout
