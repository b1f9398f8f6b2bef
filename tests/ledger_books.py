"""Calls out in the books, for tests of the ledger: the rows that the call log would hold, and the prices of a site."""
from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import insert

from ami_listener.call_log import to_rate
from ami_listener.tables import call_legs, calls
from config.terms import Prices, Rate, Tariff
from config.values import Site
from storage.engine import Database
from ticketing.tables import outbound_calls

NOON = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)       # 12:00 in Mexico City
LOCAL = Rate('+52', 'México', Decimal('0.90'))
CAPITAL = Rate('+5255', 'Ciudad de México', Decimal('1.50'), connection=Decimal('0.35'))
PRICES = Prices((Tariff(date(2026, 1, 1), (LOCAL, CAPITAL)),))


def priced(site: Site, prices: Prices = PRICES) -> Site:
    """The site with these prices."""
    return replace(site, prices=prices)


def put_call(db: Database, linkedid: str, legs: list[dict[str, Any]], queued: bool = True, **facts: Any) -> None:
    """A call that is over, with its legs; 60 s from NOON on, as far as they do not say otherwise."""
    call: dict[str, Any] = {'linkedid': linkedid, 'direction': 'out', 'started': NOON, 'ended': NOON + timedelta(seconds=60),
                            'recorded': False, 'dialled': None, 'line': None, 'folio': None} | facts
    with db.write() as connection:
        connection.execute(insert(calls).values(call))
        for position, leg in enumerate(legs):
            connection.execute(insert(call_legs).values({'linkedid': linkedid, 'position': position} | leg))
        if queued:
            to_rate(connection, [linkedid])


def leg(channel: str, peer: str = '', seconds: int | None = 60, at: datetime = NOON, **facts: Any) -> dict[str, Any]:
    """A leg that was answered at once and talked for so long; None: nobody answered for 20 s."""
    talked = 0 if seconds is None else seconds
    ended = at + timedelta(seconds=20 if seconds is None else talked)
    return {'uniqueid': f'u-{channel}', 'channel': channel, 'peer': peer, 'application': 'Dial', 'started': at,
            'answered': None if seconds is None else at, 'ended': ended, 'duration_s': 20 if seconds is None else talked,
            'billsec_s': talked, 'disposition': 'NO ANSWER' if seconds is None else 'ANSWERED', 'dialled': None, 'taken': None} | facts


def place(db: Database, linkedid: str, kind: str, number: str, client: str = 'nopalera', folio_id: int | None = None) -> None:
    """A call of ours as it was stored before it was placed."""
    with db.write() as connection:
        connection.execute(insert(outbound_calls).values(
            linkedid=linkedid, kind=kind, owner_id=1, folio_id=folio_id, client=client, number=number, started_at=NOON, ended_at=NOON,
            outcome='answered'))
