"""A walk over all routes of the desk as everybody: who may, who may not, and what nobody ever gets.

A route that joins the table is walked without a line here, but for the words of its path (WORDS), a body (BODIES) of a call of the API,
and a query without which it answers nothing (QUERIES).
"""
from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import select, text

from desk.accounts.passwords import csrf_of, new_token
from desk.accounts.values import Role
from desk.routes import ROUTES
from desk.web.frame import Answer, Route
from desk.web.server import HEADERS
from storage.engine import Database
from storage.tables import metadata
from tests import lives
from tests.desk_office import FORM, OTHER_LINE, RUNNABLE, TOKENS, WHO, XSS, Office, office, served

# Words of paths: {word} -> (of acme, of globex, of nobody). By route where a word means different things.
WORDS: dict[str, tuple[str, str, str]] = {
    'linkedid': ('mesa-0.1', 'mesa-1.1', 'mesa-9.9'), 'client': ('acme', 'globex', 'nadie'), 'calendar': ('week',) * 3,
    'year': ('2026',) * 3, 'file_id': ('1', '2', '999'), 'action': ('nota',) * 3,
    'month': ('2026-10', '2026-09', '2020-01'), 'format': ('json',) * 3, 'reference': ('M00000001', 'M00000002', 'M99999999')}
LINES = (lives.STANDARD, OTHER_LINE, '+528005559999')
BODIES: dict[str, dict[str, Any]] = {
    '/api/v1/folios': {'client': 'acme', 'summary': 'No imprime', 'employee_number': '1234'}, 'assign': {'group': 'redes'},
    'wait': {'waiting_for': 'user', 'reason': 'falta algo'}, 'update': {'text': 'vamos'}, 'note': {'text': 'nota'},
    'describe': {'summary': 'otra cosa'}, 'categorise': {'category': 'mail'},
    'prioritise': {'impact': 'low', 'urgency': 'low', 'reason': 'así es'}, 'resolve': {'solution': 'listo'}, 'reopen': {'reason': 'no'},
    'cancel': {'reason': 'no'}, 'merge': {'into': '99999999'}}
QUERIES = {'/api/v1/search': 'q=script', '/api/v1/clients/{client}/users': 'employee_number=1234'}
# Where the walk's empty form is an old password that is wrong.
ASKS_PASSWORD = ('/entrar', '/mi-cuenta/contrasena', '/mi-cuenta/codigos')
# What is there for a role may still be refused by a rule, or by the form that the walk leaves empty; never are these a 401, 403 or 500.
SERVED = frozenset({200, 201, 204, 302, 303, 304, 400, 404, 409, 413, 415, 422, 429, 503})
UNKNOWN = '99999999'
PAGES = tuple(route for route in ROUTES if not route.is_api)
POSTS = tuple(route for route in PAGES if route.method != 'GET')


@pytest.fixture
def desk(db: Database, tmp_path: Path) -> Iterator[Office]:
    yield office(db, tmp_path)


@pytest.fixture
def quick(migrated_file: Path, tmp_path: Path) -> Iterator[Office]:
    """On SQLite alone: what the frame does is the same with either."""
    file = tmp_path / 'mesa.db'
    file.write_bytes(migrated_file.read_bytes())
    yield office(Database(f'sqlite:///{file}', patience_s=20), tmp_path)


def words_of(desk: Office, route: Route) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """The words of a path for something of acme, of globex, and of nobody."""
    names = [part[1:-1] for part in route.path.split('/') if part.startswith('{')]
    known = WORDS | {'number': LINES if '/line' in route.path else (desk.mine, desk.others, UNKNOWN)}
    missing = [name for name in names if name not in known]
    assert not missing, (f'{route.method} {route.path}: say in WORDS of tests/test_desk_routes.py what {{{missing[0]}}} is for something '
                         'of acme, of globex, and of nobody, and put the things into tests/desk_office.py')
    mine, others, nobody = ({name: known[name][n] for name in names} for n in range(3))
    return mine, others, nobody


def target(route: Route, words: dict[str, str]) -> str:
    path = route.path
    for name, word in words.items():
        path = path.replace(f'{{{name}}}', word)
    query = QUERIES.get(route.path, '')
    return f'{path}?{query}' if query else path


def walk(desk: Office, route: Route, words: dict[str, str], who: str) -> Any:
    """Ask as somebody, with all that the frame wants: the right word of CSRF, or a body that the model takes."""
    if route.method == 'GET':
        return desk.ask('GET', target(route, words), b'', who)
    if route.is_api:
        name = route.path if route.path in BODIES else route.path.rpartition('/')[2]
        needed = route.takes is not None and {field for field, told in route.takes.model_fields.items() if told.is_required()} - {'version'}
        assert not needed or name in BODIES, f'{route.method} {route.path}: say in BODIES of tests/test_desk_routes.py what it takes'
        version = {'version': 0} if 'version' in route.takes.model_fields else {}
        body = json.dumps({**version, **BODIES.get(name, {})}).encode()
        return desk.ask(route.method, target(route, words), body, who, content_type='application/json', idempotency_key=f'{who}-{name}')
    csrf = csrf_of(desk.sessions[who]) if who in desk.sessions else ''
    return desk.ask(route.method, target(route, words), urlencode({'csrf': csrf}).encode(), who, content_type=FORM)


def status(answer: Any) -> int:
    """What a streaming route wants the reactor to do is served."""
    return answer.status if isinstance(answer, Answer) else 200


def may(route: Route, role: Role | None) -> bool:
    return not route.roles or (role is not None and role in route.roles)


def books(desk: Office) -> dict[str, Any]:
    """Everything that is stored, but for what says that somebody was here."""
    with desk.db.read() as connection:
        return {name: connection.execute(select(table)).all() for name, table in metadata.tables.items()
                if name not in ('desk_sessions', 'api_tokens')}


def test_the_table_says_who_may(desk: Office) -> None:
    for route in ROUTES:
        mine, _, _ = words_of(desk, route)
        everybody: list[tuple[str, Role | None]] = [('', None)]
        everybody += [(name, role) for name, (role, client) in (TOKENS if route.is_api else WHO).items() if client != 'globex']
        for who, role in everybody:
            if route.path == '/salir':
                continue                               # walked below: it would end everybody's session
            got = status(walk(desk, route, mine, who))
            if may(route, role):
                allowed = SERVED | ({403} if route.path in ASKS_PASSWORD else set())
                assert got in allowed, f'{route.method} {route.path} as {who or "nobody"}: {got}'
            elif role is None:
                assert got == 401 if route.is_api or route.method != 'GET' or route.streams else got == 303, f'{route.path}: {got}'
            else:
                assert got == 403, f'{route.method} {route.path} as {who}: {got}, though only {sorted(route.roles)} may'


def test_a_session_and_a_token_are_not_exchanged(quick: Office) -> None:
    token = f'Bearer {quick.tokens["supervisor-crm"]}'
    cookie = f'mesa={quick.sessions["sara"]}'
    for route in ROUTES:
        if route.roles and route.method == 'GET':
            path = target(route, words_of(quick, route)[0])
            answer = quick.ask('GET', path, cookie=cookie) if route.is_api else quick.ask('GET', path, authorization=token)
            assert status(answer) == (401 if route.is_api or route.streams else 303), route.path


def test_another_client_s_things_answer_byte_for_byte_like_unknown_ones(desk: Office) -> None:
    walked = 0
    for route in ROUTES:
        mine, others, nobody = words_of(desk, route)
        if not mine:
            continue
        known = TOKENS if route.is_api else WHO
        strangers = [name for name, (role, client) in known.items() if client is not None and role in route.roles]
        for who in strangers:
            theirs = others if (TOKENS | WHO)[who][1] == 'acme' else mine
            hidden, unknown = walk(desk, route, theirs, who), walk(desk, route, nobody, who)
            assert status(hidden) == status(unknown) == 404, f'{route.method} {route.path} as {who}: {status(hidden)}, {status(unknown)}'
            assert blank(hidden, theirs) == blank(unknown, nobody), f'{route.method} {route.path} as {who} tells them apart'
            walked += 1
    assert walked > 10


def test_a_complaint_is_not_there_for_whom_it_is_about(desk: Office) -> None:
    walked = 0
    for route in ROUTES:
        mine, _, nobody = words_of(desk, route)
        if mine.get('number') != desk.mine or Role.AGENT not in route.roles:
            continue
        about, who = mine | {'number': desk.complaint}, 'agent-crm' if route.is_api else 'ana'
        hidden, unknown = walk(desk, route, about, who), walk(desk, route, nobody, who)
        assert status(hidden) == status(unknown) == 404, f'{route.method} {route.path}: {status(hidden)}, {status(unknown)}'
        assert blank(hidden, about) == blank(unknown, nobody), f'{route.method} {route.path} tells them apart'
        walked += 1
    assert walked > 10


def blank(answer: Answer, words: dict[str, str]) -> tuple[Any, ...]:
    """An answer without the words that were asked for, which it may repeat."""
    body = answer.body
    for word in words.values():
        body = body.replace(word.encode(), b'') if len(word) > 3 else body
    return answer.status, body, answer.content_type, answer.headers, answer.cookies


def test_a_form_without_the_right_word_changes_nothing(desk: Office) -> None:
    before = books(desk)
    walked = 0
    for route in POSTS:
        mine, _, _ = words_of(desk, route)
        for who, (role, client) in WHO.items():
            if client == 'globex' or not may(route, role):
                continue
            right = csrf_of(desk.sessions[who])
            for fields in ({}, {'csrf': ''}, {'csrf': 'x'}, {'csrf': csrf_of(desk.sessions['gil'])}, {'csrf': f'{right}0'},
                           {'CSRF': right}):
                answer = desk.ask(route.method, target(route, mine), urlencode(fields).encode(), who, content_type=FORM)
                assert status(answer) == 403, f'{route.method} {route.path} as {who} with {fields}'
            for headers in ({'origin': 'https://elsewhere.example'}, {'sec_fetch_site': 'cross-site'}, {'sec_fetch_site': 'same-site'},
                            {'origin': 'https://mesa.example.elsewhere.example'}, {'origin': 'null'}):
                answer = desk.ask(route.method, target(route, mine), urlencode({'csrf': right}).encode(), who, content_type=FORM, **headers)
                assert status(answer) == 403, f'{route.method} {route.path} as {who} from {headers}'
            walked += 1
    assert books(desk) == before
    assert walked > 8


def test_what_callers_call_themselves_runs_nowhere(desk: Office) -> None:
    desk.life.update(desk.mine, text=XSS, by='ana', now=desk.now)
    shown = 0
    for route in PAGES:
        mine, others, _ = words_of(desk, route)
        for who in ('', *WHO):
            if route.path == '/salir':
                continue
            for words in {tuple(mine.items()), tuple(others.items())}:
                answer = walk(desk, route, dict(words), who)
                if isinstance(answer, Answer) and answer.content_type.startswith('text/html') and answer.body:
                    assert not RUNNABLE.search(answer.body), f'{route.method} {route.path} as {who or "nobody"}'
                    assert b'style="' not in answer.body, f'{route.path}: a style attribute, which the policy forbids'
                    assert b'<script>' not in answer.body
                    shown += b'&lt;script&gt;' in answer.body
    assert shown > 3, 'the names are shown nowhere, so nothing was tested'


def test_every_answer_has_the_policy(quick: Office) -> None:
    with served(quick) as port:
        for route in ROUTES:
            if route.streams:
                continue
            for who in ('', 'supervisor-crm' if route.is_api else 'sara'):
                connection = http.client.HTTPConnection('127.0.0.1', port, timeout=20)
                headers = {'Authorization': f'Bearer {quick.tokens[who]}'} if who in quick.tokens else (
                    {'Cookie': f'mesa={quick.sessions[who]}'} if who else {})
                connection.request(route.method, target(route, words_of(quick, route)[0]), headers=headers)
                answer = connection.getresponse()
                answer.read()
                connection.close()
                for name, value in HEADERS:
                    assert answer.headers[name] == value, f'{route.method} {route.path} as {who or "nobody"}: {name}'
                assert 'Server' not in answer.headers


def test_signing_out_ends_the_session(desk: Office) -> None:
    assert status(desk.post('/salir', 'ana')) == 303
    assert desk.ask('GET', '/mi-cuenta', who='ana').status == 303
    assert desk.ask('GET', '/mi-cuenta', who='sara').status == 200


def test_an_invented_session_is_nobody(quick: Office) -> None:
    for token in ('', 'x', new_token(), quick.sessions['ana'][:-1], "' OR 1=1 --"):
        quick.sessions['invented'] = token
        assert quick.ask('GET', '/mi-cuenta', who='invented').status == 303


def test_a_route_without_sample_words_is_noticed(quick: Office) -> None:
    route = Route('GET', '/algo/{cosa}', lambda desk, visit: Answer(200), frozenset(), 'Something new.')
    with pytest.raises(AssertionError, match=r'say in WORDS of tests/test_desk_routes.py what {cosa} is'):
        words_of(quick, route)
    with quick.db.read() as connection:
        assert connection.scalar(text('SELECT count(*) FROM folios')) == 3
