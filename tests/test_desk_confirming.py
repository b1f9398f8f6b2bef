"""The confirmation page over real HTTP: looking changes nothing, one answer counts, strangers learn nothing (mission.md 4.7)."""
from __future__ import annotations

import asyncio
import http.client
import logging
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import insert, select, update
from twisted.internet.asyncioreactor import AsyncioSelectorReactor

from config.load import load
from config.values import Site
from desk.confirming import pages
from desk.confirming.answers import Answer, Confirmations, read_answer
from desk.confirming.limits import PER_ADDRESS, TOGETHER, WrongTries, neighbourhood
from desk.confirming.server import WebService, without_token
from desk.web import channel, listening
from storage.engine import Database
from ticketing.folios import FolioBook
from ticketing.mail.tokens import page_token
from ticketing.tables import close_calls, folios
from ticketing.values import IllegalMove, Report, State

KEY = 'a key of a test'
NOW = datetime(2026, 11, 24, 16, 15, tzinfo=UTC)
CLIENT, LINE = 'nopalera', '+528005550101'


@pytest.fixture(scope='module')
def site() -> Site:
    return load(Path(__file__).resolve().parent.parent / 'config' / 'example')


class ByHand:
    """What LifeCycle does to the rows that the page looks at."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def confirm(self, number: str, **how: Any) -> None:
        self._move(number, State.CLOSED_VERIFIED, 'confirmed', how)

    def reopen(self, number: str, **how: Any) -> None:
        self._move(number, State.ASSIGNED, 'refused', how)

    def _move(self, number: str, state: State, answered: str, how: dict[str, Any]) -> None:
        with self._db.write() as connection:
            row = connection.execute(select(folios).where(folios.c.number == number).with_for_update()).one()
            if row.state != State.RESOLVED:
                raise IllegalMove(f'folio {number} is {row.state}')
            connection.execute(update(folios).where(folios.c.id == row.id).values(state=state))
            connection.execute(update(close_calls).where(close_calls.c.folio_id == row.id).values(
                state=answered, answered_by=how['by'], answered_via=how['via'], answered_at=how['now'], score=how.get('score')))
            self.asked.append((answered, how))


@dataclass
class Desk:
    """A served page and what a test wants to know about it."""

    db: Database
    life: ByHand
    number: str
    close_call_id: int
    port: int

    @property
    def path(self) -> str:
        return f'/c/{self.close_call_id}.{page_token(KEY, self.close_call_id)}'

    def ask(self, method: str, path: str | None = None, body: str | None = None, **headers: str) -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=20)
        if body is not None:
            headers.setdefault('Content_Type', 'application/x-www-form-urlencoded')
        connection.request(method, path or self.path, body, {name.replace('_', '-'): value for name, value in headers.items()})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, dict(answer.headers), text

    def post(self, **fields: str) -> tuple[int, dict[str, str], str]:
        return self.ask('POST', body=urlencode(fields))

    def books(self) -> tuple[Any, ...]:
        with self.db.read() as connection:
            return (*connection.execute(select(folios)).all(), *connection.execute(select(close_calls)).all())

    def change(self, table: Any, **values: Any) -> None:
        with self.db.write() as connection:
            connection.execute(update(table).values(**values))


@contextmanager
def serving(service_of: Any) -> Iterator[WebService]:
    """Serve on a reactor of its own while the block runs."""
    reactor = AsyncioSelectorReactor(asyncio.new_event_loop())
    service = service_of(reactor)
    started, stopped = threading.Event(), threading.Event()
    reactor.callWhenRunning(lambda: (service.startService(), started.set()))
    reactor.addSystemEventTrigger('before', 'shutdown', service.stopService)
    loop = threading.Thread(target=reactor.run, kwargs={'installSignalHandlers': False}, name='reactor-of-a-test')
    loop.start()
    try:
        assert started.wait(10)
        yield service
    finally:
        reactor.callFromThread(reactor.stop)
        loop.join(10)
        stopped.set()
        assert not loop.is_alive()


def resolved(db: Database) -> tuple[str, int]:
    """A resolved folio and its close call, whose letter is out."""
    report = Report(line=LINE, client=CLIENT, modality='standard', clock_starts=NOW, rule='a test', user_name='Ximena Zárate Quintanilla',
                    caller_number='+525555550142', category='printing', summary='La impresora <b>del piso 3</b> no imprime',
                    user_email='ximena@nopalera.example', employee_number='7001')
    number = FolioBook(db).open(report, NOW).number
    with db.write() as connection:
        folio_id = connection.scalar(select(folios.c.id).where(folios.c.number == number))
        connection.execute(update(folios).where(folios.c.id == folio_id).values(
            state='resolved', summary=report.summary, solution='Se reinició la cola de impresión & se probó.'))
        made = connection.execute(insert(close_calls).values(
            folio_id=folio_id, cycle=0, party='user', client=CLIENT, state='mailed', attempts=3, deadline=NOW))
    return number, int(made.inserted_primary_key[0])


@pytest.fixture
def desk(db: Database, site: Site) -> Iterator[Desk]:
    number, close_call_id = resolved(db)
    life = ByHand(db)
    confirmations = Confirmations(db, life, lambda: site, KEY, lambda: NOW)
    with serving(lambda reactor: WebService(reactor, confirmations, '127.0.0.1', 0)) as service:
        assert service.port
        yield Desk(db, life, number, close_call_id, service.port)


def test_the_page_tells_what_was_recorded_and_nothing_more_personal(desk: Desk, site: Site) -> None:
    status, _, text = desk.ask('GET')
    assert status == 200
    assert desk.number in text and site.clients[CLIENT].name in text
    assert '&lt;b&gt;del piso 3&lt;/b&gt;' in text and 'impresión &amp; se probó' in text
    assert '<b>' not in text
    assert not re.search('Ximena|ximena|5550142|7001', text)


def test_a_hundred_looks_change_nothing(desk: Desk) -> None:
    before = desk.books()
    for _ in range(50):
        assert desk.ask('GET')[0] == 200
        assert desk.ask('HEAD')[::2] == (200, '')
    assert desk.books() == before and not desk.life.asked


def test_a_yes_confirms_with_its_score_and_shows_the_result(desk: Desk) -> None:
    status, headers, _ = desk.post(answer='yes', score='5', comment='Todo bien\r\n¡gracias!\x00')
    assert (status, headers['Location']) == (303, desk.path.removeprefix('/c/'))
    assert desk.life.asked == [('confirmed', {
        'by': 'user', 'via': 'page', 'now': NOW, 'score': 5, 'comment': 'Todo bien\n¡gracias!', 'party': 'user'})]
    status, _, text = desk.ask('GET')
    assert status == 200 and '¡Gracias!' in text and '24 de noviembre de 2026' in text and '<form' not in text


def test_a_no_reopens_with_its_reason_and_without_a_score(desk: Desk) -> None:
    assert desk.post(answer='no', score='5', comment='Sigue sin imprimir')[0] == 303
    assert desk.life.asked == [('refused', {'by': 'user', 'via': 'page', 'now': NOW, 'reason': 'Sigue sin imprimir'})]
    assert 'se abrió de nuevo' in desk.ask('GET')[2]


def test_a_second_answer_changes_nothing_and_is_told_what_stands(desk: Desk) -> None:
    desk.post(answer='yes')
    before = desk.books()
    status, _, text = desk.post(answer='no', comment='Me arrepentí')
    assert status == 409 and 'ya se había usado' in text and 'quedó resuelto' in text
    assert desk.books() == before


def test_of_twenty_answers_at_once_one_counts(desk: Desk) -> None:
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(desk.post(answer='yes')[0])) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [303] + [409] * 19 and len(desk.life.asked) == 1


@pytest.mark.parametrize('state, said', [('unanswered', 'El plazo para responder ya terminó'), ('void', 'ya no es necesaria')])
def test_a_link_that_serves_no_more_says_so(desk: Desk, state: str, said: str) -> None:
    desk.change(close_calls, state=state)
    assert said in desk.ask('GET')[2]
    assert desk.post(answer='yes')[0] == 409 and not desk.life.asked


def test_the_link_of_an_earlier_resolution_serves_no_more(desk: Desk) -> None:
    desk.change(folios, reopens=1)
    assert 'ya no es necesaria' in desk.ask('GET')[2]
    assert desk.post(answer='yes')[0] == 409 and not desk.life.asked


def test_wrong_links_are_all_the_same(desk: Desk) -> None:
    token = page_token(KEY, desk.close_call_id)
    unknown = desk.close_call_id + 1
    wrong = [f'/c/{desk.close_call_id}.{"a" * 26}', f'/c/{unknown}.{token}',
             f'/c/{unknown}.{page_token(KEY, unknown)}', f'/c/0{desk.close_call_id}.{token}', f'/c/{desk.close_call_id}',
             '/c/', '/c', '/', '/c/x.y/z', f'{desk.path}/', '/c/%ff%00.%f3',
             f'/c/{"9" * 400}.{token}', '/c/..%2f..%2fetc']
    answers = {(status, text) for status, headers, text in (desk.ask('GET', path) for path in wrong)}
    assert len(answers) == 1 and next(iter(answers))[0] == 404
    assert desk.ask('POST', wrong[0], body='answer=yes')[0] == 404 and not desk.life.asked


def test_who_tries_many_wrong_links_waits_and_others_do_not(desk: Desk) -> None:
    for _ in range(PER_ADDRESS):
        assert desk.ask('GET', '/c/1.wrong', X_Forwarded_For='203.0.113.9, 198.51.100.7')[0] == 404
    status, headers, text = desk.ask('GET', X_Forwarded_For='203.0.113.1, 198.51.100.7')
    assert (status, headers['Retry-After']) == (429, '600') and desk.number not in text
    assert desk.ask('GET', X_Forwarded_For='198.51.100.8')[0] == 200


def test_every_page_forbids_what_a_page_of_ours_needs_not(desk: Desk) -> None:
    answers = [desk.ask('GET'), desk.ask('GET', '/nowhere'), desk.post(answer='perhaps'), desk.post(answer='yes'), desk.ask('PUT')]
    assert [status for status, _, _ in answers] == [200, 404, 400, 303, 405]
    for _, headers, text in answers:
        policy = headers['Content-Security-Policy']
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "frame-ancestors 'none'" in policy and "form-action 'self'" in policy
        assert headers['Referrer-Policy'] == 'no-referrer' and headers['X-Content-Type-Options'] == 'nosniff'
        assert headers['Cache-Control'] == 'no-store' and 'Server' not in headers and 'Set-Cookie' not in headers
        assert '<script' not in text and 'http://' not in text and 'https://' not in text and 'style=' not in text


@pytest.mark.parametrize('body, kind, status', [
    ('', 'application/x-www-form-urlencoded', 400), ('answer=maybe', 'application/x-www-form-urlencoded', 400),
    ('&'.join(['a=b'] * 1000), 'application/x-www-form-urlencoded', 400), ('answer=yes', 'text/plain', 415),
    ('{"answer": "yes"}', 'application/json', 415), ('answer=yes&comment=' + 'x' * 20_000, 'application/x-www-form-urlencoded', 413)])
def test_a_form_that_is_none_changes_nothing(desk: Desk, body: str, kind: str, status: int) -> None:
    assert desk.ask('POST', body=body, Content_Type=kind)[0] == status
    assert not desk.life.asked and desk.ask('GET')[0] == 200


def raw(port: int, data: bytes) -> bytes:
    with socket.create_connection(('127.0.0.1', port), timeout=20) as connection:
        connection.sendall(data)
        got = b''
        while chunk := connection.recv(4096):
            got += chunk
        return got


def test_a_body_of_untold_length_and_endless_headers_are_refused(desk: Desk) -> None:
    chunked = b'POST /c/1.x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n'
    assert raw(desk.port, chunked).startswith(b'HTTP/1.1 411')
    assert raw(desk.port, b'GET / HTTP/1.1\r\nHost: x\r\n' + b'A: b\r\n' * 100 + b'\r\n').startswith(b'HTTP/1.1 400')
    assert raw(desk.port, b'GET / HTTP/1.1\r\nHost: x\r\nA: ' + b'b' * 9000 + b'\r\n\r\n').startswith(b'HTTP/1.1 400')
    assert raw(desk.port, b'\x16\x03\x01nonsense\r\n\r\n').startswith(b'HTTP/1.1 400')


def test_who_sends_a_byte_now_and_then_is_cut_off(db: Database, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, 'REQUEST_S', 0.5)
    confirmations = Confirmations(db, ByHand(db), lambda: site, KEY, lambda: NOW)
    with (serving(lambda reactor: WebService(reactor, confirmations, '127.0.0.1', 0)) as service,
          socket.create_connection(('127.0.0.1', service.port or 0), timeout=0.1) as connection):
        cut = False
        for _ in range(100):
            try:
                connection.sendall(b'G')
                cut = connection.recv(100) == b''
            except TimeoutError:
                continue
            except OSError:
                cut = True
            if cut:
                break
        assert cut


def test_the_log_names_no_link(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        desk.ask('GET')
        desk.post(answer='yes')
        desk.ask('GET', '/c/12.sometokenthatiswrong?x=1')
    assert page_token(KEY, desk.close_call_id) not in caplog.text and 'sometoken' not in caplog.text
    assert f'GET /c/{desk.close_call_id}.… 200' in caplog.text
    assert without_token('/c/sometokenwithoutid') != '/c/sometokenwithoutid'


def test_while_the_books_do_not_answer_the_answer_stays_with_its_writer(site: Site, tmp_path: Path) -> None:
    db = Database(f'sqlite:///{tmp_path}/nowhere/mesa.db', patience_s=0.2)
    confirmations = Confirmations(db, ByHand(db), lambda: site, KEY, lambda: NOW)
    with serving(lambda reactor: WebService(reactor, confirmations, '127.0.0.1', 0)) as service:
        broken = Desk(db, ByHand(db), '', 1, service.port or 0)
        status, headers, text = broken.ask('GET')
        assert (status, headers['Retry-After']) == (503, '120') and 'intente más tarde' in text
        status, _, text = broken.post(answer='yes', score='4', comment='Gracias, <b>Ana</b>')
        assert status == 503 and 'La conservamos aquí abajo' in text and 'Gracias, &lt;b&gt;Ana&lt;/b&gt;' in text
        assert re.search(r'value="4" checked', text) and re.search(r'value="yes" required checked', text)


def test_a_taken_port_is_tried_again(db: Database, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, 'AGAIN_S', 0.05)
    confirmations = Confirmations(db, ByHand(db), lambda: site, KEY, lambda: NOW)
    taken = socket.create_server(('127.0.0.1', 0))
    port = taken.getsockname()[1]
    with serving(lambda reactor: WebService(reactor, confirmations, '127.0.0.1', port)):
        taken.close()
        for _ in range(200):
            try:
                status = Desk(db, ByHand(db), '', 1, port).ask('GET', '/')[0]
                break
            except ConnectionRefusedError:
                threading.Event().wait(0.05)
        assert status == 404


def test_forms_are_read_strictly() -> None:
    assert read_answer(b'answer=yes&score=3') == Answer(True, 3)
    assert read_answer(b'answer=yes&score=9') == read_answer(b'answer=yes&score=+3') == Answer(True)
    assert read_answer(b'answer=no&score=3&comment=%20a%0d%0ab%e2%80%ae ') == Answer(False, None, 'a\nb')
    assert read_answer(b'answer=YES') is None and read_answer(b'\xff\xfe') is None
    assert len(read_answer(b'answer=no&comment=' + b'x' * 9000).comment) == 2000      # type: ignore[union-attr]


def test_wrong_tries_are_forgiven_and_do_not_fill_the_memory() -> None:
    now = [0.0]
    wrong = WrongTries(lambda: now[0])
    for _ in range(TOGETHER):
        wrong.count('2001:db8::1')
    wrong.count('198.51.100.1')
    assert wrong.refuses('2001:db8::2') and wrong.refuses('198.51.100.1') and not wrong.refuses('198.51.100.2')
    now[0] = 601
    assert not wrong.refuses('2001:db8::1')
    assert neighbourhood('::ffff:198.51.100.1') == '198.51.100.1' and neighbourhood('no address') == ''


def test_the_style_has_the_hash_that_the_policy_allows() -> None:
    import base64
    import hashlib
    style = re.search(r'<style>(.*?)</style>', pages.not_found().html, re.DOTALL)
    assert style
    assert base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode() in pages.HEADERS['Content-Security-Policy']
