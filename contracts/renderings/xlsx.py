"""A statement as a workbook: the charges first, then one sheet a table, then the charts (mission.md 7.5).

Numbers are numbers with a format, days and times are those of the statement's zone, durations are parts of a day. A last row that is the
sum of its rows is a formula with its value beside it, so that it follows whoever filters or corrects; one that is something else (a mean, a
share) stays the number that it is. No text is ever a formula or a link.
"""
from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

from xlsxwriter.chart import Chart as Drawn
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_range, xl_rowcol_to_cell
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from config.values import Letterhead
from contracts.charts import COLOURS, TARGET
from contracts.money import cents
from contracts.renderings.written import charge_month, day_words, notes_of, standing, tables_of, written, zone_of
from contracts.statement import Chart, Column, Kind, Statement, Table, Value

LETTER = 1                                             # Excel's number of the paper size
LONGEST_TEXT = 32_767                                  # characters of a cell
LONGEST_NAME = 31
DAY = Decimal(86_400)
FORBIDDEN = re.compile(r'[\[\]:*?/\\\x00-\x1f]')
FORMATS: dict[Kind, str] = {
    Kind.COUNT: '#,##0', Kind.MONEY: '"$"#,##0.00;[Red]-"$"#,##0.00', Kind.RATE: '"$"#,##0.00##', Kind.PERCENT: '0.##" %"',
    Kind.SECONDS: '[m]:ss', Kind.DECIMAL: '#,##0.00##', Kind.DATE: 'dd/mm/yyyy', Kind.INSTANT: 'dd/mm/yyyy hh:mm'}
WIDTHS: dict[Kind, int] = {
    Kind.DATE: 11, Kind.INSTANT: 17, Kind.MONEY: 14, Kind.COUNT: 10, Kind.RATE: 11, Kind.PERCENT: 11, Kind.SECONDS: 10}
SUMMED = (Kind.COUNT, Kind.MONEY, Kind.SECONDS, Kind.DECIMAL)
CHARGES = (Column('concept', 'Concepto'), Column('month', 'Mes'), Column('units', 'Unidades', Kind.COUNT),
           Column('price', 'Precio unitario', Kind.RATE), Column('amount', 'Importe', Kind.MONEY), Column('table', 'Detalle'))


def to_xlsx(statement: Statement, letterhead: Letterhead) -> bytes:
    """The whole workbook, annexes included."""
    target = io.BytesIO()
    book = Workbook(target, {'in_memory': True, 'strings_to_formulas': False, 'strings_to_urls': False, 'strings_to_numbers': False,
                             'default_date_format': FORMATS[Kind.INSTANT]})
    made = (statement.issued_at or statement.made_at).astimezone(UTC).replace(tzinfo=None)
    book.set_properties({'title': f'Estado de cuenta de {statement.month_title}', 'subject': statement.client_name,
                         'author': letterhead.name, 'created': made, 'comments': standing(statement)})
    sheets = _Sheets(book, statement, letterhead)
    sheets.charges()
    for section in statement.sections:
        for table in section.tables:
            sheets.table(section.title, table)
    sheets.charts()
    book.close()
    return target.getvalue()


def sheet_names(titles: Iterable[str]) -> list[str]:
    """A name for each sheet: what Excel allows, at most 31 characters, no two alike whatever their capitals."""
    taken: set[str] = {'historial', 'history'}         # Excel's own
    names = []
    for title in titles:
        plain = ' '.join(FORBIDDEN.sub(' ', title).split()).strip("' ") or 'Tabla'
        name, count = plain[:LONGEST_NAME].rstrip("' "), 1
        while name.casefold() in taken:
            count += 1
            name = f'{plain[:LONGEST_NAME - len(str(count)) - 1].rstrip()} {count}'
        taken.add(name.casefold())
        names.append(name)
    return names


def is_sum(table: Table, index: int) -> bool:
    """Whether the last row's value of a column is the sum of its rows: only then may it be a formula."""
    values = [row[index] for row in table.rows]
    total = table.total[index] if table.total is not None else None
    return (table.columns[index].kind in SUMMED and isinstance(total, int | Decimal) and bool(values)
            and all(value is None or isinstance(value, int | Decimal) for value in values)
            and sum(value for value in values if isinstance(value, int | Decimal)) == total)


class _Sheets:
    """The workbook while it is written."""

    def __init__(self, book: Workbook, statement: Statement, letterhead: Letterhead) -> None:
        self._book, self._statement, self._letterhead = book, statement, letterhead
        self._zone = zone_of(statement)
        tables = tables_of(statement)
        names = sheet_names(['Cargos', *(table.title for table in tables), 'Gráficas'])
        self._names = dict(zip((table.key for table in tables), names[1:], strict=False))
        self._free = iter(names)
        colour = letterhead.primary
        self._head = self._format(bold=True, bottom=2, bottom_color=colour, font_color=colour, text_wrap=True, valign='bottom')
        self._title = self._format(bold=True, font_size=14, font_color=colour)
        self._soft = self._format(font_color='#52606d')
        self._bold = self._format(bold=True)
        self._plain = self._format(valign='top', indent=1)
        self._link = self._format(font_color='#0b5394', underline=1)
        self._cells = {kind: self._format(num_format=number, valign='top') for kind, number in FORMATS.items()}
        self._totals = {kind: self._format(num_format=number, bold=True, top=1) for kind, number in FORMATS.items()}
        self._total_text = self._format(bold=True, top=1)

    def _format(self, **facts: object) -> Format:
        made: Format = self._book.add_format(facts)
        return made

    def _sheet(self, landscape: bool) -> Worksheet:
        sheet: Worksheet = self._book.add_worksheet(next(self._free))
        sheet.set_paper(LETTER)
        sheet.fit_to_pages(1, 0)
        sheet.hide_gridlines(2)
        if landscape:
            sheet.set_landscape()
        sheet.set_footer('&L&8Este documento no es un CFDI&R&8Página &P de &N')
        return sheet

    def charges(self) -> None:
        """The first sheet: whose statement, what is to be paid, and where the other sheets are."""
        statement, sheet = self._statement, self._sheet(landscape=True)
        for index, width in enumerate((58, 18, 10, 15, 16, 26)):
            sheet.set_column(index, index, width)
        _write(sheet, 0, 0, self._letterhead.name, self._title)
        _write(sheet, 1, 0, f'Estado de cuenta de {statement.month_title}', self._bold)
        period = f'del {day_words(statement.first_day)} al {day_words(statement.last_day)}'
        row = 2
        for name, text in (('Cliente', statement.client_name), ('Razón social', statement.fiscal_name), ('Contrato', statement.contract),
                           ('Periodo', period)):
            _write(sheet, row, 0, f'{name}: {text}', self._plain)
            row += 1
        _write(sheet, row, 0, standing(statement), self._soft)
        row = self._sums(sheet, self._lines(sheet, row + 2))
        _write(sheet, row + 1, 0, statement.words, self._bold)
        row += 3
        for note in notes_of(statement):
            _write(sheet, row, 0, note, self._soft)
            row += 1
        _write(sheet, row + 1, 0, 'Hojas de este libro', self._bold)
        for offset, name in enumerate(self._names.values(), start=2):
            self._lead(sheet, row + offset, 0, name)

    def _lines(self, sheet: Worksheet, row: int) -> tuple[int, int]:
        """Writes the charges; their first row and the one after the last."""
        for index, column in enumerate(CHARGES):
            _write(sheet, row, index, column.title, self._head)
        sheet.freeze_panes(row + 1, 0)
        first = row + 1
        for row, charge in enumerate(self._statement.charges, start=first):
            for index, value in enumerate((charge.concept, charge_month(charge.month), charge.units, charge.price, charge.amount)):
                self._cell(sheet, (row, index), value, CHARGES[index].kind)
            if charge.table in self._names:
                self._lead(sheet, row, 5, self._names[charge.table])
        return first, first + len(self._statement.charges)

    def _sums(self, sheet: Worksheet, lines: tuple[int, int]) -> int:
        """Writes subtotal, IVA and total as formulas; the row after them."""
        statement, (first, row) = self._statement, lines
        money, amounts = self._totals[Kind.MONEY], xl_range(first, 4, max(first, row - 1), 4)
        subtotal, iva, percent = (xl_rowcol_to_cell(row, 4), xl_rowcol_to_cell(row + 1, 4), xl_rowcol_to_cell(row + 1, 3))
        worth = sum((charge.amount for charge in statement.charges), Decimal(0))
        rounded = cents(statement.subtotal * statement.iva_percent / 100)
        for index, (name, formula, value, holds) in enumerate((
                ('Subtotal', f'=SUM({amounts})', statement.subtotal, worth == statement.subtotal and bool(statement.charges)),
                ('IVA (%)', f'=ROUND({subtotal}*{percent}/100,2)', statement.iva, rounded == statement.iva),
                ('Total', f'={subtotal}+{iva}', statement.total, statement.subtotal + statement.iva == statement.total))):
            for column in range(5):
                sheet.write_blank(row + index, column, None, self._total_text)
            _write(sheet, row + index, 0, name, self._total_text)
            if holds:
                sheet.write_formula(row + index, 4, formula, money, float(value))
            else:
                sheet.write_number(row + index, 4, float(value), money)
        sheet.write_number(row + 1, 3, float(statement.iva_percent), self._totals[Kind.PERCENT])
        return row + 3

    def table(self, section: str, table: Table) -> None:
        """One sheet: title, header, rows, last row, note."""
        sheet = self._sheet(landscape=len(table.columns) > 5)
        _write(sheet, 0, 0, table.title, self._title)
        about = f'{self._statement.client_name} · {self._statement.month_title}'
        _write(sheet, 1, 0, about if section == table.title else f'{section} · {about}', self._soft)
        head = 3
        for index, column in enumerate(table.columns):
            _write(sheet, head, index, column.title, self._head)
            sheet.set_column(index, index, self._width(table, index))
        sheet.freeze_panes(head + 1, 1)
        sheet.repeat_rows(head)
        for index, column in enumerate(table.columns):
            self._column(sheet, table, (head + 1, index), column.kind)
        after = head + 1 + len(table.rows)
        if table.rows:
            sheet.autofilter(head, 0, after - 1, len(table.columns) - 1)
        if table.total is not None:
            self._total(sheet, table, head + 1, after)
        if table.note:
            _write(sheet, after + 2, 0, table.note, self._soft)

    def _column(self, sheet: Worksheet, table: Table, at: tuple[int, int], kind: Kind) -> None:
        """One column's cells; an annex has thousands of them, so the ordinary ones take no detour."""
        first, index = at
        plain, style, zone = self._plain, self._cells.get(kind, self._cells[Kind.DECIMAL]), self._zone
        for row, values in enumerate(table.rows, start=first):
            value = values[index]
            if type(value) is str:
                if value:
                    sheet.write_string(row, index, value if len(value) <= LONGEST_TEXT else _cut(value), plain)
            elif type(value) is int and kind is not Kind.SECONDS:
                sheet.write_number(row, index, value, style)
            elif type(value) is datetime:
                sheet.write_datetime(row, index, value.astimezone(zone).replace(tzinfo=None), self._cells[Kind.INSTANT])
            elif value is not None:
                self._cell(sheet, (row, index), value, kind)

    def _total(self, sheet: Worksheet, table: Table, first: int, row: int) -> None:
        for index, (value, column) in enumerate(zip(table.total or (), table.columns, strict=True)):
            style = self._totals.get(column.kind, self._total_text)
            if value is None or isinstance(value, str):
                _write(sheet, row, index, value or '', self._total_text)
            elif is_sum(table, index):
                # SUBTOTAL would follow a filter; SUM says what the statement says whatever is hidden.
                formula = f'=SUM({xl_range(first, index, row - 1, index)})'
                sheet.write_formula(row, index, formula, style, float(_number(value, column.kind)))
            else:
                self._cell(sheet, (row, index), value, column.kind, style)

    def _width(self, table: Table, index: int) -> float:
        column = table.columns[index]
        texts = (written(row[index], column.kind, self._zone) for row in table.rows[:500])
        longest = max((len(text) for text in texts), default=0)
        return max(WIDTHS.get(column.kind, 8), min(48, longest + 2), min(18, len(column.title) + 3))

    def _cell(self, sheet: Worksheet, at: tuple[int, int], value: Value, kind: Kind, style: Format | None = None) -> None:
        row, column = at
        if value is None:
            return
        if isinstance(value, str):
            if value:
                _write(sheet, row, column, value, style or self._plain)
        elif isinstance(value, datetime):
            sheet.write_datetime(row, column, value.astimezone(self._zone).replace(tzinfo=None), style or self._cells[Kind.INSTANT])
        elif isinstance(value, date):
            sheet.write_datetime(row, column, value, style or self._cells[Kind.DATE])
        else:
            sheet.write_number(row, column, float(_number(value, kind)), style or self._cells.get(kind, self._cells[Kind.DECIMAL]))

    def _lead(self, sheet: Worksheet, row: int, column: int, name: str) -> None:
        """A link to another sheet."""
        quoted = name.replace("'", "''")
        sheet.write_url(row, column, f"internal:'{quoted}'!A1", self._link, name)

    def charts(self) -> None:
        """The last sheet: every chart with the figures that it shows."""
        charts = [chart for section in self._statement.sections for chart in section.charts if chart.labels and chart.series]
        if not charts:
            return
        sheet, row = self._sheet(landscape=True), 0
        sheet.set_column(0, 0, 22)
        for chart in charts:
            row = self._chart(sheet, chart, row)

    def _chart(self, sheet: Worksheet, chart: Chart, top: int) -> int:
        """Writes a chart's figures from a row on and the picture beside them; the row where the next may begin."""
        _write(sheet, top, 0, chart.title, self._bold)
        columns: list[tuple[str, Sequence[Decimal | int | None]]] = [(series.title, series.values) for series in chart.series]
        columns += [(chart.target[0], [chart.target[1]] * len(chart.labels))] if chart.target else []
        for row, label in enumerate(chart.labels, start=top + 2):
            _write(sheet, row, 0, label, self._plain)
        for index, (title, values) in enumerate(columns, start=1):
            _write(sheet, top + 1, index, title, self._head)
            for row, value in enumerate(values, start=top + 2):
                self._cell(sheet, (row, index), value, Kind.COUNT if isinstance(value, int) else Kind.DECIMAL)
        kind = {'bars': {'type': 'column'}, 'stacked': {'type': 'column', 'subtype': 'stacked'}, 'line': {'type': 'line'}}[chart.kind]
        drawn: Drawn = self._book.add_chart(kind)
        for index in range(len(chart.series)):
            drawn.add_series(self._series(sheet, chart, top, index, COLOURS[index % len(COLOURS)], line=chart.kind == 'line'))
        if chart.target:
            line: Drawn = self._book.add_chart({'type': 'line'}) if chart.kind != 'line' else drawn
            line.add_series(self._series(sheet, chart, top, len(chart.series), TARGET, line=True, dash='dash'))
            if line is not drawn:
                drawn.combine(line)
        drawn.set_title({'name': chart.title, 'name_font': {'size': 12}})
        drawn.set_legend({'position': 'bottom'} if len(columns) > 1 else {'none': True})
        drawn.set_size({'width': 820, 'height': 320})
        sheet.insert_chart(top, len(columns) + 2, drawn, {'description': chart.title})
        return top + max(len(chart.labels) + 4, 19)

    def _series(self, sheet: Worksheet, chart: Chart, top: int, index: int, colour: str, line: bool,
                dash: str = 'solid') -> dict[str, object]:
        name, first, last, column = sheet.get_name(), top + 2, top + 1 + len(chart.labels), index + 1
        look = {'line': {'color': colour, 'width': 2, 'dash_type': dash}} if line else {'fill': {'color': colour}, 'gap': 60}
        values = [name, first, column, last, column]
        return {'name': [name, top + 1, column], 'categories': [name, first, 0, last, 0], 'values': values, **look}


def _write(sheet: Worksheet, row: int, column: int, text: str, style: Format) -> None:
    """A text as a text: never a formula, a link or a number, and never more than a cell holds."""
    sheet.write_string(row, column, text if len(text) <= LONGEST_TEXT else _cut(text), style)


def _cut(text: str) -> str:
    return f'{text[:LONGEST_TEXT - 1]}…'


def _number(value: Value, kind: Kind) -> Decimal:
    if not isinstance(value, int | Decimal):
        raise ValueError(f'{value!r} is not a number')
    return value / DAY if kind is Kind.SECONDS else Decimal(value)
