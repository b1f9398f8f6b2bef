"""Documents that are to be faxed: which are taken, by their content, and the sheets that they make (mission.md 5.5).

A document may be hostile. It is drawn here, by Ghostscript in its safe mode and libtiff's tools, each within limits of time, memory and
output, so that HylaFAX, which sets none, only ever gets plain fax pages; and whoever hands it in is told at once what is wrong with it.
"""
from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from fax.outgoing.jobs import Document, SendingError
from fax.outgoing.text_pages import pages, postscript
from fax.outgoing.tiff_pages import BadTiff, tiff_pages
from ticketing.mail.content_types import content_type

LARGEST = 20 * 1024 * 1024                             # bytes
MOST_PAGES = 100
LARGEST_PIXELS = 20_000                                # the longer side of a page of a TIFF that is not a fax
PATIENCE_S = 120.0
LIMITS = ('prlimit', '--cpu=60', '--as=2000000000', '--fsize=100000000', '--nofile=64', '--core=0', '--')
LONGEST_NAME = 255
POSTSCRIPT = '%!'
TAKEN = 'PDF, TIFF and plain text can be faxed'
# Letter-size sheets in fine resolution: 1728 pixels wide, as every fax machine takes them. Pages of another size are fitted in.
DRAW = ('gs', '-q', '-dSAFER', '-dNOPAUSE', '-dBATCH', '-sDEVICE=tiffg4', '-sPAPERSIZE=letter', '-dFIXEDMEDIA', '-dPDFFitPage',
        '-r204x196', '-dMaxStripSize=0', f'-dLastPage={MOST_PAGES + 1}', '-sOutputFile=sheets.tif')


def read_document(file: Path) -> bytes:
    """The content of a file that is to be faxed. Raises SendingError: too large, or no ordinary file."""
    # A pipe would keep us waiting, and a device would never end.
    with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), 'rb') as handle:
        if not stat.S_ISREG(os.fstat(handle.fileno()).st_mode):
            raise SendingError(f'{_shown(file.name)} is no ordinary file.')
        content = handle.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise SendingError(f'{_shown(file.name)} is larger than {LARGEST // 1024 ** 2} MB. Send it in parts.')
    return content


def document(name: str, content: bytes) -> Document:
    """Draw a document. Raises SendingError: of a kind that is not taken, damaged, or too long. Takes seconds for a long one."""
    shown = _shown(name)
    if not content:
        raise SendingError(f'{shown} is empty.')
    if len(content) > LARGEST:
        raise SendingError(f'{shown} is larger than {LARGEST // 1024 ** 2} MB. Send it in parts.')
    kind = content_type(content)
    draw = {'application/pdf': _of_pdf, 'image/tiff': _of_tiff, 'text/plain': _of_text}.get(kind)
    if draw is None:
        raise SendingError(f'{shown} is of the kind {kind}, by its content. {TAKEN}.')
    sheets = draw(shown, content)
    return Document(name=shown, content_type=kind, content=content, sheets=sheets, pages=_counted(shown, sheets))


def _of_pdf(shown: str, content: bytes) -> bytes:
    return _drawn(shown, content)


def _of_text(shown: str, content: bytes) -> bytes:
    text = _decoded(content)
    if text.startswith(POSTSCRIPT):
        raise SendingError(f'{shown} is a PostScript program, and programs are not run. {TAKEN}: make a PDF of it.')
    if text.count('\0'):
        raise SendingError(f'{shown} is no plain text. {TAKEN}.')
    if len(pages(text)) > MOST_PAGES:
        raise SendingError(_too_long(shown))
    if not text.strip():
        raise SendingError(f'{shown} is empty.')
    return _drawn(shown, postscript(text))


def _of_tiff(shown: str, content: bytes) -> bytes:
    try:
        found = tiff_pages(content, MOST_PAGES)
    except BadTiff as error:
        raise SendingError(f'{shown} is a damaged TIFF: {error}.') from error
    if len(found) > MOST_PAGES:
        raise SendingError(_too_long(shown))
    if all(page.is_fax for page in found):
        return _converted(shown, content, ('tiffcp', '-c', 'g4', '-r', '9999', 'document', 'sheets.tif'), 'sheets.tif')
    if any(max(page.width, page.length) > LARGEST_PIXELS for page in found):
        raise SendingError(f'{shown} has a page of more than {LARGEST_PIXELS} pixels a side.')
    return _drawn(shown, _converted(shown, content, ('tiff2pdf', '-z', '-o', 'pages.pdf', 'document'), 'pages.pdf'))


def _drawn(shown: str, content: bytes) -> bytes:
    return _converted(shown, content, (*DRAW, 'document'), 'sheets.tif')


def _converted(shown: str, content: bytes, command: Sequence[str], made: str) -> bytes:
    """What a program makes of the content, in a folder of its own. The names in `command` are ours, never the sender's."""
    with TemporaryDirectory(prefix='mesa-fax-') as name:
        folder = Path(name)
        (folder / 'document').write_bytes(content)
        environment = {'PATH': os.defpath, 'LC_ALL': 'C', 'TMPDIR': name, 'HOME': name}
        try:
            done = subprocess.run([*LIMITS, *command], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=PATIENCE_S, check=False)
        except subprocess.TimeoutExpired:
            raise SendingError(f'{shown} takes too long to be drawn: more than {PATIENCE_S:.0f} s.') from None
        except FileNotFoundError as error:
            raise SendingError(f'{error.filename} is missing on this machine. See: mesa doctor') from error
        if done.returncode != 0 or not (folder / made).is_file():
            raise SendingError(f'{shown} cannot be drawn ({command[0]}: {_last_words(done.stdout) or f"exit {done.returncode}"}).')
        return (folder / made).read_bytes()


def _counted(shown: str, sheets: bytes) -> int:
    try:
        found = tiff_pages(sheets, MOST_PAGES)
    except BadTiff as error:
        raise SendingError(f'{shown} has no page that can be drawn.') from error
    if len(found) > MOST_PAGES:
        raise SendingError(_too_long(shown))
    return len(found)


def _decoded(content: bytes) -> str:
    try:
        return content.decode('utf-8-sig')
    except UnicodeDecodeError:
        return content.decode('cp1252', 'replace')     # what Windows calls a text file


def _too_long(shown: str) -> str:
    return f'{shown} has more than {MOST_PAGES} pages. Send it in parts.'


def _shown(name: str) -> str:
    """A file's name as it may stand in the books and on a terminal; bytes of it that are no UTF-8 are marked."""
    seen = os.fsencode(name).decode('utf-8', 'replace')
    return ''.join(character if character.isprintable() else '?' for character in seen)[:LONGEST_NAME] or '?'


def _last_words(said: bytes) -> str:
    words = [line.strip() for line in said.decode('ascii', 'replace').splitlines() if line.strip(' *')]
    return ''.join(character for character in words[-1][:200] if character.isprintable()) if words else ''
