"""The line on which each key of a TOML text stands; `tomllib` reads the values but tells no positions.

The text must already have been accepted by `tomllib`: the scanner follows the grammar and judges nothing.
"""
from __future__ import annotations

import re
from bisect import bisect_right

KeyPath = tuple[str | int, ...]

_BLANK = re.compile(r'(?:[ \t\r\n]|#[^\n]*)*')
_SPACE = re.compile(r'[ \t]*')
_BARE = re.compile(r'[A-Za-z0-9_-]+')
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}(?!")'
    r"|'''.*?'{3,5}(?!')"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'",
    re.DOTALL)
_SCALAR = re.compile(r'[^,\]}\n#]*')


def key_lines(text: str) -> dict[KeyPath, int]:
    """The line (1-based) of every table, key and array element of a valid TOML text, by its path; an array's elements count from 0."""
    return _Scan(text.replace('\r\n', '\n')).lines()


def key_text(path: KeyPath) -> str:
    """A path as an admin reads it: `line[2].queue`, elements counted from 1, unusual names quoted."""
    text = ''
    for part in path:
        if isinstance(part, int):
            text += f'[{part + 1}]'
        else:
            text += ('.' if text else '') + (part if _BARE.fullmatch(part) else f'"{part}"')
    return text


def nearest_line(lines: dict[KeyPath, int], path: KeyPath) -> int:
    """The line of a path, or of the nearest table around it; 1 when nothing of it is written."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return 1


class _Scan:
    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0] + [match.end() for match in re.finditer('\n', text)]
        self._at = 0
        self._lines: dict[KeyPath, int] = {}
        self._last: dict[KeyPath, int] = {}            # array of tables -> index of its latest element

    def lines(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        while self._skip(_BLANK) < len(self._text):
            if self._text.startswith('[', self._at):
                table = self._header()
            else:
                self._pair(table)
        return self._lines

    def _skip(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self._text, self._at)
        self._at = match.end() if match else self._at
        return self._at

    def _mark(self, path: KeyPath, at: int) -> None:
        line = bisect_right(self._starts, at)
        for length in range(1, len(path) + 1):         # a dotted key opens the tables on its way
            self._lines.setdefault(path[:length], line)

    def _header(self) -> KeyPath:
        start = self._at
        array = self._text.startswith('[[', start)
        self._at += 2 if array else 1
        names = self._key()
        self._at = self._text.index(']]' if array else ']', self._at) + (2 if array else 1)
        path = self._inside((), names[:-1]) + names[-1:]
        if array:
            self._last[path] = self._last.get(path, -1) + 1
        path = self._inside(path[:-1], path[-1:])
        self._mark(path, start)
        return path

    def _inside(self, base: KeyPath, names: KeyPath) -> KeyPath:
        """The path that names lead to, entering the latest element of every array of tables on the way."""
        for name in names:
            base += (name,)
            if base in self._last:
                base += (self._last[base],)
        return base

    def _key(self) -> KeyPath:
        names: list[str] = []
        while True:
            self._skip(_SPACE)
            names.append(self._name())
            self._skip(_SPACE)
            if not self._text.startswith('.', self._at):
                return tuple(names)
            self._at += 1

    def _name(self) -> str:
        match = _BARE.match(self._text, self._at) or _STRING.match(self._text, self._at)
        if match is None:
            raise ValueError(f'no key at character {self._at}')
        self._at = match.end()
        return _plain(match.group())

    def _pair(self, table: KeyPath) -> None:
        start = self._at
        path = table + self._key()
        self._mark(path, start)
        self._at = self._text.index('=', self._at) + 1
        self._skip(_SPACE)
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        opening = self._text[self._at:self._at + 1]
        if opening == '[':
            self._array(path)
        elif opening == '{':
            self._inline_table(path)
        else:
            self._skip(_STRING if opening in ('"', "'") else _SCALAR)

    def _array(self, path: KeyPath) -> None:
        self._at += 1
        count = 0
        while not self._closes(']'):
            self._mark((*path, count), self._at)
            self._value((*path, count))
            count += 1

    def _inline_table(self, path: KeyPath) -> None:
        self._at += 1
        while not self._closes('}'):
            self._pair(path)

    def _closes(self, bracket: str) -> bool:
        """Step over blanks and a comma; True when the bracket is passed."""
        self._skip(_BLANK)
        if self._text.startswith(',', self._at):
            self._at += 1
            self._skip(_BLANK)
        closed = self._text.startswith(bracket, self._at)
        self._at += closed
        if not closed and self._at >= len(self._text):
            raise ValueError(f'no {bracket} to the end of the text')
        return closed


def _plain(name: str) -> str:
    if name.startswith("'"):
        return name[1:-1]
    if not name.startswith('"'):
        return name
    return re.sub(r'\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)', _unescaped, name[1:-1])


def _unescaped(match: re.Match[str]) -> str:
    code = match.group(1)
    if len(code) > 1:
        return chr(int(code[1:], 16))
    return {'n': '\n', 't': '\t', 'r': '\r', 'b': '\b', 'f': '\f'}.get(code, code)
