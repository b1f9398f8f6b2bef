"""Statements on the desk: a contact sees those of his client that were issued and nothing else, who leads sees drafts too."""
from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from config.terms import Contract, Tax, Terms
from config.values import Modality
from contracts.months import Month
from contracts.renderings import FORMATS
from contracts.statements import Statements
from desk.pages.statements import FORMAT_NAMES
from storage.engine import Database
from tests.desk_floor import RUNNABLE, XSS, Floor
from tests.kept_statements import keep

MONTH = '2026-10'
SCRIPT = re.compile(r'<script>alert|<img src=x')
STARTS = {'pdf': b'%PDF-', 'xlsx': b'PK\x03\x04', 'csv': b'', 'json': b'{', 'html': b'<!doctype html>'}
HOSTILE_MONTHS = ('2026-13', '2026-00', '2026-1', '2026-10-01', '0001-01', '9999-12', '99999999999999999999-1', '٢٠٢٦-١٠', '2026-10 ',
                  '+026-10', "2026-10' OR 1=1", 'x', '..', '2026')
HOSTILE_FORMATS = ('exe', 'PDF', 'pdf.', '..', 'json%2f..', 'x' * 200, 'ñ')
HOSTILE_CLIENTS = ('nadie', 'ACME', "acme' OR 1=1", '..', 'ñ', 'x' * 200, '{{ 7*7 }}')


@pytest.fixture
def floor(db: Database, tmp_path: Path) -> Floor:
    return Floor(db, tmp_path)


# --- the contact --------------------------------------------------------------------------------------------------------

def test_a_contact_sees_what_was_issued_to_his_client(floor: Floor) -> None:
    keep(floor.db, 'acme', MONTH)
    keep(floor.db, 'globex', '2026-09')
    page = floor.get('elena', '/cliente/estados')
    assert page.status == 200
    assert f'/cliente/estados/{MONTH}/pdf' in page.html and 'octubre de 2026' in page.text
    assert '2026-09' not in page.html
    assert 'Todavía no se ha emitido' not in page.text
    assert '2026-09' in floor.get('gil', '/cliente/estados').html
    assert MONTH not in floor.get('gil', '/cliente/estados').html


def test_before_the_first_one_the_page_says_so(floor: Floor) -> None:
    assert 'Todavía no se ha emitido ningún estado de cuenta' in floor.get('elena', '/cliente/estados').text


def test_what_his_page_shows_can_be_checked(floor: Floor) -> None:
    body = keep(floor.db, 'acme', MONTH)
    assert hashlib.sha256(body).hexdigest() in floor.get('elena', '/cliente/estados').text
    assert floor.get('elena', f'/cliente/estados/{MONTH}/json').answer.body == body


def test_drafts_and_other_clients_answer_exactly_like_an_unknown_month(floor: Floor) -> None:
    keep(floor.db, 'globex', '2026-09')
    unknown = floor.get('elena', '/cliente/estados/2031-01/pdf')
    assert unknown.status == 404
    for path in ('2026-09/pdf', '2026-10/pdf', '2026-11/json', '2026-09/json', 'x/pdf', '2026-09/exe'):
        page = floor.get('elena', f'/cliente/estados/{path}')
        assert (page.status, page.html) == (404, unknown.html), path
    assert floor.get('gil', '/cliente/estados/2026-09/json').status == 200


def test_a_statement_that_is_not_what_was_issued_is_given_to_nobody(floor: Floor) -> None:
    keep(floor.db, 'acme', MONTH, sha256='0' * 64)
    assert floor.get('elena', f'/cliente/estados/{MONTH}/json').status == 500
    assert floor.get('sara', f'/estados/acme/{MONTH}/json').status == 500
    assert floor.get('elena', '/cliente/estados').status == 200


# --- files --------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('wanted', list(FORMATS))
def test_every_format_has_its_type_and_name(floor: Floor, wanted: str) -> None:
    keep(floor.db, 'acme', MONTH)
    for who, path, name in (('elena', f'/cliente/estados/{MONTH}', 'acme-2026-10'), ('sara', f'/estados/acme/{MONTH}', 'acme-2026-10'),
                            ('adela', '/estados/acme/2026-11', 'acme-2026-11-borrador')):
        answer = floor.get(who, f'{path}/{wanted}').answer
        told = dict(answer.headers)['Content-Disposition']
        assert (answer.status, answer.content_type) == (200, FORMATS[wanted].content_type)
        assert answer.body.startswith(STARTS[wanted])
        assert f'filename="estado-de-cuenta-{name}{FORMATS[wanted].extension}"' in told
        assert told.startswith('inline' if wanted == 'pdf' else 'attachment')   # a page of figures never runs as one of ours


def test_an_excel_file_is_one(floor: Floor) -> None:
    keep(floor.db, 'acme', MONTH)
    book = zipfile.ZipFile(io.BytesIO(floor.get('elena', f'/cliente/estados/{MONTH}/xlsx').answer.body))
    assert book.testzip() is None and 'xl/workbook.xml' in book.namelist()


def test_every_format_is_offered() -> None:
    assert set(FORMAT_NAMES) == set(FORMATS)


@pytest.mark.parametrize('month', HOSTILE_MONTHS)
def test_what_is_no_month_is_not_found(floor: Floor, month: str) -> None:
    assert floor.get('elena', f'/cliente/estados/{month}/pdf').status == 404
    assert floor.get('sara', f'/estados/acme/{month}/pdf').status == 404


def test_what_is_no_format_or_client_is_not_found(floor: Floor) -> None:
    keep(floor.db, 'acme', MONTH)
    for word in HOSTILE_FORMATS:
        assert floor.get('elena', f'/cliente/estados/{MONTH}/{word}').status == 404, word
        assert floor.get('sara', f'/estados/acme/{MONTH}/{word}').status == 404, word
    for word in HOSTILE_CLIENTS:
        assert floor.get('sara', f'/estados/{word}/{MONTH}/json').status == 404, word


# --- those who lead -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('who', ['sara', 'adela'])
def test_who_leads_sees_what_was_issued_and_drafts(floor: Floor, who: str) -> None:
    keep(floor.db, 'acme', MONTH)
    page = floor.get(who, '/estados')
    assert page.status == 200
    for path in ('acme/2026-10/pdf', 'globex/2026-10/xlsx', 'acme/2026-11/json'):
        assert f'href="/estados/{path}"' in page.html
    assert json.loads(floor.get(who, '/estados/acme/2026-10/json').html)['statement']['issued_by'] == 'sara <i>'
    draft = json.loads(floor.get(who, '/estados/globex/2026-10/json').html)['statement']
    assert (draft['client'], draft['issued_at']) == ('globex', None)


def test_a_month_is_going_on_to_be_issued_or_issued(floor: Floor) -> None:
    keep(floor.db, 'acme', MONTH)
    def months(query: str) -> list[str]:
        html = floor.get('sara', f'/estados?{query}').html
        return [part.split('/json')[0] for part in html.split('href="/estados/')[1:] if '/json"' in part[:40]]
    assert months('cliente=acme&mostrar=emitidos') == ['acme/2026-10']
    assert months('cliente=acme&mostrar=en-curso') == ['acme/2026-11']
    assert months('cliente=acme')[:3] == ['acme/2026-11', 'acme/2026-10', 'acme/2026-09']
    assert 'acme/2026-10' not in months('mostrar=por-emitir') and 'globex/2026-10' in months('mostrar=por-emitir')
    assert months('cliente=nadie') == [] and 'No hay estados de cuenta así' in floor.get('sara', '/estados?cliente=nadie').text


def test_old_ones_and_those_of_who_is_gone_stay_in_the_list(floor: Floor) -> None:
    keep(floor.db, 'acme', '2019-03')
    keep(floor.db, 'antes', '2026-01')
    page = floor.get('sara', '/estados')
    assert 'href="/estados/acme/2019-03/pdf"' in page.html and 'href="/estados/antes/2026-01/pdf"' in page.html
    assert floor.get('sara', '/estados/antes/2026-01/json').status == 200


def test_months_outside_the_contract_are_not_there(floor: Floor) -> None:
    acme = replace(floor.site.clients['acme'], contract=Contract(since=date(2026, 9, 15), until=date(2026, 10, 10)))
    floor.site = replace(floor.site, clients=floor.site.clients | {'acme': acme})
    page = floor.get('sara', '/estados?cliente=acme')
    assert 'acme/2026-09/pdf' in page.html and 'acme/2026-10/pdf' in page.html
    assert 'acme/2026-08/' not in page.html and 'acme/2026-11/' not in page.html
    assert floor.get('sara', '/estados/acme/2026-08/json').status == 404


@pytest.mark.parametrize('path', ['/estados', f'/estados/acme/{MONTH}/json', '/cliente/estados', f'/cliente/estados/{MONTH}/json'])
def test_who_may_not(floor: Floor, path: str) -> None:
    keep(floor.db, 'acme', MONTH)
    refused = ('ana', 'sara', 'adela') if path.startswith('/cliente') else ('ana', 'elena', 'gil')
    for who in refused:
        assert floor.get(who, path).status == 403, who


def test_from_the_signing_to_the_contact(floor: Floor) -> None:
    """One that is really issued: the same figures on both pages, and in the file."""
    terms = Terms(Modality.STANDARD, date(2026, 1, 1), allowance=10, monthly_fee=Decimal('1000.00'), overage_price=Decimal(5))
    acme = replace(floor.site.clients['acme'], contract=Contract(number='C-1', since=date(2026, 1, 1), terms=(terms,)))
    prices = replace(floor.site.prices, taxes=(Tax(date(2020, 1, 1), Decimal(16)),))
    floor.site = replace(floor.site, clients=floor.site.clients | {'acme': acme}, prices=prices)
    assert floor.get('elena', f'/cliente/estados/{MONTH}/json').status == 404
    done = Statements(floor.db, lambda: floor.site).issue('acme', Month(2026, 10), 'sara', datetime(2026, 11, 24, 16, tzinfo=UTC))
    assert done.total == Decimal('1160.00')
    for who, path in (('elena', '/cliente/estados'), ('sara', '/estados')):
        assert '$1,160.00' in floor.get(who, path).text
    assert hashlib.sha256(floor.get('elena', f'/cliente/estados/{MONTH}/json').answer.body).hexdigest() == done.sha256


def test_hostile_names_are_text(floor: Floor) -> None:
    acme = replace(floor.site.clients['acme'], name=XSS)
    floor.site = replace(floor.site, clients=floor.site.clients | {'acme': acme})
    keep(floor.db, 'acme', MONTH)
    keep(floor.db, XSS[:64], '2026-01')
    for who, path in (('sara', '/estados'), ('sara', f'/estados?cliente={XSS[:20]}&mostrar=%3Cb%3E'), ('elena', '/cliente/estados'),
                      ('elena', f'/cliente/estados/{MONTH}/html'), ('sara', '/estados/acme/2026-11/html')):
        page = floor.get(who, path)
        assert page.status == 200
        assert not (RUNNABLE if not path.endswith('/html') else SCRIPT).search(page.html), path
        assert 'sara <i>' not in page.html
