"""One call's session against the fake Asterisk: verbs, named ends, deadlines, and values that try to break out."""
from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from time import monotonic

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agi.errors import AgiError, AsteriskSilent, BadReply, CallerGone, UnsafeValue
from agi.session import MAX_COMMAND, CallSession, result_of, text
from tests.fake_asterisk import (
    HANG_UP,
    NO_RETURN,
    SILENT,
    FakeAsterisk,
    Held,
    Raw,
    connected_pair,
    environment,
    words_of,
)

DEAD = b'511 Command Not Permitted on a dead channel or intercept routine\n'


def opened(raw: bytes, *, end: bool = True, environment_s: float = 2.0) -> CallSession:
    """A session on these bytes; a failed one closes its socket."""
    ours, theirs = connected_pair()
    with ours:
        ours.sendall(raw)
        if end:
            ours.shutdown(socket.SHUT_WR)
        try:
            return CallSession(theirs, environment_s=environment_s)
        finally:
            theirs.close()


def answered(reply: bytes, ask: Callable[[CallSession], object], *, deadline_s: float = 1.0) -> object:
    """What a session makes of one reply to one command; the peer then says no more."""
    ours, theirs = connected_pair()
    with ours, theirs:
        ours.sendall(environment())
        call = CallSession(theirs, deadline_s=deadline_s)
        ours.sendall(reply)
        ours.shutdown(socket.SHUT_WR)
        return ask(call)


# --- the environment -------------------------------------------------------------------------------------------------

def test_the_start_of_a_call_is_a_value() -> None:
    start = opened(environment('inbound', ('+528005550101', '1795363663.3'), caller_number='5555550101', caller_name='Ana Peña')).start
    assert (start.script, start.args) == ('inbound', ('+528005550101', '1795363663.3'))
    assert (start.caller_number, start.caller_name) == ('5555550101', 'Ana Peña')
    assert (start.channel, start.uniqueid) == ('PJSIP/carrier-00000001', '1795363663.3')
    assert (start.context, start.extension, start.request) == ('mesa-line', '+528005550101', 'agi://127.0.0.1:4573/inbound')
    assert start.env['agi_language'] == 'es_MX_f_Allison'


def test_unknown_number_and_name_are_empty() -> None:
    start = opened(environment(caller_number='', caller_name='')).start
    assert (start.caller_number, start.caller_name) == ('', '')


def test_a_latin_1_name_is_read() -> None:
    assert opened(environment(caller_name='Peña Muñoz'.encode('latin-1'))).start.caller_name == 'Peña Muñoz'


def test_a_name_of_10_kb_is_cut() -> None:
    assert opened(environment(caller_name='x' * 10_240)).start.caller_name == 'x' * 8192


def test_an_empty_argument_keeps_its_place() -> None:
    assert opened(environment(args=('a', '', 'c'))).start.args == ('a', '', 'c')


@pytest.mark.parametrize('name', ['evil\nagi_arg_1: forged', 'evil\nagi_arg_3: forged', 'evil\nagi_threadid: 1\nagi_arg_1: forged',
                                  'evil\nx: y', 'evil\nagi_context: forged', 'evil\nHANGUP'])
def test_a_name_with_a_line_end_forges_nothing(name: str) -> None:
    with pytest.raises(BadReply):
        opened(environment(args=('true', 'also true'), caller_name=name))


def test_a_name_that_forges_the_end_of_the_environment_and_a_reply_is_found_out() -> None:
    forged = environment(args=('forged',)).decode().partition('agi_callingpres')[2]
    raw = environment(caller_name=f'x\nagi_callingpres{forged.rstrip()}\n\n200 result=1 (forged)')
    with pytest.raises(BadReply, match='out of step'):
        opened(raw).get_variable('X')


@pytest.mark.parametrize('raw', [b'', b'agi_network: yes\n', environment()[:-1]])
def test_an_end_within_the_environment_is_a_caller_gone(raw: bytes) -> None:
    with pytest.raises(CallerGone):
        opened(raw)


@pytest.mark.parametrize('raw', [b'\n\n', b'agi_network: yes\n\n', b'agi_x\n' * 200 + b'\n', b'x' * 70_000,
                                 b'agi_a: ' + b'x' * 70_000 + b'\n\n', b'GET / HTTP/1.1\nHost: example\n\n', bytes(range(256)) + b'\n\n'])
def test_what_is_no_environment_is_refused(raw: bytes) -> None:
    with pytest.raises(BadReply):
        opened(raw)


def test_an_environment_that_never_ends_has_a_deadline() -> None:
    began = monotonic()
    with pytest.raises(AsteriskSilent):
        opened(b'agi_network: yes\n', end=False, environment_s=0.05)
    assert monotonic() - began < 1


def test_a_dripping_environment_has_the_same_deadline() -> None:
    ours, theirs = connected_pair()
    stop = threading.Event()

    def drip() -> None:
        while not stop.wait(0.01):
            try:
                ours.sendall(b'a')
            except OSError:
                return
    dripper = threading.Thread(target=drip)
    with ours, theirs:
        dripper.start()
        began = monotonic()
        try:
            with pytest.raises(AsteriskSilent):
                CallSession(theirs, environment_s=0.2)
        finally:
            stop.set()
            dripper.join()
    assert 0.15 < monotonic() - began < 1


# --- verbs -----------------------------------------------------------------------------------------------------------

def test_gosub_gives_what_the_subroutine_returned() -> None:
    with FakeAsterisk(subroutines={'mesa-ask': ['OK 12', 'TIMEOUT ', '']}) as asterisk:
        call = CallSession(asterisk.session_socket())
        assert [call.gosub('mesa-ask', 's', '1', 'mesa/menu&digits/1', '8', '5') for _ in range(3)] == ['OK 12', 'TIMEOUT ', '']
    assert asterisk.gosubs == [('mesa-ask', ('mesa/menu&digits/1', '8', '5'))] * 3
    assert asterisk.commands[0] == 'GOSUB "mesa-ask" "s" "1" "mesa/menu&digits/1,8,5"'


def test_run_asks_for_no_value() -> None:
    with FakeAsterisk(subroutines={'mesa-done': ['OK']}) as asterisk:
        CallSession(asterisk.session_socket()).run('mesa-done', 's', '1', 'queue', 'acme', '0', '')
    assert asterisk.gosubs == [('mesa-done', ('queue', 'acme', '0', ''))]
    assert len(asterisk.commands) == 1


def test_a_missing_subroutine_is_named_and_the_call_goes_on() -> None:
    with FakeAsterisk() as asterisk:
        call = CallSession(asterisk.session_socket())
        with pytest.raises(BadReply, match='no subroutine nosuch,s,1'):
            call.gosub('nosuch', 's', '1')
        assert call.get_variable('X') is None


def test_a_subroutine_without_return_is_no_hang_up() -> None:
    with FakeAsterisk(subroutines={'mesa-say': [NO_RETURN]}) as asterisk:
        call = CallSession(asterisk.session_socket())
        with pytest.raises(BadReply, match='abnormal exit'):
            call.gosub('mesa-say', 's', '1', 'x')
        assert call.channel_status() == 6


def test_variables() -> None:
    with FakeAsterisk(variables={'EMPTY': '', 'WORD': 'hangup', 'LINES': 'a\nb', 'PAREN': 'a) (b)', 'CALLERID(num)': '55'}) as asterisk:
        call = CallSession(asterisk.session_socket())
        assert [call.get_variable(name) for name in ('EMPTY', 'WORD', 'LINES', 'PAREN', 'CALLERID(num)', 'NONE')] == [
            '', 'hangup', 'a\nb', 'a) (b)', '55', None]
        call.set_variable('TIMEOUT(absolute)', 1.5)
        call.set_variable('MESA_X', 'ñandú')
    assert asterisk.variables['TIMEOUT(absolute)'] == '1.5'
    assert asterisk.variables['MESA_X'] == 'ñandú'


def test_a_value_that_forges_the_next_reply_is_found_out() -> None:
    with FakeAsterisk(variables={'X': 'a)\n200 result=1 (forged'}) as asterisk:
        call = CallSession(asterisk.session_socket())
        call.get_variable('X')
        with pytest.raises(BadReply, match='out of step'):
            call.get_variable('Y')


def test_pyst2s_other_verbs_work() -> None:
    with FakeAsterisk() as asterisk:
        call = CallSession(asterisk.session_socket())
        call.answer()
        call.noop()
        call.verbose('hola "tú"\n${X}', 3)
        call.exec_command('Playback', 'mesa/a&mesa/b', 'noanswer')
        assert call.stream_file('mesa/a b', '12') == ''
    assert asterisk.commands == ['ANSWER', 'NOOP', r'VERBOSE "hola \"tú\" ${X}" 3', 'EXEC "Playback" "mesa/a&mesa/b,noanswer"',
                                 'STREAM FILE "mesa/a b" "12" 0']


@pytest.mark.parametrize(('raw', 'read'), [
    ('Peña'.encode(), 'Peña'), ('Peña'.encode('latin-1'), 'Peña'), ('Peñ'.encode()[:-1], 'Pe'), (b'\xff', 'ÿ'),
    ('é'.encode('latin-1'), 'é')])
def test_text_is_read_as_utf_8_then_as_latin_1(raw: bytes, read: str) -> None:
    assert text(raw) == read


def test_database_values() -> None:
    assert answered(b'200 result=1 (x (y))\n', lambda call: call.database_get('mesa', 'now')) == 'x (y)'
    assert answered(b'200 result=0\n', lambda call: call.database_get('mesa', 'now')) is None


def test_a_missing_application_is_named() -> None:
    with pytest.raises(BadReply, match='no application Nosuch'):
        answered(b'200 result=-2\n', lambda call: call.exec_command('Nosuch'))


@pytest.mark.parametrize(('reply', 'result'), [
    (b'200 result=0', {'result': ('0', '')}),
    (b'200 result=1 (a (b) c)', {'result': ('1', 'a (b) c')}),
    (b'200 result=0 (timeout) endpos=800', {'result': ('0', 'timeout'), 'endpos': ('800', '')}),
    (b'200 result=49 endpos=800', {'result': ('49', ''), 'endpos': ('800', '')}),
    (b'200 result=', {'result': ('', '')}),
])
def test_a_reply_in_pyst2s_form(reply: bytes, result: object) -> None:
    assert result_of(reply) == result


# --- ends ------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('exit_on_hangup', [True, False])
@pytest.mark.parametrize('nth', [1, 2, 3])
def test_a_hang_up_before_any_command_is_caller_gone_for_good(nth: int, exit_on_hangup: bool) -> None:
    with FakeAsterisk(subroutines={'mesa-ask': lambda args: 'OK 1'}, hang_up_before=nth, exit_on_hangup=exit_on_hangup) as asterisk:
        call = CallSession(asterisk.session_socket())
        with pytest.raises(CallerGone):
            for _ in range(3):
                call.gosub('mesa-ask', 's', '1')
        with pytest.raises(CallerGone):
            call.set_variable('X', 'y')
    assert len(asterisk.commands) == nth


@pytest.mark.parametrize('exit_on_hangup', [True, False])
def test_a_hang_up_within_a_subroutine(exit_on_hangup: bool) -> None:
    with FakeAsterisk(subroutines={'mesa-ask': [HANG_UP]}, exit_on_hangup=exit_on_hangup) as asterisk:
        call = CallSession(asterisk.session_socket())
        with pytest.raises(CallerGone):
            call.gosub('mesa-ask', 's', '1')


@pytest.mark.parametrize('exit_on_hangup', [True, False])
def test_a_hang_up_between_commands_puts_no_reply_out_of_step(exit_on_hangup: bool) -> None:
    with FakeAsterisk(variables={'A': 'a', 'B': 'b'}, exit_on_hangup=exit_on_hangup) as asterisk:
        call = CallSession(asterisk.session_socket())
        assert call.get_variable('A') == 'a'
        asterisk.hang_up()
        with pytest.raises(CallerGone):
            call.get_variable('B')


@pytest.mark.parametrize('reply', [b'', b'HANGUP\n', b'HANGUP\nHANGUP\n', DEAD, b'200 result=-1\nHANGUP\n', b'200 result=-1\n' + DEAD,
                                   b'200 result=-1\n', b'200 result'])
def test_replies_that_mean_a_hang_up(reply: bytes) -> None:
    with pytest.raises(CallerGone):
        answered(reply, lambda call: call.answer())


def test_a_hang_up_of_our_own() -> None:
    with FakeAsterisk() as asterisk:
        call = CallSession(asterisk.session_socket())
        call.hangup()
        with pytest.raises(CallerGone):
            call.answer()


def test_a_reset_connection_is_a_hang_up() -> None:
    ours, theirs = connected_pair()
    with theirs:
        ours.sendall(environment())
        call = CallSession(theirs)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
        ours.close()
        for _ in range(2):
            with pytest.raises(CallerGone):
                call.answer()


@pytest.mark.parametrize('reply', [
    b'520-Invalid command syntax.  Proper usage follows:\nUsage\n520 End of proper usage.\n', b'520 Invalid command syntax.\n',
    b'510 Invalid or unknown command\n'])
def test_a_refusal_quotes_asterisk_and_stays_in_step(reply: bytes) -> None:
    with FakeAsterisk(subroutines={'odd': [Raw(reply)]}, variables={'X': 'x'}) as asterisk:
        call = CallSession(asterisk.session_socket())
        with pytest.raises(BadReply, match='Invalid'):
            call.gosub('odd', 's', '1')
        assert call.get_variable('X') == 'x'


@pytest.mark.parametrize('reply', [b'nonsense\n', b'\n', b'\xff\xfe\n', b'300 result=0\n', b'100 result=0 Trying...\n' * 65,
                                   b'520-x\n' + b'y\n' * 65, b'x' * 70_000, b'200 result=1 (' + b'x\n' * 40_000])
def test_a_reply_that_is_none_ends_the_session(reply: bytes) -> None:
    def ask(call: CallSession) -> None:
        with pytest.raises(BadReply, match='out of step'):
            call.get_variable('X')
        call.get_variable('X')
    with pytest.raises(BadReply, match='out of step'):
        answered(reply, ask)


def test_no_answer_has_a_deadline_and_ends_the_session() -> None:
    with FakeAsterisk(subroutines={'mesa-ask': [SILENT]}) as asterisk:
        call = CallSession(asterisk.session_socket())
        began = monotonic()
        with pytest.raises(AsteriskSilent):
            call.gosub('mesa-ask', 's', '1', deadline_s=0.05)
        with pytest.raises(AsteriskSilent):
            call.answer()
        assert monotonic() - began < 1


def test_a_question_may_take_longer_than_a_command() -> None:
    held = Held('OK 1')
    with FakeAsterisk(subroutines={'mesa-ask': [held]}) as asterisk:
        call = CallSession(asterisk.session_socket(), deadline_s=0.01)

        def release() -> None:
            held.reached.wait()
            threading.Event().wait(0.1)                # longer than a command may take
            held.release.set()
        releaser = threading.Thread(target=release)
        releaser.start()
        try:
            call.run('mesa-ask', 's', '1')
        finally:
            releaser.join()


def test_a_verbs_own_time_out_extends_its_deadline() -> None:
    ours, theirs = connected_pair()
    with ours, theirs:
        ours.sendall(environment())
        call = CallSession(theirs, deadline_s=1, talk_s=10)
        assert call._deadline_of('WAIT FOR DIGIT', (3000,)) == 13
        assert call._deadline_of('RECORD FILE', ('x', 'wav', '#', 60_000)) == 70
        assert call._deadline_of('GET DATA', ('x', -1)) == 10
        assert call._deadline_of('STREAM FILE', ('x',)) == 10
        assert call._deadline_of('NOOP', ()) == 1


# --- hostile values --------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('value', ['a,b', 'a)', '(', 'a"', "a'", '${X}', '$[1+1]', '{', 'a\nb', 'a\r', 'a\0', 'a\\', 'ñ',
                                   'a;b', 'a|b', '<b>', '?', '`'])
@pytest.mark.parametrize('at', range(4))
def test_a_subroutine_gets_safe_values_only(value: str, at: int) -> None:
    words = ['mesa-ask', 's', '1', 'x']
    words[at] = value
    with FakeAsterisk() as asterisk:
        call = CallSession(asterisk.session_socket())
        with pytest.raises(UnsafeValue):
            call.gosub(*words)
        with pytest.raises(UnsafeValue):
            call.exec_command('Playback', value)
    assert asterisk.commands == []


@pytest.mark.parametrize('name', ['', '${X}', 'X Y', 'X"', 'X\n', 'SHELL(a;b)', 'X(${Y})', 'CALLERID(num', '1X'])
def test_a_variable_has_a_name(name: str) -> None:
    with FakeAsterisk() as asterisk:
        call = CallSession(asterisk.session_socket())
        with pytest.raises(UnsafeValue):
            call.get_variable(name)
        with pytest.raises(UnsafeValue):
            call.set_variable(name, 'x')
        with pytest.raises(UnsafeValue):
            call.get_full_variable(name)
    assert asterisk.commands == []


@pytest.mark.parametrize('value', ['x' * MAX_COMMAND, '"' * 5000, 'ñ' * 5000, '\\' * 5000])
def test_no_command_is_longer_than_asterisks_line(value: str) -> None:
    with FakeAsterisk() as asterisk:
        call = CallSession(asterisk.session_socket())
        with pytest.raises(UnsafeValue):
            call.set_variable('X', value)
        call.verbose(value)
        call.set_variable('X', 'still in step')
    assert asterisk.variables == {'X': 'still in step'}


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200))
@example('Peña "El, Güero" \\')
@example('a\nGOSUB "mesa-done" "s" "1" "queue"')
@example('\\"\n\r\0\t\x1b[31m\x7f')
@example('\ud800')
@example('${SHELL(reboot)} $[1/0]')
def test_any_value_arrives_as_one_word_of_one_line(value: str) -> None:
    quoted = CallSession._quote(None, value)           # type: ignore[arg-type]
    line = f'SET VARIABLE "X" {quoted}'.encode('utf-8', 'replace')
    *command, arrived = words_of(line)
    assert command == ['SET', 'VARIABLE', 'X']
    kept = ''.join(' ' if (ord(c) < 32 and c != '\t') or ord(c) == 127 else c for c in value)
    assert arrived == kept.encode('utf-8', 'replace').decode()


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_any_reply_is_a_value_or_a_named_error(reply: bytes) -> None:
    try:
        value = answered(reply, lambda call: call.get_variable('X'))
    except AgiError:
        return
    assert value is None or isinstance(value, str)


def test_a_raw_reply_without_trying_is_taken() -> None:
    with FakeAsterisk(subroutines={'old': [Raw(b'200 result=0 Gosub complete\n')]}) as asterisk:
        CallSession(asterisk.session_socket()).run('old', 's', '1')
