"""Files written whole or not at all, and locks that fall with their process."""
from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold an exclusive lock, waiting for whoever has it; it falls when the process dies."""
    with file.open('a') as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def write_whole(file: Path, text: str, mode: int = 0o644) -> None:
    """Write a file so that a reader sees the old text or the new one."""
    aside = file.with_name(f'.{file.name}.{os.getpid()}.{get_ident()}')
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), 'w') as handle:
        handle.write(text)
    aside.replace(file)


def copy_whole(source: Path, target: Path) -> None:
    """Copy a folder so that the target exists complete or not at all."""
    aside = target.with_name(f'.{target.name}.{os.getpid()}')
    shutil.rmtree(aside, ignore_errors=True)
    shutil.copytree(source, aside)
    aside.rename(target)
