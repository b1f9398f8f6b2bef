"""A statement as canonical JSON and back, exactly (mission.md 7.5). One statement has one text, so a hash of it says whether it changed.

Keys are sorted, the text is UTF-8 without blanks. Money is text with two places, other decimals text as they are, instants are ISO 8601 in
UTC, counts are numbers. A cell whose value is not of its column's kind (the word 'Total' below dates) says its own: {"text": "Total"}.
"""
from __future__ import annotations

import json
import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from contracts.statement import Column, Kind, Statement, Table, Value

FORMAT = 'mesa-statement'
VERSION = 1
MONEY = frozenset({'amount', 'subtotal', 'iva', 'total'})       # fields that are money: two places, always
T = TypeVar('T')
# What a cell of a kind is when nothing else is said.
TYPE_OF: Mapping[Kind, str] = {
    Kind.TEXT: 'text', Kind.FOLIO: 'text', Kind.CALL: 'text', Kind.COUNT: 'int', Kind.SECONDS: 'int', Kind.MONEY: 'money',
    Kind.RATE: 'decimal', Kind.PERCENT: 'decimal', Kind.DECIMAL: 'decimal', Kind.DATE: 'date', Kind.INSTANT: 'instant',
}


class NotAStatement(ValueError):
    """These bytes are no statement that this version of Mesa wrote; the text says where and why."""


def to_json(statement: Statement) -> bytes:
    """The statement's one text. Raises ValueError for what a statement cannot hold: parts of a cent as money, an instant without zone."""
    told = {'format': FORMAT, 'version': VERSION, 'statement': _told(statement)}
    return json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(',', ':'), allow_nan=False).encode()


def from_json(data: bytes) -> Statement:
    """The statement that `to_json` wrote: equal in every value. Raises NotAStatement."""
    try:
        told = json.loads(data)
        if not isinstance(told, dict) or told.get('format') != FORMAT:
            raise NotAStatement(f'this is not a statement: its format is not {FORMAT}')
        if told.get('version') != VERSION:
            version = told.get('version')
            raise NotAStatement(f'this statement is of version {version!r}, and only version {VERSION} can be read: use a newer Mesa')
        statement: Statement = _read(Statement, told['statement'], 'statement')
        return statement
    except (KeyError, TypeError, ValueError, InvalidOperation, RecursionError) as error:
        raise error if isinstance(error, NotAStatement) else NotAStatement(f'this is not a statement: {error!r}') from error


def _told(value: Any) -> Any:
    if is_dataclass(value):
        return _fields_told(value)
    if isinstance(value, tuple):
        return [_told(one) for one in value]
    if value is None or isinstance(value, (str, bool)):
        return value
    return WRITE[_type_of(value)](value)


def _fields_told(value: Any) -> dict[str, Any]:
    told = {}
    for field in fields(value):
        content = getattr(value, field.name)
        if isinstance(value, Table) and field.name in ('rows', 'total'):
            told[field.name] = _rows_told(value, content) if field.name == 'rows' else content and _rows_told(value, [content])[0]
        else:
            told[field.name] = _money(content) if field.name in MONEY and isinstance(content, Decimal) else _told(content)
    return told


def _rows_told(table: Table, rows: Any) -> list[list[Any]]:
    kinds = [TYPE_OF[column.kind] for column in table.columns]
    own = [(NAMES.get(kind, kind), WRITE[kind]) for kind in kinds]
    told = []
    for row in rows:
        if len(row) != len(own):
            raise ValueError(f'a row of the table {table.key} has {len(row)} cells, not {len(own)}: {row!r}')
        told.append([None if value is None else write(value) if _type_of(value) == kind else _tagged(value)
                     for value, (kind, write) in zip(row, own, strict=True)])
    return told


def _tagged(value: Value) -> dict[str, Any]:
    kind = _type_of(value)
    return {kind: WRITE[kind](value)}


def _type_of(value: Any) -> str:
    if type(value) not in TYPES:
        raise ValueError(f'a statement cannot hold {value!r}')
    return TYPES[type(value)]


def _money(value: Decimal) -> str:
    cents = value.quantize(Decimal('0.01')) if value.is_finite() else value
    if cents != value:
        raise ValueError(f'{value} is not money: it has parts of a cent')
    return f'{cents:f}' if cents else '0.00'           # never -0.00


def _decimal(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError(f'{value} is not a number that a statement can hold')
    text = f'{value if value else abs(value):f}'
    return text.rstrip('0').rstrip('.') if '.' in text else text       # 1.50 is 1.5: equal values have one text


def _instant(value: datetime) -> str:
    if value.utcoffset() is None:
        raise ValueError(f'{value} has no zone')
    return value.astimezone(UTC).isoformat().replace('+00:00', 'Z')


def _read_instant(text: str) -> datetime:
    if not text.endswith('Z'):
        raise ValueError(f'{text!r} is not an instant in UTC')
    return datetime.fromisoformat(text)


def _same(value: Any) -> Any:
    return value


def _exactly(kind: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise ValueError(f'{value!r} is not {kind.__name__}')
        return value
    return read


def _read_decimal(text: Any) -> Decimal:
    value = Decimal(_exactly(str)(text))
    if not value.is_finite():
        raise ValueError(f'{text!r} is not a number')
    return value


TYPES: Mapping[type, str] = {str: 'text', int: 'int', Decimal: 'decimal', date: 'date', datetime: 'instant'}
NAMES = {'money': 'decimal'}                           # money is a decimal that is written in a way of its own
WRITE: Mapping[str, Callable[[Any], Any]] = {
    'text': _same, 'int': _same, 'decimal': _decimal, 'money': _money, 'date': date.isoformat, 'instant': _instant}
READ: Mapping[str, Callable[[Any], Any]] = {
    'text': _exactly(str), 'int': _exactly(int), 'decimal': _read_decimal, 'money': _read_decimal, 'date': date.fromisoformat,
    'instant': _read_instant}


def _read(kind: Any, told: Any, at: str) -> Any:
    """A value of a type as the dataclasses of contracts/statement.py declare it."""
    if kind in TYPES:
        return READ[TYPES[kind]](told)
    if kind is bool or kind is Kind:
        return _exactly(bool)(told) if kind is bool else Kind(told)
    if get_origin(kind) in (types.UnionType, Union):
        return _read_union(kind, told, at)
    if get_origin(kind) is tuple:
        return _read_tuple(get_args(kind), told, at)
    return _read_table(told, at) if kind is Table else _read_fields(kind, told, at)


def _read_union(kind: Any, told: Any, at: str) -> Any:
    options = [option for option in get_args(kind) if option is not type(None)]
    if told is None:
        return None
    if options == [Decimal, int]:
        return _read(int if type(told) is int else Decimal, told, at)
    return _read(options[0], told, at)


def _read_tuple(parts: tuple[Any, ...], told: Any, at: str) -> tuple[Any, ...]:
    if type(told) is not list:
        raise NotAStatement(f'{at} is not a list')
    if parts[-1] is Ellipsis:
        return tuple(_read(parts[0], one, f'{at}[{index}]') for index, one in enumerate(told))
    return tuple(_read(part, one, at) for part, one in zip(parts, told, strict=True))


def _read_fields(kind: Any, told: Any, at: str, **known: Any) -> Any:
    hints = get_type_hints(kind)
    if type(told) is not dict or told.keys() != hints.keys():
        raise NotAStatement(f'{at} has other keys than {", ".join(hints)}')
    return kind(**{name: known[name] if name in known else _read(hint, told[name], f'{at}.{name}') for name, hint in hints.items()})


def _read_table(told: Any, at: str) -> Table:
    if type(told) is not dict or 'columns' not in told:
        raise NotAStatement(f'{at} is not a table')
    columns: tuple[Column, ...] = _read_tuple((Column, Ellipsis), told['columns'], f'{at}.columns')
    reads = [READ[TYPE_OF[column.kind]] for column in columns]
    rows = tuple(_read_row(reads, row) for row in told['rows'])
    total = None if told['total'] is None else _read_row(reads, told['total'])
    table: Table = _read_fields(Table, told, at, columns=columns, rows=rows, total=total)
    return table


def _read_row(reads: list[Callable[[Any], Any]], row: Any) -> tuple[Value, ...]:
    return tuple(None if told is None else _read_tagged(told) if type(told) is dict else read(told)
                 for told, read in zip(row, reads, strict=True))


def _read_tagged(told: dict[str, Any]) -> Value:
    (kind, value), = told.items()
    read: Value = READ[kind](value)
    return read
