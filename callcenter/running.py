"""Whether an instance runs, and as which processes: the lock that its supervisor holds and the file that it writes."""
from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from callcenter.console import Complaint


def state_file(root: Path) -> Path:
    """Where the supervisor tells what runs."""
    return root / 'run' / 'children.json'


def state(root: Path) -> Mapping[str, Any]:
    """What the supervisor last told: {'ready': bool, 'asterisk': {'pid', 'starts', 'since'}, 'mesa': {...}}; empty when it told nothing."""
    try:
        told: Mapping[str, Any] = json.loads(state_file(root).read_text())
    except FileNotFoundError:
        return {}
    return told


def claim(root: Path) -> int:
    """Take the lock of an instance for this process; returns its file descriptor. Complaint when another supervisor has it."""
    handle = os.open(_lock_file(root), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        pid = _lock_file(root).read_text().strip()
        raise Complaint(f'Mesa already runs in {root} (process {pid}). Stop it with: mesa down', 2) from None
    write_pid(handle)
    state_file(root).unlink(missing_ok=True)           # of a supervisor that was killed
    return handle


def write_pid(handle: int) -> None:
    """Write this process's id into the lock that it holds."""
    os.ftruncate(handle, 0)
    os.pwrite(handle, f'{os.getpid()}\n'.encode(), 0)


def supervisor_pid(root: Path) -> int | None:
    """The process that supervises an instance, None when nobody does. A pid file left behind by a crash does not count."""
    try:
        with _lock_file(root).open() as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(handle.read())
    except FileNotFoundError:
        pass
    return None


def _lock_file(root: Path) -> Path:
    return root / 'run' / 'supervisor.pid'
