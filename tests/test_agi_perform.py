"""What counts as a recording, and which folio facts come of a decision."""
from __future__ import annotations

import math
import wave
from array import array
from pathlib import Path

import pytest

from agi.recordings import recorded_seconds


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
