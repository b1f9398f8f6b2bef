"""The door for AMI events, with events as Asterisk 22 sends them and with anything else."""
from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from panoramisk.message import Message

from ami_listener.events import (
    READERS,
    AgentConnected,
    Booted,
    CallerAbandoned,
    CallerJoined,
    CallerLeft,
    ChannelGone,
    Event,
    MemberGone,
    MemberState,
    read_event,
)
from config.render import TEMPLATES

CALLER = {'Queue': 'soporte', 'Uniqueid': '1.1', 'Linkedid': '1.0', 'CallerIDNum': '5555550101', 'Position': '2'}
MEMBER = {'Queue': 'soporte', 'MemberName': 'ana', 'Interface': 'PJSIP/1001', 'Status': '6', 'Paused': '0', 'PausedReason': ''}

READ = [
    ({'Event': 'QueueCallerJoin', **CALLER, 'Count': '2'}, CallerJoined('soporte', '1.1', '5555550101', 2)),
    ({'Event': 'QueueEntry', **CALLER, 'Wait': '7'}, CallerJoined('soporte', '1.1', '5555550101', 2, waited_s=7)),
    ({'Event': 'QueueCallerLeave', **CALLER}, CallerLeft('soporte', '1.1')),
    ({'Event': 'QueueCallerAbandon', **CALLER, 'HoldTime': '4'}, CallerAbandoned('soporte', '1.1')),
    ({'Event': 'AgentConnect', **CALLER, **MEMBER}, AgentConnected('soporte', '1.1', 'ana')),
    ({'Event': 'QueueMemberStatus', **MEMBER}, MemberState('soporte', 'ana', 'PJSIP/1001', 'ringing', False, '')),
    ({'Event': 'QueueMemberPause', **MEMBER, 'Status': '1', 'Paused': '1', 'PausedReason': 'comida'},
     MemberState('soporte', 'ana', 'PJSIP/1001', 'free', True, 'comida')),
    ({'Event': 'QueueMember', 'Queue': 'soporte', 'Name': 'ana', 'Location': 'PJSIP/1001', 'Status': '77', 'Paused': '0'},
     MemberState('soporte', 'ana', 'PJSIP/1001', 'unknown', False, '')),
    ({'Event': 'QueueMemberRemoved', **MEMBER}, MemberGone('soporte', 'ana', 'PJSIP/1001')),
    ({'Event': 'Hangup', **CALLER, 'Cause': '16'}, ChannelGone('1.1', '1.0')),
    ({'Event': 'FullyBooted', 'Status': 'Fully Booted'}, Booted()),
]


@pytest.mark.parametrize(('headers', 'event'), READ, ids=[headers['Event'] for headers, _ in READ])
def test_an_event_is_read(headers: dict[str, str], event: Event) -> None:
    assert read_event(Message(headers)) == event


@pytest.mark.parametrize('headers', [
    {'Event': 'Newexten', **CALLER}, {'Response': 'Success'}, {'Event': 'Hangup', 'Uniqueid': '1.1'},
    {'Event': 'Hangup', 'Uniqueid': '', 'Linkedid': ' '},
    {'Event': 'QueueCallerJoin', **CALLER, 'Position': 'first'}, {'Event': 'QueueCallerJoin', **CALLER, 'Position': '٣'},
    {'Event': 'QueueCallerJoin', **CALLER, 'Queue': ['soporte', 'ventas']}, {'Event': ['Hangup', 'Hangup'], **CALLER},
    {'Event': 'QueueMemberStatus', 'Queue': 'soporte'},
])
def test_what_is_missing_or_absurd_is_no_event(headers: dict[str, Any]) -> None:
    assert read_event(Message(headers)) is None


def test_names_are_cut_and_cleaned() -> None:
    event = read_event(Message({'Event': 'QueueCallerJoin', **CALLER, 'Queue': 'a\x1b[2J' + 'b' * 10_000, 'CallerIDNum': '\n5\x00'}))
    assert isinstance(event, CallerJoined)
    assert (event.queue[:6], len(event.queue), event.number) == ('a [2Jb', 150, ' 5 ')


@given(st.sampled_from(sorted(READERS)), st.dictionaries(
    st.sampled_from([*CALLER, *MEMBER, 'Wait', 'Name', 'Location']),
    st.one_of(st.text(max_size=20), st.lists(st.text(max_size=3), max_size=2))))
@settings(max_examples=300, deadline=None)
def test_reading_never_raises(name: str, headers: dict[str, Any]) -> None:
    read_event(Message({'Event': name, **headers}))


def test_asterisk_sends_what_is_read() -> None:
    template = (TEMPLATES / 'manager.conf.j2').read_text()
    only_in_answers = {'QueueEntry', 'QueueMember', 'QueueParams', 'CoreShowChannel'}
    assert {name for name in READERS if f"'{name}'" in template} == set(READERS) - only_in_answers
