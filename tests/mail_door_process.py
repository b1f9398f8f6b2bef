"""A mail door in a process of its own (it needs a reactor, and tests kill it): python -m tests.mail_door_process FOLDER."""
from __future__ import annotations

import errno
import sys
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.task import LoopingCall

from tests.mail_samples import site_with_mail
from ticketing.mail import door
from ticketing.mail.decide import is_ours
from ticketing.mail.door import MailDoorService
from ticketing.mail.files import MailFolder
from ticketing.mail.reader import Envelope


def main(folder: Path, port: int = 0) -> None:
    """Serve until a signal; while a file `full` stands beside the folder, its disk is full. Tells its port when it has one."""
    site = site_with_mail()

    def take(raw: bytes, envelope: Envelope) -> str:
        if (folder.parent / 'full').exists():
            raise OSError(errno.ENOSPC, 'No space left on device')
        return MailFolder(folder).take(raw, envelope)

    door.LISTEN_AGAIN_S = 0.1
    service = MailDoorService(reactor, take, lambda address: is_ours(site, address), '127.0.0.1', port)
    service.startService()
    print(service.port, flush=True)
    if service.port is None:
        telling = LoopingCall(lambda: service.port is not None and (print(service.port, flush=True), telling.stop()))
        telling.start(0.05)
    reactor.run()                                      # type: ignore[attr-defined]


if __name__ == '__main__':
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
