"""The tables of accounts. Times are UTC, of the machine's clock: nobody stops it, and a session must end."""
from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from storage.tables import metadata
from storage.types import RowId, UtcDateTime

desk_users = Table(
    'desk_users', metadata,
    Column('login', String(64), primary_key=True),
    Column('name', String(200), nullable=False),
    Column('role', String(16), nullable=False),                           # values.Role
    Column('client', String(64)),                                         # of a contact
    Column('password', String(200), nullable=False),                      # argon2id
    Column('totp_key', String(64)),                                       # base32; NULL: a password is enough
    Column('totp_last', Integer),                                         # the last code's half minute: none serves twice
    Column('created_at', UtcDateTime, nullable=False),
    Column('changed_at', UtcDateTime, nullable=False),
    Column('disabled_at', UtcDateTime),
)

desk_sessions = Table(
    'desk_sessions', metadata,
    Column('id', RowId, primary_key=True, autoincrement=True),
    Column('token_sha256', String(64), nullable=False, unique=True),
    Column('login', String(64), ForeignKey('desk_users.login'), nullable=False),
    Column('address', String(64), nullable=False),
    Column('created_at', UtcDateTime, nullable=False),
    Column('seen_at', UtcDateTime, nullable=False),
    Column('ended_at', UtcDateTime),
    Index('desk_sessions_of_user', 'login'),
    Index('desk_sessions_by_time', 'created_at'),
)

# Wrong tries in a row, by what was tried and by where they came from.
desk_tries = Table(
    'desk_tries', metadata,
    Column('key', String(160), primary_key=True),
    Column('failures', Integer, nullable=False),
    Column('last_at', UtcDateTime, nullable=False),
)

desk_audit = Table(
    'desk_audit', metadata,
    Column('id', RowId, primary_key=True, autoincrement=True),
    Column('at', UtcDateTime, nullable=False),
    Column('login', String(64), nullable=False),
    Column('address', String(64), nullable=False),
    Column('what', String(40), nullable=False),
    Column('detail', Text, nullable=False),
    Index('desk_audit_by_time', 'at'),
    Index('desk_audit_of_user', 'login', 'at'),
)

api_tokens = Table(
    'api_tokens', metadata,
    Column('id', RowId, primary_key=True, autoincrement=True),
    Column('token_sha256', String(64), nullable=False, unique=True),
    Column('name', String(64), nullable=False, unique=True),              # what uses it; stands in timelines as who did it
    Column('role', String(16), nullable=False),
    Column('client', String(64)),                                         # whose data alone it sees
    Column('created_at', UtcDateTime, nullable=False),
    Column('expires_at', UtcDateTime),
    Column('used_at', UtcDateTime),                                       # to the day
    Column('revoked_at', UtcDateTime),
)
