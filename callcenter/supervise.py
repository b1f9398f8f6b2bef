"""Keeps Asterisk, Mesa's services and the fax server running: starts them, starts them again when they end, and stops all.

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
from pathlib import Path
from typing import Any

from twisted.internet import asyncioreactor

if __name__ == '__main__':                             # before anything imports `reactor`
    asyncio.set_event_loop(asyncio.new_event_loop())
    asyncioreactor.install(asyncio.get_event_loop())   # type: ignore[no-untyped-call]

from twisted.internet.defer import Deferred, ensureDeferred

from callcenter.child import Child, Task, leash
from callcenter.clock import tell_asterisk
from callcenter.console import Complaint
from callcenter.fax_parts import FaxParts
from callcenter.fax_server import group
from callcenter.files import write_whole
from callcenter.instance import Instance
from callcenter.provision import asterisk_command
from callcenter.running import state_file, write_pid
from callcenter.services import serving_file

START_PATIENCE_S = 60.0
TRIES_BEFORE_READY = 3


class NotStarted(Exception):
    """A child did not come up; the text says which and what it told."""


def tasks(instance: Instance) -> tuple[Task, ...]:
    """What an instance consists of, in the order of starting and of stopping."""
    place = instance.place
    asterisk = (*asterisk_command(place.prefix), '-C', str(place.asterisk_conf), '-f')
    mesa = (sys.executable, '-P', '-m', 'callcenter', '--instance', str(place.root), 'serve', 'all')
    gid = group() if os.geteuid() == 0 else None      # of the fax spool: Mesa, root without powers, reads and removes what came in
    return (Task('asterisk', asterisk, place.log / 'asterisk.log', 5.0),
            Task('mesa', mesa, place.log / 'mesa.log', 3.0, leash(f'--groups={gid}') if gid is not None else leash()))


class Supervisor:
    """Asterisk, Mesa and the fax server of one instance."""

    def __init__(self, reactor: Any, instance: Instance, report: Callable[[str], None]) -> None:
        self.ready = False
        self._reactor = reactor
        self._instance = instance
        self._report = report
        self._deadline = time.monotonic() + START_PATIENCE_S
        self.children = [Child(reactor, task, self.write_state, report) for task in tasks(instance)]
        self.fax_parts = FaxParts(reactor, instance, self.write_state, report)

    async def start(self) -> None:
        """Start all and return when Asterisk and Mesa answer; raises NotStarted. A fax server that does not start keeps nobody from it."""
        asterisk, mesa = self.children
        for child in self.children:
            child.start()
        await self.fax_parts.start()
        await self._until(asterisk, self._asterisk_booted)
        await self._set_asterisk_clock()
        await self._until(mesa, self._mesa_answers)
        self.ready = True
        self.write_state()
        self._report(self.fax_parts.in_words())

    async def stop(self) -> None:
        """Stop Asterisk, so that Mesa and the modems still see the calls end, and then those."""
        asterisk, mesa = self.children
        await asterisk.stop()
        await self.fax_parts.stop()
        await mesa.stop()
        state_file(self._instance.root).unlink(missing_ok=True)

    def write_state(self) -> None:
        """Tell other commands what runs."""
        children = {child.task.name: child.told() for child in self.children}
        write_whole(state_file(self._instance.root), json.dumps({'ready': self.ready, **children, 'fax': self.fax_parts.told()}))

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
