"""Apply and undo without a running Asterisk: whole or not at all, however they end (mission.md 8.1)."""
from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

import callcenter.apply as steps
from callcenter import history as records
from callcenter.applied import applied_files, applied_number, applied_numbers
from callcenter.apply import ApplyFailed, apply_edited, recover, undo
from callcenter.asterisk import APPLICATION, FUNCTION, Offered
from callcenter.console import Complaint
from callcenter.drafts import draft, draft_of, hidden, masked, plan, second_opinion, today_of, tree
from callcenter.history import history, is_on_trial, only_one
from callcenter.instance import Instance
from callcenter.prepare import put_in_force
from callcenter.trial import missing_queues, missing_steps, missing_telephones, read_at_start_only, read_dialplan, read_queues
from config.load import load
from config.problems import ConfigErrors
from config.render import render
from config.values import Site
from storage.engine import Database, DatabaseUnavailable
from tests.killed import killed_after
from tests.site_copies import EXAMPLE, copy_example, edit
from ticketing import tables

NEW_LINE = """
[[line]]
number = "8005550109"
modality = "standard"
calendar = "mx-5x12"
queue = "nopalera-standard"
menu = "main"
greeting = "mesa/greeting"
"""


@pytest.fixture
def instance(tmp_path: Path, migrated_file: Path, monkeypatch: pytest.MonkeyPatch) -> Instance:
    """An instance whose example site was applied once."""
    monkeypatch.setenv('MESA_FREE_PORTS', '1')
    monkeypatch.delenv('MESA_DATABASE', raising=False)
    made = Instance.create(tmp_path)
    shutil.copy(migrated_file, tmp_path / 'mesa.db')
    apply_edited(made)
    return made


@pytest.fixture
def twice(instance: Instance) -> Instance:
    """An instance with two applies, and an edit that is not applied yet."""
    rename(instance, 'Segunda')
    apply_edited(instance)
    rename(instance, 'Tercera')
    return instance


def rename(instance: Instance, name: str) -> None:
    """An edit that shows both in the site and in Asterisk's files."""
    site = instance.place.edited_site
    edit(site, 'site.toml', f'name = "{load(site).name}"', f'name = "{name}"')
    edit(site, 'agents.toml', f'name = "{load(site).agents["ana"].name}"', f'name = "Ana {name}"')


def add_line(instance: Instance) -> None:
    file = instance.place.edited_site / 'clients' / 'nopalera.toml'
    file.write_text(file.read_text() + NEW_LINE)


def in_force(instance: Instance) -> tuple[int | None, str, str]:
    """What is in force: its number, its site's name, and the name on ana's telephone in Asterisk's files."""
    site = instance.site()
    name = site.agents['ana'].name
    assert f'callerid = "{name}"' in applied_files(instance.place)['pjsip.conf'], 'site and rendered files differ'
    return applied_number(instance.place), site.name, name


def is_settled(instance: Instance) -> bool:
    """Link and history agree, nothing is on trial, nothing is half laid down."""
    left = [entry.name for entry in instance.place.applied.iterdir() if entry.name.startswith('.')]
    return history(instance.place)[-1] == applied_number(instance.place) and not is_on_trial(instance.place) and not left


def everything_below(root: Path) -> dict[str, bytes]:
    """All files, but for those of the database: SQLite touches them when somebody reads."""
    files = (file for file in root.rglob('*') if file.is_file() and not file.name.startswith('mesa.db'))
    return {str(file.relative_to(root)): file.read_bytes() for file in files}


# -- apply ---------------------------------------------------------------------------------------------------------

def test_an_apply_puts_the_edited_files_in_force(instance: Instance) -> None:
    add_line(instance)
    done, _ = apply_edited(instance)
    assert (done.number, done.changed, done.verified) == (2, True, False), 'Asterisk does not run, so nothing is verified'
    assert '+528005550109' in instance.site().lines
    assert '8005550109' in applied_files(instance.place)['extensions.conf']
    assert '+528005550109' in instance.place.hours_file.read_text()
    assert history(instance.place) == (1, 2)
    assert is_settled(instance)


def test_an_apply_of_the_same_files_says_so(instance: Instance) -> None:
    done, _ = apply_edited(instance)
    assert (done.number, done.changed) == (1, False)
    assert applied_numbers(instance.place) == [1]


def test_a_change_that_is_in_no_file_of_asterisks_is_a_change(instance: Instance) -> None:
    edit(instance.place.edited_site, 'calendars.toml', 'monday = ["08:00', 'monday = ["09:00')
    done, _ = apply_edited(instance)
    assert done.changed
    assert steps.files_of(instance.place, 2) == steps.files_of(instance.place, 1)


def test_problems_are_listed_all_and_nothing_changes(instance: Instance) -> None:
    site = instance.place.edited_site
    edit(site, 'clients/nopalera.toml', 'queue = "nopalera-standard"', 'queue = "nowhere"')
    edit(site, 'calendars.toml', 'America/Mexico_City', 'America/Nowhere')
    edit(site, 'custom/ejemplo.conf', 'Playback(site/aviso-mantenimiento)', 'Playback(site/missing)')
    before = everything_below(instance.root)
    with pytest.raises(ConfigErrors) as caught:
        apply_edited(instance)
    found = {(problem.where.file, problem.where.line) for problem in caught.value.problems if problem.severity == 'error'}
    assert {file for file, _ in found} == {'clients/nopalera.toml', 'calendars.toml', 'custom/ejemplo.conf'}
    assert everything_below(instance.root) == before


def test_a_prompt_that_cannot_be_made_puts_everything_back(instance: Instance) -> None:
    edit(instance.place.edited_site, 'prompts.toml', '[texts]', '[texts]\nmudo = "..."')
    rename(instance, 'Rota')
    with pytest.raises(ApplyFailed, match=r'mudo.*in force before is in force again.*applied/2 keeps'):
        apply_edited(instance)
    assert in_force(instance)[0] == 1
    assert is_settled(instance)
    edit(instance.place.edited_site, 'prompts.toml', '"..."', '"Buenos días."')
    assert apply_edited(instance)[0].number == 3


def test_without_its_books_nothing_is_begun(instance: Instance) -> None:
    rename(instance, 'Otra')
    before = applied_number(instance.place)
    with pytest.raises(DatabaseUnavailable):
        apply_edited(replace(instance, database_url='postgresql://mesa@127.0.0.1:1/mesa'))
    assert applied_number(instance.place) == before
    assert is_settled(instance)


def test_the_record_of_users_follows(instance: Instance) -> None:
    edit(instance.place.edited_site, 'clients/quetzal.users.csv', 'Citlali Tapia Becerra', 'Citlali Tapia de Ríos')
    edit(instance.place.edited_site, 'clients/quetzal.users.csv', '20002,Regina Cárdenas Guzmán', '20099,Nadia Nueva Núñez')
    apply_edited(instance)
    database = Database(instance.database_url)
    with database.read() as connection:
        kept = {row.employee_number: (row.name, row.left_at is None) for row in connection.execute(select(tables.users))}
    database.close()
    assert len(kept) == 241
    assert kept['20001'] == ('Citlali Tapia de Ríos', True)
    assert kept['20002'] == ('Regina Cárdenas Guzmán', False)
    assert kept['20099'] == ('Nadia Nueva Núñez', True)


def test_two_applies_at_the_same_time_come_one_after_the_other(instance: Instance) -> None:
    add_line(instance)
    with ThreadPoolExecutor(2) as pool:
        done = [each.result()[0] for each in [pool.submit(apply_edited, instance) for _ in range(2)]]
    assert sorted((one.number, one.changed) for one in done) == [(2, False), (2, True)]
    assert is_settled(instance)


def test_who_waits_too_long_for_another_apply_is_told(instance: Instance) -> None:
    with only_one(instance.place), pytest.raises(Complaint, match='Another apply or undo'), only_one(instance.place, patience_s=0.1):
        pass


def test_files_that_an_editor_leaves_do_no_harm(instance: Instance) -> None:
    site = instance.place.edited_site
    (site / '.#site.toml').symlink_to('somebody@host.4711')          # Emacs, while a buffer is not saved
    (site / '.site.toml.swp').write_bytes(b'\0vim')
    rename(instance, 'Abierta')
    done, _ = apply_edited(instance)
    assert not list((instance.place.applied / str(done.number) / 'site').glob('.*'))


def test_a_link_out_of_the_folder_is_not_followed(instance: Instance, tmp_path: Path) -> None:
    (tmp_path / 'elsewhere.conf').write_text('[custom-x]\nexten => 1,1,Hangup()\n')
    (instance.place.edited_site / 'custom' / 'link.conf').symlink_to(tmp_path / 'elsewhere.conf')
    with pytest.raises(ConfigErrors, match='leads out'):
        apply_edited(instance)


def test_only_the_newest_applies_are_kept(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, 'KEPT', 3)
    for name in ('a', 'b', 'c', 'd'):
        rename(instance, name)
        apply_edited(instance)
    assert applied_numbers(instance.place) == [3, 4, 5]
    assert history(instance.place) == (3, 4, 5)
    undo(instance)
    undo(instance)
    assert in_force(instance)[:2] == (3, 'b')
    with pytest.raises(Complaint, match='no earlier apply'):
        undo(instance)


# -- undo ----------------------------------------------------------------------------------------------------------

def test_an_undo_goes_back_and_an_undo_after_it_goes_back_further(twice: Instance) -> None:
    apply_edited(twice)
    assert in_force(twice) == (3, 'Tercera', 'Ana Tercera')
    assert undo(twice).number == 2
    assert in_force(twice) == (2, 'Segunda', 'Ana Segunda')
    assert undo(twice).number == 1
    assert in_force(twice)[0] == 1
    with pytest.raises(Complaint, match='no earlier apply'):
        undo(twice)
    assert load(twice.place.edited_site).name == 'Tercera', 'the edited files stay'
    assert apply_edited(twice)[0].number == 4
    assert history(twice.place) == (1, 4)


def test_an_undo_after_a_refused_apply_undoes_the_one_before(twice: Instance) -> None:
    edit(twice.place.edited_site, 'prompts.toml', '[texts]', '[texts]\nmudo = "..."')
    with pytest.raises(ApplyFailed):
        apply_edited(twice)
    assert undo(twice).number == 1


def test_an_undo_brings_no_old_password_back(twice: Instance) -> None:
    file = twice.root / 'secrets.toml'
    old = twice.secrets(twice.site()).agents['ana']
    file.write_text(''.join(line for line in file.read_text().splitlines(keepends=True) if not line.startswith('"ana"')))
    done = undo(twice)
    assert (done.number, done.site_of) == (3, 1)
    assert old not in applied_files(twice.place)['pjsip.conf']
    assert twice.secrets(twice.site()).agents['ana'] in applied_files(twice.place)['pjsip.conf']
    assert twice.site().name == load(twice.place.applied / '1' / 'site').name
    assert history(twice.place) == (3,)


def test_what_is_rendered_anew_at_a_start_takes_its_place_in_the_history(twice: Instance) -> None:
    moved = replace(twice, place=replace(twice.place, ports=replace(twice.place.ports, agi=twice.place.ports.agi + 1)))
    put_in_force(moved)
    assert history(twice.place) == (1, 3)
    assert in_force(twice)[1] == 'Segunda'
    assert f'agi://127.0.0.1:{moved.place.ports.agi}/' in applied_files(twice.place)['extensions.conf']
    assert undo(moved).site_of == 1
    assert f'agi://127.0.0.1:{moved.place.ports.agi}/' in applied_files(twice.place)['extensions.conf'], 'an undo keeps the new port'


# -- killed --------------------------------------------------------------------------------------------------------

BEFORE = ('lay_down', 'begin_trial', 'lay_out_sounds', 'switch_to', '_confirmed')
AFTER = ('write_history', 'end_trial', 'prune', 'keep_users')


@pytest.mark.parametrize('step', [*BEFORE, *AFTER])
def test_an_apply_that_is_killed_is_healed(twice: Instance, step: str) -> None:
    killed_after(step, lambda: apply_edited(twice))
    recover(twice)
    assert is_settled(twice)
    assert in_force(twice) == ((2, 'Segunda', 'Ana Segunda') if step in BEFORE else (3, 'Tercera', 'Ana Tercera'))
    assert history(twice.place) == ((1, 2) if step in BEFORE else (1, 2, 3))


@pytest.mark.parametrize('step', ['switch_to', 'write_history', 'end_trial'])
def test_an_undo_that_is_killed_is_healed(twice: Instance, step: str) -> None:
    killed_after(step, lambda: undo(twice))
    recover(twice)
    assert is_settled(twice)
    assert history(twice.place) == ((1, 2) if step == 'switch_to' else (1,))


def test_the_next_apply_heals(twice: Instance) -> None:
    killed_after('switch_to', lambda: apply_edited(twice))
    assert applied_number(twice.place) == 3, 'the link was left on what nobody has confirmed'
    assert apply_edited(twice)[0].number == 4
    assert in_force(twice) == (4, 'Tercera', 'Ana Tercera')
    assert history(twice.place) == (1, 2, 4)


def test_the_next_undo_heals(twice: Instance) -> None:
    killed_after('switch_to', lambda: apply_edited(twice))
    assert undo(twice).number == 1
    assert history(twice.place) == (1,)
    assert is_settled(twice)


def test_the_next_start_heals(twice: Instance) -> None:
    killed_after('switch_to', lambda: apply_edited(twice))
    put_in_force(twice)
    assert in_force(twice) == (2, 'Segunda', 'Ana Segunda')
    assert is_settled(twice)


def test_a_plan_after_a_kill_compares_with_what_was_confirmed(twice: Instance) -> None:
    killed_after('switch_to', lambda: apply_edited(twice))
    assert any('Ana Tercera' in line for line in plan(twice.place, draft(twice)))


@pytest.mark.parametrize('step', ['lay_down', 'begin_trial', 'switch_to', 'write_history'])
def test_the_very_first_apply_may_be_killed(tmp_path: Path, migrated_file: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    monkeypatch.setenv('MESA_FREE_PORTS', '1')
    fresh = Instance.create(tmp_path)
    shutil.copy(migrated_file, tmp_path / 'mesa.db')
    killed_after(step, lambda: apply_edited(fresh))
    put_in_force(fresh)
    assert is_settled(fresh)
    assert in_force(fresh)[0] == (1 if step == 'write_history' else 2)


# -- plan ----------------------------------------------------------------------------------------------------------

def planned(instance: Instance) -> list[str]:
    """The lines of a plan as the command makes it."""
    return list(plan(instance.place, draft_of(instance.place.edited_site, instance.place, hidden, today_of(instance))))


def test_a_plan_without_edits_is_empty(instance: Instance) -> None:
    assert planned(instance) == []


def test_a_plan_shows_the_sites_files_and_asterisks(instance: Instance) -> None:
    add_line(instance)
    edit(instance.place.edited_site, 'calendars.toml', 'monday = ["08:00', 'monday = ["09:00')
    (instance.place.edited_site / 'prompts' / 'nopalera-greeting.wav').write_bytes(
        (EXAMPLE / 'prompts' / 'quetzal-greeting.wav').read_bytes())
    lines = planned(instance)
    assert '+exten => 8005550109,1,Goto(mesa-line,+528005550109,1)' in lines
    assert '+monday = ["09:00-20:00"]' in lines
    assert 'site/prompts/nopalera-greeting.wav is changed' in lines
    assert '+++ edited/site/clients/nopalera.toml' in lines


def test_a_plan_changes_nothing_and_shows_no_password(instance: Instance) -> None:
    site = instance.place.edited_site
    (site / 'agents.toml').write_text((site / 'agents.toml').read_text() + '\n[dora]\nname = "Dora"\nextension = "1004"\nqueues = []\n')
    edit(site, 'agents.toml', 'extension = "1001"', 'extension = "1011"')
    before = everything_below(instance.root)
    shown = '\n'.join(planned(instance))
    assert '+[1004]' in shown and '-[1001]' in shown
    assert '+password = ********' in shown and '-password = ********' in shown
    assert everything_below(instance.root) == before
    for secret in instance.secrets(instance.site()).agents.values():
        assert secret not in shown


def test_passwords_are_masked_wherever_they_stand(instance: Instance) -> None:
    files = applied_files(instance.place)
    secrets = instance.secrets(instance.site())
    every = {secrets.ami_mesa, secrets.ami_probe, *secrets.agents.values()}
    shown = ''.join(masked(text) for text in files.values())
    assert {secret for secret in every if secret in ''.join(files.values())} == every
    assert not {secret for secret in every if secret in shown}


# -- the second opinion --------------------------------------------------------------------------------------------

@pytest.fixture(scope='module')
def site() -> Site:
    return load(EXAMPLE)


@pytest.fixture
def opinion(instance: Instance, site: Site) -> Callable[[str], list[tuple[str, int, str, str]]]:
    """What asterisklint says of a fragment among the rest: (file, line, code, severity)."""
    def of(fragment: str) -> list[tuple[str, int, str, str]]:
        with_it = replace(site, fragments={**site.fragments, 'custom/own.conf': fragment})
        found = second_opinion(render(with_it, instance.place, hidden(with_it)))
        return [(problem.where.file, problem.where.line, problem.where.key, problem.severity) for problem in found]
    return of


def test_asterisklint_is_content_with_the_example(opinion: Callable[[str], list[object]]) -> None:
    assert opinion('[custom-own]\nexten => 1,1,Hangup()\n') == []


def test_asterisklint_reads_the_admins_fragments_too(opinion: Callable[[str], list[object]]) -> None:
    assert opinion('[custom-own]\nexten => 1,1,Set(A=${B)\n same => n,Hangup()\n') == [
        ('custom/own.conf', 2, 'E_APP_PARSE_ERROR', 'error'), ('custom/own.conf', 2, 'W_APP_BALANCE', 'warning')]


def test_asterisklint_does_not_know_asterisk_22(opinion: Callable[[str], list[object]]) -> None:
    newer = '[custom-own]\nexten => 1,1,WaitDigit(3)\n same => n,NoOp(${TRIM( x )})\n same => n,Hangup()\n'
    assert opinion(newer) == []


def test_asterisklint_is_believed_when_the_running_asterisk_lacks_it_too(instance: Instance, site: Site) -> None:
    text = '[custom-own]\nexten => 1,1,WaitDigit(3)\n same => n,NoOp(${TRIMM( x )})\n same => n,NoOp(${TRIM( x )})\n same => n,Hangup()\n'
    files = render(replace(site, fragments={'custom/own.conf': text}), instance.place, hidden(site))
    offered = Offered(frozenset({'WaitDigit', 'NoOp'}), frozenset({'TRIM', 'IAXPEER', 'CHANNEL_EXISTS'}))
    assert [(problem.where.line, problem.where.key) for problem in second_opinion(files, offered)] == [(3, 'E_FUNC_MISSING')]


def test_style_keeps_nobody_from_applying(opinion: Callable[[str], list[object]]) -> None:
    assert opinion('[custom-own]\n\n\nexten=>1,1,Set(A=b)   \n same => n,hangup  ; done\n;-- old\nexten => 2,1,Gone(${x)\n--;\n\n') == []


# -- what the running Asterisk tells -------------------------------------------------------------------------------

DIALPLAN = """\
[ Context 'custom-agents' created by 'pbx_config' ]
  '1900' =>         1. Answer()                                   [ejemplo.conf:8]
                    2. Playback(site/aviso-mantenimiento)         [ejemplo.conf:9]
     [over]         3. Hangup()                                   [ejemplo.conf:10]
  '1960' =>         hint: PJSIP/1001                              [own.conf:2]
     [here]         1. noop( a, b; c )                            [own.conf:2]
  '1970' (CID match '1001') =>  1. NoOp(a)                        [own.conf:3]
  '_19[1-3]X' =>    1. Goto(mesa-queue,nopalera-standard,1)       [own.conf:4]

[ Context 'from-agents' created by 'pbx_config' ]
  '911' =>          1. Dial(PJSIP/emergency/sip:911@127.0.0.3:5060,120) [extensions.conf:321]
  Include =>        'custom-agents'                               [pbx_config]

-= 4 extensions (6 priorities) in 2 contexts. =-
"""
QUEUES = """\
nopalera-standard has 1 calls (max unlimited) in 'rrmemory' strategy (0s holdtime, 0s talktime), W:0, C:0, A:0, SL:0.0% within 20s
   Members:\x20
      ana (PJSIP/1001) (ringinuse disabled) (Unavailable) has taken no calls yet (login was 381 secs ago)
      beto (PJSIP/1002) (ringinuse disabled) (Not in use) has taken 2 calls (last was 3 secs ago) (login was 381 secs ago)
   Callers:\x20
      1. PJSIP/trunk-demo-00000001 (wait: 0:03, prio: 0)

nopalera-vip has 0 calls (max unlimited) in 'rrmemory' strategy (0s holdtime, 0s talktime), W:10, C:0, A:0, SL:0.0% within 20s
   No Members
   No Callers
"""
ENDPOINTS = """\
 Endpoint:  <Endpoint/CID.....................................>  <State.....>  <Channels.>
        Match:  <criteria.........................>
==========================================================================================

 Endpoint:  1001/1001                                            Unavailable   0 of 1
     InAuth:  1001/1001
 Endpoint:  emergency                                            Not in use    0 of inf
 Endpoint:  trunk-demo                                           Unavailable   0 of inf
   Identify:  trunk-demo/trunk-demo
        Match: 127.0.0.2/32
"""


def test_names_of_applications_and_functions_are_read() -> None:
    applications = ('    -= Registered Asterisk Applications =-\n        AddQueueMember: Dynamically adds queue members. \n'
                    '             WaitDigit: Waits for a digit: one. \n    -= 92 Applications Registered =-\n')
    assert APPLICATION.findall(applications) == ['AddQueueMember', 'WaitDigit']
    functions = ('Installed Custom Functions:\n----\nABS                   ABS([num])                    Returns absolute value. \n'
                 'PJSIP_INHERITABLE_HE  PJSIP_INHERITABLE_HEADERS(n)  Reads. \n133 custom functions installed.\n')
    assert FUNCTION.findall(functions) == ['ABS', 'PJSIP_INHERITABLE_HEADERS']


def test_the_dialplan_is_read_step_by_step() -> None:
    assert read_dialplan(DIALPLAN) == {
        ('custom-agents', '1900', 1): 'Answer', ('custom-agents', '1900', 2): 'Playback', ('custom-agents', '1900', 3): 'Hangup',
        ('custom-agents', '1960', 1): 'noop', ('custom-agents', '1970', 1): 'NoOp', ('custom-agents', '_19[1-3]X', 1): 'Goto',
        ('from-agents', '911', 1): 'Dial'}


def test_a_step_that_is_not_there_or_does_another_thing_is_missed(site: Site) -> None:
    no_lines = replace(site, lines={})
    wanted = '[custom-agents]\nexten => 1900,1,Answer()\n same => n,PLAYBACK(x)\n same => n,Hangup()\n same => n,Hangup()\n'
    assert list(missing_steps(read_dialplan(DIALPLAN), no_lines, {'extensions.conf': wanted})) == [
        'The running Asterisk has nothing where Hangup was rendered (custom-agents, 1900, 4).']
    other = wanted.replace('Answer', 'Ringing')
    assert list(missing_steps(read_dialplan(DIALPLAN), no_lines, {'extensions.conf': other})) == [
        'The running Asterisk has Answer where Ringing was rendered (custom-agents, 1900, 1).']
    assert any('no table of hours for line +528005550101' in text for text in missing_steps(read_dialplan(DIALPLAN), site, {}))


def test_queues_and_their_agents_are_missed(site: Site) -> None:
    running = read_queues(QUEUES)
    assert running == {'nopalera-standard': {'PJSIP/1001', 'PJSIP/1002'}, 'nopalera-vip': set()}
    queues = {name: site.queues[name] for name in ('nopalera-standard', 'nopalera-vip', 'quetzal-vip')}
    ana = {'ana': site.agents['ana']}
    assert list(missing_queues(running, replace(site, queues=queues, agents=ana))) == [
        'The running Asterisk has no agent ana in queue nopalera-vip.', 'The running Asterisk has no queue quetzal-vip.']


def test_telephones_and_addresses_of_trunks_are_missed(site: Site) -> None:
    ana = replace(site, agents={'ana': site.agents['ana']})
    assert list(missing_telephones(ENDPOINTS, ana)) == []
    moved = replace(ana, trunks=(replace(ana.trunks[0], addresses=('127.0.0.2', '127.0.0.9')),))
    assert list(missing_telephones(ENDPOINTS, moved)) == ['The running Asterisk does not know trunk demo by 127.0.0.9.']
    assert 'The running Asterisk has no telephone or trunk 1002.' in list(missing_telephones(ENDPOINTS, site))


def test_files_that_a_running_asterisk_never_reads_again_are_named() -> None:
    changed = {'rtp.conf', 'extensions.conf', 'custom/own.conf', 'pjsip.conf', 'modules.conf'}
    assert read_at_start_only(changed) == ('modules.conf', 'rtp.conf')


def test_a_copy_of_the_example_is_the_example(tmp_path: Path) -> None:
    assert tree(copy_example(tmp_path)) == tree(EXAMPLE)


def _children() -> set[str]:
    """The processes that this one has started, the dead that nobody asked about included."""
    found: set[str] = set()
    for thread in Path('/proc/self/task').iterdir():
        with suppress(FileNotFoundError):              # a thread that has ended meanwhile has none
            found |= set((thread / 'children').read_text().split())
    return found


@pytest.fixture(autouse=True)
def _no_child_left_behind() -> Iterator[None]:
    before = _children()                               # other tests' database servers
    yield
    assert _children() <= before
