"""One process of the fax office that is killed at a point of its choice: for `test_fax_killed.py`, which walks every point.

    python -m tests.fax_walk DATABASE ROOT SMTP    (SMTP: host:port, or '' for the Maildir)

It reads orders of one line, `POINT MACHINE_MINUTES`, forks for each, lets the child work and die at that point (0: at none), and answers
`killed NAME` or `done`. A fork is quick, and what a kill leaves in memory goes with the child.
"""
from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from storage.engine import Database
from tests.fax_office import MACHINE, SITE, FaxOffice

WRITES = os.O_WRONLY | os.O_RDWR


def points(root: str, reached: Callable[[str], None]) -> None:
    """Have `reached` called before each thing that a power cut could separate from the next: files, commits, processes, packets."""
    def hook(name: str, args: tuple[Any, ...]) -> None:
        if name in ('os.rename', 'os.remove', 'os.link', 'os.mkdir') and root in str(args[0]):
            reached(f'{name} {Path(str(args[0])).suffix}')
        elif name == 'open' and isinstance(args[2], int) and args[2] & WRITES and root in str(args[0]):
            reached(f'open {Path(str(args[0])).suffix}')
        elif name in ('subprocess.Popen', 'socket.connect', 'socket.sendmsg'):
            reached(name)
    sys.addaudithook(hook)
    event.listen(Engine, 'commit', lambda connection: reached('before commit'))


def child(url: str, root: Path, smtp: str, point: int, minutes: int, answer: int) -> None:
    """Work as a worker would, and die at the point."""
    count = 0

    def reached(name: str) -> None:
        nonlocal count
        count += 1
        if count == point:
            os.write(answer, f'killed {name}\n'.encode())
            os.kill(os.getpid(), signal.SIGKILL)
    site = replace(SITE, mail=replace(SITE.mail, smtp=smtp)) if smtp else SITE
    office = FaxOffice(Database(url, patience_s=20.0), root, site=site, machine=MACHINE + timedelta(minutes=minutes))
    if point:
        points(str(root), reached)
    office.work()
    os.write(answer, b'done\n')
    os._exit(0)


def main() -> None:
    """Serve orders until the input ends."""
    url, root, smtp = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    answer = os.dup(1)
    for line in sys.stdin:
        point, minutes = map(int, line.split())
        pid = os.fork()
        if pid == 0:
            try:
                child(url, root, smtp, point, minutes, answer)
            finally:
                os._exit(1)
        _, status = os.waitpid(pid, 0)
        if not os.WIFSIGNALED(status) and os.waitstatus_to_exitcode(status):
            os.write(answer, b'failed\n')


if __name__ == '__main__':
    main()
