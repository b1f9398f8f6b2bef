"""Letters over real sockets to servers that fail in every way: each arrives once where SMTP allows it, else once more, marked."""
from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from config.load import load
from config.values import MailSettings, Site
from storage.engine import Database, DatabaseUnavailable
from tests.outbox_rows import NOW, a_folio, posted
from tests.site_copies import EXAMPLE
from tests.smtp_peer import DROP, HANG, TAKE_AND_DROP, TAKE_AND_HANG, SmtpPeer, Taken
from ticketing.folios import FolioBook
from ticketing.mail.letters import POSSIBLE_DUPLICATE
from ticketing.mail.outbox import Outbox
from ticketing.mail.postman import COMMITTED_LEASE_S, LEASE_S, Postman
from ticketing.mail.smtp import SmtpServer
from ticketing.values import EntryKind, Sending

REPOSITORY = Path(__file__).resolve().parent.parent
MACHINE = datetime(2030, 1, 1, tzinfo=UTC)


class Hands:
    """The machine's clock, moved by hand."""

    def __init__(self) -> None:
        self.now = MACHINE

    def __call__(self) -> datetime:
        return self.now

    def pass_on(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture(scope='module')
def example() -> Site:
    return load(EXAMPLE)


def to_server(site: Site, port: int, **more: Any) -> Site:
    return replace(site, mail=MailSettings(**({'smtp': f'127.0.0.1:{port}'} | more)))


def a_postman(db: Database, site: Site, hands: Hands, tls: ssl.SSLContext | None = None, answer_s: float = 20.0, command_s: float = 20.0,
              password: str = '') -> Postman:
    return Postman(db, lambda: site, 'key', lambda: NOW, hands, Path('/nonexistent'),
                   carrier=lambda mail: SmtpServer(mail, lambda: password, tls, connect_s=20, command_s=command_s, answer_s=answer_s))


def states(db: Database) -> list[Sending]:
    return [row.state for row in reversed(Outbox(db).list())]


def marked(letter: Taken) -> bool:
    return letter.message[POSSIBLE_DUPLICATE] == 'yes'


def rounds(postman: Postman, hands: Hands, hours: int = 5) -> None:
    """Rounds for long enough that everything that will ever be sent is sent."""
    postman.round()
    for _ in range(hours * 2):
        hands.pass_on(minutes=30)
        postman.round()


def test_a_letter_arrives_once_as_it_was_meant(db: Database, example: Site, hands: Hands) -> None:
    number = a_folio(db)
    posted(db, number=number, facts={'text': 'Línea\n.punto al principio\n..dos'})
    with SmtpPeer() as peer:
        rounds(a_postman(db, to_server(example, peer.port), hands), hands)
    letter, = peer.taken
    assert (letter.recipient, letter.message['Message-ID'], marked(letter)) == ('ana@nopalera.example', '<update.1@mesa.example>', False)
    assert '.punto al principio\n..dos' in letter.message.get_body(('plain',)).get_content().replace('\r\n', '\n')   # type: ignore[union-attr]
    assert states(db) == [Sending.SENT]
    assert [entry.kind for entry in FolioBook(db).timeline(number)].count(EntryKind.EMAIL_OUT) == 1


def test_a_server_that_is_down_gets_it_when_it_is_up(db: Database, example: Site, hands: Hands) -> None:
    for n in range(3):
        posted(db, f'update:{n}')
    with SmtpPeer() as peer:
        port = peer.port
    postman = a_postman(db, to_server(example, port), hands)
    assert postman.round() == 1                        # the others lose no attempt
    assert postman.round() == 0                        # and the server is left alone for a while
    with SmtpPeer(port=port) as peer:
        rounds(postman, hands)
    assert sorted(letter.message['Message-ID'] for letter in peer.taken) == [f'<update.{n}@mesa.example>' for n in range(3)]
    assert not any(marked(letter) for letter in peer.taken)
    assert states(db) == [Sending.SENT] * 3


@pytest.mark.parametrize('verb', ['connect', 'mail', 'rcpt', 'data', 'dot'])
@pytest.mark.parametrize('answer', ['451 4.3.0 later', '421 4.7.0 closing', '450-4.2.0 greylisted\r\n450 come again'])
def test_a_temporary_no_is_tried_again(db: Database, example: Site, hands: Hands, verb: str, answer: str) -> None:
    posted(db)
    with SmtpPeer({verb: answer}, {verb: answer}) as peer:
        rounds(a_postman(db, to_server(example, peer.port), hands), hands)
    assert [marked(letter) for letter in peer.taken] == [False]
    assert states(db) == [Sending.SENT]


@pytest.mark.parametrize('verb', ['mail', 'rcpt', 'data', 'dot'])
def test_a_final_no_is_final(db: Database, example: Site, hands: Hands, verb: str) -> None:
    number = a_folio(db)
    posted(db, number=number)
    posted(db, 'next', due=NOW + timedelta(0))
    with SmtpPeer({verb: '550 5.1.1 no such user'}) as peer:
        rounds(a_postman(db, to_server(example, peer.port), hands), hands)
    assert [letter.message['Message-ID'] for letter in peer.taken] == ['<next@mesa.example>']
    assert states(db) == [Sending.FAILED, Sending.SENT]
    assert '550 5.1.1 no such user' in FolioBook(db).timeline(number)[-1].text


@pytest.mark.parametrize('verb', ['connect', 'ehlo', 'mail', 'rcpt', 'data'])
def test_a_connection_lost_before_the_letter_is_no_doubt(db: Database, example: Site, hands: Hands, verb: str) -> None:
    posted(db)
    with SmtpPeer({verb: DROP}) as peer:
        rounds(a_postman(db, to_server(example, peer.port), hands), hands)
    assert [marked(letter) for letter in peer.taken] == [False]


@pytest.mark.parametrize(('lost', 'copies'), [
    (DROP, [True]), (TAKE_AND_DROP, [False, True]), ('garbage', [True]), ('250-cut', [False, True])])
def test_a_connection_lost_after_the_letter_makes_one_marked_copy(
        db: Database, example: Site, hands: Hands, lost: str, copies: list[bool]) -> None:
    number = a_folio(db)
    posted(db, number=number)
    posted(db, 'next')
    with SmtpPeer({'dot': lost, 'rset': DROP, 'quit': DROP}) as peer:
        rounds(a_postman(db, to_server(example, peer.port), hands, answer_s=0.5), hands)
    concerned = [letter for letter in peer.taken if letter.message['Message-ID'] == '<update.1@mesa.example>']
    assert [marked(letter) for letter in concerned] == copies
    assert [marked(letter) for letter in peer.taken if letter not in concerned] == [False]
    assert states(db) == [Sending.SENT, Sending.SENT]
    assert FolioBook(db).timeline(number)[-1].text.endswith('(posible duplicado)')


def test_a_server_that_never_answers_makes_two_copies_and_a_warning(db: Database, example: Site, hands: Hands) -> None:
    number = a_folio(db)
    posted(db, number=number)
    with SmtpPeer(*[{'dot': TAKE_AND_DROP}] * 9) as peer:
        rounds(a_postman(db, to_server(example, peer.port), hands), hands, hours=30)
    assert [marked(letter) for letter in peer.taken] == [False, True]
    assert states(db) == [Sending.DOUBTFUL]
    assert FolioBook(db).timeline(number)[-1].kind == EntryKind.WARNING


def test_an_answer_that_comes_too_late_is_a_doubt(db: Database, example: Site, hands: Hands) -> None:
    posted(db)
    with SmtpPeer({'dot': TAKE_AND_HANG}) as peer:
        rounds(a_postman(db, to_server(example, peer.port), hands, answer_s=0.3), hands)
    assert [marked(letter) for letter in peer.taken] == [False, True]


@pytest.mark.parametrize('bye', [DROP, '500 never', HANG])
def test_a_server_that_cannot_say_goodbye_has_the_letter(db: Database, example: Site, hands: Hands, bye: str) -> None:
    posted(db)
    with SmtpPeer({'quit': bye}) as peer:
        rounds(a_postman(db, to_server(example, peer.port), hands, command_s=0.5), hands)
    assert len(peer.taken) == 1
    assert states(db) == [Sending.SENT]


def test_many_letters_share_a_connection(db: Database, example: Site, hands: Hands) -> None:
    for n in range(20):
        posted(db, f'update:{n}')
    with SmtpPeer() as peer:
        assert a_postman(db, to_server(example, peer.port), hands).round() == 20
    assert (peer.met, len(peer.taken)) == (1, 20)


@pytest.mark.parametrize('answer', [DROP, '421 too many letters'])
def test_a_used_connection_that_died_costs_nobody_an_attempt(db: Database, example: Site, hands: Hands, answer: str) -> None:
    for n in range(6):
        posted(db, f'update:{n}')
    with SmtpPeer({'mail': ['250 ok', '250 ok', answer]}) as peer:
        assert a_postman(db, to_server(example, peer.port), hands).round() == 6
    assert (peer.met, len(peer.taken)) == (2, 6)
    assert {row.tries for row in Outbox(db).list()} == {1}
    assert not any(marked(letter) for letter in peer.taken)


def test_a_refused_recipient_does_not_end_the_connection(db: Database, example: Site, hands: Hands) -> None:
    for n in range(3):
        posted(db, f'update:{n}')
    with SmtpPeer({'rcpt': ['250 ok', '550 no']}) as peer:
        a_postman(db, to_server(example, peer.port), hands).round()
    assert (peer.met, len(peer.taken)) == (1, 2)


def test_a_database_that_fails_after_the_yes_is_told_again(
        db: Database, example: Site, hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    """The letter was accepted and its row cannot be written: the next round writes it first and sends nothing twice."""
    id_ = posted(db)
    monkeypatch.setattr('ticketing.mail.outbox.PATIENCE_S', 0.3)
    other = Database(db.name, patience_s=20)
    holding = other.write()

    def yes() -> str:
        connection = holding.__enter__()
        connection.exec_driver_sql(f'UPDATE outbox SET tries = tries WHERE id = {id_}')
        return '250 taken'
    with SmtpPeer({'dot': yes}) as peer:
        postman = a_postman(db, to_server(example, peer.port), hands)
        with pytest.raises(DatabaseUnavailable):
            postman.round()
        holding.__exit__(None, None, None)
        assert states(db) == [Sending.SENDING]
        hands.pass_on(days=1)                          # even long after its lease
        rounds(postman, hands)
    other.close()
    assert len(peer.taken) == 1
    assert states(db) == [Sending.SENT]


WORKER = """
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from config.load import load
from config.values import MailSettings
from storage.engine import Database
from ticketing.mail.postman import Postman
url, port, now, machine, example = sys.argv[1:]
site = replace(load(Path(example)), mail=MailSettings(smtp=f'127.0.0.1:{port}'))
times = datetime.fromisoformat(now), datetime.fromisoformat(machine)
Postman(Database(url, patience_s=20), lambda: site, 'key', lambda: times[0], lambda: times[1], Path('/nonexistent')).round()
"""


@pytest.mark.parametrize(('where', 'copies'), [
    ({'rcpt': HANG}, [False]), ({'data': HANG}, [False]), ({'dot': HANG}, [True]), ({'dot': TAKE_AND_HANG}, [False, True])])
def test_a_worker_that_is_killed(db: Database, db_url: str, example: Site, hands: Hands, where: dict[str, str], copies: list[bool]) -> None:
    """kill -9 in the middle of the dialogue; the letter goes out when its lease has ended, marked only when it may have arrived."""
    posted(db)
    with SmtpPeer(where) as peer:
        arguments = [db_url, str(peer.port), NOW.isoformat(), MACHINE.isoformat(), str(EXAMPLE)]
        worker = subprocess.Popen([sys.executable, '-c', WORKER, *arguments], cwd=REPOSITORY)
        assert peer.hung.wait(60)
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        assert states(db) == [Sending.SENDING]
        postman = a_postman(db, to_server(example, peer.port), hands)
        hands.pass_on(seconds=LEASE_S - 1)
        assert postman.round() == 0
        hands.pass_on(seconds=COMMITTED_LEASE_S)
        rounds(postman, hands)
    assert [marked(letter) for letter in peer.taken] == copies
    assert states(db) == [Sending.SENT]


@pytest.fixture(scope='module')
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp('tls')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
                    '-subj', '/CN=peer', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', str(folder / 'key'),
                    '-out', str(folder / 'crt')], check=True, capture_output=True)
    return folder / 'crt', folder / 'key'


@pytest.fixture
def secure_peer(certificate: tuple[Path, Path]) -> Iterator[SmtpPeer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    capable = {'ehlo': ['250-peer\r\n250 STARTTLS', '250-peer\r\n250 AUTH PLAIN']}
    with SmtpPeer(capable, capable, tls=context) as peer:
        yield peer


def test_starttls_with_a_certificate_that_is_checked(
        db: Database, example: Site, hands: Hands, secure_peer: SmtpPeer, certificate: tuple[Path, Path]) -> None:
    posted(db)
    site = to_server(example, secure_peer.port, smtp_security='starttls', smtp_user='mesa')
    a_postman(db, site, hands, ssl.create_default_context(cafile=str(certificate[0])), password='s3creto').round()
    assert len(secure_peer.taken) == 1
    verbs = [line.split()[0].upper() for line in secure_peer.lines]
    assert verbs[:4] == ['EHLO', 'STARTTLS', 'EHLO', 'AUTH']


def test_a_certificate_that_nobody_vouches_for_gets_nothing(db: Database, example: Site, hands: Hands, secure_peer: SmtpPeer) -> None:
    posted(db)
    a_postman(db, to_server(example, secure_peer.port, smtp_security='starttls', smtp_user='mesa'), hands, password='s3creto').round()
    row, = Outbox(db).list()
    assert (secure_peer.taken, row.state) == ([], Sending.WAITING)
    assert 'CERTIFICATE_VERIFY_FAILED' in (row.last_error or '')


def test_nothing_goes_in_the_clear_when_the_server_offers_no_starttls(db: Database, example: Site, hands: Hands) -> None:
    posted(db)
    with SmtpPeer() as peer:
        rounds(a_postman(db, to_server(example, peer.port, smtp_security='starttls'), hands), hands)
    assert {line.split()[0].upper() for line in peer.lines} <= {'EHLO', 'QUIT'}
    row, = Outbox(db).list()
    assert (peer.taken, row.state) == ([], Sending.WAITING)
    assert 'STARTTLS' in (row.last_error or '')


@pytest.mark.parametrize('verb', ['auth', 'mail'])
def test_a_wrong_password_is_no_fault_of_the_letter(db: Database, example: Site, hands: Hands, verb: str) -> None:
    for n in range(3):
        posted(db, f'update:{n}')
    refusal = {'ehlo': '250-peer\r\n250 AUTH PLAIN', verb: '535 5.7.8 bad credentials'}
    with SmtpPeer(refusal, {'ehlo': '250-peer\r\n250 AUTH PLAIN'}) as peer:
        postman = a_postman(db, to_server(example, peer.port, smtp_user='mesa'), hands, password='s3creto')
        assert postman.round() == 1
        assert 's3creto' not in (Outbox(db).list([Sending.WAITING])[-1].last_error or '')
        hands.pass_on(minutes=10)
        postman.round()
    assert states(db) == [Sending.SENT] * 3


class Inbox:
    """What a server that others wrote hands over."""

    def __init__(self) -> None:
        self.envelopes: list[Any] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.envelopes.append(envelope)
        return '250 taken'


def test_a_server_that_others_wrote_understands_us(db: Database, example: Site, hands: Hands) -> None:
    for n in range(3):
        posted(db, f'update:{n}', facts={'text': 'Línea\n.\n.punto'})
    with SmtpPeer() as probe:
        port = probe.port
    inbox = Inbox()
    server = Controller(inbox, hostname='127.0.0.1', port=port, enable_SMTPUTF8=False, decode_data=False)
    server.start()
    try:
        a_postman(db, to_server(example, port), hands).round()
    finally:
        server.stop()
    assert [(one.mail_from, one.rcpt_tos) for one in inbox.envelopes] == [('mesa@mesa.example', ['ana@nopalera.example'])] * 3
    text = message_from_bytes(inbox.envelopes[0].content, policy=policy.default).get_body(('plain',)).get_content()   # type: ignore[arg-type]
    assert '\n.\n.punto' in text.replace('\r\n', '\n')
    assert states(db) == [Sending.SENT] * 3
