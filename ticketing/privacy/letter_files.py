"""Letters that lie in folders, those that came in and those of a Maildir: which of them are about a person."""
from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path

from ticketing.privacy.mentions import Mentions

LARGEST = 64 * 1024 * 1024


def letters_about(folders: Iterable[Path], mentions: Mentions, digests: Iterable[str] = ()) -> Iterator[Path]:
    """The files in these folders and below whose letter names the person, or whose name begins with one of the digests; no links."""
    wanted = tuple(digests)
    for file in _files(folders):
        if (wanted and file.name.startswith(wanted)) or _is_about(file, mentions):
            yield file


def delete_letter(file: Path) -> None:
    """Delete one, durably."""
    file.unlink(missing_ok=True)
    handle = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _files(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        for place, _, names in os.walk(folder):
            yield from (Path(place) / name for name in sorted(names)
                        if not name.startswith('.') and not (Path(place) / name).is_symlink())


def _is_about(file: Path, mentions: Mentions) -> bool:
    try:
        if file.stat().st_size > LARGEST:
            return False
        raw = file.read_bytes()
    except FileNotFoundError:
        return False
    return mentions.in_text(raw.decode('utf-8', 'replace')) or any(mentions.in_text(text) for text in _texts(raw))


def _texts(raw: bytes) -> Iterator[str]:
    """The decoded headers and texts of a letter, as far as they can be decoded. The first line may be our own envelope."""
    head, _, rest = raw.partition(b'\n')
    message = message_from_bytes(rest if head.startswith(b'{') else raw, policy=default)
    for part in message.walk():
        try:
            yield from (f'{name}: {value}' for name, value in part.items())
            if part.get_content_maintype() == 'text':
                yield str(part.get_content())
        except Exception:                              # hostile MIME: its raw text was looked at before
            continue
