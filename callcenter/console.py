"""What every command shares: errors as sentences, progress, JSON, and the instance that the user named."""
from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click


class Complaint(Exception):
    """A sentence for the operator: what happened, to what, and what to do. Ends the command with `exit_code`."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def say(text: str = '') -> None:
    """Print one line at once, even into a pipe."""
    click.echo(text)
    sys.stdout.flush()


def print_json(value: object) -> None:
    """Print a value for scripts; dates and paths as text."""
    say(json.dumps(value, indent=2, ensure_ascii=False, default=str))


@contextmanager
def step(title: str) -> Iterator[None]:
    """Say what goes on, and how long it took when it was more than a second."""
    say(f'· {title} ...')
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    if took >= 1:
        say(f'  done in {took:.0f} s')


def instance_root() -> Path:
    """The instance folder that the user chose with --instance or MESA_INSTANCE."""
    root = click.get_current_context().find_root().obj
    assert isinstance(root, Path)
    return root
