"""`mesa outbox` and `mesa mail preview` as a person or a script runs them."""
from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from callcenter.instance import Instance
from storage.engine import Database
from tests.outbox_rows import NOW, a_folio, posted
from tests.test_callcenter_commands import Mesa, before, mesa
from ticketing.folios import FolioBook
from ticketing.mail.letter_samples import OF_THE_CONTRACT
from ticketing.mail.letter_texts import NOTICES
from ticketing.mail.outbox import Outbox
from ticketing.values import EntryKind, Sending

__all__ = ['before', 'mesa']
MACHINE = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def books(mesa: Mesa) -> Iterator[Database]:
    database = Database(Instance.open(mesa.root).database_url, patience_s=20)
    yield database
    database.close()


def refused(books: Database, number: str | None = None, **more: str) -> int:
    posted(books, number=number, **more)
    book = Outbox(books)
    row, = book.claim(NOW, MACHINE, 60)
    book.refused(row, '550 no such user', NOW)
    return row.id


def doubtful(books: Database) -> int:
    posted(books)
    book = Outbox(books, jitter=lambda: 0.0)
    for machine in (MACHINE, MACHINE.replace(year=2031)):
        row, = book.claim(NOW, machine, 60)
        book.committed(row, machine, 60)
        book.doubt(row, 'no answer', NOW, machine)
    return row.id


@contextmanager
def nobody_there() -> Iterator[None]:
    """A standard input without anybody to answer."""
    before = sys.stdin
    with Path(os.devnull).open() as nothing:
        sys.stdin = nothing
        try:
            yield
        finally:
            sys.stdin = before


def test_a_list_of_nothing_says_so(mesa: Mesa) -> None:
    assert mesa('outbox', 'list').out == 'No letters yet.\n'
    assert mesa('outbox', 'list', '--state', 'failed').out == 'No letter is in such a state.\n'
    assert mesa('outbox', 'list', '--json').json == []


def test_a_letter_that_failed_is_seen_and_sent_again(mesa: Mesa, books: Database) -> None:
    number = a_folio(books)
    id_ = refused(books, number)
    listed = mesa('outbox', 'list', '--state', 'failed').out
    for said in (str(id_), 'failed', '2026-11-24 10:00', 'update', number, 'ana@nopalera.example', '550 no such user'):
        assert said in listed
    shown = mesa('outbox', 'show', str(id_), '--json').json
    assert (shown['tries'], shown['folio'], shown['facts']) == (1, number, {'text': 'Avance'})
    assert mesa('outbox', 'retry', str(id_), '--by', 'laura').out == f'Letter {id_} (update) to ana@nopalera.example goes out again.\n'
    assert Outbox(books).get(id_).state is Sending.WAITING
    entry = FolioBook(books).timeline(number)[-1]
    assert (entry.kind, entry.by) == (EntryKind.NOTE, 'laura')


def test_dropping_needs_a_reason_and_a_yes(mesa: Mesa, books: Database) -> None:
    number = a_folio(books)
    id_ = str(posted(books, number=number))
    assert mesa('outbox', 'drop', id_).code == 2
    with nobody_there():
        assert mesa('outbox', 'drop', id_, '--reason', 'ya no').code == 1
    assert Outbox(books).list([Sending.WAITING])
    done = mesa('outbox', 'drop', id_, '--reason', 'ya no', '--yes', '--json').json
    assert [one['state'] for one in done] == ['dropped']
    assert FolioBook(books).timeline(number)[-1].text.endswith('ya no')
    assert 'is dropped' in mesa('outbox', 'drop', id_, '--reason', 'x', '--yes').err


def test_one_in_doubt_is_not_sent_again_without_a_yes(mesa: Mesa, books: Database) -> None:
    id_ = str(doubtful(books))
    with nobody_there():
        assert mesa('outbox', 'retry', id_).code == 1
    assert Outbox(books).list([Sending.DOUBTFUL])
    assert mesa('outbox', 'retry', id_, '--yes').code == 0


def test_what_the_outbox_lacks_changes_nothing(mesa: Mesa, books: Database) -> None:
    id_ = refused(books)
    for words in (('show', '99'), ('retry', str(id_), '99'), ('drop', '99', '--reason', 'x', '--yes')):
        done = mesa('outbox', *words)
        assert (done.code, done.err) == (1, 'mesa: No message of the outbox has the id 99. See: mesa outbox list\n')
    assert Outbox(books).get(id_).state is Sending.FAILED


def test_nobodys_text_commands_the_terminal(mesa: Mesa, books: Database) -> None:
    id_ = posted(books, facts={'text': 'a\x1b[2J\nid  7', 'reason': '\u202ex'})
    shown = mesa('outbox', 'show', str(id_)).out
    assert '\x1b' not in shown and '\u202e' not in shown
    assert not any(line.startswith('id  7') for line in shown.splitlines())


# -- the preview -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('name', NOTICES)
def test_every_letter_can_be_seen_before_the_first_start(before: Mesa, name: str) -> None:
    seen = before('mail', 'preview', name)
    assert (seen.code, seen.err) == (0, '')
    assert 'Subject: ' in seen.out and ('[Folio 22857141]' in seen.out) == (name not in OF_THE_CONTRACT)
    assert not before.root.exists(), 'looking makes nothing'


def test_a_preview_goes_by_the_edited_templates(mesa: Mesa, tmp_path: Path) -> None:
    folder = mesa.root / 'site' / 'mail' / 'nopalera'
    folder.mkdir(parents=True)
    (folder / 'update.txt.j2').write_text('Asunto: Novedades\nEstimados: {{ text }}')
    (folder / 'opened.txt.j2').write_text('{{ oops')
    assert 'Subject: Novedades [Folio' in mesa('mail', 'preview', 'update').out
    assert 'Novedades' not in mesa('mail', 'preview', 'update', '--client', 'quetzal').out
    listed = mesa('mail', 'preview').out
    assert 'mail/nopalera/update.txt.j2' in listed
    assert 'mail/nopalera/opened.txt.j2 cannot be used, so ours is: TemplateSyntaxError' in listed
    page = tmp_path / 'page.html'
    assert mesa('mail', 'preview', 'update', '--open', str(page)).out == f'{page} holds the letter update.\n'
    assert 'Estimados: ' in page.read_text()


def test_a_preview_of_nothing_says_what_there_is(before: Mesa) -> None:
    assert 'There are: opened, ' in before('mail', 'preview', 'nope').err
    assert 'There are: nopalera, quetzal' in before('mail', 'preview', 'opened', '--client', 'nope').err
    told = before('mail', 'preview', '--json').json
    assert [letter['name'] for letter in told['letters']] == list(NOTICES)
    assert set(before('mail', 'preview', 'confirm', '--json').json) == {'name', 'headers', 'text', 'html'}
