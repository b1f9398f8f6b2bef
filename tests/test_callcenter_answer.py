"""The called user, but for the telephone itself: where he listens, which call is his, what he does with it, how it is told."""
from __future__ import annotations

import re
import socket
from dataclasses import replace
from typing import Any

import pytest

from callcenter.answerer import Answerer, attend, must_be_free
from callcenter.channels import PlacedChannel
from callcenter.commands.answer import is_failure
from callcenter.console import Complaint
from callcenter.exchange import Exchange, FarEnd, far_end_of
from callcenter.following import Answered, Ended, Happening, HungUp, Keys, Pressed, Rang, number_in, read_phone
from callcenter.listening import AmiEvent, AskedMesa, FolioNamed, Gone, HandedOver, Met, Prompted, PromptTexts, Queued
from callcenter.outcome import Outcome, outcome_of
from callcenter.phone import PhoneEvent, Server
from callcenter.telling import Teller, closing_line
from config.values import Trunk, Where

TEXTS = PromptTexts.load({})
CLOSE_CALL, CALL_BACK, CALLER = 'mesa-cc-2-1-e3f8b408', 'call-back-7-0a1b2c3d', '1795380279.0'
OURS, NEXT = 'PJSIP/trunk-demo-0000000a', 'PJSIP/trunk-demo-0000000b'
RINGS = Rang(10.0, '5555550101', '5555550900')
ASK = Prompted(11.0, ('mesa/close-call-question',), True)
SAY = Prompted(12.0, ('mesa/close-call-thanks',), False)
END = Ended(20.0, 200, 'Normal call clearing')


# --- where it listens ----------------------------------------------------------------------------------------------

def site_with(*trunks: Trunk) -> Any:
    class Site:
        pass
    site: Any = Site()
    site.trunks = trunks
    return site


def trunk(name: str, outbound: str) -> Trunk:
    return Trunk(name, ('127.0.0.2',), Where('site.toml', 1, 'trunk'), outbound, '')


def test_it_listens_where_the_first_trunk_leads_that_takes_our_own_calls() -> None:
    site = site_with(trunk('in', ''), trunk('out', '127.0.0.2:5070'), trunk('other', '127.0.0.3:5070'))
    assert far_end_of(site) == FarEnd('trunk-out', Server('127.0.0.2', 5070))
    assert far_end_of(site_with(trunk('out', '127.0.0.2'))).listens == Server('127.0.0.2', 5060)


@pytest.mark.parametrize('outbound', ['198.51.100.7:5060', '0.0.0.0:5060', 'pbx.example', 'pbx.example:5060', '127.0.0.0/7'])
def test_it_listens_on_this_machine_only(outbound: str) -> None:
    with pytest.raises(Complaint, match='within this machine only'):
        far_end_of(site_with(trunk('out', outbound)))


def test_a_site_without_such_a_trunk_is_told_what_to_add() -> None:
    for site in (site_with(), site_with(trunk('in', ''))):
        with pytest.raises(Complaint, match=re.escape('outbound = "127.0.0.2:5070"')):
            far_end_of(site)


def test_a_second_telephone_at_the_same_place_is_refused() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(('127.0.0.1', 0))
        place = Server('127.0.0.1', taken.getsockname()[1])
        with pytest.raises(Complaint, match=f'No telephone can listen on {place} .* another `mesa answer`'):
            must_be_free(place)
    must_be_free(place)


# --- which call is its own -----------------------------------------------------------------------------------------

def event(kind: str, channel: str = OURS, uniqueid: str = CLOSE_CALL, linkedid: str = '', **fields: str) -> AmiEvent:
    return AmiEvent(1.0, {'Event': kind, 'Channel': channel, 'Uniqueid': uniqueid, 'Linkedid': linkedid or uniqueid,
                          'ChannelState': '5', **fields})


def up(channel: str = OURS, uniqueid: str = CLOSE_CALL, linkedid: str = '') -> AmiEvent:
    return event('Newstate', channel, uniqueid, linkedid, ChannelState='6')


def mine(own: PlacedChannel, *events: AmiEvent) -> list[AmiEvent]:
    return [kept for each in events for kept in own.mine(each)]


def test_the_call_that_is_answered_is_its_own() -> None:
    own = PlacedChannel('trunk-demo')
    step = event('Newexten', Application='Read')
    assert mine(own, event('Newchannel'), event('Newstate'), up(), step) == [up(), step]
    assert (own.uniqueid, own.linkedid) == (CLOSE_CALL, CLOSE_CALL)


def test_a_call_back_is_known_by_the_linkedid_of_the_place_in_the_queue() -> None:
    own = PlacedChannel('trunk-demo')
    place = event('Newexten', f'Local/7@mesa-call-back-{"0" * 8};1', CALL_BACK)
    agent = up('PJSIP/1001-00000003', '1795380279.9', CALL_BACK)
    assert mine(own, place, agent, up(OURS, '1795380279.11', CALL_BACK)) == [up(OURS, '1795380279.11', CALL_BACK)]
    assert (own.uniqueid, own.linkedid) == ('1795380279.11', CALL_BACK)


def test_a_call_that_rang_before_we_looked_is_known_when_it_is_answered() -> None:
    assert mine(PlacedChannel('trunk-demo'), up()) == [up()]


@pytest.mark.parametrize('other', [
    up(OURS, CALLER), up('PJSIP/trunk-demo-b-0000000a'), up('PJSIP/trunk-dem-0000000a'), up('PJSIP/1001-0000000a'),
    up('PJSIP/trunk-demo-0000000a;2'), event('Newexten', ChannelState='6'), event('Newchannel'), AmiEvent(1.0, {'Event': 'FullyBooted'}),
])
def test_another_call_is_not(other: AmiEvent) -> None:
    own = PlacedChannel('trunk-demo')
    assert mine(own, other, other) == []
    assert own.uniqueid is None


def test_of_two_calls_at_once_each_event_goes_to_its_own() -> None:
    own, second = PlacedChannel('trunk-demo'), 'mesa-cc-3-1-00000000'
    own.has_rung = True
    busy = event('Hangup', NEXT, second, Cause='17')
    assert mine(own, event('Newchannel'), event('Newchannel', NEXT, second), busy, up(), up(NEXT, second)) == [up()]
    assert own.uniqueid == CLOSE_CALL


def test_a_call_that_is_refused_is_its_own_once_the_telephone_has_rung() -> None:
    over = event('Hangup', Cause='17')
    own = PlacedChannel('trunk-demo')
    assert mine(own, event('Newchannel'), over) == []          # it never reached us
    own.has_rung = True
    assert mine(own, event('Newchannel', NEXT, 'mesa-cc-3-1-0'), event('Hangup', NEXT, 'mesa-cc-3-1-0')) != []
    assert own.linkedid == 'mesa-cc-3-1-0'


# --- what the telephone tells --------------------------------------------------------------------------------------

@pytest.mark.parametrize(('uri', 'number'), [
    ('sip:5555550101@127.0.0.2:5070', '5555550101'), ('"Mesa" <sip:+525555550900@127.0.0.1>;tag=x', '+525555550900'),
    ('sip:127.0.0.2', ''), ('', ''),
])
def test_the_number_in_an_address(uri: str, number: str) -> None:
    assert number_in(uri) == number


def test_a_ring_tells_who_calls_whom() -> None:
    rings = PhoneEvent(10.0, 'ringing', {'remote': '<sip:5555550900@127.0.0.1>', 'local': '<sip:5555550101@127.0.0.2:5070>', 'sip_id': 'a'})
    assert list(read_phone(rings)) == [RINGS]


def state(name: str, sip_id: str, code: int = 200) -> PhoneEvent:
    return PhoneEvent(11.0, 'state', {'state': name, 'code': code, 'reason': 'OK', 'sip_id': sip_id})


def ringing(sip_id: str) -> PhoneEvent:
    return PhoneEvent(10.0, 'ringing', {'remote': 'sip:5555550900@h', 'local': 'sip:5555550101@h', 'sip_id': sip_id})


def test_what_is_told_of_another_call_is_not_ours() -> None:
    phone = Answerer(Exchange(Server('127.0.0.1', 5060), 5038, 'x'), FarEnd('trunk-demo', Server('127.0.0.2', 5070)))
    for told_of in (ringing('a'), state('DISCONNCTD', 'b', 486), state('CONFIRMED', 'a'), ringing('c'), state('DISCONNCTD', 'a')):
        phone._inbox.put(told_of)
    told = [phone.next(0.0) for _ in range(4)]
    assert [type(each) for each in told] == [Rang, Answered, Ended, type(None)]
    assert isinstance(told[2], Ended) and told[2].code == 200


# --- what it does --------------------------------------------------------------------------------------------------

class Scripted:
    """Stands for an Answerer: plays a list of happenings and notes what is done."""

    def __init__(self, *happenings: Happening) -> None:
        self.coming = list(happenings)
        self.did: list[object] = []

    def wait_for_ring(self, within_s: float) -> Happening | None:
        self.did.append(within_s)
        return self.next(0.0)

    def next(self, deadline: float) -> Happening | None:
        return self.coming.pop(0) if self.coming else None

    def answer(self) -> None:
        self.did.append('answer')

    def refuse(self, code: int) -> None:
        self.did.append(code)

    def press(self, keys: str) -> None:
        self.did.append(keys)
        self.coming.insert(0, Pressed(0.0, keys))

    def hang_up(self) -> None:
        self.did.append('hang up')
        self.coming.insert(0, HungUp(0.0))

    def finish(self) -> None:
        self.did.append('finish')


@pytest.mark.parametrize(('happenings', 'keys', 'refusal', 'did', 'why'), [
    ([RINGS, Answered(0.0), ASK, SAY, ASK, SAY, END], '1,5', None, ['answer', '1', '5', 'finish'], None),
    ([RINGS, Answered(0.0), ASK, END], '', None, ['answer', 'finish'], None),
    ([RINGS, Answered(0.0), ASK], 'h', None, ['answer', 'hang up', 'finish'], 'h'),
    ([RINGS, Answered(0.0), ASK, Met(0.0)], '1', None, ['answer', '1', 'hang up', 'finish'], 'waited'),
    ([RINGS], '1', None, ['answer', 'hang up', 'finish'], 'not_connected'),
    ([RINGS, END], '1', 486, [486, 'finish'], None),
    ([], '1', None, [], 'not_connected'),
])
def test_a_call_is_taken_and_the_keys_followed(
        happenings: list[Happening], keys: str, refusal: int | None, did: list[object], why: str | None) -> None:
    phone: Any = Scripted(*happenings)
    assert attend(phone, Keys(keys), refusal=refusal, wait_s=1.0, timeout_s=7.0) == why
    assert phone.did == [7.0, *did]


# --- how it is told ------------------------------------------------------------------------------------------------

def summed(*story: Happening, why: str | None = None, linkedid: str | None = CLOSE_CALL) -> Outcome:
    return outcome_of(list(story), number='5555550101', caller='5555550900', why=why, texts=TEXTS, linkedid=linkedid)


@pytest.mark.parametrize(('story', 'why', 'outcome'), [
    ((RINGS, Answered(10.1), AskedMesa(10.2), ASK, HandedOver(19.0), END), None, 'goodbye'),
    ((RINGS, Answered(10.1), AskedMesa(10.2), ASK, END), None, 'dropped'),
    ((RINGS, Answered(10.1), ASK, Met(12.0), END), None, 'answered'),
    ((RINGS, Answered(10.1), AskedMesa(10.2), ASK, HandedOver(12.0), Queued(12.0, 'q'), HungUp(15.0), END), 'waited', 'queued'),
    ((RINGS, Answered(10.1), ASK, HungUp(12.0), END), 'h', 'hung_up'),
    ((RINGS, Ended(10.1, 486, 'Busy Here')), None, 'rejected'),
    ((), 'not_connected', 'not_connected'),
])
def test_the_outcome_in_one_word(story: tuple[Happening, ...], why: str | None, outcome: str) -> None:
    assert summed(*story, why=why).outcome == outcome


def test_times_begin_with_the_ring(capsys: pytest.CaptureFixture[str]) -> None:
    tell = Teller(TEXTS)
    for happening in (RINGS, ASK, Answered(11.5), END):
        tell(happening)
    tell.close()
    assert [line.split()[0:3:2] for line in capsys.readouterr().out.splitlines()] == [
        ['0.00', 'rings'], ['1.50', 'answered'], ['1.50', 'hears'], ['10.00', 'ended']]
    facts = summed(RINGS, Answered(10.5), ASK, END).facts()
    assert (facts['number'], facts['from'], facts['answered_at'], facts['duration']) == ('+525555550101', '+525555550900', 0.5, 9.5)


def test_the_end_is_told_last_though_asterisk_may_still_have_something_to_tell(capsys: pytest.CaptureFixture[str]) -> None:
    tell = Teller(TEXTS)
    for happening in (RINGS, Answered(11.0), END, FolioNamed(20.2, '48213307'), Gone(20.3, 16)):
        tell(happening)
    tell.close()
    assert [line.split()[0:3:2] for line in capsys.readouterr().out.splitlines()] == [
        ['0.00', 'rings'], ['1.00', 'answered'], ['10.00', 'folio'], ['10.00', 'ended']]


def test_a_refusal_is_a_failure_only_when_none_was_wished() -> None:
    refused, missed, talked = summed(RINGS, Ended(10.1, 486, 'Busy Here')), summed(why='not_connected'), summed(RINGS, Answered(10.1), END)
    assert [is_failure(each, wished) for each in (refused, missed, talked) for wished in (True, False)] == [
        False, True, True, True, False, False]
    assert closing_line(refused) == 'outcome: rejected, 486 Busy Here'
    assert closing_line(replace(refused, sip_status='', outcome='not_connected')) == 'outcome: not_connected'
