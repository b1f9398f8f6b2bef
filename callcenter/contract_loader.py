"""Months of a help desk at once: calls with their legs, folios with their whole life, what we called back, faxes; for benches and tests.

The same seed gives the same rows. They are written past the slow path but not past its rules: numbers, counters, changes, due times and
rows that belong together are as if each had been lived through, and life goes on after them. Two clients of the site are its users; the
days have their usual shape, and what would happen after the last month has not happened yet.
"""
from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import text

from callcenter.bulk_rows import PATIENCE_S, Writer
from callcenter.contract_days import Days
from callcenter.contract_past import NUMBERED, TABLES, Past
from config.values import Site
from contracts.months import Month
from storage.engine import Database


@dataclass(frozen=True)
class Loaded:
    """What was stored: rows by table, and the months."""

    counts: Mapping[str, int]
    first: Month
    months: int


def load(db: Database, site: Site, *, seed: int = 1, first: Month = Month(2025, 9), months: int = 14, calls: int = 200_000,
         folios: int = 50_000, told: Callable[[str], object] = lambda said: None) -> Loaded:
    """Fill the books of a site. `calls` counts those that come in and those that we place; `told` hears how it goes.

    Raises ValueError for a site without two clients that callers can reach, or too few calls for so many folios.
    """
    writer = Writer(db, TABLES)
    past = Past(site, random.Random(seed), Days(site, first, months), writer)
    with db.read(PATIENCE_S) as connection:
        past.go_on_after(connection)
    past.live(folios)
    told(f'{folios} folios, {writer.counts["calls"]} calls')
    if calls - writer.counts['calls'] < 0:
        raise ValueError(f'{folios} folios take {writer.counts["calls"]} calls already, which is more than {calls}')
    past.more_calls(calls - writer.counts['calls'], told)
    writer.flush()
    with db.write(PATIENCE_S) as connection:
        past.leave(connection)
        if db.dialect == 'postgresql':
            for table in NUMBERED:
                connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), max(id)) FROM {table.name}"))
            connection.execute(text('ANALYZE'))        # which the server does by itself, a minute later
    told(', '.join(f'{count} {name}' for name, count in writer.counts.items()))
    return Loaded(dict(writer.counts), first, months)
