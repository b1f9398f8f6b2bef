"""How a value of a statement is written for a reader in Mexico: '$1,234.50', '82.5 %', '3:05', '05/10/2026'. Pure."""
from __future__ import annotations

from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from contracts.months import Month
from contracts.statement import Kind, Statement, Table, Value

NOTHING = '—'
MINUS = '\N{MINUS SIGN}'
RIGHT = frozenset({Kind.COUNT, Kind.MONEY, Kind.RATE, Kind.PERCENT, Kind.SECONDS, Kind.DECIMAL})      # kinds that stand right-aligned
NOT_A_CFDI = 'Este documento no es un CFDI.'
CENT = Decimal('0.01')


def written(value: Value, kind: Kind, zone: ZoneInfo) -> str:
    """A value as a person reads it; a text stands as it is whatever its column's kind, so that a last row may say 'Total'."""
    if value is None:
        return NOTHING
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        local = value.astimezone(zone)                 # by hand, since strftime takes four times as long
        return f'{local.day:02}/{local.month:02}/{local.year} {local.hour:02}:{local.minute:02}'
    if isinstance(value, date):
        return f'{value.day:02}/{value.month:02}/{value.year}'
    return _number(Decimal(value), kind)


def day_words(day: date) -> str:
    """'5 de octubre de 2026'."""
    from babel.dates import format_date

    return format_date(day, "d 'de' MMMM 'de' y", locale='es_MX')


def money(amount: Decimal) -> str:
    """'$1,234.50', '−$20.00'."""
    return _number(amount, Kind.MONEY)


def percent(value: Decimal) -> str:
    """'16 %'."""
    return _number(value, Kind.PERCENT)


def _number(value: Decimal, kind: Kind) -> str:
    sign, size = (MINUS if value < 0 else ''), abs(value)
    if kind is Kind.MONEY:
        return f'{sign}${size:,.2f}' if size else '$0.00'
    if kind is Kind.RATE:
        return f'{sign}${_between(size, 2, 4)}'
    if kind is Kind.PERCENT:
        return f'{sign}{_between(size, 0, 2)} %'
    if kind is Kind.SECONDS:
        minutes, seconds = divmod(int(size.quantize(Decimal(1), ROUND_HALF_UP)), 60)
        return f'{sign}{minutes:,}:{seconds:02}'
    return f'{sign}{size:,f}'


def _between(size: Decimal, least: int, most: int) -> str:
    """With so many decimal places as are needed, from `least` to `most`."""
    whole, _, places = f'{size.quantize(Decimal(1).scaleb(-most), ROUND_HALF_UP):,f}'.partition('.')
    places = places.rstrip('0').ljust(least, '0')
    return f'{whole}.{places}' if places else whole


def zone_of(statement: Statement) -> ZoneInfo:
    """The zone whose local days the statement's are."""
    return ZoneInfo(statement.zone)


def tables_of(statement: Statement) -> tuple[Table, ...]:
    """All its tables, in the order in which they are read."""
    return tuple(table for section in statement.sections for table in section.tables)


def standing(statement: Statement) -> str:
    """Whether it may still change: 'Borrador ...' or 'Emitido el ...'."""
    zone = zone_of(statement)
    if statement.issued_at is None:
        return f'Borrador del {written(statement.made_at, Kind.INSTANT, zone)}: las cifras pueden cambiar'
    by = f' por {statement.issued_by}' if statement.issued_by else ''
    return f'Emitido el {written(statement.issued_at, Kind.INSTANT, zone)}{by}'


def charge_month(month: str) -> str:
    """'agosto de 2026' of '2026-08'; another text as it is."""
    try:
        return Month.parse(month).title
    except ValueError:
        return month


def notes_of(statement: Statement) -> tuple[str, ...]:
    """Its notes, among them in any case that it is no tax document (mission.md 7.5)."""
    return statement.notes if any('CFDI' in note for note in statement.notes) else (*statement.notes, NOT_A_CFDI)
