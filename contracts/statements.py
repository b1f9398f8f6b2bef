"""Statements in the books: drafts are made anew each time, an issued one is kept for ever as its client got it (mission.md 7.5)."""
from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection, and_, insert, or_, select

from ami_listener.tables import calls
from config.values import Site
from contracts.assembly import assemble, to_be_said
from contracts.bill import visit_price
from contracts.collecting import no_collecting
from contracts.ledger import issue as freeze
from contracts.ledger import issued_on
from contracts.months import Month
from contracts.renderings.json_ import from_json, to_json
from contracts.statement import Statement
from contracts.statement_facts import MonthFacts, NoSuchMonth, move_item, read_month
from contracts.statement_tables import statement_excesses, statement_items, statement_requests, statements
from contracts.statistics_facts import whose
from storage.engine import Database

__all__ = ['CannotIssue', 'Damaged', 'Issued', 'NoSuchMonth', 'Statements']
LATE = timedelta(days=1)                               # a call that began so long before the end of a month and has no end yet
IN_AT_ONCE = 1000
PATIENCE_S = 30.0


class CannotIssue(Exception):
    """The statement cannot be issued now; the text says why and what to do."""


class Damaged(Exception):
    """An issued statement is not what was issued: its hash says something else."""


@dataclass(frozen=True)
class Issued:
    """An issued statement, without its body. `total` is with IVA."""

    client: str
    month: Month
    sha256: str
    total: Decimal
    issued_at: datetime
    issued_by: str


class Statements:
    """The statements of one database. Raises DatabaseUnavailable."""

    def __init__(self, db: Database, site: Callable[[], Site]) -> None:
        self._db = db
        self._site = site

    def of(self, client: str, month: Month, now: datetime) -> Statement:
        """The issued statement of a month, else a draft. Raises NoSuchMonth, Damaged."""
        return self.issued(client, month) or self.draft(client, month, now)

    def draft(self, client: str, month: Month, now: datetime) -> Statement:
        """What would be issued now. Raises NoSuchMonth."""
        with no_collecting(), self._db.read(PATIENCE_S) as connection:
            return assemble(read_month(connection, self._site(), client, month, now))

    def issued(self, client: str, month: Month) -> Statement | None:
        """The statement as it was issued; None when it was not. Raises Damaged."""
        body = self.body(client, month)
        return None if body is None else from_json(body)

    def body(self, client: str, month: Month) -> bytes | None:
        """The canonical JSON that was issued, whose SHA-256 is kept; None when the month was not issued. Raises Damaged."""
        with self._db.read() as connection:
            row = connection.execute(select(statements).where(
                statements.c.client == client, statements.c.month == str(month))).first()
        if row is None:
            return None
        body: bytes = row.body.encode()
        if hashlib.sha256(body).hexdigest() != row.sha256:
            raise Damaged(f'the statement {client} {month} in the database is not the one that was issued on {row.issued_at:%Y-%m-%d}: '
                          'its hash differs; restore it from a backup')
        return body

    def list(self, client: str | None = None, limit: int | None = None, after: tuple[Month, str] | None = None) -> tuple[Issued, ...]:
        """The issued statements of a client, or of all, the newest month first; of the list only what comes `after` a month and client."""
        s = statements.c
        wanted = select(s.client, s.month, s.sha256, s.total, s.issued_at, s.issued_by).order_by(s.month.desc(), s.client).limit(limit)
        if client is not None:
            wanted = wanted.where(s.client == client)
        if after is not None:
            wanted = wanted.where(or_(s.month < str(after[0]), and_(s.month == str(after[0]), s.client > after[1])))
        with self._db.read() as connection:
            rows = connection.execute(wanted).all()
        return tuple(Issued(row.client, Month.parse(row.month), row.sha256, row.total, row.issued_at, row.issued_by) for row in rows)

    def issue(self, client: str, month: Month, by: str, now: datetime) -> Issued:
        """Sign a month off: from now on it never changes. Once only. Raises NoSuchMonth, CannotIssue."""
        site = self._site()
        with self._db.read(PATIENCE_S) as connection:
            _may_be_issued(connection, site, client, month, now)
            facts = read_month(connection, site, client, month, now)
        _is_complete(facts)
        statement = replace(assemble(facts), issued_at=now, issued_by=by)
        body = to_json(statement)
        digest = hashlib.sha256(body).hexdigest()
        with self._db.write(PATIENCE_S) as connection:
            self._db.lock(connection, f'statement {client}')
            _may_be_issued(connection, site, client, month, now)
            connection.execute(insert(statements).values(
                client=client, month=str(month), sha256=digest, body=body.decode(), total=statement.total, issued_at=now, issued_by=by))
            _keep(connection, facts)
        return Issued(client, month, digest, statement.total, now, by)


def _may_be_issued(connection: Connection, site: Site, client: str, month: Month, now: datetime) -> None:
    """One after the other, when the month is over and all its calls are."""
    issued = [Month.parse(text) for text in connection.scalars(select(statements.c.month).where(statements.c.client == client))]
    if month in issued:
        raise CannotIssue(f'the statement {client} {month} is issued already: what has changed since stands on the next one')
    if issued and month != max(issued).plus(1):
        raise CannotIssue(f'the last statement that was issued for {client} is {max(issued)}: the next one is {max(issued).plus(1)}')
    until = month.span(site.zone)[1]
    if now < until:
        raise CannotIssue(f'{month} is not over yet: issue it from {month.plus(1).first} on')
    own = whose(site, client, None).lines or frozenset()
    open_calls = connection.scalar(select(calls.c.linkedid).where(
        calls.c.started >= until - LATE, calls.c.started < until, calls.c.ended.is_(None), calls.c.line.in_(sorted(own))).limit(1))
    if open_calls is not None:
        raise CannotIssue(f'call {open_calls} of {month} is still going on, or its end is not in the call log yet: try again later')


def _is_complete(facts: MonthFacts) -> None:
    unpriced = [line for line in facts.outbound if line.seconds and line.amount is None]
    if unpriced:
        raise CannotIssue(f'{len(unpriced)} calls to {facts.client.key} have no price, the first is {unpriced[0].linkedid}: see '
                          f'`mesa ledger {facts.client.key} --month {facts.month} --unpriced`, and complete tariffs.toml')
    if facts.contract.terms and facts.site.prices.tax(facts.contract.tax_region, facts.month.last) is None:
        raise CannotIssue(f'no IVA is known for {facts.month} in the region {facts.contract.tax_region!r}: add a [[tax]] to tariffs.toml')


def _keep(connection: Connection, facts: MonthFacts) -> None:
    """What was said and charged, so that nothing is charged twice and every later correction is seen."""
    client, reference = facts.client.key, f'{facts.client.key} {facts.month}'
    id_ = connection.scalar(select(statements.c.id).where(statements.c.client == client, statements.c.month == str(facts.month)))
    said = [dict(statement_id=id_, reference=one, month=month, counts=counts, reason=reason)
            for one, month, counts, reason in to_be_said(facts)]
    for start in range(0, len(said), IN_AT_ONCE):
        connection.execute(insert(statement_requests), said[start:start + IN_AT_ONCE])
    for modality, use in facts.overage.items():
        for line in use.due:
            connection.execute(insert(statement_excesses).values(
                statement_id=id_, modality=modality.value, month=str(line.month), units=line.units, price=line.price, amount=line.amount))
    for item, amount in _items(facts):
        connection.execute(insert(statement_items).values(client=client, reference=item, statement_id=id_, amount=amount))
    since, until = facts.first_month.span(facts.site.zone)[0], facts.month.span(facts.site.zone)[1]
    freeze(connection, client, since, until, reference)
    if issued_on(connection, client, since, until, reference) != tuple(replace(line, statement=reference) for line in facts.outbound):
        raise CannotIssue('a call was rated while the statement was made: issue it again')


def _items(facts: MonthFacts) -> Iterator[tuple[str, Decimal]]:
    for visit in facts.visits:
        yield visit.reference, visit_price(facts, visit)
    for move in facts.moves:
        for cost in move.costs:
            yield move_item(move, cost.modality), cost.amount
