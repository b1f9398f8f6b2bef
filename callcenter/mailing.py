"""E-mail in, wired: the books, the instance's folders and key, the door and the mailbox."""
from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from callcenter.instance import Instance
from config.values import Site
from storage.engine import Database
from ticketing.mail.decide import is_ours
from ticketing.mail.held import HeldMail
from ticketing.mail.intake import MailIn

LOOPBACK = '127.0.0.1'
HALF_S = 3600.0                                        # nothing takes so long to be written


def mail_in_of(instance: Instance, db: Database, site: Callable[[], Site]) -> MailIn:
    """The door of e-mail of an instance."""
    return MailIn(db, site, instance.place.mail_in, instance.place.attachments, instance.secrets(site()).mail_key)


def mail_rounds(serving: Any) -> tuple[Callable[[], object], Callable[[], object]]:
    """The two duties: bring in what waits, and look into the mailbox. `serving` is `callcenter.services.Serving`."""
    mail = mail_in_of(serving.instance, serving.db, lambda: serving.standing().site)

    def look() -> int:
        settings = serving.standing().site.mail
        if not settings.imap:
            return 0
        from ticketing.mail.poll import poll
        return poll(settings, serving.instance.secrets(serving.standing().site).imap, mail.take)

    def bring_in() -> int:
        mail.forget_halves(time.time() - HALF_S)
        return mail.round(serving.clock.now())

    return bring_in, look


def held_rounds(serving: Any) -> tuple[Callable[[], object], Callable[[], object]]:
    """The two duties about messages that wait for a person: tell the supervisors, and let go what nobody decided about."""
    held = HeldMail(serving.db, lambda: serving.standing().site, serving.instance.place.mail_in)
    return lambda: held.tell(serving.clock.now()), lambda: held.expire(serving.clock.now())


def mail_door_of(serving: Any) -> Any:
    """The LMTP listener."""
    from ticketing.mail.door import MailDoorService
    mail = mail_in_of(serving.instance, serving.db, lambda: serving.standing().site)
    return MailDoorService(serving.reactor, mail.take, lambda address: is_ours(serving.standing().site, address), LOOPBACK,
                           serving.instance.place.ports.lmtp)
