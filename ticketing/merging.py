"""Which folio a duplicate really repeats. For use inside a transaction."""
from __future__ import annotations

from sqlalchemy import Connection, select

from ticketing.folio_rows import id_of
from ticketing.tables import folios
from ticketing.values import UnknownFolio


def target_of(connection: Connection, duplicate: str, into: str) -> str:
    """The number of what `into` is a duplicate of, or `into` itself, with it and the duplicate locked. Raises UnknownFolio.

    Rows are locked in the order of their ids, as everywhere: two who lock the same two folios never wait for each other. What became of
    the target before it was locked is for `rules.mergeable` to see.
    """
    id_of(connection, duplicate)
    target = _original(connection, into)
    connection.execute(select(folios.c.id).where(folios.c.number.in_((duplicate, target))).order_by(folios.c.id).with_for_update()).all()
    return target


def _original(connection: Connection, number: str) -> str:
    """Follow the chain of duplicates to its end, which a merge cannot make a circle: what is cancelled never becomes a target."""
    seen = {number}
    while (further := _duplicate_of(connection, number)) is not None and further not in seen:
        seen.add(further)
        number = further
    return number


def _duplicate_of(connection: Connection, number: str) -> str | None:
    row = connection.execute(select(folios.c.duplicate_of).where(folios.c.number == number)).first()
    if row is None:
        raise UnknownFolio(f'there is no folio {number}')
    return None if row.duplicate_of is None else str(row.duplicate_of)
