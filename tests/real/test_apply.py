"""Apply and undo on the running Asterisk and Mesa: what the next call meets changes, what goes on is not touched (mission.md 8.1, 8.3)."""
from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import pytest
from sqlalchemy import select

from callcenter.applied import applied_number
from callcenter.apply import apply_edited
from callcenter.caller import Caller
from callcenter.history import history, is_on_trial
from callcenter.listening import Met, Queued
from callcenter.phone import Phone, PhoneEvent, Server
from callcenter.services import serving_file
from storage.engine import Database
from tests.killed import killed_after
from tests.real.emergency_peer import EmergencyPeer
from tests.real.instance import RealMesa
from tests.real.phones import agent, call, caller
from tests.site_copies import edit
from ticketing import tables

TUESDAY = '2026-11-24T10:00'
NEW_LINE = """
[[line]]
number = "8005550109"
modality = "standard"
calendar = "mx-5x12"
queue = "nopalera-night"
menu = "main"
greeting = "mesa/greeting"
"""
NEW_QUEUE = '\n[nopalera-night]\nclient = "nopalera"\n'
NEW_AGENT = '\n[dora]\nname = "Dora Luz"\nextension = "1004"\nqueues = ["nopalera-night"]\n'


@pytest.fixture(scope='module')
def peer() -> Iterator[EmergencyPeer]:
    """Who takes emergency calls."""
    with EmergencyPeer() as listening:
        yield listening


@pytest.fixture(scope='module')
def shared(tmp_path_factory: pytest.TempPathFactory, peer: EmergencyPeer) -> Iterator[RealMesa]:
    """One instance for the tests of this file; its emergency calls go to `peer`."""
    mesa = RealMesa(tmp_path_factory.mktemp('apply'), clock=TUESDAY,
                    edit=lambda site: edit(site, 'site.toml', 'address = "127.0.0.3:5060"', f'address = "{peer.address}"'))
    shutil.copytree(mesa.place.edited_site, mesa.root / 'first-site')
    yield mesa
    mesa.stop()


@pytest.fixture
def mesa(shared: RealMesa) -> Iterator[RealMesa]:
    """The instance, with its first site in force before each test and put back after it."""
    yield shared
    shutil.rmtree(shared.place.edited_site)
    shutil.copytree(shared.root / 'first-site', shared.place.edited_site)
    applied(shared)


def applied(mesa: RealMesa, *words: str) -> str:
    """Run `mesa config apply` (or another command of the group); what it said."""
    done = mesa.mesa('config', *(words or ('apply',)))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def append(mesa: RealMesa, file: str, text: str) -> None:
    path = mesa.place.edited_site / file
    path.write_text(path.read_text() + text)


def night_shift(mesa: RealMesa) -> None:
    """An edit that touches the dialplan, the queues and the telephones: a line with a queue and an agent of its own."""
    append(mesa, 'clients/nopalera.toml', NEW_LINE)
    append(mesa, 'queues.toml', NEW_QUEUE)
    append(mesa, 'agents.toml', NEW_AGENT)


def dialplan(mesa: RealMesa) -> str:
    """What the running Asterisk would do, without the table of hours, which moves with the time."""
    return re.sub(r"\[ Context 'mesa-hours'.*?(?=\n\[)", '', mesa.asterisk_cli('dialplan show'), flags=re.DOTALL)


def eventually(ask: Callable[[], Any], wanted: Callable[[Any], bool], within_s: float = 15.0) -> Any:
    """Ask until the answer is right; AssertionError with the last one."""
    deadline = time.monotonic() + within_s
    while not wanted(answer := ask()):
        assert time.monotonic() < deadline, f'not within {within_s:g} s: {answer}'
        time.sleep(0.05)
    return answer


def ask_for_an_agent(line: Caller) -> None:
    """Dial, and go through the menu into the queue."""
    line.dial()
    line.expect_prompt('mesa/menu-agent')
    line.press('0')
    skip_folio(line)


def skip_folio(line: Caller) -> None:
    """Do not listen to the folio's number, and wait for the queue."""
    line.expect_prompt('mesa/your-folio')
    line.press('2')
    line.expect(Queued)


def log_of(mesa: RealMesa, line: Caller) -> dict[str, Any]:
    """A call that is over, as the call log has it."""
    def ended() -> dict[str, Any] | None:
        done = mesa.mesa('calls', str(line.linkedid), '--json')
        import json
        return json.loads(done.stdout)[0] if done.returncode == 0 else None
    found: dict[str, Any] = eventually(ended, lambda told: bool(told and told['ended']))
    return found


def serves(mesa: RealMesa) -> int:
    """The apply by which Mesa serves."""
    import json
    return int(json.loads(serving_file(mesa.root).read_text())['generation'])


def links(mesa: RealMesa) -> set[tuple[str, ...]]:
    """Mesa's sessions at the manager: login, address, when they began. The console lists none while one is coming or going."""
    sessions = (line.split() for line in mesa.asterisk_cli('manager show connected').splitlines())
    return {tuple(columns[:3]) for columns in sessions if columns[:1] == ['mesa']}


def in_force(mesa: RealMesa) -> int | None:
    return applied_number(mesa.place)


# -- plan ----------------------------------------------------------------------------------------------------------

def test_a_plan_changes_nothing(mesa: RealMesa) -> None:
    night_shift(mesa)
    before = (dialplan(mesa), in_force(mesa), (mesa.root / 'secrets.toml').read_text(), mesa.asterisk_cli('pjsip show endpoints'))
    shown = applied(mesa, 'plan')
    assert '+exten => 8005550109,1,Goto(mesa-line,+528005550109,1)' in shown
    assert '+[nopalera-night]' in shown
    assert '+password = ********' in shown
    assert (dialplan(mesa), in_force(mesa), (mesa.root / 'secrets.toml').read_text(), mesa.asterisk_cli('pjsip show endpoints')) == before


# -- calls in progress ---------------------------------------------------------------------------------------------

def test_calls_in_progress_outlive_an_apply_and_an_undo(mesa: RealMesa) -> None:
    pids, before = mesa.pids, eventually(lambda: links(mesa), bool)
    with (agent(mesa.instance, 'ana', auto_answer_s=0.2) as ana, caller(mesa.instance, '8005550101', '5555550101') as talking,
          caller(mesa.instance, '8005550101', '5555550102') as waiting, caller(mesa.instance, '8005550101', '5555550104') as choosing):
        ask_for_an_agent(talking)
        talking.expect(Met, 30)
        talking.speak()
        ana.expect_audio()
        ask_for_an_agent(waiting)
        choosing.dial()
        choosing.expect_prompt('mesa/menu-agent')

        night_shift(mesa)
        edit(mesa.place.edited_site, 'queues.toml', '[nopalera-standard]\n', '[nopalera-standard]\nwrapup_seconds = 1\n')
        edit(mesa.place.edited_site, 'agents.toml', 'Ana López', 'Ana Luisa López')
        assert 'verified on the running Asterisk' in applied(mesa)
        assert '4 active channels' in mesa.asterisk_cli('core show channels count')
        assert 'verified on the running Asterisk' in applied(mesa, 'undo')
        assert '4 active channels' in mesa.asterisk_cli('core show channels count')

        choosing.press('0')
        skip_folio(choosing)
        ana.listen()
        talking.speak()
        ana.expect_audio()                             # they still hear each other
        talking.hang_up()
        talking.finish()
        waiting.expect(Met, 40)                        # the agent's wrap-up time, and the next in turn
        waiting.hang_up()
        waiting.finish()
        choosing.hang_up()
        choosing.finish()
    assert [log_of(mesa, line)['disposition'] for line in (talking, waiting, choosing)] == ['answered', 'answered', 'abandoned']
    assert mesa.pids == pids
    eventually(lambda: links(mesa), lambda now: now == before)


# -- what the next call meets --------------------------------------------------------------------------------------

def test_a_new_line_a_queue_and_an_agent_come_and_go(mesa: RealMesa) -> None:
    assert call(mesa.instance, '8005550109', '5555550101').sip_status.startswith('404')
    night_shift(mesa)
    applied(mesa)
    assert 'dora' in mesa.instance.secrets(mesa.instance.site()).agents
    with agent(mesa.instance, 'dora', auto_answer_s=0.1):
        met = call(mesa.instance, '8005550109', '5555550101', '0,2', wait_s=5.0)
    assert (met.outcome, met.queue) == ('answered', 'nopalera-night')
    assert met.folio
    dora = agent(mesa.instance, 'dora')                # built while her password is known
    applied(mesa, 'undo')
    assert call(mesa.instance, '8005550109', '5555550101').sip_status.startswith('404')
    assert 'No such queue' in mesa.asterisk_cli('queue show nopalera-night')
    assert ' 1004/1004 ' not in mesa.asterisk_cli('pjsip show endpoints')
    with pytest.raises(AssertionError, match='1004 was not registered'), dora:
        pass


def test_a_trunk_moves_to_another_address(mesa: RealMesa) -> None:
    edit(mesa.place.edited_site, 'site.toml', 'name = "demo"', 'name = "otra"')
    edit(mesa.place.edited_site, 'site.toml', '["127.0.0.2"]', '["127.0.0.9", "127.0.0.16/30"]')
    applied(mesa)
    told = mesa.asterisk_cli('pjsip show endpoints')
    assert 'trunk-demo' not in told and '127.0.0.2/32' not in told
    assert re.search(r'Match: 127\.0\.0\.9/32', told)
    assert call(mesa.instance, '8005550101', '5555550101', 'h').outcome == 'hung_up'


def test_a_queue_that_is_removed_keeps_its_callers(mesa: RealMesa) -> None:
    night_shift(mesa)
    applied(mesa)
    with caller(mesa.instance, '8005550109', '5555550101') as waiting:
        ask_for_an_agent(waiting)
        applied(mesa, 'undo')
        assert '1 active call' in mesa.asterisk_cli('core show channels count')
        waiting.hang_up()
        waiting.finish()
    assert log_of(mesa, waiting)['disposition'] == 'abandoned'
    eventually(lambda: mesa.asterisk_cli('queue show nopalera-night'), lambda told: 'No such queue' in told)


def first_prompts(mesa: RealMesa, number: str) -> list[str]:
    """What a caller is told until the first prompt that takes keys."""
    return [str(heard['prompt']) for heard in call(mesa.instance, '8005550101', number, 'h').heard]


def test_the_next_call_goes_by_the_new_list_of_users(mesa: RealMesa) -> None:
    assert 'mesa/menu-new' in first_prompts(mesa, '5555550101')
    assert 'mesa/ask-employee-number' in first_prompts(mesa, '5555558881')
    edit(mesa.place.edited_site, 'clients/nopalera.users.csv', '5555550101,', '5555558881,')          # María's telephone
    edit(mesa.place.edited_site, 'clients/nopalera.users.csv', '10004,Citlali Robles Zamora,citlali.robles@nopalera.example,5555550104,',
         '19999,Otra Persona,otra@nopalera.example,,')
    applied(mesa)
    assert 'mesa/menu-new' in first_prompts(mesa, '5555558881')
    assert 'mesa/ask-employee-number' in first_prompts(mesa, '5555550101')
    assert 'mesa/ask-employee-number' in first_prompts(mesa, '5555550104')
    database = Database(mesa.database_url, patience_s=20)
    with database.read() as connection:
        kept = {row.employee_number: row for row in connection.execute(select(tables.users).where(tables.users.c.client == 'nopalera'))}
    database.close()
    assert kept['10001'].phones == ['+525555558881'] and kept['10001'].left_at is None
    assert kept['10004'].left_at is not None
    assert kept['19999'].left_at is None


# -- refused -------------------------------------------------------------------------------------------------------

def test_a_broken_edit_changes_nothing_and_lists_everything(mesa: RealMesa) -> None:
    before = (dialplan(mesa), in_force(mesa), history(mesa.place))
    edit(mesa.place.edited_site, 'clients/nopalera.toml', 'queue = "nopalera-premium"', 'queue = "gone"')
    edit(mesa.place.edited_site, 'menus.toml', 'goto = "status"', 'goto = "menu:gone"')
    edit(mesa.place.edited_site, 'agents.toml', '"1003"', '"911"')
    append(mesa, 'custom/ejemplo.conf', '\nexten => 1902,1,Plaback(mesa/please-wait)\n same => n,WaitDigit(1)\n same => n,Hangup()\n')
    done = mesa.mesa('config', 'apply')
    assert done.returncode == 1
    assert {line.partition(':')[0] for line in done.stderr.splitlines()[1:] if ': error: ' in line} == {
        'clients/nopalera.toml', 'menus.toml', 'agents.toml', 'custom/ejemplo.conf'}
    assert "no application 'Plaback'" in done.stderr and 'WaitDigit' not in done.stderr, 'the running Asterisk says what there is'
    assert (dialplan(mesa), in_force(mesa), history(mesa.place)) == before


def test_what_the_running_asterisk_does_not_take_is_put_back(mesa: RealMesa) -> None:
    before = (in_force(mesa), history(mesa.place), dialplan(mesa), (mesa.place.sounds / 'es_MX/site/aviso-mantenimiento.wav').read_bytes())
    night_shift(mesa)
    edit(mesa.place.edited_site, 'prompts.toml', 'Esta tarde damos mantenimiento', 'Mañana damos mantenimiento')
    assert 'Unloaded' in mesa.asterisk_cli('module unload app_queue.so')
    try:
        done = mesa.mesa('config', 'apply')
        assert done.returncode == 1
        assert 'queue' in done.stderr and 'in force before is in force again' in done.stderr
        assert (in_force(mesa), history(mesa.place), dialplan(mesa)) == before[:3]
        assert (mesa.place.sounds / 'es_MX/site/aviso-mantenimiento.wav').read_bytes() == before[3]
        assert ' 1004/1004 ' not in mesa.asterisk_cli('pjsip show endpoints')
        eventually(lambda: serves(mesa), lambda generation: generation == in_force(mesa))
    finally:
        mesa.asterisk_cli('module load app_queue.so')
    assert 'verified' in applied(mesa)
    assert 'nopalera-night' in mesa.asterisk_cli('queue show')


@contextmanager
def stopped_when(condition: Callable[[], bool], pid: int) -> Iterator[None]:
    """Stop a process by SIGSTOP as soon as something is so; it goes on at the end."""
    over = threading.Event()

    def watch() -> None:
        while not over.is_set() and not condition():
            time.sleep(0.001)
        if not over.is_set():
            os.kill(pid, signal.SIGSTOP)
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        os.kill(pid, signal.SIGCONT)


def test_an_asterisk_that_hangs_in_the_middle_of_an_apply_finds_everything_as_before(mesa: RealMesa) -> None:
    before = (in_force(mesa), history(mesa.place), dialplan(mesa))
    night_shift(mesa)
    edit(mesa.place.edited_site, 'prompts.toml', '[texts]', '[texts]\nnoche = "Turno de la noche, buenas noches."')
    with stopped_when(lambda: is_on_trial(mesa.place), mesa.pids['asterisk']):
        done = mesa.mesa('config', 'apply')
        assert done.returncode == 1
        assert 'did not answer' in done.stderr and 'mesa up` puts that right' in done.stderr
        assert (in_force(mesa), history(mesa.place)) == before[:2]
        eventually(lambda: serves(mesa), lambda generation: generation == before[0])
    assert 'Apply' in applied(mesa)                    # heals, and then applies
    assert not is_on_trial(mesa.place)
    assert '8005550109' in dialplan(mesa)
    applied(mesa, 'undo')
    assert dialplan(mesa) == before[2]


def test_a_mesa_that_hangs_puts_everything_back(mesa: RealMesa) -> None:
    before = (in_force(mesa), history(mesa.place), dialplan(mesa))
    night_shift(mesa)
    with stopped_when(lambda: True, mesa.pids['mesa']):
        done = mesa.mesa('config', 'apply')
    assert done.returncode == 1
    assert 'Mesa did not take apply' in done.stderr
    assert (in_force(mesa), history(mesa.place), dialplan(mesa)) == before
    assert ' 1004/1004 ' not in mesa.asterisk_cli('pjsip show endpoints')


@pytest.mark.parametrize('step', ['begin_trial', 'switch_to', '_confirmed', 'write_history'])
def test_an_apply_that_is_killed_is_healed_by_the_next_command(mesa: RealMesa, step: str) -> None:
    before = (in_force(mesa), dialplan(mesa))
    night_shift(mesa)
    killed_after(step, lambda: apply_edited(mesa.instance))
    assert is_on_trial(mesa.place)
    told = applied(mesa, 'undo' if step == 'write_history' else 'apply')
    assert not is_on_trial(mesa.place)
    assert history(mesa.place)[-1] == in_force(mesa) == serves(mesa)
    if step == 'write_history':                        # it had been confirmed, so there was something to undo
        assert f'Apply {before[0]} is in force again' in told
        assert dialplan(mesa) == before[1]
    else:
        assert '8005550109' in dialplan(mesa)
        assert ' 1004/1004 ' in mesa.asterisk_cli('pjsip show endpoints')


def test_two_who_apply_at_once_come_one_after_the_other(mesa: RealMesa) -> None:
    night_shift(mesa)
    command = [sys.executable, '-P', '-m', 'callcenter', '--instance', str(mesa.root), 'config', 'apply']
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = sorted(process.communicate(timeout=60)[0].splitlines()[-1] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert told[0].endswith('verified on the running Asterisk.') and told[1].startswith('Nothing to apply')


# -- the admin's own dialplan --------------------------------------------------------------------------------------

def test_a_hook_of_the_admin_runs_before_every_call(mesa: RealMesa) -> None:
    (mesa.place.edited_site / 'custom' / 'hook.conf').write_text(
        '[custom-before-line]\n'
        'exten => s,1,GotoIf($["${CALLERID(num)}"="5555550102"]?busy)\n'
        ' same => n,CELGenUserEvent(CUSTOM_SEEN,${MESA_LINE})\n'
        ' same => n,Return()\n'
        ' same => n(busy),Busy(1)\n')
    applied(mesa)
    cel = mesa.place.asterisk_log / 'cel-custom'
    heard = call(mesa.instance, '8005550101', '5555550101', 'h')
    assert heard.outcome == 'hung_up' and heard.heard
    eventually(lambda: ''.join(file.read_text(errors='replace') for file in cel.iterdir()), lambda text: 'CUSTOM_SEEN' in text)
    assert call(mesa.instance, '8005550101', '5555550102').sip_status.startswith('486')


Expect = Callable[..., PhoneEvent]


@contextmanager
def dialling(mesa: RealMesa, who: str, number: str) -> Iterator[Expect]:
    """A telephone that dials a number: an agent's, by his login, or the trunk's for 'trunk'; gives `expect(event name, where)`."""
    site = mesa.instance.site()
    events: SimpleQueue[Any] = SimpleQueue()

    def expect(name: str, where: Callable[[Any], bool] = lambda facts: True) -> PhoneEvent:
        deadline = time.monotonic() + 15
        told = []
        while True:
            try:
                told.append(events.get(timeout=max(0.0, deadline - time.monotonic())))
            except Empty:
                raise AssertionError(f'no {name!r}; the telephone told {told}') from None
            if told[-1].name == name and where(told[-1].facts):
                return told[-1]

    if who == 'trunk':
        address, user, secret = '127.0.0.2', '5555550101', None
    else:
        address, user, secret = '127.0.0.1', site.agents[who].extension, mesa.instance.secrets(site).agents[who]
    with Phone(Server(mesa.place.bind, mesa.place.ports.sip), address, user, events, secret=secret) as phone:
        if secret:
            expect('registration')
        phone.call(number, {})
        yield expect


def test_an_agent_dials_an_extension_of_the_admins(mesa: RealMesa) -> None:
    append(mesa, 'custom/ejemplo.conf', 'exten => 1950,1,Answer()\n same => n,Playback(site/nuevo)\n same => n,Wait(30)\n')
    edit(mesa.place.edited_site, 'prompts.toml', '[texts]', '[texts]\nnuevo = "Ésta es una extensión nueva."')
    applied(mesa)
    with dialling(mesa, 'ana', '1950') as expect:
        expect('state', lambda facts: facts['state'] == 'CONFIRMED')
        expect('audio')


def test_dialplan_in_every_legal_spelling_is_verified(mesa: RealMesa) -> None:
    append(mesa, 'custom/ejemplo.conf', r"""
exten => 1960,1,NoOp
exten => 1960,n(here),noop( a, b\; c )   ; remark
exten => 1960,n,Hangup
exten => _19-7X,1,Verbose(0,"a (b) [c]")
 same => n(l2),Goto(1960,here)
exten=>1980/1001,1,Answer()
exten=>1980/1001,2,Hangup()
;-- block
exten => 1999,1,System(x)
--;
[custom-more]
exten => s,1,Return()
exten => h,1,NoOp()
ignorepat => 9
""")
    assert 'verified on the running Asterisk' in applied(mesa)
    assert "'_19-7X'" in dialplan(mesa) and 'System' not in dialplan(mesa)


# -- emergency calls and numbers that are not ours -----------------------------------------------------------------

def ended_with(expect: Expect) -> int:
    """The SIP code with which a call ended."""
    return int(expect('state', lambda facts: facts['code'] >= 400).facts['code'])


def books(mesa: RealMesa) -> tuple[int, set[str]]:
    """How many folios there are, and what was dialled by the call log."""
    return len(mesa.json('folio', 'list', '--limit', '1000')), {str(one['dialled']) for one in mesa.json('calls', '--limit', '1000')}


def test_an_agents_911_takes_the_emergency_route_and_nothing_else(mesa: RealMesa, peer: EmergencyPeer) -> None:
    folios, _ = books(mesa)
    with dialling(mesa, 'beto', '911') as expect:
        dialled, who = peer.expect_call()
        assert dialled == '911'
        assert '1002' in who
        expect('state', lambda facts: facts['state'] == 'CONFIRMED')
        assert not re.search(r'^\S+ has [1-9]', mesa.asterisk_cli('queue show'), re.MULTILINE)
    peer.ended.get(timeout=10)
    assert books(mesa)[0] == folios


@pytest.mark.parametrize('number', ['911', '5557771234'])
def test_a_caller_reaches_neither_emergency_numbers_nor_what_is_not_contracted(mesa: RealMesa, peer: EmergencyPeer, number: str) -> None:
    folios, _ = books(mesa)
    with dialling(mesa, 'trunk', number) as expect:
        assert ended_with(expect) == 404
    assert peer.calls.empty()
    assert books(mesa)[0] == folios


def test_an_agent_cannot_dial_out_by_a_trunk(mesa: RealMesa) -> None:
    with dialling(mesa, 'carla', '5555550101') as expect:
        assert ended_with(expect) == 404


def test_nothing_of_a_site_leads_to_a_secret(mesa: RealMesa) -> None:
    link = Path(mesa.place.edited_site / 'custom' / 'out.conf')
    link.symlink_to(mesa.root / 'secrets.toml')
    done = mesa.mesa('config', 'apply')
    link.unlink()
    assert done.returncode == 1
    assert 'leads out' in done.stderr
    secret = mesa.instance.secrets(mesa.instance.site()).agents['ana']
    assert secret not in done.stdout + done.stderr
