"""The live picture: who waits in which queue, and what the agents' telephones do. Pure; the books are kept elsewhere.

An event that comes twice changes nothing the second time. An event that comes too late can at most leave a caller on the board until
his channel hangs up, and nobody comes back after that.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from ami_listener.events import (
    AgentConnected,
    CallerAbandoned,
    CallerJoined,
    CallerLeft,
    ChannelGone,
    Event,
    MemberGone,
    MemberState,
    QueueKnown,
)

Value = TypeVar('Value')

REMEMBERED = 500                                       # hung-up channels that a late event cannot bring back


@dataclass(frozen=True)
class Waiting:
    """A caller in a queue since an aware UTC instant."""

    uniqueid: str
    number: str
    since: datetime


@dataclass(frozen=True)
class Seat:
    """An agent's telephone in a queue; `state` as in MemberState. An agent has two."""

    agent: str
    state: str
    paused: bool
    reason: str
    static: bool = False                               # by Asterisk's file


@dataclass(frozen=True)
class Board:
    """`waiting`: queue -> uniqueid -> caller, in order of arrival. `seats`: queue -> interface -> seat."""

    waiting: Mapping[str, Mapping[str, Waiting]] = field(default_factory=dict)
    seats: Mapping[str, Mapping[str, Seat]] = field(default_factory=dict)
    gone: Mapping[str, None] = field(default_factory=dict)

    def callers(self, queue: str) -> tuple[Waiting, ...]:
        """Who waits in this queue, the longest waiting first."""
        return tuple(sorted(self.waiting.get(queue, {}).values(), key=lambda waiting: waiting.since))


def fresh_board(status: Iterable[Event | None], now: datetime, before: Board = Board()) -> Board:
    """The picture that an answer to QueueStatus gives. Of the former only who has hung up is kept: he may still be in the answer."""
    board = Board(gone=before.gone)
    for event in status:
        if event is not None:
            board = after(board, event, now)
    return replace(board, waiting={queue: {key: before.waiting.get(queue, {}).get(key, caller) for key, caller in callers.items()}
                                   for queue, callers in board.waiting.items()})


def after(board: Board, event: Event, now: datetime) -> Board:
    """The picture after one event that arrived at `now`."""
    match event:
        case CallerJoined(queue, uniqueid, number, _, waited_s):
            if uniqueid in board.gone or uniqueid in board.waiting.get(queue, {}):
                return board
            waiting = Waiting(uniqueid, number, now - timedelta(seconds=waited_s))
            return replace(board, waiting=_with(board.waiting, queue, uniqueid, waiting))
        case CallerLeft(queue, uniqueid) | CallerAbandoned(queue, uniqueid) | AgentConnected(queue, uniqueid):
            return replace(board, waiting=_without(board.waiting, queue, uniqueid))
        case ChannelGone(uniqueid, _):
            waiting_in = [queue for queue, callers in board.waiting.items() if uniqueid in callers]
            for queue in waiting_in:
                board = replace(board, waiting=_without(board.waiting, queue, uniqueid))
            return replace(board, gone=dict([*board.gone.items(), (uniqueid, None)][-REMEMBERED:]))
        case MemberState(queue, agent, interface, state, paused, reason, static):
            return replace(board, seats=_with(board.seats, queue, interface, Seat(agent, state, paused, reason, static)))
        case QueueKnown(queue) if queue not in board.seats:
            return replace(board, seats={**board.seats, queue: {}})
        case MemberGone(queue, _, interface):
            return replace(board, seats=_without(board.seats, queue, interface))
    return board


def _with(table: Mapping[str, Mapping[str, Value]], queue: str, key: str, value: Value) -> dict[str, Mapping[str, Value]]:
    return {**table, queue: {**table.get(queue, {}), key: value}}


def _without(table: Mapping[str, Mapping[str, Value]], queue: str, key: str) -> Mapping[str, Mapping[str, Value]]:
    if key not in table.get(queue, {}):
        return table
    return {**table, queue: {name: value for name, value in table[queue].items() if name != key}}
