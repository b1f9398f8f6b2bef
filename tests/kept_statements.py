"""Issued statements put into the books by rows, as `Statements.issue` leaves them: a small one, told in hostile words."""
from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

from sqlalchemy import insert

from contracts.months import Month
from contracts.renderings.json_ import to_json
from contracts.statement import Statement
from contracts.statement_tables import statements
from storage.engine import Database
from tests.statement_sample import sample

ISSUED_AT = datetime(2026, 11, 3, 16, 0, tzinfo=UTC)


@cache
def small(client: str, month: str) -> Statement:
    """A statement of a few folios and calls."""
    made = sample(folios=4, calls=4)
    return replace(made, client=client, client_name=f'{client} <b>&', month=month, month_title=Month.parse(month).title,
                   issued_at=ISSUED_AT, issued_by='sara <i>')


def keep(db: Database, client: str, month: str, sha256: str = '') -> bytes:
    """Put it into the books; the canonical JSON, whose hash is kept unless another is given."""
    statement = small(client, month)
    body = to_json(statement)
    with db.write() as connection:
        connection.execute(insert(statements).values(
            client=client, month=month, sha256=sha256 or hashlib.sha256(body).hexdigest(), body=body.decode(), total=statement.total,
            issued_at=statement.issued_at, issued_by=statement.issued_by))
    return body
