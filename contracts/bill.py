"""What is to be paid for a month: the lines, subtotal, IVA and total (mission.md 7.5). Pure; MXN, each line rounded half up."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from config.values import Modality
from contracts.money import cents
from contracts.months import Month
from contracts.statement import Charge
from contracts.statement_facts import MonthFacts, Visit
from ticketing.spanish import MODALITIES


@dataclass(frozen=True)
class Bill:
    """The lines and what they come to; `iva_percent` is that of the month's last day."""

    charges: tuple[Charge, ...]
    iva_percent: Decimal

    @property
    def subtotal(self) -> Decimal:
        """Before taxes."""
        return sum((charge.amount for charge in self.charges), Decimal('0.00'))

    @property
    def iva(self) -> Decimal:
        """Of the subtotal, rounded once."""
        return cents(self.subtotal * self.iva_percent / 100)

    @property
    def total(self) -> Decimal:
        """With IVA."""
        return self.subtotal + self.iva


def bill_of(facts: MonthFacts) -> Bill:
    """The month's bill."""
    tax = facts.site.prices.tax(facts.contract.tax_region, facts.month.last)
    charges = (*_fees(facts), *_overage(facts), *_outbound(facts), *_visits(facts), *_initial_costs(facts))
    return Bill(charges, tax.percent if tax else Decimal(0))


def _fees(facts: MonthFacts) -> Iterator[Charge]:
    """The monthly fee of each modality; of a month that is not whole, or whose terms change, by days as the contract has it."""
    month, contract = facts.month, facts.contract
    days = [month.first + timedelta(days=n) for n in range(month.days)]
    for modality in Modality:
        in_force = [terms for day in days if (terms := contract.in_force(modality, day)) is not None]
        if contract.pro_rata == 'whole':
            closing = contract.in_force(modality, facts.last_day)
            in_force = [closing] * month.days if closing else []
        fee = cents(sum((Fraction(terms.monthly_fee) for terms in in_force), Fraction(0)) / month.days)
        if fee:
            part = '' if len(in_force) == month.days else f', {len(in_force)} de {month.days} días'
            yield Charge('fee', f'Renta mensual del servicio {MODALITIES[modality]}{part}', 1, fee, fee, table='contract')


def _overage(facts: MonthFacts) -> Iterator[Charge]:
    for modality, use in facts.overage.items():
        issued = {line.month for line in use.issued}
        for line in use.due:
            key, concept = 'overage', f'Excedentes de {MODALITIES[modality]}'
            if line.month in issued:
                key, concept = 'correction', f'Corrección de excedentes de {MODALITIES[modality]}'
            yield Charge(key, concept, line.units, line.price, line.amount, table='quota', month=_other(facts, line.month))


def _outbound(facts: MonthFacts) -> Iterator[Charge]:
    """Calls to the client, each rated and rounded by itself; those of earlier months that became known late stand apart."""
    months: defaultdict[Month, list[Decimal]] = defaultdict(list)
    for line in facts.outbound:
        if line.seconds:
            months[Month.of(line.at.astimezone(facts.site.zone).date())].append(line.amount or Decimal(0))
    for month, found in sorted(months.items()):
        late = '' if month == facts.month else ' antes no incluidas'
        yield Charge('outbound', f'Llamadas de salida{late}', len(found), None, sum(found, Decimal(0)), table='outbound',
                     month=_other(facts, month))


def _visits(facts: MonthFacts) -> Iterator[Charge]:
    prices: defaultdict[Decimal, int] = defaultdict(int)
    for visit in facts.visits:
        prices[visit_price(facts, visit)] += 1
    for price, many in sorted(prices.items()):
        yield Charge('visits', 'Visitas en sitio de un ingeniero de segundo nivel', many, price, cents(many * price), table='visits')


def visit_price(facts: MonthFacts, visit: Visit) -> Decimal:
    """What a visit costs by the terms of its day."""
    terms = facts.contract.in_force(visit.modality, visit.at.astimezone(facts.site.zone).date())
    return terms.visit_price if terms else Decimal(0)


def _initial_costs(facts: MonthFacts) -> Iterator[Charge]:
    for move in facts.moves:
        for cost in move.costs:
            yield Charge('initial_cost', f'Costo inicial de {MODALITIES[cost.modality]} por cambio de domicilio del sitio {move.site}', 1,
                         cost.amount, cost.amount, table='moves')


def _other(facts: MonthFacts, month: Month) -> str:
    return '' if month == facts.month else str(month)
