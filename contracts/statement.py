"""The monthly statement as plain values: one model, made by `contracts/assembly.py`, shown by `contracts/renderings/` (mission.md 7.5).

Texts are Spanish, as the client reads them; keys are English, for programs. A value's kind says how it is written; renderings decide
nothing else. Money is Decimal with two places, MXN before taxes unless a name says otherwise.
"""
from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

Value = str | int | Decimal | date | datetime | None    # None is shown as a dash: not known, or nothing to measure


class Kind(StrEnum):
    """How a value is written."""

    TEXT = 'text'                                      # str
    COUNT = 'count'                                    # int
    MONEY = 'money'                                    # Decimal, two places
    RATE = 'rate'                                      # Decimal, a unit price, up to four places
    PERCENT = 'percent'                                # Decimal, 82.5 is 82.5 %
    SECONDS = 'seconds'                                # int or Decimal; shown as m:ss
    DECIMAL = 'decimal'                                # Decimal, as it is (an average score)
    DATE = 'date'                                      # date
    INSTANT = 'instant'                                # aware UTC datetime, shown in the statement's zone
    FOLIO = 'folio'                                    # str, a folio's number
    CALL = 'call'                                      # str, a call's linkedid


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    key: str
    title: str
    kind: Kind = Kind.TEXT


@dataclass(frozen=True)
class Table:
    """Rows of figures. `annex`: the folios and calls behind them, row by row; the PDF says where they are instead of printing them."""

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    total: tuple[Value, ...] | None = None             # a last row, of the same columns
    note: str = ''
    annex: bool = False


@dataclass(frozen=True)
class Series:
    """One line or one colour of bars; None where nothing was measured."""

    title: str
    values: tuple[Decimal | int | None, ...]


@dataclass(frozen=True)
class Chart:
    """A picture of figures that also stand in a table. `kind`: 'bars' | 'stacked' | 'line'; `target`: a horizontal line, named."""

    key: str
    title: str
    kind: str
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    unit: str = ''
    target: tuple[str, Decimal] | None = None


@dataclass(frozen=True)
class Section:
    """A chapter: some sentences, tables, charts."""

    key: str
    title: str
    text: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    charts: tuple[Chart, ...] = ()


@dataclass(frozen=True)
class Charge:
    """One line of what is to be paid. amount = units x price, rounded half up to the cent, unless it is a sum of lines in `table`."""

    key: str                                           # 'fee' | 'overage' | 'outbound' | 'visits' | 'initial_cost' | 'correction'
    concept: str
    units: int
    price: Decimal | None                              # None: a sum of amounts that were rounded each
    amount: Decimal
    table: str = ''                                    # key of the table that it leads to
    month: str = ''                                    # the month that it is for, '2026-09', when it is not the statement's own


@dataclass(frozen=True)
class Statement:
    """A client's month. `issued_at` None: a draft, which may still change."""

    client: str
    client_name: str
    fiscal_name: str
    contract: str
    site_name: str                                     # who issues it
    month: str                                         # '2026-10'
    month_title: str                                   # 'octubre de 2026'
    zone: str                                          # IANA name: whose local days these are
    first_day: date                                    # of the contract in this month
    last_day: date
    made_at: datetime
    charges: tuple[Charge, ...]
    subtotal: Decimal
    iva_percent: Decimal
    iva: Decimal
    total: Decimal
    words: str                                         # 'Son: ... pesos 00/100 M.N.'
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()                        # among them that it is not a CFDI
    issued_at: datetime | None = None
    issued_by: str = ''
