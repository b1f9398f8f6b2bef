"""Every page of the desk, looked at by axe-core in a real Chromium, light and dark: nothing serious keeps anybody out."""
from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from desk.accounts.values import Role
from desk.routes import ROUTES
from desk.web.frame import Route
from tests.real.desk_browser import password_of, started_browser
from tests.real.instance import RealMesa

AXE = Path(__file__).resolve().parent.parent / 'vendor' / 'axe.min.js'
WHO = {Role.SUPERVISOR: 'carla', Role.AGENT: 'ana', Role.ADMIN: 'admin', Role.CONTACT: 'contacto-nopalera'}
RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']


@pytest.fixture(scope='module')
def browser() -> Iterator[Browser]:
    with started_browser() as started:
        yield started


@pytest.fixture(scope='module')
def folio(mesa: RealMesa) -> str:
    """One with a timeline, overdue, with what people write."""
    number: str = mesa.json('folio', 'open', '--client', 'nopalera', '--user', '10001', '--summary', 'No imprime <la> impresora')['number']
    for words in (('note', number, 'Se revisó el cable', '--by', 'ana'), ('start', number, '--by', 'ana')):
        done = mesa.mesa('folio', *words)
        assert done.returncode == 0, done.stderr
    return number


@pytest.fixture(scope='module')
def move(mesa: RealMesa) -> str:
    """A site that moves."""
    reference: str = mesa.json('site-move', 'notice', 'nopalera', 'Ciudad de México', '--reference', 'OF-<1>', '--wanted', '2028-01-31',
                               '--to', 'Av. <Fundidora> 501', '--modality', 'standard')['reference']
    return reference


def pages(role: Role) -> list[Route]:
    """The pages of a role that no earlier role has."""
    roles = list(WHO)
    return [route for route in ROUTES
            if route.method == 'GET' and not route.is_api and not route.streams and not route.media and role in route.roles
            and not any(earlier in route.roles for earlier in roles[:roles.index(role)])]


def address(route: Route, folio: str, move: str) -> str:
    """A page's address, with words that are there."""
    words = {'number': folio, 'calendar': 'mx-5x12', 'year': '2027', 'client': 'nopalera', 'reference': move}
    return re.sub(r'\{(\w+)\}', lambda found: words[found[1]], route.path)


def problems(page: Page) -> list[str]:
    """What axe-core finds serious or critical, each with where."""
    page.evaluate(AXE.read_text() + ';0')
    found: list[dict[str, Any]] = page.evaluate(
        '(rules) => axe.run(document, {runOnly: rules}).then((told) => told.violations)', RULES)
    return [f'{one["id"]} ({one["impact"]}): {one["help"]}: {[node["html"][:150] for node in one["nodes"][:3]]}'
            for one in found if one['impact'] in ('serious', 'critical')]


@pytest.mark.parametrize('role', list(WHO))
def test_no_page_keeps_anybody_out(mesa: RealMesa, browser: Browser, folio: str, move: str, role: Role) -> None:
    found: dict[str, list[str]] = {}
    password = password_of(mesa, WHO[role])
    for scheme in ('light', 'dark'):
        context = browser.new_context(viewport={'width': 1366, 'height': 768}, locale='es-MX', color_scheme=scheme, bypass_csp=True)
        page = context.new_page()
        page.goto(f'http://127.0.0.1:{mesa.place.ports.desk}/entrar')
        found[f'/entrar {scheme}'] = problems(page)
        page.get_by_label('Usuario').fill(WHO[role])
        page.get_by_label('Contraseña').fill(password)
        page.get_by_role('button', name='Entrar').click()
        page.get_by_role('button', name='Salir').wait_for()
        for route in pages(role):
            if '{id}' in route.path:
                continue                               # a file, not a page
            answer = page.goto(f'http://127.0.0.1:{mesa.place.ports.desk}{address(route, folio, move)}')
            assert answer is not None and answer.status in (200, 404), (route.path, answer and answer.status)
            found[f'{route.path} {scheme}'] = problems(page)
        context.close()
    assert {where: told for where, told in found.items() if told} == {}
