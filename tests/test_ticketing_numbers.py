"""Folio numbers: valid, distinct, never a leading zero, scattered."""
from __future__ import annotations

from itertools import pairwise

import pytest

from ticketing.damm import is_valid
from ticketing.numbers import _scatter, number_for

EIGHT = 9_000_000                      # folios that get 8 digits
NINE = 90_000_000
PINNED = ['22857141', '78480213', '44103288', '57234073', '228571429']


def test_the_numbers_already_told_never_change() -> None:
    assert [number_for(n) for n in (1, 2, 3, EIGHT, EIGHT + 1)] == PINNED


def test_every_body_of_seven_digits_is_used_once() -> None:
    seen = bytearray(EIGHT)
    for index in range(EIGHT):
        seen[_scatter(index, EIGHT)] = 1
    assert sum(seen) == EIGHT


@pytest.mark.parametrize(('first', 'last', 'digits'), [
    (1, 3000, 8), (EIGHT - 2999, EIGHT, 8), (EIGHT + 1, EIGHT + 3000, 9), (EIGHT + NINE - 2999, EIGHT + NINE, 9),
    (EIGHT + NINE + 1, EIGHT + NINE + 3000, 10)])
def test_numbers_are_distinct_valid_and_as_long_as_they_must_be(first: int, last: int, digits: int) -> None:
    numbers = [number_for(n) for n in range(first, last + 1)]
    assert len(set(numbers)) == len(numbers)
    assert all(len(number) == digits and number[0] != '0' and is_valid(number) for number in numbers)


def test_neighbours_in_time_are_far_apart() -> None:
    bodies = [int(number_for(n)[:-1]) for n in range(1, 5001)]
    assert min(abs(one - other) for one, other in pairwise(bodies)) > 1_000_000
    ordered = sorted(bodies)
    assert min(other - one for one, other in pairwise(ordered)) > 100


@pytest.mark.parametrize('n', [0, -1])
def test_there_is_no_folio_before_the_first(n: int) -> None:
    with pytest.raises(ValueError, match='no folio'):
        number_for(n)
