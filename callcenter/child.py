"""One program that is kept running, and dies with who keeps it."""
from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol

FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 30.0
STEADY_S = 10.0                                        # a child that lived this long starts again without delay
READY_EVERY_S = 0.1
LONGEST_LOG = 20_000_000
# A session of its own, so that Ctrl-C reaches the supervisor alone; and no child outlives it, however it ends.
LEASH = ('setsid', 'setpriv', '--pdeathsig', 'KILL')
# Asterisk faces the network: also as root it may do nothing but what the owner of its files may, and never gain more.
NO_POWERS = ('--bounding-set=-all', '--inh-caps=-all', '--no-new-privs')


def leash(*options: str) -> tuple[str, ...]:
    """How a program of ours is started; as root without powers."""
    return (*LEASH, *options, *(NO_POWERS if os.geteuid() == 0 else ()))


@dataclass(frozen=True)
class Task:
    """A program to keep running: its words, its log, and how long it may take to stop.

    It starts when `ready` says so; then `before` is called, at every start.
    """

    name: str
    argv: tuple[str, ...]
    log: Path
    stop_s: float
    leash: tuple[str, ...] = field(default_factory=leash)
    ready: Callable[[], bool] = lambda: True
    before: Callable[[], object] = lambda: None


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

    def told(self) -> dict[str, Any]:
        """What other commands are told of it."""
        return {'pid': self.pid, 'starts': self.starts, 'since': self.since and self.since.isoformat()}

    def start(self) -> None:
        """Start the program; its words go to its log."""
        if not self.task.ready():
            self._restart = self._reactor.callLater(READY_EVERY_S, self.start)
            return
        self._restart = None
        self.task.before()
        self.starts += 1
        self.since = datetime.now(UTC)
        shorten(self.task.log)
        nothing, log = os.open(os.devnull, os.O_RDONLY), os.open(self.task.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        argv = (*self.task.leash, *self.task.argv)
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

    def start_anew(self) -> None:
        """End the program, if it runs, to have it started again."""
        self._signal('TERM')

    def _signal(self, name: str) -> None:
        if self.transport:
            self.transport.signalProcess(name)


def shorten(log: Path) -> None:
    """Begin a new log when this one is long; the one before it stays."""
    if log.exists() and log.stat().st_size > LONGEST_LOG:
        log.replace(log.with_suffix('.log.1'))
