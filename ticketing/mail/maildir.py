"""Letters as files of a Maildir: what a site has that names no mail server. Each letter lands there once, whatever happens in between."""
from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from ticketing.mail.smtp import Delivery, Outcome

FOLDERS = ('tmp', 'new', 'cur')


class Maildir:
    """A Maildir whose file names come from the Message-IDs, so that a letter that is delivered again finds itself there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def deliver(self, sender: str, recipient: str, message_id: str, data: bytes, commit: Callable[[], bool]) -> Delivery:
        """Lay the letter down, durably. There is never a doubt, so nothing is committed."""
        name = f'{hashlib.sha256(message_id.encode()).hexdigest()[:32]}.mesa'
        try:
            if not self._is_there(name):
                self._lay_down(name, b'Return-Path: <' + sender.encode() + b'>\n' + data.replace(b'\r\n', b'\n'))
        except OSError as error:
            return Delivery(Outcome.LATER, f'{error.filename or self._folder}: {error.strerror}', server_trouble=True)
        return Delivery(Outcome.ACCEPTED, f'in {self._folder.name}/new/{name}')

    def close(self) -> None:
        """Nothing is held open."""

    def _is_there(self, name: str) -> bool:
        return (self._folder / 'new' / name).exists() or any((self._folder / 'cur').glob(f'{name}*'))

    def _lay_down(self, name: str, data: bytes) -> None:
        for folder in FOLDERS:
            (self._folder / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = self._folder / 'tmp' / name
        try:
            with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'wb') as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            aside.rename(self._folder / 'new' / name)
        except OSError:
            aside.unlink(missing_ok=True)              # on a full disk the halves would keep it full
            raise
        _sync(self._folder / 'new')


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
