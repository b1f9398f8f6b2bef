"""Instants in the database."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, insert, select
from sqlalchemy.exc import StatementError

from storage.engine import Database
from storage.types import UtcDateTime, utc_text

instants = Table('instants', MetaData(), Column('id', Integer, primary_key=True), Column('at', UtcDateTime))
aware = st.datetimes(min_value=datetime(1000, 1, 2), max_value=datetime(9999, 12, 30),                    # noqa: DTZ001
                     timezones=st.sampled_from([UTC, ZoneInfo('America/Tijuana'), timezone(timedelta(hours=14))]))


@pytest.fixture
def table(db: Database):
    with db.write() as connection:
        instants.create(connection)
    return db


@pytest.mark.parametrize('moment', [
    datetime(2026, 11, 24, 16, 0, tzinfo=UTC),
    datetime(2026, 11, 1, 1, 30, 0, 1, tzinfo=ZoneInfo('America/Tijuana')),              # before the clocks go back
    datetime(2026, 11, 1, 1, 30, 0, 1, tzinfo=ZoneInfo('America/Tijuana'), fold=1),      # the same wall time an hour later
])
def test_an_instant_comes_back_as_the_same_instant_in_utc(table: Database, moment: datetime) -> None:
    with table.write() as connection:
        connection.execute(insert(instants).values(at=moment))
        back = connection.scalar(select(instants.c.at))
    assert back.tzinfo is UTC
    assert back.astimezone(UTC).isoformat() == moment.astimezone(UTC).isoformat()


def test_a_naive_time_is_refused(table: Database) -> None:
    naive = datetime(2026, 11, 24, 16, 0)                                                 # noqa: DTZ001
    with pytest.raises(StatementError, match='no time zone'), table.write() as connection:
        connection.execute(insert(instants).values(at=naive))


def test_no_instant_stays_none_and_instants_sort_and_compare_in_the_database(table: Database) -> None:
    noon = datetime(2026, 6, 1, 12, tzinfo=ZoneInfo('America/Mexico_City'))
    with table.write() as connection:
        connection.execute(insert(instants), [
            {'id': 1, 'at': noon}, {'id': 2, 'at': noon.astimezone(UTC) - timedelta(microseconds=1)}, {'id': 3, 'at': None}])
        ordered = list(connection.scalars(select(instants.c.id).where(instants.c.at.is_not(None)).order_by(instants.c.at)))
        until_noon = list(connection.scalars(select(instants.c.id).where(instants.c.at < noon)))
        assert connection.scalar(select(instants.c.at).where(instants.c.id == 3)) is None
    assert ordered == [2, 1]
    assert until_noon == [2]


@given(aware, aware)
def test_text_order_is_time_order(one: datetime, other: datetime) -> None:
    one, other = one.astimezone(UTC), other.astimezone(UTC)
    assert (utc_text(one) < utc_text(other)) == (one < other)
    assert datetime.fromisoformat(utc_text(one)) == one
