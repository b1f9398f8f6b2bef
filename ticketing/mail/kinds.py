"""Which messages no person wrote, and which tell that one of ours did not arrive (mission.md 4.8, RFC 3834, RFC 3464). Pure."""
from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ticketing.mail.mime import Part
from ticketing.mail.words import addresses, decoded, message_ids, one_line

MAX_DIAGNOSTIC = 500
_DAEMONS = ('mailer-daemon', 'postmaster', 'mail-daemon', 'no-reply', 'noreply', 'no_reply', 'donotreply', 'do-not-reply')
_DAEMON_NAMES = re.compile(r'mail(?:er)?[ -]?(?:delivery )?(?:daemon|(?:sub)?system)', re.IGNORECASE)
_LISTS = ('list-id', 'list-unsubscribe', 'list-post', 'list-help', 'x-mailman-version', 'x-beenthere', 'x-loop')
_RESPONDERS = ('x-autoreply', 'x-autorespond', 'x-autoresponder', 'x-auto-reply-from', 'x-mail-autoreply', 'feedback-id')
_BULK = ('bulk', 'junk', 'list', 'auto_reply')
# Weak alone: a person may write it; with another sign it is an answer of a machine.
_AWAY = re.compile(
    r'\W*(?:re: ?)?(?:respuesta autom[aá]tica|automatic reply|auto(?:matic)?[ -]?(?:reply|response)|out of (?:the )?office|'
    r'fuera de (?:la )?oficina|estoy de vacaciones|(?:aviso|mensaje) de ausencia)', re.IGNORECASE)

_QMAIL = re.compile(r'hi\. this is the qmail-send program', re.IGNORECASE)
_QMAIL_RECIPIENT = re.compile(r'^<([^<>\s]{3,254})>:[ \t]*$', re.MULTILINE)
_COPIED_ID = re.compile(r'^message-id:[ \t]*(<[^<>\s]{1,250}>)', re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class Bounce:
    """One of our messages did not arrive. `message_id` is ours, '' when the notification does not say; permanent False: it is late only."""

    message_id: str
    recipient: str
    diagnostic: str
    permanent: bool


def automatic_sign(message: Part, envelope_sender: str | None, sender: str, sender_name: str, subject: str) -> str | None:
    """The first sign that a machine wrote this, None when there is none. `envelope_sender` '' is the null sender, None is not known.

    X-Auto-Response-Suppress alone is no sign: Exchange puts it into letters of people, too.
    """
    return next(_signs(message, envelope_sender, sender, sender_name, subject), None)


def only_by_list(message: Part, envelope_sender: str | None, sender: str, sender_name: str, subject: str) -> bool:
    """Whether all that looks automatic is that a mailing list or a group passed it on: then a person may have written it."""
    ours = {f'{name} header' for name in _LISTS} | {'Precedence: list'}
    signs = set(_signs(message, envelope_sender, sender, sender_name, subject))
    return bool(signs) and signs <= ours


def _signs(message: Part, envelope_sender: str | None, sender: str, sender_name: str, subject: str) -> Iterator[str]:
    submitted = (message.first('auto-submitted') or 'no').partition(';')[0].strip().lower()
    if submitted not in ('no', ''):
        yield f'Auto-Submitted: {one_line(submitted)[:40]}'
    if envelope_sender == '' or (message.first('return-path') or '').strip() == '<>':
        yield 'no return address'
    if message.declared_type == 'multipart/report':
        yield 'a report of a mail server'
    if (precedence := (message.first('precedence') or '').strip().lower()) in _BULK:
        yield f'Precedence: {precedence}'
    for name in (*_RESPONDERS, *_LISTS):
        if message.first(name) is not None:
            yield f'{name} header'
    if sender.partition('@')[0] in _DAEMONS:
        yield f'sender {sender}'
    if _DAEMON_NAMES.search(sender_name):
        yield f'sender named {sender_name[:60]}'
    if is_away(subject) and (message.first('x-auto-response-suppress') is not None or message.first('in-reply-to') is not None):
        yield 'subject and headers of an automatic reply'


def is_spam(message: Part) -> bool:
    """Whether the site's mail server marked it as spam."""
    flag, status = (message.first('x-spam-flag') or '').strip().lower(), (message.first('x-spam-status') or '').strip().lower()
    return flag == 'yes' or status.startswith('yes')


def is_away(subject: str) -> bool:
    """Whether a subject reads like that of an automatic reply: a weak sign, for a person may write it."""
    return _AWAY.match(subject) is not None


def bounce_of(message: Part) -> Bounce | None:
    """What a delivery status notification tells (RFC 3464), or one in words; None when the message is none."""
    if message.declared_type != 'multipart/report':
        return _bounce_in_words(message)
    parts = tuple(message.walk())
    status = next((part for part in parts if part.declared_type == 'message/delivery-status'), None)
    if status is None:
        return None
    told = _fields(status.text)
    action = told.get('action', '').lower()
    code = told.get('status', '')
    named = (addresses(told.get(name, '').partition(';')[2]) for name in ('original-recipient', 'final-recipient'))
    recipient = next(filter(None, named), ())
    return Bounce(
        message_id=_original_id(message, parts), recipient=recipient[0] if recipient else '',
        diagnostic=one_line(decoded(told.get('diagnostic-code') or f'{action} {code}'))[:MAX_DIAGNOSTIC],
        permanent=action == 'failed' or (not action and code.startswith('5')))


def _bounce_in_words(message: Part) -> Bounce | None:
    """What qmail, and Exim before reports, say of a message that is given up: a text, and below it a copy."""
    failed = addresses(message.first('x-failed-recipients') or '')
    text = '\n'.join(part.text[:32_000] for part in message.walk() if part.declared_type == 'text/plain')[:64_000].lstrip()
    if not failed and not _QMAIL.match(text):
        return None
    copied, named = _COPIED_ID.search(text), _QMAIL_RECIPIENT.search(text)
    return Bounce(
        message_id=copied.group(1) if copied else _original_id(message, tuple(message.walk())),
        recipient=failed[0] if failed else named.group(1).lower() if named else '',
        diagnostic=one_line(text[named.end():] if named else text)[:MAX_DIAGNOSTIC], permanent=True)


def _fields(text: str) -> dict[str, str]:
    """The fields of all blocks of a delivery status; of the same name the first one that fails counts, else the first."""
    blocks = [_block(block) for block in text[:64_000].replace('\r', '').split('\n\n')]
    recipients = [block for block in blocks if 'final-recipient' in block or 'action' in block]
    failed = [block for block in recipients if block.get('action', '').lower() == 'failed']
    return (failed or recipients or [{}])[0]


def _block(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in re.sub(r'\n[ \t]+', ' ', text).split('\n'):
        name, colon, value = line.partition(':')
        if colon:
            found.setdefault(name.strip().lower(), value.strip())
    return found


def _original_id(message: Part, parts: tuple[Part, ...]) -> str:
    """The Message-ID of the letter that did not arrive, from its copy or its headers."""
    for part in parts[1:]:
        for line in (part.first('message-id') or '', _block(part.text[:64_000]).get('message-id', '')
                     if part.declared_type == 'text/rfc822-headers' else ''):
            if found := message_ids(line):
                return found[0]
    answered = message_ids(message.first('in-reply-to') or '') + message_ids(message.first('references') or '')
    return answered[-1] if answered else ''
