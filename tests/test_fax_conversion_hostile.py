"""Broken and hostile faxes: each ends as a PDF or a refusal, in time and within its memory; good ones among them arrive as they were."""
from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import pytest

import fax.conversion.convert as conversion
from fax.conversion.convert import Converted, Unconvertible, convert, count
from fax.conversion.limits import MIB, Limits
from tests.fax_mutants import Mutant, control, mutants
from tests.fax_samples import Laid, Sent, drawn, fax, info, pixels_of_pdf, same

RECEIVED = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
SEED = 20261122
AT_ONCE = 2
LIMITS = Limits()


@dataclass
class Told:
    """What became of many files."""

    outcomes: Counter[str] = field(default_factory=Counter)
    clean: int = 0
    slowest_s: float = 0.0
    wrong: list[str] = field(default_factory=list)


def tried(files: Iterable[Mutant], folder: Path) -> Told:
    """Convert them all, a few at a time."""
    told, lock = Told(), threading.Lock()

    def one(numbered: tuple[int, Mutant]) -> None:
        number, mutant = numbered
        place = folder / str(number)
        place.mkdir()
        begun = monotonic()
        outcome, wrong = ended(mutant, place)
        with lock:
            told.outcomes[outcome] += 1
            told.slowest_s = max(told.slowest_s, monotonic() - begun)
            told.clean += bool(mutant.pages and not wrong)
            told.wrong += [f'{mutant.name}: {wrong}'] if wrong else []
        for file in place.iterdir():
            file.unlink()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one, enumerate(files)))
    return told


def ended(mutant: Mutant, place: Path) -> tuple[str, str]:
    """How one conversion ended, and what is wrong with that."""
    (place / 'fax.tif').write_bytes(mutant.data)
    try:
        done = convert(place / 'fax.tif', place / 'fax.pdf', pages_wanted=5, title=mutant.name, received=RECEIVED)
    except Unconvertible as error:
        return error.outcome, 'a good fax was refused' if mutant.pages else ''
    except Exception as error:
        return 'raised', repr(error)
    return 'converted', whatever_is_wrong(mutant, done, place)


def whatever_is_wrong(mutant: Mutant, done: Converted, place: Path) -> str:
    if info(place / 'fax.pdf')['Pages'] != str(done.written_pages):
        return 'not the pages that were told'
    images = pixels_of_pdf(place / 'fax.pdf', place)
    if mutant.pages is None:
        return '' if len(images) == done.written_pages else 'poppler reads other pages'
    whole = done.good_pages == tuple(range(1, len(mutant.pages) + 1)) and not done.damage
    return '' if whole and all(same(*both) for both in zip(images, mutant.pages, strict=True)) else 'a good fax did not arrive as it was'


def weighing(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    """From here on every conversion writes down its memory."""
    here = Path(__file__).with_name('fax_weighed.py')
    monkeypatch.setattr(conversion, '_COMMAND', (sys.executable, '-I', '-S', str(here), str(file), *conversion._COMMAND))


def heaviest(file: Path) -> int:
    """The most memory that a conversion had, in bytes."""
    return 1024 * max(map(int, file.read_text().split()))


@pytest.mark.timeout(600)
def test_hostile_files_end_and_good_ones_arrive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weighing(monkeypatch, tmp_path / 'memory')
    told = tried(mutants(SEED, hostile=210, clean=20), tmp_path)
    assert not told.wrong
    assert (told.clean, told.outcomes.total()) == (20, 230)
    assert told.outcomes.keys() <= {'converted', 'no_good_page', 'no_pages', 'not_a_tiff', 'empty'}
    assert told.slowest_s < LIMITS.wall_s
    assert heaviest(tmp_path / 'memory') < LIMITS.memory_bytes


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_two_thousand_hostile_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weighing(monkeypatch, tmp_path / 'memory')
    begun = monotonic()
    told = tried(mutants(SEED + 1, hostile=2000, clean=200), tmp_path)
    print(f'\n{monotonic() - begun:.0f} s, {told.outcomes}, slowest {told.slowest_s:.1f} s, '
          f'{heaviest(tmp_path / "memory") / MIB:.0f} MiB')
    assert not told.wrong
    assert (told.clean, told.outcomes.total()) == (200, 2200)
    assert told.slowest_s < LIMITS.wall_s
    assert heaviest(tmp_path / 'memory') < LIMITS.memory_bytes


def test_the_mutants_are_the_same_each_time() -> None:
    first, second = ([(mutant.name, mutant.data) for mutant in mutants(SEED, 40, 5)] for _ in range(2))
    assert first == second
    assert sum(name.startswith('clean') for name, _ in first) == 5


def test_a_fax_cut_after_a_page_still_has_the_ones_before(tmp_path: Path) -> None:
    laid = fax([Sent(drawn(number, rows=360)) for number in range(5)])
    cuts = [(number + 1, cut) for number, (_, begin, end) in enumerate(laid.pages) for cut in (begin + 1, (begin + end) // 2, end)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(lambda numbered: saved(laid, *numbered, tmp_path), cuts))
    assert all(results)


def saved(laid: Laid, page: int, cut: int, folder: Path) -> bool:
    """Whether a file that was cut at the end of a page gives at least the pages before, pixel for pixel."""
    place = folder / str(cut)
    place.mkdir()
    (place / 'fax.tif').write_bytes(laid.data[:cut])
    try:
        done = convert(place / 'fax.tif', place / 'fax.pdf', pages_wanted=None, title='x', received=RECEIVED)
    except Unconvertible:
        return page == 1
    images = pixels_of_pdf(place / 'fax.pdf', place)
    before = all(same(image, drawn(number, rows=360)) for number, image in enumerate(images))
    return before and done.written_pages >= page - 1 and (cut == len(laid.data)) == (not done.damage)


def test_every_control_is_another_fax() -> None:
    assert len({control(number).data for number in range(30)}) == 30


@pytest.mark.long
def test_what_a_long_fax_costs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weighing(monkeypatch, tmp_path / 'memory')
    for coding in ('g4', 'g3'):
        (tmp_path / 'fax.tif').write_bytes(fax([Sent(drawn(number, rows=2156), coding, 196) for number in range(30)]).data)
        took = {}
        for pages in (1, 5, 30):
            begun = monotonic()
            convert(tmp_path / 'fax.tif', tmp_path / 'fax.pdf', pages_wanted=pages, title='x', received=RECEIVED)
            took[pages] = monotonic() - begun
        begun = monotonic()
        count(tmp_path / 'fax.tif')
        print(f'\n{coding}: counted in {monotonic() - begun:.2f} s; 1, 5, 30 fine pages in {took[1]:.2f}, {took[5]:.2f}, {took[30]:.2f} s; '
              f'{29 / (took[30] - took[1]):.0f} pages/s; {heaviest(tmp_path / "memory") / MIB:.0f} MiB')
    assert heaviest(tmp_path / 'memory') < 100 * MIB
