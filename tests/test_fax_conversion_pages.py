"""What a file says about its pages is made plausible, and what can be saved of a damaged page is saved."""
from __future__ import annotations

import os
import random
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fax.conversion.coding import Coding, decode
from fax.conversion.damage import listed, sentences
from fax.conversion.directories import Chain, Directory, End, NotATiff, Source, read_chain
from fax.conversion.limits import Limits
from fax.conversion.pages import ENOUGH_ROWS, Harm, Page, Shape, Unusable, read_page, read_shape
from tests.fax_samples import HEIGHTS, WIDTH, Laid, Sent, coded, drawn, fax, long, rational, same, short

LIMITS = Limits()
ROWS = HEIGHTS[98]


@contextmanager
def source(data: bytes) -> Iterator[Source]:
    """A file of these bytes, in memory."""
    descriptor = os.memfd_create('fax')
    try:
        os.write(descriptor, data)
        yield Source(descriptor)
    finally:
        os.close(descriptor)


def chain(data: bytes, most: int = LIMITS.pages) -> Chain:
    with source(data) as file:
        return read_chain(file, most)


def shape(sent: Sent, order: str = '<', limits: Limits = LIMITS) -> Shape:
    with source(fax([sent], order).data) as file:
        return read_shape(file, read_chain(file, 1).pages[0], limits)


def page(laid: Laid, number: int = 0) -> Page:
    with source(laid.data) as file:
        return read_page(file, read_chain(file, 99).pages[number], LIMITS)


def harm(laid: Laid) -> Harm | None:
    """What is wrong with the only page of a file, kept or not."""
    try:
        return page(laid).harm
    except Unusable as error:
        return error.harm


# The list of pages

def test_the_pages_are_found_in_either_byte_order() -> None:
    for order in '<>':
        found = chain(fax([Sent(drawn(number)) for number in range(3)], order).data)
        assert (len(found.pages), found.end) == (3, End.WHOLE)


@pytest.mark.parametrize('head', [b'', b'II*', b'II*\0\0\0\0', b'MM*\0\0\0\0\0', b'II+\0\x08\0\0\0', b'%PDF-1.4', bytes(100)])
def test_what_does_not_begin_like_a_tiff_is_none(head: bytes) -> None:
    with pytest.raises(NotATiff):
        chain(head)


def linked(target: int) -> bytes:
    """Three pages of which the last one leads to a place in the file."""
    laid = fax([Sent(drawn(number)) for number in range(3)])
    _, directory, _ = laid.pages[2]
    [count] = struct.unpack_from('<H', laid.data, directory)
    data = bytearray(laid.data)
    struct.pack_into('<I', data, directory + 2 + 12 * count, target)
    return bytes(data)


def test_a_chain_that_leads_back_ends_there() -> None:
    for back in (place for _, place, _ in fax([Sent(drawn(number)) for number in range(3)]).pages):
        found = chain(linked(back))
        assert (len(found.pages), found.end) == (3, End.LOOP)


@pytest.mark.parametrize('target', [1, 8, 100, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_chain_that_leads_to_no_page_is_cut(target: int) -> None:
    found = chain(linked(target))
    assert (len(found.pages), found.end) == (3, End.CUT)


NEVER_CAME = {257: short(0), 259: short(1), 273: None, 279: None, 293: None}


def test_a_page_that_was_begun_and_never_came_is_no_page() -> None:
    """HylaFAX leaves such a directory when the line breaks between two pages, and does not count it either."""
    found = chain(fax([Sent(drawn(1)), Sent(drawn(2), changed=NEVER_CAME)]).data)
    assert (len(found.pages), found.end, found.missing, found.damaged) == (1, End.WHOLE, 1, True)
    assert sentences({}, found) == ('la transmisión se interrumpió y la última página no llegó',)
    assert chain(fax([Sent(drawn(2), changed=NEVER_CAME)]).data).pages == ()


def test_a_million_directories_cost_no_more_than_the_limit() -> None:
    entries = struct.pack('<HHII', 256, 4, 1, WIDTH) + struct.pack('<HHII', 257, 4, 1, ROWS)
    data = b'II*\0' + struct.pack('<I', 8) + b''.join(
        struct.pack('<H', 2) + entries + struct.pack('<I', 8 + 30 * (number + 1)) for number in range(1_000_000))
    found = chain(data)
    assert (len(found.pages), found.end) == (LIMITS.pages, End.TOO_LONG)


def test_a_file_cut_anywhere_keeps_the_pages_before() -> None:
    """Every place in the directories, and many between: after page k at least k - 1 pages are there (mission.md 5.4)."""
    laid = fax([Sent(drawn(number)) for number in range(4)])
    ends = [end for _, _, end in laid.pages]
    cuts = {cut for _, directory, end in laid.pages for cut in range(directory - 3, end + 3)} | set(range(8, len(laid.data), 997))
    for cut in sorted(cuts):
        complete = sum(end <= cut for end in ends)
        with source(laid.data[:cut]) as file:
            found = read_chain(file, 99)
            usable = 0
            for directory in found.pages:
                read_shape(file, directory, LIMITS)
                usable += 1
        # The values behind a directory may be cut; none of them is needed for the pixels.
        assert complete <= usable <= complete + 1
        assert (found.end is End.WHOLE) <= (usable == 4)


@pytest.mark.parametrize('part', [0.3, 0.7, 0.999])
def test_the_pages_before_a_cut_are_whole(part: float) -> None:
    laid = fax([Sent(drawn(number)) for number in range(3)])
    begin, directory, end = laid.pages[2]
    for cut in (begin + int((directory - begin) * part), directory + int((end - directory) * part)):
        short_one = Laid(laid.data[:cut], laid.pages)
        for number in range(2):
            saved = page(short_one, number)
            assert saved.harm is None
            assert same(inverted(saved), drawn(number))


def inverted(saved: Page) -> Image.Image:
    """The pixels as they are seen: what the coding calls white is 0 there."""
    return saved.image.point(lambda value: 255 - value)


# What a directory says

@pytest.mark.parametrize(('changed', 'dots'), [
    ({}, (204, 98)),
    ({283: rational(196, 1)}, (204, 196)),
    ({282: rational(2040, 10), 283: rational(3910, 10)}, (204, 391)),
    ({282: rational(200, 1), 283: rational(100, 1)}, (200, 100)),
    ({282: rational(803, 10), 283: rational(385, 10), 296: short(3)}, (203.962, 97.79)),
    ({282: None, 283: None, 296: None}, (204, 98)),
    ({282: rational(0, 1), 283: rational(0, 0)}, (204, 98)),
    ({282: rational(204, 0), 283: rational(98, 0)}, (204, 98)),
    ({282: (10, 1, struct.pack('<ii', -204, 1)), 283: (10, 1, struct.pack('<ii', -98, 1))}, (204, 98)),
    ({282: rational(1, 1), 283: rational(1, 1)}, (204, 98)),
    ({282: rational(4_000_000_000, 1), 283: rational(1, 4_000_000_000)}, (204, 98)),
    ({296: short(3)}, (204, 98)),                      # 204 a centimetre: a page of eight centimetres
    ({282: short(204), 283: short(98)}, (204, 98)),
    ({283: rational(12, 1)}, (204, 98)),
])
def test_the_resolution_is_one_that_a_fax_may_have(changed: dict[int, tuple[int, int, bytes] | None], dots: tuple[float, float]) -> None:
    assert shape(Sent(drawn(1), changed=changed)).dots == pytest.approx(dots)


@pytest.mark.parametrize(('width', 'rows', 'dots'), [
    (1728, 1399, (204, 98)), (1728, 1400, (204, 196)), (2048, 1100, (204, 98)), (2432, 3200, (204, 196)), (3456, 4301, (408, 391)),
])
def test_without_a_resolution_the_pixels_tell(width: int, rows: int, dots: tuple[float, float]) -> None:
    assert shape(Sent(drawn(1, width, rows), lines=None)).dots == dots


def test_a_standard_page_is_not_squashed() -> None:
    for lines, rows in HEIGHTS.items():
        across, down = shape(Sent(drawn(1, rows=rows), lines=lines)).points
        assert (round(across / 72, 2), round(down / 72, 2)) == (8.47, 11)


@pytest.mark.parametrize(('changed', 'expected'), [
    ({256: long(0)}, Harm.NOT_A_FAX),
    ({256: long(63)}, Harm.NOT_A_FAX),
    ({257: long(15)}, Harm.NOT_A_FAX),
    ({256: long(1_000_000)}, Harm.TOO_LARGE),
    ({257: long(0xFFFFFFFF)}, Harm.TOO_LARGE),
    ({257: long(22_000), 283: rational(98, 1)}, Harm.TOO_LARGE),
    ({257: (16, 1, struct.pack('<Q', ROWS))}, Harm.NOT_A_FAX),
    ({257: (4, 0, b'')}, Harm.NOT_A_FAX),
    ({257: (4, 1000, bytes(4000))}, Harm.NOT_A_FAX),
    ({258: short(8)}, Harm.NOT_A_FAX),
    ({277: short(3)}, Harm.NOT_A_FAX),
    ({259: short(5)}, Harm.NOT_A_FAX),
    ({259: short(6)}, Harm.NOT_A_FAX),
    ({259: short(7)}, Harm.NOT_A_FAX),
    ({259: short(34661)}, Harm.NOT_A_FAX),
    ({259: short(60_000)}, Harm.NOT_A_FAX),
    ({273: None}, Harm.UNREADABLE),
    ({273: long(0xFFFFFFF0)}, Harm.UNREADABLE),
    ({273: long(*[8] * 2000)}, Harm.UNREADABLE),
    ({278: long(1)}, Harm.TOO_LARGE),
    ({259: short(3)}, Harm.UNREADABLE),                # G4 that is called G3
    ({279: long(10)}, Harm.UNREADABLE),
])
def test_a_page_that_is_none_is_refused_by_name(changed: dict[int, tuple[int, int, bytes] | None], expected: Harm) -> None:
    assert harm(fax([Sent(drawn(1), changed=changed)])) is expected


@pytest.mark.parametrize('changed', [
    {258: None, 262: None, 274: None, 277: None, 278: None, 284: None, 293: None},
    {279: None}, {279: long(0)}, {279: long(0xFFFFFFFF)}, {278: long(0)}, {278: long(ROWS)}, {262: short(9)},
    {256: short(WIDTH), 257: short(ROWS)}, {266: None},
])
def test_a_page_with_odd_tags_is_whole_when_its_pixels_are(changed: dict[int, tuple[int, int, bytes] | None]) -> None:
    saved = page(fax([Sent(drawn(1), fill_order=1 if 266 in changed else 2, changed=changed)]))
    assert saved.harm is None
    assert same(inverted(saved), drawn(1))


def test_a_page_may_not_cost_more_than_the_limits() -> None:
    big = [long(8, 8, 8, 8), long(*[3 * 1024 * 1024] * 4)]
    laid = fax([Sent(drawn(1), changed={273: big[0], 279: big[1], 278: long(-(-ROWS // 4))})])
    assert harm(Laid(laid.data + bytes(9 * 1024 * 1024), laid.pages)) is Harm.TOO_LARGE
    with pytest.raises(Unusable):
        shape(Sent(drawn(1)), limits=Limits(pixels=WIDTH * ROWS - 1))
    assert shape(Sent(drawn(1)), limits=Limits(pixels=WIDTH * ROWS)).rows == ROWS


# Damaged pixels

@pytest.mark.parametrize('coding', ['g3', 'g3:2d', 'g4'])
@pytest.mark.parametrize('part', [0.2, 0.5, 0.9])
def test_what_there_is_of_a_page_is_kept(coding: str, part: float) -> None:
    size = len(coded(drawn(1), coding))
    saved = page(fax([Sent(drawn(1), coding, changed={279: long(int(size * part))})]))
    assert saved.harm is Harm.CUT
    assert ENOUGH_ROWS <= saved.image.height < ROWS
    sure = saved.image.height - 2                      # the last ones may be made of half a code
    assert same(inverted(saved).crop((0, 0, WIDTH, sure)), drawn(1).crop((0, 0, WIDTH, sure)))
    assert saved.points[1] == pytest.approx(saved.image.height * 72 / 98)


def test_a_page_is_as_long_as_its_pixels_whatever_the_file_says() -> None:
    for coding in ('g3', 'g3:2d', 'g4'):
        saved = page(fax([Sent(drawn(1), coding, changed={257: long(5000)})]))
        assert (saved.harm, saved.image.height) == (Harm.CUT, ROWS)
        assert same(inverted(saved), drawn(1))


def strips_behind(strips: list[bytes], lost: int) -> Laid:
    """A page of strips of 200 rows, one of which the file does not hold."""
    changed = {278: long(200), 279: long(*map(len, strips))}
    begin = len(fax([Sent(drawn(1), changed=changed | {273: long(*strips_at(0, strips))})]).data)
    places = strips_at(begin, strips)
    places[lost] = 0xFFFFFFF0
    laid = fax([Sent(drawn(1), fill_order=1, changed=changed | {273: long(*places)})])
    return Laid(laid.data + b''.join(strips), laid.pages)


def strips_at(begin: int, strips: list[bytes]) -> list[int]:
    return [begin + sum(map(len, strips[:number])) for number in range(len(strips))]


def test_a_lost_strip_leaves_a_white_band() -> None:
    strips = [coded(drawn(1).crop((0, top, WIDTH, min(ROWS, top + 200))), 'g4') for top in range(0, ROWS, 200)]
    saved = page(strips_behind(strips, lost=2))
    assert saved.harm is Harm.CUT
    expected = drawn(1).copy()
    expected.paste(255, (0, 400, WIDTH, 600))
    assert same(inverted(saved), expected)


def test_bad_rows_of_a_page_without_correction_are_told() -> None:
    laid = fax([Sent(drawn(1), 'g3', fill_order=1)])
    begin, directory, _ = laid.pages[0]
    data = bytearray(laid.data)
    for place in range(begin + 5000, directory, 9000):
        data[place:place + 4] = b'\xff\x00\x40\xff'
    saved = page(Laid(bytes(data), laid.pages))
    assert saved.harm is Harm.BAD_ROWS
    assert saved.image.height >= ROWS - 4


def test_noise_is_no_page() -> None:
    for seed in range(20):
        noise = random.Random(seed).randbytes(20_000)
        for coding in (Coding.G3, Coding.G4):
            rows = decode(coding, 0, WIDTH, ROWS, noise)
            assert rows.count - rows.bad < ENOUGH_ROWS


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([Coding.G3, Coding.G4]), st.integers(0, 3), st.binary(max_size=3000), st.integers(1, 300))
def test_any_bytes_can_be_decoded(coding: Coding, options: int, data: bytes, rows: int) -> None:
    found = decode(coding, options, 200, rows, data)
    assert 0 <= found.bad <= found.count <= rows
    assert found == decode(coding, options, 200, rows, data)


@settings(max_examples=300, deadline=None)
@given(st.binary(min_size=0, max_size=400), st.sampled_from([b'II*\0\x08\0\0\0', b'MM\0*\0\0\0\x08']), st.integers(0, 30))
def test_any_directory_can_be_read(rest: bytes, head: bytes, count: int) -> None:
    number = struct.pack('<H' if head[0] == 73 else '>H', count)
    with source(head + number + rest) as file:
        for directory in read_chain(file, 20).pages:
            try:
                read_page(file, directory, LIMITS)
            except Unusable as error:
                assert error.harm in Harm


# The sentences

def test_damage_is_told_in_sentences() -> None:
    page = Directory({}, '<')
    assert sentences({}, Chain((page,) * 3, End.WHOLE)) == ()
    assert sentences({3: Harm.UNREADABLE}, Chain((page,) * 3, End.WHOLE)) == ('la página 3 llegó dañada y no se puede leer',)
    assert sentences({1: Harm.CUT, 2: Harm.CUT, 7: Harm.BAD_ROWS}, Chain((page,) * 7, End.CUT)) == (
        'las páginas 1 y 2 llegaron incompletas', 'la página 7 llegó con renglones dañados',
        'el archivo del fax está cortado después de la página 7')
    assert sentences({}, Chain((page,) * 2, End.LOOP)) == ('la lista de páginas del archivo está dañada después de la página 2',)


@pytest.mark.parametrize(('numbers', 'words'), [
    ([4], '4'), ([1, 2], '1 y 2'), ([1, 2, 3], '1 a 3'), ([2, 5, 6, 7, 8, 11], '2, 5 a 8 y 11'), ([1, 3, 5], '1, 3 y 5')])
def test_pages_are_listed_as_one_says_them(numbers: list[int], words: str) -> None:
    assert listed(numbers) == words


def test_the_readers_know_no_path(tmp_path: Path) -> None:
    (tmp_path / 'x').write_bytes(b'II*\0')
    with (tmp_path / 'x').open('rb') as file:
        assert Source(file.fileno()).read(2, 100) == b'*\0'
        assert Source(file.fileno()).read(5, 1) == b''
