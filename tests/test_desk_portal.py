"""The pages of a client's contact: his client's folios and questions, nothing internal, and nobody else's (mission.md 6.4)."""
from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select, update

from config.values import Site
from desk.folios.told import TEXTS, TOLD_REASONS, USER_LETTERS
from storage.engine import Database
from tests import lives
from tests.desk_floor import GLOBEX_LINE, RUNNABLE, XSS, Floor, floor_site
from ticketing.folios import FolioBook
from ticketing.spanish import LETTERS
from ticketing.tables import close_calls, outbox
from ticketing.values import EntryKind, State

SECRET = 'palabra-secreta'


@pytest.fixture
def floor(db: Database, tmp_path: Path) -> Floor:
    return Floor(db, tmp_path, floor_site(verify_with='both'))


def theirs(floor: Floor, **facts: object) -> str:
    return floor.open(**({'client': 'globex', 'line': GLOBEX_LINE, 'summary': 'De Globex'} | facts))


def resolved(floor: Floor, **facts: object) -> str:
    number = floor.open(**facts)
    floor.life.start(number, by='ana', now=floor.now)
    floor.life.resolve(number, solution='Se cambió el cable.', diagnosis=SECRET, by='ana', now=floor.now)
    return number


def test_he_sees_his_clients_folios_and_no_other(floor: Floor) -> None:
    mine, other = floor.open(summary='Mi impresora'), theirs(floor)
    page = floor.get('elena', '/cliente/folios')
    assert page.status == 200
    assert mine in page.text and 'Mi impresora' in page.text
    assert other not in page.html and 'De Globex' not in page.html


def test_anothers_folio_answers_exactly_like_an_unknown_one(floor: Floor) -> None:
    other, unknown = theirs(floor), '00000000'
    told, untold = floor.get('elena', f'/cliente/folios/{other}'), floor.get('elena', f'/cliente/folios/{unknown}')
    assert told.status == untold.status == 404
    assert told.html == untold.html


@pytest.mark.parametrize('word', ['x', '1' * 60, "1' OR 1=1", '..%2f', 'ñ'])
def test_what_is_no_number_is_not_found(floor: Floor, word: str) -> None:
    assert floor.get('elena', f'/cliente/folios/{word}').status == 404


def test_the_list_goes_by_state_and_page(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('desk.pages.portal.A_PAGE', 2)
    numbers = []
    for minutes in range(5):
        floor.now = lives.NOW + minutes * lives.MINUTE
        numbers.append(floor.open())
    floor.life.cancel(numbers[0], reason='no es nuestro', by='ana', now=floor.now)
    seen, path = [], '/cliente/folios'
    for _ in range(3):
        page = floor.get('elena', path)
        seen += [number for number in reversed(numbers) if number in page.html]
        if 'Más antiguos' not in page.text:
            break
        path = page.html.split('rel="next" href="')[1].split('"')[0].replace('&amp;', '&')
    assert seen == numbers[:0:-1]
    assert numbers[0] in floor.get('elena', '/cliente/folios?estado=cancelled').html
    assert numbers[1] not in floor.get('elena', '/cliente/folios?estado=cancelled').html
    assert floor.get('elena', '/cliente/folios?desde=tonto').location == '/cliente/folios'
    assert floor.get('elena', '/cliente/folios?estado=tonto').status == 200


def test_what_is_internal_is_not_told(floor: Floor) -> None:
    number = floor.open(kind='complaint', complained_of='beto', summary='Me colgaron')
    book = FolioBook(floor.db)
    for kind in EntryKind:
        if kind not in (*TEXTS, EntryKind.EMAIL_IN):
            book.note(number, kind, f'{SECRET} {kind}', 'ana', floor.now)
    book.note(number, EntryKind.EMAIL_IN, f'{SECRET} de un proveedor', 'supplier', floor.now)
    book.note(number, EntryKind.EMAIL_IN, 'Sigue fallando', 'user', floor.now)
    floor.life.assign(number, agent='luis', reason=SECRET, by='sara', now=floor.now)
    floor.life.prioritise(number, impact='high', urgency='high', reason=SECRET, by='sara', now=floor.now)
    floor.life.start(number, by='luis', now=floor.now)
    floor.life.wait(number, waiting_for='user', reason='Falta su número de serie', by='luis', now=floor.now)
    floor.life.resume(number, reason=SECRET, by='luis', now=floor.now)
    floor.life.update(number, text='Ya lo revisamos', by='luis', now=floor.now)
    floor.life.resolve(number, solution='Se habló con el equipo.', diagnosis=SECRET, by='luis', now=floor.now)
    page = floor.get('elena', f'/cliente/folios/{number}')
    assert page.status == 200
    assert SECRET not in page.html
    assert 'beto' not in page.html.lower()
    for told in ('Se abrió el folio', 'En espera del usuario', 'Falta su número de serie', 'Ya lo revisamos', 'Prioridad alta', 'Resuelto',
                 'Se habló con el equipo.', 'Correo del usuario', 'Sigue fallando', 'Luis Pérez'):
        assert told in page.text, told


def test_letters_to_the_user_are_told_and_those_to_others_are_not(floor: Floor) -> None:
    number = floor.open()
    floor.life.assign(number, group='redes', by='sara', now=floor.now)
    with floor.db.write() as connection:
        assert {row.recipient for row in connection.execute(select(outbox.c.recipient))} >= {'jose@acme.example', 'redes@mesa.example'}
        connection.execute(update(outbox).values(state='sent', finished_at=floor.now))
    page = floor.get('elena', f'/cliente/folios/{number}')
    assert 'Se envió el correo «recibido» al usuario' in page.text
    assert 'turnado' not in page.text
    assert 'Redes' in page.text


def test_the_tables_of_what_is_told_name_what_there_is() -> None:
    assert set(LETTERS) >= USER_LETTERS
    assert {EntryKind.NOTE, EntryKind.WARNING, EntryKind.ESCALATED, EntryKind.ACCESS}.isdisjoint(TEXTS)
    assert len(TOLD_REASONS) == 2


def test_hostile_words_are_text(floor: Floor) -> None:
    number = resolved(floor, summary=XSS, description=XSS, user_name=XSS)
    floor.life.reopen(number, reason=XSS, by='ana', now=floor.now)
    floor.life.update(number, text=XSS, by='ana', now=floor.now)
    for path in ('/cliente/folios?estado=todos', f'/cliente/folios/{number}', '/cliente/confirmaciones', '/cliente/estados'):
        page = floor.get('elena', path)
        assert page.status == 200
        assert not RUNNABLE.search(page.html), path


# --- confirmations ------------------------------------------------------------------------------------------------------

def test_he_confirms_what_waits_for_him(floor: Floor) -> None:
    number = resolved(floor)
    assert number in floor.get('elena', '/cliente/confirmaciones').text
    assert number not in floor.get('gil', '/cliente/confirmaciones').html
    done = floor.post('elena', f'/cliente/confirmaciones/{number}', answer='yes', version=floor.version(number), comment='')
    assert done.location == '/cliente/confirmaciones?hecho=si'
    assert 'Quedó registrado' in floor.get('elena', done.location).text
    assert states(floor, number)['contact'] == 'confirmed'
    assert number not in floor.get('elena', '/cliente/confirmaciones').html
    assert [row.what for row in floor.accounts.audit(login='elena')] == ['confirmed']
    floor.life.confirm(number, by='user', via='call', now=floor.now, party='user')
    assert get(floor, number) is State.CLOSED_VERIFIED


def test_he_says_that_it_is_not_solved_and_what_is_missing(floor: Floor) -> None:
    number = resolved(floor)
    path, version = f'/cliente/confirmaciones/{number}', floor.version(number)
    assert floor.post('elena', path, answer='no', version=version, comment='').status == 422
    assert get(floor, number) is State.RESOLVED
    done = floor.post('elena', path, answer='no', version=version, comment='Sigue sin imprimir')
    assert done.location == '/cliente/confirmaciones?hecho=no'
    assert get(floor, number) in (State.ASSIGNED, State.IN_PROGRESS, State.NEW)
    assert 'Sigue sin imprimir' in ' '.join(entry.text for entry in FolioBook(floor.db).timeline(number))


def test_an_answer_to_what_he_has_not_seen_is_not_taken(floor: Floor) -> None:
    number = resolved(floor)
    seen = floor.version(number)
    floor.life.reopen(number, reason='faltó algo', by='ana', now=floor.now)
    floor.life.resolve(number, solution='Ahora sí.', by='ana', now=floor.now)
    page = floor.post('elena', f'/cliente/confirmaciones/{number}', answer='yes', version=seen, comment='mis palabras')
    assert page.status == 409
    assert 'El folio cambió mientras usted lo leía' in page.text
    assert 'mis palabras' in page.html
    assert states(floor, number)['contact'] == 'waiting'
    assert floor.post('elena', f'/cliente/confirmaciones/{number}', answer='yes', version='x').status == 409


def test_nobody_answers_for_another_client_or_role(floor: Floor) -> None:
    number = resolved(floor)
    path, version = f'/cliente/confirmaciones/{number}', floor.version(number)
    assert floor.post('gil', path, answer='yes', version=version).status == 404
    for who in ('ana', 'sara', 'adela'):
        assert floor.post(who, path, answer='yes', version=version).status == 403
    assert floor._ask('elena', 'POST', path, b'answer=yes').status == 403
    assert states(floor, number)['contact'] == 'waiting'


def test_he_is_not_asked_where_the_user_alone_confirms(db: Database, tmp_path: Path) -> None:
    floor = Floor(db, tmp_path, floor_site(verify_with='user'))
    number = resolved(floor)
    assert number not in floor.get('elena', '/cliente/confirmaciones').html
    assert floor.post('elena', f'/cliente/confirmaciones/{number}', answer='yes', version=floor.version(number)).status == 409
    assert get(floor, number) is State.RESOLVED


# --- months -------------------------------------------------------------------------------------------------------------

def test_twelve_months_are_counted_and_no_statement_is_pretended(floor: Floor) -> None:
    floor.now = lives.NOW - 40 * lives.DAY
    floor.open(kind='request')
    floor.now = lives.NOW
    floor.open()
    theirs(floor)
    page = floor.get('elena', '/cliente/estados')
    assert 'Todavía no se ha emitido ningún estado de cuenta' in page.text
    assert 'noviembre de 2026 en curso 1 1 0 0' in page.text
    assert 'octubre de 2026 1 0 1 0' in page.text
    assert 'diciembre de 2025 0 0 0 0' in page.text


def test_a_client_who_is_gone_from_the_site_has_pages_still(floor: Floor) -> None:
    number = floor.open()
    site: Site = floor.site
    floor.site = lives.replace(site, clients={'globex': site.clients['globex']}, lines={
        line.number: line for line in site.lines.values() if line.client == 'globex'})
    for path in ('/cliente/folios', f'/cliente/folios/{number}', '/cliente/confirmaciones', '/cliente/estados'):
        assert floor.get('elena', path).status == 200, path


def states(floor: Floor, number: str) -> dict[str, str]:
    with floor.db.read() as connection:
        folio_id = lives.id_of(connection, number)
        rows = connection.execute(select(close_calls.c.party, close_calls.c.state).where(close_calls.c.folio_id == folio_id).order_by(
            close_calls.c.id))
        return {row.party: row.state for row in rows}


def get(floor: Floor, number: str) -> State:
    folio = FolioBook(floor.db).get(number)
    assert folio is not None
    return folio.state
