"""What a PNG is, from its own bytes: whether it is one, whole, and how large. Pure; nothing is drawn."""
from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

SIGNATURE = b'\x89PNG\r\n\x1a\n'
MOST_PIXELS = 2000                                     # of a side


class NoPicture(ValueError):
    """Bytes that are not a PNG such as can be shown; the text says why and what to do."""


def picture_size(data: bytes) -> tuple[int, int]:
    """Width and height of a PNG in pixels. Raises NoPicture when it is none, or broken, or larger than a logo."""
    if not data.startswith(SIGNATURE):
        raise NoPicture('this is not a PNG: save the logo as PNG (an SVG is not taken)')
    chunks = dict(_chunks(data))
    head = chunks.get(b'IHDR', b'')
    if len(head) != 13 or b'IDAT' not in chunks or b'IEND' not in chunks:
        raise NoPicture('this PNG is broken: save it again')
    width, height = struct.unpack('>II', head[:8])
    if not 1 <= width <= MOST_PIXELS or not 1 <= height <= MOST_PIXELS:
        raise NoPicture(f'the logo has {width} x {height} pixels, and at most {MOST_PIXELS} a side are shown: make it smaller')
    return width, height


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        length, kind = struct.unpack('>I4s', data[at:at + 8])
        content, end = data[at + 8:at + 8 + length], data[at + 8 + length:at + 12 + length]
        if len(end) < 4 or struct.unpack('>I', end)[0] != zlib.crc32(kind + content):
            return
        yield kind, content
        at += 12 + length
