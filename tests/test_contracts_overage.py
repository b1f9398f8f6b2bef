"""Overage: charged only after three months above, no excess twice, and what was issued stays issued (mission.md 7.2)."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.terms import OverageRule
from contracts.months import Month
from contracts.overage import Excess, MonthUse, charges, due

FIRST = Month(2026, 1)
TEN = Decimal(10)
DEFAULT = OverageRule()


def uses(*requests: int | None, allowance: int | None = 100, prices: Sequence[str] = ()) -> tuple[MonthUse, ...]:
    """Consecutive months from January on; requests None: a month that is not metered."""
    return tuple(MonthUse(FIRST.plus(n), None if many is None else allowance, many or 0, Decimal(prices[n]) if prices else TEN)
                 for n, many in enumerate(requests))


def told(found: Iterable[Excess]) -> list[tuple[int, int, int]]:
    """The number of the month, of the month that charges, and how many."""
    return [(line.month.month, line.charged_in.month, line.units) for line in found]


def total(lines: Iterable[Excess]) -> Decimal:
    return sum((line.amount for line in lines), Decimal(0))


@pytest.mark.parametrize(('months', 'expected'), [
    ((106, 106, 106), [(1, 3, 6), (2, 3, 6), (3, 3, 6)]),
    ((106, 106, 106, 106), [(1, 3, 6), (2, 3, 6), (3, 3, 6), (4, 4, 6)]),
    ((106, 106, 105, 106, 106, 106), [(4, 6, 6), (5, 6, 6), (6, 6, 6)]),           # exactly 105 % breaks the run
    ((106, 106, 104), []),
    ((105, 105, 105, 105), []),
    ((106, 106), []),
    ((), []),
    ((106, 106, 106, 100, 106, 106), [(1, 3, 6), (2, 3, 6), (3, 3, 6)]),
    ((106, 106, None, 106, 106), []),                                             # a month that is not metered breaks it, too
    ((106, None, 106, 106, 106), [(3, 5, 6), (4, 5, 6), (5, 5, 6)]),
    ((110, 120, 130, 140, 107), [(1, 3, 10), (2, 3, 20), (3, 3, 30), (4, 4, 40), (5, 5, 7)]),
])
def test_vectors(months: tuple[int | None, ...], expected: list[tuple[int, int, int]]) -> None:
    assert told(charges(uses(*months), DEFAULT)) == expected


def test_exactly_105_0_of_an_allowance_that_is_no_multiple() -> None:
    assert charges(uses(21, 21, 21, allowance=20), DEFAULT) == ()                   # 105.0 %
    assert told(charges(uses(22, 22, 22, allowance=20), DEFAULT)) == [(1, 3, 2), (2, 3, 2), (3, 3, 2)]
    assert told(charges(uses(11, 11, 11, allowance=10), DEFAULT)) == [(1, 3, 1), (2, 3, 1), (3, 3, 1)]       # 110 %, the next after 100 %


def test_an_allowance_of_nothing_is_exceeded_by_any_request() -> None:
    assert told(charges(uses(1, 2, 3, allowance=0), DEFAULT)) == [(1, 3, 1), (2, 3, 2), (3, 3, 3)]
    assert charges(uses(1, 0, 3, allowance=0), DEFAULT) == ()


def test_a_contract_that_begins_in_mid_month_is_measured_by_what_that_month_includes() -> None:
    begun = (MonthUse(FIRST, 48, 51, TEN), *(replace(use, month=use.month.plus(1)) for use in uses(106, 106)))
    assert told(charges(begun, DEFAULT)) == [(1, 3, 3), (2, 3, 6), (3, 3, 6)]       # 51 of 48 is 106.25 %
    assert charges((replace(begun[0], requests=50), *begun[1:]), DEFAULT) == ()       # 104.2 %


def test_a_run_across_a_change_of_terms() -> None:
    changing = tuple(replace(use, allowance=allowance) for use, allowance in zip(
        uses(110, 220, 330, prices=('10', '10', '12.5')), (100, 200, 300), strict=True))
    assert told(charges(changing, DEFAULT)) == [(1, 3, 10), (2, 3, 20), (3, 3, 30)]
    assert {line.price for line in charges(changing, DEFAULT)} == {Decimal('12.5')}     # as at the end of the month that charges
    each = charges(changing, OverageRule(tariff_of='each'))
    assert [line.price for line in each] == [TEN, TEN, Decimal('12.5')] and [line.amount for line in each] == [100, 200, 375]


def test_what_a_run_costs_is_decided_by_the_rule_of_its_third_month_and_then_month_by_month() -> None:
    def later(month: Month) -> OverageRule:
        return DEFAULT if month.month >= 4 else OverageRule(whole_run=False)
    assert told(charges(uses(110, 110, 110, 110), later)) == [(3, 3, 10), (4, 4, 10)]      # January and February stay free

    def at_first(month: Month) -> OverageRule:
        return DEFAULT if month.month <= 3 else OverageRule(above_percent=105)
    assert told(charges(uses(110, 110, 110, 110), at_first)) == [(1, 3, 10), (2, 3, 10), (3, 3, 10), (4, 4, 5)]


def test_only_from_the_third_month_on() -> None:
    assert told(charges(uses(106, 107, 108, 109), OverageRule(whole_run=False))) == [(3, 3, 8), (4, 4, 9)]


def test_only_what_is_above_105_percent() -> None:
    rule = OverageRule(above_percent=105)
    assert told(charges(uses(106, 110, 120), rule)) == [(1, 3, 1), (2, 3, 5), (3, 3, 15)]
    assert told(charges(uses(11, 11, 12, allowance=10), rule)) == [(1, 3, 1), (2, 3, 1), (3, 3, 2)]     # above 10.5: the eleventh is


def test_amounts_are_rounded_half_up_to_the_cent() -> None:
    lines = charges(uses(101, 101, 101, allowance=0, prices=('0.0250',) * 3), DEFAULT)
    assert [line.amount for line in lines] == [Decimal('2.53')] * 3                  # 2.525


def test_months_must_be_consecutive() -> None:
    with pytest.raises(ValueError, match='consecutive'):
        charges((uses(106)[0], replace(uses(106)[0], month=FIRST.plus(2))), DEFAULT)


# --- what the next statement charges ---------------------------------------------------------------------------------------

def test_a_statement_charges_what_is_new() -> None:
    ideal = charges(uses(106, 106, 106, 108), DEFAULT)
    assert due(ideal, (), FIRST.plus(1)) == ()
    march = due(ideal, (), FIRST.plus(2))
    assert told(march) == [(1, 3, 6), (2, 3, 6), (3, 3, 6)]
    assert told(due(ideal, march, FIRST.plus(3))) == [(4, 4, 8)]


def test_a_reclassification_is_given_back_on_the_next_statement() -> None:
    issued = due(charges(uses(106, 106, 106), DEFAULT), (), FIRST.plus(2))
    fewer = charges(uses(106, 106, 104, 100), DEFAULT)                               # March is not above any more: no run at all
    back = due(fewer, issued, FIRST.plus(3))
    assert told(back) == [(1, 4, -6), (2, 4, -6), (3, 4, -6)] and total(back) == -180
    one_less = due(charges(uses(107, 106, 106, 100), DEFAULT), issued, FIRST.plus(3))
    assert [(line.month.month, line.units, line.amount) for line in one_less] == [(1, 1, 10)]


def test_a_charge_at_another_price_is_given_back_and_made_again() -> None:
    issued = due(charges(uses(106, 106, 106), DEFAULT), (), FIRST.plus(2))
    now = due(charges(uses(106, 106, 106, 100, prices=('10', '10', '12', '12')), DEFAULT), issued, FIRST.plus(3))
    assert [(line.month.month, line.units, line.price) for line in now] == [
        (1, -6, 10), (1, 6, 12), (2, -6, 10), (2, 6, 12), (3, -6, 10), (3, 6, 12)]
    assert total(now) == 36


def test_a_run_that_is_found_later_is_charged_on_the_next_statement() -> None:
    found = charges(uses(106, 106, 106, 100), DEFAULT)
    assert told(due(found, (), FIRST.plus(3))) == [(1, 4, 6), (2, 4, 6), (3, 4, 6)]


def test_a_statement_that_is_issued_late_does_not_take_back_what_a_later_one_charged() -> None:
    ideal = charges(uses(106, 106, 106, 106), DEFAULT)
    april = due(ideal, (), FIRST.plus(3))
    assert len(april) == 4 and due(ideal, april, FIRST.plus(2)) == ()


# --- properties ------------------------------------------------------------------------------------------------------------

PRICES = st.decimals('0', '99', places=4)
MONTHS = st.lists(st.tuples(st.none() | st.integers(0, 30), st.integers(0, 40), PRICES), max_size=14)
RULES = st.builds(OverageRule, st.sampled_from([100, 105]), st.booleans(), st.sampled_from(['charged', 'each']))


def made(months: Sequence[tuple[int | None, int, Decimal]]) -> tuple[MonthUse, ...]:
    return tuple(MonthUse(FIRST.plus(n), *month) for n, month in enumerate(months))


def above(use: MonthUse) -> bool:
    return use.allowance is not None and use.requests * 100 > use.allowance * 105


@given(MONTHS, RULES)
def test_nothing_is_charged_without_three_consecutive_months_above_and_nothing_twice(months: list[tuple[int | None, int, Decimal]],
                                                                                     rule: OverageRule) -> None:
    known = made(months)
    found = charges(known, rule)
    at = {use.month: n for n, use in enumerate(known)}
    for line in found:
        charging = at[line.charged_in]
        assert charging >= 2 and all(above(use) for use in known[charging - 2:charging + 1])
        assert all(above(use) for use in known[at[line.month]:charging + 1])
        assert line.units >= 1
    assert len({line.month for line in found}) == len(found)
    assert all(earlier.charged_in <= later.charged_in for earlier, later in pairwise(found))
    complete = [n for n in range(2, len(known)) if all(above(use) for use in known[n - 2:n + 1])]
    assert {at[line.month] for line in found} == {
        month for n in complete for month in (range(n - 2, n + 1) if rule.whole_run else (n,))}


@given(MONTHS, st.data(), RULES)
def test_what_was_issued_and_what_is_due_are_always_the_ideal(months: list[tuple[int | None, int, Decimal]], data: st.DataObject,
                                                              rule: OverageRule) -> None:
    """Month after month a statement is issued, and between two of them any earlier month may be counted anew."""
    issued: list[Excess] = []
    known: list[tuple[int | None, int, Decimal]] = []
    for n, month in enumerate(months):
        known.append(month)
        for _ in range(data.draw(st.integers(0, 2))):
            changed = data.draw(st.integers(0, n))
            allowance, _, price = known[changed]
            known[changed] = (allowance, data.draw(st.integers(0, 40)), price)
        now, before = FIRST.plus(n), total(issued)
        ideal = [line for line in charges(made(known), rule) if line.charged_in <= now]
        lines = due(ideal, issued, now)
        issued += lines
        assert total(lines) == total(ideal) - before                                 # corrections are the difference
        assert total(issued) == total(ideal)
        for use in made(known):
            assert sum(line.units for line in issued if line.month == use.month) == sum(
                line.units for line in ideal if line.month == use.month)
        assert due(ideal, issued, now) == ()


@given(MONTHS.filter(bool), st.data(), RULES)
def test_when_statements_are_issued_does_not_change_the_sum(months: list[tuple[int | None, int, Decimal]], data: st.DataObject,
                                                            rule: OverageRule) -> None:
    ideal = charges(made(months), rule)
    issued: list[Excess] = []
    for n in data.draw(st.permutations(range(len(months)))):
        issued += due(ideal, issued, FIRST.plus(n))
    assert total(issued) == total(ideal)
    assert sorted((line.month, line.units, line.amount) for line in issued) == sorted(
        (line.month, line.units, line.amount) for line in ideal)
