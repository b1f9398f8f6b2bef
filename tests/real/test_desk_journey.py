"""A whole call in a real Chromium on a real Asterisk: it rings, the card, the folio is typed, resolved, verified by a call, closed.

With MESA_ARTEFACTS=FOLDER the screens are kept, to be looked at.
"""
from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from callcenter.listening import Queued
from tests.real.callers import NOPALERA
from tests.real.desk_browser import started_browser, window
from tests.real.instance import RealMesa
from tests.real.phones import agent, caller, user_phone
from tests.real.test_close_call import TEN, answering_trunk, folio

MARIA = '5555550101'
SOON_MS = 20_000


@pytest.fixture(scope='module')
def browser() -> Iterator[Browser]:
    with started_browser() as started:
        yield started


@pytest.fixture(scope='module')
def mesa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealMesa]:
    """The demo site, whose trunk leads to a telephone of this test."""
    made = RealMesa(tmp_path_factory.mktemp('mesa'), edit=answering_trunk, clock=TEN)
    yield made
    made.stop()


def test_from_the_ringing_to_the_verified_closing(mesa: RealMesa, browser: Browser) -> None:
    with window(browser, mesa, 'ana') as ana, agent(mesa.instance, 'ana') as phone, user_phone(mesa.instance) as home:
        ana.ready()
        page = ana.page
        with caller(mesa.instance, NOPALERA, MARIA) as line:
            line.dial()
            line.expect_prompt('mesa/menu-agent')
            line.press('0')
            line.expect(Queued, 40)
            phone.expect_ring()
            expect(page.locator('.pop')).to_contain_text('María Fernanda Ríos Castañeda', timeout=SOON_MS)
            ana.keep('1-rings')
            phone.answer()
            page.wait_for_url('**/folios/*', timeout=SOON_MS)
            page.locator('#folio[data-ready]').wait_for(timeout=SOON_MS)
            number = page.url.rpartition('/')[2][:8]
            page.get_by_label('Nota interna').fill('La impresora del piso 3 no responde.')
            ana.keep('2-typing')
            page.keyboard.press('Control+Enter')
            expect(page.locator('main')).to_contain_text('La impresora del piso 3 no responde.', timeout=SOON_MS)
            page.locator('#folio[data-ready]').wait_for(timeout=SOON_MS)
            page.locator('h1').click()                 # out of every field: the letters are keys again
            page.keyboard.press('r')
            page.get_by_label('Solución').fill('Se reinició la cola de impresión.')
            phone.hang_up()
            line.finish()
        ana.keep('3-resolving')
        page.get_by_label('Solución').press('Control+Enter')
        expect(page.get_by_text('Resuelto. Se pedirá la confirmación.')).to_be_visible(timeout=SOON_MS)
        home.expect_ring(60)                           # the close call
        home.answer()
        home.expect_audio()
        home.press('1')
        folio(mesa, number, state='closed_verified')
        home.press('5')
        home.expect_over(30)
        folio(mesa, number, score=5)
        page.reload()
        expect(page.locator('main')).to_contain_text('cerrado y confirmado', timeout=SOON_MS)
        ana.keep('4-closed')
        told = page.inner_text('main')
        for words in ('La impresora del piso 3 no responde.', 'Se reinició la cola de impresión.', 'confirmó por teléfono'):
            assert words in told, told
        assert ana.complaints == []
