"""What HylaFAX tells about a fax that came in, translated once: the hook's arguments, or what stands in the file itself. Pure."""
from __future__ import annotations

import re
from dataclasses import dataclass

_FIELDS = ('file', 'device', 'commid', 'reason', 'caller_number', 'caller_name', 'called_number')
_LONGEST = {'file': 64, 'device': 40, 'commid': 40, 'reason': 500, 'caller_number': 40, 'caller_name': 80, 'called_number': 40}
_STEM = re.compile(r'fax\d{1,20}')
_TOLD = re.compile(r'^\s*CallID([123]):\s*(.*?)\s*$', re.MULTILINE)
END, WHOLE = 'end=', 'end=EOP'                        # the hook's own word at the end: the sender said that this was the last page
TOO_MANY_PAGES = 'Maximum receive page count exceeded'     # how HylaFAX begins when it refuses a fax in the middle


@dataclass(frozen=True)
class Arrival:
    """One reception. Every text is somebody else's, cleaned; `reason` is what went wrong, '' when nothing did."""

    file: str                                          # 'fax000000170'
    device: str = ''
    commid: str = ''
    reason: str = ''
    caller_number: str = ''
    caller_name: str = ''
    called_number: str = ''


def is_stem(name: str) -> bool:
    """Whether HylaFAX names its files so."""
    return _STEM.fullmatch(name) is not None


def of_arguments(stem: str, raw: bytes) -> Arrival:
    """The hook's arguments, each ended by NUL: file, device, commid, reason, caller number, caller name, called number, end.

    Missing ones are ''; whatever a caller put into his name does no harm. `stem` names the file, whatever the first argument says.
    """
    told = [_clean(part) for part in raw.decode('utf-8', 'replace').removesuffix('\0').split('\0')]
    end = told.pop() if told[-1].startswith(END) else ''
    facts = dict(zip(_FIELDS, [*told, *[''] * len(_FIELDS)], strict=False))
    if end == WHOLE and facts['reason'].startswith(TOO_MANY_PAGES):
        facts['reason'] = ''                           # the page that reached the limit was the last one: nothing went wrong
    return _arrival(stem, facts)


def of_faxinfo(stem: str, told: str) -> Arrival:
    """What `faxinfo` says about a file whose hook never ran: numbers and name stand in the TIFF as well."""
    ids = dict(_TOLD.findall(told))
    facts = {'caller_number': ids.get('1', ''), 'caller_name': ids.get('2', ''), 'called_number': ids.get('3', '')}
    return _arrival(stem, {name: _clean(value) for name, value in facts.items()})


def _arrival(stem: str, facts: dict[str, str]) -> Arrival:
    facts |= {'file': stem}
    for name in ('caller_number', 'called_number'):
        facts[name] = re.sub(r'[^0-9+]', '', facts.get(name, ''))
    return Arrival(**{name: text[:_LONGEST[name]] for name, text in facts.items()})


def _clean(text: str) -> str:
    return ' '.join(''.join(c if c.isprintable() else ' ' for c in text).split())
