"""The words that a folio is found by: without accents, letter case and the endings of plural and gender. Pure.

Both databases store what these functions make, so that the same words find the same folios in both, and nothing that a person types is ever
read as a query's syntax: a word is letters and digits.
"""
from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

LONGEST = 40                                           # characters of a word; what follows is not looked at
MOST = 3_000                                           # words of one folio
MOST_ASKED = 8                                         # of one search
PASSAGE = 160                                          # characters of a text that show where the words stand
INTERNAL = 'n_'                                        # before a word that stands in internal texts alone
CLIENT = 'c_'                                          # before the client's key; no word of a text has an underscore

_WORD = re.compile(r'[^\W_]+')
# What stands in almost every sentence and tells nothing about it; without accents.
_SMALL = frozenset({
    'a', 'al', 'algo', 'ante', 'con', 'como', 'cuando', 'cual', 'de', 'del', 'desde', 'donde', 'e', 'el', 'ella', 'ellas', 'ellos',
    'en', 'entre', 'era', 'es', 'esa', 'ese', 'eso', 'esta', 'estan', 'estas', 'este', 'esto', 'estos', 'fue', 'ha', 'hay', 'la',
    'las', 'le', 'les', 'lo', 'los', 'mas', 'me', 'mi', 'mis', 'muy', 'nos', 'o', 'para', 'pero', 'por', 'porque', 'que', 'se',
    'ser', 'si', 'sin', 'sobre', 'son', 'su', 'sus', 'tambien', 'te', 'tiene', 'un', 'una', 'uno', 'unos', 'y', 'ya', 'yo'})


@dataclass(frozen=True)
class Word:
    """A word of a text as it is looked for, and where it stands in the text."""

    stem: str
    start: int
    end: int


def plain(text: str) -> str:
    """The text with each accented letter in one character, as `words_in` counts its places."""
    return text if text.isascii() else unicodedata.normalize('NFC', text)


def words_in(text: str) -> Iterator[Word]:
    """The words of a text that `plain` has made, small words left out."""
    for found in _WORD.finditer(text):
        word = _looked_for(found[0])
        if word is not None:
            yield Word(word, found.start(), found.end())


def stems(text: str) -> tuple[str, ...]:
    """The words to look for in what a person typed, each once."""
    return tuple(dict.fromkeys(word.stem for word in words_in(plain(text))))[:MOST_ASKED]


def stem(word: str) -> str:
    """A folded word without the ending of plural or gender: 'cajas' and 'caja', 'luces' and 'luz', 'usuaria' and 'usuario' are one."""
    if len(word) < 4 or not word.isalpha():
        return word
    if word.endswith('es') and len(word) > 4:
        return _with_z(word[:-2])
    if word.endswith(('os', 'as')):
        word = word[:-1]
    if word.endswith('e') and len(word) > 3:
        return _with_z(word[:-1])
    return word[:-1] if word.endswith(('o', 'a')) and len(word) > 4 else word


def _with_z(word: str) -> str:
    return word[:-1] + 'z' if word.endswith('c') else word


def document(client: str, told: Iterable[str | None], internal: Iterable[str | None]) -> tuple[str, ...]:
    """The words of a folio: the client, those of the texts that the client may read, and those of internal texts alone."""
    public = _distinct(told, MOST)
    known = set(public)
    hidden = [word for word in _distinct(internal, MOST - len(public)) if word not in known]
    return client_word(client), *public, *(INTERNAL + word for word in hidden)


def client_word(client: str) -> str:
    """The word that every folio of a client has, and that nobody can type."""
    return CLIENT + re.sub('[^a-z0-9-]', '-', client.lower())


def passage(text: str, wanted: Sequence[str]) -> tuple[tuple[str, bool], ...]:
    """The part of a text around the first of the wanted stems, in pieces; True: a piece that was looked for."""
    text = ' '.join(plain(text).split())
    places = [word for word in words_in(text) if word.stem in wanted]
    first = places[0].start if places else 0
    begin = max(0, min(first - PASSAGE // 3, len(text) - PASSAGE))
    end = min(len(text), begin + PASSAGE)
    pieces: list[tuple[str, bool]] = [('…', False)] if begin else []
    at = begin
    for word in places:
        if word.end <= end:
            pieces += [(text[at:word.start], False), (text[word.start:word.end], True)]
            at = word.end
    pieces += [(text[at:end], False), ('…' if end < len(text) else '', False)]
    return tuple(piece for piece in pieces if piece[0])


def _distinct(texts: Iterable[str | None], most: int) -> list[str]:
    found: dict[str, None] = {}
    for text in texts:
        for written in _WORD.findall(plain(text or '')):
            word = _looked_for(written)
            if len(found) >= most:
                return list(found)
            if word is not None:
                found[word] = None
    return list(found)


@lru_cache(20_000)
def _looked_for(written: str) -> str | None:
    """A word as it is looked for; None when it is too small."""
    folded = _folded(written[:LONGEST])
    if not folded or folded in _SMALL or (len(folded) == 1 and not folded.isdigit()):
        return None
    return stem(folded)


def _folded(word: str) -> str:
    if word.isascii():
        return word.lower()
    letters = unicodedata.normalize('NFKD', word.casefold())
    return ''.join(letter for letter in letters if letter.isalnum())[:LONGEST]
