"""The books of the faxes that we send, on both databases."""
from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from fax.outgoing.job_book import JobBook
from fax.outgoing.jobs import Attempt, FaxJob, JobState, SendingError, Told, UnknownJob
from fax.outgoing.orders import forget, on_behalf, send, sheets_file
from storage.engine import Database
from tests.fax_jobs import MACHINE, NOW, PAGE, an_order, queued, the_site
from tests.test_ticketing_folios import report
from ticketing.folios import FolioBook
from ticketing.values import UnknownFolio

LATER = NOW + timedelta(minutes=5)


def a_call(commid: str = '1', seconds: int = 48, pages: int = 1, reason: str = '') -> Attempt:
    return Attempt(commid, NOW, seconds, pages, reason)


def told(job: FaxJob, code: str = 'W', **more: object) -> Told:
    return replace(Told(job.tag, 7, code, 0, 1, 0, 0, ''), **more)  # type: ignore[arg-type]


@pytest.fixture
def book(db: Database) -> JobBook:
    return JobBook(db)


def test_a_fax_is_in_the_books_before_anything_happens(book: JobBook, db: Database, tmp_path: Path) -> None:
    folio = FolioBook(db).open(report(call='c1', client='nopalera'), NOW).number
    job = queued(book, tmp_path, client='nopalera', line='+528005550105', folio=folio)
    assert book.get(job.id) == job == book.open()[0]
    assert (job.state, job.pages, job.folio, job.submissions, job.tag[:5]) == (JobState.QUEUED, 1, folio, 0, 'mesa-')
    assert (tmp_path / job.sha256).read_bytes() == PAGE.content
    assert sheets_file(tmp_path, job.sha256).read_bytes() == PAGE.sheets
    assert f'se enviará el fax oficio.txt (1 páginas) al +525555550199 [fax {job.id}]' in [
        entry.text for entry in FolioBook(db).timeline(folio)]


def test_two_faxes_of_one_document_have_tags_of_their_own(book: JobBook, tmp_path: Path) -> None:
    first, second = queued(book, tmp_path), queued(book, tmp_path)
    assert first.tag != second.tag and first.sha256 == second.sha256
    assert [job.id for job in book.list()] == [second.id, first.id]


def test_a_folio_that_does_not_exist_stores_nothing(book: JobBook, tmp_path: Path) -> None:
    with pytest.raises(UnknownFolio):
        queued(book, tmp_path, folio='10000007')
    assert book.list() == ()
    with pytest.raises(UnknownJob):
        book.get(1)


def test_the_life_of_a_fax_that_arrives(book: JobBook, db: Database, tmp_path: Path) -> None:
    folio = FolioBook(db).open(report(call='c1', client='nopalera'), NOW).number
    job = queued(book, tmp_path, folio=folio)
    assert book.begin(job)
    assert not book.begin(job), 'two workers'
    book.submitted(job, 7, NOW)
    assert (book.get(job.id).state, book.get(job.id).hylafax_job) == (JobState.SUBMITTED, 7)
    busy = a_call('1', 0, 0, 'Busy signal detected')
    book.follow(job, told(job, 'R', dials=1), (busy,), NOW)
    assert book.get(job.id).state is JobState.SENDING
    done = told(job, 'D', pages_sent=1, tries=1, dials=2)
    assert book.end(job, JobState.SENT, '', (busy, a_call('2', 61)), LATER, done)
    assert not book.end(job, JobState.FAILED, '', (), LATER)
    ended = book.get(job.id)
    assert (ended.state, ended.seconds, ended.price, ended.cost) == (JobState.SENT, 61, None, None)
    assert (ended.dials, ended.tries, ended.pages_sent, ended.ended_at, ended.submitted_at) == (2, 1, 1, LATER, NOW)
    assert [call.reason for call in book.attempts(job.id)] == ['Busy signal detected', '']
    assert book.open() == ()
    assert FolioBook(db).timeline(folio)[-1].text == f'se envió el fax {job.id} al +525555550199: 1 páginas'


def test_what_hylafax_would_not_take_waits_longer_and_longer(book: JobBook, tmp_path: Path) -> None:
    job = queued(book, tmp_path)
    pauses = []
    for submission in range(1, 9):
        assert book.begin(job)
        job = book.get(job.id)
        assert job.submissions == submission
        book.not_submitted(job, 'HylaFAX does not answer', MACHINE)
        job = book.get(job.id)
        assert job.not_before is not None
        pauses.append((job.not_before - MACHINE).total_seconds())
    assert pauses == [10, 20, 40, 80, 160, 300, 300, 300]
    assert (job.state, job.status) == (JobState.QUEUED, 'HylaFAX does not answer')


def test_cancelled_before_anybody_heard_of_it(book: JobBook, tmp_path: Path) -> None:
    job = book.cancel(queued(book, tmp_path).id, 'beto', LATER)
    assert (job.state, job.cancel_by, job.ended_at, job.seconds) == (JobState.CANCELLED, 'beto', LATER, 0)
    assert not book.begin(job)
    with pytest.raises(SendingError, match='is over: cancelled'):
        book.cancel(job.id, 'beto', LATER)
    with pytest.raises(UnknownJob, match='No fax has the number 99'):
        book.cancel(99, 'beto', LATER)


def test_cancelled_after_sendfax_was_started_is_a_wish(book: JobBook, tmp_path: Path) -> None:
    job = queued(book, tmp_path)
    assert book.begin(job)
    wished = book.cancel(job.id, 'beto', LATER)
    assert (wished.state, wished.cancel_at) == (JobState.QUEUED, LATER)
    assert book.cancel(job.id, 'carla', LATER).cancel_by == 'beto', 'who wished it first'
    assert not book.begin(wished)


def test_what_was_wished_too_late_does_not_change_what_happened(book: JobBook, tmp_path: Path) -> None:
    job = queued(book, tmp_path)
    book.begin(job)
    book.cancel(job.id, 'beto', LATER)
    assert book.end(job, JobState.SENT, '', (a_call(),), LATER, told(job, 'D', pages_sent=1))
    assert book.get(job.id).state is JobState.SENT


def test_lists_are_of_one_client_or_folio(book: JobBook, db: Database, tmp_path: Path) -> None:
    folio = FolioBook(db).open(report(call='c1', client='nopalera'), NOW).number
    ours, theirs, nobodys = (queued(book, tmp_path, **who) for who in ({'client': 'nopalera', 'folio': folio}, {'client': 'quetzal'}, {}))
    assert [job.id for job in book.list(client='quetzal')] == [theirs.id]
    assert [job.id for job in book.list(folio=folio)] == [ours.id]
    assert [job.id for job in book.list(limit=1)] == [nobodys.id]


def test_documents_go_after_the_days_of_the_contract_and_shared_ones_with_the_last(book: JobBook, tmp_path: Path) -> None:
    site = the_site()
    first, second = queued(book, tmp_path, client='nopalera'), queued(book, tmp_path, client='quetzal')
    document, sheets = tmp_path / first.sha256, sheets_file(tmp_path, first.sha256)
    book.end(first, JobState.SENT, '', (), NOW)
    days = timedelta(days=site.clients['nopalera'].policy.fax_days)
    assert forget(book, site, tmp_path, NOW + days) == 0
    assert forget(book, site, tmp_path, NOW + days + timedelta(seconds=1)) == 1
    assert document.exists() and sheets.exists(), 'the other fax still waits for it'
    book.end(second, JobState.FAILED, '', (), LATER)
    assert forget(book, site, tmp_path, LATER + days * 20) == 1
    assert not document.exists() and not sheets.exists()
    assert forget(book, site, tmp_path, LATER + days * 20) == 0
    again = queued(book, tmp_path)
    assert document.exists() and book.get(again.id).forgotten_at is None


# -- the use case -------------------------------------------------------------------------------------------------

def test_on_whose_behalf_it_is(db: Database) -> None:
    site, folios = the_site(), FolioBook(db)
    folio = folios.open(report(call='c1', client='nopalera'), NOW).number
    assert on_behalf(site, folios, an_order(folio=folio)).client == 'nopalera'
    assert on_behalf(site, folios, an_order(folio=folio)).line == '+528005550101'
    assert on_behalf(site, folios, an_order(line='+528005550205')).client == 'quetzal'
    assert on_behalf(site, folios, an_order()) == an_order()
    for wrong, why in (({'folio': '10000007'}, 'No folio'), ({'line': '+528005559999'}, 'no line has this number'),
                       ({'client': 'acme'}, "No client is called 'acme'"), ({'folio': folio, 'client': 'quetzal'}, 'must agree'),
                       ({'folio': folio, 'line': '+528005550205'}, 'nopalera and quetzal')):
        with pytest.raises(SendingError, match=why):
            on_behalf(site, folios, an_order(**wrong))


def test_a_fax_that_cannot_be_sent_leaves_nothing_behind(book: JobBook, db: Database, tmp_path: Path) -> None:
    folios = FolioBook(db)
    for site, order, content, why in (
            (the_site(modems=0), an_order(number='5555550199'), b'hola', 'no fax server'),
            (the_site(), an_order(number='911'), b'hola', 'emergency'),
            (the_site(), an_order(number='5555550199'), b'\0\1', 'of the kind'),
            (the_site(), an_order(number='5555550199', client='acme'), b'hola', 'No client')):
        with pytest.raises(SendingError, match=why):
            send(book, folios, site, tmp_path / 'out', order, 'x.txt', content, NOW)
    assert book.list() == () and not (tmp_path / 'out').exists()
    sent = send(book, folios, the_site(), tmp_path / 'out', an_order(number='55 5555 0199'), 'x.txt', b'hola', NOW)
    assert sent.number == '+525555550199'
