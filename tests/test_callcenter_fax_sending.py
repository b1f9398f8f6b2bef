"""`mesa fax send`, `status` and `cancel` as a person or a script runs them."""
from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from callcenter.instance import Instance
from fax.outgoing.job_book import JobBook
from fax.outgoing.jobs import Attempt, JobState
from storage.engine import Database
from tests.fax_jobs import NOW
from tests.site_copies import edit
from tests.test_callcenter_commands import Mesa, before, folio, mesa

__all__ = ['before', 'folio', 'mesa']


@pytest.fixture
def book(mesa: Mesa) -> Iterator[JobBook]:
    database = Database(Instance.open(mesa.root).database_url, patience_s=20)
    yield JobBook(database)
    database.close()


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    file = tmp_path / 'oficio.txt'
    file.write_text('Estimados señores:\n\nhola\n')
    return file


def test_a_fax_is_queued_with_all_that_it_is(mesa: Mesa, letter: Path, folio: str) -> None:
    told = mesa('fax', 'send', '--to', '55 5555 0199', '--folio', folio, '--by', 'ana', '--json', str(letter)).json
    assert (told['id'], told['state'], told['number'], told['client'], told['folio']) == (1, 'queued', '+525555550199', 'nopalera', folio)
    assert (told['name'], told['content_type'], told['pages'], told['by'], told['cost']) == ('oficio.txt', 'text/plain', 1, 'ana', None)
    assert (told['max_tries'], told['max_dials'], told['attempts']) == (3, 6, [])
    out = mesa.root / 'fax' / 'out'
    assert {file.name for file in out.glob('[0-9a-f]*')} == {told['sha256'], f'{told["sha256"]}.tif'}
    assert {file.stat().st_mode & 0o077 for file in out.glob('[0-9a-f]*')} == {0}, 'nobody else reads them'
    timeline = mesa('folio', 'show', folio, '--json').json['timeline']
    assert timeline[-1]['text'] == 'se enviará el fax oficio.txt (1 páginas) al +525555550199 [fax 1]'


def test_a_person_is_told_what_to_do_next(mesa: Mesa, letter: Path) -> None:
    done = mesa('fax', 'send', '--to', '8005550105', str(letter))
    assert (done.code, done.out) == (0, 'Fax 1, 1 page to +528005550105, waits to be sent. See: mesa fax status 1\n')
    assert '+528005550105' in mesa('fax', 'status').out.splitlines()[1]
    shown = mesa('fax', 'status', '1').out
    assert 'state  queued' in shown and '2026-11-24 10:00:00' in shown


def test_no_faxes_yet(mesa: Mesa) -> None:
    assert mesa('fax', 'status').out == 'No fax was sent yet.\n'
    assert mesa('fax', 'status', '--client', 'nopalera').out == 'No such fax.\n'
    assert mesa('fax', 'status', '--json').json == []


@pytest.mark.parametrize(('words', 'code', 'said'), [
    ('send', 2, "Missing argument 'FILE'"),
    ('send LETTER', 2, "Missing option '--to'"),
    ('send --to 5555550199 /nosuch', 2, 'does not exist'),
    ('send --to 911 LETTER', 1, 'emergency number'),
    ('send --to 9005550100 LETTER', 1, 'somebody earns'),
    ('send --to +12125550100 LETTER', 1, 'abroad'),
    ('send --to x LETTER', 1, 'no telephone number'),
    ('send --to 8005550101 LETTER', 1, 'no fax machine answers'),
    ('send --to 5555550199 --tries 0 LETTER', 2, '1<=x<=10'),
    ('send --to 5555550199 --line 123 LETTER', 1, 'no line has this number'),
    ('send --to 5555550199 --client acme LETTER', 1, 'There are: nopalera'),
    ('send --to 5555550199 --folio 10000007 LETTER', 1, 'No folio'),
    ('send --to 5555550199 --line 8005550205 --client nopalera LETTER', 1, 'must agree'),
    ('send --to 5555550199 /usr/bin/true', 1, 'application/x-executable'),
    ('send --to 5555550199 /dev/null', 1, 'no ordinary file'),
    ('status 7', 1, 'No fax has the number 7'),
    ('status x', 2, 'not a valid integer'),
    ('status 0', 2, '1<=x<='),
    ('cancel', 2, "Missing argument 'JOB'"),
    ('cancel 7', 1, 'No fax has the number 7')])
def test_wrong_usage_is_answered_in_a_sentence(mesa: Mesa, letter: Path, words: str, code: int, said: str) -> None:
    done = mesa('fax', *(str(letter) if word == 'LETTER' else word for word in words.split()))
    assert (done.code, done.out) == (code, '')
    assert said in done.err and 'Traceback' not in done.err
    assert mesa('fax', 'status', '--json').json == []


def test_a_site_without_modems_says_what_to_do(mesa: Mesa, letter: Path) -> None:
    edit(mesa.root / 'applied' / 'current' / 'site', 'site.toml', 'modems = 2', 'modems = 0')
    assert 'no fax server' in mesa('fax', 'send', '--to', '5555550199', str(letter)).err


@pytest.mark.parametrize('name', ['-rf', 'a\nb"$(reboot)`.txt', os.fsdecode(b'\xff.txt')])
def test_a_file_with_a_terrible_name_is_faxed_all_the_same(mesa: Mesa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (tmp_path / name).write_text('hola')
    monkeypatch.chdir(tmp_path)
    assert mesa('fax', 'send', '--to', '5555550199', '--', name).code == 0
    assert len(mesa('fax', 'status').out.splitlines()) == 2


def test_cancel(mesa: Mesa, letter: Path, book: JobBook) -> None:
    for _ in range(2):
        mesa('fax', 'send', '--to', '5555550199', str(letter))
    assert mesa('fax', 'cancel', '1', '--by', 'beto').out == 'Fax 1 is cancelled.\n'
    assert 'Fax 1 is over: cancelled' in mesa('fax', 'cancel', '1').err
    book.begin(book.get(2))
    assert 'is being cancelled' in mesa('fax', 'cancel', '2').out
    assert mesa('fax', 'status', '--json').json[0]['cancel_at'] is not None


def settled(book: JobBook, state: JobState) -> None:
    """What a worker does, as soon as there is something."""
    while not book.open():
        pass
    job, = book.open()
    book.begin(job)
    book.submitted(job, 7, NOW)
    book.end(job, state, 'Busy signal detected' if state is JobState.FAILED else '', (Attempt('1', NOW, 61, 1, ''),), NOW)


@pytest.mark.parametrize(('state', 'code'), [(JobState.SENT, 0), (JobState.FAILED, 1)])
@pytest.mark.parametrize('as_json', [False, True])
def test_with_wait_the_end_decides(mesa: Mesa, letter: Path, book: JobBook, state: JobState, code: int, as_json: bool) -> None:
    worker = threading.Thread(target=settled, args=(book, state), daemon=True)
    worker.start()
    done = mesa('fax', 'send', '--to', '5555550199', '--wait', *(['--json'] if as_json else []), str(letter))
    worker.join()
    assert done.code == code
    if as_json:
        import json
        told = json.loads(done.out)
        assert (told['state'], told['cost'], told['seconds'], told['attempts'][0]['seconds']) == (state.value, None, 61, 61)
    else:
        assert f'  {state.value}, 61 s' in done.out.splitlines()[-1]
