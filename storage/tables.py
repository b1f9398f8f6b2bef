"""The catalogue that every package's tables belong to."""
from __future__ import annotations

from sqlalchemy import MetaData

# Named constraints can be dropped by a later migration on either database.
metadata = MetaData(naming_convention={
    'ix': 'ix_%(table_name)s_%(column_0_N_name)s',
    'uq': 'uq_%(table_name)s_%(column_0_N_name)s',
    'ck': 'ck_%(table_name)s_%(constraint_name)s',
    'fk': 'fk_%(table_name)s_%(column_0_N_name)s',
    'pk': 'pk_%(table_name)s',
})
