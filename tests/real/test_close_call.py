"""The close call on the real Asterisk: a folio opened by a real call, resolved, and its user really called (mission.md 4.7)."""
from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from callcenter.ports import free_ports
from tests.real.instance import RealMesa
from tests.real.phones import user_phone

LINE, USER = '8005550101', '5555550101'


def answering_trunk(site: Path) -> None:
    """Our own calls go to a telephone of this test."""
    file = site / 'site.toml'
    text = file.read_text()
    assert '127.0.0.2:5070' in text
    file.write_text(text.replace('127.0.0.2:5070', f'127.0.0.4:{free_ports().sip}'))


@pytest.fixture(scope='module')
def mesa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealMesa]:
    """The demo site, whose trunk leads to a telephone of ours."""
    made = RealMesa(tmp_path_factory.mktemp('mesa'), edit=answering_trunk, clock='2026-11-24T10:00')
    yield made
    made.stop()


def resolved(mesa: RealMesa, from_: str = USER) -> str:
    """A folio that a real call opened and an agent resolved."""
    told = mesa.json('call', LINE, '--from', from_, '--keys', '1,3,2,2', '--wait', '1')
    done = mesa.mesa('folio', 'resolve', told['folio'], '--solution', 'Se reinstaló el perfil.', '--by', 'laura')
    assert done.returncode == 0, done.stdout + done.stderr
    return str(told['folio'])


def until(mesa: RealMesa, folio: str, wanted: Callable[[dict[str, Any]], bool], within_s: float = 20.0) -> dict[str, Any]:
    """The folio as soon as it is as wanted."""
    deadline = time.monotonic() + within_s
    while not wanted(shown := mesa.json('folio', 'show', folio)):
        assert time.monotonic() < deadline, shown
        time.sleep(0.3)
    return dict(shown)


def test_pressing_1_and_5_closes_it_verified_with_the_score(mesa: RealMesa) -> None:
    with user_phone(mesa.instance) as phone:
        folio = resolved(mesa)
        phone.expect_ring(30)
        phone.answer()
        phone.expect_audio()
        phone.press('1')
        until(mesa, folio, lambda shown: shown['state'] == 'closed_verified')
        phone.press('5')
        phone.expect_over(30)
    assert until(mesa, folio, lambda shown: shown['score'] == 5)['state'] == 'closed_verified'
