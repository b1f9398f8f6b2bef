"""A statement as one CSV file: RFC 4180, UTF-8 with a byte order mark for Excel's sake, one block after another (mission.md 7.5).

A block is a row with its title, a row with the columns' titles, then its rows; an empty row stands between two. Every row has the same
number of fields. Numbers are plain (1234.50), days and times ISO 8601 in the statement's zone, durations seconds. Whatever a text begins
with, no spreadsheet takes it for a formula.
"""
from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from contracts.cells import safe
from contracts.renderings.written import charge_month, notes_of, standing, zone_of
from contracts.statement import Kind, Statement, Table, Value

UNIT: dict[Kind, str] = {Kind.SECONDS: ' (s)', Kind.PERCENT: ' (%)', Kind.MONEY: ' (MXN)', Kind.RATE: ' (MXN)'}
Row = list[str]


def to_csv(statement: Statement) -> bytes:
    """The whole statement, annexes included."""
    rows = list(_rows(statement))
    width = max(len(row) for row in rows)
    text = io.StringIO(newline='')
    csv.writer(text, lineterminator='\r\n').writerows([*row, *[''] * (width - len(row))] for row in rows)
    return text.getvalue().encode('utf-8-sig')


def _rows(statement: Statement) -> Iterator[Row]:
    zone = zone_of(statement)
    yield from _block('Estado de cuenta', ['Dato', 'Valor'], _facts(statement, zone))
    yield []
    yield from _block('Cargos', ['Concepto', 'Mes', 'Unidades', 'Precio unitario (MXN)', 'Importe (MXN)'], _charges(statement, zone))
    for section in statement.sections:
        for table in section.tables:
            yield []
            yield from _table(section.title, table, zone)
    texts = [[safe(section.title), safe(text)] for section in statement.sections for text in section.text]
    yield []
    yield from _block('Textos y notas', ['Sección', 'Texto'], [*texts, *(['Notas', safe(note)] for note in notes_of(statement))])


def _block(title: str, header: Row, rows: Iterable[Row]) -> Iterator[Row]:
    yield [safe(title)]
    yield [safe(name) for name in header]
    yield from rows


def _facts(statement: Statement, zone: ZoneInfo) -> list[Row]:
    issued = statement.issued_at
    facts: list[tuple[str, Value]] = [
        ('Emisor', statement.site_name), ('Cliente', statement.client_name), ('Clave', statement.client),
        ('Razón social', statement.fiscal_name), ('Contrato', statement.contract), ('Mes', statement.month),
        ('Nombre del mes', statement.month_title), ('Primer día', statement.first_day), ('Último día', statement.last_day),
        ('Zona horaria', statement.zone), ('Elaborado', statement.made_at), ('Situación', standing(statement)), ('Emitido', issued),
        ('Emitido por', statement.issued_by)]
    return [[name, _cell(value, zone)] for name, value in facts]


def _charges(statement: Statement, zone: ZoneInfo) -> Iterator[Row]:
    for charge in statement.charges:
        yield [_cell(value, zone) for value in (
            charge.concept, charge_month(charge.month), charge.units, charge.price, charge.amount)]
    for name, amount in (('Subtotal', statement.subtotal), (f'IVA {statement.iva_percent:f} %', statement.iva), ('Total', statement.total)):
        yield [name, '', '', '', _cell(amount, zone)]
    yield [safe(statement.words)]


def _table(section: str, table: Table, zone: ZoneInfo) -> Iterator[Row]:
    header = [f'{column.title}{UNIT.get(column.kind, "")}' for column in table.columns]
    rows = (*table.rows, table.total) if table.total is not None else table.rows
    yield from _block(_title(section, table.title), header, ([_cell(value, zone) for value in row] for row in rows))
    if table.note:
        yield [safe(table.note)]


def _title(section: str, title: str) -> str:
    return title if section == title else f'{section}: {title}'


def _cell(value: Value, zone: ZoneInfo) -> str:
    if value is None:
        return ''
    if isinstance(value, str):
        return safe(value)
    if isinstance(value, datetime):
        return value.astimezone(zone).replace(tzinfo=None).isoformat(' ', 'seconds')
    if isinstance(value, date):
        return value.isoformat()
    return f'{value:f}' if isinstance(value, Decimal) else str(value)


