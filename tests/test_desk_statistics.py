"""The page of statistics: the same figures as the wallboard, for any period and client, and its CSV (mission.md 6.3, 7.5)."""
from __future__ import annotations

import csv
import io
from datetime import timedelta
from pathlib import Path

import pytest

from desk.pages.statistics import bars, written
from storage.engine import Database
from tests.desk_floor import NOW, Floor
from tests.desk_reader import Page

DAY = timedelta(days=1)


@pytest.fixture
def floor(db: Database, tmp_path: Path) -> Floor:
    made = Floor(db, tmp_path)
    made.called((NOW, 5, True), (NOW, 90, True), (NOW, 30, False), (NOW - DAY, 2, True))
    made.called((NOW, 4, True), queue='globex')
    number = made.open(summary='No imprime')
    made.life.resolve(number, solution='listo', by='ana', now=NOW, first_contact=False)
    made.life.confirm(number, by='user', via='page', now=NOW, score=4)
    return made


def tiles(page: Page) -> dict[str, str]:
    found = page.html.split('<dl class="tiles">')[1].split('</dl>')[0]
    return {one.split('</dt>')[0]: one.split('<dd>')[1].split('</dd>')[0] for one in found.split('<dt>')[1:]}


def test_the_month_so_far_and_any_other_period(floor: Floor) -> None:
    page = floor.get('sara', '/estadisticas')
    assert page.status == 200
    assert tiles(page) == {
        'Llamadas recibidas en cola': '5', 'Nivel de servicio telefónico': '60.0 %', 'Tasa de abandono': '20.0 %',
        'Tiempo promedio de respuesta': '25 s', 'Tiempo promedio de atención': '—', 'Folios abiertos': '1',
        'Solución en el primer contacto': '0.0 %', 'Cumplimiento de la solución': '100.0 %', 'Calificación promedio (1 a 5)': '4.00'}
    today = floor.get('adela', '/estadisticas?desde=2026-11-24&hasta=2026-11-24')
    assert tiles(today)['Llamadas recibidas en cola'] == '4' and 'mar 24 nov: 3 atendidas, 1 abandonadas' in today.html
    assert tiles(floor.get('sara', '/estadisticas?cliente=globex'))['Llamadas recibidas en cola'] == '0'
    assert tiles(floor.get('sara', '/estadisticas?cliente=acme&modalidad=premium'))['Folios abiertos'] == '0'
    assert 'HELP DESK 911' in page.html and 'Correo electrónico' in page.html
    year = floor.get('sara', '/estadisticas?desde=2026-01-01&hasta=2026-12-31')
    assert 'Llamadas por mes' in year.text and 'nov 2026: 4 atendidas, 1 abandonadas' in year.html


def test_the_board_says_the_same(floor: Floor) -> None:
    floor.paint()
    floor.moment = floor.now = NOW + timedelta(minutes=5)
    assert floor.get('sara', '/tablero').cell('q0-level') == '33 % (1 de 3)'
    assert floor.books() is not None
    today = tiles(floor.get('sara', '/estadisticas?desde=2026-11-24&hasta=2026-11-24&cliente=acme'))
    assert today['Nivel de servicio telefónico'] == '50.0 %', 'of the four calls to its line, one of which waited in the queue of globex'


@pytest.mark.parametrize(('query', 'said'), [
    ('desde=ayer', 'Escriba los días como 2026-10-01.'), ('desde=2026-11-02&hasta=2026-11-01', 'El último día es anterior al primero.'),
    ('desde=2020-01-01&hasta=2026-01-01', 'El periodo es demasiado largo: elija a lo más 400 días.'),
    ('desde=0001-01-01', 'Ese año no está')])
def test_what_is_no_period_is_told(floor: Floor, query: str, said: str) -> None:
    page = floor.get('sara', f'/estadisticas?{query}')
    assert page.status == 400 and said in page.text and 'Llamadas por día' in page.text
    assert floor.get('sara', f'/estadisticas.csv?{query}').status == 400


def test_the_table_of_each_day(floor: Floor) -> None:
    answer = floor.get('sara', '/estadisticas.csv?desde=2026-11-23&hasta=2026-11-25&cliente=acme')
    rows = list(csv.DictReader(io.StringIO(answer.html)))
    assert [(row['day'], row['offered'], row['answered']) for row in rows] == [
        ('2026-11-23', '1', '1'), ('2026-11-24', '4', '3'), ('2026-11-25', '0', '0')]
    assert floor.get('ana', '/estadisticas.csv').status == floor.get('elena', '/estadisticas').status == 403


def test_nothing_makes_an_empty_chart() -> None:
    assert bars([], []) == [] and written.__doc__
