"""Folio numbers: short enough to say, never a leading zero, unique for ever (mission.md 4.2)."""
from __future__ import annotations

from functools import cache
from itertools import count

from ticketing.damm import with_check

_SHORTEST_BODY = 7                          # and the check digit: 8 digits


def number_for(n: int) -> str:
    """The number of the n-th folio (n >= 1): 8 digits for the first nine million, then 9, and so on.

    Neighbours in time get numbers far apart, so that nobody reads the month's volume off two folios, or hits a stranger's
    by being one off. The rule may never change: numbers already told depend on it.
    """
    if n < 1:
        raise ValueError(f'there is no folio number {n}')
    index = n - 1
    for digits in count(_SHORTEST_BODY):
        lowest = 10 ** (digits - 1)
        size = 9 * lowest                   # bodies of this many digits without a leading zero
        if index < size:
            return with_check(str(lowest + _scatter(index, size)))
        index -= size
    raise AssertionError('unreachable')


def _scatter(index: int, size: int) -> int:
    """A bijection of range(size), for size = 9 * 10**k: the factor shares no divisor with it."""
    return (index * _step(size) + size // 7) % size


@cache
def _step(size: int) -> int:
    """A factor near the golden section of `size`, prime to 2, 3 and 5."""
    near = size * 618_034 // 1_000_000
    return next(step for step in count(near) if step % 2 and step % 3 and step % 5)
