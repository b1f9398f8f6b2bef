"""What a modem is doing, from HylaFAX's own words; a program that is not there has none."""
from __future__ import annotations

from pathlib import Path

import pytest

from fax.modems import DOWN, IDLE, RECEIVING, SENDING, ModemState, meaning, modem_now, modems_now

ALIVE = {'modem ttyIAX4670', 'faxgetty ttyIAX4670'}


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    (tmp_path / 'status').mkdir()
    (tmp_path / 'status' / 'ttyIAX4670').write_text('Running and idle\n')
    return tmp_path


WORDS = {
    IDLE: ('Running and idle',),
    RECEIVING: ('Answering the phone', 'Receiving from "5555551234"', 'Receiving facsimile', 'Listening to rings from modem'),
    SENDING: ('Sending job 12', 'Sending facsimile'),
    DOWN: ('Initializing server', 'Waiting for modem to come free', 'Waiting for modem to come ready', ''),
}


@pytest.mark.parametrize(('text', 'state'), [(text, state) for state, texts in WORDS.items() for text in texts])
def test_the_words_of_hylafax(text: str, state: str) -> None:
    assert meaning(text) == state


def test_a_modem_at_work(spool: Path) -> None:
    assert modem_now(spool, 'ttyIAX4670', ALIVE) == ModemState('ttyIAX4670', IDLE, 'Running and idle')


@pytest.mark.parametrize('gone', sorted(ALIVE))
def test_what_a_killed_program_said_last_does_not_count(spool: Path, gone: str) -> None:
    assert modem_now(spool, 'ttyIAX4670', ALIVE - {gone}) == ModemState('ttyIAX4670', DOWN, f'the program {gone} does not run')


def test_a_modem_that_has_said_nothing_yet(spool: Path) -> None:
    states = modems_now(spool, ['ttyIAX4670', 'ttyIAX4671'], ALIVE | {'modem ttyIAX4671', 'faxgetty ttyIAX4671'})
    assert [modem.state for modem in states] == [IDLE, DOWN]
    assert 'No such file' in states[1].text
