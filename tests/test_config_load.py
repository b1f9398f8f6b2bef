"""Reading a site's files: what becomes of good ones, and what is said of bad ones, with file, line and key."""
import os
import time
import tomllib
from dataclasses import fields
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.load import load, read
from config.problems import ConfigErrors
from config.shapes import PolicyShape
from config.site_files import LARGEST
from config.toml_lines import key_lines, key_text, nearest_line
from config.users_csv import read_users
from config.values import Policy, Span
from tests.site_copies import EXAMPLE, copy_example, edit, line_of, new_problems

USERS = 'clients/quetzal.users.csv'
HEAD = 'employee_number,name,email,phones,site,vip\n'


def places(problems) -> list[str]:
    return [f'{problem.where} {problem.severity}' for problem in problems]


# --- good files ---------------------------------------------------------------------------------------------------

def test_a_client_inherits_the_sites_policy_and_overrides_it(tmp_path):
    site = copy_example(tmp_path)
    edit(site, 'site.toml', '\n[policy]', '\n[policy]\nunlisted = "verify"\nanswer_seconds = 30')
    clients = load(site).clients
    assert clients['nopalera'].policy == Policy(unlisted='verify', answer_seconds=20)          # its own [policy] says 20
    assert clients['quetzal'].policy == Policy(unlisted='verify', answer_seconds=30, status_numbers_per_hour=10)


def test_every_parameter_of_a_policy_can_be_written():
    assert list(PolicyShape.model_fields) == [each.name for each in fields(Policy)]


def test_overrides_in_local_time_of_the_line_and_with_a_zone(tmp_path):
    site = copy_example(tmp_path)
    (site / 'overrides.toml').write_text("""
[[override]]
line = "01 800 555 0202"
state = "closed"
since = 2026-12-24T14:00:00
until = 2026-12-24T20:00:00-06:00
by = "Carla"
[[override]]
line = "8005550101"
state = "open"
until = 2026-12-24T20:00:00
""")
    first, second = load(site).overrides
    assert (first.line, first.since, first.until) == (
        '+528005550202', datetime(2026, 12, 24, 19, tzinfo=UTC), datetime(2026, 12, 25, 2, tzinfo=UTC))      # Cancún is UTC-5
    assert second.until == datetime(2026, 12, 25, 2, tzinfo=UTC) and second.since < datetime(2001, 1, 1, tzinfo=UTC)
    assert str(first.where) == 'overrides.toml:2: override[1]'


def test_spans_are_sorted_and_midnight_is_written(tmp_path):
    site = copy_example(tmp_path)
    edit(site, 'calendars.toml', '[tijuana-5x12]',
         '[odd]\nzone = "UTC"\nstate = "CMX"\nsunday = ["20:00-24:00", "00:00 - 08:30"]\n\n[tijuana-5x12]')
    assert load(site).calendars['odd'].week == {7: (Span(0, 510), Span(1200, 1440))}


def test_files_saved_by_windows_editors(tmp_path):
    site = copy_example(tmp_path)
    for file in ('site.toml', 'clients/quetzal.toml', 'custom/ejemplo.conf', USERS):
        path = site / file
        path.write_bytes(b'\xef\xbb\xbf' + path.read_bytes().replace(b'\n', b'\r\n'))
    assert load(site).clients == load(EXAMPLE).clients
    assert new_problems(site) == []


# --- the door -----------------------------------------------------------------------------------------------------

def test_everything_at_once(tmp_path):
    site = copy_example(tmp_path)
    (site / 'agents.toml').write_text('[ana]\nname = "Ana\n')
    (site / 'holidays.toml').write_text('confirmed_until = 2027-02-30\n')
    (site / 'menus.toml').unlink()
    edit(site, 'queues.toml', '[quetzal-vip]', '[nopalera-vip]')
    edit(site, 'site.toml', 'zone = ', 'zona = ')
    edit(site, 'clients/nopalera.toml', 'modality = "fax"', 'modality = "telex"')
    edit(site, USERS, '20001,', '20002,')
    (site / 'clients' / 'orphan.users.csv').write_text(HEAD)
    with pytest.raises(ConfigErrors) as caught:
        load(site)
    assert places(caught.value.problems) == [
        'agents.toml:2: file error',
        f'clients/nopalera.toml:{line_of(site, "clients/nopalera.toml", "telex")}: line[5].modality error',
        'clients/orphan.users.csv:1: file error',
        'clients/quetzal.users.csv:3: employee_number error',
        'holidays.toml:1: file error',
        'menus.toml:1: file error',
        'queues.toml:22: file error',
        'site.toml:4: site.zone error',
        'site.toml:7: site.zona error']
    assert str(caught.value).count('\n') == 8
    assert "did you mean 'zone'?" in str(caught.value)


def test_no_folder_at_all(tmp_path):
    with pytest.raises(ConfigErrors) as caught:
        load(tmp_path / 'nowhere')
    assert {problem.where.key for problem in caught.value.problems} == {'file'}
    assert 'copy it from config/example' in str(caught.value)


def test_warnings_do_not_keep_a_site_from_being_loaded(tmp_path):
    site = copy_example(tmp_path)
    (site / 'queue.toml').write_text('')
    (site / 'clients' / 'nopalera.user.csv').write_text('')
    (site / 'clients' / 'quetzal.users.csv').unlink()
    (site / '.git').mkdir()
    (site / 'README.md').write_text('ours')
    assert places(read(site).problems) == [
        'clients/nopalera.user.csv:1: file warning', 'clients/quetzal.users.csv:1: file warning', 'queue.toml:1: file warning']
    assert load(site).clients['quetzal'].users == ()


@pytest.mark.parametrize('file', ['agents.toml', USERS, 'custom/ejemplo.conf'])
def test_links_may_not_leave_the_folder(tmp_path, file):
    site = copy_example(tmp_path)
    outside = tmp_path / 'outside'
    (site / file).rename(outside)
    (site / file).symlink_to(outside)
    assert places(read(site).problems) == [f'{file}:1: file error']
    (site / file).unlink()
    (site / file).symlink_to(file.rpartition('/')[2])                         # a link to itself
    assert places(read(site).problems) == [f'{file}:1: file error']
    (site / file).unlink()
    outside.rename(site / 'spare.md')
    (site / file).symlink_to(site / 'spare.md')
    assert read(site).problems == ()


def test_a_linked_folder_is_not_followed(tmp_path):
    site = copy_example(tmp_path)
    (site / 'custom').rename(tmp_path / 'custom')
    (site / 'custom').symlink_to(tmp_path / 'custom')
    assert places(read(site).problems) == ['custom:1: file warning']
    assert read(site).site.fragments == {}


def test_files_that_are_none_too_large_or_not_utf8(tmp_path):
    site = copy_example(tmp_path)
    (site / 'agents.toml').unlink()
    os.mkfifo(site / 'agents.toml')                                            # reading it would wait for ever
    with (site / USERS).open('wb') as file:
        file.truncate(LARGEST + 1)
    (site / 'prompts.toml').write_bytes('[texts]\nok = "sí"\nbad = "sí"\n'.encode().replace(b'bad = "s\xc3\xad', b'bad = "s\xed'))
    (site / 'menus.toml').write_text('a = ' + '[' * 5000)
    (site / 'queues.toml').write_text('a = ' + '9' * 5000)
    problems = read(site).problems
    assert places(problems) == ['agents.toml:1: file error', 'clients/quetzal.users.csv:1: file error', 'menus.toml:1: file error',
                                'prompts.toml:3: file error', 'queues.toml:1: file error']
    assert 'not an ordinary file' in problems[0].message and str(LARGEST) in problems[1].message


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60) | st.text('[]{}="\'#\n.,ab1\\ \0é', max_size=60).map(str.encode))
def test_no_content_breaks_the_reader(tmp_path_factory, data):
    site = tmp_path_factory.mktemp('s') / 'site'
    (site / 'clients').mkdir(parents=True)
    for file in ('site.toml', 'queues.toml', 'clients/a.toml', 'clients/a.users.csv'):
        (site / file).write_bytes(data)
    assert any(problem.severity == 'error' for problem in read(site).problems)


# --- users --------------------------------------------------------------------------------------------------------

def users(text: str | bytes):
    return read_users('c', 'u.csv', text if isinstance(text, bytes) else text.encode())


def test_rows_as_spreadsheets_write_them():
    text = 'VIP;Employee_Number;Name;Phones\nSí;7;  Íñigo   Peña ;"55 5555 0101; +1 212 555 0100";;\n;8;"Ana\nLuz";\n;;;\nno;9;Eva;\n'
    listed = users(text.encode('cp1252'))
    assert [str(problem) for problem in listed.problems] == []
    assert [(u.employee_number, u.name, u.phones, u.vip, u.where.line) for u in listed.users] == [
        ('7', 'Íñigo Peña', ('+525555550101', '+12125550100'), True, 2), ('8', 'Ana Luz', (), False, 3), ('9', 'Eva', (), False, 6)]


@pytest.mark.parametrize(('row', 'key', 'words'), [
    ('x1,Ana,,,,', 'employee_number', "'x1' cannot be typed"),
    (',Ana,,,,', 'employee_number', 'cannot be typed'),
    ('1234567890123,Ana,,,,', 'employee_number', '1 to 12 digits'),
    ('٣,Ana,,,,', 'employee_number', 'cannot be typed'),
    ('1,,,,,', 'name', 'missing'),
    ('1,An\x1ba,,,,', 'name', 'control characters'),
    ('1,Ana,ana@x@y,,,', 'email', 'not one e-mail address'),
    ('1,Ana,"a@x.example, b@x.example",,,', 'email', 'not one e-mail address'),
    ('1,Ana,,5555550101;ext 7,,', 'phones', "'ext 7' is not a telephone number"),
    ('1,Ana,,,,perhaps', 'vip', 'neither yes nor no'),
    ('1,Ana,,,', 'row', '5 columns instead of 6'),
    ('1,Ríos, Ana,,,,no', 'row', '7 columns instead of 6'),
])
def test_each_slip_in_a_row(row, key, words):
    listed = users(HEAD + '2,Eva,,,,\n' + row + '\n')
    assert [(str(p.where), p.severity) for p in listed.problems] == [(f'u.csv:3: {key}', 'error')]
    assert words in listed.problems[0].message


def test_an_employee_number_twice_names_both_rows():
    listed = users(HEAD + '1,A,,,,\n2,B,,,,\n1,C,,,,\n')
    assert [str(p) for p in listed.problems] == [
        'u.csv:4: employee_number: error: employee number 1 is already that of u.csv:2: correct one of them']


@pytest.mark.parametrize(('text', 'where'), [
    ('', 'u.csv:1: users'),
    ('name,email\n', 'u.csv:1: employee_number'),
    (HEAD.replace('vip', 'vipp'), 'u.csv:1: vipp'),
    (HEAD.replace('site', 'name'), 'u.csv:1: name'),
    (HEAD.encode('utf-16'), 'u.csv:1: users'),
    (HEAD.encode() + b'1,\x81,,,,\n', 'u.csv:1: users'),
    (HEAD + '1,"Ana,,,,\n', 'u.csv:1: users'),
])
def test_lists_that_cannot_be_used(text, where):
    listed = users(text)
    assert str(listed.problems[0].where) == where
    assert listed.users == () and not listed.complete


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=80))
def test_no_list_breaks_the_reader(data):
    for user in users(HEAD.encode() + data).users:
        assert user.where.line > 1


# --- lines of keys ------------------------------------------------------------------------------------------------

TOML = '''# comment = 1
title = "a [table] # no comment"
a.b."c.d" = 1                     # dotted
\'lit.eral\' = 2
text = """
[not.a.table]
key = 1 \\""" still
"""
lit = \'\'\'
x = 1\'\'\'
list = [ "x", # one
  [1, 2],
  { p = 1, q.r = [3] },
]
date = 1979-05-27 07:32:00

[t]
"sp ace" = { in = 1 }
[t.sub]
k = [
]
[[arr]]
k = 1
[[arr]]
k = 2
[arr.inner]
z = 1
[[arr.deep]]
y = 1
[["q t".x]]
w = 1
'''


def test_lines_of_keys():
    lines = {key_text(path): line for path, line in key_lines(TOML).items()}
    assert lines == {
        'title': 2, 'a': 3, 'a.b': 3, 'a.b."c.d"': 3, '"lit.eral"': 4, 'text': 5, 'lit': 9, 'list': 11, 'list[1]': 11,
        'list[2]': 12, 'list[2][1]': 12, 'list[2][2]': 12, 'list[3]': 13,
        'list[3].p': 13, 'list[3].q': 13, 'list[3].q.r': 13, 'list[3].q.r[1]': 13,
        'date': 15, 't': 17, 't."sp ace"': 18, 't."sp ace".in': 18, 't.sub': 19, 't.sub.k': 20, 'arr': 22, 'arr[1]': 22, 'arr[1].k': 23,
        'arr[2]': 24,
        'arr[2].k': 25, 'arr[2].inner': 26, 'arr[2].inner.z': 27, 'arr[2].deep': 28, 'arr[2].deep[1]': 28, 'arr[2].deep[1].y': 29,
        '"q t"': 30, '"q t".x': 30, '"q t".x[1]': 30, '"q t".x[1].w': 31}
    assert key_lines(TOML.replace('\n', '\r\n')) == key_lines(TOML)


def test_a_key_that_is_not_written_stands_where_its_table_stands():
    lines = key_lines(TOML)
    assert nearest_line(lines, ('arr', 1, 'absent')) == 24
    assert nearest_line(lines, ('absent',)) == 1


def paths(value, path=()):
    """Every path in values that tomllib read."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from paths(inner, (*path, key))


@pytest.mark.parametrize('text', [TOML, *(path.read_text(encoding='utf-8') for path in sorted(EXAMPLE.rglob('*.toml')))])
def test_every_key_that_tomllib_reads_has_a_line(text):
    assert set(key_lines(text)) == set(paths(tomllib.loads(text)))


PIECES = ['a', 'b', '"c d"', "'e'", '.', ' = ', '1', '"x"', "'''y\n'''", '"""z"""', '[', ']', '[[', ']]', '{', '}', ',', '\n', '# c\n', ' ']


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map(''.join))
def test_lines_of_any_text_that_tomllib_takes(text):
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(key_lines(text)) == set(paths(data))


# --- speed --------------------------------------------------------------------------------------------------------

def test_many_users_load_in_time(tmp_path):
    site = copy_example(tmp_path)
    rows = (f'{30000 + n},Usuario Número {n},u{n}@nopalera.example,{5556000000 + n};+52 1 55{57000000 + n},Toluca,no\n'
            for n in range(20_000))
    (site / 'clients' / 'nopalera.users.csv').write_text(HEAD + ''.join(rows))
    began = time.process_time()
    assert len(load(site).clients['nopalera'].users) == 20_000
    assert time.process_time() - began < 3
    began = time.process_time()
    load(EXAMPLE)
    assert time.process_time() - began < 0.3
