"""Storing new folios: the one write of a call that its caller waits for.

Two things make it cheap. The statements are compiled once and go to the driver itself. And calls that arrive while a
commit is on its way are stored together by the next one, so that a slow disk costs each its share only.
"""
from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from threading import Lock
from time import monotonic
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import make_url

from config.values import Webhook
from storage.engine import Database, DatabaseUnavailable, driver_of
from storage.types import utc_text
from ticketing.hooks.announce import announce
from ticketing.hooks.events import folio_news
from ticketing.numbers import number_for
from ticketing.tables import counters, folio_entries, folios, outbox
from ticketing.values import EntryKind, Folio, Report, Sending, State

SERIES = 'folio'
# What only a later change can tell; the database knows their beginning.
UNKNOWN_AT_OPENING = frozenset({
    'abandoned_at', 'version', 'diagnosis', 'solution', 'agent', 'resolver_group', 'acknowledged_at', 'waiting_for', 'responded_at',
    'resolved_at', 'resolved_by', 'closed_at', 'reopens', 'first_contact', 'score', 'cancel_reason', 'cancel_cause', 'duplicate_of',
    'problem_id', 'erased_at'})
LETTER = ('key', 'kind', 'notice', 'client', 'folio_id', 'recipient', 'message_id', 'payload', 'held', 'due', 'state', 'tries', 'doubts',
          'created_at')


@dataclass(frozen=True)
class Receipt:
    """The letter that tells a user of his new folio; the number joins the facts when it is taken. `facts` are JSON values."""

    recipient: str
    message_id: str
    due: datetime                            # by Mesa's clock
    facts: Mapping[str, Any]
    held: bool                               # never outside the line's hours


@dataclass(frozen=True)
class Wanted:
    """A folio to be opened: its facts, the moment, the letter that goes with it, and who else is told."""

    report: Report
    now: datetime
    receipt: Receipt | None = None
    hooks: Sequence[Webhook] = ()            # of the folio's client


@dataclass(frozen=True)
class _Statements:
    """The statements of an opening, in the words of one driver."""

    take: str
    of_call: str
    folio: str
    entry: str
    letter: str


@cache
def _statements(dialect: str) -> _Statements:
    words = sqlite.dialect(paramstyle='named') if dialect == 'sqlite' else make_url('postgresql+psycopg://').get_dialect()()
    entry = ('folio_id', 'at', 'kind', 'by', 'text', 'linkedid')
    columns = [column.name for column in folios.columns if column.name not in UNKNOWN_AT_OPENING]
    return _Statements(
        take=str((update(counters).where(counters.c.name == bindparam('series')).values(last=counters.c.last + bindparam('many'))
                  .returning(counters.c.last)).compile(dialect=words)),
        of_call=str(select(folios.c.id).where(folios.c.linkedid == bindparam('call')).compile(dialect=words)),
        folio=str(insert(folios).compile(dialect=words, column_keys=columns)),
        entry=str(insert(folio_entries).inline().compile(dialect=words, column_keys=entry)),
        letter=str(insert(outbox).inline().compile(dialect=words, column_keys=LETTER)))


def store(connection: Connection, wanted: Sequence[Wanted]) -> list[Folio | None]:
    """Store one folio for each that is wanted, with its letter and its events; None in place of one whose call has a folio already.

    Numbers are taken first: the lock on their row makes what is then read about calls true until the transaction ends.
    """
    words = _statements(connection.dialect.name)
    moment = utc_text if connection.dialect.name == 'sqlite' else _same
    cursor = driver_of(connection).cursor()
    last = cursor.execute(words.take, {'series': SERIES, 'many': len(wanted)}).fetchall()[0][0]
    opened: list[Folio | None] = []
    calls: set[str] = set()
    for n, one in enumerate(wanted, last - len(wanted) + 1):
        report, now = one.report, one.now
        if report.call is not None and (report.call in calls or cursor.execute(words.of_call, {'call': report.call}).fetchone()):
            opened.append(None)
            continue
        if report.call is not None:
            calls.add(report.call)
        folio = Folio(number_for(n), report, State.NEW, now)
        cursor.execute(words.folio, _folio_row(n, folio, moment))
        cursor.execute(words.entry, {'folio_id': n, 'at': moment(now), 'kind': EntryKind.OPENED.value, 'by': report.origin,
                                     'text': report.rule, 'linkedid': None})
        if one.receipt is not None:
            cursor.execute(words.letter, _letter_row(n, folio, one.receipt, moment))
        if one.hooks:
            announce(connection, one.hooks, folio_news(None, folio, n), now)
        opened.append(folio)
    cursor.close()
    return opened


def _same(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f'{moment!r} has no time zone; the database takes aware datetimes only')
    return moment


def _folio_row(n: int, folio: Folio, moment: Any) -> dict[str, Any]:
    report = folio.report
    return {
        'id': n, 'number': folio.number, 'opened_at': moment(folio.opened_at), 'clock_starts': moment(report.clock_starts),
        'state': folio.state.value, 'priority': report.priority, 'kind': report.kind, 'client': report.client, 'line': report.line,
        'modality': str(report.modality), 'site': report.site, 'linkedid': report.call, 'employee_number': report.employee_number,
        'user_name': report.user_name, 'caller_number': report.caller_number, 'identified_by': report.identified_by,
        'unlisted': report.unlisted, 'category': report.category, 'rule': report.rule, 'from_message': report.from_message,
        'origin': report.origin, 'holder': folio.holder, 'promised': report.promised and moment(report.promised),
        'respond_due': report.respond_due and moment(report.respond_due), 'next_look': report.next_look and moment(report.next_look),
        'impact': report.impact, 'urgency': report.urgency, 'user_email': report.user_email, 'application': report.application,
        'summary': report.summary, 'description': report.description, 'complained_of': report.complained_of,
    }


def _letter_row(n: int, folio: Folio, receipt: Receipt, moment: Any) -> dict[str, Any]:
    return {
        'key': f'opened:{folio.number}', 'kind': 'mail', 'notice': 'opened', 'client': folio.report.client, 'folio_id': n,
        'recipient': receipt.recipient, 'message_id': receipt.message_id, 'held': receipt.held, 'due': moment(receipt.due),
        'payload': json.dumps({**receipt.facts, 'number': folio.number}), 'state': Sending.WAITING.value, 'tries': 0, 'doubts': 0,
        'created_at': moment(folio.opened_at),
    }


class _Ticket:
    """One report on its way into the book, and the thread that waits for it."""

    def __init__(self, wanted: Wanted, deadline: float) -> None:
        self.wanted = wanted
        self.deadline = deadline
        self.turn = Lock()                   # held until the ticket is stored, has failed, or must lead
        self.turn.acquire()
        self.leads = False
        self.folio: Folio | None = None
        self.error: BaseException | None = None


class Openings:
    """Stores reports of many threads in as few commits as their arrival allows.

    There is no thread of its own: who finds nobody storing leads, and stores all that wait; then the first of those
    who came meanwhile leads. Alone, a report is stored as if this class did not exist.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._mutex = Lock()
        self._waiting: list[_Ticket] = []
        self._busy = False

    def open(self, wanted: Wanted) -> Folio | None:
        """The new folio, committed; None when the report's call has one already. Raises DatabaseUnavailable within the patience."""
        ticket = _Ticket(wanted, monotonic() + self._db.patience_s)
        with self._mutex:
            self._waiting.append(ticket)
            ticket.leads, self._busy = not self._busy, True
        if not ticket.leads and not ticket.turn.acquire(timeout=self._db.patience_s):
            self._give_up(ticket)
        if ticket.leads:
            self._lead(ticket)
        if ticket.error is not None:
            raise ticket.error
        return ticket.folio

    def _give_up(self, ticket: _Ticket) -> None:
        with self._mutex:
            if ticket.leads:
                return                       # elected at the last moment: somebody must lead
            if ticket in self._waiting:
                self._waiting.remove(ticket)
        ticket.error = DatabaseUnavailable(f'{self._db.name}: no folio could be stored within {self._db.patience_s:.1f} s')

    def _lead(self, leader: _Ticket) -> None:
        batch: list[_Ticket] = []
        try:
            try:
                with self._db.write(leader.deadline - monotonic()) as connection:
                    batch = self._take_waiting()     # only now: who comes while we wait for the database comes along
                    folios = store(connection, [ticket.wanted for ticket in batch])
                for ticket, folio in zip(batch, folios, strict=True):
                    ticket.folio = folio
            except DatabaseUnavailable as error:
                for ticket in batch or [leader]:
                    ticket.error = DatabaseUnavailable(str(error))
            except Exception as error:
                # One report that the database refuses must not take its neighbours along.
                leader.error = error
                for ticket in batch if len(batch) > 1 else ():
                    self._store_alone(ticket)
        finally:
            self._pass_on(leader, batch)

    def _take_waiting(self) -> list[_Ticket]:
        with self._mutex:
            batch, self._waiting = self._waiting, []
            return batch

    def _store_alone(self, ticket: _Ticket) -> None:
        try:
            with self._db.write(ticket.deadline - monotonic()) as connection:
                ticket.folio = store(connection, [ticket.wanted])[0]
            ticket.error = None
        except Exception as error:
            ticket.error = error

    def _pass_on(self, leader: _Ticket, batch: list[_Ticket]) -> None:
        with self._mutex:
            if leader in self._waiting:
                self._waiting.remove(leader)
            successor = self._waiting[0] if self._waiting else None
            self._busy = successor is not None
            if successor is not None:
                successor.leads = True
        for ticket in (*batch, *((successor,) if successor else ())):
            ticket.turn.release()

