"""The frame of the desk against hostile requests: addresses, forms, cookies, origins, redirects, files, and what a socket may do."""
from __future__ import annotations

import http.client
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.accounts.passwords import csrf_of, new_token
from desk.web.frame import Answer, Route, Router, download, see_other
from desk.web.gate import REMEMBERED, SECURE_COOKIE, SeenSessions, path_of, session_cookie
from desk.web.rates import Rates
from desk.web.reading import LONGEST_FIELD, MOST_FIELDS, BadRequest, cookies, form_of, pairs, strict_pairs, text
from storage.engine import Database
from tests.desk_office import FORM, PASSWORD, Office, office, served

DEADLINE_S = 60


@pytest.fixture
def desk(migrated_file: Path, tmp_path: Path) -> Iterator[Office]:
    file = tmp_path / 'mesa.db'
    file.write_bytes(migrated_file.read_bytes())
    yield office(Database(f'sqlite:///{file}', patience_s=20), tmp_path)


# --- addresses ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(('raw', 'path'), [
    (b'/folios', '/folios'), (b'/folios?x=%00', '/folios'), (b'/l%C3%ADneas', '/líneas'), (b'/%252e%252e/', '/%2e%2e/'),
    (b'/a%2Fb', '/a/b'),
    (b'/%ff', ''), (b'/a%00', ''), (b'/a%0d%0aSet-Cookie:x', ''), (b'/a%e2%80%aeb', ''), (b'*', ''), (b'http://x.example/', ''), (b'', ''),
    (b'/api/v1/%00', '/api/'), (b'/api/%ff', '/api/'), (b'/apix/%ff', '')])
def test_an_address_is_decoded_once(raw: bytes, path: str) -> None:
    assert path_of(raw) == path


@given(st.binary(max_size=60))
def test_whatever_comes_has_a_path_without_line_ends(raw: bytes) -> None:
    path = path_of(raw)
    assert path == '' or (path.startswith('/') and path.isprintable())


def test_the_router() -> None:
    def handler(desk: object, visit: object) -> Answer:
        return Answer(200)
    routes = [Route(method, path, handler, frozenset(), '') for method, path in (
        ('GET', '/a/{x}'), ('POST', '/a/{x}'), ('GET', '/a/new'), ('GET', '/a/{x}/b.c'))]
    router = Router(routes)
    assert router.find('/a/new') == ({'GET': routes[2]}, {})
    assert router.find('/a/5') == ({'GET': routes[0], 'POST': routes[1]}, {'x': '5'})
    for nowhere in ('', '/', '/a', '/a/', '/a/5/', '/a/5/bxc', '/a/' + 'x' * 201, '/a//b.c'):
        assert router.find(nowhere)[0] == {}, nowhere
    with pytest.raises(AssertionError, match='stands twice'):
        Router([*routes, routes[0]])


def test_what_is_no_page(desk: Office) -> None:
    for path in ('/nada', '/static/../desk.py', '/folios/../../etc/passwd', '//evil.example/', '/mi-cuenta/', ''):
        assert desk.ask('GET', path, who='sara').status == 404, path
    answer = desk.ask('DELETE', '/mi-cuenta', who='sara')
    assert (answer.status, dict(answer.headers)['Allow']) == (405, 'GET, HEAD')
    assert desk.ask('HEAD', '/eventos', who='sara').status == 405, 'nobody listens to the events of a HEAD'
    assert csrf_of(desk.sessions['sara']).encode() in desk.ask('GET', '/nada', who='sara').body, 'who is lost may still sign out'


# --- forms -------------------------------------------------------------------------------------------------------------

def part(head: str, body: bytes, boundary: str = 'b') -> bytes:
    return f'--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n'.encode() + body + f'\r\n--{boundary}--\r\n'.encode()


MULTI = 'multipart/form-data; boundary=b'
GARBAGE = (
    ('multipart/form-data', b'--\r\n'), ('multipart/form-data; boundary=', b'----\r\n'), (MULTI, b''), (MULTI, b'--b\r\n'),
    (MULTI, b'--b\r\n\r\nx\r\n--b--\r\n'), (MULTI, b'--b--'), (MULTI, b'--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n'),
    (MULTI, part('name="a"', b'x')[:-9]), (MULTI, b'--b\r\n' + b'X: y\r\n' * 5000), (MULTI, part('name="' + 'n' * 9000 + '"', b'x')),
    (MULTI, b''.join(part(f'name="{n}"', b'')[:-6] + b'\r\n' for n in range(200)) + b'--b--'),
    ('multipart/form-data; boundary=' + 'b' * 500, b'x'),
    ('multipart/form-data; boundary=\xff', b'--\xff--'), (MULTI + '; charset=utf-7', part('name="a"', b'+ADw-script')))


@pytest.mark.parametrize(('kind', 'body'), GARBAGE)
def test_a_damaged_form_is_refused_and_breaks_nothing(desk: Office, kind: str, body: bytes) -> None:
    assert desk.ask('POST', '/mi-cuenta/contrasena', body, 'ana', content_type=kind).status in (400, 403)


def test_what_is_no_form(desk: Office) -> None:
    for kind in ('', 'text/plain', 'application/json', 'application/x-www-form-urlencodedx'):
        assert desk.ask('POST', '/mi-cuenta/contrasena', b'csrf=x', 'ana', content_type=kind).status == 415, kind
    assert desk.ask('POST', '/mi-cuenta/contrasena', b'x' * 70_000, 'ana', content_type=FORM).status == 413
    many = b'&'.join(b'a=1' for _ in range(MOST_FIELDS + 1))
    assert desk.ask('POST', '/mi-cuenta/contrasena', many, 'ana', content_type=FORM).status == 400


def test_fields_and_files() -> None:
    body = part('name="a"', 'ñ'.encode())[:-7] + b'\r\n' + part('name="f"; filename="../../e\u202evil.exe"', b'\x00\xff')
    fields, files = form_of(MULTI, body)
    assert fields == {'a': 'ñ'}
    assert (files['f'].title, files['f'].data) == ('../../evil.exe', b'\x00\xff')
    assert form_of(FORM, b'a=1&a=2&b=%00x%0d%0ay%ff') == ({'a': '2', 'b': 'x\ny\ufffd'}, {})


@given(st.text(max_size=200))
def test_text_of_a_person_holds_nothing_that_a_screen_or_a_database_obeys(raw: str) -> None:
    clean = text(raw)
    assert clean == text(clean)
    assert not re.search('[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\ud800-\udfff]', clean)
    assert len(text(raw * 500)) <= LONGEST_FIELD


@given(st.binary(max_size=300))
def test_whatever_comes_as_a_form_or_query_is_read_or_refused(raw: bytes) -> None:
    for read in (lambda: pairs(raw), lambda: strict_pairs(raw), lambda: form_of(FORM, raw), lambda: form_of(MULTI, b'--b\r\n' + raw)):
        try:
            read()
        except BadRequest as error:
            assert error.status in (400, 415)


@given(st.lists(st.text(max_size=60), max_size=5))
def test_whatever_comes_as_cookies_is_read(headers: list[str]) -> None:
    assert all(re.fullmatch(r'[A-Za-z0-9_-]{1,128}', value) for value in cookies(headers).values())


# --- cookies, signing in, redirects ------------------------------------------------------------------------------------

def test_cookies_are_for_us_alone() -> None:
    assert session_cookie('t', secure=True) == '__Host-mesa=t; Path=/; HttpOnly; SameSite=Lax; Secure'
    assert session_cookie('', secure=False, seconds=0) == 'mesa=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0'


def test_over_tls_only_the_cookie_counts_that_no_neighbour_can_set(desk: Office) -> None:
    token = desk.sessions['sara']
    assert desk.ask('GET', '/mi-cuenta', cookie=f'mesa={token}', x_forwarded_proto='https').status == 303
    assert desk.ask('GET', '/mi-cuenta', cookie=f'{SECURE_COOKIE}={token}', x_forwarded_proto='https').status == 200
    assert desk.ask('GET', '/mi-cuenta', cookie=f'{SECURE_COOKIE}={token}').status == 303


def sign_in(desk: Office, visitor: str, go: str = '', login: str = 'sara', **headers: str) -> Answer:
    body = f'csrf={csrf_of(visitor)}&login={login}&password={quote(PASSWORD)}&ir={quote(go)}'.encode()
    return desk.ask('POST', '/entrar', body, cookie=f'mesa={visitor}', content_type=FORM, **headers)


def session_in(answer: Answer) -> str:
    return answer.cookies[0].partition('=')[2].partition(';')[0]


def test_the_session_is_new_and_the_old_one_ends(desk: Office) -> None:
    visitor = new_token()
    token = session_in(sign_in(desk, visitor))
    assert token != visitor
    assert desk.accounts.session(visitor, desk.moment) is None
    again = session_in(sign_in(desk, token, login='ana'))
    assert again not in (token, visitor)
    assert desk.accounts.session(token, desk.moment) is None, 'somebody else sits at this browser now'
    person = desk.accounts.session(again, desk.moment)
    assert person is not None
    assert person.login == 'ana'


def test_signing_in_from_another_site_s_form_is_refused(desk: Office) -> None:
    visitor = new_token()
    for headers in ({'origin': 'https://evil.example'}, {'sec_fetch_site': 'cross-site'}, {'origin': 'null'}):
        assert sign_in(desk, visitor, **headers).status == 403
    assert sign_in(desk, visitor, origin='https://mesa.example', sec_fetch_site='same-origin').status == 303
    body = f'csrf={csrf_of("")}&login=sara&password={quote(PASSWORD)}'.encode()
    assert desk.ask('POST', '/entrar', body, content_type=FORM).status == 403, 'no cookie, no word'


@pytest.mark.parametrize('go', ['//evil.example', '/\\evil.example', 'https://evil.example', 'javascript:alert(1)', '\\/evil.example', '',
                                '/\t/evil.example', 'evil.example', '/entrar?ir=//evil.example', '/a\r\nSet-Cookie: x=y'])
def test_nobody_is_led_elsewhere(desk: Office, go: str) -> None:
    answer = sign_in(desk, new_token(), go)
    location = dict(answer.headers)['Location']
    assert answer.status == 303
    assert re.fullmatch(r'/(?![/\\])[^\r\n\t]*', location)
    assert 'evil' not in location.partition('/')[0]


def test_one_is_led_back_to_where_one_was(desk: Office) -> None:
    asked = dict(desk.ask('GET', '/folios/22857141').headers)['Location']
    assert asked == '/entrar?ir=/folios/22857141'
    assert dict(sign_in(desk, new_token(), unquote(asked.partition('=')[2])).headers)['Location'] == '/folios/22857141'
    with pytest.raises(AssertionError):
        see_other('//evil.example')


# --- files -------------------------------------------------------------------------------------------------------------

@given(st.text(max_size=300))
def test_a_file_name_ends_no_header(title: str) -> None:
    told = dict(download(b'', 'text/plain', title).headers)['Content-Disposition']
    assert re.fullmatch(r"attachment; filename=\"[A-Za-z0-9._-]+\"; filename\*=UTF-8''[A-Za-z0-9._~%-]*", told)


# --- programs ----------------------------------------------------------------------------------------------------------

@given(st.lists(st.floats(0, 5), max_size=200))
def test_nobody_asks_more_often_than_he_may(pauses: list[float]) -> None:
    now = 0.0
    rates = Rates(60, lambda: now)
    allowed = []
    for pause in pauses:
        now += pause
        if not rates.wait_s('crm'):
            allowed.append(now)
    assert all(len([one for one in allowed if since <= one < since + 60]) <= 121 for since in allowed)
    wait = rates.wait_s('crm')
    now += wait
    assert not wait or not rates.wait_s('crm'), 'who waits as long as he was told is served'


# --- over a socket -----------------------------------------------------------------------------------------------------

def say(port: int, raw: bytes) -> bytes:
    with socket.create_connection(('127.0.0.1', port), timeout=DEADLINE_S) as line:
        line.sendall(raw)
        line.settimeout(DEADLINE_S)
        told = b''
        try:
            while data := line.recv(65_536):
                told += data
        except ConnectionResetError:
            pass
        return told


def test_what_a_socket_may_say(desk: Office) -> None:
    head = b'POST /entrar HTTP/1.1\r\nHost: x\r\nConnection: close\r\n'
    with served(desk) as port:
        for raw, wanted in (
                (b'GET /entrar HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', b'HTTP/1.1 200'),
                (b'GET /%ff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', b'HTTP/1.1 404'),
                (head + b'Content-Length: 999999999\r\n\r\n', b'HTTP/1.1 413'),
                (head + b'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n', b'HTTP/1.1 411'),
                (head + b'Content-Length: -5\r\n\r\n', b'HTTP/1.1 400'),
                (head + b'Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello', b'HTTP/1.1 400'),
                (b'GET / HTTP/1.1\r\n' + b'X: y\r\n' * 200 + b'\r\n', b'HTTP/1.1 400'),
                (b'GET / HTTP/1.1\r\nX: ' + b'y' * 20_000 + b'\r\n\r\n', b''),        # Twisted hangs up without a word
                (b'POST /api/v1/folios HTTP/1.1\r\nHost: x\r\nContent-Length: 999999\r\n\r\n', b'application/problem+json')):
            assert wanted in say(port, raw)[:4000], raw[:80]
        forwarded = b'GET /entrar HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: \xff\xfe, 198.51.100.9\r\nConnection: close\r\n\r\n'
        assert say(port, forwarded).startswith(b'HTTP/1.1 200')


def test_a_head_is_a_get_without_its_body(desk: Office) -> None:
    with served(desk) as port:
        lengths = []
        for method in ('GET', 'HEAD'):
            connection = http.client.HTTPConnection('127.0.0.1', port, timeout=DEADLINE_S)
            connection.request(method, '/static/desk.css')
            answer = connection.getresponse()
            lengths.append((answer.status, answer.headers['Content-Length'], answer.headers['ETag'], bool(answer.read())))
            connection.close()
    assert lengths[0][:3] == lengths[1][:3]
    assert [has_body for *_, has_body in lengths] == [True, False]


def test_a_byte_a_second_does_not_hold_a_connection(desk: Office) -> None:
    with served(desk) as port, socket.create_connection(('127.0.0.1', port), timeout=DEADLINE_S) as line:
        begun = time.monotonic()
        line.settimeout(1)
        for letter in b'GET /entrar HTTP/1.1\r\nHost: ' + b'x' * 200:
            try:
                line.sendall(bytes([letter]))
                if line.recv(100) == b'':
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        assert time.monotonic() - begun < 40, 'twenty seconds are for a whole request, however slowly it comes'


def test_a_long_body_is_taken_from_somebody_we_know_alone() -> None:
    seen = SeenSessions()
    seen.add('known')
    assert seen.knows(['mesa=known']) and seen.knows(['a=b; __Host-mesa=known'])
    for others in ([], ['mesa=other'], ['other=known'], ['mesa=']):
        assert not seen.knows(others)
    for number in range(REMEMBERED):
        seen.add(f'later{number}')
    assert not seen.knows(['mesa=known']) and seen.knows([f'mesa=later{REMEMBERED - 1}'])
