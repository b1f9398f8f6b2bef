"""The sound files of an instance: Asterisk's own set, ours, and the admin's, laid out in one data folder.

`share` becomes Asterisk's `astdatadir`. Its `sounds/es_MX/` holds links to the human Mexican Spanish set (`digits/4`), `mesa/` with
links to our sentences, and `site/` with the admin's: his recordings, else his texts spoken by espeak-ng (mission.md 8.1).
"""
from __future__ import annotations

import hashlib
import json
import os
import re
import struct
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from callcenter.console import Complaint
from callcenter.files import locked, write_whole
from config.problems import Problem
from config.values import Site, Where

OWN = Path(__file__).resolve().parent.parent / 'asterisk-conf' / 'prompts' / 'es_MX'
LANGUAGE = 'es_MX'
HUMAN = 'es_MX_f_Allison'
ENGLISH = 'en_US_f_Allison'
NAME = re.compile(r'[a-z0-9][a-z0-9_-]*')
PLAYABLE = ('.wav', '.gsm', '.ulaw', '.alaw', '.sln', '.g722')
RATE = 8000
LARGEST = 50 * 1024 * 1024                             # bytes of a recording
WAV_HEADER = 44                                        # bytes, as sox writes it
PCM, EXTENSIBLE = 1, 0xFFFE                            # wFormatTag
SPEAK = ('espeak-ng', '-v', 'es-419+f2', '-s', '150', '-b', '1', '--stdin', '--stdout')
TO_TELEPHONE = ('-r', str(RATE), '-c', '1', '-b', '16', '-e', 'signed-integer', '-t', 'wav')
SPOKEN_AS = '1'                                        # raise it when a text would sound otherwise: all are spoken again
PATIENCE_S = 120
MEMORY = '.made-of.json'


@dataclass(frozen=True)
class SoundReport:
    """What was done: links made or led elsewhere, and the site's prompts by what became of them."""

    linked: int
    spoken: tuple[str, ...]
    recorded: tuple[str, ...]                          # recordings of the admin taken over, converted where needed
    unchanged: tuple[str, ...]


@dataclass(frozen=True)
class WaveFacts:
    """What the header of a WAV file says, and how many bytes of sound are really there."""

    tag: int
    channels: int
    rate: int
    bits: int
    sound_bytes: int
    whole: bool                                        # the header tells the same number of bytes

    @property
    def for_telephone(self) -> bool:
        """Whether Asterisk plays it as it is: 8 kHz, mono, 16-bit PCM, with an honest header."""
        return (self.tag, self.channels, self.rate, self.bits, self.whole) == (PCM, 1, RATE, 16, True)

    @property
    def seconds(self) -> float:
        """How long it plays."""
        return self.sound_bytes * 8 / (self.channels * self.rate * self.bits)


class NotAWave(Exception):
    """A file is no usable WAV; the text ends the sentence 'The recording X ...'."""


def lay_out_sounds(prefix: Path, share: Path, site: Site, site_folder: Path) -> SoundReport:
    """Make `share` the data folder for this site; quick when little has changed. Complaint when a prompt cannot be made.

    What an earlier site named stays in `site/`: a call in progress may still play it.
    """
    came_with = prefix / 'usr/share/asterisk'
    if not (came_with / 'sounds' / HUMAN).is_dir():
        raise Complaint(f'There are no Mexican Spanish sounds in {came_with}/sounds. Install asterisk-core-sounds-es-wav there.')
    share.mkdir(parents=True, exist_ok=True)
    with locked(share / '.lock'):
        linked = sum(_link_entries(folder, entries) for folder, entries in _links(came_with, share).items())
        return _site_prompts(_folder(share / 'sounds' / LANGUAGE / 'site'), site, site_folder, linked)


def known_prompts(prefix: Path, site: Site, site_folder: Path) -> frozenset[str]:
    """Every name that can be played for this site: 'digits/4', 'mesa/greeting', 'site/...'. Needs no layout."""
    human = prefix / 'usr/share/asterisk/sounds' / HUMAN
    names = {str(path.relative_to(human).with_suffix('')) for path in human.rglob('*') if path.suffix in PLAYABLE}
    names |= {f'mesa/{path.stem}' for path in OWN.glob('*.wav')}
    return frozenset(names | {f'site/{name}' for name in {*site.prompt_texts, *_recordings(site_folder)}})


def lengths(share: Path) -> dict[str, float]:
    """The seconds of every WAV that is laid out in `share`, by the name it is played under."""
    sounds = share / 'sounds' / LANGUAGE
    files = (Path(folder) / name for folder, _, names in os.walk(sounds, followlinks=True) for name in names if name.endswith('.wav'))
    return {str(file.relative_to(sounds).with_suffix('')): _facts(file.read_bytes()).seconds for file in files}


def recording_problems(site_folder: Path) -> list[Problem]:
    """The admin's recordings that cannot be played nor converted, for the check of a site."""
    return list(_recording_problems(site_folder))


def _recording_problems(site_folder: Path) -> Iterator[Problem]:
    for name, file in _recordings(site_folder).items():
        try:
            _read_recording(site_folder, file)
        except NotAWave as error:
            yield Problem(Where(f'prompts/{name}.wav', 0, name), f'the recording {error}')


def _links(came_with: Path, share: Path) -> dict[Path, dict[str, Path]]:
    """Folder of `share` -> name -> what it leads to."""
    sounds = share / 'sounds'
    english = came_with / 'sounds' / ENGLISH
    return {
        share: {entry.name: entry for entry in came_with.iterdir() if entry.name != 'sounds'},
        sounds: {'en': english if english.is_dir() else came_with / 'sounds' / HUMAN},
        sounds / LANGUAGE: {entry.name: entry for entry in (came_with / 'sounds' / HUMAN).iterdir()},
        sounds / LANGUAGE / 'mesa': {file.name: file for file in OWN.glob('*.wav')},
    }


def _link_entries(folder: Path, entries: Mapping[str, Path]) -> int:
    """Make the folder's links exactly these; returns how many were made, led elsewhere or removed."""
    _folder(folder)
    there = {entry.name: entry.readlink() for entry in folder.iterdir() if entry.is_symlink()}
    stale = there.keys() - entries.keys()
    changed = [name for name, target in entries.items() if there.get(name) != target]
    for name in stale:
        (folder / name).unlink()
    for name in changed:
        aside = folder / f'.{name}.new'
        aside.unlink(missing_ok=True)
        aside.symlink_to(entries[name])
        aside.replace(folder / name)
    return len(stale) + len(changed)


def _folder(folder: Path) -> Path:
    """The folder, made when it does not exist; a link in its place would lead our files into somebody else's."""
    if folder.is_symlink():
        folder.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _site_prompts(folder: Path, site: Site, site_folder: Path, linked: int) -> SoundReport:
    """Make the admin's prompts that are new or changed."""
    memory = _remembered(folder)
    spoken: list[str] = []
    recorded: list[str] = []
    unchanged: list[str] = []
    recordings = _recordings(site_folder)
    for name in sorted({*site.prompt_texts, *recordings}):
        if not NAME.fullmatch(name):
            raise Complaint(f'prompts.toml: {name!r} is no name for a prompt. Use small letters, digits and hyphens.')
        made = _taken_over if name in recordings else _spoken
        source = _recording(site_folder, recordings[name]) if name in recordings else site.prompt_texts[name].encode()
        of = hashlib.sha256(b'\0'.join([made.__name__.encode(), SPOKEN_AS.encode(), source])).hexdigest()
        if memory.get(name) == of and (folder / f'{name}.wav').exists():
            unchanged.append(name)
            continue
        made(folder / f'{name}.wav', source)
        (recorded if name in recordings else spoken).append(name)
        memory[name] = of
        write_whole(folder / MEMORY, json.dumps(memory, indent=1, sort_keys=True))
    return SoundReport(linked, tuple(spoken), tuple(recorded), tuple(unchanged))


def _remembered(folder: Path) -> dict[str, str]:
    """Name -> hash of what its WAV was made of; empty when that is not known, so that all is made anew."""
    try:
        memory = json.loads((folder / MEMORY).read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return memory if isinstance(memory, dict) else {}


def _recordings(site_folder: Path) -> dict[str, Path]:
    """The admin's own recordings, by name."""
    return {file.stem: file for file in sorted((site_folder / 'prompts').glob('*.wav')) if NAME.fullmatch(file.stem)}


def _recording(site_folder: Path, file: Path) -> bytes:
    try:
        return _read_recording(site_folder, file)
    except NotAWave as error:
        raise Complaint(f'The recording {file} {error}') from error


def _read_recording(site_folder: Path, file: Path) -> bytes:
    """The content of a recording that can be played or converted; NotAWave otherwise."""
    if not file.resolve().is_relative_to(site_folder.resolve()) or not file.is_file():
        raise NotAWave("leads out of the site's folder or is no file. Put the file itself there.")
    if file.stat().st_size > LARGEST:
        raise NotAWave(f'is larger than {LARGEST // 1024 ** 2} MiB. Cut it, or save it as 8 kHz, mono, 16 bit.')
    content = file.read_bytes()
    facts = _facts(content)
    if facts.tag not in (PCM, EXTENSIBLE):
        raise NotAWave(f'is a compressed WAV (format {facts.tag}). Save it as PCM, at best 8 kHz, mono, 16 bit.')
    if facts.sound_bytes == 0:
        raise NotAWave('holds no sound. Record it again.')
    return content


def _facts(content: bytes) -> WaveFacts:
    """What a WAV's header says; NotAWave when it says nothing usable.

    The standard library's `wave` refuses the extensible header that many programs write, though it is plain PCM.
    """
    if content[:4] != b'RIFF' or content[8:12] != b'WAVE':
        raise NotAWave('is no WAV file. Save it as WAV: PCM, at best 8 kHz, mono, 16 bit.')
    chunks = {name: (size, body) for name, size, body in _chunks(content)}
    _, form = chunks.get(b'fmt ', (0, b''))
    if len(form) < 16 or b'data' not in chunks:
        raise NotAWave('is damaged: its header is not complete. Save it again.')
    told, sound = chunks[b'data']
    tag, channels, rate, _, _, bits = struct.unpack_from('<HHIIHH', form)
    if 0 in (channels, rate, bits):
        raise NotAWave('is damaged: its header makes no sense. Save it again.')
    return WaveFacts(tag, channels, rate, bits, len(sound), told == len(sound))


def _chunks(content: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    """Name, size as told, and content of each chunk; one that is cut off holds what is there. Chunks start at even places."""
    at = 12
    while at + 8 <= len(content):
        name, size = struct.unpack_from('<4sI', content, at)
        yield name, size, content[at + 8:at + 8 + size]
        at += 8 + size + size % 2


def _taken_over(target: Path, content: bytes) -> None:
    """A recording as Asterisk plays it: as it is where it fits, else converted."""
    if _facts(content).for_telephone:
        aside = target.with_suffix('.new')
        aside.write_bytes(content)
        aside.replace(target)
    else:
        _convert(target, content, effects=())


def _spoken(target: Path, text: bytes) -> None:
    """A text as espeak-ng says it. The text goes by standard input: it is never part of a command."""
    _convert(target, _run(SPEAK, text), effects=('norm', '-3'))


def _convert(target: Path, content: bytes, effects: Sequence[str]) -> None:
    """Write 8 kHz mono 16-bit PCM, whole or not at all. The length told is not believed: espeak-ng writes its header too early."""
    aside = target.with_suffix('.new')
    _run(('sox', '-D', '-G', '--ignore-length', '-t', 'wav', '-', *TO_TELEPHONE, str(aside), *effects), content)
    if not any(aside.read_bytes()[WAV_HEADER:]):
        aside.unlink()
        raise Complaint(f'Nothing can be heard in the prompt {target.stem}. Change its text or record it.')
    aside.replace(target)


def _run(command: Sequence[str], given: bytes) -> bytes:
    """What a program answers to what it is given; Complaint when it is missing or fails."""
    program = command[0]
    try:
        done = subprocess.run(command, input=given, capture_output=True, timeout=PATIENCE_S, check=False)
    except FileNotFoundError as error:
        raise Complaint(f'{program} makes the prompts of the site and is not installed. Run: apt install {program}') from error
    except subprocess.TimeoutExpired as error:
        raise Complaint(f'{program} was ended after {PATIENCE_S} s with one prompt of the site. Shorten its text or recording.') from error
    if done.returncode != 0:
        told = done.stderr.decode(errors='replace').strip().splitlines()[-1:] or ['without a word']
        raise Complaint(f'{program} failed with status {done.returncode} for a prompt of the site: {told[0]}')
    return done.stdout
