"""Keeps a place in Asterisk's queues for every caller who is to be called back (mission.md 3.6).

A place is one Local channel: one end waits in the queue, the other in silence. Its order there is that in which the callers joined,
which the dialplan (`mesa-wait`) tells Asterisk. Nothing is remembered here: each round compares the stored call-backs with Asterisk's
channels, so that places lost with Asterisk or Mesa are back within a round.
"""
from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from ami_listener.rows import CALL_BACK_ID, PLACE_END
from config.phones import national
from ticketing.call_backs import CallBack

log = logging.getLogger(__name__)
WAITING_CONTEXT = 'mesa-call-back-wait'
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TENTH = timedelta(milliseconds=100)


class Manager(Protocol):
    """What `Dialer` offers for this."""

    def channels(self) -> Sequence[Mapping[str, Any]]: ...
    def order(self, headers: Mapping[str, Any]) -> None: ...


@dataclass(frozen=True)
class Place:
    """A channel of ours: whose, and whether it still waits in silence, not dialling or talking."""

    call_back_id: str
    channel: str
    waits: bool


class Places:
    """`due` gives the call-backs that should stand in their queues now, `may_call` whether their line is served at this hour."""

    def __init__(self, manager: Manager, due: Callable[[], Sequence[CallBack]], may_call: Callable[[CallBack], bool]) -> None:
        self._manager = manager
        self._due = due
        self._may_call = may_call
        self._looked = False                           # at Asterisk, at least once, and found nothing
        self._failing: set[int] = set()                # each told in the log once

    def round(self) -> None:
        """Put places where they are missing and take away those that nobody needs; what fails for one holds up no other.

        Raises AmiError when Asterisk does not tell its channels; the next round goes on.
        """
        wanted = {str(one.id): one for one in self._due() if self._may_call(one)}
        if not wanted and self._looked:
            return
        places = places_of(self._manager.channels())
        for one in missing(wanted, places):
            self._put(one)
        for channel in unneeded(wanted, places):
            self._take_away(channel)
        self._looked = not places and not wanted

    def _put(self, one: CallBack) -> None:
        try:
            self._manager.order(order_of(one, secrets.token_hex(4)))
        except Exception:                              # whoever stands behind him must not wait for it
            if one.id not in self._failing:
                log.exception('the place of call-back %s: tried again and again, and not told any more', one.id)
            self._failing.add(one.id)
            return
        self._failing.discard(one.id)

    def _take_away(self, channel: str) -> None:
        try:
            self._manager.order({'Action': 'Hangup', 'Channel': channel, 'Cause': 16})
        except Exception as error:                     # it is over already, as a rule
            log.warning('the place %s stays for now: %s', channel, error)


def places_of(channels: Iterable[Mapping[str, Any]]) -> tuple[Place, ...]:
    """The silent ends of the places among Asterisk's channels."""
    return tuple(
        Place(str(one['Uniqueid']).removeprefix(CALL_BACK_ID).partition('-')[0], str(one['Channel']), one.get('Context') == WAITING_CONTEXT)
        for one in channels if str(one.get('Uniqueid', '')).startswith(CALL_BACK_ID) and not str(one['Uniqueid']).endswith(PLACE_END))


def missing(wanted: Mapping[str, CallBack], places: Iterable[Place]) -> tuple[CallBack, ...]:
    """Whose places are not there, first come first."""
    there = {place.call_back_id for place in places}
    return tuple(one for key, one in wanted.items() if key not in there)


def unneeded(wanted: Mapping[str, CallBack], places: Iterable[Place]) -> tuple[str, ...]:
    """The channels of places that wait for nothing any more: cancelled, or the line has closed."""
    return tuple(place.channel for place in places if place.waits and place.call_back_id not in wanted)


def order_of(call_back: CallBack, serial: str) -> dict[str, Any]:
    """What Asterisk is told. The linkedid is new each time: a place that was lost is another call."""
    linkedid = f'{CALL_BACK_ID}{call_back.id}-{serial}'
    tenths = (call_back.joined_at - EPOCH) // TENTH
    variables = {
        'MESA_CALL_BACK': call_back.id, 'MESA_QUEUE': call_back.queue, 'MESA_PRIORITY': call_back.priority, 'MESA_JOINED': tenths,
        'MESA_LINE': call_back.line, 'MESA_FOLIO': call_back.folio or '', 'MESA_SHOWN': national(call_back.number),
    }
    return {
        'Action': 'Originate', 'ActionID': linkedid, 'ChannelId': linkedid, 'OtherChannelId': linkedid + PLACE_END, 'Async': 'true',
        'Channel': f'Local/{call_back.id}@mesa-call-back/n', 'Context': WAITING_CONTEXT, 'Exten': 's', 'Priority': '1', 'Timeout': '5000',
        'Variable': [f'{name}={value}' for name, value in variables.items()],
    }
