"""One POST: what leaves, and receivers that nobody would trust."""
from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.receivers import Behaviour, certificate, drops, flood, receiving, serving_tls, silent, status
from ticketing.hooks.sender import Answer, Outcome, Patience, deliver

QUICK = Patience(step=0.5, whole=1.0)
HEADERS = {'Mesa-Event-Id': 'evt_1'}


def send(url: str, loopback: bool = True, tls: ssl.SSLContext | None = None, patience: Patience = QUICK) -> Answer:
    return deliver(url, b'{}', HEADERS, loopback=loopback, tls=tls, patience=patience)


@pytest.fixture
def over() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_what_leaves_is_one_post_with_our_headers() -> None:
    with receiving() as crm:
        assert send(f'{crm.url}/mesa?a=1') == Answer(Outcome.DELIVERED, 'HTTP 200')
        got, = crm.got
    assert (got.path, got.body) == ('/mesa?a=1', b'{}')
    assert (got.headers['Mesa-Event-Id'], got.headers['Connection'], got.headers['Content-Length']) == ('evt_1', 'close', '2')
    assert got.headers['Host'] == crm.url.removeprefix('http://')


@pytest.mark.parametrize(('code', 'outcome'), [
    (204, Outcome.DELIVERED), (302, Outcome.REFUSED), (400, Outcome.REFUSED), (401, Outcome.REFUSED), (410, Outcome.GONE),
    (429, Outcome.SILENT), (500, Outcome.SILENT), (503, Outcome.SILENT)])
def test_what_each_status_means(code: int, outcome: Outcome) -> None:
    with receiving(status(code)) as crm:
        assert send(crm.url) == Answer(outcome, f'HTTP {code}')


def test_what_the_receiver_says_is_kept_short_and_printable() -> None:
    with receiving(status(400, b'no\r\n\x1b[31m' + b'such field ' * 5000)) as crm:
        said = send(crm.url).said
    assert said.startswith('HTTP 400: no [31msuch field such') and said.isprintable() and len(said) <= 220


def test_no_redirect_is_followed() -> None:
    with receiving() as secret, receiving(status(307, Location=f'{secret.url}/metrics')) as crm:
        assert send(crm.url).outcome is Outcome.REFUSED
        assert secret.got == []


HOSTILE: dict[str, bytes] = {
    'drips its status line': b'HTTP/1.1 2', 'drips its headers': b'HTTP/1.1 200 OK\r\nX: ',
    'continues for ever': b'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\nX: '}


@pytest.mark.parametrize('text', HOSTILE.values(), ids=HOSTILE)
def test_an_answer_that_never_ends_is_none(over: threading.Event, text: bytes) -> None:
    with receiving(drops(text, over)) as crm:
        began = time.monotonic()
        answer = send(crm.url)
    assert answer.outcome is Outcome.SILENT and 'no whole answer in time' in answer.said
    assert time.monotonic() - began < 5


def test_one_that_says_nothing_is_left(over: threading.Event) -> None:
    with receiving(silent(over)) as crm:
        answer = send(crm.url)
    assert answer.outcome is Outcome.SILENT and 'timed out' in answer.said


@pytest.mark.parametrize('behave', [flood, drops], ids=['flood', 'drip'])
def test_after_the_status_the_body_decides_nothing(over: threading.Event, behave: Behaviour) -> None:
    endless = behave if behave is flood else drops(b'HTTP/1.1 200 OK\r\n\r\n', over)
    with receiving(endless) as crm:
        assert send(crm.url).outcome is Outcome.DELIVERED


@pytest.mark.parametrize('text', [b'HTTP/1.1 twohundred\r\n\r\n', b'\x00' * 100_000, b'HTTP/1.1 200 OK\r\n' + b'X: y\r\n' * 200 + b'\r\n'])
def test_what_is_no_http_is_no_answer(text: bytes) -> None:
    with receiving(lambda request: request.wfile.write(text) and None) as crm:
        assert send(crm.url).outcome is Outcome.SILENT


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        answer = send(f'http://127.0.0.1:{taken.getsockname()[1]}')
    assert answer.outcome is Outcome.SILENT and 'no connection' in answer.said


# -- TLS -----------------------------------------------------------------------------------------------------------

def test_tls_is_verified(tmp_path: Path) -> None:
    mine, wrong = (certificate(tmp_path, name) for name in ('IP:127.0.0.1', 'DNS:crm.example'))
    trusting = ssl.create_default_context(cafile=str(mine[0]))
    with receiving(tls=serving_tls(*mine)) as crm:
        assert send(crm.url, tls=trusting).outcome is Outcome.DELIVERED
        assert 'certificate is not trusted' in send(crm.url).said
    with receiving(tls=serving_tls(*wrong)) as crm:
        other = ssl.create_default_context(cafile=str(wrong[0]))
        answer = send(crm.url, tls=other)
        assert (answer.outcome, crm.got) == (Outcome.SILENT, [])
        assert 'certificate is not trusted' in answer.said


def test_a_handshake_that_never_ends(over: threading.Event) -> None:
    """It drips before there is any TLS: no timeout of TLS or HTTP would ever end it."""
    listener = socket.create_server(('127.0.0.1', 0))

    def drip() -> None:
        with listener, suppressed_connection(listener) as connection:
            connection.sendall(b'\x16\x03\x03\x40\x00')                # a record of 16 KiB, of which the beginning comes
            while not over.wait(0.1):
                connection.sendall(b'\x02')
    threading.Thread(target=drip, daemon=True).start()
    began = time.monotonic()
    answer = send(f'https://127.0.0.1:{listener.getsockname()[1]}/')
    assert answer.outcome is Outcome.SILENT
    assert time.monotonic() - began < 5


class suppressed_connection:
    """One connection of a listener; that the other side is gone is no error."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener

    def __enter__(self) -> socket.socket:
        self._connection, _ = self._listener.accept()
        return self._connection

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        self._connection.close()
        return kind is not None and issubclass(kind, OSError)


# -- where it may lead ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize('host', ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]'])
def test_this_machine_hears_nothing_unless_it_was_said(host: str) -> None:
    with receiving() as crm:
        port = crm.url.rpartition(':')[2]
        answer = send(f'http://{host}:{port}/metrics', loopback=False)
        assert (answer.outcome, crm.got) == (Outcome.SILENT, [])
        assert 'may not be told' in answer.said
        assert send(f'http://{host}:{port}/', loopback=True).outcome is Outcome.DELIVERED


@pytest.mark.parametrize('url', ['https://user:word@crm.example/', 'ftp://crm.example/', 'https://127.1/', 'https://0x7f000001/', 'https://'])
def test_what_is_no_url_is_not_called(url: str) -> None:
    answer = send(url)
    assert answer.outcome is Outcome.REFUSED and 'cannot be called' in answer.said
