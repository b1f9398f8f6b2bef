"""Letters and attachments as files: on disk and durable before anybody is told so, and never under a name of the sender's."""
from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ticketing.mail.reader import Envelope

log = logging.getLogger('mesa.mail')
QUARANTINE = 'quarantine'
HALF = '.half-'                                        # the beginning of the name of what is being written


@dataclass(frozen=True)
class Waiting:
    """A message that was taken and is not in the books yet."""

    file: Path
    raw: bytes
    envelope: Envelope


class MailFolder:
    """The folder of messages that came in. A file is one line of JSON, the envelope, and then the message as it came."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held = folder / QUARANTINE

    def take(self, raw: bytes, envelope: Envelope) -> str:
        """Keep a message; durable when this returns, and only then may the sender be told. Returns its SHA-256. Raises OSError."""
        head = json.dumps({'sender': envelope.sender, 'recipients': list(envelope.recipients)}).encode() + b'\n'
        sha256 = hashlib.sha256(raw).hexdigest()
        # The same message for two recipients comes twice: both envelopes are kept.
        store_whole(self._folder / f'{sha256}-{hashlib.sha256(head).hexdigest()[:8]}.eml', head + raw)
        return sha256

    def waiting(self) -> Iterator[Waiting]:
        """The messages that are not in the books yet, the oldest first."""
        for file in sorted(self._folder.glob('*.eml'), key=lambda found: (_age(found), found.name)):
            content = _content(file)
            if content is not None:
                yield _waiting(file, content)

    def has(self, sha256: str) -> bool:
        """Whether a message still waits."""
        return any(self._folder.glob(f'{sha256}-*.eml'))

    def forget_halves(self, before: float) -> None:
        """Remove what a killed process left half written, if it is older than this moment of the machine's clock."""
        for half in self._folder.glob(f'{HALF}*'):
            with contextlib.suppress(FileNotFoundError):
                if half.stat().st_mtime < before:
                    half.unlink()

    def hold(self, file: Path, sha256: str) -> None:
        """Put a message aside for a person to look at."""
        self._held.mkdir(exist_ok=True)
        file.replace(self._held / f'{sha256}.eml')
        sync_folder(self._held)

    def held(self, sha256: str) -> Waiting | None:
        """A message that was put aside; None when it is there no more."""
        file = self._held / f'{sha256}.eml'
        return _waiting(file, file.read_bytes()) if file.is_file() else None

    def all_held(self) -> Iterator[tuple[str, float]]:
        """(SHA-256, when its file was written, a timestamp) of each message that was put aside."""
        for file in sorted(self._held.glob('*.eml')):
            with contextlib.suppress(FileNotFoundError):
                yield file.stem, file.stat().st_mtime

    def forget(self, sha256: str) -> None:
        """Let a message go that was put aside."""
        (self._held / f'{sha256}.eml').unlink(missing_ok=True)

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether this process is the only one that works on the folder; the lock falls with it."""
        with (self._folder / '.lock').open('a') as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True


def store_whole(file: Path, content: bytes) -> None:
    """Write a file so that it is there whole and durable, or not at all; one that is there already stays. Raises OSError."""
    if file.exists():
        sync_folder(file.parent)                      # whoever laid it there may not have come so far
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own: two threads may store the same file at once.
    opened, name = tempfile.mkstemp(prefix=HALF, dir=file.parent)
    aside = Path(name)
    try:
        with os.fdopen(opened, 'wb') as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        aside.replace(file)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Make what was renamed or removed in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _age(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None                                    # another process was quicker
    except OSError:
        log.exception('a message cannot be read; the others go on')
        return None


def _waiting(file: Path, content: bytes) -> Waiting:
    head, _, raw = content.partition(b'\n')
    try:
        told = json.loads(head)
        return Waiting(file, raw, Envelope(told['sender'], tuple(map(str, told['recipients']))))
    except (ValueError, TypeError, KeyError):
        return Waiting(file, content, Envelope())      # laid there by hand, or damaged: still a message
