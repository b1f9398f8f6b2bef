"""Faxes come in on a real line: from a fax machine through Asterisk, a modem and HylaFAX into the inbox (mission.md 5.1, 3.7)."""
from __future__ import annotations

import csv
import fcntl
import os
import select
import signal
import stat
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pexpect
import pytest

from tests.real.callers import eventually
from tests.real.disasters import asleep
from tests.real.fax_machine import TRIES, FaxMachine
from tests.real.fax_pages import pages_of, write_fax
from tests.real.instance import RealMesa, ends, set_modems

pytestmark = pytest.mark.timeout(300)
NOPALERA, QUETZAL = '8005550105', '8005550205'
BUSY = 17                                              # ISDN's cause; 486 in SIP
USER_EVENT, EXTRA = 14, 12                             # columns of the journal
READY_S = 30
MODEMS = 3


@pytest.fixture(scope='module')
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaxMachine]:
    """A fax machine at the other end of the trunk."""
    made = FaxMachine(tmp_path_factory.mktemp('machine'))
    yield made
    made.stop()


@pytest.fixture(scope='module')
def mesa(tmp_path_factory: pytest.TempPathFactory, machine: FaxMachine) -> Iterator[RealMesa]:
    """The demo site with some modems."""
    made = RealMesa(tmp_path_factory.mktemp('mesa'), edit=machine.take_trunk, clock='2026-11-24T10:00', fax=MODEMS)
    machine.start(made.place.ports.sip)
    yield made
    made.stop()


def told(mesa: RealMesa, event: str) -> list[str]:
    """What the journal heard of one of our own events, in order."""
    journal = mesa.place.asterisk_log / 'cel-custom' / 'mesa.csv'
    if not journal.exists():
        return []                                      # there is none before the first call
    with journal.open(newline='') as lines:
        return [row[EXTRA].partition(',')[2] for row in csv.reader(lines) if row[USER_EVENT] == event]


def received(mesa: RealMesa) -> list[list[str]]:
    """The lines about received faxes in HylaFAX's own log."""
    with (mesa.place.fax_spool / 'log' / 'xferfaxlog').open() as lines:
        return [columns for line in lines if (columns := line.rstrip('\n').split('\t'))[1] == 'RECV']


def waiting(mesa: RealMesa) -> dict[str, list[str]]:
    """What HylaFAX told of each fax in the inbox, by its name there."""
    return {file.stem: file.read_bytes().decode().split('\0')[:7] for file in mesa.place.fax_inbox.glob('*.args')}


def program(guard: int) -> int:
    """The program behind a guard."""
    return int(Path(f'/proc/{guard}/task/{guard}/children').read_text().split()[0])


def states(mesa: RealMesa) -> set[str]:
    return {modem['state'] for modem in mesa.json('fax', 'modems')}


def test_all_modems_at_once_and_one_more_is_told_busy(mesa: RealMesa, machine: FaxMachine, tmp_path: Path) -> None:
    called = [NOPALERA, QUETZAL, NOPALERA, QUETZAL]
    one_page = write_fax(tmp_path / 'one.tif')
    for _ in range(TRIES):                             # all again, when one fails by itself: it makes room for the one too many
        eventually(lambda: states(mesa), lambda found: found == {'idle'}, 'all modems are idle', READY_S)
        before = len(told(mesa, 'MESA_FAX'))
        sent = machine.send_all(called, one_page)
        if all(one.status == 'SUCCESS' and one.remote for one in sent if one.status):
            break
    assert Counter((one.status, one.pages) for one in sent) == {('SUCCESS', 1): MODEMS, ('', 0): 1}
    assert [one.cause for one in sent if not one.status] == [BUSY]
    assert sorted(told(mesa, 'MESA_FAX')[before:]) == sorted([*(modem.name for modem in mesa.place.modems(MODEMS)), 'busy'])
    for number, one in zip(called, sent, strict=True):
        assert not one.status or one.remote == '+52' + number, 'the sender is shown the number that he called'
    eventually(lambda: received(mesa), lambda lines: len(lines) >= MODEMS, 'all are in the log of HylaFAX')


def test_our_own_faxes_reach_a_machine_and_our_own_line(mesa: RealMesa, machine: FaxMachine, tmp_path: Path) -> None:
    before, ours_tif = len(received(mesa)), write_fax(tmp_path / 'ours.tif')
    submit(mesa, NOPALERA, ours_tif)
    for n in range(TRIES):
        submit(mesa, '5555551234', ours_tif)
        if (arrived := machine.arrived(n)).status == 'SUCCESS':
            break
    assert (arrived.number, arrived.caller, arrived.status, arrived.pages) == ('5555551234', '5555550900', 'SUCCESS', 1)
    assert pages_of(arrived.file) == 1
    ours = eventually(lambda: received(mesa), lambda lines: len(lines) > before, 'it is in the log of HylaFAX', 60)[-1]
    assert (ours[15], ours[16]) == ('"5555550900"', f'"52{NOPALERA}"')


def submit(mesa: RealMesa, number: str, fax: Path) -> None:
    """Hand a fax to HylaFAX by its own client."""
    password = mesa.instance.secrets(mesa.instance.site()).hfaxd
    child = pexpect.spawn('sendfax', ['-n', '-h', f'127.0.0.1:{mesa.place.ports.hfaxd}', '-t', '1', '-T', '1', '-d', number, str(fax)],
                          env={**os.environ, 'FAXUSER': 'mesa'}, encoding='utf-8', timeout=20)
    child.expect('Password:')
    child.waitnoecho(20)
    child.sendline(password)
    child.expect(r'request id is \d+')
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_without_mesa_faxes_arrive_whole_and_cut(mesa: RealMesa, machine: FaxMachine, tmp_path: Path) -> None:
    one, three = write_fax(tmp_path / 'one.tif'), write_fax(tmp_path / 'three.tif', pages=3)
    with asleep(mesa), ThreadPoolExecutor(2) as threads:
        before = set(waiting(mesa))
        cut = threads.submit(machine.send, NOPALERA, three, '5555553001', 'Lucía $(id) "Ruiz"', 1)
        whole = threads.submit(machine.send, QUETZAL, one, '5555553002')
        assert (whole.result().status, cut.result().status) == ('SUCCESS', 'FAILED')
        def came() -> dict[str, tuple[str, list[str]]]:
            """The last fax of each caller that has pages."""
            return {words[4]: (stem, words) for stem, words in sorted(waiting(mesa).items())
                    if stem not in before and (mesa.place.fax_inbox / f'{stem}.tif').exists()}
        by_caller = eventually(came, lambda found: {caller: bool(words[3]) for caller, (_, words) in found.items()} == {
            '5555553001': True, '5555553002': False}, 'both are in the inbox, one with a reason', 60)
        stem, words = by_caller['5555553002']
        assert words == [f'recvq/{stem}.tif', words[1], words[2], '', '5555553002', '', '52' + QUETZAL]
        assert words[1] in {modem.name for modem in mesa.place.modems(MODEMS)}
        assert pages_of(mesa.place.fax_inbox / f'{stem}.tif') == 1
        stem, words = by_caller['5555553001']
        assert words[3:] == [words[3], '5555553001', 'Luca id Ruiz', '52' + NOPALERA] and words[3]
        file = mesa.place.fax_inbox / f'{stem}.tif'
        assert 1 <= pages_of(file) < 3
        assert told(mesa, 'MESA_FALLBACK')[-2:] == ['fax|watchdog'] * 2
        assert file.samefile(mesa.place.fax_spool / 'recvq' / file.name)
        assert (stat.S_IMODE(file.stat().st_mode), file.group()) == (0o640, 'uucp')
        mesa_may_take(mesa, file)


def mesa_may_take(mesa: RealMesa, file: Path) -> None:
    """Mesa's process, root without powers, may read a fax and remove it, here and in recvq."""
    status = Path(f'/proc/{mesa.pids["mesa"]}/status').read_text()
    groups = next(line.split()[1:] for line in status.splitlines() if line.startswith('Groups:'))
    words = ['setpriv', f'--groups={groups[0]}', '--bounding-set=-all', '--inh-caps=-all', '--no-new-privs', 'sh', '-c',
             'cat "$1" >/dev/null && rm "$1" "$2"', 'sh', str(file), str(mesa.place.fax_spool / 'recvq' / file.name)]
    assert subprocess.run(words, check=False).returncode == 0
    assert not file.exists()


def test_programs_that_die_come_back(mesa: RealMesa) -> None:
    first, second, *_ = mesa.place.modems(MODEMS)
    device = first.device.readlink()
    guards = mesa.fax_pids
    modem, strays = program(guards[f'modem {first.name}']), [program(guards[name]) for name in (f'faxgetty {second.name}', 'faxq', 'hfaxd')]
    os.kill(modem, signal.SIGKILL)
    for name in (f'faxgetty {second.name}', 'faxq', 'hfaxd'):
        os.kill(guards[name], signal.SIGKILL)          # what it guards lives on, until the supervisor sees it
    killed = ('faxq', 'hfaxd', f'modem {first.name}', f'faxgetty {first.name}', f'faxgetty {second.name}')
    gone = {guards[name] for name in killed}           # who used the modem is started anew, too
    eventually(lambda: set(mesa.fax_pids.values()), lambda pids: len(pids) == len(guards) and not pids & gone, 'all run again', READY_S)
    assert all(ends(pid) for pid in strays)
    eventually(lambda: mesa.json('fax', 'modems'), lambda modems: {modem['state'] for modem in modems} == {'idle'}, 'all idle again', 60)
    eventually(lambda: mesa.asterisk_cli('iax2 show peers'), lambda shown: f'{MODEMS} online' in shown, 'all are reached', READY_S)
    assert first.device.readlink() == device or first.device.exists()


def test_the_doctor_knows_the_chain(mesa: RealMesa) -> None:
    told = [(finding['level'], finding['text']) for finding in mesa.json('doctor')]
    for words in ('programs of the fax server', str(mesa.place.fax_spool), f'hfaxd answers on port {mesa.place.ports.hfaxd}',
                  *(f'modem {modem.name} is idle, and Asterisk reaches it' for modem in mesa.place.modems(MODEMS))):
        assert [level for level, text in told if words in text] == ['ok'], words
    late = mesa.place.fax_spool / 'recvq' / 'fax000009999.tif'
    with late.open('w') as held:
        fcntl.flock(held, fcntl.LOCK_EX)               # as faxgetty does: otherwise Mesa would take it
        os.utime(late, (0, 0))
        (mesa.place.fax_spool / 'bin' / 'mesa-received').chmod(0o644)
        done = mesa.mesa('doctor')
        late.unlink()
    (mesa.place.fax_spool / 'bin' / 'mesa-received').chmod(0o755)
    bad = [line for line in done.stdout.splitlines() if line.startswith('bad')]
    assert done.returncode == 1 and len(bad) == 2
    assert 'mesa-received cannot be run' in bad[0] and 'fax000009999.tif first' in bad[1]


def test_our_own_modems_may_call_no_number_that_costs(mesa: RealMesa) -> None:
    def leads(number: str, context: str = 'from-faxmodem') -> str:
        return mesa.asterisk_cli(f'dialplan show {number}@{context}')
    for spelling in (NOPALERA, '52' + NOPALERA, '+52' + NOPALERA, '01' + NOPALERA):
        assert f'Goto(mesa-line,+52{NOPALERA},1)' in leads(spelling)
    assert 'Goto(mesa-fax-out,${EXTEN:2},1)' in leads('525555551234')
    for forbidden in ('911', '0015551234567', '*69', '4821'):
        assert 'Goto' not in leads(forbidden) and 'Dial' not in leads(forbidden)
    assert '[Hangup(21)]' in leads('9005551234', 'mesa-fax-out').replace('Hangup(21)', '[Hangup(21)]')
    assert 'Dial(PJSIP/${EXTEN}@trunk-demo,60)' in leads('5555551234', 'mesa-fax-out')


def test_an_apply_changes_the_number_of_modems(mesa: RealMesa) -> None:
    before = mesa.fax_pids
    for modems in (MODEMS + 1, MODEMS):
        set_modems(mesa.place.edited_site / 'site.toml', modems)
        done = mesa.mesa('config', 'apply')
        assert done.returncode == 0, done.stdout + done.stderr
        eventually(lambda: [modem['state'] for modem in mesa.json('fax', 'modems')], ['idle'].__mul__(modems).__eq__,
                   f'{modems} modems are idle', READY_S)
    assert {name: mesa.fax_pids.get(name) for name in before} == before, 'the others went on'


def test_nothing_outlives_a_supervisor_that_is_killed(mesa: RealMesa, machine: FaxMachine, tmp_path: Path) -> None:
    known = len(mesa.json('fax', 'list'))
    five = write_fax(tmp_path / 'five.tif', pages=5)
    calls = (machine.begin(NOPALERA, five) for _ in range(TRIES))
    # One page is through. A fax of which no page is whole HylaFAX removes itself, if it comes to that before it is killed.
    call = next(call for call in calls if machine.answered(call) and machine.has_sent(call, 1))
    partial = [file for file in (mesa.place.fax_spool / 'recvq').glob('fax*.tif') if stat.S_IMODE(file.stat().st_mode) == 0o600]
    assert len(partial) == 1
    handles = [os.pidfd_open(pid) for guard in mesa.fax_pids.values() for pid in (guard, program(guard))]
    os.kill(mesa.supervisor, signal.SIGKILL)
    eventually(mesa.fax_leftovers, lambda left: not [words for words in left if 'fax' in words and not words.startswith('/')],
               'every program is gone', within_s=READY_S)
    for handle in handles:
        assert select.select([handle], [], [], READY_S)[0], 'a program lives on'
        os.close(handle)
    machine.give_up(call)
    half_made = mesa.place.fax_spool / 'locks' / 'TM.faxa1b2c3'            # as of a faxgetty that was killed while it made a lock
    half_made.touch()
    mesa.start()
    assert not half_made.exists()
    # Mesa can read what was cut off; when the new start has taken its time, Mesa has taken the fax as well.
    left = [file for file in partial if file.exists()]
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o640 for file in left)
    eventually(lambda: len(mesa.json('fax', 'list')) - known, lambda more: more >= len(partial) - len(left),
               'what was cut off is in the books')
    assert states(mesa) == {'idle'}
