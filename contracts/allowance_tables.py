"""The table of alerts about allowances. Times are UTC."""
from __future__ import annotations

from sqlalchemy import Column, Integer, String, Table

from storage.tables import metadata
from storage.types import UtcDateTime

# Written in the transaction that puts the letters into the outbox: each threshold is told once a month (mission.md 7.1).
allowance_alerts = Table(
    'allowance_alerts', metadata,
    Column('client', String(64), primary_key=True),
    Column('modality', String(16), primary_key=True),
    Column('month', String(7), primary_key=True),                         # '2026-10', of the site's zone
    Column('threshold', Integer, primary_key=True),                       # percent: 80, 100, 105
    Column('requests', Integer, nullable=False),                          # as they were then
    Column('allowance', Integer, nullable=False),
    Column('at', UtcDateTime, nullable=False),
)
