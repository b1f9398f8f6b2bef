"""Everything that is held about a person as one ZIP that he can read: a page, the same for programs, and the files (mission.md 4.1)."""
from __future__ import annotations

import json
import mimetypes
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZipFile
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ticketing.privacy.access import KeptFile
from ticketing.privacy.held import Held
from ticketing.privacy.kept_files import Folders, pieces, reading
from ticketing.privacy.letter_files import content_of
from ticketing.privacy.titles import COLUMNS, SECTIONS, VALUES
from ticketing.values import TicketingError

_ENVIRONMENT = Environment(loader=FileSystemLoader(Path(__file__).resolve().parent), autoescape=True, undefined=StrictUndefined,
                           trim_blocks=True)
SOUND = '.wav'


@dataclass(frozen=True)
class Export:
    """What goes into the ZIP. `elsewhere`: what other parts hold, section -> rows; `files`: name in the ZIP -> file, of theirs."""

    held: Held
    elsewhere: Mapping[str, Sequence[Mapping[str, Any]]]
    letters: Sequence[Path]
    client: str
    made: datetime
    zone: ZoneInfo
    files: Mapping[str, Path]


def write_export(target: Path, export: Export, folders: Folders) -> tuple[str, ...]:
    """Write the ZIP so that it is there whole or not at all, readable by its owner alone; the names of files that were not on the disk.

    Raises TicketingError when it is there already, OSError.
    """
    if target.exists():
        raise TicketingError(f'{target} is there already')
    aside = target.with_name(f'.{target.name}.{os.getpid()}')
    try:
        with os.fdopen(os.open(aside, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), 'w+b') as file:
            missing = _write(file, export, folders)
            file.flush()
            os.fsync(file.fileno())
        os.link(aside, target)                         # unlike a rename, never replaces what came there meanwhile
    finally:
        aside.unlink(missing_ok=True)
    return missing


def page_of(export: Export) -> str:
    """The page that the person reads."""
    sections = [{'key': name, 'title': SECTIONS[name], 'rows': [_in_words(row, export.zone) for row in rows]}
                for name, rows in _sections(export).items()]
    return _ENVIRONMENT.get_template('export.html.j2').render(
        sections=sections, client=export.client, made=_moment(export.made, export.zone), zone=export.zone.key)


def data_of(export: Export) -> str:
    """The same as JSON, with Spanish names; instants are ISO 8601 in UTC."""
    told = {SECTIONS[name]: [{COLUMNS.get(column, column): value for column, value in row.items()} for row in rows]
            for name, rows in _sections(export).items()}
    return json.dumps(told, ensure_ascii=False, indent=1, default=_plain)


def name_in_zip(file: KeptFile) -> str:
    """Where a file stands in the ZIP: never under a name of the sender's."""
    if file.kind != 'attachment':
        return f'archivos/{file.id}{SOUND}'
    return f'archivos/{file.id}{mimetypes.guess_extension(file.content_type or "") or ".bin"}'


def _sections(export: Export) -> dict[str, Sequence[Mapping[str, Any]]]:
    held = {**export.held.sections, **export.elsewhere}
    return {name: held[name] for name in SECTIONS if name in held}


def _write(file: BinaryIO, export: Export, folders: Folders) -> tuple[str, ...]:
    missing = []
    with ZipFile(file, 'w', ZIP_DEFLATED) as archive:
        archive.writestr('sus-datos.html', page_of(export))
        archive.writestr('datos.json', data_of(export))
        for kept in export.held.files:
            if kept.deleted_at is None and not _add(archive, kept, folders):
                missing.append(kept.name)
        for number, letter in enumerate(export.letters, 1):
            if (content := content_of(letter)) is None:
                missing.append(letter.name)
            else:
                archive.writestr(f'correos/{number}.eml', content)
        for name, path in export.files.items():
            try:
                archive.write(path, name)
            except FileNotFoundError:
                missing.append(path.name)
    return tuple(missing)


def _add(archive: ZipFile, kept: KeptFile, folders: Folders) -> bool:
    try:
        with reading(folders.of_kind(kept.kind), kept.name) as source, archive.open(name_in_zip(kept), 'w') as copy:
            for piece in pieces(source):
                copy.write(piece)
    except TicketingError:
        return False
    return True


def _in_words(row: Mapping[str, Any], zone: ZoneInfo) -> list[tuple[str, str]]:
    return [(COLUMNS.get(name, name), _value(name, value, zone)) for name, value in row.items() if value is not None and value != '']


def _value(name: str, value: Any, zone: ZoneInfo) -> str:
    if isinstance(value, datetime):
        return _moment(value, zone)
    if isinstance(value, bool):
        return 'sí' if value else 'no'
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ', '.join(value)
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, indent=1)
    return VALUES.get(name, {}).get(str(value), str(value))


def _moment(at: datetime, zone: ZoneInfo) -> str:
    return f'{at.astimezone(zone):%d/%m/%Y %H:%M:%S}'


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
