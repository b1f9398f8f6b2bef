"""The FastAGI server: the reactor owns the port and accepts, a thread serves each call as plain blocking code."""
from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from queue import SimpleQueue
from typing import Any, Protocol

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReadDescriptor
from zope.interface import implementer  # type: ignore[import-untyped]

from agi.errors import AgiError, CallerGone
from agi.session import CallSession

Handler = Callable[[CallSession], None]

BACKLOG = 512                                          # a burst of calls waits here for at most one turn of the reactor
ACCEPTS_A_TURN = 64
OUT_OF_FILES_S = 0.1                                   # pause after EMFILE: the port stays readable and would spin the reactor
LAST_WORDS_S = 1.0                                     # after the sockets were shut down at a stop


class Log(Protocol):
    """What a logging.Logger and a structlog logger have in common."""

    def info(self, event: str, *args: Any) -> Any: ...
    def warning(self, event: str, *args: Any) -> Any: ...
    def error(self, event: str, *args: Any, exc_info: bool = ...) -> Any: ...


@dataclass(frozen=True)
class Limits:
    """Seconds: for the environment in total, for a command's reply, for a prompt or question, for running calls at a stop."""

    environment_s: float = 2.0
    command_s: float = 5.0
    talk_s: float = 600.0
    stop_s: float = 5.0


@dataclass(frozen=True)
class Counters:
    """Connections since the start, but `active`: the calls now."""

    accepted: int = 0
    active: int = 0
    refused_full: int = 0
    refused_peer: int = 0
    failed: int = 0


class AgiService(Service):
    """Serves FastAGI calls. Public methods run on the reactor's thread; handlers run on call threads."""

    def __init__(self, reactor: Any, handlers: Mapping[str, Handler], interface: str, port: int, allowed: frozenset[str], max_calls: int,
                 log: Log | None = None, limits: Limits | None = None) -> None:
        """`handlers` by script name; `allowed` are addresses or networks of Asterisk machines; port 0 takes a free one."""
        self._reactor = reactor
        self._handlers = handlers
        self._address = (interface, port)
        self._networks = tuple(ip_network(network) for network in allowed)
        self._is_allowed = lru_cache(1024)(self._in_networks)
        self._max_calls = max_calls
        self._log = log or logging.getLogger('mesa.agi')
        self._limits = limits or Limits()
        self._lock = threading.Lock()                  # guards _counters, _calls and the closing of sockets
        self._counters = Counters()
        self._calls: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._waiting: SimpleQueue[socket.socket | None] = SimpleQueue()
        self._port: _Port | None = None
        self._stopped: Deferred[None] | None = None

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._port.number if self._port else self._address[1]

    def counters(self) -> Counters:
        """A snapshot, from any thread."""
        with self._lock:
            return replace(self._counters, active=len(self._calls))

    def startService(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        self._port = _Port(self._reactor, listening_socket(*self._address), self._accepted, self._log)
        self._stopped = None
        super().startService()  # type: ignore[no-untyped-call]

    def stopService(self) -> Deferred[None]:
        """Stop listening, give running calls `stop_s`, then shut their sockets down; fires when none runs, or a second after that."""
        super().stopService()  # type: ignore[no-untyped-call]
        if self._port is None:
            return succeed(None)
        self._port.close()
        self._port = None
        for _ in self._threads:
            self._waiting.put(None)
        self._threads = []
        self._waiting = SimpleQueue()                  # the old one's threads end with it
        self._stopped = Deferred()
        done = self._stopped
        timers = [self._reactor.callLater(self._limits.stop_s, self._shut_down),
                  self._reactor.callLater(self._limits.stop_s + LAST_WORDS_S, self._give_up)]
        done.addCallback(lambda _: [timer.cancel() for timer in timers if timer.active()] and None)
        self._maybe_stopped()
        return done

    # --- the reactor's thread ------------------------------------------------------------------------------------

    def _accepted(self, sock: socket.socket, peer: str) -> None:
        """Hand a connection to a thread, or close it at once: a queued caller would hear silence, a refused one the fallback."""
        if not self._is_allowed(peer):
            self._count(accepted=1, refused_peer=1)
            self._log.warning('AGI connection from %s refused: not an Asterisk of ours', peer)
            sock.close()
            return
        with self._lock:                               # whose socket closes at this moment has freed his place too
            busy = len(self._calls)
        if busy >= self._max_calls or not self._has_thread(busy):
            self._count(accepted=1, refused_full=1)
            self._log.warning('AGI connection from %s refused: %d of %d call threads are busy', peer, busy, self._max_calls)
            sock.close()
            return
        self._count(accepted=1)
        with self._lock:
            self._calls.add(sock)
        self._waiting.put(sock)

    def _has_thread(self, busy: int) -> bool:
        """Whether a thread is free for one more call; makes one when all are busy."""
        if len(self._threads) > busy:
            return True
        thread = threading.Thread(target=self._work, args=(self._waiting,), name=f'agi-call-{len(self._threads) + 1}', daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            self._log.error('no new call thread: %s', error)
            return False
        self._threads.append(thread)
        return True

    def _in_networks(self, peer: str) -> bool:
        address: IPv4Address | IPv6Address = ip_address(peer.partition('%')[0])
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)

    def _maybe_stopped(self) -> None:
        if not self._calls:
            self._finish()

    def _shut_down(self) -> None:
        """End what the running calls wait for; their threads see CallerGone."""
        with self._lock:
            self._log.warning('%d calls cut by the stop', len(self._calls))
            for sock in self._calls:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue                           # it has ended by itself

    def _give_up(self) -> None:
        self._log.error('%d calls did not end: they do not wait for Asterisk', len(self._calls))
        self._finish()

    def _finish(self) -> None:
        done, self._stopped = self._stopped, None
        if done is not None:
            done.callback(None)

    # --- call threads --------------------------------------------------------------------------------------------

    def _work(self, waiting: SimpleQueue[socket.socket | None]) -> None:
        while (sock := waiting.get()) is not None:
            try:
                self._serve(sock)
            finally:
                self._done(sock)

    def _serve(self, sock: socket.socket) -> None:
        """One call from its environment to its end; whatever goes wrong ends here, in the log."""
        uniqueid = 'a call without environment'
        try:
            call = CallSession(sock, deadline_s=self._limits.command_s, talk_s=self._limits.talk_s,
                               environment_s=self._limits.environment_s)
            uniqueid = call.start.uniqueid
            handler = self._handlers.get(call.start.script)
            if handler is None:
                self._count(failed=1)
                self._log.warning('call %.80r: no AGI script is called %.80r', uniqueid, call.start.script)
            else:
                handler(call)
        except CallerGone as gone:
            self._log.info('call %.80r: %s', uniqueid, gone)
        except AgiError as error:
            self._count(failed=1)
            self._log.warning('call %.80r: %s: %s', uniqueid, type(error).__name__, error)
        except BaseException:                          # a thread that dies would be missing for every later call
            self._count(failed=1)
            self._log.error('call %.80r failed', uniqueid, exc_info=True)

    def _done(self, sock: socket.socket) -> None:
        with self._lock:                               # a stop must not shut down a number that is somebody else's by now
            sock.close()
            self._calls.discard(sock)
        if self._stopped is not None:
            self._reactor.callFromThread(self._maybe_stopped)

    def _count(self, accepted: int = 0, refused_full: int = 0, refused_peer: int = 0, failed: int = 0) -> None:
        with self._lock:
            now = self._counters
            self._counters = Counters(now.accepted + accepted, 0, now.refused_full + refused_full, now.refused_peer + refused_peer,
                                      now.failed + failed)


@implementer(IReadDescriptor)
class _Port:
    """A listening socket in the reactor that gives accepted sockets away instead of making transports of them."""

    def __init__(self, reactor: Any, sock: socket.socket, accepted: Callable[[socket.socket, str], None], log: Log) -> None:
        self.number: int = sock.getsockname()[1]
        self._reactor = reactor
        self._sock = sock
        self._accepted = accepted
        self._log = log
        self._pause: Any = None
        reactor.addReader(self)

    def fileno(self) -> int:
        return self._sock.fileno()

    def logPrefix(self) -> str:
        return 'AGI port'

    def doRead(self) -> None:
        """Accept several at once: each turn of the reactor costs more than an accept."""
        for _ in range(ACCEPTS_A_TURN):
            try:
                sock, peer = self._sock.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                self._log.error('AGI port %d cannot accept: %s', self.number, error)
                self._reactor.removeReader(self)
                self._pause = self._reactor.callLater(OUT_OF_FILES_S, self._reactor.addReader, self)
                return
            self._accepted(sock, peer[0])

    def connectionLost(self, reason: Any) -> None:
        """The reactor ends, or reading failed."""
        self.close()

    def close(self) -> None:
        if self._pause is not None and self._pause.active():
            self._pause.cancel()
        self._reactor.removeReader(self)
        self._sock.close()


def listening_socket(interface: str, port: int) -> socket.socket:
    """A listening TCP socket, non-inheritable, whose options the accepted ones inherit. Raises OSError."""
    sock = socket.socket(socket.AF_INET6 if ':' in interface else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A machine that lost its power says no good-bye: its calls end after a minute, not after the longest prompt.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
        sock.bind((interface, port))
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock
