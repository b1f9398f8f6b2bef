"""The door for AMI events: foreign headers are read once, here, into frozen values. Events that do not concern us are None.

Whatever the text holds, reading never raises: a header that is missing or absurd makes the event None.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

LONGEST = 150                                          # characters kept of a name

MEMBER_STATES = {'1': 'free', '2': 'in_call', '3': 'busy', '4': 'unreachable', '5': 'unreachable', '6': 'ringing', '7': 'ringing',
                 '8': 'in_call'}                       # Asterisk's device states; whatever else is 'unknown'

Raw = Mapping[str, Any]


@dataclass(frozen=True)
class CallerJoined:
    """A caller began to wait. `waited_s`: how long he has waited already, from a status reply."""

    queue: str
    uniqueid: str
    number: str
    position: int
    waited_s: int = 0


@dataclass(frozen=True)
class CallerLeft:
    """A caller waits no more in this queue: connected, sent on, or gone."""

    queue: str
    uniqueid: str


@dataclass(frozen=True)
class CallerAbandoned:
    """A caller hung up while he waited."""

    queue: str
    uniqueid: str


@dataclass(frozen=True)
class AgentConnected:
    """An agent has taken a caller."""

    queue: str
    uniqueid: str
    agent: str


@dataclass(frozen=True)
class MemberState:
    """What an agent's telephone does in a queue: 'free' | 'ringing' | 'in_call' | 'busy' | 'unreachable' | 'unknown'."""

    queue: str
    agent: str
    interface: str
    state: str
    paused: bool
    reason: str


@dataclass(frozen=True)
class MemberGone:
    """An agent does not belong to this queue any more."""

    queue: str
    agent: str


@dataclass(frozen=True)
class ChannelGone:
    """A channel hung up: its call's journal is worth a look."""

    uniqueid: str
    linkedid: str


@dataclass(frozen=True)
class Booted:
    """Asterisk has started, or we have just logged in to it."""


Event = CallerJoined | CallerLeft | CallerAbandoned | AgentConnected | MemberState | MemberGone | ChannelGone | Booted


def read_event(raw: Raw) -> Event | None:
    """The call-centre fact in an AMI event, or None for the many that do not concern us."""
    try:
        reader = READERS.get(_text(raw, 'Event'))
        return reader(raw) if reader else None
    except (KeyError, ValueError):
        return None


def _joined(raw: Raw) -> CallerJoined:
    return CallerJoined(_name(raw, 'Queue'), _name(raw, 'Uniqueid'), _text(raw, 'CallerIDNum'), _number(raw, 'Position'))


def _waiting(raw: Raw) -> Event:
    return replace(_joined(raw), waited_s=_number(raw, 'Wait'))


def _left(raw: Raw) -> Event:
    return CallerLeft(_name(raw, 'Queue'), _name(raw, 'Uniqueid'))


def _abandoned(raw: Raw) -> Event:
    return CallerAbandoned(_name(raw, 'Queue'), _name(raw, 'Uniqueid'))


def _connected(raw: Raw) -> Event:
    return AgentConnected(_name(raw, 'Queue'), _name(raw, 'Uniqueid'), _name(raw, 'MemberName'))


def _member(raw: Raw) -> Event:
    interface = raw['Interface'] if 'Interface' in raw else raw['Location']
    name = raw['MemberName'] if 'MemberName' in raw else raw['Name']
    return MemberState(_name(raw, 'Queue'), _kept(name), _kept(interface), MEMBER_STATES.get(_text(raw, 'Status'), 'unknown'),
                       raw['Paused'] == '1', _kept(raw['PausedReason']) if 'PausedReason' in raw else '')


def _member_gone(raw: Raw) -> Event:
    return MemberGone(_name(raw, 'Queue'), _name(raw, 'MemberName'))


def _hung_up(raw: Raw) -> Event:
    return ChannelGone(_name(raw, 'Uniqueid'), _name(raw, 'Linkedid'))


def _booted(_: Raw) -> Event:
    return Booted()


READERS: dict[str, Callable[[Raw], Event]] = {
    'QueueCallerJoin': _joined,
    'QueueEntry': _waiting,                            # in the answer to QueueStatus
    'QueueCallerLeave': _left,
    'QueueCallerAbandon': _abandoned,
    'AgentConnect': _connected,
    'QueueMember': _member,                            # in the answer to QueueStatus
    'QueueMemberAdded': _member,
    'QueueMemberStatus': _member,
    'QueueMemberPause': _member,
    'QueueMemberRemoved': _member_gone,
    'Hangup': _hung_up,
    'FullyBooted': _booted,
}


def _kept(value: Any) -> str:
    """A header's text without control characters, cut to a bearable length; a header that came twice is no header."""
    if not isinstance(value, str):
        raise ValueError('not one text')
    return ''.join(letter if letter.isprintable() else ' ' for letter in value[:LONGEST])


def _text(raw: Raw, key: str) -> str:
    return _kept(raw[key])


def _name(raw: Raw, key: str) -> str:
    text = _text(raw, key)
    if not text.strip():
        raise ValueError(f'{key} is empty')
    return text


def _number(raw: Raw, key: str) -> int:
    text = _text(raw, key)
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError(f'{key} is no number')
    return int(text)
