"""Passwords and codes: argon2id, and six digits that change every half minute (RFC 6238). Pure but for randomness."""
from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
from threading import BoundedSemaphore

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from desk.accounts.values import AccountError, LockedOut

SHORTEST = 10                                          # characters
LONGEST = 200                                          # argon2 would take more, and time with it
STEP_S = 30
_HASHER = PasswordHasher(time_cost=3, memory_cost=32 * 1024, parallelism=1)
_AT_WORK = BoundedSemaphore(3)                         # a crowd of wrong passwords must not take every thread of the desk
PATIENCE_S = 2.0
CROWDED_S = 5
# What is verified for a login that does not exist: its answer takes as long as any other.
_NOBODY = _HASHER.hash(secrets.token_urlsafe(16))


def as_typed(password: str) -> str:
    """A password however a keyboard composes its letters, and without the spaces that a form or a file leaves around it."""
    return unicodedata.normalize('NFC', password).strip()


def hashed(password: str) -> str:
    """The form in which a password is stored. Raises AccountError for one that is too short or too long."""
    password = as_typed(password)
    if not SHORTEST <= len(password) <= LONGEST:
        raise AccountError(f'a password has {SHORTEST} to {LONGEST} characters, not {len(password)}')
    return _HASHER.hash(password)


def fits(password: str, stored: str | None) -> bool:
    """Whether this is the password; None, for an account that is not there, takes as long and never fits. Raises LockedOut in a crowd."""
    if not _AT_WORK.acquire(timeout=PATIENCE_S):
        raise LockedOut(CROWDED_S)
    try:
        return _HASHER.verify(stored or _NOBODY, as_typed(password)[:LONGEST + 1]) and stored is not None
    except (VerificationError, InvalidHashError):
        return False
    finally:
        _AT_WORK.release()


def made_up() -> str:
    """A password for a person to change: easy to type, and more than 70 bits."""
    letters = 'abcdefghjkmnpqrstuvwxyz23456789'
    return '-'.join(''.join(secrets.choice(letters) for _ in range(5)) for _ in range(3))


def new_token() -> str:
    """A secret for a cookie or a program, 256 bits."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """The form in which a token is stored: who reads the database signs in nowhere."""
    return hashlib.sha256(token.encode('utf-8', 'replace')).hexdigest()


def csrf_of(token: str) -> str:
    """The word that a form of this session carries. It follows from the cookie, which another site cannot read."""
    return hmac.new(token.encode('utf-8', 'replace'), b'csrf', hashlib.sha256).hexdigest()


def new_totp_key() -> str:
    """A key for an authenticator application, base32."""
    return pyotp.random_base32()


def totp_address(key: str, login: str, site: str) -> str:
    """What an authenticator reads as a picture: otpauth://..."""
    return pyotp.TOTP(key).provisioning_uri(name=login, issuer_name=site)


def step_of_code(key: str, code: str, seconds: float) -> int | None:
    """The half minute (counted since 1970) to which a code belongs, one before and after included; None when it is wrong."""
    said = code.replace(' ', '')
    if not (said.isascii() and said.isdigit() and len(said) == 6):
        return None
    here = int(seconds // STEP_S)
    totp = pyotp.TOTP(key)
    return next((step for step in (here - 1, here, here + 1) if hmac.compare_digest(totp.at(step * STEP_S), said)), None)
