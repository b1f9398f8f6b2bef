"""What is to be paid for a month, from facts made by hand: fees, overage, calls out, visits, initial costs, IVA (mission.md 7.5)."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.terms import Contract, Prices, Tax, Terms
from config.values import Modality
from contracts.bill import Bill, bill_of, visit_price
from contracts.ledger import CALL_BACK, CLOSE_CALL, LedgerLine
from contracts.money import cents
from contracts.months import Month
from contracts.move_rows import Move
from contracts.move_rules import Cost, MoveState
from contracts.overage import Excess
from contracts.statement import Charge
from contracts.statement_facts import ModalityUse, MonthFacts, Visit
from tests.lives import site
from ticketing.spanish import MODALITIES

STANDARD, PREMIUM = Modality.STANDARD, Modality.PREMIUM
PREMIUM_NAME = MODALITIES[PREMIUM]
SEPTEMBER, OCTOBER, NOVEMBER = Month(2026, 9), Month(2026, 10), Month(2026, 11)
IVA = Prices(taxes=(Tax(date(2010, 1, 1), Decimal(16)), Tax(date(2019, 1, 1), Decimal(8), 'border'), Tax(date(2027, 1, 1), Decimal(17))))
FEE = Terms(STANDARD, date(2026, 1, 1), allowance=100, monthly_fee=Decimal('30000.00'), overage_price=Decimal('95.00'))


def month_facts(contract: Contract = Contract(terms=(FEE,)), month: Month = NOVEMBER, prices: Prices = IVA, **found: Any) -> MonthFacts:
    """A month of which only what a bill is made from is told."""
    of = replace(site(contract=contract), prices=prices)
    nothing: dict[str, Any] = {
        'requests': (), 'usage': (), 'overage': {}, 'corrections': {}, 'outbound': (), 'visits': (), 'moves': (),
        'figures': cast(Any, None), 'by_day': (), 'by_modality': {}, 'folios': (), 'calls': ()}
    return MonthFacts(site=of, client=of.clients['acme'], month=month, first_month=month, made_at=datetime(2026, 12, 1, tzinfo=UTC),
                      **(nothing | found))


def told(facts: MonthFacts) -> list[tuple[str, str, Decimal]]:
    return [(charge.key, charge.concept, charge.amount) for charge in bill_of(facts).charges]


def fees(contract: Contract, month: Month = NOVEMBER) -> list[tuple[str, str]]:
    found = told(month_facts(contract, month))
    return [(concept.removeprefix('Renta mensual del servicio '), str(amount)) for key, concept, amount in found if key == 'fee']


# --- fees ----------------------------------------------------------------------------------------------------------------

def test_a_whole_month_costs_its_fee() -> None:
    assert fees(Contract(terms=(FEE,))) == [('HELP DESK 911', '30000.00')]
    both = Contract(terms=(FEE, Terms(PREMIUM, date(2026, 1, 1), monthly_fee=Decimal('36000.50'))))
    assert fees(both) == [('HELP DESK 911', '30000.00'), (PREMIUM_NAME, '36000.50')]


def test_what_costs_nothing_has_no_line() -> None:
    assert fees(Contract(terms=(Terms(STANDARD, date(2026, 1, 1), allowance=100),))) == []
    assert fees(Contract()) == []


@pytest.mark.parametrize(('agreed', 'line'), [
    ({'since': date(2026, 11, 16)}, ('HELP DESK 911, 15 de 30 días', '15000.00')),
    ({'since': date(2026, 11, 30)}, ('HELP DESK 911, 1 de 30 días', '1000.00')),
    ({'until': date(2026, 11, 1)}, ('HELP DESK 911, 1 de 30 días', '1000.00')),
    ({'until': date(2026, 11, 29)}, ('HELP DESK 911, 29 de 30 días', '29000.00')),
    ({'since': date(2026, 11, 10), 'until': date(2026, 11, 19)}, ('HELP DESK 911, 10 de 30 días', '10000.00')),
    ({'since': date(2026, 11, 1), 'until': date(2026, 11, 30)}, ('HELP DESK 911', '30000.00'))])
def test_a_month_in_which_the_contract_begins_or_ends_costs_its_days(agreed: dict[str, date], line: tuple[str, str]) -> None:
    assert fees(Contract(terms=(FEE,), **cast(Any, agreed))) == [line]
    assert fees(Contract(terms=(FEE,), pro_rata='whole', **cast(Any, agreed))) == [('HELP DESK 911', '30000.00')]


def test_days_are_rounded_once_and_half_up() -> None:
    """31 days of 100.00: one of them is 3.2258..., and 15.5 days' worth would be 50.00."""
    cheap = replace(FEE, monthly_fee=Decimal('100.00'))
    assert fees(Contract(terms=(cheap,), since=date(2026, 10, 31)), OCTOBER) == [('HELP DESK 911, 1 de 31 días', '3.23')]
    tiny = replace(FEE, monthly_fee=Decimal('0.15'))
    assert fees(Contract(terms=(tiny,), since=date(2026, 11, 30))) == [('HELP DESK 911, 1 de 30 días', '0.01')]     # 0.005
    least = replace(FEE, monthly_fee=Decimal('0.14'))
    assert fees(Contract(terms=(least,), since=date(2026, 11, 30))) == []


def test_terms_that_change_in_mid_month_bring_their_days() -> None:
    later = replace(FEE, since=date(2026, 11, 21), monthly_fee=Decimal('33000.00'))
    assert fees(Contract(terms=(FEE, later))) == [('HELP DESK 911', '31000.00')]                # 20 of 1000, 10 of 1100
    assert fees(Contract(terms=(FEE, later), pro_rata='whole')) == [('HELP DESK 911', '33000.00')]
    assert fees(Contract(terms=(FEE, later)), OCTOBER) == [('HELP DESK 911', '30000.00')]


def test_a_modality_that_is_agreed_in_mid_month_costs_from_then_on() -> None:
    premium = Terms(PREMIUM, date(2026, 11, 21), monthly_fee=Decimal('36000.00'))
    assert fees(Contract(terms=(FEE, premium))) == [('HELP DESK 911', '30000.00'), (f'{PREMIUM_NAME}, 10 de 30 días', '12000.00')]
    assert fees(Contract(terms=(FEE, premium)), OCTOBER) == [('HELP DESK 911', '30000.00')]


def test_a_whole_month_of_a_contract_that_ends_goes_by_its_last_day() -> None:
    later = replace(FEE, since=date(2026, 11, 21), monthly_fee=Decimal('33000.00'))
    assert fees(Contract(terms=(FEE, later), until=date(2026, 11, 20), pro_rata='whole')) == [('HELP DESK 911', '30000.00')]


# --- single things -------------------------------------------------------------------------------------------------------

def visit(number: int, day: int, modality: Modality = PREMIUM) -> Visit:
    return Visit(f'visit:{number}', datetime(2026, 11, day, 18, tzinfo=UTC), '12345674', modality, 'no arranca')


def test_visits_stand_by_price_that_of_their_own_day() -> None:
    agreed = Terms(PREMIUM, date(2026, 1, 1), visit_price=Decimal('1450.00'))
    contract = Contract(terms=(FEE, agreed, replace(agreed, since=date(2026, 11, 20), visit_price=Decimal('1500.50'))))
    facts = month_facts(contract, visits=(visit(1, 3), visit(2, 19), visit(3, 20)))
    assert [(charge.units, charge.price, charge.amount) for charge in bill_of(facts).charges if charge.key == 'visits'] == [
        (2, Decimal('1450.00'), Decimal('2900.00')), (1, Decimal('1500.50'), Decimal('1500.50'))]
    assert visit_price(facts, visit(4, 3, Modality.VIP)) == 0


def test_a_visit_belongs_to_its_local_day() -> None:
    """05:30 UTC of the 20th is still the 19th in Mexico City."""
    agreed = Terms(PREMIUM, date(2026, 1, 1), visit_price=Decimal('1.00'))
    facts = month_facts(Contract(terms=(agreed, replace(agreed, since=date(2026, 11, 20), visit_price=Decimal('2.00')))))
    late = replace(visit(1, 20), at=datetime(2026, 11, 20, 5, 30, tzinfo=UTC))
    assert (visit_price(facts, late), visit_price(facts, visit(2, 20))) == (Decimal('1.00'), Decimal('2.00'))


def test_initial_costs_stand_one_by_one() -> None:
    costs = (Cost(STANDARD, Decimal('15000.00'), date(2025, 1, 1)), Cost(PREMIUM, Decimal('22000.00'), date(2025, 1, 1)))
    move = Move(id=1, reference='M1', client='acme', site='Puebla', notice='A-1', received_on=date(2026, 8, 1), wanted_on=date(2026, 11, 1),
                destination='Calle 5', modalities=(), state=MoveState.DELIVERED, version=3, recorded_at=datetime(2026, 8, 1, tzinfo=UTC),
                delivered_on=date(2026, 11, 5), costs=costs)
    assert told(month_facts(Contract(), moves=(move,))) == [
        ('initial_cost', 'Costo inicial de HELP DESK 911 por cambio de domicilio del sitio Puebla', Decimal('15000.00')),
        ('initial_cost', f'Costo inicial de {PREMIUM_NAME} por cambio de domicilio del sitio Puebla', Decimal('22000.00'))]


def line(number: int, at: datetime, amount: str | None, seconds: int = 60, purpose: str = CLOSE_CALL) -> LedgerLine:
    return LedgerLine(f'c{number}', 0, at, 'acme', '12345674', purpose, '+525555550101', 'Nacional', seconds, 60 if seconds else 0,
                      None if amount is None else Decimal(amount), date(2025, 1, 1))


def test_calls_out_are_summed_as_they_were_rounded_and_late_ones_stand_apart() -> None:
    now, late = datetime(2026, 11, 5, tzinfo=UTC), datetime(2026, 11, 1, 5, 59, tzinfo=UTC)      # the last minute of October, locally
    facts = month_facts(Contract(), outbound=(
        line(1, now, '0.33'), line(2, now, '0.33', purpose=CALL_BACK), line(3, now, '0.00', 0), line(4, late, '1.70'), line(5, now, None)))
    found = [charge for charge in bill_of(facts).charges if charge.key == 'outbound']
    assert [(charge.concept, charge.units, charge.price, charge.amount, charge.month) for charge in found] == [
        ('Llamadas de salida antes no incluidas', 1, None, Decimal('1.70'), '2026-10'),
        ('Llamadas de salida', 3, None, Decimal('0.66'), '')]


def test_overage_names_its_month_and_what_was_issued_before_is_corrected() -> None:
    def excess(month: Month, units: int, charged: Month = NOVEMBER) -> Excess:
        return Excess(month, charged, units, Decimal('95.00'), units * Decimal('95.00'))
    use = ModalityUse((), (excess(SEPTEMBER, -1), excess(OCTOBER, 6), excess(NOVEMBER, 7)), (excess(SEPTEMBER, 6, SEPTEMBER),))
    found = bill_of(month_facts(Contract(), overage={STANDARD: use})).charges
    assert [(charge.key, charge.concept, charge.units, charge.amount, charge.month) for charge in found] == [
        ('correction', 'Corrección de excedentes de HELP DESK 911', -1, Decimal('-95.00'), '2026-09'),
        ('overage', 'Excedentes de HELP DESK 911', 6, Decimal('570.00'), '2026-10'),
        ('overage', 'Excedentes de HELP DESK 911', 7, Decimal('665.00'), '')]


# --- what it comes to ----------------------------------------------------------------------------------------------------

def bill(*amounts: str, percent: str = '16') -> Bill:
    return Bill(tuple(Charge('fee', 'x', 1, None, Decimal(amount)) for amount in amounts), Decimal(percent))


@pytest.mark.parametrize(('subtotal', 'percent', 'iva'), [
    ('100.00', '16', '16.00'), ('0.03', '16', '0.00'), ('0.04', '16', '0.01'), ('0.50', '1', '0.01'), ('0.49', '1', '0.00'),
    ('10.03', '16', '1.60'), ('3.125', '16', '0.50'), ('-0.50', '1', '-0.01'), ('100.00', '0', '0.00'), ('99.99', '8.5', '8.50')])
def test_iva_is_rounded_half_up_once(subtotal: str, percent: str, iva: str) -> None:
    assert str(bill(subtotal, percent=percent).iva) == iva


def test_iva_is_of_the_sum_not_of_each_line() -> None:
    made = bill('0.03', '0.03', '0.03', '0.03')        # four times nothing each, 0.0192 together
    assert (made.subtotal, made.iva, made.total) == (Decimal('0.12'), Decimal('0.02'), Decimal('0.14'))
    assert (bill().subtotal, bill().iva, bill().total) == (0, 0, 0)


def test_the_tax_is_that_of_the_region_on_the_last_day() -> None:
    assert bill_of(month_facts()).iva_percent == 16
    assert bill_of(month_facts(month=Month(2027, 1))).iva_percent == 17
    assert bill_of(month_facts(Contract(terms=(FEE,), tax_region='border'))).iva_percent == 8
    assert bill_of(month_facts(prices=Prices())).iva_percent == 0


@given(st.lists(st.decimals(Decimal(-100_000), Decimal(100_000), places=2), max_size=8), st.decimals(Decimal(0), Decimal(30), places=2))
def test_the_total_is_the_lines_and_their_iva(amounts: Sequence[Decimal], percent: Decimal) -> None:
    made = Bill(tuple(Charge('fee', 'x', 1, None, amount) for amount in amounts), percent)
    assert made.subtotal == sum(amounts) and made.total == made.subtotal + made.iva
    exact = Fraction(made.subtotal) * Fraction(percent) / 100
    assert abs(Fraction(made.iva) - exact) <= Fraction(1, 200) and made.iva == made.iva.quantize(Decimal('0.01'))


@given(st.fractions(Fraction(0), Fraction(10 ** 6), max_denominator=31))
def test_cents_of_a_fraction(value: Fraction) -> None:
    assert Fraction(cents(value)) == Fraction(int(value * 100 + Fraction(1, 2)), 100)


def test_a_month_has_a_spanish_name() -> None:
    assert (Month(2026, 1).title, OCTOBER.title) == ('enero de 2026', 'octubre de 2026')
