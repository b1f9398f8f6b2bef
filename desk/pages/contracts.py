"""What was agreed with each client, read-only: terms in force, earlier and later, waivers, VIPs, prices (mission.md chapter 7, 1.3)."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from config.terms import Counted, Tariff
from config.values import Client, Modality, Site
from contracts.agreed import contract_facts
from contracts.counting import KINDS as COUNTED
from desk.desk import Desk
from desk.pages.policy_words import POLICY, words_of
from desk.web.failures import not_found
from desk.web.frame import Answer, Visit
from desk.web.render import money, page

STATES = {'ended': ('terminó', 'soft'), 'to come': ('aún no empieza', 'warn'), 'in force': ('vigente', 'good')}
PRO_RATA = {'days': 'por días', 'whole': 'no: el mes completo'}
ACROSS = {'start': 'la de su inicio', 'split': 'cada parte la suya'}
# What is agreed for a modality besides the parameters of the service.
AGREED: Mapping[str, str] = {
    'allowance': 'Solicitudes al mes', 'monthly_fee': 'Renta mensual', 'overage_price': 'Precio de cada excedente',
    'overage_from': 'Se cobra lo que pase de', 'overage_run': 'En meses seguidos con excedente', 'overage_tariff': 'Tarifa del excedente',
    'visit_price': 'Precio de una visita en sitio', 'counted': 'También cuentan'}
METERED = frozenset({'overage_price', 'overage_from', 'overage_run', 'overage_tariff', 'counted'})    # nothing without an allowance
_RUN = {'whole': 'se cobran todos', 'third': 'se cobra desde el tercero'}
_TARIFF_OF = {'charged': 'la del mes en que se cobra', 'each': 'la de cada mes'}


@dataclass(frozen=True)
class Row:
    """A client in the list."""

    client: Client
    facts: dict[str, Any]
    changes_on: date | None                            # the next day on which other terms begin


@dataclass(frozen=True)
class Change:
    """What other terms change, or changed, and when."""

    since: date
    changes: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Part:
    """What was agreed for a modality, as its card shows it. `agreed` is empty while no terms are in force."""

    modality: Modality
    since: date | None
    agreed: tuple[tuple[str, str], ...]
    promises: tuple[tuple[str, str], ...]
    earlier: tuple[Change, ...]
    later: tuple[Change, ...]


def show_all(desk: Desk, visit: Visit) -> Answer:
    """All clients: whether a contract is in force, what is included, VIPs, and when something changes."""
    site, today = desk.site(), _today(desk, visit)
    rows = [Row(client, contract_facts(site, client, today), _next_change(client, today))
            for client in sorted(site.clients.values(), key=lambda one: one.name.casefold())]
    return page(visit, 'contracts.html.j2', title='Contratos', rows=rows)


def show_one(desk: Desk, visit: Visit) -> Answer:
    """One client's contract today."""
    site, today = desk.site(), _today(desk, visit)
    client = site.clients.get(visit.words['client'])
    if client is None:
        return not_found(visit)
    facts = contract_facts(site, client, today)
    return page(visit, 'contract.html.j2', title=f'Contrato de {client.name}', client=client, facts=facts, parts=tuple(_parts(facts)),
                states=STATES, pro_rata=PRO_RATA, across=ACROSS, tariff=site.prices.tariff(client.key, today),
                later_tariffs=_later_tariffs(site, client, today), taxes=_taxes(site, client), initial=_initial_costs(site, client, today),
                today=today)


def agreed_words(name: str, value: Any) -> str:
    """A value of what is agreed, in Spanish."""
    if name == 'allowance':
        return 'sin medir' if value is None else str(value)
    if name in ('monthly_fee', 'overage_price', 'visit_price'):
        return money(Decimal(value))
    if name == 'overage_from':
        return f'{value} % de lo incluido'
    if name == 'counted':
        return ', '.join(COUNTED[Counted(one)] for one in value) or 'nada más'
    return {'overage_run': _RUN, 'overage_tariff': _TARIFF_OF}[name][value]


def _parts(facts: dict[str, Any]) -> Iterator[Part]:
    for one in facts['modalities']:
        terms, modality = one['terms'], one['modality']
        metered = terms is not None and terms['allowance'] is not None
        names = [name for name in AGREED if metered or name not in METERED]
        names = [name for name in names if name != 'visit_price' or modality is Modality.PREMIUM]
        yield Part(
            modality, one['since'], tuple((AGREED[name], agreed_words(name, terms[name])) for name in names) if terms else (),
            tuple((words.label, words_of(name, one['policy'][name])) for name, words in POLICY.items() if words.is_for(modality)),
            tuple(map(_change, one['earlier'])), tuple(map(_change, one['later'])))


def _change(told: dict[str, Any]) -> Change:
    return Change(told['since'], tuple(
        (AGREED[name], agreed_words(name, value)) if name in AGREED else (POLICY[name].label, words_of(name, value))
        for name, value in told['changes'].items()))


def _next_change(client: Client, today: date) -> date | None:
    return min((terms.since for terms in client.contract.terms if terms.since > today), default=None)


def _later_tariffs(site: Site, client: Client, today: date) -> tuple[Tariff, ...]:
    return tuple(tariff for tariff in site.prices.tariffs if tariff.since > today and tariff.client in (None, client.key))


def _taxes(site: Site, client: Client) -> tuple[Any, ...]:
    return tuple(tax for tax in site.prices.taxes if tax.region == client.contract.tax_region)


def _initial_costs(site: Site, client: Client, today: date) -> tuple[Any, ...]:
    """The initial costs of his modalities that are in force, and later ones."""
    return tuple(cost for cost in site.prices.initial_costs if cost.modality in client.modalities and (
        cost.since > today or cost == site.prices.initial_cost(cost.modality, today)))


def _today(desk: Desk, visit: Visit) -> date:
    return visit.now.astimezone(desk.site().zone).date()
