"""The fax codings (ITU-T T.4, T.6) by libtiff, through Pillow, which meets only TIFFs of one strip that are written here.

A strip is looked through before: libtiff neither says how many rows a G4 strip really has nor clears those that are missing.
"""
from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from io import BytesIO

from PIL import Image, TiffImagePlugin

from fax.conversion.directories import Tag


class Coding(IntEnum):
    """The compressions of black and white that are read, by their TIFF numbers; a fax is G3 or G4."""

    NONE = 1
    RLE = 2
    G3 = 3
    G4 = 4
    PACK_BITS = 32773


@dataclass(frozen=True)
class Rows:
    """What a strip gave. A pixel of 0 is what the coding calls white."""

    image: Image.Image | None                          # mode '1'; as many rows as could be decoded, None when there are none
    bad: int = 0                                       # rows of them that are damaged

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self.image.height if self.image else 0


REVERSED = bytes(int(f'{byte:08b}'[::-1], 2) for byte in range(256))    # for FillOrder 2: the first pixel is the lowest bit

_ZEROS = '0' * 11                                      # in no code: an end of line begins so, and where they stand in G4 libtiff just stops
_NO_CODE = '0000001111' * 16                           # an extension that nobody uses: libtiff names the row in which it meets it
_NAMED_ROW = re.compile(rb' at line (\d+) of strip')
_G3_TWO_DIMENSIONAL = 1


def decode(coding: Coding, options: int, width: int, rows: int, data: bytes) -> Rows:
    """The pixels of one strip, as many rows as there are, `rows` at the most."""
    if coding is Coding.G3:
        rows = min(rows, _g3_rows(data))
    elif coding is Coding.G4:
        data = _with_loud_end(data)
    if not rows or not data:
        return Rows(None)
    try:
        with _complaints() as told:
            image: Image.Image = TiffImagePlugin.TiffImageFile(BytesIO(_tiff(coding, options, width, rows, data)))
            image.load()
    except (OSError, ValueError, SyntaxError):
        return Rows(None)
    bad = {int(row) for row in _NAMED_ROW.findall(told)}
    if coding is Coding.G3:                            # every row begins anew: the good ones among bad ones count
        return Rows(image, len(bad))
    sure = min(bad, default=rows)
    return Rows(image.crop((0, 0, width, sure)) if 0 < sure < rows else image if sure else None)


def encode(image: Image.Image) -> bytes:
    """A page in G4, as one strip without a header."""
    target = BytesIO()
    image.save(target, 'TIFF', compression='group4', strip_size=(image.width + 7) // 8 * image.height)
    target.seek(0)
    tags = TiffImagePlugin.TiffImageFile(target).tag_v2
    [offset], [size] = tags[Tag.STRIPS], tags[Tag.STRIP_BYTES]
    return target.getvalue()[offset:offset + size]


def _g3_rows(data: bytes) -> int:
    """How many rows the ends of line tell; two ends of line together are the end of the page (T.4 4.1.4)."""
    bits = _bits(data)
    rows, begin = 0, 0
    while (end := bits.find(_ZEROS, begin)) >= 0 and (mark := bits.find('1', end)) >= 0:
        if end - begin > 1:                            # in two-dimensional coding one bit follows each end of line
            rows += 1
        elif begin:
            return rows
        begin = mark + 1
    return rows + ('1' in bits[begin + 1:])


def _with_loud_end(data: bytes) -> bytes:
    """A G4 strip up to its end mark, and then a code that libtiff complains of should it want more rows."""
    bits = _bits(data)
    end = bits.find(_ZEROS)
    end = len(bits) if end < 0 else end
    # The last zeros and those of the code must not become an end mark.
    bits = f'{bits[end - end % 8:end]}{"1" if bits[max(0, end - 5):end] == "00000" else ""}{_NO_CODE}'
    bits += '0' * (-len(bits) % 8)
    return data[:end // 8] + int(bits, 2).to_bytes(len(bits) // 8, 'big')


def _bits(data: bytes) -> str:
    return f'{int.from_bytes(data, "big"):0{8 * len(data)}b}' if data else ''


def _tiff(coding: Coding, options: int, width: int, rows: int, data: bytes) -> bytes:
    """A file with one strip and nothing else; its photometric interpretation makes Pillow leave the bits as they are."""
    entries = [
        (Tag.WIDTH, width), (Tag.ROWS, rows), (Tag.BITS, 1), (Tag.COMPRESSION, coding), (Tag.PHOTOMETRIC, 1), (Tag.STRIPS, 0),
        (Tag.SAMPLES, 1), (Tag.STRIP_ROWS, rows), (Tag.STRIP_BYTES, len(data))]
    if coding is Coding.G3:
        entries.append((Tag.G3_OPTIONS, options & _G3_TWO_DIMENSIONAL))
    begin = 8 + 2 + 12 * len(entries) + 4
    table = b''.join(struct.pack('<HHII', tag, 4, 1, begin if tag is Tag.STRIPS else value) for tag, value in entries)
    return b'II*\x00' + struct.pack('<IH', 8, len(entries)) + table + bytes(4) + data


@contextmanager
def _complaints() -> Iterator[bytearray]:
    """What libtiff writes on standard error meanwhile; it has no other way to tell which rows are bad."""
    told = bytearray()
    usual = os.dup(2)
    aside = os.memfd_create('complaints', os.MFD_CLOEXEC)
    os.dup2(aside, 2)
    try:
        yield told
    finally:
        os.dup2(usual, 2)
        told += os.pread(aside, os.fstat(aside).st_size, 0)
        os.close(usual)
        os.close(aside)
