"""Keeps Asterisk and Mesa's services running: starts them, starts them again when they end, and stops both.

A process of its own (`python -m callcenter.supervise ROOT`), started by `mesa up`, which hands over the lock of the instance. Reports go
to one file descriptor, for a person to read; it is closed as soon as everything answers.
"""
from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twisted.internet import asyncioreactor

if __name__ == '__main__':                             # before anything imports `reactor`
    asyncio.set_event_loop(asyncio.new_event_loop())
    asyncioreactor.install(asyncio.get_event_loop())   # type: ignore[no-untyped-call]

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.protocol import ProcessProtocol

from callcenter.clock import tell_asterisk
from callcenter.console import Complaint
from callcenter.files import write_whole
from callcenter.instance import Instance
from callcenter.provision import asterisk_command
from callcenter.running import state_file, write_pid
from callcenter.services import serving_file

START_PATIENCE_S = 60.0
FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 30.0
STEADY_S = 10.0                                        # a child that lived this long starts again without delay
TRIES_BEFORE_READY = 3
# A session of its own, so that Ctrl-C reaches the supervisor alone; and no child outlives it, however it ends.
LEASH = ('setsid', 'setpriv', '--pdeathsig', 'KILL')
# Asterisk faces the network: also as root it may do nothing but what the owner of its files may, and never gain more.
NO_POWERS = ('--bounding-set=-all', '--inh-caps=-all', '--no-new-privs')
LONGEST_LOG = 20_000_000


class NotStarted(Exception):
    """A child did not come up; the text says which and what it told."""


@dataclass(frozen=True)
class Task:
    """A program to keep running: its words, its log, and how long it may take to stop."""

    name: str
    argv: tuple[str, ...]
    log: Path
    stop_s: float


def tasks(instance: Instance) -> tuple[Task, ...]:
    """What an instance consists of, in the order of starting and of stopping."""
    place = instance.place
    asterisk = (*asterisk_command(place.prefix), '-C', str(place.asterisk_conf), '-f')
    mesa = (sys.executable, '-P', '-m', 'callcenter', '--instance', str(place.root), 'serve', 'all')
    return Task('asterisk', asterisk, place.log / 'asterisk.log', 5.0), Task('mesa', mesa, place.log / 'mesa.log', 3.0)


class Child(ProcessProtocol):
    """One task, kept running until it is stopped."""

    transport: Any

    def __init__(self, reactor: Any, task: Task, changed: Callable[[], None], report: Callable[[str], None]) -> None:
        self.task = task
        self.starts = 0
        self.since: datetime | None = None
        self._reactor = reactor
        self._changed = changed
        self._report = report
        self._delay = FIRST_DELAY_S
        self._restart: Any = None
        self._stopped: Deferred[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process, None while it does not run."""
        return self.transport.pid if self.transport else None

    def start(self) -> None:
        """Start the program; its words go to its log."""
        self._restart = None
        self.starts += 1
        self.since = datetime.now(UTC)
        _shorten(self.task.log)
        nothing, log = os.open(os.devnull, os.O_RDONLY), os.open(self.task.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        argv = (*LEASH, *(NO_POWERS if os.geteuid() == 0 else ()), *self.task.argv)
        self._reactor.spawnProcess(self, argv[0], argv, dict(os.environ), childFDs={0: nothing, 1: log, 2: log})
        os.close(nothing)
        os.close(log)
        self._changed()

    def processEnded(self, reason: Any) -> None:
        """Start again, later the oftener it happens; or tell that the stopped program is gone."""
        self.transport = None
        self._changed()
        if self._stopped:
            self._stopped.callback(None)
            return
        assert self.since is not None
        if (datetime.now(UTC) - self.since).total_seconds() > STEADY_S:
            self._delay = FIRST_DELAY_S
        end = reason.value
        how = f'was ended by signal {end.signal}' if end.signal else f'ended by itself with exit code {end.exitCode}'
        self._report(f'  {self.task.name} {how}; starting it again in {self._delay:.1f} s')
        self._restart = self._reactor.callLater(self._delay, self.start)
        self._delay = min(self._delay * 2, LONGEST_DELAY_S)

    async def stop(self) -> None:
        """Ask the program to end, make it end when it takes too long, and return when it is gone."""
        if self._restart:
            self._restart.cancel()
        if not self.transport:
            return
        self._stopped = Deferred()
        self._signal('TERM')
        force = self._reactor.callLater(self.task.stop_s, self._signal, 'KILL')
        await self._stopped
        if force.active():
            force.cancel()

    def _signal(self, name: str) -> None:
        if self.transport:
            self.transport.signalProcess(name)


class Supervisor:
    """Asterisk and Mesa of one instance."""

    def __init__(self, reactor: Any, instance: Instance, report: Callable[[str], None]) -> None:
        self.ready = False
        self._reactor = reactor
        self._instance = instance
        self._report = report
        self._deadline = time.monotonic() + START_PATIENCE_S
        self.children = [Child(reactor, task, self.write_state, report) for task in tasks(instance)]

    async def start(self) -> None:
        """Start both and return when both answer; raises NotStarted."""
        asterisk, mesa = self.children
        for child in self.children:
            child.start()
        await self._until(asterisk, self._asterisk_booted)
        await self._set_asterisk_clock()
        await self._until(mesa, self._mesa_answers)
        self.ready = True
        self.write_state()

    async def stop(self) -> None:
        """Stop Asterisk, so that Mesa still sees the calls end, and then Mesa."""
        for child in self.children:
            await child.stop()
        state_file(self._instance.root).unlink(missing_ok=True)

    def write_state(self) -> None:
        """Tell other commands what runs."""
        children = {child.task.name: {'pid': child.pid, 'starts': child.starts, 'since': child.since and child.since.isoformat()}
                    for child in self.children}
        write_whole(state_file(self._instance.root), json.dumps({'ready': self.ready, **children}))

    async def _until(self, child: Child, answers: Callable[[], Any]) -> None:
        pause = 0.05
        while not await answers():
            if child.starts > TRIES_BEFORE_READY or time.monotonic() > self._deadline:
                log = child.task.log
                raise NotStarted(f'{child.task.name} does not start. Its last words, from {log}:\n{_last_words(log)}')
            await self._wait(pause)
            pause = min(pause * 1.5, 0.5)

    def _wait(self, seconds: float) -> Deferred[None]:
        waited: Deferred[None] = Deferred()
        self._reactor.callLater(seconds, waited.callback, None)
        return waited

    async def _asterisk_booted(self) -> bool:
        from twisted.internet.utils import getProcessOutputAndValue
        run: Any = getProcessOutputAndValue
        place = self._instance.place
        if not (place.asterisk_run / 'asterisk.ctl').exists():
            return False
        argv = [*asterisk_command(place.prefix), '-C', str(place.asterisk_conf), '-rx', 'core waitfullybooted']
        told, _, code = await run(argv[0], argv[1:], os.environ)
        return code == 0 and b'fully booted' in told

    async def _set_asterisk_clock(self) -> None:
        from twisted.internet.threads import deferToThread
        clock = self._instance.clock(self._instance.site())
        await deferToThread(tell_asterisk, self._instance.place, clock.set_to())

    async def _mesa_answers(self) -> bool:
        # Its own word, not its port: that may answer for another program, which is why Mesa cannot start.
        try:
            serving = json.loads(serving_file(self._instance.root).read_text())
        except FileNotFoundError:
            return False
        return bool(serving['pid'] == self.children[1].pid)


def run(root: Path, lock: int, report_to: int, when_ready: str) -> int:
    """Supervise until a signal; returns the exit code."""
    from twisted.internet import reactor as installed
    reactor: Any = installed                           # Twisted names its interfaces where it means their objects
    write_pid(lock)
    os.set_inheritable(lock, False)
    outcome = _Outcome(report_to)
    supervisor = Supervisor(reactor, Instance.open(root), outcome.report)
    reactor.addSystemEventTrigger('before', 'shutdown', lambda: ensureDeferred(supervisor.stop()))
    reactor.callWhenRunning(lambda: ensureDeferred(_start(supervisor, outcome, reactor, when_ready)))
    reactor.callWhenRunning(signal.signal, signal.SIGHUP, lambda *_: reactor.callFromThread(reactor.stop))
    reactor.run()
    return outcome.code


class _Outcome:
    """Where reports go, and the exit code."""

    def __init__(self, report_to: int) -> None:
        self.code = 0
        self._report_to = report_to

    def report(self, text: str) -> None:
        os.write(self._report_to, f'{text}\n'.encode())

    def close(self) -> None:
        """From here on reports go to our own standard output, which is a log file when nobody looks."""
        if self._report_to != sys.stdout.fileno():
            os.close(self._report_to)
            self._report_to = sys.stdout.fileno()


async def _start(supervisor: Supervisor, outcome: _Outcome, reactor: Any, when_ready: str) -> None:
    try:
        await supervisor.start()
        outcome.report(when_ready)
    except (NotStarted, Complaint) as error:
        outcome.report(f'mesa: {error}')
        outcome.code = 1
        reactor.stop()
    outcome.close()


def _shorten(log: Path) -> None:
    if log.exists() and log.stat().st_size > LONGEST_LOG:
        log.replace(log.with_suffix('.log.1'))


def _last_words(log: Path) -> str:
    lines = log.read_text(errors='replace').splitlines() if log.exists() else []
    return '\n'.join(f'  {line}' for line in lines[-8:])


def main() -> None:
    """Entry of the process that `mesa up` starts."""
    parser = argparse.ArgumentParser()
    parser.add_argument('root', type=Path)
    parser.add_argument('--lock', type=int, required=True)
    parser.add_argument('--report', type=int, default=1)
    parser.add_argument('--when-ready', default='')
    given = parser.parse_args()
    sys.exit(run(given.root, given.lock, given.report, given.when_ready))


if __name__ == '__main__':
    main()
