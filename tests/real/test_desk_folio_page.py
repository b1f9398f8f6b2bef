"""A folio's page in a real Chromium: two agents on one folio, the keyboard alone, and no complaint of the browser (mission.md 6.2)."""
from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from storage.engine import Database
from tests.real.desk_browser import DeskWindow, started_browser, window
from tests.real.instance import RealMesa
from ticketing.folios import FolioBook
from ticketing.values import Folio

SOON_MS = 15_000                                       # the page looks every two seconds; the machine may be busy


@pytest.fixture(scope='module')
def browser() -> Iterator[Browser]:
    with started_browser() as started:
        yield started


@pytest.fixture(scope='module')
def ana(mesa: RealMesa, browser: Browser) -> Iterator[DeskWindow]:
    with window(browser, mesa, 'ana') as opened:
        yield opened


@pytest.fixture(scope='module')
def beto(mesa: RealMesa, browser: Browser) -> Iterator[DeskWindow]:
    with window(browser, mesa, 'beto') as opened:
        yield opened


def open_folio(mesa: RealMesa, summary: str = 'No imprime la impresora') -> str:
    return str(mesa.json('folio', 'open', '--client', 'nopalera', '--user', '10001', '--summary', summary, '--by', 'carla')['number'])


def folio_of(mesa: RealMesa, number: str) -> Folio:
    database = Database(mesa.database_url)
    found = FolioBook(database).get(number)
    database.close()
    assert found is not None
    return found


def heading(page: Page, number: str) -> None:
    """The folio is shown, and its keys work."""
    page.get_by_role('heading', level=1, name=f'{number[:4]} {number[4:]}').wait_for(timeout=SOON_MS)
    page.locator('#folio[data-ready]').wait_for(timeout=SOON_MS)


def test_two_agents_see_each_other_and_lose_nothing(mesa: RealMesa, ana: DeskWindow, beto: DeskWindow) -> None:
    number = open_folio(mesa)
    hers, his = ana.go(f'/folios/{number}'), beto.go(f'/folios/{number}')
    expect(hers.locator('#mirando')).to_have_text('También lo está viendo: Beto Salgado', timeout=SOON_MS)
    heading(his, number)
    his.keyboard.press('r')
    his.get_by_label('Solución').type('Se cambió el rodillo.')
    expect(hers.locator('#mirando')).to_have_text('También lo está viendo: Beto Salgado (escribe: resolver)', timeout=SOON_MS)
    hers.keyboard.press('a')
    hers.get_by_label('Avance para el usuario').fill('Ya vamos para allá.')
    hers.keyboard.press('Control+Enter')
    expect(hers.get_by_text('El avance se envía al usuario.')).to_be_visible(timeout=SOON_MS)
    expect(his.locator('#crecio')).to_contain_text('Ana López: avance', timeout=SOON_MS)
    expect(his.get_by_label('Solución')).to_have_value('Se cambió el rodillo.')       # nothing moved under his hands
    beto.keep('folio-grown')
    his.get_by_label('Solución').press('Control+Enter')
    expect(his.get_by_text('El folio cambió mientras usted escribía')).to_be_visible(timeout=SOON_MS)
    expect(his.locator('.alert .since')).to_contain_text('Ya vamos para allá.')
    expect(his.get_by_label('Solución')).to_have_value('Se cambió el rodillo.')
    beto.keep('folio-changed')
    beto.complaints = [said for said in beto.complaints if '409 (Conflict)' not in said]     # the browser's word for our refusal
    heading(his, number)
    his.get_by_label('Solución').press('Control+Enter')
    expect(his.get_by_text('Resuelto. Se pedirá la confirmación.')).to_be_visible(timeout=SOON_MS)
    folio = folio_of(mesa, number)
    assert (folio.state, folio.solution, folio.resolved_by) == ('resolved', 'Se cambió el rodillo.', 'beto')
    his.goto('about:blank')
    expect(hers.locator('#mirando')).to_be_hidden(timeout=SOON_MS)
    assert ana.complaints == [] and beto.complaints == []


def test_what_comes_from_elsewhere_shows_without_a_reload(mesa: RealMesa, ana: DeskWindow) -> None:
    number = open_folio(mesa)
    page = ana.go(f'/folios/{number}')
    expect(page.locator('#crecio')).to_be_hidden()
    assert mesa.mesa('folio', 'note', number, 'Por la terminal', '--by', 'beto').returncode == 0
    expect(page.locator('#crecio')).to_contain_text('Beto Salgado: nota', timeout=SOON_MS)
    page.locator('#crecio').get_by_role('link', name='ver').click()
    expect(page.locator('.history')).to_contain_text('Por la terminal', timeout=SOON_MS)
    expect(page.locator('#crecio')).to_be_hidden()


def test_with_the_keyboard_alone_from_the_list_to_the_solution(mesa: RealMesa, ana: DeskWindow) -> None:
    number = open_folio(mesa, 'Sólo con el teclado')
    assert mesa.mesa('folio', 'assign', number, '--agent', 'ana', '--by', 'carla').returncode == 0
    page = ana.go('/agente')
    keys = page.keyboard
    keys.type('gfgb')                                  # who types on while the page is left goes nowhere else
    page.wait_for_url('**/folios')
    for _ in range(20):
        keys.press('j')
        if page.locator('tr.chosen').get_by_text(number).count():
            break
    ana.keep('folios-list')
    keys.press('Enter')
    heading(page, number)
    keys.press('n')
    keys.type('Le llamé: ')
    page.reload()                                      # a reload costs no words
    heading(page, number)
    keys.press('n')
    keys.press('End')
    keys.type('ya quedó.')
    keys.press('Control+Enter')
    expect(page.get_by_text('La nota quedó guardada.')).to_be_visible(timeout=SOON_MS)
    expect(page.locator('.history')).to_contain_text('Le llamé: ya quedó.')
    expect(page.get_by_label('Nota interna')).to_have_value('')
    heading(page, number)
    keys.press('r')
    keys.type('Se reinició la impresora.')
    keys.press('Control+Enter')
    expect(page.get_by_text('Resuelto. Se pedirá la confirmación.')).to_be_visible(timeout=SOON_MS)
    assert folio_of(mesa, number).state == 'resolved'
    ana.keep('folio-resolved')
    assert ana.complaints == []


def test_search_and_a_new_folio(mesa: RealMesa, ana: DeskWindow) -> None:
    page = ana.go('/folios')
    page.keyboard.press('+')
    page.wait_for_url('**/folios/nuevo')
    page.get_by_label('Cliente').select_option('nopalera')
    page.wait_for_url('**/folios/nuevo?cliente=nopalera')
    page.get_by_label('Usuario').type('rios casta')
    first = page.locator('#usuarios option').first
    expect(first).to_have_attribute('value', re.compile('^10001 María Fernanda'), timeout=SOON_MS)
    page.get_by_label('Usuario').fill(first.get_attribute('value') or '')
    page.get_by_label('Resumen').fill('<b>Zarigüeya</b> en la impresora')
    page.get_by_label('Resumen').press('Control+Enter')
    expect(page.get_by_role('heading', level=2, name='<b>Zarigüeya</b> en la impresora')).to_be_visible(timeout=SOON_MS)
    page.locator('#folio[data-ready]').wait_for(timeout=SOON_MS)
    page.keyboard.press('/')
    page.wait_for_url('**/buscar')
    page.get_by_label('Palabras o número de folio').fill('zarigueyas')
    page.keyboard.press('Enter')
    expect(page.locator('mark')).to_have_text('Zarigüeya', timeout=SOON_MS)
    ana.keep('folio-search')
    assert ana.complaints == []
