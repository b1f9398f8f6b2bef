"""How many requests a month includes, and when its thresholds are passed (mission.md 7.1)."""
from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.terms import Contract, Terms
from config.values import Modality
from contracts.allowance import Meter, allowance_of, closing_terms, is_metered
from contracts.months import Month

STANDARD, PREMIUM = Modality.STANDARD, Modality.PREMIUM
OCTOBER, NOVEMBER, FEBRUARY = Month(2026, 10), Month(2026, 11), Month(2027, 2)


def agreed(since: date, allowance: int | None, modality: Modality = STANDARD) -> Terms:
    return Terms(modality, since, allowance=allowance)


YEAR = Contract(terms=(agreed(date(2026, 1, 1), 400),))


def test_a_whole_month_has_its_allowance_and_another_modality_none() -> None:
    assert [allowance_of(YEAR, STANDARD, month) for month in (OCTOBER, NOVEMBER, FEBRUARY)] == [400, 400, 400]
    assert allowance_of(YEAR, PREMIUM, OCTOBER) is None
    assert allowance_of(YEAR, STANDARD, Month(2025, 12)) is None
    assert allowance_of(Contract(), STANDARD, OCTOBER) is None


@pytest.mark.parametrize(('contract', 'month', 'expected'), [
    (replace(YEAR, since=date(2026, 11, 16)), NOVEMBER, 200),                       # 15 of 30 days
    (replace(YEAR, since=date(2026, 10, 17)), OCTOBER, 194),                        # 400 x 15/31 = 193.5...
    (replace(YEAR, until=date(2026, 11, 1)), NOVEMBER, 13),                         # 13.33
    (replace(YEAR, since=date(2026, 11, 30), until=date(2026, 11, 30)), NOVEMBER, 13),
    (replace(YEAR, until=date(2026, 10, 31)), NOVEMBER, None),
    (Contract(terms=(agreed(date(2026, 11, 1), 3), agreed(date(2026, 11, 16), 4))), NOVEMBER, 4),            # 3.5, half up
    (Contract(terms=(agreed(date(2026, 11, 1), 300), agreed(date(2026, 11, 11), 600))), NOVEMBER, 500),      # 100 + 400
    (Contract(terms=(agreed(date(2026, 11, 1), None), agreed(date(2026, 11, 16), 400))), NOVEMBER, 200),     # metered from the 16th on
    (Contract(terms=(agreed(date(2026, 11, 1), 400), agreed(date(2026, 11, 16), None))), NOVEMBER, 200),
    (Contract(terms=(agreed(date(2026, 11, 1), None),)), NOVEMBER, None),
    (Contract(terms=(agreed(date(2026, 11, 16), 0),)), NOVEMBER, 0),
])
def test_by_days(contract: Contract, month: Month, expected: int | None) -> None:
    assert allowance_of(contract, STANDARD, month) == expected


@pytest.mark.parametrize(('contract', 'expected'), [
    (replace(YEAR, since=date(2026, 11, 16)), 400),
    (replace(YEAR, until=date(2026, 11, 3)), 400),                                  # the terms of its last day, the third
    (replace(YEAR, until=date(2026, 10, 31)), None),
    (Contract(terms=(agreed(date(2026, 11, 1), 300), agreed(date(2026, 11, 30), 600))), 600),
    (Contract(until=date(2026, 11, 29), terms=(agreed(date(2026, 11, 1), 300), agreed(date(2026, 11, 30), 600))), 300),
    (Contract(terms=(agreed(date(2026, 11, 1), 300), agreed(date(2026, 11, 30), None))), None),
    (Contract(terms=(agreed(date(2026, 12, 1), 300),)), None),
])
def test_whole(contract: Contract, expected: int | None) -> None:
    assert allowance_of(replace(contract, pro_rata='whole'), STANDARD, NOVEMBER) == expected


DAYS = st.dates(date(2026, 9, 20), date(2027, 1, 10))
PARTS = st.dictionaries(DAYS, st.none() | st.integers(0, 10_000), max_size=5)


@given(PARTS, st.none() | DAYS, st.none() | DAYS)
def test_the_parts_of_a_month_are_never_more_than_its_largest_allowance(parts: dict[date, int | None], since: date | None,
                                                                        until: date | None) -> None:
    contract = Contract(since=since, until=until, terms=tuple(agreed(day, parts[day]) for day in sorted(parts)))
    for month in (OCTOBER, NOVEMBER, Month(2026, 12)):
        days = [date(month.year, month.month, n + 1) for n in range(month.days)]
        allowed = [terms.allowance for day in days if (terms := contract.in_force(STANDARD, day)) and terms.allowance is not None]
        whole = allowance_of(contract, STANDARD, month)
        if not allowed:
            assert whole is None and all(is_metered(contract, STANDARD, day) for day in days)
            continue
        assert whole is not None and whole <= max(allowed)
        assert abs(whole - sum(Fraction(one, month.days) for one in allowed)) <= Fraction(1, 2)
        assert sum(is_metered(contract, STANDARD, day) for day in days) == len(allowed)


def test_the_terms_at_the_end_are_those_of_the_last_day_in_the_contract() -> None:
    early, late = agreed(date(2026, 1, 1), 300), agreed(date(2026, 11, 20), 600)
    contract = Contract(until=date(2026, 11, 25), terms=(early, late))
    assert closing_terms(contract, STANDARD, OCTOBER) == early
    assert closing_terms(contract, STANDARD, NOVEMBER) == late
    assert closing_terms(replace(contract, until=date(2026, 11, 19)), STANDARD, NOVEMBER) == early
    assert closing_terms(contract, STANDARD, Month(2026, 12)) is None


@pytest.mark.parametrize(('allowance', 'requests', 'expected'), [
    (400, 0, None), (400, 319, None), (400, 320, 80), (400, 399, 80), (400, 400, 100), (400, 420, 100), (400, 421, 105),
    (401, 320, None), (401, 321, 80), (1, 0, None), (1, 1, 100), (1, 2, 105),                      # 80 % of 401 is 320.8
    (0, 0, None), (0, 1, 105), (None, 1000, None),
])
def test_thresholds_are_of_integers(allowance: int | None, requests: int, expected: int | None) -> None:
    assert Meter(allowance, requests).threshold == expected


def test_a_meter_says_what_is_left() -> None:
    told = {(312, 400): '312 de 400, quedan 88', (399, 400): '399 de 400, queda 1', (400, 400): '400 de 400, no queda ninguna',
            (421, 400): '421 de 400, 21 por encima', (3, 0): '3 de 0, 3 por encima'}
    assert {(used, allowed): Meter(allowed, used).told for used, allowed in told} == told
    assert (Meter(None, 7).told, Meter(None, 7).left, Meter(None, 7).above, Meter(None, 7).percent) == ('', None, 0, None)
    assert (Meter(400, 421).percent, Meter(3, 1).percent, Meter(0, 1).percent) == (Decimal('105.3'), Decimal('33.3'), None)
    assert (Meter(400, 421).left, Meter(400, 312).left) == (0, 88)


def test_a_month_has_a_name() -> None:
    assert (NOVEMBER.name, NOVEMBER.title) == ('noviembre', 'noviembre de 2026')
