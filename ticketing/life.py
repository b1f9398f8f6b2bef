"""The life of a folio: which move leads from which state to which (mission.md 4.3). Pure."""
from __future__ import annotations

from collections.abc import Mapping

from ticketing.spanish import MOVES, STATES
from ticketing.values import IllegalMove, Move, State

NEW, ASSIGNED, IN_PROGRESS, WAITING = State.NEW, State.ASSIGNED, State.IN_PROGRESS, State.WAITING
RESOLVED, VERIFIED, UNVERIFIED, CANCELLED = State.RESOLVED, State.CLOSED_VERIFIED, State.CLOSED_UNVERIFIED, State.CANCELLED

# Everything else is refused. closed_verified and cancelled are for ever: what comes later is a new folio.
LIFE: Mapping[Move, Mapping[State, State]] = {
    Move.ASSIGN: dict.fromkeys((NEW, ASSIGNED, IN_PROGRESS, WAITING), ASSIGNED),
    Move.START: dict.fromkeys((NEW, ASSIGNED), IN_PROGRESS),
    Move.WAIT: dict.fromkeys((ASSIGNED, IN_PROGRESS), WAITING),
    Move.RESUME: {WAITING: IN_PROGRESS},
    Move.RESOLVE: dict.fromkeys((NEW, ASSIGNED, IN_PROGRESS, WAITING), RESOLVED),
    Move.CONFIRM: {RESOLVED: VERIFIED},
    Move.CLOSE: {RESOLVED: UNVERIFIED},
    Move.REOPEN: dict.fromkeys((RESOLVED, UNVERIFIED), ASSIGNED),
    Move.CANCEL: dict.fromkeys((NEW, ASSIGNED, IN_PROGRESS, WAITING), CANCELLED),
    Move.PRIORITISE: {state: state for state in (NEW, ASSIGNED, IN_PROGRESS, WAITING)},
}


def possible_moves(state: State) -> frozenset[Move]:
    """What may be done to a folio in this state."""
    return frozenset(move for move in LIFE if state in LIFE[move])


def after(state: State, move: Move, number: str) -> State:
    """The state that a move leads to. Raises IllegalMove, which names the folio, the move, the state and what is possible instead."""
    reached = LIFE[move].get(state)
    if reached is None:
        possible = ', '.join(m for m in LIFE if state in LIFE[m]) or 'nothing'
        raise IllegalMove(f'folio {number} is {state}: {move} is not possible now (possible: {possible})',
                          f'El folio está {STATES[state]}: ya no es posible la {MOVES[move]}.')
    return reached
