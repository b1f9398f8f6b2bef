"""Letters: from a row of the outbox to an e-mail in Mexican Spanish (mission.md 4.6). Pure but for the templates' files.

Every fact is somebody else's text: control characters go at the door, HTML is escaped, a header never has a line end.
"""
from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime
from typing import Any

from config.values import Site
from ticketing.mail.letter_texts import LetterError, render
from ticketing.mail.message_ids import new_message_id, root_message_id
from ticketing.mail.outbox import Outgoing
from ticketing.mail.tokens import address_token, page_token

__all__ = ['LetterError', 'is_address', 'letter', 'new_message_id', 'reply_address', 'root_message_id']

LONGEST_SUBJECT = 200
POSSIBLE_DUPLICATE = 'X-Mesa-Possible-Duplicate'       # the earlier attempt got no answer; same Message-ID
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@"
                      r'(?=.{1,190}\Z)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*')
_MESSAGE_ID = re.compile(r'<[!-;=?-~]{1,240}>')
_FOLDED_AT_SPACES = frozenset({'message-id', 'in-reply-to', 'references', 'reply-to'})


class _LetterPolicy(EmailPolicy):
    """Lines end in CRLF. The library would wrap a long message id in an encoded word, and no program would find the thread again."""

    def fold(self, name: str, value: Any) -> str:
        if name.lower() in _FOLDED_AT_SPACES:
            return f'{name}: ' + '\r\n '.join(str(value).split()) + '\r\n'
        return str(super().fold(name, value))

    def fold_binary(self, name: str, value: Any) -> bytes:
        if name.lower() in _FOLDED_AT_SPACES:
            return self.fold(name, value).encode('ascii')
        return super().fold_binary(name, value)


POLICY = _LetterPolicy(**{name: getattr(SMTP, name) for name in ('linesep', 'raise_on_defect')}, cte_type='7bit')


def no_pdfs(name: str) -> bytes:
    """For who sends no faxes."""
    raise FileNotFoundError(name)


def letter(row: Outgoing, site: Site, key: str, web_url: str, now: datetime, pdf: Callable[[str], bytes] = no_pdfs) -> EmailMessage:
    """The letter that a row of the outbox asks for. `key` makes its tokens, `web_url` is under which our pages are reached.

    `pdf` reads the PDF of a fax by its file name; its SHA-256 stands in the row. Raises LetterError when the recipient is no address, no
    template can say it, or what should go with it is not there.
    """
    if not is_address(row.recipient):
        raise LetterError(f'{row.recipient!r} is not an address that mail can be sent to')
    link = _confirmation_link(row, key, web_url)
    texts = render(row, site, link)
    message = EmailMessage(policy=POLICY)
    message['From'] = Address(display_name=_sender_name(row, site), addr_spec=site.mail.sender)
    message['To'] = row.recipient
    message['Subject'] = subject_line(texts.subject, row.number)
    message['Date'] = format_datetime(now.astimezone(site.zone))
    message['Message-ID'] = row.message_id
    if row.number is not None:
        message['Reply-To'] = reply_address(site, key, row.number)
        references = [root_message_id(site, row.number), *filter(_MESSAGE_ID.fullmatch, row.references)]
        message['In-Reply-To'] = references[-1]
        message['References'] = ' '.join(references)
    message['Auto-Submitted'] = 'auto-generated'
    message['X-Auto-Response-Suppress'] = 'All'
    if row.doubts:
        message[POSSIBLE_DUPLICATE] = 'yes'
    message.set_content(texts.text)
    message.add_alternative(texts.html, subtype='html')
    if row.facts.get('pdf'):
        _attach(message, row.facts['pdf'], pdf)
    return message


def _attach(message: EmailMessage, told: Mapping[str, str], pdf: Callable[[str], bytes]) -> None:
    try:
        content = pdf(told['file'])
    except FileNotFoundError as error:
        raise LetterError(f'{told["file"]} is not there any more') from error
    if hashlib.sha256(content).hexdigest() != told['sha256']:
        raise LetterError(f'{told["file"]} is not the file that was converted: its SHA-256 differs')
    message.add_attachment(content, maintype='application', subtype='pdf', filename=told['file'])


def is_address(text: str) -> bool:
    """Whether every mail server takes it: ASCII, one @, at most 254 characters, nothing that could end a command."""
    return len(text) <= 254 and text.index('@') <= 64 and _ADDRESS.fullmatch(text) is not None if '@' in text else False


def reply_address(site: Site, key: str, number: str) -> str:
    """Where an answer about a folio goes: it joins the folio (mission.md 4.8)."""
    return f'mesa+{number}.{address_token(key, number)}@{site.mail.domain}'


def subject_line(subject: str, number: str | None) -> str:
    """One line that names the folio, so that an answer is recognised by a mail program that keeps nothing else."""
    # Python's library decodes an encoded word that stands in a text, line ends and all, and so would end the header.
    line = ' '.join(subject.replace('=?', '= ?').split())
    if len(line) > LONGEST_SUBJECT:
        line = line[:LONGEST_SUBJECT - 1] + '…'
    return line if number is None else f'{line} [Folio {number}]'


def _sender_name(row: Outgoing, site: Site) -> str:
    client = site.clients.get(row.client or '')
    return f'{site.mail.sender_name} - {client.name}' if client else site.mail.sender_name


def _confirmation_link(row: Outgoing, key: str, web_url: str) -> str | None:
    close_call = row.facts.get('close_call_id')
    return f'{web_url.rstrip("/")}/c/{int(close_call)}.{page_token(key, int(close_call))}' if close_call is not None else None
