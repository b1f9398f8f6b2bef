"""The books of sites that move (mission.md 7.4): each step is one transaction with its history and its letter.

Steps may be done again: what stands in the books with the same facts is answered as it is. `seen` is the version that a person saw.
They raise UnknownMove, StepRefused, ShortNotice, NoInitialCost, MoveChanged; DatabaseUnavailable when the database cannot be had in time.
"""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from zoneinfo import ZoneInfo

from config.values import Site
from contracts import move_letters as letters
from contracts.months import Month
from contracts.move_letters import plain_day
from contracts.move_notices import check_notice, client_of, fit, known, record
from contracts.move_rows import Move, MoveEvent, WrittenNotice, events, one, rows
from contracts.move_rules import (
    OPEN,
    STEPS,
    Cost,
    MoveState,
    NoInitialCost,
    Step,
    answer_is_late,
    check_days,
    check_delivered,
    check_planned,
    costs_on,
    delivery_is_late,
    is_short,
    money_words,
    term_from,
    total,
)
from contracts.move_tables import site_moves
from contracts.move_turn import ANSWER, DELIVERY, MESA, Turn
from storage.engine import Database
from ticketing.words import clean

LOCK = 'site moves'


class SiteMoves:
    """What is known of sites that move. `site` is the help desk in force, `by` who does it."""

    def __init__(self, db: Database) -> None:
        self._db = db

    # -- steps ---------------------------------------------------------------------------------------------------------

    def notice(self, written: WrittenNotice, site: Site, by: str, now: datetime) -> Move:
        """Take a written notice into the books; the one that is there, when it is entered again with the same facts."""
        client = client_of(site, written.client)
        said = fit(written, client)
        with self._db.write() as connection:
            self._db.lock(connection, LOCK)
            if there := known(connection, said):
                return there
            check_notice(connection, said, client, _today(site, now))
            move = record(connection, said, now)
            turn = Turn(connection, move, site, by, now)
            turn.add(f'notificación {said.reference} recibida el {plain_day(said.received_on)}; cambio del sitio {said.site} a '
                     f'{said.destination}, solicitado para el {plain_day(said.wanted_on)}{_agreed(move)}')
            turn.tell(letters.NOTICED)
            return move

    def decide_feasibility(self, reference: str, feasible: bool, words: str, site: Site, by: str, now: datetime,
                           seen: int | None = None) -> Move:
        """Answer whether the service can be installed at the new address; `words` (Spanish) are told to the client."""
        step, state = (Step.FEASIBLE, MoveState.FEASIBLE) if feasible else (Step.NOT_FEASIBLE, MoveState.NOT_FEASIBLE)
        with self._turn(reference, site, by, now) as turn:
            if turn.move.state is state and turn.move.answer == clean(words):
                return turn.move
            turn.check(step, seen)
            costs = turn.expected() if feasible else ()
            turn.do(step, f'{"factible" if feasible else "no factible"}{_reason(words)}', answer=clean(words), answered_at=now)
            turn.tell(letters.FEASIBLE if feasible else letters.NOT_FEASIBLE, costs)
            return turn.move

    def accept(self, reference: str, site: Site, by: str, now: datetime, *, term_months: int | None = None,
               seen: int | None = None) -> Move:
        """The client accepts the cost expected on the planned day; `term_months`: of the new term, where the contract's do not hold."""
        with self._turn(reference, site, by, now) as turn:
            if turn.move.state is MoveState.ACCEPTED and term_months in (None, turn.move.term_months):
                return turn.move
            turn.check(Step.ACCEPT, seen)
            costs = turn.expected()
            term_from(turn.move.wanted_on, _length(turn.move, site, term_months))
            turn.do(Step.ACCEPT, f'el cliente acepta el costo inicial de {money_words(total(costs))}, estimado al '
                    f'{plain_day(turn.move.wanted_on)}', accepted_total=total(costs), term_months=term_months)
            turn.tell(letters.SCHEDULED, costs)
            return turn.move

    def reschedule(self, reference: str, day: date, site: Site, by: str, now: datetime, *, agreed: str = '', reason: str = '',
                   seen: int | None = None) -> Move:
        """Plan another day; the 60 days are counted from the notice again. A cost that changes with it must be accepted again."""
        with self._turn(reference, site, by, now) as turn:
            move = turn.move
            if move.wanted_on == day and move.state in STEPS[Step.RESCHEDULE]:
                return move
            turn.check(Step.RESCHEDULE, seen)
            check_planned(day, _today(site, now))
            check_days(move.received_on, day, clean(agreed))
            costs = costs_on(site.prices, move.modalities, day) if move.state is not MoveState.NOTICED else ()
            anew = move.accepted_total is not None and total(costs) != move.accepted_total
            short = is_short(move.received_on, day)
            told = (f'nueva fecha: {plain_day(day)} (antes {plain_day(move.wanted_on)}){_reason(reason)}{_reason(agreed) if short else ""}'
                    + (f'; el costo inicial pasa a {money_words(total(costs))} y debe aceptarse de nuevo' if anew else ''))
            turn.do(Step.RESCHEDULE, told, wanted_on=day, agreed=clean(agreed) if short else '', delivery_late_at=None,
                    **({'state': MoveState.FEASIBLE.value, 'accepted_total': None} if anew else {}))
            turn.tell(letters.SCHEDULED, costs, must_accept=turn.move.state is MoveState.FEASIBLE)
            return turn.move

    def deliver(self, reference: str, day: date, site: Site, by: str, now: datetime, seen: int | None = None) -> Move:
        """The service was delivered at the new address: the cost in force on that day is owed, and the new term runs from it."""
        with self._turn(reference, site, by, now) as turn:
            move = turn.move
            if move.state is MoveState.DELIVERED and move.delivered_on == day:
                return move
            turn.check(Step.DELIVER, seen)
            check_delivered(day, move.received_on, _today(site, now))
            costs = costs_on(site.prices, move.modalities, day)
            length = _length(move, site, move.term_months)
            term = term_from(day, length)
            turn.charge(costs)
            turn.do(Step.DELIVER, f'entregado el {plain_day(day)}; costo inicial {money_words(total(costs))}; período de contratación del '
                    f'{plain_day(term.first)} al {plain_day(term.last)}', delivered_on=day, delivery_recorded_at=now, term_months=length,
                    term_first=term.first, term_last=term.last)
            turn.tell(letters.DELIVERED, costs, cost_differs=total(costs) != move.accepted_total)
            return turn.move

    def withdraw(self, reference: str, reason: str, site: Site, by: str, now: datetime, seen: int | None = None) -> Move:
        """The client takes it back before the delivery."""
        return self._end(reference, Step.WITHDRAW, letters.WITHDRAWN, 'el cliente retira su solicitud', reason, site, by, now, seen)

    def cancel_service(self, reference: str, reason: str, site: Site, by: str, now: datetime, seen: int | None = None) -> Move:
        """Not feasible, and the client cancels its service under the termination clause. Nothing is switched off by this."""
        told = 'el cliente cancela el servicio conforme a la cláusula de terminación y rescisión'
        return self._end(reference, Step.CANCEL_SERVICE, letters.CANCELLED, told, reason, site, by, now, seen)

    def close(self, reference: str, reason: str, site: Site, by: str, now: datetime, seen: int | None = None) -> Move:
        """Not feasible, and the client keeps what it has."""
        return self._end(reference, Step.CLOSE, letters.CLOSED, 'el cliente conserva sus servicios', reason, site, by, now, seen)

    # -- what is there -------------------------------------------------------------------------------------------------

    def get(self, reference: str) -> Move:
        """One move. Raises UnknownMove."""
        with self._db.read() as connection:
            return one(connection, reference)

    def events(self, reference: str) -> tuple[MoveEvent, ...]:
        """The steps of a move, the oldest first. Raises UnknownMove."""
        with self._db.read() as connection:
            return events(connection, one(connection, reference).id)

    def list(self, client: str | None = None, states: Sequence[MoveState] = (), limit: int = 50) -> tuple[Move, ...]:
        """Moves of a client, or of all, in these states (all when none is named), the newest first."""
        with self._db.read() as connection:
            return rows(connection, *([site_moves.c.client == client] if client else []),
                        *([site_moves.c.state.in_([state.value for state in states])] if states else []), limit=limit, newest_first=True)

    def delivered_in(self, client: str, month: Month, zone: ZoneInfo) -> tuple[Move, ...]:
        """The client's moves that were delivered in a month, with their initial cost, by the day of delivery.

        A delivery is kept as a local day of the site's `zone`, in which the month is meant, too.
        """
        with self._db.read() as connection:
            found = rows(connection, site_moves.c.client == client, site_moves.c.delivered_on.between(month.first, month.last))
        return tuple(sorted(found, key=lambda move: (move.delivered_on or month.first, move.id)))

    # -- reminders -----------------------------------------------------------------------------------------------------

    def remind(self, site: Site, now: datetime) -> int:
        """Tell the supervisors of notices without an answer and of days that passed without delivery, each once; how many."""
        today = _today(site, now)
        with self._db.read() as connection:
            under_way = rows(connection, site_moves.c.state.in_([state.value for state in OPEN]))
        late = [move.reference for move in under_way if _late(move, today)]
        return sum(self._remind(reference, site, now) for reference in late)

    def _remind(self, reference: str, site: Site, now: datetime) -> int:
        with self._turn(reference, site, MESA, now) as turn:
            told = _late(turn.move, _today(site, now))
            for what in told:
                turn.remind(what)
            return len(told)

    def _end(self, reference: str, step: Step, letter: str, told: str, reason: str, site: Site, by: str, now: datetime,
             seen: int | None) -> Move:
        with self._turn(reference, site, by, now) as turn:
            if turn.move.state in STEPS[step].values() and turn.move.ended_why == clean(reason):
                return turn.move
            turn.check(step, seen)
            turn.do(step, f'{told}{_reason(reason)}', ended_why=clean(reason))
            turn.tell(letter)
            return turn.move

    @contextmanager
    def _turn(self, reference: str, site: Site, by: str, now: datetime) -> Iterator[Turn]:
        with self._db.write() as connection:
            yield Turn(connection, one(connection, reference, lock=True), site, by, now)



def expected_costs(move: Move, site: Site) -> tuple[Cost, ...] | None:
    """What the move costs if it is made on its planned day, or what it cost; None when no price is known."""
    if move.delivered_on is not None:
        return move.costs
    try:
        return costs_on(site.prices, move.modalities, move.wanted_on)
    except NoInitialCost:
        return None


def _length(move: Move, site: Site, months: int | None) -> int:
    """The months of the new term: those agreed for this move, else the contract's."""
    return client_of(site, move.client).contract.term_months if months is None else months


def _today(site: Site, now: datetime) -> date:
    return now.astimezone(site.zone).date()


def _late(move: Move, today: date) -> tuple[str, ...]:
    """What of a move is late and was not told yet."""
    answer = move.answer_late_at is None and answer_is_late(move.state, move.received_on, today)
    delivery = move.delivery_late_at is None and delivery_is_late(move.state, move.wanted_on, today)
    return (*((ANSWER,) if answer else ()), *((DELIVERY,) if delivery else ()))


def _reason(words: str) -> str:
    return f': {clean(words)}' if clean(words) else ''


def _agreed(move: Move) -> str:
    return f'; con menos de 60 días por acuerdo de ambas partes: {move.agreed}' if move.agreed else ''
