"""Moves of a client's sites to a new address: which step leads where, the 60 days, the cost, the new term (mission.md 7.4; annex, 5). Pure.

Days are local days of the site's zone. An error is English; its `told` is the same in Spanish.
"""
from __future__ import annotations

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum

from babel.dates import format_date

from config.contract import mail_line
from config.hours import intervals, next_opening, opening
from config.terms import Prices
from config.values import Calendar, Client, Modality, Site
from ticketing.spanish import MODALITIES
from ticketing.values import TicketingError

NOTICE_DAYS = 60                                       # between the day of the notice and the day of the change
ANSWER_DAYS = 10                                       # after the notice the supervisors hear that nobody has answered
LOCALE = 'es_MX'


class SiteMoveError(TicketingError):
    """Something about a site's move that its caller should know."""


class UnknownMove(SiteMoveError):
    """No move has this reference."""


class StepRefused(SiteMoveError):
    """The move's state, or a fact, does not allow this step."""


class ShortNotice(SiteMoveError):
    """The day wanted is less than 60 days after the notice, and nothing says that both parties agreed."""


class NoInitialCost(SiteMoveError):
    """No initial cost is known for that day."""


class MoveChanged(SiteMoveError):
    """Somebody else changed the move meanwhile: look again before you decide."""


class MoveState(StrEnum):
    """How far a move has come."""

    NOTICED = 'noticed'                                # the written notice is in the books
    FEASIBLE = 'feasible'                              # the client has not accepted the cost yet
    NOT_FEASIBLE = 'not_feasible'                      # the client has not decided yet what follows
    ACCEPTED = 'accepted'                              # the client accepts the cost; a day is set
    DELIVERED = 'delivered'
    WITHDRAWN = 'withdrawn'                            # the client took it back
    SERVICE_CANCELLED = 'service_cancelled'            # not feasible, and the client cancels under the termination clause
    CLOSED = 'closed'                                  # not feasible, and the client keeps what it has


class Step(StrEnum):
    """What may be done to a move, as the commands are called."""

    FEASIBLE = 'feasible'
    NOT_FEASIBLE = 'not-feasible'
    ACCEPT = 'accept'
    RESCHEDULE = 'reschedule'
    DELIVER = 'deliver'
    WITHDRAW = 'withdraw'
    CANCEL_SERVICE = 'cancel-service'
    CLOSE = 'close'


_NOTICED, _FEASIBLE, _NOT_FEASIBLE, _ACCEPTED = MoveState.NOTICED, MoveState.FEASIBLE, MoveState.NOT_FEASIBLE, MoveState.ACCEPTED
OPEN = (_NOTICED, _FEASIBLE, _NOT_FEASIBLE, _ACCEPTED)
# Everything else is refused. The other states are for ever: what comes later is a new notice.
STEPS: Mapping[Step, Mapping[MoveState, MoveState]] = {
    Step.FEASIBLE: {_NOTICED: _FEASIBLE},
    Step.NOT_FEASIBLE: {_NOTICED: _NOT_FEASIBLE},
    Step.ACCEPT: {_FEASIBLE: _ACCEPTED},
    Step.RESCHEDULE: {state: state for state in (_NOTICED, _FEASIBLE, _ACCEPTED)},
    Step.DELIVER: {_ACCEPTED: MoveState.DELIVERED},
    Step.WITHDRAW: dict.fromkeys((_NOTICED, _FEASIBLE, _ACCEPTED), MoveState.WITHDRAWN),
    Step.CANCEL_SERVICE: {_NOT_FEASIBLE: MoveState.SERVICE_CANCELLED},
    Step.CLOSE: {_NOT_FEASIBLE: MoveState.CLOSED},
}
STATE_NAMES: Mapping[MoveState, str] = {
    MoveState.NOTICED: 'notificado', MoveState.FEASIBLE: 'factible', MoveState.NOT_FEASIBLE: 'no factible',
    MoveState.ACCEPTED: 'programado', MoveState.DELIVERED: 'entregado', MoveState.WITHDRAWN: 'retirado',
    MoveState.SERVICE_CANCELLED: 'terminado, con el servicio cancelado', MoveState.CLOSED: 'cerrado',
}
STEP_NAMES: Mapping[Step, str] = {
    Step.FEASIBLE: 'declararlo factible', Step.NOT_FEASIBLE: 'declararlo no factible', Step.ACCEPT: 'aceptar su costo',
    Step.RESCHEDULE: 'cambiar su fecha', Step.DELIVER: 'registrar su entrega', Step.WITHDRAW: 'retirarlo',
    Step.CANCEL_SERVICE: 'cancelar el servicio por no ser factible', Step.CLOSE: 'cerrarlo por no ser factible',
}


def after(state: MoveState, step: Step, reference: str) -> MoveState:
    """The state that a step leads to. Raises StepRefused, which names the move, its state, the step and what is possible instead."""
    reached = STEPS[step].get(state)
    if reached is None:
        possible = ', '.join(other for other in STEPS if state in STEPS[other]) or 'nothing'
        raise StepRefused(f'site move {reference} is {state}: {step} is not possible now (possible: {possible})',
                          f'El cambio de domicilio {reference} está {STATE_NAMES[state]}: no es posible {STEP_NAMES[step]}.')
    return reached


# -- days --------------------------------------------------------------------------------------------------------------

def earliest(received_on: date) -> date:
    """The first day for which the notice is early enough."""
    return received_on + timedelta(days=NOTICE_DAYS)


def is_short(received_on: date, wanted_on: date) -> bool:
    """Whether the change is wanted earlier than 60 days after the notice: on the 60th day it is not."""
    return wanted_on < earliest(received_on)


def check_days(received_on: date, wanted_on: date, agreed: str) -> None:
    """That the day wanted keeps the 60 days, or that both parties agreed to less. Raises ShortNotice, StepRefused.

    A new day is counted from the original notice: it is that notice which the client gave so many days ahead.
    """
    if wanted_on < received_on:
        raise StepRefused(f'the change cannot be wanted for {wanted_on}: the notice was received later, on {received_on}',
                          f'El cambio no puede solicitarse para el {day_words(wanted_on)}: la notificación se recibió después.')
    if is_short(received_on, wanted_on) and not agreed:
        ahead = (wanted_on - received_on).days
        raise ShortNotice(
            f'{wanted_on} is {ahead} days after the notice of {received_on}, and the contract asks for {NOTICE_DAYS}: the first day is '
            f'{earliest(received_on)}. If both parties agreed to less, give the reason with --agreed',
            f'El {day_words(wanted_on)} está a {ahead} días de la notificación y el contrato pide {NOTICE_DAYS}: '
            f'la primera fecha posible es el {day_words(earliest(received_on))}, salvo acuerdo de ambas partes.')


def check_received(received_on: date, today: date) -> None:
    """That a notice was not received in the future. Raises StepRefused."""
    if received_on > today:
        raise StepRefused(f'the notice cannot have been received on {received_on}: today is {today}',
                          f'La notificación no pudo recibirse el {day_words(received_on)}: aún no llega ese día.')


def check_planned(wanted_on: date, today: date) -> None:
    """That a new plan is not for a day that has passed. Raises StepRefused."""
    if wanted_on < today:
        raise StepRefused(f'the change cannot be planned for {wanted_on}: today is {today}. If it was delivered then, enter that',
                          f'El cambio no puede programarse para el {day_words(wanted_on)}: esa fecha ya pasó.')


def check_delivered(delivered_on: date, received_on: date, today: date) -> None:
    """That a delivery is a fact: not in the future, not before the notice; a closed day counts like any other. Raises StepRefused."""
    if delivered_on > today:
        raise StepRefused(f'it cannot have been delivered on {delivered_on}: today is {today}',
                          f'No pudo entregarse el {day_words(delivered_on)}: aún no llega ese día.')
    if delivered_on < received_on:
        raise StepRefused(f'it cannot have been delivered on {delivered_on}: the notice was received later, on {received_on}',
                          f'No pudo entregarse el {day_words(delivered_on)}: la notificación se recibió después.')


@dataclass(frozen=True)
class ClosedDay:
    """A day on which nobody works at the site."""

    day: date
    why: str                                           # Spanish: 'Día de la Independencia', 'domingo'
    next_day: date | None                              # the first day after it on which somebody does; None: not within 400 days


def calendar_of(site: Site, client: Client, place: str) -> Calendar | None:
    """The calendar of a client's site: its own, else that of the client's ordinary line; None when there is neither."""
    if place in client.site_calendars:
        return site.calendars.get(client.site_calendars[place])
    line = mail_line(site, client)
    return site.calendars[line.calendar] if line else None


def closed_day(site: Site, client: Client, place: str, day: date) -> ClosedDay | None:
    """Why the calendar of a client's site has no hours on a day, and the next day that has some; None when it has, or is not known.

    A plan for such a day is not refused, only said: whoever moves house often does it on a holiday.
    """
    calendar = calendar_of(site, client, place)
    if calendar is None:
        return None
    begins = datetime.combine(day, time(), calendar.zone).astimezone(UTC)
    ends = datetime.combine(day + timedelta(days=1), time(), calendar.zone).astimezone(UTC)
    if any(intervals(calendar, site.holidays, (), begins, ends)):
        return None
    holiday = opening(calendar, site.holidays, (), begins).holiday
    opens = next_opening(calendar, site.holidays, (), begins)
    why = holiday.name if holiday else format_date(day, 'EEEE', locale=LOCALE)
    return ClosedDay(day, why, opens.astimezone(calendar.zone).date() if opens else None)


# -- cost and term -----------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Cost:
    """The initial cost of one modality, MXN before taxes. `tariff`: from which day on that amount is in force."""

    modality: Modality
    amount: Decimal
    tariff: date


def costs_on(prices: Prices, modalities: Sequence[Modality], day: date) -> tuple[Cost, ...]:
    """The initial cost in force on the day of the change, for each modality served at the site. Raises NoInitialCost for any without.

    What costs nothing must be written down as 0: a price that somebody forgot is not a gift.
    """
    found = {modality: prices.initial_cost(modality, day) for modality in modalities}
    missing = [modality for modality, cost in found.items() if cost is None]
    if missing:
        raise NoInitialCost(f'no initial cost of {", ".join(missing)} is in force on {day}: enter it in tariffs.toml and apply',
                            f'No hay un costo inicial vigente al {day_words(day)} para {", ".join(MODALITIES[one] for one in missing)}.')
    return tuple(Cost(modality, cost.amount, cost.since) for modality, cost in found.items() if cost is not None)


def total(costs: Sequence[Cost]) -> Decimal:
    """Their sum, MXN before taxes."""
    return sum((cost.amount for cost in costs), Decimal(0))


@dataclass(frozen=True)
class Term:
    """A contract term: its first and last day, both included."""

    first: date
    last: date


def term_from(delivered_on: date, length: int) -> Term:
    """The new term of so many months that begins with the delivery, whatever had passed of the old site's.

    It ends on the day before the same day so many months later; where that month has no such day, on the month's last day. So a year from
    29 February ends on 28 February. Raises StepRefused for less than one month.
    """
    if length < 1:
        raise StepRefused(f'a term of {length} months is none', f'Un período de {length} meses no es un período de contratación.')
    years, month = divmod(delivered_on.year * 12 + delivered_on.month - 1 + length, 12)
    days = calendar.monthrange(years, month + 1)[1]
    if delivered_on.day > days:
        return Term(delivered_on, date(years, month + 1, days))
    return Term(delivered_on, date(years, month + 1, delivered_on.day) - timedelta(days=1))


# -- what is late ------------------------------------------------------------------------------------------------------

def answer_is_late(state: MoveState, received_on: date, today: date) -> bool:
    """Whether nobody has said for ten days if it is feasible."""
    return state is MoveState.NOTICED and today >= received_on + timedelta(days=ANSWER_DAYS)


def delivery_is_late(state: MoveState, wanted_on: date, today: date) -> bool:
    """Whether the day of the change has passed and nothing was delivered, or said to be impossible."""
    return state in (MoveState.NOTICED, MoveState.FEASIBLE, MoveState.ACCEPTED) and today > wanted_on


# -- words -------------------------------------------------------------------------------------------------------------

def day_words(day: date) -> str:
    """'miércoles 16 de septiembre de 2026'."""
    return format_date(day, "EEEE d 'de' MMMM 'de' y", locale=LOCALE)


def money_words(amount: Decimal) -> str:
    """'$12,500.00'."""
    return f'${amount:,.2f}'
