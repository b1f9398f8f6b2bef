"""Which calls left over a trunk, and for how long: what a carrier charges for, told from the legs of a call (mission.md 7.3). Pure.

One call is one channel of a trunk, whatever records Asterisk's CDR has of it: with one record its seconds are `billsec`; a channel that
goes on from one agent's telephone to the next has several, and is charged from its first answer to its last end. Where the calling side had
been answered before, `billsec` has the ringing in it, and the wait for an agent; then the seconds count from `Leg.taken`.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ami_listener.legs import Leg

TRUNK_CHANNEL = 'PJSIP/trunk-'
NO_EXTENSION = 's'                                     # what a channel that Asterisk makes begins with; no carrier calls in by it
ANSWERED = 'ANSWERED'
SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class TrunkCall:
    """One call out over a trunk. `at`: when it was answered, else when it began; `seconds` whole, 0 without an answer."""

    position: int                                      # of its first leg in the call
    channel: str                                       # of the trunk
    by: str                                            # the channel that dialled it; '' when it was originated
    dialled: str | None                                # as the trunk was asked, when it is known
    at: datetime
    seconds: int


def is_originated(direction: str, line: str | None, dialled: str | None) -> bool:
    """Whether a call whose own channel is a trunk's is one that we placed, by its row of the call log."""
    return direction == 'out' or (line is None and dialled == NO_EXTENSION)


def trunk_calls(legs: Iterable[tuple[int, Leg]], originated: bool) -> tuple[TrunkCall, ...]:
    """The calls out of one linkedid; legs with their positions. A leg whose end nobody knows (Asterisk died) has no record: left out."""
    found: dict[str, list[tuple[int, Leg, bool]]] = defaultdict(list)
    for position, leg in sorted(legs, key=lambda one: one[0]):
        if leg.ended is None:
            continue
        if originated and leg.channel.startswith(TRUNK_CHANNEL):
            found[leg.channel].append((position, leg, False))
        if leg.peer.startswith(TRUNK_CHANNEL):
            found[leg.peer].append((position, leg, True))
    return tuple(_call(channel, records) for channel, records in found.items())


def _call(channel: str, records: Sequence[tuple[int, Leg, bool]]) -> TrunkCall:
    position, first, dialled = records[0]
    talks = [(since, leg) for _, leg, rung in records if (since := _answered(leg, rung)) is not None]
    begun = min((since for since, _ in talks), default=None)
    number = first.dialled if dialled or not first.peer else None              # what a leg dialled is the peer's number, if it has one
    return TrunkCall(position, channel, first.channel if dialled else '', number, begun or first.started, _seconds(talks))


def _answered(leg: Leg, rung: bool) -> datetime | None:
    """When the trunk's side answered; None when it did not."""
    if leg.taken is not None:
        return max(leg.taken, leg.answered or leg.taken)
    return leg.answered if not rung or leg.disposition == ANSWERED else None


def _seconds(talks: Sequence[tuple[datetime, Leg]]) -> int:
    if not talks:
        return 0
    if len(talks) == 1 and talks[0][1].taken is None:
        return talks[0][1].billsec_s or 0
    since, until = min(since for since, _ in talks), max(leg.ended for _, leg in talks if leg.ended is not None)
    return max(timedelta(), until - since) // SECOND
