"""`mesa statement` as a person or a script runs it (mission.md 7.5)."""
from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import text

from callcenter.contract_loader import load
from callcenter.instance import Instance
from contracts.ledger import Ledger
from contracts.months import Month
from contracts.renderings.json_ import from_json
from storage.engine import Database
from tests.lives import NOW
from tests.test_callcenter_commands import Mesa, before, mesa

__all__ = ['before', 'mesa']


@pytest.fixture
def busy(mesa: Mesa) -> Mesa:
    """An instance with the calls and folios of September and October, rated; its clock stands in November."""
    instance = Instance.open(mesa.root)
    database = Database(instance.database_url, patience_s=20.0)
    site = instance.site()
    load(database, site, first=Month(2026, 9), months=2, calls=500, folios=120)
    for month in (Month(2026, 9), Month(2026, 10)):
        Ledger(database, lambda: site).rerate(month, NOW)
    database.close()
    return mesa


def test_a_draft_for_a_person_and_in_every_format(busy: Mesa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = busy('statement', 'nopalera', '2026-10').out
    assert told.startswith('Alimentos La Nopalera, S.A. de C.V., octubre de 2026: a draft\n')
    assert 'Renta mensual del servicio HELP DESK 911' in told and 'IVA 16 %' in told and 'Son: ' in told
    assert busy('statement', 'show', 'nopalera', '2026-10').out == told
    model = from_json(busy('statement', 'nopalera', '2026-10', '--format', 'json').out.encode())
    assert f'{model.total:,.2f}' in told and model.words in told and model.issued_at is None
    assert busy('statement', 'nopalera', '2026-10', '--format', 'csv').out.startswith('\ufeffEstado de cuenta')
    assert busy('statement', 'nopalera', '2026-10', '--format', 'html').out.startswith('<!doctype html>')
    said = busy('statement', 'nopalera', '2026-10', '--format', 'xlsx').out
    assert said == f'nopalera-2026-10.xlsx: {(tmp_path / "nopalera-2026-10.xlsx").stat().st_size:,} bytes, a draft\n'
    assert (tmp_path / 'nopalera-2026-10.xlsx').read_bytes()[:2] == b'PK'
    busy('statement', 'nopalera', '2026-10', '--out', str(tmp_path / 'octubre.pdf'))
    assert (tmp_path / 'octubre.pdf').read_bytes()[:5] == b'%PDF-'
    busy('statement', 'nopalera', '2026-10', '--format', 'json', '--out', str(tmp_path / 'any'))
    assert from_json((tmp_path / 'any').read_bytes()).charges == model.charges


def test_issue_list_and_check(busy: Mesa) -> None:
    assert busy('statement', 'list').out == 'No statement was issued yet.\n'
    assert busy('statement', 'check').out == '0 issued statements, all as they were issued.\n'
    first = busy('statement', 'issue', 'nopalera', '2026-09', '--by', 'raul', '--json').json
    assert (first['client'], first['month'], first['issued_by'], len(first['sha256'])) == ('nopalera', '2026-09', 'raul', 64)
    said = busy('statement', 'issue', 'nopalera', '2026-10', '--by', 'raul').out
    listed = busy('statement', 'list', '--json').json
    assert [one['month'] for one in listed] == ['2026-10', '2026-09'] and listed[1]['sha256'] == first['sha256']
    assert listed[0]['sha256'] in said and 'is issued: $' in said
    person = busy('statement', 'list', 'nopalera').out
    assert [line.split()[:2] for line in person.splitlines()] == [['2026-10', 'nopalera'], ['2026-09', 'nopalera']]
    assert busy('statement', 'list', 'quetzal', '--json').json == []
    assert 'septiembre de 2026: issued 2026-11-24 by raul\n' in busy('statement', 'nopalera', '2026-09').out
    body = busy('statement', 'nopalera', '2026-09', '--format', 'json').out
    assert json.loads(body)['statement']['issued_by'] == 'raul'
    assert busy('statement', 'check').out == '2 issued statements, all as they were issued.\n'


def test_check_finds_what_was_tampered_with(busy: Mesa) -> None:
    busy('statement', 'issue', 'nopalera', '2026-09')
    database = Database(Instance.open(busy.root).database_url)
    with database.write() as connection:
        connection.execute(text('DROP TRIGGER statements_update'))
        connection.execute(text("UPDATE statements SET body = replace(body, 'Anexos', 'anexos')"))
    database.close()
    for words in (('statement', 'check'), ('statement', 'nopalera', '2026-09'), ('statement', 'check', 'nopalera')):
        done = busy(*words)
        assert (done.code, done.out) == (1, '') and 'its hash differs; restore it from a backup' in done.err
    assert busy('statement', 'check', 'quetzal').code == 0


@pytest.mark.parametrize(('words', 'code', 'said'), [
    ('statement', 2, 'Usage: mesa statement'),
    ('statement show nopalera', 2, "Missing argument 'YYYY-MM'"),
    ('statement nopalera 2026-13', 2, "'2026-13' is not a month. Write it like 2026-10"),
    ('statement acme 2026-10', 1, "acme 2026-10: there is no client 'acme': one of nopalera, quetzal"),
    ('statement nopalera 2026-12', 1, 'nopalera 2026-12: 2026-12 has not begun'),
    ('statement nopalera 2024-12', 1, 'lies outside the contract of nopalera, which runs from 2025-01-01 to no end'),
    ('statement nopalera 2026-10 --format docx', 2, "'docx' is not one of"),
    ('statement nopalera 2026-10 --out x.docx', 2, 'x.docx: which format? Write --format, or a name that ends in .pdf, .xlsx'),
    ('statement issue nopalera 2026-11', 1, 'nopalera 2026-11: 2026-11 is not over yet: issue it from 2026-12-01 on'),
    ('statement issue acme 2026-10', 1, "there is no client 'acme'")])
def test_what_cannot_be_is_answered_in_a_sentence(mesa: Mesa, words: str, code: int, said: str) -> None:
    done = mesa(*words.split())
    assert (done.code, done.out) == (code, '') and said in done.err and 'Traceback' not in done.err


def test_twice_is_refused(busy: Mesa) -> None:
    busy('statement', 'issue', 'nopalera', '2026-09')
    again = busy('statement', 'issue', 'nopalera', '2026-09')
    assert again.code == 1 and 'nopalera 2026-09: the statement nopalera 2026-09 is issued already' in again.err
