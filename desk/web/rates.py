"""How often each program may ask. In memory: a restart forgives, which harms nobody."""
from __future__ import annotations

from collections.abc import Callable
from math import ceil
from threading import Lock
from time import monotonic

PER_MINUTE = 600
MOST_NAMES = 10_000


class Rates:
    """A bucket for each name: `per_minute` calls at once at most, filled again evenly. For many threads."""

    def __init__(self, per_minute: int = PER_MINUTE, clock: Callable[[], float] = monotonic) -> None:
        self._most = float(per_minute)
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}      # name -> calls left, when that was
        self._mutex = Lock()

    def wait_s(self, name: str) -> int:
        """Count a call; 0 when it may be made, else how many whole seconds to wait."""
        now, a_second = self._clock(), self._most / 60
        with self._mutex:
            left, then = self._left.get(name, (self._most, now))
            left = min(self._most, left + (now - then) * a_second)
            allowed = left >= 1
            self._left[name] = (left - 1 if allowed else left, now)
            if len(self._left) > MOST_NAMES:
                self._left = {each: state for each, state in self._left.items() if now - state[1] < 60}
        return 0 if allowed else ceil((1 - left) / a_second)
