"""Many folios at once, for the bench: what years of work leave behind, written past the slow path but not past its rules.

The numbers, the counter, the timelines and the indexes are as if each folio had been opened and closed by hand; opening goes on
after them. Whatever the total, a month has the same number of folios and the same number is open.
"""
from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from storage import migrate
from storage.types import utc_text
from ticketing.finding.index import TOLD
from ticketing.finding.words import document
from ticketing.numbers import number_for
from ticketing.opening import SERIES

NOW = datetime(2026, 11, 1, 6, tzinfo=UTC)             # midnight in Mexico City: October is whole
LAST_MONTH = (2026, 10)
A_MONTH = 5_000                                        # folios
EVERY = timedelta(days=31) / A_MONTH
OPEN = 2_000                                           # open folios, whatever the total
OLD_OPEN = 10                                          # one of so many open folios lies anywhere in the past
CLIENTS = ('nopalera', 'quetzal', 'agave', 'copal')
AGENTS = tuple(f'agente-{number}' for number in range(1, 21))
GROUPS = ('nivel-2', 'soporte-erp')
CATEGORIES = ('office', 'windows', 'mail', 'directory', 'conferencing', 'pdf', 'terminal', 'own', None)
TROUBLES = ('No responde', 'No imprime', 'No abre', 'Se apaga', 'Marca error en', 'Va muy lento', 'Pide contraseña', 'Se bloqueó',
            'No reconoce', 'Perdió la conexión con', 'Hace ruido', 'Muestra pantalla azul en')
THINGS = ('la impresora de etiquetas', 'el correo', 'la computadora portátil', 'el monitor', 'la hoja de cálculo', 'el directorio',
          'la videoconferencia', 'el lector de PDF', 'la terminal de ventas', 'el escáner de códigos', 'la red inalámbrica', 'el teclado',
          'el servidor de archivos', 'la unidad compartida', 'el teléfono', 'la báscula', 'el navegador', 'la firma electrónica')
PLACES = ('Aguascalientes', 'Cancún', 'Chihuahua', 'Culiacán', 'Guadalajara', 'Hermosillo', 'León', 'Mérida', 'Mexicali', 'Monterrey',
          'Morelia', 'Oaxaca', 'Pachuca', 'Puebla', 'Querétaro', 'Saltillo', 'Tampico', 'Tijuana', 'Toluca', 'Torreón', 'Veracruz',
          'Villahermosa', 'Xalapa', 'Zacatecas')
NAMES = ('Alejandro', 'Beatriz', 'Carlos', 'Daniela', 'Eduardo', 'Fernanda', 'Gerardo', 'Isabel', 'José', 'Leticia', 'María', 'Óscar')
FAMILIES = ('Ávila', 'Cárdenas', 'Domínguez', 'Escobedo', 'Fuentes', 'Gutiérrez', 'Hernández', 'Ibarra', 'Jiménez', 'López', 'Martínez',
            'Núñez', 'Ortega', 'Peña', 'Ramírez', 'Sánchez', 'Téllez', 'Villarreal', 'Zúñiga')
CLOSED = ('closed_verified',) * 16 + ('closed_unverified',) * 3 + ('cancelled',)

FOLIO = ('id', 'number', 'opened_at', 'clock_starts', 'state', 'priority', 'kind', 'client', 'line', 'modality', 'site', 'linkedid',
         'employee_number', 'user_name', 'caller_number', 'identified_by', 'unlisted', 'category', 'rule', 'from_message', 'origin',
         'holder', 'promised', 'summary', 'user_email', 'agent', 'resolver_group', 'responded_at', 'resolved_at', 'resolved_by',
         'closed_at', 'solution', 'first_contact', 'next_look')
ENTRY = ('folio_id', 'at', 'kind', 'by', 'text')
CHANGE = ('folio_id', 'at', 'move', 'from_state', 'to_state', 'priority', 'by', 'reason')
DOCUMENT = ('folio_id', 'words')
TRIGGERED = ('folios', 'folio_entries')
Moment = Callable[[datetime], Any]
Tell = Callable[[str], object]
Words = Callable[[Iterable[str]], str]
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Past:
    """How many folios there were, and which of them are still open, by n."""

    total: int
    open: frozenset[int]

    @classmethod
    def of(cls, total: int, still_open: int = OPEN) -> Past:
        """Of `total` folios the newest are open, and a tenth of the open ones is strewn over the years."""
        count = min(still_open, total)
        newest = range(total - count + count // OLD_OPEN + 1, total + 1)
        strewn = random.Random(total).sample(range(1, newest.start), min(count // OLD_OPEN, newest.start - 1))
        return cls(total, frozenset((*newest, *strewn)))

    def opened_at(self, n: int) -> datetime:
        """When the n-th folio was opened."""
        return NOW - EVERY * (self.total - n + 1)


def load(url: str, past: Past, search: bool = False, tell: Tell = lambda table: None) -> None:
    """Migrate an empty database and fill it; `search`: also what full-text search finds folios by. `tell` hears of each table.

    Indexes are made again at the end, which is faster than to keep them up.
    """
    migrate.upgrade(url)
    if url.startswith('sqlite'):
        _load_sqlite(Path(url.removeprefix('sqlite:///')), past, search, tell)
    else:
        _load_postgres(url.replace('+psycopg', ''), past, search, tell)


def _tables(past: Past, moment: Moment, words: Words | None) -> Iterator[tuple[str, tuple[str, ...], Iterable[Row]]]:
    yield 'folios', FOLIO, folio_rows(past, moment)
    yield 'folio_entries', ENTRY, entry_rows(past, moment)
    yield 'folio_changes', CHANGE, change_rows(past, moment)
    if words is not None:
        yield 'search_documents', DOCUMENT, ((row[0], words(documented(row))) for row in folio_rows(past, moment))


def _load_sqlite(file: Path, past: Past, search: bool, tell: Tell) -> None:
    connection = sqlite3.connect(file, isolation_level=None)
    for pragma in ('journal_mode=OFF', 'synchronous=OFF', 'cache_size=-200000', 'locking_mode=EXCLUSIVE'):
        connection.execute(f'PRAGMA {pragma}')
    aside = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND (type = 'trigger' AND name GLOB "
                               "'search_*' OR type = 'index' AND tbl_name IN ('folios', 'folio_entries', 'folio_changes'))").fetchall()
    connection.execute('BEGIN')
    for kind, name, _ in aside:
        connection.execute(f'DROP {kind} "{name}"')
    for table, columns, rows in _tables(past, utc_text, ' '.join if search else None):
        tell(table)
        connection.executemany(f'INSERT INTO {table} ({_names(columns)}) VALUES ({", ".join("?" * len(columns))})', rows)
    if search:
        tell('search_index')
        connection.execute("INSERT INTO search_index (search_index) VALUES ('rebuild')")
    for _, _, statement in aside:
        connection.execute(statement)
    connection.execute('UPDATE counters SET last = ? WHERE name = ?', (past.total, SERIES))
    connection.execute('COMMIT')
    connection.close()


def _load_postgres(address: str, past: Past, search: bool, tell: Tell) -> None:
    with psycopg.connect(address, options='-c maintenance_work_mem=512MB') as connection, connection.cursor() as cursor:
        indexes = cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename IN ('folios', 'folio_entries', 'folio_changes', "
            "'search_documents') "
            'AND indexname NOT IN (SELECT conname FROM pg_constraint)').fetchall()
        for name, _ in indexes:
            cursor.execute(psycopg.sql.SQL('DROP INDEX {}').format(psycopg.sql.Identifier(name)))
        for table in TRIGGERED:
            cursor.execute(psycopg.sql.SQL('ALTER TABLE {} DISABLE TRIGGER USER').format(psycopg.sql.Identifier(table)))
        for table, columns, rows in _tables(past, lambda moment: moment, _tsvector if search else None):
            tell(table)
            with cursor.copy(f'COPY {table} ({_names(columns)}) FROM STDIN'.encode()) as copy:
                for row in rows:
                    copy.write_row(row)
        for _, statement in indexes:
            cursor.execute(statement.encode())
        for table in TRIGGERED:
            cursor.execute(psycopg.sql.SQL('ALTER TABLE {} ENABLE TRIGGER USER').format(psycopg.sql.Identifier(table)))
        cursor.execute('UPDATE counters SET last = %s WHERE name = %s', (past.total, SERIES))
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute('VACUUM ANALYZE')           # which the server does by itself, later, as well as the next
        connection.execute('CHECKPOINT')


def _tsvector(words: Iterable[str]) -> str:
    return ' '.join(f"'{word}'" for word in words)


def _names(columns: Iterable[str]) -> str:
    return ', '.join(f'"{name}"' for name in columns)


# -- what the folios are like --------------------------------------------------------------------------------------

def folio_rows(past: Past, moment: Moment) -> Iterator[Row]:
    """The folios in the order of FOLIO."""
    for n in range(1, past.total + 1):
        yield _open_row(past, n, moment) if n in past.open else _closed_row(past, n, moment)


def _head(past: Past, n: int, at: Any, state: str) -> Row:
    """Up to `origin`."""
    dice, client = _dice(n), n % len(CLIENTS)
    person = dice % 997 + 10_001
    priority, kind = ('medium', 'low', 'high', 'medium')[dice >> 4 & 3], ('failure', 'failure', 'request')[dice % 3]
    return (n, number_for(n), at, at, state, priority, kind, CLIENTS[client], f'+5280055501{client:02}',
            ('standard', 'premium')[dice >> 6 & 1], 'Ciudad de México', f'bench-{past.total}-{n}', str(person),
            name_of(person), f'+52555{person:07}', 'caller_id', dice % 50 == 0, CATEGORIES[dice % len(CATEGORIES)],
            'en horario', False, 'phone')


def _open_row(past: Past, n: int, moment: Moment) -> Row:
    dice, opened = _dice(n) >> 8, past.opened_at(n)
    holder = ('nobody', 'nobody', 'agent', 'agent', 'agent', 'agent', 'agent', 'agent', 'group', 'group')[dice % 10]
    agent = AGENTS[dice // 10 % len(AGENTS)] if holder == 'agent' else None
    group = GROUPS[dice // 10 % len(GROUPS)] if holder == 'group' else None
    state = {'nobody': 'new', 'agent': ('in_progress', 'assigned', 'waiting')[dice // 200 % 3], 'group': 'assigned'}[holder]
    promised = None if state == 'waiting' else moment(opened + timedelta(hours=4 + dice % 48))
    person = _dice(n) % 997 + 10_001
    return (*_head(past, n, moment(opened), state), holder, promised, summary_of(n), f'u{person}@cliente.example',
            agent, group, None, None, None, None, None, False, promised)


def _closed_row(past: Past, n: int, moment: Moment) -> Row:
    dice, opened = _dice(n) >> 8, past.opened_at(n)
    agent, person = AGENTS[dice % len(AGENTS)], _dice(n) % 997 + 10_001
    resolved, closed = moment(opened + timedelta(hours=3)), moment(opened + timedelta(hours=6))
    return (*_head(past, n, moment(opened), _closed_state(n)), 'agent', moment(opened + timedelta(hours=4 + dice % 48)),
            summary_of(n), f'u{person}@cliente.example', agent, None, moment(opened), resolved,
            agent, closed, 'Se restableció la contraseña y se probó con el usuario', dice % 3 == 0, None)


def name_of(person: int) -> str:
    """The name of the user with an employee number; several have the same."""
    return f'{NAMES[person % len(NAMES)]} {FAMILIES[person % len(FAMILIES)]} {FAMILIES[person // 19 % len(FAMILIES)]}'


def summary_of(n: int) -> str:
    """What a folio is about: words that many folios have, and the tag of a machine that few have."""
    dice = _dice(n)
    return (f'{TROUBLES[dice % len(TROUBLES)]} {THINGS[dice // 12 % len(THINGS)]} de {PLACES[dice // 216 % len(PLACES)]}, '
            f'equipo MX{dice // 5184 % 100_000:05}')


def documented(row: Row) -> tuple[str, ...]:
    """The words of a folio's row, as the index has them."""
    columns = dict(zip(FOLIO, row, strict=True))
    return document(columns['client'], [columns.get(name) for name in TOLD], ())


def entry_rows(past: Past, moment: Moment) -> Iterator[Row]:
    """Each folio's opening; of every tenth its whole story."""
    for n in range(1, past.total + 1):
        opened = past.opened_at(n)
        yield n, moment(opened), 'opened', 'phone', 'en horario'
        if n % 10 == 0 and n not in past.open:
            yield n, moment(opened + timedelta(hours=3)), 'move', 'agente-1', 'resuelto'
            yield n, moment(opened + timedelta(hours=6)), 'move', 'mesa', 'cerrado'


def change_rows(past: Past, moment: Moment) -> Iterator[Row]:
    """The changes of every tenth closed folio."""
    for n in range(10, past.total + 1, 10):
        if n not in past.open:
            opened, state = past.opened_at(n), _closed_state(n)
            yield n, moment(opened + timedelta(hours=3)), 'resolve', 'new', 'resolved', 'medium', 'agente-1', ''
            yield n, moment(opened + timedelta(hours=6)), 'close', 'resolved', state, 'medium', 'mesa', ''


def _closed_state(n: int) -> str:
    return CLOSED[(_dice(n) >> 8) % len(CLOSED)]


def _dice(n: int) -> int:
    """The same for the same n, and no pattern that a planner could profit from."""
    return n * 2_654_435_761 % 4_294_967_291
