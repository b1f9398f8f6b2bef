"""The pages of a TIFF that is to be faxed, as its directories tell them; nothing is decoded. The file may be hostile."""
from __future__ import annotations

import os
from dataclasses import dataclass

from fax.conversion.directories import End, NotATiff, Source, Tag, read_chain

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
    with os.fdopen(os.memfd_create('tiff'), 'wb') as handle:
        handle.write(content)
        handle.flush()
        source = Source(handle.fileno())
        try:
            chain = read_chain(source, most + 1)
        except NotATiff:
            raise BadTiff('it does not begin as a TIFF does') from None
        # Several values of BITS are one for each sample: they are colours, and no fax.
        pages = tuple(TiffPage(page.whole(source, Tag.WIDTH, 0), page.whole(source, Tag.ROWS, 0), page.whole(source, Tag.BITS, 1),
                               page.whole(source, Tag.SAMPLES, 1), page.whole(source, Tag.COMPRESSION, 1)) for page in chain.pages)
    if chain.end in (End.CUT, End.LOOP):
        raise BadTiff('it ends in the middle' if chain.end is End.CUT else 'its directories lead back to one another')
    if not pages or not all(page.width > 0 and page.length > 0 for page in pages):
        raise BadTiff('it has no page' if not pages else 'a page has no size')
    return pages
