"""Months in the books for tests of the statement: folios in bulk, a contract, and what was charged on what was issued."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import func, insert, select

from config.terms import Contract, InitialCost, Prices, Tax, Terms
from config.values import Modality, Site
from contracts.ledger_tables import outbound_ledger
from contracts.months import Month, midnight
from contracts.statement import Section, Statement, Table
from contracts.statement_tables import statement_excesses, statements
from contracts.statements import Issued, Statements
from storage.engine import Database
from tests.ledger_books import PRICES
from tests.lives import HOUR, MEXICO, STANDARD, Desk
from tests.lives import site as acme_site
from ticketing.numbers import number_for
from ticketing.tables import counters, folios

JANUARY = Month(2026, 1)
AGREED = Terms(Modality.STANDARD, date(2026, 1, 1), allowance=100, overage_price=Decimal('95.00'))
IVA = replace(PRICES, taxes=(Tax(date(2010, 1, 1), Decimal(16)),),
              initial_costs=(InitialCost(date(2025, 1, 1), Modality.STANDARD, Decimal('15000.00')),))


def a_site(*terms: Terms, prices: Prices = IVA, **contract: Any) -> Site:
    """One with acme under these terms (of none given: 100 requests a month, 95 pesos each above)."""
    return replace(acme_site(contract=Contract(terms=terms or (AGREED,), **contract)), prices=prices)


def put_folios(db: Database, day: date | Month, many: int, **facts: Any) -> list[str]:
    """So many confirmed requests of acme, opened on a local day (of a month: its last), one second after the other; their numbers."""
    last = day.last if isinstance(day, Month) else day
    with db.write() as connection:
        begin = (connection.scalar(select(func.max(folios.c.id))) or 0) + 1
        rows = [{'id': n, 'number': number_for(n), 'opened_at': (at := midnight(last, MEXICO) + 10 * HOUR + timedelta(seconds=n - begin)),
                 'clock_starts': at, 'state': 'new', 'priority': 'medium', 'kind': 'failure', 'client': 'acme', 'line': STANDARD,
                 'modality': 'standard', 'identified_by': 'caller_id', 'unlisted': False, 'rule': 'x', 'from_message': False,
                 'origin': 'person', 'holder': 'nobody', 'category': 'mail', 'employee_number': '1234'} | facts
                for n in range(begin, begin + many)]
        if rows:
            connection.execute(insert(folios), rows)
            connection.execute(counters.update().where(counters.c.name == 'folio').values(last=begin + many - 1))
    return [row['number'] for row in rows]


class Books:
    """The statements of acme, issued when a test says so; `site` may be exchanged, as an apply does."""

    def __init__(self, db: Database, site: Site) -> None:
        self.db, self.site = db, site
        self.statements = Statements(db, lambda: self.site)
        self.desk = Desk(db, site)

    def issue(self, month: Month, now: datetime | None = None) -> Issued:
        return self.statements.issue('acme', month, 'raul', now or after(month))

    def issue_all(self, first: Month, last: Month) -> None:
        while first <= last:
            self.issue(first)
            first = first.plus(1)

    def draft(self, month: Month, now: datetime | None = None) -> Statement:
        return self.statements.draft('acme', month, now or after(month))

    def issued(self, month: Month) -> Statement:
        found = self.statements.issued('acme', month)
        assert found is not None
        return found

    def charged(self) -> list[tuple[str, str, int, Decimal]]:
        """Of every excess: on whose statement, for which month, units, amount."""
        with self.db.read() as connection:
            return [tuple(row) for row in connection.execute(select(
                statements.c.month, statement_excesses.c.month, statement_excesses.c.units, statement_excesses.c.amount).join(
                    statements, statements.c.id == statement_excesses.c.statement_id).order_by(statement_excesses.c.id))]

    def put_line(self, linkedid: str, at: datetime, amount: str | None = '1.70', seconds: int = 61, **facts: Any) -> None:
        """A rated call out to acme."""
        with self.db.write() as connection:
            connection.execute(insert(outbound_ledger).values({
                'linkedid': linkedid, 'position': 0, 'channel': 'PJSIP/trunk-demo-1', 'at': at, 'seconds': seconds, 'client': 'acme',
                'folio': None, 'purpose': 'close_call', 'number': '+525555550101', 'destination': 'México', 'charged_seconds': 120,
                'amount': None if amount is None else Decimal(amount), 'tariff': date(2026, 1, 1),
                'problem': 'no_prefix' if amount is None else '', 'rated_at': at} | facts))


def after(month: Month) -> datetime:
    """Noon of the first day after a month."""
    return midnight(month.plus(1).first, MEXICO) + 12 * HOUR


def section(statement: Statement, key: str) -> Section:
    return next(one for one in statement.sections if one.key == key)


def tables(statement: Statement) -> dict[str, Table]:
    return {table.key: table for one in statement.sections for table in one.tables}


def charges(statement: Statement, *keys: str) -> list[tuple[str, int, Decimal]]:
    """(key, units, amount) of the statement's lines, of all or of some kinds."""
    found: Sequence[Any] = statement.charges
    return [(one.key, one.units, one.amount) for one in found if not keys or one.key in keys]
