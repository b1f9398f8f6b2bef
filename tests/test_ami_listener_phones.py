"""What the agents' telephones do, by events of a real Asterisk: in order, and in any other."""
from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ami_listener.events import ChannelGone, DialOver, Event, Party, read_event
from ami_listener.phones import REMEMBERED, PhoneCall, Phones, after, fresh_phones, interface_of

NOW = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)


def recorded() -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for line in (Path(__file__).parent / 'recorded_phones.txt').read_text(encoding='utf-8').splitlines()[1:]:
        if line.startswith('== '):
            story = found.setdefault(line[3:], [])
        else:
            story.append(json.loads(line))
    return found


RECORDED = recorded()
EVENTS = {name: [event for raw in story if (event := read_event(raw)) is not None] for name, story in RECORDED.items()}


def told(events: list[Event], phones: Phones = Phones()) -> Phones:
    for number, event in enumerate(events):
        phones = after(phones, event, NOW + timedelta(seconds=number))
    return phones


def phases(events: list[Event], interface: str) -> list[tuple[str, str, str]]:
    """(phase, peer's number, linkedid's kind) on one telephone, each change once."""
    seen: list[tuple[str, str, str]] = []
    phones = Phones()
    for event in events:
        phones = after(phones, event, NOW)
        now = [(call.phase, call.peer_number, call.held_by) for call in phones.on(interface)][-1:] or [('', '', '')]
        if now != seen[-1:]:
            seen += now
    return seen[1:] if seen[:1] == [('', '', '')] else seen


def test_a_queue_call_on_hold_and_then_to_a_colleague_and_back_to_the_queue() -> None:
    story = EVENTS['queue call, hold, transfer']
    caller = '5555550101'
    assert phases(story, 'PJSIP/1001') == [
        ('ringing', caller, ''), ('talking', caller, ''), ('held', caller, 'phone'), ('held', caller, 'mesa'), ('talking', caller, ''),
        ('', '', ''), ('ringing', caller, ''), ('talking', caller, ''), ('', '', '')]
    assert phases(story, 'PJSIP/1002') == [('ringing', caller, ''), ('talking', caller, ''), ('', '', '')]


def test_the_queue_and_the_linkedid_of_a_call_are_known() -> None:
    story = EVENTS['queue call, hold, transfer']
    talking = next(index for index, raw in enumerate(RECORDED['queue call, hold, transfer']) if raw['Event'] == 'AgentConnect')
    call, = told(story[:talking + 4]).on('PJSIP/1001')
    assert (call.queue, call.linkedid, call.peer_channel) == ('nopalera-standard', call.linkedid, 'PJSIP/trunk-demo-00000000')


def test_one_s_own_telephone_rings_first_when_one_calls_with_a_click() -> None:
    assert phases(EVENTS['click to call'], 'PJSIP/1001') == [
        ('ringing', '', ''), ('dialling', '', ''), ('dialling', '5555550101', ''), ('talking', '5555550101', ''),
        ('held', '5555550101', 'phone'), ('held', '5555550101', 'mesa'), ('talking', '5555550101', ''), ('', '', '')]


def test_an_attended_transfer_leads_to_the_caller() -> None:
    story = EVENTS['attended transfer']
    phones = Phones()
    pictures = [phones := after(phones, event, NOW) for event in story]
    talks = [call for picture in pictures for call in picture.on('PJSIP/1002') if call.phase == 'talking']
    first = next(event.called.linkedid for event in story if hasattr(event, 'called'))
    assert (talks[0].peer_number, talks[-1].peer_number) == ('1001', '5555550101')
    assert talks[-1].linkedid == first, 'what he talks about is the call of the caller now'


@pytest.mark.parametrize('name', EVENTS)
def test_after_the_last_hang_up_nothing_is_left(name: str) -> None:
    phones = told(EVENTS[name])
    assert (phones.calls, phones.bridges) == ({}, {})


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_late_and_repeated_events_show_no_call_where_none_was(data: st.DataObject) -> None:
    story = EVENTS[data.draw(st.sampled_from(sorted(EVENTS)))]
    shuffled = data.draw(st.permutations([*story, *data.draw(st.lists(st.sampled_from(story), max_size=10))]))
    concerned = {call.interface for number in range(len(story)) for call in told(story[:number + 1]).calls.values()}
    phones = Phones()
    for event in shuffled:
        phones = after(phones, event, NOW)
        assert phones.interfaces() <= concerned
    assert (phones.calls, phones.bridges) == ({}, {}), 'every channel of these has hung up'


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_what_is_told_twice_at_once_changes_nothing(data: st.DataObject) -> None:
    story = EVENTS[data.draw(st.sampled_from(sorted(EVENTS)))]
    phones = Phones()
    for event in story:
        phones = after(phones, event, NOW)
        assert after(phones, event, NOW + timedelta(seconds=9)).calls == phones.calls


def test_only_agents_telephones_are_known() -> None:
    assert interface_of('PJSIP/1001-0000000a') == 'PJSIP/1001'
    assert interface_of('PJSIP/1001-web-0000000a') == 'PJSIP/1001-web'
    for other in ('PJSIP/trunk-demo-0000000a', 'PJSIP/emergency-0000000a', 'Local/7@mesa-call-back-0000000a;1', 'IAX2/modem-1-12', ''):
        assert interface_of(other) is None


def seen(channel: str, uniqueid: str, state: str, bridge: str = '', **more: str) -> Event | None:
    """An empty header is told as none by the AMI library."""
    return read_event({key: value for key, value in {
        'Event': 'CoreShowChannel', 'Channel': channel, 'Uniqueid': uniqueid, 'Linkedid': '1.1', 'ChannelStateDesc': state, 'Context': 'x',
        'CallerIDNum': '1001' if '1001' in channel else '5555550101', 'CallerIDName': '<unknown>', 'ConnectedLineNum': '5555550101',
        'ConnectedLineName': 'Ana', 'Application': '', 'BridgeId': bridge, 'Duration': '00:01:05', **more}.items() if value})


def test_an_answer_to_core_show_channels_is_a_fresh_picture() -> None:
    status = [None, seen('PJSIP/trunk-demo-00000000', '1.1', 'Up', 'b'), seen('PJSIP/1001-00000001', '1.2', 'Up', 'b'),
              seen('PJSIP/1002-00000002', '1.3', 'Ringing'), seen('PJSIP/1003-00000003', '1.4', 'Up'),
              seen('PJSIP/1003-web-00000004', '1.5', 'Up', 'c', Context='mesa-hold'), seen('PJSIP/1002-00000005', '1.6', 'Up', 'b')]
    phones = fresh_phones(status, Phones(gone={'1.6': None}), NOW)
    assert {key: (call.interface, call.phase, call.held_by) for key, call in phones.calls.items()} == {
        '1.2': ('PJSIP/1001', 'talking', ''), '1.3': ('PJSIP/1002', 'ringing', ''), '1.4': ('PJSIP/1003', 'dialling', ''),
        '1.5': ('PJSIP/1003-web', 'held', 'mesa')}
    assert phones.calls['1.2'].peer_channel == 'PJSIP/trunk-demo-00000000'
    assert phones.calls['1.3'].peer_number == '5555550101'
    assert phones.calls['1.3'].since == NOW - timedelta(seconds=65)


def test_a_status_reply_does_not_forget_what_it_does_not_tell() -> None:
    held = PhoneCall('PJSIP/1001', 'PJSIP/1001-00000001', '1.2', '1.1', 'held', NOW, queue='soporte', held_by='phone')
    later = NOW + timedelta(minutes=2)
    phones = fresh_phones([seen('PJSIP/1001-00000001', '1.2', 'Up', 'b')], Phones(calls={'1.2': held}), later)
    call, = phones.on('PJSIP/1001')
    assert (call.phase, call.since, call.queue, call.held_by) == ('held', NOW, 'soporte', 'phone')


def test_a_supervisor_who_listens_is_busy_from_the_answer() -> None:
    party = Party('PJSIP/1003-00000009', 'mesa-listen-1', 'mesa-listen-1')
    phones = told([event for raw in ({'Event': 'DialBegin', 'DestChannel': party.channel, 'DestUniqueid': party.uniqueid,
                                      'DestLinkedid': party.linkedid},) if (event := read_event(raw))])
    assert after(phones, DialOver(party, True, True), NOW).on('PJSIP/1003')[0].phase == 'talking'
    assert after(phones, DialOver(party, False, True), NOW).calls == {}


def test_only_so_many_gone_channels_are_remembered() -> None:
    assert len(told([ChannelGone(str(number), '1') for number in range(REMEMBERED + 50)]).gone) == REMEMBERED


def test_a_dead_telephone_of_long_ago_does_not_come_back_with_a_status_reply() -> None:
    assert fresh_phones([seen('PJSIP/1001-00000001', '1.2', 'Up')], told([ChannelGone('1.2', '1.1')]), NOW).calls == {}
