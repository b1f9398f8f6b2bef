"""What expires by contract: the right files at the right time, each leaves a marker, and no power cut leaves half (mission.md 4.1)."""
from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from config.load import load
from config.values import Modality, Policy, Site
from storage.engine import Database
from tests.mail_samples import KEY, TO_HELP, site_with_mail, with_file
from tests.mail_samples import NOW as MAIL_NOW
from ticketing.folios import EntryKind, FolioBook
from ticketing.mail.intake import MailIn
from ticketing.privacy.kept_files import Folders, delete, is_plain, names_in, reading
from ticketing.privacy.retention import Retention, Sweep
from ticketing.tables import folio_files, folios
from ticketing.values import Report, TicketingError

NOW = datetime(2026, 11, 24, 16, tzinfo=UTC)


@pytest.fixture(scope='module')
def site() -> Site:
    """Two clients: nopalera keeps recordings 90 days and for premium 10, quetzal 30."""
    known = load(Path(__file__).resolve().parent.parent / 'config' / 'example')
    nopalera = replace(known.clients['nopalera'], policy=Policy(), modality_policies={Modality.PREMIUM: Policy(recording_days=10)})
    quetzal = replace(known.clients['quetzal'], policy=Policy(recording_days=30, attachment_days=40), modality_policies={})
    return replace(known, clients={'nopalera': nopalera, 'quetzal': quetzal})


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    made = Folders(tmp_path / 'messages', tmp_path / 'recordings', tmp_path / 'attachments')
    for folder in (made.messages, made.recordings, made.attachments):
        folder.mkdir()
    return made


@pytest.fixture
def retention(db: Database, site: Site, folders: Folders) -> Retention:
    return Retention(db, lambda: site, folders)


def folio(db: Database, client: str = 'nopalera', modality: str = 'standard') -> str:
    report = Report(line='+528005550101', client=client, modality=modality, clock_starts=NOW, rule='a test')
    return FolioBook(db).open(report, NOW - timedelta(days=1000)).number


def keep(db: Database, folders: Folders, number: str, kind: str, days_old: float, name: str = '', text: bytes = b'') -> Path:
    """A file of a folio, on disk and in the books."""
    text = text or f'{number} {kind} {days_old} {name}'.encode()
    sha256 = hashlib.sha256(text).hexdigest()
    name = name or (sha256 if kind == 'attachment' else f'{number}-{days_old}.wav')
    with db.write() as connection:
        folio_id = connection.scalar(select(folios.c.id).where(folios.c.number == number))
        connection.execute(insert(folio_files).values(
            folio_id=folio_id, kind=kind, name=name, sha256=sha256, seconds=3, at=NOW - timedelta(days=days_old)))
    if is_plain(name):
        (folders.of_kind(kind) / name).write_bytes(text)
    return folders.of_kind(kind) / name


def markers(db: Database, number: str) -> list[str]:
    return [entry.text for entry in FolioBook(db).timeline(number) if entry.kind == EntryKind.EXPIRED]


def test_each_file_goes_when_its_contract_says(db: Database, folders: Folders, retention: Retention) -> None:
    ours, premium, other, gone = folio(db), folio(db, modality='premium'), folio(db, 'quetzal'), folio(db, 'left us')
    kept = [keep(db, folders, *what) for what in (
        (ours, 'recording', 89.9), (ours, 'attachment', 729), (premium, 'message', 9.9), (other, 'description', 29),
        (other, 'attachment', 39), (gone, 'recording', 89))]
    due = [keep(db, folders, *what) for what in (
        (ours, 'recording', 90), (ours, 'attachment', 731), (premium, 'message', 10), (other, 'description', 30),
        (other, 'attachment', 41), (gone, 'recording', 91))]
    assert retention.round(NOW) == 6
    assert [path.exists() for path in kept] == [True] * 6 and [path.exists() for path in due] == [False] * 6
    assert retention.round(NOW) == 0 and len(markers(db, ours)) == 2


def test_a_marker_tells_what_when_why_and_which(db: Database, folders: Folders, retention: Retention) -> None:
    number = folio(db)
    keep(db, folders, number, 'recording', 100, text=b'a talk')
    retention.round(NOW)
    entry = FolioBook(db).timeline(number)[-1]
    assert (entry.kind, entry.at, entry.by) == (EntryKind.EXPIRED, NOW, 'mesa')
    assert 'se eliminó la grabación 1 a los 90 días, por contrato (recording_days)' in entry.text
    assert hashlib.sha256(b'a talk').hexdigest() in entry.text
    with db.read() as connection:
        row = connection.execute(select(folio_files)).one()
    assert (row.deleted_at, row.deleted_why) == (NOW, 'recording_days')


def test_more_than_a_batch_goes_in_one_round(db: Database, folders: Folders, retention: Retention) -> None:
    number = folio(db)
    for n in range(250):
        keep(db, folders, number, 'recording', 100 + n)
    assert retention.round(NOW) == 250
    assert not list(names_in(folders.recordings)) and len(markers(db, number)) == 250


def test_an_attachment_of_two_folios_goes_with_the_last(db: Database, folders: Folders, retention: Retention) -> None:
    first, second = folio(db), folio(db)
    path = keep(db, folders, first, 'attachment', 800, text=b'the same')
    assert keep(db, folders, second, 'attachment', 700, text=b'the same') == path
    assert retention.round(NOW) == 1 and path.exists()
    assert retention.round(NOW + timedelta(days=31)) == 1 and not path.exists()


def test_what_a_power_cut_leaves_is_found(db: Database, folders: Folders, retention: Retention) -> None:
    number = folio(db)
    path = keep(db, folders, number, 'recording', 100)
    retention._expire(NOW)                             # in the books, and then the power goes
    assert path.exists()
    assert retention.sweep() == Sweep((f'recordings/{path.name}',), ())
    assert not path.exists() and len(markers(db, number)) == 1
    assert retention.sweep() == Sweep((), ())


def test_a_file_that_was_gone_already_is_still_marked(db: Database, folders: Folders, retention: Retention) -> None:
    number = folio(db)
    keep(db, folders, number, 'message', 100).unlink()
    assert retention.round(NOW) == 1 and len(markers(db, number)) == 1


def test_files_that_nobody_knows_are_told_and_not_deleted(db: Database, folders: Folders, retention: Retention) -> None:
    claimed = keep(db, folders, folio(db), 'recording', 1)
    old, young = folders.messages / 'old.wav', folders.messages / 'young.wav'
    old.touch()
    young.touch()
    os.utime(old, (1, 1))
    os.utime(claimed, (1, 1))
    assert retention.sweep() == Sweep((), ('messages/old.wav',))
    assert old.exists() and young.exists() and claimed.exists()


@pytest.mark.parametrize('name', ['../outside.wav', '/etc/hostname', '..', '.', '.hidden', 'a/b', 'x\ny/../z'])
def test_a_name_never_leads_out_of_its_folder(db: Database, folders: Folders, retention: Retention, tmp_path: Path, name: str) -> None:
    outside = tmp_path / 'outside.wav'
    outside.write_text('not ours')
    number = folio(db)
    keep(db, folders, number, 'recording', 100, name=name)
    assert retention.round(NOW) == 1 and len(markers(db, number)) == 1
    assert outside.exists() and Path('/etc/hostname').exists()
    with pytest.raises(TicketingError), reading(folders.recordings, name):
        pass


def test_a_link_or_a_folder_is_left_alone(db: Database, folders: Folders, retention: Retention, tmp_path: Path) -> None:
    outside = tmp_path / 'outside.wav'
    number = folio(db)
    link = keep(db, folders, number, 'recording', 100, name='link.wav')
    link.unlink()
    outside.write_text('not ours')
    link.symlink_to(outside)
    folder = keep(db, folders, number, 'recording', 100, name='folder.wav')
    folder.unlink()
    folder.mkdir()
    assert retention.round(NOW) == 2 and outside.read_text() == 'not ours' and folder.is_dir()
    assert not delete(folders.recordings, 'link.wav')
    with pytest.raises(TicketingError), reading(folders.recordings, 'link.wav'):
        pass


def test_two_rounds_at_once_leave_one_marker(db: Database, folders: Folders, retention: Retention, site: Site) -> None:
    from concurrent.futures import ThreadPoolExecutor
    number = folio(db)
    for n in range(40):
        keep(db, folders, number, 'recording', 100 + n)
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: Retention(db, lambda: site, folders).round(NOW), range(4)))
    assert sum(done) == 40 and len(markers(db, number)) == 40 and not list(names_in(folders.recordings))


def test_an_attachment_that_expires_while_the_same_one_comes_in_is_there_afterwards(
        db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site, folders = site_with_mail(), Folders(tmp_path / 'messages', tmp_path / 'recordings', tmp_path / 'attachments')
    (tmp_path / 'mail-in').mkdir()
    mail = MailIn(db, lambda: site, tmp_path / 'mail-in', folders.attachments, KEY)
    mail.take(with_file(b'\x89PNG\r\n\x1a\n' + bytes(50), 'foto.png', message_id='<1@nopalera.example>'), TO_HELP)
    mail.round(MAIL_NOW)
    name, = names_in(folders.attachments)
    mail.take(with_file(b'\x89PNG\r\n\x1a\n' + bytes(50), 'foto.png', message_id='<2@nopalera.example>'), TO_HELP)
    original = MailIn._keep

    def then_expire(self: MailIn, *what: Any) -> Any:
        kept = original(self, *what)
        monkeypatch.setattr(MailIn, '_keep', original)
        Retention(db, lambda: site, folders).round(MAIL_NOW + timedelta(days=1000))
        return kept
    monkeypatch.setattr(MailIn, '_keep', then_expire)
    mail.round(MAIL_NOW)
    with db.read() as connection:
        assert connection.scalars(select(folio_files.c.deleted_at).order_by(folio_files.c.id)).all()[1:] == [None]
    assert (folders.attachments / name).exists()
