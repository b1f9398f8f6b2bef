"""The pages of a TIFF as its directories tell them, read without decoding anything. The file may be hostile."""
from __future__ import annotations

import struct
from dataclasses import dataclass

WIDTH, LENGTH, BITS, COMPRESSION, SAMPLES = 256, 257, 258, 259, 277
_SIZES = {1: 1, 3: 2, 4: 4}                            # of the types of the numbers that we read: byte, short, long
_LETTERS = {1: 'B', 3: 'H', 4: 'I'}
MOST_ENTRIES = 1000
FAX_WIDTH = 1728
LONGEST_FAX_PAGE = 2400                                # lines; A4 in fine resolution has 2292
FAX_COMPRESSIONS = (3, 4)


class BadTiff(Exception):
    """It is no TIFF that can be read."""


@dataclass(frozen=True)
class TiffPage:
    """The shape of one page."""

    width: int
    length: int
    bits: int
    samples: int
    compression: int

    @property
    def is_fax(self) -> bool:
        """Whether a fax machine takes it as it is."""
        return ((self.width, self.bits, self.samples) == (FAX_WIDTH, 1, 1) and self.compression in FAX_COMPRESSIONS
                and 0 < self.length <= LONGEST_FAX_PAGE)


def tiff_pages(content: bytes, most: int) -> tuple[TiffPage, ...]:
    """Its pages, at most `most` + 1 of them. Raises BadTiff."""
    order = {b'II*\0': '<', b'MM\0*': '>'}.get(content[:4])
    if order is None:
        raise BadTiff('it does not begin as a TIFF does')
    found: list[TiffPage] = []
    seen: set[int] = set()
    offset = _number(content, 4, order, 4)
    while offset and len(found) <= most:
        if offset in seen:
            raise BadTiff('its directories lead back to one another')
        seen.add(offset)
        page, offset = _directory(content, offset, order)
        found.append(page)
    if not found:
        raise BadTiff('it has no page')
    return tuple(found)


def _directory(content: bytes, offset: int, order: str) -> tuple[TiffPage, int]:
    entries = _number(content, offset, order, 3)
    if entries > MOST_ENTRIES:
        raise BadTiff(f'a directory has {entries} entries')
    told = {COMPRESSION: 1, BITS: 1, SAMPLES: 1}
    for place in range(offset + 2, offset + 2 + 12 * entries, 12):
        tag, kind = _number(content, place, order, 3), _number(content, place + 2, order, 3)
        if kind in _SIZES and tag in (WIDTH, LENGTH, BITS, COMPRESSION, SAMPLES) and _number(content, place + 4, order, 4) == 1:
            told[tag] = _number(content, place + 8, order, kind)
        elif tag == BITS:
            told[BITS] = 0                             # one number a sample: they stand elsewhere, and it is no fax
    if not told.get(WIDTH) or not told.get(LENGTH):
        raise BadTiff('a page has no size')
    page = TiffPage(told[WIDTH], told[LENGTH], told[BITS], told[SAMPLES], told[COMPRESSION])
    return page, _number(content, offset + 2 + 12 * entries, order, 4)


def _number(content: bytes, place: int, order: str, kind: int) -> int:
    piece = content[place:place + _SIZES[kind]]
    if len(piece) != _SIZES[kind]:
        raise BadTiff('it ends in the middle')
    return int(struct.unpack(order + _LETTERS[kind], piece)[0])
