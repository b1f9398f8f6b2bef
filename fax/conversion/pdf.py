"""A PDF of black and white pages, as small as one can be: a page is its G4 strip, unchanged (ISO 32000-1, 7.4.6).

The same pages, title and date give the same bytes.
"""
from __future__ import annotations

from math import ceil
from typing import BinaryIO

PRODUCER = 'Mesa'
_CATALOG, _PAGES, _INFORMATION = 1, 2, 3
_FIRST_FREE = 4


class PdfWriter:
    """Writes page after page and keeps none in memory. `close` makes the file complete."""

    def __init__(self, target: BinaryIO, title: str, created: str) -> None:
        """`created` is a PDF date (7.9.4)."""
        self._target = target
        self._title = title
        self._created = created
        self._position = 0
        self._offsets: dict[int, int] = {}
        self._pages: list[int] = []
        # The comment of four high bytes tells transports that this is no text.
        self._write(b'%PDF-1.4\n%\xe2\xe3\xcf\xd3\n')

    def add(self, width: int, rows: int, points: tuple[float, float], g4: bytes, inverted: bool) -> None:
        """A page of `width` x `rows` pixels on paper of `points` (1/72 inch); `inverted` when white in the coding is black."""
        page = _FIRST_FREE + 3 * len(self._pages)
        # A little less than the whole, or poppler makes one pixel more of it at the page's own resolution.
        across, down = (str((ceil(side * 1000) - 1) / 1000) for side in points)
        self._object(page, f'<< /Type /Page /Parent {_PAGES} 0 R /MediaBox [0 0 {across} {down}] /Contents {page + 1} 0 R '
                           f'/Resources << /ProcSet [/PDF /ImageB] /XObject << /F {page + 2} 0 R >> >> >>'.encode())
        self._stream(page + 1, '', f'q {across} 0 0 {down} 0 0 cm /F Do Q'.encode())
        coding = f'<< /K -1 /Columns {width} /Rows {rows}{" /BlackIs1 true" if inverted else ""} >>'
        self._stream(page + 2, f'/Type /XObject /Subtype /Image /Width {width} /Height {rows} /BitsPerComponent 1 /ColorSpace /DeviceGray '
                               f'/Filter /CCITTFaxDecode /DecodeParms {coding} ', g4)
        self._pages.append(page)

    def close(self) -> None:
        """The catalogue, the document information and the table of objects."""
        kids = ' '.join(f'{page} 0 R' for page in self._pages)
        self._object(_CATALOG, f'<< /Type /Catalog /Pages {_PAGES} 0 R /Lang (es-MX) '
                               f'/ViewerPreferences << /DisplayDocTitle true >> >>'.encode())
        self._object(_PAGES, f'<< /Type /Pages /Count {len(self._pages)} /Kids [{kids}] >>'.encode())
        self._object(_INFORMATION, f'<< /Title {_text(self._title)} /Producer ({PRODUCER}) /CreationDate ({self._created}) >>'.encode())
        table = self._position
        entries = ''.join(f'{self._offsets[number]:010d} 00000 n \n' for number in sorted(self._offsets))
        size = len(self._offsets) + 1
        self._write(f'xref\n0 {size}\n0000000000 65535 f \n{entries}trailer\n<< /Size {size} /Root {_CATALOG} 0 R '
                    f'/Info {_INFORMATION} 0 R >>\nstartxref\n{table}\n%%EOF\n'.encode())

    def _stream(self, number: int, words: str, data: bytes) -> None:
        self._object(number, f'<< {words}/Length {len(data)} >>\nstream\n'.encode() + data + b'\nendstream')

    def _object(self, number: int, body: bytes) -> None:
        self._offsets[number] = self._position
        self._write(b'%d 0 obj\n%b\nendobj\n' % (number, body))

    def _write(self, data: bytes) -> None:
        self._target.write(data)
        self._position += len(data)


def _text(words: str) -> str:
    """A text string in UTF-16 (7.9.2.2), in hexadecimal: nothing in it can end it."""
    return f'<FEFF{words.encode("utf-16-be", "replace").hex().upper()}>'
