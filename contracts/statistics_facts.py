"""What the statistics of folios are counted from, read from the books: one short row for each thing that happened (mission.md 7.5).

Each has `at`, which decides its interval, and `category`, '' where it has none. For use inside a transaction.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from ami_listener.call_figures import LONGEST
from ami_listener.tables import calls, presence_history
from config.values import Modality, Site
from contracts.wrap_ups import Noted, Talk, WrapUp, wrap_ups
from fax.outgoing.job_tables import fax_jobs
from fax.tables import faxes
from ticketing.closing.rows import KIND as CLOSE_CALL
from ticketing.levels.terms import Terms, terms_of
from ticketing.levels.used import OpenTime, used_s
from ticketing.tables import call_backs, call_notes, close_calls, escalations, folio_changes, folios, messages_in, outbound_calls, problems
from ticketing.values import Intake, Move, State

WRAP_UP_AFTER = LONGEST                                # wrap-ups are noted after their call
ENDS = (Move.CONFIRM.value, Move.CLOSE.value, Move.CANCEL.value, Move.REOPEN.value, Move.RESOLVE.value)


class FolioOpened(NamedTuple):
    """A folio that was opened."""

    at: datetime
    category: str
    modality: str
    kind: str
    priority: str
    origin: str
    unlisted: bool
    abandoned: bool
    duplicate: bool
    cancelled: bool
    respond_due: datetime | None
    responded_at: datetime | None


class FolioMoved(NamedTuple):
    """A folio was resolved, confirmed, closed, cancelled or reopened. `score`: the survey's, of a confirmation."""

    at: datetime
    category: str
    move: str
    score: int | None


class FolioResolved(NamedTuple):
    """A folio's present resolution. `kept`: whether it came in time; None: the site in force has no terms for it."""

    at: datetime
    category: str
    priority: str
    first_contact: bool
    kept: bool | None


class Answered(NamedTuple):
    """A party said whether it is solved."""

    at: datetime
    category: str
    state: str
    via: str


class Told(NamedTuple):
    """Anything else that is only counted, by one word."""

    at: datetime
    category: str
    what: str


class FaxIn(NamedTuple):
    """A fax that came in."""

    at: datetime
    category: str
    state: str
    pages: int
    pages_delivered: int


class FaxOut(NamedTuple):
    """A fax that we were asked to send."""

    at: datetime
    category: str
    state: str
    pages_sent: int


@dataclass(frozen=True)
class Facts:
    """Everything of an interval but the telephone's own figures, each list in no order."""

    opened: Sequence[FolioOpened]
    moved: Sequence[FolioMoved]
    resolved: Sequence[FolioResolved]
    answers: Sequence[Answered]
    attempts: Sequence[Told]
    escalated: Sequence[Told]
    unlisted_calls: Sequence[Told]
    messages: Sequence[Told]
    call_backs: Sequence[Told]
    faxes_in: Sequence[FaxIn]
    faxes_out: Sequence[FaxOut]
    problems: Sequence[Told]


NO_FACTS = Facts(*((),) * 12)


@dataclass(frozen=True)
class Whose:
    """Of which client and modality; None: of all. `lines`: theirs (E.164), by the site in force."""

    client: str | None
    modality: str | None
    lines: frozenset[str] | None

    def folio(self) -> list[ColumnElement[bool]]:
        """That a folio is theirs."""
        wanted = ((folios.c.client, self.client), (folios.c.modality, self.modality))
        return [column == value for column, value in wanted if value is not None]

    def line(self, column: ColumnElement[Any]) -> list[ColumnElement[bool]]:
        """That a line is theirs."""
        return [] if self.lines is None else [column.in_(sorted(self.lines))]


def whose(site: Site, client: str | None, modality: str | None) -> Whose:
    """Whose figures are asked for."""
    if client is None and modality is None:
        return Whose(None, None, None)
    return Whose(client, modality, frozenset(
        line.number for line in site.lines.values() if client in (None, line.client) and modality in (None, line.modality.value)))


def read_facts(connection: Connection, site: Site, since: datetime, until: datetime, who: Whose) -> Facts:
    """All that is counted in [since, until)."""
    return Facts(
        opened=_opened(connection, since, until, who), moved=_moved(connection, since, until, who),
        resolved=_resolved(connection, site, since, until, who),
        answers=_answers(connection, since, until, who), attempts=_attempts(connection, since, until, who),
        escalated=_escalated(connection, since, until, who), unlisted_calls=_unlisted_calls(connection, since, until, who),
        messages=_messages(connection, since, until, who), call_backs=_call_backs(connection, since, until, who),
        faxes_in=_faxes_in(connection, since, until, who), faxes_out=_faxes_out(connection, since, until, who),
        problems=_problems(connection, since, until, who))


def read_wrap_ups(connection: Connection, site: Site, since: datetime, until: datetime, who: Whose, queue: str | None) -> list[WrapUp]:
    """The wrap-ups after the calls that were offered in [since, until)."""
    h, c = presence_history.c, calls.c
    # All agents' states and conversations: what ends a wrap-up may be another client's call.
    noted = [Noted(row.login, row.at, row.what, row.detail if row.what == 'wrap_up' else '') for row in connection.execute(
        select(h.login, h.at, h.what, h.detail).where(h.at >= since, h.at < until + WRAP_UP_AFTER).order_by(h.at, h.id)).all()]
    if not noted:
        return []
    talks = [Talk(*row) for row in connection.execute(
        select(c.agent, c.agent_answered, c.talk_s, c.joined, c.line, c.queue).where(
            c.started >= since - LONGEST, c.started < until + WRAP_UP_AFTER, c.agent.is_not(None), c.agent_answered.is_not(None))).all()]
    seconds = {name: definition.wrapup_seconds for name, definition in site.queues.items()}
    return [one for one in wrap_ups(noted, talks, lambda name: seconds.get(name, 0))
            if one.talk.joined is not None and since <= one.talk.joined < until and queue in (None, one.talk.queue)
            and (who.lines is None or one.talk.line in who.lines)]


def _opened(connection: Connection, since: datetime, until: datetime, who: Whose) -> list[FolioOpened]:
    f = folios.c
    return [FolioOpened(*row) for row in connection.execute(select(
        f.opened_at, func.coalesce(f.category, ''), f.modality, f.kind, f.priority, f.origin, f.unlisted, f.abandoned_at.is_not(None),
        f.duplicate_of.is_not(None), f.state == State.CANCELLED.value, f.respond_due, f.responded_at,
    ).where(f.opened_at >= since, f.opened_at < until, *who.folio()))]


class _Resolution(NamedTuple):
    """What the service level of a resolution is judged by."""

    id: int
    at: datetime
    category: str
    opened_at: datetime
    clock_starts: datetime
    line: str
    site: str | None
    priority: str
    first_contact: bool


def _moved(connection: Connection, since: datetime, until: datetime, who: Whose) -> list[FolioMoved]:
    """Every move that ends, resolves or reopens a folio."""
    f, c = folios.c, folio_changes.c
    return [FolioMoved(*row) for row in connection.execute(select(
        c.at, func.coalesce(f.category, ''), c.move, f.score).join_from(folio_changes, folios, c.folio_id == f.id).where(
        c.at >= since, c.at < until, c.move.in_(ENDS), *who.folio())).all()]


def _resolved(connection: Connection, site: Site, since: datetime, until: datetime, who: Whose) -> list[FolioResolved]:
    """The resolutions that stand, each by the clock of its folio: the same arithmetic as while it was open (mission.md 4.5)."""
    f, c = folios.c, folio_changes.c
    made = (c.at >= since, c.at < until, c.move == Move.RESOLVE.value, *who.folio())
    # By id: a clock that stands still (demos) may give two resolutions of a folio one time.
    found = {row.id: _Resolution(*row) for row in connection.execute(select(
        f.id, f.resolved_at, func.coalesce(f.category, ''), f.opened_at, f.clock_starts, f.line, f.site, f.priority, f.first_contact,
    ).join_from(folio_changes, folios, c.folio_id == f.id).where(*made, f.resolved_at == c.at)).all()}
    if not found:
        return []
    changes: dict[int, list[tuple[datetime, str]]] = defaultdict(list)
    every = folio_changes.alias().c
    resolved = select(c.folio_id).join(folios, f.id == c.folio_id).where(*made)
    for folio_id, at, state in connection.execute(
            select(every.folio_id, every.at, every.to_state).where(every.folio_id.in_(resolved)).order_by(every.id)).all():
        changes[folio_id].append((at, state))
    judge = _Judge(site, min(one.opened_at for one in found.values()), until)
    return [FolioResolved(one.at, one.category, one.priority, one.first_contact, judge.kept(one, changes[one.id]))
            for one in found.values()]


class _Judge:
    """Whether folios were resolved in time; each calendar's open time is added up once."""

    def __init__(self, site: Site, since: datetime, until: datetime) -> None:
        self._site = site
        self._since = since
        self._until = until
        self._terms: dict[tuple[str, str | None, str, date], Terms | None] = {}
        self._open_times: dict[str, OpenTime] = {}

    def kept(self, one: _Resolution, changes: Sequence[tuple[datetime, str]]) -> bool | None:
        key = (one.line, one.site, one.priority, one.opened_at.astimezone(self._site.zone).date())
        if key not in self._terms:
            self._terms[key] = terms_of(self._site, one.line, one.site, one.priority, one.opened_at)
        terms = self._terms[key]
        return None if terms is None else used_s(one.opened_at, one.clock_starts, changes, self._open_time(terms)) <= terms.resolve_s

    def _open_time(self, terms: Terms) -> OpenTime:
        if terms.calendar.name not in self._open_times:
            self._open_times[terms.calendar.name] = OpenTime(terms.calendar, terms.holidays, self._since, self._until)
        return self._open_times[terms.calendar.name]


def _answers(connection: Connection, since: datetime, until: datetime, who: Whose) -> list[Answered]:
    f, c = folios.c, close_calls.c
    return [Answered(*row) for row in connection.execute(
        select(c.answered_at, func.coalesce(f.category, ''), c.state, func.coalesce(c.answered_via, '')).join_from(
            close_calls, folios, c.folio_id == f.id).where(
            c.answered_at >= since, c.answered_at < until, c.state.in_(('confirmed', 'refused')), *who.folio()))]


def _attempts(connection: Connection, since: datetime, until: datetime, who: Whose) -> list[Told]:
    f, c = folios.c, outbound_calls.c
    clients = [] if who.client is None else [c.client == who.client]
    return _told(connection, select(c.started_at, func.coalesce(f.category, ''), func.coalesce(c.outcome, '')).join_from(
        outbound_calls, folios, c.folio_id == f.id).where(
        c.started_at >= since, c.started_at < until, c.kind == CLOSE_CALL, *clients, *who.folio()))


def _escalated(connection: Connection, since: datetime, until: datetime, who: Whose) -> list[Told]:
    f, c = folios.c, escalations.c
    return _told(connection, select(c.fired_at, func.coalesce(f.category, ''), c.step).join_from(
        escalations, folios, c.folio_id == f.id).where(c.fired_at >= since, c.fired_at < until, *who.folio()))


def _unlisted_calls(connection: Connection, since: datetime, until: datetime, who: Whose) -> list[Told]:
    """Calls whose folio is marked, and calls without a folio whose caller nobody knew."""
    c = calls.c
    came_in = (c.started >= since, c.started < until, c.direction == 'in', *who.line(c.line))
    marked = select(c.started, func.coalesce(folios.c.category, ''), c.linkedid).join_from(
        calls, folios, folios.c.number == c.folio).where(*came_in, folios.c.unlisted)
    unknown = select(c.started, c.linkedid).join_from(calls, call_notes, call_notes.c.linkedid == c.linkedid).where(
        *came_in, c.folio.is_(None), call_notes.c.employee_number.is_(None))
    return [*_told(connection, marked), *(Told(row.started, '', row.linkedid) for row in connection.execute(unknown))]


def _messages(connection: Connection, since: datetime, until: datetime, who: Whose) -> list[Told]:
    """Letters of the unlisted. One that waits to be verified has no folio, and so no modality."""
    f, c = folios.c, messages_in.c
    theirs = and_(c.outcome.in_((Intake.OPENED.value, Intake.JOINED.value)), f.unlisted, *who.folio())
    waits = and_(c.outcome == Intake.TO_VERIFY.value, *([] if who.client is None else [c.client == who.client]))
    return _told(connection, select(c.received_at, func.coalesce(f.category, ''), c.outcome).select_from(
        messages_in.outerjoin(folios, c.folio_id == f.id)).where(
        c.received_at >= since, c.received_at < until, theirs if who.modality is not None else or_(theirs, waits)))


def _call_backs(connection: Connection, since: datetime, until: datetime, who: Whose) -> list[Told]:
    c = call_backs.c
    return _told(connection, select(c.asked_at, c.linkedid, c.state).where(
        c.asked_at >= since, c.asked_at < until, *([] if who.client is None else [c.client == who.client]), *who.line(c.line)), category='')


def _faxes_in(connection: Connection, since: datetime, until: datetime, who: Whose) -> list[FaxIn]:
    c = faxes.c
    if who.modality not in (None, Modality.FAX.value):
        return []
    theirs = [] if who.client is None else [c.client == who.client]
    return [FaxIn(row.received_at, '', row.state, row.pages or 0, row.sent_pages or 0) for row in connection.execute(
        select(c.received_at, c.state, c.pages, c.sent_pages).where(c.received_at >= since, c.received_at < until, *theirs))]


def _faxes_out(connection: Connection, since: datetime, until: datetime, who: Whose) -> list[FaxOut]:
    c = fax_jobs.c
    if who.modality not in (None, Modality.FAX.value):
        return []
    theirs = [] if who.client is None else [c.client == who.client]
    return [FaxOut(row.created_at, '', row.state, row.pages_sent) for row in connection.execute(
        select(c.created_at, c.state, c.pages_sent).where(c.created_at >= since, c.created_at < until, *theirs))]


def _problems(connection: Connection, since: datetime, until: datetime, who: Whose) -> list[Told]:
    """A problem has no modality: asked for one, there are none."""
    c = problems.c
    if who.modality is not None:
        return []
    return _told(connection, select(c.proposed_at, c.category, c.state).where(
        c.proposed_at >= since, c.proposed_at < until, *([] if who.client is None else [c.client == who.client])))


def _told(connection: Connection, wanted: Select[Any], category: str | None = None) -> list[Told]:
    return [Told(at, of if category is None else category, what) for at, of, what in connection.execute(wanted)]
