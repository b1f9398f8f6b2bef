"""The postman: takes letters from the outbox to the mail server, or into a Maildir while the site names none.

`round` blocks and belongs on a pool thread. It may be cut off anywhere: what is known stands in the outbox, and the next round goes on.
"""
from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from ssl import SSLContext

from config.values import MailSettings, Site
from storage.engine import Database, DatabaseUnavailable
from ticketing.mail.letters import LetterError, letter, no_pdfs
from ticketing.mail.maildir import Maildir
from ticketing.mail.outbox import Outbox, Outgoing
from ticketing.mail.outdated import outdated
from ticketing.mail.smtp import ANSWER_S, Carrier, Delivery, Outcome, SmtpServer
from ticketing.notices import release, release_without_folio

log = logging.getLogger('mesa.post')
LEASE_S = 300.0                                        # to write a letter, connect and come up to its last line
COMMITTED_LEASE_S = ANSWER_S + 120.0                   # from then on: the server may take its time to answer
MOST_A_ROUND = 500
FIRST_REST = timedelta(seconds=5)                      # of a server that cannot be reached, doubling ...
LONGEST_REST = timedelta(minutes=1)                    # ... up to this


class Postman:
    """Delivers what is due, one letter and one recipient at a time.

    `clock` is Mesa's, `machine` the machine's own. `web_url` tells under which address our pages are reached; `key` makes tokens;
    `password` is asked for when a connection is made; `pdf` reads the PDF of a fax.
    """

    def __init__(self, db: Database, site: Callable[[], Site], key: str, clock: Callable[[], datetime], machine: Callable[[], datetime],
                 maildir: Path, password: Callable[[], str] = str, web_url: Callable[[Site], str] = lambda site: site.mail.page_url,
                 carrier: Callable[[MailSettings], Carrier] | None = None, tls: SSLContext | None = None,
                 pdf: Callable[[str], bytes] = no_pdfs) -> None:
        self._db = db
        self._outbox = Outbox(db)
        self._site = site
        self._key = key
        self._clock = clock
        self._machine = machine
        self._web_url = web_url
        self._pdf = pdf
        self._carrier = carrier or (lambda mail: SmtpServer(mail, password, tls) if mail.smtp else Maildir(maildir))
        self._arrived: dict[int, Outgoing] = {}        # accepted, and the database did not take it down yet
        self._rests = 0
        self._rests_until: datetime | None = None

    def round(self) -> int:
        """Deliver what may leave now; how many letters were begun. Raises DatabaseUnavailable."""
        self._write_down_arrivals()
        if self._rests_until is not None and self._machine() < self._rests_until:
            return 0
        self._outbox.put_aside(self._clock(), self._machine())
        site = self._site()
        begun = 0
        carrier = self._carrier(site.mail)
        try:
            while begun < MOST_A_ROUND and (row := self._next(site)) is not None:
                begun += 1
                if not self._deliver(row, site, carrier):
                    break
        finally:
            carrier.close()
        return begun

    def _next(self, site: Site) -> Outgoing | None:
        """The next letter that may really leave now; those whose line closed meanwhile wait for its opening (mission.md 4.6).

        What is not so any more does not leave at all.
        """
        while taken := self._outbox.claim(self._clock(), self._machine(), LEASE_S):
            row, now = taken[0], self._clock()
            opens = _opens(site, row, now)
            if opens > now:
                self._outbox.put_off(row, opens)
            elif (why := self._outdated(row, site)) is not None:
                self._outbox.withdraw(row, why, now)
            else:
                return row
        return None

    def _outdated(self, row: Outgoing, site: Site) -> str | None:
        try:
            return outdated(self._db, row, site)
        except DatabaseUnavailable:
            raise
        except Exception:                              # a defect of ours: rather a letter too many
            log.exception('letter %s (%s): not known whether it still holds', row.id, row.notice)
            return None

    def _deliver(self, row: Outgoing, site: Site, carrier: Carrier) -> bool:
        """One attempt from beginning to end; False when the server should rest."""
        try:
            data = letter(row, site, self._key, self._web_url(site), self._clock(), self._pdf).as_bytes()
        except LetterError as error:
            self._outbox.refused(row, str(error), self._clock())
            return True
        except Exception as error:                     # a defect of ours: this letter waits, the others go
            log.exception('letter %s (%s) cannot be written', row.id, row.notice)
            self._outbox.failed(row, f'{type(error).__name__}: {error}', self._clock(), self._machine())
            return True
        delivery = carrier.deliver(site.mail.sender, row.recipient, row.message_id, data, lambda: self._commit(row))
        self._settle(row, delivery)
        return self._rested(delivery)

    def _commit(self, row: Outgoing) -> bool:
        return self._outbox.committed(row, self._machine(), COMMITTED_LEASE_S)

    def _settle(self, row: Outgoing, delivery: Delivery) -> None:
        """Write down how it went. Who was accepted must not be forgotten: that would send it again."""
        log.info('letter %s (%s) to %s: %s %s', row.id, row.notice, row.recipient.rpartition('@')[2], delivery.outcome, delivery.said)
        now, machine_now = self._clock(), self._machine()
        if delivery.outcome is Outcome.ACCEPTED:
            self._arrived[row.id] = row
            self._write_down_arrivals()
        elif delivery.outcome is Outcome.REFUSED:
            self._outbox.refused(row, delivery.said, now)
        elif delivery.outcome is Outcome.UNKNOWN:
            self._outbox.doubt(row, delivery.said, now, machine_now)
        else:
            self._outbox.failed(row, delivery.said, now, machine_now)

    def _write_down_arrivals(self) -> None:
        for row in list(self._arrived.values()):
            try:
                self._outbox.sent(row, self._clock())
            except DatabaseUnavailable:
                log.error('letter %s was accepted, but the database does not take it down: it is told again', row.id)
                raise
            del self._arrived[row.id]

    def _rested(self, delivery: Delivery) -> bool:
        """Whether to go on: a server that nobody can talk to is left alone for a while, and no other letter loses an attempt."""
        if not delivery.server_trouble:
            self._rests, self._rests_until = 0, None
            return True
        self._rests_until = self._machine() + min(FIRST_REST * (1 << min(self._rests, 10)), LONGEST_REST)
        self._rests += 1
        return False


def _opens(site: Site, row: Outgoing, now: datetime) -> datetime:
    """When a letter may leave, by the hours of its folio's line, or of its client's."""
    if not row.held:
        return now
    return release_without_folio(site, row.client, now) if row.line is None else release(site, row.line, row.site, False, now)
