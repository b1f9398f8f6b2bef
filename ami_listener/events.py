"""The door for AMI events: foreign headers are read once, here, into frozen values. Events that do not concern us are None.

Whatever the text holds, reading never raises: a header that is missing or absurd makes the event None.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

HOLD_CONTEXT = 'mesa-hold'
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
    """An agent has taken a caller; `phone` is the uniqueid of the agent's own channel."""

    queue: str
    uniqueid: str
    agent: str
    phone: str = ''


@dataclass(frozen=True)
class MemberState:
    """What an agent's telephone does in a queue: 'free' | 'ringing' | 'in_call' | 'busy' | 'unreachable' | 'unknown'."""

    queue: str
    agent: str
    interface: str
    state: str
    paused: bool
    reason: str
    static: bool = False                               # by Asterisk's file, which alone can remove him


@dataclass(frozen=True)
class QueueKnown:
    """There is such a queue, be it without members; from a status reply."""

    queue: str


@dataclass(frozen=True)
class MemberGone:
    """An agent's telephone does not belong to this queue any more."""

    queue: str
    agent: str
    interface: str


@dataclass(frozen=True)
class ChannelGone:
    """A channel hung up: its call's journal is worth a look."""

    uniqueid: str
    linkedid: str


@dataclass(frozen=True)
class Booted:
    """Asterisk has started, or we have just logged in to it."""


@dataclass(frozen=True)
class Party:
    """One channel, and who speaks there; number and name may be ''."""

    channel: str
    uniqueid: str
    linkedid: str
    number: str = ''
    name: str = ''


@dataclass(frozen=True)
class Dialled:
    """A channel is rung. `caller` rings it; None: Mesa itself does."""

    called: Party
    caller: Party | None


@dataclass(frozen=True)
class DialOver:
    """Ringing has ended; `answered` or in vain. `by_mesa`: nobody had dialled but Mesa."""

    called: Party
    answered: bool
    by_mesa: bool


@dataclass(frozen=True)
class BridgeEntered:
    """A channel was joined with the others in a bridge. Its linkedid is now that of them all."""

    bridge: str
    party: Party


@dataclass(frozen=True)
class BridgeLeft:
    """A channel is joined no more with the others in a bridge."""

    bridge: str
    uniqueid: str


@dataclass(frozen=True)
class HoldChanged:
    """A telephone put its call on hold, or took it back. `by_mesa`: our dialplan tells that it did it."""

    uniqueid: str
    held: bool
    by_mesa: bool = False


@dataclass(frozen=True)
class ChannelSeen:
    """A channel as a status reply tells it; `waited_s` since it began, `bridge` '' when it is in none."""

    party: Party
    state: str                                         # 'ringing' | 'talking' | 'held' | 'dialling'
    bridge: str
    other_number: str
    other_name: str
    waited_s: int


@dataclass(frozen=True)
class Reloaded:
    """Asterisk has read its files anew: its members may be what the files say."""


Event = (CallerJoined | CallerLeft | CallerAbandoned | AgentConnected | MemberState | MemberGone | ChannelGone | Booted | Dialled | DialOver
         | QueueKnown | BridgeEntered | BridgeLeft | HoldChanged | ChannelSeen | Reloaded)


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
    return AgentConnected(_name(raw, 'Queue'), _name(raw, 'Uniqueid'), _name(raw, 'MemberName'), _optional(raw, 'DestUniqueid'))


def _member(raw: Raw) -> Event:
    interface = raw['Interface'] if 'Interface' in raw else raw['Location']
    name = raw['MemberName'] if 'MemberName' in raw else raw['Name']
    return MemberState(_name(raw, 'Queue'), _kept(name), _kept(interface), MEMBER_STATES.get(_text(raw, 'Status'), 'unknown'),
                       raw['Paused'] == '1', _optional(raw, 'PausedReason'), _optional(raw, 'Membership') == 'static')


def _member_gone(raw: Raw) -> Event:
    return MemberGone(_name(raw, 'Queue'), _name(raw, 'MemberName'), _name(raw, 'Interface'))


def _hung_up(raw: Raw) -> Event:
    return ChannelGone(_name(raw, 'Uniqueid'), _name(raw, 'Linkedid'))


def _queue(raw: Raw) -> Event:
    return QueueKnown(_name(raw, 'Queue'))


def _booted(_: Raw) -> Event:
    return Booted()


def _reloaded(_: Raw) -> Event:
    return Reloaded()


def _dialled(raw: Raw) -> Event:
    called = _party(raw, 'Dest')
    dialled, at, _ = _optional(raw, 'DialString').partition('@')
    if at and not called.number:                       # a trunk's channel has no number of its own yet: it is the one dialled
        called = replace(called, number=_number_said(dialled.rpartition('/')[2]))
    return Dialled(called, _party(raw) if 'Channel' in raw else None)


def _dial_over(raw: Raw) -> Event:
    return DialOver(_party(raw, 'Dest'), _text(raw, 'DialStatus') == 'ANSWER', 'Channel' not in raw)


def _entered(raw: Raw) -> Event:
    return BridgeEntered(_name(raw, 'BridgeUniqueid'), _party(raw))


def _left_bridge(raw: Raw) -> Event:
    return BridgeLeft(_name(raw, 'BridgeUniqueid'), _name(raw, 'Uniqueid'))


def _held(raw: Raw) -> Event:
    return HoldChanged(_name(raw, 'Uniqueid'), True)


def _unheld(raw: Raw) -> Event:
    return HoldChanged(_name(raw, 'Uniqueid'), False)


def _user_event(raw: Raw) -> Event:
    if _text(raw, 'UserEvent') != 'MesaHold':
        raise ValueError('not one of ours')
    return HoldChanged(_name(raw, 'Uniqueid'), _text(raw, 'Phase') == 'held', by_mesa=True)


def _seen(raw: Raw) -> Event:
    bridge = _optional(raw, 'BridgeId')                # an empty header is none
    if _optional(raw, 'Context') == HOLD_CONTEXT:
        state = 'held'
    elif bridge or _optional(raw, 'Application') == 'ChanSpy':
        state = 'talking'
    else:
        state = 'ringing' if _text(raw, 'ChannelStateDesc') in ('Ringing', 'Down') else 'dialling'
    hours, minutes, seconds = (int(part) for part in _text(raw, 'Duration').split(':'))
    return ChannelSeen(_party(raw), state, bridge, _said(raw, 'ConnectedLineNum'), _said(raw, 'ConnectedLineName'),
                       (hours * 60 + minutes) * 60 + seconds)


def _party(raw: Raw, side: str = '') -> Party:
    return Party(_name(raw, f'{side}Channel'), _name(raw, f'{side}Uniqueid'), _name(raw, f'{side}Linkedid'),
                 _number_said(_said(raw, f'{side}CallerIDNum')), _said(raw, f'{side}CallerIDName'))


READERS: dict[str, Callable[[Raw], Event]] = {
    'QueueCallerJoin': _joined,
    'QueueEntry': _waiting,                            # in the answer to QueueStatus
    'QueueCallerLeave': _left,
    'QueueCallerAbandon': _abandoned,
    'AgentConnect': _connected,
    'QueueParams': _queue,                             # in the answer to QueueStatus
    'QueueMember': _member,                            # in the answer to QueueStatus
    'QueueMemberAdded': _member,
    'QueueMemberStatus': _member,
    'QueueMemberPause': _member,
    'QueueMemberRemoved': _member_gone,
    'Hangup': _hung_up,
    'FullyBooted': _booted,
    'Reload': _reloaded,
    'DialBegin': _dialled,
    'DialEnd': _dial_over,
    'BridgeEnter': _entered,
    'BridgeLeave': _left_bridge,
    'Hold': _held,
    'Unhold': _unheld,
    'UserEvent': _user_event,
    'CoreShowChannel': _seen,                          # in the answer to CoreShowChannels
}


def _kept(value: Any) -> str:
    """A header's text without control characters, cut to a bearable length; a header that came twice is no header."""
    if not isinstance(value, str):
        raise ValueError('not one text')
    return ''.join(letter if letter.isprintable() else ' ' for letter in value[:LONGEST])


def _text(raw: Raw, key: str) -> str:
    return _kept(raw[key])


def _optional(raw: Raw, key: str) -> str:
    return _text(raw, key) if key in raw else ''


def _said(raw: Raw, key: str) -> str:
    """A number or name; Asterisk writes <unknown> where there is none."""
    text = _optional(raw, key)
    return '' if text == '<unknown>' else text


def _number_said(text: str) -> str:
    """'' for what is no number: Asterisk gives a channel that nobody named its extension, 's'."""
    return text if text.strip('0123456789+*#') == '' else ''


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
