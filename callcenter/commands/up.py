"""`mesa up`: set everything up and start Asterisk and Mesa."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click

from callcenter.clock import clear_clock, parse_instant, set_clock
from callcenter.console import Complaint, instance_root, say
from callcenter.instance import Instance
from callcenter.running import claim, state

UP = 'Asterisk and Mesa are up.'
DEMO_HINTS = """
Try:
  ./mesa call 8005550101 --from 5555550101 --keys '1,2'            opens a folio N
  ./mesa answer --keys '1,5'                           in another terminal: the user's telephone, which Mesa calls when
  ./mesa folio resolve N --by ana --solution '...'     his folio is solved; 1: it is, 5: excellent
  ./mesa simulate 8005550101 --from 5555550101 --at '2026-12-25 09:00'
  ./mesa line list          ./mesa folio list          ./mesa calls          ./mesa calendar 2027
  ./mesa clock set '2026-11-24T10:00'                  a Tuesday in opening hours; the demo's clock stands still there
  ./mesa clock clear                                   back to the system clock"""
HINTS = """
Next:
  ./mesa config check       ./mesa line list           ./mesa status          ./mesa doctor"""


@click.command()
@click.option('--detach', is_flag=True, help='Return when everything answers, and leave it running.')
@click.option('--clock', metavar='T', help='Stop the clock of a demo site at a time such as 2026-11-24T10:00.')
def up(detach: bool, clock: str | None) -> None:
    """Set everything up and start Asterisk and Mesa under supervision. Ctrl-C stops them.

    Exit codes: 0 stopped or (with --detach) running, 1 not started, 2 already running.
    """
    root = instance_root()
    (root / 'run').mkdir(parents=True, exist_ok=True)
    lock = claim(root)
    from callcenter.prepare import prepare  # loads what only a start needs
    instance = prepare(root)
    demo = _set_clock(instance, clock)
    people = _demo_people(instance) if demo else ''
    say('· starting Asterisk and Mesa ...')
    if detach:
        _start_detached(root, lock)
        say(people + _what_next(demo, './mesa down'))
    else:
        _become_supervisor(root, lock, f'{UP}\n{people}{_what_next(demo, "Ctrl-C")}')


def _set_clock(instance: Instance, clock: str | None) -> bool:
    """Whether the site is a demo; its clock is set if asked for, and left as it is if not."""
    site = instance.site()
    if clock:
        set_clock(instance.root, site.demo, parse_instant(clock, site.zone))
    elif not site.demo:
        clear_clock(instance.root, demo=True)          # one that was set while the site was a demo must not wait there
    return site.demo


def _demo_people(instance: Instance) -> str:
    """Let one of each role into the desk of a new demo site, and tell their passwords: this once."""
    from callcenter.demo_people import let_in
    made = let_in(instance)
    address = f'http://127.0.0.1:{instance.place.ports.desk}/'
    if not made:
        return f'\nThe desk: {address}   (new password: ./mesa user password LOGIN)\n'
    lines = [f'  {person.login:<18}{person.password:<20}{person.role}' for person in made]
    return '\n'.join([f'\nThe desk: {address}   Passwords, shown this once:', *lines, ''])


def _what_next(demo: bool, stop: str) -> str:
    return f'{DEMO_HINTS if demo else HINTS}\n\nStop them with: {stop}'


def _supervisor(root: Path, lock: int, when_ready: str) -> list[str]:
    return [sys.executable, '-P', '-m', 'callcenter.supervise', str(root), '--lock', str(lock), '--when-ready', when_ready]


def _become_supervisor(root: Path, lock: int, when_ready: str) -> None:
    os.set_inheritable(lock, True)
    os.execv(sys.executable, _supervisor(root, lock, when_ready))


def _start_detached(root: Path, lock: int) -> None:
    """Start the supervisor in a session of its own and pass on its reports until everything answers, or raise Complaint."""
    told, report = os.pipe()
    log = os.open(root / 'log' / 'supervisor.log', os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    child = subprocess.Popen([*_supervisor(root, lock, UP), '--report', str(report)], pass_fds=(lock, report),
                             start_new_session=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    for handle in (lock, report, log):
        os.close(handle)
    with os.fdopen(told) as lines:
        for line in lines:
            say(line.rstrip('\n'))
    if not state(root).get('ready'):
        raise Complaint(f'Not started (exit code {child.wait()}). More is in {root}/log.')
