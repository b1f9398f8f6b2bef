"""Letters: what every template says, that nobody's text becomes a header or a tag, and threads that mail programs follow."""
from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import check_mail
from config.load import load
from config.values import Contact, MailSettings, Site
from tests.site_copies import EXAMPLE
from ticketing.mail.letter_samples import NUMBER, OF_THE_CONTRACT, broken_templates, sample
from ticketing.mail.letter_texts import NOTICES, OWN_FILTERS
from ticketing.mail.letters import POSSIBLE_DUPLICATE, LetterError, is_address, letter, new_message_id
from ticketing.mail.outbox import Outgoing
from ticketing.mail.tokens import address_token, page_token

NOW = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
KEY = 'a key'
WEB = 'https://ayuda.example/'
SITE = load(EXAMPLE)
CLIENT = SITE.clients['nopalera']
INTERNAL = ('handover', 'complaint', 'escalation', 'problem_proposed', 'bounce', 'warning', 'vip_cap')
HOSTILE = ['a\r\nBcc: x@evil.example', 'a\nSubject: b', '\x00\x07\x1b[2J', '<script>alert(1)</script>', '"><img src=x onerror=y>',
           '{{ 7 * 7 }}', '{% for x in y %}', '\ud800', '\u202egnp.exe',
           'x' * 100_000, "'; DROP TABLE outbox; --", '=?utf-8?q?=0d=0a?=', '=?utf-8?q?=0d=0aBcc:_x@evil.example?=', 'ñ' * 300]


def row(notice: str = 'update', **more: Any) -> Outgoing:
    facts = more.pop('facts', {})
    made = sample(notice, SITE, CLIENT, NOW)
    return replace(made, facts={**made.facts, **facts}, **more)


def written(one: Outgoing, site: Site = SITE) -> EmailMessage:
    """The letter as its reader gets it."""
    raw = letter(one, site, KEY, WEB, NOW).as_bytes()
    assert raw.isascii()
    assert max(map(len, raw.split(b'\r\n'))) <= 998
    assert b'\n' not in raw.replace(b'\r\n', b'')
    return message_from_bytes(raw, policy=policy.default)     # type: ignore[arg-type]


def body(message: EmailMessage, kind: str = 'plain') -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace('\r\n', '\n')


INSTANTS = ('zone', 'opened_at', 'promised', 'deadline', 'due', 'received_at', 'held_until', 'as_of', 'ended')


class Page(HTMLParser):
    """The tags and the visible text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ''
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or '' for name, value in attrs if name in ('href', 'src', 'background', 'srcset', 'action')]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize('notice', NOTICES)
def test_every_letter_says_its_folio_in_spanish_in_both_forms(notice: str) -> None:
    message = written(row(notice))
    of_folio = notice not in OF_THE_CONTRACT
    assert message['Subject'].endswith(f'[Folio {NUMBER}]') == of_folio
    text, page = body(message), Page(body(message, 'html'))
    assert (NUMBER in text, NUMBER in page.text) == (of_folio, of_folio)
    assert ('AVISO INTERNO' in text) == (notice in INTERNAL)
    assert 'None' not in text + page.text
    assert not re.search(r'[{}%]{2}|undefined', text + page.text)
    assert not set(page.tags) - {'html', 'head', 'meta', 'title', 'style', 'body', 'div', 'table', 'tr', 'td', 'p', 'h1', 'strong', 'span',
                                 'br', 'a'}
    assert page.links == ([f'{WEB}c/7.{page_token(KEY, 7)}'] if notice == 'confirm' else [])
    assert 'url(' not in body(message, 'html') and '@import' not in body(message, 'html')


@pytest.mark.parametrize('notice', NOTICES)
def test_what_is_not_known_is_left_out(notice: str) -> None:
    message = written(replace(row(notice), facts={}))
    assert message['Subject'].endswith(f'[Folio {NUMBER}]') == (notice not in OF_THE_CONTRACT)
    assert 'None' not in body(message) + Page(body(message, 'html')).text


@pytest.mark.parametrize('notice', NOTICES)
@pytest.mark.parametrize('hostile', HOSTILE)
def test_nobodys_text_becomes_a_header_or_a_tag(notice: str, hostile: str) -> None:
    usual = row(notice)
    facts = {name: hostile if isinstance(value, str) and name not in INSTANTS else value
             for name, value in usual.facts.items()}
    message = written(replace(usual, facts=facts))
    assert set(message.keys()) == set(written(usual).keys())
    assert [str(message[name]) for name in ('To', 'From', 'Reply-To')] == [str(written(usual)[name]) for name in ('To', 'From', 'Reply-To')]
    assert len(str(message['Subject'])) <= 230
    page = Page(body(message, 'html'))
    assert 'script' not in page.tags and 'img' not in page.tags
    assert '\x1b' not in body(message) and '\u202e' not in body(message)
    assert '49' not in str(message['Subject'])


@given(st.dictionaries(st.sampled_from([*sample('update', SITE, CLIENT, NOW).facts, 'reason']), st.text() | st.integers() | st.none()))
@settings(max_examples=60, deadline=None)
def test_any_text_makes_a_letter(facts: dict[str, Any]) -> None:
    written(replace(row(), facts={name: value for name, value in facts.items() if name not in INSTANTS}))


@pytest.mark.parametrize('word', [
    '=?utf-8?q?=0d=0aBcc:_x@evil.example?=', '=?us-ascii?b?DQpCY2M6IHhAZXZpbC5leGFtcGxl?=', '=?=?utf-8?q?=0d=0aX:_y?='])
def test_an_encoded_word_in_a_subject_begins_no_header(word: str) -> None:
    one = replace(row('problem_proposed'), facts={'title': f'Falla {word} {word}'})
    raw = letter(one, SITE, KEY, WEB, NOW).as_bytes().partition(b'\r\n\r\n')[0]
    assert b'\r\nBcc' not in raw and b'\r\nX:' not in raw
    assert set(written(one).keys()) == set(written(row('problem_proposed')).keys())


def test_headers_that_other_machines_read() -> None:
    message = written(row(message_id='<1@mesa.example>', references=('<a@mesa.example>', '<b@nopalera.example>')))
    assert message['Message-ID'] == '<1@mesa.example>'
    assert message['In-Reply-To'] == '<b@nopalera.example>'
    assert message['References'].split() == [f'<folio-{NUMBER}@mesa.example>', '<a@mesa.example>', '<b@nopalera.example>']
    assert message['Reply-To'] == f'mesa+{NUMBER}.{address_token(KEY, NUMBER)}@mesa.example'
    assert (message['Auto-Submitted'], message['X-Auto-Response-Suppress']) == ('auto-generated', 'All')
    assert message['Date'].datetime == NOW
    assert message['From'].addresses[0].addr_spec == 'mesa@mesa.example'
    assert CLIENT.name in message['From'].addresses[0].display_name
    assert message[POSSIBLE_DUPLICATE] is None


def test_the_second_attempt_after_a_doubt_says_so() -> None:
    assert written(row(doubts=1))[POSSIBLE_DUPLICATE] == 'yes'


def test_long_and_foreign_message_ids_stay_whole() -> None:
    long = f'<{"x" * 150}@{"y" * 60}.example>'
    raw = letter(row(references=(long, 'no id', '<a b@c>', '<x@y>\r\nBcc: z@evil.example', '<ñ@x>')), SITE, KEY, WEB, NOW).as_bytes()
    assert b'Bcc' not in raw
    assert raw.count(long.encode()) == 2
    assert f'In-Reply-To: {long}'.encode() in raw


def test_a_letter_about_no_folio_has_no_thread() -> None:
    one = replace(row('problem_progress'), number=None, facts={'title': 'Falla', 'text': 'Avance'})
    message = written(one)
    assert not {'Reply-To', 'References', 'In-Reply-To'} & set(message.keys())
    assert message['Subject'] == 'Avance sobre la falla: Falla'


@pytest.mark.parametrize(('facts', 'said'), [
    ({'zone': 'America/Mexico_City'}, 'martes 24 de noviembre de 2026, 10:00 h'),
    ({'zone': 'America/Tijuana'}, 'martes 24 de noviembre de 2026, 08:00 h'),
    ({'zone': 'America/Cancun'}, 'martes 24 de noviembre de 2026, 11:00 h'),
    ({'zone': '../../etc/passwd'}, 'martes 24 de noviembre de 2026, 10:00 h'),
    ({'opened_at': '2026-05-02T03:30:00+00:00'}, 'viernes 1 de mayo de 2026, 21:30 h')])
def test_times_are_said_in_the_lines_zone(facts: dict[str, str], said: str) -> None:
    message = written(row('opened', facts=facts))
    assert f'Abierto: {said}' in body(message)
    assert said in Page(body(message, 'html')).text


def test_the_clients_contact_is_called_by_his_own_name() -> None:
    site = replace(SITE, clients={'nopalera': replace(CLIENT, contact=Contact('Rosa Ibáñez', 'Rosa@nopalera.example'))})
    assert body(written(row('confirm', recipient='rosa@nopalera.example'), site)).startswith('Apreciable Rosa Ibáñez:')


@pytest.mark.parametrize(('notice', 'facts', 'words'), [
    ('waiting', {'waiting_for': 'user', 'reason': '¿Qué equipo usa?'}, ['Necesitamos información', 'necesitamos su respuesta', '¿Qué']),
    ('waiting', {'waiting_for': 'supplier'}, ['está en espera de un proveedor']),
    ('closed', {'verified': True, 'score': 4}, ['4 de 5']),
    ('closed', {'verified': False, 'score': None}, ['sin su confirmación', '30 días naturales']),
    ('escalation', {'step': 'respond'}, ['Folio sin primera respuesta']),
    ('escalation', {'step': '+240 min', 'used_s': 18_000, 'resolve_s': 14_400}, ['+240 min', '5 h de 4 h (125 %)']),
    ('assigned', {'group_title': None, 'agent_name': 'Laura Méndez'}, ['a cargo de Laura Méndez']),
    ('resolved', {'first_contact': True, 'solution': 'Se reinició el equipo'}, ['primer contacto', 'Se reinició el equipo'])])
def test_what_the_facts_change(notice: str, facts: dict[str, Any], words: list[str]) -> None:
    message = written(row(notice, facts=facts))
    for form in (f'{message["Subject"]} {body(message)}', f'{message["Subject"]} {Page(body(message, "html")).text}'):
        for said in words:
            assert said in form


@pytest.mark.parametrize(('days', 'closed', 'confirm'), [
    (0, 'lo atenderemos de nuevo', 'se cerrará sin confirmar.'), (1, '1 día natural para', 'durante el día siguiente.'),
    (30, '30 días naturales para', 'durante los 30 días siguientes.')])
def test_days_agree_with_their_number(days: int, closed: str, confirm: str) -> None:
    client = replace(CLIENT, policy=replace(CLIENT.policy, reopen_days=days), modality_policies={})
    site = replace(SITE, clients={'nopalera': client})
    for notice, said in (('closed', closed), ('confirm', confirm)):
        message = written(row(notice, facts={'verified': False, 'deadline': '2026-11-27T16:00:00+00:00'}), site)
        assert said in body(message) and said in Page(body(message, 'html')).text


def test_whoever_is_joined_to_another_folio_does_not_read_that_his_own_was_cancelled() -> None:
    message = written(row('merged', facts={'into': '22857150', 'state': 'cancelled'}))
    assert 'cancelado' not in body(message) + Page(body(message, 'html')).text


def own(**templates: str) -> Site:
    return replace(SITE, mail_templates={f'mail/nopalera/update.{kind}': text for kind, text in templates.items()})


def test_a_clients_own_text_replaces_ours_in_both_forms() -> None:
    message = written(row(facts={'text': '<b>x</b>'}), own(txt='Asunto: Novedades de {{ client_name }}\nEstimados:\n\n{{ text }}'))
    assert message['Subject'] == f'Novedades de {CLIENT.name} [Folio {NUMBER}]'
    assert body(message) == 'Estimados:\n\n<b>x</b>\n'
    assert 'Estimados:' in Page(body(message, 'html')).text and '<b>' not in body(message, 'html')


def test_a_clients_own_html_may_build_on_ours() -> None:
    page = body(written(row(), own(html="{% extends 'base.html.j2' %}{% block content %}<i>{{ text }}</i>{% endblock %}")), 'html')
    assert '<i>Restablecimos' in page and 'Folio' in page


def test_another_clients_templates_are_not_ours() -> None:
    site = replace(SITE, mail_templates={'mail/quetzal/update.txt': 'Asunto: x\nx'})
    assert body(written(row(), site)) == body(written(row()))


@pytest.mark.parametrize('broken', [
    '{{ nothing }}', '{% if %}', "{{ ''.__class__.__mro__ }}", '{{ 1 / 0 }}', "{% include '../../secrets.toml' %}", '{{ text.nope.nope }}',
    '{{ range(10 ** 9) | list }}', "{% extends 'nothing.html.j2' %}", "{{ cycler.__init__.__globals__.os.popen('id').read() }}"])
def test_a_broken_template_of_a_client_loses_no_letter(broken: str, caplog: pytest.LogCaptureFixture) -> None:
    site = own(txt=f'Asunto: x\n{broken}')
    assert body(written(row(), site)) == body(written(row()))
    assert 'the mail template of update for nopalera cannot be used' in caplog.text
    assert [file for file, _ in broken_templates(site, NOW)] == ['mail/nopalera/update.txt']


def test_templates_that_mean_nothing_are_named() -> None:
    site = replace(SITE, mail_templates={'mail/nopalera/updated.txt': '', 'mail/nobody/update.txt': '', 'mail/nopalera/update.txt': 'x'})
    meaningless = ['mail/nopalera/updated.txt', 'mail/nobody/update.txt']
    assert dict(broken_templates(site, NOW)) == dict.fromkeys(meaningless, 'no such client or notice')


@pytest.mark.parametrize(('text', 'fine'), [
    ('ana@nopalera.example', True), ("o'neil+mesa@sub.nopalera.example", True), ('a@b', True), ('', False), ('ana', False), ('ana@', False),
    ('@x.example', False), ('ana@x.example, b@y.example', False), ('Ana <ana@x.example>', False), ('ana@x.example\r\nRCPT TO:<b@y>', False),
    ('ana@x.example\n', False), ('josé@x.example', False), ('ana@x..example', False), ('ana @x.example', False), ('ana@-x.example', False),
    (f'{"a" * 65}@x.example', False), (f'a@{"x." * 125}example', False)])
def test_addresses(text: str, fine: bool) -> None:
    assert is_address(text) is fine
    if not fine:
        with pytest.raises(LetterError, match='not an address'):
            letter(row(recipient=text), SITE, KEY, WEB, NOW)


def test_message_ids_are_new_and_of_our_domain() -> None:
    site = replace(SITE, mail=MailSettings(domain='ayuda.example'))
    ids = {new_message_id(site) for _ in range(100)}
    assert len(ids) == 100
    assert all(re.fullmatch(r'<[0-9a-f]{32}@ayuda\.example>', one) for one in ids)


def test_an_unknown_notice_is_refused_by_name() -> None:
    with pytest.raises(LetterError, match="no template 'nope'"):
        letter(replace(row(), notice='nope'), SITE, KEY, WEB, NOW)


def test_the_check_of_a_site_knows_our_letters_and_filters() -> None:
    assert (tuple(NOTICES), tuple(OWN_FILTERS)) == (check_mail.NOTICES, check_mail.FILTERS)
