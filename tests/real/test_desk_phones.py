"""The desk's live picture and orders with real telephones on the real Asterisk (mission.md 3.8, 6.1, 6.2, 6.3)."""
from __future__ import annotations

import base64
import hashlib
import os
import re
import secrets
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from ami_listener.board import Seat
from ami_listener.call_record import CallRecord
from ami_listener.clicks import ClickRounds
from ami_listener.orders import OrderError
from callcenter.caller import Caller
from callcenter.listening import FolioNamed, Queued
from tests.real.callers import NOPALERA, Books, eventually, loudness, phone_of, silences
from tests.real.desk_browser import started_browser, window
from tests.real.instance import CHECKOUT, RealMesa
from tests.real.live_desk import LiveDesk
from tests.real.phones import AgentPhone, agent, caller, user_phone
from ticketing.folios import EntryKind

ANA, BETO, CARLA = 'PJSIP/1001', 'PJSIP/1002', 'PJSIP/1003'
STANDARD, PREMIUM = 'nopalera-standard', 'nopalera-premium'


def recording_on(site: Path) -> None:
    """Have conversations recorded, so that the notice is heard."""
    file = site / 'site.toml'
    file.write_text(file.read_text().replace('[policy]\n', '[policy]\nrecording = true\n', 1))


@pytest.fixture(scope='module')
def mesa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealMesa]:
    shared = RealMesa(tmp_path_factory.mktemp('desk'), clock='2026-11-24T10:00', edit=recording_on)
    yield shared
    shared.stop()


@pytest.fixture(scope='module')
def browser() -> Iterator[Browser]:
    with started_browser() as started:
        yield started


@pytest.fixture
def books(mesa: RealMesa) -> Iterator[Books]:
    kept = Books(mesa)
    yield kept
    kept.close()


@pytest.fixture
def desk(mesa: RealMesa) -> Iterator[LiveDesk]:
    with LiveDesk(mesa) as running:
        yield running


@contextmanager
def in_queue(mesa: RealMesa, books: Books, keys: str = '', wav: Path | None = None) -> Iterator[Caller]:
    """A caller who waits in the queue; `keys` answer the notice of recording (9: no)."""
    user, = books.strangers(1)
    with caller(mesa.instance, NOPALERA, phone_of(user), wav=wav) as calling:
        calling.dial()
        calling.press('0')
        calling.expect_prompt('mesa/your-folio')
        calling.press('2')
        calling.expect_prompt('mesa/privacy-recording')
        calling.press(keys or '1')
        calling.expect(Queued)
        yield calling


def only(desk: LiveDesk, *logins: str) -> None:
    """Have these agents ready on their desks' telephones, and no other; returns when Asterisk has it so."""
    for agent_ in desk.site.agents.values():
        desk.presence.choose_phone(agent_.login, 'desk', desk.now())
        (desk.presence.ready if agent_.login in logins else desk.presence.away)(agent_.login, desk.now())
    for agent_ in desk.site.agents.values():
        for queue in agent_.queues:
            desk.seat(queue, agent_.desk_phone, lambda seat, login=agent_.login: is_paused(seat) != (login in logins), 'as chosen')


def is_paused(seat: object) -> bool:
    assert isinstance(seat, Seat)
    return seat.paused


def talk(desk: LiveDesk, phone: AgentPhone, interface: str) -> str:
    """Answer a call that rings, and wait until the picture shows it; its linkedid."""
    phone.expect_ring(30)
    desk.call_on(interface, lambda call: call.phase == 'ringing', 'a call that rings')
    phone.answer()
    return desk.call_on(interface, lambda call: call.phase == 'talking' and bool(call.peer_channel), 'a conversation').linkedid


def without_times(record: CallRecord) -> CallRecord:
    """What two calls of the same kind have in common."""
    def bare(value: str) -> str:
        return re.sub(r'-[0-9a-f]{8}$', '', value)
    never = record.started
    return replace(
        record, linkedid='', started=never.min, answered=None, ended=None, ani='', joined=None, left_queue=None, wait_s=None,
        agent_answered=None, talk_s=None, folio='', legs=tuple(
            replace(leg, uniqueid='', channel=bare(leg.channel), peer=bare(leg.peer), started=never.min, answered=None, ended=None,
                    duration_s=None, billsec_s=None) for leg in record.legs))


# --- hold --------------------------------------------------------------------------------------------------------------

def test_on_hold_the_caller_hears_music_and_the_books_know_nothing_of_it(
        mesa: RealMesa, books: Books, desk: LiveDesk, tmp_path: Path) -> None:
    only(desk, 'ana')
    plain, held = [], []
    for wav, linkedids in ((None, plain), (tmp_path / 'held.wav', held)):
        with agent(mesa.instance, 'ana') as ana, in_queue(mesa, books, wav=wav) as calling:
            linkedids.append(talk(desk, ana, ANA))
            if wav is not None:
                with pytest.raises(OrderError, match='en espera'):
                    desk.orders.resume(ANA)
                desk.orders.hold(ANA)
                desk.call_on(ANA, lambda call: call.phase == 'held' and call.held_by == 'mesa', 'a call on hold')
                calling.press('D')                     # of the caller: a tone like any other
                time.sleep(3.0)                        # of music, which is what is measured
                resumed = time.monotonic()
                desk.orders.resume(ANA)
                desk.call_on(ANA, lambda call: call.phase == 'talking', 'a conversation again')
                time.sleep(2.0)                        # of silence, likewise
            ana.hang_up()
            hung_up = time.monotonic()
            desk.nothing_on(ANA)
    quiet, music = books.call(plain[0]), books.call(held[0])
    assert without_times(quiet) == without_times(music)
    assert music.disposition == 'answered' and music.talk_s is not None and music.talk_s > 4.5
    told = [line.split('|')[4] for line in (mesa.place.asterisk_log / 'queue_log').read_text().splitlines() if held[0] in line]
    assert told == ['ENTERQUEUE', 'CONNECT', 'COMPLETEAGENT']
    seconds, _ = loudness(tmp_path / 'held.wav')
    still = [(begin, end) for begin, end in silences(tmp_path / 'held.wav') if end > seconds - 3.0]
    assert still and sum(end - begin for begin, end in still) > 1.0, 'after the hold he hears the agent, who is silent'
    longest = max(end - begin for begin, end in silences(tmp_path / 'held.wav'))
    assert longest < hung_up - resumed + 1.0, 'on hold he hears music'


def test_a_hold_ends_when_either_side_hangs_up(mesa: RealMesa, books: Books, desk: LiveDesk) -> None:
    only(desk, 'ana')
    for who in ('agent', 'caller'):
        with agent(mesa.instance, 'ana') as ana, in_queue(mesa, books) as calling:
            linkedid = talk(desk, ana, ANA)
            desk.orders.hold(ANA)
            desk.call_on(ANA, lambda call: call.phase == 'held', 'a call on hold')
            if who == 'agent':
                ana.hang_up()
            else:
                calling.hang_up()
                ana.expect_over()
            desk.nothing_on(ANA)
            assert len(books.call(linkedid).legs) == 1


# --- transfer ----------------------------------------------------------------------------------------------------------

def test_to_a_colleague_and_on_to_a_queue_the_folio_goes_along(mesa: RealMesa, books: Books, desk: LiveDesk) -> None:
    only(desk, 'ana')
    with agent(mesa.instance, 'ana') as ana, agent(mesa.instance, 'beto') as beto, in_queue(mesa, books):
        linkedid = talk(desk, ana, ANA)
        with pytest.raises(OrderError):
            desk.orders.transfer_to_agent(ANA, 'ana')
        with pytest.raises(OrderError):
            desk.orders.transfer_to_queue(ANA, 'no-queue')
        desk.orders.hold(ANA)
        desk.call_on(ANA, lambda call: call.phase == 'held', 'a call on hold')
        desk.orders.transfer_to_agent(ANA, 'beto')
        ana.expect_over()
        assert talk(desk, beto, BETO) == linkedid
        desk.orders.transfer_to_queue(BETO, STANDARD)
        beto.expect_over()
        assert talk(desk, ana, ANA) == linkedid
        call = desk.call_on(ANA, lambda call: call.queue == STANDARD, 'a call through the queue')
        assert call.peer_channel.startswith('PJSIP/trunk-')
        desk.orders.hang_up(ANA)
        ana.expect_over()
    record = books.call(linkedid)
    assert (record.queue, record.priority, record.agent, record.disposition) == (STANDARD, 0, 'ana', 'answered')
    assert [re.sub(r'-[0-9a-f]{8}$', '', leg.peer) for leg in record.legs] == [ANA, BETO, ANA]
    assert record.folio and books.folio(record.folio)


def test_who_reaches_nobody_goes_back_to_his_queue(mesa: RealMesa, books: Books, desk: LiveDesk) -> None:
    only(desk, 'ana')
    with agent(mesa.instance, 'ana') as ana, agent(mesa.instance, 'carla') as carla, in_queue(mesa, books):
        linkedid = talk(desk, ana, ANA)
        desk.orders.transfer_to_agent(ANA, 'carla')
        ana.expect_over()
        carla.expect_ring()
        carla.refuse()
        assert talk(desk, ana, ANA) == linkedid


def test_a_transfer_after_asking_leads_the_picture_to_the_caller(mesa: RealMesa, books: Books, desk: LiveDesk) -> None:
    only(desk, 'ana')
    place = mesa.place
    words = [f'{place.bind}:{place.ports.sip}', '1001', mesa.instance.secrets(desk.site).agents['ana'], '1002']
    with (subprocess.Popen([sys.executable, '-P', '-m', 'tests.real.transferring_phone', *words],
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                           cwd=CHECKOUT, env=os.environ | {'PYTHONPATH': str(CHECKOUT)}) as phone,
          agent(mesa.instance, 'beto') as beto):
        assert phone.stdout is not None and phone.stdin is not None
        try:
            says(phone, 'registered')
            with in_queue(mesa, books):
                # The telephone holds the caller within milliseconds of its answer, so either phase may be seen. Wrap-up comes before.
                linkedid = desk.call_on(ANA, lambda call: call.phase in ('talking', 'held'), 'a conversation', 80.0).linkedid
                talk(desk, beto, BETO)
                phone.stdin.write('join\n')
                phone.stdin.flush()
                assert says(phone, 'transfers')
                desk.call_on(BETO, lambda call: call.linkedid == linkedid and call.peer_channel.startswith('PJSIP/trunk-'),
                             "the caller's call")
                desk.nothing_on(ANA)
                beto.hang_up()
        finally:
            phone.kill()


def says(phone: subprocess.Popen[str], word: str) -> bool:
    """Read until the telephone has said a word; PJSIP says much beside."""
    assert phone.stdout is not None
    return any(line.strip() == word for line in phone.stdout)


# --- presence reaches Asterisk -----------------------------------------------------------------------------------------

def test_what_agents_choose_reaches_asterisk_and_survives(mesa: RealMesa, desk: LiveDesk) -> None:
    only(desk, 'ana')
    desk.presence.pause('ana', 'comida', desk.now())
    desk.seat(STANDARD, ANA, lambda seat: isinstance(seat, Seat) and seat.reason == 'comida', 'at lunch')
    desk.presence.choose_phone('ana', 'browser', desk.now())
    desk.presence.ready('ana', desk.now())
    desk.seat(STANDARD, ANA + '-web', lambda seat: not is_paused(seat), 'ready in the browser')
    desk.seat(STANDARD, ANA, is_paused, 'paused on the desk')
    desk.presence.move('carla', STANDARD, True, 'carla', desk.now())
    desk.presence.move('ana', PREMIUM, False, 'carla', desk.now())
    desk.seat(STANDARD, CARLA, lambda seat: seat is not None, 'put in')
    desk.seat(PREMIUM, ANA + '-web', is_paused, 'taken out')

    mesa.asterisk_cli('queue reset stats')
    mesa.asterisk_cli('queue unpause member PJSIP/1001')
    mesa.asterisk_cli('queue remove member PJSIP/1003 from nopalera-standard')
    eventually(lambda: members(mesa, STANDARD), lambda told: 'otro teléfono' in told['PJSIP/1001'] and CARLA in told, 'as wanted again')
    mesa.asterisk_cli('queue reload all')
    assert 'otro teléfono' in members(mesa, STANDARD)['PJSIP/1001']

    for word in ('down', 'up'):
        done = mesa.mesa(word, *(['--detach'] if word == 'up' else []))
        assert done.returncode == 0, done.stdout + done.stderr
    eventually(lambda: desk.live.is_fresh, bool, 'a fresh picture of the new Asterisk', 30.0)
    eventually(lambda: members(mesa, STANDARD), lambda told: 'otro teléfono' in told.get(ANA, '') and CARLA in told, 'as wanted', 20.0)
    eventually(lambda: members(mesa, STANDARD), lambda told: 'paused' not in told[ANA + '-web'], 'ready in the browser')
    eventually(lambda: members(mesa, PREMIUM), lambda told: 'fuera de la cola' in told[ANA + '-web'], 'out of the queue')

    desk.presence.move('carla', STANDARD, False, 'carla', desk.now())
    desk.presence.move('ana', PREMIUM, True, 'carla', desk.now())
    eventually(lambda: members(mesa, STANDARD), lambda told: CARLA not in told, 'carla is out')
    eventually(lambda: members(mesa, PREMIUM), lambda told: 'paused' not in told[ANA + '-web'], 'ana is in again')


def members(mesa: RealMesa, queue: str) -> dict[str, str]:
    """What Asterisk says of the members of a queue."""
    found = re.findall(r'\((PJSIP/[\w-]+)\)(.*)', mesa.asterisk_cli(f'queue show {queue}'))
    return {interface: told.replace('paused was', 'paused: was') for interface, told in found}


# --- a call with one click ---------------------------------------------------------------------------------------------

def test_a_call_with_one_click_has_its_folio_and_its_end(mesa: RealMesa, books: Books, desk: LiveDesk) -> None:
    only(desk)
    with in_queue(mesa, books) as calling:
        calling.hang_up()
        calling.finish()
        number = next(happening.number for happening in calling.story if isinstance(happening, FolioNamed))
    reachable = desk.clicks.numbers(number)
    with agent(mesa.instance, 'ana') as ana, user_phone(mesa.instance) as user:
        click = desk.clicks.begin(number, reachable[0].number, 'ana', desk.now())      # Mesa's own duty ends one that is not dialled soon
        rounds = ClickRounds(desk.clicks, desk.calls.get, lambda: frozenset({click.linkedid}), desk.now)
        desk.orders.call(ANA, click)
        ana.expect_ring()
        desk.call_on(ANA, lambda call: call.phase == 'ringing', 'the ringing')
        with pytest.raises(OrderError, match='ocupado'):
            desk.orders.call(ANA, click)
        ana.answer()
        user.expect_ring()
        desk.call_on(ANA, lambda call: call.phase == 'dialling' and call.peer_number == click.number[3:], 'the number')
        user.answer()
        desk.call_on(ANA, lambda call: call.phase == 'talking', 'a conversation')
        desk.orders.hold(ANA)
        desk.call_on(ANA, lambda call: call.phase == 'held', 'a call on hold')
        rounds.round()
        assert desk.clicks.in_flight()
        ana.hang_up()
        user.expect_over()
    record = books.call(click.linkedid, number)
    assert (record.direction, record.agent, record.disposition, record.folio, len(record.legs)) == ('out', 'ana', 'answered', number, 1)
    eventually(rounds.round, lambda _: not desk.clicks.in_flight(), 'the end is in the books')
    told = [entry.text for entry in books.entries(number, EntryKind.CALL)]
    assert len(told) == 2 and told[-1].endswith(': contestó')


def test_from_the_folios_page_an_agent_calls_its_user(mesa: RealMesa, books: Books, desk: LiveDesk, browser: Browser) -> None:
    only(desk)
    number = mesa.json('folio', 'open', '--client', 'nopalera', '--user', '10001', '--summary', 'Se me llama', '--by', 'carla')['number']
    with agent(mesa.instance, 'ana') as ana, user_phone(mesa.instance) as user, window(browser, mesa, 'ana') as desk_of_ana:
        desk_of_ana.go(f'/folios/{number}').get_by_role('button', name=re.compile('^Llamar a ')).first.click()
        ana.expect_ring()
        ana.answer()
        user.expect_ring()
        user.answer()
        placed = desk.call_on(ANA, lambda call: call.phase == 'talking', 'a conversation')
        ana.hang_up()
        user.expect_over()
        assert not desk_of_ana.complaints
    assert books.call(placed.linkedid, number).folio == number


# --- listening ---------------------------------------------------------------------------------------------------------

def test_a_supervisor_hears_both_but_only_where_the_caller_was_told_and_agreed(
        mesa: RealMesa, books: Books, desk: LiveDesk, tmp_path: Path) -> None:
    only(desk, 'ana')
    wav = tmp_path / 'heard.wav'
    with agent(mesa.instance, 'ana') as ana, agent(mesa.instance, 'carla', wav=wav) as carla, in_queue(mesa, books) as calling:
        linkedid = talk(desk, ana, ANA)
        eventually(lambda: desk.calls.get(linkedid), lambda call: call is not None and call.recorded, 'the call log knows his leave')
        assert desk.orders.listen(CARLA, ANA, 'carla') == linkedid
        carla.expect_ring()
        carla.answer()
        for speaker in (calling, ana):
            carla.listen()
            speaker.speak(1.5)
            carla.expect_audio()
            time.sleep(2.0)                            # until he is silent again
        assert desk.call_on(CARLA).phase == 'talking'
        calling.hang_up()
        carla.expect_over()
    heard = books.call(linkedid)
    assert heard.disposition == 'answered'
    assert [entry.text for entry in books.entries(heard.folio, EntryKind.ACCESS)] == ['supervisor carla escuchó la llamada']

    with agent(mesa.instance, 'ana') as ana, agent(mesa.instance, 'carla') as carla, in_queue(mesa, books, keys='9'):
        talk(desk, ana, ANA)
        with pytest.raises(OrderError, match='aviso de privacidad'):
            desk.orders.listen(CARLA, ANA, 'carla')
        assert carla.story[-1].name != 'ringing'
        ana.hang_up()


def test_from_the_wallboard_a_supervisor_hears_both_and_is_heard_by_the_agent_alone(
        mesa: RealMesa, books: Books, desk: LiveDesk, browser: Browser, tmp_path: Path) -> None:
    only(desk, 'ana')
    wav = tmp_path / 'caller.wav'
    with (agent(mesa.instance, 'ana') as ana, agent(mesa.instance, 'carla') as carla, in_queue(mesa, books, wav=wav) as calling,
          window(browser, mesa, 'carla') as boss):
        linkedid = talk(desk, ana, ANA)
        eventually(lambda: desk.calls.get(linkedid), lambda call: call is not None and call.recorded, 'the call log knows his leave')
        name = desk.site.agents['ana'].name
        for button in ('Escuchar', 'Susurrar'):
            boss.go('/tablero').get_by_role('button', name=f'{button} a {name}').click()
            carla.expect_ring()
            boss.page.get_by_text('Su teléfono suena: conteste para escuchar.').wait_for()
            carla.answer()
            carla.listen()
            calling.speak(1.5)
            carla.expect_audio()
            time.sleep(2.0)                            # until he is silent again
            if button == 'Susurrar':
                ana.listen()
                carla.speak(3.0)
                ana.expect_audio()
                time.sleep(3.0)                        # of a whisper that the caller does not hear, which is what is measured
                assert not boss.complaints
            carla.hang_up()
            desk.nothing_on(CARLA)
        ana.hang_up()
        desk.nothing_on(ANA)
    seconds, _ = loudness(wav)
    still = sum(end - max(begin, seconds - 4.0) for begin, end in silences(wav) if end > seconds - 4.0)
    assert still > 2.5, f'the caller hears the whisper: {silences(wav)} of {seconds} s'
    told = [entry.text for entry in books.entries(books.call(linkedid).folio, EntryKind.ACCESS)]
    assert told == ['supervisor carla escuchó la llamada', 'supervisor carla escuchó la llamada y habló al agente']


# --- the browser's telephone -------------------------------------------------------------------------------------------

def test_a_browser_registers_by_websocket_on_loopback(mesa: RealMesa, desk: LiveDesk) -> None:
    password = mesa.instance.secrets(desk.site).web_phones['ana']
    assert password != mesa.instance.secrets(desk.site).agents['ana']
    with closing_socket(mesa.place.ports.sip_ws) as ws:
        refused = registered(ws, '1001-web', 'wrong', 1)
        assert ' 401 ' in refused.splitlines()[0]
        assert registered(ws, '1001-web', password, 3).startswith('SIP/2.0 200')
        eventually(lambda: mesa.asterisk_cli('pjsip show contacts'), lambda told: '1001-web/sip:' in told, 'the browser is there')


@contextmanager
def closing_socket(port: int) -> Iterator[socket.socket]:
    """A WebSocket for SIP."""
    with socket.create_connection(('127.0.0.1', port), timeout=10) as ws:
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        ws.sendall((f'GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
                    f'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: sip\r\n\r\n').encode())
        answer = b''
        while b'\r\n\r\n' not in answer:
            answer += ws.recv(4096)
        assert answer.startswith(b'HTTP/1.1 101'), answer
        yield ws


def registered(ws: socket.socket, user: str, password: str, serial: int) -> str:
    """Register, with a digest when one is asked for; the last answer."""
    uri = 'sip:127.0.0.1'
    send(ws, register(user, uri, serial, ''))
    challenge = receive(ws)
    realm, nonce = (re.search(f'{name}="([^"]*)"', challenge)[1] for name in ('realm', 'nonce'))      # type: ignore[index]

    def md5(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    response = md5(f'{md5(f"{user}:{realm}:{password}")}:{nonce}:00000001:x:auth:{md5(f"REGISTER:{uri}")}')
    send(ws, register(user, uri, serial + 1, (
        f'Authorization: Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", algorithm=MD5, qop=auth, nc=00000001, '
        f'cnonce="x", opaque="{opaque(challenge)}", response="{response}"\r\n')))
    return receive(ws)


def opaque(challenge: str) -> str:
    found = re.search('opaque="([^"]*)"', challenge)
    return found[1] if found else ''


def register(user: str, uri: str, serial: int, more: str) -> str:
    return (f'REGISTER {uri} SIP/2.0\r\nVia: SIP/2.0/WS x.invalid;branch=z9hG4bK{secrets.token_hex(6)}\r\nMax-Forwards: 70\r\n'
            f'From: <sip:{user}@127.0.0.1>;tag=x\r\nTo: <sip:{user}@127.0.0.1>\r\nCall-ID: desk-test-{user}\r\nCSeq: {serial} REGISTER\r\n'
            f'Contact: <sip:{user}@x.invalid;transport=ws>;expires=60\r\n{more}Content-Length: 0\r\n\r\n')


def send(ws: socket.socket, text: str) -> None:
    data, mask = text.encode(), secrets.token_bytes(4)
    ws.sendall(bytes([0x81, 0xFE]) + struct.pack('>H', len(data)) + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(data)))


def receive(ws: socket.socket) -> str:
    """One message of the server, which masks nothing."""
    def exactly(count: int) -> bytes:
        data = b''
        while len(data) < count:
            data += ws.recv(count - len(data)) or pytest.fail('the server has closed')
        return data
    length = exactly(2)[1]
    if length == 126:
        length = struct.unpack('>H', exactly(2))[0]
    return exactly(length).decode()
