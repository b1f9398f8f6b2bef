"""Faxes as HylaFAX leaves them, and what a hostile sender could make of them: drawn, encoded by libtiff, laid out here byte by byte."""
from __future__ import annotations

import random
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, TiffImagePlugin

WIDTH = 1728
SHORT, LONG, RATIONAL = 3, 4, 5
# Lines an inch -> rows of a letter page.
HEIGHTS = {98: 1078, 196: 2156, 391: 4301}
REVERSED = bytes(int(f'{byte:08b}'[::-1], 2) for byte in range(256))

Fields = dict[int, tuple[int, int, bytes]]             # tag -> type, count, values in the file's byte order


@cache
def drawn(number: int, width: int = WIDTH, rows: int = HEIGHTS[98]) -> Image.Image:
    """A page that looks like text: lines of words of letters, a frame, a picture of dots; another for each number."""
    dice = random.Random(number)
    page = Image.new('1', (width, rows), 255)
    pen = ImageDraw.Draw(page)
    line = max(8, rows // 70)
    pen.rectangle((width // 20, rows // 30, width - width // 20, rows // 12), outline=0, width=2)
    for top in range(rows // 8, rows * 3 // 4, line):
        across = width // 16
        while across < width - width // 8:
            letter = dice.randint(4, 16)
            pen.rectangle((across, top, across + letter, top + dice.randint(2, line * 2 // 3)), outline=0, fill=dice.choice((0, 255)))
            across += letter + dice.choice((3, 4, 5, 18))
    left, top, side = width // 16, rows * 4 // 5, min(width, rows) // 8
    page.paste(Image.frombytes('1', (side // 8 * 8, side), dice.randbytes(side // 8 * side)), (left, top))
    return page


def coded(image: Image.Image, coding: str) -> bytes:
    """The pixels in 'g3', 'g3:2d' or 'g4', first pixel in the highest bit."""
    target = BytesIO()
    inverted = ImageChops.invert(image)                # in fax coding the white ones are 0
    inverted.save(target, 'TIFF', compression='group4' if coding == 'g4' else 'group3', strip_size=(image.width + 7) // 8 * image.height,
                  tiffinfo={292: 1} if coding == 'g3:2d' else {})
    target.seek(0)
    tags = TiffImagePlugin.TiffImageFile(target).tag_v2
    [offset], [size] = tags[273], tags[279]
    return target.getvalue()[offset:offset + size]


@dataclass(frozen=True)
class Sent:
    """A page as it goes into a file. `changed` fields replace HylaFAX's own; None leaves one out."""

    image: Image.Image
    coding: str = 'g4'
    lines: int | None = 98                             # an inch; None: no resolution in the file
    fill_order: int = 2
    changed: dict[int, tuple[int, int, bytes] | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Laid:
    """A file, and for each page where its pixels begin, where its directory begins and where that ends."""

    data: bytes
    pages: tuple[tuple[int, int, int], ...]


def fax(pages: Sequence[Sent], order: str = '<') -> Laid:
    """A file in the order in which HylaFAX writes: pixels, their directory, the next pixels, ..."""
    out = bytearray(struct.pack(f'{order}2sHI', b'II' if order == '<' else b'MM', 42, 0))
    link = 4
    places = []
    for number, page in enumerate(pages):
        begin = len(out)
        data = coded(page.image, page.coding)
        out += data.translate(REVERSED) if page.fill_order == 2 else data
        out += bytes(len(out) % 2)
        fields = {tag: entry for tag, entry in (_fields(page, order, begin, len(data), number) | page.changed).items() if entry}
        directory, link_after = _directory(fields, order, len(out))
        out[link:link + 4] = struct.pack(f'{order}I', len(out))
        link = len(out) + link_after
        places.append((begin, len(out), len(out) + len(directory)))
        out += directory
    return Laid(bytes(out), tuple(places))


def short(value: int, order: str = '<') -> tuple[int, int, bytes]:
    return SHORT, 1, struct.pack(f'{order}H', value)


def long(*values: int, order: str = '<') -> tuple[int, int, bytes]:
    return LONG, len(values), struct.pack(f'{order}{len(values)}I', *values)


def rational(above: int, below: int, order: str = '<') -> tuple[int, int, bytes]:
    return RATIONAL, 1, struct.pack(f'{order}II', above, below)


def _fields(page: Sent, order: str, begin: int, size: int, number: int) -> Fields:
    fields = {
        254: long(2, order=order), 256: long(page.image.width, order=order), 257: long(page.image.height, order=order),
        258: short(1, order),
        259: short(4 if page.coding == 'g4' else 3, order), 262: short(0, order), 266: short(page.fill_order, order),
        269: (2, 19, b'recvq/fax000000170\0'), 270: (2, 12, b'80055501010\0'), 273: long(begin, order=order), 274: short(1, order),
        277: short(1, order), 278: long(0xFFFFFFFF, order=order), 279: long(size, order=order), 284: short(1, order),
        293 if page.coding == 'g4' else 292: long(int(page.coding == 'g3:2d'), order=order),
        297: (SHORT, 2, struct.pack(f'{order}HH', number, 0)),
        305: (2, 27, b'HylaFAX (tm) Version 6.0.7\0'),
        306: (2, 20, b'2026:11:22 09:30:00\0'), 34908: long(0x1234, order=order),
        34909: (2, 13, b'528005550105\0'), 34910: long(17, order=order)}
    if page.lines is not None:
        fields |= {282: rational(204, 1, order), 283: rational(page.lines, 1, order), 296: short(2, order)}
    return fields


def _directory(fields: Fields, order: str, place: int) -> tuple[bytes, int]:
    """A directory with the values that do not fit into it behind it, and where in it the link to the next one stands."""
    link = 2 + 12 * len(fields)
    table, behind = struct.pack(f'{order}H', len(fields)), b''
    for tag, (kind, count, value) in sorted(fields.items()):
        if len(value) > 4:
            place_of = struct.pack(f'{order}I', place + link + 4 + len(behind))
            behind += value + bytes(len(value) % 2)
        else:
            place_of = value.ljust(4, b'\0')
        table += struct.pack(f'{order}HHI', tag, kind, count) + place_of
    whole = table + bytes(4) + behind
    return whole + bytes(len(whole) % 2), link


def written_by_tiffcp(image: Image.Image, folder: Path, *options: str, lines: int = 98) -> Path:
    """The same page in a file of libtiff's own tool, e.g. `-c g3:2d:fill -f lsb2msb`."""
    plain, made = folder / 'plain.tif', folder / 'made.tif'
    image.save(plain, 'TIFF', dpi=(204, lines))
    subprocess.run(['tiffcp', *options, str(plain), str(made)], check=True, capture_output=True)
    return made


def pixels_of_pdf(pdf: Path, folder: Path) -> list[Image.Image]:
    """The images in a PDF as poppler decodes them."""
    subprocess.run(['pdfimages', str(pdf), str(folder / 'image')], check=True)
    return [Image.open(file) for file in sorted(folder.glob('image-*'))]


def same(first: Image.Image, second: Image.Image) -> bool:
    """Whether two pages have the same pixels."""
    return first.mode == second.mode == '1' and first.size == second.size and first.tobytes() == second.tobytes()


def info(pdf: Path) -> dict[str, str]:
    """What `pdfinfo` tells; poppler has no complaint."""
    told = subprocess.run(['pdfinfo', '-isodates', str(pdf)], check=True, capture_output=True, text=True)
    assert not told.stderr
    return {name: value.strip() for name, _, value in (line.partition(':') for line in told.stdout.splitlines())}
