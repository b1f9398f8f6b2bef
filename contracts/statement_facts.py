"""All that a month's statement is made from, read in one transaction (mission.md 7.5). What was issued before is among it."""
from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, or_, select

from ami_listener.call_figures import CallFigures, of_queue
from ami_listener.tables import calls
from config.terms import Contract
from config.values import Client, Modality, Site
from contracts.counting import Correction, Request, Said, correction
from contracts.intervals import days
from contracts.ledger import LedgerLine, unissued
from contracts.meter import Usage, counting, month_uses_of, requests, that_count, usage_of
from contracts.months import Month
from contracts.move_rows import Move
from contracts.move_rows import rows as move_rows
from contracts.move_tables import site_moves
from contracts.overage import Excess, MonthUse, charges, due
from contracts.statement_tables import statement_excesses, statement_items, statement_requests, statements
from contracts.statistics import by_modality, with_parts
from contracts.statistics_facts import whose
from contracts.statistics_values import Statistics
from ticketing.tables import folios, visits

_Counting = Mapping[str, Modality]                     # reference -> modality, of what counts in a month


class NoSuchMonth(ValueError):
    """There is nothing to state for this month; the text says why."""


@dataclass(frozen=True)
class Visit:
    """An on-site visit that was not charged yet (mission.md 1.2)."""

    reference: str                                     # 'visit:7'
    at: datetime
    folio: str
    modality: Modality
    reason: str


@dataclass(frozen=True)
class FolioRow:
    """A folio of the month as the annex shows it: without anything that tells who the user is."""

    number: str
    opened_at: datetime
    modality: str
    kind: str
    category: str | None
    priority: str
    state: str
    unlisted: bool
    resolved_at: datetime | None
    score: int | None


@dataclass(frozen=True)
class CallRow:
    """A call of the month as the annex shows it; seconds."""

    linkedid: str
    joined: datetime
    line: str
    folio: str | None
    disposition: str | None
    wait_s: float | None
    talk_s: float | None


@dataclass(frozen=True)
class ModalityUse:
    """What overage is told from for one modality: its months up to this one, what is due now, and what was issued."""

    uses: tuple[MonthUse, ...]
    due: tuple[Excess, ...]
    issued: tuple[Excess, ...]


@dataclass(frozen=True)
class MonthFacts:
    """One client's month."""

    site: Site
    client: Client
    month: Month
    first_month: Month                                 # the first that was issued, or this one: what lies before is settled elsewhere
    made_at: datetime
    requests: tuple[Request, ...]
    usage: tuple[Usage, ...]
    overage: Mapping[Modality, ModalityUse]
    corrections: Mapping[Month, tuple[Correction, ...]]
    outbound: tuple[LedgerLine, ...]                   # on no statement yet, up to the end of the month
    visits: tuple[Visit, ...]
    moves: tuple[Move, ...]                            # delivered, not charged yet
    figures: Statistics
    by_day: tuple[Statistics, ...]
    by_modality: Mapping[Modality, CallFigures]
    folios: tuple[FolioRow, ...]
    calls: tuple[CallRow, ...]

    @property
    def contract(self) -> Contract:
        """The client's."""
        return self.client.contract

    @property
    def first_day(self) -> date:
        """Of the contract in this month."""
        return max(self.month.first, self.contract.since or self.month.first)

    @property
    def last_day(self) -> date:
        """Of the contract in this month."""
        return min(self.month.last, self.contract.until or self.month.last)


def read_month(connection: Connection, site: Site, client: str, month: Month, now: datetime) -> MonthFacts:
    """The facts of a client's month, by the terms that were in force in it. Raises NoSuchMonth.

    An open month is told as far as it has come. Earlier months that were not issued yet are taken as if they had been: a draft charges
    its own part only, and what is late for an issued month stands on the statement that follows the last issued one.
    """
    known = _checked(site, client, month, now)
    since, until = month.span(site.zone)
    as_then = site.on(min(month.last, known.contract.until or month.last))
    issued = _issued_months(connection, client)
    first = min(issued[0], month) if issued else month
    follows = bool(issued) and issued[-1] == month.plus(-1)
    begins = (first if follows else month).span(site.zone)[0]
    found, charged = requests(connection, site, client, month), _charged(connection, client)
    counts = _counting(connection, site, known, issued if follows else (), month) | {month: that_count(found)}
    figures, by_day = with_parts(connection, as_then, days(month.first, month.last, site.zone), client, now=min(now, until))
    return MonthFacts(
        site=site, client=known, month=month, first_month=first, made_at=now, requests=found, usage=usage_of(site, client, month, found),
        overage=_overages(connection, site, known, issued, month, counts),
        corrections=_corrections(connection, site, client, issued, counts) if follows else {},
        outbound=unissued(connection, client, begins, until),
        visits=_visits(connection, client, begins, until, charged),
        moves=_moves(connection, client, begins.astimezone(site.zone).date(), month, charged),
        figures=figures, by_day=by_day,
        by_modality=by_modality(connection, as_then, since, until, client),
        folios=_folio_rows(connection, client, since, until), calls=_call_rows(connection, site, client, since, until))


def _checked(site: Site, client: str, month: Month, now: datetime) -> Client:
    known = site.clients.get(client)
    if known is None:
        raise NoSuchMonth(f'there is no client {client!r}: one of {", ".join(sorted(site.clients))}')
    if month.span(site.zone)[0] > now:
        raise NoSuchMonth(f'{month} has not begun')
    begins, ends = known.contract.since, known.contract.until
    if (begins and month.last < begins) or (ends and month.first > ends):
        raise NoSuchMonth(f'{month} lies outside the contract of {client}, which runs from {begins or "ever"} to {ends or "no end"}')
    return known


# --- overage and corrections ---------------------------------------------------------------------------------------------

def _metered(client: Client) -> tuple[Modality, ...]:
    agreed = {terms.modality for terms in client.contract.terms}
    return tuple(modality for modality in Modality if modality in agreed)


def _counting(connection: Connection, site: Site, client: Client, issued: Sequence[Month], month: Month) -> dict[Month, _Counting]:
    """What counts by the books of now, of the months that this one looks back at: since anything was agreed, and those issued."""
    starts = [_start(client.contract, modality) for modality in _metered(client)]
    behind = {*issued, *(min(starts).until(month) if starts else ())} - {month}
    return {earlier: counting(connection, site, client.key, earlier) for earlier in sorted(behind)}


def _overages(connection: Connection, site: Site, client: Client, settled: Sequence[Month], month: Month,
              counts: Mapping[Month, _Counting]) -> dict[Modality, ModalityUse]:
    """Of each modality."""
    found: dict[Modality, ModalityUse] = {}
    for modality in _metered(client):
        months = _start(client.contract, modality).until(month)
        many = {(one, modality): sum(of is modality for of in counts[one].values()) for one in months}
        found[modality] = _overage(connection, site, client, modality, settled, month, many)
    return found


def _start(contract: Contract, modality: Modality) -> Month:
    """The month of the first day on which it is agreed."""
    begins = min(terms.since for terms in contract.terms if terms.modality is modality)
    return Month.of(max(begins, contract.since or begins))


def _overage(connection: Connection, site: Site, client: Client, modality: Modality, settled: Sequence[Month], month: Month,
             counted: Mapping[tuple[Month, Modality], int]) -> ModalityUse:
    contract = client.contract
    uses = month_uses_of(site, client.key, modality, counted)
    if not uses:
        return ModalityUse((), (), ())

    def rule(charging: Month) -> Any:
        terms = contract.in_force(modality, min(charging.last, contract.until or charging.last))
        return terms.overage if terms else contract.terms[0].overage
    first = min(settled[0], month) if settled else month
    issued = _issued_excesses(connection, client.key, modality)
    # What a recount would have charged before the first statement is settled elsewhere, but for what that statement charged all the same.
    spoken_of = {line.month for line in issued}
    ideal = [line for line in charges(uses, rule) if line.charged_in >= first or line.month in spoken_of]
    # Of an issued month, or one before the last issued one, nothing is due any more; of a later one, what the month before it leaves.
    if settled and month <= settled[-1]:
        wanted: tuple[Excess, ...] = ()
    elif settled and settled[-1] < month.plus(-1):
        wanted = due(ideal, [*issued, *due(ideal, issued, month.plus(-1))], month)
    else:
        wanted = due(ideal, issued, month)
    return ModalityUse(uses, wanted, tuple(issued))


def _issued_excesses(connection: Connection, client: str, modality: Modality) -> list[Excess]:
    e = statement_excesses.c
    rows = connection.execute(
        select(statements.c.month.label('charged'), e.month, e.units, e.price, e.amount).join(statements, statements.c.id == e.statement_id)
        .where(statements.c.client == client, e.modality == modality.value).order_by(e.id))
    return [Excess(Month.parse(row.month), Month.parse(row.charged), row.units, row.price, row.amount) for row in rows]


def _corrections(connection: Connection, site: Site, client: str, issued: Sequence[Month],
                 counts: Mapping[Month, _Counting]) -> dict[Month, tuple[Correction, ...]]:
    """What the books say now of requests of issued months, where the newest statement that spoke of them says something else."""
    found: dict[Month, tuple[Correction, ...]] = {}
    said = _said_to_count(connection, client)
    for earlier in issued:
        if counts[earlier].keys() != said.get(earlier, set()):
            found[earlier] = correction(_said(connection, client, earlier), requests(connection, site, client, earlier))
    return found


def _said_to_count(connection: Connection, client: str) -> dict[Month, set[str]]:
    """The references of each month that count by the newest word of a statement."""
    r = statement_requests.c
    # What did not count in its own month's statement is what nothing was said of.
    words = select(r.month, r.reference, r.counts).join(statements, statements.c.id == r.statement_id).where(
        statements.c.client == client, or_(r.counts, r.month != statements.c.month)).order_by(statements.c.month)
    found: dict[str, set[str]] = {}
    for month, reference, counts_ in connection.execute(words):
        of_month = found.setdefault(month, set())
        of_month.add(reference) if counts_ else of_month.discard(reference)
    return {Month.parse(month): references for month, references in found.items()}


def _said(connection: Connection, client: str, month: Month) -> dict[str, Said]:
    """The newest word of a statement of each of a month's references."""
    r = statement_requests.c
    words = select(r.reference, r.counts, r.reason).join(statements, statements.c.id == r.statement_id).where(
        statements.c.client == client, r.month == str(month)).order_by(statements.c.month)
    return {row.reference: Said(row.counts, row.reason) for row in connection.execute(words)}


def _issued_months(connection: Connection, client: str) -> tuple[Month, ...]:
    """In their order; they follow each other without a gap."""
    found = connection.scalars(select(statements.c.month).where(statements.c.client == client).order_by(statements.c.month))
    return tuple(Month.parse(text) for text in found)


# --- single things, charged once -----------------------------------------------------------------------------------------

def _visits(connection: Connection, client: str, since: datetime, until: datetime, charged: Collection[str]) -> tuple[Visit, ...]:
    wanted = select(visits.c.id, visits.c.at, visits.c.reason, folios.c.number, folios.c.modality).join(
        folios, folios.c.id == visits.c.folio_id).where(
            folios.c.client == client, visits.c.at >= since, visits.c.at < until).order_by(visits.c.at, visits.c.id)
    return tuple(Visit(f'visit:{row.id}', row.at, row.number, Modality(row.modality), row.reason)
                 for row in connection.execute(wanted) if f'visit:{row.id}' not in charged)


def _moves(connection: Connection, client: str, first: date, month: Month, charged: Collection[str]) -> tuple[Move, ...]:
    """Delivered from a day to the end of a month, with those of their costs that no statement has charged."""
    found = move_rows(connection, site_moves.c.client == client, site_moves.c.delivered_on.between(first, month.last))
    open_ = (replace(move, costs=tuple(cost for cost in move.costs if move_item(move, cost.modality) not in charged)) for move in found)
    return tuple(move for move in open_ if move.costs)


def move_item(move: Move, modality: Modality) -> str:
    """By which the initial cost of a modality at a moved site is charged once."""
    return f'move:{move.reference}/{modality.value}'


def _charged(connection: Connection, client: str) -> frozenset[str]:
    return frozenset(connection.scalars(select(statement_items.c.reference).where(statement_items.c.client == client)))


# --- the annexes ---------------------------------------------------------------------------------------------------------

def _folio_rows(connection: Connection, client: str, since: datetime, until: datetime) -> tuple[FolioRow, ...]:
    f = folios.c
    wanted = select(*(f[name] for name in FolioRow.__dataclass_fields__)).where(
        f.client == client, f.opened_at >= since, f.opened_at < until).order_by(f.opened_at, f.id)
    return tuple(FolioRow(*row) for row in connection.execute(wanted))


def _call_rows(connection: Connection, site: Site, client: str, since: datetime, until: datetime) -> tuple[CallRow, ...]:
    c = calls.c
    wanted = select(*(c[name] for name in CallRow.__dataclass_fields__)).where(
        *of_queue(since, until, lines=whose(site, client, None).lines)).order_by(c.joined, c.linkedid)
    return tuple(CallRow(*row) for row in connection.execute(wanted))
