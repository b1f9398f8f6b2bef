"""What the files say about e-mail, groups, applications, ladders and our own calls: each slip is reported once, with file, line and key."""
from pathlib import Path

import pytest

from config.check_mail import NOTICES, is_email
from config.check_network import split_address
from config.load import load
from config.site_files import LARGEST_TEMPLATE
from config.values import LADDER, Modality
from tests.site_copies import EXAMPLE, Mistake, copy_example, edit, new_problems, places

NOPALERA, QUETZAL, SITE = 'clients/nopalera.toml', 'clients/quetzal.toml', 'site.toml'
TEMPLATES = Path(__file__).resolve().parent.parent / 'ticketing' / 'mail' / 'templates'
MAIL = '[mail]\n'
POLICY = '[policy]\n'
LETTER = 'mail/nopalera/opened.txt.j2'

MISTAKES = {
    # our own calls
    'outbound broken': Mistake(SITE, '127.0.0.2:5070', '127.0.0.2:507000',
        'outbound', 'trunk[1].outbound', 'not an address'),
    'outbound that would be a second option': Mistake(SITE, '127.0.0.2:5070', '127.0.0.2;x=1',
        'outbound', 'trunk[1].outbound', 'not an address'),
    'outbound outside the demo': Mistake(SITE, '127.0.0.2:5070', '192.0.2.9:5060',
        'outbound', 'trunk[1].outbound', 'not on loopback'),
    'outbound by name in the demo': Mistake(SITE, '127.0.0.2:5070', 'localhost',
        'outbound', 'trunk[1].outbound', 'not on loopback'),
    'caller id no number': Mistake(SITE, '"5555550900"', '"Mesa"',
        'caller_id', 'trunk[1].caller_id', 'not a telephone number'),
    'no caller id': Mistake(SITE, 'caller_id = "5555550900"', '#',
        '[[trunk]]', 'trunk[1].caller_id', 'show no number', 'warning'),
    'no way out': Mistake(SITE, 'outbound = "127.0.0.2:5070" ', '#',
        '[[trunk]]', 'trunk[1].outbound', 'no trunk takes our own calls', 'warning'),
    # e-mail
    'smtp without port': Mistake(SITE, MAIL, MAIL + 'smtp = "127.0.0.1"\n',
        'smtp = "127', 'mail.smtp', 'not a server'),
    'smtp outside the demo': Mistake(SITE, MAIL, MAIL + 'smtp = "mail.carrier.example:25"\n',
        'smtp = "mail', 'mail.smtp', 'not on loopback'),
    'imap outside the demo': Mistake(SITE, MAIL, MAIL + 'imap_user = "mesa"\nimap = "192.0.2.1:993"\n',
        'imap = ', 'mail.imap', 'not on loopback'),
    'imap of nobody': Mistake(SITE, MAIL, MAIL + 'imap = "127.0.0.1:993"\n',
        '[mail]', 'mail.imap_user', 'belongs to somebody'),
    'security misspelt': Mistake(SITE, MAIL, MAIL + 'smtp_security = "ssl"\n',
        'smtp_security', 'mail.smtp_security', "'ssl'"),
    'sender no address': Mistake(SITE, 'sender = "mesa@mesa.example"', 'sender = "Mesa <mesa@mesa.example>"',
        'sender = ', 'mail.sender', 'not one e-mail address'),
    'domain none': Mistake(SITE, 'domain = "mesa.example"', 'domain = "mesa@mesa.example"',
        'domain = ', 'mail.domain', 'not a domain'),
    'line break in a name': Mistake(SITE, 'sender_name = "Mesa de ayuda"', 'sender_name = "Mesa\\r\\nBcc: x@y.example"',
        'sender_name', 'mail.sender_name', 'not allowed'),
    'page in the clear': Mistake(SITE, MAIL, MAIL + 'page_url = "http://mesa.example"\n',
        'page_url', 'mail.page_url', 'in the clear'),
    'page with a query': Mistake(SITE, MAIL, MAIL + 'page_url = "https://mesa.example/?x="\n',
        'page_url', 'mail.page_url', 'not the address of pages'),
    'page that is a script': Mistake(SITE, MAIL, MAIL + 'page_url = "javascript:alert(1)"\n',
        'page_url', 'mail.page_url', 'not the address of pages'),
    'page with a port that is none': Mistake(SITE, MAIL, MAIL + 'page_url = "https://mesa.example:99999"\n',
        'page_url', 'mail.page_url', 'not the address of pages'),
    'an agent called like the user': Mistake('agents.toml', '[carla]',
        '[user]\nname = "Ulises Serrano"\nextension = "1009"\nqueues = ["nopalera-standard"]\n\n[carla]',
        '[user]', 'user', 'stands for somebody else'),
    'agent address broken': Mistake('agents.toml', 'ana@mesa.example', 'ana@mesa..example',
        'ana@mesa', 'ana.email', 'not one e-mail address'),
    'client address twice': Mistake(QUETZAL, 'mesa@quetzal.example', 'Mesa@Nopalera.example',
        'mail_address', 'mail_address', "already the address of client 'nopalera'"),
    'client address with a plus': Mistake(QUETZAL, 'mesa@quetzal.example', 'mesa+quetzal@quetzal.example',
        'mail_address', 'mail_address', 'nothing would come in there'),
    'sender with a plus': Mistake(SITE, 'sender = "mesa@mesa.example"', 'sender = "mesa+x@mesa.example"',
        'sender = ', 'mail.sender', 'nothing would come in there'),
    'client domain broken': Mistake(QUETZAL, 'mail_domains = ["quetzal.example"]', 'mail_domains = ["*.quetzal.example"]',
        'mail_domains', 'mail_domains', 'not a domain'),
    'mail line of another client': Mistake(QUETZAL, 'mail_domains', 'mail_line = "8005550101"\nmail_domains',
        'mail_line', 'mail_line', "belongs to client 'nopalera'"),
    'mail line a fax': Mistake(QUETZAL, 'mail_domains', 'mail_line = "8005550205"\nmail_domains',
        'mail_line', 'mail_line', 'is a fax line'),
    'mail line not there': Mistake(QUETZAL, 'mail_domains', 'mail_line = "8005550299"\nmail_domains',
        'mail_line', 'mail_line', 'not a contracted number'),
    # groups
    'group of unknown agent': Mistake(NOPALERA, '"beto", "carla"', '"beto", "karla"',
        'agents = ', 'group[1].agents[2]', "no agent is called 'karla'"),
    'group twice': Mistake(NOPALERA, 'key = "soporte-erp"', 'key = "nivel-2"',
        'key = "nivel-2"\ntitle = "Soporte', 'group[2].key', 'already a group'),
    'external group with our agents': Mistake(NOPALERA, 'internal = false', 'internal = false\nagents = ["ana"]',
        'agents = ["ana"]', 'group[2].agents', 'its own people'),
    'internal group of nobody': Mistake(NOPALERA, 'agents = ["beto", "carla"]\n', '',
        '[[group]]', 'group[1]', 'nobody is in', 'warning'),
    'group phone': Mistake(NOPALERA, '"5555559020"', '"ext. 20"',
        'ext. 20', 'group[2].phone', 'not a telephone number'),
    'group address': Mistake(NOPALERA, '"soporte@erp.example"', '"soporte"',
        '"soporte"', 'group[2].email', 'not one e-mail address'),
    # applications
    'application without material on file': Mistake(NOPALERA, '"sistema-almacen.txt"', '"sistema-almacen.pdf"',
        'material = ', 'application[1].material[1]', 'no material/nopalera/sistema-almacen.pdf'),
    'material outside the folder': Mistake(NOPALERA, '"sistema-almacen.txt"', '"../../site.toml"',
        'material = ', 'application[1].material[1]', 'no material/nopalera/'),
    'active without material': Mistake(NOPALERA, 'active = false', 'active = true',
        '[[application]]\nkey = "portal', 'application[2].material', 'active without material'),
    'application twice': Mistake(NOPALERA, 'key = "portal-proveedores"', 'key = "windows"',
        'key = "windows"\ntitle = "Portal', 'application[2].key', 'already an application'),
    'catalogue without versions': Mistake('applications.toml', 'versions = ["10 22H2", "11 23H2", "11 24H2"]', 'versions = []',
        'versions = []', 'windows.versions', 'at least 1'),
    # the ladder
    'ladder backwards': Mistake(QUETZAL, 'percent = 100', 'percent = 60',
        '[[escalation]]\npercent = 60', 'escalation[2]', 'does not come after 75 %'),
    'step twice': Mistake(QUETZAL, 'percent = 100', 'percent = 75',
        '[[escalation]]\npercent = 75\nnotify = ["supervisor"]', 'escalation[2]', 'does not come after 75 %'),
    'step at no time': Mistake(QUETZAL, 'percent = 75\n', '',
        '[[escalation]]', 'escalation[1]', 'in one way'),
    'step at two times': Mistake(QUETZAL, 'after_hours = 2', 'after_hours = 2\nafter_minutes = 5',
        '[[escalation]]\nafter_hours', 'escalation[3]', 'in one way'),
    'step of nobody': Mistake(QUETZAL, 'notify = ["supervisor"]', 'notify = ["supervisora"]',
        'notify = ["supervisora"]', 'escalation[2].notify', "'supervisora' is nobody"),
    # contact, supervisor, modality
    'no supervisor': Mistake('agents.toml', 'supervisor = true\n', '',
        '', 'supervisor', 'no supervisor', 'warning'),
    'terms of a modality that is not contracted': Mistake(NOPALERA, '[modality_policy.premium]', '[modality_policy.gold]',
        '[modality_policy.gold]', 'modality_policy.gold', 'not among'),
    'slip in the terms of a modality': Mistake(NOPALERA, 'resolve_high_hours = 2', 'resolve_hours = 2',
        'resolve_hours', 'modality_policy.premium.resolve_hours', 'there is no key'),
}


@pytest.mark.parametrize('name', MISTAKES)
def test_each_mistake_alone(tmp_path, name):
    site, mistake = copy_example(tmp_path), MISTAKES[name]
    mistake.spoil(site)
    problems = new_problems(site)
    assert places(problems) == [mistake.place(site)]
    assert mistake.says in problems[0].message


def without_contact(site):
    text = (site / QUETZAL).read_text(encoding='utf-8')
    begin, end = text.index('[contact]'), text.index('# The contracted numbers')
    (site / QUETZAL).write_text(text[:begin] + text[end:], encoding='utf-8')


@pytest.mark.parametrize(('verify_with', 'severity'), [('user', 'warning'), ('contact', 'error'), ('both', 'error')])
def test_a_client_without_contact(tmp_path, verify_with, severity):
    site = copy_example(tmp_path)
    without_contact(site)
    edit(site, QUETZAL, POLICY, f'{POLICY}verify_with = "{verify_with}"\n')
    assert places(new_problems(site)) == [f'{QUETZAL}:1: contact {severity}']


def test_a_client_without_contact_whom_nobody_asks_or_tells(tmp_path):
    site = copy_example(tmp_path)
    without_contact(site)
    edit(site, QUETZAL, '"contact", "direccion', '"direccion')
    assert new_problems(site) == []


def test_terms_of_a_modality_differ_from_the_clients_only_where_written(tmp_path):
    site = copy_example(tmp_path)
    edit(site, NOPALERA, POLICY, f'{POLICY}resolve_low_hours = 7\n')
    client = load(site).clients['nopalera']
    assert (client.policy_of(Modality.PREMIUM).resolve_high_hours, client.policy_of(Modality.PREMIUM).resolve_low_hours) == (2, 7)
    assert client.policy_of(Modality.STANDARD) is client.policy and client.policy.resolve_high_hours == 4


def test_the_ladder_as_written_the_ordinary_one_and_none(tmp_path):
    site = copy_example(tmp_path)
    clients = load(site).clients
    assert clients['nopalera'].escalation == LADDER
    assert [step.name for step in clients['quetzal'].escalation] == ['75 %', '100 %', '+120 min']
    edit(site, NOPALERA, 'modalities', 'escalation = []\nmodalities')
    assert load(site).clients['nopalera'].escalation == ()


def test_a_client_of_fax_alone_has_no_catalogue_and_the_others_share_it():
    clients = load(EXAMPLE).clients
    standard = [a.key for a in clients['quetzal'].applications.values()]
    assert standard == ['office', 'windows', 'mail', 'directory', 'conferencing', 'pdf', 'terminal']
    assert [*clients['nopalera'].applications] == [*standard, 'sistema-almacen', 'portal-proveedores']
    assert not clients['nopalera'].applications['portal-proveedores'].active


@pytest.mark.parametrize('spoil', [lambda file: file.unlink(), lambda file: file.write_text(''), lambda file: (file.unlink(), file.mkdir()),
                                   lambda file: (file.unlink(), file.symlink_to('/etc/hostname')),
                                   lambda file: (file.unlink(), file.symlink_to(file.name))])
def test_material_that_is_not_a_file_with_something_in_it(tmp_path, spoil):
    site = copy_example(tmp_path)
    spoil(site / 'material' / 'nopalera' / 'sistema-almacen.txt')
    assert [p.where.key for p in new_problems(site)] == ['application[1].material[1]']
    edit(site, NOPALERA, 'material = ', 'active = false\nmaterial = ')
    assert new_problems(site) == []


def test_an_own_application_needs_premium(tmp_path):
    site = copy_example(tmp_path)
    edit(site, NOPALERA, 'modalities = ["standard", "premium",', 'modalities = ["standard",')
    assert 'application[1].key' in {p.where.key for p in new_problems(site)}


# --- an admin's own letters ---------------------------------------------------------------------------------------

def letter(site, file: str, text: str) -> None:
    path = site / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding='utf-8')


def test_own_letters_are_read(tmp_path):
    site = copy_example(tmp_path)
    letter(site, LETTER, 'Folio {{ number }} abierto')
    letter(site, 'mail/quetzal/problem_progress.html.j2', '<p>{{ text }}</p>')
    assert new_problems(site) == []
    assert load(site).mail_templates == {
        'mail/nopalera/opened.txt': 'Folio {{ number }} abierto', 'mail/quetzal/problem_progress.html': '<p>{{ text }}</p>'}


@pytest.mark.parametrize(('file', 'text', 'place', 'says'), [
    (LETTER, 'a\n{% if x %}\nb', f'{LETTER}:2: template error', 'not a template'),
    (LETTER, 'a\n{{ x | nofilter }}', f'{LETTER}:2: template error', "No filter named 'nofilter'"),
    (LETTER, '{{ ' + '(' * 3000, f'{LETTER}:1: template error', 'not a template'),
    (LETTER, 'x' * (LARGEST_TEMPLATE + 1), f'{LETTER}:1: file error', str(LARGEST_TEMPLATE)),
    ('mail/nopalera/open.txt.j2', 'a', 'mail/nopalera/open.txt.j2:1: file error', "did you mean 'opened'?"),
    ('mail/nadie/opened.txt.j2', 'a', 'mail/nadie/opened.txt.j2:1: file error', "no client is called 'nadie'"),
    ('mail/nopalera/opened.txt', 'a', 'mail/nopalera/opened.txt:1: file warning', 'not read'),
    ('mail/opened.txt.j2', 'a', 'mail/opened.txt.j2:1: file warning', 'not read'),
])
def test_slips_in_own_letters(tmp_path, file, text, place, says):
    site = copy_example(tmp_path)
    letter(site, file, text)
    problems = new_problems(site)
    assert places(problems) == [place]
    assert says in problems[0].message


def test_each_of_mesas_own_letters_would_do_as_an_admins_own(tmp_path):
    site = copy_example(tmp_path)
    for notice in NOTICES:
        for kind in ('txt', 'html'):
            letter(site, f'mail/nopalera/{notice}.{kind}.j2', (TEMPLATES / f'{notice}.{kind}.j2').read_text(encoding='utf-8'))
    assert new_problems(site) == []


def test_a_letter_that_is_not_utf8_or_leads_outside(tmp_path):
    site = copy_example(tmp_path)
    letter(site, LETTER, '')
    (site / LETTER).write_bytes(b'a\n\xff')
    (site / 'mail' / 'quetzal').symlink_to('/etc')
    assert places(new_problems(site)) == [f'{LETTER}:2: file error', 'mail/quetzal:1: file warning']
    assert load_names(site) == []


def load_names(site):
    (site / LETTER).unlink()
    return [*load(site).mail_templates]


# --- addresses ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('text', ['mesa@nopalera.example', "o'neil+x@a-b.example", 'a@localhost', 'x' * 64 + '@a.example'])
def test_addresses_that_are_ones(text):
    assert is_email(text)


@pytest.mark.parametrize('text', [
    '', '@', 'a@', '@b', 'a b@c.example', 'a@b@c.example', 'a@b.example\n', 'a@b.example\r\nBcc: c@d.example', '"a"@b.example',
    'a..b@c.example', '.a@b.example', 'ñ@b.example', 'a@ñ.example', 'a@-b.example', 'a@b..example', 'a@b.example.', '<a@b.example>',
    'x' * 65 + '@a.example', 'a@' + 'b' * 64 + '.example', 'a@' + 'b.' * 100 + 'example', 'a,b@c.example', 'a@[127.0.0.1]'])
def test_addresses_that_are_none(text):
    assert not is_email(text)


@pytest.mark.parametrize(('text', 'split'), [
    ('127.0.0.1:25', ('127.0.0.1', 25)), ('mail.example', ('mail.example', None)), ('[::1]:25', ('::1', 25)), ('::1', None),
    ('a:0', None), ('a:65536', None), ('a b', None), ('a:25\n', None), ('', None), (':25', None)])
def test_host_and_port(text, split):
    assert split_address(text) == split


def test_every_letter_is_documented():
    text = (EXAMPLE.parent.parent / 'docs' / 'configuration.md').read_text(encoding='utf-8')
    assert [notice for notice in NOTICES if f'`{notice}`' not in text] == []
