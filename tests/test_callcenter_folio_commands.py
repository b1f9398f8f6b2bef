"""`mesa folio ...` as a person or a script runs it: a folio's whole life from the command line, and errors as sentences."""
from __future__ import annotations

import getpass
import shutil
from datetime import datetime
from pathlib import Path

import pytest

from callcenter.apply import apply_edited
from callcenter.clock import set_clock
from callcenter.instance import Instance
from tests.test_callcenter_commands import NOW, Mesa

OPEN = ('folio', 'open', '--client', 'nopalera', '--user', '10001', '--summary', 'No imprime')


@pytest.fixture
def mesa(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], migrated_file: Path) -> Mesa:
    """An instance that was applied once and does not run; its clock stands at NOW, a Tuesday 10:00."""
    for name in ('MESA_INSTANCE', 'MESA_DATABASE', 'MESA_DEBUG'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('MESA_FREE_PORTS', '1')
    instance = Instance.create(tmp_path / 'i')
    shutil.copy(migrated_file, instance.root / 'mesa.db')
    apply_edited(instance)
    set_clock(instance.root, True, datetime.fromisoformat(NOW))
    return Mesa(instance.root, monkeypatch, capfd)


def clock(mesa: Mesa, time: str) -> None:
    set_clock(mesa.root, True, datetime.fromisoformat(f'{time}-06:00'))


def test_a_life_from_the_command_line(mesa: Mesa) -> None:
    number = mesa(*OPEN, '--impact', 'high', '--urgency', 'high', '--by', 'ana', '--json').json['number']
    said = mesa('folio', 'assign', number, '--agent', 'ana', '--by', 'beto').out
    assert said == f'Folio {number} is assigned, high priority, with agent ana, due 2026-11-24 14:00 (version 1).\n'
    assert 'in progress' in mesa('folio', 'start', number, '--by', 'ana', '--if-version', '1').out
    clock(mesa, '2026-11-24T11:00:00')
    assert 'is waiting for the user' in mesa('folio', 'wait', number, '--for', 'user', '--reason', 'falta un dato', '--by', 'ana').out
    clock(mesa, '2026-11-24T12:30:00')
    assert 'due 2026-11-24 15:30' in mesa('folio', 'resume', number, '--by', 'ana').out
    assert mesa('folio', 'update', number, 'Ya lo revisamos', '--by', 'ana').code == 0
    assert mesa('folio', 'note', number, 'interno', '--by', 'ana').code == 0
    assert 'with group' not in mesa('folio', 'categorise', number, 'mail', '--by', 'ana').out
    assert 'is resolved' in mesa('folio', 'resolve', number, '--solution', 'un cable', '--by', 'ana').out
    refused = mesa('folio', 'confirm', number, '--by', 'ana')
    assert (refused.code, refused.err) == (1, f'mesa: folio {number} was solved by ana: somebody else must confirm it\n')
    assert 'is closed verified' in mesa('folio', 'confirm', number, '--by', 'beto', '--score', '5').out
    told = mesa('folio', 'show', number, '--json').json
    assert (told['state'], told['score'], told['version'], told['resolved_by']) == ('closed_verified', 5, 8, 'ana')
    assert [entry['by'] for entry in told['timeline']][:3] == ['person', 'beto', 'ana']


def test_explain_sums_to_the_second(mesa: Mesa) -> None:
    number = mesa(*OPEN, '--json').json['number']
    mesa('folio', 'start', number, '--by', 'ana')
    mesa('folio', 'wait', number, '--for', 'supplier', '--reason', 'pieza', '--by', 'ana')
    clock(mesa, '2026-11-25T09:00:01')
    mesa('folio', 'resume', number, '--by', 'ana')
    clock(mesa, '2026-11-25T10:00:00')
    told = mesa('folio', 'explain', number, '--json').json
    assert told['total_s'] == sum(one['seconds'] for one in told['intervals']) == 24 * 3600
    assert told['seconds'] == {'before': 0, 'running': 3599, 'paused': 11 * 3600 + 1, 'closed': 12 * 3600, 'stopped': 0}
    words = mesa('folio', 'explain', number).out
    assert 'waiting for supplier: pieza' in words and '86400 s' in words


def test_show_tells_what_is_known_in_one_line_each(mesa: Mesa) -> None:
    number = mesa(*OPEN, '--description', 'uno\ndos \x1b[31mrojo', '--by', 'ana').out.split()[1]
    shown = mesa('folio', 'show', number).out
    assert 'uno dos' in shown and '\x1b' not in shown
    assert 'Castañeda' in shown and 'score' not in shown
    assert f'{"opened at":>16}  2026-11-24 10:00:00' in shown


def test_opening_for_an_address(mesa: Mesa) -> None:
    known = mesa('folio', 'open', '--client', 'nopalera', '--email', 'EMILIO.urrutia@nopalera.example', '--summary', 'x', '--json').json
    assert (known['employee_number'], known['unlisted']) == ('10002', False)
    stranger = mesa('folio', 'open', '--client', 'nopalera', '--email', 'nadie@nopalera.example', '--summary', 'x', '--json').json
    assert (stranger['user_name'], stranger['unlisted'], stranger['user_email']) == (None, True, 'nadie@nopalera.example')
    assert stranger['line'] == '+528005550101'
    assert mesa(*OPEN, '--line', '8005550102', '--json').json['modality'] == 'premium'


def test_at_night_the_clock_starts_at_the_next_opening(mesa: Mesa) -> None:
    clock(mesa, '2026-11-24T22:00:00')
    told = mesa(*OPEN, '--json').json
    assert told['clock_starts'] == '2026-11-25T14:00:00+00:00'
    assert told['promised'] == '2026-11-26T00:00:00+00:00'


def test_lists_of_an_agent_a_group_and_what_is_open(mesa: Mesa) -> None:
    one, two = (mesa(*OPEN, '--json').json['number'] for _ in range(2))
    mesa('folio', 'assign', one, '--agent', 'ana')
    mesa('folio', 'cancel', two, '--reason', 'error')
    numbers = {words: [folio['number'] for folio in mesa('folio', 'list', *words, '--json').json]
               for words in (('--agent', 'ana'), ('--agent', 'beto'), ('--open',), ())}
    assert numbers == {('--agent', 'ana'): [one], ('--agent', 'beto'): [], ('--open',): [one], (): [two, one]}
    assert mesa('folio', 'list', '--group', 'none').out == 'No folio matches.\n'


def test_merge_complain_describe(mesa: Mesa) -> None:
    one, two = (mesa(*OPEN, '--json').json['number'] for _ in range(2))
    assert mesa('folio', 'merge', two, one, '--json').json['duplicate_of'] == one
    assert mesa('folio', 'describe', one, '--summary', 'Otra cosa', '--kind', 'request', '--json').json['kind'] == 'request'
    told = mesa('folio', 'complain', one, 'Me colgó', '--about', 'ana', '--by', 'beto', '--json').json
    assert (told['agent'], told['complained_of']) == ('carla', 'ana')
    assert mesa('folio', 'note', one, 'x', '--by', 'ana').err == f'mesa: folio {one} is a complaint about ana, who may not work on it\n'


def test_who_does_it_is_the_system_user_unless_told(mesa: Mesa) -> None:
    number = mesa(*OPEN, '--json').json['number']
    mesa('folio', 'note', number, 'x')
    assert mesa('folio', 'show', number, '--json').json['timeline'][-1]['by'] == getpass.getuser()


@pytest.mark.parametrize(('words', 'code', 'said'), [
    ('folio start 17516843', 1, 'No folio has the number 17516843. See: mesa folio list'),
    ('folio start 12345675', 1, 'Its check digit does not fit'),
    ('folio explain 12345674', 1, 'No folio has the number'),
    ('folio merge {folio} 12345674', 1, 'No folio has the number 12345674.'),
    ('folio resume {folio}', 1, 'is new: resume is not possible now (possible: assign, start, resolve, cancel, prioritise)'),
    ('folio start {folio} --if-version 3', 1, 'is at version 0 and you saw 3'),
    ('folio assign {folio}', 1, 'either to an agent or to a group'),
    ('folio assign {folio} --agent zoe', 1, "no agent is called 'zoe'; there are: ana, beto, carla"),
    ('folio wait {folio} --for user', 2, "Missing option '--reason'"),
    ('folio wait {folio} --for godot --reason x', 2, "'godot' is not one of"),
    ('folio confirm {folio} --score 6', 2, '1<=x<=5'),
    ('folio visit {folio} --reason disco', 1, 'on-site visits exist under premium only'),
    ('folio open --client acme --user 1 --summary x', 1, "No client is called 'acme'"),
    ('folio open --client nopalera --summary x', 2, 'Who reports it?'),
    ('folio open --client nopalera --user 99999 --summary x', 1, 'no user with the employee number 99999'),
    ('folio open --client nopalera --email nobody --summary x', 2, 'no e-mail address'),
    ('folio open --client nopalera --user 10001 --line 8005550105 --summary x', 1, 'no line of nopalera on which help is given'),
    ('folio open --client nopalera --user 10001 --category x --summary x', 1, "no category 'x'")])
def test_errors_are_sentences(mesa: Mesa, words: str, code: int, said: str) -> None:
    number = mesa(*OPEN, '--json').json['number'] if '{folio}' in words else ''
    done = mesa(*words.format(folio=number).split())
    assert (done.code, done.out) == (code, '')
    assert said in done.err


def test_an_address_with_a_line_end_is_refused(mesa: Mesa) -> None:
    done = mesa('folio', 'open', '--client', 'nopalera', '--email', 'a@b.example\nBcc: all@b.example', '--summary', 'x')
    assert done.code == 2
    assert mesa('folio', 'list', '--json').json == []
