"""One statement in five formats: the same figures in each, nothing in a name does anything, and the same statement gives the same bytes."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
import time
import zipfile
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.load import load
from config.values import Letterhead
from contracts.cells import safe
from contracts.renderings import FORMATS, render, render_all
from contracts.renderings.html import body, stylesheet
from contracts.renderings.json_ import NotAStatement, from_json, to_json
from contracts.renderings.pdf import columns, is_printed, to_pdf
from contracts.renderings.written import NOT_A_CFDI, charge_month, money, written, zone_of
from contracts.renderings.xlsx import is_sum, sheet_names
from contracts.statement import Charge, Chart, Column, Kind, Section, Series, Statement, Table, Value
from tests.site_copies import EXAMPLE
from tests.statement_sample import FORMULA, HOSTILE, SCRIPT, ZONE, sample

HEAD = load(EXAMPLE).letterhead
NAIVE = datetime(2000, 1, 1)  # noqa: DTZ001  # without a zone
SOFFICE = shutil.which('soffice')


@cache
def rendered(format: str, issued: bool = True) -> bytes:
    return render(sample(issued=issued), format, HEAD)


def small(**changes: Any) -> Statement:
    """A statement with next to nothing in it."""
    return replace(sample(3, 2, hostile=False), **{'sections': (), **changes})


def with_table(table: Table) -> Statement:
    return small(sections=(Section('s', 'Sección', (), (table,)),))


# -- JSON ----------------------------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=['Cs']), max_size=30)
amounts = st.decimals(-(10**9), 10**9, places=2)
decimals = st.decimals(-(10**6), 10**6, places=4)
instants = st.datetimes(
    NAIVE, NAIVE.replace(year=2100), timezones=st.sampled_from([UTC, ZONE, timezone(timedelta(hours=5, minutes=30))])
)
days = st.dates(date(2000, 1, 1), date(2100, 1, 1))
values = st.none() | texts | st.integers() | amounts | days | instants


@st.composite
def tables(draw: st.DrawFn) -> Table:
    of = draw(st.lists(st.builds(Column, texts, texts, st.sampled_from(Kind)), min_size=1, max_size=4))
    row = st.tuples(*([values] * len(of)))
    return Table(
        draw(texts), draw(texts), tuple(of), tuple(draw(st.lists(row, max_size=4))), draw(st.none() | row), draw(texts), draw(st.booleans())
    )


charts = st.builds(
    lambda key, labels, target: Chart(key, key, 'line', tuple(labels), (Series('a', (None, 1, Decimal('1.5'))),), '%', target),
    texts,
    st.lists(texts),
    st.none() | st.tuples(texts, decimals),
)
sections = st.builds(
    lambda key, text, tables, charts: Section(key, key, tuple(text), tuple(tables), tuple(charts)),
    texts,
    st.lists(texts, max_size=2),
    st.lists(tables(), max_size=2),
    st.lists(charts, max_size=1),
)
statements = st.builds(
    Statement,
    texts,
    texts,
    texts,
    texts,
    texts,
    texts,
    texts,
    st.just('America/Tijuana'),
    days,
    days,
    instants,
    st.lists(st.builds(Charge, texts, texts, st.integers(), st.none() | decimals, amounts, texts, texts), max_size=3).map(tuple),
    amounts,
    decimals,
    amounts,
    amounts,
    texts,
    st.lists(sections, max_size=2).map(tuple),
    st.lists(texts, max_size=2).map(tuple),
    st.none() | instants,
    texts,
)


@given(statements)
@settings(deadline=None)
def test_json_gives_the_statement_back_and_has_one_text(statement: Statement) -> None:
    told = to_json(statement)
    assert from_json(told) == statement
    assert to_json(from_json(told)) == told


def test_json_of_the_sample_gives_it_back() -> None:
    assert from_json(rendered('json')) == sample()


def test_json_writes_money_with_two_places_instants_in_utc_and_other_kinds_with_their_name() -> None:
    table = Table(
        't',
        'T',
        (Column('d', 'D', Kind.DATE), Column('m', 'M', Kind.MONEY), Column('s', 'S', Kind.SECONDS), Column('p', 'P', Kind.PERCENT)),
        ((date(2026, 10, 5), Decimal('1.5'), 90, Decimal('82.50')),),
        ('Total', Decimal('-0.00'), Decimal('1.5'), None),
    )
    told = to_json(replace(with_table(table), made_at=datetime(2026, 11, 1, 1, tzinfo=ZONE))).decode()
    assert '"rows":[["2026-10-05","1.50",90,"82.5"]],"title":"T","total":[{"text":"Total"},"0.00",{"decimal":"1.5"},null]' in told
    assert (
        '"made_at":"2026-11-01T07:00:00Z"' in told
        and '"subtotal":"' in told
        and told.startswith('{"format":"mesa-statement","statement":{"charges":[')
    )


def test_equal_decimals_have_one_text() -> None:
    assert to_json(small(iva_percent=Decimal('16.00'))) == to_json(small(iva_percent=Decimal(16)))


@pytest.mark.parametrize(
    'changes',
    [
        {'total': Decimal('1.005')},
        {'total': Decimal('NaN')},
        {'iva_percent': Decimal('Infinity')},
        {'made_at': NAIVE},
        {'client': 3.5},
        {'sections': (Section('s', 'S', (), (Table('t', 'T', (Column('a', 'A'),), (('x', 'y'),)),)),)},
        {'sections': (Section('s', 'S', (), (Table('t', 'T', (Column('a', 'A', Kind.COUNT),), ((True,),)),)),)},
        {'client_name': 'a\ud800'},
    ],
)
def test_what_a_statement_cannot_hold_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        to_json(small(**changes))


@pytest.mark.parametrize(
    'spoil',
    [
        lambda text: text[:-1],
        lambda text: text.replace('"version":1', '"version":2'),
        lambda text: text.replace('mesa-statement', 'x'),
        lambda text: text.replace('"client":', '"klient":'),
        lambda text: text.replace('"units":1', '"units":"1"'),
        lambda text: text.replace('"subtotal":"', '"subtotal":"x'),
        lambda text: '[]',
        lambda text: 'null',
        lambda text: '[' * 100_000,
        lambda text: text.replace('"made_at":"2026', '"made_at":"x'),
        lambda text: text.replace('"total":"', '"total":"NaN'),
    ],
)
def test_what_is_no_statement_is_refused_with_one_error(spoil: Any) -> None:
    text = to_json(small()).decode()
    assert spoil(text) != text
    with pytest.raises(NotAStatement):
        from_json(spoil(text).encode())


# -- CSV -----------------------------------------------------------------------------------------------------------


def rows_of(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode('utf-8-sig'), newline=''), strict=True))


def block(rows: list[list[str]], title: str) -> list[list[str]]:
    """The rows below a block's title, to the next empty one."""
    begin = next(index for index, row in enumerate(rows) if row[0] == title)
    end = next((index for index in range(begin, len(rows)) if not any(rows[index])), len(rows))
    return rows[begin + 1 : end]


def test_csv_is_rectangular_and_begins_so_that_excel_reads_accents() -> None:
    data = rendered('csv')
    assert data.startswith(b'\xef\xbb\xbfEstado de cuenta,') and data.endswith(b'\r\n')
    assert len({len(row) for row in rows_of(data)}) == 1


def test_csv_sums_are_the_statements() -> None:
    rows, statement = rows_of(rendered('csv')), sample()
    charges = block(rows, 'Cargos')
    assert charges[0][:5] == ['Concepto', 'Mes', 'Unidades', 'Precio unitario (MXN)', 'Importe (MXN)']
    count = len(statement.charges)
    assert sum(Decimal(row[4]) for row in charges[1 : count + 1]) == statement.subtotal == Decimal(charges[count + 1][4])
    assert [Decimal(row[4]) for row in charges[count + 2 : count + 4]] == [statement.iva, statement.total]
    assert charges[count + 4][0] == statement.words
    of_days = block(rows, 'Solicitudes por categoría y por día: Solicitudes por día')
    assert len(of_days) == 1 + 31 + 1 + 1 and sum(int(row[7]) for row in of_days[1:32]) == int(of_days[32][7]) == 320
    assert len(block(rows, 'Anexos: Llamadas')) == 901


def test_no_cell_of_a_csv_is_a_formula() -> None:
    for row in rows_of(rendered('csv')):
        for cell in row:
            assert not cell.startswith(('=', '+', '@', '\t', '\r')) and (not cell.startswith('-') or re.fullmatch(r'-\d+(\.\d+)?', cell)), (
                cell
            )
    assert f"'{FORMULA}" in {cell for row in rows_of(rendered('csv')) for cell in row}


@given(texts | st.sampled_from(HOSTILE))
def test_a_text_is_made_safe_and_stays_what_it_is(text: str) -> None:
    told = safe(text)
    assert told in (text, f"'{text}") and not told.lstrip(' \xa0').startswith(('=', '+', '-', '@', '\t', '\r', '\n', '＝'))


# -- workbook ------------------------------------------------------------------------------------------------------


@cache
def books() -> tuple[Any, Any]:
    """The workbook's formulas, and the values that were written with them."""
    return openpyxl.load_workbook(io.BytesIO(rendered('xlsx'))), openpyxl.load_workbook(io.BytesIO(rendered('xlsx')), data_only=True)


def plain(value: Any) -> float:
    """A cell's value as the number that it is: a duration is a part of a day."""
    return value / timedelta(days=1) if isinstance(value, timedelta) else float(value or 0)


def computed(sheet: Any, formula: str) -> float:
    """What a formula of ours gives: SUM of a column, ROUND of a product, a sum of two cells."""

    def cell(name: str) -> float:
        value = sheet[name].value
        return computed(sheet, value) if isinstance(value, str) and value.startswith('=') else plain(value)

    if match := re.fullmatch(r'=SUM\((\w+):(\w+)\)', formula):
        return sum(plain(one.value) for row in sheet[match[1] : match[2]] for one in row)
    if match := re.fullmatch(r'=ROUND\((\w+)\*(\w+)/100,2\)', formula):
        return round(cell(match[1]) * cell(match[2]) / 100 + 1e-9, 2)
    match = re.fullmatch(r'=(\w+)\+(\w+)', formula)
    assert match, formula
    return cell(match[1]) + cell(match[2])


def test_every_formula_gives_the_value_beside_it() -> None:
    formulas, cached = books()
    found = 0
    for sheet in formulas:
        for row in sheet.iter_rows():
            for cell in row:
                if cell.data_type == 'f':
                    assert abs(computed(sheet, cell.value) - plain(cached[sheet.title][cell.coordinate].value)) < 1e-6, (
                        sheet.title,
                        cell.coordinate,
                    )
                    found += 1
    assert found > 20


def test_the_first_sheet_is_what_is_to_be_paid() -> None:
    formulas, cached = books()
    statement, sheet = sample(), cached.worksheets[0]
    assert sheet.title == 'Cargos' and formulas.sheetnames[-1] == 'Gráficas'
    told = {row[0]: row[4] for row in sheet.iter_rows(values_only=True) if row[0]}
    assert {name: Decimal(str(told[name])) for name in ('Subtotal', 'IVA (%)', 'Total')} == {
        'Subtotal': statement.subtotal,
        'IVA (%)': statement.iva,
        'Total': statement.total,
    }
    assert statement.words in told and any('CFDI' in str(text) for text in told)


def test_a_table_is_a_sheet_with_true_numbers_days_and_times() -> None:
    formulas, cached = books()
    sheet = cached['Llamadas de salida']
    table = next(table for section in sample().sections for table in section.tables if table.key == 'outbound')
    rows = list(sheet.iter_rows(min_row=5, max_row=4 + len(table.rows), values_only=True))
    zone = zone_of(sample())
    assert [row[0] for row in rows] == [row[0].astimezone(zone).replace(tzinfo=None) for row in table.rows if isinstance(row[0], datetime)]
    assert [Decimal(str(row[6])) for row in rows] == [row[6] for row in table.rows]
    assert sheet.freeze_panes == 'B5' and formulas['Llamadas de salida'].cell(5 + len(table.rows), 7).value.startswith('=SUM(G5:G')
    assert isinstance(cached['Solicitudes por día'].cell(5, 1).value, datetime)
    seconds = sheet.cell(5 + len(table.rows), 5)
    assert '[mm]:ss' in seconds.number_format.replace('[m]', '[mm]')


def test_texts_are_texts_and_no_link_leads_outside() -> None:
    formulas, _ = books()
    held = {cell.value: cell.data_type for sheet in formulas for row in sheet.iter_rows() for cell in row if isinstance(cell.value, str)}
    assert held[FORMULA] == 's' and held['-1+1'] == 's' and held['@SUM(A1:A9)'] == 's' and held[SCRIPT] == 's'
    for sheet in formulas:
        for link in sheet._hyperlinks:
            assert link.target is None and link.location
    with zipfile.ZipFile(io.BytesIO(rendered('xlsx'))) as packed:
        assert not [name for name in packed.namelist() if 'externalLink' in name or 'vba' in name.lower()]
        assert b'TargetMode="External"' not in b''.join(packed.read(name) for name in packed.namelist() if name.endswith('.rels'))


def test_sheets_have_names_that_excel_takes() -> None:
    names = sheet_names(['Cargos', 'cargos', 'CARGOS', 'a/b:c*[d]?\\', "'x'", '', 'History', 'L' * 40, 'L' * 40, '\x00'])
    assert names == ['Cargos', 'cargos 2', 'CARGOS 3', 'a b c d', 'x', 'Tabla', 'History 2', 'L' * 31, 'L' * 29 + ' 2', 'Tabla 2']


@given(st.lists(texts | st.sampled_from(HOSTILE), max_size=12))
def test_whatever_tables_are_called_their_sheets_are_told_apart(titles: list[str]) -> None:
    names = sheet_names(titles)
    assert len({name.casefold() for name in names}) == len(titles)
    assert all(
        1 <= len(name) <= 31 and not set(name) & set('[]:*?/\\') and not name.startswith("'") and not name.endswith("'") for name in names
    )


def test_a_total_is_a_formula_only_where_it_is_the_sum() -> None:
    table = Table(
        't',
        'T',
        (Column('a', 'A'), Column('b', 'B', Kind.COUNT), Column('c', 'C', Kind.PERCENT), Column('d', 'D', Kind.SECONDS)),
        (('x', 1, Decimal(50), 10), ('y', 2, Decimal(50), 20)),
        ('Total', 3, Decimal(100), 15),
    )
    assert [is_sum(table, index) for index in range(4)] == [False, True, False, False]


@pytest.mark.long
@pytest.mark.skipif(SOFFICE is None, reason='LibreOffice (soffice) is not installed here')
def test_libreoffice_opens_the_workbook_and_computes_the_same_sums(tmp_path: Path) -> None:
    (tmp_path / 'estado.xlsx').write_bytes(rendered('xlsx'))
    # Its own values are left out, so that what comes back is LibreOffice's.
    with zipfile.ZipFile(tmp_path / 'estado.xlsx') as packed, zipfile.ZipFile(tmp_path / 'vacio.xlsx', 'w') as bare:
        for name in packed.namelist():
            bare.writestr(name, re.sub(rb'(</f>)<v>[^<]*</v>', rb'\1', packed.read(name)))
    for name, filtered in (('vacio', 'csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1'), ('estado', 'pdf')):
        done = subprocess.run(
            [
                str(SOFFICE),
                f'-env:UserInstallation=file://{tmp_path}/profile',
                '--headless',
                '--convert-to',
                filtered,
                '--outdir',
                str(tmp_path),
                str(tmp_path / f'{name}.xlsx'),
            ],
            capture_output=True,
            text=True,
            timeout=110,
        )
        assert done.returncode == 0 and 'Error' not in done.stderr, done.stderr
    statement = sample()
    charges = rows_of((tmp_path / 'vacio-Cargos.csv').read_bytes())
    told = {row[0]: row[4] for row in charges if row[0]}
    assert [Decimal(told[name].strip('$').replace(',', '')) for name in ('Subtotal', 'IVA (%)', 'Total')] == [
        statement.subtotal,
        statement.iva,
        statement.total,
    ]
    assert (tmp_path / 'estado.pdf').read_bytes().startswith(b'%PDF')


# -- page ----------------------------------------------------------------------------------------------------------


class Reader(HTMLParser):
    """What a page is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == 'id' and value]


def read_page(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    return reader


def test_the_page_is_whole_and_refers_to_nothing_outside_itself() -> None:
    reader = read_page(rendered('html').decode())
    for tag, attributes in reader.tags:
        assert tag not in ('script', 'iframe', 'object', 'embed', 'link', 'form', 'base', 'bdo')
        assert not [name for name in attributes if name.startswith('on')]
        for name in ('href', 'src', 'data', 'action', 'xlink:href'):
            value = attributes.get(name)
            assert value is None or value.startswith(('#', 'data:image/png;base64,')), value
    assert 'url(' not in stylesheet() and '@import' not in stylesheet()
    assert len(reader.ids) == len(set(reader.ids))
    anchors = {attributes['href'] for tag, attributes in reader.tags if tag == 'a'}
    assert {str(anchor)[1:] for anchor in anchors} <= set(reader.ids)
    assert '#folio-10000007' in anchors and 'section-quota' in reader.ids


def test_names_do_nothing_in_a_page() -> None:
    text = rendered('html').decode()
    assert '&lt;script&gt;alert(&quot;hola&quot;)&lt;/script&gt;' in text and '<script' not in text and '<img src=x' not in text
    assert '{{ 7*7 }} {% raw %}' in text and '\x07' not in text
    assert '<bdi>\N{RIGHT-TO-LEFT OVERRIDE}' in text


def test_tables_are_read_aloud_with_their_names() -> None:
    tags = [tag for tag, _ in read_page(rendered('html').decode()).tags]
    assert tags.count('caption') == tags.count('table') and tags.count('details') == 2 and tags.count('svg') == 5
    scopes = {attributes.get('scope') for tag, attributes in read_page(rendered('html').decode()).tags if tag == 'th'}
    assert scopes == {'row', 'col'}


def test_the_body_alone_carries_no_style_and_no_picture() -> None:
    reader = read_page(body(sample(), HEAD, level=2))
    assert not [attributes for tag, attributes in reader.tags if 'style' in attributes or tag in ('style', 'img', 'html', 'h1')]
    assert reader.tags[0] == ('article', {'class': 'statement', 'lang': 'es-MX'})
    assert ('img', {'src': '/cliente/logo.png', 'alt': '', 'class': 'logo'}) in read_page(
        body(sample(), HEAD, logo='/cliente/logo.png')
    ).tags


def test_colours_of_anybody_are_nothing_but_colours() -> None:
    text = render(
        small(), 'html', replace(HEAD, primary='red;} body{background:url(https://x.example)}', accent='#12</style><script>')
    ).decode()
    assert 'x.example' not in text and '<script' not in text and '--primary: #17456b' in text


# -- paper ---------------------------------------------------------------------------------------------------------


def text_of(pdf: bytes) -> str:
    return subprocess.run(['pdftotext', '-layout', '-', '-'], input=pdf, capture_output=True, check=True).stdout.decode()


def info_of(pdf: bytes) -> dict[str, str]:
    told = subprocess.run(['pdfinfo', '-'], input=pdf, capture_output=True, check=True).stdout.decode()
    return {name: value.strip() for name, _, value in (line.partition(':') for line in told.splitlines())}


def test_paper_is_letter_size_with_numbered_pages_that_name_client_and_month() -> None:
    pages = text_of(rendered('pdf')).split('\f')[:-1]
    assert len(pages) > 5
    for number, page in enumerate(pages, start=1):
        assert f'Página {number} de {len(pages)}' in page and 'Este documento no es un CFDI' in page
        assert number == 1 or ('Grupo Nopalera' in page and 'octubre de 2026' in page)
    facts = info_of(rendered('pdf'))
    assert facts['Page size'].startswith('612 x 792 pts (letter)') and facts['Tagged'] == 'yes' and facts['JavaScript'] == 'no'
    assert facts['Title'] == 'Estado de cuenta de octubre de 2026: Grupo Nopalera' and facts['Author'] == HEAD.name


def test_paper_tells_the_figures_in_numbers_and_words_and_where_they_come_from() -> None:
    statement, first = sample(), text_of(rendered('pdf')).split('\f')[0]
    for amount in (statement.subtotal, statement.iva, statement.total, *(charge.amount for charge in statement.charges)):
        assert money(amount) in first
    assert statement.words in ' '.join(first.split()) and HEAD.tax_id in first and statement.fiscal_name in first
    page = re.search(r'Uso de la cuota, pág\. (\d+)', first)
    assert page and 'Uso de la cuota' in text_of(rendered('pdf')).split('\f')[int(page[1]) - 1]


def test_annexes_are_named_and_not_printed() -> None:
    text = text_of(rendered('pdf'))
    assert re.search(r'Folios +320', text) and re.search(r'Llamadas +900', text)
    assert '1790000' not in text
    long = Table('t', 'Muy larga', (Column('a', 'A'),), tuple((f'fila {row}',) for row in range(301)))
    assert not is_printed(long) and is_printed(replace(long, rows=long.rows[1:])) and not is_printed(replace(long, rows=(), annex=True))


def test_a_table_that_breaks_has_its_header_on_every_page() -> None:
    pages = text_of(rendered('pdf')).split('\f')
    of_days = [page for page in pages if re.search(r'^ *\d\d/10/2026 +\d+ +\d+ +\d+', page, re.MULTILINE)]
    assert len(of_days) >= 2 and all('Correo' in page and 'Todas' in page for page in of_days[:2])


def test_no_heading_stands_alone_at_the_foot_of_a_page() -> None:
    titles = {section.title for section in sample().sections} | {table.title for section in sample().sections for table in section.tables}
    for page in text_of(rendered('pdf')).split('\f')[1:-1]:
        lines = [line.strip() for line in page.splitlines() if line.strip()]
        assert lines[-2] not in titles, lines[-3:]


def test_a_draft_says_so_on_paper_and_on_the_page() -> None:
    assert text_of(rendered('pdf', issued=False)).count('BORRADOR') + text_of(rendered('pdf', issued=False)).count('Borrador') >= 1
    assert 'Borrador del' in rendered('html', issued=False).decode() and 'Borrador del' not in rendered('html').decode()


def test_paper_is_made_without_a_word_of_complaint(caplog: pytest.LogCaptureFixture) -> None:
    to_pdf(sample(), replace(HEAD, name='<img src="https://x.example/a.png"><style>@import "https://x.example"</style>'))
    assert [record.getMessage() for record in caplog.records if record.name.startswith('weasyprint') and record.levelname != 'INFO'] == []


def test_columns_fill_the_page_or_two_thirds_of_it() -> None:
    for section in sample().sections:
        for table in section.tables:
            whole, parts = columns(table, ZONE)
            assert whole in (118, 182) and abs(sum(parts) - whole) < 0.1 and min(parts) > 3


# -- all -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize('format', sorted(FORMATS))
def test_the_same_statement_gives_the_same_bytes_now_and_later(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    statement = sample(20, 20)
    first = render(statement, format, HEAD)
    later = time.time() + 100_000
    monkeypatch.setattr(time, 'time', lambda: later)
    assert render(sample(20, 20), format, HEAD) == first


def test_all_at_once_are_what_each_is_alone() -> None:
    made = render_all(sample(20, 20), HEAD)
    assert set(made) == set(FORMATS)
    assert all(made[name] == render(sample(20, 20), name, HEAD) for name in FORMATS)


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ValueError, match='choose one of pdf, xlsx, csv, json, html'):
        render(small(), 'docx', HEAD)


@pytest.mark.parametrize('format', sorted(FORMATS))
@pytest.mark.parametrize(
    'statement',
    [
        small(charges=(), notes=(), contract='', fiscal_name=''),
        with_table(Table('t', 'Vacía', (Column('a', 'A'), Column('b', 'B', Kind.MONEY)), ())),
        with_table(Table('t', '', (Column('a', '', Kind.DATE),), ((None,),), (None,), 'nota')),
        replace(small(), sections=(Section('s', 'Con gráfica', ('texto',), (), (Chart('c', 'Nada', 'bars', (), ()),)),)),
        replace(small(), client_name='', charges=tuple(Charge('fee', f'Cargo {n}', n, None, Decimal(n)) for n in range(60))),
    ],
    ids=['nothing', 'empty table', 'nothing in it', 'empty chart', 'many charges'],
)
def test_little_and_much_are_rendered(statement: Statement, format: str) -> None:
    assert len(render(statement, format, Letterhead(name='Mesa'))) > 100


@pytest.mark.parametrize('format', sorted(set(FORMATS) - {'json'}))
def test_every_format_says_that_it_is_no_cfdi_even_if_nobody_wrote_it(format: str) -> None:
    data = render(small(notes=()), format, HEAD)
    text = text_of(data) if format == 'pdf' else ' '.join(_strings(data)) if format == 'xlsx' else data.decode()
    assert NOT_A_CFDI.rstrip('.') in text


def _strings(data: bytes) -> Iterable[str]:
    return (str(cell) for sheet in openpyxl.load_workbook(io.BytesIO(data)) for row in sheet.iter_rows(values_only=True) for cell in row)


def test_the_total_is_one_figure_in_all_formats() -> None:
    statement = sample()
    total, shown = f'{statement.total:f}', money(statement.total)
    assert f'"total":"{total}"' in rendered('json').decode()
    assert ['Total', '', '', '', total] in [row[:5] for row in rows_of(rendered('csv'))]
    assert shown in rendered('html').decode() and shown in text_of(rendered('pdf'))
    assert total in {f'{cell:.2f}' for row in books()[1]['Cargos'].iter_rows(values_only=True) for cell in row if isinstance(cell, float)}


@pytest.mark.parametrize(
    ('value', 'kind', 'text'),
    [
        (None, Kind.MONEY, '—'),
        ('Total', Kind.DATE, 'Total'),
        (Decimal('1234.5'), Kind.MONEY, '$1,234.50'),
        (Decimal('-20'), Kind.MONEY, '−$20.00'),
        (Decimal('-0.00'), Kind.MONEY, '$0.00'),
        (Decimal('0.35'), Kind.RATE, '$0.35'),
        (Decimal('0.3525'), Kind.RATE, '$0.3525'),
        (Decimal('82.50'), Kind.PERCENT, '82.5 %'),
        (Decimal(100), Kind.PERCENT, '100 %'),
        (185, Kind.SECONDS, '3:05'),
        (Decimal('59.5'), Kind.SECONDS, '1:00'),
        (4000, Kind.SECONDS, '66:40'),
        (12345, Kind.COUNT, '12,345'),
        (-3, Kind.COUNT, '−3'),
        (Decimal('4.39'), Kind.DECIMAL, '4.39'),
        (date(2026, 10, 5), Kind.DATE, '05/10/2026'),
        (datetime(2026, 11, 1, 5, 30, tzinfo=UTC), Kind.INSTANT, '31/10/2026 23:30'),
    ],
)
def test_values_are_written_as_a_reader_in_mexico_expects(value: Value, kind: Kind, text: str) -> None:
    assert written(value, kind, ZONE) == text


def test_months_have_names() -> None:
    assert (charge_month('2026-08'), charge_month(''), charge_month('x')) == ('agosto de 2026', '', 'x')
