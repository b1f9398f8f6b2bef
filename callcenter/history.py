"""Which applies led here: the history, the mark of an apply on trial, and the lock that lets one happen at a time.

`applied/history` holds the numbers of the applies that were confirmed, the one in force last. `applied/on-trial` is there while an apply
is being tried: who finds it, and holds the lock, knows that the apply was cut short and that the last number of the history counts.
"""
from __future__ import annotations

import fcntl
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from callcenter.applied import applied_numbers
from callcenter.console import Complaint
from callcenter.files import write_whole
from config.place import Place

KEPT = 20                                              # applies that are kept, to look at and to go back to
PATIENCE_S = 60.0


def history(place: Place) -> tuple[int, ...]:
    """The numbers of the confirmed applies that led here, the one in force last."""
    file = place.applied / 'history'
    return tuple(int(number) for number in file.read_text().split()) if file.exists() else ()


def write_history(place: Place, numbers: Sequence[int]) -> None:
    """Say which applies led here; whole or not at all."""
    write_whole(place.applied / 'history', ' '.join(map(str, numbers)) + '\n')


def begin_trial(place: Place, number: int) -> None:
    """Mark an apply as on trial, before anything of it can be seen."""
    write_whole(_mark(place), f'{number}\n')


def end_trial(place: Place) -> None:
    """The trial is over: what the history says is what Asterisk and Mesa have."""
    _mark(place).unlink(missing_ok=True)


def is_on_trial(place: Place) -> bool:
    """Whether an apply is being tried, or was cut short while it was."""
    return _mark(place).exists()


@contextmanager
def only_one(place: Place, patience_s: float = PATIENCE_S) -> Iterator[None]:
    """Wait for whoever applies or undoes in this instance, and keep others out. Complaint when he takes too long."""
    deadline = time.monotonic() + patience_s
    with (place.applied / 'lock').open('a') as handle:
        while not _taken(handle.fileno()):
            if time.monotonic() > deadline:
                raise Complaint(f'Another apply or undo has been going on for {patience_s:.0f} s. Try again when it has ended.')
            time.sleep(0.05)                           # flock knows no deadline
        yield


def sweep(place: Place) -> None:
    """Remove what was only half laid down. For whoever holds the lock."""
    for left in place.applied.glob('.[0-9]*.*'):
        shutil.rmtree(left)


def prune(place: Place) -> None:
    """Keep the newest applies, and always the one in force and the one to go back to."""
    past = history(place)
    kept = {*applied_numbers(place)[-KEPT:], *past[-2:]}
    write_history(place, [number for number in past if number in kept])
    for number in set(applied_numbers(place)) - kept:
        shutil.rmtree(place.applied / str(number))


def _mark(place: Place) -> Path:
    return place.applied / 'on-trial'


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
