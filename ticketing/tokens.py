"""Unguessable words that tie a letter or a link to its folio."""
from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

ADDRESS_CHARACTERS = 12                                # 60 bits: guessing goes through the mail, and is counted


def address_token(key: str, number: str) -> str:
    """The word in `mesa+NUMBER.TOKEN@domain` that proves that we made the address; small letters and digits."""
    digest = hmac.new(key.encode(), f'folio {number}'.encode(), hashlib.sha256).digest()
    return base64.b32encode(digest).decode().lower()[:ADDRESS_CHARACTERS]


def fits(key: str, number: str, token: str) -> bool:
    """Whether the word is this folio's, compared in constant time."""
    return hmac.compare_digest(address_token(key, number).encode(), token.lower().encode())


def new_page_token() -> str:
    """A one-time word for a link; only its digest is stored."""
    return secrets.token_urlsafe(24)


def digest_of(token: str) -> str:
    """What is stored of a one-time word."""
    return hashlib.sha256(token.encode()).hexdigest()
