"""Pages for faxes in tests: bilevel, as wide as a fax, each with its number as bars that survive the line."""
from __future__ import annotations

import struct
import subprocess
from pathlib import Path

WIDTH, HEIGHT = 1728, 1100                             # normal resolution: 204 x 98 dots an inch, quick to send
SHORT, LONG = 3, 4                                     # TIFF's types of numbers


def write_fax(file: Path, pages: int = 1, height: int = HEIGHT) -> Path:
    """A fax of so many pages as a G4 TIFF; page n shows n bars."""
    raw = file.with_suffix('.raw')
    raw.write_bytes(_tiff([_page(number, height) for number in range(1, pages + 1)], height))
    subprocess.run(['tiffcp', '-c', 'g4', str(raw), str(file)], check=True, capture_output=True)
    raw.unlink()
    return file


def pages_of(file: Path) -> int:
    """How many whole pages a TIFF has. A fax that was cut short ends with a page that is none, of which the program complains."""
    return subprocess.run(['tiffinfo', str(file)], check=False, capture_output=True, text=True).stdout.count('TIFF Directory')


def _page(number: int, height: int) -> bytes:
    """Rows of bits, 1 is black: a frame line at the top, and below it one bar for each unit of the page's number."""
    white, black = b'\x00' * (WIDTH // 8), b'\xff' * (WIDTH // 8)
    bars = b''.join(b'\x00' * 8 + b'\xff' * 4 for _ in range(number))[:WIDTH // 8].ljust(WIDTH // 8, b'\x00')
    rows = [white] * height
    rows[20:24] = [black] * 4
    rows[60:160] = [bars] * 100
    return b''.join(rows)


def _tiff(pages: list[bytes], height: int) -> bytes:
    """An uncompressed TIFF."""
    written = bytearray(b'II*\x00\x00\x00\x00\x00')
    link = 4                                           # where the place of the next directory is to be written
    for number, page in enumerate(pages):
        place = len(written)
        written += page + struct.pack('<4I', 204, 1, 98, 1)
        across = place + len(page)
        entries = [(256, LONG, WIDTH), (257, LONG, height), (258, SHORT, 1), (259, SHORT, 1), (262, SHORT, 0), (273, LONG, place),
                   (277, SHORT, 1), (278, LONG, height), (279, LONG, len(page)), (282, 5, across), (283, 5, across + 8), (296, SHORT, 2),
                   (297, SHORT, number)]
        struct.pack_into('<I', written, link, len(written))
        written += struct.pack('<H', len(entries)) + b''.join(struct.pack('<HHII', tag, kind, 1, value) for tag, kind, value in entries)
        link = len(written)
        written += b'\x00\x00\x00\x00'
    return bytes(written)
