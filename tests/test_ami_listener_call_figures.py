"""The figures of answering: a day written down by hand, the definitions as invariants, and a day out of 200,000 calls in time."""
from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert

from ami_listener.call_figures import BUCKETS_S, NOTHING, CallFigures, Target, Targets, figures, figures_by_queue
from ami_listener.tables import calls
from storage.engine import Database
from tests.lives import DAY, HOUR, NOW
from tests.test_ticketing_lists import plan, statements

STANDARD, PREMIUM = '+528005550101', '+528005550102'
_ids = itertools.count(1)

# minutes after NOW, queue, line, disposition (None: in progress), seconds of waiting (None: still waiting), of talking (None: not over)
BY_HAND = """
    0   acme    standard  answered          5    60
    1   acme    standard  answered          20   120
    2   acme    standard  answered          20.5 30
    3   acme    premium   answered          95   300
    4   acme    standard  abandoned         3    -
    5   acme    standard  abandoned         240  -
    6   acme    standard  voice_message     1800 -
    7   acme    standard  call_back         45   -
    8   acme    standard  -                 -    -
    9   acme    standard  talking           12   -
    10  globex  standard  answered          700  10
    11  -       standard  hung_up           -    -
    -1  acme    standard  answered          2    999
    60  acme    standard  answered          2    999
"""


def row(at: datetime, queue: str | None, line: str, disposition: str | None, wait: float | None, talk: float | None,
        direction: str = 'in') -> dict[str, Any]:
    """A call as the call log has it; 'talking': with an agent, and not over."""
    left = None if wait is None or queue is None else at + timedelta(seconds=wait)
    met = left if disposition in ('answered', 'talking') else None
    over = disposition if disposition != 'talking' else None
    return {'linkedid': f'c{next(_ids)}', 'direction': direction, 'started': at - timedelta(seconds=9), 'line': line, 'queue': queue,
            'joined': at if queue else None, 'left_queue': left, 'wait_s': wait if queue else None, 'agent_answered': met, 'talk_s': talk,
            'disposition': over, 'ended': (left or at) + timedelta(seconds=talk or 1) if over else None, 'recorded': False}


def by_hand() -> list[dict[str, Any]]:
    rows = []
    for line in BY_HAND.split('\n'):
        if line.strip():
            minute, queue, number, disposition, wait, talk = (None if word == '-' else word for word in line.split())
            rows.append(row(NOW + timedelta(minutes=int(minute or 0)), queue, STANDARD if number == 'standard' else PREMIUM, disposition,
                            float(wait) if wait else None, float(talk) if talk else None))
    return [*rows, row(NOW, 'acme', STANDARD, 'answered', 1, 1, direction='out')]


def put(db: Database, rows: Iterable[dict[str, Any]]) -> None:
    with db.write() as connection:
        connection.execute(insert(calls), list(rows))


def within(seconds: int) -> Targets:
    """80 % within so many seconds, whatever the line."""
    return Targets(otherwise=Target(80, seconds))


def told(db: Database, since: datetime = NOW, until: datetime = NOW + HOUR, targets: Targets = Targets(), **what: Any) -> CallFigures:
    with db.read() as connection:
        return figures(connection, since, until, targets, **what)


def test_an_hour_written_down_by_hand(db: Database) -> None:
    put(db, by_hand())
    hour = told(db, queue='acme')
    assert (hour.offered, hour.answered, hour.answered_in_time) == (10, 5, 3)          # 5, 20 and 12 s; 20.5 and 95 are late
    assert (hour.abandoned, hour.abandoned_in_time, hour.in_progress) == (2, 1, 1)
    assert hour.otherwise == {'call_back': 1, 'voice_message': 1}
    assert hour.average_speed_of_answer_s == pytest.approx((5 + 20 + 20.5 + 95 + 12) / 5)
    assert (hour.longest_wait_s, hour.average_talk_s) == (1800, pytest.approx((60 + 120 + 30 + 300) / 4))
    assert hour.service_level == pytest.approx(3 / 9) and hour.abandonment_rate == pytest.approx(2 / 9)
    assert (hour.promised, hour.promised_level, hour.is_met) == (720, 0.8, False)
    assert (hour.waited_s, hour.talked_s, hour.handled) == (pytest.approx(152.5), 510, 4)
    assert [(one.up_to_s, one.answered, one.abandoned, one.otherwise) for one in hour.waits] == [
        (10, 1, 1, 0), (20, 2, 0, 0), (30, 1, 0, 0), (60, 0, 0, 1), (120, 1, 0, 0), (300, 0, 1, 0), (600, 0, 0, 0), (None, 0, 0, 1)]


def test_of_one_client_of_all_and_of_each_queue(db: Database) -> None:
    put(db, by_hand())
    assert told(db).offered == 11 and told(db, lines=[PREMIUM]).answered == 1 and told(db, lines=[STANDARD, PREMIUM]) == told(db)
    assert told(db, lines=[]) == told(db, queue='nobody') == NOTHING and NOTHING.service_level is None and NOTHING.is_met
    with db.read() as connection:
        each = figures_by_queue(connection, NOW, NOW + HOUR, Targets())
    assert set(each) == {'acme', 'globex'} and each['acme'] == told(db, queue='acme') and each['globex'] == told(db, queue='globex')
    assert told(db, targets=within(100)).answered_in_time == 5 and told(db, targets=within(0)).answered_in_time == 0


def test_an_interval_is_half_open_and_intervals_add_up(db: Database) -> None:
    put(db, by_hand())
    assert told(db, NOW + HOUR, NOW + 2 * HOUR).offered == 1
    parts = [told(db, NOW + n * HOUR / 4, NOW + (n + 1) * HOUR / 4) for n in range(-2, 6)]
    whole = told(db, NOW - HOUR / 2, NOW + 1.5 * HOUR)
    for name in ('offered', 'answered', 'answered_in_time', 'abandoned', 'in_progress'):
        assert sum(getattr(part, name) for part in parts) == getattr(whole, name)


@dataclass(frozen=True)
class Told:
    """The same, counted the slow way."""

    rows: list[dict[str, Any]]

    def of(self, *ends: str) -> list[dict[str, Any]]:
        return [one for one in self.rows if end_of(one) in ends]


def end_of(one: dict[str, Any]) -> str:
    return 'answered' if one['agent_answered'] else str(one['disposition'] or 'in_progress')


a_wait = st.one_of(st.sampled_from([0.0, *map(float, BUCKETS_S)]), st.floats(0, 2_000))
a_call = st.tuples(st.sampled_from(['answered', 'talking', 'abandoned', 'voice_message', 'call_back', 'no_agent_timeout', 'failed', None]),
                   a_wait, st.floats(0, 4_000))


@pytest.fixture(scope='module')
def one_file(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Database:
    """One database for many examples."""
    file = tmp_path_factory.mktemp('figures') / 'mesa.db'
    shutil.copy(migrated_file, file)
    return Database(f'sqlite:///{file}', patience_s=20.0)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(a_call, max_size=25), st.sampled_from([0, 10, 20, 45]))
def test_the_definitions_hold_for_any_calls(one_file: Database, some: list[tuple[str | None, float, float]], target: int) -> None:
    rows = [row(NOW + timedelta(seconds=n), 'acme', STANDARD, end, None if end is None else wait, talk if end == 'answered' else None)
            for n, (end, wait, talk) in enumerate(some)]
    with one_file.write() as connection:
        connection.execute(delete(calls))
    if rows:
        put(one_file, rows)
    found, slow = told(one_file, targets=within(target)), Told(rows)
    assert found.offered == len(rows) == found.answered + found.abandoned + sum(found.otherwise.values()) + found.in_progress
    answered = slow.of('answered')
    assert found.answered == len(answered) and found.answered_in_time == sum(one['wait_s'] <= target for one in answered)
    assert found.abandoned_in_time <= found.abandoned == len(slow.of('abandoned'))
    over = [one for one in rows if end_of(one) != 'in_progress']
    assert found.longest_wait_s == max((one['wait_s'] for one in over), default=None)
    assert sum(one.answered for one in found.waits) == found.answered and sum(one.abandoned for one in found.waits) == found.abandoned
    assert sum(one.otherwise for one in found.waits) == sum(found.otherwise.values())
    assert found.service_level is None or 0 <= found.service_level <= 1
    if answered:
        assert found.average_speed_of_answer_s == pytest.approx(sum(one['wait_s'] for one in answered) / len(answered))
        assert found.average_speed_of_answer_s <= (found.longest_wait_s or 0) * (1 + 1e-9)


def test_a_day_out_of_many_is_found_through_the_index(db: Database) -> None:
    put(db, (row(NOW - n * DAY / 1_000, 'acme', STANDARD, 'answered', 12.0, 60.0) for n in range(50_000)))
    with db.write() as connection:
        connection.exec_driver_sql('ANALYZE calls')
    with statements() as seen:
        began = perf_counter()
        day = told(db, NOW - 20 * DAY, NOW - 19 * DAY, queue='acme')
        took = perf_counter() - began
    assert day.offered == 1_000 and 'calls_by_started' in plan(db, *seen[-1])
    assert took < 5.0                                  # generous, for a busy machine; docs/measurements.md has the figure


def test_each_call_is_judged_by_the_line_that_was_dialled_and_the_day_on_which_it_was(db: Database) -> None:
    put(db, by_hand())
    half = NOW + HOUR / 20                             # 3 minutes: between 20.5 s on standard and the premium call
    targets = Targets({
        STANDARD: ((None, Target(80, 20)), (half, Target(90, 300))),
        PREMIUM: ((None, Target(50, 95)),)}, otherwise=Target(0, 0))
    hour = told(db, targets=targets, queue='acme')
    # 5 and 20 s within 20; 20.5 is late; premium 95 is in time; 12 s after the change within 300
    assert (hour.answered, hour.answered_in_time, hour.abandoned_in_time) == (5, 4, 2)       # 3 and 240 s, both after the change
    assert hour.promised == 3 * 80 + 50 + 5 * 90 and hour.is_met is False
    assert targets.of(STANDARD, half - DAY / 1e6) == Target(80, 20) and targets.of(STANDARD, half) == Target(90, 300)
    assert targets.of('+520000000000', NOW) == Target(0, 0)
    with db.read() as connection:
        each = figures_by_queue(connection, NOW, NOW + HOUR, targets)
    everything = told(db, targets=targets)
    for name in ('offered', 'answered', 'answered_in_time', 'abandoned', 'abandoned_in_time', 'in_progress', 'promised', 'handled'):
        assert sum(getattr(one, name) for one in each.values()) == getattr(everything, name)


@pytest.mark.parametrize(('changes', 'in_time'), [
    (((None, Target(80, 20)),), 3), (((NOW - DAY, Target(80, 4)), (NOW, Target(80, 20)), (NOW + DAY, Target(80, 4))), 3),
    (((NOW + DAY, Target(80, 20)),), 0), ((), 0)])
def test_only_what_holds_in_the_interval_matters(db: Database, changes: tuple[Any, ...], in_time: int) -> None:
    put(db, by_hand())
    assert told(db, targets=Targets({STANDARD: changes, PREMIUM: changes}, Target(80, 1)), queue='acme').answered_in_time == in_time
