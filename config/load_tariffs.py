"""tariffs.toml: what our own calls, taxes and installations cost, from which day on (mission.md 7.3-7.5)."""
from __future__ import annotations

from config.documents import Document, Findings, read_document
from config.shapes_terms import InitialCostShape, RateShape, TariffsFile, TariffShape, TaxShape
from config.terms import InitialCost, Prices, Rate, Tariff, Tax
from config.toml_lines import KeyPath
from config.values import Modality


def prices(found: Findings) -> Prices:
    """What things cost, each list ordered by its days; nothing when there is no file."""
    document = read_document(found, 'tariffs.toml', 'tariff', 'tax', 'initial_cost')
    top = document.whole(TariffsFile)
    if top is None:
        found.unread |= {('tariff', '*'), ('tax', '*'), ('initial_cost', '*')}
        return Prices()
    tariffs = [_tariff(document, path, shape) for path, shape in document.elements(TariffShape, top.tariff, 'tariff')]
    taxes = [Tax(**shape.given(), where=document.where(*path)) for path, shape in document.elements(TaxShape, top.tax, 'tax')]
    costs = [InitialCost(shape.since, Modality(shape.modality), shape.amount, document.where(*path))
             for path, shape in document.elements(InitialCostShape, top.initial_cost, 'initial_cost')]
    for kind, read, written in (('tariff', tariffs, top.tariff), ('tax', taxes, top.tax), ('initial_cost', costs, top.initial_cost)):
        if len(read) < len(written):
            found.unread.add((kind, '*'))
    return Prices(
        tuple(sorted(tariffs, key=lambda one: one.since)), tuple(sorted(taxes, key=lambda one: one.since)),
        tuple(sorted(costs, key=lambda one: one.since)))


def _tariff(document: Document, path: KeyPath, shape: TariffShape) -> Tariff:
    rates = tuple(Rate(**rate.given()) for _, rate in document.elements(RateShape, shape.rate, *path, 'rate'))
    if len(rates) < len(shape.rate):
        document.found.unread.add(('rates', document.where(*path).key))
    given = {name: value for name, value in shape.given().items() if name != 'rate'}
    return Tariff(**given, rates=rates, where=document.where(*path))
