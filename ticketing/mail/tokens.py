"""Unguessable words that tie a letter or a link to its folio; made of the instance's key, so nothing is stored that could be stolen."""
from __future__ import annotations

import base64
import hashlib
import hmac

ADDRESS_CHARACTERS = 12                                # 60 bits: guessing goes through the mail, and is counted
PAGE_CHARACTERS = 26                                   # 130 bits


def address_token(key: str, number: str) -> str:
    """The word in `mesa+NUMBER.TOKEN@domain` that proves that we made the address; small letters and digits."""
    return _word(key, f'folio {number}', ADDRESS_CHARACTERS)


def page_token(key: str, close_call_id: int) -> str:
    """The word in the link `/c/ID.TOKEN` of a confirmation (mission.md 4.7); that it serves once is for the close call's state to say."""
    return _word(key, f'close call {close_call_id}', PAGE_CHARACTERS)


def same(token: str, expected: str) -> bool:
    """Whether two words are the same, compared in constant time."""
    return hmac.compare_digest(token.lower().encode(), expected.encode())


def _word(key: str, about: str, characters: int) -> str:
    return base64.b32encode(hmac.new(key.encode(), about.encode(), hashlib.sha256).digest()).decode().lower()[:characters]
