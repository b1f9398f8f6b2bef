"""A person's data across all parts of an instance: the books, the call log, letters as files, the admin's lists, logs."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ami_listener.privacy import calls_about, erase_from_calls
from callcenter.expiring import folders_of
from callcenter.faxing import folders_of as fax_folders_of
from callcenter.faxing_out import documents_of
from config.place import Place
from config.values import Client, Site
from contracts.ledger import erase_from_ledger, lines_about
from fax.privacy import FaxesAbout, erase_from_faxes, export_files, export_sections, faxes_about
from storage.engine import Database
from ticketing.privacy.erasure import Eraser
from ticketing.privacy.export import Export
from ticketing.privacy.held import Held
from ticketing.privacy.letter_files import letters_about, letters_to
from ticketing.privacy.mentions import Mentions
from ticketing.privacy.subjects import Subject
from ticketing.values import NotAllowed

QUARANTINE = 'quarantine'
PIECE = 1 << 20
OVERLAP = 512                                          # more than any name is long


@dataclass(frozen=True)
class LogsAbout:
    """Log files that name a person, which Mesa does not rewrite while their programs append to them."""

    files: tuple[Path, ...]


def eraser_of(place: Place, database: Database, key: str, site: Callable[[], Site]) -> Eraser:
    """The erasures of an instance."""
    return Eraser(database, site, folders_of(place), (place.maildir,), place.mail_in / QUARANTINE, key, Elsewhere(place, database))


@dataclass(frozen=True)
class Elsewhere:
    """Faxes, ledger and call log of an instance."""

    place: Place
    database: Database

    def hindrance(self, held: Held) -> str:
        """Faxes that are on their way."""
        return faxes_of(self.database, held).hindrance

    def erase(self, held: Held, by: str, now: datetime) -> Mapping[str, int]:
        """The ledger before the call log: what a call is rated by is read from there. Raises NotAllowed for a fax that came meanwhile."""
        mentions, linkedids = held.subject.mentions, held.calls
        faxes = faxes_of(self.database, held)
        if faxes.hindrance:
            raise NotAllowed(faxes.hindrance)
        gone = erase_from_faxes(self.database, faxes, fax_folders_of(self.place), documents_of(self.place), mentions, by, now)
        lines = erase_from_ledger(self.database, mentions, linkedids)
        return {**gone, **erase_from_calls(self.database, mentions, linkedids), **({'outbound_ledger': lines} if lines else {})}


def faxes_of(database: Database, held: Held) -> FaxesAbout:
    """The faxes that speak of the person."""
    with database.read() as connection:
        return faxes_about(connection, held.subject.client, held.subject.mentions, _numbers(held))


def ledger_of(database: Database, held: Held) -> list[Mapping[str, Any]]:
    """What the calls to the person cost."""
    with database.read() as connection:
        found = lines_about(connection, held.subject.mentions, held.calls)
    return [{'linkedid': line.linkedid, 'at': line.at, 'folio': line.folio, 'purpose': line.purpose, 'number': line.number,
             'destination': line.destination, 'seconds': line.seconds, 'amount': None if line.amount is None else str(line.amount)}
            for line in found]


def calls_of(database: Database, held: Held) -> list[Mapping[str, Any]]:
    """The person's calls."""
    with database.read() as connection:
        return list(calls_about(connection, held.subject.mentions, held.calls, _numbers(held)))


def _numbers(held: Held) -> list[str]:
    return [row['number'] for row in held.sections['folios']]


def export_of(place: Place, database: Database, held: Held, faxes: FaxesAbout, client: Client, now: datetime, zone: ZoneInfo) -> Export:
    """Everything that goes into the person's ZIP."""
    quarantine = letters_about((place.mail_in / QUARANTINE,), Mentions(), held.letters)
    # What names him in a letter to somebody else is somebody else's, too: only what went to himself.
    letters = [*letters_to((place.maildir,), held.subject.emails), *(quarantine if held.letters else ())]
    rows = {'calls': calls_of(database, held), 'outbound_ledger': ledger_of(database, held), **export_sections(faxes)}
    return Export(held, rows, letters, client.name, now, zone, export_files(faxes, fax_folders_of(place), documents_of(place)))


def lines_of_lists(place: Place, client: str, subject: Subject) -> list[str]:
    """The lines of the client's list that name the person, in the files that the admin edits and in those in force: file:line."""
    name = f'clients/{client}.users.csv'
    files = [site / name for site in (place.edited_site, place.site) if (site / name).is_file()]
    found = [f'{file}:{number}' for file in files
             for number, line in enumerate(file.read_text(errors='replace').splitlines(), 1) if _names(line, subject)]
    in_force = place.site.resolve()
    older = [file for file in sorted(place.applied.glob(f'*/site/{name}')) if file.parent.parent.resolve() != in_force
             and any(_names(line, subject) for line in file.read_text(errors='replace').splitlines())]
    return [*found, *(f'{file} (an earlier apply)' for file in older)]


def _names(line: str, subject: Subject) -> bool:
    is_his = bool(subject.employee_number) and line.split(',')[0].strip() == subject.employee_number
    return is_his or subject.mentions.in_text(line)


def logs_about(place: Place, mentions: Mentions) -> LogsAbout:
    """Asterisk's and HylaFAX's logs and ours, as far as they name the person."""
    folders = (place.asterisk_log, place.log, place.fax_spool / 'log')
    files = [file for folder in folders if folder.is_dir() for file in sorted(folder.rglob('*'))
             if file.is_file() and not file.is_symlink()]
    return LogsAbout(tuple(file for file in files if any(mentions.in_text(piece) for piece in _pieces(file))))


def _pieces(file: Path) -> Iterator[str]:
    """The text of a file, in pieces that overlap."""
    with file.open('rb') as handle:
        tail = b''
        while piece := handle.read(PIECE):
            yield (tail + piece).decode('utf-8', 'replace')
            tail = piece[-OVERLAP:]
