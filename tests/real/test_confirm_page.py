"""The confirmation page in a real browser, on a phone's screen and without JavaScript, with the real books behind it (mission.md 4.7)."""
from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.real.instance import RealMesa
from ticketing.mail.tokens import page_token

CHROMIUM = '/usr/bin/chromium'                         # apt-get install chromium


@pytest.fixture(scope='module')
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=['--no-sandbox'])
        yield started
        started.close()


@pytest.fixture
def phone(browser: Browser) -> Iterator[tuple[Page, list[str]]]:
    """A page on a telephone's screen, and what the browser complains of."""
    context = browser.new_context(viewport={'width': 390, 'height': 844}, java_script_enabled=False, locale='es-MX')
    page, complaints = context.new_page(), []
    page.on('console', lambda message: complaints.append(message.text))
    page.on('requestfailed', lambda request: complaints.append(f'{request.url} failed'))
    yield page, complaints
    context.close()


def resolved(mesa: RealMesa, solution: str) -> tuple[str, str]:
    """A resolved folio: its number, and the address of its page."""
    number = mesa.json('folio', 'open', '--client', 'nopalera', '--user', '10001', '--summary', 'No imprime')['number']
    done = mesa.mesa('folio', 'resolve', number, '--solution', solution, '--by', 'ana')
    assert done.returncode == 0, done.stdout + done.stderr
    with closing(sqlite3.connect(f'file:{mesa.root}/mesa.db?mode=ro', uri=True)) as books:
        close_call_id, = books.execute('SELECT max(id) FROM close_calls').fetchone()
    key = mesa.instance.secrets(mesa.instance.site()).mail_key
    return number, f'http://127.0.0.1:{mesa.place.ports.web}/c/{close_call_id}.{page_token(key, close_call_id)}'


def state(mesa: RealMesa, number: str) -> str:
    return str(mesa.json('folio', 'show', number)['state'])


def test_a_user_confirms_on_his_phone(mesa: RealMesa, phone: tuple[Page, list[str]]) -> None:
    page, complaints = phone
    number, link = resolved(mesa, '<b>Se cambió</b> el tóner')
    page.goto(link)
    assert number in page.inner_text('main') and '<b>Se cambió</b> el tóner' in page.inner_text('main')
    assert page.evaluate('document.documentElement.scrollWidth') <= 390
    assert state(mesa, number) == 'resolved'
    page.get_by_label('Sí, quedó resuelto').check()
    page.get_by_label('5').check(force=True)
    page.get_by_label('Comentario').fill('Muy amables, ¡gracias!')
    page.get_by_role('button', name='Enviar mi respuesta').click()
    page.wait_for_url(link)
    assert '¡Gracias!' in page.inner_text('h1') and page.locator('form').count() == 0
    page.reload()                                      # sends nothing again: it was a redirection
    assert '¡Gracias!' in page.inner_text('h1') and complaints == []
    shown = mesa.json('folio', 'show', number)
    assert shown['state'] == 'closed_verified'
    assert any(entry['kind'] == 'survey' and '5 de 5' in entry['text'] for entry in shown['timeline'])


def test_a_user_says_that_it_is_not_solved(mesa: RealMesa, phone: tuple[Page, list[str]]) -> None:
    page, complaints = phone
    number, link = resolved(mesa, 'Se reinició')
    page.goto(link)
    page.get_by_role('button', name='Enviar mi respuesta').click()
    assert state(mesa, number) == 'resolved'           # the browser insists on a yes or a no
    page.get_by_label('No quedó resuelto').check()
    assert not page.get_by_text('¿Cómo califica').is_visible()
    page.get_by_label('Comentario').fill('Sigue igual')
    page.get_by_role('button', name='Enviar mi respuesta').click()
    page.wait_for_url(link)
    assert 'se abrió de nuevo' in page.inner_text('main') and complaints == []
    assert state(mesa, number) in ('assigned', 'new')


def test_while_the_books_are_locked_the_answer_stays_in_the_form(mesa: RealMesa, phone: tuple[Page, list[str]]) -> None:
    page, _ = phone
    number, link = resolved(mesa, 'Se reinició')
    page.goto(link)
    page.get_by_label('Sí, quedó resuelto').check()
    page.get_by_label('Comentario').fill('Todo en orden')
    with closing(sqlite3.connect(mesa.root / 'mesa.db', isolation_level=None, timeout=30)) as other:
        other.execute('BEGIN IMMEDIATE')
        page.get_by_role('button', name='Enviar mi respuesta').click()
        page.wait_for_selector('[role=alert]')
        assert page.get_by_label('Comentario').input_value() == 'Todo en orden'
        assert page.get_by_label('Sí, quedó resuelto').is_checked()
        other.execute('ROLLBACK')
    assert state(mesa, number) == 'resolved'
    page.get_by_role('button', name='Enviar mi respuesta').click()
    page.wait_for_url(link)
    assert state(mesa, number) == 'closed_verified'
