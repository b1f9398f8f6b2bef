"""How long who tried wrong passwords waits. Pure; the counts are in the database, so a restart forgives nothing."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

FORGOTTEN = timedelta(hours=1)
FIRST_S = 15
LONGEST_S = 900


@dataclass(frozen=True)
class Limit:
    """From the `free`-th wrong try on every further one must wait, twice as long each time."""

    free: int


# Of one account from one address; of the account from anywhere; of the address. Whoever floods an account from elsewhere does not soon
# lock out its owner, and a password tried on all accounts is stopped, too.
OF_PAIR, OF_LOGIN, OF_ADDRESS = Limit(5), Limit(50), Limit(40)


@dataclass(frozen=True)
class Tries:
    """Wrong tries in a row, and when the last one was."""

    failures: int
    last_at: datetime


def keys(login: str, address: str) -> dict[str, Limit]:
    """What a try counts for. The words may be anything that somebody typed."""
    return {f'{login[:64]}@{address[:64]}': OF_PAIR, f'login {login[:64]}': OF_LOGIN, f'from {address[:64]}': OF_ADDRESS}


def wait_s(tries: Tries | None, limit: Limit, now: datetime) -> int:
    """Seconds until another try is looked at; 0: now."""
    if tries is None or now - tries.last_at >= FORGOTTEN or tries.failures < limit.free:
        return 0
    pause: int = min(FIRST_S * 2 ** min(tries.failures - limit.free, 20), LONGEST_S)
    left = (tries.last_at + timedelta(seconds=pause) - now).total_seconds()
    return max(0, min(int(left) + (left % 1 > 0), pause))


def longest(waits: Iterable[int]) -> int:
    """The one that counts."""
    return max(waits, default=0)


def after_failure(tries: Tries | None, now: datetime) -> Tries:
    """One wrong try more."""
    failures = 0 if tries is None or now - tries.last_at >= FORGOTTEN else tries.failures
    return Tries(failures + 1, now)
