"""What is held about a person, and that after an erasure nothing of it can be found anywhere (mission.md 4.1, ARCO rights)."""
from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from sqlalchemy import insert, inspect, select, text, update

from ami_listener.call_log import CallLog
from ami_listener.privacy import calls_about, nameless
from ami_listener.rows import read_cel
from ami_listener.tables import calls, journal
from callcenter.personal_data import Elsewhere, export_of, faxes_of
from config.load import load
from config.place import Place, Ports
from config.values import Client, Site, User
from fax.outgoing.job_tables import fax_attempts, fax_jobs
from fax.privacy import log_handed_over
from fax.tables import fax_events, faxes
from storage.engine import Database
from ticketing import tables
from ticketing.folios import EntryKind, FolioBook
from ticketing.privacy.erasure import Eraser
from ticketing.privacy.export import write_export
from ticketing.privacy.kept_files import Folders
from ticketing.privacy.mentions import Mentions, masked
from ticketing.privacy.subjects import AmbiguousPerson, UnknownPerson
from ticketing.users import import_users
from ticketing.values import NotAllowed, Report, State

NOW = datetime(2026, 11, 24, 16, tzinfo=UTC)
LINE = '+528005550101'
HIM = User('nopalera', '7412589', 'Íñigo Zaldívar Peñúñuri', 'inigo.zaldivar@nopalera.example', ('+525555557412', '+525555550000'),
           'Sede', False)
MATE = User('nopalera', '7412590', 'Berta Olmos Ruiz', 'berta.olmos@nopalera.example', ('+525555557490', '+525555550000'), 'Sede', False)
NAMESAKE = User('nopalera', '7412591', 'Berta Olmos Ruiz', 'berta2@nopalera.example', (), 'Sede', False)
CELL = '+525555551234'                                 # his own, not on the list
SECRET = 'la contraseña de la caja es girasol'
TRACES = ('zaldivar', 'zaldívar', 'inigo.', '7412589', '5555557412', '5555551234', 'girasol', '55 5555 7412', 'pe\\u00f1\\u00fa')
CEL = ('"CHAN_START","1795365171.043238","{call}","{call}","PJSIP/trunk-1","Inigo Z","{number}","{number}","+528005550101","s",'
       '"from-trunk","","","","",""')
END = '"LINKEDID_END","1795365175.043238","{call}","{call}","PJSIP/trunk-1","Inigo Z","{number}","{number}","","s","x","","","","",""'


@pytest.fixture(scope='module')
def site() -> Site:
    known = load(Path(__file__).resolve().parent.parent / 'config' / 'example')
    return replace(known, clients={'nopalera': replace(known.clients['nopalera'], users=(HIM, MATE, NAMESAKE)),
                                   'quetzal': known.clients['quetzal']})


@dataclass
class World:
    """Everything that an instance keeps, and what a test asks of it."""

    db: Database
    site: Site
    root: Path

    @property
    def client(self) -> Client:
        return self.site.clients['nopalera']

    @property
    def folders(self) -> Folders:
        return Folders(self.root / 'messages', self.root / 'recordings', self.root / 'attachments')

    @property
    def eraser(self) -> Eraser:
        return Eraser(self.db, lambda: self.site, self.folders, (self.root / 'maildir',), self.root / 'mail-in/quarantine', 'a key',
                      Elsewhere(self.place, self.db))

    @property
    def place(self) -> Place:
        return Place(self.root, Path('/'), Ports(*range(5)), fax_spool=self.root / 'spool')

    def erase(self, who: str = '7412589', open_too: bool = True) -> dict[str, int]:
        return dict(self.eraser.erase(self.client, who, by='ana', reason='Solicitud de Íñigo Zaldívar Peñúñuri', now=NOW,
                                      machine_now=NOW, open_too=open_too).counts)

    def folio(self, **facts: Any) -> str:
        return FolioBook(self.db).open(Report(**({
            'line': LINE, 'client': 'nopalera', 'modality': 'standard', 'clock_starts': NOW, 'rule': 'a test'} | facts)), NOW).number

    def id_of(self, number: str) -> int:
        with self.db.read() as connection:
            return int(connection.scalar(select(tables.folios.c.id).where(tables.folios.c.number == number)) or 0)

    def put(self, table: Any, **values: Any) -> None:
        with self.db.write() as connection:
            connection.execute(insert(table).values(**values))

    def file(self, number: str, kind: str, words: bytes) -> Path:
        sha256 = hashlib.sha256(words).hexdigest()
        name = sha256 if kind == 'attachment' else f'{number}-{kind}.wav'
        folder = self.folders.of_kind(kind)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(words)
        self.put(tables.folio_files, folio_id=self.id_of(number), kind=kind, name=name, sha256=sha256, seconds=1, at=NOW,
                 title='Foto de Íñigo.png')
        return folder / name

    def letter(self, folder: str, name: str, words: str) -> Path:
        message = EmailMessage()
        message['To'], message['Subject'] = 'alguien@nopalera.example', 'Folio'
        message.set_content(words, cte='base64')
        path = self.root / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(message.as_bytes())
        return path

    def all_texts(self) -> Iterator[tuple[str, str]]:
        """Every value of every column of every table, as text, and every file; read from the database itself, not by our own code."""
        with self.db.read() as connection:
            for name in inspect(connection).get_table_names():
                for row in connection.execute(text(f'SELECT * FROM {name}')):
                    for column, value in row._mapping.items():
                        yield f'{name}.{column}', value if isinstance(value, str) else json.dumps(value, default=str)
        for file in self.root.rglob('*'):
            if file.is_file() and not file.name.startswith('mesa.db'):
                yield str(file.relative_to(self.root)), file.read_bytes().decode('latin-1')
                if file.parent.parent.name == 'maildir':
                    from email import message_from_bytes
                    yield str(file), str(message_from_bytes(file.read_bytes()).get_payload(decode=True))

    def traces(self) -> list[str]:
        return [f'{where}: {found[:80]}' for where, found in self.all_texts() if any(trace in found.casefold() for trace in TRACES)]


def build(db: Database, site: Site, root: Path) -> World:
    """A colleague and a person, and all that a help desk may come to know of the latter."""
    world = World(db, site, root)
    import_users(db, 'nopalera', (HIM, MATE, NAMESAKE), NOW)
    by_phone = world.folio(call='1.1', employee_number='7412589', user_name=HIM.name, caller_number=HIM.phones[0], user_email=HIM.email,
                           identified_by='caller_id', rule='x.csv:3: VIP user 7412589 goes first', summary=SECRET, description=SECRET)
    by_cell = world.folio(call='1.2', employee_number='7412589', user_name=HIM.name, caller_number=CELL, identified_by='employee_number')
    by_mail = world.folio(user_email='Inigo.Zaldivar@nopalera.example', user_name='Inigo', description=SECRET,
                          rule='e-mail of inigo.zaldivar@nopalera.example, accepted by ana', origin='email', identified_by='email')
    mates = world.folio(call='2.1', employee_number='7412590', user_name=MATE.name, caller_number=HIM.phones[0], user_email=MATE.email,
                        summary='No abre el correo', description='Pregunten a INIGO ZALDIVAR PEÑUÑURI, tel. 55 5555 7412')
    book = FolioBook(db)
    for kind, words in ((EntryKind.NOTE, SECRET), (EntryKind.UPDATE, SECRET), (EntryKind.MOVE, f'ok: {SECRET}'),
                        (EntryKind.WARNING, SECRET), (EntryKind.EMAIL_OUT, f'a {HIM.email}'),
                        (EntryKind.CLOSE_CALL, 'intento 1 al usuario, 5555557412'), (EntryKind.CATEGORY, 'printing'),
                        (EntryKind.PRIVACY, 'aviso de privacidad v1: aceptado')):
        book.note(by_phone, kind, words, 'ana', NOW)
    book.note(by_mail, EntryKind.EMAIL_IN, SECRET, HIM.email, NOW)
    book.note(mates, EntryKind.NOTE, 'Lo mismo que Íñigo Zaldívar Peñúñuri', 'ana', NOW)
    book.note(mates, EntryKind.NOTE, 'Se cambió el cable', 'ana', NOW)
    with db.write() as connection:
        ids = [world.id_of(number) for number in (by_phone, by_cell, by_mail)]
        connection.execute(update(tables.folios).where(tables.folios.c.id.in_(ids)).values(
            state=State.CLOSED_VERIFIED, solution=SECRET, diagnosis=SECRET, score=5, closed_at=NOW, category='printing'))
        connection.execute(update(tables.folios).where(tables.folios.c.id == ids[1]).values(state=State.CANCELLED, cancel_reason='spam'))
    _side_tables(world, ids, world.id_of(mates))
    for number, kind in ((by_phone, 'recording'), (by_phone, 'attachment'), (by_cell, 'message'), (mates, 'recording')):
        world.file(number, kind, b'voz girasol' if number != mates else b'voz de Berta')
    world.letter('maildir/new', 'a.mesa', f'Estimado {HIM.name}: su folio')
    world.letter('maildir/new', 'b.mesa', f'Estimada {MATE.name}: su folio')
    raw = f'From: {HIM.email}\n\n{SECRET}'.encode()
    world.letter('mail-in/quarantine', f'{hashlib.sha256(raw).hexdigest()}.eml', '').write_bytes(raw)
    _calls(world, by_phone, by_cell)
    _faxes(world, ids)
    return world


def _side_tables(world: World, ids: list[int], mates: int) -> None:
    def posted(key: str, folio_id: int | None, recipient: str, state: str, words: str, **more: Any) -> None:
        world.put(tables.outbox, key=key, kind='mail', notice='update', client='nopalera', folio_id=folio_id, recipient=recipient,
                  message_id=f'<{key}@x>', payload={'text': words, 'deep': [{'user_name': HIM.name}]}, held=False, due=NOW, state=state,
                  tries=1, doubts=0, last_error=f'550 <{HIM.email}> unknown', created_at=NOW, **more)
    posted('sent', ids[0], HIM.email, 'sent', SECRET)
    posted('waiting', ids[0], HIM.email, 'waiting', SECRET)
    posted('abandoned', ids[1], 'ana@mesa.example', 'sending', SECRET, lease_until=NOW - timedelta(minutes=9))
    posted('elsewhere', mates, MATE.email, 'sent', 'Se cambió el cable')
    posted('progress', None, HIM.email.upper(), 'failed', 'problema')
    for n, (state, subject, folio_id, number) in enumerate((
            ('sent', 'folio:1', ids[0], HIM.phones[0]), ('waiting', 'folio:1', ids[0], HIM.phones[0]), ('failed', 'call:1.2', None, CELL),
            ('sending', 'call:1.1', None, HIM.phones[0]), ('sent', 'fax:F1', None, HIM.phones[0]),
            ('sent', 'folio:2', mates, HIM.phones[0]))):
        world.put(tables.webhook_deliveries, key=f'k{n}', event_id=f'evt_{n}', client='nopalera', webhook='crm', type='x', subject=subject,
                  sequence=n, folio_id=folio_id, payload={'data': {'ani': number}}, state=state, tries=1, created_at=NOW,
                  last_error=f'HTTP 400: who is {number}?', lease_until=NOW - timedelta(minutes=9) if state == 'sending' else None)
    raw = hashlib.sha256(f'From: {HIM.email}\n\n{SECRET}'.encode()).hexdigest()
    world.put(tables.messages_in, message_id='<1.inigo.zaldivar@nopalera.example>', sha256=raw, received_at=NOW, client='nopalera',
              folio_id=ids[2], sender=HIM.email, subject=SECRET, outcome='opened', reason=f'opened for {HIM.email}')
    world.put(tables.messages_in, message_id='<2@x>', sha256='b' * 64, received_at=NOW, sender=HIM.email, subject='hola', outcome='ignored',
              reason='x')
    world.put(tables.messages_in, message_id='<3@x>', sha256='c' * 64, received_at=NOW, client='nopalera', sender=MATE.email,
              subject=f'Re: {HIM.name}', outcome='ignored', reason='x')
    world.put(tables.folio_changes, folio_id=ids[0], at=NOW, move='resolve', from_state='new', to_state='resolved', priority='medium',
              by='ana', reason=SECRET)
    world.put(tables.close_calls, folio_id=ids[0], cycle=0, party='user', client='nopalera', state='confirmed', attempts=1,
              comment=SECRET)
    world.put(tables.visits, folio_id=ids[0], at=NOW, by='ana', reason=f'visita a {HIM.name}')
    world.put(tables.count_decisions, folio_id=ids[0], at=NOW, by='sara', counts=False, reason=f'{HIM.name} sólo probaba')
    world.put(tables.call_backs, linkedid='1.2', client='nopalera', line=LINE, queue='q', priority=0, number=CELL, joined_at=NOW,
              asked_at=NOW, state='waiting', attempts=0, next_at=NOW)
    world.put(tables.outbound_calls, linkedid='out-1', kind='close_call', owner_id=1, folio_id=ids[0], client='nopalera',
              number=HIM.phones[0], started_at=NOW, ended_at=NOW, outcome='answered')
    for call, number in (('1.1', HIM.phones[0]), ('1.2', CELL)):
        world.put(tables.call_notes, linkedid=call, line=LINE, client='nopalera', caller_number=number, employee_number='7412589',
                  identified_by='x', rule='user 7412589', last_prompt='x', at=NOW)
    world.put(tables.status_inquiries, key=CELL, at=NOW, allowed=True)
    world.put(tables.problems, client='nopalera', category='printing', state='proposed', title=f'Falla de {HIM.name}', proposed_at=NOW,
              changed_at=NOW, by='ana')


def _faxes(world: World, ids: list[int]) -> None:
    """Three that came from him, one of them to another client; one to him, one for his folio, one of another client; one of Berta's."""
    for folder in ('tiff', 'pdf', 'out'):
        (world.place.fax / folder).mkdir(parents=True)
    came = ((1, 'nopalera', '5555557412', 'Inigo Zaldivar Penunuri', 'sent'), (2, None, '+525555551234', '', 'discarded'),
            (3, 'quetzal', '525555557412', 'Inigo Z', 'sent'), (4, 'nopalera', '5555557490', 'Berta Olmos', 'sent'))
    for n, client, number, name, state in came:
        words = b'girasol' if n < 3 else b'%d' % n
        digest = hashlib.sha256(words).hexdigest()
        (world.place.fax / 'tiff' / f'{digest}.tif').write_bytes(words)
        (world.place.fax / 'pdf' / f'fax-F{n}.pdf').write_bytes(words)
        world.put(faxes, id=n, reference=f'F{n}', file=f'fax{n}', sha256=digest, size=7, line=LINE, client=client, caller_number=number,
                  caller_name=name, called_number=LINE, device='ttyIAX1', commid=f'{n}', reason=f'lost the line to {number}',
                  received_at=NOW, state=state, pages=1, sent_pages=1, damage=[], recipient='faxes@nopalera.example', finished_at=NOW)
        world.put(fax_events, fax_id=n, at=NOW, state=state, by='ana', text=f'a mano: es de {number}')
    world.put(tables.outbox, key='fax:F1', kind='mail', notice='fax', client='nopalera', recipient='faxes@nopalera.example',
              message_id='<fax:F1@x>', payload={'reference': 'F1', 'sender': '5555557412'}, held=False, due=NOW, state='sent', tries=1,
              doubts=0, created_at=NOW)
    went = ((1, 'nopalera', HIM.phones[0], None), (2, 'nopalera', '+525555550999', ids[0]), (3, 'quetzal', HIM.phones[0], None),
            (4, 'nopalera', MATE.phones[0], None))
    for n, client, number, folio_id in went:
        words = b'girasol' if n < 3 else b'a page'
        digest = hashlib.sha256(words).hexdigest()
        for name in (digest, f'{digest}.tif'):
            (world.place.fax / 'out' / name).write_bytes(words)
        world.put(fax_jobs, tag=f'mesa-{n}', sha256=digest, name=f'carta {HIM.name}.pdf' if n < 3 else 'carta.pdf', content_type='x',
                  size=7, pages=1, number=number, client=client, folio_id=folio_id, by='ana', max_tries=1, max_dials=1, state='sent',
                  submissions=1, tries=1, dials=1, pages_sent=1, status=f'busy: {number}', created_at=NOW, ended_at=NOW, seconds=30)
        world.put(fax_attempts, job_id=n, commid=f'{n}', at=NOW, seconds=30, pages=1, reason=f'busy: {number}')


def _calls(world: World, by_phone: str, by_cell: str) -> None:
    for call, number in (('1.1', '5555557412'), ('1.2', '5255555551234'), ('2.1', '5555557490')):
        for n, line in enumerate((CEL, END)):
            world.put(journal, key=f'{call}-{n}', source='cel', linkedid=call, at_us=1795365171043238 + n * 4_000_000,
                      line=line.format(call=call, number=number))
    CallLog(world.db).catch_up(NOW)
    with world.db.write() as connection:
        for call, number in (('1.1', by_phone), ('1.2', by_cell)):
            connection.execute(update(calls).where(calls.c.linkedid == call).values(folio=number))


@pytest.fixture
def world(db: Database, site: Site, tmp_path: Path) -> World:
    return build(db, site, tmp_path / 'instance')


def test_the_traces_are_there_before(world: World) -> None:
    places = {trace.partition(':')[0] for trace in world.traces()}
    assert {'users.name', 'folios.user_name', 'folios.caller_number', 'folios.rule', 'folio_entries.text', 'folio_entries.by',
            'webhook_deliveries.payload', 'webhook_deliveries.last_error',
            'outbox.payload', 'outbox.recipient', 'messages_in.sender', 'messages_in.message_id', 'close_calls.comment',
            'call_notes.employee_number', 'call_backs.number', 'outbound_calls.number', 'status_inquiries.key', 'problems.title',
            'visits.reason', 'count_decisions.reason', 'folio_changes.reason', 'journal.line', 'calls.ani', 'faxes.caller_number',
            'faxes.caller_name', 'faxes.reason', 'fax_events.text', 'fax_jobs.number', 'fax_jobs.name', 'fax_jobs.status',
            'fax_attempts.reason'} <= places


def test_after_an_erasure_nothing_is_found_anywhere(world: World) -> None:
    counts = world.erase()
    assert world.traces() == []
    assert [counts[what] for what in ('folios', 'files', 'letters', 'outbox', 'journal', 'calls', 'webhook_deliveries')] == [
        3, 3, 2, 4, 4, 2, 4]


def test_what_the_statement_counts_and_other_people_stay(world: World) -> None:
    kept = ('number', 'opened_at', 'clock_starts', 'state', 'priority', 'kind', 'client', 'line', 'modality', 'category', 'score',
            'closed_at', 'unlisted', 'identified_by', 'origin', 'linkedid')
    query = select(*(tables.folios.c[name] for name in kept)).order_by(tables.folios.c.id)
    with world.db.read() as connection:
        before = connection.execute(query).all()
        entries = connection.scalar(text('SELECT count(*) FROM folio_entries'))
    world.erase()
    with world.db.read() as connection:
        assert connection.execute(query).all() == before
        assert connection.scalar(text('SELECT count(*) FROM folio_entries')) == (entries or 0) + 3 + 3     # ERASED and EXPIRED markers
        mate = connection.execute(select(tables.folios).where(tables.folios.c.employee_number == '7412590')).one()
        texts = set(connection.scalars(select(tables.folio_entries.c.text)))
        cancelled = connection.scalar(select(tables.folios.c.cancel_reason).where(tables.folios.c.state == 'cancelled'))
        codes = connection.execute(select(tables.users.c.employee_number)).scalars().all()
    assert (mate.user_name, mate.user_email, mate.summary) == (MATE.name, MATE.email, 'No abre el correo')
    assert mate.description == 'Pregunten a [suprimido], tel. 55 5xxx xxxx' and mate.erased_at is None
    assert {'Se cambió el cable', 'printing', 'aviso de privacidad v1: aceptado'} <= texts and cancelled == 'spam'
    assert set(codes) == {'7412590', '7412591'}
    assert (world.root / 'maildir/new/b.mesa').exists() and not (world.root / 'maildir/new/a.mesa').exists()
    assert [file.name for file in world.folders.recordings.iterdir()] == [f'{mate.number}-recording.wav']


def test_markers_and_the_note_of_the_request_say_what_when_and_why(world: World) -> None:
    world.erase()
    with world.db.read() as connection:
        number = connection.scalar(select(tables.folios.c.number).where(tables.folios.c.linkedid == '1.1'))
        request = connection.execute(select(tables.erasures)).one()
    entries = FolioBook(world.db).timeline(str(number))
    assert entries[-1].kind == EntryKind.ERASED and entries[-1].by == 'ana'
    assert f'suprimido el 24/11/2026 (solicitud ARCO, sha256 {hashlib.sha256(SECRET.encode()).hexdigest()})' in {e.text for e in entries}
    assert request.by == 'ana' and request.reason == 'Solicitud de [suprimido]' and request.at == NOW
    assert request.erased['complete'] and request.erased['folios'] == 3


def test_the_calls_stay_the_same_calls_without_their_numbers(world: World) -> None:
    world.erase()
    CallLog(world.db).refresh(['1.1', '1.2', '2.1'], NOW)
    with world.db.read() as connection:
        rows = connection.execute(select(calls).order_by(calls.c.linkedid)).all()
    assert [row.linkedid for row in rows] == ['1.1', '1.2', '2.1'] and rows[2].ani is not None and '5555557490' in rows[2].ani
    assert [row.started for row in rows] == [rows[0].started] * 3 and world.traces() == []


def test_a_second_erasure_changes_nothing_more(world: World) -> None:
    world.erase()
    before = list(world.all_texts())
    world.erase()                                      # the list in force still has him
    after = list(world.all_texts())
    assert [one for one in after if not one[0].startswith('erasures.')] == [one for one in before if not one[0].startswith('erasures.')]


def test_it_is_finished_wherever_it_was_cut_off(site: Site, tmp_path: Path, migrated_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The power goes before each of its transactions, one after the other; asked again, nothing is found."""
    template = tmp_path / 'template'
    template.mkdir()
    shutil.copy(migrated_file, template / 'mesa.db')
    made = build(Database(f'sqlite:///{template}/mesa.db', patience_s=20), site, template)
    made.db.close()
    cuts = 0
    for nth in range(100):
        root = tmp_path / f'{nth}'
        shutil.copytree(template, root)
        world = World(Database(f'sqlite:///{root}/mesa.db', patience_s=20), site, root)
        with cut_at(monkeypatch, nth) as was_cut:
            try:
                world.erase()
            except PowerCut:
                was_cut.append(True)
        if was_cut:
            cuts += 1
            world.erase()
        assert world.traces() == [], f'cut before transaction {nth}'
        with world.db.read() as connection:
            assert [row.erased['complete'] for row in connection.execute(select(tables.erasures))] == [True]
        world.db.close()
        shutil.rmtree(root)
        if not was_cut:
            break
    assert cuts > 10


class PowerCut(BaseException):
    """Nothing that happens after it happens."""


@contextmanager
def cut_at(monkeypatch: pytest.MonkeyPatch, nth: int) -> Iterator[list[bool]]:
    """Let the nth writing transaction not begin."""
    original, seen = Database.write, [0]

    def write(self: Database, patience_s: float | None = None) -> Any:
        seen[0] += 1
        if seen[0] > nth:
            raise PowerCut
        return original(self, patience_s)
    with monkeypatch.context() as patched:
        patched.setattr(Database, 'write', write)
        yield []


def test_the_file_of_the_database_keeps_nothing_either(site: Site, tmp_path: Path, migrated_file: Path) -> None:
    shutil.copy(migrated_file, tmp_path / 'mesa.db')
    world = build(Database(f'sqlite:///{tmp_path}/mesa.db', patience_s=20), site, tmp_path)
    assert b'girasol' in (tmp_path / 'mesa.db-wal').read_bytes()
    world.erase()
    for file in ('mesa.db', 'mesa.db-wal'):
        kept = (tmp_path / file).read_bytes().lower()
        assert not [trace for trace in (b'girasol', b'7412589', b'5555557412', b'inigo.zaldivar') if trace in kept], file
    world.db.close()


def test_a_database_that_is_busy_at_the_end_undoes_no_erasure(site: Site, tmp_path: Path, migrated_file: Path,
                                                             caplog: pytest.LogCaptureFixture) -> None:
    shutil.copy(migrated_file, tmp_path / 'mesa.db')
    database = Database(f'sqlite:///{tmp_path}/mesa.db', patience_s=5)
    world = build(database, site, tmp_path)
    eraser = replace(world.eraser, db=_BusyAtTheEnd(f'sqlite:///{tmp_path}/mesa.db', patience_s=0.3))
    erased = eraser.erase(world.client, '7412589', by='ana', reason='x', now=NOW, machine_now=NOW, open_too=True)
    assert erased.counts['folios'] == 3 and 'write-ahead log' in caplog.text
    database.close()
    eraser.db.close()


class _BusyAtTheEnd(Database):
    """Another thread writes while the log should be emptied."""

    def forget_erased(self) -> None:
        with ThreadPoolExecutor(1) as pool, self.write():
            pool.submit(super().forget_erased).result()


def test_open_folios_are_refused_unless_they_are_meant(world: World) -> None:
    number = world.folio(employee_number='7412589', user_name=HIM.name)
    with pytest.raises(NotAllowed, match=number):
        world.erase(open_too=False)
    with world.db.read() as connection:
        assert connection.scalar(text('SELECT count(*) FROM erasures')) == 0
    world.erase()
    assert world.traces() == []


def test_a_call_in_progress_is_waited_for(world: World) -> None:
    with world.db.write() as connection:
        connection.execute(update(tables.outbound_calls).values(ended_at=None))
    before = list(world.all_texts())
    with pytest.raises(NotAllowed, match='being called'):
        world.erase()
    assert list(world.all_texts()) == before


def test_an_event_on_its_way_to_the_client_is_waited_for(world: World) -> None:
    with world.db.write() as connection:
        connection.execute(update(tables.webhook_deliveries).where(tables.webhook_deliveries.c.state == 'sending').values(
            lease_until=NOW + timedelta(minutes=2)))
    with pytest.raises(NotAllowed, match='on its way to webhook crm'):
        world.erase()
    with world.db.write() as connection:
        connection.execute(update(tables.webhook_deliveries).where(tables.webhook_deliveries.c.state == 'sending').values(
            state='sent', lease_until=None))
    world.erase()
    assert world.traces() == []
    with world.db.read() as connection:
        assert set(connection.scalars(select(tables.webhook_deliveries.c.state).where(
            tables.webhook_deliveries.c.subject.in_(('folio:1', 'call:1.2'))))) == {'sent', 'dropped'}


@pytest.mark.parametrize(('table', 'row', 'columns', 'told'), [
    (faxes, 1, {'state': 'held'}, 'faxes F1 of the person are not delivered yet'),
    (faxes, 2, {'state': 'quarantined'}, 'discard them'),
    (fax_jobs, 1, {'state': 'sending', 'ended_at': None}, 'faxes 1 to the person are on their way'),
    (fax_jobs, 2, {'seconds': None}, 'cancel them'),
])
def test_a_fax_on_its_way_is_waited_for(world: World, table: Any, row: int, columns: dict[str, Any], told: str) -> None:
    with world.db.write() as connection:
        connection.execute(update(table).where(table.c.id == row).values(**columns))
    before = list(world.all_texts())
    with pytest.raises(NotAllowed, match=told):
        world.erase()
    assert list(world.all_texts()) == before


def test_faxes_under_way_of_other_clients_hinder_nothing(world: World) -> None:
    with world.db.write() as connection:
        connection.execute(update(faxes).where(faxes.c.id == 3).values(state='held'))
        connection.execute(update(fax_jobs).where(fax_jobs.c.id == 3).values(state='sending', ended_at=None))
    world.erase()
    assert world.traces() == []


def test_of_faxes_stays_what_was_charged_and_what_is_not_his(world: World) -> None:
    assert {name: count for name, count in world.erase().items() if 'fax' in name} == {'faxes': 3, 'fax_jobs': 3}
    left = sorted(str(file.relative_to(world.place.fax)) for file in world.place.fax.rglob('*') if file.is_file() and file.stat().st_size)
    digests = [hashlib.sha256(words).hexdigest() for words in (b'3', b'4', b'a page')]
    assert left == sorted(['pdf/fax-F3.pdf', 'pdf/fax-F4.pdf', f'tiff/{digests[0]}.tif', f'tiff/{digests[1]}.tif', f'out/{digests[2]}',
                           f'out/{digests[2]}.tif'])
    with world.db.read() as connection:
        came = connection.execute(select(faxes.c.caller_number, faxes.c.pages, faxes.c.state, faxes.c.deleted_at).order_by(
            faxes.c.id)).all()
        went = connection.execute(select(fax_jobs.c.number, fax_jobs.c.name, fax_jobs.c.seconds, fax_jobs.c.forgotten_at).order_by(
            fax_jobs.c.id)).all()
        told = connection.scalars(select(fax_events.c.text).where(fax_events.c.fax_id == 1).order_by(fax_events.c.id)).all()
        letter = connection.scalar(select(tables.outbox.c.payload).where(tables.outbox.c.key == 'fax:F1'))
    assert [tuple(row) for row in came] == [('', 1, 'sent', NOW), ('', 1, 'discarded', NOW), ('52555xxxxxxx', 1, 'sent', None),
                                            ('5555557490', 1, 'sent', None)]
    assert [tuple(row) for row in went] == [('+52555xxxxxxx', '[suprimido]', 30, NOW), ('+525555550999', '[suprimido]', 30, NOW),
                                            ('+52555xxxxxxx', 'carta.pdf', 30, None), (MATE.phones[0], 'carta.pdf', 30, None)]
    assert told == ['a mano: es de 555xxxxxxx', f'se suprimió por solicitud ARCO; sha256 {hashlib.sha256(b"girasol").hexdigest()}']
    assert letter == {'reference': 'F1'}


def test_a_letter_on_its_way_is_waited_for(world: World) -> None:
    with world.db.write() as connection:
        connection.execute(update(tables.outbox).where(tables.outbox.c.key == 'abandoned').values(lease_until=NOW + timedelta(minutes=5)))
    with pytest.raises(NotAllowed, match='on its way'):
        world.erase()
    with world.db.write() as connection:
        connection.execute(update(tables.outbox).where(tables.outbox.c.key == 'abandoned').values(state='sent', lease_until=None))
    world.erase()
    assert world.traces() == []


def test_an_email_that_is_not_in_the_books_yet_is_waited_for(world: World) -> None:
    file = world.letter('mail-in', f'{"e" * 64}-x.eml', f'Soy {HIM.name}, {SECRET}')
    before = list(world.all_texts())
    with pytest.raises(NotAllowed, match='just coming in'):
        world.erase()
    assert list(world.all_texts()) == before
    file.unlink()
    world.erase()
    assert world.traces() == []


def test_the_person_gets_his_own_letters_as_they_came_and_nobody_elses(world: World, tmp_path: Path) -> None:
    his = world.root / 'maildir/cur/his.mesa'
    his.parent.mkdir(parents=True)
    his.write_bytes(f'To: {HIM.email}\nSubject: Folio\n\nSu folio\n'.encode())
    world.letter('maildir/new', 'boss.mesa', f'Berta Olmos Ruiz se queja de {HIM.name}')
    held = world.eraser.look(world.client, '7412589')
    place = world.place
    kept = next(iter((world.root / 'mail-in/quarantine').iterdir()))
    kept.write_bytes(b'{"sender": null, "recipients": []}\n' + kept.read_bytes())
    export = export_of(place, world.db, held, faxes_of(world.db, held), world.client, NOW, world.site.zone)
    assert sorted(file.name for file in export.letters) == sorted(['his.mesa', kept.name])
    his.unlink()                                        # meanwhile
    missing = write_export(tmp_path / 'his.zip', export, world.folders)
    assert 'his.mesa' in missing
    with ZipFile(tmp_path / 'his.zip') as archive:
        letters = [archive.read(name) for name in archive.namelist() if name.startswith('correos/')]
    assert [letter[:5] for letter in letters] == [b'From:']


def test_the_person_gets_his_faxes_and_no_client_s_but_his(world: World, tmp_path: Path) -> None:
    digest = hashlib.sha256(b'girasol').hexdigest()
    (world.place.fax / 'pdf' / 'fax-F2.pdf').unlink()
    held = world.eraser.look(world.client, '7412589')
    export = export_of(world.place, world.db, held, faxes_of(world.db, held), world.client, NOW, world.site.zone)
    assert {name: file.name for name, file in export.files.items()} == {
        'faxes/recibido-F1.pdf': 'fax-F1.pdf', 'faxes/recibido-F2.tif': f'{digest}.tif', 'faxes/enviado-1.bin': digest,
        'faxes/enviado-2.bin': digest}
    assert [row['reference'] for row in export.elsewhere['faxes']] == ['F1', 'F2']
    assert [row['fax'] for row in export.elsewhere['fax_jobs']] == [1, 2]
    export.files['faxes/recibido-F1.pdf'].unlink()      # meanwhile
    assert 'fax-F1.pdf' in write_export(tmp_path / 'his.zip', export, world.folders)
    with ZipFile(tmp_path / 'his.zip') as archive:
        assert archive.read('faxes/recibido-F2.tif') == archive.read('faxes/enviado-1.bin') == b'girasol'
        page = archive.read('sus-datos.html').decode()
    assert '«archivos», «correos» y «faxes»' in page, 'where his files are'
    assert 'Faxes que recibimos de usted' in page and 'Inigo Zaldivar Penunuri' in page and 'descartado' in page
    assert 'Faxes que le enviamos' in page and f'carta {HIM.name}.pdf' in page
    with world.db.write() as connection:
        log_handed_over(connection, faxes_of(world.db, held), 'ana', NOW)
        assert connection.scalars(select(fax_events.c.fax_id).where(fax_events.c.text.like('se entregó%')).order_by(
            fax_events.c.fax_id)).all() == [1, 2]


@pytest.mark.parametrize('who', ['7412589', 'INIGO.zaldivar@nopalera.example', '+525555557412', '5555557412', '044 55 5555 7412'])
def test_a_person_is_found_by_number_address_or_telephone(world: World, who: str) -> None:
    subject = world.eraser.look(world.client, who).subject
    assert subject.employee_number == '7412589'
    assert subject.phones == {HIM.phones[0], CELL}     # the shared telephone is not his alone


@pytest.mark.parametrize('who, sentence', [('5555550000', 'shared by the employees 7412589, 7412590'), ('5555559000', 'a trunk')])
def test_a_telephone_of_many_means_nobody(world: World, who: str, sentence: str) -> None:
    with pytest.raises(AmbiguousPerson, match=sentence):
        world.eraser.look(world.client, who)


@pytest.mark.parametrize('who', ['999', 'nadie@nowhere.example', '5555551111', '', '%', "' OR 1=1 --", 'x' * 5000])
def test_nobody_is_nobody(world: World, who: str) -> None:
    with pytest.raises(UnknownPerson):
        world.eraser.look(world.client, who)


def test_somebody_who_never_was_on_the_list_is_erased_by_his_address(world: World) -> None:
    world.folio(user_email='visita@otra.example', user_name='Zoé Quiroz', description='Soy Zoé Quiroz', origin='email', unlisted=True)
    world.erase('visita@otra.example')
    assert not [where for where, found in world.all_texts() if 'visita@otra' in found or 'Quiroz' in found]


def test_everything_that_is_held_is_told(world: World) -> None:
    held = world.eraser.look(world.client, '7412589')
    assert held.counts == {'user': 2, 'folios': 3, 'folio_entries': 12, 'folio_changes': 1, 'folio_files': 3, 'close_calls': 1,
                           'visits': 1, 'count_decisions': 1, 'messages_in': 2, 'outbox': 4,
                           'call_backs': 1, 'outbound_calls': 1, 'call_notes': 2, 'status_inquiries': 1,
                           'webhook_deliveries': 4}
    assert MATE.name not in str(held.sections)
    with world.db.read() as connection:
        told = calls_about(connection, held.subject.mentions, held.calls, [row['number'] for row in held.sections['folios']])
    assert [call['linkedid'] for call in told] == ['1.1', '1.2']


def test_a_name_is_found_however_it_is_written() -> None:
    who = Mentions(frozenset({'Íñigo Zaldívar Peñúñuri'}), frozenset({'a.b@x.example'}), frozenset({'+525512345678', '+442071838750'}),
                   '4711')
    for written in ('IÑIGO ZALDIVAR PENUNURI', 'Iñigo\nZaldívar  Peñuñuri', 'A.B@X.EXAMPLE', '+52 1 (55) 1234-5678', '55.12.34.56.78',
                    '0445512345678', '00442071838750'):
        assert who.in_text(f'ver {written}, hoy'), written
    for other in ('Íñigo', 'Zaldívar Peñúñuri', 'aa.b@x.example', 'a.b@x.example.mx1-', '55123456789', '4711'):
        assert who.in_text(other) is (other == 'a.b@x.example.mx1-'), other
    assert who.redact_own('user 4711 goes first') == 'user [suprimido] goes first' and who.redact_own('47110') == '47110'
    assert masked('+525512345678') == '+52551xxxxxxx' and masked('+442071838750') == '+442xxxxxxxxx'


def test_a_line_of_the_journal_stays_readable_without_the_name() -> None:
    line = CEL.format(call='1.1', number='5555557412').replace('"Inigo Z"', '"Inigo ""el Z"", hijo"')
    assert 'Inigo' not in nameless(line) and replace(read_cel(nameless(line))) == read_cel(line)
    assert nameless('not "a line') == 'not "a line'
