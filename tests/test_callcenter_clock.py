"""The clock of a demo site can be stopped; every other clock runs."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.clock import Clock, clear_clock, clock_file, parse_instant, set_clock
from callcenter.console import Complaint

MEXICO = ZoneInfo('America/Mexico_City')
TIJUANA = ZoneInfo('America/Tijuana')
TEN = datetime(2026, 11, 24, 16, tzinfo=UTC)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / 'run').mkdir()
    return tmp_path


def is_present(moment: datetime) -> bool:
    return abs(moment - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_set_clock_stands_still_until_it_is_cleared(root: Path) -> None:
    clock = Clock(root, demo=True)
    assert is_present(clock.now())
    set_clock(root, True, TEN)
    assert clock.now() == clock.now() == clock.set_to() == TEN
    set_clock(root, True, TEN + timedelta(seconds=1))
    assert clock.now() == TEN + timedelta(seconds=1)
    clear_clock(root, True)
    assert is_present(clock.now())
    assert clock.set_to() is None


def test_every_process_sees_the_same_instant_in_utc(root: Path) -> None:
    set_clock(root, True, TEN.astimezone(TIJUANA))
    assert Clock(root, demo=True).now() == TEN
    assert Clock(root, demo=True).now().tzinfo == UTC


def test_only_a_demo_site_has_a_clock_of_its_own(root: Path) -> None:
    with pytest.raises(Complaint, match='demo = true'):
        set_clock(root, False, TEN)
    with pytest.raises(Complaint, match='demo = true'):
        clear_clock(root, False)
    assert not clock_file(root).exists()


def test_a_clock_left_behind_is_ignored_when_the_site_is_no_demo(root: Path) -> None:
    set_clock(root, True, TEN)
    clock = Clock(root, demo=False)
    assert is_present(clock.now())
    assert clock.set_to() is None


def test_the_file_is_replaced_whole(root: Path) -> None:
    set_clock(root, True, TEN)
    with clock_file(root).open() as reader:
        set_clock(root, True, TEN + timedelta(hours=1))
        assert '16:00' in reader.read()
    assert [file.name for file in (root / 'run').iterdir()] == ['clock.json']


@pytest.mark.parametrize('text, expected', [
    ('2026-11-24T10:00', TEN),
    ('2026-11-24 10:00', TEN),
    ('2026-11-24 10:00:59', TEN + timedelta(seconds=59)),
    (' 2026-11-24T10:00 ', TEN),
    ('2026-11-24T16:00Z', TEN),
    ('2026-11-24T08:00-08:00', TEN),
    ('2026-11-24 17:00+0100', TEN),
])
def test_a_time_without_zone_is_local(text: str, expected: datetime) -> None:
    assert parse_instant(text, MEXICO) == expected


def test_the_zone_of_the_site_counts() -> None:
    assert parse_instant('2026-07-01 10:00', TIJUANA) == datetime(2026, 7, 1, 17, tzinfo=UTC)
    assert parse_instant('2026-12-01 10:00', TIJUANA) == datetime(2026, 12, 1, 18, tzinfo=UTC)


@pytest.mark.parametrize('text', ['', 'tomorrow', '2026-11-24', '2026-13-01 10:00', '2026-11-24 25:00', '2026-11-24 10:00 CST', '10:00',
                                  '2026-11-24T10:00\nX', '٢٠٢٦-11-24 10:00'])
def test_what_is_no_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Complaint, match='Write it like'):
        parse_instant(text, MEXICO)


@given(st.integers(1_577_836_800, 2_051_222_400))
def test_what_is_written_is_read_back(second: int) -> None:
    whole = datetime.fromtimestamp(second, UTC)
    assert parse_instant(whole.isoformat(), MEXICO) == whole


@given(st.text())
def test_no_text_makes_it_fail_otherwise(text: str) -> None:
    try:
        assert parse_instant(text, MEXICO).tzinfo == UTC
    except Complaint as refusal:
        assert refusal.exit_code == 2
