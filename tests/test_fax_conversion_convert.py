"""A fax becomes a PDF with the same pixels, in the right shape, that other programs read without complaint."""
from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from PIL import Image, ImageChops

import fax.conversion.convert as conversion
from fax.conversion.convert import Converted, Counted, NotConverted, Unconvertible, convert, count
from fax.conversion.limits import Limits, Outcome
from tests.fax_samples import HEIGHTS, Sent, coded, drawn, fax, info, pixels_of_pdf, same, short, written_by_tiffcp

RECEIVED = datetime(2026, 11, 22, 15, 30, 5, tzinfo=UTC)


def converted(data: bytes, folder: Path, pages_wanted: int | None = None, limits: Limits = Limits()) -> Converted:
    """Convert a file's bytes to `folder/fax.pdf`."""
    tiff = folder / 'fax.tif'
    tiff.write_bytes(data)
    return convert(tiff, folder / 'fax.pdf', pages_wanted=pages_wanted, title='Fax de +52 55 5555 0101', received=RECEIVED, limits=limits)


@pytest.mark.parametrize('order', ['<', '>'])
@pytest.mark.parametrize('fill_order', [1, 2])
@pytest.mark.parametrize('coding', ['g3', 'g3:2d', 'g4'])
def test_the_pixels_arrive_as_they_were(tmp_path: Path, coding: str, fill_order: int, order: str) -> None:
    pages = [drawn(number) for number in range(2)]
    done = converted(fax([Sent(page, coding, fill_order=fill_order) for page in pages], order).data, tmp_path)
    assert (done.pages_in_file, done.pages, done.good_pages, done.damage) == (2, (1, 2), (1, 2), ())
    assert all(same(*both) for both in zip(pixels_of_pdf(tmp_path / 'fax.pdf', tmp_path), pages, strict=True))


@pytest.mark.parametrize(('lines', 'rows'), HEIGHTS.items())
def test_a_page_has_its_shape_at_every_resolution(tmp_path: Path, lines: int, rows: int) -> None:
    page = drawn(lines, rows=rows)
    converted(fax([Sent(page, lines=lines)]).data, tmp_path)
    assert same(*pixels_of_pdf(tmp_path / 'fax.pdf', tmp_path), page)
    assert info(tmp_path / 'fax.pdf')['Page size'] == '609.882 x 791.999 pts'
    rendered = rendered_at(tmp_path, 204, lines)
    assert same(rendered, page)
    assert rendered_at(tmp_path, 72, 72).size == (610, 792)


def rendered_at(folder: Path, across: int, down: int) -> Image.Image:
    """The first page as a printer would have it."""
    subprocess.run(['pdftoppm', '-gray', '-rx', str(across), '-ry', str(down), str(folder / 'fax.pdf'), str(folder / 'page')], check=True)
    return Image.open(folder / 'page-1.pgm').point(lambda grey: 255 * (grey > 127), mode='1')


@pytest.mark.parametrize('options', [
    ('-c', 'g4'), ('-c', 'g3:1d'), ('-c', 'g3:1d:fill'), ('-c', 'g3:2d'), ('-c', 'g3:2d:fill'), ('-c', 'g4', '-f', 'lsb2msb'),
    ('-c', 'g3:2d:fill', '-f', 'lsb2msb'), ('-c', 'g4', '-r', '64'), ('-c', 'g3:1d', '-r', '100', '-B'), ('-c', 'none'), ('-c', 'packbits'),
], ids=' '.join)
def test_what_others_write_is_read(tmp_path: Path, options: tuple[str, ...]) -> None:
    page = drawn(5)
    done = converted(written_by_tiffcp(page, tmp_path, *options).read_bytes(), tmp_path)
    assert (done.good_pages, done.damage) == ((1,), ())
    assert same(*pixels_of_pdf(tmp_path / 'fax.pdf', tmp_path), page)


def test_what_fax2tiff_makes_of_a_raw_fax_is_read(tmp_path: Path) -> None:
    page = drawn(6)
    (tmp_path / 'raw.g3').write_bytes(coded(page, 'g3'))
    subprocess.run(['fax2tiff', '-3', '-1', '-M', '-W', '-8', '-R', '98', '-o', str(tmp_path / 'made.tif'), str(tmp_path / 'raw.g3')],
                   check=True, capture_output=True)
    done = converted((tmp_path / 'made.tif').read_bytes(), tmp_path)
    [made] = pixels_of_pdf(tmp_path / 'fax.pdf', tmp_path)
    assert done.damage == ()
    assert same(made.crop((0, 0, page.width, page.height - 2)), page.crop((0, 0, page.width, page.height - 2)))


def test_a_negative_is_black_where_it_was_black(tmp_path: Path) -> None:
    page = drawn(7)
    converted(fax([Sent(page, changed={262: short(1)})]).data, tmp_path)
    assert same(*pixels_of_pdf(tmp_path / 'fax.pdf', tmp_path), ImageChops.invert(page))


def test_other_programs_find_nothing_wrong(tmp_path: Path) -> None:
    done = converted(fax([Sent(drawn(number), coding) for number, coding in enumerate(('g4', 'g3', 'g4'))]).data, tmp_path)
    pdf = tmp_path / 'fax.pdf'
    checked = subprocess.run(['qpdf', '--check', str(pdf)], check=True, capture_output=True, text=True)
    assert 'No syntax or stream encoding errors found' in checked.stdout
    told = info(pdf)
    assert (told['Title'], told['Producer'], told['Pages']) == ('Fax de +52 55 5555 0101', 'Mesa', '3')
    assert (done.written_pages, done.size) == (3, pdf.stat().st_size)
    assert done.sha256 == hashlib.sha256(pdf.read_bytes()).hexdigest()
    assert subprocess.run(['pdftoppm', '-r', '20', str(pdf), str(tmp_path / 'small')], check=True, capture_output=True).stderr == b''


@pytest.mark.parametrize('title', ['Fax de ñandú «8»', 'entre (paréntesis) \\ y >> 日本', 'dos\nrenglones\0', '', 'x' * 5000, '\ud800'])
def test_any_title_is_only_a_title(tmp_path: Path, title: str) -> None:
    tiff = tmp_path / 'fax.tif'
    tiff.write_bytes(fax([Sent(drawn(1))]).data)
    convert(tiff, tmp_path / 'fax.pdf', pages_wanted=1, title=title, received=RECEIVED)
    subprocess.run(['qpdf', '--check', str(tmp_path / 'fax.pdf')], check=True, capture_output=True)
    shown = info(tmp_path / 'fax.pdf').get('Title', '')
    assert shown == title.replace('\n', ' ').replace('\0', '').replace('\ud800', '').strip()[:300]


def test_the_date_is_the_moment_it_came(tmp_path: Path) -> None:
    tiff = tmp_path / 'fax.tif'
    tiff.write_bytes(fax([Sent(drawn(1))]).data)
    for zone in ('UTC', 'America/Tijuana', 'Asia/Kolkata'):
        convert(tiff, tmp_path / 'fax.pdf', pages_wanted=1, title='x', received=RECEIVED.astimezone(ZoneInfo(zone)))
        assert datetime.fromisoformat(info(tmp_path / 'fax.pdf')['CreationDate']) == RECEIVED
    with pytest.raises(ValueError, match='without a zone'):
        convert(tiff, tmp_path / 'fax.pdf', pages_wanted=1, title='x', received=datetime(2026, 1, 1))  # noqa: DTZ001


def test_the_same_fax_gives_the_same_bytes(tmp_path: Path) -> None:
    data = fax([Sent(drawn(number)) for number in range(3)]).data
    first = converted(data, tmp_path)
    kept = (tmp_path / 'fax.pdf').read_bytes()
    assert converted(data, tmp_path) == first
    assert (tmp_path / 'fax.pdf').read_bytes() == kept


def test_the_first_pages_are_those_that_can_be_read(tmp_path: Path) -> None:
    pages = [Sent(drawn(number), changed={257: short(1)} if number == 1 else {}) for number in range(7)]
    done = converted(fax(pages).data, tmp_path, pages_wanted=5)
    assert (done.pages_in_file, done.pages, done.written_pages) == (7, (1, 3, 4, 5, 6), 5)
    assert done.damage == ('la página 2 no es una imagen de fax',)
    assert converted(fax(pages).data, tmp_path, pages_wanted=1).damage == ()
    with pytest.raises(ValueError, match='no pages are wanted'):
        converted(fax(pages).data, tmp_path, pages_wanted=0)


def test_counting_looks_at_no_page(tmp_path: Path) -> None:
    laid = fax([Sent(drawn(number)) for number in range(4)])
    tiff = tmp_path / 'fax.tif'
    for data, counted in ((laid.data, Counted(4, False)), (laid.data[:laid.pages[3][0]], Counted(3, True)), (b'', Counted(0, True)),
                          (b'%PDF-1.4', Counted(0, True)), (b'II*\0\0\0\0\0', Counted(0, False))):
        tiff.write_bytes(data)
        assert count(tiff) == counted


def test_nothing_else_is_left_in_the_folder(tmp_path: Path) -> None:
    converted(fax([Sent(drawn(1))]).data, tmp_path)
    (tmp_path / '.fax.pdf.part').write_bytes(b'left by a kill')
    done = converted(fax([Sent(drawn(2))]).data, tmp_path)
    with pytest.raises(Unconvertible):
        converted(b'no fax', tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ['fax.pdf', 'fax.tif']
    assert hashlib.sha256((tmp_path / 'fax.pdf').read_bytes()).hexdigest() == done.sha256
    assert (tmp_path / 'fax.pdf').stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(('data', 'outcome', 'reason'), [
    (b'', Outcome.EMPTY, 'está vacío'),
    (b'II*\0', Outcome.NOT_A_TIFF, 'no es un TIFF'),
    (b'\xff\xd8\xff\xe0' + bytes(100), Outcome.NOT_A_TIFF, 'no es un TIFF'),
    (b'II*\0\0\0\0\0', Outcome.NO_PAGES, 'ninguna página'),
    (b'II*\0\xff\xff\xff\xff', Outcome.NO_PAGES, 'ninguna página'),
    (fax([Sent(drawn(1), changed={259: short(7)})]).data, Outcome.NO_GOOD_PAGE, 'ninguna página del fax se puede leer'),
], ids=str)
def test_what_is_no_fax_is_refused_with_a_reason(tmp_path: Path, data: bytes, outcome: Outcome, reason: str) -> None:
    with pytest.raises(Unconvertible, match=reason) as caught:
        converted(data, tmp_path)
    assert caught.value.outcome is outcome
    assert not (tmp_path / 'fax.pdf').exists()


@pytest.mark.parametrize(('limits', 'outcome'), [
    (Limits(file_bytes=1000), Outcome.TOO_BIG),
    (Limits(pixels=100_000), Outcome.NO_GOOD_PAGE),
    (Limits(page_bytes=1000), Outcome.NO_GOOD_PAGE),
    (Limits(output_bytes=5000), Outcome.PDF_TOO_BIG),
    (Limits(wall_s=0.001), Outcome.OUT_OF_TIME),
    (Limits(memory_bytes=12 * 1024 * 1024), Outcome.OUT_OF_MEMORY),
], ids=str)
def test_every_limit_ends_by_its_name(tmp_path: Path, limits: Limits, outcome: Outcome) -> None:
    with pytest.raises(Unconvertible) as caught:
        converted(fax([Sent(drawn(1))]).data, tmp_path, limits=limits)
    assert caught.value.outcome is outcome


def test_what_does_not_fit_into_a_short_time_is_named(tmp_path: Path) -> None:
    pages = [Sent(drawn(number % 4, rows=HEIGHTS[391]), lines=391) for number in range(40)]
    done = converted(fax(pages).data, tmp_path, limits=Limits(cpu_s=1))
    assert 0 < done.written_pages < 40
    assert 'sin convertir: tardaban demasiado' in done.damage[0]


def test_more_pages_than_are_read_are_told(tmp_path: Path) -> None:
    done = converted(fax([Sent(drawn(number)) for number in range(4)]).data, tmp_path, limits=Limits(pages=3))
    assert (done.pages, done.damage) == ((1, 2, 3), ('el fax trae más de 3 páginas; las demás no se leyeron',))


def child_that(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Another program in the place of the conversion."""
    monkeypatch.setattr(conversion, '_COMMAND', (sys.executable, '-I', '-S', '-c', code))


@pytest.mark.parametrize(('code', 'outcome'), [
    ('import os; os.kill(os.getpid(), 9)', Outcome.CRASHED),
    ('import os; os.abort()', Outcome.CRASHED),
    ('import os; os.kill(os.getpid(), 24)', Outcome.OUT_OF_TIME),
    ('print("{")', Outcome.CRASHED),
    ('print("[]")', Outcome.CRASHED),
    ('print(\'{"outcome": "boredom"}\')', Outcome.CRASHED),
    ('print(\'{"pages": 1, "written": [1], "harmed": [], "size": 9, "damage": []}\')', Outcome.CRASHED),
    ('pass', Outcome.CRASHED),
    ('while True: pass', Outcome.OUT_OF_TIME),
])
def test_whatever_becomes_of_the_process_the_fax_is_refused(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, outcome: Outcome) -> None:
    child_that(monkeypatch, code)
    with pytest.raises(Unconvertible) as caught:
        converted(b'', tmp_path, limits=Limits(wall_s=1.0 if outcome is Outcome.OUT_OF_TIME else 30))
    assert caught.value.outcome is outcome
    assert [file.name for file in tmp_path.iterdir()] == ['fax.tif']


@pytest.mark.parametrize('code', ['import PIL', f'import os; os.kill(os.getpid(), {int(signal.SIGTERM)})'])
def test_a_broken_or_stopped_conversion_says_nothing_about_the_fax(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    child_that(monkeypatch, code)
    with pytest.raises(NotConverted):
        converted(b'', tmp_path)


def test_a_full_disk_says_nothing_about_the_fax(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = os.open('/dev/full', os.O_WRONLY)
    asked = conversion._asked
    monkeypatch.setattr(conversion, '_asked', lambda order, limits: asked({**order, 'pdf': full}, limits))
    with pytest.raises(OSError, match='No space left'):
        converted(fax([Sent(drawn(1))]).data, tmp_path)
    os.close(full)
    assert not (tmp_path / 'fax.pdf').exists()


def test_a_pipe_in_the_place_of_the_fax_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / 'fax.tif')
    with pytest.raises(Unconvertible):
        count(tmp_path / 'fax.tif')
    with pytest.raises(FileNotFoundError):
        count(tmp_path / 'missing.tif')
