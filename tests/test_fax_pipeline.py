"""The way of a fax from HylaFAX's spool to the mail server, on both databases (mission.md chapter 5)."""
from __future__ import annotations

import fcntl
import hashlib
import io
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import run
from zoneinfo import ZoneInfo

import pytest
from PIL import Image

from fax.arrival import TOO_MANY_PAGES
from fax.pipeline import Pipeline
from fax.values import FaxState
from storage.engine import Database
from tests.fax_office import ACCOUNT, LINE, MACHINE, OTHER_LINE, SENDER, FaxOffice, pdf_in, policy, tiff

CITY = ZoneInfo('America/Mexico_City')
S = FaxState


@pytest.fixture
def office(db: Database, tmp_path: Path) -> FaxOffice:
    return FaxOffice(db, tmp_path)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CITY).astimezone(UTC)


def pages_of(pdf: bytes, tmp_path: Path) -> list[Image.Image]:
    """The pictures in a PDF, as poppler takes them out of it."""
    file = tmp_path / 'looked-at.pdf'
    file.write_bytes(pdf)
    for old in tmp_path.glob('page-*.png'):
        old.unlink()
    done = run(['pdfimages', '-png', str(file), str(tmp_path / 'page')], capture_output=True, text=True, check=True)
    assert done.stderr == ''
    return [Image.open(picture).convert('1') for picture in sorted(tmp_path.glob('page-*.png'))]


def pages_in(content: bytes) -> list[Image.Image]:
    whole = Image.open(io.BytesIO(content))
    pages = []
    for n in range(whole.n_frames):  # type: ignore[attr-defined]
        whole.seek(n)
        pages.append(whole.convert('1'))
    return pages


def same(first: list[Image.Image], second: list[Image.Image]) -> bool:
    return [(page.size, page.tobytes()) for page in first] == [(page.size, page.tobytes()) for page in second]


def states(office: FaxOffice, reference: str) -> list[FaxState]:
    return [event.state for event in office.book.events(reference)]


def test_a_fax_becomes_one_letter_with_one_pdf(office: FaxOffice, tmp_path: Path) -> None:
    sent = tiff('uno', 'dos', 'tres')
    office.arrive(sent, name='PAPELERIA LUNA')
    office.work()
    fax = office.only
    assert (fax.state, fax.pages, fax.sent_pages, fax.line, fax.client) == (S.SENT, 3, 3, LINE, 'nopalera')
    assert (fax.caller_number, fax.recipient, fax.deliveries, fax.reason) == (SENDER, ACCOUNT, 1, '')
    assert states(office, fax.reference) == [S.RECEIVED, S.COUNTED, S.CONVERTED, S.QUEUED, S.SENT]
    letter, = office.letters()
    assert letter['To'] == ACCOUNT
    for told in (fax.reference, 'Alimentos La Nopalera', '555 555 0177', '3 páginas', 'martes 24 de noviembre de 2026, 10:00 h'):
        assert told in letter['Subject']
    assert same(pages_of(pdf_in(letter), tmp_path), pages_in(sent))
    assert office.left_in_spool() == []
    assert (office.folders.tiffs / f'{fax.sha256}.tif').read_bytes() == sent
    assert fax.pdf_sha256 == hashlib.sha256(pdf_in(letter)).hexdigest()


def test_a_fax_is_told_from_a_folio(office: FaxOffice) -> None:
    office.arrive()
    office.work()
    assert office.only.reference.startswith('F')
    assert '[Folio' not in str(office.letters()[0]['Subject']) and office.letters()[0]['Reply-To'] is None


def test_of_a_long_fax_the_first_pages_go_and_the_rest_can_be_asked_for(office: FaxOffice, tmp_path: Path) -> None:
    sent = tiff(*(f'hoja {n}' for n in range(8)))
    office.arrive(sent)
    office.work()
    fax, (letter,) = office.only, office.letters()
    assert (fax.pages, fax.sent_pages) == (8, 5)
    text = letter.get_body(('plain',)).get_content()  # type: ignore[union-attr]
    assert 'las primeras 5 páginas' in text and 'Llegaron 8 páginas' in text and fax.reference in text
    assert same(pages_of(pdf_in(letter), tmp_path), pages_in(sent)[:5])

    office.desk.resend(fax.reference, 'eva', all_pages=True)
    office.work()
    again = office.letters()[1]
    assert same(pages_of(pdf_in(again), tmp_path), pages_in(sent))
    text = again.get_body(('plain',)).get_content()  # type: ignore[union-attr]
    assert 'Le enviamos de nuevo' in text and 'Llegaron 8' not in text
    assert office.only.deliveries == 2 and office.only.state is S.SENT


def test_a_long_fax_is_rejected_where_the_contract_says_so(office: FaxOffice) -> None:
    office.site = policy(office.site, fax_too_long='reject')
    office.arrive(tiff(*'12345'), reason=f'{TOO_MANY_PAGES}, call terminated')          # HylaFAX has refused it in the middle
    office.arrive(tiff(*'123456'))                                                       # or it did not
    office.arrive(tiff(*'12345'))
    office.work()
    assert [fax.state for fax in office.faxes] == [S.REJECTED, S.REJECTED, S.SENT]
    told = office.letters('Fax')
    assert ['rechazado' in str(letter['Subject']) for letter in told] == [True, True, False]
    assert all(letter['To'] == ACCOUNT for letter in told) and not list(told[0].iter_attachments())
    assert 'más páginas de las que incluye su contrato (5 por fax)' in told[0].get_body(('plain',)).get_content()  # type: ignore[union-attr]


@pytest.mark.parametrize(('came', 'leaves'), [
    ('2026-11-13 19:59:59', '2026-11-13 19:59:59'), ('2026-11-13 20:00:00', '2026-11-17 08:00:00'),
    ('2026-11-14 11:00:00', '2026-11-17 08:00:00'), ('2026-11-18 06:00:00', '2026-11-18 08:00:00')])
def test_a_fax_leaves_in_its_hour(office: FaxOffice, came: str, leaves: str) -> None:
    """Monday 2026-11-16 is a holiday."""
    office.now = local(came)
    office.arrive()
    office.work()
    if came != leaves:
        assert office.only.state is S.HELD and office.only.release_at == local(leaves)
        office.now = local(leaves) - timedelta(seconds=1)
        office.work()
        assert (office.only.state, office.letters()) == (S.HELD, [])
        office.now = local(leaves)
        office.work()
    letter, = office.letters()
    assert office.only.state is S.SENT and office.only.finished_at == local(leaves)
    assert ('fuera del horario' in letter.get_body(('plain',)).get_content()) == (came != leaves)  # type: ignore[union-attr]


def test_a_fax_that_came_in_time_leaves_though_mesa_was_not_there(office: FaxOffice) -> None:
    """It came at 19:59:59; Mesa begins to work at 22:00."""
    office.now = local('2026-11-13 22:00:00')
    came = local('2026-11-13 19:59:59')
    office.pipeline = Pipeline(office.book, office.spool, office.folders, lambda: office.site, lambda now: (), replace(
        office.pipeline._clocks, arrived=lambda written: written))
    office.machine = office.now
    stem = office.arrive()
    os.utime(office.place.fax_spool / 'recvq' / f'{stem}.tif', (came.timestamp(), came.timestamp()))
    office.work()
    assert office.only.state is S.SENT and office.only.received_at == came


def test_twenty_held_faxes_leave_in_the_order_of_their_arrival(office: FaxOffice) -> None:
    office.now = local('2026-11-14 11:00:00')
    for n in range(20):
        office.arrive(tiff(f'n{n}'), stem=f'fax{n + 1:09d}')
        office.work(minutes=1)
    assert {fax.state for fax in office.faxes} == {S.HELD}
    office.now = local('2026-11-17 08:00:00')
    office.work()
    order = [str(letter['Subject']).split()[1] for letter in office.letters()]
    assert order == [fax.reference for fax in office.faxes] and len(order) == 20


def test_the_hook_that_runs_twice_records_once(office: FaxOffice) -> None:
    stem = office.arrive(tiff('a'), commid='000000007')
    office.hook(stem, commid='000000007')
    office.work()
    office.hook(stem, commid='000000007')                                # late: the file is gone, the books have it
    (office.place.fax_spool / 'recvq' / f'{stem}.tif').write_bytes(tiff('a'))     # and we were killed before the spool was cleared
    office.hook(stem, commid='000000007')
    office.work()
    office.arrive(tiff('a'), commid='000000007', stem='fax000000099')    # the same session under another name
    office.work()
    assert len(office.faxes) == 1 and len(office.letters()) == 1 and office.left_in_spool() == []


def test_the_same_pages_sent_twice_are_two_faxes(office: FaxOffice) -> None:
    office.arrive(tiff('a'))
    office.arrive(tiff('a'))
    office.work()
    assert len(office.faxes) == 2 and len(office.letters()) == 2


def test_a_late_hook_whose_fax_is_in_the_books_is_no_new_fax(office: FaxOffice) -> None:
    stem = office.arrive(tiff('a'), commid='000000007')
    office.work()
    office.hook(stem, commid='000000007')
    office.work()
    assert [fax.state for fax in office.faxes] == [S.SENT] and office.left_in_spool() == []


def test_many_workers_at_once(office: FaxOffice, db: Database, tmp_path: Path) -> None:
    for n in range(10):
        office.arrive(tiff(f'n{n}'))
    others = [FaxOffice(db, tmp_path) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda other: [other.pipeline.round() for _ in range(5)], others))
    office.work()
    assert [fax.state for fax in office.faxes] == [S.SENT] * 10 and len(office.letters()) == 10


def test_what_no_hook_announced_is_found_within_a_minute(office: FaxOffice) -> None:
    stem = office.arrive(announced=False)
    file = office.place.fax_spool / 'recvq' / f'{stem}.tif'
    written = file.stat().st_mtime
    office.machine = datetime.fromtimestamp(written + 59, UTC)
    office.work()
    assert office.faxes == (), 'its hook may still be at work'
    office.machine = datetime.fromtimestamp(written + 130, UTC)
    with file.open('rb') as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        office.work()
        assert office.faxes == (), 'it is still being received'
    office.work(minutes=1.1)
    assert office.only.file == stem and office.left_in_spool() == []
    # Nobody knows its line: a person says.
    assert (office.only.state, office.only.line) == (S.QUARANTINED, None)
    office.desk.release(office.only.reference, 'eva', LINE)
    office.work()
    assert office.only.state is S.SENT and office.only.client == 'nopalera' and len(office.letters()) == 1


BROKEN: dict[str, bytes] = {
    'empty': b'', 'no tiff': b'%PDF-1.4 something else', 'header alone': b'II*\0\0\0\0\0', 'noise': bytes(range(256)) * 40}


@pytest.mark.parametrize('content', BROKEN.values(), ids=BROKEN)
def test_what_is_no_fax_is_put_into_quarantine_and_a_supervisor_hears_of_it(office: FaxOffice, content: bytes) -> None:
    office.arrive(content)
    office.arrive(tiff('bueno'))
    office.work()
    bad, good = office.faxes
    assert (bad.state, good.state) == (S.QUARANTINED, S.SENT) and bad.problem
    alert, = office.letters('Asunto por atender')
    assert bad.reference in alert.get_body(('plain',)).get_content()  # type: ignore[union-attr]
    assert office.left_in_spool() == []
    office.desk.release(bad.reference, 'eva')
    office.work()
    assert office.book.get(bad.reference).state is S.QUARANTINED and len(office.letters('Asunto por atender')) == 1


def test_a_fax_without_its_file(office: FaxOffice) -> None:
    office.hook('fax000000001')
    office.work()
    assert (office.only.state, office.only.sha256) == (S.QUARANTINED, '') and office.left_in_spool() == []


def test_a_fax_to_a_number_that_is_no_fax_line(office: FaxOffice) -> None:
    office.arrive(called='+528005550101')
    office.work()
    assert office.only.state is S.QUARANTINED and 'ninguna línea de fax' in str(office.only.problem)


def test_what_stands_in_the_spool_and_is_no_plain_file_is_not_followed(office: FaxOffice, tmp_path: Path) -> None:
    secret = tmp_path / 'secret.tif'
    secret.write_bytes(tiff('secreto'))
    (office.place.fax_spool / 'recvq' / 'fax000000001.tif').symlink_to(secret)
    office.hook('fax000000001')
    (office.place.fax_spool / 'inbox' / 'fax000000001.tif').unlink()
    (office.place.fax_spool / 'inbox' / 'fax000000001.tif').symlink_to(secret)
    os.mkfifo(office.place.fax_spool / 'inbox' / 'fax000000002.args')
    (office.place.fax_spool / 'inbox' / '..args').write_bytes(b'x')
    office.work()
    assert [fax.sha256 for fax in office.faxes] == ['', ''] and secret.exists()
    assert not any(file.name.endswith('.tif') for file in office.folders.tiffs.iterdir())


def test_one_fax_that_makes_trouble_keeps_no_other_waiting(office: FaxOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    office.arrive(tiff('malo'))
    office.arrive(tiff('bueno'), called=OTHER_LINE)
    bad = hashlib.sha256(tiff('malo')).hexdigest()
    healthy = Pipeline._pages

    def pages(self: Pipeline, fax: object) -> object:
        if getattr(fax, 'sha256', '') == bad:
            raise RuntimeError('a defect')
        return healthy(self, fax)  # type: ignore[arg-type]
    monkeypatch.setattr(Pipeline, '_pages', pages)
    office.work()
    assert [fax.state for fax in office.faxes] == [S.RECEIVED, S.SENT]
    monkeypatch.setattr(Pipeline, '_pages', healthy)
    office.work()
    assert office.faxes[0].state is S.RECEIVED, 'it rests for a minute'
    office.work(minutes=1.1)
    assert office.faxes[0].state is S.SENT


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    run(['mount', '-t', 'tmpfs', '-o', f'size={size}', 'tmpfs', str(folder)], check=True)
    try:
        yield
    finally:
        run(['umount', '--lazy', str(folder)], check=True)


def fill(file: Path) -> None:
    with pytest.raises(OSError, match='No space'), file.open('wb') as full:
        while True:
            full.write(b'x' * 4096)
            full.flush()


@pytest.mark.parametrize('which', ['tiff', 'pdf', 'maildir'])
def test_a_full_disk_loses_nothing(db: Database, tmp_path: Path, which: str) -> None:
    folder = tmp_path / 'var' / ('maildir' if which == 'maildir' else f'fax/{which}')
    with small_disk(folder, '256k'):
        office = FaxOffice(db, tmp_path)
        office.arrive(tiff('a', 'b'))
        ballast = folder / 'ballast'
        fill(ballast)
        office.work()
        office.work(minutes=2)
        assert office.letters() == []
        assert office.left_in_spool() or office.only.state in (S.COUNTED, S.QUEUED)
        ballast.unlink()
        office.work(minutes=5)
        assert office.only.state is S.SENT and len(office.letters()) == 1
        assert office.left_in_spool() == []


def test_the_machine_s_clock_may_be_wrong(office: FaxOffice) -> None:
    """A file of the future came now, at the latest."""
    office.pipeline = Pipeline(office.book, office.spool, office.folders, lambda: office.site, lambda now: (), replace(
        office.pipeline._clocks, arrived=lambda written: written, machine=lambda: office.now))
    stem = office.arrive()
    future = (MACHINE + timedelta(days=9000)).timestamp()
    os.utime(office.place.fax_spool / 'recvq' / f'{stem}.tif', (future, future))
    office.work()
    assert office.only.received_at == office.now and office.only.state is S.SENT


