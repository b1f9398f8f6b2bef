"""How many requests a month includes, and how far they are used up (mission.md 7.1). Pure; days are local days of the site's zone."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from config.terms import Contract, Terms
from config.values import Modality
from contracts.months import Month

THRESHOLDS = (80, 100, 105)                            # percent: 80 and 100 are told when reached, 105 when exceeded


@dataclass(frozen=True)
class Meter:
    """A month's allowance and what was used of it. `allowance` None: not metered."""

    allowance: int | None
    requests: int

    @property
    def left(self) -> int | None:
        """How many are left, 0 when none is; None when not metered."""
        return None if self.allowance is None else max(self.allowance - self.requests, 0)

    @property
    def above(self) -> int:
        """By how many the allowance is exceeded."""
        return 0 if self.allowance is None else max(self.requests - self.allowance, 0)

    @property
    def percent(self) -> Decimal | None:
        """How much of the allowance is used, to a tenth, rounded half up; None when not metered, or when nothing was allowed."""
        if not self.allowance:
            return None
        return (Decimal(self.requests * 100) / self.allowance).quantize(Decimal('0.1'), ROUND_HALF_UP)

    @property
    def told(self) -> str:
        """For an agent, in Spanish: '312 de 400, quedan 88'; '' when not metered."""
        if self.allowance is None:
            return ''
        if self.above:
            rest = f'{self.above} por encima'
        else:
            rest = {0: 'no queda ninguna', 1: 'queda 1'}.get(self.left or 0, f'quedan {self.left}')
        return f'{self.requests} de {self.allowance}, {rest}'

    @property
    def threshold(self) -> int | None:
        """The highest of THRESHOLDS that is passed; None: none is. Integers: 80 and 100 are reached, 105 is exceeded (mission.md 7.1, 7.2).

        With an allowance of 0 the first request passes them all.
        """
        if self.allowance is None or self.requests == 0:
            return None
        used, passed = self.requests * 100, None
        for threshold in THRESHOLDS:
            limit = self.allowance * threshold
            if used > limit or (used == limit and threshold <= 100):
                passed = threshold
        return passed


def allowance_of(contract: Contract, modality: Modality, month: Month) -> int | None:
    """The requests that a month includes; None: they are not metered in that month, so there is never any overage.

    With `pro_rata` 'days' each day of the month brings its part of what is allowed on that day, and the sum is rounded half up: so of a
    month in which the contract begins, ends or changes. With 'whole' the terms of the month's last day in the contract decide alone.
    """
    if contract.pro_rata == 'whole':
        closing = closing_terms(contract, modality, month)
        return closing.allowance if closing else None
    parts = [terms.allowance for day in _days(month)
             if (terms := contract.in_force(modality, day)) is not None and terms.allowance is not None]
    return int(Fraction(sum(parts), month.days) + Fraction(1, 2)) if parts else None


def closing_terms(contract: Contract, modality: Modality, month: Month) -> Terms | None:
    """The terms at the end of a month: of its last day that is in the contract. None when there are none on that day."""
    last = month.last if contract.until is None else min(month.last, contract.until)
    return contract.in_force(modality, last) if last >= month.first else None


def is_metered(contract: Contract, modality: Modality, day: date) -> bool:
    """Whether what is asked on a day is weighed against the allowance of its month.

    Not on a day outside the contract and, when a month is put together from its days, not on one that brings nothing to it: its requests
    would use up what other days brought. In a month without any allowance nothing is weighed, and all is counted as it is.
    """
    if allowance_of(contract, modality, Month.of(day)) is None:
        return True
    terms = contract.in_force(modality, day)
    return terms is not None and (contract.pro_rata == 'whole' or terms.allowance is not None)


def _days(month: Month) -> list[date]:
    return [month.first + timedelta(days=n) for n in range(month.days)]
