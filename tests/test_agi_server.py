"""The FastAGI service on a real reactor and real sockets: who is served, who is refused, what a failure or a stop does."""
from __future__ import annotations

import logging
import resource
import socket
import threading
from contextlib import ExitStack, suppress
from time import monotonic

import pytest

from agi.errors import CallerGone
from agi.server import AgiService, Counters, Limits
from agi.session import CallSession
from tests.agi_service import serving
from tests.fake_asterisk import HANG_UP, SILENT, FakeAsterisk, Held


def greet(call: CallSession) -> None:
    call.set_variable('GREETED', call.start.caller_name)


def ask(call: CallSession) -> None:
    call.gosub('ask', 's', '1')


def closed_at_once(address: tuple[str, int]) -> bool:
    """Whether a new connection is closed without a word."""
    with socket.create_connection(address) as sock:
        sock.settimeout(5)
        try:
            return sock.recv(1) == b''
        except ConnectionResetError:
            return True


def call_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith('agi-call')]


def test_a_call_is_served_by_the_handler_of_its_script() -> None:
    with serving({'greet': greet}) as served, FakeAsterisk(script='greet', caller_name='Ana', to=served.address) as asterisk:
        asterisk.wait()
    assert asterisk.variables == {'GREETED': 'Ana'}
    assert served.counters() == Counters(accepted=1)


def test_calls_run_at_the_same_time_up_to_the_limit_and_the_next_is_closed_at_once() -> None:
    held = [Held('OK'), Held('OK')]
    with serving({'ask': ask}, max_calls=2) as served, ExitStack() as calls:
        asterisks = [calls.enter_context(FakeAsterisk(script='ask', subroutines={'ask': [h]}, to=served.address)) for h in held]
        assert all(h.reached.wait(5) for h in held)
        assert served.counters() == Counters(accepted=2, active=2)
        assert closed_at_once(served.address)
        assert served.counters() == Counters(accepted=3, active=2, refused_full=1)
        held[0].release.set()
        asterisks[0].wait()
        with FakeAsterisk(script='ask', subroutines={'ask': ['OK']}, to=served.address) as third:
            third.wait()
        assert third.gosubs == [('ask', ('',))]
        held[1].release.set()
        asterisks[1].wait()
    assert served.counters() == Counters(accepted=4, refused_full=1)


@pytest.mark.parametrize('allowed', ['192.0.2.1', '192.0.2.0/24', '::1'])
def test_a_stranger_is_closed_at_once(allowed: str, caplog: pytest.LogCaptureFixture) -> None:
    with serving({'greet': greet}, allowed=frozenset({allowed})) as served:
        assert closed_at_once(served.address)
        assert served.counters() == Counters(accepted=1, refused_peer=1)
    assert '127.0.0.1 refused: not an Asterisk of ours' in caplog.text


def test_a_network_may_be_allowed() -> None:
    allowed = frozenset({'192.0.2.1', '127.0.0.0/8'})
    with serving({'greet': greet}, allowed=allowed) as served, FakeAsterisk(script='greet', to=served.address) as asterisk:
        asterisk.wait()
    assert asterisk.commands == ['SET VARIABLE "GREETED" ""']


@pytest.mark.parametrize('allowed', ['asterisk.example', '127.0.0.1/8', ''])
def test_an_address_that_is_none_is_refused_at_the_start(allowed: str) -> None:
    with pytest.raises(ValueError):
        AgiService(None, {}, '127.0.0.1', 0, frozenset({allowed}), 1)


def test_a_port_that_is_taken_is_an_error_at_the_start() -> None:
    with serving({}) as served, pytest.raises(OSError):
        served.on_reactor(AgiService(served.service._reactor, {}, *served.address, frozenset(), 1).startService)


def test_an_unknown_script_is_closed_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    with serving({'greet': greet}) as served:
        with FakeAsterisk(script='../greet', uniqueid='17.5', to=served.address) as asterisk:
            asterisk.wait()
        assert served.counters() == Counters(accepted=1, failed=1)
    assert asterisk.commands == []
    assert "'17.5': no AGI script is called '../greet'" in caplog.text


@pytest.mark.parametrize('error', [ValueError('no such line'), SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_whatever_a_handler_raises_is_logged_with_the_call_and_its_thread_lives(error: BaseException,
                                                                              caplog: pytest.LogCaptureFixture) -> None:
    def fail(call: CallSession) -> None:
        raise error
    with serving({'fail': fail, 'greet': greet}, max_calls=1) as served:
        with FakeAsterisk(script='fail', uniqueid='17.6', to=served.address) as asterisk:
            asterisk.wait()
        threads = call_threads()
        with FakeAsterisk(script='greet', to=served.address) as asterisk:
            asterisk.wait()
        assert call_threads() == threads
        assert served.counters() == Counters(accepted=2, failed=1)
    assert asterisk.commands
    assert "call '17.6' failed" in caplog.text
    assert type(error).__name__ in caplog.text


def test_a_hang_up_is_information(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with serving({'ask': ask}) as served:
        with FakeAsterisk(script='ask', uniqueid='17.7', subroutines={'ask': [HANG_UP]}, to=served.address) as asterisk:
            asterisk.wait()
        assert served.counters() == Counters(accepted=1)
    assert [(r.levelname, r.getMessage()) for r in caplog.records if '17.7' in r.getMessage()] == [
        ('INFO', "call '17.7': the caller hung up")]


def test_a_silent_asterisk_is_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    with serving({'ask': ask}, limits=Limits(talk_s=0.05)) as served:
        with FakeAsterisk(script='ask', subroutines={'ask': [SILENT]}, to=served.address) as asterisk:
            asterisk.wait()
        assert served.counters() == Counters(accepted=1, failed=1)
    assert 'AsteriskSilent' in caplog.text


def test_a_connection_without_environment_is_closed_in_time() -> None:
    with serving({'greet': greet}, limits=Limits(environment_s=0.1)) as served, socket.create_connection(served.address) as sock:
        sock.settimeout(5)
        sock.sendall(b'agi_network: yes\n')
        began = monotonic()
        assert sock.recv(1) == b''
        assert monotonic() - began < 2


def test_a_stop_waits_for_running_calls_and_takes_no_new_ones() -> None:
    held = Held('OK')
    with (serving({'ask': ask}, limits=Limits(stop_s=5)) as served,
          FakeAsterisk(script='ask', subroutines={'ask': [held]}, to=served.address) as asterisk):
        assert held.reached.wait(5)
        address = served.address
        stopped = served.stop()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)
        assert not stopped.is_set()
        held.release.set()
        assert stopped.wait(5)
        asterisk.wait()
    assert asterisk.variables['GOSUB_RETVAL'] == 'OK'
    assert served.counters() == Counters(accepted=1)


def test_a_stop_cuts_calls_that_do_not_end(caplog: pytest.LogCaptureFixture) -> None:
    ended = threading.Event()

    def wait_long(call: CallSession) -> None:
        try:
            call.gosub('ask', 's', '1')
        except CallerGone:
            ended.set()
    with serving({'ask': wait_long}, limits=Limits(stop_s=0.1)) as served:
        held = Held('OK')
        with FakeAsterisk(script='ask', subroutines={'ask': [held]}, to=served.address):
            assert held.reached.wait(5)
            assert served.stop().wait(5)
            assert ended.is_set()
    assert '1 calls cut by the stop' in caplog.text


def test_a_stop_does_not_wait_for_a_handler_that_is_stuck(caplog: pytest.LogCaptureFixture) -> None:
    reached, release = threading.Event(), threading.Event()

    def stuck(call: CallSession) -> None:
        reached.set()
        release.wait(30)
    with serving({'stuck': stuck}, limits=Limits(stop_s=0.05)) as served, FakeAsterisk(script='stuck', to=served.address):
        assert reached.wait(5)
        assert served.stop().wait(5)
        release.set()
    assert 'did not end' in caplog.text


def test_a_service_starts_again_after_a_stop() -> None:
    with serving({'greet': greet}) as served:
        for _ in range(2):
            with FakeAsterisk(script='greet', to=served.address) as asterisk:
                asterisk.wait()
            assert served.stop().wait(5)
            served.on_reactor(served.service.startService)
        with FakeAsterisk(script='greet', to=served.address) as asterisk:
            asterisk.wait()
        assert served.counters() == Counters(accepted=3)


def test_its_threads_end_with_it() -> None:
    before = call_threads()
    with serving({'greet': greet}) as served, FakeAsterisk(script='greet', to=served.address) as asterisk:
        asterisk.wait()
        mine = [thread for thread in threading.enumerate() if thread.name.startswith('agi-call') and thread.name not in before]
    for thread in mine:
        thread.join(5)
        assert not thread.is_alive()


def test_no_socket_is_inherited_by_children() -> None:
    seen: list[bool] = []
    with serving({'greet': lambda call: seen.append(call._sock.get_inheritable())}) as served:
        with FakeAsterisk(script='greet', to=served.address) as asterisk:
            asterisk.wait()
        assert not served.service._port._sock.get_inheritable()    # type: ignore[union-attr]
    assert seen == [False]


class Heard(logging.Handler):
    """Sets an event when a message with these words is logged."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.words = words
        self.event = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if self.words in record.getMessage():
            self.event.set()


def test_the_port_survives_running_out_of_file_descriptors() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    heard = Heard('cannot accept')
    log = logging.getLogger('test.agi')
    log.addHandler(heard)
    with serving({'greet': greet}, log=log) as served, ExitStack() as files, socket.socket() as client:
        resource.setrlimit(resource.RLIMIT_NOFILE, (client.fileno() + 1, hard))
        try:
            with suppress(OSError):
                while True:                            # no number below the limit stays free
                    files.enter_context(socket.socket())
            client.connect(served.address)
            assert heard.event.wait(5)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            log.removeHandler(heard)
        with FakeAsterisk(script='greet', to=served.address) as asterisk:
            asterisk.wait()
        assert asterisk.commands
