"""The exchange that takes emergency calls, for tests: a few lines of SIP over UDP that take every call and remember what was dialled."""
from __future__ import annotations

import re
import socket
import threading
from queue import Empty, SimpleQueue
from types import TracebackType

ADDRESS = '127.0.0.3'
SDP = (f'v=0\r\no=- 1 1 IN IP4 {ADDRESS}\r\ns=-\r\nc=IN IP4 {ADDRESS}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n'
       'a=rtpmap:0 PCMU/8000\r\n')


class EmergencyPeer:
    """Listens at `address`; `calls` receives (what was dialled, who calls) of every call, `ended` one item a BYE."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((ADDRESS, 0))
        self.address = f'{ADDRESS}:{self._socket.getsockname()[1]}'
        self.calls: SimpleQueue[tuple[str, str]] = SimpleQueue()
        self.ended: SimpleQueue[None] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> EmergencyPeer:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._socket.sendto(b'', self._socket.getsockname())          # an empty datagram: stop
        self._thread.join(5)
        self._socket.close()

    def expect_call(self, within_s: float = 10.0) -> tuple[str, str]:
        """Wait for a call; (what was dialled, who calls)."""
        try:
            return self.calls.get(timeout=within_s)
        except Empty:
            raise AssertionError(f'no emergency call within {within_s:g} s') from None

    def _serve(self) -> None:
        seen: set[str] = set()
        while True:
            data, sender = self._socket.recvfrom(65536)
            if not data:
                return
            text = data.decode('utf-8', 'replace')
            method, uri = text.split(' ', 2)[:2]
            if method == 'INVITE':
                self._socket.sendto(self._answer(text, SDP).encode(), sender)
                if header(text, 'Call-ID') not in seen:               # the rest are repetitions
                    seen.add(header(text, 'Call-ID'))
                    self.calls.put((re.sub(r'^sips?:|@.*', '', uri), header(text, 'From')))
            elif method != 'ACK':
                self._socket.sendto(self._answer(text, '').encode(), sender)
                if method == 'BYE':
                    self.ended.put(None)

    def _answer(self, request: str, body: str) -> str:
        to = header(request, 'To')
        lines = ['SIP/2.0 200 OK', *(f'Via: {via}' for via in re.findall(r'(?im)^Via: *(.*?)\r?$', request)),
                 f'From: {header(request, "From")}', f'To: {to}' + ('' if 'tag=' in to else ';tag=peer'),
                 f'Call-ID: {header(request, "Call-ID")}', f'CSeq: {header(request, "CSeq")}', f'Contact: <sip:{self.address}>',
                 *(['Content-Type: application/sdp'] if body else []), f'Content-Length: {len(body)}', '', body]
        return '\r\n'.join(lines)


def header(message: str, name: str) -> str:
    """The first header of a name, '' when there is none."""
    found = re.search(rf'(?im)^{re.escape(name)}: *(.*?)\r?$', message)
    return found[1] if found else ''
