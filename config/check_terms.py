"""Checks of contracts and prices: dated terms, waivers, tariffs, taxes (mission.md chapter 7)."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import TypeVar

from config.check_common import Known, absent, choose, place
from config.contract import way_out
from config.problems import Problem
from config.terms import InitialCost, Tariff, Tax, Terms
from config.values import Client, Modality, Site, Where

NATIONAL = '+52'
NOT_OF_A_MODALITY = ('hours_by', 'problem_folios', 'problem_minutes', 'vip_percent')     # read from the client's [policy] alone
D = TypeVar('D', Terms, Tariff, Tax, InitialCost)
PRICES = Where('tariffs.toml', 1, '')


def terms_are_of_contracted_modalities(site: Site, known: Known) -> Iterator[Problem]:
    """Terms are agreed for what was contracted (mission.md 1.1)."""
    for client in site.clients.values():
        for terms in client.contract.terms:
            if terms.modality not in client.modalities:
                yield Problem(place(site, terms.where, 'modality'), f'"{terms.modality}" is not among the client\'s modalities: add it '
                              'there with its line, or remove these terms')


def terms_have_own_days(site: Site, known: Known) -> Iterator[Problem]:
    """No two terms of a modality begin on one day: which of them held could not be said."""
    for client in site.clients.values():
        yield from _same(site, client.contract.terms, lambda terms: (terms.modality, terms.since),
                         lambda terms, first: f'the {terms.modality} terms of {first.file}:{first.line} begin on {terms.since}, too: '
                         'join the two, or give one another day')


def contracts_have_their_days(site: Site, known: Known) -> Iterator[Problem]:
    """A contract ends after it begins, and its terms lie within it."""
    for client in site.clients.values():
        contract = client.contract
        here = place(site, contract.where, 'until')
        if contract.since and contract.until and contract.until < contract.since:
            yield Problem(here, f'the contract ends before its first day, {contract.since}: correct since or until')
            continue
        if contract.until and contract.until < known.today:
            yield Problem(here, f'the contract ended on {contract.until}: calls are still served, as was agreed last, but nothing is '
                          'metered or charged; write the new last day, or remove the client', 'warning')
        for terms in contract.terms:
            if contract.since and terms.since < contract.since:
                yield Problem(place(site, terms.where, 'since'), f'these terms begin before the contract does ({contract.since}), and '
                              'nothing is metered before it: is one of the days a slip?', 'warning')
            elif contract.until and terms.since > contract.until:
                yield Problem(place(site, terms.where, 'since'), f'these terms begin after the contract has ended ({contract.until}): they '
                              'never hold; extend the contract or remove them', 'warning')


def metered_modalities_have_a_price(site: Site, known: Known) -> Iterator[Problem]:
    """Where requests are counted, one above the allowance has a price, were it "0" (mission.md 7.2)."""
    for client in site.clients.values():
        if ('terms', client.key) in known.unread:
            continue                                   # a price may stand in what could not be read
        priced: set[Modality] = set()
        for terms in client.contract.terms:
            if terms.overage_price or _is_written(site, terms, 'overage_price'):
                priced.add(terms.modality)
            elif terms.allowance is not None and terms.modality not in priced:
                priced.add(terms.modality)             # told once
                yield Problem(place(site, terms.where, 'overage_price'), f'{terms.modality} has an allowance of {terms.allowance}, but '
                              'a request above it has no price: add overage_price = "..." ("0" when nothing is charged), or write '
                              'allowance = "unmetered"')


def visits_are_premium(site: Site, known: Known) -> Iterator[Problem]:
    """On-site visits exist under premium alone (mission.md 1.2)."""
    for client in site.clients.values():
        for terms in client.contract.terms:
            if terms.modality is not Modality.PREMIUM and (_is_written(site, terms, 'visit_price')):
                yield Problem(place(site, terms.where, 'visit_price'), f'there are no on-site visits under {terms.modality}, only under '
                              'premium: remove the price here')


def policies_are_of_a_modality(site: Site, known: Known) -> Iterator[Problem]:
    """What terms change is a matter of their modality."""
    for client in site.clients.values():
        for terms in client.contract.terms:
            for name in NOT_OF_A_MODALITY:
                if _is_written(site, terms, f'policy.{name}'):
                    yield Problem(place(site, terms.where, 'policy', name), f"{name} is the same for all of a client's modalities and is "
                                  'read from its [policy] alone: write it there', 'warning')


def waivers_are_in_force(site: Site, known: Known) -> Iterator[Problem]:
    """A waiver ends after it begins, and one that is over is not kept for ever (mission.md 1.3)."""
    for client in site.clients.values():
        for waiver in client.contract.waivers:
            here = place(site, waiver.where, 'until')
            if waiver.until < waiver.since:
                yield Problem(here, 'the waiver ends before it begins: correct since or until')
            elif waiver.until < known.today:
                yield Problem(here, f'the waiver has expired on {waiver.until}: renew it in writing, or remove it', 'warning')


def taxes_are_known(site: Site, known: Known) -> Iterator[Problem]:
    """A client's statements can be taxed from the first one on (mission.md 7.5)."""
    for client in site.clients.values():
        if known.unread & {('tax', '*'), ('contract', client.key)}:
            continue
        first = _first_day(client)
        region = client.contract.tax_region
        if first is None or site.prices.tax(region, first):
            continue
        regions = {tax.region for tax in site.prices.taxes}
        yield Problem(place(site, client.contract.where, 'tax_region'), f'no IVA is known for the region {region!r} on {first}, the first '
                      'day: add [[tax]] to tariffs.toml' + (f', or {choose(regions)}' if regions else ''))


def _first_day(client: Client) -> date | None:
    return client.contract.since or min((terms.since for terms in client.contract.terms), default=None)


def prices_have_own_days(site: Site, known: Known) -> Iterator[Problem]:
    """No two prices of one thing begin on one day."""
    yield from _same(site, site.prices.tariffs, lambda tariff: (tariff.client, tariff.since),
                     lambda tariff, first: f'the tariff of {first.file}:{first.line} for {_whose(tariff)} begins on {tariff.since}, too: '
                     'join the two, or give one another day')
    yield from _same(site, site.prices.taxes, lambda tax: (tax.region, tax.since),
                     lambda tax, first: f'{first.file}:{first.line} also tells the IVA of {tax.region!r} from {tax.since} on: remove one')
    yield from _same(site, site.prices.initial_costs, lambda cost: (cost.modality, cost.since),
                     lambda cost, first: f'{first.file}:{first.line} also tells the initial cost of {cost.modality} from {cost.since} on: '
                     'remove one')


def _whose(tariff: Tariff) -> str:
    return tariff.client or 'everybody'


def client_tariffs_are_of_clients(site: Site, known: Known) -> Iterator[Problem]:
    """A client's own tariff names a client."""
    for tariff in site.prices.tariffs:
        if tariff.client is not None and absent(tariff.client, 'client', site.clients, known):
            yield Problem(place(site, tariff.where, 'client'), f'no client is called {tariff.client!r}: {choose(site.clients)}')


def prefixes_stand_once(site: Site, known: Known) -> Iterator[Problem]:
    """A number has one price in a tariff, and every national number has one (mission.md 7.3)."""
    for tariff in site.prices.tariffs:
        seen: set[str] = set()
        for index, rate in enumerate(tariff.rates):
            if rate.prefix in seen and ('rates', tariff.where.key) not in known.unread:
                yield Problem(place(site, tariff.where, 'rate', index, 'prefix'), f'{rate.prefix} has a rate in this tariff already: '
                              'remove one of them')
            seen.add(rate.prefix)
        if NATIONAL not in seen and ('rates', tariff.where.key) not in known.unread:
            yield Problem(tariff.where, f'this tariff has no rate for "{NATIONAL}", so most national calls have no price: add one; longer '
                          'prefixes go before it', 'warning')


def our_calls_have_a_price(site: Site, known: Known) -> Iterator[Problem]:
    """Where our own calls have a way out, they can be rated today, for every client (mission.md 7.3)."""
    if way_out(site) is None or known.unread & {('tariff', '*'), ('trunk', '*'), ('site', '*')}:
        return
    if not site.prices.tariffs:
        yield Problem(place(site, PRICES, 'tariff'), 'calls that we make have a way out but no price, so they cannot be charged: add '
                      '[[tariff]] with a [[tariff.rate]] for "+52"', 'warning')
        return
    for client in site.clients.values():
        if site.prices.tariff(client.key, known.today) is None:
            yield Problem(place(site, client.where, 'name'), f'no tariff for {client.key} is in force today, so calls for it have no '
                          'price: add a [[tariff]] without client to tariffs.toml', 'warning')


def _is_written(site: Site, terms: Terms, key: str) -> bool:
    return (terms.where.file, f'{terms.where.key}.{key}') in site.places


def _same(site: Site, dated: Iterable[D], key: Callable[[D], object], words: Callable[[D, Where], str]) -> Iterator[Problem]:
    """Of things with one key all but the first in the file, which is what `words` are told of."""
    first: dict[object, Where] = {}
    for one in sorted(dated, key=lambda each: each.where):
        if key(one) in first:
            yield Problem(place(site, one.where, 'since'), words(one, first[key(one)]))
        first.setdefault(key(one), one.where)
