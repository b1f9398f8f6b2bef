"""What one outbound call costs: destination by the longest prefix, begun increments, a dated tariff (mission.md 7.3). Pure.

Only an answered call costs anything. It is charged for its seconds, at least `minimum_s`, in whole increments laid from its beginning: the
one that has begun is charged. Price per minute times charged seconds / 60, plus the connection, is reckoned exactly and rounded **once** a
call, half up to the cent; sums of calls are sums of what was rounded.

Across a local midnight on which the tariff changes the tariff at the start decides (`Tariff.across`): 'start' rates all of the call by it;
'split' prices each increment by the tariff in force when that increment begins. Connection and minimum are those at the start in both.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from zoneinfo import ZoneInfo

from config.terms import Prices, Rate, Tariff
from contracts.money import cents

SPLIT = 'split'
NO_TARIFF, NO_PREFIX = 'no_tariff', 'no_prefix'
NOTHING = Decimal('0.00')


@dataclass(frozen=True)
class Part:
    """What is charged by one tariff."""

    tariff: date                                       # since when it is in force
    destination: str
    charged_seconds: int
    per_minute: Decimal


@dataclass(frozen=True)
class Rating:
    """What a call costs, MXN before taxes, to the cent. `amount` None: nothing prices it, and `problem` says why; never taken for 0."""

    destination: str                                   # at the start; '' when no prefix fits
    charged_seconds: int
    amount: Decimal | None
    tariff: date | None                                # since when the tariff at the start is in force
    parts: tuple[Part, ...] = ()                       # more than one only when it was split
    problem: str = ''                                  # NO_TARIFF | NO_PREFIX


def rate(number: str, started: datetime, seconds: int, prices: Prices, client: str | None, zone: ZoneInfo) -> Rating:
    """What a call to `number` (E.164) costs a client (None: nobody's) that was answered for whole `seconds`, 0 when it was not.

    `started` is aware: the local day of `zone` on which the call began decides which tariff it is.
    """
    tariff, found = _in_force(prices, client, started, number, zone)
    if seconds <= 0:
        return Rating(found.destination if found else '', 0, NOTHING, tariff.since if tariff else None)
    if tariff is None:
        return Rating('', 0, None, None, problem=NO_TARIFF)
    if found is None:
        return Rating('', 0, None, tariff.since, problem=NO_PREFIX)
    parts = tuple(_parts(number, started, max(seconds, found.minimum_s), prices, client, zone, tariff, found))
    charged = sum(part.charged_seconds for part in parts)
    if any(part.per_minute.is_nan() for part in parts):
        return Rating(found.destination, charged, None, tariff.since, parts, NO_PREFIX)
    exact = sum((Fraction(part.per_minute) * part.charged_seconds / 60 for part in parts), Fraction(found.connection))
    return Rating(found.destination, charged, cents(exact), tariff.since, parts)


def rate_of(tariff: Tariff, number: str) -> Rate | None:
    """The rate of the longest prefix that a number begins with; None when it begins with none."""
    return max((one for one in tariff.rates if number.startswith(one.prefix)), key=lambda one: len(one.prefix), default=None)


def _in_force(prices: Prices, client: str | None, at: datetime, number: str, zone: ZoneInfo) -> tuple[Tariff | None, Rate | None]:
    tariff = prices.tariff(client or '', at.astimezone(zone).date())
    return tariff, rate_of(tariff, number) if tariff else None


def _parts(number: str, started: datetime, seconds: int, prices: Prices, client: str | None, zone: ZoneInfo, tariff: Tariff,
           rate_: Rate) -> Iterator[Part]:
    """The increments of a call, those of one tariff together."""
    if tariff.across != SPLIT or prices.tariff(client or '', (started + timedelta(seconds=seconds)).astimezone(zone).date()) is tariff:
        yield Part(tariff.since, rate_.destination, -(-seconds // rate_.increment_s) * rate_.increment_s, rate_.per_minute)
        return
    laid = list(_increments(number, started, seconds, prices, client, zone))
    for (since, destination, per_minute), some in groupby(laid, key=lambda one: one[:3]):
        yield Part(since, destination, sum(one[3] for one in some), per_minute)


def _increments(number: str, started: datetime, seconds: int, prices: Prices, client: str | None,
                zone: ZoneInfo) -> Iterator[tuple[date, str, Decimal, int]]:
    """Every increment of a call that is split: since when its tariff is in force, where to, the price of a minute, its seconds."""
    charged = 0
    while charged < seconds:
        tariff, rate_ = _in_force(prices, client, started + timedelta(seconds=charged), number, zone)
        assert tariff is not None, 'a tariff has no end'
        if rate_ is None:                              # the later tariff does not know where this is: the whole call has no price
            yield tariff.since, '', Decimal('NaN'), seconds - charged
            return
        yield tariff.since, rate_.destination, rate_.per_minute, rate_.increment_s
        charged += rate_.increment_s
