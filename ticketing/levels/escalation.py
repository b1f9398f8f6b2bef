"""The escalation ladder: who is told when a folio's time runs out, each step once in its life (mission.md 4.5)."""
from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from config.values import Site
from storage.engine import Database, DatabaseUnavailable
from ticketing.folio_rows import add_entry, locked_folio
from ticketing.levels.clock import RESPOND, Clock, reached, target_s
from ticketing.levels.terms import Terms
from ticketing.levels.timing import Timed, read_timed, set_due_times
from ticketing.mail.outbox import Notice
from ticketing.notices import folio_facts, is_accused, release, send, supervisors
from ticketing.tables import escalations, folios
from ticketing.values import EntryKind, Folio, NotAllowed, TicketingError

log = logging.getLogger('mesa.escalation')
MOST_A_ROUND = 500
NOT_ANSWERED = ('agent', 'group', 'supervisor')        # who hears of a response that did not come in time


class UnknownEscalation(TicketingError):
    """The folio has no such step to acknowledge."""


@dataclass(frozen=True)
class DueStep:
    """A step that must be told; `due_at` is when it fell due, which may be long ago."""

    name: str
    due_at: datetime
    notify: tuple[str, ...]


@dataclass(frozen=True)
class Escalation:
    """A step that was told. Instants are aware UTC."""

    number: str
    step: str
    due_at: datetime
    fired_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None


def due_steps(clock: Clock, terms: Terms, fired: Collection[str], now: datetime) -> tuple[DueStep, ...]:
    """The steps that have fallen due and were not told, the first due first. Pure.

    None of a folio that is over; while one waits, only what was passed before, and a response that is owed.
    """
    if clock.next_look is None or clock.next_look > now:
        return ()
    steps: dict[str, DueStep] = {}
    if clock.respond_due is not None and clock.respond_due <= now:
        steps[RESPOND] = DueStep(RESPOND, clock.respond_due, NOT_ANSWERED)
    for rung in terms.ladder:
        target = target_s(rung, terms.resolve_s)
        if target <= clock.used_s:
            said_before = steps[rung.name].notify if rung.name in steps else ()        # two rungs at one height are one step
            steps[rung.name] = DueStep(rung.name, reached(clock.intervals, target, now), said_before + rung.notify)
    return tuple(sorted((step for step in steps.values() if step.name not in fired), key=lambda step: step.due_at))


def recipients(site: Site, folio: Folio, notify: Collection[str]) -> dict[str, str]:
    """Address -> who that is, each once; never the person complained of, nor a group that he is in (mission.md 4.1). Pure."""
    accused = {agent.email.casefold() for agent in site.agents.values() if agent.email and is_accused(folio, agent.login)}
    told: dict[str, str] = {}
    for role in notify:
        for address, who in _addresses(site, folio, role):
            if address and address.casefold() not in accused | {known.casefold() for known in told}:
                told[address] = who
    return told


def _addresses(site: Site, folio: Folio, role: str) -> Iterator[tuple[str, str]]:
    """Addresses behind a word of the ladder, each with what the timeline calls it."""
    client = site.clients.get(folio.report.client)
    agent = site.agents.get(folio.agent or '')
    group = client.groups.get(folio.resolver_group or '') if client else None
    if role == 'agent' and agent:
        yield agent.email, agent.login
    elif role == 'group' and group and not any(is_accused(folio, login) for login in group.agents):
        yield group.email, group.key
    elif role == 'supervisor':
        yield from ((one.email, one.login) for one in supervisors(site, folio))
    elif role == 'contact' and client and client.contact:
        yield client.contact.email, 'contacto del cliente'
    elif '@' in role:
        yield role, role


class Escalator:
    """Tells what falls due. Every method is one transaction a folio; a kill between two of them loses and repeats nothing."""

    def __init__(self, db: Database, site: Callable[[], Site]) -> None:
        self._db = db
        self._site = site
        self._failing: set[int] = set()                # each told in the log once

    def round(self, now: datetime) -> int:
        """Tell every step that is due, of all folios; how many. What fails on one folio is logged, and the others are served."""
        site = self._site()
        with self._db.read() as connection:
            ids = connection.scalars(
                select(folios.c.id).where(folios.c.next_look <= now).order_by(folios.c.next_look).limit(
                    MOST_A_ROUND + len(self._failing))).all()
        return sum(self._try_look(site, folio_id, now) for folio_id in ids)

    def acknowledge(self, number: str, step: str | None, by: str, now: datetime) -> tuple[str, ...]:
        """Somebody takes care of a step that was told, or (None) of all of the folio; the steps that nobody had acknowledged before.

        Raises UnknownFolio, UnknownEscalation when nothing of that name was told, and NotAllowed for the person complained of.
        """
        with self._db.write() as connection:
            folio_id, folio = locked_folio(connection, number)
            if is_accused(folio, by):
                raise NotAllowed(f'folio {number} is a complaint about {by}, who may not work on it')
            told: dict[str, datetime | None] = {row.step: row.acknowledged_at for row in connection.execute(
                select(escalations.c.step, escalations.c.acknowledged_at).where(escalations.c.folio_id == folio_id)
                .order_by(escalations.c.id))}
            if not told or (step is not None and step not in told):
                raise UnknownEscalation(f'folio {number} has no escalation {step or ""}'.rstrip() + (
                    f' (there are: {", ".join(told)})' if told else ': nothing was escalated'))
            open_ = tuple(name for name, at in told.items() if at is None and step in (None, name))
            connection.execute(update(escalations).values(acknowledged_at=now, acknowledged_by=by).where(
                escalations.c.folio_id == folio_id, escalations.c.step.in_(open_)))
            for name in open_:
                add_entry(connection, folio_id, EntryKind.ESCALATED, f'escalamiento «{in_spanish(name)}» atendido', by, now)
            return open_

    def list(self, number: str | None = None, acknowledged: bool | None = None, limit: int = 100) -> tuple[Escalation, ...]:
        """The steps that were told, the newest first; of one folio; only those (not) acknowledged."""
        c = escalations.c
        wanted = select(folios.c.number, c.step, c.due_at, c.fired_at, c.acknowledged_at, c.acknowledged_by).join_from(
            escalations, folios, c.folio_id == folios.c.id).order_by(c.id.desc()).limit(limit)
        if number is not None:
            wanted = wanted.where(folios.c.number == number)
        if acknowledged is not None:
            wanted = wanted.where(c.acknowledged_at.is_not(None) if acknowledged else c.acknowledged_at.is_(None))
        with self._db.read() as connection:
            return tuple(Escalation(*row) for row in connection.execute(wanted))

    def _try_look(self, site: Site, folio_id: int, now: datetime) -> int:
        try:
            told = self._look(site, folio_id, now)
        except DatabaseUnavailable:
            raise
        except Exception:
            if folio_id not in self._failing:
                log.exception('folio with id %s: its escalation failed; tried again and again, and not told any more', folio_id)
            self._failing.add(folio_id)
            return 0
        self._failing.discard(folio_id)
        return told

    def _look(self, site: Site, folio_id: int, now: datetime) -> int:
        with self._db.write() as connection:
            one = read_timed(connection, [folio_id], site, now, lock=True)[0]
            if one.terms is None or one.clock is None:
                set_due_times(connection, one)             # its line is not ours any more: nothing to look at
                return 0
            steps = due_steps(one.clock, one.terms, one.fired, now)
            for step in steps:
                _tell(connection, site, one, one.clock, one.terms, step, now)
            # Read again, with what was told: the next rung is looked at in its time.
            set_due_times(connection, read_timed(connection, [folio_id], site, now)[0])
            return len(steps)


def _tell(connection: Connection, site: Site, one: Timed, clock: Clock, terms: Terms, step: DueStep, now: datetime) -> None:
    """Store one step with its entry and its letters; with nobody to tell it is stored all the same."""
    told = recipients(site, one.folio, step.notify)
    connection.execute(insert(escalations).values(folio_id=one.id, step=step.name, due_at=step.due_at, fired_at=now))
    add_entry(connection, one.id, EntryKind.ESCALATED, entry_text(step, told, clock, terms), 'mesa', now)
    report, outside = one.folio.report, terms.policy.escalate_outside_hours
    due = step.due_at if step.name == RESPOND else clock.resolve_due or step.due_at        # what readers take it for: the folio's own time
    facts = folio_facts(one.folio, site) | {
        'step': step.name, 'used_s': clock.used_s, 'resolve_s': terms.resolve_s, 'due': due.isoformat()}
    send(connection, (
        Notice(key=f'escalation:{one.folio.number}:{step.name}:{_digest(address)}', name='escalation', recipient=address,
               client=report.client, folio_id=one.id, facts=facts, held=not outside)
        for address in told
    ), site, release(site, report.line, report.site, outside, now), now)


def entry_text(step: DueStep, told: dict[str, str], clock: Clock, terms: Terms) -> str:
    """What the timeline says of a step, in Spanish."""
    used = '' if step.name == RESPOND else f': {clock.used_s // 60} de {terms.resolve_s // 60} min de servicio usados'
    what = f'escalamiento «{in_spanish(step.name)}»{used}'
    return f'{what}; se avisa a {", ".join(told.values())}' if told else f'{what}; no hay a quién avisar'


def in_spanish(step: str) -> str:
    """What a step is called in a timeline."""
    return 'sin primera respuesta' if step == RESPOND else step


def _digest(address: str) -> str:
    """Short, since a key is: an address may be longer than the key."""
    return hashlib.sha256(address.casefold().encode()).hexdigest()[:16]
