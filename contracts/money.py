"""Money: MXN with two places, rounded half up where a sum is owed. Pure."""
from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

CENT = Decimal('0.01')


def cents(value: Decimal | Fraction) -> Decimal:
    """Rounded half up to the cent, away from zero below it; exact also for what no decimal number holds, such as a third."""
    if isinstance(value, Decimal):
        return value.quantize(CENT, ROUND_HALF_UP)
    whole = Decimal(int(abs(value) * 100 + Fraction(1, 2))).scaleb(-2)
    return -whole if value < 0 else whole
