"""The table of what outbound calls cost. Times are UTC, numbers E.164, money exact, in MXN before taxes."""
from __future__ import annotations

from sqlalchemy import Column, Date, Index, Integer, String, Table, text

from storage.tables import metadata
from storage.types import Exact, UtcDateTime

DOUBTFUL = "purpose = 'unlinked' OR amount IS NULL"    # in the words of its index
UNTOLD = f'told_at IS NULL AND ({DOUBTFUL})'

outbound_ledger = Table(
    'outbound_ledger', metadata,
    Column('linkedid', String(160), primary_key=True),
    Column('position', Integer, primary_key=True),     # of the leg in the call
    Column('channel', String(160), nullable=False),    # of the trunk, by which Asterisk's CDR knows it
    Column('at', UtcDateTime, nullable=False),         # answered, else begun: decides tariff and month
    Column('seconds', Integer, nullable=False),
    Column('client', String(64)),                      # NULL: nobody's
    Column('folio', String(20)),
    Column('purpose', String(16), nullable=False),     # ledger.PURPOSES
    Column('number', String(40), nullable=False),      # '' when nobody knows it
    Column('destination', String(80), nullable=False),
    Column('charged_seconds', Integer, nullable=False),
    Column('amount', Exact),                           # NULL: no price is known
    Column('tariff', Date),                            # since when that tariff is in force
    Column('problem', String(16), nullable=False),     # why there is no price
    Column('rated_at', UtcDateTime, nullable=False),
    Column('told_at', UtcDateTime),                    # when the supervisors were told of it
    Column('statement', String(80)),                   # the issued statement on which it stands: from then on it never changes
    Index('outbound_ledger_of_client', 'client', 'at'),
    Index('outbound_ledger_by_time', 'at'),
    Index('outbound_ledger_doubtful', 'at', sqlite_where=text(DOUBTFUL), postgresql_where=text(DOUBTFUL)),
    Index('outbound_ledger_untold', 'at', sqlite_where=text(UNTOLD), postgresql_where=text(UNTOLD)),
)
