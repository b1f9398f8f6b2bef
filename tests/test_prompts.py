"""The committed recordings: each is there, was made from its present text, and fits a telephone."""
import array
import hashlib
import tomllib
import wave
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PROMPTS = ROOT / 'asterisk-conf' / 'prompts'
EXAMPLE = ROOT / 'config' / 'example'
FASTEST = 25                                           # characters a second that somebody can follow
SLOWEST = 5
LONGEST_SILENCE_S = 0.5
QUIET = 0.02                                           # of full scale


class Recording(NamedTuple):
    name: str
    said: str
    text_hash: str
    file: Path


class Collection(NamedTuple):
    texts: Path
    folder: Path
    manifest: Path
    names: str

    def read(self, table):
        return tomllib.loads(self.texts.read_text(encoding='utf-8')).get(table, {})

    def recordings(self):
        says = self.read('say')
        for name, text in self.read('texts').items():
            if fnmatch(name, self.names):
                said = says.get(name, text)
                yield Recording(name, said, hashlib.sha256(f'{text}\n{said}'.encode()).hexdigest(), self.folder / f'{name}.wav')

    def known(self):
        return tomllib.loads(self.manifest.read_text(encoding='utf-8'))


OWN = Collection(PROMPTS / 'es_MX.toml', PROMPTS / 'es_MX', PROMPTS / 'es_MX.manifest.toml', '*')
DEMO = Collection(EXAMPLE / 'prompts.toml', EXAMPLE / 'prompts', PROMPTS / 'example.manifest.toml', '*-greeting')
BOTH = pytest.mark.parametrize('collection', [OWN, DEMO], ids=['own', 'demo'])
EACH = pytest.mark.parametrize('recording', [*OWN.recordings(), *DEMO.recordings()], ids=lambda recording: recording.name)


def samples(file):
    """The samples of a WAV in -1..1; it must be 8 kHz, mono, 16 bit."""
    with wave.open(str(file)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (8000, 1, 2)
        return [value / 32768 for value in array.array('h', sound.readframes(sound.getnframes()))]


@BOTH
def test_no_recording_is_missing_or_left_over(collection):
    names = {recording.name for recording in collection.recordings()} | set(collection.read('pauses'))
    assert {file.stem for file in collection.folder.iterdir()} == names
    assert set(collection.known()) == names


@EACH
def test_a_recording_says_its_present_text(recording):
    collection = OWN if recording.file.parent == OWN.folder else DEMO
    entry = collection.known()[recording.name]
    assert entry['text'] == recording.text_hash, 'the text was changed: run asterisk-conf/prompts/speak.py'
    assert entry['wav'] == hashlib.sha256(recording.file.read_bytes()).hexdigest()
    assert entry['seconds'] == pytest.approx(len(samples(recording.file)) / 8000, abs=0.001)


@EACH
def test_a_recording_fits_a_telephone(recording):
    heard = samples(recording.file)
    loud = [place for place, value in enumerate(heard) if abs(value) > QUIET]
    assert 0.3 <= max(abs(value) for value in heard) <= 0.95
    assert loud[0] / 8000 <= LONGEST_SILENCE_S
    assert (len(heard) - loud[-1]) / 8000 <= LONGEST_SILENCE_S
    assert SLOWEST <= len(recording.said) / (len(heard) / 8000) <= FASTEST


def test_respelled_texts_exist():
    assert OWN.read('say').keys() <= OWN.read('texts').keys()


@pytest.mark.parametrize('name, seconds', OWN.read('pauses').items())
def test_a_pause_is_silent_and_as_long_as_told(name, seconds):
    heard = samples(OWN.folder / f'{name}.wav')
    assert len(heard) == round(seconds * 8000)
    assert not any(heard)
