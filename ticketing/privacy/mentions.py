"""How a person is named in texts: finding the name, addresses and telephones, however they are spelled, and taking them out. Pure."""
from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any

ERASED = '[suprimido]'
ESCAPE = '~'                                           # not the backslash, which stands in JSON
SHORTEST_NUMBER = 3                                    # characters of an employee number that is looked for inside texts
KEPT_DIGITS = 3                                        # of a telephone: its region, which the outbound calls are rated by
_GAP = r'[\s().\-\u00a0\u2010-\u2013]*'
_BETWEEN = r'[\s,]+'
_VARIANTS = {'a': 'aáàäâã', 'e': 'eéèëê', 'i': 'iíìïî', 'o': 'oóòöôõ', 'u': 'uúùüû', 'n': 'nñ', 'c': 'cç'}


@dataclass(frozen=True)
class Mentions:
    """What a person is called. `names` have two words or more: a first name alone says nothing. `telephones` are E.164."""

    names: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()
    telephones: frozenset[str] = frozenset()
    employee_number: str | None = None                 # looked for only where it can be nothing else
    _found: re.Pattern[str] | None = field(init=False, repr=False, compare=False)
    _numbers: re.Pattern[str] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        words = [_name(name) for name in sorted(self.names) if len(name.split()) > 1]
        words += [rf'(?<![\w.+-]){re.escape(email)}(?![\w-])' for email in sorted(self.emails)]
        object.__setattr__(self, '_found', re.compile('|'.join(words), re.IGNORECASE) if words else None)
        digits = [_spaced(local_digits(number)) for number in sorted(self.telephones)]
        object.__setattr__(self, '_numbers', re.compile(rf'(?:{"|".join(digits)})(?!\d)') if digits else None)

    def redact(self, text: str) -> str:
        """The text without the person; telephones keep their region and their length."""
        if self._found is not None:
            text = self._found.sub(ERASED, unicodedata.normalize('NFC', text) if not text.isascii() else text)
        return self._numbers.sub(_masked, text) if self._numbers is not None else text

    def redact_own(self, text: str) -> str:
        """The same for a text that is about the person, where the employee number cannot be anything else."""
        text = self.redact(text)
        if self.employee_number and len(self.employee_number) >= SHORTEST_NUMBER:
            text = re.sub(rf'(?<!\w){re.escape(self.employee_number)}(?!\w)', ERASED, text)
        return text

    def redact_json(self, value: Any) -> Any:
        """The same for the texts of a JSON value."""
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, list):
            return [self.redact_json(one) for one in value]
        return {key: self.redact_json(one) for key, one in value.items()} if isinstance(value, dict) else value

    def in_text(self, text: str) -> bool:
        """Whether the text names the person."""
        return self.redact(text) != (unicodedata.normalize('NFC', text) if not text.isascii() else text)

    def in_identity(self, message_id: str) -> bool:
        """Whether a Message-ID is made of an address of the person."""
        return any(email in message_id.casefold() for email in self.emails) or self.in_text(message_id)

    def needles(self) -> tuple[str, ...]:
        """Patterns of LIKE, letter case aside, one of which fits every text that names the person as people write; `redact` decides.

        The escape is ESCAPE.
        """
        apart = tuple(f'%{"%".join(local_digits(number))}%' for number in sorted(self.telephones))
        return self.word_needles() + apart

    def word_needles(self) -> tuple[str, ...]:
        """The same for the names and addresses alone."""
        return tuple(f'%{_escaped(word)}%' for word in self._words())

    def json_needles(self) -> tuple[str, ...]:
        """The same for a JSON column, whose text has an escape for each letter that is not ASCII."""
        return tuple(f'%{_escaped(json.dumps(word)[1:-1])}%' for word in self._words()) + self.number_needles()

    def number_needles(self) -> tuple[str, ...]:
        """The same for the telephones alone, as machines write them."""
        return tuple(f'%{local_digits(number)}%' for number in sorted(self.telephones))

    def _words(self) -> list[str]:
        return sorted({spelling for name in self.names if len(name.split()) > 1 for spelling in _spellings(name)} | self.emails)


def masked(number: str) -> str:
    """A telephone without its last digits: '+525555550101' becomes '+52555xxxxxxx'."""
    local = local_digits(number)
    return number.replace(local, local[:KEPT_DIGITS] + 'x' * (len(local) - KEPT_DIGITS)) if local else number


def local_digits(number: str) -> str:
    """The digits that stand in every spelling of an E.164 number: the ten of Mexico, all of them of another country."""
    return number.removeprefix('+52') if number.startswith('+52') and len(number) == 13 else number.removeprefix('+')


def _masked(found: re.Match[str]) -> str:
    seen = 0
    masked_ = []
    for character in found[0]:
        seen += character.isdigit()
        masked_.append('x' if character.isdigit() and seen > KEPT_DIGITS else character)
    return ''.join(masked_)


def _name(name: str) -> str:
    words = [''.join(_letter(letter) for letter in word) for word in unicodedata.normalize('NFC', name).split()]
    return rf'(?<!\w){_BETWEEN.join(words)}(?!\w)'


def _letter(letter: str) -> str:
    base = _without_accents(letter).casefold()
    return f'[{_VARIANTS[base]}]' if base in _VARIANTS else re.escape(letter)


def _spaced(digits: str) -> str:
    return _GAP.join(digits)


def _spellings(name: str) -> set[str]:
    """The name as written, and without accents; in either letter case, since SQLite knows only that of ASCII."""
    first = ' '.join(unicodedata.normalize('NFC', name).split())
    return {spelling for text in (first, _without_accents(first)) for spelling in (text, text.upper(), text.lower())}


def _without_accents(text: str) -> str:
    return ''.join(c for c in unicodedata.normalize('NFKD', text) if not unicodedata.combining(c))


def _escaped(text: str) -> str:
    for special in (ESCAPE, '%', '_'):
        text = text.replace(special, ESCAPE + special)
    return text
