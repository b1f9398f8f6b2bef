"""An e-mail's bytes to a frozen letter, within limits of size, depth, number and time (mission.md 4.8). Pure, never raises."""
from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from ticketing.mail.content_types import content_type
from ticketing.mail.kinds import Bounce, automatic_sign, bounce_of, is_spam, only_by_list
from ticketing.mail.mime import Part, TooMuch, read_parts
from ticketing.mail.text import fresh_part, html_to_text, passed_on, tidy
from ticketing.mail.words import addresses, decoded, mailbox, message_ids, moment, safe_title

MAX_ATTACHMENTS = 50
MAX_REFERENCES = 100
MAX_SUBJECT = 500
SIGNATURES = ('application/pgp-signature', 'application/pkcs7-signature', 'application/x-pkcs7-signature')
RECIPIENT_HEADERS = ('delivered-to', 'x-original-to', 'envelope-to', 'to', 'cc')


@dataclass(frozen=True)
class Envelope:
    """What the carrier said. `sender` is '' for the null sender and None when nobody said; recipients lower case."""

    sender: str | None = None
    recipients: tuple[str, ...] = ()


@dataclass(frozen=True)
class Attachment:
    """A file in a letter. `declared` is the sender's word, `kind` what the content shows."""

    title: str
    data: bytes = field(repr=False)
    declared: str
    kind: str


@dataclass(frozen=True)
class Letter:
    """A message as Mesa sees it. Addresses are lower case; message ids have their angle brackets; `date` is the sender's word, UTC."""

    message_id: str                                    # its own, or '' when it has none
    digest_id: str                                     # made of its bytes
    sha256: str
    sender: str                                        # '' when neither a header nor the envelope names one
    sender_name: str
    recipients: tuple[str, ...]                        # the envelope's first, then those of the headers
    subject: str
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]                        # the nearest last
    date: datetime | None
    text: str                                          # all of it
    fresh: str                                         # without the letter that it answers
    attachments: tuple[Attachment, ...]
    dropped_attachments: int                           # beyond the number that is read
    automatic: str | None                              # the sign that no person wrote it
    bounce: Bounce | None
    spam: bool                                         # by the word of the site's mail server
    by_list: bool = False                              # automatic only because a mailing list or a group passed it on

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing at all."""
        return not (self.subject or self.text or self.attachments)


@dataclass(frozen=True)
class Unreadable:
    """A message that passes a limit; `reason` says which."""

    sha256: str
    reason: str

    @property
    def digest_id(self) -> str:
        """The id that stands for the message's own."""
        return digest_id(self.sha256)


def digest_id(sha256: str) -> str:
    """The id of a message that has none of its own."""
    return f'<{sha256}@digest.invalid>'


def read_letter(raw: bytes, envelope: Envelope = Envelope()) -> Letter | Unreadable:
    """The letter in these bytes; Unreadable beyond a limit. Damaged parts give what can be read of them."""
    sha256 = hashlib.sha256(raw).hexdigest()
    try:
        return _letter(read_parts(raw), envelope, sha256)
    except TooMuch as limit:
        return Unreadable(sha256, str(limit))


def _letter(message: Part, envelope: Envelope, sha256: str) -> Letter:
    sender, name = _sender(message, envelope)
    subject = decoded(message.first('subject') or '')[:MAX_SUBJECT]
    answered = message_ids(message.first('in-reply-to') or '')
    references = message_ids(message.first('references') or '')[-MAX_REFERENCES:]
    text = _words(message)
    files = tuple(_attachments(message))
    return Letter(
        message_id=next(iter(message_ids(message.first('message-id') or '')), ''), digest_id=digest_id(sha256), sha256=sha256,
        sender=sender, sender_name=name, recipients=_recipients(message, envelope), subject=subject, in_reply_to=answered,
        references=references, date=moment(message.first('date') or ''), text=text,
        fresh=fresh_part(text) if (answered or references) and not passed_on(subject) else text,
        attachments=files[:MAX_ATTACHMENTS], dropped_attachments=max(0, len(files) - MAX_ATTACHMENTS),
        automatic=automatic_sign(message, envelope.sender, sender, name, subject), bounce=bounce_of(message),
        spam=is_spam(message), by_list=only_by_list(message, envelope.sender, sender, name, subject))


def _sender(message: Part, envelope: Envelope) -> tuple[str, str]:
    """Who wrote: From, else Sender, else the envelope."""
    address, name = mailbox(message.first('from') or '')
    if not address:
        address = mailbox(message.first('sender') or '')[0] or next(iter(addresses(envelope.sender or '')), '')
    return address[:254], name


def _recipients(message: Part, envelope: Envelope) -> tuple[str, ...]:
    told = [address.lower() for address in envelope.recipients]
    for header in RECIPIENT_HEADERS:
        for value in message.all(header)[:20]:
            told += addresses(value)
    return tuple(dict.fromkeys(told))


def _words(message: Part) -> str:
    """What was written: the text parts; else any text, else the letter that is enclosed."""
    for words in (_body(message), _any_text(message), _enclosed(message)):
        if found := tidy(words):
            return found
    return ''


def _body(part: Part) -> str:
    if part.declared_type == 'multipart/alternative':
        plain = '\n\n'.join(_body(child) for child in part.children if child.declared_type == 'text/plain').strip()
        return plain or '\n\n'.join(_body(child) for child in part.children)
    if part.declared_type.startswith('multipart/'):
        return '\n\n'.join(filter(None, (_body(child) for child in part.children)))
    if _is_file(part):
        return ''
    return html_to_text(part.text) if part.declared_type == 'text/html' else part.text


def _any_text(message: Part) -> str:
    texts = (part.text for part in _own_parts(message) if part.declared_type.startswith('text/'))
    return next((text for text in texts if text.strip()), '')


def _enclosed(message: Part) -> str:
    inside = next((part.children[0] for part in message.walk() if part.declared_type in _MESSAGES and part.children), None)
    if inside is None:
        return ''
    subject = decoded(inside.first('subject') or '')[:MAX_SUBJECT]
    return '\n\n'.join(filter(None, (subject, _words(inside))))


_MESSAGES = ('message/rfc822', 'message/global')


def _is_file(part: Part) -> bool:
    """Whether a part that holds no others is a file, as against words of the letter."""
    return part.disposition == 'attachment' or part.title is not None or part.declared_type not in ('text/plain', 'text/html')


def _own_parts(message: Part) -> Iterator[Part]:
    """The parts that hold no others, and enclosed messages whole."""
    if message.declared_type.startswith('multipart/'):
        for child in message.children:
            yield from _own_parts(child)
    else:
        yield message


def _attachments(message: Part) -> Iterator[Attachment]:
    if message.declared_type == 'multipart/report':
        return
    for number, part in enumerate(_own_parts(message), 1):
        if not _is_file(part) or part.declared_type in SIGNATURES:
            continue
        data = part.body
        if data:
            yield Attachment(safe_title(_title(part), number), data, part.declared_type, _kind(part, data))


def _title(part: Part) -> str | None:
    if part.title is None and part.children:
        return (decoded(part.children[0].first('subject') or '')[:80].replace('/', ' ') or 'mensaje') + '.eml'
    return part.title


def _kind(part: Part, data: bytes) -> str:
    return part.declared_type if part.declared_type in _MESSAGES else content_type(data)
