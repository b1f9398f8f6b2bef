"""What stands in Asterisk's files, and what can never get into them."""
from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.intervals import LineTable, fallback_table
from config.load import load
from config.place import HOURS_FILE, Place, Ports, Secrets
from config.render import INCLUDED, TEMPLATES, RenderError, conf, quoted, render, render_hours, word
from config.values import Agent, Modality, Site, Trunk

EXAMPLE = Path(__file__).resolve().parent.parent / 'config' / 'example'
PLACE = Place(Path('/srv/mesa'), Path('/opt/asterisk'), Ports(sip=5060, agi=4573, ami=5038, rtp_start=10000, rtp_end=10999))
NOW = datetime(2026, 11, 24, 16, tzinfo=UTC)
GOTO = re.compile(r'GotoIf\(\$\[(.*)\]\?(\w+)\)')
RETURN = re.compile(r'(?:n\((\w+)\),|n,)Return\((\w+)\)')

Section = dict[str, list[str]]


@pytest.fixture(scope='module')
def site() -> Site:
    return load(EXAMPLE)


def secrets(site: Site) -> Secrets:
    return Secrets('word-of-mesa', 'word-of-probe', {login: f'word-of-{login}' for login in site.agents},
                   ami_dialer='word-of-dialer')


def rendered(site: Site) -> dict[str, str]:
    return render(site, PLACE, secrets(site))


def sections(text: str) -> list[tuple[str, Section]]:
    """The sections of a file as Asterisk reads them, in order: name and settings."""
    found: list[tuple[str, Section]] = []
    for line in text.splitlines():
        bare = re.split(r'(?<!\\);', line)[0].strip().replace('\\;', ';')
        if bare.startswith('['):
            found.append((bare[1:bare.index(']')], defaultdict(list)))
        elif bare:
            name, _, value = bare.partition('=')
            found[-1][1][name.strip()].append(value.lstrip('>').strip())
    return found


def of_type(text: str, kind: str) -> dict[str, Section]:
    return {name: settings for name, settings in sections(text) if settings['type'] == [kind]}


def test_every_template_becomes_a_file_that_says_where_it_comes_from(site: Site) -> None:
    files = rendered(site)
    templates = {file.name.removesuffix('.j2') for file in TEMPLATES.glob('*.j2')} - {HOURS_FILE, *INCLUDED}
    assert templates == {name for name in files if '/' not in name}
    for name in templates:
        assert files[name].startswith(f'; Written by Mesa from asterisk-conf/{name}.j2 and ')
        assert 'Do not edit' in files[name].splitlines()[1]
    assert 'agents.toml' in files['pjsip.conf'].splitlines()[0]
    assert 'site.toml' in files['pjsip.conf'].splitlines()[0]
    assert 'queues.toml' in files['queues.conf'].splitlines()[0]


def test_rendering_is_a_function_of_its_arguments(site: Site) -> None:
    assert rendered(site) == rendered(site)


def test_the_admins_own_fragments_are_taken_along_unchanged(site: Site) -> None:
    text = '[custom-agents]\nexten => 77,1,NoOp(${CALLERID(num)})\n'
    files = rendered(replace(site, fragments={'custom/mine.conf': text}))
    assert files['custom/mine.conf'] == text
    assert '#include "custom/mine.conf"' in files['extensions.conf']
    assert 'include => custom-agents' in files['extensions.conf']


def test_a_trunk_is_known_by_its_addresses_and_nobody_is_anonymous(site: Site) -> None:
    text = rendered(replace(site, trunks=(Trunk('carrier', ('192.0.2.1', '198.51.100.0/24')),)))['pjsip.conf']
    (identify,) = of_type(text, 'identify').values()
    assert identify['match'] == ['192.0.2.1', '198.51.100.0/24']
    trunk = of_type(text, 'endpoint')['trunk-carrier']
    assert (trunk['context'], trunk['allow'], trunk['direct_media']) == (['from-trunk'], ['ulaw,alaw'], ['no'])
    assert not of_type(text, 'registration')
    assert 'anonymous' not in {name for name, _ in sections(text)}
    for name, endpoint in of_type(text, 'endpoint').items():
        assert endpoint['auth'] or name in ('trunk-carrier', 'emergency'), f'{name} is served without a password'


def test_an_agents_telephone_registers_with_his_own_password(site: Site) -> None:
    text = rendered(site)['pjsip.conf']
    for agent in site.agents.values():
        auth = of_type(text, 'auth')[agent.extension]
        assert (auth['username'], auth['password']) == ([agent.extension], [f'word-of-{agent.login}'])
        assert of_type(text, 'aor')[agent.extension]['max_contacts'] == ['1']
        endpoint = of_type(text, 'endpoint')[agent.extension]
        assert (endpoint['context'], endpoint['device_state_busy_at']) == (['from-agents'], ['1'])


def test_a_queue_has_its_members_and_nobody_elses(site: Site) -> None:
    found = dict(sections(rendered(site)['queues.conf']))
    assert set(found) == {'general', *site.queues}
    for name, queue in site.queues.items():
        members = {f'PJSIP/{agent.extension},0,{agent.login},PJSIP/{agent.extension}'
                   for agent in site.agents.values() if name in agent.queues}
        assert set(found[name]['member']) == members
        assert found[name]['weight'] == [str(queue.weight)]
        assert found[name]['timeout'] == [str(queue.ring_seconds)]
        assert found[name]['joinempty'] == ['yes']


def test_everything_listens_where_the_instance_says(site: Site) -> None:
    files = rendered(site)
    assert dict(sections(files['pjsip.conf']))['transport-udp']['bind'] == ['127.0.0.1:5060']
    assert dict(sections(files['rtp.conf']))['general']['rtpend'] == ['10999']
    folders = dict(sections(files['asterisk.conf']))['directories']
    assert folders['astetcdir'] == ['/srv/mesa/applied/current/asterisk']
    assert folders['astmoddir'] == ['/opt/asterisk/usr/lib/x86_64-linux-gnu/asterisk/modules']


def test_modules_are_listed_once_each(site: Site) -> None:
    loaded = dict(sections(rendered(site)['modules.conf']))['modules']['load']
    assert len(loaded) == len(set(loaded)) > 50
    assert {'chan_pjsip.so', 'app_queue.so', 'res_agi.so', 'cel_custom.so'} <= set(loaded)
    assert not {'pbx_spool.so', 'res_pjsip_endpoint_identifier_anonymous.so', 'app_system.so', 'func_shell.so', 'app_disa.so'} & set(loaded)


@pytest.mark.parametrize('name', ['two\nlines', 'tab\tbed', 'nul\0', 'next\x85line', 'line\u2028separator', 'cr\rx'])
def test_a_control_character_in_a_name_is_refused_by_name(site: Site, name: str) -> None:
    agents = {'ana': Agent('ana', name, '1001', ())}
    with pytest.raises(RenderError, match='no line breaks'):
        rendered(replace(site, agents=agents))


@pytest.mark.parametrize('extension', ['10,1', '1001]', '10 01', '', '1001;', '${EXTEN}', '1001\n'])
def test_what_is_no_name_cannot_be_one(site: Site, extension: str) -> None:
    agents = {'ana': Agent('ana', 'Ana', extension, ())}
    with pytest.raises(RenderError, match='cannot be'):
        rendered(replace(site, agents=agents))


@given(st.text())
def test_whatever_a_person_is_called_it_stays_one_value_of_one_line(name: str) -> None:
    try:
        text = f'[x]\ncallerid = {quoted(name)} <1001>\nnext = 1\n'
    except RenderError:
        return
    ((_, settings),) = sections(text)
    assert set(settings) == {'callerid', 'next'}
    assert re.fullmatch(r'"[^"\\<>,;\[\]]*" <1001>', settings['callerid'][0])


@given(st.text())
def test_a_value_stays_one_value_of_one_line(value: str) -> None:
    try:
        text = f'[x]\nfolder = {conf(value)}\nnext = 1\n'
    except RenderError:
        return
    ((_, settings),) = sections(text)
    assert set(settings) == {'folder', 'next'}
    assert settings['folder'] == [value.replace('\\;', ';')] or ';' in value


@given(st.text())
def test_a_word_means_nothing_to_asterisk(value: str) -> None:
    try:
        assert not set(word(value)) & set(' \t\n;[]{}()$,"\'\\=>&|#!?*')
    except RenderError:
        assert not re.fullmatch(r'[A-Za-z0-9]+', value)


def ask(text: str, line: str, epoch: int) -> str:
    """What the dialplan of `mesa-hours` returns for a line at an instant, read word by word."""
    block = text.split(f'exten => {line},1,')[1].split('exten => ')[0]
    labels = {label: answer for label, answer in RETURN.findall(block) if label}
    for condition, label in GOTO.findall(block):
        expression = condition.replace('${MESA_EPOCH}', str(epoch)).replace('|', 'or').replace('&', 'and')
        assert re.fullmatch(r'[0-9<>=andor ]+', expression)
        if eval(expression):
            return labels[label]
    return next(answer for label, answer in RETURN.findall(block) if not label)


def test_the_table_of_hours_in_the_dialplan_is_the_engines(site: Site) -> None:
    tables = fallback_table(site, (), NOW)
    text = render_hours(tables)
    for table in tables:
        edges = {second for span in table.spans for second in span} | {table.valid_from, table.valid_until}
        for second in sorted({edge + by for edge in edges for by in (-1, 0, 1)}):
            covered = table.valid_from <= second < table.valid_until
            is_open = any(opens <= second < closes for opens, closes in table.spans)
            expected = 'stale' if not covered else 'open' if is_open else 'closed'
            assert ask(text, table.line, second) == expected, (table.line, second)


def test_a_table_without_open_time_is_closed_and_then_stale() -> None:
    until = NOW + timedelta(days=14)
    table = LineTable('+528005550101', int(NOW.timestamp()), int(until.timestamp()), (), 'q', Modality.STANDARD)
    text = render_hours([table])
    assert ask(text, '+528005550101', int(NOW.timestamp())) == 'closed'
    assert ask(text, '+528005550101', int(until.timestamp())) == 'stale'
    assert ask(text, '+528005550101', 0) == 'stale'


def test_the_dialer_may_place_calls_and_look_and_nothing_else(site: Site) -> None:
    accounts = {name: settings for name, settings in sections(rendered(site)['manager.conf']) if name != 'general'}
    assert accounts['dialer']['secret'] == ['word-of-dialer']
    assert accounts['dialer']['write'] == ['originate,call,reporting'] and accounts['dialer']['read'] == ['call']
    assert accounts['dialer']['permit'] == ['127.0.0.1/255.255.255.255']
    granted = ','.join(words for one in accounts.values() for words in one['write']).split(',')
    assert not {'system', 'command', 'config', 'all'} & set(granted)
    nobody = render(site, PLACE, replace(secrets(site), ami_dialer=''))
    assert '[dialer]' not in nobody['manager.conf']        # an account without a password would be everybody's


def test_our_own_calls_leave_through_trunks_that_take_them_alone(site: Site) -> None:
    leads, takes_none = replace(site.trunks[0], name='uno', outbound='127.0.0.9:5080'), replace(site.trunks[0], name='dos', outbound='')
    text = rendered(replace(site, trunks=(leads, takes_none)))['pjsip.conf']
    assert of_type(text, 'aor')['trunk-uno']['contact'] == ['sip:127.0.0.9:5080']
    assert 'max_contacts' not in of_type(text, 'aor')['trunk-uno']            # nobody can register there
    assert of_type(text, 'endpoint')['trunk-uno']['aors'] == ['trunk-uno']
    assert 'trunk-dos' not in of_type(text, 'aor') and 'aors' not in of_type(text, 'endpoint')['trunk-dos']


@pytest.mark.parametrize('outbound', ['127.0.0.9\ncontact=sip:x', '127.0.0.9;x', 'a b'])
def test_an_address_that_says_more_than_it_should_is_refused(site: Site, outbound: str) -> None:
    with pytest.raises(RenderError):
        rendered(replace(site, trunks=(replace(site.trunks[0], outbound=outbound),)))


def test_an_answered_call_of_ours_is_never_left_in_silence(site: Site) -> None:
    text = rendered(site)['extensions.conf']
    context = text[text.index('[mesa-close-call]'):].split('\n[', 1)[0]
    assert context.index('TIMEOUT(absolute)=1.3') < context.index('AGI(agi://127.0.0.1:4573/close_call,')
    assert 'exten => T,1,' in context and context.count('goodbye') >= 2
