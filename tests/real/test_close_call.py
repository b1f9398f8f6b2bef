"""The close call on the real Asterisk: a folio opened by a real call, resolved, and its user really called (mission.md 4.7)."""
from __future__ import annotations

import email.policy
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from tests.real.disasters import kill, unsupervised
from tests.real.instance import RealMesa
from tests.real.phones import agent, user_phone

LINE, OUTSIDE = '8005550101', '127.0.0.4'
TEN = '2026-11-24T10:00'


def answering_trunk(site: Path) -> None:
    """Our own calls go to a telephone of this test."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((OUTSIDE, 0))
        port = sock.getsockname()[1]
    file = site / 'site.toml'
    text = file.read_text()
    assert '127.0.0.2:5070' in text
    file.write_text(text.replace('127.0.0.2:5070', f'{OUTSIDE}:{port}'))


@pytest.fixture(scope='module')
def mesa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealMesa]:
    """The demo site, whose trunk leads to a telephone of ours. Every test has a user of its own and leaves nobody to be called."""
    made = RealMesa(tmp_path_factory.mktemp('mesa'), edit=answering_trunk, clock=TEN)
    yield made
    made.stop()


def resolved(mesa: RealMesa, user: str) -> str:
    """A folio that a user's real call opened and an agent resolved."""
    told = mesa.json('call', LINE, '--from', user, '--keys', '1,3,2,2', '--wait', '1')
    done = mesa.mesa('folio', 'resolve', told['folio'], '--solution', 'Se reinstaló el perfil de correo.', '--by', 'ana')
    assert done.returncode == 0, done.stdout + done.stderr
    return str(told['folio'])


def until(look: Callable[[], Any], wanted: Callable[[Any], bool], within_s: float = 30.0) -> Any:
    """What `look` tells, as soon as it is as wanted."""
    deadline = time.monotonic() + within_s
    while not wanted(seen := look()):
        assert time.monotonic() < deadline, seen
        time.sleep(0.2)
    return seen


def folio(mesa: RealMesa, number: str, **wanted: object) -> dict[str, Any]:
    """The folio as soon as these facts are so."""
    shown = until(lambda: mesa.json('folio', 'show', number), lambda shown: all(shown[name] == value for name, value in wanted.items()))
    return dict(shown)


def calls(mesa: RealMesa, number: str, *outcomes: str | None) -> dict[str, Any]:
    """What was tried, as soon as the calls have these outcomes and are over."""
    def over(tried: dict[str, Any]) -> bool:
        return [call['outcome'] for call in tried['calls']] == list(outcomes) and all(call['ended_at'] for call in tried['calls'])
    return dict(until(lambda: mesa.json('close-call', 'show', number), over, 60))


def settle(mesa: RealMesa, number: str) -> None:
    """Somebody else asked him: nothing is left to be dialled."""
    told = mesa.json('close-call', 'answer', number, '--by', 'beto', '--solved', '--score', '4')
    assert (told['state'], told['score']) == ('closed_verified', 4)


def test_pressing_1_and_5_closes_it_verified_with_the_score(mesa: RealMesa) -> None:
    with user_phone(mesa.instance) as phone:
        number = resolved(mesa, '5555550101')
        assert 'sip:5555550900@' in phone.expect_ring()        # what our own calls show
        phone.answer()
        phone.expect_audio()
        phone.press('1')
        folio(mesa, number, state='closed_verified')           # the moment the key is pressed, before the survey
        phone.press('5')
        phone.expect_over(30)
    assert folio(mesa, number, score=5)['state'] == 'closed_verified'
    made, = calls(mesa, number, 'confirmed')['calls']
    assert made['number'] == '+525555550101'
    entries = folio(mesa, number)['timeline']
    assert [entry['call'] for entry in entries if entry['kind'] == 'close_call'] == [made['linkedid'], None]
    logged = until(lambda: [call for call in mesa.json('calls') if call['linkedid'] == made['linkedid'] and call['ended']], bool)
    assert (logged[0]['direction'], logged[0]['folio']) == ('out', number)


def test_pressing_2_reopens_it_and_1_leads_to_an_agent(mesa: RealMesa) -> None:
    number = resolved(mesa, '5555550102')
    with user_phone(mesa.instance) as phone, agent(mesa.instance, 'beto') as beto:
        phone.expect_ring()
        phone.answer()
        phone.expect_audio()
        phone.press('2')
        folio(mesa, number, state='assigned', agent='ana')     # back to who solved it
        phone.press('1')
        beto.expect_ring()
        beto.answer()
        beto.listen()
        phone.speak(1.0)
        beto.expect_audio()                                    # they talk: only then has he reached an agent
        phone.hang_up()
        beto.expect_over()
    calls(mesa, number, 'refused')
    kinds = until(lambda: [entry['kind'] for entry in folio(mesa, number)['timeline']], lambda kinds: 'answered' in kinds)
    assert 'abandoned' not in kinds[kinds.index('close_call'):]
    assert folio(mesa, number)['reopens'] == 1


def test_a_machine_that_talks_and_presses_nothing_has_confirmed_nothing(mesa: RealMesa) -> None:
    with user_phone(mesa.instance, auto_answer_s=0.2) as phone:
        number = resolved(mesa, '5555550103')
        phone.expect_audio(30)
        phone.speak(100)                                       # longer than the question takes twice
        phone.expect_over(90)
    assert folio(mesa, number)['state'] == 'resolved'
    waiting, = calls(mesa, number, 'no_key')['waiting']
    assert (waiting['state'], waiting['attempts'], waiting['next_at']) == ('waiting', 1, '2026-11-24T18:00:00+00:00')
    settle(mesa, number)


def test_9_asks_for_another_time_and_the_clock_brings_it(mesa: RealMesa) -> None:
    with user_phone(mesa.instance) as phone:
        number = resolved(mesa, '5555550104')
        phone.expect_ring()
        phone.answer()
        phone.expect_audio()
        phone.press('9')
        phone.expect_over(30)
        waiting, = calls(mesa, number, 'later')['waiting']
        assert (waiting['attempts'], waiting['next_at']) == (0, '2026-11-24T18:00:00+00:00')
        assert mesa.mesa('close-call', 'now', number).returncode == 0
        phone.expect_ring()
        phone.refuse(486)
    busy = calls(mesa, number, 'later', 'busy')['calls'][1]['linkedid']
    logged = until(lambda: [call for call in mesa.json('calls') if call['linkedid'] == busy and call['folio']], bool)
    assert (logged[0]['direction'], logged[0]['disposition'], logged[0]['folio']) == ('out', 'busy', number)
    settle(mesa, number)


def test_not_answering_three_times_leads_to_the_letter_and_no_answer_to_closed_unverified(mesa: RealMesa) -> None:
    try:
        with user_phone(mesa.instance) as phone:
            number = resolved(mesa, '5555550105')
            phone.expect_ring()
            phone.expect_over(45)                              # it rang for as long as we let it
            calls(mesa, number, 'no_answer')
            assert phone.is_quiet(3)                           # not before two open hours have passed
            for hour, outcomes in (('12', ('no_answer', 'busy')), ('14', ('no_answer', 'busy', 'busy'))):
                mesa.clock(f'2026-11-24T{hour}:00')
                phone.expect_ring()
                phone.refuse(486)
                calls(mesa, number, *outcomes)
        waiting, = until(lambda: mesa.json('close-call', 'show', number)['waiting'], lambda found: found[0]['state'] == 'mailed')
        assert waiting['deadline'] == '2026-11-28T02:00:00+00:00'              # Friday 20:00
        letter, = until(lambda: letters(mesa, number), bool)
        assert '/c/' in letter.get_body(('plain',)).get_content()
        mesa.clock('2026-11-27T19:59')
        assert folio(mesa, number)['state'] == 'resolved'
        mesa.clock('2026-11-27T20:00')
        folio(mesa, number, state='closed_unverified')
    finally:
        mesa.clock(TEN)


def letters(mesa: RealMesa, number: str) -> list[Any]:
    """The letters about a folio that ask for a confirmation."""
    read = [message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in (mesa.place.maildir / 'new').iterdir()]
    return [letter for letter in read if number in letter['Subject'] and '/c/' in letter.get_body(('plain',)).get_content()]


def test_mesa_killed_while_it_rings_never_calls_twice_and_confirms_nothing(mesa: RealMesa) -> None:
    with user_phone(mesa.instance) as phone:
        number = resolved(mesa, '5555550106')
        phone.expect_ring()
        before = mesa.pids['mesa']
        with unsupervised(mesa):
            kill(before)
            phone.answer()                                     # the dialplan alone says goodbye
            phone.expect_audio()
            phone.press('1')
            phone.expect_over(30)
        until(lambda: mesa.pids.get('mesa'), lambda pid: pid not in (None, before))
        waiting, = calls(mesa, number, 'lost')['waiting']
        assert (waiting['state'], waiting['attempts']) == ('waiting', 1)
        assert phone.is_quiet(3)
    assert folio(mesa, number)['state'] == 'resolved'
    settle(mesa, number)


def test_a_call_that_outlives_a_restart_is_left_alone(mesa: RealMesa) -> None:
    with user_phone(mesa.instance) as phone:
        number = resolved(mesa, '5555550107')
        phone.expect_ring()
        before = mesa.pids['mesa']
        os.kill(before, signal.SIGKILL)
        until(lambda: mesa.pids.get('mesa'), lambda pid: pid not in (None, before))
        until(lambda: mesa.mesa('status').returncode, lambda code: code == 0)
        phone.answer()
        phone.expect_audio()
        phone.press('1')
        folio(mesa, number, state='closed_verified')
        phone.hang_up()
    calls(mesa, number, 'confirmed')


def test_the_solver_may_not_enter_the_answer(mesa: RealMesa) -> None:
    number = resolved(mesa, '5555550108')
    refused = mesa.mesa('close-call', 'answer', number, '--by', 'ana', '--solved')
    assert refused.returncode == 1 and 'somebody else' in refused.stderr
    settle(mesa, number)
