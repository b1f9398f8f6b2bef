"""Months of a contract: local months of the site's zone (mission.md 7.1). Pure."""
from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

WRITTEN = re.compile(r'(19|2[0-9])[0-9]{2}-(0[1-9]|1[0-2])')
NAMES = ('enero', 'febrero', 'marzo', 'abril', 'mayo', 'junio', 'julio', 'agosto', 'septiembre', 'octubre', 'noviembre', 'diciembre')


@dataclass(frozen=True, order=True)
class Month:
    """A calendar month."""

    year: int
    month: int

    def __str__(self) -> str:
        return f'{self.year:04}-{self.month:02}'

    @classmethod
    def of(cls, day: date) -> Month:
        """The month of a local day."""
        return cls(day.year, day.month)

    @classmethod
    def parse(cls, text: str) -> Month:
        """From '2026-10', of the years 1900 to 2999. Raises ValueError."""
        if WRITTEN.fullmatch(text) is None:
            raise ValueError(f'{text!r} is not a month such as 2026-10')
        year, month = text.split('-')
        return cls(int(year), int(month))

    @property
    def name(self) -> str:
        """'noviembre'."""
        return NAMES[self.month - 1]

    @property
    def title(self) -> str:
        """'noviembre de 2026'."""
        return f'{self.name} de {self.year}'

    @property
    def first(self) -> date:
        """Its first day."""
        return date(self.year, self.month, 1)

    @property
    def last(self) -> date:
        """Its last day."""
        return date(self.year, self.month, self.days)

    @property
    def days(self) -> int:
        """How many it has."""
        return calendar.monthrange(self.year, self.month)[1]

    def plus(self, months: int) -> Month:
        """So many months later, or before."""
        years, month = divmod(self.year * 12 + self.month - 1 + months, 12)
        return Month(years, month + 1)

    def until(self, last: Month) -> tuple[Month, ...]:
        """The months from this one to `last`; none when that is earlier."""
        many = (last.year - self.year) * 12 + last.month - self.month + 1
        return tuple(self.plus(number) for number in range(many))

    def span(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """From its first local midnight to, not including, the next month's: aware UTC instants."""
        return midnight(self.first, zone), midnight(self.last + timedelta(days=1), zone)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When a local day begins, also where the clock skips midnight: an aware UTC instant."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
