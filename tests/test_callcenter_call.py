"""The caller, but for the telephone itself: which events are ours, what they mean, which key goes where, how a call is summed up."""
import io
import math
import struct
import wave
from pathlib import Path
from queue import SimpleQueue

import pytest

from callcenter.caller import Caller, converse
from callcenter.channels import OwnChannel
from callcenter.console import Complaint
from callcenter.exchange import Exchange, dial_string
from callcenter.following import Answered, Audible, Dialled, Ended, HungUp, Keys, Pressed, Spoken
from callcenter.listening import (
    AmiEvent,
    AskedMesa,
    FellBack,
    FolioNamed,
    Gone,
    HandedOver,
    ManagerLink,
    Met,
    Prompted,
    PromptTexts,
    Queued,
    Recording,
    facts_of,
    read_block,
    spoken_digits,
)
from callcenter.outcome import outcome_of, silence_before_sound
from callcenter.phone import Server, loopback
from callcenter.telling import Teller, closing_line, described, prompt_lines

TEXTS = PromptTexts.load({'greeting': 'Bienvenido a La Nopalera.'})


def newexten(application: str, data: str, context: str = 'mesa-line', uniqueid: str = '1.1') -> dict[str, str]:
    return {'Event': 'Newexten', 'Application': application, 'AppData': data, 'Context': context,
            'Uniqueid': uniqueid, 'Linkedid': uniqueid}


@pytest.mark.parametrize(('event', 'facts'), [
    (newexten('Read', 'MESA_KEYS,mesa/greeting&mesa/menu-new,1,,1,5', 'mesa-ask'),
     [Prompted(1.0, ('mesa/greeting', 'mesa/menu-new'), True)]),
    (newexten('Playback', 'mesa/your-folio&digits/4', 'mesa-say'), [Prompted(1.0, ('mesa/your-folio', 'digits/4'), False)]),
    (newexten('BackGround', 'site/hello,n'), [Prompted(1.0, ('site/hello',), True)]),
    (newexten('Record', '/x/messages/1.1-message.wav,5,180,k'), [Recording(1.0, True)]),
    (newexten('Record', '/x/messages/1.1-description.wav,5,60,k'), [Recording(1.0, False)]),
    (newexten('Queue', 'nopalera-standard,,,,600'), [Queued(1.0, 'nopalera-standard')]),
    (newexten('AGI', 'agi://127.0.0.1:4573/inbound,+528005550101,1.1'), [AskedMesa(1.0)]),
    (newexten('Set', 'MESA_FOLIO=48213307', 'mesa-done'), [FolioNamed(1.0, '48213307')]),
    (newexten('Set', 'MESA_FOLIO=', 'mesa-done'), []),
    (newexten('Set', 'MESA_RESULT=done', 'mesa-done'), [HandedOver(1.0)]),
    (newexten('Set', 'MESA_RESULT=', 'mesa-done'), []),
    (newexten('Playback', 'mesa/fallback-open', 'mesa-fallback'), [FellBack(1.0), Prompted(1.0, ('mesa/fallback-open',), False)]),
    ({'Event': 'BridgeEnter', 'Uniqueid': '1.1'}, [Met(1.0)]),
    ({'Event': 'Hangup', 'Uniqueid': '1.1', 'Cause': '16'}, [Gone(1.0, 16)]),
    ({'Event': 'VarSet', 'Variable': 'X', 'Value': 'Y'}, []),
    ({}, []),
])
def test_an_event_means(event, facts):
    assert list(facts_of(1.0, event)) == facts


def newchannel(uniqueid: str, caller: str = '5555550101', exten: str = '8005550101') -> AmiEvent:
    return AmiEvent(0.0, {'Event': 'Newchannel', 'Uniqueid': uniqueid, 'Linkedid': uniqueid, 'CallerIDNum': caller, 'Exten': exten})


def heard_by(own: OwnChannel, events: list[AmiEvent]) -> list[AmiEvent]:
    return [mine for event in events for mine in own.mine(event)]


def test_of_two_like_calls_at_once_each_hears_its_own():
    events = []
    for uniqueid, token in (('1.1', 'aaa'), ('2.2', 'bbb')):
        events += [newchannel(uniqueid), AmiEvent(0.0, newexten('Set', 'MESA_LINE=+528005550101', uniqueid=uniqueid)),
                   AmiEvent(0.0, newexten('Set', f'MESA_PROBE={token}', uniqueid=uniqueid))]
    events += [AmiEvent(0.0, newexten('Playback', f'mesa/for-{uniqueid}', uniqueid=uniqueid)) for uniqueid in ('2.2', '1.1')]
    for token, uniqueid in (('aaa', '1.1'), ('bbb', '2.2')):
        own = OwnChannel(token, '5555550101', '8005550101')
        mine = heard_by(own, events)
        assert {event.fields['Uniqueid'] for event in mine} == {uniqueid}
        assert [event.fields.get('AppData') for event in mine] == [
            None, 'MESA_LINE=+528005550101', f'MESA_PROBE={token}', f'mesa/for-{uniqueid}']
        assert own.linkedid == uniqueid


def test_a_site_without_the_token_is_recognised_by_both_numbers():
    own = OwnChannel('aaa', '5555550101', '8005550101')
    steps = [AmiEvent(0.0, newexten('NoOp', str(n), uniqueid='3.3')) for n in range(20)]
    others = [newchannel('4.4', caller='5555550102'), newchannel('5.5', exten='8005550102')]
    mine = heard_by(own, [*others, newchannel('3.3'), *steps])
    assert own.uniqueid == '3.3'
    assert [event.fields.get('AppData') for event in mine] == [None, *(str(n) for n in range(20))]


def test_a_call_that_is_turned_away_before_the_token_is_still_ours():
    own = OwnChannel('aaa', '5555550101', '8005550101')
    assert heard_by(own, [newchannel('3.3'), AmiEvent(0.0, {'Event': 'Hangup', 'Uniqueid': '3.3', 'Cause': '1'})])
    assert own.uniqueid == '3.3'


def test_a_call_with_another_token_is_never_ours():
    own = OwnChannel('aaa', '5555550101', '8005550101')
    steps = [AmiEvent(0.0, newexten('NoOp', str(n), uniqueid='3.3')) for n in range(30)]
    heard_by(own, [newchannel('3.3'), AmiEvent(0.0, newexten('Set', 'MESA_PROBE=bbb', uniqueid='3.3')), *steps])
    assert own.uniqueid is None


@pytest.mark.parametrize(('prompt', 'text'), [
    ('mesa/greeting', 'Gracias por llamar a la mesa de ayuda.'),
    ('site/greeting', 'Bienvenido a La Nopalera.'),
    ('digits/4', '4'), ('digits/h-3', '3'), ('letters/a', 'a'), ('digits/day-0', 'domingo'), ('digits/day-5', 'viernes'),
    ('digits/mon-0', 'enero'), ('digits/mon-11', 'diciembre'), ('digits/es-de', 'de'), ('mesa/nobody-wrote-this', ''), ('beep', '(tono)'),
])
def test_the_words_of_a_prompt(prompt, text):
    assert TEXTS.text(prompt) == text


def test_digits_spoken_behind_a_prompt():
    prompts = ('digits/9', 'mesa/your-folio', 'digits/4', 'digits/8', 'mesa/pause', 'digits/2', 'mesa/note-it-down', 'digits/7')
    assert spoken_digits(prompts, 'mesa/your-folio') == '482'
    assert spoken_digits(prompts, 'mesa/folio-is') == ''


@pytest.mark.parametrize(('text', 'items'), [
    ('1,2', ['1', '2', 'w', 'w']), ('', ['w', 'w', 'w', 'w']),
    ('w, 48213307# ,H', ['w', '48213307#', 'h', 'w']), ('*', ['*', 'w', 'w', 'w']),
])
def test_keys_are_taken_one_a_prompt(text, items):
    keys = Keys(text)
    assert [keys.take() for _ in range(4)] == items


@pytest.mark.parametrize('text', ['1,,2', 'x', '1;2', '12345678901234567890123456789012345', 'wh', '1,'])
def test_bad_keys_are_refused_with_a_sentence(text):
    with pytest.raises(Complaint, match=r'--keys: .* is no item'):
        Keys(text)


@pytest.mark.parametrize(('number', 'dialled'), [
    ('8005550101', '8005550101'), ('+528005550101', '+528005550101'), ('800 555 0101', '8005550101'), ('(800) 555-0101', '8005550101'),
])
def test_numbers_are_dialled_as_written(number, dialled):
    assert dial_string(number) == dialled


@pytest.mark.parametrize('number', ['911', '', 'sip:8005550101@198.51.100.7', 'anonymous', '8005550101@198.51.100.7', '8005550101\r\nX: y'])
def test_what_is_no_number_is_not_dialled(number):
    with pytest.raises(Complaint, match='not a telephone number'):
        dial_string(number)


@pytest.mark.parametrize(('address', 'first'), [('127.0.0.2', '127.0.0.2'), ('127.0.0.2/32', '127.0.0.2'), ('127.8.0.0/16', '127.8.0.1')])
def test_loopback_addresses_pass(address, first):
    assert loopback(address) == first


@pytest.mark.parametrize('address', ['198.51.100.7', '0.0.0.0', 'pbx.example', '127.0.0.0/7', '10.0.0.0/8', ''])
def test_nothing_is_dialled_outside(address):
    with pytest.raises(Complaint, match='within this machine only'):
        loopback(address)
    with pytest.raises(Complaint, match='within this machine only'), \
            Caller(Exchange(Server('127.0.0.1', 5060), 5038, 'x', address), '8005550101', '5555550101'):
        pass


def test_without_asterisk_the_caller_says_what_to_do(unused_port):
    with pytest.raises(Complaint, match=r'Asterisk does not answer .* mesa up'):
        ManagerLink('127.0.0.1', unused_port, 'x', SimpleQueue())


@pytest.fixture
def unused_port():
    """A port on which nobody listens: it is bound here, and not listened on."""
    import socket
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        yield taken.getsockname()[1]


def test_blocks_of_the_manager_interface():
    stream = io.BytesIO(b'Event: Newexten\r\nAppData: a: b\r\nAppData: second\r\nBad\xff: \xc3\xa1\r\n\r\nEvent: cut')
    assert read_block(stream) == {'Event': 'Newexten', 'AppData': 'a: b', 'Bad\ufffd': 'á'}
    assert read_block(stream) is None


class Scripted:
    """Stands for a Caller: plays a list of happenings and notes what `converse` does. An item None: nothing until the deadline."""

    def __init__(self, *happenings):
        self.coming = list(happenings)
        self.did = []

    def dial(self):
        self.did.append('dial')

    def next(self, deadline):
        return self.coming.pop(0) if self.coming else None

    def press(self, keys):
        self.did.append(keys)
        self.coming.insert(0, Pressed(0.0, keys))

    def speak(self):
        self.did.append('speak')

    def hang_up(self):
        self.did.append('hang up')
        self.coming.insert(0, HungUp(0.0))

    def finish(self):
        self.did.append('finish')


ASK = Prompted(0.0, ('mesa/menu-new',), True)
SAY = Prompted(0.0, ('mesa/goodbye',), False)
END = Ended(0.0, 200, 'OK')


@pytest.mark.parametrize(('happenings', 'keys', 'did', 'why'), [
    ([Answered(0.0), ASK, SAY, ASK, END], '1,2', ['dial', '1', '2', 'finish'], None),
    ([Answered(0.0), ASK, ASK, END], 'w,2', ['dial', '2', 'finish'], None),
    ([Answered(0.0), ASK, ASK, ASK, END], '1', ['dial', '1', 'finish'], None),
    ([Answered(0.0), ASK, ASK], '1,h', ['dial', '1', 'hang up', 'finish'], 'h'),
    ([Answered(0.0), SAY, Recording(0.0, True), Spoken(0.0), END], '#', ['dial', 'speak', '#', 'finish'], None),
    ([Answered(0.0), SAY, Recording(0.0, True), Spoken(0.0)], 'h', ['dial', 'speak', 'hang up', 'finish'], 'h'),
    ([Answered(0.0), ASK, Queued(0.0, 'q')], '1', ['dial', '1', 'hang up', 'finish'], 'waited'),
    ([Answered(0.0), ASK, Queued(0.0, 'q'), Met(0.0), END], '1', ['dial', '1', 'finish'], None),
    ([Dialled(0.0)], '', ['dial', 'hang up', 'finish'], 'not_connected'),
])
def test_a_conversation_follows_the_keys(happenings, keys, did, why):
    caller = Scripted(*happenings)
    assert converse(caller, Keys(keys), wait_s=1.0, timeout_s=60.0) == why
    assert caller.did == did


def test_a_call_that_does_not_end_is_ended():
    caller = Scripted(Answered(0.0), ASK)
    assert converse(caller, Keys('1'), wait_s=1.0, timeout_s=0.0) == 'timeout'
    assert caller.did[-2:] == ['hang up', 'finish']


def story(*happenings, end=(200, 'Normal call clearing')):
    return [Dialled(10.0), AskedMesa(10.1), Answered(10.25), Audible(10.5), *happenings, Ended(20.0, *end)]


ASKED = Prompted(11.0, ('mesa/greeting', 'mesa/pause', 'mesa/menu-new'), True)
DONE = (FolioNamed(12.0, '48213307'), HandedOver(12.0))


@pytest.mark.parametrize(('happenings', 'why', 'outcome'), [
    ((ASKED, *DONE, Queued(13.0, 'q')), 'waited', 'queued'),
    ((ASKED, *DONE, Queued(13.0, 'q'), Met(14.0)), 'waited', 'answered'),
    ((ASKED, *DONE, Queued(13.0, 'q'), Met(14.0)), None, 'answered'),
    ((ASKED, HandedOver(12.0)), None, 'goodbye'),
    ((ASKED, Recording(12.0, True), *DONE), None, 'voice_message'),
    ((ASKED, Recording(12.0, False), *DONE, Queued(13.0, 'q')), 'waited', 'queued'),
    ((ASKED, Recording(12.0, False), *DONE), None, 'goodbye'),
    ((ASKED, *DONE, Queued(13.0, 'q'), Recording(14.0, True)), None, 'voice_message'),
    ((ASKED, HungUp(11.5)), 'h', 'hung_up'),
    ((ASKED, FellBack(12.0), Queued(13.0, 'q')), 'waited', 'fallback'),
    ((ASKED, FellBack(12.0), Recording(13.0, True)), None, 'fallback'),
    ((ASKED,), 'timeout', 'timed_out'),
    ((ASKED,), None, 'dropped'),
])
def test_the_outcome_in_one_word(happenings, why, outcome):
    summed = outcome_of(story(*happenings), number='8005550101', caller='5555550101', why=why, texts=TEXTS, linkedid='1.1')
    assert summed.outcome == outcome


@pytest.mark.parametrize(('happenings', 'why', 'linkedid', 'outcome'), [
    ([Dialled(1.0), Ended(1.1, 404, 'Not Found')], None, '1.1', 'rejected'),
    ([Dialled(1.0), Ended(1.1, 404, 'Not Found')], None, None, 'rejected'),
    ([Dialled(1.0), Ended(1.1, 503, 'Service Unavailable')], None, '1.1', 'rejected'),
    ([Dialled(1.0), Ended(33.0, 408, 'Request Timeout')], None, None, 'not_connected'),
    ([Dialled(1.0), HungUp(11.0), Ended(11.1, 487, 'Request Terminated')], 'not_connected', None, 'not_connected'),
    ([Dialled(1.0)], 'not_connected', None, 'not_connected'),
])
def test_a_call_that_was_never_answered(happenings, why, linkedid, outcome):
    assert outcome_of(happenings, number='8005550101', caller='5555550101', why=why, texts=TEXTS, linkedid=linkedid).outcome == outcome


def test_a_call_summed_up_for_scripts():
    happenings = story(ASKED, Pressed(11.1, '1'), *DONE, Queued(13.0, 'nopalera-standard'))
    facts = outcome_of(happenings, number='8005550101', caller='+525555550101', why='waited', texts=TEXTS, linkedid='1.1').facts()
    assert facts == {
        'number': '+528005550101', 'from': '+525555550101', 'folio': '48213307', 'queue': 'nopalera-standard', 'outcome': 'queued',
        'heard': ({'at': 1.0, 'prompt': 'mesa/greeting', 'text': 'Gracias por llamar a la mesa de ayuda.'},
                  {'at': 1.0, 'prompt': 'mesa/menu-new', 'text': 'Para reportar un incidente nuevo, marque uno.'}),
        'keys': ('1',), 'answered_at': 0.25, 'duration': 9.75, 'first_audio_s': {'from_invite': 0.5, 'from_answer': 0.25},
        'sip_status': '200 Normal call clearing', 'linkedid': '1.1', 'wav': None, 'voice_message': False,
    }


def test_the_folio_is_known_by_ear_when_the_caller_hangs_up_before_the_hand_over():
    spoken = Prompted(12.0, ('mesa/your-folio', *(f'digits/{digit}' for digit in '48213307'), 'mesa/repeat-folio'), True)
    summed = outcome_of(story(ASKED, spoken, HungUp(13.0)), number='8005550101', caller='5555550101', why='h', texts=TEXTS, linkedid='1.1')
    assert (summed.folio, summed.outcome) == ('48213307', 'hung_up')


def recording(path: Path, silence_s: float, tone_s: float) -> Path:
    samples = [3] * int(8000 * silence_s) + [int(8000 * math.sin(n / 3)) for n in range(int(8000 * tone_s))]
    with wave.open(str(path), 'wb') as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(struct.pack(f'<{len(samples)}h', *samples))
    return path


def test_silence_is_measured_in_the_recording(tmp_path):
    assert silence_before_sound(recording(tmp_path / 'a.wav', 1.5, 0.5)) == pytest.approx(1.5, abs=0.011)
    assert silence_before_sound(recording(tmp_path / 'b.wav', 1.5, 0.0)) is None
    assert silence_before_sound(tmp_path / 'none.wav') is None
    wav = recording(tmp_path / 'c.wav', 0.75, 0.5)
    summed = outcome_of(story(ASKED), number='8005550101', caller='5555550101', why=None, texts=TEXTS, linkedid='1.1', wav=wav)
    assert summed.first_audio_s == {'from_invite': 1.0, 'from_answer': 0.75}


def test_the_lines_that_are_printed():
    prompts = ('mesa/your-folio', 'digits/4', 'digits/8', 'mesa/pause', 'digits/2', 'mesa/note-it-down')
    assert prompt_lines(prompts, TEXTS) == [
        'mesa/your-folio              Su número de folio es:',
        'digits                       4 8 2',
        'mesa/note-it-down            Por favor, anótelo.',
    ]
    moment = ('mesa/opens-again', 'digits/day-1', 'digits/28', 'digits/es-de', 'digits/mon-11', 'mesa/at-hour', 'digits/8',
              'mesa/in-the-morning')
    assert prompt_lines(moment, TEXTS) == [
        'mesa/opens-again             Abrimos de nuevo el',
        'date or time                 lunes 28 de diciembre a las 8 de la mañana.',
    ]
    assert described(FellBack(0.0), TEXTS) == []
    assert described(Queued(0.0, 'q'), TEXTS) == [('queue', 'q')]


def test_what_is_told_stands_in_the_order_in_which_it_is_heard(capsys):
    """The exchange is quicker to tell of the first prompt, and of its answer, than the telephone of the connection."""
    tell = Teller(TEXTS)
    for happening in (Dialled(10.0), Prompted(10.01, ('mesa/menu-new',), True), Pressed(10.02, '1'), Answered(10.03),
                      FolioNamed(10.2, '48213307'), FolioNamed(11.0, '48213307')):
        tell(happening)
    assert [line.split()[2] for line in capsys.readouterr().out.splitlines()] == ['dials', 'answered', 'hears', 'presses', 'folio']


def test_the_closing_line():
    happenings = story(ASKED, *DONE, Queued(13.0, 'q'))
    summed = outcome_of(happenings, number='8005550101', caller='5555550101', why='waited', texts=TEXTS, linkedid='1.1')
    assert closing_line(summed) == 'outcome: queued, queue q, folio 48213307, first sound 0.25 s after the answer'
    refused = outcome_of([Dialled(1.0), Ended(1.1, 404, 'Not Found')], number='8005550199', caller='5555550101', why=None, texts=TEXTS)
    assert closing_line(refused) == 'outcome: rejected, 404 Not Found'
