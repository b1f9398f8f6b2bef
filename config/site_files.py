"""The door to a site's folder: which files are read, and what a file must be like to be read at all."""
from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path

LARGEST = 5 * 1024 * 1024                              # bytes
LARGEST_TEMPLATE = 64 * 1024
LARGEST_LOGO = 512 * 1024
NEEDED = ('site.toml', 'calendars.toml', 'holidays.toml', 'menus.toml', 'queues.toml', 'agents.toml')
LETTERHEAD, LOGO = 'letterhead.toml', 'logo.png'
OPTIONAL = ('applications.toml', 'overrides.toml', 'prompts.toml', 'tariffs.toml', LETTERHEAD, LOGO)
CLIENT = re.compile(r'[a-z0-9][a-z0-9-]*')
# What may lie in each folder; everything else is either a slip of the keyboard or nothing of ours.
EXPECTED = {
    '': re.compile('|'.join(re.escape(name) for name in (*NEEDED, *OPTIONAL)) + r'|.*\.md'),
    'clients': re.compile(r'[a-z0-9][a-z0-9-]*(?:\.toml|\.users\.csv)'),
    'custom': re.compile(r'[a-z0-9][a-z0-9-]*\.conf'),
    'prompts': re.compile(r'[a-z0-9][a-z0-9_-]*\.wav'),
    'mail': CLIENT,
    'material': CLIENT,                                # below it lies whatever the client handed over
}
TEMPLATE = re.compile(r'[a-z0-9][a-z0-9_-]*\.(?:txt|html)\.j2')


class Unreadable(Exception):
    """A file is there but cannot be used; the text says why and what to do."""


def read_bytes(folder: Path, name: str, largest: int = LARGEST) -> bytes:
    """The content of a file of the site, `name` relative to it. Raises Unreadable, and FileNotFoundError when there is none."""
    path = folder / name
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise Unreadable("this link leads out of the site's folder: put the file itself here")
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            raise Unreadable('this is not an ordinary file: put a text file here')
        if facts.st_size > largest:
            raise Unreadable(f'the file has {facts.st_size} bytes; at most {largest} are read: is it the right file?')
        return path.read_bytes()
    except FileNotFoundError:
        if path.is_symlink():
            raise Unreadable('this link leads nowhere: put the file itself here') from None
        raise
    except (OSError, RuntimeError) as error:           # RuntimeError: a link that leads to itself
        raise Unreadable(f'the file cannot be read: {error}') from error


def decode_utf8(data: bytes) -> str:
    """Text of a file that must be UTF-8, with or without a byte order mark. Raises Unreadable that names the line."""
    try:
        return data.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        line = data.count(b'\n', 0, error.start) + 1
        raise Unreadable(f'line {line} is not UTF-8: save the file with the encoding UTF-8') from error


def names_in(folder: Path, below: str, ending: str) -> list[str]:
    """The well-named files of a folder of the site, relative to the site, in order; empty when there is no such folder."""
    there = folder / below
    if not there.is_dir() or not there.resolve().is_relative_to(folder.resolve()):
        return []
    return [f'{below}/{path.name}' for path in sorted(there.iterdir())
            if path.name.endswith(ending) and _expected(below).fullmatch(path.name)]


def template_names(folder: Path) -> list[str]:
    """The admin's own templates of letters: mail/CLIENT/NAME.txt.j2 and mail/CLIENT/NAME.html.j2."""
    return [name for client in names_in(folder, 'mail', '') for name in names_in(folder, client, '.j2')]


def is_on_file(folder: Path, client: str, name: str) -> bool:
    """Whether a client's material is there: a file with something in it, below material/CLIENT (mission.md 1.2)."""
    home = folder / 'material' / client
    try:
        path = (home / name).resolve()
        return (path.is_relative_to(home.resolve()) and home.resolve().is_relative_to(folder.resolve())
                and path.is_file() and path.stat().st_size > 0)
    except (OSError, RuntimeError, ValueError):        # a link that leads to itself; a name that no file can have
        return False


def strangers(folder: Path) -> Iterator[tuple[str, str]]:
    """Files that look as if they were meant for us but are not read: (name relative to the site, advice)."""
    for below in (*EXPECTED, *names_in(folder, 'mail', '')):
        there = folder / below
        if below and there.is_symlink() and not there.resolve().is_relative_to(folder.resolve()):
            yield below, "this link leads out of the site's folder and is not followed: put the folder itself here"
            continue
        for path in sorted(there.iterdir()) if there.is_dir() else ():
            name = ascii(path.name)[1:-1]
            if path.name.startswith('.') or _expected(below).fullmatch(path.name) or (not below and path.is_dir()):
                continue
            yield f'{below}/{name}' if below else name, 'this file is not read: is its name misspelt? See docs/configuration.md'


def _expected(below: str) -> re.Pattern[str]:
    return EXPECTED.get(below, TEMPLATE)
