"""Browsers for tests of the desk: signed in, watched for complaints, with a microphone of Chromium's own, and a wire that can be cut."""
from __future__ import annotations

import os
import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.real.instance import RealMesa

CHROMIUM = '/usr/bin/chromium'                         # apt-get install chromium
FLAGS = ('--no-sandbox', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream',
         '--autoplay-policy=no-user-gesture-required')
ARTEFACTS = os.environ.get('MESA_ARTEFACTS')           # a folder where screenshots are kept


@contextmanager
def started_browser() -> Iterator[Browser]:
    """One Chromium; its fake microphone beeps."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield started
        started.close()


class DeskWindow:
    """Somebody at his browser. `complaints` is what the browser's console said; a test looks at it at its end."""

    def __init__(self, browser: Browser, mesa: RealMesa, login: str, port: int | None = None, secure: bool = False) -> None:
        self.base = f'http{"s" if secure else ""}://127.0.0.1:{port or mesa.place.ports.desk}'
        self.login = login
        self.complaints: list[str] = []
        self.context: BrowserContext = browser.new_context(
            viewport={'width': 1366, 'height': 768}, locale='es-MX', timezone_id='America/Mexico_City', permissions=['microphone'],
            ignore_https_errors=secure)
        self.page: Page = self._watched(self.context.new_page())
        self.context.on('page', self._watched)
        self.page.goto(self.base + '/entrar')
        self.page.get_by_label('Usuario').fill(login)
        self.page.get_by_label('Contraseña').fill(password_of(mesa, login))
        self.page.get_by_role('button', name='Entrar').click()
        self.page.get_by_role('button', name='Salir').wait_for()

    def _watched(self, page: Page) -> Page:
        page.on('console', lambda message: self.complaints.append(message.text) if message.type in ('error', 'warning') else None)
        page.on('pageerror', lambda error: self.complaints.append(str(error)))
        return page

    def go(self, path: str) -> Page:
        """Open a page of the desk."""
        self.page.goto(self.base + path)
        return self.page

    def ready(self) -> None:
        """Take calls, and wait until the bar says so."""
        self.go('/agente')
        self.page.locator('main').get_by_role('button', name='Disponible').click()
        self.page.locator('#puesto').get_by_text('Disponible', exact=True).wait_for()

    def away(self) -> None:
        """Take no calls any more."""
        self.go('/agente')
        self.page.get_by_role('button', name='Terminar turno').click()
        self.page.locator('#puesto').get_by_text('Fuera').wait_for()

    def keep(self, name: str) -> None:
        """Keep a screenshot as an artefact, when somebody wants them."""
        if ARTEFACTS:
            Path(ARTEFACTS).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=str(Path(ARTEFACTS) / f'{name}.png'))

    def close(self) -> None:
        """Shut the browser's windows."""
        self.context.close()


def password_of(mesa: RealMesa, login: str) -> str:
    """A new password for somebody: of those of the set-up nobody knows any more."""
    done = mesa.mesa('user', 'password', login)
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r'once: (\S+)', done.stdout)
    assert found is not None, done.stdout
    return found[1]


@contextmanager
def window(browser: Browser, mesa: RealMesa, login: str, **wishes: Any) -> Iterator[DeskWindow]:
    """Somebody signed in, and his windows shut at the end."""
    opened = DeskWindow(browser, mesa, login, **wishes)
    try:
        yield opened
    finally:
        opened.close()


class Wire:
    """A TCP wire to a port of loopback that can be cut and mended: what passes is untouched, and a cut ends every connection.

    With a `certificate` (a file with its key) its near end speaks TLS, as a reverse proxy's does.
    """

    def __init__(self, port: int, certificate: Path | None = None) -> None:
        self._to = port
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) if certificate else None
        if self._tls and certificate:
            self._tls.load_cert_chain(certificate)
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.port: int = self._listener.getsockname()[1]
        self._open = True
        self._ends: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """From now on nothing passes."""
        with self._lock:
            self._open = False
            ends, self._ends = self._ends, set()
        for end in ends:
            _shut(end)

    def mend(self) -> None:
        """New connections pass again."""
        with self._lock:
            self._open = True

    def close(self) -> None:
        """Remove the wire."""
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if not self._open:
                    near.close()
                    continue
            threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        try:
            near = self._tls.wrap_socket(near, server_side=True) if self._tls else near
            far = socket.create_connection(('127.0.0.1', self._to))
        except OSError:
            _shut(near)
            return
        with self._lock:
            self._ends |= {near, far}
        threading.Thread(target=self._carry, args=(far, near), daemon=True).start()
        self._carry(near, far)

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(65_536):
                other.sendall(data)
        except OSError:
            pass
        for end in (one, other):
            _shut(end)


def self_signed(folder: Path) -> Path:
    """A certificate that nobody trusts, with its key in the same file."""
    file = folder / 'desk.pem'
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
                    '-subj', '/CN=desk.example', '-keyout', str(file), '-out', str(folder / 'certificate')],
                   check=True, capture_output=True)
    file.write_text(file.read_text() + (folder / 'certificate').read_text())
    return file


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
