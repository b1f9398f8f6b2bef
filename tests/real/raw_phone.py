"""A telephone that says in its INVITE whatever bytes it is told to: what no honest telephone would send."""
from __future__ import annotations

import re
import secrets
import socket
import struct
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any

from callcenter.phone import PhoneEvent, Server

KEYS = '0123456789*#'
EVENT_MS = 60
PAUSE_S = 0.1


class RawPhone:
    """Takes the place of `callcenter.phone.Phone` in a Caller.

    `from_` is the value of the From header without its tag, `headers` are further lines.
    """

    def __init__(self, server: Server, address: str, user: str, events: SimpleQueue[Any], *, from_: bytes,
                 headers: tuple[bytes, ...] = ()) -> None:
        self._server = (server.host, server.port)
        self._address = address
        self._events = events
        self._from = from_ + b';tag=' + secrets.token_hex(4).encode()
        self._headers = headers
        self._to = b''
        self._target = b''
        self._audio_port = 0
        self._call_id = secrets.token_hex(8).encode()
        self._branch = b'z9hG4bK' + secrets.token_hex(6).encode()
        self._over = threading.Event()
        self._sip = bound(address)
        self._rtp = bound(address)
        self._sequence = 0
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> RawPhone:
        self._reader.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._to and not self._over.is_set():
            self.hang_up()
            self._over.wait(2)
        self._over.set()
        self._sip.sendto(b'', self._sip.getsockname())      # wakes the reader
        self._reader.join(5)
        self._sip.close()
        self._rtp.close()

    def call(self, number: str, headers: Mapping[str, str], wav: Path | None = None) -> None:
        """Dial."""
        self._target = f'sip:{number}@{self._server[0]}:{self._server[1]}'.encode()
        self._to = b'<' + self._target + b'>'
        lines = [f'{name}: {value}'.encode() for name, value in headers.items()]
        self._tell('invite')
        contact = b'Contact: <' + self._own_address() + b'>'
        self._send(b'INVITE', 1, self._sdp(), (contact, b'Content-Type: application/sdp', *lines, *self._headers))

    def press(self, digits: str) -> None:
        """Press keys (RFC 4733)."""
        for digit in digits:
            self._press(KEYS.index(digit))
            time.sleep(PAUSE_S)                        # between two keys, as a thumb does

    def hang_up(self, code: int = 0) -> None:
        """End the call."""
        self._branch = b'z9hG4bK' + secrets.token_hex(6).encode()
        self._send(b'BYE', 2)

    def _press(self, event: int) -> None:
        stamp = self._sequence * 160
        for step in range(1, 7):
            ends = step > 3
            duration = min(step, 4) * EVENT_MS * 2
            self._sequence += 1
            header = struct.pack('!BBHII', 0x80, 101 | (0x80 if step == 1 else 0), self._sequence & 0xffff, stamp, 0x4d455341)
            self._rtp.sendto(header + struct.pack('!BBH', event, 0x8a if ends else 0x0a, duration), (self._server[0], self._audio_port))

    def _sdp(self) -> bytes:
        port = self._rtp.getsockname()[1]
        return (f'v=0\r\no=- 1 1 IN IP4 {self._address}\r\ns=-\r\nc=IN IP4 {self._address}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 101\r\n'
                'a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n').encode()

    def _own_address(self) -> bytes:
        return f'sip:caller@{self._address}:{self._sip.getsockname()[1]}'.encode()

    def _send(self, method: bytes, number: int, body: bytes = b'', headers: tuple[bytes, ...] = ()) -> None:
        via = f'Via: SIP/2.0/UDP {self._address}:{self._sip.getsockname()[1]};rport;branch='.encode() + self._branch
        lines = (method + b' ' + self._target + b' SIP/2.0', via, b'From: ' + self._from, b'To: ' + self._to, b'Call-ID: ' + self._call_id,
                 b'CSeq: %d ' % number + method, b'Max-Forwards: 70', *headers, b'Content-Length: %d' % len(body))
        self._sip.sendto(b'\r\n'.join(lines) + b'\r\n\r\n' + body, self._server)

    def _read(self) -> None:
        while not self._over.is_set():
            message = self._sip.recv(65536)
            status = re.match(rb'SIP/2\.0 (\d{3}) ([^\r]*)', message)
            if status:
                self._answered(int(status[1]), status[2].decode(), message)
            elif message.startswith(b'BYE '):
                echoed = re.findall(rb'(?mi)^(?:via|from|to|call-id|cseq):[^\r]*', message)
                self._sip.sendto(b'\r\n'.join((b'SIP/2.0 200 OK', *echoed, b'Content-Length: 0')) + b'\r\n\r\n', self._server)
                self._end(200, 'OK')

    def _answered(self, code: int, reason: str, message: bytes) -> None:
        method = re.search(rb'(?mi)^cseq:\s*\d+ (\w+)', message)
        if code < 200 or method is None:
            return
        if method[1] == b'BYE':
            self._end(code, reason)
            return
        told = re.search(rb'(?mi)^to:\s*([^\r]*)', message)
        assert told is not None
        self._to = told[1]
        audio = re.search(rb'm=audio (\d+)', message)
        self._audio_port = int(audio[1]) if audio else 0
        self._send(b'ACK', 1)
        if code < 300:
            self._tell('state', state='CONFIRMED', code=code, reason=reason)
        else:
            self._end(code, reason)

    def _end(self, code: int, reason: str) -> None:
        self._over.set()
        self._tell('state', state='DISCONNECTED', code=code, reason=reason)

    def _tell(self, name: str, **facts: object) -> None:
        self._events.put(PhoneEvent(time.monotonic(), name, facts))


def bound(address: str) -> socket.socket:
    """A datagram socket on a free port."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((address, 0))
    return made
