"""Letters into the books: opens folios and joins them, each message once, whatever is cut off in between (mission.md 4.8).

A message is a file until everything that it causes is stored: folio or entry, the folio's move, files and the row of `messages_in`, in one
transaction. Then the file goes; a message that is there again, by whatever accident, is known by its row.
"""
from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from config.values import Site
from storage.engine import Database, StorageError
from ticketing.folio_rows import locked
from ticketing.mail import rows as mail_rows
from ticketing.mail.attachments import Kept, keep
from ticketing.mail.bounces import bounced
from ticketing.mail.decide import (
    BounceOf,
    Facts,
    Ignores,
    Joins,
    Opens,
    Outcome,
    Quarantines,
    ToVerify,
    client_of,
    decide_mail,
    opening_of,
    policy_of,
)
from ticketing.mail.files import MailFolder, Waiting
from ticketing.mail.found import answered_folio, opened_lately, strangers_lately
from ticketing.mail.reader import Envelope, Letter, Unreadable, read_letter
from ticketing.mail.rows import MessageIn
from ticketing.privacy.kept_files import LOCK
from ticketing.values import Intake, TicketingError

log = logging.getLogger('mesa.mail')
HELD = (Intake.QUARANTINED, Intake.TO_VERIFY)


class _Changed(Exception):
    """The facts changed between deciding and storing; the next round decides again."""


class MailIn:
    """The door of e-mail. `key` proves our own addresses; `attachments` and `folder` are the instance's folders."""

    def __init__(self, db: Database, site: Callable[[], Site], folder: Path, attachments: Path, key: str) -> None:
        self._db = db
        self._site = site
        self._folder = MailFolder(folder)
        self._attachments = attachments
        self._key = key

    def take(self, raw: bytes, envelope: Envelope = Envelope()) -> str:
        """Keep a message durably; its carrier may be told once this returns. Returns its SHA-256. Raises OSError."""
        return self._folder.take(raw, envelope)

    def round(self, now: datetime) -> int:
        """Bring the messages that wait into the books; how many were. Raises DatabaseUnavailable: then the rest waits."""
        with self._folder.alone() as alone:
            return sum(self._settle(waiting, now) for waiting in self._folder.waiting()) if alone else 0

    def _settle(self, waiting: Waiting, now: datetime) -> bool:
        try:
            self._bring_in(waiting, now)
        except _Changed:
            return False
        except StorageError:
            raise
        except OSError:
            log.exception('the message in %s could not be stored; it is tried again', waiting.file.name)
            return False
        except Exception:
            # One message must not stop the others: it waits for a person instead.
            log.exception('the message in %s could not be handled and is put aside', waiting.file.name)
            self._put_aside(waiting, 'a defect of ours: see the log', now)
        return True

    def _bring_in(self, waiting: Waiting, now: datetime) -> None:
        letter = read_letter(waiting.raw, waiting.envelope)
        known = self._known(letter)
        if known is None:
            known = self._store(letter, now)
        elif known.sha256 == letter.sha256:
            log.info('message %s came again; it is in the books as %s', known.message_id, known.outcome)
        self._let_go(waiting, letter.sha256, known)

    def _let_go(self, waiting: Waiting, sha256: str, known: MessageIn) -> None:
        if known.sha256 == sha256 and known.outcome in HELD and known.settled_at is None:
            self._folder.hold(waiting.file, sha256)
        else:
            waiting.file.unlink(missing_ok=True)

    def _known(self, letter: Letter | Unreadable) -> MessageIn | None:
        with self._db.read() as connection:
            return mail_rows.known(connection, letter)

    def _store(self, letter: Letter | Unreadable, now: datetime) -> MessageIn:
        """Everything but the file. Attachments are on disk before the transaction begins."""
        if isinstance(letter, Unreadable):
            return self._store_unreadable(letter, letter.reason, now)
        site = self._site()
        with self._db.read() as connection:
            planned = self._decide(connection, letter, site, now)
        kept = self._keep(letter, planned, site)
        with self._db.write() as connection:
            self._db.lock(connection, 'mail in')
            self._keep_still(connection, letter, planned, site)
            if isinstance(planned, Joins):
                locked(connection, planned.number)
            if mail_rows.known(connection, letter) is not None or self._decide(connection, letter, site, now) != planned:
                raise _Changed
            return _stored(connection, letter, planned, kept, site, now)

    def _decide(self, connection: Connection, letter: Letter, site: Site, now: datetime) -> Outcome:
        facts = Facts(answered_folio(connection, letter, site, self._key), opened_lately(connection, letter.sender, now),
                      strangers_lately(connection, client_of(site, letter), now))
        return decide_mail(letter, facts, site, now)

    def _keep(self, letter: Letter, planned: Outcome, site: Site) -> tuple[Kept, ...]:
        if not isinstance(planned, Opens | Joins):
            return ()
        return keep(letter, policy_of(site, planned.client).attachment_megabytes, self._attachments)

    def _keep_still(self, connection: Connection, letter: Letter, planned: Outcome, site: Site) -> None:
        """A file of the same content may have expired meanwhile: put it back, under the lock that deleting takes."""
        self._db.lock(connection, LOCK)
        self._keep(letter, planned, site)

    def _store_unreadable(self, letter: Unreadable, reason: str, now: datetime) -> MessageIn:
        with self._db.write() as connection:
            self._db.lock(connection, 'mail in')
            return mail_rows.known(connection, letter) or mail_rows.add(connection, letter, Intake.QUARANTINED, reason, now)

    def _put_aside(self, waiting: Waiting, reason: str, now: datetime) -> None:
        sha256 = waiting.file.name.partition('-')[0]
        known = self._store_unreadable(Unreadable(sha256, reason), reason, now)
        self._let_go(waiting, sha256, replace(known, sha256=sha256))

    def list(self, outcome: Intake | None = None, limit: int = 50) -> tuple[MessageIn, ...]:
        """The messages that came in, the newest first."""
        with self._db.read() as connection:
            return mail_rows.newest(connection, outcome, limit)

    def get(self, message: int) -> MessageIn | None:
        """One message, None when there is none."""
        with self._db.read() as connection:
            return mail_rows.get(connection, message)

    def waits(self, sha256: str) -> bool:
        """Whether a message that was taken is not settled yet."""
        return self._folder.has(sha256)

    def forget_halves(self, before: float) -> None:
        """Remove what a killed process left half written before this moment of the machine's clock (a timestamp)."""
        self._folder.forget_halves(before)

    def of_digest(self, sha256: str) -> MessageIn | None:
        """The message whose bytes have this SHA-256; None when it is not in the books under them."""
        with self._db.read() as connection:
            return mail_rows.of_digest(connection, sha256)

    def letter(self, message: MessageIn) -> Letter | Unreadable | None:
        """What a message that was put aside says; None when its file is gone."""
        held = self._folder.held(message.sha256)
        return read_letter(held.raw, held.envelope) if held else None

    def accept(self, message: int, by: str, now: datetime, client: str | None = None) -> MessageIn:
        """Open the folio of a message that waits for a person; `client` for one that names none. Raises TicketingError."""
        site = self._site()
        row = self._unsettled(message)
        letter = self.letter(row)
        if not isinstance(letter, Letter):
            raise TicketingError(f'message {message} cannot be read: {letter.reason if letter else "its file is gone"}. '
                                 f'Reject it: mesa mail reject {message}')
        planned = opening_of(letter, client or row.client, site, f'e-mail of {letter.sender}, accepted by {by}')
        kept = self._keep(letter, planned, site)
        with self._db.write() as connection:
            self._db.lock(connection, 'mail in')
            self._keep_still(connection, letter, planned, site)
            self._still_unsettled(connection, message)
            folio = mail_rows.open_folio(connection, letter, planned, kept, site, now)
            settled = mail_rows.settle(connection, message, Intake.OPENED, folio, planned.client, by, now)
        self._folder.forget(row.sha256)
        return settled

    def reject(self, message: int, by: str, now: datetime) -> MessageIn:
        """Let a message that waits for a person go. Raises TicketingError."""
        row = self._unsettled(message)
        with self._db.write() as connection:
            self._db.lock(connection, 'mail in')
            self._still_unsettled(connection, message)
            settled = mail_rows.settle(connection, message, Intake.IGNORED, None, row.client, by, now)
        self._folder.forget(row.sha256)
        return settled

    def _unsettled(self, message: int) -> MessageIn:
        with self._db.read() as connection:
            return self._still_unsettled(connection, message)

    def _still_unsettled(self, connection: Connection, message: int) -> MessageIn:
        row = mail_rows.get(connection, message)
        if row is None:
            raise TicketingError(f'there is no message {message}. See: mesa mail list')
        if row.outcome not in HELD or row.settled_at is not None:
            raise TicketingError(f'message {message} is {row.outcome}: nothing has to be decided about it')
        return row


def _stored(connection: Connection, letter: Letter, planned: Outcome, kept: tuple[Kept, ...], site: Site, now: datetime) -> MessageIn:
    """The decision in the books."""
    if isinstance(planned, Opens):
        folio = mail_rows.open_folio(connection, letter, planned, kept, site, now)
        return mail_rows.add(connection, letter, Intake.OPENED, planned.rule, now, planned.client, folio)
    if isinstance(planned, Joins):
        folio = mail_rows.join_folio(connection, letter, planned, kept, site, now)
        return mail_rows.add(connection, letter, Intake.JOINED, planned.rule, now, planned.client, folio)
    if isinstance(planned, Ignores):
        noted = mail_rows.note_automatic(connection, letter, planned, now)
        return mail_rows.add(connection, letter, Intake.IGNORED, planned.reason, now, planned.client, noted)
    if isinstance(planned, BounceOf):
        return _bounced(connection, letter, planned, site, now)
    if isinstance(planned, ToVerify):
        return mail_rows.add(connection, letter, Intake.TO_VERIFY, planned.reason, now, planned.client)
    return _quarantined(connection, letter, planned, now)


def _bounced(connection: Connection, letter: Letter, planned: BounceOf, site: Site, now: datetime) -> MessageIn:
    found = planned.bounce
    ours = bool(found.message_id) and bounced(connection, site, found.message_id, found.recipient, found.diagnostic, now)
    reason = f'{found.recipient or "somebody"} did not get {found.message_id or "a letter"}: {found.diagnostic}'
    return mail_rows.add(connection, letter, Intake.BOUNCE if ours else Intake.IGNORED,
                         reason if ours else f'not of ours: {reason}', now, planned.client)


def _quarantined(connection: Connection, letter: Letter, planned: Quarantines, now: datetime) -> MessageIn:
    log.warning('a message of %s waits for a person: %s', letter.sender or 'nobody', planned.reason)
    if planned.loop:
        mail_rows.warn_of_loop(connection, letter, now)
    return mail_rows.add(connection, letter, Intake.QUARANTINED, planned.reason, now, planned.client)
