"""One caller's FastAGI conversation: pyst2's `AGI` with its defects repaired, each override with its reason."""
from __future__ import annotations

import re
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import NoReturn

from asterisk.agi import AGI

from agi.errors import AgiError, AsteriskSilent, BadReply, CallerGone, UnsafeValue

MAX_ENVIRONMENT = 64 * 1024                            # bytes
MAX_ENVIRONMENT_LINES = 128
MAX_VALUE = 8 * 1024                                   # characters of one environment value; the rest is dropped
MAX_COMMAND = 8000                                     # bytes; Asterisk 22 reads the 8192nd byte as the start of another command
MAX_REPLY = 64 * 1024                                  # bytes
MAX_SPOKEN_LINES = 64                                  # lines of `100` or of usage before a final reply
MAX_VERBOSE = 1000                                     # characters
TALK_S = 600.0                                         # a prompt, a question or a recording, where nothing else is said
GRACE_S = 0.05                                         # a socket's time-out may pass the deadline by this: fewer system calls

SAFE = re.compile(r'[A-Za-z0-9_/&.:+*#@= -]*').fullmatch       # cannot end an argument, a call or an expression of the dialplan
VARIABLE = re.compile(r'[A-Za-z_][A-Za-z0-9_]*(?:\([A-Za-z0-9_, -]*\))?').fullmatch
ESCAPES = {code: ' ' for code in (*range(9), *range(10, 32), 127)} | {ord('\\'): '\\\\', ord('"'): '\\"'}

# Where a verb's own time-out (milliseconds) stands among its arguments: our deadline must exceed it.
OWN_TIMEOUT = {'WAIT FOR DIGIT': 0, 'RECEIVE CHAR': 0, 'RECEIVE TEXT': 0, 'GET DATA': 1, 'GET OPTION': 2, 'RECORD FILE': 3}
TALKING = ('SAY ', 'STREAM ', 'CONTROL STREAM', 'EXEC', 'SEND ', 'SPEECH ', 'GOSUB', *OWN_TIMEOUT)


class Quoted(str):
    """Text that stands between quotes already."""

    __slots__ = ()


@dataclass(frozen=True)
class CallStart:
    """What Asterisk told when the call began. Text of the caller's making (number, name) is untrusted; unknown is ''."""

    script: str
    args: tuple[str, ...]
    channel: str
    uniqueid: str
    caller_number: str
    caller_name: str
    context: str
    extension: str
    request: str
    env: Mapping[str, str]


class CallSession(AGI):  # type: ignore[misc]
    """One caller's FastAGI conversation; blocks, so it only ever runs on a call thread.

    Every command has a deadline in seconds (AsteriskSilent). After a hang-up (CallerGone), a passed deadline or a reply out of step
    (BadReply) the session is over and every further command raises the same error without touching the socket.
    """

    def __init__(self, sock: socket.socket, *, deadline_s: float = 5.0, talk_s: float = TALK_S, environment_s: float = 2.0) -> None:
        """Take over a connected socket and read the environment, which must be complete after `environment_s`.

        pyst2's own constructor is not called: it installs a SIGHUP handler, which only the main thread may.
        """
        self._sock = sock
        self._deadline_s = deadline_s
        self._talk_s = talk_s
        self._rest = b''                               # received, not yet read
        self._over: AgiError | None = None
        self._timeout = -1.0                           # of the socket, as last set; -1 is never enough
        self._until = monotonic() + environment_s
        sock.settimeout(None)                          # with SO_RCVTIMEO one recv is one system call; Python's time-out polls first
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval(deadline_s))
        self._get_agi_env()
        self.start = call_start(self.env)

    # --- verbs ---------------------------------------------------------------------------------------------------

    def gosub(self, context: str, extension: str, priority: str, *args: str, deadline_s: float | None = None) -> str:
        """Run a subroutine of the dialplan and return what it gave to `Return()`, '' for nothing.

        Arguments must be SAFE, since the dialplan pastes them into applications and expressions: UnsafeValue otherwise. BadReply when there
        is no such subroutine or it ends without `Return()`.
        """
        self.run(context, extension, priority, *args, deadline_s=deadline_s)
        # Asterisk 22 does not send the value with the reply. Return() without a value empties the variable: it is never stale.
        return self.get_variable('GOSUB_RETVAL') or ''

    def run(self, context: str, extension: str, priority: str, *args: str, deadline_s: float | None = None) -> None:
        """Run a subroutine of the dialplan as `gosub` does, for its effect alone: one command instead of two."""
        for value in (context, extension, priority, *args):
            if not SAFE(value):
                raise UnsafeValue(f'{value!r:.80} may not be passed to subroutine {context!r:.80}')
        command = f'GOSUB "{context}" "{extension}" "{priority}" "{",".join(args)}"'
        reply = self._ask(command.encode('ascii'), self._talk_s if deadline_s is None else deadline_s)
        if reply == b'200 result=0 Gosub complete':
            return
        if b'(abnormal exit)' in reply and self.get_variable('FAXEXTEN'):
            self._end(CallerGone('it is a fax machine: a modem takes the call'))
        if b'(abnormal exit)' in reply or not reply.startswith(b'200 result=-1 Gosub label'):
            self._refused(command, reply)
        raise BadReply(f'the dialplan has no subroutine {context},{extension},{priority}')

    def get_variable(self, name: str) -> str | None:
        """A channel variable's value, None when it is not set. pyst2 gives '' for both, and 'hangup' for a hang-up.

        Asterisk passes on the first 1023 bytes.
        """
        reply = self._ask(b'GET VARIABLE ' + variable(name), self._deadline_s)
        if reply.startswith(b'200 result=1 (') and reply.endswith(b')'):
            return text(reply[14:-1])
        if reply.startswith(b'200 result=0'):
            return None
        self._refused(f'GET VARIABLE {name}', reply)

    def set_variable(self, name: str, value: object) -> None:
        """Set a channel variable to any text; a line end becomes a space. Asterisk evaluates nothing in it."""
        reply = self._ask(b'SET VARIABLE ' + variable(name) + b' ' + encode(self._quote(value)), self._deadline_s)
        if reply != b'200 result=1':
            self._refused(f'SET VARIABLE {name}', reply)

    def verbose(self, message: str, level: int = 1) -> None:
        """Write to Asterisk's log, at most 1000 characters."""
        self.execute('VERBOSE', self._quote(message[:MAX_VERBOSE]), level)

    def hangup(self, channel: str = '') -> None:
        """Hang this call up; pyst2 can also name another channel, which Mesa never may."""
        if channel:
            raise UnsafeValue('a session hangs up no other channel')
        self.execute('HANGUP')

    def channel_status(self, channel: str = '') -> int:
        """The state of this channel: 0 down, 4 ringing, 6 up. pyst2 gives -1 for a hang-up; here it is CallerGone."""
        if channel:
            raise UnsafeValue('a session asks for no other channel')
        return int(self.execute('CHANNEL STATUS')['result'][0])

    def get_full_variable(self, name: str, channel: str | None = None) -> NoReturn:
        """Refused: this verb is the one that evaluates an expression sent to it."""
        raise UnsafeValue('GET FULL VARIABLE evaluates expressions: ask GET VARIABLE')

    def exec_command(self, command: str, *args: str) -> dict[str, tuple[str, str]]:
        """Run a dialplan application. Asterisk takes the third word alone, so the arguments are one quoted word joined by commas."""
        for value in (command, *args):
            if not SAFE(value):
                raise UnsafeValue(f'{value!r:.80} may not be passed to application {command!r:.80}')
        result = self.execute('EXEC', command, ','.join(args))
        if result['result'][0] == '-2':
            raise BadReply(f'Asterisk has no application {command}')
        return result

    def appexec(self, application: str, options: str = '') -> dict[str, tuple[str, str]]:
        """Run a dialplan application with its options as one text, as pyst2 has it, but checked like exec_command."""
        return self.exec_command(application, *options.split(','))

    def database_get(self, family: str, key: str) -> str | None:
        """A value of Asterisk's own database, None when there is none. pyst2 quotes twice and raises for a missing key."""
        found, value = self.execute('DATABASE GET', family, key)['result']
        return value if found == '1' else None

    def end(self) -> None:
        """Let the dialplan go on: nothing more can be asked, and what Mesa still has to do keeps nobody waiting."""
        self._over = CallerGone('the session was ended')
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return                                     # he hung up in the same instant

    # --- pyst2's seams -------------------------------------------------------------------------------------------

    def test_hangup(self) -> None:
        """pyst2 looks for its SIGHUP here, which a FastAGI server never gets."""

    def execute(self, command: str, *args: object, deadline_s: float | None = None) -> dict[str, tuple[str, str]]:
        """Send one command and return its reply as pyst2's verbs expect it: {'result': (value, text)} and further keys.

        Raises CallerGone, AsteriskSilent, BadReply; never pyst2's own hang-up errors. A `-1` with a living channel is BadReply.
        """
        if deadline_s is None:
            deadline_s = self._deadline_of(command, args)
        reply = self._ask(self._command(command, args), deadline_s)
        if reply.startswith(b'200 result=-1'):
            self._refused(command, reply)
        return result_of(reply)

    def send_command(self, command: str, *args: object) -> None:
        """Send one command without waiting; pyst2 writes it to stderr too and quotes only some arguments."""
        self._send(self._command(command, args), self._deadline_of(command, args))

    def get_result(self, stdin: object = None) -> dict[str, tuple[str, str]]:
        """Read one reply; pyst2 knows neither the unsolicited HANGUP nor 100, 511 and a 520 of one line."""
        return result_of(self._reply())

    def _quote(self, value: object) -> Quoted:
        """pyst2 escapes nothing: a quote or newline in a caller's name would end the command. Asterisk has no escape for a newline."""
        return Quoted(f'"{str(value).translate(ESCAPES)}"')

    def _get_agi_env(self) -> None:
        """Read the environment. pyst2 has no cap and no end at EOF, and takes whatever comes first or last for true.

        A key that comes twice is a value that carried a line end: nothing of such an environment is to be trusted (BadReply).
        """
        raw = b''
        while (end := raw.find(b'\n\n')) < 0:
            if len(raw) > MAX_ENVIRONMENT:
                self._out_of_step(f'an environment longer than {MAX_ENVIRONMENT} bytes')
            raw += self._receive('the environment')
        self._rest = raw[end + 2:]
        lines = raw[:end].split(b'\n')
        if len(lines) > MAX_ENVIRONMENT_LINES or end > MAX_ENVIRONMENT:
            self._out_of_step(f'an environment of {len(lines)} lines, {end} bytes')
        self.env: dict[str, str] = {}
        for line in lines:
            key, _, value = line.partition(b':')
            self.env[text(key)] = text(value).strip()[:MAX_VALUE]
            if not line.startswith(b'agi_'):
                self._out_of_step(f'a line in the environment that has no key: {text(line[:200])!r}')
        if len(self.env) != len(lines):
            self._out_of_step('an environment with a key twice: a line end in a value')

    # --- the line ------------------------------------------------------------------------------------------------

    def _command(self, command: str, args: tuple[object, ...]) -> bytes:
        """A command's bytes; every text that is not quoted yet is quoted: pyst2 sends file and application names bare."""
        words = [str(a) if isinstance(a, (Quoted, int, float)) else self._quote(a) for a in args]
        return encode(' '.join((command, *words)))

    def _deadline_of(self, command: str, args: tuple[object, ...]) -> float:
        if not command.upper().startswith(TALKING):
            return self._deadline_s
        at = OWN_TIMEOUT.get(command.upper())
        own = args[at] if at is not None and at < len(args) else 0
        return self._talk_s + (max(own, 0) / 1000 if isinstance(own, (int, float)) else 0.0)

    def _ask(self, command: bytes, deadline_s: float) -> bytes:
        """Send one command and return its final reply line."""
        self._send(command, deadline_s)
        return self._reply()

    def _send(self, command: bytes, deadline_s: float) -> None:
        if self._over is not None:
            raise type(self._over)(*self._over.args)
        if self._rest:                                 # nobody asked: a hang-up, or a forged reply out of some value
            self._unasked(self._line())
        if len(command) > MAX_COMMAND:
            raise UnsafeValue(f'a command of {len(command)} bytes: Asterisk would take its end for a second one')
        self._until = monotonic() + deadline_s
        try:
            self._sock.sendall(command + b'\n')
        except BlockingIOError:
            self._end(AsteriskSilent(f'Asterisk took no command for {self._deadline_s:g} s'))
        except OSError as cause:
            self._end(CallerGone(f'the connection broke: {cause}'))

    def _reply(self) -> bytes:
        """The final reply to the last command, without its line end; a value that contains line ends is put together again."""
        for _ in range(MAX_SPOKEN_LINES):
            line = self._line()
            if line.startswith(b'200 '):
                while line.startswith(b'200 result=1 (') and not line.endswith(b')'):
                    line += b'\n' + self._line()
                    if len(line) > MAX_REPLY:
                        self._out_of_step('a value without an end')
                return line
            if line.startswith((b'510 ', b'520')):
                raise BadReply(f'Asterisk refused: {text(line + self._usage(line))!r}')
            if not line.startswith(b'100 '):
                self._unasked(line)
            if not self._rest:
                # Asterisk sends `100` and `200` apart with Nagle's algorithm on: it holds the second until the first is
                # acknowledged, which the kernel would put off for 40 ms.
                self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        self._out_of_step('no final reply')

    def _usage(self, line: bytes) -> bytes:
        """The lines that follow a `520-`, up to the closing `520 `; nothing follows a 520 of one line."""
        usage = b''
        if line.startswith(b'520-'):
            for _ in range(MAX_SPOKEN_LINES):
                more = self._line()
                if more.startswith(b'520 '):
                    return usage
                usage += b' ' + more
            self._out_of_step('usage without an end')
        return usage

    def _unasked(self, line: bytes) -> NoReturn:
        if line == b'HANGUP':
            self._end(CallerGone('the caller hung up'))
        if line.startswith(b'511'):
            self._end(CallerGone('the channel is dead'))
        self._out_of_step(f'{text(line[:200])!r}')

    def _refused(self, command: str, reply: bytes) -> NoReturn:
        """Tell a failure from a hang-up, which Asterisk does not: a dead channel has no status. Raises CallerGone or BadReply."""
        self._ask(b'CHANNEL STATUS', self._deadline_s)
        raise BadReply(f'{command[:200]}: Asterisk answered {text(reply[:200])!r}')

    def _line(self) -> bytes:
        """The next line, without its end."""
        line, newline, self._rest = self._rest.partition(b'\n')
        while not newline:
            if len(line) > MAX_REPLY:
                self._out_of_step('a line without an end')
            line, newline, self._rest = (line + self._receive('a command')).partition(b'\n')
        return line

    def _receive(self, what: str) -> bytes:
        """Whatever comes next, before the deadline."""
        left = self._until - monotonic()
        if left <= 0:
            self._end(AsteriskSilent(f'Asterisk did not finish {what} in time'))
        try:
            if not left <= self._timeout <= left + GRACE_S:
                self._timeout = left + GRACE_S / 2
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval(self._timeout))
            data = self._sock.recv(4096)
        except BlockingIOError:
            self._end(AsteriskSilent(f'Asterisk did not answer {what} in time'))
        except OSError as cause:
            self._end(CallerGone(f'the connection broke: {cause}'))
        if not data:
            self._end(CallerGone('Asterisk closed the connection'))
        return data

    def _out_of_step(self, what: str) -> NoReturn:
        self._end(BadReply(f'out of step with Asterisk: {what}'))

    def _end(self, error: AgiError) -> NoReturn:
        self._over = error
        raise error


def call_start(env: Mapping[str, str]) -> CallStart:
    """The environment as a value. Raises BadReply when Asterisk's own part of it is missing."""
    try:
        return CallStart(
            script=env['agi_network_script'], args=arguments(env), channel=env['agi_channel'], uniqueid=env['agi_uniqueid'],
            caller_number=known(env['agi_callerid']), caller_name=known(env['agi_calleridname']), context=env['agi_context'],
            extension=env['agi_extension'], request=env['agi_request'], env=env)
    except KeyError as missing:
        raise BadReply(f'the environment has no {missing}') from None


def arguments(env: Mapping[str, str]) -> tuple[str, ...]:
    """The dialplan's arguments, in order. They follow `agi_threadid`; what looks like one before it came out of a caller's name."""
    keys = [*env]
    after = keys[keys.index('agi_threadid') + 1:] if 'agi_threadid' in env else keys
    if after != [f'agi_arg_{n}' for n in range(1, len(after) + 1)] or any(key.startswith('agi_arg_') for key in keys[:-len(after) or None]):
        raise BadReply(f'the environment does not end with agi_threadid and its arguments: {after[:5]}')
    return tuple(env[key] for key in after)


def known(value: str) -> str:
    """Asterisk writes `unknown` for a number or name that was not sent."""
    return '' if value == 'unknown' else value


def result_of(reply: bytes) -> dict[str, tuple[str, str]]:
    """`200 result=0 (timeout) endpos=800` as {'result': ('0', 'timeout'), 'endpos': ('800', '')}; pyst2's expression is quadratic."""
    words = text(reply[4:])
    head, _, tail = words.partition(' ')
    value = head.removeprefix('result=')
    if tail.startswith('('):
        data, _, tail = tail[1:].rpartition(')')
    else:
        data = ''
    result = {'result': (value, data)}
    for word in tail.split():
        key, equals, number = word.partition('=')
        if equals:
            result[key] = (number, '')
    return result


def variable(name: str) -> bytes:
    """A variable's or function's name as it stands in a command; quoted, since a function's argument may hold a space."""
    if not VARIABLE(name):
        raise UnsafeValue(f'{name!r:.80} is no name of a variable')
    return b'"' + name.encode('ascii') + b'"'


def text(raw: bytes) -> str:
    """Text as Asterisk passes it on: mostly UTF-8, but trunks send Latin-1 names too. A letter cut at the end is dropped."""
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        if error.reason == 'unexpected end of data' and error.start:
            return raw[:error.start].decode()
        return raw.decode('latin-1')


def encode(command: str) -> bytes:
    return command.encode('utf-8', 'replace')


def timeval(seconds: float) -> bytes:
    """A C `struct timeval`; zero would mean for ever."""
    whole, part = divmod(max(int(seconds * 1_000_000), 1000), 1_000_000)
    return struct.pack('ll', whole, part)
