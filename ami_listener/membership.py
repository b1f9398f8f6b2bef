"""From what is wanted of the members of Asterisk's queues, and what they are, to the orders that bring them there. Pure.

The same picture gives the same orders, and none when all is as it should be: whoever carries them out may ask again at any time.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ami_listener.board import Board, Seat

FIRST_AGAIN_S = 4.0
LONGEST_AGAIN_S = 60.0
TAKEN_OUT = 'fuera de la cola'                         # Asterisk removes no member that its file has: he is paused there
FORGIVEN_S = 120.0


@dataclass(frozen=True)
class Wanted:
    """What should be of one agent. `pauses`: interface -> the reason of its pause, '' when it rings; without an entry it stays as it is."""

    login: str
    queues: frozenset[str]
    interfaces: tuple[str, ...]
    pauses: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Order:
    """One order to Asterisk."""

    action: str                                        # 'QueueAdd' | 'QueueRemove' | 'QueuePause'
    queue: str
    interface: str
    login: str = ''
    paused: bool = False
    reason: str = ''

    def headers(self) -> dict[str, Any]:
        """As the manager interface takes it."""
        order: dict[str, Any] = {'Action': self.action, 'Queue': self.queue, 'Interface': self.interface}
        if self.action == 'QueueAdd':
            order |= {'MemberName': self.login, 'StateInterface': self.interface}
        if self.action != 'QueueRemove':
            order['Paused'] = 'true' if self.paused else 'false'
        if self.action == 'QueuePause' and self.paused:
            order['Reason'] = self.reason
        return order


def orders(wanted: Iterable[Wanted], seen: Board, queues: Iterable[str]) -> tuple[Order, ...]:
    """What to tell Asterisk. `queues` are those of the site: another has been removed from it, and its members are nobody's concern.

    A telephone that should ring no more comes before one that should begin to: it never rings twice for one agent.
    """
    known = frozenset(queues)
    found = [order for one in wanted for order in _of_agent(one, seen, known)]
    return tuple(sorted(found, key=lambda order: (order.action != 'QueueRemove', not order.paused)))


def _of_agent(wanted: Wanted, seen: Board, queues: frozenset[str]) -> Iterator[Order]:
    for queue in sorted(queues):
        seats = seen.seats.get(queue)
        if seats is None:
            continue                                   # Asterisk does not know it (yet)
        for interface in wanted.interfaces:
            yield from _of_seat(wanted, queue, interface, seats.get(interface))


def _of_seat(wanted: Wanted, queue: str, interface: str, seat: Seat | None) -> Iterator[Order]:
    reason = wanted.pauses.get(interface)
    if queue not in wanted.queues:
        if seat is None:
            return
        if not seat.static:
            yield Order('QueueRemove', queue, interface)
        elif not seat.paused or seat.reason != TAKEN_OUT:
            yield Order('QueuePause', queue, interface, paused=True, reason=TAKEN_OUT)
    elif seat is None:
        # One who has chosen nothing takes calls on the telephone of his desk, the first; as in Asterisk's own file.
        paused = bool(reason) if reason is not None else interface != wanted.interfaces[0]
        yield Order('QueueAdd', queue, interface, wanted.login, paused, reason or '')
    elif reason is None:
        if seat.paused and seat.reason == TAKEN_OUT and interface == wanted.interfaces[0]:
            yield Order('QueuePause', queue, interface)
    elif seat.paused != bool(reason) or (reason and seat.reason != reason):
        yield Order('QueuePause', queue, interface, paused=bool(reason), reason=reason)


@dataclass(frozen=True)
class _Try:
    at: float
    times: int


@dataclass(frozen=True)
class Tries:
    """Which orders were given and when (seconds of a monotonic clock): one that has not helped is given more and more rarely."""

    given: Mapping[Order, _Try] = field(default_factory=dict)

    def due(self, wanted: Iterable[Order], now: float) -> tuple[Order, ...]:
        """Those that may be given now."""
        return tuple(order for order in wanted if order not in self.given or now >= self._again_at(order))

    def next_at(self, wanted: Iterable[Order]) -> float | None:
        """When one of these may be given again; None when none was."""
        return min((self._again_at(order) for order in wanted if order in self.given), default=None)

    def after(self, given: Iterable[Order], now: float) -> Tries:
        """With these just given; what was given long ago is forgiven."""
        kept = {order: one for order, one in self.given.items() if now - one.at < FORGIVEN_S}
        new = {order: _Try(now, kept[order].times + 1 if order in kept else 1) for order in given}
        return Tries(kept | new)

    def _again_at(self, order: Order) -> float:
        one = self.given[order]
        return one.at + (min(FIRST_AGAIN_S * 2 ** (one.times - 1), LONGEST_AGAIN_S) if one.times > 2 else 0.5)
