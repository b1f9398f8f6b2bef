"""Reads Asterisk's dialplan text (extensions.conf and what it includes) into plain values; judges nothing but the form."""
from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from config.problems import Problem
from config.values import Where

SECTION = re.compile(r'\[([^\]]*)\]\s*(\(.*\))?\s*')
SETTING = re.compile(r'([A-Za-z_]+)\s*=>?\s*(.*)', re.DOTALL)
PRIORITY = re.compile(r'([0-9]+|n|s|hint)(?:\+([0-9]+))?\s*(?:\(\s*([^()\s]+)\s*\))?', re.IGNORECASE)
CALL = re.compile(r'([A-Za-z_][A-Za-z0-9_]*)\s*(?:\((.*)\))?\s*', re.DOTALL)
CLOSING = {'(': ')', '[': ']', '{': '}'}


@dataclass(frozen=True)
class Step:
    """One priority of an extension: an application with its arguments as written."""

    context: str
    extension: str
    priority: int
    label: str | None
    application: str
    arguments: str
    where: Where

    @property
    def node(self) -> tuple[str, str, int]:
        """Where the step stands in the dialplan."""
        return self.context, self.extension, self.priority


@dataclass(frozen=True)
class Include:
    """`include => target` in a context."""

    context: str
    target: str
    where: Where


@dataclass(frozen=True)
class Dialplan:
    """One file: contexts in order of appearance (a name may come twice), steps, inclusions, and lines that cannot be read."""

    contexts: tuple[tuple[str, Where], ...]
    steps: tuple[Step, ...]
    includes: tuple[Include, ...]
    problems: tuple[Problem, ...]


def parse(file: str, text: str) -> Dialplan:
    """The dialplan in a text; `file` only names it in places."""
    return _Parser(file).parse(text)


class _Parser:
    def __init__(self, file: str) -> None:
        self._file = file
        self._context = ''
        self._extension: str | None = None
        self._priority = 0
        self._contexts: list[tuple[str, Where]] = []
        self._steps: list[Step] = []
        self._includes: list[Include] = []
        self._problems: list[Problem] = []

    def parse(self, text: str) -> Dialplan:
        for number, line in uncommented(text):
            self._line(number, line)
        return Dialplan(tuple(self._contexts), tuple(self._steps), tuple(self._includes), tuple(self._problems))

    def _problem(self, line: int, key: str, message: str) -> None:
        self._problems.append(Problem(Where(self._file, line, key), message))

    def _line(self, number: int, line: str) -> None:
        if line.startswith('#'):
            word = line.split()[0]
            self._problem(number, word, f'{word} is not allowed here: write it out, or add another file to custom/')
        elif line.startswith('['):
            self._section(number, line)
        elif match := SETTING.fullmatch(line):
            self._setting(number, match[1].lower(), match[2].strip())
        else:
            self._problem(number, self._context or 'file', f'{_short(line)} is no dialplan: write exten => NAME,1,Application(...)')

    def _section(self, number: int, line: str) -> None:
        match = SECTION.fullmatch(line)
        name = match[1].strip() if match else line
        self._context, self._extension, self._priority = name, None, 0
        where = Where(self._file, number, name)
        self._contexts.append((name, where))
        if match is None or not name:
            self._problem(number, name, f'{_short(line)} is no context: write [custom-NAME]')
        elif match[2]:
            self._problem(number, name, f'templates and additions such as {match[2]} are not allowed here: write the context out')

    def _setting(self, number: int, key: str, value: str) -> None:
        if not self._contexts:
            self._problem(number, key, 'this stands before the first context: begin with [custom-NAME]')
        elif key in ('exten', 'same'):
            self._step(number, key, value)
        elif key == 'include':
            where = Where(self._file, number, f'{self._context},include')
            self._includes.append(Include(self._context, value.split(',')[0].strip(), where))
        elif key != 'ignorepat':
            self._problem(number, f'{self._context},{key}', f'{key!r} is not allowed here: use exten, same or include')

    def _step(self, number: int, key: str, value: str) -> None:
        head, comma, rest = value.partition(',')
        if key == 'exten':
            self._extension = head.partition('/')[0].strip()       # NAME/CALLER: for that caller only
        else:
            rest, comma = value, ','
        text, second_comma, call = rest.partition(',')
        here = f'{self._context},{self._extension or "?"},{text.strip()}'
        priority, called = PRIORITY.fullmatch(text.strip()), CALL.fullmatch(call.strip())
        if not (comma and second_comma and priority and called and self._extension):
            self._problem(number, here,
                          f'{_short(value)} cannot be read: write exten => NAME,1,Application(...) or same => n,Application(...)')
            return
        if priority[1].lower() == 'hint':
            return
        if priority[1].lower() == 'n' and not self._priority:
            self._problem(number, here, 'n follows nothing in this context, so Asterisk would leave it out: begin with 1')
            return
        self._priority = self._numbered(priority)
        where = Where(self._file, number, f'{self._context},{self._extension},{self._priority}')
        self._steps.append(Step(self._context, self._extension, self._priority, priority[3], called[1], called[2] or '', where))

    def _numbered(self, match: re.Match[str]) -> int:
        more = int(match[2][:6]) if match[2] else 0
        if match[1].lower() == 'n':
            return self._priority + (more or 1)
        return self._priority + more if match[1].lower() == 's' else int(match[1][:9]) + more


def uncommented(text: str) -> Iterator[tuple[int, str]]:
    """The lines that say something, without comments (`;` to the end, `;-- ... --;` over lines), with their numbers."""
    depth = 0
    for number, line in enumerate(text.replace('\r\n', '\n').split('\n'), start=1):
        kept, at = '', 0
        while at < len(line):
            if depth:
                end = line.find('--;', at)
                at, depth = (len(line), depth) if end < 0 else (end + 3, depth - 1)
            elif line[at] == ';' and not kept.endswith('\\'):
                # Three dashes are a ruler, not the beginning of a block.
                block = line.startswith(';--', at) and not line.startswith(';---', at)
                at, depth = (at + 3, 1) if block else (len(line), 0)
            else:
                kept, at = kept + line[at], at + 1
        if kept.strip():
            yield number, kept.strip()


def split_outside(text: str, separator: str, most: int = -1) -> list[str]:
    """The parts of a text between separators that stand in no bracket and no quotes; at most `most` cuts."""
    parts: list[str] = []
    start, closers, quoted, escaped = 0, '', False, False
    for at, char in enumerate(text):
        if escaped or char == '\\':
            escaped = not escaped
        elif char == '"':
            quoted = not quoted
        elif char in CLOSING:
            closers += CLOSING[char]
        elif closers and char == closers[-1]:
            closers = closers[:-1]
        elif char == separator and not closers and not quoted and len(parts) != most:
            parts.append(text[start:at].strip())
            start = at + 1
    return [*parts, text[start:].strip()]


def matches(extension: str, dialled: str) -> bool:
    """Does a dialplan extension, literal or pattern (`_9XX`, `_[2-4].`), take what was dialled?"""
    if not extension.startswith('_'):
        return extension == dialled
    return re.fullmatch(_expression(extension[1:]), dialled, re.DOTALL) is not None


def _expression(pattern: str) -> str:
    expression, at = '', 0
    while at < len(pattern):
        char = pattern[at]
        end = pattern.find(']', at)
        if char == '[' and end > at + 1:
            inside = ''.join(c if c == '-' else re.escape(c) for c in pattern[at + 1:end])
            expression += _character_class(inside)
            at = end
        else:
            expression += {'X': '[0-9]', 'x': '[0-9]', 'Z': '[1-9]', 'z': '[1-9]', 'N': '[2-9]', 'n': '[2-9]',
                           '.': '.+', '!': '.*', '-': ''}.get(char) or ('' if char == '-' else re.escape(char))
        at += 1
    return expression


def _character_class(inside: str) -> str:
    try:
        re.compile(f'[{inside}]')
    except re.error:
        return '.'                                     # a range that runs backwards: take it for anything
    return f'[{inside}]'


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + '...')
