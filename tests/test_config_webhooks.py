"""Webhooks and the screen pop in a client's file: where they may lead, each slip with file, line and key, and URLs that are filled."""
from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.check_webhooks import webhooks_lead_to_the_client
from config.load import load
from config.screen_pop import PLACEHOLDERS, fill_pop_url, pop_url_faults
from config.values import Webhook
from config.webhooks import EVENTS, all_hooks, is_asked_for, is_never_told, target_of
from tests.site_copies import EXAMPLE, KNOWN, Mistake, copy_example, edit, new_problems, places

NOPALERA = 'clients/nopalera.toml'
END = 'active = false                    # its manual is not here yet'
CRM = END + '\n[[webhook]]\nname = "crm"\nurl = "http://127.0.0.1:8999/mesa"\nevents = ["folio.*", "call.ended"]\n'
POP = END + '\n[screen_pop]\nurl = "{}"\n'


def pop(url: str) -> str:
    return POP.replace('{}', url)


MISTAKES = {
    'outside the demo': Mistake(NOPALERA, END, CRM.replace('http://127.0.0.1:8999', 'https://crm.example'),
        'url = "https', 'webhook[1].url', 'not on loopback'),
    'a password in the URL': Mistake(NOPALERA, END, CRM.replace('127.0.0.1', 'mesa:word@127.0.0.1'),
        'url = "http', 'webhook[1].url', 'user or a password'),
    'a fragment': Mistake(NOPALERA, END, CRM.replace('/mesa', '/mesa#x'), 'url = "http', 'webhook[1].url', 'never reaches'),
    'no URL': Mistake(NOPALERA, END, CRM.replace('http://127.0.0.1:8999/mesa', 'crm'), 'url = "crm', 'webhook[1].url', 'write it like'),
    'an event that there is not': Mistake(NOPALERA, END, CRM.replace('call.ended', 'call.end'),
        'events = ', 'webhook[1].events[2]', "did you mean 'call.ended'?"),
    'a kind that there is not': Mistake(NOPALERA, END, CRM.replace('folio.*', 'mail.*'),
        'events = ', 'webhook[1].events[1]', 'the events are'),
    'events of nothing': Mistake(NOPALERA, END, CRM.replace('"folio.*", "call.ended"', ''),
        'events = ', 'webhook[1].events', 'hears of nothing'),
    'a name that is none': Mistake(NOPALERA, END, CRM.replace('"crm"', '"El CRM"'), 'name = "El CRM', 'webhook[1].name', 'not allowed'),
    'a name twice': Mistake(NOPALERA, END, CRM + CRM.removeprefix(END), '[[webhook]]\nname', 'webhook[2].name', 'already a webhook'),
    'a key misspelt': Mistake(NOPALERA, END, CRM.replace('events', 'event'), 'event = ', 'webhook[1].event', "did you mean 'events'?"),
    'an unknown placeholder': Mistake(NOPALERA, END, pop('https://crm.example/?a={anni}'),
        'url = "https://crm', 'screen_pop.url', '{anni}'),
    'a brace alone': Mistake(NOPALERA, END, pop('https://crm.example/?a={ani'), 'url = "https://crm', 'screen_pop.url', 'a brace'),
    'a placeholder for the machine': Mistake(NOPALERA, END, pop('https://{ani}.crm.example/'),
        'url = "https://{', 'screen_pop.url', 'which machine'),
    'a pop in the clear': Mistake(NOPALERA, END, pop('http://crm.example/{ani}'), 'url = "http:', 'screen_pop.url', 'in the clear'),
    'a pop that is a script': Mistake(NOPALERA, END, pop('javascript:alert({ani})'), 'url = "java', 'screen_pop.url', 'cannot be opened'),
}
# What is reported in a place that is not simply the first line with the words.
ELSEWHERE = {'a name twice', 'a key misspelt'}


@pytest.mark.parametrize('name', MISTAKES)
def test_each_slip_is_reported_once_with_its_place(tmp_path: Path, name: str) -> None:
    site, mistake = copy_example(tmp_path), MISTAKES[name]
    mistake.spoil(site)
    problems = new_problems(site)
    assert any(mistake.says in problem.message for problem in problems)
    if name in ELSEWHERE:
        assert mistake.key in {problem.where.key for problem in problems}
    else:
        assert places(problems) == [mistake.place(site)]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    site = copy_example(tmp_path)
    edit(site, NOPALERA, END, CRM + '[screen_pop]\nurl = "https://crm.example/#/pop/{folio}?ani={ani}"\n')
    assert new_problems(site) == []
    client = load(site).clients['nopalera']
    hook, = client.webhooks
    assert (hook.name, hook.url, hook.events, hook.loopback) == ('crm', 'http://127.0.0.1:8999/mesa', ('folio.*', 'call.ended'), False)
    assert client.screen_pop == 'https://crm.example/#/pop/{folio}?ani={ani}'
    assert list(all_hooks(load(site))) == ['nopalera/crm']


def test_what_the_example_only_suggests_can_be_used_as_it_stands(tmp_path: Path) -> None:
    site = copy_example(tmp_path)
    path = site / NOPALERA
    text = path.read_text(encoding='utf-8')
    start = text.index('# [[webhook]]')
    path.write_text(text[:start] + '\n'.join(
        line.removeprefix('# ') if line.startswith(('# [', '# name', '# url', '# events')) else line for line in text[start:].split('\n')))
    assert new_problems(site) == []
    assert load(site).clients['nopalera'].webhooks and load(site).clients['nopalera'].screen_pop


# -- where a webhook may lead --------------------------------------------------------------------------------------

def faults(hook: Webhook, demo: bool = False) -> list[str]:
    site = load(EXAMPLE)
    site = replace(site, demo=demo, clients={'nopalera': replace(site.clients['nopalera'], webhooks=(hook,))})
    return [problem.message for problem in webhooks_lead_to_the_client(site, KNOWN)]


@pytest.mark.parametrize(('url', 'says'), [
    ('https://crm.example/mesa?x=1', None), ('https://crm.example:8443', None), ('https://[2001:db8::1]/', None),
    ('https://10.1.2.3/', None),
    ('http://crm.example/', 'in the clear'), ('https://127.0.0.1/', 'loopback = true'), ('http://127.9.9.9:80/', 'loopback = true'),
    ('https://[::1]/', 'loopback = true'), ('https://[::ffff:127.0.0.1]/', 'loopback = true'), ('https://localhost/', 'is this machine'),
    ('https://LOCALHOST./', 'is this machine'), ('https://0.0.0.0/', "nobody's own"), ('https://[::]/', "nobody's own"),
    ('https://169.254.169.254/latest', "nobody's own"), ('https://[fe80::1]/', "nobody's own"),
    ('https://255.255.255.255/', "nobody's own"),
    ('https://127.1/', 'neither a name nor'), ('https://2130706433/', 'neither a name nor'), ('https://0x7f.1/', 'neither a name nor'),
    ('https://crm.example\\@127.0.0.1/', 'characters'), ('https://crm.example/ñ', 'characters'), ('https://crm .example/', 'characters'),
    ('https://crm.example@evil.example/', 'a password'), ('https://crm..example/', 'no name'), ('https://-crm.example/', 'no name'),
    ('https://crm.example:0/', 'port 0'), ('https://crm.example:99999/', 'no URL'), ('ftp://crm.example/', 'write it like'),
    ('https:///x', 'write it like'), ('file:///etc/passwd', 'write it like'), ('https://crm.example/' + 'x' * 2000, 'more than 2000')])
def test_where_a_webhook_may_lead(url: str, says: str | None) -> None:
    found = faults(Webhook('crm', url, ('*',)))
    assert (says is None) == (not found) and all(says in text for text in found if says)


def test_this_machine_only_when_it_is_said_or_on_a_demo_site() -> None:
    here, away = Webhook('crm', 'http://127.0.0.1:9/', ('*',)), Webhook('crm', 'https://crm.example/', ('*',))
    assert faults(replace(here, loopback=True)) == [] and faults(here) != []
    assert faults(here, demo=True) == [] and faults(away, demo=True) != []


@pytest.mark.parametrize(('pattern', 'many'), [('*', len(EVENTS)), ('folio.*', 5), ('call.*', 3), ('fax.*', 4), ('fax.received', 1)])
def test_what_a_pattern_asks_for(pattern: str, many: int) -> None:
    assert sum(is_asked_for(Webhook('', '', (pattern,)), event) for event in EVENTS) == many


def test_addresses_that_are_never_told() -> None:
    assert [text for text in ('::ffff:169.254.169.254', '::ffff:0.0.0.0', '224.0.0.1', '240.0.0.1', 'ff02::1')
            if not is_never_told(ip_address(text))] == []
    assert not is_never_told(ip_address('203.0.113.5')) and not is_never_told(ip_address('10.0.0.1'))


@given(st.text(max_size=60))
def test_any_text_is_a_target_or_refused_with_advice(text: str) -> None:
    for url in (text, f'https://{text}', f'https://crm.example/{text}'):
        try:
            target = target_of(url)
        except ValueError as error:
            assert str(error)
        else:
            assert target.host and target.path.startswith('/') and target.path.isascii()


# -- the screen pop ------------------------------------------------------------------------------------------------

TEMPLATE = 'https://crm.example/pop?ani={ani}&folio={folio}&employee={employee}&call={call}'


def test_a_pop_url_is_filled() -> None:
    facts = {'ani': '+525555550101', 'folio': '22857141', 'employee': None, 'call': '1795536000.1'}
    assert fill_pop_url(TEMPLATE, facts) == 'https://crm.example/pop?ani=%2B525555550101&folio=22857141&employee=&call=1795536000.1'
    assert fill_pop_url('http://127.0.0.1:7000/{ani}/{ani}', {'ani': '1'}) == 'http://127.0.0.1:7000/1/1'
    assert fill_pop_url('https://crm.example/#/pop/{folio}', {'folio': '2'}) == 'https://crm.example/#/pop/2'
    assert fill_pop_url('https://crm.example/{employee}/x', {'employee': '..'}) == 'https://crm.example//x'


@given(st.dictionaries(st.sampled_from(PLACEHOLDERS), st.text()))
def test_no_value_leads_elsewhere_or_becomes_another(facts: dict[str, str]) -> None:
    filled = urlsplit(fill_pop_url(TEMPLATE, facts))
    assert (filled.scheme, filled.netloc, filled.path, filled.fragment) == ('https', 'crm.example', '/pop', '')
    read = parse_qs(filled.query, keep_blank_values=True, errors='surrogatepass')
    for name in PLACEHOLDERS:
        assert read[name] == [facts[name] if facts.get(name, '').strip('.') else '']


def test_a_wrong_template_is_not_filled() -> None:
    with pytest.raises(ValueError, match='no placeholder'):
        fill_pop_url('https://crm.example/{name}', {})
    assert pop_url_faults('https://user:{ani}@crm.example/') and pop_url_faults('{ani}') and pop_url_faults('https://crm.example/\n')

