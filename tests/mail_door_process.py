"""A mail door in a process of its own (it needs a reactor, and tests kill it): python -m tests.mail_door_process FOLDER."""
from __future__ import annotations

import errno
import sys
from pathlib import Path

from twisted.internet import reactor

from tests.mail_samples import site_with_mail
from ticketing.mail.decide import is_ours
from ticketing.mail.door import MailDoorService
from ticketing.mail.files import MailFolder
from ticketing.mail.reader import Envelope


def main(folder: Path) -> None:
    """Serve until a signal; while a file `full` stands beside the folder, its disk is full."""
    site = site_with_mail()

    def take(raw: bytes, envelope: Envelope) -> str:
        if (folder.parent / 'full').exists():
            raise OSError(errno.ENOSPC, 'No space left on device')
        return MailFolder(folder).take(raw, envelope)

    service = MailDoorService(reactor, take, lambda address: is_ours(site, address), '127.0.0.1', 0)
    service.startService()
    print(service.port, flush=True)
    reactor.run()                                      # type: ignore[attr-defined]


if __name__ == '__main__':
    main(Path(sys.argv[1]))
