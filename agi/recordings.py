"""Sound files of callers: how long, whether anything is heard in them, and how they join their folio (mission.md 3.5, 3.8)."""
from __future__ import annotations

import hashlib
import wave
from array import array
from datetime import datetime
from pathlib import Path

from ticketing.folios import EntryKind, FolioBook

SHORTEST_RECORDING_S = 0.5                             # Asterisk has cut the tone and the last quarter of a second off
AUDIBLE = 300                                          # of 32768, -41 dBFS: a quiet voice is above it, the noise of a line below
HEADER = 44                                            # bytes of a WAV file as Asterisk writes it


def recorded_seconds(path: Path) -> float:
    """Seconds of a recording in which something can be heard; 0.0 for silence, and for no file or one cut before its first sample."""
    try:
        with wave.open(str(path)) as sound:
            samples = array('h', sound.readframes(sound.getnframes()))
            rate = float(sound.getframerate())
    except (OSError, EOFError, ValueError, wave.Error):
        return 0.0
    loudest = max(max(samples, default=0), -min(samples, default=0))
    return len(samples) / rate if loudest >= AUDIBLE else 0.0


def spoken_in(path: Path) -> bool:
    """Whether a recording is worth keeping."""
    return recorded_seconds(path) >= SHORTEST_RECORDING_S


def keep(folios: FolioBook, number: str, kind: EntryKind, path: Path, now: datetime, heard: str | None = None) -> bool:
    """Tie a recording to its folio, if anything can be heard in it; nothing is tied twice. `heard`: the notice that was accepted before,
    when nobody has told the folio of it. Raises UnknownFolio."""
    if not spoken_in(path):
        return False
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return folios.attach(number, kind, path.name, digest, round(recorded_seconds(path)), now, heard)


def mend(path: Path) -> None:
    """Write the lengths into the header of a sound file whose recorder died before it could: all that follows the header is sound."""
    try:
        size = path.stat().st_size
        with path.open('r+b') as file:
            head = file.read(HEADER)
            if size > HEADER and head[:4] == b'RIFF' and head[36:40] == b'data' and int.from_bytes(head[40:44], 'little') != size - HEADER:
                file.seek(4)
                file.write((size - 8).to_bytes(4, 'little'))
                file.seek(40)
                file.write((size - HEADER).to_bytes(4, 'little'))
    except FileNotFoundError:
        return
