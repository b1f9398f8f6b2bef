"""The pages of folios through the real gate: every action, what a state or a rule refuses, two people at once, files, strange texts."""
from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from config.terms import Contract, Terms
from config.values import Modality
from desk.accounts.values import Role
from desk.folios.actions import ACTIONS
from storage.engine import Database
from tests.desk_reader import Page
from tests.desk_visits import TestDesk, Visitor
from tests.lives import MINUTE, NOW, PREMIUM, report, site
from ticketing.damm import with_check
from ticketing.folios import FolioBook
from ticketing.values import EntryKind, Folio, Kind, State

HOSTILE = '<script>alert("1")</script><img src=x onerror=alert(1)>\'"&{{7*7}}'
NOBODYS = with_check('9999999')
WAV = b'RIFF\x24\x00\x00\x00WAVEfmt ' + bytes(range(200))


class Room(TestDesk):
    """A desk on which ana and beto work and sara supervises."""

    __test__ = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.ana, self.beto = self.visitor('ana'), self.visitor('beto')
        self.sara = self.visitor('sara', Role.SUPERVISOR)

    def open(self, now: datetime = NOW, **facts: object) -> str:
        return self.life.open(report(**({'clock_starts': now} | facts)), now).number

    def folio(self, number: str) -> Folio:
        found = self.desk.folios.get(number)
        assert found is not None
        return found

    def texts(self, number: str) -> list[str]:
        return [entry.text for entry in self.desk.folios.timeline(number)]

    def do(self, who: Visitor, number: str, action: str, **form: object) -> Page:
        """Send a form as it stands in the page now."""
        return who.post(f'/folios/{number}/{action}', **({'version': self.folio(number).version} | form))


@pytest.fixture
def room(db: Database, tmp_path: Path) -> Room:
    return Room(db, site(), tmp_path, NOW + MINUTE)


def resolved(room: Room) -> str:
    number = room.open()
    room.life.resolve(number, solution='Se reinstaló.', by='beto', now=NOW)
    return number


# action, form, what the folio is like afterwards
RIGHT = [
    ('nota', {'texto': 'Ya llamé.'}, lambda folio: folio.state is State.NEW),
    ('avance', {'texto': 'Vamos a revisar.'}, lambda folio: folio.responded_at is not None),
    ('asignar', {'a': 'agente:beto', 'motivo': 'sabe de esto'}, lambda folio: folio.agent == 'beto'),
    ('asignar', {'a': 'grupo:redes'}, lambda folio: folio.resolver_group == 'redes'),
    ('tomar', {}, lambda folio: folio.agent == 'ana'),
    ('iniciar', {}, lambda folio: folio.state is State.IN_PROGRESS and folio.agent == 'ana'),
    ('clasificar', {'categoria': 'mail', 'aplicacion': 'word', 'tipo': 'request', 'resumen': 'Otro', 'descripcion': 'Más',
                    'diagnostico': 'Y'},
     lambda folio: (folio.report.application, folio.report.kind, folio.report.summary, folio.diagnosis) == (
         'word', 'request', 'Otro', 'Y')),
    ('resolver', {'solucion': 'Se reinició.', 'diagnostico': 'Memoria.', 'primer_contacto': '1'},
     lambda folio: folio.state is State.RESOLVED and folio.first_contact and folio.resolved_by == 'ana'),
    ('prioridad', {'impacto': 'high', 'urgencia': 'high', 'motivo': 'Toda la sucursal'}, lambda folio: folio.report.priority == 'high'),
    ('cancelar', {'motivo': 'Se equivocó de número'}, lambda folio: folio.state is State.CANCELLED and folio.cancel_cause == 'user'),
    ('cancelar', {'motivo': 'Publicidad', 'clase': 'spam'}, lambda folio: folio.cancel_cause == 'spam'),
    ('queja', {'texto': 'Tardaron', 'sobre': 'beto'}, lambda folio: folio.report.kind == Kind.COMPLAINT and folio.agent == 'sara'),
]


@pytest.mark.parametrize(('action', 'form', 'as_wanted'), RIGHT, ids=lambda part: part if isinstance(part, str) else '')
def test_an_action_is_done(room: Room, action: str, form: dict[str, str], as_wanted: object) -> None:
    number = room.open()
    answer = room.do(room.ana, number, action, **form)
    assert answer.status == 303, answer.text
    assert answer.location == ('/folios' if action == 'queja' else f'/folios/{number}?guardado={number}:{action}')
    assert as_wanted(room.folio(number))               # type: ignore[operator]
    assert room.grown == [number]
    if action != 'queja':
        assert ACTIONS[action].done in room.ana.get(answer.location).text


def test_the_other_moves_each_from_its_state(room: Room) -> None:
    number = room.open(line=PREMIUM, modality='premium')
    assert room.do(room.ana, number, 'asignar', a='grupo:redes').status == 303
    assert room.do(room.beto, number, 'acuse').status == 303
    assert room.folio(number).acknowledged_at is not None
    assert room.do(room.beto, number, 'iniciar').status == 303
    assert room.do(room.beto, number, 'visita', motivo='Cambiar el cable').status == 303
    assert room.do(room.beto, number, 'esperar', de_quien='supplier', motivo='La refacción').status == 303
    assert room.folio(number).waiting_for == 'supplier'
    assert 'reloj en pausa' in room.ana.get(f'/folios/{number}').text
    assert room.do(room.beto, number, 'reanudar').status == 303
    assert room.do(room.beto, number, 'resolver', solucion='Cable nuevo').status == 303
    assert room.do(room.ana, number, 'reabrir', motivo='Sigue igual').status == 303
    assert room.do(room.beto, number, 'iniciar').status == 303
    assert room.do(room.beto, number, 'resolver', solucion='Otro cable').status == 303
    assert room.do(room.ana, number, 'confirmar', quien='user', calificacion='5', comentario='Gracias').status == 303
    folio = room.folio(number)
    assert (folio.state, folio.score) == (State.CLOSED_VERIFIED, 5)


def test_a_duplicate_is_merged_but_not_into_what_one_may_not_see(room: Room) -> None:
    number, other = room.open(), room.open()
    complaint = room.open(kind=Kind.COMPLAINT, complained_of='ana')
    for unknown in (complaint, NOBODYS, 'x'):
        refused = room.do(room.ana, number, 'duplicado', otro=unknown)
        assert refused.status == 422 and 'No existe ese folio' in refused.text
    assert room.do(room.ana, number, 'duplicado', otro=f'{other[:4]} {other[4:]}').status == 303
    assert room.folio(number).duplicate_of == other
    assert f'href="/folios/{other}"' in room.ana.get(f'/folios/{number}').html


# --- what is refused --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(('state', 'offered'), [
    (State.NEW, {'nota', 'avance', 'asignar', 'tomar', 'iniciar', 'clasificar', 'resolver', 'prioridad', 'duplicado', 'queja', 'cancelar',
                 'archivo'}),
    (State.IN_PROGRESS, {'nota', 'avance', 'asignar', 'esperar', 'clasificar', 'resolver', 'prioridad', 'duplicado', 'queja', 'cancelar',
                         'archivo'}),
    (State.RESOLVED, {'nota', 'avance', 'clasificar', 'reabrir', 'archivo'}),
    (State.CANCELLED, {'nota', 'archivo'})])
def test_only_what_the_state_allows_is_offered(room: Room, state: State, offered: set[str]) -> None:
    number = room.open()
    if state is not State.NEW:
        room.life.start(number, by='ana', now=NOW)
    if state is State.RESOLVED:
        room.life.resolve(number, solution='x', by='ana', now=NOW)
    if state is State.CANCELLED:
        room.life.cancel(number, reason='x', by='ana', now=NOW)
    assert room.ana.get(f'/folios/{number}').forms == offered
    for action in ACTIONS.keys() - offered - {'acuse', 'confirmar', 'visita', 'tomar'}:
        form = {'solucion': 'x', 'motivo': 'x', 'texto': 'x', 'a': 'agente:ana', 'de_quien': 'user', 'impacto': 'low', 'urgencia': 'low',
                'otro': room.open(), 'resumen': 'x'}
        answer = room.do(room.ana, number, action, **form)
        assert answer.status == 422 and 'El folio ' in answer.text, (action, answer.text)
    assert room.folio(number).state is state


REFUSED = [
    ('nota', {'texto': ''}, 'Falta escribir el texto'),
    ('asignar', {'a': ''}, 'Elija a un agente o a un grupo'),
    ('asignar', {'a': 'agente:nadie'}, 'Elija un agente de la lista'),
    ('asignar', {'a': 'grupo:nadie'}, 'Elija un grupo de la lista'),
    ('clasificar', {'categoria': 'nada'}, 'Elija una categoría de la lista'),
    ('clasificar', {'aplicacion': 'erp'}, 'sólo se atiende en la línea Premium'),
    ('clasificar', {}, 'No cambió nada'),
    ('prioridad', {'impacto': 'huge', 'urgencia': 'low', 'motivo': 'x'}, 'Elija impacto y urgencia'),
    ('visita', {'motivo': 'x'}, 'sólo existen en la modalidad Premium'),
    ('acuse', {}, 'no está con un grupo'),
    ('queja', {'texto': 'x', 'sobre': 'nadie'}, 'Elija de la lista sobre quién'),
]


@pytest.mark.parametrize(('action', 'form', 'says'), REFUSED, ids=[f'{row[0]}-{row[2][:20]}' for row in REFUSED])
def test_a_rule_refuses_in_spanish_and_what_was_typed_stays(room: Room, action: str, form: dict[str, str], says: str) -> None:
    number = room.open()
    answer = room.do(room.ana, number, action, **form)
    assert answer.status == 422
    assert says in answer.text
    assert room.grown == []
    if form.get('motivo') and action == 'prioridad':
        assert 'value="x"' in answer.html


def test_who_solved_it_does_not_confirm_it(room: Room) -> None:
    number = resolved(room)
    assert 'confirmar' not in room.beto.get(f'/folios/{number}').forms
    refused = room.do(room.beto, number, 'confirmar', quien='user')
    assert refused.status == 422 and 'la confirmación debe capturarla otra persona' in refused.text
    assert 'confirmar' in room.ana.get(f'/folios/{number}').forms
    assert room.do(room.ana, number, 'confirmar', quien='user', calificacion='x').status == 422


def test_an_unknown_action_a_form_without_version_and_one_without_its_word(room: Room) -> None:
    number = room.open()
    assert room.do(room.ana, number, 'borrar').status == 404
    assert room.ana.post(f'/folios/{number}/tomar').status == 422
    assert room.ana.post(f'/folios/{number}/tomar', version=0, csrf='x').status == 403
    assert room.folio(number).agent is None


# --- several at once --------------------------------------------------------------------------------------------------------

def test_who_was_slower_sees_what_the_other_did_keeps_his_words_and_sends_again(room: Room) -> None:
    number = room.open()
    seen = room.folio(number).version
    room.life.update(number, text='Ya vamos para allá.', by='beto', now=NOW + MINUTE)
    slow = room.do(room.ana, number, 'resolver', solucion='Se cambió el cable.', version=seen)
    assert slow.status == 409
    assert 'El folio cambió mientras usted escribía' in slow.text
    assert 'Beto Pérez' in slow.text and 'Ya vamos para allá.' in slow.text
    assert '>Se cambió el cable.</textarea>' in slow.html
    again = room.ana.post(f'/folios/{number}/resolver', solucion='Se cambió el cable.', version=slow.hidden('version'))
    assert again.status == 303 and room.folio(number).state is State.RESOLVED


def test_to_send_again_does_not_undo_what_the_other_corrected(room: Room) -> None:
    number = room.open(summary='Viejo', description='Nada')
    before = {'antes_resumen': 'Viejo', 'antes_descripcion': 'Nada', 'antes_categoria': 'mail', 'antes_tipo': 'failure'}
    typed = {'resumen': 'Viejo', 'descripcion': 'Mucho', 'categoria': 'mail', 'tipo': 'failure'}
    seen = room.folio(number).version
    room.life.describe(number, summary='De beto', by='beto', now=NOW + MINUTE)
    slow = room.do(room.ana, number, 'clasificar', version=seen, **before, **typed)
    assert slow.status == 409 and 'Cambió: resumen.' in slow.text
    assert 'name="resumen" value="De beto"' in slow.html and '>Mucho</textarea>' in slow.html
    sent = dict(re.findall(r'name="(antes_\w+)" value="([^"]*)"', slow.html))
    assert room.do(room.ana, number, 'clasificar', **sent, **(typed | {'resumen': 'De beto'})).status == 303
    folio = room.folio(number)
    assert (folio.report.summary, folio.report.description) == ('De beto', 'Mucho')


def test_words_for_what_is_not_possible_any_more_become_a_note(room: Room) -> None:
    number = room.open()
    seen = room.folio(number).version
    room.life.cancel(number, reason='Era una prueba', by='beto', now=NOW + MINUTE)
    slow = room.do(room.ana, number, 'resolver', solucion='Se cambió el cable.', version=seen)
    assert slow.status == 409 and 'Su texto quedó en la nota' in slow.text and 'Era una prueba' in slow.text
    assert '>Se cambió el cable.</textarea>' in slow.html and 'resolver' not in slow.forms


def test_a_note_never_waits_for_anybody(room: Room) -> None:
    number = room.open()
    seen = room.folio(number).version
    room.life.update(number, text='Algo', by='beto', now=NOW + MINUTE)
    assert room.do(room.ana, number, 'nota', texto='También', version=seen).status == 303
    assert room.texts(number)[-1] == 'También'


def test_who_writes_is_told_and_only_what_forms_are_called(room: Room) -> None:
    number = room.open()
    assert room.ana.post(f'/folios/{number}/escribiendo', que='nota').status == 204
    assert room.ana.post(f'/folios/{number}/escribiendo', que='<b>').status == 204
    assert room.written == [(number, 'ana', 'nota'), (number, 'ana', '')]


# --- who may ----------------------------------------------------------------------------------------------------------------

def test_a_complaint_about_somebody_is_for_him_a_folio_that_is_not_there(room: Room) -> None:
    number = room.open(kind=Kind.COMPLAINT, complained_of='beto', summary='Fue grosero')
    file_id = attached(room, number)
    unknown = room.beto.get(f'/folios/{NOBODYS}')
    for path in (f'/folios/{number}', f'/folios/{number}/archivos/{file_id}', '/folios/abc', '/folios/00000000'):
        answer = room.beto.get(path)
        assert (answer.status, answer.html) == (404, unknown.html)
    for action in (*ACTIONS, 'escribiendo', 'llamar', 'archivo'):
        assert room.do(room.beto, number, action, texto='x', telefono='x').status == 404
    assert number not in room.beto.get('/folios?lista=todas').html
    assert number not in room.beto.get('/buscar?q=grosero').html
    assert room.beto.get(f'/buscar?q={number}').status == 200
    assert number not in room.ana.get('/folios?lista=todas').html     # nor is it for other agents
    assert room.sara.get(f'/folios/{number}').status == 200


def test_a_contact_and_an_admin_have_no_such_pages(room: Room) -> None:
    number = room.open()
    for visitor in (room.visitor('elena', Role.CONTACT, 'acme'), room.visitor('root', Role.ADMIN)):
        for path in ('/folios', '/buscar?q=x', '/folios/nuevo', f'/folios/{number}'):
            assert visitor.get(path).status == 403
    stranger = Visitor(room.gate, 'x')
    assert stranger.get(f'/folios/{number}').location.startswith('/entrar')


# --- files ------------------------------------------------------------------------------------------------------------------

def attached(room: Room, number: str, title: str = 'foto.png', data: bytes = b'\x89PNG\r\n\x1a\n' + bytes(50)) -> int:
    """A file that a person adds; its id."""
    answer = room.sara.upload(f'/folios/{number}/archivo', title, data)
    assert answer.status == 303, answer.text
    return int(re.findall(rf'/folios/{number}/archivos/(\d+)', room.sara.get(f'/folios/{number}').html)[-1])


def test_a_file_is_added_and_comes_back_as_it_was(room: Room) -> None:
    number = room.open()
    data = b'%PDF-1.4 ' + bytes(range(256))
    file_id = attached(room, number, 'C:\\fotos\\se ño "r".pdf', data)
    answer = room.ana.get(f'/folios/{number}/archivos/{file_id}')
    headers = dict(answer.answer.headers)
    assert (answer.answer.body, answer.answer.content_type) == (data, 'application/pdf')
    assert headers['Content-Disposition'].startswith('attachment; filename="se__o_')
    assert 'archivo adjunto' in room.ana.get(f'/folios/{number}').text
    assert room.ana.get(f'/folios/{number}/archivos/999').status == 404
    assert room.ana.get(f'/folios/{number}/archivos/x').status == 404


@pytest.mark.parametrize(('title', 'data', 'says'), [
    ('a.exe', b'MZ' + bytes(30), 'no se guarda'), ('a.txt', b'', 'vacío'), ('', b'x', 'Elija un archivo'),
    ('a.txt', b'a' * (11 << 20), 'pasa de 10 MB')])
def test_a_file_that_may_not_be_kept_is_refused(room: Room, title: str, data: bytes, says: str) -> None:
    number = room.open()
    answer = room.ana.upload(f'/folios/{number}/archivo', title, data)
    assert answer.status == 422 and says in answer.text


def test_listening_to_a_recording_stands_in_the_timeline_once(room: Room, db: Database) -> None:
    number = room.open()
    (room.place.recordings / 'r1.wav').write_bytes(WAV)
    FolioBook(db).attach(number, EntryKind.RECORDING, 'r1.wav', hashlib.sha256(WAV).hexdigest(), 7, NOW)
    page = room.ana.get(f'/folios/{number}')
    address = re.search(rf'<audio controls preload="none" src="(/folios/{number}/archivos/\d+)"', page.html)
    assert address and 'Grabación, 7 s' in page.text and hashlib.sha256(WAV).hexdigest() not in page.html
    assert not [text for text in room.texts(number) if text.startswith('se abrió')]
    whole = room.ana.get(address[1])
    assert (whole.answer.body, whole.answer.content_type) == (WAV, 'audio/x-wav')
    assert dict(whole.answer.headers)['Content-Disposition'].startswith('inline')
    part = room.ana.get(address[1], range='bytes=10-19')
    assert (part.status, part.answer.body) == (206, WAV[10:20])
    assert dict(part.answer.headers)['Content-Range'] == f'bytes 10-19/{len(WAV)}'
    assert room.ana.get(address[1], range='bytes=9999-').status == 416
    opened = [entry for entry in room.desk.folios.timeline(number) if entry.kind == EntryKind.ACCESS]
    assert [(entry.by, entry.text.startswith('se abrió la grabación')) for entry in opened] == [('ana', True)]


# --- what is shown ----------------------------------------------------------------------------------------------------------

def test_strange_texts_are_text_in_every_field(room: Room) -> None:
    number = room.desk.folios.open(report(
        summary=HOSTILE, description=HOSTILE, user_name=HOSTILE, user_email=HOSTILE, rule=HOSTILE, origin='phone', site=HOSTILE[:60],
        category=HOSTILE[:60], application=HOSTILE[:60]), NOW).number
    room.life.note(number, text=HOSTILE, by='ana', now=NOW)
    attached(room, number, f'{HOSTILE}.png')
    room.life.resolve(number, solution=HOSTILE, diagnosis=HOSTILE, by=HOSTILE[:40], now=NOW)
    pages = [room.ana.get(path) for path in (f'/folios/{number}', '/folios?lista=todas', '/buscar?q=alert', f'/buscar?q={HOSTILE}')]
    pages.append(room.do(room.ana, number, 'reabrir', motivo=HOSTILE, version=0))
    pages.append(room.ana.post('/folios/nuevo', cliente='acme', usuario=HOSTILE, resumen=HOSTILE, descripcion=HOSTILE, correo=HOSTILE))
    for page in pages:
        assert page.status in (200, 409, 422)
        assert '<script>alert' not in page.html and '<img src=x' not in page.html
        assert '49' not in re.findall(r'&amp;(\S*)', page.html)
        assert not re.search(r'\sstyle="|\son\w+="', re.sub(r'(value|title|content)="[^"]*"', '', page.html))
    assert HOSTILE in pages[0].text


def test_the_page_tells_what_is_known_and_why_it_falls_due(room: Room) -> None:
    room.site = site(notes=('Avise también a sistemas.',))
    number = room.open(now=NOW, unlisted=True)
    room.now = NOW + timedelta(hours=30)
    text = room.ana.get(f'/folios/{number}').text
    for words in (
            f'{number[:4]} {number[4:]}', 'prioridad media', 'Acme México', 'HELP DESK 911', 'fuera de lista', 'venció hace', 'nadie',
            'José Ñúñez', '55 5555 0101', 'Avise también a sistemas.', 'Por contrato hay 10:00 h hábiles para resolver',
            'Fuera de horario', 'noche'):
        assert words in text, words


def test_the_page_says_whether_it_counts_against_the_allowance(room: Room) -> None:
    number, other = room.open(), room.open()
    assert 'Cuenta para la cuota' not in room.ana.get(f'/folios/{number}').text     # nothing is metered
    room.site = site(contract=Contract(terms=(Terms(Modality.STANDARD, NOW.date().replace(day=1), allowance=10),)))
    assert 'Cuenta para la cuota sí, solicitud confirmada' in ' '.join(room.ana.get(f'/folios/{number}').text.split())
    room.life.merge(other, number, by='ana', now=NOW)
    assert f'Cuenta para la cuota no, duplicado del folio {number}' in ' '.join(room.ana.get(f'/folios/{other}').text.split())


def test_the_order_of_the_timeline_can_be_turned(room: Room) -> None:
    number = room.open()
    for text in ('primera', 'segunda'):
        room.life.note(number, text=text, by='ana', now=NOW)
    newest = room.ana.get(f'/folios/{number}').text
    assert newest.index('segunda') < newest.index('primera')
    oldest = room.ana.get(f'/folios/{number}?orden=antiguas')
    assert oldest.text.index('primera') < oldest.text.index('segunda')
    assert 'orden=antiguas' in room.do(room.ana, number, 'nota', texto='x', orden='antiguas').location


# --- lists, search, a new folio ---------------------------------------------------------------------------------------------

def numbers(page: Page) -> list[str]:
    return re.findall(r'<tr data-href="/folios/(\d+)"', page.html)


def test_the_lists(room: Room) -> None:
    mine, group, free = room.open(), room.open(), room.open()
    room.life.assign(mine, agent='beto', by='ana', now=NOW)
    room.life.assign(group, group='redes', by='ana', now=NOW)
    assert numbers(room.beto.get('/folios')) == [mine]
    assert numbers(room.beto.get('/folios?lista=grupo')) == [group]
    assert numbers(room.beto.get('/folios?lista=grupo&cliente=globex')) == []
    assert numbers(room.ana.get('/folios?lista=sin-asignar')) == [free]
    assert numbers(room.ana.get('/folios?lista=por-vencer')) == []
    assert set(numbers(room.ana.get('/folios?lista=todas'))) == {mine, group, free}
    assert numbers(room.ana.get('/folios?lista=todas&cliente=globex')) == []
    room.now = NOW + timedelta(hours=9)
    late = room.ana.get('/folios?lista=por-vencer')
    assert len(numbers(late)) == 3 and 'Por vencer 3' in late.text and 'dentro de 1 hora' in late.text


def test_long_lists_come_in_pages(room: Room) -> None:
    opened = [room.open() for _ in range(53)]
    first = room.ana.get('/folios?lista=sin-asignar')
    further = re.search(r'href="(/folios\?[^"]*desde=[^"]*)"', first.html)
    assert len(numbers(first)) == 50 and further
    second = room.ana.get(further[1].replace('&amp;', '&'))
    assert len(numbers(second)) == 3 and set(numbers(first) + numbers(second)) == set(opened)
    assert numbers(room.ana.get('/folios?lista=sin-asignar&desde=nada')) == numbers(first)


def test_search_finds_words_and_a_number_leads_straight_to_its_folio(room: Room) -> None:
    number = room.open(summary='No imprime', description='La charola dos está atorada')
    found = room.ana.get('/buscar?q=charolas')
    assert numbers(found) == [number] and '<mark>charola</mark>' in found.html
    assert room.ana.get(f'/buscar?q={number[:4]}+{number[4:]}').location == f'/folios/{number}'
    wrong = str((int(number) + 10) % 100_000_000).zfill(8)
    assert 'un dígito está equivocado' in room.ana.get(f'/buscar?q={wrong}').text
    assert 'Nada coincide con «avión»' in room.ana.get('/buscar?q=avi%C3%B3n').text


def test_a_folio_is_opened_by_hand(room: Room) -> None:
    assert 'name="resumen"' not in room.ana.get('/folios/nuevo').html
    assert 'name="resumen"' in room.ana.get('/folios/nuevo?cliente=acme&usuario=1234').html
    suggested = room.ana.get('/folios/nuevo/usuarios?cliente=acme&q=nunez').answer.body.decode()
    assert suggested.startswith('[{"number":"1234","name":"José Ñúñez"')
    form = {'cliente': 'acme', 'usuario': 'ñúñez jose', 'resumen': 'No abre Word', 'descripcion': 'Desde hoy', 'tipo': 'request',
            'impacto': 'high', 'urgencia': 'high', 'categoria': 'mail', 'aplicacion': 'word', 'linea': PREMIUM}
    answer = room.ana.post('/folios/nuevo', **form)
    assert answer.status == 303, answer.text
    number = answer.location.split('/')[2].partition('?')[0]
    told = room.folio(number).report
    assert (told.employee_number, told.modality, told.priority, told.application, told.kind, told.origin) == (
        '1234', 'premium', 'high', 'word', 'request', 'person')
    assert 'por Ana Pérez' in room.ana.get(f'/folios/{number}').text


@pytest.mark.parametrize(('form', 'says'), [
    ({'cliente': 'nadie'}, 'Elija un cliente'), ({'usuario': 'zzz'}, 'Ningún usuario de la lista es así'),
    ({'correo': 'no'}, 'no es una dirección válida'), ({}, 'Diga quién reporta'), ({'usuario': '1234', 'resumen': ''}, 'Falta escribir'),
    ({'usuario': '1234', 'linea': '+528005550201'}, 'Elija una línea de este cliente'),
    ({'usuario': '1234', 'categoria': 'x'}, 'Elija una categoría'), ({'usuario': '1234', 'aplicacion': 'erp'}, 'línea Premium')])
def test_a_new_folio_that_is_not_right_comes_back_with_what_was_typed(room: Room, form: dict[str, str], says: str) -> None:
    answer = room.ana.post('/folios/nuevo', **({'cliente': 'acme', 'resumen': 'Texto mío'} | form))
    assert answer.status == 422 and says in answer.text
    assert 'Texto mío' in answer.html or form.get('cliente') == 'nadie' or form.get('resumen') == ''


def test_a_complaint_opened_by_hand_leads_away_from_who_may_not_see_it(room: Room) -> None:
    answer = room.ana.post('/folios/nuevo', cliente='acme', usuario='1234', resumen='Queja', tipo='complaint', sobre='ana')
    assert (answer.status, answer.location) == (303, '/folios?guardado=nuevo')


def test_a_call_is_placed_only_where_there_is_a_way_out(room: Room) -> None:
    number = room.open()
    assert 'action="/folios/' in room.ana.get(f'/folios/{number}').html and '/llamar"' not in room.ana.get(f'/folios/{number}').html
    answer = room.do(room.ana, number, 'llamar', telefono='+525555550101')
    assert answer.status == 422 and 'troncal de salida' in answer.text
