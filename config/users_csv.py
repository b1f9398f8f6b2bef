"""The door for a client's list of users: CSV as spreadsheets write it (mission.md 1.4)."""
from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from config.phones import e164
from config.problems import Problem
from config.values import User, Where

COLUMNS = ('employee_number', 'name', 'email', 'phones', 'site', 'vip')
NEEDED = ('employee_number', 'name')
YES = frozenset({'yes', 'y', 'si', 'sí', 's', 'x', '1', 'true', 'verdadero'})
NO = frozenset({'', 'no', 'n', '0', 'false', 'falso'})
LONGEST_NUMBER = 12                                    # digits that the telephone asks for
CONTROL = re.compile(r'[\x00-\x1f\x7f]')
EMAIL = re.compile(r'[^@\s<>",;]+@[^@\s<>",;]+')


@dataclass(frozen=True)
class UserList:
    """The users of one file and what is wrong with it. `complete` is False when rows could not be told at all."""

    users: tuple[User, ...]
    problems: tuple[Problem, ...]
    complete: bool = True


def read_users(client: str, file: str, data: bytes) -> UserList:
    """Read one list; every faulty row is reported with its line, and kept as far as it can be told."""
    def broken(line: int, message: str) -> UserList:
        return UserList((), (Problem(Where(file, line, 'users'), message),), complete=False)

    text = _decode(data)
    if text is None:
        return broken(1, 'the encoding is not known: save the list as "CSV UTF-8"')
    rows = _rows(text)
    try:
        line, header = next(rows, (1, []))
        columns = [name.strip().lower() for name in header]
        if problems := tuple(_column_problems(file, line, columns)):
            return UserList((), problems, complete=False)
        return _users(client, file, columns, rows)
    except csv.Error as error:
        return broken(1, f'this is not CSV: {error}; export the list again')


def _decode(data: bytes) -> str | None:
    if data.startswith((b'\xff\xfe', b'\xfe\xff')):
        return None                                    # Excel's "Unicode text": separated by tabs
    for encoding in ('utf-8-sig', 'cp1252'):           # cp1252: Excel's plain "CSV"
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that hold something, each with the line where it begins. Excel separates by ';' in some countries."""
    first = text.partition('\n')[0]
    reader = csv.reader(io.StringIO(text, newline=''), delimiter=';' if ';' in first and ',' not in first else ',', strict=True)
    line = 1
    for row in reader:
        if any(cell.strip() for cell in row):
            yield line, row
        line = reader.line_num + 1


def _column_problems(file: str, line: int, columns: list[str]) -> Iterator[Problem]:
    here = f'the columns are {",".join(COLUMNS)}'
    if not columns:
        yield Problem(Where(file, 1, 'users'), f'the list is empty: its first row names the columns; {here}')
        return
    for name in NEEDED:
        if name not in columns:
            yield Problem(Where(file, line, name), f'there is no column {name!r}: add it; {here}')
    for name in columns:
        if name not in COLUMNS:
            yield Problem(Where(file, line, ascii(name)[1:-1] or 'column'), f'column {name!r} is not known: correct or remove it; {here}')
        elif columns.count(name) > 1:
            yield Problem(Where(file, line, name), f'column {name!r} is there twice: remove one')


def _users(client: str, file: str, columns: list[str], rows: Iterator[tuple[int, list[str]]]) -> UserList:
    users: list[User] = []
    problems: list[Problem] = []
    first_at: dict[str, int] = {}
    complete = True
    for line, row in rows:
        if len(row) > len(columns) and not any(cell.strip() for cell in row[len(columns):]):
            row = row[:len(columns)]                   # spreadsheets leave empty cells behind
        if len(row) != len(columns):
            problems.append(Problem(Where(file, line, 'row'), f'the row has {len(row)} columns instead of {len(columns)}: '
                                    'put a text that holds a comma in double quotes'))
            complete = False
            continue
        cells = {name: ' '.join(cell.split()) for name, cell in zip(columns, row, strict=True)}
        number = cells['employee_number']
        problems += (Problem(Where(file, line, key), message) for key, message in _cell_problems(cells))
        if number in first_at:
            problems.append(Problem(Where(file, line, 'employee_number'),
                                    f'employee number {number} is already that of {file}:{first_at[number]}: correct one of them'))
        first_at.setdefault(number, line)
        users.append(_user(client, cells, Where(file, line, number)))
    return UserList(tuple(users), tuple(problems), complete)


def _user(client: str, cells: Mapping[str, str], where: Where) -> User:
    numbers = (e164(text) for text in _phones(cells))
    return User(
        client=client,
        employee_number=cells['employee_number'],
        name=cells['name'],
        email=cells.get('email', ''),
        phones=tuple(dict.fromkeys(number for number in numbers if number)),
        site=cells.get('site', ''),
        vip=cells.get('vip', '').lower() in YES,
        where=where)


def _phones(cells: Mapping[str, str]) -> list[str]:
    return [part.strip() for part in cells.get('phones', '').split(';') if part.strip()]


def _cell_problems(cells: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    number = cells['employee_number']
    if not (number.isascii() and number.isdigit() and len(number) <= LONGEST_NUMBER):
        yield 'employee_number', f'{number!r} cannot be typed on a telephone: use 1 to {LONGEST_NUMBER} digits'
    if not cells['name']:
        yield 'name', 'the name is missing: add it'
    for key, value in cells.items():
        if CONTROL.search(value) or len(value) > 300:
            yield key, 'the cell holds control characters or is longer than 300 characters: correct it'
    if cells.get('email') and not EMAIL.fullmatch(cells['email']):
        yield 'email', f'{cells["email"]!r} is not one e-mail address: correct it or leave the cell empty'
    for phone in _phones(cells):
        if e164(phone) is None:
            yield 'phones', f'{phone!r} is not a telephone number: write ten digits, or + and the country code; separate several by ;'
    if cells.get('vip', '').lower() not in YES | NO:
        yield 'vip', f'{cells["vip"]!r} is neither yes nor no: write yes, or no'
