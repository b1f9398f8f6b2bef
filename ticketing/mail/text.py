"""The words that a person wrote in an e-mail: HTML to text, quoted letters cut off, whether it only says thanks. Pure, linear."""
from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from html import unescape

from ticketing.mail.words import clean

MAX_HTML = 1024 * 1024                                 # characters of HTML that are read
MAX_TEXT = 100_000                                     # characters of text that are kept
THANKS_WORDS = 25                                      # a longer letter says more than thanks

_UNSEEN = ('script', 'style', 'head', 'title', 'template', 'svg', 'noscript', 'object', 'iframe', 'textarea', 'select')
_BREAKS = {'br', 'p', 'div', 'tr', 'li', 'ul', 'ol', 'table', 'blockquote', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'hr', 'pre'}
_NAME = re.compile(r'</?([a-zA-Z][a-zA-Z0-9]{0,20})')
_HUGE_REFERENCE = re.compile(r'&#[xX]?[0-9a-fA-F]{8,};?')

# How mail programs introduce the letter that is answered: Gmail, Apple, Outlook, Thunderbird, Yahoo; Spanish and English.
_INTRODUCTION = re.compile(
    r'(?:el .{3,150}(?:escribi[oó]|escribe)|on .{3,150}wrote|.{3,150}<[^<>\s]{3,100}> (?:escribi[oó]|wrote)) ?:', re.IGNORECASE)
_RULE = re.compile(r'-{2,} ?(?:mensaje original|original message|mensaje reenviado|forwarded message) ?-{2,}|_{20,}', re.IGNORECASE)
_FIELDS = (
    re.compile(r'\*?(?:de|from) ?:\*? ?\S', re.IGNORECASE),
    re.compile(r'\*?(?:enviad[oa](?: el)?|fecha|sent|date) ?:\*?', re.IGNORECASE))
_FORWARDED = re.compile(r'\W*(?:rv|fwd?|reenv(?:iado|[ií]o)?|tr) ?:', re.IGNORECASE)
_SIGNATURE = re.compile(r'-- ?|(?:enviado|sent|obtener|get) (?:desde|from|outlook) .{0,60}', re.IGNORECASE)

_THANKS = frozenset({'gracias', 'agradezco', 'agradecido', 'agradecida', 'agradecemos', 'thanks', 'thank', 'grax', 'thx'})
_MORE = frozenset({
    'no', 'ni', 'pero', 'sin', 'tampoco', 'nada', 'nunca', 'mal', 'peor', 'aun', 'todavia', 'excepto', 'salvo', 'sigue', 'siguen', 'sigo',
    'seguimos', 'continua', 'persiste', 'falla', 'fallo', 'fallando', 'error', 'errores', 'problema', 'problemas', 'otra', 'otro',
    'nuevamente', 'vuelve', 'volvio', 'volvieron', 'regreso', 'cuando', 'como', 'porque', 'favor', 'necesito', 'necesitamos', 'puede',
    'pueden', 'podria', 'podrian', 'quiero', 'revisar', 'revisen', 'ademas', 'tambien', 'but', 'not', 'still', 'again', 'please', 'need',
    'problem', 'issue', 'cannot'})


def html_to_text(html: str) -> str:
    """The words of an HTML text, one line a block. Scripts, styles and comments are dropped, nothing is fetched or executed."""
    words = ''.join(_pieces(html[:MAX_HTML]))
    lines = (re.sub(r'[ \t\xa0]+', ' ', line).strip() for line in clean(words).split('\n'))
    return _few_blank_lines('\n'.join(lines))


def _pieces(html: str) -> Iterator[str]:
    """Text and line ends, in one pass: every search goes on where the last one ended."""
    lower = html.lower()
    if len(lower) != len(html):
        lower = html                                   # a letter whose small form is longer would shift all places
    position = 0
    while position < len(html):
        begin = html.find('<', position)
        yield _plain(html[position:begin if begin >= 0 else len(html)])
        if begin < 0:
            return
        if html.startswith('<!--', begin):
            position = _after(html, '-->', begin + 4)
            continue
        found = _NAME.match(html, begin)
        if found is None and html[begin + 1:begin + 2] not in ('!', '?', '/'):
            yield '<'
            position = begin + 1
            continue
        name = found.group(1).lower() if found else ''
        position = _after(html, '>', begin)
        if name in _UNSEEN and html[begin + 1] != '/':
            position = _after(html, '>', _after(lower, f'</{name}', position) - 1)
        elif name in _BREAKS:
            yield '\n'
        elif name == 'td':
            yield ' '


def _after(text: str, mark: str, since: int) -> int:
    """The place after the next `mark`; the end of the text when there is none."""
    found = text.find(mark, since)
    return len(text) if found < 0 else found + len(mark)


def _plain(text: str) -> str:
    if not text:
        return ''
    # Python refuses to convert numbers of thousands of digits, with an error.
    return unescape(_HUGE_REFERENCE.sub('\ufffd', re.sub(r'[\r\n\t ]+', ' ', text)))


def tidy(text: str) -> str:
    """Text as it is kept: no control characters, no more than two blank lines together, no longer than MAX_TEXT."""
    short = _few_blank_lines('\n'.join(line.rstrip() for line in clean(text[:2 * MAX_TEXT]).split('\n')))
    return short if len(short) <= MAX_TEXT else short[:MAX_TEXT] + '\n[…]'


def _few_blank_lines(text: str) -> str:
    return re.sub(r'\n{3,}', '\n\n', text).strip()


def fresh_part(text: str) -> str:
    """What was written now, without the letter that is answered below it; all of it when something was written between the quoted lines.

    Call it for answers only: in a letter that is passed on, what follows the introduction is the point.
    """
    lines = text.split('\n')
    for place in range(len(lines)):
        if _begins_quote(lines, place):
            return _above(lines, place)
    return _few_blank_lines('\n'.join(line for line in lines if not line.startswith('>'))) if _quoted_at_end(lines) else text


def passed_on(subject: str) -> bool:
    """Whether a letter passes another one on, as its subject says."""
    return _FORWARDED.match(subject) is not None


def _begins_quote(lines: list[str], place: int) -> bool:
    line = lines[place].strip()
    if _RULE.fullmatch(line) or _INTRODUCTION.fullmatch(line[:400]):
        return True
    joined = f'{line} {lines[place + 1].strip()}' if place + 1 < len(lines) else ''      # broken in two by the program
    if joined and len(joined) < 400 and _INTRODUCTION.fullmatch(joined) and line.lower().startswith(('el ', 'on ')):
        return True
    return bool(_FIELDS[0].match(line)) and any(_FIELDS[1].match(later.strip()) for later in lines[place + 1:place + 4])


def _above(lines: list[str], place: int) -> str:
    """The lines above an introduction; everything when an answer stands among or below the quoted lines."""
    above = _few_blank_lines('\n'.join(lines[:place]))
    below = [line.strip() for line in lines[place + 1:]]
    quoted = [number for number, line in enumerate(below) if line.startswith('>')]
    own = [line for line in below[quoted[0]:] if line and not line.startswith('>')] if quoted else []
    return above if above and not own else '\n'.join(lines)


def _quoted_at_end(lines: list[str]) -> bool:
    """Whether all quoted lines stand together at the end."""
    marks = [line.startswith('>') for line in lines if line.strip()]
    return True in marks and all(marks[marks.index(True):]) and not all(marks)


def is_thanks(text: str) -> bool:
    """Whether a letter says no more than thank you: such a one does not reopen a folio (mission.md 4.8).

    In doubt it says more: a person who looks in vain costs less than a failure that nobody hears of.
    """
    words = _words(_without_signature(text))
    return 0 < len(words) <= THANKS_WORDS and '?' not in text and bool(_THANKS & set(words)) and not _MORE & set(words)


def _without_signature(text: str) -> str:
    lines = text.split('\n')
    ends = (number for number, line in enumerate(lines) if _SIGNATURE.fullmatch(line.strip()))
    return '\n'.join(lines[:next(ends, len(lines))])


def _words(text: str) -> list[str]:
    flat = unicodedata.normalize('NFD', text[:4000].lower())
    return re.findall(r'[a-z0-9]+', ''.join(letter for letter in flat if not unicodedata.combining(letter)))
