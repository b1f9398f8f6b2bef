"""Sites that move, on the desk: a list and each one's history for those who lead, and a contact's own ones."""
from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from config.terms import Contract, InitialCost, Prices
from config.values import Modality
from contracts.move_rows import Move, WrittenNotice
from contracts.move_rules import STATE_NAMES, MoveState
from contracts.moves import SiteMoves
from desk.pages.site_moves import COLOURS, TOLD
from storage.engine import Database
from tests import lives
from tests.desk_floor import RUNNABLE, XSS, Floor, floor_site

RECEIVED, WANTED = date(2026, 11, 20), date(2027, 1, 20)
LIST, OWN = '/cambios-de-domicilio', '/cliente/cambios'


class Moving(Floor):
    """A floor whose clients have sites, prices and a contract."""

    def __init__(self, db: Database, folder: Path) -> None:
        super().__init__(db, folder)
        self.moves = SiteMoves(db)
        site = floor_site()
        clients = {key: replace(client, contract=Contract(term_months=18)) for key, client in site.clients.items()}
        prices = Prices(initial_costs=(InitialCost(date(2026, 1, 1), Modality.STANDARD, Decimal('12500.00')),
                                       InitialCost(date(2026, 1, 1), Modality.PREMIUM, Decimal('8000.00'))))
        self.site = replace(site, clients=clients, prices=prices)

    def notice(self, client: str = 'acme', **facts: object) -> Move:
        usual = {'client': client, 'site': 'cdmx', 'reference': f'OF-{client}', 'received_on': RECEIVED, 'wanted_on': WANTED,
                 'destination': f'Calle nueva de {client}', 'modalities': (Modality.STANDARD,)}
        return self.moves.notice(WrittenNotice(**usual | facts), self.site, 'sara', self.now)

    def delivered(self) -> Move:
        move = self.notice(received_on=date(2026, 9, 1), wanted_on=date(2026, 11, 24))
        self.moves.decide_feasibility(move.reference, True, 'Hace falta una toma de corriente.', self.site, 'sara', self.now)
        self.moves.accept(move.reference, self.site, 'beto', self.now)
        return self.moves.deliver(move.reference, date(2026, 11, 24), self.site, 'sara', self.now)


@pytest.fixture
def floor(db: Database, tmp_path: Path) -> Moving:
    return Moving(db, tmp_path)


# --- those who lead -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('who', ['sara', 'adela'])
def test_the_list_says_how_far_each_one_is(floor: Moving, who: str) -> None:
    move, other = floor.notice(), floor.notice('globex')
    page = floor.get(who, LIST)
    assert page.status == 200
    for told in (move.reference, other.reference, 'Acme México', 'Calle nueva de globex', 'notificado', '20/11/2026', '20/01/2027',
                 '$12,500.00', 'estimado'):
        assert told in page.text, told
    assert f'href="{LIST}/{move.reference}"' in page.html
    assert other.reference not in floor.get(who, f'{LIST}?cliente=acme').html


def test_what_has_ended_is_shown_on_demand(floor: Moving) -> None:
    move = floor.notice()
    floor.moves.withdraw(move.reference, 'Ya no se muda.', floor.site, 'sara', floor.now)
    assert 'No hay cambios de domicilio en trámite' in floor.get('sara', LIST).text
    page = floor.get('sara', f'{LIST}?mostrar=todos')
    assert move.reference in page.text and 'retirado' in page.text
    assert '$12,500.00' not in page.text                # it costs nothing
    assert 'No hay cambios de domicilio registrados' in floor.get('sara', f'{LIST}?mostrar=todos&cliente=nadie').text


def test_what_is_late_stands_out(floor: Moving) -> None:
    floor.notice()
    assert 'falta responder' not in floor.get('sara', LIST).text
    floor.now += timedelta(days=20)
    assert 'falta responder' in floor.get('sara', LIST).text
    floor.now += timedelta(days=50)
    assert 'pasó el día' in floor.get('sara', LIST).text


def test_a_move_without_a_price_says_so(floor: Moving) -> None:
    move = floor.notice()
    floor.site = replace(floor.site, prices=Prices())
    assert 'sin tarifa' in floor.get('sara', LIST).text
    assert 'complete tariffs.toml' in floor.get('sara', f'{LIST}/{move.reference}').text


def test_the_page_of_a_move_tells_its_history(floor: Moving) -> None:
    page = floor.get('adela', f'{LIST}/{floor.delivered().reference}')
    assert page.status == 200
    for told in ('entregado', 'martes 24 de noviembre de 2026', 'Hace falta una toma de corriente.', '$12,500.00', 'tarifa del 01/01/2026',
                 'del martes 24 de noviembre de 2026 al martes 23 de mayo de 2028 (18 meses)', 'beto',
                 'el cliente acepta el costo inicial'):
        assert told in page.text, told


def test_a_planned_day_without_service_is_said(floor: Moving) -> None:
    move = floor.notice(wanted_on=date(2027, 1, 23))    # a Saturday
    for who, path in (('sara', LIST), ('sara', f'{LIST}/{move.reference}'), ('elena', OWN)):
        page = floor.get(who, path)
        assert 'sábado' in page.text and 'no hay servicio' in page.text, path


@pytest.mark.parametrize('word', ['M00000000', 'x', "M1' OR 1=1", '..', 'ñ', 'M' * 200, '{{ 7*7 }}'])
def test_what_is_no_move_is_not_found(floor: Moving, word: str) -> None:
    floor.notice()
    assert floor.get('sara', f'{LIST}/{word}').status == 404


def test_the_tables_name_what_there_is() -> None:
    assert set(COLOURS) == set(TOLD) == set(STATE_NAMES) == set(MoveState)


# --- the contact --------------------------------------------------------------------------------------------------------

def test_a_contact_sees_his_own_moves_and_nobody_else_s(floor: Moving) -> None:
    move, other = floor.notice(), floor.notice('globex')
    page = floor.get('elena', OWN)
    assert move.reference in page.text and 'Calle nueva de acme' in page.text and 'OF-acme' in page.text
    assert other.reference not in page.html and 'globex' not in page.html
    assert 'Le responderemos si el servicio puede instalarse' in page.text
    assert other.reference in floor.get('gil', OWN).text and move.reference not in floor.get('gil', OWN).html


def test_he_reads_no_cost_before_an_answer_and_all_of_it_afterwards(floor: Moving) -> None:
    move = floor.notice()
    assert '$12,500.00' not in floor.get('elena', OWN).text
    floor.moves.decide_feasibility(move.reference, True, 'Hay red en la zona.', floor.site, 'sara', floor.now)
    page = floor.get('elena', OWN)
    for told in ('Hay red en la zona.', '$12,500.00', 'falta que su empresa acepte el costo inicial', 'vigente el día de la entrega'):
        assert told in page.text, told
    floor.moves.accept(move.reference, floor.site, 'sara', floor.now)
    page = floor.get('elena', OWN)
    assert 'Será el miércoles 20 de enero de 2027' in page.text and 'Aceptado por su empresa' in page.text


def test_he_reads_the_new_term_and_nothing_of_who_did_what(floor: Moving) -> None:
    floor.delivered()
    page = floor.get('elena', OWN)
    assert 'del martes 24 de noviembre de 2026 al martes 23 de mayo de 2028' in page.text
    assert 'beto' not in page.html and 'sara' not in page.html


def test_he_reads_that_it_cannot_be_done(floor: Moving) -> None:
    move = floor.notice()
    floor.moves.decide_feasibility(move.reference, False, 'No hay red.', floor.site, 'sara', floor.now)
    page = floor.get('elena', OWN)
    assert 'cláusula de terminación y rescisión' in page.text and 'No hay red.' in page.text
    assert '$' not in page.text


def test_before_the_first_one_the_page_says_how(floor: Moving) -> None:
    assert 'por escrito al menos 60 días antes' in floor.get('elena', OWN).text


def test_who_may_not(floor: Moving) -> None:
    move = floor.notice()
    for who, paths in (('ana', (LIST, f'{LIST}/{move.reference}', OWN)), ('elena', (LIST, f'{LIST}/{move.reference}')), ('sara', (OWN,)),
                       ('adela', (OWN,))):
        for path in paths:
            assert floor.get(who, path).status == 403, (who, path)


def test_a_client_who_is_gone_has_pages_still(floor: Moving) -> None:
    move = floor.notice()
    floor.site = replace(floor.site, clients={'globex': floor.site.clients['globex']}, lines={
        line.number: line for line in floor.site.lines.values() if line.client == 'globex'})
    for who, path in (('sara', LIST), ('sara', f'{LIST}/{move.reference}'), ('elena', OWN)):
        assert floor.get(who, path).status == 200, path


def test_hostile_words_are_text(floor: Moving) -> None:
    acme = replace(floor.site.clients['acme'], name=XSS, users=(lives.user(site=XSS[:40]),))
    floor.site = replace(floor.site, clients=floor.site.clients | {'acme': acme})
    move = floor.notice(site=XSS[:40], destination=XSS, reference=XSS[:30])
    floor.moves.decide_feasibility(move.reference, False, XSS, floor.site, 'sara', floor.now)
    floor.moves.close(move.reference, XSS, floor.site, 'sara', floor.now)
    for who, path in (('sara', f'{LIST}?mostrar=todos&cliente='), ('sara', f'{LIST}/{move.reference}'), ('elena', OWN)):
        page = floor.get(who, path)
        assert page.status == 200 and '&lt;script&gt;' in page.html
        assert not RUNNABLE.search(page.html), path
