"""A mail server for tests that behaves as badly as it is told, over real sockets of the loopback."""
from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

DROP = 'drop'                                          # close without a word; a letter is not taken
TAKE_AND_DROP = 'take and drop'                        # the letter is taken, and the answer never comes
TAKE_AND_HANG = 'take and hang'                        # the same, and the connection stays open
HANG = 'hang'                                          # say nothing until the other end goes
Action = str | Callable[[], str]                       # an answer such as '451 later', one of the above, or what makes one
USUAL = {'connect': '220 peer.example', 'ehlo': '250-peer.example\r\n250 SIZE 1000000', 'mail': '250 ok', 'rcpt': '250 ok',
         'data': '354 go on', 'dot': '250 taken', 'rset': '250 ok', 'quit': '221 bye', 'starttls': '220 ready', 'auth': '235 welcome'}


@dataclass(frozen=True)
class Taken:
    """A letter that the server took, and is responsible for."""

    sender: str
    recipient: str
    data: bytes

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.data, policy=policy.default)            # type: ignore[arg-type]


class SmtpPeer:
    """Each of `connections` says how one connection differs from a polite one: verb -> action, or the actions of its successive uses.

    Connections beyond those are polite. `met` counts connections; `lines` is all that was said to the server; `hung` is set when it hangs.
    """

    def __init__(self, *connections: Mapping[str, Action | Sequence[Action]], tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        self._scripts = list(connections)
        self._tls = tls
        self.taken: list[Taken] = []
        self.lines: list[str] = []
        self.met = 0
        self.hung = threading.Event()
        self._listener = socket.create_server(('127.0.0.1', port))
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def close(self) -> None:
        """Stop, breaking every connection; its threads are gone when this returns."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(10)

    def __enter__(self) -> SmtpPeer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            script = self._scripts[self.met] if self.met < len(self._scripts) else {}
            self.met += 1
            self._open.append(connection)
            self._threads.append(threading.Thread(target=self._serve, args=(_Talk(self, connection, script, self._tls),)))
            self._threads[-1].start()

    def _serve(self, talk: _Talk) -> None:
        try:
            talk.go_on()
        except (OSError, EOFError):
            pass
        finally:
            talk.socket.close()


class _Talk:
    """One connection."""

    def __init__(self, peer: SmtpPeer, connection: socket.socket, script: Mapping[str, Any], tls: ssl.SSLContext | None) -> None:
        self.peer = peer
        self.socket = connection
        self._script = {verb: [actions] if isinstance(actions, str) or callable(actions) else list(actions)
                        for verb, actions in script.items()}
        self._tls = tls
        self._file = connection.makefile('rb')
        self._sender = self._recipient = ''

    def go_on(self) -> None:
        self._do('connect')
        while True:
            line = self._line().decode('utf-8', 'replace').rstrip('\r\n')
            self.peer.lines.append(line)
            verb = line.split()[0].lower() if line.split() else 'noop'
            if verb == 'mail':
                self._sender = line
            if verb == 'rcpt':
                self._recipient = line[line.index('<') + 1:line.index('>')]
            if self._do(verb).startswith('354'):
                self._letter()
            if verb == 'quit':
                return
            if verb == 'starttls':
                assert self._tls is not None
                self.socket = self._tls.wrap_socket(self.socket, server_side=True)
                self._file = self.socket.makefile('rb')

    def _line(self) -> bytes:
        line = self._file.readline()
        if not line:
            raise EOFError
        return line

    def _letter(self) -> None:
        data = b''
        while (line := self._line()) != b'.\r\n':
            data += line[1:] if line.startswith(b'.') else line
        self._do('dot', Taken(self._sender, self._recipient, data))

    def _do(self, verb: str, letter: Taken | None = None) -> str:
        left = self._script.get(verb)
        action = left.pop(0) if left else USUAL.get(verb, '502 what?')
        action = action() if callable(action) else action
        if letter is not None and (action in (TAKE_AND_DROP, TAKE_AND_HANG) or action.startswith('2')):
            self.peer.taken.append(letter)
        if action in (HANG, TAKE_AND_HANG):
            self.peer.hung.set()
            self._line()
        if action in (DROP, TAKE_AND_DROP):
            raise EOFError
        self.socket.sendall(action.encode() + b'\r\n')
        return str(action)
