"""Spoilt copies of the example: each slip is reported once, with its file, line and key, alone and among others."""
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.check import CHECKS, Known, check
from config.load import load
from tests.site_copies import EXAMPLE, KNOWN, Mistake, copy_example, edit, line_of, new_problems, places, problems_of

NOPALERA, QUETZAL = 'clients/nopalera.toml', 'clients/quetzal.toml'
USERS = 'clients/nopalera.users.csv'
FIRST = line_of(EXAMPLE, NOPALERA, 'number = "8005550101"')
ANA = line_of(EXAMPLE, 'agents.toml', '[ana]')
COMMENTED = '# [[override]]'
OVERRIDE = '[[override]]\nline = "8005550101"\nstate = "closed"\n'


MISTAKES = {
    'number twice in a client': Mistake(NOPALERA, '8005550102', '8005550101',
        'number = "8005550101"\nmodality = "premium"', 'line[2].number', f'clients/nopalera.toml:{FIRST}'),
    'number twice across clients': Mistake(QUETZAL, '8005550201', '800 555 0101',
        '800 555 0101', 'line[1].number', f'clients/nopalera.toml:{FIRST}'),
    'number no number': Mistake(NOPALERA, '8005550102', '800-CALL',
        '800-CALL', 'line[2].number', 'ten digits'),
    'unknown queue of a line': Mistake(NOPALERA, 'queue = "nopalera-standard"', 'queue = "nopalera-estandar"',
        'estandar', 'line[1].queue', "no queue is called 'nopalera-estandar'"),
    'queue of another client': Mistake(NOPALERA, 'queue = "nopalera-standard"', 'queue = "quetzal-standard"',
        'queue = "quetzal', 'line[1].queue', "belongs to client 'quetzal'"),
    'line without queue': Mistake(NOPALERA, 'queue = "nopalera-standard"\n', '',
        '[[line]]', 'line[1].queue', 'nowhere to wait'),
    'unknown calendar': Mistake(NOPALERA, 'calendar = "mx-5x12"', 'calendar = "mx-24x7"',
        '24x7', 'line[1].calendar', "'mx-24x7'"),
    'unknown menu': Mistake(NOPALERA, 'menu = "main"', 'menu = "principal"',
        'principal', 'line[1].menu', "no menu is called 'principal'"),
    'standard without menu': Mistake(NOPALERA, 'menu = "main"\n', '',
        '[[line]]', 'line[1].menu', 'needs a menu'),
    'fax with queue': Mistake(NOPALERA, 'modality = "fax"', 'modality = "fax"\nqueue = "nopalera-vip"',
        'queue = "nopalera-vip"\ncalendar', 'line[5].queue', 'has no queue'),
    'agent of unknown queue': Mistake(
        'agents.toml', '"nopalera-premium", "nopalera-vip", "quetzal-standard", "quetzal-vip"', '"nope", "nopalera-vip", "quetzal-vip"',
        'nope', 'ana.queues[2]', "no queue is called 'nope'"),
    'queue of unknown client': Mistake('queues.toml', '[quetzal-vip]', '[spare]\nclient = "nobody"\n\n[quetzal-vip]',
        'client = "nobody"', 'spare.client', "no client is called 'nobody'"),
    'queue without agents': Mistake('queues.toml', '[quetzal-vip]', '[spare]\nclient = "quetzal"\n\n[quetzal-vip]',
        '[spare]', 'spare', 'nobody answers', 'warning'),
    'choice to nowhere': Mistake('menus.toml', 'goto = "status"', 'goto = "estado"',
        'estado', 'main.choice[2].goto', 'leads nowhere'),
    'choice to unknown menu': Mistake('menus.toml', 'goto = "status"', 'goto = "menu:x"',
        'menu:x', 'main.choice[2].goto', "no menu is called 'x'"),
    'key twice in a menu': Mistake('menus.toml', 'key = "2"', 'key = "1"',
        'key = "1"\ngoto = "status"', 'main.choice[2].key', 'already taken'),
    'fallback continue': Mistake('menus.toml', 'fallback = "agent"', 'fallback = "continue"',
        'fallback = "cont', 'main.fallback', 'never leave'),
    'menu into itself': Mistake('menus.toml', 'goto = "status"', 'goto = "menu:main"',
        'menu:main', 'main.choice[2].goto', 'loops into itself'),
    'menu falls back into itself': Mistake('menus.toml', 'fallback = "agent"', 'fallback = "menu:main"',
        'menu:main', 'main.fallback', 'loops into itself'),
    'menu without choices': Mistake('menus.toml', '[main]', '[bare]\ngreeting = "mesa/greeting"\nchoice = []\n\n[main]',
        'choice = []', 'bare.choice', 'offers nothing'),
    'overlapping spans': Mistake('calendars.toml', 'tuesday = ["08:00-20:00"]', 'tuesday = ["08:00-14:00", "13:59-20:00"]',
        '13:59', 'mx-5x12.tuesday', '08:00-14:00 and 13:59-20:00 overlap'),
    'inverted span': Mistake('calendars.toml', 'tuesday = ["08:00-20:00"]', 'tuesday = ["20:00-08:00"]',
        '20:00-08:00', 'mx-5x12.tuesday', 'closes before it opens'),
    'span that is none': Mistake('calendars.toml', 'tuesday = ["08:00-20:00"]', 'tuesday = ["8 a 20"]',
        '8 a 20', 'mx-5x12.tuesday[1]', 'not a span'),
    'unknown zone': Mistake('calendars.toml', 'America/Tijuana', 'America/Tijauna',
        'Tijauna', 'tijuana-5x12.zone', 'America/Tijuana'),
    'unknown state': Mistake('calendars.toml', 'state = "BCN"', 'state = "BC"',
        '"BC"', 'tijuana-5x12.state', "'BC'"),
    'one VIP too many': Mistake(USERS, '5555550102,Ciudad de México,no', '5555550102,Ciudad de México,yes',
        '10020,', 'vip', '11 of 200'),
    'one VIP number': Mistake(QUETZAL, 'modality = "vip"', 'modality = "standard"\nmenu = "main"',
        'modalities', 'modalities', 'exactly two numbers, here it has 1'),
    'VIP numbers that differ': Mistake(
        QUETZAL, '"8005550204"\nmodality = "vip"\ncalendar = "mx-5x12"', '"8005550204"\nmodality = "vip"\ncalendar = "tijuana-5x12"',
        'calendar = "tijuana-5x12"', 'line[4].calendar', 'differs from clients/quetzal.toml:'),
    'vip without queue': Mistake(QUETZAL, 'vip_queue = "quetzal-vip"\n', '',
        '', 'vip_queue', 'VIPs have no queue'),
    'vip queue unknown': Mistake(QUETZAL, 'vip_queue = "quetzal-vip"', 'vip_queue = "quetzal-vips"',
        'quetzal-vips', 'vip_queue', 'no queue is'),
    'modality without line': Mistake(
        QUETZAL, 'modality = "fax"\ncalendar = "mx-5x12"\nemail = "faxes@quetzal.example"',
        'modality = "premium"\ncalendar = "mx-5x12"\nqueue = "quetzal-premium"\nmenu = "main"\ngreeting = "mesa/greeting"',
        'modalities', 'modalities', '"fax" is contracted but has no number'),
    'fax without an account': Mistake(QUETZAL, 'email = "faxes@quetzal.example"', '# none',
        '[[line]]\nnumber = "8005550205"', 'line[5].email', 'nobody gets'),
    'fax to no address': Mistake(QUETZAL, 'email = "faxes@quetzal.example"', 'email = "faxes de quetzal"',
        'faxes de quetzal', 'line[5].email', 'not an e-mail address'),
    'faxes of a voice line': Mistake(QUETZAL, 'queue = "quetzal-premium"', 'queue = "quetzal-premium"\nemail = "faxes@quetzal.example"',
        'email = "faxes', 'line[2].email', 'a premium line has no email'),
    'category key twice': Mistake(NOPALERA, 'key = "2"', 'key = "1"',
        'key = "1"\nname = "windows"', 'category[2].key', "'1' is already"),
    'missing greeting': Mistake(NOPALERA, 'site/nopalera-greeting', 'site/saludo',
        'site/saludo', 'line[1].greeting', "no prompt 'site/saludo'"),
    'missing choice prompt': Mistake('menus.toml', 'mesa/menu-agent', 'mesa/menu-agente',
        'menu-agente', 'main.choice[4].prompt', "did you mean 'mesa/menu-agent'?"),
    'missing category prompt': Mistake(NOPALERA, 'mesa/category-pdf', 'digits/pdf',
        'digits/pdf', 'category[6].prompt', "'digits/pdf'"),
    'unsafe prompt': Mistake(NOPALERA, 'mesa/category-pdf', '../etc/passwd',
        '../etc', 'category[6].prompt', 'cannot be a prompt'),
    'no greeting': Mistake(NOPALERA, 'greeting = "site/nopalera-greeting"\n', '',
        '[[line]]', 'line[1].greeting', 'cannot be a prompt'),
    'unsafe text name': Mistake('prompts.toml', 'aviso-mantenimiento', '"../x"',
        '../x', 'texts."../x"', 'cannot be a prompt'),
    'override without expiry': Mistake('overrides.toml', COMMENTED, OVERRIDE + '#',
        '[[override]]', 'override[1].until', 'always carries an expiry'),
    'override expired': Mistake('overrides.toml', COMMENTED, OVERRIDE + 'until = 2026-11-23T12:00:00\n#',
        'until = 2', 'override[1].until', 'has expired', 'warning'),
    'override too long': Mistake('overrides.toml', COMMENTED, OVERRIDE + 'until = 2027-01-01T00:00:00\n#',
        'until = 2', 'override[1].until', 'longer than 31 days', 'warning'),
    'override backwards': Mistake('overrides.toml', COMMENTED, OVERRIDE + 'since = 2026-12-02T00:00:00\nuntil = 2026-12-01T00:00:00\n#',
        'until = 2', 'override[1].until', 'ends before it begins'),
    'override of no line': Mistake('overrides.toml', COMMENTED, OVERRIDE.replace('0101', '0109') + 'until = 2026-12-01T00:00:00\n#',
        'line = ', 'override[1].line', 'not a contracted number'),
    'message override without message': Mistake(
        'overrides.toml', COMMENTED, OVERRIDE.replace('closed', 'message') + 'until = 2026-12-01T00:00:00\n#',
        '[[override]]', 'override[1].message', 'no message to play'),
    'override message missing': Mistake('overrides.toml', COMMENTED, OVERRIDE + 'until = 2026-12-01T00:00:00\nmessage = "site/x"\n#',
        'message = ', 'override[1].message', "no prompt 'site/x'"),
    'holidays unconfirmed': Mistake('holidays.toml', '2027-12-31', '2027-11-23',
        'confirmed_until', 'confirmed_until', 'not for the next twelve months', 'warning'),
    'holidays never confirmed': Mistake('holidays.toml', 'confirmed_until = 2027-12-31', '',
        '', 'confirmed_until', 'no day', 'warning'),
    'nobody confirmed': Mistake('holidays.toml', 'confirmed_by = ', '# ',
        '', 'confirmed_by', 'nobody stands', 'warning'),
    'day of no calendar': Mistake('holidays.toml', 'state = "COA"', 'calendar = "x"',
        'calendar = "x"', 'day[1].calendar', "'x'"),
    'site of nobody': Mistake(QUETZAL, '"Tijuana" =', '"TJ" =',
        '"TJ"', 'site_calendars.TJ', 'no user of quetzal', 'warning'),
    'site calendar unknown': Mistake(QUETZAL, '"Cancún" = "cancun-5x12"', '"Cancún" = "c"',
        '"c"', 'site_calendars."Cancún"', "'c'"),
    'no emergency route': Mistake('site.toml', '[emergency]\nnumbers = ["911"]\naddress = "127.0.0.3:5060"\n', '',
        '', 'emergency', 'no emergency route'),
    'emergency without 911': Mistake('site.toml', '["911"]', '["066"]',
        '["066"]', 'emergency.numbers', '911 is not among'),
    'emergency address broken': Mistake('site.toml', '127.0.0.3:5060', '127.0.0.3:5060;x',
        '5060;x', 'emergency.address', 'not an address'),
    'emergency outside the demo': Mistake('site.toml', '127.0.0.3:5060', '192.0.2.9',
        '192.0.2.9', 'emergency.address', 'not on loopback'),
    'trunk outside the demo': Mistake('site.toml', '["127.0.0.2"]', '["192.0.2.9"]',
        '192.0.2.9', 'trunk[1].addresses[1]', 'not on loopback'),
    'trunk of everybody': Mistake('site.toml', '["127.0.0.2"]', '["0.0.0.0/0"]',
        '0.0.0.0', 'trunk[1].addresses[1]', 'is everybody'),
    'trunk by name': Mistake('site.toml', '["127.0.0.2"]', '["localhost"]',
        'localhost', 'trunk[1].addresses[1]', 'neither an IP address'),
    'trunks that overlap': Mistake('site.toml', '["127.0.0.2"]', '["127.0.0.0/8",\n "127.0.0.2"]',
        ' "127.0.0.2"', 'trunk[1].addresses[2]', 'overlaps 127.0.0.0/8'),
    'extension twice': Mistake('agents.toml', '"1002"', '"1001"',
        'extension = "1001"\nemail = "beto', 'beto.extension', f'already that of agents.toml:{ANA}, ana'),
    'extension of emergency': Mistake('agents.toml', '"1002"', '"911"',
        '"911"', 'beto.extension', 'emergency number'),
    'extension of a line': Mistake('agents.toml', '"1002"', '"5550101"',
        '"5550101"', 'beto.extension', 'contracted number'),
    'extension no number': Mistake('agents.toml', '"1002"', '"10-02"',
        '"10-02"', 'beto.extension', 'cannot be dialled'),
    'trunk number as phone': Mistake(USERS, '5555550101', '5555559000',
        '10001', 'phones', 'is a trunk number', 'warning'),
    'trunk number is a line': Mistake(NOPALERA, '5555559000', '8005550201',
        'trunk_numbers', 'trunk_numbers', 'contracted number'),
    'unsafe calendar name': Mistake('calendars.toml', '[mx-5x12]', '["a b"]\nzone = "UTC"\nstate = "CMX"\n\n[mx-5x12]',
        '["a b"]', '"a b"', 'cannot be a name'),
    'unknown key': Mistake('queues.toml', 'ring_seconds', 'ring_second',
        'ring_second ', 'quetzal-premium.ring_second', "did you mean 'ring_seconds'?"),
    'wrong type': Mistake('queues.toml', 'weight = 5', 'weight = "5"',
        'weight = "5"', 'nopalera-premium.weight', "'5'"),
    'out of range': Mistake('site.toml', 'vip_percent = 5 ', 'vip_percent = 500 ',
        '500', 'policy.vip_percent', '500'),
}


@pytest.mark.parametrize('name', MISTAKES)
def test_each_mistake_alone(tmp_path, name):
    site, mistake = copy_example(tmp_path), MISTAKES[name]
    mistake.spoil(site)
    problems = new_problems(site)
    assert places(problems) == [mistake.place(site)]
    assert mistake.says in problems[0].message


ALL_KINDS = (
    'number twice across clients', 'unknown queue of a line', 'overlapping spans', 'one VIP too many', 'one VIP number', 'menu into itself',
    'missing category prompt', 'unknown zone', 'override without expiry', 'holidays unconfirmed', 'unknown key', 'extension of emergency',
    'trunk of everybody', 'emergency without 911', 'missing choice prompt', 'out of range')


def test_many_mistakes_at_once_are_all_reported(tmp_path):
    site = copy_example(tmp_path)
    for name in ALL_KINDS:
        MISTAKES[name].spoil(site)
    assert sorted(places(new_problems(site))) == sorted(MISTAKES[name].place(site) for name in ALL_KINDS)


@settings(max_examples=25, deadline=None)
@given(st.sets(st.sampled_from(ALL_KINDS)))
def test_any_of_them_together(names):
    with TemporaryDirectory() as folder:
        site = copy_example(Path(folder))
        for name in sorted(names):
            MISTAKES[name].spoil(site)
        assert sorted(places(new_problems(site))) == sorted(MISTAKES[name].place(site) for name in names)


def test_a_file_that_cannot_be_read_hides_no_other_mistake_and_makes_up_none(tmp_path):
    site = copy_example(tmp_path)
    (site / 'queues.toml').write_text('[nopalera-standard\n')
    (site / 'menus.toml').unlink()
    edit(site, 'agents.toml', '"1002"', '"911"')
    line = line_of(site, 'agents.toml', '"911"')
    assert places(new_problems(site)) == [f'agents.toml:{line}: beto.extension error',
                                          'menus.toml:1: file error', 'queues.toml:1: file error']


def test_a_client_that_cannot_be_read_hides_no_other_mistake_and_makes_up_none(tmp_path):
    site = copy_example(tmp_path)
    (site / QUETZAL).write_text('name = \n')
    edit(site, 'overrides.toml', COMMENTED, OVERRIDE.replace('0101', '0201') + 'until = 2026-12-01T00:00:00\n#')
    edit(site, 'site.toml', '["911"]', '["066"]')
    line = line_of(site, 'site.toml', '["066"]')
    assert places(new_problems(site)) == ['clients/quetzal.toml:1: file error', f'site.toml:{line}: emergency.numbers error']


def menu(name: str, goto: str, fallback: str) -> str:
    return (f'[{name}]\ngreeting = "mesa/greeting"\nfallback = "{fallback}"\n'
            f'[[{name}.choice]]\nkey = "1"\ngoto = "{goto}"\nprompt = "mesa/menu-new"\n\n')


@pytest.mark.parametrize(('menus', 'expected'), [
    # a submenu that ends, and one with a key "back", which the caller can leave
    ([('sub', 'status', 'agent')], []),
    ([('sub', 'menu:over', 'agent'), ('over', 'menu:sub', 'agent')], ['over.choice[1].goto warning', 'sub.choice[1].goto warning']),
    # who presses nothing is led round for ever, although keys lead out
    ([('a', 'agent', 'menu:b'), ('b', 'agent', 'menu:a')], ['a.fallback error', 'b.fallback error']),
    # "continue" is no way out
    ([('a', 'continue', 'menu:b'), ('b', 'menu:c', 'menu:c'), ('c', 'menu:b', 'menu:b')],
     ['a.fallback error', 'b.choice[1].goto error', 'b.fallback error', 'c.choice[1].goto error', 'c.fallback error']),
])
def test_circles_of_menus(tmp_path, menus, expected):
    site = copy_example(tmp_path)
    edit(site, 'menus.toml', '[main]', ''.join(menu(*each) for each in menus) + '[main]')
    assert sorted(f'{problem.where.key} {problem.severity}' for problem in new_problems(site)) == expected


def test_the_cap_of_vips_follows_the_number_of_users(tmp_path):
    site = copy_example(tmp_path)
    rows = (site / USERS).read_text(encoding='utf-8').splitlines()
    (site / USERS).write_text('\n'.join(rows[:-1]) + '\n', encoding='utf-8')       # 199 users: 5 % are 9
    problems = new_problems(site)
    assert places(problems) == [f'{USERS}:21: vip error']
    assert '10 of 199 users of nopalera are VIP; 5 % allow 9' in problems[0].message
    edit(site, NOPALERA, '[policy]', '[policy]\nvip_percent = 6')
    assert new_problems(site) == []


def test_vip_flags_without_the_modality(tmp_path):
    site = copy_example(tmp_path)
    edit(site, QUETZAL, '"premium", "vip", "fax"', '"premium", "fax"')
    found = {(problem.where.key, problem.severity) for problem in new_problems(site)}
    assert found == {('modalities', 'error'), ('line[3].modality', 'error'), ('line[4].modality', 'error'), ('terms[3].modality', 'error')}


def test_a_line_and_terms_of_what_is_not_contracted(tmp_path):
    site = copy_example(tmp_path)
    edit(site, QUETZAL, '"premium", "vip", "fax"]', '"premium", "vip"]')
    problems = new_problems(site)
    assert places(problems) == [f'{QUETZAL}:{line_of(site, QUETZAL, words)}: {key}.modality error' for words, key in (
        ('modality = "fax"\ncalendar', 'line[5]'), ('modality = "fax"\nsince', 'terms[4]'))]
    assert all('not among the client' in problem.message for problem in problems)


@pytest.mark.parametrize(('today', 'warned'), [(date(2026, 12, 31), False), (date(2027, 1, 1), True), (date(2024, 2, 29), False)])
def test_twelve_months_are_to_the_day(today, warned):
    problems = check(load(EXAMPLE), Known(KNOWN.prompts, today))
    assert any(problem.where.key == 'confirmed_until' for problem in problems) is warned


def test_a_proposed_day_within_twelve_months_is_named():
    problems = check(load(EXAMPLE), Known(KNOWN.prompts, date(2029, 7, 1)))
    line = line_of(EXAMPLE, 'holidays.toml', 'confirmed = false')
    assert [str(p.where) for p in problems if p.where.key.startswith('day')] == [f'holidays.toml:{line}: day[3].confirmed']


def test_checks_are_listed_once_and_documented():
    assert len(set(CHECKS)) == len(CHECKS)
    assert all(one.__doc__ for one in CHECKS)


def test_a_site_outside_the_demo_may_use_real_addresses(tmp_path):
    site = copy_example(tmp_path)
    edit(site, 'site.toml', 'demo = true', 'demo = false')
    edit(site, 'site.toml', '["127.0.0.2"]', '["192.0.2.0/28", "2001:db8::5"]')
    edit(site, 'site.toml', '127.0.0.3:5060', 'emergencias.carrier.example')
    assert new_problems(site) == []
    assert len(problems_of(site)) == 1
