"""An amount of money in the words of a Mexican invoice (mission.md 7.5). Pure."""
from __future__ import annotations

from decimal import Decimal

UNITS = ('', 'un', 'dos', 'tres', 'cuatro', 'cinco', 'seis', 'siete', 'ocho', 'nueve', 'diez', 'once', 'doce', 'trece', 'catorce', 'quince',
         'dieciséis', 'diecisiete', 'dieciocho', 'diecinueve', 'veinte', 'veintiún', 'veintidós', 'veintitrés', 'veinticuatro',
         'veinticinco', 'veintiséis', 'veintisiete', 'veintiocho', 'veintinueve')
TENS = ('', '', '', 'treinta', 'cuarenta', 'cincuenta', 'sesenta', 'setenta', 'ochenta', 'noventa')
HUNDREDS = ('', 'ciento', 'doscientos', 'trescientos', 'cuatrocientos', 'quinientos', 'seiscientos', 'setecientos', 'ochocientos',
            'novecientos')
MILLION = 10 ** 6
TOO_MUCH = MILLION ** 3                                # from a trillón on


def in_words(amount: Decimal) -> str:
    """'Son: un mil doscientos treinta y cuatro pesos 50/100 M.N.' Raises ValueError for parts of a cent, and from a trillón on."""
    cents = amount * 100
    if not amount.is_finite() or cents != cents.to_integral_value() or abs(amount) >= TOO_MUCH:
        raise ValueError(f'{amount} cannot be written in words: it must be whole cents, below 10 to the 18th')
    pesos, rest = divmod(int(abs(cents)), 100)
    sign = 'menos ' if cents < 0 else ''
    of = 'de ' if pesos >= MILLION and pesos % MILLION == 0 else ''       # un millón de pesos, but un millón un pesos
    return f'Son: {sign}{cardinal(pesos)} {of}{"peso" if pesos == 1 else "pesos"} {rest:02}/100 M.N.'


def cardinal(number: int) -> str:
    """A number from 0 to below 10 ** 18 before a masculine noun: 'un', 'veintiún', 'un mil', 'treinta y un millones', 'dos billones'."""
    if not 0 <= number < TOO_MUCH:
        raise ValueError(f'{number} has no words here: it must be from 0 to below 10 to the 18th')
    if number == 0:
        return 'cero'
    billions, rest = divmod(number, MILLION ** 2)
    millions, rest = divmod(rest, MILLION)
    parts = (_scaled(billions, 'billón', 'billones'), _scaled(millions, 'millón', 'millones'), _below_million(rest))
    return ' '.join(part for part in parts if part)


def _scaled(number: int, one: str, many: str) -> str:
    return f'{_below_million(number)} {one if number == 1 else many}' if number else ''


def _below_million(number: int) -> str:
    thousands, rest = divmod(number, 1000)
    return ' '.join(part for part in (f'{_below_thousand(thousands)} mil' if thousands else '', _below_thousand(rest)) if part)


def _below_thousand(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    if number == 100:
        return 'cien'
    return ' '.join(part for part in (HUNDREDS[hundreds], _below_hundred(rest)) if part)


def _below_hundred(number: int) -> str:
    tens, units = divmod(number, 10)
    if number < len(UNITS):
        return UNITS[number]
    return f'{TENS[tens]} y {UNITS[units]}' if units else TENS[tens]
