"""What a newcomer tries: a call, its folio resolved, and the call that Mesa places taken by `mesa answer` (mission.md 4.7)."""
from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.callers import eventually
from tests.real.instance import RealMesa

OUTSIDE = '127.0.0.4'
SPOKEN = re.compile(r' *\d+\.\d\d s  (\w+) +(\S+)')


def trunk_to_a_free_port(site: Path) -> None:
    """Other instances of this machine have the demo's own place."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((OUTSIDE, 0))
        port = sock.getsockname()[1]
    file = site / 'site.toml'
    text = file.read_text()
    assert '127.0.0.2:5070' in text
    file.write_text(text.replace('127.0.0.2:5070', f'{OUTSIDE}:{port}'))


@pytest.fixture(scope='module')
def mesa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealMesa]:
    """The demo site, whose trunk leads to a place of its own."""
    made = RealMesa(tmp_path_factory.mktemp('mesa'), edit=trunk_to_a_free_port)
    yield made
    made.stop()


def called(mesa: RealMesa, number: str, *words: str) -> str:
    """What `mesa answer` prints while a folio is resolved; it must succeed."""
    with mesa.foreground('answer', *words) as phone:
        assert phone.stdout is not None
        assert phone.stdout.readline().startswith(f'waiting for a call on {OUTSIDE}:')
        done = mesa.mesa('folio', 'resolve', number, '--by', 'ana', '--solution', 'Se reinstaló el perfil de correo.')
        assert done.returncode == 0, done.stdout + done.stderr
        told, _ = phone.communicate(timeout=90)
        assert phone.returncode == 0, told
    return told


def test_the_journey_of_the_readme(mesa: RealMesa) -> None:
    mesa.clock('2026-11-24T10:00')
    number = mesa.json('call', '8005550101', '--from', '5555550101', '--keys', '1,2')['folio']
    told = called(mesa, number, '--keys', '1,5')
    lines = [match.groups() for match in map(SPOKEN.match, told.splitlines()) if match]
    assert lines[0] == ('rings', '5555550900') and lines[-1] == ('ended', '200')
    said = [what for verb, what in lines if verb in ('hears', 'presses')]
    assert said[:2] == ['mesa/close-call-hello', 'digits']
    assert said[said.index('mesa/close-call-question') + 1] == '1' and said[said.index('mesa/survey-ask') + 1] == '5'
    assert re.search(rf'^outcome: goodbye, folio {number}, first sound', told, re.MULTILINE)
    folio = mesa.json('folio', 'show', number)
    assert (folio['state'], folio['score']) == ('closed_verified', 5)


def test_a_call_that_is_refused_is_tried_again_later(mesa: RealMesa) -> None:
    number = mesa.json('call', '8005550101', '--from', '5555550102', '--keys', '1,3,2,2', '--wait', '1')['folio']
    told = called(mesa, number, '--reject', 'busy')
    assert told.splitlines()[-1] == 'outcome: rejected, 486 Busy Here'
    shown = eventually(lambda: mesa.json('close-call', 'show', number), lambda shown: shown['calls'][0]['ended_at'], 'the call is over')
    assert (shown['calls'][0]['outcome'], shown['waiting'][0]['state']) == ('busy', 'waiting')


def test_nobody_calls(mesa: RealMesa) -> None:
    done = mesa.mesa('answer', '--timeout', '0.2')
    assert (done.returncode, done.stdout.splitlines()[-1]) == (3, 'outcome: not_connected, nobody called within 0.2 s')
