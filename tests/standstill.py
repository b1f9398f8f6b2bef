"""Whether the machine itself stood still under a test that goes by the real clock.

Our watchdog gives Mesa 1.3 s, a telephone gives a millisecond's work some seconds. Where the whole machine gives nobody any time for
longer than half a second (a virtual machine that is moved, a disk that holds back every write), such a test says nothing about Mesa:
it is run once more, with servers of its own, and the end of the run tells which tests those were. A test that fails while the
machine was awake has failed, however often it passes otherwise.
"""
from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from tempfile import TemporaryFile
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

LONG_S = 0.5
BEAT_S = 0.05
AGAIN = 'run again'


class Pulse:
    """A thread that writes a byte to the disk twenty times a second; how late it is tells how long it was given neither."""

    def __init__(self) -> None:
        self._late: list[tuple[float, float]] = []     # when it woke, and how long it was away
        self.longest_s = 0.0
        self._last = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name='pulse', daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._over.set()
        self._thread.join()

    def longest_since(self, moment: float) -> float:
        """The longest standstill, in seconds, that ended after this moment of `time.monotonic`; 0 for none worth the name."""
        now = time.monotonic()
        still_s = now - self._last - BEAT_S            # it may not be over yet
        return max(away for woke, away in [*self._late, (now, still_s if still_s > LONG_S else 0.0)] if woke >= moment)

    def _beat(self) -> None:
        with TemporaryFile() as file:
            while not self._over.wait(BEAT_S):
                os.pwrite(file.fileno(), b'.', 0)
                os.fsync(file.fileno())
                now = time.monotonic()
                self._note(now - self._last - BEAT_S, now)
                self._last = now

    def _note(self, away_s: float, woke: float) -> None:
        self.longest_s = max(self.longest_s, away_s)
        if away_s > LONG_S:
            self._late.append((woke, away_s))


class Standstill:
    """The plugin: runs a real test again when the machine stood still while it failed."""

    def __init__(self, pulse: Pulse) -> None:
        self.pulse = pulse
        self._second: pytest.Item | None = None
        self.again: dict[str, str] = {}
        self.awake: dict[str, float] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Run one real test, and perhaps once more."""
        if 'real' not in item.path.parts or self._second is item:
            return None
        began = time.monotonic()
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        stood_s = self.pulse.longest_since(began)
        if stood_s and any(report.failed for report in reports):
            self._run_again(item, nextitem, reports, stood_s)
            return True
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def _run_again(self, item: pytest.Item, nextitem: pytest.Item | None, reports: Sequence[pytest.TestReport], stood_s: float) -> None:
        """With fixtures made anew; the protocol as a whole, so that the time-out begins anew as well."""
        failed = next(report for report in reports if report.failed)
        said = getattr(getattr(failed.longrepr, 'reprcrash', None), 'message', str(failed.longrepr)).strip().split('\n')[0]
        item.session._setupstate.teardown_exact(None)
        item.user_properties.append((AGAIN, f'the machine stood still for {stood_s:.1f} s, and it failed in {failed.when}: {said}'))
        self._second = item
        try:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=nextitem)
        finally:
            self._second = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Where the run is told of: keep what was run again."""
        for why in (value for name, value in report.user_properties if name == AGAIN):
            self.again[report.nodeid] = str(why)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Tell the run's own process how long this one was kept waiting at worst."""
        self.pulse.stop()
        told = getattr(session.config, 'workeroutput', None)
        if told is not None:
            told['standstill'] = self.pulse.longest_s
        else:
            self.awake.setdefault('main', self.pulse.longest_s)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A process of the run has ended."""
        told = getattr(node, 'workeroutput', {})
        if 'standstill' in told:
            self.awake[node.gateway.id] = told['standstill']

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say which tests were run again, and how still the machine stood."""
        for name, why in self.again.items():
            terminalreporter.write_line(f'RUN AGAIN {name}: {why}', yellow=True)
        if self.awake:
            longest = ', '.join(f'{name} {seconds:.2f} s' for name, seconds in sorted(self.awake.items()))
            terminalreporter.write_line(f'longest standstill of the machine: {longest}')
