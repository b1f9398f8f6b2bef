"""The structure of an e-mail message: a tree of parts, read in time linear to its size and within limits.

Not `email.parser`: in Python 3.11 a header of many semicolons, nested parts and unfinished encoded words take it quadratic time, and
deep nesting ends in a RecursionError; here nothing is looked at before it was measured.
"""
from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from functools import cached_property

from ticketing.mail.words import as_text

MAX_BYTES = 25 * 1024 * 1024
MAX_DEPTH = 20
MAX_PARTS = 200
MAX_LOOKALIKES = 20_000                                # lines that begin like a boundary
MAX_COPIED = 5 * MAX_BYTES                             # bytes of nested containers: each level holds its own copy
MAX_HEADER_LINES = 2000                                # of one part
MAX_HEADER_BYTES = 256 * 1024                          # of one part
MAX_VALUE = 16 * 1024                                  # characters of one header that are read; the rest is dropped
MAX_PARAMETER_TEXT = 4 * 1024                          # characters of a Content-Type or Content-Disposition that are read ...
MAX_PARAMETERS = 64                                    # ... and so many parameters of it

_NOT_BASE64 = bytes(set(range(256)) - set(b'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'))
_HEADER = re.compile(rb'[!-9;-~]{1,200}[ \t]*:')
_TOKEN = re.compile(r'[a-z0-9!#$&^_.+-]{1,100}/[a-z0-9!#$&^_.+-]{1,100}')


class TooMuch(Exception):
    """The message passes a limit; the text says which."""


@dataclass(frozen=True)
class Part:
    """A message or a part of one. Header names are lower case; values are unfolded, not yet decoded words."""

    headers: tuple[tuple[str, str], ...]
    raw: bytes = field(repr=False)                     # the body as it came; a container's is split into `children`
    children: tuple[Part, ...] = ()
    usual_type: str = 'text/plain'                     # without a Content-Type: 'message/rfc822' in a digest

    def all(self, name: str) -> tuple[str, ...]:
        """The values of a header, in order; empty when it is missing."""
        return tuple(value for known, value in self.headers if known == name)

    def first(self, name: str) -> str | None:
        """The first value of a header, None when it is missing."""
        return next(iter(self.all(name)), None)

    @cached_property
    def declared_type(self) -> str:
        """What the part says it is, lower case; a Content-Type that makes no sense is text (RFC 2045 5.2)."""
        told = (self.first('content-type') or self.usual_type).partition(';')[0].strip().lower()
        return told if _TOKEN.fullmatch(told) else 'text/plain'

    @cached_property
    def disposition(self) -> str:
        """'attachment', 'inline' or ''."""
        return (self.first('content-disposition') or '').partition(';')[0].strip().lower()

    def parameter(self, header: str, name: str) -> str | None:
        """A parameter of a header, RFC 2231 decoded; None when it is missing or makes no sense."""
        value = self.first(header)
        if value is None:
            return None
        holder = Message()
        # The library's time grows with the square of the semicolons.
        holder['Content-Type'] = ';'.join(['a/b', *value[:MAX_PARAMETER_TEXT].split(';', MAX_PARAMETERS + 1)[1:MAX_PARAMETERS + 1]])
        try:
            found = holder.get_param(name)
        except (ValueError, LookupError, TypeError):
            return None                                # continuations that do not add up
        if isinstance(found, tuple):
            return as_text(found[2].encode('raw-unicode-escape', 'replace'), found[0] or 'utf-8')
        return found or None

    @cached_property
    def title(self) -> str | None:
        """The file name that the sender gave, as it stands."""
        return self.parameter('content-disposition', 'filename') or self.parameter('content-type', 'name')

    @property
    def body(self) -> bytes:
        """The content without its transfer encoding; damaged encodings give what can be read."""
        encoding = (self.first('content-transfer-encoding') or '').strip().lower()
        if encoding == 'base64':
            return _from_base64(self.raw)
        return binascii.a2b_qp(self.raw) if encoding == 'quoted-printable' else self.raw

    @property
    def text(self) -> str:
        """The content as text in its declared character set, line ends as `\\n`."""
        return as_text(self.body, self.parameter('content-type', 'charset') or 'utf-8').replace('\r\n', '\n')

    def walk(self) -> Iterator[Part]:
        """This part and all below it, in order."""
        yield self
        for child in self.children:
            yield from child.walk()


def read_parts(raw: bytes) -> Part:
    """The tree of a message's parts. Raises TooMuch beyond a limit; anything else can be read, however damaged."""
    if len(raw) > MAX_BYTES:
        raise TooMuch(f'larger than {MAX_BYTES} bytes')
    return _Reader().part(raw, 0, 'text/plain')


class _Reader:
    def __init__(self) -> None:
        self._parts = 0
        self._copied = 0

    def part(self, raw: bytes, depth: int, usual_type: str) -> Part:
        self._parts += 1
        self._copied += len(raw)
        if depth > MAX_DEPTH:
            raise TooMuch(f'parts nested deeper than {MAX_DEPTH}')
        if self._parts > MAX_PARTS:
            raise TooMuch(f'more than {MAX_PARTS} parts')
        if self._copied > MAX_COPIED:
            raise TooMuch(f'nested parts hold more than {MAX_COPIED} bytes')
        headers, begin = _read_headers(raw)
        alone = Part(headers, raw[begin:], (), usual_type)
        kind = alone.declared_type
        if kind.startswith('multipart/'):
            below = 'message/rfc822' if kind == 'multipart/digest' else 'text/plain'
            return Part(headers, b'', tuple(self.part(piece, depth + 1, below) for piece in _pieces(alone)), usual_type)
        if kind in ('message/rfc822', 'message/global'):
            inside = self.part(alone.body.lstrip(b'\r\n'), depth + 1, 'text/plain')
            return Part(headers, alone.raw, (inside,), usual_type)
        return alone


def _read_headers(raw: bytes) -> tuple[tuple[tuple[str, str], ...], int]:
    """The headers, and where the body begins. The first line that is no header ends them, blank or not."""
    found: list[list[bytes]] = []
    position = 0
    for count, (line, end) in enumerate(_lines(raw)):
        if count >= MAX_HEADER_LINES or end > MAX_HEADER_BYTES:
            raise TooMuch(f'more than {MAX_HEADER_LINES} header lines, or {MAX_HEADER_BYTES} bytes of them')
        if line in (b'', b'\r'):
            return _values(found), end
        if line[:1] in (b' ', b'\t') and found:
            found[-1].append(line)
        elif _HEADER.match(line):
            found.append([line])
        elif not (count == 0 and line.startswith((b'From ', b'>From '))):          # the line of a mailbox file
            return _values(found), position
        position = end
    return _values(found), position


def _lines(raw: bytes) -> Iterator[tuple[bytes, int]]:
    """Each line without its `\\n`, and where the next one begins."""
    begin = 0
    while begin < len(raw):
        found = raw.find(b'\n', begin)
        end = len(raw) if found < 0 else found
        # A line without end is measured, not copied.
        yield raw[begin:min(end, begin + MAX_HEADER_BYTES + 1)], end + 1
        begin = end + 1


def _values(found: list[list[bytes]]) -> tuple[tuple[str, str], ...]:
    headers = []
    for lines in found:
        name, _, value = b''.join(line.rstrip(b'\r\n') for line in lines)[:MAX_VALUE].partition(b':')
        headers.append((name.strip().decode('ascii', 'replace').lower(), as_text(value, 'utf-8').replace('\t', ' ').strip()))
    return tuple(headers)


def _pieces(container: Part) -> Iterator[bytes]:
    """The parts between a container's boundary lines; the whole body, as text, when there is none."""
    marks = tuple(_boundaries(container.raw, container.parameter('content-type', 'boundary')))
    if not marks:
        yield b'\n' + container.raw
        return
    for (_, begin, last), following in zip(marks, (*marks[1:], (len(container.raw), 0, True)), strict=True):
        if last:
            return
        yield _without_line_end(container.raw[begin:following[0]])


def _boundaries(raw: bytes, boundary: str | None) -> Iterator[tuple[int, int, bool]]:
    """(where it stands, where what follows it begins, whether it is the last) for each boundary line, up to one more than is allowed."""
    if not boundary or not boundary.strip():
        return
    mark = b'--' + boundary.rstrip().encode('utf-8', 'replace')
    position = 0 if raw.startswith(mark) else _next_line_with(raw, mark, 0)
    found = tried = 0
    while position >= 0 and found <= MAX_PARTS:
        tried += 1
        if tried > MAX_LOOKALIKES:
            raise TooMuch(f'more than {MAX_LOOKALIKES} lines that look like a boundary')
        end = raw.find(b'\n', position)
        end = len(raw) if end < 0 else end + 1
        rest = raw[position + len(mark):min(end, position + len(mark) + 200)].rstrip()
        if rest in (b'', b'--'):
            found += 1
            yield position, end, rest == b'--'
        position = _next_line_with(raw, mark, end - 1)


def _next_line_with(raw: bytes, mark: bytes, since: int) -> int:
    """Where the next line begins with `mark`, at or after the line end at `since`; -1 when none does."""
    found = raw.find(b'\n' + mark, since)
    return found + 1 if found >= 0 else -1


def _without_line_end(piece: bytes) -> bytes:
    """The line end before a boundary belongs to the boundary."""
    return piece[:-2] if piece.endswith(b'\r\n') else piece[:-1] if piece.endswith(b'\n') else piece


def _from_base64(raw: bytes) -> bytes:
    letters = raw.translate(None, _NOT_BASE64)
    whole = len(letters) - (len(letters) % 4 == 1)
    return binascii.a2b_base64(letters[:whole] + b'=' * (-whole % 4))
