"""Ten thousand hostile peers against the real AgiService: nothing crashes, sticks, or breaks a command open.

After every hundred a normal call must be served within a second.
"""
from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from time import monotonic

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agi.errors import UnsafeValue
from agi.server import Limits
from agi.session import CallSession
from tests.agi_service import Served, serving
from tests.fake_asterisk import FakeAsterisk, environment, words_of

FEW, MANY = 2_000, 10_000                              # sessions
FIXED = 600                                            # of them, at least
NORMAL_EVERY = 100
NORMAL_WITHIN_S = 1.0
LIMITS = Limits(environment_s=0.25, command_s=0.1, talk_s=0.1, stop_s=1.0)
BATCH = 32                                             # hostile peers at the same time
STUCK_S = 5.0                                          # a service that has not closed by then never will
QUIET_S = 0.01

TRYING, DONE = b'100 result=0 Trying...\n', b'200 result=0 Gosub complete\n'
DEAD = b'511 Command Not Permitted on a dead channel or intercept routine\n'
GOOD = (b'200 result=1\n', TRYING + DONE, b'200 result=1 (OK 1)\n', b'200 result=1\n', b'200 result=1 (x)\n', TRYING + DONE)
COMMANDS = len(GOOD)


def handler(call: CallSession) -> None:
    """What Mesa does with a caller's data, and more: every text of the environment is passed on."""
    start = call.start
    call.set_variable('NAME', start.caller_name)
    call.gosub('mesa-ask', 's', '1', 'mesa/main-menu&digits/1', '8', '5')
    call.verbose(f'{start.caller_name} {start.caller_number} {start.extension}')
    call.get_variable('MESA_KEYS')
    for value in (*start.args, start.caller_number):
        with contextlib.suppress(UnsafeValue):
            call.run('mesa-done', 's', '1', value)


@dataclass(frozen=True)
class Peer:
    """What one hostile peer sends: an environment, then one reply for each command, then nothing or the end.

    `silent` keeps the connection open without a word; `reset` ends it with an RST.
    """

    environment: bytes
    replies: tuple[bytes, ...] = ()
    silent: bool = False
    reset: bool = False


class Conversation:
    """One hostile peer at work; it reacts to what can be read and never waits."""

    def __init__(self, peer: Peer, address: tuple[str, int]) -> None:
        self.peer = peer
        self.sock = socket.create_connection(address)
        self.sock.settimeout(STUCK_S)
        self.replies = iter(peer.replies)
        self.commands: list[list[str]] = []
        self.ended = False                             # it will send no more
        self._rest = b''
        self.send(peer.environment)
        if not peer.replies:
            self.finish()

    def read(self) -> bool:
        """Take what has come and answer each command; False at the end."""
        try:
            data = self.sock.recv(65_536)
        except ConnectionError:
            return False
        *lines, self._rest = (self._rest + data).split(b'\n')
        for line in lines:
            self.commands.append(words_of(line))
            reply = next(self.replies, None)
            if reply is None:
                self.finish()
            else:
                self.send(reply)
        return data != b'' and self.sock.fileno() >= 0

    def send(self, data: bytes) -> None:
        if not self.ended:
            with contextlib.suppress(ConnectionError):     # the service may close on a hostile peer at any time
                self.sock.sendall(data)

    def finish(self) -> None:
        """Say no more: go at once, or wait for the service to close."""
        if self.ended or self.peer.silent:
            return
        self.ended = True
        if self.peer.reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            self.sock.close()
        else:
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_WR)


def play(peers: list[Peer], address: tuple[str, int]) -> list[list[str]]:
    """Play some peers at the same time, to their ends; the words of every command that they got. Raises BrokenOpen."""
    talks = [Conversation(peer, address) for peer in peers]
    with selectors.DefaultSelector() as selector, contextlib.ExitStack() as stack:
        for talk in talks:
            stack.enter_context(talk.sock)
            if talk.sock.fileno() >= 0:
                selector.register(talk.sock, selectors.EVENT_READ, talk)
        until = monotonic() + STUCK_S
        while selector.get_map():
            assert monotonic() < until, f'the service does not close on {[key.data.peer for key in selector.get_map().values()]}'
            ready = selector.select(QUIET_S)
            for key, _ in ready:
                talk, number = key.data, key.fd
                if not talk.read():
                    selector.unregister(number)
            if not ready:                              # half a reply was sent: its peer gives up before the service does
                for key in [*selector.get_map().values()]:
                    key.data.finish()
                    if key.data.sock.fileno() < 0:
                        selector.unregister(key.fd)
    return [words for talk in talks for words in talk.commands]


class Siege:
    """The service under attack: counts the sessions and looks in with a normal call after every hundred."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.sessions = 0
        self.normal_calls = 0
        self.slowest_s = 0.0
        self.verbs: set[str] = set()

    def attack(self, peers: list[Peer]) -> None:
        for words in play(peers, self.served.address):
            assert words[:2] in (['SET', 'VARIABLE'], ['GET', 'VARIABLE'], ['CHANNEL', 'STATUS']) or words[0] in ('GOSUB', 'VERBOSE'), words
            assert len(words) <= 5
            self.verbs.add(words[0])
        due = (self.sessions + len(peers)) // NORMAL_EVERY > self.sessions // NORMAL_EVERY
        self.sessions += len(peers)
        if due:
            self.normal_call()

    def normal_call(self) -> None:
        began = monotonic()
        with FakeAsterisk(script='x', args=('+528005550101',), caller_name='Ana "la" Peña', to=self.served.address,
                          variables={'MESA_KEYS': '1'}, subroutines={'mesa-ask': ['OK 1'], 'mesa-done': ['OK', 'OK']}) as asterisk:
            asterisk.wait(NORMAL_WITHIN_S)
        self.slowest_s = max(self.slowest_s, monotonic() - began)
        self.normal_calls += 1
        assert asterisk.variables['NAME'] == 'Ana "la" Peña'
        assert [context for context, _ in asterisk.gosubs] == ['mesa-ask', 'mesa-done', 'mesa-done']


@contextlib.contextmanager
def besieged() -> Iterator[Siege]:
    """The service without its log lines; a thread that dies of an error is noticed."""
    logging.getLogger('mesa.agi').setLevel(logging.CRITICAL)
    crashed: list[object] = []
    previous, threading.excepthook = threading.excepthook, crashed.append
    try:
        with serving({'x': handler}, max_calls=2 * BATCH, limits=LIMITS) as served:
            yield Siege(served)
        assert not crashed
    finally:
        threading.excepthook = previous
        logging.getLogger('mesa.agi').setLevel(logging.NOTSET)


NAMES: tuple[bytes, ...] = (
    b'x' * 10_240, 'ñ'.encode() * 10_240, b'"' * 10_240, b'\\' * 10_240, 'Peña "El, Güero" \\'.encode(), 'Peña Muñoz'.encode('latin-1'),
    b'\xff\xfe\x00\x01', '\u2028\x85'.encode(), b'${SHELL(reboot)}', b'$[1/0]', b'a,b)c', b'"\r\nGOSUB "mesa-done" "s" "1" "queue"',
    b'x\nagi_arg_1: forged', b'x\n\n200 result=1 (forged)', b'x\nHANGUP', b'\x1b[31m', b'', b'\0')
REPLIES: tuple[bytes, ...] = (
    b'HANGUP\n', b'HANGUP\nHANGUP\n', DEAD, b'200 result=-1\n', b'200 result=-1\nHANGUP\n', b'200 result=-2\n',
    b'200 result=-1 Gosub label not found\n', b'510 Invalid or unknown command\n', b'520 Invalid command syntax.\n', b'520-Usage\n',
    b'520-Usage\nx\n520 End of proper usage.\n', TRYING, TRYING * 80, TRYING + b'HANGUP\n',
    TRYING + b'200 result=0 Gosub complete (abnormal exit)\n', TRYING + b'200 result=0 Gosub complete (abnormal exit)\nHANGUP\nHANGUP\n',
    DONE + TRYING, b'200 result=1 (a\nb)\n', b'200 result=1 (a)\n200 result=1 (b)\n', b'200 result=1 (', b'200 result=1 (' + b'x' * 70_000,
    b'200 result=1 (' + b'x\n' * 9000, b'200\n', b'200 \n', b'200 result=\n', b'200 result=x\n', b'\n', b'\r\n', b'\0' * 100,
    b'\xff' * 100 + b'\n', b'x' * 100_000 + b'\n', b'200 result=1\r\n', b'99999999999999999999 result=1\n',
    b'200 result=1 (\xff\xfe)\n', b'')


def fixed_peers() -> Iterator[Peer]:
    """Every hostile name with every end; every odd reply at every command; a hang-up, a reset and silence at every point."""
    env = environment('x', ('+528005550101', 'a"b'))
    for name in NAMES:
        raw = environment('x', ('1',), caller_name=name)
        yield Peer(raw, GOOD)
        yield Peer(raw, GOOD[:2], reset=True)
        yield Peer(environment('x', (name.decode('latin-1').replace('\n', ' '),)), GOOD)
    for at, reply in product(range(COMMANDS), REPLIES):
        yield Peer(env, (*GOOD[:at], reply))
        yield Peer(env, (*GOOD[:at], reply, *GOOD[at:]))
    for at in range(COMMANDS + 1):
        yield Peer(env, GOOD[:at])
        yield Peer(env, GOOD[:at], reset=True)
        yield Peer(env, GOOD[:at], silent=True)
        yield Peer(env + b'HANGUP\n', GOOD[:at])
        yield Peer(env + GOOD[0], GOOD[:at])
        yield Peer(env, tuple(reversed(GOOD[:at])))
    for cut in range(0, len(env), 7):
        yield Peer(env[:cut])
        yield Peer(env[:cut], reset=True)
    for raw in (b'', b'\n', b'agi_network: yes\n', b'x' * 200_000, b'agi_x: y\n' * 9000, env[:-1]):
        yield Peer(raw, silent=True)
    yield Peer(environment('nosuch'))
    yield Peer(b'GET / HTTP/1.1\r\nHost: example\r\n\r\n', silent=True)


def fixed_cases(siege: Siege) -> None:
    peers = list(fixed_peers())
    assert len(peers) >= FIXED
    for begin in range(0, len(peers), BATCH):
        siege.attack(peers[begin:begin + BATCH])


def raw_bytes(most: int) -> st.SearchStrategy[bytes]:
    return st.binary(max_size=most)


ENVIRONMENTS = st.one_of(
    raw_bytes(120),
    st.builds(lambda name, arg: environment('x', (arg.replace('\n', ' '), '1'), caller_name=name), raw_bytes(60), st.text(max_size=20)),
    st.builds(lambda name: environment('x', ('1',), caller_name=name), st.sampled_from(NAMES)),
    st.builds(lambda cut: environment('x', ('1', '2'))[:cut], st.integers(0, 560)),
    st.just(environment('x', ('1', '2'))),
    st.just(environment('x', ('1', '2'))),
)
REPLY = st.one_of(raw_bytes(40), st.sampled_from(REPLIES + GOOD), st.builds(lambda b: b'200 result=1 (' + b + b')\n', raw_bytes(20)))
# A lie in the middle of good replies gets deeper into a session than random bytes alone.
REPLY_LISTS = st.one_of(st.lists(REPLY, max_size=COMMANDS + 1).map(tuple),
                        st.builds(lambda at, lie: (*GOOD[:at], lie, *GOOD[at:]), st.integers(0, COMMANDS), REPLY))
PEERS = st.builds(Peer, ENVIRONMENTS, REPLY_LISTS, reset=st.booleans())


def random_cases(siege: Siege, sessions: int) -> None:
    @settings(max_examples=(sessions - FIXED) // BATCH + 1, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def attack(data: st.DataObject) -> None:
        siege.attack(data.draw(st.lists(PEERS, min_size=BATCH, max_size=BATCH)))
    attack()


def silent_peers(siege: Siege) -> None:
    """As many silent peers as there are threads, and one more; a moment later a normal call is served."""
    most = 2 * BATCH
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(socket.create_connection(siege.served.address)) for _ in range(most + 1)]
        for sock in socks:
            sock.settimeout(STUCK_S)
            with contextlib.suppress(ConnectionError):
                assert sock.recv(1) == b''
    siege.sessions += most + 1
    assert siege.served.counters().refused_full >= 1
    siege.normal_call()


@pytest.mark.parametrize('sessions', [FEW, pytest.param(MANY, marks=pytest.mark.long)])
def test_thousands_of_hostile_sessions_and_a_normal_call_after_every_hundred(sessions: int) -> None:
    with besieged() as siege:
        fixed_cases(siege)
        random_cases(siege, sessions)
        silent_peers(siege)
        assert siege.sessions >= sessions
        assert siege.normal_calls >= sessions // NORMAL_EVERY
        assert siege.slowest_s < NORMAL_WITHIN_S
        assert siege.verbs == {'SET', 'GET', 'GOSUB', 'VERBOSE', 'CHANNEL'}
        assert siege.served.counters().active == 0
        assert siege.served.counters().accepted == siege.sessions + siege.normal_calls
