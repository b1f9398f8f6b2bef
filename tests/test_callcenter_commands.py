"""The commands that look and decide, as a person or a script runs them: answers, exit codes, and errors as sentences.

Exit codes: 0 done; 1 problems, not found, not possible now; 2 the command line itself is wrong.
"""
from __future__ import annotations

import errno
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest

from callcenter.apply import apply_edited
from callcenter.clock import set_clock
from callcenter.commands.folio import facts_of as folio_facts
from callcenter.instance import Instance
from callcenter.main import COMMANDS, complaint_about, main
from config.load import load
from storage.engine import Database
from tests.site_copies import EXAMPLE, copy_example, edit, line_of
from ticketing.folios import FolioBook
from ticketing.values import Report

NOW = '2026-11-24T10:00:00-06:00'                      # a Tuesday


@dataclass(frozen=True)
class Done:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


class Mesa:
    """Runs command lines in this process."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self._monkeypatch = monkeypatch
        self._capfd = capfd

    def __call__(self, *words: str) -> Done:
        self._monkeypatch.setattr(sys, 'argv', ['mesa', '--instance', str(self.root), *words])
        self._capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = self._capfd.readouterr()
        code = ended.value.code
        return Done(code if isinstance(code, int) else int(code is not None), out, err)


@pytest.fixture
def before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Mesa:
    """A folder in which Mesa was never started."""
    for name in ('MESA_INSTANCE', 'MESA_DATABASE', 'MESA_DEBUG'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('MESA_FREE_PORTS', '1')
    return Mesa(tmp_path / 'i', monkeypatch, capfd)


@pytest.fixture
def mesa(before: Mesa, migrated_file: Path) -> Mesa:
    """An instance that was applied once and does not run; its clock stands at NOW."""
    instance = Instance.create(before.root)
    shutil.copy(migrated_file, before.root / 'mesa.db')
    apply_edited(instance)
    set_clock(before.root, True, datetime.fromisoformat(NOW))
    return before


@pytest.fixture
def folio(mesa: Mesa) -> str:
    """The number of a folio in the books."""
    database = Database(Instance.open(mesa.root).database_url)
    opened = FolioBook(database).open(
        Report(line='+528005550101', client='nopalera', modality='standard', clock_starts=datetime.fromisoformat(NOW), rule='open as usual',
               call='1795536000.1', employee_number='10001', user_name='María Fernanda Ríos Castañeda', caller_number='+525555550101',
               identified_by='caller_id', category='mail'), datetime.fromisoformat(NOW))
    database.close()
    return opened.number


# -- before the first start ----------------------------------------------------------------------------------------

def test_a_newcomer_may_look_around_before_the_first_start(before: Mesa) -> None:
    assert len(before('line', 'list', '--json').json) == 10
    assert before('simulate', '8005550101', '--at', '2026-12-25 09:00', '--json').json['open'] is False
    assert '2027' in before('calendar', '2027').out
    checked = before('config', 'check')
    assert (checked.code, checked.err) == (0, '')
    assert '0 errors' in checked.out
    assert before('line', 'overrides').out == 'No line has an override.\n'
    assert not before.root.exists(), 'looking makes nothing'


@pytest.mark.parametrize('words', [
    ('folio', 'list'), ('folio', 'show', '12345678'), ('calls',), ('config', 'plan'), ('config', 'apply'), ('config', 'undo'),
    ('line', 'override', '8005550101', '--closed', '--until', '2026-11-24 18:00'),
], ids=' '.join)
def test_what_needs_an_instance_says_how_to_get_one(before: Mesa, words: tuple[str, ...]) -> None:
    done = before(*words)
    assert (done.code, done.out, done.err) == (1, '', f'mesa: There is no Mesa in {before.root}. Make one with: mesa up\n')


@pytest.mark.parametrize('words', [('folio', 'list'), ('calls',), ('line', 'override', '8005550101', '--cancel')], ids=' '.join)
def test_an_instance_that_was_never_started_has_no_books(before: Mesa, words: tuple[str, ...]) -> None:
    Instance.create(before.root)
    done = before(*words)
    assert done.code == 1
    assert 'no books yet' in done.err and 'mesa up' in done.err
    assert before('simulate', '8005550101').code == 0
    assert before('line', 'list').code == 0


# -- wrong usage ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(('words', 'code', 'said'), [
    ('simulate', 2, "Missing argument 'NUMBER'"),
    ('simulate 5550000000', 1, 'no line has this number. The lines are: 8005550101'),
    ('simulate hello', 1, 'hello: no line has this number'),
    ('simulate 8005550101 --from 12', 2, '--from 12: this is not a telephone number'),
    ('simulate 8005550101 --at tomorrow', 2, "'tomorrow' is not a time. Write it like 2026-11-24T10:00"),
    ('simulate 8005550101 --at 2026-02-30T10:00', 2, 'is not a time'),
    ('simulate 8005550101 --nonsense', 2, 'No such option'),
    ('folio show', 2, "Missing argument 'NUMBER'"),
    ('folio show 12345678', 1, 'No folio has the number 12345678. Its check digit does not fit, so a digit is wrong.'),
    ('folio show 10000007', 1, 'No folio has the number 10000007. '),
    ('folio show +52555', 1, 'A folio number is digits alone'),
    ('folio list --state lost', 2, "'lost' is not one of"),
    ('folio list --limit 0', 2, '1<=x<='),
    ('folio list --client acme', 1, "No client is called 'acme'. There are: nopalera, quetzal"),
    ('calls 4711.1', 1, 'No call has the linkedid 4711.1'),
    ('calls --limit -3', 2, '1<=x<='),
    ('calendar', 2, "Missing argument 'YEAR'"),
    ('calendar 27', 2, '1970<=x<=2200'),
    ('calendar 2027 --calendar nosuch', 1, "No calendar is called 'nosuch'. There are: mx-5x12"),
    ('calendar 2027 --line 123', 1, 'no line has this number'),
    ('calendar 2027 --line 8005550101 --calendar mx-5x12', 2, '--calendar or --line'),
    ('line override', 2, "Missing argument 'LINE'"),
    ('line override 8005550101', 2, 'Say what to do: --closed'),
    ('line override 8005550101 --closed', 2, 'An override always ends: add --until'),
    ('line override 8005550101 --open --closed --until 2026-11-24T18:00', 2, 'either --closed or --open'),
    ('line override 8005550101 --closed --until 2026-11-24T09:59:59', 2, 'is in the past: it is 2026-11-24 10:00 there'),
    ('line override 8005550101 --closed --until 2026-11-24T10:00:00', 2, 'is in the past'),
    ('line override 8005550101 --closed --until soon', 2, "'soon' is not a time"),
    ('line override 8005559999 --closed --until 2026-11-24T18:00', 1, '8005559999: no line has this number'),
    ('line override 8005550101 --message site/nosuch --until 2026-11-24T18:00', 1, "No prompt is called 'site/nosuch'"),
    ('line override 8005550101 --message ../../x --until 2026-11-24T18:00', 1, "No prompt is called '../../x'"),
    ('line override 8005550101 --cancel --until 2026-11-24T18:00', 2, 'give nothing else'),
    ('config undo', 1, 'no earlier apply'),
    ('config check --site /nosuch', 2, 'does not exist'),
    ('config', 2, 'Usage: mesa config'),
    ('nosuch', 2, "No such command 'nosuch'"),
])
def test_wrong_usage_is_answered_in_a_sentence(mesa: Mesa, words: str, code: int, said: str) -> None:
    done = mesa(*words.split())
    assert (done.code, done.out) == (code, '')
    assert said in done.err
    assert 'Traceback' not in done.err


def test_a_site_that_cannot_be_used_is_explained_by_every_command(mesa: Mesa) -> None:
    (mesa.root / 'applied' / 'current' / 'site' / 'site.toml').write_text('name = [')
    for words in (('line', 'list'), ('simulate', '8005550101'), ('calendar', '2027'), ('folio', 'list'), ('calls',), ('status',)):
        done = mesa(*words)
        assert (done.code, done.out) == (1, ''), words
        assert 'site.toml:1' in done.err and 'Traceback' not in done.err


@pytest.mark.parametrize('words', [('folio', 'list'), ('calls',), ('simulate', '8005550101'), ('line', 'overrides'), ('config', 'apply'),
                                   ('line', 'override', '8005550101', '--cancel')], ids=' '.join)
def test_a_database_that_does_not_answer_is_named(mesa: Mesa, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    monkeypatch.setenv('MESA_DATABASE', 'postgresql://mesa:geheim@127.0.0.1:1/mesa')
    done = mesa(*words)
    assert done.code == 1
    assert done.err.startswith('mesa: ') and '127.0.0.1:1' in done.err
    assert 'Traceback' not in done.err and 'geheim' not in done.err


@contextmanager
def somebody_else() -> Iterator[None]:
    """This process without the right to read our folders."""
    if os.geteuid() != 0:
        pytest.skip('only root can become somebody else')
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_who_may_not_read_the_instance_is_told(mesa: Mesa) -> None:
    mesa('line', 'list')                               # everything is imported before the rights are gone
    mesa.root.chmod(0o700)
    for words in (('line', 'list'), ('config', 'plan'), ('folio', 'list')):
        with somebody_else():
            done = mesa(*words)
        assert (done.code, done.out) == (1, ''), words
        assert 'permission denied. Run as the user who owns the instance' in done.err


# -- every command -------------------------------------------------------------------------------------------------

def every_command(group: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield words
    if isinstance(group, click.Group):
        for name in group.commands:
            yield from every_command(group.commands[name], (*words, name))


def all_commands() -> list[tuple[str, ...]]:
    from importlib import import_module
    found = []
    for name, (place, _) in COMMANDS.items():
        module, _, attribute = place.partition(':')
        found += list(every_command(getattr(import_module(module), attribute), (name,)))
    return found


@pytest.mark.parametrize('words', all_commands(), ids=' '.join)
def test_every_command_has_help(before: Mesa, words: tuple[str, ...]) -> None:
    done = before(*words, '--help')
    assert (done.code, done.err) == (0, '')
    assert done.out.startswith(f'Usage: mesa {" ".join(words)}')
    assert len(done.out.splitlines()) > 4, 'a usage line alone helps nobody'


def test_every_command_is_documented() -> None:
    told = (Path(__file__).resolve().parent.parent / 'docs' / 'commands.md').read_text()
    groups = {words[:-1] for words in all_commands() if len(words) > 1}
    assert not [words for words in all_commands() if words not in groups and f'mesa {" ".join(words)}' not in told]


# -- config --------------------------------------------------------------------------------------------------------

def test_config_check_lists_every_problem_with_its_place(mesa: Mesa, tmp_path: Path) -> None:
    site = copy_example(tmp_path)
    edit(site, 'clients/quetzal.toml', 'queue = "quetzal-standard"', 'queue = "nowhere"')
    edit(site, 'menus.toml', 'fallback = "agent"', 'fallback = "menu:main"')
    edit(site, 'site.toml', 'numbers = ["911"]', 'numbers = ["912"]')
    done = mesa('config', 'check', '--site', str(site))
    assert (done.code, done.err) == (1, '')
    for file, text in (('clients/quetzal.toml', 'queue = "nowhere"'), ('menus.toml', 'fallback = "menu:main"'), ('site.toml', 'numbers')):
        assert f'{file}:{line_of(site, file, text)}: ' in done.out
    listed = json.loads(mesa('config', 'check', '--site', str(site), '--json').out)
    assert {problem['file'] for problem in listed if problem['severity'] == 'error'} == {'clients/quetzal.toml', 'menus.toml', 'site.toml'}
    assert set(listed[0]) == {'file', 'line', 'key', 'severity', 'message'}


@pytest.mark.parametrize('gone', ['[emergency]\nnumbers = ["911"]\naddress = "127.0.0.3:5060"', 'address = "127.0.0.3:5060"'])
def test_config_check_insists_on_the_emergency_route(before: Mesa, tmp_path: Path, gone: str) -> None:
    site = copy_example(tmp_path)
    edit(site, 'site.toml', gone, '')
    done = before('config', 'check', '--site', str(site))
    assert done.code == 1
    assert 'site.toml' in done.out and 'emergency' in done.out


FRAGMENTS = [
    ('exten => s,1,NoOp()\n same => n,Goto(s,1)', 2, 'in a circle for ever'),
    ('exten => s,1,NoOp()\n same => n,Goto(custom-gone,s,1)', 3, "no context 'custom-gone'"),
    ('exten => s,1,Playback(site/nosuch)\n same => n,Return()', 2, "no prompt 'site/nosuch'"),
    ('exten => s,1,Answer()\n same => n,Hangup()\n[mesa-line]\nexten => _+X.,1,Hangup()', 4, 'is ours and may not be redefined'),
    ('exten => s,1,System(reboot)\n same => n,Return()', 2, 'it runs programs of the machine'),
    ('exten => s,1,Set(MESA_RESULT=done)\n same => n,Return()', 2, 'MESA_ are ours'),
    ('exten => s,1,NoOp(${EXTEN}', 2, 'cannot be read'),
    ('exten => s,1,Queue(nosuch)\n same => n,Return()', 2, "no queue is called 'nosuch'"),
]


@pytest.mark.parametrize(('text', 'line', 'said'), FRAGMENTS, ids=[said for *_, said in FRAGMENTS])
def test_config_check_refuses_a_fragment_that_would_do_harm(before: Mesa, tmp_path: Path, text: str, line: int, said: str) -> None:
    site = copy_example(tmp_path)
    (site / 'custom' / 'own.conf').write_text(f'[custom-before-line]\n{text}\n')
    done = before('config', 'check', '--site', str(site))
    assert done.code == 1
    assert any(row.startswith(f'custom/own.conf:{line}: ') and said in row for row in done.out.splitlines()), done.out


def test_config_plan_apply_and_undo_tell_what_they_did(mesa: Mesa) -> None:
    assert mesa('config', 'plan').out == 'Nothing would change.\n'
    assert mesa('config', 'plan', '--json').json['changes'] is False
    assert 'Nothing to apply: the edited files are in force already (apply 1).' in mesa('config', 'apply').out
    edit(mesa.root / 'site', 'agents.toml', 'Ana López', 'Ana Paz')
    planned = mesa('config', 'plan').out
    assert '-callerid = "Ana López" <1001>' in planned and '+callerid = "Ana Paz" <1001>' in planned
    assert mesa('line', 'list').code == 0 and load(mesa.root / 'applied' / 'current' / 'site').agents['ana'].name == 'Ana López'
    assert 'Apply 2 is in force. Asterisk is not running' in mesa('config', 'apply').out
    assert 'Apply 1 is in force again' in mesa('config', 'undo').out
    applied = mesa('config', 'apply', '--json').json
    assert (applied['number'], applied['changed'], applied['verified']) == (3, True, False)
    assert mesa('config', 'undo', '--json').json['number'] == 1


def test_config_plan_and_apply_refuse_with_all_problems(mesa: Mesa) -> None:
    edit(mesa.root / 'site', 'agents.toml', '1002', '1001')
    edit(mesa.root / 'site', 'calendars.toml', 'America/Cancun', 'America/Kankun')
    for words in (('config', 'plan'), ('config', 'apply')):
        done = mesa(*words)
        assert (done.code, done.out) == (1, '')
        assert 'agents.toml:' in done.err and 'calendars.toml:' in done.err


# -- line ----------------------------------------------------------------------------------------------------------

def test_line_list_names_client_modality_calendar_and_queue(mesa: Mesa) -> None:
    rows = mesa('line', 'list', '--json').json
    assert rows[0] == {'number': '+528005550101', 'client': 'nopalera', 'modality': 'standard', 'calendar': 'mx-5x12',
                       'queue': 'nopalera-standard'}
    assert rows[4]['queue'] is None, 'a fax line has no queue'
    assert mesa('line', 'list').out.splitlines()[1].split() == ['8005550101', 'nopalera', 'standard', 'mx-5x12', 'nopalera-standard']


def test_an_override_changes_the_decision_and_the_dialplans_table(mesa: Mesa) -> None:
    table = (mesa.root / 'run' / 'mesa-hours.conf')
    assert 'until 2026-11-24 18:00 (override 1)' in mesa(
        'line', 'override', '8005550101', '--closed', '--until', '2026-11-24 18:00').out
    closed = mesa('simulate', '8005550101', '--json').json
    assert (closed['open'], closed['reason'], closed['next_opening']) == (False, 'override_closed', '2026-11-24T18:00:00-06:00')
    assert 'override' in closed['rule']
    assert mesa('simulate', '8005550101', '--at', '2026-11-24 18:00', '--json').json['open'] is True
    assert mesa('simulate', '8005550102', '--json').json['open'] is True, 'another line'
    end = int(datetime.fromisoformat('2026-11-24T18:00:00-06:00').timestamp())
    assert f'>= {end} & ' in table.read_text()
    listed = mesa('line', 'overrides', '--json').json
    assert [(one['id'], one['line'], one['state'], one['until']) for one in listed] == [
        (1, '+528005550101', 'closed', '2026-11-24T18:00:00-06:00')]
    assert mesa('line', 'override', '8005550101', '--cancel').out == '8005550101: 1 override ended.\n'
    assert mesa('simulate', '8005550101', '--json').json['open'] is True
    assert f'>= {end} & ' not in table.read_text()
    assert mesa('line', 'override', '8005550101', '--cancel', '--json').json == {'line': '+528005550101', 'ended': 0}


def test_an_override_may_open_with_a_message(mesa: Mesa) -> None:
    set_clock(mesa.root, True, datetime.fromisoformat('2026-11-29T10:00:00-06:00'))        # a Sunday
    put = mesa('line', 'override', '8005550101', '--open', '--message', 'site/aviso-mantenimiento',
               '--until', '2026-11-29T12:00', '--json').json
    assert put == {'id': 1, 'line': '+528005550101', 'state': 'open', 'message': 'site/aviso-mantenimiento',
                   'until': '2026-11-29T12:00:00-06:00'}
    told = mesa('simulate', '8005550101', '--json').json
    assert (told['open'], told['message']) == (True, 'site/aviso-mantenimiento')
    shown = mesa('line', 'overrides').out
    assert '8005550101  open' in shown and 'site/aviso-mantenimiento' in shown


def test_a_message_alone_leaves_the_hours_as_they_are(mesa: Mesa) -> None:
    put = mesa('line', 'override', '8005550101', '--message', 'mesa/override-message', '--until', '2026-11-25T12:00', '--json').json
    assert put['state'] == 'message'
    assert mesa('simulate', '8005550101', '--json').json['open'] is True
    assert mesa('simulate', '8005550101', '--at', '2026-11-24 21:00', '--json').json['open'] is False


def test_overrides_of_the_files_are_listed_too(mesa: Mesa) -> None:
    file = mesa.root / 'applied' / 'current' / 'site' / 'overrides.toml'
    file.write_text('[[override]]\nline = "8005550202"\nstate = "closed"\nuntil = 2026-12-24T20:00:00\nby = "Carla"\n')
    (told,) = mesa('line', 'overrides', '--json').json
    assert (told['id'], told['line'], told['until'], told['by']) == (None, '+528005550202', '2026-12-24T20:00:00-05:00', 'Carla')
    assert 'overrides.toml' in mesa('line', 'overrides').out


# -- simulate and calendar -----------------------------------------------------------------------------------------

def test_simulate_tells_who_calls_and_which_rule_decides(mesa: Mesa) -> None:
    told = mesa('simulate', '8005550101', '--from', '5555550101', '--json').json
    assert {'client', 'modality', 'open', 'reason', 'rule', 'next_opening', 'queue', 'priority'} <= set(told)
    assert (told['client'], told['employee_number'], told['identified_by']) == ('nopalera', '10001', 'caller_id')
    assert mesa('simulate', '8005550101', '--employee', '10002', '--json').json['identified_by'] == 'employee_number'
    christmas = mesa('simulate', '8005550101', '--at', '2026-12-25 09:00')
    assert 'Navidad' in christmas.out
    assert '2026-12-28T08:00:00-06:00' in christmas.out
    unlisted = mesa('simulate', '8005550101', '--from', '5550000000', '--json').json
    assert (unlisted['unlisted'], unlisted['employee_number']) == (True, None)


def test_simulate_asks_the_edited_files_when_told_to(mesa: Mesa) -> None:
    edit(mesa.root / 'site', 'calendars.toml', 'tuesday = ["08:00-20:00"]', 'tuesday = ["12:00-20:00"]')
    assert mesa('simulate', '8005550101', '--json').json['open'] is True
    assert mesa('simulate', '8005550101', '--edited', '--json').json['open'] is False


def test_a_year_fits_a_terminal(mesa: Mesa, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('COLUMNS', '80')
    done = mesa('calendar', '2030')
    assert '\x1b' not in done.out, 'colour belongs on a terminal'
    assert max(map(len, done.out.splitlines())) <= 80
    assert 'Jornada electoral federal' not in mesa('calendar', '2027').out.partition('Días festivos')[0]
    assert 'Navidad' in done.out


def test_a_year_on_a_terminal_is_coloured(mesa: Mesa, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('sys.stdout.isatty', lambda: True, raising=False)
    assert '\x1b[1;31m' in mesa('calendar', '2027').out


def test_days_that_nobody_has_confirmed_are_marked(mesa: Mesa) -> None:
    facts = mesa('calendar', '2028', '--json').json
    assert facts['next_twelve_months_confirmed'] is True
    assert {day['confirmed'] for day in facts['holidays']} == {False}
    assert 'por confirmar' in mesa('calendar', '2028').out
    assert 'por confirmar' not in mesa('calendar', '2027').out


# -- the books -----------------------------------------------------------------------------------------------------

def test_folios_are_listed_and_shown(mesa: Mesa, folio: str) -> None:
    (listed,) = mesa('folio', 'list', '--json').json
    assert listed['number'] == folio
    row = mesa('folio', 'list').out.splitlines()[1]
    assert row.startswith(folio) and 'María Fernanda Ríos Castañeda' in row
    shown = mesa('folio', 'show', folio)
    assert folio in shown.out and 'timeline' in shown.out and 'opened' in shown.out
    told = mesa('folio', 'show', folio, '--json').json
    assert {key: value for key, value in told.items() if key not in ('timeline', 'counts', 'counts_why')} == listed
    assert told['timeline'][0]['kind'] == 'opened'
    assert datetime.fromisoformat(told['opened_at']) == datetime.fromisoformat(NOW)
    assert mesa('folio', 'list', '--client', 'quetzal').out == 'No folio matches.\n'
    assert mesa('folio', 'list', '--state', 'new', '--json').json == [listed]


def test_a_folio_with_a_wrong_digit_is_told_so(mesa: Mesa, folio: str) -> None:
    wrong = folio[:-1] + str((int(folio[-1]) + 1) % 10)
    assert 'so a digit is wrong' in mesa('folio', 'show', wrong).err


def test_empty_books_are_no_error(mesa: Mesa) -> None:
    assert (mesa('folio', 'list').out, mesa('calls').out) == ('No folios yet.\n', 'No calls yet.\n')
    assert mesa('folio', 'list', '--json').json == [] == mesa('calls', '--json').json


def test_facts_of_a_folio_are_plain(mesa: Mesa, folio: str) -> None:
    database = Database(Instance.open(mesa.root).database_url)
    found = FolioBook(database).get(folio)
    database.close()
    assert found is not None
    assert json.loads(json.dumps(folio_facts(found)))['line'] == '+528005550101'
    assert found.opened_at.utcoffset() == timedelta(0)


def test_the_example_is_what_is_shown_before_the_first_start(before: Mesa) -> None:
    assert [row['number'] for row in before('line', 'list', '--json').json] == list(load(EXAMPLE).lines)


def test_a_full_disk_is_a_sentence() -> None:
    complaint = complaint_about(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), '/srv/mesa/applied/.4.17/site/site.toml'))
    assert str(complaint) == '/srv/mesa/applied/.4.17/site/site.toml: No space left on device.'
