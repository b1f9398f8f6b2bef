"""Plain text as PostScript: our own, because the converters that HylaFAX knows take ASCII alone, and Spanish is not ASCII."""
from __future__ import annotations

from collections.abc import Iterator

COLUMNS, LINES = 80, 60                                # of a letter-size page in 11 point Courier with its margins
LEFT, TOP, LEADING, SIZE = 42, 736, 11.8, 11
TAB = 8
PROLOGUE = b"""%!PS-Adobe-3.0
/Courier findfont dup length dict begin
{ 1 index /FID ne { def } { pop pop } ifelse } forall
/Encoding ISOLatin1Encoding def currentdict end
/Fax exch definefont pop
"""


def pages(text: str) -> tuple[tuple[str, ...], ...]:
    """The lines of each page; a form feed begins a new one, and a long line goes on in the next."""
    made: list[tuple[str, ...]] = []
    for part in text.replace('\r\n', '\n').replace('\r', '\n').rstrip().split('\f'):
        lines = [piece for line in part.split('\n') for piece in _pieces(line)]
        made += [tuple(lines[start:start + LINES]) for start in range(0, len(lines), LINES)]
    return tuple(made)


def postscript(text: str) -> bytes:
    """A program that draws the text. Every character of it stands there as a number, so no text can be a program."""
    drawn = [b'/Fax %d selectfont\n%s\nshowpage\n' % (SIZE, b'\n'.join(_drawn(lines))) for lines in pages(text)]
    return PROLOGUE + b''.join(drawn) + b'%%EOF\n'


def _drawn(lines: tuple[str, ...]) -> Iterator[bytes]:
    for row, line in enumerate(lines):
        if line.strip():
            shown = line.encode('latin-1', 'replace').hex().encode()
            yield b'%d %.1f moveto <%s> show' % (LEFT, TOP - row * LEADING, shown)


def _pieces(line: str) -> Iterator[str]:
    wide = ''.join(character for character in line.expandtabs(TAB) if character.isprintable())
    yield wide[:COLUMNS]
    for start in range(COLUMNS, len(wide), COLUMNS):
        yield wide[start:start + COLUMNS]
