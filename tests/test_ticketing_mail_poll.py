"""A mailbox whose server cannot give one of its messages; a real server's mailbox is polled in tests/real/test_mail_in.py."""
from __future__ import annotations

import pytest
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError

from ticketing.mail import poll
from ticketing.mail.reader import Envelope


class Box:
    """An IMAP connection that fails for one message."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.seen: list[int] = []

    def select_folder(self, folder: str) -> None:
        pass

    def search(self, what: str) -> list[int]:
        return [3, 1, 2]

    def fetch(self, uids: list[int], what: list[bytes]) -> dict[int, dict[bytes, bytes]]:
        if uids == [1]:
            raise self.error
        return {uids[0]: {b'BODY[]<0>': b'Subject: %d\r\n\r\n' % uids[0]}}

    def add_flags(self, uids: list[int], flags: list[bytes], silent: bool) -> None:
        self.seen += uids


def test_one_message_that_cannot_be_fetched_keeps_no_other_waiting() -> None:
    box, taken = Box(IMAPClientError('[SERVERBUG] Internal error')), list[bytes]()
    poll._taken(box, 'INBOX', lambda raw, envelope: taken.append(raw))
    assert [raw[:10] for raw in taken] == [b'Subject: 2', b'Subject: 3']
    assert box.seen == [2, 3]


def test_a_connection_that_is_gone_ends_the_round() -> None:
    def take(raw: bytes, envelope: Envelope) -> None:
        raise AssertionError('nothing can come')
    with pytest.raises(IMAPClientAbortError):
        poll._taken(Box(IMAPClientAbortError('socket error: EOF')), 'INBOX', take)
