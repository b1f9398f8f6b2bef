"""Which folio a duplicate really repeats, and who reported the duplicates of one. For use inside a transaction."""
from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True)
class Reporter:
    """Who reported a duplicate, and under which number he knows it."""

    number: str
    user_name: str | None
    user_email: str


def reporters_of_duplicates(connection: Connection, number: str) -> tuple[Reporter, ...]:
    """Who reported a folio that was merged into this one, also through others; without those whose address is not known."""
    found: dict[str, Reporter | None] = {}
    originals = {number}
    while originals:
        rows = connection.execute(select(folios.c.number, folios.c.user_name, folios.c.user_email).where(
            folios.c.duplicate_of.in_(originals)).order_by(folios.c.id)).all()
        originals = {row.number for row in rows} - found.keys() - {number}
        found |= {row.number: Reporter(*row) if row.user_email else None for row in rows if row.number in originals}
    return tuple(reporter for reporter in found.values() if reporter)


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
