"""`mesa down`: stop Asterisk and Mesa."""
from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import click

from callcenter.console import Complaint, instance_root, say
from callcenter.running import supervisor_pid

PATIENCE_S = 15.0


@click.command()
def down() -> None:
    """Stop Asterisk and Mesa and return when they are gone. Exit code 0 also when they did not run."""
    root = instance_root()
    pid = supervisor_pid(root)
    if pid is None:
        say(f'Mesa does not run in {root}.')
        return
    os.kill(pid, signal.SIGTERM)
    if not _gone(root, PATIENCE_S):
        os.kill(pid, signal.SIGKILL)                   # its children die with it
        if not _gone(root, PATIENCE_S):
            raise Complaint(f'Process {pid} does not end; it may hang in the kernel.')
    say('Asterisk and Mesa are stopped.')


def _gone(root: Path, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while supervisor_pid(root) is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
