"""What a broken machine, a full disk or a hostile sender makes of a fax: mutated files, the same ones for the same seed."""
from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from PIL import Image

from tests.fax_samples import WIDTH, Laid, Sent, drawn, fax, long, rational, short

ROWS = 360                                             # a third of a page: the whole would only take longer
CODINGS = ('g4', 'g3', 'g3:2d')
OTHER_COMPRESSIONS = (1, 2, 5, 6, 7, 8, 9, 10, 32771, 32773, 32809, 32946, 34661, 34676, 34712, 34887, 34925, 50000, 50001, 65535)

Change = Callable[[random.Random, Laid], bytes]


@dataclass(frozen=True)
class Mutant:
    """A file; `pages` are what must arrive, pixel for pixel, when nothing was done to it."""

    name: str
    data: bytes
    pages: tuple[Image.Image, ...] | None = None


def mutants(seed: int, hostile: int, clean: int) -> Iterator[Mutant]:
    """`hostile` files, each kind in turn, with `clean` ones spread among them."""
    kinds = list(KINDS.items())
    for number in range(hostile):
        if number * clean // hostile != (number - 1) * clean // hostile:
            yield control(number * clean // hostile)
        name, change = kinds[number % len(kinds)]
        dice = random.Random(f'{seed} {number}')
        yield Mutant(f'{name} {number}', change(dice, base(dice.randrange(12))))


def control(number: int) -> Mutant:
    """A fax that is as it should be: every coding, byte order and bit order."""
    pages = tuple(drawn(number * 3 + page, rows=ROWS) for page in range(1 + number % 3))
    sent = [Sent(page, CODINGS[number % 3], (98, 196)[number // 3 % 2], 1 + number // 2 % 2) for page in pages]
    return Mutant(f'clean {number}', fax(sent, '<>'[number // 4 % 2]).data, pages)


@cache
def base(number: int) -> Laid:
    """What is mutated: one to four pages in all codings."""
    pages = [Sent(drawn(page, rows=ROWS), CODINGS[number % 3], fill_order=1 + page % 2) for page in range(1 + number % 4)]
    return fax(pages, '<>'[number % 2])


def _cut(dice: random.Random, laid: Laid) -> bytes:
    return laid.data[:dice.randrange(len(laid.data))]


def _flips(dice: random.Random, laid: Laid) -> bytes:
    data = bytearray(laid.data)
    for _ in range(dice.choice((1, 3, 10, 100))):
        data[dice.randrange(len(data))] = dice.randrange(256)
    return bytes(data)


def _flips_in_directory(dice: random.Random, laid: Laid) -> bytes:
    data = bytearray(laid.data)
    for _ in range(dice.choice((1, 2, 8))):
        _, begin, end = dice.choice(laid.pages)
        data[dice.randrange(begin, end)] = dice.choice((0, 1, 0x7F, 0xFF, dice.randrange(256)))
    return bytes(data)


def _garbage_behind(dice: random.Random, laid: Laid) -> bytes:
    return laid.data + dice.randbytes(dice.randrange(1, 100_000))


def _garbage(dice: random.Random, laid: Laid) -> bytes:
    return laid.data[:8] + dice.randbytes(dice.randrange(20_000))


def _other_file(dice: random.Random, laid: Laid) -> bytes:
    return dice.choice((b'', b'\0', b'II', b'II*\0', b'II+\0\x08\0\0\0', b'%PDF-1.7\n', b'\x89PNG\r\n\x1a\n', b'\xff\xd8\xff\xe0',
                        b'PK\3\4', bytes(10_000), dice.randbytes(1000), laid.data[1:], b' ' + laid.data))


def _hole(dice: random.Random, laid: Laid) -> bytes:
    data = bytearray(laid.data)
    begin = dice.randrange(len(data))
    size = min(dice.choice((16, 512, 4096)), len(data) - begin)
    data[begin:begin + size] = dice.choice((bytes(size), b'\xff' * size, dice.randbytes(size)))
    return bytes(data)


def _moved(dice: random.Random, laid: Laid) -> bytes:
    begin, end = sorted(dice.sample(range(8, len(laid.data)), 2))
    return laid.data[:begin] + laid.data[end:] + laid.data[begin:end]


def _loop(dice: random.Random, laid: Laid) -> bytes:
    targets = [place for _, place, _ in laid.pages]
    return _linked(laid, dice.randrange(len(targets)), dice.choice(targets))


def _lost_link(dice: random.Random, laid: Laid) -> bytes:
    target = dice.choice((1, 2, 7, len(laid.data), len(laid.data) - 1, 0xFFFFFFFF, dice.randrange(2**32), dice.randrange(len(laid.data))))
    return _linked(laid, dice.randrange(len(laid.pages)), target)


def _no_pages(dice: random.Random, laid: Laid) -> bytes:
    return laid.data[:4] + struct.pack('<I', dice.choice((0, 4, 0xFFFFFFFF))) + laid.data[8:]


def _linked(laid: Laid, number: int, target: int) -> bytes:
    order = '<' if laid.data[:2] == b'II' else '>'
    place = laid.pages[number][1]
    [count] = struct.unpack_from(f'{order}H', laid.data, place)
    data = bytearray(laid.data)
    struct.pack_into(f'{order}I', data, place + 2 + 12 * count, target)
    return bytes(data)


def _number(dice: random.Random) -> int:
    return dice.choice((0, 1, 2, 15, 255, 1728, 4864, 4865, 65535, 65536, 10**6, 2**31 - 1, 2**31, 2**32 - 1, dice.randrange(2**32)))


def _with(*choices: Callable[[random.Random], dict[int, tuple[int, int, bytes] | None]]) -> Change:
    """A file of two pages, in one of which a directory says something else."""
    def change(dice: random.Random, laid: Laid) -> bytes:
        changed = dice.choice(choices)(dice)
        pages = [Sent(drawn(0, rows=ROWS), CODINGS[dice.randrange(3)], changed=changed), Sent(drawn(1, rows=ROWS))]
        return fax(dice.sample(pages, 2)).data
    return change


def _any_tag(dice: random.Random) -> dict[int, tuple[int, int, bytes] | None]:
    """A tag that is read, with a type, count and value of anything."""
    tag = dice.choice((254, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 282, 283, 292, 293, 296))
    count = dice.choice((0, 1, 1, 2, 100, 1024, 65535, 2**31, 2**32 - 1))
    return {tag: dice.choice((None, (dice.randrange(20), count, dice.randbytes(dice.choice((0, 4, 8, 400))))))}


def _bomb(dice: random.Random, laid: Laid) -> bytes:
    """Little bytes that ask for much: wide and long pages, hundreds of them, that share one strip."""
    width, rows = dice.choice(((4864, 8223), (1728, 23_000), (4864, 60_000), (100_000, 400), (64, 600_000)))
    first = fax([Sent(drawn(0, rows=ROWS), dice.choice(CODINGS), 391, changed={256: long(width), 257: long(rows), 278: long(rows)})])
    _, begin, end = first.pages[0]
    data, place = bytearray(first.data), begin
    for _ in range(dice.choice((0, 3, 600))):
        struct.pack_into('<I', data, place + 2 + 12 * struct.unpack_from('<H', data, place)[0], len(data))
        place = len(data)
        data += first.data[begin:end]
    return bytes(data)


def _white_bomb(dice: random.Random, laid: Laid) -> bytes:
    """Pages of one bit a row, with hundreds of strips in the same place."""
    rows, strips = dice.choice(((20_000, 1), (20_000, 1000), (8_000, 1024), (9_000, 9_000)))
    page = Sent(drawn(0, rows=ROWS), 'g4', 391, 1, {
        257: long(rows), 273: long(*[8] * strips), 278: long(-(-rows // strips)), 279: long(*[4000] * strips)})
    data = bytearray(fax([page]).data)
    data[8:4008] = b'\xff' * 4000
    return bytes(data)


def _many_directories(dice: random.Random, laid: Laid) -> bytes:
    """As many directories as fit, each as small as can be; now and then a million."""
    entries = struct.pack('<HHIIHHII', 256, 4, 1, WIDTH, 257, 4, 1, ROWS)
    count = 1_000_000 if dice.random() < 0.05 else dice.choice((499, 500, 501, 20_000))
    whole = b''.join(b'\2\0' + entries + struct.pack('<I', 8 + 30 * (number + 1)) for number in range(count - 1))
    return b'II*\0\x08\0\0\0' + whole + b'\2\0' + entries + bytes(4)


KINDS: dict[str, Change] = {
    'cut': _cut,
    'flips': _flips,
    'flips in a directory': _flips_in_directory,
    'garbage behind': _garbage_behind,
    'garbage': _garbage,
    'another file': _other_file,
    'hole': _hole,
    'moved': _moved,
    'loop': _loop,
    'lost link': _lost_link,
    'no pages': _no_pages,
    'any tag': _with(_any_tag),
    'dimensions': _with(lambda dice: {256: long(_number(dice))}, lambda dice: {257: long(_number(dice))},
                        lambda dice: {256: long(_number(dice)), 257: long(_number(dice))}),
    'strips': _with(lambda dice: {273: long(_number(dice))}, lambda dice: {279: long(_number(dice))},
                    lambda dice: {278: long(_number(dice))},
                    lambda dice: {273: long(*[8] * 1000), 279: long(*[_number(dice)] * 1000)}, lambda dice: {279: None}),
    'another compression': _with(lambda dice: {259: short(dice.choice(OTHER_COMPRESSIONS))},
                                 lambda dice: {259: short(dice.choice(OTHER_COMPRESSIONS)), 258: short(8)}),
    'coding': _with(lambda dice: {259: short(dice.choice((2, 3, 4)))}, lambda dice: {292: long(_number(dice)), 293: long(_number(dice))},
                    lambda dice: {266: short(dice.randrange(4)), 262: short(dice.randrange(9))}),
    'depth': _with(lambda dice: {258: short(dice.choice((0, 2, 4, 8, 16, 32, 65535)))},
                   lambda dice: {277: short(dice.choice((0, 3, 4, 65535)))}),
    'resolution': _with(lambda dice: {282: rational(_number(dice), _number(dice)), 283: rational(_number(dice), _number(dice))},
                        lambda dice: {296: short(dice.randrange(5)), 283: (10, 1, struct.pack('<ii', -98, 1))}),
    'bomb': _bomb,
    'white bomb': _white_bomb,
    'many directories': _many_directories,
}
