"""Full-text search: the same on both databases, for people who type anything, and never more than the viewer may read."""
from __future__ import annotations

import shutil
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text, update

from storage.engine import Database
from tests.lives import MINUTE, NOW, Desk
from ticketing.damm import is_valid
from ticketing.finding.index import SearchIndex
from ticketing.finding.keys import BadPage, Page
from ticketing.finding.search import Found, Search
from ticketing.finding.viewers import Viewer
from ticketing.finding.words import passage, stem, stems
from ticketing.tables import folios, search_todo
from ticketing.values import EntryKind

ANA, SARA = Viewer('ana'), Viewer('sara', all_complaints=True)
ACME, GLOBEX = Viewer('contacto', client='acme'), Viewer('otro', client='globex')


def numbers(found: Found) -> list[str]:
    return [hit.item.number for hit in found.page.items]


def find(db: Database, words: str, viewer: Viewer = ANA, client: str | None = None) -> list[str]:
    return numbers(Search(db).search(words, viewer, client))


@pytest.fixture
def desk(db: Database) -> Desk:
    return Desk(db)


# --- what is found ------------------------------------------------------------------------------------------------

def test_a_folio_is_found_by_all_that_it_says(desk: Desk, db: Database) -> None:
    number = desk.open(summary='No imprime la térmica', description='Etiquetas de Querétaro', user_name='José Ñúñez',
                       employee_number='74125')
    other = desk.open(summary='No abre el correo', user_name='Elena Ruiz', employee_number='88')
    desk.life.note(number, text='El técnico llegó a bodega', by='ana', now=NOW + MINUTE)
    desk.life.update(number, text='Ya viene el refaccionamiento', by='ana', now=NOW + MINUTE)
    desk.life.resolve(number, solution='Se cambió el cabezal', diagnosis='Rodillo gastado', by='ana', now=NOW + 2 * MINUTE)
    for words in ('térmica', 'TERMICA', 'etiqueta', 'etiquetas querétaro', 'jose nunez', 'ÑÚÑEZ', '74125', 'bodega', 'refaccionamiento',
                  'cabezal', 'rodillos', 'imprime térmicas', number, f'{number[:4]} {number[4:]}', f'{number[:4]}-{number[4:]}'):
        assert find(db, words) == [number], words
    assert find(db, 'correo') == [other] and find(db, 'correo térmica') == [] and find(db, 'no') == [other, number]
    assert find(db, 'e\u0301tiquetas') == [number]                         # a letter and its accent apart


def test_a_number_goes_straight_to_its_folio_unless_it_is_something_else(desk: Desk, db: Database) -> None:
    number = desk.open()
    straight = Search(db).search(f' {number[:4]} {number[4:]}', ANA)
    assert straight.number == number and straight.page.after is None
    clerk = desk.open(employee_number='10000001')
    found = Search(db).search('10000001', ANA)
    assert found.number is None and numbers(found) == [clerk]
    assert Search(db).search(number, GLOBEX) == Found(Page((), None))
    assert find(db, number, ANA, client='globex') == []


def test_changes_are_found_at_once_and_what_was_said_before_is_not(desk: Desk, db: Database) -> None:
    number = desk.open(summary='Impresora')
    assert find(db, 'impresora') == [number]
    desk.life.describe(number, summary='Monitor', by='ana', now=NOW)
    assert find(db, 'impresora') == [] and find(db, 'monitor') == [number]
    with db.read() as connection:
        assert connection.scalar(select(func.count()).select_from(search_todo)) == 0


def test_the_newest_stand_first_and_pages_have_no_seam(desk: Desk, db: Database) -> None:
    made = [desk.open(summary=f'Teclado {n}') for n in range(25)][::-1]
    search, got, after = Search(db), [], None
    while True:
        found = search.search('teclado', ANA, limit=7, after=after)
        got += numbers(found)
        desk.open(summary='Teclado nuevo')                                 # what comes meanwhile is not on later pages
        after = found.page.after
        if after is None:
            break
    assert got == made
    with pytest.raises(BadPage):
        search.search('teclado', ANA, after="1' OR 1=1 --")


# --- who finds it -------------------------------------------------------------------------------------------------

def test_a_contact_finds_folios_of_his_client_by_what_he_may_read(desk: Desk, db: Database) -> None:
    ours = desk.open(summary='Servidor de archivos')
    theirs = desk.open(summary='Servidor de correo', client='globex', line='+528005550201')
    desk.life.note(ours, text='El usuario es conflictivo', by='ana', now=NOW)
    desk.life.resolve(ours, solution='Reinicio', diagnosis='Contraseña compartida', by='ana', now=NOW)
    assert find(db, 'servidor', ACME) == [ours] and find(db, 'servidor', GLOBEX) == [theirs]
    assert find(db, 'servidor', ACME, client='globex') == [ours]           # whatever the page asks for
    assert find(db, 'servidor', ANA) == [theirs, ours] and find(db, 'servidor', ANA, client='globex') == [theirs]
    for internal in ('conflictivo', 'compartida'):
        assert find(db, internal, ANA) == [ours] and find(db, internal, ACME) == []
    assert find(db, 'servidor conflictivo', ANA) == [ours] and find(db, 'servidor conflictivo', ACME) == []
    hit, = Search(db).search('reinicio', ACME).page.items
    assert hit.field == 'solution' and ('Reinicio', True) in hit.passage


def test_passages_show_no_internal_text_to_a_contact(desk: Desk, db: Database) -> None:
    number = desk.open(summary='Falla', description='')
    desk.life.note(number, text='falla falla secreto ' * 3, by='ana', now=NOW)
    for viewer in (ANA, ACME):
        hit, = Search(db).search('falla', viewer).page.items
        shown = ''.join(piece for piece, _ in hit.passage)
        assert 'secreto' not in shown and hit.field == 'summary'
    assert Search(db).search('secreto', ANA).page.items[0].field == 'timeline'


def test_complaints_are_found_by_supervisors_and_who_holds_them_and_never_by_the_accused(desk: Desk, db: Database) -> None:
    number = desk.open(kind='complaint', complained_of='beto', summary='Trato grosero')
    assert find(db, 'grosero', SARA) == [number] and find(db, number, SARA) == [number]
    for nobody in (Viewer('ana'), Viewer('beto'), Viewer('BETO', all_complaints=True), Viewer(' beto ', all_complaints=True)):
        assert find(db, 'grosero', nobody) == [] and find(db, number, nobody) == []
        assert not nobody.sees(desk.get(number))
    with db.write() as connection:
        connection.execute(update(folios).values(agent='ana'))
    assert find(db, 'grosero', Viewer('ana')) == [number] and Viewer('ana').sees(desk.get(number))


# --- whatever is typed --------------------------------------------------------------------------------------------

SYNTAX = (
    '"', "'", "''", '*', 'teclado*', 'NEAR(teclado roto)', 'teclado AND', 'OR', 'NOT teclado', 'teclado OR monitor', '(', ')', '((',
    '^teclado', 'words:teclado', '{words}:teclado', '-teclado', 'c_globex', 'c_acme', 'n_conflictivo', 'a:*', "teclado' | 'monitor",
    'teclado & !roto', '\\', '%', '_', ';', '--', '\x00', 'teclado\x00roto', '🖨', 'ﬁ ½ ²', '中文', 'e\u0301', '\ud800', 'x' * 5_000,
    '"teclado roto"', '')


def test_nothing_that_is_typed_is_syntax(desk: Desk, db: Database) -> None:
    number, monitor = desk.open(summary='Teclado roto'), desk.open(summary='Monitor')
    for typed in SYNTAX:
        assert set(find(db, typed)) <= {number}, typed
    assert find(db, '"teclado roto"') == [number] and find(db, 'teclado*') == [number] and find(db, '-teclado') == [number]
    assert find(db, 'teclado OR monitor') == [] and find(db, 'monitor') == [monitor]
    assert find(db, 'c_acme') == [] and find(db, 'acme') == []             # a word that nobody can type


@pytest.fixture(scope='module')
def one_file(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Database:
    """One database for many examples."""
    file = tmp_path_factory.mktemp('search') / 'mesa.db'
    shutil.copy(migrated_file, file)
    return Database(f'sqlite:///{file}', patience_s=20.0)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=80))
def test_any_text_is_stored_and_found_by_its_own_words(one_file: Database, said: str) -> None:
    desk = Desk(one_file)
    number = desk.open(summary=said.replace('\x00', ' ') or None)
    stored = desk.get(number).report.summary or ''
    # Eight digits that are a folio's number lead to that folio, and nowhere else.
    assert not stems(stored) or is_valid(stored.strip()) or number in find(one_file, stored)


@given(st.text(max_size=300), st.text(max_size=60))
def test_passages_are_parts_of_the_text(said: str, asked: str) -> None:
    pieces = passage(said, stems(asked))
    whole = ' '.join(unicodedata.normalize('NFC', said).split())
    assert ''.join(piece for piece, _ in pieces).strip('…') in whole or '…' in whole
    assert all(stems(piece) for piece, marked in pieces if marked)


def test_stems() -> None:
    for one, other in (('impresora', 'impresoras'), ('servidor', 'servidores'), ('luz', 'luces'), ('mes', 'meses'), ('cliente', 'clientes'),
                       ('factura', 'facturas'), ('conexion', 'conexiones'), ('usuaria', 'usuario'), ('rota', 'rotas'), ('base', 'bases'),
                       ('foto', 'fotos'), ('red', 'redes'), ('enlace', 'enlaces'), ('llave', 'llaves'), ('cliente', 'clientes')):
        assert stem(one) == stem(other), (one, other)
    assert stem('red') == 'red' and stem('caso') != stem('casa') and stem('74125') == '74125' and stem('mx123es') == 'mx123es'
    assert stems('¿Qué impresoras, la de José?') == stems('IMPRESORA josé')


# --- how it is kept -----------------------------------------------------------------------------------------------

def test_every_way_to_change_a_folio_is_noticed(desk: Desk, db: Database) -> None:
    index = SearchIndex(db)
    first, second = desk.open(summary='uno'), desk.open(summary='dos')
    assert index.round() == 2 and index.round() == 0
    desk.book.note(first, EntryKind.NOTE, 'anotado', 'ana', NOW)
    desk.book.note(first, EntryKind.PRIVACY, 'aviso', 'ana', NOW)          # not looked through
    desk.life.assign(first, agent='ana', by='sara', now=NOW)
    assert index.round() == 1
    desk.life.merge(second, first, by='ana', now=NOW)
    assert find(db, 'dos') == [second]
    with db.write() as connection:
        connection.execute(text("UPDATE folios SET summary = 'directo' WHERE number = :n"), {'n': first})
    assert find(db, 'directo') == [first] and find(db, 'uno') == []


def test_many_changes_are_left_to_the_worker_and_the_newest_come_first(desk: Desk, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('ticketing.finding.index.A_FEW', 3)
    monkeypatch.setattr('ticketing.finding.index.BATCH', 2)
    monkeypatch.setattr('ticketing.finding.index.BATCHES', 1)
    made = [desk.open(summary=f'Ratón {n}') for n in range(5)]
    assert find(db, 'ratón') == [] and not SearchIndex(db).catch_up()
    assert SearchIndex(db).round() == 2
    assert find(db, 'ratón') == made[::-1]                                 # three are left: the search itself does them
    assert SearchIndex(db).finish() == 0


def test_what_is_replaced_leaves_the_file(desk: Desk, db: Database) -> None:
    made = [desk.open(summary='kilimanjaro' if n == 70 else f'Ratón {n}', user_email=None) for n in range(150)]
    index = SearchIndex(db)
    index.finish()
    with db.write() as connection:
        connection.execute(update(folios).values(summary=None).where(folios.c.number == made[70]))
    index.finish()
    db.forget_erased()
    assert find(db, 'kilimanjaro') == [] and find(db, 'ratón 71') == [made[71]]
    if db.dialect == 'sqlite':
        assert b'kilimanjar' in file_of(db).read_bytes()                   # FTS5 only marks it as gone
    index.forget_replaced()
    index.forget_replaced()                                                # nothing more to do
    db.forget_erased()
    assert find(db, 'kilimanjaro') == [] and find(db, 'ratón 71') == [made[71]]
    if db.dialect == 'sqlite':
        assert b'kilimanjar' not in file_of(db).read_bytes() and segments(db) == 1
        with db.write() as connection:
            connection.exec_driver_sql("INSERT INTO search_index (search_index) VALUES ('integrity-check')")


def file_of(db: Database) -> Path:
    return Path(db.name.removeprefix('sqlite:///'))


def segments(db: Database) -> int:
    """Of how many parts FTS5's index is made; what was replaced stays in one until it is merged."""
    with db.read() as connection:
        return int(connection.exec_driver_sql('SELECT count(DISTINCT segid) FROM search_index_idx').scalar() or 0)


def test_indexing_is_finished_wherever_it_was_cut_off(desk: Desk, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [desk.open(summary=f'Disco {n}') for n in range(3)]

    def die(*_: object) -> None:
        raise KeyboardInterrupt
    with monkeypatch.context() as cut:
        cut.setattr('ticketing.finding.index.document', die)
        with pytest.raises(KeyboardInterrupt):
            SearchIndex(db).round()
    assert SearchIndex(db).round() == 3 and find(db, 'disco') == made[::-1]
