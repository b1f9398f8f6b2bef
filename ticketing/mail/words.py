"""Words of a message: character sets, encoded words, addresses, and text that is safe to store and to show. Pure, never raises."""
from __future__ import annotations

import re
from binascii import Error
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header
from email.utils import parsedate_to_datetime

MAX_ENCODED = 4096                                     # characters of a header whose encoded words are decoded
MAX_TITLE = 120
MAX_ADDRESSES = 200

# By list, because Python also knows codecs that are no character sets, and some (punycode) take quadratic time.
_CHARSET = re.compile(
    r'(us-?)?ascii|utf-?(8|16|16le|16be|16-le|16-be|32)|iso[-_]?8859[-_]?\d{1,2}|latin-?\d{1,2}|(windows|cp)-?\d{3,5}|koi8-?[ru]|'
    r'gb(2312|k|18030)|big5|euc-?(jp|kr)|shift[_-]?jis|iso-2022-(jp|kr)|mac-?roman|macintosh|tis-620|ansi_x3\.4-19\d\d', re.ASCII)
# What programs mean when they say this.
_SAID_FOR = {'iso-8859-1': 'cp1252', 'latin1': 'cp1252', 'us-ascii': 'utf-8', 'ascii': 'utf-8'}
# Control characters break what shows them (and PostgreSQL refuses NUL); direction marks make one name look like another.
_CONTROL = re.compile('[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufffe\uffff]')
_DIRECTION = re.compile('[\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]')
_ADDRESS = re.compile(r'(?<![^\s<,;:"\'(])([^\s<>()\[\]",;:@\\]{1,64}@[^\W_](?:[\w.-]{0,187}\w)?)(?![\w@-])')
_LINE_BREAKS = re.compile(r'\s+')


def as_text(data: bytes, charset: str) -> str:
    """Bytes in a declared character set; an unknown or wrong one falls back to UTF-8, then to Windows' Latin-1."""
    name = charset.strip().strip('"\'').lower()
    for tried in (_SAID_FOR.get(name, name) if _CHARSET.fullmatch(name) else 'utf-8', 'utf-8'):
        try:
            return data.decode(tried)
        except (UnicodeError, LookupError):
            continue
    return data.decode('cp1252', 'replace')


def decoded(value: str) -> str:
    """A header with its encoded words read (RFC 2047), on one line, without control characters."""
    head = value[:MAX_ENCODED]
    if '=?' not in head:
        return one_line(value)
    try:
        chunks = decode_header(head)
    except (HeaderParseError, Error, ValueError):
        return one_line(value)
    words = ''.join(chunk if isinstance(chunk, str) else as_text(chunk, charset or 'utf-8') for chunk, charset in chunks)
    return one_line(words + value[MAX_ENCODED:])


def clean(text: str) -> str:
    """Text without control characters except line ends and tabs."""
    return _CONTROL.sub('', text.replace('\r\n', '\n').replace('\r', '\n').replace('\f', '\n').replace('\v', '\n'))


def one_line(text: str) -> str:
    """Text on one line, without control characters and direction marks."""
    return _LINE_BREAKS.sub(' ', _DIRECTION.sub('', clean(text))).strip()


def safe_title(name: str | None, number: int) -> str:
    """A file's name for showing: its last path component, on one line; 'adjunto-N' without one."""
    last = one_line(decoded(name or '')).replace('\\', '/').rsplit('/', 1)[-1].strip(' .')
    return re.sub(r'[<>:"|?*]', '_', last)[-MAX_TITLE:] or f'adjunto-{number}'


def addresses(value: str) -> tuple[str, ...]:
    """The e-mail addresses in a header, lower case, in order; text that only looks like one in a display name may be among them."""
    bare = re.sub(r'"[^"]*"', ' ', value)
    found = [match.group(1).lower() for match in _ADDRESS.finditer(bare)]
    return tuple(dict.fromkeys(address for address in found[:MAX_ADDRESSES] if '..' not in address))


def mailbox(value: str) -> tuple[str, str]:
    """(address, display name) of a header that names one person; the address in angle brackets counts. '' for what is missing."""
    bracketed = re.search(r'<([^<>]{1,320})>\s*$', value.strip())
    found = addresses(bracketed.group(1)) if bracketed else addresses(value)
    name = decoded(value[:value.rfind('<')] if bracketed else ' '.join(re.findall(r'\(([^()]*)\)', value))).strip(' "')
    return (found[0] if found else '', name[:200])


def message_ids(value: str) -> tuple[str, ...]:
    """The message ids in a header, with their angle brackets, in order."""
    return tuple(dict.fromkeys(re.findall(r'<[^<>\s]{1,250}>', value)))


def moment(value: str) -> datetime | None:
    """The instant of a Date header in UTC; None when it makes no sense."""
    try:
        told = parsedate_to_datetime(value[:200])
        return (told if told.tzinfo else told.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
