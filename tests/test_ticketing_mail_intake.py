"""What becomes of e-mail, on both databases: opening, joining, once each, and nothing automatic answered (mission.md 4.8)."""
from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import func, select

from config.values import Site
from storage.engine import Database, StorageError
from tests.mail_samples import CPYTHON, HELP, KEY, MARIA, NOW, STRANGER, TO_HELP, letter, site_with_mail, with_file
from ticketing.folios import FolioBook, State
from ticketing.lifecycle import LifeCycle
from ticketing.mail import decide as mail_decide
from ticketing.mail import intake as mail_in
from ticketing.mail.intake import MailIn
from ticketing.mail.reader import Envelope
from ticketing.mail.tokens import address_token
from ticketing.tables import folio_files, folios, messages_in, outbox
from ticketing.values import Folio, IllegalMove, Intake, TicketingError

HOUR = timedelta(hours=1)


class Desk:
    """A mail door with its books and the means to look at them."""

    def __init__(self, db: Database, folder: Path, **policy: object) -> None:
        self.db = db
        self.site: Site = site_with_mail(**policy)
        self.folder = folder / 'mail-in'
        self.attachments = folder / 'attachments'
        self.folder.mkdir()
        self.mail = MailIn(db, lambda: self.site, self.folder, self.attachments, KEY)
        self.life = LifeCycle(db, lambda: self.site)
        self.book = FolioBook(db)

    def get(self, raw: bytes, envelope: Envelope = TO_HELP, now: object = NOW) -> str:
        """Bring one message in; its outcome."""
        sha256 = self.mail.take(raw, envelope)
        self.mail.round(now)                                                            # type: ignore[arg-type]
        with self.db.read() as connection:
            found = connection.scalar(select(messages_in.c.outcome).where(messages_in.c.sha256 == sha256))
        return found or 'duplicate'

    def folio(self) -> Folio:
        """The newest folio."""
        return self.book.list()[0]

    def kinds(self, number: str) -> list[str]:
        return [entry.kind for entry in self.book.timeline(number)]

    def count(self, table: object) -> int:
        with self.db.read() as connection:
            return int(connection.scalar(select(func.count()).select_from(table)) or 0)  # type: ignore[arg-type]

    def answer_address(self, number: str) -> str:
        return f'mesa+{number}.{address_token(KEY, number)}@{self.site.mail.domain}'

    def resolved(self) -> Folio:
        """A folio that was opened by e-mail and resolved."""
        self.get(letter(message_id='<first@nopalera.example>'))
        number = self.folio().number
        self.life.start(number, by='ana', now=NOW)
        return self.life.resolve(number, solution='Se reinstaló.', by='ana', now=NOW)


@pytest.fixture
def desk(db: Database, tmp_path: Path) -> Desk:
    return Desk(db, tmp_path)


# --- opening --------------------------------------------------------------------------------------------------------

def test_a_letter_of_a_listed_user_opens_a_folio_with_a_receipt(desk: Desk) -> None:
    assert desk.get(letter('La contabilidad no abre.\nDesde ayer.', subject='Contabilidad')) == Intake.OPENED
    folio = desk.folio()
    report = folio.report
    assert (report.client, report.employee_number, report.origin, report.identified_by, report.unlisted) == (
        'nopalera', '10001', 'email', 'email', False)
    assert (report.summary, report.description, report.user_email) == ('Contabilidad', 'La contabilidad no abre.\nDesde ayer.', MARIA)
    assert report.promised is not None
    assert desk.kinds(folio.number) == ['opened', 'email_in']
    with desk.db.read() as connection:
        assert connection.execute(select(outbox.c.notice, outbox.c.recipient)).all() == [('opened', MARIA)]
    assert list(desk.folder.glob('*.eml')) == []


def test_at_night_the_clock_starts_at_the_next_opening(desk: Desk) -> None:
    desk.get(letter(), now=NOW + 14 * HOUR)                                             # midnight
    assert desk.folio().report.clock_starts == NOW + 22 * HOUR                          # 08:00


def test_the_same_email_imported_twice_opens_one_folio(desk: Desk) -> None:
    raw = letter(message_id='<one@nopalera.example>')
    desk.get(raw)
    desk.get(raw)
    desk.get(b'Received: by another way\r\n' + raw)
    assert (desk.count(folios), desk.count(outbox), desk.count(messages_in)) == (1, 1, 1)


def test_without_message_id_the_digest_tells_them_apart(desk: Desk) -> None:
    desk.get(letter('uno'))
    desk.get(letter('uno'))
    desk.get(letter('dos'))
    assert desk.count(folios) == 2


def test_another_letter_with_a_message_id_that_was_used_is_not_lost(desk: Desk) -> None:
    desk.get(letter(message_id='<one@nopalera.example>', subject='La impresora'))
    assert desk.get(letter(message_id='<one@nopalera.example>', subject='El correo')) == Intake.OPENED
    assert desk.count(folios) == 2


def test_who_is_of_no_client_waits_for_a_person(desk: Desk) -> None:
    assert desk.get(letter(sender=STRANGER, to='x@y.example'), Envelope(STRANGER, ('mesa@mesa.example',))) == Intake.QUARANTINED
    assert desk.count(folios) == 0
    row, = desk.mail.list()
    desk.mail.accept(row.id, 'ana', NOW, client='quetzal')
    assert desk.folio().report.client == 'quetzal'
    assert desk.mail.list()[0].outcome is Intake.OPENED
    assert list((desk.folder / 'quarantine').iterdir()) == []


def test_unknown_senders_are_served_by_default(desk: Desk) -> None:
    desk.get(letter(sender=STRANGER), Envelope(STRANGER, (HELP,)))
    assert (desk.folio().report.unlisted, desk.folio().report.client) == (True, 'nopalera')


def test_unknown_senders_are_verified_where_the_client_wants_it(db: Database, tmp_path: Path) -> None:
    desk = Desk(db, tmp_path, unlisted='verify')
    assert desk.get(letter(sender=STRANGER), Envelope(STRANGER, (HELP,))) == Intake.TO_VERIFY
    assert (desk.count(folios), desk.count(outbox)) == (0, 0)
    row, = desk.mail.list()
    accepted = desk.mail.accept(row.id, 'ana', NOW)
    assert (accepted.outcome, accepted.settled_by, accepted.folio) == (Intake.OPENED, 'ana', desk.folio().number)
    with pytest.raises(TicketingError, match='nothing has to be decided'):
        desk.mail.accept(row.id, 'ana', NOW)
    assert desk.count(folios) == 1


# --- joining --------------------------------------------------------------------------------------------------------

def test_an_answer_joins_by_the_token_of_the_address_whoever_sends_it(desk: Desk) -> None:
    desk.get(letter())
    number = desk.folio().number
    assert desk.get(letter('Otro dato', sender=STRANGER), Envelope(STRANGER, (desk.answer_address(number),))) == Intake.JOINED
    assert desk.kinds(number) == ['opened', 'email_in', 'email_in']


def test_a_wrong_token_joins_nothing(desk: Desk) -> None:
    desk.get(letter())
    number = desk.folio().number
    wrong = f'mesa+{number}.aaaaaaaaaaaa@{desk.site.mail.domain}'
    assert desk.get(letter('Otro', sender=STRANGER, to=HELP), Envelope(STRANGER, (wrong,))) == Intake.OPENED
    assert desk.kinds(number) == ['opened', 'email_in']


def test_an_answer_joins_by_what_it_refers_to(desk: Desk) -> None:
    desk.get(letter(message_id='<first@nopalera.example>'))
    number = desk.folio().number
    with desk.db.read() as connection:
        receipt = connection.scalar(select(outbox.c.message_id))
    for hint in ({'In_Reply_To': receipt}, {'References': '<x@y.example> <first@nopalera.example>'},
                 {'References': f'<folio-{number}@{desk.site.mail.domain}>'}, {'subject': f'Re: recibimos su reporte [Folio {number}]'}):
        assert desk.get(letter(f'Otro dato {hint}', **hint)) == Intake.JOINED, hint
    assert desk.count(folios) == 1


def test_a_stranger_joins_no_folio_by_guessing(desk: Desk) -> None:
    desk.get(letter(message_id='<first@nopalera.example>'))
    number = desk.folio().number
    for hint in ({'References': '<first@nopalera.example>'}, {'References': f'<folio-{number}@{desk.site.mail.domain}>'},
                 {'subject': f'[Folio {number}]'}):
        desk.get(letter(f'{hint}', sender=STRANGER, **hint), Envelope(STRANGER, (HELP,)))
    assert desk.kinds(number) == ['opened', 'email_in']


@pytest.mark.parametrize('hint', [{'subject': 'Re: Recibimos su reporte [Folio {number}]'}, {'References': '<s@otra.example>'}])
def test_whoever_reported_a_folio_joins_it_also_when_he_is_on_no_list(desk: Desk, hint: dict[str, str]) -> None:
    """A machine that answers to our plain address, and says nowhere that it is one, would else get a receipt for each receipt."""
    desk.get(letter(sender=STRANGER, message_id='<s@otra.example>'), Envelope(STRANGER, (HELP,)))
    number = desk.folio().number
    told = {name: value.format(number=number) for name, value in hint.items()}
    assert desk.get(letter('Otro dato', sender=STRANGER, **told), Envelope(STRANGER, (HELP,))) == Intake.JOINED
    assert (desk.count(folios), desk.count(outbox)) == (1, 1)


def test_an_answer_lets_a_folio_go_on_that_waits_for_the_user(desk: Desk) -> None:
    desk.get(letter(message_id='<first@nopalera.example>'))
    number = desk.folio().number
    desk.life.start(number, by='ana', now=NOW)
    desk.life.wait(number, waiting_for='user', reason='¿Qué versión?', by='ana', now=NOW)
    desk.get(letter('La versión 4.', In_Reply_To='<first@nopalera.example>'), now=NOW + HOUR)
    assert desk.folio().state is State.IN_PROGRESS


def test_what_is_quoted_is_not_told_again(desk: Desk) -> None:
    desk.get(letter(message_id='<first@nopalera.example>'))
    number = desk.folio().number
    words = 'Sí, la 4.\n\nEl mar, 24 nov 2026 a las 10:00, Mesa de ayuda escribió:\n> ¿Qué versión?\n'
    desk.get(letter(words, In_Reply_To='<first@nopalera.example>'))
    assert desk.book.timeline(number)[-1].text.endswith('Sí, la 4.')


@pytest.mark.parametrize('words', ['Gracias', 'Muchas gracias, Ana. Saludos.\n-- \nMaría Ríos', '¡Mil gracias, ya quedó!'])
def test_a_thank_you_does_not_reopen(desk: Desk, words: str) -> None:
    number = desk.resolved().number
    assert desk.get(letter(words, In_Reply_To='<first@nopalera.example>')) == Intake.JOINED
    assert desk.folio().state is State.RESOLVED
    assert desk.kinds(number)[-1] == 'email_in'


@pytest.mark.parametrize('words', ['Gracias, pero sigue igual', 'No abre todavía.', 'Gracias. ¿Y la otra computadora?'])
def test_an_answer_that_says_more_reopens(desk: Desk, words: str) -> None:
    desk.resolved()
    desk.get(letter(words, In_Reply_To='<first@nopalera.example>'))
    assert desk.folio().state is State.ASSIGNED
    assert desk.folio().reopens == 1


def test_a_reply_to_a_closed_folio_imported_on_every_poll_counts_once(desk: Desk) -> None:
    number = desk.resolved().number
    desk.life.confirm(number, by='user', via='call', now=NOW)
    raw = letter('Ya no abre otra vez.', In_Reply_To='<first@nopalera.example>')
    for poll in range(4):
        desk.get(raw, now=NOW + poll * HOUR)
    assert desk.count(folios) == 2
    newer = desk.folio()
    assert desk.kinds(newer.number) == ['opened', 'email_in', 'note']
    assert desk.kinds(number).count('note') == 1
    assert desk.book.get(number).state is State.CLOSED_VERIFIED                         # type: ignore[union-attr]


def test_a_reopening_reply_imported_on_every_poll_reopens_once(desk: Desk) -> None:
    number = desk.resolved().number
    raw = letter('No abre.', In_Reply_To='<first@nopalera.example>')
    desk.get(raw)
    desk.life.resolve(number, solution='Ahora sí.', by='ana', now=NOW + HOUR)
    desk.get(raw, now=NOW + 2 * HOUR)
    assert (desk.folio().state, desk.folio().reopens) == (State.RESOLVED, 1)


@pytest.mark.parametrize(('days', 'folios_after'), [(29, 1), (31, 2)])
def test_closed_unverified_is_reopened_for_thirty_days(desk: Desk, days: int, folios_after: int) -> None:
    number = desk.resolved().number
    desk.life.close(number, now=NOW)
    desk.get(letter('No abre.', In_Reply_To='<first@nopalera.example>'), now=NOW + timedelta(days=days))
    assert desk.count(folios) == folios_after
    folio = desk.book.get(number)
    assert folio is not None and folio.state is (State.ASSIGNED if folios_after == 1 else State.CLOSED_UNVERIFIED)


# --- nothing automatic is answered ----------------------------------------------------------------------------------

@pytest.mark.parametrize('headers', [
    {'Auto_Submitted': 'auto-replied'}, {'Precedence': 'bulk'}, {'X_Autoreply': 'yes'},
    {'List_Id': '<lista.example>', 'Precedence': 'bulk'}, {'Return_Path': '<>'}])
def test_nothing_automatic_opens_a_folio(desk: Desk, headers: dict[str, str]) -> None:
    assert desk.get(letter(**headers)) == Intake.IGNORED
    assert (desk.count(folios), desk.count(outbox)) == (0, 0)


def test_a_user_who_writes_through_a_group_is_neither_answered_nor_lost(desk: Desk) -> None:
    group = {'List_Id': '<ayuda.nopalera.example>', 'List_Unsubscribe': '<mailto:x@y.example>', 'Precedence': 'list'}
    assert desk.get(letter(**group)) == Intake.QUARANTINED
    assert desk.get(letter('Aviso', **group, Auto_Submitted='auto-generated')) == Intake.IGNORED
    assert desk.get(letter('Boletín', sender=STRANGER, **group), Envelope(STRANGER, (HELP,))) == Intake.IGNORED
    assert (desk.count(folios), desk.count(outbox)) == (0, 0)


@pytest.mark.parametrize('keeps', [
    {'Auto_Submitted': 'auto-replied'}, {'In_Reply_To': '{id}'}, {'subject': 'Re: Recibimos su reporte [Folio {number}]'},
    {'subject': 'Respuesta automática: estoy fuera'}])
def test_two_auto_responders_stop_by_the_second_message(desk: Desk, keeps: dict[str, str]) -> None:
    """The other one answers every letter of ours, and each knows only one way to say so."""
    desk.get(letter(message_id='<m0@nopalera.example>'))
    answered = 0
    for turn in range(5):
        with desk.db.read() as connection:
            sent = connection.execute(select(outbox.c.message_id, outbox.c.payload).order_by(outbox.c.id)).all()
        for message_id, facts in sent[answered:]:
            told = {name: value.format(id=message_id, number=facts['number']) for name, value in keeps.items()}
            desk.get(letter('Estoy fuera.', message_id=f'<m{turn + 1}@nopalera.example>', **told))
        answered = len(sent)
    assert (answered, desk.count(folios), desk.count(outbox)) == (1, 1, 1)


def test_a_loop_without_any_sign_ends_with_a_warning(desk: Desk) -> None:
    for n in range(15):
        desk.get(letter(f'Estoy fuera. {n}', subject=f'Vacaciones {n}'), now=NOW + timedelta(minutes=n))
    assert (desk.count(folios), desk.count(outbox)) == (10, 10)
    assert desk.kinds(desk.folio().number) == ['opened', 'email_in', 'warning']
    assert len(desk.mail.list(Intake.QUARANTINED)) == 5


def test_spam_waits_for_a_person(desk: Desk) -> None:
    assert desk.get(letter(X_Spam_Flag='YES')) == Intake.QUARANTINED
    assert desk.get(letter('bueno', X_Spam_Status='No, score=-1')) == Intake.OPENED
    assert desk.count(outbox) == 1


def test_a_flood_of_strangers_is_not_answered(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail_decide, 'STRANGERS_AN_HOUR', 5)
    for n in range(8):
        desk.get(letter(f'{n}', sender=f's{n}@otra.example'), Envelope(f's{n}@otra.example', (HELP,)))
    assert (desk.count(folios), desk.count(outbox), len(desk.mail.list(Intake.TO_VERIFY))) == (5, 5, 3)
    assert desk.get(letter('de la lista')) == Intake.OPENED


# --- files ----------------------------------------------------------------------------------------------------------

def test_files_are_kept_by_hash_once(desk: Desk) -> None:
    raw = with_file(b'%PDF-1.4 hola', '../../etc/pass wd.pdf', message_id='<first@nopalera.example>')
    desk.get(raw)
    desk.get(with_file(b'%PDF-1.4 hola', 'otra vez.pdf', In_Reply_To='<first@nopalera.example>'))
    kept, = desk.attachments.iterdir()
    assert kept.read_bytes() == b'%PDF-1.4 hola'
    with desk.db.read() as connection:
        row = connection.execute(select(folio_files)).one()
    assert (row.kind, row.name, row.sha256, row.content_type, row.size) == ('attachment', kept.name, kept.name, 'application/pdf', 13)
    assert row.title == 'pass wd.pdf'


@pytest.mark.parametrize(('data', 'name'), [
    (b'MZ\x90\x00' + bytes(99), 'foto.png'), (b'WScript.Echo', 'factura.vbs'), (b'x' * 2_000_000, 'grande.txt')])
def test_programs_and_what_is_too_large_are_told_but_not_kept(db: Database, tmp_path: Path, data: bytes, name: str) -> None:
    desk = Desk(db, tmp_path, attachment_megabytes=1)
    desk.get(with_file(data, name))
    assert not desk.attachments.exists() or list(desk.attachments.iterdir()) == []
    last = desk.book.timeline(desk.folio().number)[-1]
    assert (last.kind, 'no se guardó' in last.text, name in last.text) == ('attachment', True, True)
    assert desk.count(folio_files) == 0


# --- CPython's own message files ------------------------------------------------------------------------------------

# Written by reading them: what a person sent, however badly made. The others: a list's digest (02), reports of mail servers (05, 16, 25,
# 42, 43), mail of a list (32, 33), and one that says nothing at all (18).
MUST_OPEN = frozenset({
    '01', '03', '04', '06', '07', '08', '09', '10', '11', '12', '12a', '13', '14', '15', '17', '19', '20', '21', '22', '23', '24', '26',
    '27', '28', '29', '30', '31', '34', '35', '36', '37', '38', '39', '40', '41', '44', '45', '46', '47'})
FILES = sorted(CPYTHON.glob('msg_*.txt'))


def test_the_list_of_cpythons_messages_is_long_enough() -> None:
    assert len(FILES) in (47, 48)                      # of 3.11.2, and of later ones
    assert len(MUST_OPEN) >= 0.8 * len(FILES)


def test_every_message_of_cpython_ends_as_a_folio_or_with_a_reason(db: Database, tmp_path: Path) -> None:
    for file in FILES:
        (tmp_path / file.stem).mkdir()
        desk = Desk(db, tmp_path / file.stem)
        before = desk.count(folios)
        outcome = desk.get(file.read_bytes())
        number = file.stem.removeprefix('msg_')
        opened = desk.count(folios) - before
        if outcome == 'duplicate':                     # the same message in other clothes: it has its folio
            assert number in ('03', '14', '20', '29', '44')
            continue
        assert (outcome == Intake.OPENED) == (number in MUST_OPEN) == (opened == 1), (file.name, outcome)
        assert desk.mail.list(limit=1)[0].reason
        assert list(desk.folder.glob('*.eml')) == []


# --- cut off anywhere -----------------------------------------------------------------------------------------------

class _Killed(BaseException):
    """As if the power went."""


@pytest.mark.parametrize('raw', [
    letter(message_id='<one@nopalera.example>'), letter(sender=STRANGER, to='x@otra.example'), b'X: y\r\n' * 3000])
def test_cut_off_between_the_books_and_the_file_it_ends_the_same(desk: Desk, raw: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise _Killed
    desk.mail.take(raw, Envelope(None, ()))
    with monkeypatch.context() as patched:
        patched.setattr(MailIn, '_let_go', killed)
        with pytest.raises(_Killed):
            desk.mail.round(NOW)
    assert len(list(desk.folder.glob('*.eml'))) == desk.count(messages_in) == 1
    desk.mail.round(NOW)
    row, = desk.mail.list()
    assert list(desk.folder.glob('*.eml')) == []
    assert (desk.mail.letter(row) is not None) == (row.outcome is Intake.QUARANTINED)
    assert desk.count(folios) == desk.count(outbox) == (row.outcome is Intake.OPENED)


def test_without_a_database_the_message_waits(desk: Desk, tmp_path: Path) -> None:
    desk.mail.take(letter(), TO_HELP)
    missing = Database(f'sqlite:///{tmp_path}/no/such/folder/mesa.db', patience_s=0.2)
    nowhere = MailIn(missing, lambda: desk.site, desk.folder, desk.attachments, KEY)
    with pytest.raises(StorageError):
        nowhere.round(NOW)
    assert desk.mail.round(NOW) == 1
    assert desk.count(folios) == 1


def test_one_message_that_we_cannot_handle_does_not_stop_the_others(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = mail_in.read_letter

    def defect(raw: bytes, envelope: Envelope) -> object:
        if b'veneno' in raw:
            raise ZeroDivisionError
        return honest(raw, envelope)
    monkeypatch.setattr(mail_in, 'read_letter', defect)
    desk.mail.take(letter('veneno'), TO_HELP)
    desk.mail.take(letter('sano'), TO_HELP)
    assert desk.mail.round(NOW) == 2
    assert desk.folio().report.description == 'sano'
    row, = desk.mail.list(Intake.QUARANTINED)
    assert 'a defect of ours' in row.reason
    monkeypatch.undo()
    desk.mail.accept(row.id, 'ana', NOW, client='nopalera')
    assert desk.folio().report.description == 'veneno'


def test_a_file_that_is_none_of_ours_stops_no_other(desk: Desk) -> None:
    (desk.folder / 'by-hand.eml').write_bytes(letter('puesto a mano', sender=MARIA))
    (desk.folder / 'empty.eml').write_bytes(b'')
    (desk.folder / 'folder.eml').mkdir()
    desk.mail.take(letter('sano'), TO_HELP)
    for _ in range(2):
        desk.mail.round(NOW)
    assert {folio.report.description for folio in desk.book.list()} == {'puesto a mano', 'sano'}
    assert [file.name for file in desk.folder.glob('*.eml')] == ['folder.eml']
    assert len(desk.mail.list(Intake.QUARANTINED)) == 1


def test_an_attachment_that_cannot_be_stored_keeps_no_other_message_waiting(desk: Desk) -> None:
    desk.attachments.write_bytes(b'not a folder')                                       # as a full or broken disk
    desk.mail.take(with_file(b'%PDF-1.4 hola', 'a.pdf', text='con archivo'), TO_HELP)
    desk.mail.take(letter('sano'), TO_HELP)
    desk.mail.round(NOW)
    assert [folio.report.description for folio in desk.book.list()] == ['sano']
    desk.attachments.unlink()
    desk.mail.round(NOW)
    assert desk.folio().report.description == 'con archivo'


def test_two_doors_that_get_the_same_message_at_once_open_one_folio(desk: Desk, tmp_path: Path) -> None:
    doors = []
    for n in range(4):
        folder = tmp_path / f'door{n}'
        folder.mkdir()
        doors.append(MailIn(desk.db, lambda: desk.site, folder, desk.attachments, KEY))
        doors[-1].take(with_file(b'%PDF-1', 'a.pdf', message_id='<one@nopalera.example>'), TO_HELP)
    barrier = Barrier(4)

    def work(door: MailIn) -> int:
        barrier.wait()
        return door.round(NOW)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, doors))
    for door in doors:
        door.round(NOW)
    assert (desk.count(folios), desk.count(messages_in), desk.count(folio_files), desk.count(outbox)) == (1, 1, 1, 1)


def test_an_answer_and_an_agent_at_the_same_moment_lose_nothing(desk: Desk) -> None:
    number = desk.resolved().number
    raw = letter('No abre.', In_Reply_To='<first@nopalera.example>')
    desk.mail.take(raw, TO_HELP)
    barrier = Barrier(2)

    def confirm() -> None:
        barrier.wait()
        with contextlib.suppress(IllegalMove):
            desk.life.confirm(number, by='user', via='call', now=NOW)

    def bring_in() -> None:
        barrier.wait()
        desk.mail.round(NOW)
    with ThreadPoolExecutor(2) as pool:
        for done in (pool.submit(confirm), pool.submit(bring_in)):
            done.result()
    desk.mail.round(NOW)
    states = {folio.state for folio in desk.book.list()}
    assert states in ({State.ASSIGNED}, {State.CLOSED_VERIFIED, State.NEW})
    assert len(desk.mail.list()) == 2


def test_words_of_a_sender_are_only_words(desk: Desk) -> None:
    hostile = "'); DROP TABLE folios; -- {{7*7}} %s <script>alert(1)</script> \x00\x1b[31m"
    desk.get(letter(hostile.replace('\x00', ''), subject="x'); -- {{7*7}}"))
    assert desk.folio().report.description == hostile.replace('\x00', '').replace('\x1b', '')
    assert '{{7*7}}' in (desk.folio().report.summary or '')


def test_merged_folios_lead_to_the_one_that_is_kept(desk: Desk) -> None:
    desk.get(letter('uno', message_id='<first@nopalera.example>'))
    duplicate = desk.folio().number
    desk.get(letter('dos', message_id='<second@nopalera.example>'), now=NOW + HOUR)
    kept = desk.folio().number
    desk.life.merge(duplicate, kept, by='ana', now=NOW + HOUR)
    assert desk.get(letter('y otro dato', In_Reply_To='<first@nopalera.example>'), now=NOW + HOUR) == Intake.JOINED
    assert desk.kinds(kept)[-1] == 'email_in'


def test_what_a_killed_process_left_half_written_goes(desk: Desk) -> None:
    half = desk.folder / '.half-x'
    half.write_bytes(b'half')
    written = half.stat().st_mtime
    desk.mail.forget_halves(written - 1)
    assert half.exists()
    desk.mail.forget_halves(written + 1)
    assert not half.exists()
    assert desk.mail.round(NOW) == 0
