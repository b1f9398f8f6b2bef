"""`mesa up` and `mesa down` with the real servers: a second start, crashes, and nothing left behind."""
from __future__ import annotations

import os
import re
import select
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

from callcenter.ports import free_ports
from callcenter.running import state, supervisor_pid
from config.place import Ports
from storage.migrate import current, newest
from tests.databases import PostgresServer
from tests.real.instance import RealMesa

# Asterisk tells at its start which modules it found and what it took as default; none of that is a fault.
HARMLESS = re.compile(r'modules will be loaded|indication|Setting max files|core dump|built by')


def answers_again(mesa: RealMesa, name: str, before: int, patience_s: float = 20) -> bool:
    """Whether a child that was killed is back as another process, and everything answers."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if mesa.pids.get(name) not in (None, before) and mesa.mesa('status').returncode == 0:
            return True
        time.sleep(0.1)                                # between two looks, not instead of one
    return False


def is_taken(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(('127.0.0.1', port)) == 0


def test_status_tells_what_runs(mesa: RealMesa) -> None:
    told = mesa.json('status')
    assert told['running'] is True
    assert (told['asterisk']['pid'], told['mesa']['pid']) == (mesa.pids['asterisk'], mesa.pids['mesa'])
    assert Ports(**told['ports']) == mesa.place.ports
    assert told['site']['demo'] is True
    assert 'is running' in mesa.mesa('status').stdout


def test_asterisk_starts_without_a_complaint(mesa: RealMesa) -> None:
    lines = (mesa.place.asterisk_log / 'messages.log').read_text().splitlines()
    assert not [line for line in lines if ('ERROR' in line or 'WARNING' in line) and not HARMLESS.search(line)]
    assert 'declined to load' not in (mesa.root / 'log' / 'asterisk.log').read_text()


def test_asterisk_listens_on_loopback_alone(mesa: RealMesa) -> None:
    told = mesa.asterisk_cli('pjsip show transports')
    assert f'127.0.0.1:{mesa.place.ports.sip}' in told
    assert '0.0.0.0' not in told


def test_a_second_start_is_refused_in_a_sentence(mesa: RealMesa) -> None:
    done = mesa.mesa('up', '--detach')
    assert done.returncode == 2
    assert f'already runs in {mesa.root} (process {mesa.supervisor})' in done.stderr
    assert 'Traceback' not in done.stderr
    assert mesa.json('status')['running'] is True


def test_the_clock_leads_the_dialplan_too(mesa: RealMesa) -> None:
    mesa.clock('2026-12-25T09:00')
    assert re.search(r'/mesa/now *: 1798210800', mesa.asterisk_cli('database show mesa'))
    assert mesa.json('clock', 'show') == {'now': '2026-12-25T15:00:00+00:00', 'set': True}
    mesa.clock(None)
    assert '0 results found' in mesa.asterisk_cli('database show mesa')
    assert mesa.json('clock', 'show')['set'] is False
    mesa.clock('2026-11-24T10:00')


def test_what_crashes_comes_back(make_mesa: Callable[..., RealMesa]) -> None:
    mesa = make_mesa(clock='2026-11-24T10:00')
    for name in ('mesa', 'asterisk'):
        before = mesa.pids[name]
        os.kill(before, signal.SIGKILL)
        assert answers_again(mesa, name, before), f'{name} did not come back'
    told = mesa.json('status')
    assert (told['asterisk']['starts'], told['mesa']['starts']) == (2, 2)


def test_a_mesa_that_hangs_does_not_keep_it_from_stopping(make_mesa: Callable[..., RealMesa]) -> None:
    mesa = make_mesa()
    mesa.stop()
    began = time.monotonic()
    mesa.start()
    usual_start_s = time.monotonic() - began
    os.kill(mesa.pids['mesa'], signal.SIGSTOP)
    began = time.monotonic()
    mesa.stop()
    assert time.monotonic() - began < 15, 'Asterisk has 5 s for its end, and then Mesa 3'
    assert mesa.mesa('status').returncode == 3
    assert not is_taken(mesa.place.ports.agi)
    assert mesa.mesa('down').returncode == 0
    began = time.monotonic()
    mesa.start()
    assert time.monotonic() - began < 2 * usual_start_s + 5
    assert mesa.asterisk_cli('core show channels count')


def test_nothing_is_left_of_a_supervisor_that_is_killed(make_mesa: Callable[..., RealMesa]) -> None:
    mesa = make_mesa()
    handles = [os.pidfd_open(pid) for pid in mesa.pids.values()]
    os.kill(mesa.supervisor, signal.SIGKILL)
    for handle in handles:
        assert select.select([handle], [], [], 15)[0]
        os.close(handle)
    assert mesa.mesa('status').returncode == 3
    mesa.start()
    assert mesa.json('status')['running'] is True


def test_a_start_that_fails_says_why(make_mesa: Callable[..., RealMesa]) -> None:
    mesa = make_mesa()
    mesa.stop()
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(('127.0.0.1', mesa.place.ports.agi))
        holder.listen()
        done = mesa.mesa('up', '--detach')
    assert done.returncode == 1
    assert 'mesa does not start' in done.stdout
    assert 'Traceback' not in done.stderr
    assert state(mesa.root) == {}


def test_ctrl_c_stops_everything(make_mesa: Callable[..., RealMesa]) -> None:
    mesa = make_mesa()
    mesa.stop()
    with mesa.foreground('up') as up:
        assert up.stdout
        assert any('Stop them with: Ctrl-C' in line for line in up.stdout)
        handles = [os.pidfd_open(pid) for pid in mesa.pids.values()]
        os.killpg(up.pid, signal.SIGINT)               # as a terminal does: to everybody in the foreground
        assert up.wait(15) == 0                        # as above
    for handle in handles:
        assert select.select([handle], [], [], 0)[0]
        os.close(handle)
    assert len(handles) == 2


def test_it_runs_on_postgresql(make_mesa: Callable[..., RealMesa], postgres: PostgresServer) -> None:
    url = postgres.create('supervised')
    mesa = make_mesa(environment={'MESA_DATABASE': url})
    assert mesa.json('status')['database'].startswith('postgresql')
    assert current(url) == newest()
    assert not (mesa.root / 'mesa.db').exists()


def test_a_site_that_cannot_be_used_is_explained(make_mesa: Callable[..., RealMesa]) -> None:
    mesa = make_mesa()
    mesa.stop()
    (mesa.root / 'applied' / 'current').unlink()
    (mesa.place.edited_site / 'agents.toml').write_text('[ana]\nname = 3\nqueues = ["nowhere"]\n')
    done = mesa.mesa('up', '--detach')
    assert done.returncode == 1
    assert 'agents.toml:2' in done.stderr
    assert 'Traceback' not in done.stderr
    assert supervisor_pid(mesa.root) is None


def test_a_changed_port_is_rendered_at_the_next_start(make_mesa: Callable[..., RealMesa]) -> None:
    mesa = make_mesa()
    mesa.stop()
    file = mesa.root / 'instance.toml'
    other = free_ports().sip
    file.write_text(file.read_text().replace(f'sip = {mesa.place.ports.sip}', f'sip = {other}'))
    done = mesa.mesa('up', '--detach')
    assert 'rendering the site in force anew' in done.stdout
    assert f'127.0.0.1:{other}' in mesa.asterisk_cli('pjsip show transports')


def test_a_site_in_force_that_would_not_be_applied_today_still_starts(make_mesa: Callable[..., RealMesa]) -> None:
    mesa = make_mesa()
    mesa.stop()
    agents = mesa.place.site / 'agents.toml'
    agents.write_text(agents.read_text().replace('queues = [', 'queues = ["nowhere", ', 1))
    done = mesa.mesa('up', '--detach')
    assert done.returncode == 0
    assert 'nowhere' in done.stdout
    assert mesa.json('status')['running'] is True


def test_the_doctor_finds_a_running_mesa_well(mesa: RealMesa) -> None:
    found = mesa.json('doctor')
    assert not [finding for finding in found if finding['level'] == 'bad']
    assert any(finding['text'].startswith('Asterisk ') for finding in found)
    assert any('stands still' in finding['text'] for finding in found)


def test_the_doctor_finds_open_passwords_and_a_taken_port(make_mesa: Callable[..., RealMesa]) -> None:
    mesa = make_mesa()
    mesa.stop()
    (mesa.root / 'secrets.toml').chmod(0o644)
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(('127.0.0.1', mesa.place.ports.ami))
        holder.listen()
        done = mesa.mesa('doctor')
    assert done.returncode == 1
    bad = [line for line in done.stdout.splitlines() if line.startswith('bad')]
    assert len(bad) == 2
    assert 'secrets.toml' in bad[0]
    assert f'port {mesa.place.ports.ami} (ami)' in bad[1]


def test_nothing_secret_is_shown(mesa: RealMesa) -> None:
    secrets = re.findall(r'= "(.+)"', (mesa.root / 'secrets.toml').read_text())
    assert len(secrets) > 3
    shown = mesa.mesa('status').stdout + mesa.mesa('doctor').stdout + mesa.mesa('status', '--json').stdout
    assert not [secret for secret in secrets if secret in shown]


def test_asterisk_and_mesa_have_no_powers_beyond_their_files(mesa: RealMesa) -> None:
    for pid in mesa.pids.values():
        status = Path(f'/proc/{pid}/status').read_text()
        assert 'CapEff:\t0000000000000000' in status and 'CapBnd:\t0000000000000000' in status and 'NoNewPrivs:\t1' in status
