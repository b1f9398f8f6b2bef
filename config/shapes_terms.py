"""What the tables of contracts and tariffs may hold: names, types and ranges. A value has no default here that `config.terms` has too."""
from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, StringConstraints
from pydantic_core import PydanticCustomError

from config.shapes import Perhaps, Shape, Tables, Text

MOST_REQUESTS = 1_000_000
AMOUNT, PRICE = re.compile(r'\d{1,9}(\.\d{1,2})?'), re.compile(r'\d{1,9}(\.\d{1,4})?')


def _amount(value: object) -> Decimal:
    """MXN before taxes, to the cent."""
    if not isinstance(value, str) or not AMOUNT.fullmatch(value):
        raise PydanticCustomError('amount', 'it should be an amount in quotes, such as "1250.50": no sign, no comma, at most two decimals')
    return Decimal(value)


def _price(value: object) -> Decimal:
    """MXN before taxes of one unit; fractions of a cent are usual for minutes."""
    if not isinstance(value, str) or not PRICE.fullmatch(value):
        raise PydanticCustomError('price', 'it should be a price in quotes, such as "0.85": no sign, no comma, at most four decimals')
    return Decimal(value)


def _percent(value: object) -> Decimal:
    if not isinstance(value, str) or not AMOUNT.fullmatch(value) or Decimal(value) > 100:
        raise PydanticCustomError('percent', 'it should be a percentage in quotes, such as "16": at most two decimals, at most 100')
    return Decimal(value)


def _allowance(value: object) -> int | None:
    """Requests a month; None: not metered."""
    if value == 'unmetered':
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST_REQUESTS:
        raise PydanticCustomError('allowance', 'it should be requests a month, such as 300, or "unmetered"')
    return value


Allowance = Annotated[int | None, PlainValidator(_allowance)]
Amount = Annotated[Decimal, PlainValidator(_amount)]
Price = Annotated[Decimal, PlainValidator(_price)]
Percent = Annotated[Decimal, PlainValidator(_percent)]
ModalityName = Literal['standard', 'premium', 'vip', 'fax']
Region = Annotated[str, StringConstraints(pattern=r'^[a-z0-9][a-z0-9-]{0,39}$')]


class ContractShape(Shape):
    """[contract] of a client: the fields of `config.terms.Contract`"""

    number: Text = ''
    since: date | None = None
    until: date | None = None
    pro_rata: Literal['days', 'whole'] = 'days'
    tax_region: Region = 'general'
    term_months: Annotated[int, Field(ge=1, le=120)] = 0
    fiscal_name: Perhaps = ''


class TermsShape(Shape):
    """[[terms]] of a client: what holds for one modality from a day on (mission.md chapter 7)"""

    modality: ModalityName
    since: date
    allowance: Allowance = None
    monthly_fee: Amount = Decimal(0)
    overage_price: Price = Decimal(0)
    visit_price: Amount = Decimal(0)
    overage_from: Literal[100, 105] = 100
    overage_run: Literal['whole', 'third'] = 'whole'
    overage_tariff: Literal['charged', 'each'] = 'charged'
    counted: list[Literal['abandoned', 'duplicate', 'continuation', 'reopen', 'close_call', 'status', 'fax', 'spam', 'our_error']] = []
    policy: dict[str, Any] = {}


class WaiverShape(Shape):
    """[[waiver]] of a client: more VIPs than `vip_percent` allows, for a while (mission.md 1.3)"""

    users: Annotated[int, Field(ge=1, le=100_000)]
    since: date
    until: date
    reason: Text
    by: Text


class TariffsFile(Shape):
    """tariffs.toml"""

    tariff: Tables = []
    tax: Tables = []
    initial_cost: Tables = []


class TariffShape(Shape):
    """[[tariff]]: what calls that we make cost from a day on (mission.md 7.3)"""

    since: date
    client: Text | None = None
    across: Literal['start', 'split'] = 'start'
    rate: Annotated[Tables, Field(min_length=1)]


class RateShape(Shape):
    """[[tariff.rate]]: the price of calls to numbers with one beginning"""

    prefix: Annotated[str, StringConstraints(pattern=r'^\+[1-9][0-9]{0,14}$')]
    destination: Text
    per_minute: Price
    increment_s: Annotated[int, Field(ge=1, le=3600)] = 0
    minimum_s: Annotated[int, Field(ge=0, le=3600)] = 0
    connection: Price = Decimal(0)


class TaxShape(Shape):
    """[[tax]]: IVA from a day on, in a region (mission.md 7.5)"""

    since: date
    percent: Percent
    region: Region = 'general'


class InitialCostShape(Shape):
    """[[initial_cost]]: of installing a modality at a site, from a day on (mission.md 7.4)"""

    since: date
    modality: ModalityName
    amount: Amount
