"""What every agent's telephone does now: the calls on it, whom they join, and since when. Pure.

Events may come twice or late: one that tells of a channel that has hung up changes nothing, so nobody's telephone keeps a call that is
over. Callers' channels are known only as the other side of an agent's.
"""
from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ami_listener.events import (
    AgentConnected,
    BridgeEntered,
    BridgeLeft,
    ChannelGone,
    ChannelSeen,
    Dialled,
    DialOver,
    Event,
    HoldChanged,
    Party,
)

RINGING, DIALLING, TALKING, HELD = 'ringing', 'dialling', 'talking', 'held'
BY_PHONE, BY_MESA = 'phone', 'mesa'
LISTENING = 'mesa-listen-'                             # begins the uniqueids of supervisors who listen
REMEMBERED = 500                                       # hung-up channels that a late event cannot bring back
AGENT_CHANNEL = re.compile(r'(PJSIP/[0-9]{2,8}(?:-web)?)-[0-9a-f]{8,}')


@dataclass(frozen=True)
class PhoneCall:
    """A call on an agent's telephone, in this phase since an aware UTC instant. The peer is '' while there is none, or nobody knows it."""

    interface: str                                     # 'PJSIP/1001' | 'PJSIP/1001-web'
    channel: str
    uniqueid: str
    linkedid: str
    phase: str                                         # 'ringing' | 'dialling' | 'talking' | 'held'
    since: datetime
    peer_channel: str = ''
    peer_number: str = ''
    peer_name: str = ''
    queue: str = ''                                    # through which it came; '' when it did not, or we were not there
    held_by: str = ''                                  # 'phone': by its own key; 'mesa': by the desk


@dataclass(frozen=True)
class Phones:
    """`calls`: by the uniqueid of the telephone's channel. `bridges`: bridge -> uniqueid -> who is in it."""

    calls: Mapping[str, PhoneCall] = field(default_factory=dict)
    bridges: Mapping[str, Mapping[str, Party]] = field(default_factory=dict)
    gone: Mapping[str, None] = field(default_factory=dict)

    def on(self, interface: str) -> tuple[PhoneCall, ...]:
        """The calls on one telephone, the newest phase last."""
        return tuple(sorted((call for call in self.calls.values() if call.interface == interface), key=lambda call: call.since))

    def interfaces(self) -> frozenset[str]:
        """The telephones that have a call."""
        return frozenset(call.interface for call in self.calls.values())


def interface_of(channel: str) -> str | None:
    """The agent's telephone of a channel; None for a trunk's, a modem's, or any other."""
    found = AGENT_CHANNEL.fullmatch(channel)
    return found[1] if found else None


def fresh_phones(status: Iterable[Event | None], before: Phones, now: datetime) -> Phones:
    """The picture that an answer to CoreShowChannels gives. Of the former only what has hung up is kept: it may still be in the answer."""
    phones = Phones(gone=before.gone)
    for event in status:
        if event is not None:
            phones = after(phones, event, now)
    queues = {call.uniqueid: call for call in before.calls.values()}
    return replace(phones, calls={key: _with_memory(call, queues.get(key)) for key, call in phones.calls.items()})


def _with_memory(call: PhoneCall, before: PhoneCall | None) -> PhoneCall:
    """What a status reply does not tell: the queue, since when this phase, and a telephone's own hold."""
    if before is None:
        return call
    if before.phase == call.phase or (before.phase == HELD and call.phase == TALKING):
        return replace(call, phase=before.phase, since=before.since, queue=before.queue, held_by=before.held_by)
    return replace(call, queue=before.queue)


def after(phones: Phones, event: Event, now: datetime) -> Phones:
    """The picture after one event that arrived at `now`."""
    match event:
        case Dialled(called, caller):
            phones = _add(phones, called, RINGING, caller, now)
            return phones if caller is None else _add(phones, caller, DIALLING, called, now)
        case DialOver(called, True, by_mesa):
            joined = TALKING if called.uniqueid.startswith(LISTENING) else DIALLING
            return _set_phase(phones, called.uniqueid, joined, now, only=RINGING) if by_mesa else phones
        case DialOver(called, False, _):
            return _gone(phones, called.uniqueid)
        case BridgeEntered(bridge, party):
            return _enter(phones, bridge, party, now)
        case BridgeLeft(bridge, uniqueid):
            return _leave(phones, bridge, uniqueid)
        case HoldChanged(uniqueid, held, by_mesa):
            return _hold(phones, uniqueid, held, by_mesa, now)
        case AgentConnected(queue, _, _, phone) if phone in phones.calls:
            return _put(phones, replace(phones.calls[phone], queue=queue))
        case ChannelGone(uniqueid, _):
            return _gone(phones, uniqueid)
        case ChannelSeen():
            return _see(phones, event, now)
    return phones


def _add(phones: Phones, party: Party, phase: str, other: Party | None, now: datetime) -> Phones:
    """A call begins on a telephone, if it is an agent's; one that is there already has at most a new peer."""
    interface = interface_of(party.channel)
    if interface is None or party.uniqueid in phones.gone:
        return phones
    known = phones.calls.get(party.uniqueid)
    call = known or PhoneCall(interface, party.channel, party.uniqueid, party.linkedid, phase, now)
    if other is not None and call.phase in (RINGING, DIALLING):
        call = _with_peer(call, other)
    return _put(phones, call)


def _with_peer(call: PhoneCall, other: Party | None) -> PhoneCall:
    if other is None:
        return replace(call, peer_channel='')          # number and name stay: with whom it was
    if not other.number and call.peer_channel in ('', other.channel):
        return replace(call, peer_channel=other.channel)             # a channel that we dialled does not know its own number
    return replace(call, peer_channel=other.channel, peer_number=other.number, peer_name=other.name)


def _enter(phones: Phones, bridge: str, party: Party, now: datetime) -> Phones:
    if party.uniqueid in phones.gone:
        return phones
    others = {key: value for name, members in phones.bridges.items() if name == bridge for key, value in members.items()
              if key != party.uniqueid}
    phones = _out_of_all(phones, party.uniqueid)
    members = {key: replace(one, linkedid=party.linkedid) for key, one in others.items()} | {party.uniqueid: party}
    phones = replace(phones, bridges={**phones.bridges, bridge: members})
    interface = interface_of(party.channel)
    if interface is not None and party.uniqueid not in phones.calls:
        phones = _put(phones, PhoneCall(interface, party.channel, party.uniqueid, party.linkedid, TALKING, now))
    return _joined(_set_phase(phones, party.uniqueid, TALKING, now, only=(RINGING, DIALLING)), bridge)


def _joined(phones: Phones, bridge: str) -> Phones:
    """Give everybody in a bridge his peer, and the linkedid that they share."""
    members = phones.bridges.get(bridge, {})
    for uniqueid, party in members.items():
        call = phones.calls.get(uniqueid)
        if call is not None:
            other = next((one for key, one in members.items() if key != uniqueid), None)
            phones = _put(phones, replace(_with_peer(call, other), linkedid=party.linkedid))
    return phones


def _leave(phones: Phones, bridge: str, uniqueid: str) -> Phones:
    members = phones.bridges.get(bridge, {})
    if uniqueid not in members:
        return phones
    left = {key: one for key, one in members.items() if key != uniqueid}
    bridges = {**phones.bridges, bridge: left} if left else {key: one for key, one in phones.bridges.items() if key != bridge}
    phones = replace(phones, bridges=bridges)
    call = phones.calls.get(uniqueid)
    if call is not None:
        phones = _put(phones, _with_peer(call, None))
    return _joined(phones, bridge)


def _hold(phones: Phones, uniqueid: str, held: bool, by_mesa: bool, now: datetime) -> Phones:
    call = phones.calls.get(uniqueid)
    if call is None or call.phase not in (TALKING, HELD):
        return phones
    if not held:
        return _put(phones, replace(_phase(call, TALKING, now), held_by=''))
    return _put(phones, replace(_phase(call, HELD, now), held_by=BY_MESA if by_mesa else call.held_by or BY_PHONE))


def _see(phones: Phones, seen: ChannelSeen, now: datetime) -> Phones:
    party = seen.party
    if party.uniqueid in phones.gone:
        return phones
    if seen.bridge:
        phones = _enter(phones, seen.bridge, party, now)
    interface = interface_of(party.channel)
    if interface is None:
        return phones
    known = phones.calls.get(party.uniqueid) or PhoneCall(interface, party.channel, party.uniqueid, party.linkedid, seen.state, now)
    since = now - timedelta(seconds=seen.waited_s)     # of the channel: an upper bound for the phase
    call = replace(known, phase=seen.state, since=since, held_by=BY_MESA if seen.state == HELD else '',
                   peer_number=known.peer_number or seen.other_number, peer_name=known.peer_name or seen.other_name)
    return _put(phones, call)


def _set_phase(phones: Phones, uniqueid: str, phase: str, now: datetime, only: str | tuple[str, ...] = ()) -> Phones:
    call = phones.calls.get(uniqueid)
    if call is None or (only and call.phase not in only):
        return phones
    return _put(phones, _phase(call, phase, now))


def _phase(call: PhoneCall, phase: str, now: datetime) -> PhoneCall:
    return call if call.phase == phase else replace(call, phase=phase, since=now)


def _gone(phones: Phones, uniqueid: str) -> Phones:
    phones = _out_of_all(phones, uniqueid)
    calls = {key: call for key, call in phones.calls.items() if key != uniqueid}
    return replace(phones, calls=calls, gone=dict([*phones.gone.items(), (uniqueid, None)][-REMEMBERED:]))


def _out_of_all(phones: Phones, uniqueid: str) -> Phones:
    for bridge in [name for name, members in phones.bridges.items() if uniqueid in members]:
        phones = _leave(phones, bridge, uniqueid)
    return phones


def _put(phones: Phones, call: PhoneCall) -> Phones:
    if phones.calls.get(call.uniqueid) == call:
        return phones
    return replace(phones, calls={**phones.calls, call.uniqueid: call})
