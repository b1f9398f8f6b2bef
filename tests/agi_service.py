"""A real AgiService for tests: on a reactor of its own, in a thread of its own, on a free port of loopback."""
from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

from twisted.internet.asyncioreactor import AsyncioSelectorReactor

from agi.server import AgiService, Counters, Handler, Limits, Log

T = TypeVar('T')


class Served:
    """The running service, for a test's thread."""

    def __init__(self, reactor: Any, service: AgiService) -> None:
        self._reactor = reactor
        self.service = service

    @property
    def address(self) -> tuple[str, int]:
        return '127.0.0.1', self.service.port

    def counters(self) -> Counters:
        return self.service.counters()

    def on_reactor(self, work: Callable[[], T]) -> T:
        """Run something on the reactor's thread and give its result."""
        result: Future[T] = Future()

        def run() -> None:
            try:
                result.set_result(work())
            except BaseException as error:
                result.set_exception(error)
        self._reactor.callFromThread(run)
        return result.result(10)

    def stop(self) -> threading.Event:
        """Begin to stop; the event is set when the service has stopped."""
        stopped = threading.Event()
        self.on_reactor(lambda: self.service.stopService().addCallback(lambda _: stopped.set()))
        return stopped


@contextmanager
def serving(handlers: Mapping[str, Handler], *, allowed: frozenset[str] = frozenset({'127.0.0.1'}), max_calls: int = 20,
            limits: Limits | None = None, log: Log | None = None) -> Iterator[Served]:
    """Serve these handlers while the block runs; the service and its threads have ended after it."""
    reactor = AsyncioSelectorReactor(asyncio.new_event_loop())
    service = AgiService(reactor, handlers, '127.0.0.1', 0, allowed, max_calls, log, limits or Limits(stop_s=1.0))
    started = threading.Event()
    reactor.callWhenRunning(started.set)
    loop = threading.Thread(target=reactor.run, kwargs={'installSignalHandlers': False}, name='reactor-of-a-test')
    loop.start()
    assert started.wait(10)
    served = Served(reactor, service)
    served.on_reactor(service.startService)
    try:
        yield served
    finally:
        stopped = served.stop().wait(10)
        reactor.callFromThread(reactor.stop)
        loop.join(10)
        assert stopped and not loop.is_alive()
