"""What was applied: `applied/N/` keeps a site with its rendered Asterisk files, and a link says which is in force."""
from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from config.place import Place


def lay_down(place: Place, site_folder: Path, files: Mapping[str, str]) -> int:
    """Keep a site and its rendered files as the next `applied/N/`; in force only after `switch_to(N)`. Returns N."""
    number = max(applied_numbers(place), default=0) + 1
    aside = place.applied / f'.{number}.{os.getpid()}'
    shutil.rmtree(aside, ignore_errors=True)
    shutil.copytree(site_folder, aside / 'site')
    write_files(aside / 'asterisk', files)
    aside.rename(place.applied / str(number))
    return number


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write rendered files into a new folder; open to the owner alone, for passwords stand in them."""
    folder.mkdir(parents=True, mode=0o700)
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(exist_ok=True)               # custom/
        file.write_text(text)


def switch_to(place: Place, number: int) -> None:
    """Put `applied/N/` in force, atomically. Asterisk reads it at its next reload."""
    aside = place.applied / f'.current.{os.getpid()}'
    aside.unlink(missing_ok=True)
    aside.symlink_to(str(number))
    aside.replace(place.current)


def applied_numbers(place: Place) -> list[int]:
    """The numbers of everything ever applied, oldest first."""
    return sorted(int(entry.name) for entry in place.applied.iterdir() if entry.name.isdigit())


def applied_number(place: Place) -> int | None:
    """The number of the apply in force, None before the first."""
    try:
        return int(place.current.readlink().name)
    except FileNotFoundError:
        return None


def applied_files(place: Place) -> dict[str, str]:
    """The rendered files in force, by name."""
    folder = place.etc.resolve()
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob('*') if file.is_file()}
