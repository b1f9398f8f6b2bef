"""The read-only pages of admins and supervisors: lines, calendars, queues, health, the audit log (mission.md 2, 6.3, 8)."""
from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ami_listener.board import Seat
from config.values import Calendar, DatedHoliday, HolidayBook, Override, OverrideState, Span, Where
from desk.health import Finding, Health
from desk.hours_words import when
from desk.routes import ROUTES
from storage.engine import Database
from tests import lives
from tests.desk_floor import NOW, PEOPLE, RUNNABLE, XSS, Floor, at, floor_site

MINE = ('/tablero', '/lineas', '/colas', '/calendarios', '/calendarios/{calendar}', '/calendarios/{calendar}/{year}', '/salud', '/bitacora',
        '/cliente/folios', '/cliente/confirmaciones', '/cliente/estados', '/cliente/cambios', '/estados',
        '/cambios-de-domicilio', '/contratos')


@pytest.fixture
def floor(db: Database, tmp_path: Path) -> Floor:
    return Floor(db, tmp_path)


def test_every_page_is_for_its_roles_alone(floor: Floor) -> None:
    tried = 0
    for route in ROUTES:
        if route.path in MINE and route.method == 'GET':
            path = route.path.format(calendar='week', year='2027')
            for who, (role, _) in PEOPLE.items():
                status = floor.get(who, path).status
                assert (status == 403) == (role not in route.roles), (who, path, status)
                assert status in (200, 303, 403), (who, path, status)
                tried += 1
    assert tried == len(MINE) * len(PEOPLE)


# --- lines --------------------------------------------------------------------------------------------------------------

def test_a_line_is_open_or_closed_as_the_telephone_decides(floor: Floor) -> None:
    page = floor.get('adela', '/lineas')
    assert '8005550101' in page.text
    assert 'abierta en horario; cierra hoy a las 20:00' in page.text
    floor.now = at(21)
    assert 'cerrada ya cerró por hoy; abre mañana a las 08:00' in floor.get('adela', '/lineas').text
    floor.now = datetime(2026, 12, 25, 18, tzinfo=UTC)
    assert 'cerrada día festivo: Navidad; abre el lunes 28 de diciembre a las 08:00' in floor.get('adela', '/lineas').text


def test_an_override_in_force_decides_and_is_told(floor: Floor) -> None:
    floor.stored = (Override(lives.STANDARD, OverrideState.CLOSED, NOW - lives.HOUR, at(18), by='ana<b>'),
                    Override(lives.STANDARD, OverrideState.MESSAGE, at(17), at(19), 'site/aviso'))
    page = floor.get('sara', '/lineas')
    assert 'cerrada por una excepción; abre hoy a las 18:00' in page.text
    assert 'cerrada hasta hoy a las 18:00 (ana<b>)' in page.text
    assert 'con mensaje desde hoy a las 17:00 hasta hoy a las 19:00' in page.text
    assert 'ana<b>' not in page.html


def test_when_is_in_the_lines_zone_and_names_another_year() -> None:
    assert when(at(20), NOW, lives.MEXICO) == 'hoy a las 20:00'
    assert when(datetime(2027, 1, 4, 14, tzinfo=UTC), NOW, lives.MEXICO) == 'el lunes 4 de enero de 2027 a las 08:00'
    assert when(None, NOW, lives.MEXICO) == 'no en los próximos 400 días'


# --- calendars ----------------------------------------------------------------------------------------------------------

BOOK = HolidayBook((
    DatedHoliday(date(2027, 6, 6), 'Jornada electoral federal', election=True, where=Where('holidays.toml', 4, 'day')),
    DatedHoliday(date(2027, 8, 2), f'Aniversario {XSS}', confirmed=False, where=Where('holidays.toml', 8, 'day')),
), date(2027, 9, 30), 'Eva')


def squares(html: str) -> list[tuple[str, str]]:
    """(class, title) of every day of the picture."""
    return re.findall(r'<td class="([a-z_ ]+)" title="([^"]*)">', html)


def test_a_year_is_a_picture_of_all_its_days_and_a_list(floor: Floor) -> None:
    floor.site = replace(floor.site, holidays=BOOK)
    page = floor.get('adela', '/calendarios/week/2027')
    days = squares(page.html)
    assert len(days) == 365
    assert ('holiday', 'viernes 1 de enero: festivo, Año Nuevo') in days
    assert ('unconfirmed', 'lunes 15 de noviembre: festivo por confirmar, Día de la Revolución') in days
    assert ('holiday election', 'domingo 6 de junio: festivo, Jornada electoral federal') in days
    assert ('open', 'lunes 4 de enero: abierto') in days
    assert ('closed', 'sábado 2 de enero: sin servicio') in days
    assert sum(kind == 'proposed' for kind, _ in days) == 1
    assert 'lunes 2 de agosto' in page.text and 'propuesto, todavía no cierra' in page.text
    assert not RUNNABLE.search(page.html)
    assert 'href="/calendarios/week/2026"' in page.html and 'href="/calendarios/week/2028"' in page.html
    assert len(re.findall('<caption>', page.html)) == 12


def test_days_with_an_exception_of_a_line_are_marked(floor: Floor) -> None:
    floor.stored = (Override(lives.STANDARD, OverrideState.CLOSED, NOW + lives.DAY, NOW + 2 * lives.DAY),)
    page = floor.get('adela', '/calendarios/week/2026')
    assert [title for kind, title in squares(page.html) if kind == 'override'] == [
        'miércoles 25 de noviembre: excepción temporal', 'jueves 26 de noviembre: excepción temporal']
    assert ('open today', 'martes 24 de noviembre: abierto') in squares(page.html)
    assert '8005550101 cerrada desde mañana a las 10:00' in page.text


def test_a_leap_year_has_its_day_and_a_border_zone_its_changes(floor: Floor) -> None:
    week = {day: (Span(480, 1200),) for day in range(1, 6)}
    border = Calendar('frontera', lives.zone('America/Tijuana'), 'BCN', week)
    floor.site = replace(floor.site, calendars=floor.site.calendars | {'frontera': border})
    page = floor.get('adela', '/calendarios/frontera/2028')
    assert len(squares(page.html)) == 366
    assert 'el reloj se adelanta 60 min' in page.text


@pytest.mark.parametrize('path', ['/calendarios/nada/2027', '/calendarios/week/1969', '/calendarios/week/2201', '/calendarios/week/x',
                                  '/calendarios/week/٢٠٢٧', '/calendarios/nada', '/calendarios/week/20277'])
def test_a_year_that_is_not_shown_is_not_found(floor: Floor, path: str) -> None:
    assert floor.get('adela', path).status == 404


def test_the_first_and_the_last_year_have_no_neighbour(floor: Floor) -> None:
    for year, neighbour in (('1970', '1969'), ('2200', '2201')):
        page = floor.get('adela', f'/calendarios/week/{year}')
        assert neighbour not in page.text and f'/{neighbour}' not in page.html       # the word against forgery may hold any digits
    assert floor.get('adela', '/calendarios/week').location == '/calendarios/week/2026'


# --- queues -------------------------------------------------------------------------------------------------------------

def test_who_is_in_a_queue_is_what_asterisk_says_and_else_what_the_files_say(floor: Floor) -> None:
    page = floor.get('sara', '/colas')
    assert 'Sin datos de la central telefónica' in page.text
    assert 'disponible' not in page.text
    ana = floor.site.agents['ana']
    floor.paint(seats={ana.desk_phone: Seat('Ana', 'in_call', False, '')})
    page = floor.get('sara', '/colas')
    assert 'Ana Pérez en llamada' in page.text
    assert 'Sin datos' not in page.text


def test_a_supervisor_moves_an_agent_and_the_log_knows(floor: Floor) -> None:
    assert floor.post('sara', '/colas/mover', login='ana', queue='globex', member='1').location == '/colas?hecho=1'
    assert [(move.login, move.queue, move.member, move.by) for move in floor.presence.moves()] == [('ana', 'globex', True, 'sara')]
    assert 'agregó sara' in floor.get('sara', '/colas').text
    floor.post('sara', '/colas/mover', login='ana', queue='globex', member='0')
    assert [row.what for row in floor.accounts.audit(login='sara')] == ['queue_left', 'queue_joined']


@pytest.mark.parametrize('form', [{'login': 'nadie', 'queue': 'acme'}, {'login': 'ana', 'queue': 'nada'}, {'login': XSS, 'queue': XSS}, {}])
def test_a_move_of_nobody_or_to_nowhere_is_refused_in_words(floor: Floor, form: dict[str, str]) -> None:
    page = floor.post('sara', '/colas/mover', member='1', **form)
    assert page.status == 422
    assert 'class="alert"' in page.html
    assert not RUNNABLE.search(page.html)
    assert not floor.presence.moves()


def test_only_a_supervisor_moves_and_only_by_our_form(floor: Floor) -> None:
    for who in ('ana', 'adela', 'elena'):
        assert floor.post(who, '/colas/mover', login='ana', queue='globex', member='1').status == 403
    assert floor._ask('sara', 'POST', '/colas/mover', b'login=ana&queue=globex&member=1').status == 403
    assert 'Quitar' not in floor.get('adela', '/colas').text
    assert not floor.presence.moves()


# --- health -------------------------------------------------------------------------------------------------------------

def well() -> Iterator[Finding]:
    yield Finding('ok', 'Todo bien.')


def broken() -> Iterator[Finding]:
    yield Finding('ok', 'Hasta aquí bien.')
    raise OSError('contraseña secreta')


def test_a_check_that_fails_is_told_and_hides_no_other(db: Database, tmp_path: Path) -> None:
    floor = Floor(db, tmp_path, looks=(('Buena', well), ('Rota', broken), ('Otra', well)))
    page = floor.get('adela', '/salud')
    assert page.status == 200
    assert 'Algo no funciona.' in page.text
    assert page.text.index('Rota mal') < page.text.index('Buena bien') < page.text.index('Otra bien')
    assert 'Hasta aquí bien.' in page.text and 'No se pudo revisar' in page.text
    assert 'secreta' not in page.html


def test_what_was_looked_at_a_moment_ago_is_not_looked_at_again() -> None:
    looked, now = [], [NOW]
    health = Health((('Una', lambda: looked.append(1) or [Finding('warning', 'x')]),), lambda: now[0], timedelta(seconds=20))
    assert health.report().level == 'warning'
    now[0] += timedelta(seconds=19)
    health.report()
    assert len(looked) == 1
    now[0] += timedelta(seconds=1)
    assert health.report().at == now[0]
    now[0] -= timedelta(hours=1)                       # a clock that was set back does not freeze the page
    health.report()
    assert len(looked) == 3


# --- the audit log ------------------------------------------------------------------------------------------------------

def test_the_log_shows_who_did_what_and_of_one_person_alone(floor: Floor) -> None:
    floor.accounts.note('ana', 'signed_in', '', address='198.51.100.1', now=NOW)
    floor.accounts.note('beto', 'sign_in_refused', XSS, address=XSS, now=NOW + lives.MINUTE)
    page = floor.get('adela', '/bitacora')
    assert page.text.index('entrada rechazada') < page.text.index('24 nov 2026, 10:00 ana entró')
    assert not RUNNABLE.search(page.html)
    one = floor.get('adela', '/bitacora?usuario=ANA')
    assert 'entró' in one.text and 'beto' not in one.text
    assert 'no ha hecho nada' in floor.get('adela', '/bitacora?usuario=nadie').text
    assert not RUNNABLE.search(floor.get('adela', f'/bitacora?usuario={XSS}').html)


def test_an_empty_site_has_pages(db: Database, tmp_path: Path) -> None:
    floor = Floor(db, tmp_path, replace(floor_site(), lines={}, queues={}, agents={}, clients={}))
    for path in ('/lineas', '/colas', '/calendarios', '/tablero'):
        assert floor.get('adela', path).status == 200, path
