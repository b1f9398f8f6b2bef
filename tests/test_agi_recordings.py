"""Sound files of callers join their folio once; one whose recorder died is mended (mission.md 3.8)."""
from __future__ import annotations

import wave
from array import array
from pathlib import Path

import pytest

from agi.recordings import HEADER, keep, mend, recorded_seconds
from storage.engine import Database
from tests.small_site import LINE, at
from ticketing.folios import EntryKind, FolioBook, Report

NOW = at('2026-11-24 10:00')


def sound(path: Path, seconds: float = 2.0, peak: int = 4000) -> Path:
    with wave.open(str(path), 'wb') as file:
        file.setparams((1, 2, 8000, 0, 'NONE', 'NONE'))
        file.writeframes(array('h', [peak, -peak] * int(4000 * seconds)).tobytes())
    return path


@pytest.mark.parametrize('kind', [EntryKind.DESCRIPTION, EntryKind.MESSAGE, EntryKind.RECORDING])
def test_a_recording_joins_its_folio_once_and_with_what_was_heard(db: Database, tmp_path: Path, kind: EntryKind) -> None:
    folios = FolioBook(db)
    number = folios.open(Report(line=LINE, client='quetzal', modality='standard', clock_starts=NOW, rule='test'), NOW).number
    path = sound(tmp_path / '17.1.wav')
    assert keep(folios, number, kind, path, NOW, 'mesa/privacy-recording 12345678')
    assert not keep(folios, number, kind, path, NOW, 'mesa/privacy-recording 12345678')
    kinds = [entry.kind for entry in folios.timeline(number)]
    assert kinds == ['opened', kind, 'privacy']


def test_silence_and_nothing_are_not_kept(db: Database, tmp_path: Path) -> None:
    folios = FolioBook(db)
    for path in (sound(tmp_path / 'silence.wav', peak=0), sound(tmp_path / 'short.wav', 0.2), tmp_path / 'none.wav'):
        assert not keep(folios, 'nobody', EntryKind.RECORDING, path, NOW)


def test_a_file_whose_recorder_died_is_heard_again(tmp_path: Path) -> None:
    path = sound(tmp_path / '17.1.wav')
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + bytes(4) + whole[8:40] + bytes(4) + whole[44:])       # as Asterisk leaves it when it is killed
    assert recorded_seconds(path) == 0.0
    mend(path)
    assert path.read_bytes() == whole and recorded_seconds(path) == pytest.approx(2.0)
    mend(path)
    assert path.read_bytes() == whole


@pytest.mark.parametrize('data', [b'', b'RIFF', b'x' * HEADER, b'x' * 1000])
def test_what_is_no_sound_file_is_left_as_it_is(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / 'odd.wav'
    path.write_bytes(data)
    mend(path)
    assert path.read_bytes() == data
    mend(tmp_path / 'none.wav')
