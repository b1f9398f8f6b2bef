"""The pages of a TIFF as its directories tell them. Every offset, count and type is somebody else's word: each is measured before use.

Not Pillow or libtiff, which follow what a file says: they meet only what was checked here and written anew (`fax/conversion/coding.py`).
"""
from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum

MAX_ENTRIES = 200                                      # of one directory; HylaFAX writes about 30
_FORMATS = {1: 'B', 3: 'H', 4: 'I', 5: 'II'}           # BYTE, SHORT, LONG, RATIONAL: what the tags below are made of


class Tag(IntEnum):
    """The tags that are read (TIFF 6.0, TIFF-F)."""

    WIDTH = 256
    ROWS = 257
    BITS = 258
    COMPRESSION = 259
    PHOTOMETRIC = 262
    FILL_ORDER = 266
    STRIPS = 273
    SAMPLES = 277
    STRIP_ROWS = 278
    STRIP_BYTES = 279
    X_RESOLUTION = 282
    Y_RESOLUTION = 283
    G3_OPTIONS = 292
    RESOLUTION_UNIT = 296


class End(StrEnum):
    """How the chain of directories ends."""

    WHOLE = 'whole'
    CUT = 'cut'                                        # it leads out of the file, or to what is no page
    LOOP = 'loop'                                      # it leads back
    TOO_LONG = 'too_long'


class NotATiff(Exception):
    """The file does not begin like a TIFF."""


class Source:
    """A file that is read piece by piece; what lies beyond its end is simply not there."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.size = os.fstat(descriptor).st_size

    def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes."""
        if offset >= self.size:
            return b''
        return os.pread(self._descriptor, min(size, self.size - offset), offset)


@dataclass(frozen=True)
class Entry:
    """One tag of a directory: its type, how many values, and the four bytes that hold them or tell where they stand."""

    kind: int
    count: int
    field: bytes


@dataclass(frozen=True)
class Directory:
    """What a file says about one page; nothing of it is checked yet."""

    entries: Mapping[int, Entry]
    order: str                                         # '<' or '>'

    def numbers(self, source: Source, tag: Tag, most: int) -> tuple[float, ...]:
        """The values of a tag; empty when it is missing, of a type that makes no sense, out of the file, or has more than `most`."""
        entry = self.entries.get(tag)
        if entry is None or entry.kind not in _FORMATS or not 0 < entry.count <= most:
            return ()
        layout = f'{self.order}{_FORMATS[entry.kind] * entry.count}'
        size = struct.calcsize(layout)
        raw = entry.field[:size] if size <= 4 else source.read(struct.unpack(f'{self.order}I', entry.field)[0], size)
        if len(raw) < size:
            return ()
        told = struct.unpack(layout, raw)
        return told if entry.kind != 5 else _divided(told)

    def number(self, source: Source, tag: Tag) -> float | None:
        """The one value of a tag, None when `numbers` has none."""
        return next(iter(self.numbers(source, tag, 1)), None)

    def whole(self, source: Source, tag: Tag, usual: int) -> int:
        """The same as a whole number; `usual` when there is none."""
        told = self.number(source, tag)
        return usual if told is None else int(told)

    def never_came(self, source: Source) -> bool:
        """Whether this is what HylaFAX leaves when the line breaks before the first row of a page: no rows, and no place for them."""
        return Tag.STRIPS not in self.entries and self.whole(source, Tag.ROWS, 0) == 0


def _divided(told: tuple[int, ...]) -> tuple[float, ...]:
    pairs = tuple(zip(told[::2], told[1::2], strict=True))
    return tuple(above / below for above, below in pairs) if all(below for _, below in pairs) else ()


@dataclass(frozen=True)
class Chain:
    """The directories of a file in their order, and how the chain of them ends."""

    pages: tuple[Directory, ...]
    end: End
    missing: int = 0                                   # pages that were begun and never came

    @property
    def damaged(self) -> bool:
        """Whether there may have been more pages."""
        return self.end is not End.WHOLE or self.missing > 0


def read_chain(source: Source, most: int) -> Chain:
    """Follow the directories, `most` of them at the longest. Raises NotATiff; anything else is told by the chain's end."""
    head = source.read(0, 8)
    order = {b'II*\x00': '<', b'MM\x00*': '>'}.get(head[:4])
    if order is None or len(head) < 8:
        raise NotATiff
    offset: int | None = struct.unpack(f'{order}I', head[4:])[0]
    found: list[Directory] = []
    seen: set[int] = set()
    end = End.WHOLE
    while offset:
        end = End.LOOP if offset in seen else End.TOO_LONG if len(seen) == most else End.WHOLE
        if end is not End.WHOLE:
            break
        seen.add(offset)
        directory, offset = _read_directory(source, order, offset)
        if directory:
            found.append(directory)
        end = End.CUT if offset is None else End.WHOLE
    pages = tuple(directory for directory in found if not directory.never_came(source))
    return Chain(pages, end, len(found) - len(pages))


def _read_directory(source: Source, order: str, offset: int) -> tuple[Directory | None, int | None]:
    """The directory at an offset, None when there is no page; and where the next one is: 0 at the end, None when the file ends before."""
    head = source.read(offset, 2)
    count = struct.unpack(f'{order}H', head)[0] if len(head) == 2 else 0
    table = source.read(offset + 2, 12 * count) if 0 < count <= MAX_ENTRIES else b''
    if not table or len(table) < 12 * count:
        return None, None
    entries = {tag: Entry(kind, number, field) for tag, kind, number, field in struct.iter_unpack(f'{order}HHI4s', table)}
    if Tag.WIDTH not in entries or Tag.ROWS not in entries:
        return None, None
    following = source.read(offset + 2 + 12 * count, 4)
    return Directory(entries, order), struct.unpack(f'{order}I', following)[0] if len(following) == 4 else None
