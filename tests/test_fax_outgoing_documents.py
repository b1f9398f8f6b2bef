"""Documents that are to be faxed: what is taken, what it becomes, and what a hostile one can do."""
from __future__ import annotations

import contextlib
import os
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fax.outgoing import documents
from fax.outgoing.documents import LARGEST, MOST_PAGES, document, read_document
from fax.outgoing.jobs import SendingError
from fax.outgoing.text_pages import COLUMNS, LINES, pages, postscript
from fax.outgoing.tiff_pages import BadTiff, TiffPage, tiff_pages

TEXT = 'Señora Núñez:\n\nEl año pasado…\n\n¿Llegó el «oficio»?\n'.encode()


def tool(folder: Path, *command: str) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)


def pdf_of(folder: Path, drawing: str = '72 700 moveto (Hola) show showpage', size: str = 'letter') -> bytes:
    (folder / 'in.ps').write_text(f'%!PS\n/Courier findfont 20 scalefont setfont\n{drawing}\n')
    tool(folder, 'gs', '-q', '-dNOPAUSE', '-dBATCH', '-sDEVICE=pdfwrite', f'-sPAPERSIZE={size}', '-sOutputFile=out.pdf', 'in.ps')
    return (folder / 'out.pdf').read_bytes()


def checked_by_hylafax(folder: Path, sheets: bytes) -> str:
    """What HylaFAX's own checker says of sheets in fine resolution."""
    (folder / 'sheets.tif').write_bytes(sheets)
    done = subprocess.run(['/usr/lib/hylafax/bin/tiffcheck', '-r', '196', '-w', '1728', '-l', '296', '-3', 'sheets.tif'], cwd=folder,
                          capture_output=True, text=True, check=False, timeout=60)
    return done.stdout.splitlines()[0]


def test_text_in_spanish_becomes_sheets_that_hylafax_takes_as_they_are(tmp_path: Path) -> None:
    made = document('oficio.txt', TEXT + b'\f' + 'segunda página'.encode('cp1252'))
    assert (made.name, made.content_type, made.pages) == ('oficio.txt', 'text/plain', 2)
    assert all(page.is_fax for page in tiff_pages(made.sheets, 10))
    assert checked_by_hylafax(tmp_path, made.sheets) == 'OK'


@pytest.mark.parametrize('size', ['letter', 'a4', 'a3'])
def test_a_pdf_of_any_paper_becomes_fax_pages(tmp_path: Path, size: str) -> None:
    made = document('a.pdf', pdf_of(tmp_path, '72 72 moveto (uno) show showpage 72 72 moveto (dos) show showpage', size))
    assert (made.content_type, made.pages) == ('application/pdf', 2)
    assert {(page.width, page.length) for page in tiff_pages(made.sheets, 10)} == {(1728, 2156)}
    assert checked_by_hylafax(tmp_path, made.sheets) == 'OK'


def test_a_fax_that_came_in_goes_out_pixel_by_pixel(tmp_path: Path) -> None:
    first = document('oficio.txt', TEXT).sheets
    (tmp_path / 'g4.tif').write_bytes(first)
    tool(tmp_path, 'tiffcp', '-c', 'g3:2d', 'g4.tif', 'g3.tif')
    made = document('fax.tif', (tmp_path / 'g3.tif').read_bytes())
    (tmp_path / 'again.tif').write_bytes(made.sheets)
    for name in ('g4', 'again'):
        tool(tmp_path, 'tiffcp', '-c', 'none', f'{name}.tif', f'{name}-plain.tif')
    tool(tmp_path, 'tiffcmp', 'g4-plain.tif', 'again-plain.tif')
    assert (made.content_type, made.pages) == ('image/tiff', 1)


def test_a_tiff_in_colour_is_drawn(tmp_path: Path) -> None:
    (tmp_path / 'in.pdf').write_bytes(pdf_of(tmp_path))
    tool(tmp_path, 'gs', '-q', '-dNOPAUSE', '-dBATCH', '-sDEVICE=tiff24nc', '-r50', '-sOutputFile=colour.tif', 'in.pdf')
    made = document('foto.tif', (tmp_path / 'colour.tif').read_bytes())
    assert made.pages == 1 and tiff_pages(made.sheets, 1)[0].is_fax


@pytest.mark.parametrize(('content', 'why'), [
    (b'', 'is empty'), (b'   \n\n', 'is empty'), (b'\n\f\n', 'is empty'),
    (b'%PDF-1.7 and nothing else', 'cannot be drawn'), (b'II*\0', 'damaged TIFF'), (b'II*\0\x08\0\0\0\0\0\0\0\0\0', 'damaged TIFF'),
    (b'MZ\x90\0', 'of the kind application/x-dosexec'), (b'\x89PNG\r\n\x1a\n', 'of the kind image/png'), (b'#!/bin/sh\n', 'text/x-script'),
    (b'<html><body>x</body></html>', 'text/html'), (b'PK\x03\x04', 'application/zip'), (b'\0\0\0\0', 'application/octet-stream'),
    (b'%!PS-Adobe-3.0\n(/etc/passwd) (r) file', 'PostScript program'), ('\ufeff%!PS'.encode(), 'PostScript program'),
    (b'a' * 5000 + b'\0', 'no plain text'), (b'\x1b%-12345X@PJL', 'text')])
def test_what_is_not_taken_is_refused_in_a_sentence(content: bytes, why: str) -> None:
    if content.startswith(b'\x1b'):                    # a printer's language is drawn as the text that it is
        assert document('x', content).pages == 1
        return
    with pytest.raises(SendingError, match=why):
        document('x.pdf', content)


def test_a_pdf_may_read_and_run_nothing(tmp_path: Path) -> None:
    secret = tmp_path / 'secret'
    secret.write_text('geheim')
    evil = tmp_path / 'written'
    program = (f'%PDF-1.4\n%!PS\n({secret}) (r) file 100 string readstring pop ({evil}) (w) file exch writestring\n'
               f'(%pipe%touch {evil}) (w) file pop\nshowpage\n')
    with pytest.raises(SendingError):
        document('x.pdf', program.encode())
    assert not evil.exists()


def test_postscript_in_a_text_is_drawn_and_never_run(tmp_path: Path) -> None:
    evil = tmp_path / 'written'
    made = document('x.txt', f'hola\n>) show ({evil}) (w) file closefile showpage\n%!PS\n'.encode())
    assert made.pages == 1 and not evil.exists()


def test_a_document_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, 'LIMITS', ('prlimit', '--cpu=1', '--'))
    with pytest.raises(SendingError, match='cannot be drawn'):
        document('x.pdf', b'%PDF-1.4\n' + b'1 0 obj <<>> endobj\n' * 400_000)
    monkeypatch.setattr(documents, 'LIMITS', ('sh', '-c', 'exec sleep 60'))
    monkeypatch.setattr(documents, 'PATIENCE_S', 0.2)
    with pytest.raises(SendingError, match='takes too long'):
        document('x.txt', b'hola')


def test_too_many_pages_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SendingError, match=f'more than {MOST_PAGES} pages'):
        document('x.txt', b'\n'.join(b'x' for _ in range(LINES * MOST_PAGES + 1)))
    with pytest.raises(SendingError, match=f'more than {MOST_PAGES} pages'):
        document('x.pdf', pdf_of(tmp_path, f'{MOST_PAGES + 1} {{ showpage }} repeat'))


def test_a_tiff_that_would_fill_the_memory_is_refused() -> None:
    with pytest.raises(SendingError, match='pixels a side'):
        document('x.tif', a_tiff([(60_000, 60_000)]))


def test_the_file_is_read_to_its_limit_and_no_further(tmp_path: Path) -> None:
    large = tmp_path / 'large'
    with large.open('wb') as handle:
        handle.truncate(LARGEST + 1)
    with pytest.raises(SendingError, match='larger than 20 MB'):
        read_document(large)
    with pytest.raises(SendingError, match='larger than 20 MB'):
        document('x', bytes(LARGEST + 1))
    os.mkfifo(tmp_path / 'pipe')
    for other in (tmp_path / 'pipe', Path('/dev/zero')):
        with pytest.raises(SendingError, match='no ordinary file'):
            read_document(other)


@pytest.mark.parametrize(('name', 'shown'), [('-rf', '-rf'), ('a\nb"\x1b[2J.txt', 'a?b"?[2J.txt'), ('x' * 400, 'x' * 255),
                                             (os.fsdecode(b'\xff\xfe'), '\ufffd\ufffd'), ('', '?')])
def test_a_name_is_kept_without_commands(name: str, shown: str) -> None:
    assert document(name, b'hola').name == shown


def a_tiff(sizes: list[tuple[int, int]], order: str = '<', bits: int = 1) -> bytes:
    """Directories without any picture."""
    made = b'II*\0' if order == '<' else b'MM\0*'
    made += struct.pack(f'{order}I', 8)
    for number, (width, length) in enumerate(sizes, 1):
        entries = [(256, width), (257, length), (258, bits), (259, 4), (277, 1)]
        made += struct.pack(f'{order}H', len(entries))
        for tag, value in entries:
            made += struct.pack(f'{order}HHII', tag, 4, 1, value)
        made += struct.pack(f'{order}I', 8 + number * (2 + 12 * len(entries) + 4) if number < len(sizes) else 0)
    return made


@pytest.mark.parametrize('order', ['<', '>'])
def test_the_pages_of_a_tiff_are_counted_in_either_byte_order(order: str) -> None:
    found = tiff_pages(a_tiff([(1728, 2292), (1728, 1145), (2550, 3300)], order), 100)
    assert found[1] == TiffPage(1728, 1145, 1, 1, 4)
    assert [page.is_fax for page in found] == [True, True, False]
    assert len(tiff_pages(a_tiff([(1728, 100)] * 50, order), 10)) == 11
    assert not tiff_pages(a_tiff([(1728, 100)], order, bits=8), 1)[0].is_fax


def test_directories_in_a_circle_end() -> None:
    circle = bytearray(a_tiff([(1728, 100)]))
    circle[-4:] = struct.pack('<I', 8)
    with pytest.raises(BadTiff, match='lead back'):
        tiff_pages(bytes(circle), 100)


@given(st.binary(max_size=300), st.sampled_from([b'II*\0\x08\0\0\0', b'MM\0*\0\0\0\x08', b'II*\0', b'']))
def test_garbage_is_a_bad_tiff_and_nothing_else(junk: bytes, head: bytes) -> None:
    with contextlib.suppress(BadTiff):
        assert tiff_pages(head + junk, 5)


@given(st.text(max_size=2000))
def test_any_text_becomes_pages_that_hold_all_of_it(text: str) -> None:
    made = pages(text)
    assert all(len(lines) <= LINES and all(len(line) <= COLUMNS for line in lines) for lines in made)
    kept = ''.join(line.replace(' ', '') for lines in made for line in lines)
    assert kept == ''.join(character for character in text if character.isprintable()).replace(' ', '')
    assert set(postscript(text)) < set(range(128)), 'a program of plain ASCII, whatever the text is'


def test_the_folder_of_the_drawing_is_gone_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('TMPDIR', str(tmp_path))
    import tempfile
    monkeypatch.setattr(tempfile, 'tempdir', None)
    document('x.txt', b'hola')
    assert list(tmp_path.iterdir()) == []
