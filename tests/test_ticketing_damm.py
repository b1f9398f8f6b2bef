"""The check digit: every single wrong digit and every swap of neighbours is caught."""
from __future__ import annotations

import random

import pytest

from ticketing.damm import is_valid, with_check

SAMPLE = ['0', '1', '572', '1000000', '9999999', '43881234567', *(f'{random.Random(n).randrange(10 ** 6, 10 ** 7)}' for n in range(300))]


def test_the_published_example() -> None:
    assert with_check('572') == '5724'
    assert is_valid('5724')


@pytest.mark.parametrize('body', SAMPLE)
def test_every_wrong_digit_and_every_swap_is_caught(body: str) -> None:
    number = with_check(body)
    assert is_valid(number)
    for place in range(len(number)):
        for digit in '0123456789':
            if digit != number[place]:
                assert not is_valid(number[:place] + digit + number[place + 1:])
    for place in range(len(number) - 1):
        one, other = number[place], number[place + 1]
        if one != other:
            assert not is_valid(number[:place] + other + one + number[place + 2:])


def test_one_number_in_ten_is_valid() -> None:
    assert sum(is_valid(str(number)) for number in range(10_000_000, 10_001_000)) == 100


@pytest.mark.parametrize('junk', ['', '0', '5', '57 24', '5724\n', '+5724', '57a4', '٥٧٢٤', '５７２４', '-572', '¹²³'])
def test_anything_but_plain_digits_is_invalid(junk: str) -> None:
    assert not is_valid(junk)


@pytest.mark.parametrize('junk', ['', 'a', '12 ', '٥', '-1'])
def test_no_check_digit_for_anything_else(junk: str) -> None:
    with pytest.raises(ValueError, match='digits'):
        with_check(junk)
