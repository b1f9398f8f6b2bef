"""A mailbox polled over IMAP: each message is on disk before it is marked as seen, so that nothing is lost and a repetition is known."""
from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from typing import Any

from imapclient import IMAPClient  # type: ignore[import-untyped]
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError  # type: ignore[import-untyped]

from config.values import MailSettings
from ticketing.mail.mime import MAX_BYTES
from ticketing.mail.reader import Envelope

log = logging.getLogger('mesa.mail')
PATIENCE_S = 30.0
AT_ONCE = 50                                           # messages of one round


def poll(settings: MailSettings, password: str, take: Callable[[bytes, Envelope], object]) -> int:
    """Take the unseen messages of the mailbox; how many were. Raises PollFailed; what was taken stays taken."""
    if not settings.imap:
        return 0
    try:
        with _connected(settings, password) as box:
            return _taken(box, settings.imap_folder, take)
    except (OSError, IMAPClientError, ssl.SSLError) as error:
        raise PollFailed(f'the mailbox of {settings.imap_user} at {settings.imap} could not be read: {error}') from error


class PollFailed(Exception):
    """The mailbox could not be read; the next round tries again."""


def _connected(settings: MailSettings, password: str) -> Any:
    host, _, port = settings.imap.rpartition(':')
    secure = settings.imap_security == 'tls'
    context = ssl.create_default_context()
    box = IMAPClient(host, port=int(port), ssl=secure, ssl_context=context if secure else None, timeout=PATIENCE_S)
    if settings.imap_security == 'starttls':
        box.starttls(context)
    box.login(settings.imap_user, password)
    return box


def _taken(box: Any, folder: str, take: Callable[[bytes, Envelope], object]) -> int:
    box.select_folder(folder)
    unseen = sorted(box.search('UNSEEN'))[:AT_ONCE]
    for uid in unseen:
        try:
            raw = _fetched(box, uid)
        except IMAPClientAbortError:
            raise                                      # the connection is gone
        except IMAPClientError as error:
            log.error('message %s of the mailbox cannot be fetched, the others go on: %s', uid, error)
            continue
        if raw is not None:
            take(raw, Envelope())
            box.add_flags([uid], [b'\\Seen'], silent=True)
    return len(unseen)


def _fetched(box: Any, uid: int) -> bytes | None:
    """The message, one byte more than is allowed of a larger one; None when somebody deleted it meanwhile."""
    # PEEK: fetching must not mark it as seen, or a crash right now would lose it.
    found = box.fetch([uid], [b'BODY.PEEK[]<0.%d>' % (MAX_BYTES + 1)]).get(uid, {})
    return next((value for name, value in found.items() if name.startswith(b'BODY[]')), None)
