"""Calls at the desk, on a real Asterisk and in a real Chromium: who sees the card of a call, and what he does with it (mission.md 6.1)."""
from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from callcenter.caller import Caller
from callcenter.listening import Queued
from storage.engine import Database
from tests.real.callers import NOPALERA, loudness
from tests.real.desk_browser import Wire, self_signed, started_browser, window
from tests.real.instance import RealMesa
from tests.real.phones import agent, caller
from ticketing.folios import FolioBook

MARIA = '5555550101'
CARD = '.pop'


@pytest.fixture(scope='module')
def browser() -> Iterator[Browser]:
    with started_browser() as started:
        yield started


def wait_in_queue(mesa: RealMesa, line: Caller) -> str:
    """Ask for an agent and join the queue; the folio that the call has opened."""
    line.dial()
    line.expect_prompt('mesa/menu-agent')
    line.press('0')
    line.expect(Queued, 40)
    assert line.linkedid
    db = Database(mesa.database_url)
    folio = FolioBook(db).of_call(line.linkedid)
    db.close()
    assert folio is not None
    return folio.number


def card_text(page: Page, within_ms: float = 15_000) -> str:
    page.locator(CARD).wait_for(timeout=within_ms)
    return page.inner_text(CARD)


def no_card(page: Page) -> None:
    page.locator(CARD).wait_for(state='detached', timeout=15_000)


def test_only_the_agent_whose_telephone_rings_sees_the_card(mesa: RealMesa, browser: Browser) -> None:
    with window(browser, mesa, 'ana') as ana, window(browser, mesa, 'beto') as beto, agent(mesa.instance, 'ana') as her_phone, \
            agent(mesa.instance, 'beto'):
        ana.ready()
        beto.go('/agente')
        beto.page.get_by_role('button', name='Terminar turno').click()
        with caller(mesa.instance, NOPALERA, MARIA) as line:
            number = wait_in_queue(mesa, line)
            her_phone.expect_ring()
            told = card_text(ana.page)
            assert 'María Fernanda Ríos Castañeda' in told and 'Alimentos La Nopalera' in told and 'HELP DESK 911' in told
            assert number in told
            ana.keep('card-ringing')
            assert beto.page.locator(CARD).count() == 0
            ana.page.reload()                          # in the middle of the ringing
            assert number in card_text(ana.page)
            her_phone.answer()
            ana.page.wait_for_url(f'**/folios/{number}?llamada=1')
            assert 'En llamada' in card_text(ana.page)
            her_phone.hang_up()
            no_card(ana.page)
            ana.page.locator('#puesto').get_by_text('Seguimiento').wait_for()
            assert beto.page.locator(CARD).count() == 0
            ana.page.locator('#puesto').get_by_text('Disponible', exact=True).first.wait_for(timeout=20_000)
        ana.away()


def test_a_connection_that_was_cut_for_ten_seconds_brings_the_card_afterwards(mesa: RealMesa, browser: Browser) -> None:
    with closing(Wire(mesa.place.ports.desk)) as wire, window(browser, mesa, 'ana', port=wire.port) as ana, \
            agent(mesa.instance, 'ana') as phone, caller(mesa.instance, NOPALERA, MARIA) as line:
        ana.ready()
        wire.cut()
        cut_at = time.monotonic()
        number = wait_in_queue(mesa, line)
        phone.expect_ring()
        ana.page.locator('#aviso-conexion').get_by_text('Sin conexión con Mesa').wait_for(timeout=20_000)
        assert ana.page.locator(CARD).count() == 0
        assert time.monotonic() - cut_at > 10
        wire.mend()
        assert number in card_text(ana.page)
        ana.page.locator('#aviso-conexion').wait_for(state='hidden')
        phone.refuse()
        line.hang_up()
        no_card(ana.page)
        ana.away()


def test_a_transfer_moves_the_card(mesa: RealMesa, browser: Browser) -> None:
    with window(browser, mesa, 'ana') as ana, window(browser, mesa, 'beto') as beto, agent(mesa.instance, 'ana') as her_phone, \
            agent(mesa.instance, 'beto') as his_phone, caller(mesa.instance, NOPALERA, MARIA) as line:
        beto.go('/agente')
        ana.ready()
        number = wait_in_queue(mesa, line)
        her_phone.expect_ring()
        her_phone.answer()
        card_text(ana.page)
        ana.page.wait_for_url(f'**/folios/{number}?llamada=1')
        ana.page.get_by_label('Transferir a').select_option(label='Beto Salgado')
        ana.page.get_by_role('button', name='Transferir', exact=True).click()
        his_phone.expect_ring()
        assert number in card_text(beto.page)
        no_card(ana.page)
        his_phone.answer()
        beto.page.wait_for_url(f'**/folios/{number}?llamada=1')
        beto.page.get_by_role('button', name='Poner en espera').click()
        beto.page.get_by_text('En espera, oye música').wait_for()
        beto.page.get_by_role('button', name='Retomar').click()
        beto.page.locator(CARD).get_by_text('En llamada').wait_for()       # the card is painted anew
        beto.page.get_by_role('button', name='Colgar').click()
        no_card(beto.page)
        his_phone.expect_over()
        ana.away()
        assert ana.page.locator(CARD).count() == 0


def test_an_agent_needs_only_a_browser(mesa: RealMesa, browser: Browser, tmp_path: Path) -> None:
    """SIP over wss, sound over DTLS-SRTP: Chromium's fake microphone beeps, and the sound is measured on both sides."""
    heard = tmp_path / 'caller.wav'
    with closing(Wire(mesa.place.ports.desk, self_signed(tmp_path))) as proxy, \
            window(browser, mesa, 'ana', port=proxy.port, secure=True) as ana:
        page = ana.go('/agente')
        page.get_by_label('En este navegador').check()
        page.get_by_role('button', name='Usar este teléfono').click()
        page.get_by_role('link', name='Abrir el teléfono del navegador').wait_for()
        ana.keep('agent-in-the-browser')
        with page.expect_popup() as popup:
            page.get_by_role('link', name='Abrir el teléfono del navegador').click()
        phone = popup.value
        sockets: list[str] = []
        phone.on('websocket', lambda socket: sockets.append(socket.url))
        phone.reload()
        phone.get_by_text('Listo para recibir llamadas').wait_for(timeout=20_000)
        ana.ready()
        with caller(mesa.instance, NOPALERA, MARIA, wav=heard) as line:
            wait_in_queue(mesa, line)
            card_text(page)
            phone.get_by_role('button', name='Contestar').wait_for()       # the call comes to the card and to the telephone by two ways
            page.get_by_role('button', name='Contestar aquí').click()
            phone.get_by_role('button', name='Colgar').wait_for()
            page.get_by_text('En llamada').first.wait_for()
            line.speak(4.0)
            assert phone.evaluate(LOUDEST) > 0.02      # of 1: the caller, in the browser
            assert set(sockets) == {f'wss://127.0.0.1:{proxy.port}/telefono/ws'}         # of the page that went, perhaps, and of this one
            phone.get_by_role('button', name='Silenciar micrófono').click()
            phone.get_by_role('button', name='Colgar').click()
            line.finish()
        no_card(page)
        ana.go('/agente')
        page.get_by_label('Teléfono de escritorio').check()
        page.get_by_role('button', name='Usar este teléfono').click()
        ana.away()
    seconds, level = loudness(heard)
    assert seconds > 5 and level > 300                 # of 32768: prompts, music, and the browser's beeps


LOUDEST = """async () => {
  const context = new AudioContext();
  const meter = context.createAnalyser();
  context.createMediaStreamSource(document.getElementById('otra-voz').srcObject).connect(meter);
  const samples = new Float32Array(meter.fftSize);
  let loudest = 0;
  for (const end = performance.now() + 3000; performance.now() < end; await new Promise((next) => setTimeout(next, 20))) {
    meter.getFloatTimeDomainData(samples);
    loudest = Math.max(loudest, Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length));
  }
  return loudest;
}"""
