"""psycopg connections that never wait longer than they may.

The server's own time-outs (`lock_timeout`, `statement_timeout`) do not help when the server is frozen or unreachable, and
libpq rounds a `connect_timeout` below two seconds up to two: so the waiting itself is bounded here.
"""
from __future__ import annotations

import select
from collections.abc import Callable
from time import monotonic
from typing import Any

import psycopg
from psycopg import errors
from sqlalchemy.engine import URL
from sqlalchemy.exc import DisconnectionError


class BoundedConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection whose every exchange with the server ends by `deadline` (monotonic seconds) or breaks the connection."""

    patience_s = 1.0
    deadline: float | None = None

    @classmethod
    def _connect_gen(cls, conninfo: str = '') -> Any:
        return _bounded(super()._connect_gen(conninfo), monotonic() + cls.patience_s)

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        left = self.patience_s if self.deadline is None else self.deadline - monotonic()
        try:
            return super().wait(gen, interval, max(left, 0.01) if timeout is None else timeout)
        except errors._WaitTimeout as error:
            self.pgconn.finish()              # an answer may still come: this connection can never be trusted again
            raise errors.ConnectionTimeout('the server did not answer in time') from error


def _bounded(steps: Any, deadline: float) -> Any:
    """The steps of a connection attempt, given up at the deadline; psycopg sends 0 ten times a second while nothing happens."""
    wanted = next(steps)
    while True:
        ready = yield wanted
        if not ready and monotonic() > deadline:
            steps.close()
            raise errors.ConnectionTimeout('the server did not accept the connection in time')
        try:
            wanted = steps.send(ready)
        except StopIteration as end:
            return end.value


def connector(address: URL, patience_s: float) -> Callable[[], BoundedConnection]:
    """What makes connections to `address`: UTC, and server-side time-outs so that nothing of ours lingers over there."""
    class Bounded(BoundedConnection):
        pass

    Bounded.patience_s = patience_s
    given = dict(address.translate_connect_args(username='user', database='dbname'), **address.query)
    milliseconds = max(int(patience_s * 1000), 1)
    given['options'] = ' '.join([
        str(given.get('options', '')), '-c TimeZone=UTC', f'-c lock_timeout={milliseconds}',
        f'-c idle_in_transaction_session_timeout={max(10 * milliseconds, 60_000)}']).strip()
    given.setdefault('application_name', 'mesa')

    def connect() -> BoundedConnection:
        return Bounded.connect(**given)

    return connect


def drop_when_stale(connection: BoundedConnection, record: Any, proxy: Any) -> None:
    """A pooled connection on which the server has said something unasked is dead (restart, termination): take another.

    Costs a poll of the socket instead of the round trip of a ping.
    """
    if connection.closed:
        raise DisconnectionError('the connection is closed')
    socket = select.poll()
    socket.register(connection.fileno(), select.POLLIN)
    if socket.poll(0):
        raise DisconnectionError('the server closed the connection')
