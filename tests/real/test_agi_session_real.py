"""Call sessions against the real Asterisk: what the fake of the other tests claims about it, and what callers' data can do to it."""
from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from logging.handlers import QueueHandler
from queue import SimpleQueue
from time import monotonic
from typing import Any

import pytest

from agi.errors import AgiError, BadReply, CallerGone
from agi.server import Limits
from agi.session import CallSession
from tests.agi_service import Served, serving
from tests.real.instance import RealMesa

CONTEXT = 'test-agi-session'
PATIENCE_S = 20
LOOT = 'globalsecret'

# Subroutines and both halves of a Local channel: `held` is the caller, `ask` runs the AGI request.
DIALPLAN = (
    'back,1,Return(got ${ARG1})', 'nothing,1,Return()', 'endless,1,NoOp()', 'slow,1,Wait(10)', 'slow,2,Return(slept)', 'held,1,Wait(30)')


class Lab:
    """Runs a test's own handler in a call of the shared Asterisk."""

    def __init__(self, mesa: RealMesa) -> None:
        self.mesa = mesa
        for line in DIALPLAN:
            self.add(line)

    def add(self, line: str) -> None:
        told = self.mesa.asterisk_cli(f'dialplan add extension "{line}" into {CONTEXT} replace')
        assert 'Extension ' in told, told

    def call(self, handler: Callable[[CallSession], Any], *, args: str = '', before: tuple[str, ...] = ()) -> Any:
        """What the handler returned, or raise what it raised; `before` are applications that run before the AGI request."""
        outcome: list[Any] = []
        ended = threading.Event()

        def run(call: CallSession) -> None:
            try:
                outcome.append(handler(call))
            except BaseException as error:
                outcome.append(error)
            finally:
                ended.set()
        with serving({'test': run}, limits=Limits(talk_s=PATIENCE_S)) as served:
            self._place(served, args, before)
            assert ended.wait(PATIENCE_S)
        if isinstance(outcome[0], BaseException):
            raise outcome[0]
        return outcome[0]

    def refused(self, *, args: str, before: tuple[str, ...]) -> str:
        """What the service logs about a call that no handler may see."""
        log = logging.getLogger('test.agi.refused')
        said: SimpleQueue[logging.LogRecord] = SimpleQueue()
        handler = QueueHandler(said)
        log.addHandler(handler)
        try:
            with serving({'test': lambda call: log.error('was served')}, log=log) as served:
                self._place(served, args, before)
                return said.get(timeout=PATIENCE_S).getMessage()
        finally:
            log.removeHandler(handler)

    def _place(self, served: Served, args: str, before: tuple[str, ...]) -> None:
        """Place a call whose dialplan runs these applications and then the AGI request."""
        steps = ('Set(AGIEXITONHANGUP=yes)', *before, f'AGI(agi://127.0.0.1:{served.address[1]}/test{args})', 'Hangup()')
        for priority, step in enumerate(steps, 1):
            self.add(f'ask,{priority},{step}')
        self.mesa.asterisk_cli(f'channel originate Local/ask@{CONTEXT}/n extension held@{CONTEXT}')

    def hang_up(self) -> None:
        """The caller of the running call hangs up."""
        for line in self.mesa.asterisk_cli('core show channels concise').splitlines():
            if line.startswith(f'Local/ask@{CONTEXT}'):
                self.mesa.asterisk_cli(f'channel request hangup {line.partition("!")[0]}')


@pytest.fixture(scope='module')
def lab(mesa: RealMesa) -> Iterator[Lab]:
    lab = Lab(mesa)
    mesa.asterisk_cli(f'dialplan set global LOOT {LOOT}')
    yield lab
    mesa.asterisk_cli(f'dialplan remove context {CONTEXT}')


def test_the_environment_of_a_real_call(lab: Lab) -> None:
    start = lab.call(lambda call: call.start, args=',+528005550101,1795363663.3', before=('Set(CALLERID(all)=Ana <5555550101>)',))
    assert (start.script, start.args) == ('test', ('+528005550101', '1795363663.3'))
    assert (start.caller_number, start.caller_name) == ('5555550101', 'Ana')
    assert start.context == CONTEXT
    assert start.channel.startswith('Local/ask@')


def test_a_call_without_number_and_name(lab: Lab) -> None:
    start = lab.call(lambda call: call.start)
    assert (start.caller_number, start.caller_name, start.args) == ('', '', ())


def test_subroutines(lab: Lab) -> None:
    def ask(call: CallSession) -> list[object]:
        return [call.gosub(CONTEXT, 'back', '1', 'mesa/a&digits/1', '8'), call.gosub(CONTEXT, 'nothing', '1'),
                call.get_variable('GOSUB_RETVAL'), named(lambda: call.gosub(CONTEXT, 'nosuch', '1')),
                named(lambda: call.gosub(CONTEXT, 'endless', '1')), call.gosub(CONTEXT, 'back', '1', 'again')]
    assert lab.call(ask) == ['got mesa/a&digits/1', '', '', BadReply, BadReply, 'got again']


def test_a_subroutine_is_not_held_up_by_delayed_acknowledgements(lab: Lab) -> None:
    def ask(call: CallSession) -> float:
        began = monotonic()
        for _ in range(50):
            call.run(CONTEXT, 'nothing', '1')
        return monotonic() - began
    assert lab.call(ask) < 50 * 0.040                  # 40 ms is what a delayed acknowledgement would cost each


VALUES = ['Peña "El, Güero" \\ x', '${LOOT} $[1+2]', '\\\\"\\"', 'tab\there', 'x) y', '', "it's", 'a,b|c;d', ' lead and trail ', '\u2028']


def test_values_come_back_as_they_were_set(lab: Lab) -> None:
    def ask(call: CallSession) -> list[str | None]:
        got = []
        for value in VALUES:
            call.set_variable('X', value)
            got.append(call.get_variable('X'))
        return got
    assert lab.call(ask) == VALUES


def test_a_line_end_becomes_a_space_and_no_command(lab: Lab) -> None:
    def ask(call: CallSession) -> list[str | None]:
        call.set_variable('X', 'a\nSET VARIABLE Y "b"\r\nc')
        return [call.get_variable('X'), call.get_variable('Y')]
    assert lab.call(ask) == ['a SET VARIABLE Y "b"  c', None]


def test_nothing_that_is_sent_is_evaluated(lab: Lab) -> None:
    def ask(call: CallSession) -> list[str | None]:
        call.set_variable('X', '${LOOT}')
        call.execute('EXEC', 'Set', 'Y=${LOOT}')
        call.verbose('${LOOT} $[1/0]')
        return [call.get_variable('LOOT'), call.get_variable('X'), call.get_variable('Y')]
    assert lab.call(ask) == [LOOT, '${LOOT}', '${LOOT}']


def test_a_long_value_is_cut_by_asterisk_at_1023_bytes_without_harm(lab: Lab) -> None:
    def ask(call: CallSession) -> list[str | None]:
        call.set_variable('X', 'ñ' * 2000)
        return [call.get_variable('X'), call.get_variable('NONE')]
    assert lab.call(ask) == ['ñ' * 511, None]


def test_refusals_leave_the_call_in_step(lab: Lab) -> None:
    def ask(call: CallSession) -> list[object]:
        return [named(lambda: call.execute('NONSENSE')), named(lambda: call.execute('GET VARIABLE')),
                named(lambda: call.exec_command('Nosuch', 'x')), named(lambda: call.stream_file('no/such "sound', '1')),
                call.channel_status()]
    assert lab.call(ask) == [BadReply, BadReply, BadReply, BadReply, 4]    # 4: it rings


def test_a_name_with_a_line_end_is_refused_before_a_handler_sees_it(lab: Lab) -> None:
    name = 'Set(CALLERID(name)=evil${URIDECODE(%0aagi_arg_1:%20forged)})'
    assert 'a key twice' in lab.refused(args=',true', before=(name,))


@pytest.mark.parametrize('commands', ['gosub', 'exec'])
def test_a_hang_up_while_the_caller_is_talked_to(lab: Lab, commands: str) -> None:
    def ask(call: CallSession) -> list[object]:
        hanger = threading.Timer(0.3, lab.hang_up)
        hanger.start()
        began = monotonic()
        try:
            first = named(lambda: call.gosub(CONTEXT, 'slow', '1') if commands == 'gosub' else call.exec_command('Wait', '10'))
        finally:
            hanger.join()
        return [first, named(lambda: call.set_variable('X', 'y')), monotonic() - began < 5]
    assert lab.call(ask) == [CallerGone, CallerGone, True]


def test_a_hang_up_of_our_own(lab: Lab) -> None:
    def ask(call: CallSession) -> object:
        call.hangup()
        return named(lambda: call.set_variable('X', 'y'))
    assert lab.call(ask) is CallerGone


def test_the_watchdog_is_a_caller_gone(lab: Lab) -> None:
    began = monotonic()
    assert lab.call(lambda call: named(lambda: call.gosub(CONTEXT, 'slow', '1')), before=('Set(TIMEOUT(absolute)=3)',)) is CallerGone
    assert monotonic() - began < 8


def named(act: Callable[[], object]) -> object:
    """What an act gave, or the class of its named error."""
    try:
        return act()
    except AgiError as error:
        return type(error)
