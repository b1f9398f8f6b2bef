"""The ledger of outbound calls: each with its folio, its purpose and its price (mission.md 7.3).

The call log tells which calls left over a trunk and for how long, equal to Asterisk's CDR; `outbound_calls` and the faxes that we sent tell
what for. A line is made again whenever the call log stores its call anew (`calls_to_rate`), always the same from the same facts, until it
stands on an issued statement: from then on nothing changes it. Emergency calls are never rated and have no line.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, text, update

from ami_listener.legs import Leg
from ami_listener.tables import call_legs, calls, calls_to_rate
from ami_listener.trunk_calls import NO_EXTENSION, TRUNK_CHANNEL, TrunkCall, is_originated, trunk_calls
from config.phones import e164
from config.values import Site
from contracts.ledger_tables import DOUBTFUL, outbound_ledger
from contracts.months import Month
from contracts.rating import rate
from fax.outgoing.job_tables import fax_attempts, fax_jobs
from storage.engine import Database
from ticketing.privacy.mentions import Mentions, masked
from ticketing.tables import folios, outbound_calls

CLOSE_CALL, CALL_BACK, CLICK_TO_CALL, FAX, TRANSFER, UNLINKED = 'close_call', 'call_back', 'click_to_call', 'fax', 'transfer', 'unlinked'
PURPOSES = (CLOSE_CALL, CALL_BACK, CLICK_TO_CALL, FAX, TRANSFER, UNLINKED)
NO_NUMBER = 'no_number'                                # besides those of `rating`
MODEM = 'IAX2/'                                        # begins the channels of our own modems
MODEM_READY = timedelta(minutes=3)                     # from when HylaFAX says a call began to when it was answered
LONGEST_CALL = timedelta(days=1)                       # between the beginning of a call and its answered leg out
AGAIN_DAYS = timedelta(days=40)                        # doubtful lines younger than this are looked at again
BATCH = 200                                            # calls a transaction
BATCHES = 50                                           # transactions a round
IN_AT_ONCE = 400                                       # values in one IN (...)
PATIENCE_S = 20.0
_C = outbound_ledger.c
_DOUBTFUL = text(DOUBTFUL)
_LEG = tuple(field.name for field in fields(Leg))


@dataclass(frozen=True)
class LedgerLine:
    """One call out, rated. `at`: when it was answered, else when it began (aware UTC); money in MXN before taxes, to the cent."""

    linkedid: str
    position: int
    at: datetime
    client: str | None                                 # None: nobody's, so nobody pays
    folio: str | None
    purpose: str                                       # one of PURPOSES
    number: str                                        # E.164; '' when nobody knows it
    destination: str
    seconds: int                                       # as Asterisk's CDR counts, from the answer; 0 without one
    charged_seconds: int
    amount: Decimal | None                             # None: no price is known, see `problem`
    tariff: date | None                                # since when it is in force
    channel: str = ''                                  # of the trunk
    problem: str = ''                                  # 'no_tariff' | 'no_prefix' | 'no_number'
    statement: str | None = None                       # on which it was issued

    @property
    def is_frozen(self) -> bool:
        """Whether it may not be rated again: issued, or its number is erased."""
        return self.statement is not None or 'x' in self.number


@dataclass(frozen=True)
class Difference:
    """What rating again changes: `before` None is a line that was missing, `after` None one that no call stands behind."""

    before: LedgerLine | None
    after: LedgerLine | None


_LINE = tuple(field.name for field in fields(LedgerLine))


# --- reading -------------------------------------------------------------------------------------------------------------


def lines(connection: Connection, client: str | None, since: datetime, until: datetime) -> tuple[LedgerLine, ...]:
    """The lines of a client (None: all, also nobody's) with `at` in [since, until), oldest first."""
    whose = () if client is None else (_C.client == client,)
    return _lines(connection, and_(_C.at >= since, _C.at < until, *whose))


def unissued(connection: Connection, client: str, since: datetime, until: datetime) -> tuple[LedgerLine, ...]:
    """Those of them that stand on no statement yet."""
    return _lines(connection, and_(_C.at >= since, _C.at < until, _C.client == client, _C.statement.is_(None)))


def issued_on(connection: Connection, client: str, since: datetime, until: datetime, statement: str) -> tuple[LedgerLine, ...]:
    """Those of them that stand on one statement."""
    return _lines(connection, and_(_C.at >= since, _C.at < until, _C.client == client, _C.statement == statement))


def doubtful(connection: Connection, since: datetime, until: datetime) -> tuple[LedgerLine, ...]:
    """Those that are tied to nothing, or have no price: somebody must look."""
    return _lines(connection, and_(_DOUBTFUL, _C.at >= since, _C.at < until))


def count_doubtful(connection: Connection, since: datetime) -> tuple[int, int]:
    """How many calls since then are tied to nothing, and how many have no price."""
    unlinked = func.count().filter(_C.purpose == UNLINKED)
    row = connection.execute(select(unlinked, func.count().filter(_C.amount.is_(None))).where(_DOUBTFUL, _C.at >= since)).one()
    return int(row[0]), int(row[1])


def issue(connection: Connection, client: str, since: datetime, until: datetime, statement: str) -> int:
    """Tie a client's lines of an interval to a statement that is issued now; how many. None of them changes any more."""
    return connection.execute(update(outbound_ledger).where(
        _C.client == client, _C.at >= since, _C.at < until, _C.statement.is_(None)).values(statement=statement)).rowcount


def fax_costs(connection: Connection, jobs: Iterable[int]) -> Mapping[int, Decimal | None]:
    """What the calls of faxes that we sent cost, by the number of the fax; None while one of them has no price; no line, no entry."""
    found: dict[int, list[Decimal | None]] = defaultdict(list)
    for some in _batches(sorted(set(jobs)), IN_AT_ONCE):
        attempts = connection.execute(select(fax_attempts.c.job_id, fax_attempts.c.at, fax_jobs.c.number).join_from(
            fax_attempts, fax_jobs).where(fax_attempts.c.job_id.in_(some))).all()
        if not attempts:
            continue
        first, last = min(row.at for row in attempts), max(row.at for row in attempts)
        sent = [line for line in _lines(connection, and_(
            _C.at >= first, _C.at < last + LONGEST_CALL, _C.purpose == FAX)) if line.number in {row.number for row in attempts}]
        for line in sent:
            job = _sent_by(connection, line.number, line.at)
            if job is not None and job.id in some:
                found[job.id].append(line.amount)
    return {job: None if None in amounts else sum((one for one in amounts if one is not None), Decimal(0))
            for job, amounts in found.items()}


# --- rating --------------------------------------------------------------------------------------------------------------


class Ledger:
    """The ledger of one database. Every method is one or more whole transactions; a round that was cut off goes on with the next."""

    def __init__(self, db: Database, site: Callable[[], Site]) -> None:
        self._db = db
        self._site = site

    def round(self, now: datetime) -> int:
        """Rate the calls that the call log has stored since; how many. Raises DatabaseUnavailable."""
        done = 0
        for _ in range(BATCHES):
            rated, some = self._rate_some(now)
            done += rated
            if some < BATCH:
                break
        return done

    def again(self, now: datetime) -> int:
        """Look again at the young lines that are doubtful: what they are tied to may have come since, or a tariff; how many changed."""
        with self._db.read(PATIENCE_S) as connection:
            known = doubtful(connection, now - AGAIN_DAYS, now + LONGEST_CALL)
        return sum(len(self._rerate(some, now, dry=False)) for some in _batches(dict.fromkeys(line.linkedid for line in known), BATCH))

    def rerate(self, month: Month, now: datetime, dry_run: bool = False) -> tuple[Difference, ...]:
        """Rate all calls of a local month anew by the prices of the site; what that changes, or would. Twice gives nothing the second time.

        What stands on an issued statement stays, and so does what an erasure took the number from.
        """
        since, until = month.span(self._site().zone)
        with self._db.read(PATIENCE_S) as connection:
            linkedids = _linkedids(connection, since, until)
        found = (difference for some in _batches(linkedids, BATCH) for difference in self._rerate(some, now, dry_run))
        return tuple(one for one in found if any(line is not None and since <= line.at < until for line in (one.before, one.after)))

    def _rate_some(self, now: datetime) -> tuple[int, int]:
        with self._db.read(PATIENCE_S) as connection:
            # Before the facts: what is stored after this has another `times`, and is rated again.
            waiting = select(calls_to_rate.c.linkedid, calls_to_rate.c.times).order_by(calls_to_rate.c.linkedid).limit(BATCH)
            due = {row.linkedid: row.times for row in connection.execute(waiting)}
            made = derive(connection, self._site(), due)
        if not due:
            return 0, 0
        with self._db.write(PATIENCE_S) as connection:
            taken = [linkedid for times in set(due.values()) for linkedid in connection.scalars(delete(calls_to_rate).where(
                calls_to_rate.c.linkedid.in_([one for one, read in due.items() if read == times]), calls_to_rate.c.times == times,
            ).returning(calls_to_rate.c.linkedid))]
            _store(connection, taken, made, now)
        return len(taken), len(due)

    def _rerate(self, linkedids: Sequence[str], now: datetime, dry: bool) -> list[Difference]:
        with self._db.read(PATIENCE_S) as connection:
            made = derive(connection, self._site(), linkedids)
            changes = _differences(_known(connection, linkedids), linkedids, made)
        if changes and not dry:
            with self._db.write(PATIENCE_S) as connection:
                _store(connection, linkedids, made, now)
        return changes


def derive(connection: Connection, site: Site, linkedids: Iterable[str]) -> dict[str, tuple[LedgerLine, ...]]:
    """The lines of these calls as the books and the tariffs tell them now; those without a call out are missing."""
    made: dict[str, tuple[LedgerLine, ...]] = {}
    for some in _batches(linkedids, IN_AT_ONCE):
        placed = {row.linkedid: row for row in connection.execute(select(
            outbound_calls.c.linkedid, outbound_calls.c.kind, outbound_calls.c.client, outbound_calls.c.number,
            folios.c.number.label('folio')).outerjoin(folios, folios.c.id == outbound_calls.c.folio_id).where(
                outbound_calls.c.linkedid.in_(some)))}
        for call, out in _calls_out(connection, some):
            told = tuple(line for first, one in _numbered(out)
                         if (line := _line(connection, site, call, one, placed.get(call.linkedid), first)) is not None)
            if told:
                made[call.linkedid] = told
    return made


def priced(line: LedgerLine, site: Site) -> LedgerLine:
    """The line by the tariffs of the site."""
    if not line.number and line.seconds:
        return replace(line, destination='', charged_seconds=0, amount=None, tariff=None, problem=NO_NUMBER)
    told = rate(line.number, line.at, line.seconds, site.prices, line.client, site.zone)
    return replace(line, destination=told.destination[:80], charged_seconds=told.charged_seconds, amount=told.amount, tariff=told.tariff,
                   problem=told.problem)


def _line(connection: Connection, site: Site, call: Any, out: TrunkCall, placed: Any, first: bool) -> LedgerLine | None:
    """What a call out is; None for one to an emergency number."""
    if out.dialled in site.emergency.numbers or (out.dialled is None and call.dialled in site.emergency.numbers):
        return None
    dialled = out.dialled or ('' if call.direction == 'in' or call.dialled == NO_EXTENSION else call.dialled) or ''
    line = LedgerLine(call.linkedid, out.position, out.at, None, call.folio, UNLINKED, e164(dialled) or '', '', out.seconds, 0, None, None,
                      out.channel)
    if out.by.startswith(MODEM):
        job = _sent_by(connection, line.number, out.at)
        line = replace(line, purpose=FAX, client=job.client, folio=job.folio) if job else line
    elif placed is not None and first:
        line = replace(line, purpose=placed.kind, client=placed.client, folio=placed.folio, number=placed.number)
    elif placed is not None:
        line = replace(line, purpose=TRANSFER, client=placed.client, folio=placed.folio)
    elif call.direction == 'in' and out.by:
        client = _client_of(connection, site, call)
        line = replace(line, purpose=TRANSFER, client=client) if client else line
    return priced(line, site)


def _client_of(connection: Connection, site: Site, call: Any) -> str | None:
    """Whose caller was sent on: by the line that he called, else by his folio."""
    line = site.lines.get(call.line or '')
    if line is not None:
        return line.client
    return connection.scalar(select(folios.c.client).where(folios.c.number == call.folio)) if call.folio else None


def _sent_by(connection: Connection, number: str, at: datetime) -> Any:
    """The fax whose call this is: HylaFAX calls a number once at a time, a call for each fax."""
    return connection.execute(select(fax_jobs.c.id, fax_jobs.c.client, folios.c.number.label('folio')).select_from(
        fax_attempts.join(fax_jobs, fax_jobs.c.id == fax_attempts.c.job_id).outerjoin(folios, folios.c.id == fax_jobs.c.folio_id)).where(
            fax_jobs.c.number == number, fax_attempts.c.at <= at, fax_attempts.c.at > at - MODEM_READY,
        ).order_by(fax_attempts.c.at.desc(), fax_attempts.c.id.desc()).limit(1)).first()


# --- the call log --------------------------------------------------------------------------------------------------------


def _calls_out(connection: Connection, linkedids: Sequence[str]) -> Iterator[tuple[Any, tuple[TrunkCall, ...]]]:
    """These calls, those that are over and left over a trunk, with what left."""
    legs: dict[str, list[tuple[int, Leg]]] = defaultdict(list)
    for leg in connection.execute(select(call_legs).where(call_legs.c.linkedid.in_(linkedids)).order_by(call_legs.c.position)):
        legs[leg.linkedid].append((leg.position, Leg(*(getattr(leg, name) for name in _LEG))))
    wanted = select(calls.c.linkedid, calls.c.direction, calls.c.line, calls.c.dialled, calls.c.folio).where(
        calls.c.linkedid.in_(linkedids), calls.c.ended.is_not(None)).order_by(calls.c.started, calls.c.linkedid)
    for call in connection.execute(wanted).all():
        out = trunk_calls(legs[call.linkedid], is_originated(call.direction, call.line, call.dialled))
        if out:
            yield call, out


def _numbered(out: Sequence[TrunkCall]) -> Iterator[tuple[bool, TrunkCall]]:
    """The calls out of one linkedid, the first one marked: whatever follows it was made of it. Two at one position never share a key."""
    taken: set[int] = set()
    for one in out:
        position = next(number for number in range(one.position, one.position + len(out) + 1) if number not in taken)
        taken.add(position)
        yield one is out[0], replace(one, position=position)


def _linkedids(connection: Connection, since: datetime, until: datetime) -> tuple[str, ...]:
    """The calls that may have lines in an interval, and those that have."""
    left = or_(call_legs.c.peer.startswith(TRUNK_CHANNEL, autoescape=True), and_(
        call_legs.c.channel.startswith(TRUNK_CHANNEL, autoescape=True),
        or_(calls.c.direction == 'out', and_(calls.c.line.is_(None), calls.c.dialled == NO_EXTENSION))))
    made = connection.scalars(select(calls.c.linkedid).join(call_legs, call_legs.c.linkedid == calls.c.linkedid).where(
        calls.c.started >= since - LONGEST_CALL, calls.c.started < until, left).distinct())
    known = connection.scalars(select(_C.linkedid).where(_C.at >= since, _C.at < until))
    return tuple(sorted({*made, *known}))


# --- the table -----------------------------------------------------------------------------------------------------------


def _store(connection: Connection, linkedids: Sequence[str], made: Mapping[str, Sequence[LedgerLine]], now: datetime) -> None:
    changes = _differences(_known(connection, linkedids), linkedids, made)
    new = [_columns(change.after) | {'rated_at': now} for change in changes if change.before is None and change.after is not None]
    if new:
        connection.execute(insert(outbound_ledger), new)
    for before, after in ((change.before, change.after) for change in changes):
        if before is not None and after is None:
            connection.execute(delete(outbound_ledger).where(_key(before)))
        elif before is not None and after is not None:
            connection.execute(update(outbound_ledger).where(_key(before)).values(_columns(after) | {'rated_at': now}))


def _differences(known: Mapping[tuple[str, int], LedgerLine], linkedids: Iterable[str],
                 made: Mapping[str, Sequence[LedgerLine]]) -> list[Difference]:
    wanted = {(line.linkedid, line.position): line for linkedid in linkedids for line in made.get(linkedid, ())}
    pairs = ((known.get(key), wanted.get(key)) for key in sorted({*known, *wanted}))
    return [Difference(before, after) for before, after in ((before, _without_number(before, after)) for before, after in pairs)
            if before != after and not (before is not None and before.is_frozen)]


def _without_number(before: LedgerLine | None, after: LedgerLine | None) -> LedgerLine | None:
    """What was rated by a number that the books have no more keeps its price."""
    erased = before is not None and after is not None and 'x' in after.number
    return replace(before, number=after.number) if erased and before is not None and after is not None else after


def _known(connection: Connection, linkedids: Sequence[str]) -> dict[tuple[str, int], LedgerLine]:
    return {(line.linkedid, line.position): line for some in _batches(linkedids, IN_AT_ONCE)
            for line in _lines(connection, _C.linkedid.in_(some))}


def _lines(connection: Connection, condition: ColumnElement[bool]) -> tuple[LedgerLine, ...]:
    wanted = select(*(_C[name] for name in _LINE)).where(condition).order_by(_C.at, _C.linkedid, _C.position)
    return tuple(LedgerLine(*row) for row in connection.execute(wanted))


def _key(line: LedgerLine) -> ColumnElement[bool]:
    return and_(_C.linkedid == line.linkedid, _C.position == line.position)


def _columns(line: LedgerLine) -> dict[str, Any]:
    return {name: getattr(line, name) for name in _LINE}


def _batches(things: Iterable[Any], size: int) -> Iterator[list[Any]]:
    remaining = iter(things)
    while batch := list(islice(remaining, size)):
        yield batch


# --- personal data -------------------------------------------------------------------------------------------------------


def lines_about(connection: Connection, mentions: Mentions, linkedids: Iterable[str]) -> tuple[LedgerLine, ...]:
    """The lines of these calls and of a person's telephones, oldest first."""
    conditions: list[ColumnElement[bool]] = [_C.number.in_(sorted(mentions.telephones))] if mentions.telephones else []
    conditions += [_C.linkedid.in_(some) for some in _batches(sorted(set(linkedids)), IN_AT_ONCE)]
    found = {(line.linkedid, line.position): line for condition in conditions for line in _lines(connection, condition)}
    return tuple(sorted(found.values(), key=lambda line: (line.at, line.linkedid, line.position)))


def erase_from_ledger(db: Database, mentions: Mentions, linkedids: Iterable[str]) -> int:
    """Let the numbers of a person's calls keep only their region; what they cost stays as it was rated. How many lines."""
    with db.write(PATIENCE_S) as connection:
        found = [line for line in lines_about(connection, mentions, linkedids) if line.number and 'x' not in line.number]
        for line in found:
            connection.execute(update(outbound_ledger).where(_key(line)).values(number=masked(line.number)))
        return len(found)
