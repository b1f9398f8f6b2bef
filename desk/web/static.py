"""The desk's own files: style, scripts, pictures. Read once when the process starts; no path of a visitor ever reaches the disk."""
from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / 'static'
TYPES = {'.css': 'text/css; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.svg': 'image/svg+xml', '.wav': 'audio/wav',
         '.txt': 'text/plain; charset=utf-8'}


@dataclass(frozen=True)
class StaticFile:
    """A file, its type, and the tag by which a browser knows that it has not changed."""

    data: bytes
    content_type: str
    tag: str


def static_files(folder: Path = FOLDER) -> Mapping[str, StaticFile]:
    """All files by their path below the folder."""
    return {str(path.relative_to(folder)): _read(path) for path in sorted(folder.rglob('*')) if path.suffix in TYPES}


def _read(path: Path) -> StaticFile:
    data = path.read_bytes()
    return StaticFile(data, TYPES[path.suffix], f'"{hashlib.sha256(data).hexdigest()[:20]}"')
