"""One step of one site's move, with all that it causes: history, cost, letters."""
from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, update

from config.values import Site
from contracts import move_letters as letters
from contracts.move_rows import Move, add_event, events, one
from contracts.move_rules import Cost, MoveChanged, MoveState, Step, StepRefused, after, costs_on
from contracts.move_tables import site_move_costs, site_moves
from ticketing.mail.outbox import Notice
from ticketing.notices import release_without_folio, send
from ticketing.words import clean_name

MESA = 'mesa'
ANSWER, DELIVERY = 'answer', 'delivery'                # what may be late
_REMINDED = {ANSWER: 'se avisó a supervisión: la notificación sigue sin respuesta de factibilidad',
             DELIVERY: 'se avisó a supervisión: pasó la fecha del cambio sin entrega'}
_NEXT = {
    MoveState.NOTICED: 'Responda si es factible (mesa site-move feasible {0}) o acuerde otra fecha (mesa site-move reschedule {0}).',
    MoveState.FEASIBLE: 'El cliente aún no acepta el costo: regístrelo (mesa site-move accept {0}) o acuerde otra fecha '
                        '(mesa site-move reschedule {0}).',
    MoveState.ACCEPTED: 'Registre la entrega (mesa site-move deliver {0}) o acuerde otra fecha (mesa site-move reschedule {0}).'}


class Turn:
    """One step of one move: its row is locked, and all that the step causes is stored with it, or nothing is."""

    def __init__(self, connection: Connection, move: Move, site: Site, by: str, now: datetime) -> None:
        self.connection = connection
        self.move = move
        self.site = site
        self.by = clean_name(by)
        self.now = now

    def check(self, step: Step, seen: int | None) -> None:
        """That the person saw the move as it is, and that its state allows the step. Raises MoveChanged, StepRefused."""
        if not self.by:
            raise StepRefused(f'site move {self.move.reference}: a step needs to know who makes it', 'Falta quién lo hace.')
        if seen is not None and seen != self.move.version:
            last = next(event for event in events(self.connection, self.move.id) if event.version == self.move.version)
            raise MoveChanged(f'site move {self.move.reference} is at version {self.move.version} and you saw {seen}: {last.by} changed it '
                              f'last on {last.at.astimezone(self.site.zone):%Y-%m-%d %H:%M:%S}. Look again before you decide.',
                              f'Otra persona ({last.by}) cambió este trámite: revíselo de nuevo antes de decidir.')
        after(self.move.state, step, self.move.reference)

    def expected(self) -> tuple[Cost, ...]:
        """The initial cost as of the planned day. Raises NoInitialCost."""
        return costs_on(self.site.prices, self.move.modalities, self.move.wanted_on)

    def do(self, step: Step, told: str, **columns: Any) -> None:
        """Change the state, and with it these columns, and say so in the history; the version grows."""
        changed = {'state': after(self.move.state, step, self.move.reference).value} | columns | {'version': self.move.version + 1}
        self.connection.execute(update(site_moves).values(changed).where(site_moves.c.id == self.move.id))
        self.move = one(self.connection, self.move.reference)
        self.add(told)

    def charge(self, costs: Sequence[Cost]) -> None:
        """Store what the move costs."""
        for cost in costs:
            self.connection.execute(insert(site_move_costs).values(
                move_id=self.move.id, modality=cost.modality.value, amount=cost.amount, tariff=cost.tariff))

    def add(self, told: str) -> None:
        """A line of the history."""
        add_event(self.connection, self.move, self.by or MESA, told, self.now)

    def tell(self, letter: str, costs: Sequence[Cost] = (), **facts: Any) -> None:
        """The letter to the client's contact, in opening hours unless the contract says otherwise (mission.md 4.6)."""
        client = self.site.clients.get(self.move.client)
        outside = client is not None and client.policy.notify_outside_hours
        self._send(letters.to_contact(letter, self.move, self.site, costs, **facts), outside)

    def remind(self, what: str) -> None:
        """Tell the supervisors that it is late, and remember that they were told: no version grows, for nobody decided anything."""
        client = self.site.clients.get(self.move.client)
        name = client.name if client else self.move.client
        text = letters.answer_late_words(self.move, name) if what == ANSWER else letters.delivery_late_words(
            self.move, name, _NEXT[self.move.state].format(self.move.reference))
        self.connection.execute(update(site_moves).values({f'{what}_late_at': self.now}).where(site_moves.c.id == self.move.id))
        self.add(_REMINDED[what])
        self._send(letters.to_supervisors(f'{what}:{self.move.version}', self.move, self.site, text), outside=False)

    def _send(self, notices: Sequence[Notice], outside: bool) -> None:
        due = self.now if outside else release_without_folio(self.site, self.move.client, self.now)
        send(self.connection, notices, self.site, due, self.now)
