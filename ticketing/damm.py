"""The check digit of folio numbers, after H. Michael Damm (mission.md 4.2).

It catches every single wrong digit and every swap of neighbours, and needs no letter.
"""
from __future__ import annotations

# A totally anti-symmetric quasigroup of order 10 with zeros on the diagonal: the digit that completes a number leads back to 0.
_NEXT = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)
_DIGITS = frozenset('0123456789')


def with_check(body: str) -> str:
    """The digits with their check digit behind. ValueError unless there is a digit and nothing else."""
    if not body or not _DIGITS.issuperset(body):
        raise ValueError(f'{body!r} is not a row of digits')
    return f'{body}{_remainder(body)}'


def is_valid(number: str) -> bool:
    """Whether the last digit checks the ones before it; False for anything that is not two or more plain digits."""
    return len(number) > 1 and _DIGITS.issuperset(number) and _remainder(number) == 0


def _remainder(digits: str) -> int:
    state = 0
    for digit in digits:
        state = _NEXT[state][ord(digit) - 48]
    return state
