"""Files from people at the desk: kept by the limits of letters, once, and opened with a trace where somebody's voice is in them."""
from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from config.values import Policy
from storage.engine import Database
from tests.lives import MINUTE, NOW, Desk, site
from ticketing.attaching import LISTENED, Attaching, Opened, title_of
from ticketing.privacy.access import files_of
from ticketing.privacy.kept_files import Folders
from ticketing.privacy.retention import Retention
from ticketing.tables import folio_files, folios
from ticketing.values import EntryKind, NotAllowed, TicketingError, UnknownFolio

PNG = b'\x89PNG\r\n\x1a\n' + b'pixels'


@pytest.fixture
def desk(db: Database) -> Desk:
    return Desk(db, site(Policy(attachment_megabytes=1)))


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    made = Folders(tmp_path / 'messages', tmp_path / 'recordings', tmp_path / 'attachments')
    for folder in (made.messages, made.recordings):
        folder.mkdir()
    return made


@pytest.fixture
def files(desk: Desk, folders: Folders) -> Attaching:
    return Attaching(desk.db, lambda: desk.site, folders)


def test_a_file_is_kept_under_its_digest_and_told_in_the_timeline(desk: Desk, files: Attaching, folders: Folders) -> None:
    number = desk.open()
    kept = files.attach_file(number, 'C:\\fakepath\\pantalla  de\nerror.png', PNG, 'ana', NOW)
    sha256 = hashlib.sha256(PNG).hexdigest()
    assert (kept.kind, kept.name, kept.title) == ('attachment', sha256, 'pantalla de error.png')
    assert (kept.content_type, kept.size) == ('image/png', 14)
    assert (folders.attachments / sha256).read_bytes() == PNG
    assert desk.last(number) == ('attachment', f'pantalla de error.png (image/png, 14 bytes, sha256 {sha256})', 'ana')
    opened = files.open_file(number, kept.id, 'beto', NOW)
    assert opened == Opened(folders.attachments / sha256, 'image/png', 'pantalla de error.png', 14, sha256)
    assert desk.kinds(number).count('access') == 0


def test_the_same_file_is_added_once_and_to_several_folios_without_a_copy(desk: Desk, files: Attaching, folders: Folders) -> None:
    one, other = desk.open(), desk.open()
    first = files.attach_file(one, 'a.png', PNG, 'ana', NOW)
    assert files.attach_file(one, 'b.png', PNG, 'beto', NOW) == first
    assert files.attach_file(other, 'c.png', PNG, 'beto', NOW).id != first.id
    assert desk.kinds(one).count('attachment') == 1 and len(list(folders.attachments.iterdir())) == 1


@pytest.mark.parametrize(('title', 'data', 'why'), [
    ('virus.png', b'MZ\x90\x00', 'programa'), ('macro.bat', b'echo', 'programa'), ('vacío.txt', b'', 'empty'),
    ('grande.png', PNG + bytes(1024 * 1024), 'pasa de 1 MB')])
def test_what_letters_may_not_bring_people_may_not_either(desk: Desk, files: Attaching, folders: Folders, title: str, data: bytes,
                                                           why: str) -> None:
    number = desk.open()
    with pytest.raises(NotAllowed, match=why):
        files.attach_file(number, title, data, 'ana', NOW)
    assert not folders.attachments.exists() and files_of(desk.db, number) == () and desk.kinds(number) == ['opened']


def test_who_may_not_work_on_a_folio_adds_and_opens_nothing(desk: Desk, files: Attaching) -> None:
    number = desk.open(kind='complaint', complained_of='beto')
    kept = files.attach_file(number, 'prueba.png', PNG, 'sara', NOW)
    for deed in (lambda: files.attach_file(number, 'x.png', PNG, 'Beto', NOW), lambda: files.open_file(number, kept.id, 'beto', NOW),
                 lambda: files.attach_file(number, 'x.png', PNG, ' ', NOW), lambda: files.open_file(number, kept.id, '', NOW)):
        with pytest.raises(NotAllowed):
            deed()
    with pytest.raises(UnknownFolio):
        files.attach_file('00000000', 'x.png', PNG, 'ana', NOW)
    other = desk.open()
    with pytest.raises(TicketingError, match='no file'):
        files.open_file(other, kept.id, 'ana', NOW)


def test_listening_stands_in_the_timeline_once_for_one_sitting(desk: Desk, files: Attaching, folders: Folders) -> None:
    number = desk.open()
    (folders.recordings / 'r.wav').write_bytes(b'RIFF\x00\x00\x00\x00WAVEdata')
    desk.book.attach(number, EntryKind.RECORDING, 'r.wav', 'ab', 7, NOW)
    recording, = files_of(desk.db, number)
    for minute in (0, 1, 2):
        opened = files.open_file(number, recording.id, 'ana', NOW + minute * MINUTE)
        assert (opened.content_type, opened.title) == ('audio/x-wav', 'r.wav')
    assert desk.last(number) == ('access', f'se abrió la grabación {recording.id}', 'ana') and desk.kinds(number).count('access') == 1
    files.open_file(number, recording.id, 'sara', NOW)
    files.open_file(number, recording.id, 'ana', NOW + LISTENED)
    assert desk.kinds(number).count('access') == 3


def test_what_expired_or_was_replaced_by_a_link_is_not_opened_and_leaves_no_trace(desk: Desk, files: Attaching, folders: Folders) -> None:
    number = desk.open()
    for name in ('old.wav', 'link.wav'):
        (folders.recordings / name).write_bytes(b'RIFF')
        desk.book.attach(number, EntryKind.RECORDING, name, 'ab', 7, NOW)
    old, link = files_of(desk.db, number)
    with desk.db.write() as connection:
        connection.execute(update(folio_files).where(folio_files.c.id == old.id).values(deleted_at=NOW, deleted_why='recording_days'))
    (folders.recordings / 'link.wav').unlink()
    (folders.recordings / 'link.wav').symlink_to('/etc/passwd')
    for file in (old, link):
        with pytest.raises(TicketingError):
            files.open_file(number, file.id, 'ana', NOW)
    assert 'access' not in desk.kinds(number)


def test_a_file_that_expired_meanwhile_is_there_again(desk: Desk, files: Attaching, folders: Folders) -> None:
    old, new = desk.open(), desk.open()
    files.attach_file(old, 'a.png', PNG, 'ana', NOW)
    later = NOW + timedelta(days=desk.site.clients['acme'].policy.attachment_days + 1)
    assert Retention(desk.db, lambda: desk.site, folders).round(later) == 1 and list(folders.attachments.iterdir()) == []
    kept = files.attach_file(new, 'a.png', PNG, 'ana', later)
    assert files.open_file(new, kept.id, 'ana', later).path.read_bytes() == PNG
    with pytest.raises(NotAllowed, match='was deleted'):
        files.attach_file(old, 'a.png', PNG, 'ana', later)


def test_a_cut_between_disk_and_books_leaves_a_file_that_nobody_claims(desk: Desk, files: Attaching, folders: Folders,
                                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    number = desk.open()

    def die(*_: object) -> None:
        raise KeyboardInterrupt
    with monkeypatch.context() as cut:
        cut.setattr('ticketing.attaching._tied', die)
        with pytest.raises(KeyboardInterrupt):
            files.attach_file(number, 'a.png', PNG, 'ana', NOW)
    assert files_of(desk.db, number) == () and len(list(folders.attachments.iterdir())) == 1
    files.attach_file(number, 'a.png', PNG, 'ana', NOW)
    with desk.db.read() as connection:
        assert connection.scalar(select(func.count()).select_from(folio_files).join(folios)) == 1


def test_titles() -> None:
    assert title_of('../../etc/passwd') == 'passwd' and title_of('') == 'archivo' and title_of('a/') == 'archivo'
    assert title_of('<script>.txt') == '<script>.txt' and len(title_of('x' * 999)) == 200
