"""A client's own system, as it may be: one that verifies signatures, and others that are slow, endless, or lead elsewhere."""
from __future__ import annotations

import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

DEADLINE_S = 15.0
Behaviour = Callable[[BaseHTTPRequestHandler], None]


@dataclass(frozen=True)
class Got:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """A server on loopback; `behave` answers, by default with 200."""

    url: str
    behave: Behaviour
    got: list[Got] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, many: int) -> list[Got]:
        """The requests, when so many have come."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.got) >= many, DEADLINE_S), f'only {len(self.got)} of {many} requests came'
            return list(self.got)


def status(code: int, body: bytes = b'', **headers: str) -> Behaviour:
    """Answer with this status."""
    def behave(request: BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        for name, value in headers.items():
            request.send_header(name.replace('_', '-'), value)
        request.send_header('Content-Length', str(len(body)))
        request.end_headers()
        request.wfile.write(body)
    return behave


def silent(until: threading.Event) -> Behaviour:
    """Take the request and say nothing."""
    def behave(request: BaseHTTPRequestHandler) -> None:
        until.wait(DEADLINE_S)
    return behave


def drops(text: bytes, until: threading.Event, pause_s: float = 0.05) -> Behaviour:
    """Answer a byte at a time, and never come to an end: no single wait is ever long."""
    def behave(request: BaseHTTPRequestHandler) -> None:
        with suppress(OSError):
            request.wfile.write(text)
            while not until.wait(pause_s):
                request.wfile.write(b'x')
    return behave


def flood(request: BaseHTTPRequestHandler) -> None:
    """Answer 200 and then send without end."""
    request.send_response(200)
    request.end_headers()
    began = time.monotonic()
    with suppress(OSError):
        while time.monotonic() - began < DEADLINE_S:
            request.wfile.write(b'x' * 65536)


@contextmanager
def receiving(behave: Behaviour | None = None, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver while the block runs."""
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers['Content-Length']))
            with receiver.arrived:
                receiver.got.append(Got(self.path, dict(self.headers), body))
                receiver.arrived.notify_all()
            receiver.behave(self)

        do_GET = do_POST

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A caller that hangs up is no error of the receiver's."""

    server = Server(('127.0.0.1', 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    scheme = 'http' if tls is None else 'https'
    receiver = Receiver(f'{scheme}://127.0.0.1:{server.server_port}', behave or status(200))
    thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate for a name ('IP:127.0.0.1', 'DNS:crm.example') that nobody signed but itself, and its key."""
    key, cert = folder / f'{name[:3]}.key', folder / f'{name[:3]}.pem'
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key,
                    '-out', cert, '-days', '2', '-subj', '/CN=receiver', '-addext', f'subjectAltName={name}'],
                   check=True, capture_output=True)
    return cert, key


def serving_tls(cert: Path, key: Path) -> ssl.SSLContext:
    """The receiver's side."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context
