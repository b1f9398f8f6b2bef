"""A manager interface that says what it is told: for measuring, where the moment of an event must be known to the microsecond."""
from __future__ import annotations

import asyncio


class ScriptedAmi:
    """Answers logins and questions as an idle Asterisk does; `say` sends an event to whoever is logged in. On an asyncio loop."""

    def __init__(self) -> None:
        self._writers: set[asyncio.StreamWriter] = set()
        self.logged_in = asyncio.Event()
        self.port = 0

    async def start(self) -> None:
        """Listen on a free port of loopback."""
        server = await asyncio.start_server(self._serve, '127.0.0.1', 0)
        self.port = server.sockets[0].getsockname()[1]

    def say(self, event: str) -> None:
        """Send an event, headers separated by line ends."""
        raw = '\r\n'.join([*event.strip().splitlines(), '', '']).encode()
        for writer in self._writers:
            writer.write(raw)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'Asterisk Call Manager/11.0.0\r\n')
        self._writers.add(writer)
        try:
            while True:
                message = (await reader.readuntil(b'\r\n\r\n')).decode('utf-8', 'replace')
                headers = dict(line.split(': ', 1) for line in message.splitlines() if ': ' in line)
                writer.write(_answer(headers).encode())
                if headers.get('Action') == 'CoreShowChannels':
                    self.logged_in.set()
        except (asyncio.IncompleteReadError, ConnectionError):
            self._writers.discard(writer)


def _answer(headers: dict[str, str]) -> str:
    action, action_id = headers.get('Action', ''), f'ActionID: {headers.get("ActionID", "")}\r\n'
    success = f'Response: Success\r\n{action_id}Message: ok\r\n\r\n'
    if action in ('QueueStatus', 'CoreShowChannels'):
        return success + f'Event: {action}Complete\r\n{action_id}EventList: Complete\r\nListItems: 0\r\n\r\n'
    return success
