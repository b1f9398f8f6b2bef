"""One letter, one recipient, one SMTP transaction, and exactly what became of it (RFC 5321).

`smtplib.SMTP.sendmail` hides the one moment that matters: between our final dot and the server's answer nobody knows whether the letter
arrived. So its verbs are used one by one. Until the dot a failure is certain; after it only an answer is.
"""
from __future__ import annotations

import logging
import re
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from config.values import MailSettings

log = logging.getLogger('mesa.post')
CONNECT_S = 20.0                                       # also for each answer of the greeting
COMMAND_S = 60.0
ANSWER_S = 600.0                                       # after the dot: RFC 5321 4.5.3.2.6; who gives up earlier makes duplicates
ABOUT_US = frozenset({530, 534, 535, 538})             # authentication: our settings are wrong, not the letter
PORTS = {'none': 25, 'starttls': 587, 'tls': 465}      # where the site names none
LONGEST_SAID = 500


class Outcome(StrEnum):
    """What became of one attempt."""

    ACCEPTED = 'accepted'
    LATER = 'later'                                    # certainly not arrived
    REFUSED = 'refused'                                # for good
    UNKNOWN = 'unknown'                                # it may have arrived


@dataclass(frozen=True)
class Delivery:
    """One attempt's outcome and what was said. `server_trouble`: nothing was wrong with the letter; the next one would fare no better."""

    outcome: Outcome
    said: str
    server_trouble: bool = False


class Carrier(Protocol):
    """What takes letters away."""

    def deliver(self, sender: str, recipient: str, message_id: str, data: bytes, commit: Callable[[], bool]) -> Delivery:
        """Try once. `commit` is asked before the letter can possibly arrive, and when it says False the letter must not."""

    def close(self) -> None:
        """Nothing more comes for now."""


class _NoServer(Exception):
    """There is nobody to talk to, or he does not let us in."""


class SmtpServer:
    """A connection to the site's mail server: opened for the first letter, used for those that follow, opened again when it broke."""

    def __init__(self, settings: MailSettings, password: Callable[[], str] = str, tls: ssl.SSLContext | None = None,
                 connect_s: float = CONNECT_S, command_s: float = COMMAND_S, answer_s: float = ANSWER_S) -> None:
        self._settings = settings
        self._password = password
        self._tls = tls
        self._connect_s = connect_s
        self._command_s = command_s
        self._answer_s = answer_s
        self._smtp: smtplib.SMTP | None = None

    def deliver(self, sender: str, recipient: str, message_id: str, data: bytes, commit: Callable[[], bool]) -> Delivery:
        """Try once; on a used connection that turns out to be dead once more on a new one: no last line was sent on it."""
        for fresh in ([False, True] if self._smtp is not None else [True]):
            try:
                return self._transaction(sender, recipient, data, commit)
            except _NoServer as error:
                self._drop()
                if fresh:
                    return Delivery(Outcome.LATER, str(error), server_trouble=True)
        raise AssertionError('a fresh connection ends the loop')

    def close(self) -> None:
        """Say goodbye; how the server takes it changes nothing for the letters it accepted."""
        if self._smtp is not None:
            try:
                self._smtp.quit()
            except (OSError, smtplib.SMTPException) as error:
                log.info('the mail server ended without a goodbye: %s', error)
            self._drop()

    def _transaction(self, sender: str, recipient: str, data: bytes, commit: Callable[[], bool]) -> Delivery:
        """The whole dialogue. Raises _NoServer when the connection failed while the letter certainly had not arrived."""
        smtp = self._connected()
        try:
            code, said = smtp.mail(sender)
            if code == 250:
                code, said = smtp.rcpt(recipient)
            if code in (250, 251):
                code, said = smtp.docmd('DATA')
            if code != 354:
                return self._not_taken(smtp, code, said)
            smtp.send(_body(data))
        except (OSError, smtplib.SMTPException) as error:
            raise _NoServer(_words(error)) from error
        return self._last_line(smtp, commit)

    def _not_taken(self, smtp: smtplib.SMTP, code: int, said: bytes) -> Delivery:
        """What an answer before the letter means; the connection is made fit for the next one."""
        words = _reply(code, said)
        if code == 421 or not 400 <= code < 600:
            raise _NoServer(words)
        if code in ABOUT_US:
            self._drop()
            return Delivery(Outcome.LATER, words, server_trouble=True)
        self._begin_anew(smtp)
        return Delivery(Outcome.REFUSED if code >= 500 else Outcome.LATER, words)

    def _begin_anew(self, smtp: smtplib.SMTP) -> None:
        """Make the server forget the letter that it did not take; when that fails, so does only the connection."""
        try:
            code, _ = smtp.rset()
        except (OSError, smtplib.SMTPException):
            code = 421
        if code != 250:
            self._drop()

    def _last_line(self, smtp: smtplib.SMTP, commit: Callable[[], bool]) -> Delivery:
        """Send the dot, once it is written down that from now on the letter may have arrived."""
        committed = False
        try:
            committed = commit()
        finally:
            if not committed:
                self._drop()                           # without its last line the letter does not exist (RFC 5321 4.1.1.4)
        if not committed:
            return Delivery(Outcome.LATER, 'another worker has taken it over')
        try:
            assert smtp.sock is not None
            smtp.sock.settimeout(self._answer_s)
            smtp.send(b'.\r\n')
            code, said = smtp.getreply()
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            return Delivery(Outcome.UNKNOWN, f'no answer to the letter: {_words(error)}')
        return self._answered(smtp, code, said)

    def _answered(self, smtp: smtplib.SMTP, code: int, said: bytes) -> Delivery:
        """What the answer to the letter means."""
        assert smtp.sock is not None
        smtp.sock.settimeout(self._command_s)
        if code == 421 or not 200 <= code < 600 or 300 <= code < 400:
            self._drop()
        if 200 <= code < 300:
            return Delivery(Outcome.ACCEPTED, _reply(code, said))
        if 400 <= code < 500:
            return Delivery(Outcome.LATER, _reply(code, said), server_trouble=code == 421)
        if 500 <= code < 600:
            return Delivery(Outcome.REFUSED, _reply(code, said))
        return Delivery(Outcome.UNKNOWN, f'the answer to the letter makes no sense: {_reply(code, said)}')

    def _connected(self) -> smtplib.SMTP:
        """The connection, made when there is none; never without the encryption that the site asks for. Raises _NoServer."""
        if self._smtp is None:
            try:
                self._smtp = self._connect()
            except (OSError, smtplib.SMTPException, ValueError) as error:
                raise _NoServer(f'{self._settings.smtp}: {_words(error)}') from error
        return self._smtp

    def _connect(self) -> smtplib.SMTP:
        settings, context = self._settings, self._tls or ssl.create_default_context()
        host, port = _address(settings)
        # The own name is given because smtplib would ask the name server for it.
        if settings.smtp_security == 'tls':
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(host, port, settings.domain, timeout=self._connect_s, context=context)
        else:
            smtp = smtplib.SMTP(host, port, settings.domain, timeout=self._connect_s)
        try:
            smtp.ehlo_or_helo_if_needed()
            if settings.smtp_security == 'starttls':
                smtp.starttls(context=context)
                smtp.ehlo_or_helo_if_needed()
            if settings.smtp_user:
                smtp.login(settings.smtp_user, self._password())
            assert smtp.sock is not None
            smtp.sock.settimeout(self._command_s)
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _drop(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
            self._smtp = None


def _address(settings: MailSettings) -> tuple[str, int]:
    """Host and port of the site's server; 'host', 'host:port' or '[address]:port'."""
    host, colon, port = settings.smtp.rpartition(':')
    if not colon or settings.smtp.endswith(']'):
        host, port = settings.smtp, str(PORTS[settings.smtp_security])
    return host.strip('[]'), int(port)


def _body(data: bytes) -> bytes:
    """All but the last line of what DATA sends: dots doubled at the beginning of lines, CRLF at the end."""
    body = re.sub(rb'^\.', b'..', data, flags=re.MULTILINE)
    return body if body.endswith(b'\r\n') else body + b'\r\n'


def _reply(code: int, said: bytes) -> str:
    return f'{code} {_line(said.decode("utf-8", "replace"))}'.strip()


def _words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        return _reply(error.smtp_code, said if isinstance(said, bytes) else str(said).encode())
    return _line(f'{error}' or type(error).__name__)


def _line(text: str) -> str:
    return ' '.join(''.join(c if c.isprintable() else ' ' for c in text).split())[:LONGEST_SAID]
