"""`mesa recording list|copy|orphans`: recordings and attachments of folios; every copy is logged (mission.md 3.8)."""
from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import click

from callcenter.console import Complaint, print_json, say
from callcenter.expiring import folders_of
from callcenter.reading import Reading, pass_reading
from ticketing.privacy.access import KeptFile, files_of, hand_out
from ticketing.privacy.kept_files import Folders, digest, pieces, reading
from ticketing.privacy.retention import ORPHAN_DAYS, Retention


@click.group()
def recording() -> None:
    """List and copy recordings and attachments; every copy is logged."""


@recording.command('list')
@click.argument('number')
@click.option('--json', 'as_json', is_flag=True, help='For scripts.')
@pass_reading
def list_(look: Reading, number: str, as_json: bool) -> None:
    """List the files of a folio, those that have expired included."""
    zone = look.site().zone
    with look.database() as database:
        files = files_of(database, number)
    if as_json:
        print_json([{name: getattr(file, name) for name in KeptFile.__dataclass_fields__ if name != 'folio_id'} for file in files])
        return
    if not files:
        say(f'Folio {number} has no files.')
        return
    say(f'{"id":>7}  {"since":<18}{"kind":<13}{"what":<40}')
    for file in files:
        what = file.title or file.name
        length = f'{file.seconds} s' if file.kind != 'attachment' else f'{file.size or 0} bytes'
        gone = f', deleted {file.deleted_at.astimezone(zone):%Y-%m-%d} ({file.deleted_why})' if file.deleted_at else ''
        say(f'{file.id:>7}  {file.at.astimezone(zone):%Y-%m-%d %H:%M}  {file.kind:<13}{what} ({length}{gone})')


@recording.command()
@click.argument('number')
@click.argument('file_id', type=int)
@click.option('--to', 'target', required=True, type=click.Path(path_type=Path), help='The new file.')
@click.option('--by', required=True, metavar='LOGIN', help='Who takes the copy.')
@click.option('--why', required=True, metavar='TEXT', help='What for; it stands in the timeline.')
@pass_reading
def copy(look: Reading, number: str, file_id: int, target: Path, by: str, why: str) -> None:
    """Copy one file of a folio, after the timeline says so."""
    site = look.site()
    folders = folders_of(look.place())
    if target.exists():
        raise Complaint(f'{target} is there already; a copy never replaces a file.')
    with look.database() as database:
        file = hand_out(database, folders, number, file_id, by, why, look.now(site))
    if _copy(folders, file, target) != file.sha256:
        raise Complaint(f'{target}: copied, but it is not the file that folio {number} had: its SHA-256 differs from {file.sha256}.')
    say(f'{target}: {file.kind} {file.id} of folio {number}. The timeline says who has a copy.')


@recording.command()
@click.option('--days', type=click.IntRange(0), default=ORPHAN_DAYS, show_default=True, help='At least so old.')
@pass_reading
def orphans(look: Reading, days: int) -> None:
    """List files that no folio speaks of. They are never deleted by Mesa."""
    site = look.site()
    with look.database() as database:
        found = Retention(database, lambda: site, folders_of(look.place())).sweep(days)
    for name in found.orphans:
        say(name)
    if not found.orphans:
        say(f'No file of more than {days} days is without a folio.')


def _copy(folders: Folders, file: KeptFile, target: Path) -> str:
    """Copy into a new file that only its owner can read; the SHA-256 of what was copied. Complaint when it cannot be made."""
    try:
        made = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Complaint(f'{target}: {error.strerror}.') from error
    with reading(folders.of_kind(file.kind), file.name) as source, os.fdopen(made, 'wb') as copy_:
        return digest(_written(pieces(source), copy_))


def _written(parts: Iterable[bytes], target: BinaryIO) -> Iterator[bytes]:
    for part in parts:
        target.write(part)
        yield part
