"""Amounts in words, as a Mexican invoice writes them: hard cases, and every number read back by a reader that shares no table."""
from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.words import cardinal, in_words

CASES = [
    ('0', 'cero pesos 00/100'),
    ('0.05', 'cero pesos 05/100'),
    ('1', 'un peso 00/100'),
    ('1.99', 'un peso 99/100'),
    ('2', 'dos pesos 00/100'),
    ('15', 'quince pesos 00/100'),
    ('16', 'dieciséis pesos 00/100'),
    ('20', 'veinte pesos 00/100'),
    ('21', 'veintiún pesos 00/100'),
    ('22', 'veintidós pesos 00/100'),
    ('23', 'veintitrés pesos 00/100'),
    ('26', 'veintiséis pesos 00/100'),
    ('30', 'treinta pesos 00/100'),
    ('31', 'treinta y un pesos 00/100'),
    ('99', 'noventa y nueve pesos 00/100'),
    ('100', 'cien pesos 00/100'),
    ('101', 'ciento un pesos 00/100'),
    ('121.10', 'ciento veintiún pesos 10/100'),
    ('500', 'quinientos pesos 00/100'),
    ('716', 'setecientos dieciséis pesos 00/100'),
    ('999.99', 'novecientos noventa y nueve pesos 99/100'),
    ('1000', 'un mil pesos 00/100'),
    ('1001', 'un mil un pesos 00/100'),
    ('1100', 'un mil cien pesos 00/100'),
    ('1234.50', 'un mil doscientos treinta y cuatro pesos 50/100'),
    ('2000', 'dos mil pesos 00/100'),
    ('21000', 'veintiún mil pesos 00/100'),
    ('21021', 'veintiún mil veintiún pesos 00/100'),
    ('31000', 'treinta y un mil pesos 00/100'),
    ('100000', 'cien mil pesos 00/100'),
    ('101000', 'ciento un mil pesos 00/100'),
    ('999999.99', 'novecientos noventa y nueve mil novecientos noventa y nueve pesos 99/100'),
    ('1000000', 'un millón de pesos 00/100'),
    ('1000000.01', 'un millón de pesos 01/100'),
    ('1000001', 'un millón un pesos 00/100'),
    ('1001000', 'un millón un mil pesos 00/100'),
    ('2000000', 'dos millones de pesos 00/100'),
    ('2500000', 'dos millones quinientos mil pesos 00/100'),
    ('21000000', 'veintiún millones de pesos 00/100'),
    ('100000000', 'cien millones de pesos 00/100'),
    ('101000021', 'ciento un millones veintiún pesos 00/100'),
    ('1000000000', 'un mil millones de pesos 00/100'),
    ('1001000000', 'un mil un millones de pesos 00/100'),
    ('1000000000000', 'un billón de pesos 00/100'),
    ('2000001000000', 'dos billones un millón de pesos 00/100'),
    ('1000000000001', 'un billón un pesos 00/100'),
    ('-0.05', 'menos cero pesos 05/100'),
    ('-1', 'menos un peso 00/100'),
    ('-1500.25', 'menos un mil quinientos pesos 25/100'),
    ('-0.00', 'cero pesos 00/100'),
    ('1E+3', 'un mil pesos 00/100'),
    ('1.5', 'un peso 50/100'),
]


@pytest.mark.parametrize(('amount', 'words'), CASES)
def test_hard_cases(amount: str, words: str) -> None:
    assert in_words(Decimal(amount)) == f'Son: {words} M.N.'


@pytest.mark.parametrize('amount', ['0.005', '1.001', 'NaN', 'Infinity', '-Infinity', '1000000000000000000', '-1E+18'])
def test_what_has_no_words(amount: str) -> None:
    with pytest.raises(ValueError, match='cannot be written in words'):
        in_words(Decimal(amount))


VALUES = {word: number for words, numbers in (
    ('cero un dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince', range(16)),
    ('dieciséis diecisiete dieciocho diecinueve veinte veintiún veintidós veintitrés veinticuatro veinticinco veintiséis veintisiete '
     'veintiocho veintinueve treinta', range(16, 31)),
    ('cuarenta cincuenta sesenta setenta ochenta noventa', range(40, 100, 10)),
    ('ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos novecientos', range(100, 1000, 100)),
    ('cien', [100])) for word, number in zip(words.split(), numbers, strict=True)}


def read_back(words: str) -> int:
    """The number that Spanish words say."""
    total = millions = thousands = 0
    for word in words.split():
        if word in ('billón', 'billones'):
            total, thousands = (total + thousands) * 10 ** 12, 0
        elif word in ('millón', 'millones'):
            millions, thousands = thousands * 10 ** 6, 0
        elif word == 'mil':
            thousands *= 1000
        elif word != 'y':
            thousands += VALUES[word]
    return total + millions + thousands


@given(st.integers(0, 10 ** 18 - 1) | st.integers(0, 2_000_000))
def test_every_number_reads_back(number: int) -> None:
    assert read_back(cardinal(number)) == number


@given(st.decimals(0, 10 ** 12, places=2))
def test_pesos_are_shortened_before_their_noun_and_cents_have_two_digits(amount: Decimal) -> None:
    words = in_words(amount)
    assert 'uno' not in words and words.endswith(f'{int(amount * 100) % 100:02}/100 M.N.')
    assert ('de pesos' in words) == (amount >= 10 ** 6 and int(amount) % 10 ** 6 == 0)
    assert in_words(-amount) == (words if amount == 0 else words.replace('Son: ', 'Son: menos '))
