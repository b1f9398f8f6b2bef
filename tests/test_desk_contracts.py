"""Contracts on the desk: what was agreed, in Spanish, for those who lead alone."""
from __future__ import annotations

from dataclasses import fields, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from config.terms import Contract, Counted, InitialCost, OverageRule, Prices, Rate, Tariff, Tax, Terms, Waiver
from config.values import Modality, Policy, Site
from contracts.agreed import contract_facts
from desk.pages.contracts import AGREED, agreed_words
from desk.pages.policy_words import POLICY, words_of
from desk.web.render import money
from storage.engine import Database
from tests import lives
from tests.desk_floor import RUNNABLE, XSS, Floor, floor_site

TODAY = date(2026, 11, 24)


def contract_site(**client_facts: object) -> Site:
    """acme with three terms of standard, one of premium, waivers and prices."""
    standard = Terms(Modality.STANDARD, date(2026, 1, 1), allowance=300, monthly_fee=Decimal('48500.00'), overage_price=Decimal('145.50'),
                     overage=OverageRule(105, False, 'each'), counted=frozenset({Counted.REOPEN}))
    terms = (standard, replace(standard, since=date(2026, 7, 1), allowance=350), replace(
        standard, since=date(2027, 1, 1), allowance=400, policy=Policy(answer_seconds=15, recording=True)),
        Terms(Modality.PREMIUM, date(2026, 1, 1), visit_price=Decimal('1850.00')))
    waivers = (Waiver(9, date(2026, 1, 1), date(2026, 6, 30), 'Arranque', 'Dir. A'),
               Waiver(5, date(2026, 11, 1), date(2026, 12, 31), 'Cierre', 'Dir. B'),
               Waiver(7, date(2027, 1, 1), date(2027, 2, 1), 'Inventario', 'Dir. C'))
    contract = Contract('HD-17', date(2026, 1, 1), None, terms=terms, waivers=waivers, fiscal_name='Acme S.A. de C.V.')
    rates = (Rate('+52', 'Nacional', Decimal('0.4575')), Rate('+1', 'Estados Unidos', Decimal('1.50'), 30, 60, Decimal('0.10')))
    site = floor_site()
    acme = replace(site.clients['acme'], users=tuple(lives.user(str(n), vip=n < 2) for n in range(10)),
                   **{'contract': contract, **client_facts})
    return replace(site, clients=site.clients | {'acme': acme}, prices=Prices(
        (Tariff(date(2026, 1, 1), rates), Tariff(date(2027, 1, 1), rates, 'acme')), (Tax(date(2020, 1, 1), Decimal(16)),),
        (InitialCost(date(2026, 1, 1), Modality.STANDARD, Decimal('12500.00')),)))


@pytest.fixture
def floor(db: Database, tmp_path: Path) -> Floor:
    return Floor(db, tmp_path, contract_site())


@pytest.mark.parametrize('who', ['sara', 'adela'])
def test_the_list_says_what_holds_with_each_client(floor: Floor, who: str) -> None:
    page = floor.get(who, '/contratos')
    assert page.status == 200
    for told in ('Acme México', 'HD-17', 'vigente', '350 al mes', '2 de 10', '16 %', '01/01/2027', 'Globex', 'sin número'):
        assert told in page.text, told
    assert 'href="/contratos/acme"' in page.html


def test_a_contract_is_told_with_what_was_and_what_comes(floor: Floor) -> None:
    page = floor.get('sara', '/contratos/acme')
    assert page.status == 200
    for told in ('Acme S.A. de C.V.', 'del 01/01/2026', 'términos del 01/07/2026', 'Solicitudes al mes 350', 'Renta mensual $48,500.00',
                 'Precio de cada excedente $145.50', '105 % de lo incluido', 'se cobra desde el tercero', 'la de cada mes',
                 'También cuentan reaperturas', 'Términos anteriores 01/01/2026', 'Términos que vienen 01/01/2027 Solicitudes al mes: 400',
                 'A tiempo es dentro de: 15 s', 'Grabación de llamadas: sí', 'Precio de una visita en sitio $1,850.00', 'sin medir',
                 'Llamadas contestadas a tiempo 80 %'):
        assert told in page.text, told


def test_vips_and_waivers(floor: Floor) -> None:
    page = floor.get('sara', '/contratos/acme')
    for told in ('2 de 10 usuarios; se admiten 5', 'terminó 9 VIP', 'vigente 5 VIP', 'aún no empieza 7 VIP', 'Inventario', 'Dir. B'):
        assert told in page.text, told
    assert 'son demasiados' not in page.text
    acme = floor.site.clients['acme']
    floor.site = replace(floor.site, clients=floor.site.clients | {'acme': replace(acme, contract=replace(acme.contract, waivers=()))})
    page = floor.get('sara', '/contratos/acme')
    assert 'son demasiados' in page.text and 'No hay dispensas' in page.text
    assert 'más de 0' in floor.get('sara', '/contratos').text


def test_prices(floor: Floor) -> None:
    page = floor.get('sara', '/contratos/acme')
    for told in ('Tarifa general del 01/01/2026', 'Nacional +52 $0.4575 60 s 0 s $0.00', 'Estados Unidos +1 $1.50 30 s 60 s $0.10',
                 'Otra propia empieza el 01/01/2027', '$12,500.00 desde el 01/01/2026'):
        assert told in page.text, told


def test_where_nothing_is_agreed_the_page_says_so(floor: Floor) -> None:
    floor.site = replace(floor.site, prices=Prices())
    page = floor.get('sara', '/contratos/globex')
    for told in ('sin términos vigentes', 'sin fecha de inicio', 'no se conoce', 'No hay tarifa vigente', 'No hay costos iniciales'):
        assert told in page.text, told


def test_a_contract_that_has_ended_is_told(floor: Floor) -> None:
    acme = floor.site.clients['acme']
    floor.site = replace(floor.site, clients=floor.site.clients | {
        'acme': replace(acme, contract=replace(acme.contract, until=date(2026, 10, 31)))})
    assert 'no vigente' in floor.get('sara', '/contratos').text
    page = floor.get('sara', '/contratos/acme')
    assert 'no vigente' in page.text and 'al 31/10/2026' in page.text


@pytest.mark.parametrize('who', ['ana', 'elena', 'gil'])
def test_who_may_not(floor: Floor, who: str) -> None:
    for path in ('/contratos', '/contratos/acme'):
        assert floor.get(who, path).status == 403


@pytest.mark.parametrize('word', ['nadie', 'ACME', "acme' OR 1=1", '..', 'ñ', 'x' * 200, '{{ 7*7 }}'])
def test_who_is_no_client_is_not_found(floor: Floor, word: str) -> None:
    assert floor.get('sara', f'/contratos/{word}').status == 404


def test_hostile_words_are_text(floor: Floor) -> None:
    acme = floor.site.clients['acme']
    contract = replace(acme.contract, number=XSS, fiscal_name=XSS, waivers=(Waiver(5, TODAY, TODAY, XSS, XSS),))
    rates = (Rate('+52', XSS, Decimal(1)),)
    floor.site = replace(floor.site, clients=floor.site.clients | {'acme': replace(acme, name=XSS, contract=contract)},
                         prices=replace(floor.site.prices, tariffs=(Tariff(date(2026, 1, 1), rates),)))
    for path in ('/contratos', '/contratos/acme'):
        page = floor.get('sara', path)
        assert '&lt;script&gt;' in page.html
        assert not RUNNABLE.search(page.html), path


def test_every_parameter_has_spanish_words() -> None:
    assert set(POLICY) == {field.name for field in fields(Policy)}
    for name, words in POLICY.items():
        default = getattr(Policy(), name)
        assert words.label and words_of(name, default)
        assert words.values is None or default in words.values or not isinstance(default, (str, bool)), name


def test_everything_agreed_has_spanish_words(floor: Floor) -> None:
    facts = contract_facts(floor.site, floor.site.clients['acme'], TODAY)
    for one in facts['modalities']:
        assert set(AGREED) == set(one['terms'])
        for name, value in one['terms'].items():
            assert agreed_words(name, value)
    assert agreed_words('overage_run', 'whole') != agreed_words('overage_run', 'third')


@pytest.mark.parametrize(('amount', 'told'), [('1234.5', '$1,234.50'), ('0', '$0.00'), ('0.4575', '$0.4575'), ('1200', '$1,200.00'),
                                              ('1E+3', '$1,000.00'), ('2.5000', '$2.50')])
def test_money_reads_as_money(amount: str, told: str) -> None:
    assert money(Decimal(amount)) == told
