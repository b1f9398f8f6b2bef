"""A PostgreSQL server of our own for tests: as a bench's, but hasty, and it may be frozen."""
from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from callcenter.postgres_scratch import ScratchServer, scratch_server

__all__ = ['PostgresServer', 'postgres_instance']

HASTY = ('fsync=off', 'full_page_writes=off', 'max_connections=200', 'shared_buffers=32MB')


class PostgresServer(ScratchServer):
    """A running server; `url` names an empty database. It may be stopped, frozen and started again."""

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The server with every process stopped by SIGSTOP: it takes connections and says nothing."""
        children = Path(f'/proc/{self.pid}/task/{self.pid}/children').read_text().split()
        processes = [self.pid, *map(int, children)]
        try:
            for process in processes:
                os.kill(process, signal.SIGSTOP)
            yield
        finally:
            for process in processes:
                os.kill(process, signal.SIGCONT)


def postgres_instance() -> AbstractContextManager[PostgresServer]:
    """A fresh server with an empty database 'mesa', gone afterwards with all it held."""
    return scratch_server(PostgresServer, HASTY)
