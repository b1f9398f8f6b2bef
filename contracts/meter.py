"""The meter: what the books say that a client asked for, each thing with its verdict (mission.md 7.1). For use inside a transaction.

The rule is `contracts/counting.py` alone. `requests` reads every folio of a month; `counts` lets the database put together those of which
nothing but their state decides, and asks the same rule once for each such group.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Select, and_, func, literal, null, or_, select

from config.terms import Contract, Counted
from config.values import Modality, Site
from contracts.allowance import Meter, allowance_of, closing_terms, is_metered
from contracts.counting import Decision, FolioFacts, Request, Verdict, of_folio, of_other
from contracts.months import Month, midnight
from contracts.overage import MonthUse
from fax.tables import faxes
from fax.values import FaxState
from ticketing.tables import count_decisions, folio_changes, folio_entries, folios, outbound_calls, status_inquiries
from ticketing.values import EntryKind, Move

IN_AT_ONCE = 500                                       # values in one IN (...)
ANSWERED = ('confirmed', 'refused', 'later', 'no_key')  # outcomes of a close call in which somebody took the receiver off
USERS = ('user', 'contact')                            # whose e-mail goes on with a folio
NOT_TAKEN = (FaxState.QUARANTINED.value, FaxState.REJECTED.value, FaxState.DISCARDED.value)


@dataclass(frozen=True)
class Usage:
    """A month of one modality. `not_counted`: how many of what did not count, by kind; None stands for days without an allowance."""

    month: Month
    modality: Modality
    meter: Meter
    not_counted: Mapping[Counted | None, int]


@dataclass(frozen=True)
class _Stretch:
    """Days in which one set of terms is in force: [since, until), aware UTC instants.

    Of each modality, `counted` is what else counts, `metered` whether these days belong to the month's allowance.
    """

    client: str
    since: datetime
    until: datetime
    counted: Mapping[Modality, frozenset[Counted]]
    metered: Mapping[Modality, bool]

    def may_count(self) -> frozenset[Counted]:
        """What else counts for any modality."""
        return frozenset().union(*self.counted.values())

    def within(self, moment: Any) -> ColumnElement[bool]:
        """The condition that a column lies in these days."""
        return and_(moment >= self.since, moment < self.until)


# --- what is asked of the meter -------------------------------------------------------------------------------------------

def requests(connection: Connection, site: Site, client: str, month: Month) -> tuple[Request, ...]:
    """All of a client's month that may count, counted or not, in the order of time."""
    found: list[Request] = []
    for stretch in _stretches(site, client, month):
        found += _folios(connection, stretch, site.zone, _in_days(stretch))
        found += _others(connection, stretch, frozenset(Counted))
    return tuple(sorted(found, key=lambda request: (request.at, request.reference)))


def counts(connection: Connection, site: Site, client: str, first: Month, last: Month) -> Mapping[tuple[Month, Modality], int]:
    """How many requests count, for each month from `first` to `last` and each modality of the client, or of which there is something."""
    wanted = first.until(last)
    known = site.clients.get(client)
    found = Counter({(month, modality): 0 for month in wanted for modality in sorted(known.modalities if known else ())})
    for month in wanted:
        for stretch in _stretches(site, client, month):
            for modality, many in _tallied(connection, stretch, site.zone):
                found[month, modality] += many
    return dict(found)


def counting(connection: Connection, site: Site, client: str, month: Month) -> dict[str, Modality]:
    """A month's requests that count, reference -> modality: what `requests` says, without reasons, at a tenth of its time."""
    found: dict[str, Modality] = {}
    for stretch in _stretches(site, client, month):
        verdicts: dict[tuple[Any, ...], bool] = {}
        for number, *facts in connection.execute(_BARE.where(_in_days(stretch))):
            key = tuple(facts)
            if key not in verdicts:
                modality, state, cause, is_duplicate = facts
                of = FolioFacts(state, cause, 'another' if is_duplicate else None)
                verdicts[key] = of_folio(of, stretch.counted[Modality(modality)], stretch.metered[Modality(modality)]).counts
            if verdicts[key]:
                found[f'folio:{number}'] = Modality(facts[0])
        found |= that_count(_folios(connection, stretch, site.zone, and_(_in_days(stretch), ~_PLAIN)))
        found |= that_count(_others(connection, stretch, stretch.may_count()))
    return found


def that_count(found: Iterable[Request]) -> dict[str, Modality]:
    """Those of these requests that count. Pure."""
    return {request.reference: request.modality for request in found if request.counts}


def verdict_on(connection: Connection, site: Site, number: str) -> Request | None:
    """The verdict on one folio; None when there is no such folio."""
    found = connection.execute(select(folios.c.client, folios.c.opened_at).where(folios.c.number == number)).first()
    if found is None:
        return None
    day = found.opened_at.astimezone(site.zone).date()
    stretch = next(one for one in _stretches(site, found.client, Month.of(day)) if one.since <= found.opened_at < one.until)
    return next(_folios(connection, stretch, site.zone, folios.c.number == number))


def metered_verdict(connection: Connection, site: Site, number: str) -> Request | None:
    """The same, for who shows the folio: None where no allowance is agreed for its month."""
    found = verdict_on(connection, site, number)
    if found is None:
        return None
    month = Month.of(found.at.astimezone(site.zone).date())
    return found if allowance_of(_contract(site, found.client), found.modality, month) is not None else None


def usage(connection: Connection, site: Site, client: str, month: Month) -> tuple[Usage, ...]:
    """A client's month, a line for each of its modalities."""
    return usage_of(site, client, month, requests(connection, site, client, month))


def usage_of(site: Site, client: str, month: Month, found: Sequence[Request]) -> tuple[Usage, ...]:
    """The same of requests that were read already. Pure."""
    contract = _contract(site, client)
    known = site.clients[client].modalities if client in site.clients else frozenset()
    lines = []
    for modality in (one for one in Modality if one in known or any(request.modality is one for request in found)):
        own = [request for request in found if request.modality is modality]
        meter = Meter(allowance_of(contract, modality, month), sum(request.counts for request in own))
        lines.append(Usage(month, modality, meter, dict(Counter(request.kind for request in own if not request.counts))))
    return tuple(lines)


def meter_of(connection: Connection, site: Site, client: str, modality: Modality, month: Month) -> Meter:
    """How far a month's allowance is used up; quick, for what somebody waits for. Where nothing is metered nothing is read."""
    allowance = allowance_of(_contract(site, client), modality, month)
    if allowance is None:
        return Meter(None, 0)
    return Meter(allowance, counts(connection, site, client, month, month).get((month, modality), 0))


def month_uses(connection: Connection, site: Site, client: str, modality: Modality, first: Month, last: Month) -> tuple[MonthUse, ...]:
    """What overage is told from: consecutive months with their allowance, requests, and the price at their end (mission.md 7.2)."""
    return month_uses_of(site, client, modality, counts(connection, site, client, first, last))


def month_uses_of(site: Site, client: str, modality: Modality, counted: Mapping[tuple[Month, Modality], int]) -> tuple[MonthUse, ...]:
    """The same of months that were counted already. Pure."""
    contract, uses = _contract(site, client), []
    for (month, of), many in counted.items():
        if of is modality:
            closing = closing_terms(contract, modality, month)
            price = closing.overage_price if closing else Decimal(0)
            uses.append(MonthUse(month, allowance_of(contract, modality, month), many, price))
    return tuple(sorted(uses, key=lambda use: use.month))


# --- days -----------------------------------------------------------------------------------------------------------------

def _contract(site: Site, client: str) -> Contract:
    return site.clients[client].contract if client in site.clients else Contract()


def _stretches(site: Site, client: str, month: Month) -> Iterator[_Stretch]:
    """A month, cut where terms begin and where the contract begins or ends."""
    contract = _contract(site, client)
    begin = {month.first, *(terms.since for terms in contract.terms)}
    begin |= {contract.since} if contract.since else set()
    begin |= {contract.until + timedelta(days=1)} if contract.until else set()
    days = sorted(day for day in begin if month.first <= day <= month.last)
    for day, after in zip(days, [*days[1:], month.plus(1).first], strict=True):
        in_force = {modality: contract.in_force(modality, day) for modality in Modality}
        yield _Stretch(
            client, midnight(day, site.zone), midnight(after, site.zone),
            {modality: terms.counted if terms else frozenset() for modality, terms in in_force.items()},
            {modality: is_metered(contract, modality, day) for modality in Modality})


# --- folios ---------------------------------------------------------------------------------------------------------------

_DECIDED = select(count_decisions.c.id).where(count_decisions.c.folio_id == folios.c.id).correlate(folios).exists()
_PLAIN = and_(folios.c.abandoned_at.is_(None), ~_DECIDED)     # nothing but its own state decides
_FACTS = select(
    folios.c.id, folios.c.number, folios.c.opened_at, folios.c.modality, folios.c.state, folios.c.cancel_cause, folios.c.duplicate_of,
    folios.c.abandoned_at, folios.c.responded_at, folios.c.resolved_at, folios.c.agent, folios.c.resolver_group)
_IS_DUPLICATE = folios.c.duplicate_of.is_not(None)
_BARE = select(folios.c.number, folios.c.modality, folios.c.state, folios.c.cancel_cause, _IS_DUPLICATE).where(_PLAIN)
_GROUPS = select(
    folios.c.modality, folios.c.state, folios.c.cancel_cause, func.min(folios.c.duplicate_of).label('duplicate_of'),
    func.count().label('many')).where(_PLAIN).group_by(folios.c.modality, folios.c.state, folios.c.cancel_cause, _IS_DUPLICATE)


def _in_days(stretch: _Stretch) -> ColumnElement[bool]:
    return and_(folios.c.client == stretch.client, stretch.within(folios.c.opened_at))


def _tallied(connection: Connection, stretch: _Stretch, zone: ZoneInfo) -> Iterator[tuple[Modality, int]]:
    """How many count of what was there in a stretch, in parts."""
    for row in connection.execute(_GROUPS.where(_in_days(stretch))):
        modality = Modality(row.modality)
        facts = FolioFacts(row.state, row.cancel_cause, row.duplicate_of)
        yield modality, row.many * of_folio(facts, stretch.counted[modality], stretch.metered[modality]).counts
    for request in _folios(connection, stretch, zone, and_(_in_days(stretch), ~_PLAIN)):
        yield request.modality, request.counts
    for request in _others(connection, stretch, stretch.may_count()):
        yield request.modality, request.counts


def _folios(connection: Connection, stretch: _Stretch, zone: ZoneInfo, which: ColumnElement[bool]) -> Iterator[Request]:
    rows = connection.execute(_FACTS.where(which)).all()
    decided = _decisions(connection, which, zone)
    unanswered = [row.id for row in rows if row.abandoned_at is not None and row.responded_at is None]
    back = _came_back(connection, unanswered)
    for row in rows:
        facts = FolioFacts(
            row.state, row.cancel_cause, row.duplicate_of, abandoned=row.abandoned_at is not None,
            responded=row.responded_at is not None or row.resolved_at is not None,
            held=row.agent is not None or row.resolver_group is not None, came_back=row.id in back, decision=decided.get(row.id))
        modality = Modality(row.modality)
        verdict = of_folio(facts, stretch.counted[modality], stretch.metered[modality])
        yield _request(verdict, row, stretch, modality, row.opened_at, f'folio:{row.number}')


def _decisions(connection: Connection, which: ColumnElement[bool], zone: ZoneInfo) -> dict[int, Decision]:
    """The newest decision on each folio."""
    decided = select(count_decisions).join(folios, folios.c.id == count_decisions.c.folio_id).where(which).order_by(count_decisions.c.id)
    return {row.folio_id: Decision(row.counts, row.reason, row.by, row.at.astimezone(zone).date()) for row in connection.execute(decided)}


def _came_back(connection: Connection, ids: Sequence[int]) -> frozenset[int]:
    """Those of these folios whose user called, wrote or left a message after his call was abandoned."""
    came = or_(
        and_(folio_entries.c.kind == EntryKind.CALL, folio_entries.c.by == 'caller'), folio_entries.c.kind == EntryKind.MESSAGE,
        and_(folio_entries.c.kind == EntryKind.EMAIL_IN, folio_entries.c.by.in_(USERS)))
    found: set[int] = set()
    for start in range(0, len(ids), IN_AT_ONCE):
        found.update(connection.scalars(select(folio_entries.c.folio_id).join(folios, folios.c.id == folio_entries.c.folio_id).where(
            folio_entries.c.folio_id.in_(ids[start:start + IN_AT_ONCE]), folio_entries.c.at > folios.c.abandoned_at, came)))
    return frozenset(found)


# --- what is no folio of its own ------------------------------------------------------------------------------------------

def _others(connection: Connection, stretch: _Stretch, kinds: Collection[Counted]) -> Iterator[Request]:
    """Continuations, reopenings, close calls, inquiries and faxes of a stretch, as far as they are among `kinds`."""
    for kind, (wanted, series) in _OTHERS.items():
        if kind in kinds:
            for row in connection.execute(wanted(stretch)):
                modality = Modality(row.modality)
                verdict = of_other(kind, stretch.counted[modality], stretch.metered[modality])
                yield _request(verdict, row, stretch, modality, row.at, f'{series}:{row.key}')


def _request(verdict: Verdict, row: Any, stretch: _Stretch, modality: Modality, at: datetime, reference: str) -> Request:
    return Request(at, verdict.kind, row.number, reference, stretch.client, modality, verdict.counts, verdict.reason)


def _beside(at: Any, key: Any, folio_id: Any, stretch: _Stretch, *conditions: Any) -> Select[Any]:
    """What happened to a client's folios in a stretch."""
    # Not `client =`: SQLite would then begin with all folios that the client ever had.
    of_client = func.coalesce(folios.c.client, '') == stretch.client
    return select(at.label('at'), key.label('key'), folios.c.number, folios.c.modality).join(folios, folios.c.id == folio_id).where(
        stretch.within(at), *conditions, of_client)


def _continuations(stretch: _Stretch) -> Select[Any]:
    """Later calls of users, and their e-mails but for the one that opened the folio."""
    entry = folio_entries.c
    opened_it = and_(folios.c.origin == 'email', entry.at == folios.c.opened_at)
    return _beside(entry.at, entry.id, entry.folio_id, stretch, or_(
        and_(entry.kind == EntryKind.CALL, entry.by == 'caller'),
        and_(entry.kind == EntryKind.EMAIL_IN, entry.by.in_(USERS), ~opened_it)))


def _reopenings(stretch: _Stretch) -> Select[Any]:
    change = folio_changes.c
    return _beside(change.at, change.id, change.folio_id, stretch, change.move == Move.REOPEN.value)


def _close_calls(stretch: _Stretch) -> Select[Any]:
    """Close calls that were answered."""
    call = outbound_calls.c
    return _beside(call.started_at, call.linkedid, call.folio_id, stretch, call.client == stretch.client, call.kind == 'close_call',
                   call.outcome.in_(ANSWERED))


def _inquiries(stretch: _Stretch) -> Select[Any]:
    """Status inquiries that were answered, under the modality of the folio that was told."""
    asked = status_inquiries.c
    return _beside(asked.at, asked.id, asked.told_folio, stretch, asked.told_folio.is_not(None))


def _received_faxes(stretch: _Stretch) -> Select[Any]:
    """Faxes that were taken."""
    received = faxes.c
    return select(received.received_at.label('at'), received.reference.label('key'), null().label('number'),
                  literal(Modality.FAX.value).label('modality')).where(
        stretch.within(received.received_at), received.client == stretch.client, received.state.not_in(NOT_TAKEN))


_OTHERS: Mapping[Counted, tuple[Callable[[_Stretch], Select[Any]], str]] = {
    Counted.CONTINUATION: (_continuations, 'continuation'), Counted.REOPEN: (_reopenings, 'reopen'),
    Counted.CLOSE_CALL: (_close_calls, 'close_call'), Counted.STATUS: (_inquiries, 'status'), Counted.FAX: (_received_faxes, 'fax')}
