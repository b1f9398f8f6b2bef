"""Problems: similar folios within a short time are a possible failure of many, and its progress is told to all (mission.md 4.9)."""
from __future__ import annotations

import hashlib
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, exists, func, insert, select, update

from config.values import Client, Site
from storage.engine import Database, DatabaseUnavailable
from ticketing import rules
from ticketing.folio_rows import FOLIO, folio_of
from ticketing.mail.outbox import Notice
from ticketing.notices import due_of, folio_facts, policy_for, release, send
from ticketing.tables import folio_entries, folios, problems
from ticketing.values import OPEN_STATES, EntryKind, Folio, IllegalMove, Kind, State, TicketingError
from ticketing.words import clean, clean_name

log = logging.getLogger('mesa.problems')
MESA = 'mesa'
LOOK_BACK = timedelta(days=1)                          # of the first round: how long a worker may have been away
SOLVED = 'El problema quedó solucionado.'
# What may be done to a problem, from which state to which. Everything else is refused by name.
LIFE: Mapping[str, Mapping[str, str]] = {
    'confirm': {'proposed': 'confirmed'},
    'progress': {'confirmed': 'confirmed'},
    'solve': {'confirmed': 'solved'},
    'reject': {'proposed': 'rejected', 'confirmed': 'rejected'},
}
STATES = ('proposed', 'confirmed', 'solved', 'rejected')
JOINABLE = ('proposed', 'confirmed')


class UnknownProblem(TicketingError):
    """No problem has this id."""


@dataclass(frozen=True)
class Problem:
    """A possible or confirmed failure of many, with the numbers of its folios. Instants are aware UTC."""

    id: int
    client: str
    category: str
    state: str
    title: str
    proposed_at: datetime
    changed_at: datetime
    by: str
    numbers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """A folio that may belong to a problem, or (`problem`) belongs to one."""

    id: int
    opened_at: datetime
    problem: int | None = None


@dataclass(frozen=True)
class Finding:
    """Folios that are one problem; `problem` is the one that they join, None for a new one."""

    problem: int | None
    folios: tuple[int, ...]


def find(candidates: Sequence[Found], members: Sequence[Found], count: int, within: timedelta) -> tuple[Finding, ...]:
    """What folios of one client and category tell (mission.md 4.9). Pure.

    Folios of which each was opened at most `within` after the one before are one row. A row that holds a folio of an open problem
    (`members`) joins it; any other is a new problem when `count` of its folios were opened within `within`.
    """
    findings: list[Finding] = []
    for row in _rows([*candidates, *members], within):
        new, known = tuple(one.id for one in row if one.problem is None), [one.problem for one in row if one.problem is not None]
        if new and (known or _crowded(row, count, within)):
            findings.append(Finding(known[-1] if known else None, new))
    return tuple(findings)


def _rows(found: Iterable[Found], within: timedelta) -> list[list[Found]]:
    rows: list[list[Found]] = []
    for one in sorted(found, key=lambda one: (one.opened_at, one.id)):
        if rows and one.opened_at - rows[-1][-1].opened_at <= within:
            rows[-1].append(one)
        else:
            rows.append([one])
    return rows


def _crowded(row: Sequence[Found], count: int, within: timedelta) -> bool:
    return count > 1 and any(last.opened_at - first.opened_at <= within for first, last in zip(row, row[count - 1:], strict=False))


class Problems:
    """All problems of one database. Every method that changes one is one transaction, and so is each finding of a round."""

    def __init__(self, db: Database, site: Callable[[], Site]) -> None:
        self._db = db
        self._site = site
        self._looked: datetime | None = None
        self._failing: set[tuple[str, str]] = set()    # each told in the log once

    def round(self, now: datetime) -> int:
        """Propose new problems and let folios join open ones; how many problems were touched. Raises DatabaseUnavailable.

        What fails for one client and category is logged, the others are served, and the next round looks at the same time again.
        """
        site = self._site()
        since = now - LOOK_BACK if self._looked is None else max(min(self._looked, now), now - LOOK_BACK)
        with self._db.read() as connection:
            suspects = _suspects(connection, site, since, now)
        touched = [self._try_settle(site, client, category, since, now) for client, category in suspects]
        if None not in touched:
            self._looked = now
        return sum(filter(None, touched))

    def _try_settle(self, site: Site, client: str, category: str, since: datetime, now: datetime) -> int | None:
        """As `_settle`; None when it failed."""
        try:
            touched = self._settle(site, client, category, since, now)
        except DatabaseUnavailable:
            raise
        except Exception:
            if (client, category) not in self._failing:
                log.exception('similar folios of %s, %s: tried again and again, and not told any more', client, category)
            self._failing.add((client, category))
            return None
        self._failing.discard((client, category))
        return touched

    def confirm(self, problem_id: int, by: str, now: datetime) -> Problem:
        """The second level takes it for a failure. Raises UnknownProblem, IllegalMove."""
        return self._move(problem_id, 'confirm', 'confirmado', by, now)

    def reject(self, problem_id: int, reason: str, by: str, now: datetime) -> Problem:
        """It is none: its folios are released, and none of them is ever part of a proposal again. Raises UnknownProblem, IllegalMove."""
        return self._move(problem_id, 'reject', f'descartado, sin falla común: {rules.words(reason, "the reason")}', by, now)

    def progress(self, problem_id: int, text: str, by: str, now: datetime) -> Problem:
        """Tell every affected user how it goes, each once; where nobody had answered yet, this is the response.

        Letters wait for opening hours. Raises UnknownProblem, and IllegalMove for one that was not confirmed.
        """
        return self._move(problem_id, 'progress', 'avance', by, now, rules.words(text, 'the text'))

    def solve(self, problem_id: int, by: str, now: datetime, text: str = '') -> Problem:
        """The failure is over, and every affected user is told. The folios are resolved each by itself. Raises as `progress`."""
        return self._move(problem_id, 'solve', 'solucionado', by, now, clean(text) or SOLVED)

    def get(self, problem_id: int) -> Problem:
        """One problem with its folios. Raises UnknownProblem."""
        with self._db.read() as connection:
            return _problem(connection, problem_id)

    def list(self, client: str | None = None, state: str | None = None, limit: int = 100) -> tuple[Problem, ...]:
        """Problems, the newest first, with their folios."""
        wanted = select(problems.c.id).order_by(problems.c.id.desc()).limit(limit)
        for column, value in ((problems.c.client, client), (problems.c.state, state)):
            wanted = wanted if value is None else wanted.where(column == value)
        with self._db.read() as connection:
            return tuple(_problem(connection, problem_id) for problem_id in connection.scalars(wanted).all())

    def _settle(self, site: Site, client: str, category: str, since: datetime, now: datetime) -> int:
        """Store what the folios of one client and category tell; looked at again under the lock, so that nothing is proposed twice."""
        with self._db.write() as connection:
            self._db.lock(connection, 'problems')
            findings = _findings(connection, site.clients[client], category, since, now)
            for finding in findings:
                problem_id = finding.problem or _propose(connection, site, site.clients[client], category, finding, now)
                _join(connection, problem_id, finding.folios, now)
            return len(findings)

    def _move(self, problem_id: int, move: str, entry: str, by: str, now: datetime, told: str = '') -> Problem:
        site, by = self._site(), clean_name(by)
        with self._db.write() as connection:
            self._db.lock(connection, 'problems')
            problem = _problem(connection, problem_id)
            reached = LIFE[move].get(problem.state)
            if reached is None:
                possible = ', '.join(name for name in LIFE if problem.state in LIFE[name]) or 'nothing'
                raise IllegalMove(f'problem {problem_id} is {problem.state}: {move} is not possible now (possible: {possible})')
            at = max(now, problem.changed_at + timedelta(microseconds=1))          # part of the letters' keys
            connection.execute(update(problems).where(problems.c.id == problem_id).values(state=reached, changed_at=at, by=by))
            affected = _affected(connection, problem_id)
            _enter(connection, [folio_id for folio_id, _ in affected], f'{entry}: {told}' if told else entry, problem_id, by, now)
            if told:
                _tell(connection, site, replace(problem, changed_at=at), affected, told, now)
            if reached == 'rejected':
                connection.execute(update(folios).where(folios.c.problem_id == problem_id).values(problem_id=None))
            return _problem(connection, problem_id)


def _candidates(since: datetime, now: datetime) -> Any:
    """Folios that may be part of a proposal: with a category, in no problem now or ever, neither cancelled nor a complaint."""
    was_in_one = exists().where(folio_entries.c.folio_id == folios.c.id, folio_entries.c.kind == EntryKind.PROBLEM.value)
    return select(folios.c.id, folios.c.client, folios.c.category, folios.c.opened_at).where(
        folios.c.opened_at > since, folios.c.opened_at <= now, folios.c.category.is_not(None), folios.c.problem_id.is_(None),
        folios.c.state != State.CANCELLED.value, folios.c.kind != Kind.COMPLAINT.value, ~was_in_one)


def _window(client: Client) -> timedelta:
    return timedelta(minutes=client.policy.problem_minutes)


def _suspects(connection: Connection, site: Site, since: datetime, now: datetime) -> list[tuple[str, str]]:
    """The clients and categories in which something must be settled; nothing is locked."""
    longest = max((_window(client) for client in site.clients.values()), default=timedelta(0))
    groups: dict[tuple[str, str], int] = defaultdict(int)
    for row in connection.execute(_candidates(since - 2 * longest, now)):
        groups[row.client, row.category] += 1
    return [(client, category) for client, category in groups
            if client in site.clients and _findings(connection, site.clients[client], category, since, now)]


def _findings(connection: Connection, client: Client, category: str, since: datetime, now: datetime) -> tuple[Finding, ...]:
    """What the folios opened since (and a little before, for a category may be chosen later) tell."""
    within = _window(client)
    rows = connection.execute(_candidates(since - 2 * within, now).where(folios.c.client == client.key, folios.c.category == category))
    candidates = [Found(row.id, row.opened_at) for row in rows]
    members = connection.execute(select(folios.c.id, folios.c.opened_at, folios.c.problem_id).join_from(
        problems, folios, problems.c.id == folios.c.problem_id).where(
        problems.c.client == client.key, problems.c.category == category, problems.c.state.in_(JOINABLE),
        folios.c.opened_at > since - 3 * within)) if candidates else ()
    return find(candidates, [Found(*row) for row in members], client.policy.problem_folios, within)


def _propose(connection: Connection, site: Site, client: Client, category: str, finding: Finding, now: datetime) -> int:
    """Store a new problem and tell the supervisors; its id."""
    titles = {one.name: one.title for one in client.categories}
    title = titles.get(category, category)
    problem_id = int(connection.execute(insert(problems).values(
        client=client.key, category=category, state='proposed', title=title, proposed_at=now, changed_at=now, by=MESA,
    ).returning(problems.c.id)).scalar_one())
    found = _read(connection, folios.c.id.in_(finding.folios))
    first_id, first = found[0]
    outside = policy_for(site, first).escalate_outside_hours
    facts = folio_facts(first, site) | {
        'problem_id': problem_id, 'title': title, 'numbers': [folio.number for _, folio in found]}
    send(connection, (
        Notice(key=f'problem_proposed:{problem_id}:{_digest(address)}', name='problem_proposed', recipient=address,
               client=client.key, folio_id=first_id, facts=facts, held=not outside)
        for address in second_level(site, client)
    ), site, release(site, first.report.line, first.report.site, outside, now), now)
    return problem_id


def second_level(site: Site, client: Client) -> tuple[str, ...]:
    """The addresses of who hears of a possible failure: the supervisors, and the client's resolver groups of ours (mission.md 4.9)."""
    supervisors = (agent.email for agent in site.agents.values() if agent.supervisor)
    groups = (group.email for group in client.groups.values() if group.internal)
    return tuple(dict.fromkeys(address for address in (*supervisors, *groups) if address))


def _join(connection: Connection, problem_id: int, ids: Sequence[int], now: datetime) -> None:
    connection.execute(update(folios).where(folios.c.id.in_(ids)).values(problem_id=problem_id))
    _enter(connection, ids, 'posible falla detectada', problem_id, MESA, now)


def _enter(connection: Connection, ids: Sequence[int], text: str, problem_id: int, by: str, now: datetime) -> None:
    if ids:
        connection.execute(insert(folio_entries), [
            {'folio_id': folio_id, 'at': now, 'kind': EntryKind.PROBLEM.value, 'by': by, 'text': f'problema {problem_id}: {text}'}
            for folio_id in ids])


def _tell(connection: Connection, site: Site, problem: Problem, affected: Sequence[tuple[int, Folio]], text: str, now: datetime) -> None:
    """A letter to each affected user, about his newest folio; it answers those whom nobody had answered.

    Their next look is left: the escalation finds then that nothing is owed any more, and stores the true one.
    """
    users = {folio.report.user_email.casefold(): (folio_id, folio) for folio_id, folio in affected if folio.report.user_email}
    for address, (folio_id, folio) in users.items():
        facts = folio_facts(folio, site) | {'problem_id': problem.id, 'title': problem.title, 'text': text}
        send(connection, [Notice(
            key=f'problem_progress:{problem.id}:{problem.changed_at.timestamp():.6f}:{_digest(address)}', name='problem_progress',
            recipient=folio.report.user_email or address, client=problem.client, folio_id=folio_id, facts=facts,
            held=not policy_for(site, folio).notify_outside_hours)], site, due_of(site, folio, now), now)
    told = [folio_id for folio_id, folio in affected if folio.report.user_email]
    connection.execute(update(folios).where(
        folios.c.id.in_(told), folios.c.responded_at.is_(None), folios.c.state.in_(OPEN_STATES)).values(responded_at=now))


def _affected(connection: Connection, problem_id: int) -> list[tuple[int, Folio]]:
    """The problem's folios but those that were cancelled, by id."""
    return _read(connection, (folios.c.problem_id == problem_id) & (folios.c.state != State.CANCELLED.value))


def _read(connection: Connection, condition: Any) -> list[tuple[int, Folio]]:
    rows = connection.execute(FOLIO.add_columns(folios.c.id).where(condition).order_by(folios.c.id))
    return [(int(row.id), folio_of(row)) for row in rows]


def _problem(connection: Connection, problem_id: int) -> Problem:
    row: Row[Any] | None = connection.execute(select(problems).where(problems.c.id == problem_id)).first()
    if row is None:
        last = connection.scalar(select(func.max(problems.c.id)))
        raise UnknownProblem(f'there is no problem {problem_id}' + (f' (the newest is {last})' if last else ': none was ever proposed'))
    numbers = connection.scalars(select(folios.c.number).where(folios.c.problem_id == problem_id).order_by(folios.c.id))
    return Problem(**row._mapping, numbers=tuple(numbers))


def _digest(address: str) -> str:
    """Short, since a key is: an address may be longer than the key."""
    return hashlib.sha256(address.casefold().encode()).hexdigest()[:16]
