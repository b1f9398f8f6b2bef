"""Pages without counting: the next page begins after the last folio of this one, whatever was opened or closed meanwhile. Pure."""
from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from ticketing.values import TicketingError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
T = TypeVar('T')
_TOKEN = re.compile(r'(none|[0-9]{1,17})-([0-9]{1,15})')


class BadPage(TicketingError):
    """What should say where a page begins says nothing: show the first one."""


@dataclass(frozen=True)
class Key:
    """The place of a folio in a list: its time (None stands last) and its id. The token is made of digits and dashes."""

    at: datetime | None
    id: int

    @property
    def token(self) -> str:
        """The key as an address may carry it."""
        return f'{"none" if self.at is None else (self.at - EPOCH) // timedelta(microseconds=1)}-{self.id}'

    @classmethod
    def read(cls, token: str | None) -> Key | None:
        """The key that a token says; None of none. Raises BadPage."""
        if not token:
            return None
        found = _TOKEN.fullmatch(token)
        if found is None:
            raise BadPage(f'{token[:40]!r} is not where a page begins')
        return cls(None if found[1] == 'none' else EPOCH + timedelta(microseconds=int(found[1])), int(found[2]))


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some items of a list, and the token with which the next page is asked for; None on the last page."""

    items: tuple[T, ...]
    after: str | None


def page_of(found: Sequence[tuple[Key, T]], limit: int) -> Page[T]:
    """A page of what was found, of which there is one more than `limit` when another page follows."""
    shown = found[:limit]
    return Page(tuple(item for _, item in shown), shown[-1][0].token if len(found) > limit else None)
