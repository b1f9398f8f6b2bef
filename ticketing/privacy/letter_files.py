"""Letters that lie in folders, those that came in and those of a Maildir: which of them are about a person."""
from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from email import message_from_bytes
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import default
from email.utils import getaddresses
from pathlib import Path

from ticketing.privacy.mentions import Mentions

LARGEST = 64 * 1024 * 1024


def letters_about(folders: Iterable[Path], mentions: Mentions, digests: Iterable[str] = ()) -> Iterator[Path]:
    """The files in these folders and below whose letter names the person, or whose name begins with one of the digests; no links."""
    wanted = tuple(digests)
    for file in _files(folders):
        if (wanted and file.name.startswith(wanted)) or _is_about(file, mentions):
            yield file


def is_coming_in(folder: Path, mentions: Mentions) -> bool:
    """Whether a letter that names the person waits in this folder to be brought into the books."""
    return any(_is_about(file, mentions) for file in folder.glob('*.eml'))


def letters_to(folders: Iterable[Path], addresses: frozenset[str]) -> Iterator[Path]:
    """The files in these folders and below whose letter went to one of these addresses (lower case); no links."""
    for file in _files(folders):
        message = _headers(file)
        if message is not None and any(address.lower() in addresses for _, address in getaddresses(message.get_all('To', []))):
            yield file


def content_of(file: Path) -> bytes | None:
    """A letter as it came, without our own envelope before it; None when it is gone."""
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        return None
    return raw.partition(b'\n')[2] if raw.startswith(b'{') else raw


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


def _headers(file: Path) -> Message | None:
    try:
        with file.open('rb') as handle:
            return BytesHeaderParser().parse(handle)
    except FileNotFoundError:
        return None


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
    message = message_from_bytes(raw.partition(b'\n')[2] if raw.startswith(b'{') else raw, policy=default)
    for part in message.walk():
        try:
            yield from (f'{name}: {value}' for name, value in part.items())
            if part.get_content_maintype() == 'text':
                yield str(part.get_content())
        except Exception:                              # hostile MIME: its raw text was looked at before
            continue
