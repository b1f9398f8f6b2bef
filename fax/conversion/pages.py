"""One page of a received fax: what its directory says made plausible, and its pixels (mission.md 5.4).

A page that is only partly there is kept when enough of it can be read; what is no fax page, or would cost too much, is refused by name.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from PIL import Image

from fax.conversion.coding import REVERSED, Coding, Rows, decode
from fax.conversion.directories import Directory, Source, Tag
from fax.conversion.limits import Limits

MIN_WIDTH, MAX_WIDTH = 64, 4864                        # pixels; the widest line that T.30 knows is 4864, A3 at 400 dpi
MIN_ROWS = 16                                          # two millimetres of a fine page: less is no page
ENOUGH_ROWS = 100                                      # good ones of a damaged page, about three lines of text
MAX_POINTS = 14_400                                    # of a side of a page in a PDF

FINE_X, FINER_X = 204.0, 408.0                         # dots an inch: 8 and 16 a millimetre
STANDARD_Y, FINE_Y, SUPERFINE_Y = 98.0, 196.0, 391.0
_WIDEST_AT_FINE_X = 2500                               # an A3 line has 2432 pixels
_STANDARD_BELOW = 1400                                 # rows; a letter page has 1078 standard and 2156 fine ones
_WIDEST_INCHES = 13.0
_CENTIMETRES = 3
_INCH_CM = 2.54


class Harm(StrEnum):
    """What is wrong with a page; the first three are kept in part or whole."""

    CUT = 'cut'
    BAD_ROWS = 'bad_rows'
    UNREADABLE = 'unreadable'
    NOT_A_FAX = 'not_a_fax'
    TOO_LARGE = 'too_large'
    NOT_READ = 'not_read'


class Unusable(Exception):
    """The page cannot be kept."""

    def __init__(self, harm: Harm) -> None:
        super().__init__(harm)
        self.harm = harm


@dataclass(frozen=True)
class Shape:
    """What a directory says about its page, when that is plausible."""

    width: int
    rows: int
    coding: Coding
    options: int
    inverted: bool                                     # what the coding calls white is black
    reversed_bits: bool
    strip_rows: int
    strips: tuple[tuple[int, int], ...]                # offset, bytes
    dots: tuple[float, float]                          # an inch, across and down

    @property
    def points(self) -> tuple[float, float]:
        """Width and height on paper, in 1/72 inch."""
        return self.width * 72 / self.dots[0], self.rows * 72 / self.dots[1]


@dataclass(frozen=True)
class Page:
    """A page's pixels as its coding has them."""

    image: Image.Image
    inverted: bool
    points: tuple[float, float]
    harm: Harm | None


def read_page(source: Source, directory: Directory, limits: Limits) -> Page:
    """The page of a directory. Raises Unusable."""
    shape = read_shape(source, directory, limits)
    strips = tuple(_strips(source, shape))
    image, good = _joined(shape, strips)
    if image is None or good < min(ENOUGH_ROWS, shape.rows):
        raise Unusable(Harm.UNREADABLE)
    bad = sum(strip.bad for strip in strips)
    missing = shape.rows - good - bad
    # A damaged end of line makes one row of two.
    harm = Harm.CUT if missing > bad else Harm.BAD_ROWS if bad else None
    return Page(image, shape.inverted, (shape.points[0], shape.points[1] * image.height / shape.rows), harm)


def read_shape(source: Source, directory: Directory, limits: Limits) -> Shape:
    """What a directory says. Raises Unusable when that is no fax page, or more than the limits allow."""
    coding = _coding(source, directory)
    width, rows = (directory.whole(source, tag, 0) for tag in (Tag.WIDTH, Tag.ROWS))
    if width < MIN_WIDTH or rows < MIN_ROWS:
        raise Unusable(Harm.NOT_A_FAX)
    if width > MAX_WIDTH or width * rows > limits.pixels:
        raise Unusable(Harm.TOO_LARGE)
    strip_rows = min(rows, directory.whole(source, Tag.STRIP_ROWS, rows) or rows)
    strips = _places(source, directory, -(-rows // strip_rows), limits)
    shape = Shape(
        width, rows, coding, directory.whole(source, Tag.G3_OPTIONS, 0), directory.whole(source, Tag.PHOTOMETRIC, 0) == 1,
        directory.whole(source, Tag.FILL_ORDER, 1) == 2, strip_rows, strips, _dots(source, directory, width, rows))
    if max(shape.points) > MAX_POINTS:
        raise Unusable(Harm.TOO_LARGE)
    return shape


def _coding(source: Source, directory: Directory) -> Coding:
    told = directory.whole(source, Tag.COMPRESSION, Coding.NONE)
    one_bit = directory.whole(source, Tag.BITS, 1) == 1 and directory.whole(source, Tag.SAMPLES, 1) == 1
    if not one_bit or told not in set(Coding):
        raise Unusable(Harm.NOT_A_FAX)
    return Coding(told)


def _places(source: Source, directory: Directory, count: int, limits: Limits) -> tuple[tuple[int, int], ...]:
    """Where the strips are. One whose length is not told reaches to the end of the file; libtiff reads such files, too."""
    if count > limits.strips:
        raise Unusable(Harm.TOO_LARGE)
    offsets = directory.numbers(source, Tag.STRIPS, limits.strips)[:count]
    if not offsets:
        raise Unusable(Harm.UNREADABLE)
    told = directory.numbers(source, Tag.STRIP_BYTES, limits.strips)
    sizes = (*told, *(0,) * len(offsets))[:len(offsets)]
    places = tuple((int(offset), min(int(size) or source.size, max(0, source.size - int(offset)), limits.page_bytes + 1))
                   for offset, size in zip(offsets, sizes, strict=True))
    if sum(size for _, size in places) > limits.page_bytes:
        raise Unusable(Harm.TOO_LARGE)
    return places


def _dots(source: Source, directory: Directory, width: int, rows: int) -> tuple[float, float]:
    """The resolution in dots an inch: what is told when paper of a fax machine may look so, else what the pixels suggest."""
    factor = _INCH_CM if directory.whole(source, Tag.RESOLUTION_UNIT, 2) == _CENTIMETRES else 1.0
    across, down = ((directory.number(source, tag) or 0.0) * factor for tag in (Tag.X_RESOLUTION, Tag.Y_RESOLUTION))
    usual = FINE_X if width <= _WIDEST_AT_FINE_X else FINER_X
    if not (across > 0 and 0.98 * min(4.0, width / usual) <= width / across <= _WIDEST_INCHES):
        across, down = usual, 0.0
    if not 0.4 <= down / across <= 2.2:
        down = SUPERFINE_Y if across == FINER_X else STANDARD_Y if rows < _STANDARD_BELOW else FINE_Y
    return across, down


def _strips(source: Source, shape: Shape) -> Iterator[Rows]:
    for number, (offset, size) in enumerate(shape.strips):
        data = source.read(offset, size)
        yield decode(shape.coding, shape.options, shape.width, min(shape.strip_rows, shape.rows - number * shape.strip_rows),
                     data.translate(REVERSED) if shape.reversed_bits else data)


def _joined(shape: Shape, strips: tuple[Rows, ...]) -> tuple[Image.Image | None, int]:
    """The page up to the last row that could be decoded, and how many of its rows are good; what is missing in between stays white."""
    filled = [(number * shape.strip_rows, strip.image) for number, strip in enumerate(strips) if strip.image]
    good = sum(strip.count - strip.bad for strip in strips)
    if not filled:
        return None, 0
    if len(strips) == 1:
        return strips[0].image, good
    last, image = filled[-1]
    page = Image.new('1', (shape.width, last + image.height))
    for top, image in filled:
        page.paste(image, (0, top))
    return page, good
