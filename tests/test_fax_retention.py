"""A fax goes by contract, never before its account has it, and leaves its row (mission.md 5.4)."""
from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from fax.retention import FaxRetention
from fax.values import FaxError, FaxState
from storage.engine import Database
from storage.tables import metadata
from tests.fax_office import OTHER_LINE, SENDER, FaxOffice, policy, tiff

S = FaxState


@pytest.fixture
def office(db: Database, tmp_path: Path) -> FaxOffice:
    return FaxOffice(db, tmp_path)


def everything(office: FaxOffice) -> str:
    """All that the books say."""
    with office.db.read() as connection:
        return str([connection.execute(select(table)).all() for table in metadata.sorted_tables])


def files(office: FaxOffice) -> int:
    return len([*office.folders.tiffs.glob('*.tif'), *office.folders.pdfs.glob('*.pdf')])


def test_a_delivered_fax_goes_after_its_days_and_its_row_stays(office: FaxOffice) -> None:
    office.arrive(tiff('a'))
    office.work()
    assert office.retention.round(office.now + timedelta(days=30) - timedelta(seconds=1)) == 0 and files(office) == 2
    assert office.retention.round(office.now + timedelta(days=30)) == 1 and files(office) == 0
    assert office.retention.round(office.now + timedelta(days=31)) == 0
    fax = office.only
    assert (fax.state, fax.deleted_at, fax.caller_number) == (S.SENT, office.now + timedelta(days=30), '')
    assert SENDER not in everything(office), 'nobody knows any more who sent it'
    assert f'por contrato; sha256 {fax.sha256}' in office.book.events(fax.reference)[-1].text
    with pytest.raises(FaxError, match='was deleted on'):
        office.desk.resend(fax.reference, 'eva')


@pytest.mark.parametrize('state', [S.QUEUED, S.HELD, S.QUARANTINED, S.UNDELIVERED])
def test_what_nobody_has_is_never_deleted(office: FaxOffice, state: FaxState) -> None:
    if state is S.QUARANTINED:
        office.arrive(b'no fax')
        office.pipeline.round()
    else:
        office.arrive(tiff('a'))
        office.pipeline.round()
    if state is S.HELD:
        office.desk.hold(office.only.reference, 'eva')
    if state is S.UNDELIVERED:
        office.folders.pdf(office.only).write_bytes(b'changed')
        office.work()
    assert office.only.state is state
    kept = files(office)
    assert office.retention.round(office.now + timedelta(days=5000)) == 0 and office.retention.sweep() == 0 and files(office) == kept > 0


def test_the_days_are_the_client_s(office: FaxOffice) -> None:
    office.arrive(tiff('a'))
    office.arrive(tiff('b'), called=OTHER_LINE)
    office.work()
    office.site = policy(office.site, fax_days=90)
    assert office.retention.round(office.now + timedelta(days=89)) == 0
    assert office.retention.round(office.now + timedelta(days=90)) == 2


def test_two_faxes_of_the_same_content_share_a_file(office: FaxOffice) -> None:
    office.arrive(tiff('a'))
    office.work()
    office.arrive(tiff('a'))
    office.work(minutes=60)
    first_due = office.now - timedelta(minutes=60) + timedelta(days=30)
    assert office.retention.round(first_due) == 1 and len(list(office.folders.tiffs.glob('*.tif'))) == 1
    assert office.retention.round(office.now + timedelta(days=30)) == 1 and files(office) == 0


def test_the_logs_of_sessions_name_callers_and_go_too(office: FaxOffice) -> None:
    logs = office.place.fax_spool / 'log'
    logs.mkdir()
    for name, age in (('c000000001', 100), ('c000000002', 10), ('xferfaxlog', 100), ('mesa-received', 100)):
        (logs / name).write_text(SENDER)
        os.utime(logs / name, (1_000_000 - age, 1_000_000 - age))
    assert office.spool.forget_sessions(1_000_000 - 50) == 1
    assert sorted(file.name for file in logs.iterdir()) == ['c000000002', 'mesa-received', 'xferfaxlog']


def test_what_a_power_cut_left_is_swept(office: FaxOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    office.arrive(tiff('a'))
    office.work()
    (office.folders.tiffs / f'{"0" * 64}.tif').write_bytes(b'of nobody')
    with monkeypatch.context() as cut, pytest.raises(KeyboardInterrupt):
        cut.setattr(Path, 'unlink', lambda *args, **kwargs: (_ for _ in ()).throw(KeyboardInterrupt))
        office.retention.round(office.now + timedelta(days=30))
    assert office.only.deleted_at is not None and files(office) == 3
    retention = FaxRetention(office.book, office.folders, lambda: office.site)
    assert retention.sweep() == 2 and files(office) == 1, 'what nobody knows stays'
