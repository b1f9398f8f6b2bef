"""The close calls of resolved folios: attempts stored before they are dialled, answers, and what follows silence (mission.md 4.7).

`LifeCycle.resolve` makes the rows. Nothing here dials: `take` stores an attempt and hands it out, `ended` takes in how it went.
"""
from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select, update
from sqlalchemy.exc import IntegrityError

from config.contract import way_out
from config.values import Override, Site
from storage.engine import Database
from ticketing.closing.rows import (
    IS_PENDING,
    KIND,
    Attempt,
    UnknownCloseCall,
    facts_of,
    is_pending,
    locked_call,
    placed_call,
    set_columns,
    store_attempt,
    store_outcome,
    write_letter,
)
from ticketing.closing.steps import Call, GiveUp, SendLetter, Wait, after_attempt, hours_of, next_step, number_to_call, spaced
from ticketing.folio_rows import FOLIO, add_entry, folio_of, id_of, locked_folio
from ticketing.lifecycle import LifeCycle
from ticketing.notices import policy_for
from ticketing.spanish import CALLED, of_party
from ticketing.tables import close_calls, folios, outbound_calls
from ticketing.values import EntryKind, Folio, IllegalMove

log = logging.getLogger(__name__)
LOCK = 'close calls'
NOT_SOLVED = 'En la llamada de verificación se respondió que no quedó resuelto.'      # the user reads it
ANOTHER_DAY = timedelta(days=1)
Overrides = Callable[[datetime], tuple[Override, ...]]


@dataclass(frozen=True)
class Question:
    """What the conversation is about. `pending`: the folio still waits for this answer."""

    close_call_id: int
    folio: Folio
    party: str
    pending: bool


@dataclass(frozen=True)
class Waiting:
    """A close call that is not answered yet, for people to see. Instants are aware UTC."""

    number: str
    client: str
    party: str
    state: str
    attempts: int
    next_at: datetime | None
    deadline: datetime | None


@dataclass(frozen=True)
class Made:
    """A call that was placed. `outcome` is None while nothing is known; instants are aware UTC."""

    linkedid: str
    number: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None


class CloseCalls:
    """All close calls of one database. Every method is at most one transaction of its own and raises DatabaseUnavailable."""

    def __init__(self, db: Database, lifecycle: LifeCycle, site: Callable[[], Site], overrides: Overrides) -> None:
        """`site` is the one in force, `overrides` those in force at an instant."""
        self._db = db
        self._lifecycle = lifecycle
        self._site = site
        self._overrides = overrides

    # --- attempts ------------------------------------------------------------------------------------------------

    def due(self, now: datetime, limit: int = 50, only_mailed: bool = False) -> tuple[int, ...]:
        """The ids of close calls for which something may be done now, the longest due first; `only_mailed`: whose letter's time is up."""
        c = close_calls.c
        wanted = c.state == 'mailed' if only_mailed else c.state != 'calling'
        with self._db.read() as connection:
            return tuple(connection.scalars(select(c.id).where(
                IS_PENDING, wanted, c.next_at <= now).order_by(c.next_at, c.id).limit(limit)))

    def take(self, close_call_id: int, now: datetime, may_call: bool = True) -> Attempt | None:
        """Do what is next: store an attempt and answer it for the dialer, or write the letter, wait, or close the folio unverified.

        Without `may_call` one that should be called stays as it is, to be taken later.
        """
        try:
            with self._db.write() as connection:
                self._db.lock(connection, LOCK)        # the limits of an hour are counted by one at a time
                done = self._step(connection, close_call_id, now, may_call)
        except IntegrityError:                         # somebody else calls this number since a moment ago
            return None
        if isinstance(done, Folio):
            self._close(done.number, now)
            return None
        return done

    def in_flight(self) -> tuple[str, ...]:
        """The linkedids of close calls that were placed and of which no end is known."""
        c = outbound_calls.c
        with self._db.read() as connection:
            # By number, which is the order of the index of what is in flight: another one would read all that ever was.
            going_on = connection.execute(select(c.linkedid, c.kind).where(c.ended_at.is_(None)).order_by(c.number))
            return tuple(call.linkedid for call in going_on if call.kind == KIND)

    def ended(self, linkedid: str, outcome: str, now: datetime) -> bool:
        """Take in how a placed call ended; an answer that was stored during it comes first. False when that is known already.

        `outcome`: 'busy', 'no_answer', 'failed', 'lost' (nobody knows: it counts as an attempt), or 'hung_up' after it was answered.
        """
        with self._db.write() as connection:
            placed = placed_call(connection, linkedid)
            if placed is None or placed.ended_at is not None:
                return False
            _, folio, row = locked_call(connection, placed.owner_id)
            final = row.state if row.answered_via == 'call' else placed.outcome or ('failed' if outcome == 'hung_up' else outcome)
            connection.execute(update(outbound_calls).where(outbound_calls.c.id == placed.id).values(ended_at=now, outcome=final))
            add_entry(connection, placed.folio_id, EntryKind.CLOSE_CALL, f'llamada {linkedid}: {CALLED.get(final, final)}', 'mesa', now)
            if row.state == 'calling':
                self._go_on(connection, row, folio, final, now)
            return True

    # --- answers -------------------------------------------------------------------------------------------------

    def asked(self, close_call_id: int, linkedid: str, now: datetime) -> Question:
        """He has answered the telephone: what to ask him. From now on a call without a key is 'no_key'. Raises UnknownCloseCall."""
        with self._db.write() as connection:
            placed = placed_call(connection, linkedid)
            if placed is None or placed.owner_id != close_call_id:
                raise UnknownCloseCall(f'close call {close_call_id} made no call {linkedid}')
            _, folio, row = locked_call(connection, close_call_id)
            store_outcome(connection, linkedid, 'no_key')
            return Question(close_call_id, folio, row.party, is_pending(folio, row))

    def confirmed(self, question: Question, linkedid: str, now: datetime) -> bool:
        """He pressed that it is solved; False when the folio changed meanwhile."""
        if not self._still_pending(question.close_call_id):
            return False
        try:
            self._lifecycle.confirm(question.folio.number, by=question.party, via='call', now=now, party=question.party)
        except IllegalMove:
            return False
        self._keep(question, linkedid, 'confirmed')
        return True

    def refused(self, question: Question, linkedid: str, now: datetime) -> bool:
        """He pressed that it is not solved: reopened; False when the folio changed meanwhile."""
        if not self._still_pending(question.close_call_id):
            return False
        try:
            self._lifecycle.reopen(question.folio.number, reason=NOT_SOLVED, by=question.party, now=now, via='call')
        except IllegalMove:
            return False
        self._keep(question, linkedid, 'refused')
        return True

    def later(self, question: Question, linkedid: str) -> None:
        """He wants to be called another time, which is no attempt in vain."""
        self._keep(question, linkedid, 'later')

    def scored(self, question: Question, score: int, now: datetime) -> None:
        """Keep his answer to the survey, 1 to 5."""
        with self._db.write() as connection:
            folio_id, folio = locked_folio(connection, question.folio.number)
            set_columns(connection, question.close_call_id, score=score)
            if question.party == 'user' or folio.score is None:
                connection.execute(update(folios).where(folios.c.id == folio_id).values(score=score))
            add_entry(connection, folio_id, EntryKind.SURVEY, f'calificación {of_party(question.party)}: {score} de 5', question.party, now)

    # --- people --------------------------------------------------------------------------------------------------

    def waiting(self, number: str | None = None, client: str | None = None, limit: int = 1000) -> tuple[Waiting, ...]:
        """The close calls that are not answered yet, the next first; those of one folio, of one client, or all."""
        c = close_calls.c
        wanted = select(folios.c.number, c.client, c.party, c.state, c.attempts, c.next_at, c.deadline).join(
            folios, folios.c.id == c.folio_id).where(IS_PENDING).order_by(c.next_at, c.id).limit(limit)
        for column, value in ((folios.c.number, number), (c.client, client)):
            if value is not None:
                wanted = wanted.where(column == value)
        with self._db.read() as connection:
            return tuple(Waiting(*row) for row in connection.execute(wanted))

    def made(self, number: str) -> tuple[Made, ...]:
        """Every call that was placed to have a folio confirmed, oldest first. Raises UnknownFolio."""
        o = outbound_calls.c
        with self._db.read() as connection:
            wanted = select(o.linkedid, o.number, o.started_at, o.ended_at, o.outcome).where(
                o.kind == KIND, o.owner_id.in_(select(close_calls.c.id).where(close_calls.c.folio_id == id_of(connection, number))))
            return tuple(Made(*row) for row in connection.execute(wanted.order_by(o.id)))

    def hurry(self, number: str, now: datetime) -> int:
        """Let a folio's close calls wait no longer than for open hours and limits; how many. Raises UnknownFolio."""
        with self._db.write() as connection:
            folio_id, _ = locked_folio(connection, number)
            done = connection.execute(update(close_calls).where(
                close_calls.c.folio_id == folio_id, close_calls.c.state == 'waiting').values(next_at=now))
            return int(done.rowcount)

    # --- steps ---------------------------------------------------------------------------------------------------

    def _step(self, connection: Connection, close_call_id: int, now: datetime, may_call: bool) -> Attempt | Folio | None:
        """One decision and what it writes; a folio is one to close unverified."""
        folio_id, folio, row = locked_call(connection, close_call_id)
        if row.state not in ('waiting', 'mailed') or row.next_at is None or row.next_at > now:
            return None
        if not is_pending(folio, row):
            set_columns(connection, row.id, state='void', next_at=None)
            return None
        site = self._site()
        hours = hours_of(site, folio, self._overrides(now))
        if hours is None:                              # the client is gone from the site; he may come back
            set_columns(connection, row.id, next_at=now + ANOTHER_DAY)
            return None
        number = number_to_call(site, folio, row.party) if way_out(site) else None
        match next_step(facts_of(connection, row, number, now), policy_for(site, folio), hours, now):
            case Call(number) if may_call:
                return store_attempt(connection, site, folio_id, folio, row, number, now)
            case Wait(until) if until > now:
                set_columns(connection, row.id, next_at=until)
            case SendLetter(deadline):
                write_letter(connection, site, folio_id, folio, row, deadline, now)
            case GiveUp():
                return folio
        return None

    def _go_on(self, connection: Connection, row: Row[Any], folio: Folio, outcome: str, now: datetime) -> None:
        """After a call that left the question open."""
        site = self._site()
        hours, policy = hours_of(site, folio, self._overrides(now)), policy_for(site, folio)
        wanted = outcome == 'later'                    # his wish, no attempt in vain
        attempts = row.attempts - wanted
        again = None if hours is None else spaced(policy, hours, now) if wanted else after_attempt(attempts, policy, hours, now)
        set_columns(connection, row.id, state='waiting', attempts=attempts, next_at=again or now)

    def _close(self, number: str, now: datetime) -> None:
        try:
            self._lifecycle.close(number, now=now)
        except IllegalMove as error:                   # answered at the last moment: the next look sees it
            log.info('not closed: %s', error)

    def _still_pending(self, close_call_id: int) -> bool:
        with self._db.read() as connection:
            row = connection.execute(select(close_calls).where(close_calls.c.id == close_call_id)).one()
            folio = folio_of(connection.execute(FOLIO.where(folios.c.id == row.folio_id)).one())
            return is_pending(folio, row)

    def _keep(self, question: Question, linkedid: str, outcome: str) -> None:
        with self._db.write() as connection:
            store_outcome(connection, linkedid, outcome)
