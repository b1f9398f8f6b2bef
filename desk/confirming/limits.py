"""How often a wrong link may be tried (mission.md 4.7). In memory: a restart forgives."""
from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from time import monotonic

WINDOW_S = 600.0
PER_ADDRESS = 20
TOGETHER = 500
REMEMBERED = 10_000


class WrongTries:
    """Counts wrong links by address. Who never sent one is never refused, so a flood from elsewhere locks no user out."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._counts: dict[str, int] = {}
        self._total = 0

    def refuses(self, address: str) -> bool:
        """Whether nothing more is read from this address for now."""
        self._turn()
        own = self._counts.get(neighbourhood(address), 0)
        return own >= PER_ADDRESS or (own > 0 and self._total >= TOGETHER)

    def count(self, address: str) -> None:
        """One wrong link more."""
        self._turn()
        self._total += 1
        key = neighbourhood(address)
        if key in self._counts or len(self._counts) < REMEMBERED:
            self._counts[key] = self._counts.get(key, 0) + 1

    def _turn(self) -> None:
        if self._clock() - self._began >= WINDOW_S:
            self._began, self._total = self._clock(), 0
            self._counts.clear()


def neighbourhood(address: str) -> str:
    """Whom an address stands for: itself, or for IPv6 its /64, which one subscriber has whole. Text that is no address is one neighbour."""
    try:
        known = ip_address(address)
    except ValueError:
        return ''
    if isinstance(known, IPv6Address):
        return str(known.ipv4_mapped or int(known) >> 64)
    return str(known)
