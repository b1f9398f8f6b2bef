"""The JSON API: what programs of each kind see and do, on both databases; a few calls over a real socket."""
from __future__ import annotations

import hashlib
import http.client
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from callcenter.folio_view import facts_of
from desk.accounts.values import Role
from desk.api.models import EntryGiven, FolioGiven, StatementShown
from desk.web.gate import Raw
from desk.web.rates import Rates
from storage.engine import Database
from tests import lives
from tests.desk_office import NOW, OTHER_LINE, XSS, Office, office, served
from tests.kept_statements import keep, small
from ticketing.tables import folios, openings_asked

UNKNOWN = '99999999'
NEW = {'client': 'acme', 'summary': 'No imprime', 'employee_number': '1234'}


@pytest.fixture
def desk(db: Database, tmp_path: Path) -> Iterator[Office]:
    yield office(db, tmp_path)


def numbers(answer: Any) -> list[str]:
    return [item['number'] for item in answer['items']]


def opened(desk: Office, key: str = 'k', who: str = 'agent-crm', **more: Any) -> tuple[int, Any]:
    return desk.call('POST', '/folios', who, {**NEW, **more}, idempotency_key=key)


def many(desk: Office) -> int:
    with desk.db.read() as connection:
        return connection.scalar(select(func.count()).select_from(folios)) or 0


def test_a_folio_has_the_names_of_the_command_line(desk: Office) -> None:
    folio = desk.desk.folios.get(desk.mine)
    assert folio is not None
    assert set(FolioGiven.model_fields) == set(facts_of(folio))
    status, told = desk.call('GET', f'/folios/{desk.mine}', 'supervisor-crm')
    assert status == 200
    assert {name: value for name, value in told.items() if name not in ('timeline', 'clock_starts', 'opened_at', 'promised',
                                                                        'respond_due', 'next_look')} == {
        name: value for name, value in facts_of(folio).items() if name not in ('clock_starts', 'opened_at', 'promised', 'respond_due',
                                                                               'next_look')}
    assert told['opened_at'] == '2026-11-24T16:00:00Z'
    assert [set(entry) for entry in told['timeline']] == [set(EntryGiven.model_fields)] * 2
    assert told['timeline'][1]['text'] == lives.Desk(desk.db).book.timeline(desk.mine)[1].text


SEEN = (
    ('agent-crm', ['others', 'mine']), ('supervisor-crm', ['complaint', 'others', 'mine']), ('admin-crm', ['complaint', 'others', 'mine']),
    ('acme-agent-crm', ['mine']), ('globex-agent-crm', ['others']), ('acme-crm', ['complaint', 'mine']), ('globex-crm', ['others']))


def test_each_program_sees_its_own_and_nothing_else(desk: Office) -> None:
    ours = {name: getattr(desk, name) for name in ('mine', 'others', 'complaint')}
    for who, wanted in SEEN:
        assert numbers(desk.call('GET', '/folios', who)[1]) == [ours[name] for name in wanted], who
        for name, number in ours.items():
            assert desk.call('GET', f'/folios/{number}', who)[0] == (200 if name in wanted else 404)
        found = desk.call('GET', '/search?q=script', who)[1]['items'] + desk.call('GET', f'/search?q={desk.mine}', who)[1]['items']
        assert {item['folio']['number'] for item in found} == {ours[name] for name in wanted if name != 'complaint'}, who


def test_another_client_s_things_answer_byte_for_byte_like_unknown_ones(desk: Office) -> None:
    def raw(method: str, path: str, who: str, body: bytes = b'') -> bytes:
        answer = desk.ask(method, f'/api/v1{path}', body, who, content_type='application/json')
        assert answer.status == 404
        return answer.body
    body = json.dumps({'version': 0, 'reason': 'no', 'text': 'no'}).encode()
    for who in ('globex-agent-crm', 'globex-crm'):
        assert raw('GET', f'/folios/{desk.mine}', who) == raw('GET', f'/folios/{UNKNOWN}', who)
        assert raw('POST', f'/folios/{desk.mine}/reopen', who, body) == raw('POST', f'/folios/{UNKNOWN}/reopen', who, body)
        assert raw('GET', f'/lines/{lives.STANDARD}', who) == raw('GET', '/lines/+528005559999', who)
    who = 'globex-agent-crm'
    assert raw('GET', '/calls/mesa-0.1', who) == raw('GET', '/calls/mesa-9.9', who)
    assert raw('GET', '/clients/acme/users?employee_number=1234', who) == raw('GET', '/clients/nadie/users?employee_number=1234', who)
    assert raw('GET', '/clients/globex/users?employee_number=1234', who) == raw('GET', '/clients/nadie/users?employee_number=77', who)
    for into in (desk.mine, UNKNOWN):
        status, told = desk.call('POST', f'/folios/{desk.others}/merge', who, {'version': desk.version(desk.others), 'into': into})
        assert (status, told['detail']) == (422, f'there is no folio {into} to merge into')
    assert desk.call('GET', '/folios?client=acme', who) == desk.call('GET', '/folios?client=nadie', who)
    for client in ('acme', 'nadie'):
        status, told = opened(desk, client, who, client=client)
        assert (status, told['detail']) == (422, f'there is no client {client}')


def test_a_contact_reads_what_the_client_may_and_no_more(desk: Office) -> None:
    desk.life.describe(desk.mine, diagnosis='el usuario no sabe', by='sara', now=NOW)
    desk.life.update(desk.mine, text='vamos en camino', by='sara', now=NOW)
    told = desk.call('GET', f'/folios/{desk.mine}', 'acme-crm')[1]
    assert (told['diagnosis'], told['rule'], told['next_look'], told['complained_of']) == (None,) * 4
    assert [entry['text'] for entry in told['timeline']] == ['vamos en camino']
    assert desk.call('GET', f'/folios/{desk.mine}', 'agent-crm')[1]['diagnosis'] == 'el usuario no sabe'
    for move in ('assign', 'start', 'update', 'note', 'resolve', 'cancel', 'merge'):
        assert desk.call('POST', f'/folios/{desk.mine}/{move}', 'acme-crm', {'version': desk.version(desk.mine)})[0] == 403
    assert opened(desk, who='acme-crm')[0] == 403


def test_a_contact_confirms_and_refuses_in_his_own_name(desk: Office) -> None:
    desk.life.resolve(desk.mine, solution='se cambió', by='ana', now=NOW)
    refused = {'version': desk.version(desk.mine), 'reason': 'sigue igual'}
    status, told = desk.call('POST', f'/folios/{desk.mine}/reopen', 'acme-crm', refused)
    assert (status, told['state'], told['reopens']) == (200, 'assigned', 1)
    desk.life.resolve(desk.mine, solution='se cambió de nuevo', by='ana', now=NOW)
    version = desk.version(desk.mine)
    status, told = desk.call('POST', f'/folios/{desk.mine}/confirm', 'acme-crm', {'version': version, 'score': 5, 'party': 'user'})
    assert (status, told['state'], told['score']) == (200, 'closed_verified', 5)
    entry = next(entry for entry in desk.desk.folios.timeline(desk.mine) if 'confirmó' in entry.text)
    assert (entry.by, entry.text) == ('acme-crm', 'el contacto del cliente confirmó a través de la mesa; queda cerrado')


# --- statements ---------------------------------------------------------------------------------------------------------

STATEMENTS = {
    'supervisor-crm': [('acme', '2026-10'), ('globex', '2026-09')], 'admin-crm': [('acme', '2026-10'), ('globex', '2026-09')],
    'acme-lead-crm': [('acme', '2026-10')], 'acme-crm': [('acme', '2026-10')], 'globex-crm': [('globex', '2026-09')]}


def test_each_program_sees_the_statements_of_its_own_client(desk: Office) -> None:
    for who, wanted in STATEMENTS.items():
        status, told = desk.call('GET', '/statements', who)
        assert (status, [(item['client'], item['month']) for item in told['items']], told['next']) == (200, wanted, None), who
        for client, month in STATEMENTS['supervisor-crm']:
            assert desk.call('GET', f'/statements/{client}/{month}', who)[0] == (200 if (client, month) in wanted else 404), who
    for who in ('agent-crm', 'acme-agent-crm'):
        assert desk.call('GET', '/statements', who)[0] == desk.call('GET', '/statements/acme/2026-10', who)[0] == 403
    assert desk.call('GET', '/statements?client=globex', 'acme-crm') == desk.call('GET', '/statements?client=nadie', 'acme-crm')
    assert [item['client'] for item in desk.call('GET', '/statements?client=globex', 'admin-crm')[1]['items']] == ['globex']


def test_a_statement_is_given_exactly_as_it_was_issued(desk: Office) -> None:
    item = desk.call('GET', '/statements', 'acme-crm')[1]['items'][0]
    answer = desk.ask('GET', '/api/v1/statements/acme/2026-10', who='acme-crm')
    assert hashlib.sha256(answer.body).hexdigest() == item['sha256']
    assert answer.content_type.startswith('application/json')
    told = StatementShown.model_validate_json(answer.body)
    assert told.statement.total == item['total']
    assert Decimal(item['total']) == small('acme', '2026-10').total
    assert (item['issued_at'], item['issued_by']) == ('2026-11-03T16:00:00Z', 'sara <i>')


def test_what_was_not_issued_answers_like_what_is_another_client_s(desk: Office) -> None:
    answers = {desk.ask('GET', f'/api/v1/statements/{path}', who='acme-crm').body for path in (
        'globex/2026-09', 'acme/2026-09', 'acme/2026-11', 'nadie/2026-10', 'acme/x', 'acme/9999-12',
        'acme/99999999999999999999-1', 'ñ/2026-1')}
    assert len(answers) == 1
    assert json.loads(answers.pop())['status'] == 404


def test_a_damaged_statement_is_given_to_no_program(desk: Office) -> None:
    keep(desk.db, 'acme', '2026-08', sha256='0' * 64)
    answer = desk.gate.answer(Raw('GET', '/api/v1/statements/acme/2026-08', b'', {
        'authorization': (f'Bearer {desk.tokens["acme-crm"]}',), 'host': ('x',)}, b'', '198.51.100.7'))
    assert answer.status == 500


def test_statements_go_by_pages(desk: Office) -> None:
    for month in ('2026-09', '2026-08'):
        keep(desk.db, 'acme', month)
    seen, query = [], '?limit=1'
    for _ in range(5):
        told = desk.call('GET', f'/statements{query}', 'admin-crm')[1]
        seen += [(item['month'], item['client']) for item in told['items']]
        if told['next'] is None:
            break
        query = f'?limit=1&cursor={told["next"]}'
    assert seen == [('2026-10', 'acme'), ('2026-09', 'acme'), ('2026-09', 'globex'), ('2026-08', 'acme')]
    for bad in ('x', 'AAAA', 'MjAyNi0xMA'):
        assert desk.call('GET', f'/statements?cursor={bad}', 'admin-crm')[0] == 422


def test_a_whole_life(desk: Office) -> None:
    status, told = opened(desk, kind='request', impact='high', urgency='high', category='mail', description='dos\nrenglones')
    number, version = told['number'], told['version']
    assert (status, told['state'], told['priority'], told['description']) == (201, 'new', 'high', 'dos\nrenglones')
    for move, body, state in (
            ('assign', {'group': 'redes', 'reason': 'es de red'}, 'assigned'), ('acknowledge', {}, 'assigned'),
            ('start', {}, 'in_progress'),
            ('wait', {'waiting_for': 'user', 'reason': 'falta el equipo'}, 'waiting'), ('resume', {}, 'in_progress'),
            ('update', {'text': 'vamos en camino'}, 'in_progress'), ('describe', {'summary': 'No imprime nada'}, 'in_progress'),
            ('categorise', {'category': 'mail'}, 'in_progress'),
            ('prioritise', {'impact': 'low', 'urgency': 'low', 'reason': 'hay otra'}, 'in_progress'),
            ('resolve', {'solution': 'se cambió el tóner', 'diagnosis': 'vacío'}, 'resolved'), ('reopen', {'reason': 'no'}, 'assigned'),
            ('cancel', {'reason': 'ya no hace falta'}, 'cancelled')):
        status, told = desk.call('POST', f'/folios/{number}/{move}', 'agent-crm', {'version': version, **body})
        assert (status, told['state'], told['version'] > version) == (200, state, True), move
        version = told['version']
    assert desk.call('POST', f'/folios/{number}/note', 'agent-crm', {'text': 'sin versión'})[1]['version'] == version
    told = desk.call('GET', f'/folios/{number}', 'agent-crm')[1]
    assert {entry['by'] for entry in told['timeline']} == {'agent-crm', 'person'}
    assert told['timeline'][-1]['text'] == 'sin versión'


def test_who_comes_second_is_told_what_to_look_at(desk: Office) -> None:
    desk.life.start(desk.mine, by='ana', now=NOW)
    status, told = desk.call('POST', f'/folios/{desk.mine}/cancel', 'agent-crm', {'version': 0, 'reason': 'no'})
    assert (status, told['status'], told['title'], told['version']) == (409, 409, 'Conflict', 1)
    assert 'ana changed it last' in told['detail']
    assert desk.desk.folios.get(desk.mine).state == 'in_progress'  # type: ignore[union-attr]


def test_the_state_and_the_rules_refuse_by_name(desk: Office) -> None:
    status, told = desk.call('POST', f'/folios/{desk.mine}/resume', 'agent-crm', {'version': 0})
    assert status == 409
    assert 'resume' in told['detail']
    for move, body in (('assign', {'agent': 'nadie'}), ('assign', {}), ('assign', {'agent': 'ana', 'group': 'redes'}),
                       ('describe', {}), ('categorise', {'category': 'nada'}), ('merge', {'into': desk.mine})):
        assert desk.call('POST', f'/folios/{desk.mine}/{move}', 'agent-crm', {'version': 0, **body})[0] == 422, (move, body)
    for wrong in ({'client': 'nadie'}, {'employee_number': '9'}, {'employee_number': None}, {'category': 'nada'}, {'line': OTHER_LINE},
                  {'line': '+528005550301'}, {'application': 'nada'}, {'complained_of': 'ana'},
                  {'kind': 'complaint', 'complained_of': 'zzz'}):
        assert opened(desk, 'k', **wrong)[0] == 422, wrong
    assert desk.version(desk.mine) == 0


NO_REQUESTS = (
    (b'', 400), (b'[]', 400), (b'{', 400), (b'null', 400), (b'{"version":"0"}', 400), (b'{"version":0.5}', 400), (b'{"version":-1}', 400),
    (b'{"version":99999999999999999999}', 400), (b'{"version":true}', 400), (b'{"version":0,"beside":1}', 400), (b'\xff\xfe', 400),
    (b'{"version":0,"reason":""}', 400), (b'{"version":0,"reason":"\\ud800"}', 400), (b'{"version":0,"reason":"a\\u0000b"}', 400),
    (b'{"version":0,"reason":"  \\u0007"}', 422), (b'[' * 60_000, 400), (b'{"version":0,"reason":"' + b'x' * 20_000 + b'"}', 400),
    (b'x' * 70_000, 413))


def test_what_is_no_request(desk: Office) -> None:
    for body, status in NO_REQUESTS:
        answer = desk.ask('POST', f'/api/v1/folios/{desk.mine}/cancel', body, 'agent-crm', content_type='application/json; charset=utf-8')
        assert (answer.status, answer.content_type) == (status, 'application/problem+json'), body
        assert json.loads(answer.body)['status'] == status
    for kind in ('', 'text/plain', 'application/x-www-form-urlencoded', 'application/jsonx'):
        assert desk.ask('POST', f'/api/v1/folios/{desk.mine}/cancel', b'{}', 'agent-crm', content_type=kind).status == 415
    assert desk.version(desk.mine) == 0


NO_QUERIES = (
    'limit=0', 'limit=201', 'limit=1.0', 'limit=', 'limit=+5', 'limit=05', 'limit=%D9%A5', 'limit=5&limit=6', 'state=lost', 'beside=1',
    'updated_since=yesterday', 'updated_since=5', 'updated_since=2026-11-24', 'updated_since=2026-13-24T00:00:00Z',
    'updated_since=2026-11-24T00:00:00', 'client=a%00b', 'client=a%0ab', 'client=%ff', 'agent=a%20b', 'cursor=%20', 'x', '&&', '=%C3%28')


def test_what_is_no_query(desk: Office) -> None:
    for query in NO_QUERIES:
        assert desk.call('GET', f'/folios?{query}', 'agent-crm')[0] == 400, query


NO_CURSORS = (
    ('/folios', 'abc'), ('/folios', '1-'), ('/search?q=x', '5'), ('/calls', 'abc'), ('/calls', 'AAAA'), ('/calls', 'MTIz'), ('/faxes', 'x'),
    ('/faxes', '9' * 40))


def test_a_cursor_of_nobody_is_refused(desk: Office) -> None:
    for path, cursor in NO_CURSORS:
        assert desk.call('GET', f'{path}{"&" if "?" in path else "?"}cursor={cursor}', 'agent-crm')[0] == 422, (path, cursor)


def test_pages_neither_repeat_nor_skip(desk: Office) -> None:
    for n in range(5):
        desk.life.open(lives.report(clock_starts=NOW), NOW + timedelta(seconds=n % 2))
    whole = numbers(desk.call('GET', '/folios?limit=200', 'supervisor-crm')[1])
    paged, cursor = [], ''
    while True:
        page = desk.call('GET', f'/folios?limit=3{cursor}', 'supervisor-crm')[1]
        paged += numbers(page)
        if page['next'] is None:
            break
        desk.life.open(lives.report(clock_starts=NOW), NOW + timedelta(minutes=1))       # nobody is shifted by a new one
        cursor = f'&cursor={page["next"]}'
    assert (len(whole), paged) == (8, whole)
    for path in ('/calls', '/faxes'):
        first = desk.call('GET', f'{path}?limit=1', 'agent-crm')[1]
        second = desk.call('GET', f'{path}?limit=1&cursor={first["next"]}', 'agent-crm')[1]
        assert first['items'] + second['items'] == desk.call('GET', path, 'agent-crm')[1]['items']
        assert second['next'] is None


def test_filters(desk: Office) -> None:
    desk.life.assign(desk.mine, agent='beto', by='sara', now=NOW)
    desk.life.assign(desk.others, agent='ana', by='sara', now=NOW + timedelta(hours=1))
    for query, wanted in (('client=acme', [desk.mine]), ('state=assigned', [desk.others, desk.mine]), ('agent=beto', [desk.mine]),
                          ('group=redes', []), ('updated_since=2026-11-24T10:30:00-06:00', [desk.others]),
                          ('updated_since=9999-12-31T23:59:59-23:59', []), ('client=acme&state=new', []),
                          ('updated_since=0000-01-01T00:00:00Z&agent=ana', [desk.others])):
        assert numbers(desk.call('GET', f'/folios?{query.replace("+", "%2B")}', 'agent-crm')[1]) == wanted, query


def test_a_retry_opens_no_second_folio(desk: Office) -> None:
    before = many(desk)
    first = opened(desk, 'order-1')
    desk.life.start(first[1]['number'], by='ana', now=NOW)
    again = opened(desk, 'order-1')
    assert (first[0], again[0], first[1]['number'] == again[1]['number'], again[1]['state']) == (201, 200, True, 'in_progress')
    assert opened(desk, 'order-1', summary='otra cosa')[0] == 422
    assert opened(desk, 'order-1', who='supervisor-crm')[1]['number'] != first[1]['number'], "a key is its program's own"
    assert many(desk) == before + 2
    for key in ('', 'con espacio', 'x' * 129, 'ñ'):
        assert opened(desk, key)[0] == 400


def test_two_at_once_with_one_key_open_one_folio(desk: Office) -> None:
    answers: list[tuple[int, Any]] = []
    threads = [threading.Thread(target=lambda: answers.append(opened(desk, 'at-once'))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(status for status, _ in answers) == [200] * 5 + [201]
    assert len({told['number'] for _, told in answers}) == 1
    with desk.db.read() as connection:
        assert connection.scalar(select(func.count()).select_from(openings_asked)) == 1


def test_a_complaint_goes_to_a_supervisor_and_is_hidden_from_agents(desk: Office) -> None:
    status, told = opened(desk, kind='complaint', complained_of='ana')
    assert (status, told['agent']) == (201, 'sara')
    assert desk.call('GET', f'/folios/{told["number"]}', 'agent-crm')[0] == 404
    assert desk.call('GET', f'/folios/{told["number"]}', 'supervisor-crm')[0] == 200


def test_tokens_end(desk: Office) -> None:
    for header in ('', 'Bearer', 'Bearer x', 'Basic YTpi', f'Bearer {desk.tokens["agent-crm"]}x', 'Bearer ' + 'mesa_' + 'A' * 43):
        answer = desk.ask('GET', '/api/v1/me', authorization=header)
        assert (answer.status, dict(answer.headers)['WWW-Authenticate']) == (401, 'Bearer')
    cookie = f'mesa={desk.sessions["sara"]}'
    assert desk.ask('GET', '/api/v1/me', cookie=cookie).status == 401, 'a browser is no program: another site could use it'
    desk.tokens['brief'] = desk.accounts.add_token('brief', role=Role.AGENT, client=None, by='x', now=desk.moment,
                                                   expires_at=desk.moment + timedelta(days=1))
    assert desk.call('GET', '/me', 'brief') == (200, {'name': 'brief', 'role': 'agent', 'client': None})
    desk.moment += timedelta(days=1)
    assert desk.call('GET', '/me', 'brief')[0] == 401
    desk.accounts.revoke_token('agent-crm', by='x', now=desk.moment)
    assert desk.call('GET', '/me', 'agent-crm')[0] == 401


def test_a_program_that_asks_too_often_is_told_when_to_come_back(desk: Office) -> None:
    time = [0.0]
    desk.gate = replace(desk.gate, rates=Rates(60, lambda: time[0]))
    assert [desk.call('GET', '/me', 'agent-crm')[0] for _ in range(61)] == [200] * 60 + [429]
    answer = desk.ask('GET', '/api/v1/me', who='agent-crm')
    assert (answer.status, dict(answer.headers)['Retry-After']) == (429, '1')
    assert desk.call('GET', '/me', 'acme-crm')[0] == 200, 'each has its own'
    time[0] = 1.01
    assert [desk.call('GET', '/me', 'agent-crm')[0] for _ in range(2)] == [200, 429]


def test_users_lines_and_calls(desk: Office) -> None:
    user = {'client': 'acme', 'employee_number': '1234', 'name': 'José Ñúñez', 'email': 'jose@acme.example', 'phones': ['+525555550101'],
            'site': 'cdmx', 'vip': False}
    for query in ('employee_number=1234', 'phone=%2B525555550101'):
        assert desk.call('GET', f'/clients/acme/users?{query}', 'agent-crm') == (200, user)
    assert desk.call('GET', '/clients/acme/users', 'agent-crm')[0] == 422
    assert desk.call('GET', '/clients/globex/users?employee_number=77', 'globex-agent-crm')[1]['name'] == XSS
    line = desk.call('GET', f'/lines/{lives.STANDARD}', 'acme-crm')[1]
    assert (line['open'], line['reason'], line['changes_at']) == (True, 'hours', '2026-11-25T02:00:00Z')
    desk.now = NOW + timedelta(hours=12)
    assert desk.call('GET', f'/lines/{lives.STANDARD}', 'acme-crm')[1]['open'] is False
    assert desk.call('GET', '/calls/mesa-0.1', 'acme-agent-crm')[1]['folio'] == desk.mine
    assert [call['linkedid'] for call in desk.call('GET', f'/calls?folio={desk.others}', 'agent-crm')[1]['items']] == ['mesa-1.1']
    assert 'caller_name' not in desk.call('GET', '/faxes', 'agent-crm')[1]['items'][0]


def test_the_board_says_what_it_does_not_know(desk: Office) -> None:
    status, told = desk.call('GET', '/board', 'supervisor-crm')
    assert (status, told['fresh'], told['agents']) == (200, False, None)
    assert [(queue['name'], queue['waiting'], queue['agents']) for queue in told['queues']] == [('acme', None, None)]
    assert (told['faxes_held'], told['books_at']) == (2, '2026-11-24T16:00:00Z')
    assert desk.call('GET', '/board', 'agent-crm')[0] == 403


def test_over_a_socket(desk: Office) -> None:
    with served(desk) as port:
        def ask(method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, Any, bytes]:
            connection = http.client.HTTPConnection('127.0.0.1', port, timeout=20)
            connection.request(method, path, body, {name.replace('_', '-'): value for name, value in headers.items()})
            answer = connection.getresponse()
            told = answer.read()
            connection.close()
            return answer.status, answer.headers, told
        token = {'Authorization': f'Bearer {desk.tokens["agent-crm"]}'}
        status, headers, told = ask('GET', f'/api/v1/folios/{desk.mine}', **token)
        assert (status, json.loads(told)['user_name']) == (200, lives.Desk(desk.db).get(desk.mine).report.user_name)
        assert headers['Content-Type'] == 'application/json; charset=utf-8'
        assert headers['Cache-Control'] == 'no-store'
        status, headers, told = ask('HEAD', '/api/v1/folios', **token)
        assert (status, told, int(headers['Content-Length']) > 100) == (200, b'', True)
        status, headers, told = ask('POST', '/api/v1/folios', json.dumps(NEW), Content_Type='application/json', Idempotency_Key='a',
                                     **token)
        assert (status, headers['Location']) == (201, f'/api/v1/folios/{json.loads(told)["number"]}')
        status, headers, told = ask('DELETE', '/api/v1/folios', **token)
        assert (status, headers['Allow'], headers['Content-Type']) == (405, 'GET, HEAD, POST', 'application/problem+json')
        status, headers, told = ask('GET', '/api/v1/nothing', **token)
        assert (status, json.loads(told)['title']) == (404, 'Not Found')
        assert "default-src 'none'" in headers['Content-Security-Policy']
        assert ask('GET', '/api/v1/openapi.json')[0] == 200


def test_the_books_away(tmp_path: Path, migrated_file: Path) -> None:
    (tmp_path / 'mesa.db').write_bytes(migrated_file.read_bytes())
    desk = office(Database(f'sqlite:///{tmp_path / "mesa.db"}', patience_s=20), tmp_path)
    desk.gate = replace(desk.gate, accounts=replace_accounts(desk, tmp_path))
    answer = desk.ask('GET', '/api/v1/me', who='agent-crm')
    assert (answer.status, answer.content_type, dict(answer.headers)['Retry-After']) == (503, 'application/problem+json', '5')


def replace_accounts(desk: Office, folder: Path) -> Any:
    """Accounts in a database that cannot be opened."""
    return type(desk.accounts)(Database(f'sqlite:///{folder / "gone" / "mesa.db"}', patience_s=0.2))
