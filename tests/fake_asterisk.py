"""A fake Asterisk that speaks FastAGI as the real one does (bytes noted from Asterisk 22.10), scripted by a test.

    with FakeAsterisk(subroutines={'mesa-ask': ['OK 1', HANG_UP]}) as asterisk:
        call = CallSession(asterisk.session_socket())
        assert call.gosub('mesa-ask', 's', '1', 'mesa/main-menu') == 'OK 1'
    assert asterisk.gosubs == [('mesa-ask', ('mesa/main-menu',))]

It answers on a thread of its own. Nothing in it waits by time: a reply is late because an event is not set.
"""
from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

ASTERISK_LINE = 8190                                   # bytes of a command with its line end; more is read as a second command


@dataclass(frozen=True)
class HangUp:
    """The caller hangs up here: in a subroutine, or before the reply to the nth command."""


@dataclass(frozen=True)
class Silent:
    """No answer, until the session gives up."""


@dataclass(frozen=True)
class NoReturn:
    """The subroutine ends without Return(), with the channel alive."""


@dataclass(frozen=True)
class Held:
    """An answer that waits for an event; `reached` is set when the subroutine has begun."""

    answer: str
    release: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Raw:
    """Exactly these bytes as the answer to the command."""

    data: bytes


HANG_UP = HangUp()
SILENT = Silent()
NO_RETURN = NoReturn()
Answer = str | HangUp | Silent | NoReturn | Held | Raw
Subroutine = Iterable[Answer] | Callable[[tuple[str, ...]], Answer]


class BrokenOpen(Exception):
    """A command that Asterisk would not read as the one that was meant."""


class Gone(Exception):
    """The channel is hung up."""


def words_of(line: bytes) -> list[str]:
    """Split a command as Asterisk does: blanks, double quotes, backslash. Raises BrokenOpen for what it would read wrongly."""
    if len(line) > ASTERISK_LINE:
        raise BrokenOpen(f'{len(line)} bytes')
    if any(byte < 32 and byte != 9 for byte in line):
        raise BrokenOpen(f'control characters in {line!r}')
    words: list[str] = []
    word: list[str] | None = None
    quoted = escaped = False
    for letter in line.decode():
        if escaped:
            word, escaped = [*(word or []), letter], False
        elif letter == '\\':
            escaped = True
        elif letter == '"':
            word, quoted = word or [], not quoted
        elif letter in ' \t' and not quoted:
            if word is not None:
                words.append(''.join(word))
            word = None
        else:
            word = word or []
            word.append(letter)
    if quoted or escaped:
        raise BrokenOpen(f'an open quote in {line!r}')
    return words if word is None else [*words, ''.join(word)]


def environment(script: str = 'inbound', args: tuple[str, ...] = (), *, caller_number: str = '5555550101', caller_name: str | bytes = '',
                uniqueid: str = '1795363663.3') -> bytes:
    """The environment of a call, as Asterisk 22 writes it."""
    name = caller_name.encode() if isinstance(caller_name, str) else caller_name
    lines = [
        b'agi_network: yes', f'agi_network_script: {script}'.encode(), f'agi_request: agi://127.0.0.1:4573/{script}'.encode(),
        b'agi_channel: PJSIP/carrier-00000001', b'agi_language: es_MX_f_Allison', b'agi_type: PJSIP',
        f'agi_uniqueid: {uniqueid}'.encode(), b'agi_version: 22.10.1',
        f'agi_callerid: {caller_number or "unknown"}'.encode(), b'agi_calleridname: ' + (name or b'unknown'),
        b'agi_callingpres: 0', b'agi_callingani2: 0', b'agi_callington: 0', b'agi_callingtns: 0', b'agi_dnid: unknown',
        b'agi_rdnis: unknown',
        b'agi_context: mesa-line', b'agi_extension: +528005550101', b'agi_priority: 9', b'agi_enhanced: 0.0', b'agi_accountcode: ',
        b'agi_threadid: 139650728945344', *(f'agi_arg_{n}: {arg}'.encode() for n, arg in enumerate(args, 1))]
    return b'\n'.join(lines) + b'\n\n'


class FakeAsterisk:
    """One call. `subroutines`: context -> its answers in turn, or a function of its arguments; an answer is what `Return()` gives.

    `hang_up_before`: the caller hangs up while the nth command (1-based) is on its way. `exit_on_hangup` is AGIEXITONHANGUP: the
    dialplan of Mesa sets it, and Asterisk then closes the connection.
    """

    def __init__(self, *, script: str = 'inbound', args: tuple[str, ...] = (), caller_number: str = '5555550101',
                 caller_name: str | bytes = '', uniqueid: str = '1795363663.3', subroutines: Mapping[str, Subroutine] | None = None,
                 variables: Mapping[str, str] | None = None, hang_up_before: int | None = None, exit_on_hangup: bool = True,
                 to: tuple[str, int] | None = None) -> None:
        self.commands: list[str] = []                  # every line received
        self.gosubs: list[tuple[str, tuple[str, ...]]] = []
        self.verbose: list[str] = []
        self.variables: dict[str, str] = dict(variables or {})
        self.problems: list[Exception] = []            # shown when the `with` block ends
        self.closed = threading.Event()                # the session's side has ended
        self._environment = environment(script, args, caller_number=caller_number, caller_name=caller_name, uniqueid=uniqueid)
        self._subroutines = {name: answers if callable(answers) else in_turn(name, answers)
                             for name, answers in (subroutines or {}).items()}
        self._hang_up_before = hang_up_before
        self._exit_on_hangup = exit_on_hangup
        self._to = to
        self._hung_up = False
        self._held: list[Held] = []
        self._thread = threading.Thread(target=self._run, name='fake-asterisk', daemon=True)

    def __enter__(self) -> FakeAsterisk:
        if self._to is None:
            self._socket, self._session_socket = connected_pair()
        else:
            self._socket = socket.create_connection(self._to)
        self._thread.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self._to is None:
            self._session_socket.close()
        for held in self._held:
            held.release.set()
        self._end(socket.SHUT_RDWR)
        self._thread.join(5)
        assert not self._thread.is_alive(), 'the fake Asterisk still waits'
        self._socket.close()
        if self.problems and kind is None:
            raise self.problems[0]

    def session_socket(self) -> socket.socket:
        """The socket to make a CallSession of, when the fake does not call a server."""
        return self._session_socket

    def wait(self, patience_s: float = 5.0) -> None:
        """Wait until the session's side has closed the connection."""
        assert self.closed.wait(patience_s), f'the session is still open after {patience_s} s; it sent {self.commands}'

    def hang_up(self) -> None:
        """The caller hangs up between two commands."""
        self._hung_up = True
        if self._exit_on_hangup:
            self._socket.sendall(b'HANGUP\nHANGUP\n')
            self._end(socket.SHUT_WR)
        else:
            self._socket.sendall(b'HANGUP\n')

    # --- the fake's thread ---------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._socket.sendall(self._environment)
            with self._socket.makefile('rb') as lines:
                for line in lines:
                    self._take(line)
        except (ConnectionError, Gone):
            self._drain()
        except Exception as problem:
            self.problems.append(problem)
            self._end(socket.SHUT_RDWR)
        finally:
            self.closed.set()

    def _drain(self) -> None:
        with suppress(OSError):
            while self._socket.recv(4096):
                pass

    def _take(self, line: bytes) -> None:
        words = words_of(line.removesuffix(b'\n'))
        self.commands.append(line.decode().removesuffix('\n'))
        if len(self.commands) == self._hang_up_before:
            self._gone(b'')
        reply = self._answer([words[0].upper(), *words[1:]] if words else [''])
        self._socket.sendall(reply)

    def _answer(self, words: list[str]) -> bytes:
        match words:
            case ['GOSUB' | 'ANSWER' | 'CHANNEL' | 'HANGUP' | 'STREAM', *_] if self._hung_up:
                return b'511 Command Not Permitted on a dead channel or intercept routine\n'
            case ['GOSUB', context, _, _, *args] if len(args) < 2:
                return self._gosub(context, tuple(args[0].split(',')) if args else ())
            case ['GET', 'VARIABLE', name]:
                value = self.variables.get(name)
                return b'200 result=0\n' if value is None else f'200 result=1 ({value})\n'.encode()
            case ['SET', 'VARIABLE', name, value]:
                self.variables[name] = value
                return b'200 result=1\n'
            case ['VERBOSE', message, *_]:
                self.verbose.append(message)
                return b'200 result=1\n'
            case ['ANSWER'] | ['NOOP', *_] | ['EXEC', _, *_] | ['STREAM', 'FILE', _, _, *_]:
                return b'200 result=0\n'
            case ['CHANNEL', 'STATUS']:
                return b'200 result=6\n'
            case ['HANGUP']:
                self._gone(b'200 result=1\n')
                return b''
            case ['GET' | 'SET' | 'GOSUB', *_]:
                return (b'520-Invalid command syntax.  Proper usage follows:\nReturns <literal>0</literal> if not set.\n'
                        b'Example return code: 200 result=1 (testvariable)\n520 End of proper usage.\n')
        return b'510 Invalid or unknown command\n'

    def _gosub(self, context: str, args: tuple[str, ...]) -> bytes:
        self.gosubs.append((context, args))
        if context not in self._subroutines:
            return b'200 result=-1 Gosub label not found\n'
        answer = self._subroutines[context](args)
        if isinstance(answer, Raw):
            return answer.data
        self._socket.sendall(b'100 result=0 Trying...\n')
        match answer:
            case HangUp():
                self._gone(b'200 result=0 Gosub complete (abnormal exit)\n')
                return b''
            case Silent():
                return b''
            case NoReturn():
                self.variables['GOSUB_RETVAL'] = ''
                return b'200 result=0 Gosub complete (abnormal exit)\n'
            case Held():
                self._held.append(answer)
                answer.reached.set()
                answer.release.wait()
                answer = answer.answer
        self.variables['GOSUB_RETVAL'] = str(answer)
        return b'200 result=0 Gosub complete\n'

    def _gone(self, reply: bytes) -> None:
        """Send the last reply and what Asterisk says of a hang-up; with AGIEXITONHANGUP it then closes."""
        self._hung_up = True
        if not self._exit_on_hangup:
            self._socket.sendall(reply + b'HANGUP\n')
            return
        self._socket.sendall(reply + b'HANGUP\nHANGUP\n')
        self._end(socket.SHUT_WR)
        raise Gone

    def _end(self, how: int) -> None:
        with suppress(OSError):                        # the session's side may have been quicker
            self._socket.shutdown(how)


def in_turn(name: str, answers: Iterable[Answer]) -> Callable[[tuple[str, ...]], Answer]:
    """The answers one after the other; one question too many is the test's mistake and is shown."""
    turn = iter(answers)

    def answer(args: tuple[str, ...]) -> Answer:
        try:
            return next(turn)
        except StopIteration:
            raise AssertionError(f'{name}{args} was called once more than the test has answers') from None
    return answer


def connected_pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of a TCP connection over loopback: (the fake's, the session's)."""
    with socket.create_server(('127.0.0.1', 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
    for end in (ours, theirs):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return ours, theirs
