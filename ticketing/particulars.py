"""What a folio says, apart from its state: opening by a person, complaints, descriptions, visits (mission.md 1.2, 4.1)."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert

from config.values import Site
from config.webhooks import hooks_of
from storage.engine import Database
from ticketing import rules
from ticketing.asking import Asked, opened_before, remember
from ticketing.life import after
from ticketing.notices import supervisors, to_contact, to_supervisors, to_user
from ticketing.opening import Wanted, store
from ticketing.opening_facts import receipt_of, with_terms
from ticketing.priority import priority_of
from ticketing.spanish import FIELDS, KINDS
from ticketing.tables import count_decisions, visits
from ticketing.turn import Turn
from ticketing.values import EntryKind, Folio, Kind, Move, NotAllowed, Report, TicketingError
from ticketing.words import clean

MESA = 'mesa'                                          # who acts when no person does


class Particulars:
    """The changes of a folio that are no moves. Every method is one transaction and raises as `ticketing.lifecycle` says."""

    def __init__(self, db: Database, site: Callable[[], Site]) -> None:
        self._db = db
        self._site = site

    @contextmanager
    def _turn(self, number: str, by: str, now: datetime, expected: int | None = None) -> Iterator[Turn]:
        with self._db.write() as connection:
            turn = Turn(connection, self._site(), number, by, now)
            turn.check(expected)
            yield turn

    def open(self, report: Report, now: datetime) -> Folio:
        """A new folio, by the contract's terms; its priority is that of impact and urgency, and a complaint goes to a supervisor.

        For what no caller waits for: `FolioBook.open` is the quick way and knows no complaints. Raises NotAllowed.
        """
        with self._db.write() as connection:
            return self._opened(connection, report, now)

    def open_once(self, report: Report, asked: Asked, now: datetime) -> tuple[Folio, bool]:
        """The same for a program that may ask again, not knowing whether it was heard: the folio, and whether it is new."""
        with self._db.write() as connection:
            self._db.lock(connection, asked.lock)
            if (before := opened_before(connection, asked)) is not None:
                return before, False
            folio = self._opened(connection, report, now)
            remember(connection, asked, folio, now)
            return folio, True

    def _opened(self, connection: Connection, report: Report, now: datetime) -> Folio:
        site = self._site()
        facts = with_terms(_checked(report, site), site, now)
        folio, = store(connection, [Wanted(facts, now, receipt_of(facts, site, now), hooks_of(site.clients.get(facts.client)))])
        if folio is None:
            raise TicketingError(f'call {report.call} has a folio already')
        return _routed(connection, site, folio, now) if facts.kind == Kind.COMPLAINT else folio

    def complain(self, number: str, *, text: str, by: str, now: datetime, complained_of: str | None = None,
                 expected: int | None = None) -> Folio:
        """The folio is a complaint from now on: a supervisor gets it, never the person complained of (mission.md 4.1)."""
        said = rules.words(text, 'what the complaint is about')
        with self._turn(number, by, now, expected) as turn:
            after(turn.folio.state, Move.ASSIGN, number)
            rules.accusable(turn.site, complained_of, Kind.COMPLAINT)
            turn.change(kind=Kind.COMPLAINT.value, complained_of=complained_of)
            turn.check(None)
            turn.enter(EntryKind.NOTE, 'queja' + (f' sobre {complained_of}' if complained_of else ''), said)
            route_complaint(Turn(turn.connection, turn.site, number, MESA, now), said)
            return turn.reread()

    def describe(self, number: str, *, by: str, now: datetime, application: str | None = None, summary: str | None = None,
                 description: str | None = None, kind: str | None = None, diagnosis: str | None = None, category: str | None = None,
                 expected: int | None = None) -> Folio:
        """Correct what the folio says; what is None stays. An application must be of the client's catalogue (mission.md 1.2)."""
        texts = {'summary': summary, 'description': description, 'diagnosis': diagnosis}
        with self._turn(number, by, now, expected) as turn:
            rules.describable(turn.folio)
            if category is not None:
                _categorise(turn, category)
                if not any(value is not None for value in (application, kind, *texts.values())):
                    return turn.folio
            columns = _corrections(turn, application, kind, texts)
            turn.change(**columns)
            turn.enter(EntryKind.NOTE, 'corregido', '; '.join(f'{FIELDS[name]} «{_shown(name, value)}»' for name, value in columns.items()))
            return turn.folio

    def categorise(self, number: str, *, category: str, by: str, now: datetime, expected: int | None = None) -> Folio:
        """Say which category of the client's menu the folio is about."""
        with self._turn(number, by, now, expected) as turn:
            rules.describable(turn.folio)
            _categorise(turn, category)
            return turn.folio

    def visit(self, number: str, *, reason: str, by: str, now: datetime, expected: int | None = None) -> Folio:
        """An engineer goes to the user: premium only, charged apart (mission.md 1.2)."""
        why = rules.words(reason, 'the reason of the visit')
        with self._turn(number, by, now, expected) as turn:
            rules.visitable(turn.folio)
            turn.connection.execute(insert(visits).values(folio_id=turn.folio_id, at=turn.at, by=turn.by, reason=why))
            turn.change()
            turn.enter(EntryKind.VISIT, 'visita en sitio con cargo adicional', why)
            turn.tell(to_user, 'update', text=f'Se solicitó la visita de un ingeniero a su sitio: {why}')
            return turn.folio

    def decide_count(self, number: str, *, counts: bool, reason: str, by: str, now: datetime, expected: int | None = None) -> Folio:
        """A supervisor decides whether the folio counts against the allowance, whatever the rules say (mission.md 7.1); the newest holds.

        It is no change of the folio: nobody's version grows old by it.
        """
        why = rules.words(reason, 'the reason of the decision')
        with self._turn(number, by, now, expected) as turn:
            rules.supervisor(turn.site, turn.by)
            turn.connection.execute(insert(count_decisions).values(
                folio_id=turn.folio_id, counts=counts, reason=why, by=turn.by, at=now))
            turn.enter(EntryKind.COUNTED, 'cuenta para la cuota' if counts else 'no cuenta para la cuota', why)
            return turn.folio

    def note(self, number: str, *, text: str, by: str, now: datetime, expected: int | None = None) -> Folio:
        """Add an internal note. Also to a folio that is over. It is no change: nobody's version grows old by it."""
        said = rules.words(text, 'the note')
        with self._turn(number, by, now, expected) as turn:
            turn.enter(EntryKind.NOTE, said)
            return turn.folio


def route_complaint(turn: Turn, text: str) -> None:
    """Give a complaint to a supervisor and tell all of them; when none may have it, the client's contact hears of it and nobody has it."""
    chosen = next(iter(supervisors(turn.site, turn.folio)), None)
    reason = 'las quejas las atiende un supervisor'
    if chosen is not None:
        turn.move(Move.ASSIGN, reason, agent=chosen.login, resolver_group=None, holder='agent', acknowledged_at=None)
        turn.enter(EntryKind.MOVE, f'asignado a {chosen.login}', reason)
    else:
        turn.change(agent=None, resolver_group=None, holder='nobody', acknowledged_at=None)
        turn.enter(EntryKind.WARNING, 'ningún supervisor puede atender esta queja; se avisa al contacto del cliente')
    turn.tell(to_supervisors if chosen else to_contact, 'complaint', text=text)


def _routed(connection: Connection, site: Site, folio: Folio, now: datetime) -> Folio:
    turn = Turn(connection, site, folio.number, MESA, now)
    route_complaint(turn, folio.report.description or folio.report.summary or '')
    return turn.folio


def _checked(report: Report, site: Site) -> Report:
    """The report as it may be stored. Raises NotAllowed."""
    kind = _kind(report.kind)
    rules.accusable(site, report.complained_of, kind)
    client = site.clients.get(report.client)
    if report.application and client is not None:
        rules.supported(client, report.modality, report.application)
    return replace(report, kind=kind, priority=priority_of(report.impact, report.urgency).value,
                   summary=clean(report.summary or '') or None, description=clean(report.description or '') or None)


def _kind(text: str) -> str:
    if text not in list(Kind):
        raise NotAllowed(f'a folio is a {", ".join(Kind)}, not {text!r}', 'Elija el tipo de la lista.')
    return str(text)


def _categorise(turn: Turn, category: str) -> None:
    titles = {known.name: known.title for known in rules.client_of(turn.site, turn.folio).categories}
    if category not in titles:
        raise NotAllowed(f'{turn.folio.report.client} has no category {category!r}; it has: {", ".join(titles) or "none"}',
                         'Elija una categoría de la lista.')
    turn.change(category=category)
    turn.enter(EntryKind.CATEGORY, 'categoría', titles[category])


def _shown(name: str, value: Any) -> Any:
    return KINDS.get(value, value) if name == 'kind' else value


def _corrections(turn: Turn, application: str | None, kind: str | None, texts: Mapping[str, str | None]) -> dict[str, Any]:
    """The columns to change. Raises NotAllowed."""
    columns: dict[str, Any] = {}
    if application is not None:
        rules.supported(rules.client_of(turn.site, turn.folio), turn.folio.report.modality, application)
        columns['application'] = application
    if kind is not None:
        if Kind.COMPLAINT in (kind, turn.folio.report.kind):
            raise NotAllowed(f'folio {turn.folio.number}: what a complaint is and what not is not corrected; see: mesa folio complain',
                             'Que un folio sea queja no se corrige aquí: use «Es una queja».')
        columns['kind'] = _kind(kind)
    for name, text in texts.items():
        if text is not None:
            columns[name] = rules.words(text, f'the {name}')
    if not columns:
        raise NotAllowed(f'folio {turn.folio.number}: say what is to be corrected', 'No cambió nada: corrija al menos un dato.')
    return columns
