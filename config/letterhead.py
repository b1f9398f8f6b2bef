"""Who issues statements, as their head shows it: `letterhead.toml` and, beside it, `logo.png` (mission.md 7.5).

A logo is a PNG and nothing else: an SVG is a program that others may have written. What stands in its chunks is checked here; whoever
draws it gets a picture of a bounded size.
"""
from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from config.documents import Findings, line_named, read_document
from config.shapes import LetterheadFile
from config.site_files import LARGEST_LOGO, LETTERHEAD, LOGO, Unreadable, read_bytes
from config.values import Letterhead, Where

SIGNATURE = b'\x89PNG\r\n\x1a\n'
MOST_PIXELS = 2000                                     # of a side


class NoPicture(ValueError):
    """Bytes that are not a PNG such as can be shown; the text says why and what to do."""


def letterhead(found: Findings, site_name: str) -> Letterhead:
    """The letterhead of a site; with nothing written, its name in decent colours."""
    document = read_document(found, LETTERHEAD, 'letterhead')
    shape = document.whole(LetterheadFile)
    given: dict[str, Any] = shape.given() if shape else {}
    if 'address' in given:
        given['address'] = tuple(given['address'])
    return replace(Letterhead(name=site_name, logo=_logo(found), where=document.where()), **given)


def _logo(found: Findings) -> bytes:
    try:
        data = read_bytes(found.folder, LOGO, LARGEST_LOGO)
        picture_size(data)
        return data
    except FileNotFoundError:
        return b''
    except (Unreadable, NoPicture) as error:
        found.problem(Where(LOGO, line_named(str(error)), 'file'), str(error))
        return b''


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
