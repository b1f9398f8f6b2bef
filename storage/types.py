"""Column types that mean the same on SQLite and PostgreSQL."""
from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, DateTime, Integer, String
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

# SQLite numbers rows by itself only in a column whose type is exactly INTEGER.
RowId = BigInteger().with_variant(Integer(), 'sqlite')


def utc_text(moment: datetime) -> str:
    """A moment as SQLite keeps it, '2026-11-24T16:00:00.000000Z': fixed width, so text order is time order."""
    if moment.tzinfo is None:
        raise ValueError(f'{moment!r} has no time zone; the database takes aware datetimes only')
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds') + 'Z'


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware datetimes in (any zone; naive ones raise ValueError), aware UTC datetimes out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        # SQLite has no instants, and SQLAlchemy's own text form drops the zone without a word.
        return dialect.type_descriptor(String(27) if dialect.name == 'sqlite' else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        return utc_text(value) if dialect.name == 'sqlite' else _aware(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return (datetime.fromisoformat(value) if isinstance(value, str) else _aware(value)).astimezone(UTC)


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f'{moment!r} has no time zone; the database takes aware datetimes only')
    return moment


class Exact(TypeDecorator[Decimal]):
    """A decimal number that comes back as it went in, digit by digit: SQLite would keep it as a float."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        return None if value is None else format(value, 'f')

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)
