"""What counts as a recording, and which folio facts come of a decision."""
from __future__ import annotations

import math
import wave
from array import array
from datetime import datetime
from pathlib import Path

import pytest

from agi.office import Standing
from agi.perform import report
from agi.recordings import recorded_seconds
from config.load import load
from ivr_flows.decide import decide
from ticketing.directory import Directory
from ticketing.opening_facts import receipt_of


def write(path: Path, seconds: float, peak: int) -> Path:
    samples = array('h', (round(peak * math.sin(n / 3)) for n in range(round(seconds * 8000))))
    with wave.open(str(path), 'wb') as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(samples.tobytes())
    return path


def test_a_voice_counts_with_its_length(tmp_path: Path) -> None:
    assert recorded_seconds(write(tmp_path / 'a.wav', 2.5, 4000)) == pytest.approx(2.5, abs=0.01)


@pytest.mark.parametrize('peak', [0, 20, 200])
def test_silence_is_no_message(tmp_path: Path, peak: int) -> None:
    assert recorded_seconds(write(tmp_path / 'a.wav', 5, peak)) == 0.0


@pytest.mark.parametrize('content', [None, b'', b'RIFF', b'RIFF\x24\x00\x00\x00WAVEfmt ', b'\x00' * 100])
def test_what_is_no_sound_file_counts_as_nothing(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / 'a.wav'
    if content is not None:
        path.write_bytes(content)
    assert recorded_seconds(path) == 0.0


def test_a_file_cut_in_the_middle_counts_as_far_as_it_goes(tmp_path: Path) -> None:
    path = write(tmp_path / 'a.wav', 3, 4000)
    path.write_bytes(path.read_bytes()[:44 + 8000])
    assert 0.0 <= recorded_seconds(path) <= 3.0


def test_a_message_at_night_starts_its_clock_and_sends_its_receipt_at_the_next_opening() -> None:
    """mission.md 3.5, 4.6."""
    site = load(Path('config/example'))
    night, opening = datetime.fromisoformat('2026-11-24T21:00-06:00'), datetime.fromisoformat('2026-11-25T08:00-06:00')
    line = site.lines['+528005550101']
    caller = Standing(site, Directory(site.clients), {}).caller(line, '5555550101')
    assert caller.user is not None and caller.by == 'caller_id'
    facts = report(site, decide(site, caller, (), night), '17.1', night, category=None, from_message=True)
    assert (facts.clock_starts, facts.user_email) == (opening, caller.user.email)
    assert facts.promised == datetime.fromisoformat('2026-11-25T18:00-06:00')                 # ten open hours for medium priority
    assert facts.respond_due == datetime.fromisoformat('2026-11-25T09:00-06:00')
    receipt = receipt_of(facts, site, night)
    assert receipt is not None and (receipt.due, receipt.recipient) == (opening, caller.user.email)
