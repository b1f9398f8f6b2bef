"""Terms that change at a midnight on the running Asterisk and Mesa: nobody applies, nobody restarts (mission.md chapter 7)."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from callcenter.applied import applied_number
from callcenter.history import history
from callcenter.instance import Instance
from tests.real.disasters import until
from tests.real.instance import RealMesa
from tests.site_copies import edit

NOPALERA = 'clients/nopalera.toml'
EVE, NEW_YEAR = '2026-12-31T23:59:59', '2027-01-01T00:00:00'
PATIENCE_S = 30.0


def change_at_new_year(site: Path) -> None:
    """From New Year on, nopalera's standard callers wait seven minutes, and not thirty."""
    edit(site, NOPALERA, 'since = 2026-07-01 ', 'since = 2027-01-01 ')
    edit(site, NOPALERA, 'monthly_fee = "52500.00"', 'monthly_fee = "52500.00"\n[terms.policy]\nqueue_wait_minutes = 7')


@pytest.fixture
def office(tmp_path: Path) -> Iterator[RealMesa]:
    instance = RealMesa(tmp_path / 't', change_at_new_year, EVE)
    yield instance
    instance.stop()


def test_the_running_asterisk_waits_as_the_terms_of_the_day_say(office: RealMesa) -> None:
    place, pids = Instance.open(office.root).place, office.pids

    def waits_seven_minutes() -> bool:
        return '420' in office.asterisk_cli('dialplan show nopalera-standard@mesa-queue')
    assert not waits_seven_minutes()
    office.clock(NEW_YEAR)
    until('the new longest wait', waits_seven_minutes, PATIENCE_S)
    until('the end of the apply', lambda: history(place) == (2,), PATIENCE_S)
    assert applied_number(place) == 2 and office.pids == pids, 'by itself, and nothing was started anew'
    office.clock(EVE)
    until('the longest wait of before', lambda: not waits_seven_minutes(), PATIENCE_S)
