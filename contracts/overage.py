"""What is charged above the allowance, and on which month's statement (mission.md 7.2). Pure; all conditions are of integers.

A month is above when requests x 100 > allowance x 105. The condition is met by the third consecutive month above. What an issued statement
said is never changed: `due` tells what the next one must charge or give back so that all of them together say what is right.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from config.terms import OverageRule
from contracts.money import cents
from contracts.months import Month

MONTHS = 3                                             # consecutive ones that meet the condition
TOLERATED_PERCENT = 105
RuleOf = Callable[[Month], OverageRule] | OverageRule


@dataclass(frozen=True)
class MonthUse:
    """A month of one modality. `allowance` None: not metered. `price`: of a request above, at the end of that month."""

    month: Month
    allowance: int | None
    requests: int
    price: Decimal

    @property
    def is_above(self) -> bool:
        """Whether the allowance was exceeded by more than 5 %; with an allowance of 0, by any request."""
        return self.allowance is not None and self.requests * 100 > self.allowance * TOLERATED_PERCENT

    def excess(self, above_percent: int) -> int:
        """The requests beyond so much of the allowance: those whose place in the month is above it, so one at least of a month above."""
        return 0 if self.allowance is None else max(self.requests - self.allowance * above_percent // 100, 0)


@dataclass(frozen=True)
class Excess:
    """What `month`'s excess costs on `charged_in`'s statement. MXN before taxes; a correction has negative units and amount.

    `amount` is units x price rounded half up to the cent, but for a correction at an unchanged price, which is the difference of two such
    amounts.
    """

    month: Month
    charged_in: Month
    units: int
    price: Decimal
    amount: Decimal


def charges(uses: Sequence[MonthUse], rule: RuleOf) -> tuple[Excess, ...]:
    """All that is charged for these consecutive months, by what is known of them now, ordered by statement and month.

    A month that only waits for the third one of its run is charged with it, by the rule of that third month; from there on each month is
    charged on its own statement, by its own rule. Raises ValueError for months that are not consecutive.
    """
    if any(later.month != earlier.month.plus(1) for earlier, later in pairwise(uses)):
        raise ValueError('overage is told from consecutive months')
    found: list[Excess] = []
    run: list[MonthUse] = []
    for use in uses:
        run = [*run, use] if use.is_above else []
        if len(run) < MONTHS:
            continue
        agreed = rule(use.month) if callable(rule) else rule
        charged = run if len(run) == MONTHS and agreed.whole_run else run[-1:]
        found += [_excess(month, use, agreed) for month in charged]
    return tuple(found)


def due(ideal: Sequence[Excess], issued: Sequence[Excess], now: Month) -> tuple[Excess, ...]:
    """What the statement of `now` must charge: for each month what is right (`ideal` up to `now`) minus what was `issued`, if that differs.

    A charge that was made at another price is given back at that price and made again at the right one. Everything issued and this
    together is the ideal, to the cent. Where a later month's statement was issued already, the ideal up to that month is meant: it stands.
    """
    horizon = max([now, *(line.charged_in for line in issued)])
    units: defaultdict[tuple[Month, Decimal], int] = defaultdict(int)
    amounts: defaultdict[tuple[Month, Decimal], Decimal] = defaultdict(Decimal)
    for sign, lines in ((1, [line for line in ideal if line.charged_in <= horizon]), (-1, issued)):
        for line in lines:
            units[line.month, line.price] += sign * line.units
            amounts[line.month, line.price] += sign * line.amount
    wanted = [Excess(month, now, units[month, price], price, amounts[month, price]) for month, price in units
              if units[month, price] or amounts[month, price]]
    return tuple(sorted(wanted, key=lambda line: (line.month, line.units, line.price)))


def _excess(use: MonthUse, charging: MonthUse, agreed: OverageRule) -> Excess:
    units = use.excess(agreed.above_percent)
    price = charging.price if agreed.tariff_of == 'charged' else use.price
    return Excess(use.month, charging.month, units, price, cents(units * price))
