"""One TOML file of a site: its values in a given shape, with the place of each, and every fault reported."""
from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from config import shapes
from config.phones import e164
from config.problems import Problem, Severity
from config.site_files import NEEDED, Unreadable, decode_utf8, read_bytes
from config.toml_lines import KeyPath, key_lines, key_text, nearest_line
from config.values import Where

S = TypeVar('S', bound=shapes.Shape)


@dataclass
class Findings:
    """What has been found while one folder is read."""

    folder: Path
    problems: list[Problem] = field(default_factory=list)
    unread: set[tuple[str, str]] = field(default_factory=set)
    places: dict[tuple[str, str], int] = field(default_factory=dict)

    def problem(self, where: Where, message: str, severity: Severity = 'error') -> None:
        self.problems.append(Problem(where, message, severity))


@dataclass(frozen=True)
class Document:
    """One TOML file: its values, its keys' lines, and where to report."""

    found: Findings
    file: str
    data: Mapping[str, Any]
    lines: dict[KeyPath, int]
    readable: bool = True

    def where(self, *path: str | int) -> Where:
        return Where(self.file, nearest_line(self.lines, path), key_text(path))

    def problem(self, path: KeyPath, message: str) -> None:
        self.found.problem(self.where(*path), message)

    def phone(self, path: KeyPath, text: str) -> str | None:
        """A telephone number as E.164; None, with a problem, when it is none."""
        number = e164(text)
        if number is None:
            self.problem(path, f'{text!r} is not a telephone number: write ten digits, or + and the country code')
        return number

    def whole(self, shape: type[S]) -> S | None:
        """The file as one table; None when it cannot be read."""
        return self.shaped(shape, self.data) if self.readable else None

    def shaped(self, shape: type[S], values: Any, path: KeyPath = ()) -> S | None:
        """The values as a table of the given shape; None when something needed is missing. A faulty value counts as not given."""
        if not isinstance(values, dict):
            self.problem(path, f'{_shown(values)} stands here instead of a table: give it keys of its own')
            return None
        try:
            return shape.model_validate(values)
        except ValidationError as failure:
            errors = failure.errors(include_url=False, include_context=False)
        for error in errors:
            self.problem(path + error['loc'], _sentence(error, shape))
        faulty = {error['loc'][0] for error in errors}
        try:
            return shape.model_validate({key: value for key, value in values.items() if key not in faulty})
        except ValidationError:
            return None

    def tables(self, shape: type[S], kind: str) -> Iterator[tuple[str, S]]:
        """The file's tables by name; those that cannot be read are noted as unread."""
        for name, values in self.data.items():
            table = self.shaped(shape, values, (name,))
            if table is None:
                self.found.unread.add((kind, name))
            else:
                yield name, table

    def elements(self, shape: type[S], tables: shapes.Tables, *path: str | int) -> Iterator[tuple[KeyPath, S]]:
        """The elements of an array of tables that can be read, each with its path."""
        for index, values in enumerate(tables):
            element = self.shaped(shape, values, (*path, index))
            if element is not None:
                yield (*path, index), element


def read_document(found: Findings, file: str, *kinds: str) -> Document:
    """A file's values; empty, with a problem and its kinds marked as unread, when it cannot be read."""
    try:
        text = decode_utf8(read_bytes(found.folder, file))
        data = tomllib.loads(text)
        lines = key_lines(text)
    except FileNotFoundError:
        if file not in NEEDED:
            return Document(found, file, {}, {})
        where, message = Where(file, 1, 'file'), 'the file is missing: copy it from config/example and edit it'
    except Unreadable as error:
        where, message = Where(file, line_named(str(error)), 'file'), str(error)
    except RecursionError:
        where, message = Where(file, 1, 'file'), 'brackets are nested too deeply: simplify the file'
    except ValueError as error:                        # TOMLDecodeError, and whatever int() and date() refuse
        where, message = Where(file, _syntax_line(str(error), text), 'file'), f'this is not TOML: {error}'
    else:
        found.places.update({(file, key_text(path)): line for path, line in lines.items()})
        return Document(found, file, data, lines)
    found.problem(where, message)
    found.unread |= {(kind, '*') for kind in kinds}
    return Document(found, file, {}, {}, readable=False)


def line_named(message: str) -> int:
    match = re.match(r'line (\d+) ', message)
    return int(match.group(1)) if match else 1


def _syntax_line(message: str, text: str) -> int:
    match = re.search(r'\(at line (\d+), column \d+\)', message)
    if match:
        return int(match.group(1))
    return max(1, len(text.splitlines())) if 'end of document' in message else 1


def _sentence(error: ErrorDetails, shape: type[shapes.Shape]) -> str:
    """What pydantic found, as advice."""
    name, value = str(error['loc'][-1]), _shown(error['input'])
    if error['type'] == 'missing' and (shape, name) == (shapes.OverrideShape, 'until'):
        return 'an override always carries an expiry (mission.md 2.4): add until = 2026-12-31T20:00:00 or the like'
    if error['type'] == 'missing':
        return f'{name!r} is missing: add it'
    if error['type'] == 'extra_forbidden':
        near = difflib.get_close_matches(name, shape.model_fields, n=1)
        known = ', '.join(shape.model_fields)
        return f'there is no key {name!r} here: ' + (f'did you mean {near[0]!r}?' if near else f'the keys are {known}')
    if error['type'] == 'string_pattern_mismatch':
        return f'{value} holds characters that are not allowed here: correct it'
    return f'{value} is not right here: ' + error['msg'].replace('Input should', 'it should').replace('String should', 'it should')


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, (str, int, float, bool)) else str(value)
    return text if len(text) <= 60 else text[:57] + '...'
