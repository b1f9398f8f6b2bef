"""An Asterisk manager that speaks real bytes over a real socket and does what a test tells it to."""
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

Headers = dict[str, str]


class FakeAmi:
    """Answers Login and Ping as Asterisk does; other actions by `answers`. `actions` is everything that it was asked, in order.

    `mute`: hear everything and say nothing. `password`: any other one is refused.
    """

    def __init__(self, password: str = 'secret') -> None:
        self.password = password
        self.mute = False
        self.answers: dict[str, Callable[[Headers], bytes]] = {}
        self.actions: list[Headers] = []
        self.raw = b''
        self.logins = 0
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._changed = asyncio.Condition()
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> tuple[str, int]:
        return '127.0.0.1', self.port

    async def start(self) -> None:
        """Listen; on the port of the last time, if there was one."""
        self._server = await asyncio.start_server(self._serve, '127.0.0.1', self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop to listen and drop every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.drop()

    def drop(self) -> None:
        """Drop every connection."""
        for writer in self._writers:
            writer.transport.abort()

    def say(self, data: bytes) -> None:
        """Send bytes to everyone who is connected."""
        for writer in self._writers:
            writer.write(data)

    async def until(self, condition: Callable[[], bool], patience_s: float = 10.0) -> None:
        """Wait for something that an arriving action or connection brings about."""
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(condition), patience_s)

    def asked(self, action: str) -> list[Headers]:
        """The actions of one name."""
        return [headers for headers in self.actions if headers.get('Action') == action]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if not self.mute:
                writer.write(b'Asterisk Call Manager/9.0.0\r\n')
            while True:
                text = await reader.readuntil(b'\r\n\r\n')
                self.raw += text
                headers = dict(line.split(': ', 1) for line in text.decode().split('\r\n') if ': ' in line)
                self.actions.append(headers)
                if not self.mute:
                    writer.write(self._answer(headers))
                await self._tell()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()
            await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _answer(self, headers: Headers) -> bytes:
        action = headers.get('Action', '')
        if action in self.answers:
            return self.answers[action](headers)
        if action == 'Login':
            if headers.get('Secret') != self.password:
                return reply(headers, 'Error', Message='Authentication failed')
            self.logins += 1
        return reply(headers, 'Success')


def reply(headers: Headers, response: str, **more: str) -> bytes:
    """One response to an action."""
    return message(Response=response, ActionID=headers['ActionID'], **more)


def message(**headers: str) -> bytes:
    """One message of the manager."""
    return ''.join(f'{key}: {value}\r\n' for key, value in headers.items()).encode() + b'\r\n'


@asynccontextmanager
async def fake_ami(password: str = 'secret') -> AsyncIterator[FakeAmi]:
    """A manager that listens, and is gone afterwards."""
    server = FakeAmi(password)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
