"""The demo site is sound, and is what the documents and the other tests say of it."""
import re
from collections import Counter
from datetime import date

import pytest

from config import shapes, shapes_terms
from config.fragments import FragmentKnown, check_fragments
from config.load import load
from config.values import Modality
from tests.site_copies import EXAMPLE, KNOWN, problems_of


@pytest.fixture(scope='module')
def site():
    return load(EXAMPLE)


def test_it_has_no_error_and_one_warning_on_purpose():
    problems = problems_of(EXAMPLE)
    assert [(str(problem.where), problem.severity) for problem in problems] == [('clients/nopalera.users.csv:52: phones', 'warning')]
    assert '+525555550150 is also that of clients/nopalera.users.csv:51' in problems[0].message


def test_its_fragment_is_sound(site):
    prompts = KNOWN.prompts | {f'site/{name}' for name in site.prompt_texts}
    contexts = {'from-agents': frozenset({'1001', '1002', '1003', '911'})}
    assert list(site.fragments) == ['custom/ejemplo.conf']
    assert check_fragments(site.fragments, FragmentKnown(prompts, contexts)) == []


def test_lines(site):
    assert {number.removeprefix('+52'): (line.client, line.modality, line.calendar, line.queue) for number, line in site.lines.items()} == {
        '8005550101': ('nopalera', 'standard', 'mx-5x12', 'nopalera-standard'),
        '8005550102': ('nopalera', 'premium', 'mx-5x12', 'nopalera-premium'),
        '8005550103': ('nopalera', 'vip', 'mx-5x12', 'nopalera-vip'),
        '8005550104': ('nopalera', 'vip', 'mx-5x12', 'nopalera-vip'),
        '8005550105': ('nopalera', 'fax', 'mx-5x12', None),
        '8005550201': ('quetzal', 'standard', 'mx-5x12', 'quetzal-standard'),
        '8005550202': ('quetzal', 'premium', 'cancun-5x12', 'quetzal-premium'),
        '8005550203': ('quetzal', 'vip', 'mx-5x12', 'quetzal-vip'),
        '8005550204': ('quetzal', 'vip', 'mx-5x12', 'quetzal-vip'),
        '8005550205': ('quetzal', 'fax', 'mx-5x12', None)}


def test_users(site):
    nopalera, quetzal = site.clients['nopalera'], site.clients['quetzal']
    assert (len(nopalera.users), len(quetzal.users)) == (200, 40)
    assert (sum(u.vip for u in nopalera.users), sum(u.vip for u in quetzal.users)) == (10, 2)
    assert [u.employee_number for u in nopalera.users] == [str(10001 + n) for n in range(200)]
    assert [u.employee_number for u in quetzal.users] == [str(20001 + n) for n in range(40)]
    owners = [u for u in nopalera.users if '+525555550101' in u.phones]
    assert [(u.name, u.employee_number, u.vip) for u in owners] == [('María Fernanda Ríos Castañeda', '10001', False)]
    assert [(u.employee_number, u.vip) for u in nopalera.users if '+525555550111' in u.phones] == [('10011', True)]
    assert [u.employee_number for u in nopalera.users if '+525555550150' in u.phones] == ['10050', '10051']
    assert nopalera.trunk_numbers == {'+525555559000'} and quetzal.trunk_numbers == {'+525555559100'}
    for client in (nopalera, quetzal):
        assert {len(u.phones) for u in client.users} == {1, 2}
        assert len({u.email for u in client.users}) == len({u.name for u in client.users}) == len(client.users)
        assert all(u.email.endswith(f'@{client.key}.example') and u.site for u in client.users)
    assert {user.site for user in quetzal.users} == set(quetzal.site_calendars)


def test_queues_have_at_least_two_agents_and_vips_all(site):
    members = Counter(queue for agent in site.agents.values() for queue in agent.queues)
    assert set(members) == set(site.queues)
    assert all(count >= 2 for count in members.values())
    assert members['nopalera-vip'] == members['quetzal-vip'] == len(site.agents)
    assert all(site.queues[f'{client}-vip'].weight > site.queues[f'{client}-standard'].weight for client in site.clients)


def test_menu_and_categories(site):
    assert [(c.key, c.goto, c.prompt) for c in site.menus['main'].choices] == [
        ('1', 'new', 'mesa/menu-new'), ('2', 'status', 'mesa/menu-status'),
        ('3', 'continue', 'mesa/menu-continue'), ('0', 'agent', 'mesa/menu-agent')]
    for client in site.clients.values():
        assert [c.key for c in client.categories] == list('123456789')
        assert all(c.prompt == f'mesa/category-{c.name}' for c in client.categories)


def test_it_stays_on_loopback(site):
    assert site.demo
    assert [trunk.addresses for trunk in site.trunks] == [('127.0.0.2',)]
    assert (site.emergency.numbers, site.emergency.address) == (('911',), '127.0.0.3:5060')


def test_calendars_and_elections(site):
    zones = {name: (calendar.zone.key, calendar.state) for name, calendar in site.calendars.items()}
    assert zones == {
        'mx-5x12': ('America/Mexico_City', 'CMX'), 'tijuana-5x12': ('America/Tijuana', 'BCN'), 'cancun-5x12': ('America/Cancun', 'ROO')}
    assert all({day: [(s.opens, s.closes) for s in spans] for day, spans in c.week.items()} == {day: [(480, 1200)] for day in range(1, 6)}
               for c in site.calendars.values())
    assert 'tijuana-5x12' in site.clients['quetzal'].site_calendars.values()
    assert [(d.name, d.state, d.election, d.confirmed) for d in site.holidays.dated if d.day == date(2027, 6, 6)] == [
        ('Jornada electoral federal', None, True, True)]
    assert site.holidays.confirmed_until == date(2027, 12, 31) and site.holidays.confirmed_by


def test_every_modality_of_both_clients(site):
    assert all(client.modalities == set(Modality) for client in site.clients.values())
    assert site.clients['quetzal'].policy.status_numbers_per_hour == 10      # the client's own [policy] wins over the site's


def test_every_key_is_documented():
    text = (EXAMPLE.parent.parent / 'docs' / 'configuration.md').read_text(encoding='utf-8')
    every = (*vars(shapes).values(), *vars(shapes_terms).values())
    tables = [shape for shape in every if isinstance(shape, type) and issubclass(shape, shapes.Shape)]
    keys = {key for shape in tables for key in shape.model_fields}
    words = set(re.findall(r'[a-z_]+', text))
    assert keys - words == {'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'}       # "monday to sunday"
