"""What a call out costs: prefixes, increments, minimum, rounding, midnight; against an independent rater (mission.md 7.3)."""
from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.terms import Prices, Rate, Tariff
from contracts import money
from contracts.rating import NO_PREFIX, NO_TARIFF, Rating, rate
from tests.integer_rater import cents

MEXICO, TIJUANA = ZoneInfo('America/Mexico_City'), ZoneInfo('America/Tijuana')
NOON = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)
TO = '+525555550101'


def prices(*rates: Rate, since: date = date(2026, 1, 1), across: str = 'start') -> Prices:
    return Prices((Tariff(since, rates, across=across),))


def told(seconds: int, given_prices: Prices, number: str = TO, at: datetime = NOON, client: str | None = 'nopalera') -> Rating:
    return rate(number, at, seconds, given_prices, client, MEXICO)


def test_the_longest_prefix_decides_whatever_its_place() -> None:
    rates = (Rate('+52555', 'B', Decimal('2')), Rate('+52', 'A', Decimal('1')), Rate('+5255555501', 'C', Decimal('3')),
             Rate('', 'X', Decimal('9')))
    for order in (rates, rates[::-1]):
        assert [told(60, prices(*order), number).destination for number in (TO, '+525555560101', '+528005550101', '+14155550101')] == [
            'C', 'B', 'A', 'X']


@pytest.mark.parametrize(('seconds', 'increment', 'minimum', 'charged'), [
    (1, 60, 0, 60), (60, 60, 0, 60), (61, 60, 0, 120), (1, 1, 0, 1), (1, 6, 30, 30), (30, 6, 30, 30), (31, 6, 30, 36), (5, 60, 10, 60),
    (5, 7, 10, 14), (0, 60, 60, 0)])
def test_begun_increments_are_charged_whole_and_at_least_the_minimum(seconds: int, increment: int, minimum: int, charged: int) -> None:
    found = told(seconds, prices(Rate('+52', 'A', Decimal('1.20'), increment, minimum)))
    assert (found.charged_seconds, found.amount) == (charged, money.cents(Fraction(12, 10) * charged / 60))


def test_a_call_that_nobody_answered_costs_nothing_not_even_the_connection() -> None:
    found = told(0, prices(Rate('+52', 'A', Decimal('1'), connection=Decimal('5'), minimum_s=60)))
    assert (found.amount, str(found.amount), found.charged_seconds, found.destination, found.problem) == (Decimal(0), '0.00', 0, 'A', '')
    assert told(0, Prices()).amount == Decimal('0.00') and told(0, Prices()).problem == ''


def test_rounded_once_half_up_to_the_cent() -> None:
    # 0.005 is a cent, 0.0049 is none; price and connection are not rounded apart.
    assert told(1, prices(Rate('+52', 'A', Decimal('0.30'), 1))).amount == Decimal('0.01')
    assert told(1, prices(Rate('+52', 'A', Decimal('0.294'), 1))).amount == Decimal('0.00')
    assert told(1, prices(Rate('+52', 'A', Decimal('0.264'), 1, connection=Decimal('0.0006')))).amount == Decimal('0.01')
    assert told(7, prices(Rate('+52', 'A', Decimal('0.0001'), 1))).amount == Decimal('0.00')


def test_what_has_no_price_is_never_taken_for_free() -> None:
    assert told(60, Prices()) == Rating('', 0, None, None, problem=NO_TARIFF)
    later = prices(Rate('+52', 'A', Decimal('1')), since=date(2026, 11, 25))
    assert (told(60, later).amount, told(60, later).problem) == (None, NO_TARIFF)
    abroad = told(60, prices(Rate('+52', 'A', Decimal('1'))), '+14155550101')
    assert (abroad.amount, abroad.problem, abroad.tariff) == (None, NO_PREFIX, date(2026, 1, 1))


def test_a_clients_own_tariff_goes_before_everybodys() -> None:
    both = Prices((Tariff(date(2026, 1, 1), (Rate('+52', 'own', Decimal('2')),), 'nopalera'),
                   Tariff(date(2026, 6, 1), (Rate('+52', 'all', Decimal('1')),))))
    assert (told(60, both).destination, told(60, both, client='quetzal').destination, told(60, both, client=None).destination) == (
        'own', 'all', 'all')


def test_the_tariff_is_that_of_the_local_day() -> None:
    two = Prices((Tariff(date(2026, 1, 1), (Rate('+52', 'old', Decimal('1')),)),
                  Tariff(date(2026, 12, 1), (Rate('+52', 'new', Decimal('2')),))))
    midnight = datetime(2026, 12, 1, 6, 0, tzinfo=UTC)                       # in Mexico City; in Tijuana it is 22:00 of the day before
    assert told(60, two, at=midnight - timedelta(seconds=1)).destination == 'old' and told(60, two, at=midnight).destination == 'new'
    assert rate(TO, midnight, 60, two, None, TIJUANA).destination == 'old'


def across_midnight(across: str, later: str = 'start') -> Prices:
    return Prices((Tariff(date(2026, 1, 1), (Rate('+52', 'old', Decimal('6'), 60, 30, Decimal('1')),), across=across),
                   Tariff(date(2026, 12, 1), (Rate('+52', 'new', Decimal('12'), 10, 600, Decimal('50')),), across=later)))


def test_across_the_change_the_whole_call_is_as_at_its_start() -> None:
    begun = datetime(2026, 12, 1, 5, 59, 30, tzinfo=UTC)
    found = told(100, across_midnight('start', 'split'), at=begun)
    assert (found.charged_seconds, found.amount, found.tariff, len(found.parts)) == (120, Decimal('13.00'), date(2026, 1, 1), 1)


def test_split_each_increment_is_priced_when_it_begins() -> None:
    begun = datetime(2026, 12, 1, 5, 59, 30, tzinfo=UTC)
    found = told(100, across_midnight('split'), at=begun)
    # A minute begins 30 s before midnight: 6.00. The remaining 40 s are four of ten: 8.00. One connection, that of the start: 1.00.
    assert [(part.tariff, part.destination, part.charged_seconds) for part in found.parts] == [
        (date(2026, 1, 1), 'old', 60), (date(2026, 12, 1), 'new', 40)]
    assert (found.charged_seconds, found.amount, found.destination, found.tariff) == (100, Decimal('15.00'), 'old', date(2026, 1, 1))


def test_split_over_a_day_that_changes_nothing_is_one_part() -> None:
    begun = datetime(2026, 11, 25, 5, 59, 30, tzinfo=UTC)
    assert told(100, across_midnight('split'), at=begun) == told(100, across_midnight('start'), at=begun)


def test_split_into_a_tariff_that_does_not_know_the_number_has_no_price() -> None:
    two = Prices((Tariff(date(2026, 1, 1), (Rate('+52', 'old', Decimal('6')),), across='split'),
                  Tariff(date(2026, 12, 1), (Rate('+1', 'new', Decimal('12')),))))
    found = told(100, two, at=datetime(2026, 12, 1, 5, 59, 30, tzinfo=UTC))
    assert (found.amount, found.problem) == (None, NO_PREFIX)


MONEY = st.decimals(0, 99, places=4)
RATES = st.builds(Rate, prefix=st.sampled_from(['+', '+5', '+52', '+525', '+5255', '+52555', '+525555550', '+1', '+14']),
                  destination=st.sampled_from('abc'), per_minute=MONEY, increment_s=st.integers(1, 90), minimum_s=st.integers(0, 120),
                  connection=MONEY)
TARIFFS = st.builds(
    Tariff, since=st.dates(date(2026, 10, 30), date(2026, 11, 3)), client=st.sampled_from([None, 'nopalera', 'quetzal']),
    across=st.sampled_from(['start', 'split']), rates=st.lists(RATES, max_size=5, unique_by=lambda one: one.prefix).map(tuple))
PRICES = st.lists(TARIFFS, max_size=6, unique_by=lambda one: (one.since, one.client)).map(
    lambda some: Prices(tuple(sorted(some, key=lambda one: one.since))))


@settings(max_examples=300)
@given(PRICES, st.sampled_from([TO, '+525555550999', '+528005550101', '+14155550101']), st.integers(0, 400),
       st.integers(0, 5 * 86_400 * 1000).map(lambda ms: datetime(2026, 10, 30, tzinfo=UTC) + timedelta(milliseconds=ms)),
       st.sampled_from([None, 'nopalera', 'other']), st.sampled_from([MEXICO, TIJUANA]))
def test_an_independent_rater_in_whole_numbers_agrees_to_the_cent(
        given_prices: Prices, number: str, seconds: int, at: datetime, client: str | None, zone: ZoneInfo) -> None:
    found = rate(number, at, seconds, given_prices, client, zone)
    assert (None if found.amount is None else int(found.amount * 100)) == cents(number, at, seconds, given_prices, client, zone)
    assert found.amount is None or (found.amount == found.amount.quantize(Decimal('0.01')) and found.problem == '')
    assert found.amount is not None or found.problem in (NO_TARIFF, NO_PREFIX)
    assert found.charged_seconds == sum(part.charged_seconds for part in found.parts)
