"""Faxes handed to a real HylaFAX by its real client programs, and followed to their end; a modem here is a pseudo terminal."""
from __future__ import annotations

import fcntl
import os
import shutil
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from fax.outgoing.hylafax import Hylafax, HylafaxError
from fax.outgoing.job_book import JobBook
from fax.outgoing.jobs import FaxJob, JobState
from fax.outgoing.orders import sheets_file
from fax.outgoing.sending import Sending
from storage.engine import Database
from tests.fax_jobs import MACHINE, NOW, PAGE, queued, the_site
from tests.real.hylafax_spool import PtyModem, Spool, hylafax_spool

pytestmark = pytest.mark.timeout(300)
PATIENCE_S = 90.0
ANNOUNCED_AGAIN_S = 25.0
NUMBER = '+525555550199'


@pytest.fixture(scope='module')
def shared() -> Iterator[Spool]:
    """A HylaFAX without modems: jobs wait for ever."""
    with hylafax_spool() as spool:
        yield spool


@pytest.fixture
def own() -> Iterator[Spool]:
    """A HylaFAX of a test's own."""
    with hylafax_spool() as spool:
        yield spool


@pytest.fixture
def modem(own: Spool) -> Iterator[PtyModem]:
    """A modem of `own` that finds every number busy."""
    modem = PtyModem('BUSY')
    own.add_modem(modem.device)
    yield modem
    own.stop('faxq')                                   # or it would wait for a modem that is gone
    modem.close()


def client_of(spool: Spool, folder: Path, **wishes: object) -> Hylafax:
    return replace(Hylafax(spool.port, spool.password, folder / 'client'), **wishes)  # type: ignore[arg-type]


class Worker:
    """The worker, with clocks that a test drives."""

    def __init__(self, book: JobBook, spool: Spool, folder: Path) -> None:
        self.machine = MACHINE
        self.patience = 0.0
        self.book = book
        self.spool = spool
        self.client = client_of(spool, folder)
        self.sending = Sending(book, hylafax=lambda: self.client, site=the_site, folder=folder, log_file=spool.log, now=lambda: NOW,
                               machine=lambda: self.machine, patience=lambda: self.patience)

    def round(self) -> int:
        return self.sending.round()

    def until(self, reached: Callable[[], bool]) -> None:
        """Rounds until something is so; each asks HylaFAX anew."""
        deadline = time.monotonic() + PATIENCE_S
        again = time.monotonic() + ANNOUNCED_AGAIN_S
        while not reached():
            assert time.monotonic() < deadline, [(job.state, job.status) for job in self.book.list()]
            self.round()
            if time.monotonic() > again:
                self.spool.announce_modems()
                again += ANNOUNCED_AGAIN_S

    def until_over(self, job: FaxJob) -> FaxJob:
        self.until(lambda: not self.book.get(job.id).is_open)
        return self.book.get(job.id)


@pytest.fixture
def book(db: Database) -> JobBook:
    return JobBook(db)


@pytest.fixture
def one_book(migrated_file: Path, tmp_path: Path) -> Iterator[JobBook]:
    """Books on one database: calls take long, and the rounds have been tried on both."""
    database = Database(f'sqlite:///{shutil.copy(migrated_file, tmp_path / "one.db")}', 20.0)
    yield JobBook(database)
    database.close()


@pytest.fixture
def worker(book: JobBook, shared: Spool, tmp_path: Path) -> Worker:
    return Worker(book, shared, tmp_path)


def with_tag(spool: Spool, tag: str) -> list[str]:
    """The jobs of HylaFAX with a tag, straight from its files."""
    return [file.name for file in spool.queued() if f'jobtag:{tag}\n' in file.read_text()]


# -- the client programs ------------------------------------------------------------------------------------------

@pytest.fixture
def sheets(tmp_path: Path) -> Path:
    file = tmp_path / 'sheets.tif'
    file.write_bytes(PAGE.sheets)
    return file


def test_a_job_is_taken_seen_and_removed(shared: Spool, tmp_path: Path, sheets: Path) -> None:
    client = client_of(shared, tmp_path)
    number = client.submit(sheets, NUMBER, 'mesa-one-job', tries=2, dials=5, sender='+528005550105')
    told, = (one for one in client.jobs() if one.tag == 'mesa-one-job')
    assert (told.job, told.code, told.pages_sent, told.tries, told.dials, told.status) == (number, 'W', 0, 0, 0, '')
    file = (shared.folder / 'sendq' / f'q{number}').read_text()
    for line in ('number:5555550199', 'maxtries:2', 'maxdials:5', 'resolution:196', 'tsi:+528005550105', 'owner:mesa', 'notify:none'):
        assert f'\n{line}\n' in file
    assert client.remove(number)
    told, = (one for one in client.jobs() if one.tag == 'mesa-one-job')
    assert (told.code, told.status) == ('F', 'Job aborted by request')
    assert client.remove(number), 'from the queue of what is done'
    assert not client.remove(number)
    assert 'mesa-one-job' not in [one.tag for one in client.jobs()]


def test_the_job_of_somebody_else_is_not_removed(own: Spool, tmp_path: Path, sheets: Path) -> None:
    client = client_of(own, tmp_path)
    number = client.submit(sheets, NUMBER, 'mesa-foreign', tries=1, dials=1)
    file = own.folder / 'sendq' / f'q{number}'
    own.stop('hfaxd')                                  # it remembers owners
    file.write_text(file.read_text().replace('owner:mesa', 'owner:root'))
    own.start('hfaxd')
    with pytest.raises(HylafaxError, match='504 Cannot kill job: Operation not permitted'):
        client.remove(number)


def test_a_folder_with_a_terrible_name_does_no_harm(shared: Spool, tmp_path: Path) -> None:
    folder = tmp_path / "it's $(touch pwned) `x`"
    folder.mkdir()
    (folder / 'sheets.tif').write_bytes(PAGE.sheets)
    assert client_of(shared, tmp_path).submit(folder / 'sheets.tif', NUMBER, 'mesa-terrible', tries=1, dials=1)
    assert not list(tmp_path.rglob('pwned'))


@pytest.mark.parametrize('work', ['submit', 'jobs', 'remove'])
def test_no_server_and_a_wrong_password_are_told_apart(shared: Spool, tmp_path: Path, sheets: Path, work: str) -> None:
    def ask(client: Hylafax) -> object:
        if work == 'submit':
            return client.submit(sheets, NUMBER, 'mesa-nothing', tries=1, dials=1)
        return client.jobs() if work == 'jobs' else client.remove(1)

    with pytest.raises(HylafaxError, match=r'does not answer at 127\.0\.0\.1:1 ') as unreachable:
        ask(client_of(shared, tmp_path, port=1))
    assert not unreachable.value.final
    with pytest.raises(HylafaxError, match=r'refuses the password of its user mesa .*530 Login incorrect') as wrong:
        ask(client_of(shared, tmp_path, password='geheim-geheim'))
    assert 'geheim' not in str(wrong.value) and not wrong.value.final


def test_the_password_is_seen_by_nobody(shared: Spool, tmp_path: Path, sheets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in the arguments nor in the environment of what is started, nor in a file of ours."""
    import pexpect
    started: list[str] = []
    original = pexpect.spawn.__init__

    def watched(self: object, command: str, args: list[str], **more: object) -> None:
        started.append(repr((command, args, more)))
        original(self, command, args, **more)
    monkeypatch.setattr(pexpect.spawn, '__init__', watched)
    client = client_of(shared, tmp_path)
    client.remove(client.submit(sheets, NUMBER, 'mesa-secrets', tries=1, dials=1))
    assert len(started) == 2 and not [words for words in started if shared.password in words]
    assert not [file for file in tmp_path.rglob('*') if file.is_file() and shared.password.encode() in file.read_bytes()]


def test_a_server_that_says_nothing_costs_no_more_than_our_patience(own: Spool, tmp_path: Path) -> None:
    hfaxd = own.pid('hfaxd')
    os.kill(hfaxd, signal.SIGSTOP)
    try:
        with pytest.raises(HylafaxError, match='did not end within 1 s'):
            client_of(own, tmp_path, patience_s=1.0).jobs()
    finally:
        os.kill(hfaxd, signal.SIGCONT)


def test_settings_of_the_user_who_started_mesa_do_not_matter(shared: Spool, tmp_path: Path, sheets: Path,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / '.hylarc').write_text('JobFmt: "x"\nHost: nowhere.example\n')
    monkeypatch.setenv('HOME', str(tmp_path))
    monkeypatch.setenv('FAXSERVER', 'nowhere.example')
    monkeypatch.setenv('FAXUSER', 'somebody')
    client = client_of(shared, tmp_path)
    number = client.submit(sheets, NUMBER, 'mesa-settings', tries=1, dials=1)
    assert number in [one.job for one in client.jobs()]


# -- rounds -------------------------------------------------------------------------------------------------------

def test_nothing_to_do_asks_nobody(book: JobBook, tmp_path: Path) -> None:
    def nobody() -> Hylafax:
        raise AssertionError('HylaFAX was asked')
    assert Sending(book, nobody, the_site, tmp_path, tmp_path / 'log', lambda: NOW, lambda: MACHINE).round() == 0


def test_what_is_queued_is_submitted_once_and_followed(worker: Worker, shared: Spool, tmp_path: Path) -> None:
    job = queued(worker.book, tmp_path, client='nopalera')
    for _ in range(4):
        assert worker.round() == 1
    followed = worker.book.get(job.id)
    assert (followed.state, followed.submissions, followed.submitted_at) == (JobState.SUBMITTED, 1, NOW)
    assert with_tag(shared, job.tag) == [f'q{followed.hylafax_job}']


def test_a_waiting_fax_is_cancelled(worker: Worker, shared: Spool, tmp_path: Path) -> None:
    job = queued(worker.book, tmp_path)
    worker.round()
    worker.book.cancel(job.id, 'beto', NOW)
    over = worker.until_over(job)
    assert (over.state, over.status, over.seconds) == (JobState.CANCELLED, 'cancelled by beto', 0)
    assert not list((shared.folder / 'sendq').glob(f'q{over.hylafax_job}'))


def test_while_hylafax_is_away_faxes_wait_and_say_why(book: JobBook, own: Spool, tmp_path: Path) -> None:
    worker = Worker(book, own, tmp_path)
    job = queued(book, tmp_path)
    own.stop('hfaxd')
    worker.round()
    assert 'HylaFAX does not answer at' in book.get(job.id).status
    assert (book.get(job.id).state, book.get(job.id).submissions) == (JobState.QUEUED, 0)
    own.start('hfaxd')
    worker.until(lambda: book.get(job.id).state is JobState.SUBMITTED)
    assert (book.get(job.id).status, book.get(job.id).submissions) == ('', 1)


def test_without_a_scheduler_the_job_is_not_taken_and_tried_again(book: JobBook, own: Spool, tmp_path: Path) -> None:
    worker = Worker(book, own, tmp_path)
    job = queued(book, tmp_path)
    own.stop('faxq')
    worker.round()
    refused = book.get(job.id)
    assert refused.state is JobState.QUEUED and 'scheduler' in refused.status
    worker.round()
    assert book.get(job.id).submissions == 1, 'it rests'
    own.start('faxq')
    worker.machine += timedelta(seconds=10)
    worker.round()
    assert book.get(job.id).state is JobState.SUBMITTED
    assert len(with_tag(own, job.tag)) == 1


def test_sheets_that_hylafax_does_not_take_fail_at_once(worker: Worker, tmp_path: Path) -> None:
    job = queued(worker.book, tmp_path)
    sheets_file(tmp_path, job.sha256).write_bytes(b'\0\1\2 no picture at all')
    over = worker.until_over(job)
    assert (over.state, over.submissions) == (JobState.FAILED, 1)
    assert 'Can not determine file type' in over.status
    gone = queued(worker.book, tmp_path)
    sheets_file(tmp_path, gone.sha256).unlink()
    assert 'its document is gone' in worker.until_over(gone).status


def test_a_job_that_hylafax_has_forgotten_is_not_waited_for(worker: Worker, shared: Spool, tmp_path: Path) -> None:
    job = queued(worker.book, tmp_path)
    worker.round()
    number = worker.book.get(job.id).hylafax_job
    assert number is not None
    worker.client.remove(number)
    worker.client.remove(number)                       # also from the queue of what is done
    worker.round()
    assert worker.book.get(job.id).is_open, 'it may be on its way from one queue to the other'
    worker.patience += 31
    worker.round()
    over = worker.book.get(job.id)
    assert over.state is JobState.FAILED and 'does not know the job any more' in over.status


def test_a_job_that_was_done_and_cleaned_is_told_from_the_log(book: JobBook, own: Spool, tmp_path: Path) -> None:
    worker = Worker(book, own, tmp_path)
    job = queued(book, tmp_path)
    worker.round()
    number = book.get(job.id).hylafax_job
    own.log.write_text(f'11/24/26 10:01\tSEND\t000000003\tttyIAX0\t{number}\t"{job.tag}"\tmesa@x\t"5555550199"\t"x"\t1\t1\t0:01:30\t'
                       '0:01:01\t""\t""\t""\t""\t"mesa"\t"00"\n')
    for file in own.queued():
        file.unlink()
    own.stop('faxq', 'hfaxd')
    own.start()
    worker.round()
    worker.patience += 31
    worker.round()
    over = book.get(job.id)
    assert (over.state, over.seconds) == (JobState.SENT, 61)


def test_what_is_over_leaves_hylafax_too_and_nobody_else_s_does(book: JobBook, own: Spool, tmp_path: Path) -> None:
    worker = Worker(book, own, tmp_path)
    sheets = tmp_path / 'sheets.tif'
    sheets.write_bytes(PAGE.sheets)
    other = worker.client.submit(sheets, NUMBER, 'mesa-by-hand', tries=1, dials=1)
    worker.client.remove(other)
    first, second = queued(book, tmp_path), queued(book, tmp_path)
    worker.round()
    book.cancel(first.id, 'beto', NOW)
    worker.until_over(first)
    worker.round()
    assert {told.tag for told in worker.client.jobs()} == {'mesa-by-hand', second.tag}
    assert book.get(first.id).state is JobState.CANCELLED


def test_while_the_log_cannot_be_read_the_end_is_told_and_the_seconds_wait(book: JobBook, own: Spool, tmp_path: Path) -> None:
    worker = Worker(book, own, tmp_path)
    own.log.mkdir()
    job = queued(book, tmp_path)
    worker.round()
    book.cancel(job.id, 'beto', NOW)
    over = worker.until_over(job)
    assert (over.state, over.seconds) == (JobState.CANCELLED, None)
    own.log.rmdir()
    worker.round()
    assert book.get(job.id).seconds == 0
    assert book.unmeasured() == ()


# -- with a modem -------------------------------------------------------------------------------------------------

def test_a_number_that_is_busy_fails_after_the_last_call(one_book: JobBook, own: Spool, modem: PtyModem, tmp_path: Path) -> None:
    worker = Worker(one_book, own, tmp_path)
    job = queued(one_book, tmp_path, max_tries=1, max_dials=1)
    over = worker.until_over(job)
    assert (over.state, over.dials, over.tries, over.pages_sent) == (JobState.FAILED, 1, 0, 0)
    assert over.status == 'Busy signal detected; too many attempts to dial'
    assert over.seconds == 0
    call, = one_book.attempts(job.id)
    assert (call.seconds, call.pages, call.reason) == (0, 0, over.status)
    assert modem.dialled == ['5555550199']


def test_hylafax_calls_again_and_every_call_is_kept(one_book: JobBook, own: Spool, modem: PtyModem, tmp_path: Path) -> None:
    worker = Worker(one_book, own, tmp_path)
    modem.answer = 'NO ANSWER'
    job = queued(one_book, tmp_path, max_dials=2)
    over = worker.until_over(job)
    assert (over.state, over.dials) == (JobState.FAILED, 2)
    assert [call.reason for call in one_book.attempts(job.id)] == [
        'No answer from remote', 'No answer from remote; too many attempts to dial']
    assert modem.dialled == ['5555550199'] * 2


def test_a_fax_that_is_being_sent_is_cut(one_book: JobBook, own: Spool, modem: PtyModem, tmp_path: Path) -> None:
    worker = Worker(one_book, own, tmp_path)
    # A second removal may come when the call has just ended: HylaFAX then forgets the job before anybody has seen it over.
    worker.sending.patience, worker.sending.vanished_after_s = time.monotonic, 5.0
    modem.wait_before_answer.clear()
    job = queued(one_book, tmp_path)
    worker.until(lambda: bool(modem.dialled))
    worker.round()
    assert one_book.get(job.id).state is JobState.SENDING
    one_book.cancel(job.id, 'beto', NOW)
    worker.round()
    modem.wait_before_answer.set()
    assert worker.until_over(job).state is JobState.CANCELLED
    assert len(modem.dialled) == 1


def test_a_document_that_the_scheduler_cannot_read_fails(one_book: JobBook, own: Spool, modem: PtyModem, tmp_path: Path) -> None:
    worker = Worker(one_book, own, tmp_path)
    job = queued(one_book, tmp_path)
    sheets_file(tmp_path, job.sha256).write_bytes(b'II*\0junkjunkjunkjunk')
    over = worker.until_over(job)
    assert over.state is JobState.FAILED and 'not valid TIFF' in over.status
    assert modem.dialled == []


def test_done_without_a_page_is_no_success(one_book: JobBook, own: Spool, modem: PtyModem, tmp_path: Path) -> None:
    """HylaFAX calls a job done when its sender could not even start."""
    own.script('cannot-start', 'exit 255')
    own.configure(SendFaxCmd='bin/cannot-start')
    own.add_modem(modem.device)
    worker = Worker(one_book, own, tmp_path)
    over = worker.until_over(queued(one_book, tmp_path))
    assert (over.state, over.pages_sent) == (JobState.FAILED, 0)
    assert 'calls it done' in over.status


# -- killed -------------------------------------------------------------------------------------------------------

def killed_in(work: Callable[[], object]) -> None:
    """Run some work in a process that kills itself on the way."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, 'it was not killed'


def die(*args: object, **more: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DyingBook(JobBook):
    """Books whose worker is killed when HylaFAX has the job and nobody has written it down."""

    submitted = die                                    # type: ignore[assignment]


def test_killed_between_submission_and_books_it_is_submitted_once(db_url: str, shared: Spool, tmp_path: Path) -> None:
    job = queued(JobBook(Database(db_url, 20.0)), tmp_path)
    killed_in(lambda: Worker(DyingBook(Database(db_url, 20.0)), shared, tmp_path).round())
    book = JobBook(Database(db_url, 20.0))
    left = book.get(job.id)
    assert (left.state, left.submissions, left.hylafax_job) == (JobState.QUEUED, 1, None)
    assert len(with_tag(shared, job.tag)) == 1
    worker = Worker(book, shared, tmp_path)
    worker.machine += timedelta(days=1)
    for _ in range(3):
        worker.round()
    found = book.get(job.id)
    assert (found.state, found.submissions, found.submitted_at) == (JobState.SUBMITTED, 1, NOW)
    assert with_tag(shared, job.tag) == [f'q{found.hylafax_job}']


def test_killed_and_cancelled_it_is_not_sent(db_url: str, shared: Spool, tmp_path: Path) -> None:
    book = JobBook(Database(db_url, 20.0))
    job = queued(book, tmp_path)
    killed_in(lambda: Worker(DyingBook(Database(db_url, 20.0)), shared, tmp_path).round())
    assert book.cancel(job.id, 'beto', NOW).is_open
    assert Worker(book, shared, tmp_path).until_over(job).state is JobState.CANCELLED
    assert not [name for name in with_tag(shared, job.tag) if (shared.folder / 'sendq' / name).exists()]


def test_killed_before_sendfax_has_said_anything_it_is_submitted_once(db_url: str, shared: Spool, tmp_path: Path) -> None:
    book = JobBook(Database(db_url, 20.0))
    job = queued(book, tmp_path)

    def at_the_prompt() -> None:
        import pexpect
        original = pexpect.spawn.waitnoecho
        pexpect.spawn.waitnoecho = lambda self, timeout: die() if b'sendfax' in self.args else original(self, timeout)
        Worker(JobBook(Database(db_url, 20.0)), shared, tmp_path).round()
    killed_in(at_the_prompt)
    assert book.get(job.id).submissions == 1
    worker = Worker(book, shared, tmp_path)
    worker.until(lambda: book.get(job.id).not_before is not None)     # also until the sendfax that was left behind has gone
    assert with_tag(shared, job.tag) == []
    worker.round()
    assert book.get(job.id).submissions == 1, 'what the dead one asked last may still be done'
    worker.machine += timedelta(seconds=10)
    worker.round()
    assert book.get(job.id).state is JobState.SUBMITTED
    assert len(with_tag(shared, job.tag)) == 1


@pytest.mark.parametrize('after_ms', range(0, 720, 60))
def test_killed_at_any_instant_it_is_submitted_once(migrated_file: Path, shared: Spool, tmp_path: Path, after_ms: int) -> None:
    url = f'sqlite:///{shutil.copy(migrated_file, tmp_path / "one.db")}'
    book = JobBook(Database(url, 20.0))
    job = queued(book, tmp_path)
    child = os.fork()
    if child == 0:
        Worker(JobBook(Database(url, 20.0)), shared, tmp_path).round()
        os._exit(0)
    time.sleep(after_ms / 1000)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    worker = Worker(book, shared, tmp_path)

    def submitted() -> bool:
        worker.machine += timedelta(seconds=1)
        return book.get(job.id).state is JobState.SUBMITTED
    worker.until(submitted)
    worker.round()
    assert with_tag(shared, job.tag) == [f'q{book.get(job.id).hylafax_job}']


def test_while_a_sendfax_of_a_dead_worker_lives_nothing_is_submitted(worker: Worker, shared: Spool, tmp_path: Path) -> None:
    job = queued(worker.book, tmp_path)
    worker.client.home.mkdir(exist_ok=True)
    with worker.client.at_work.open('a') as left_behind:
        fcntl.flock(left_behind, fcntl.LOCK_EX)
        worker.round()
        assert worker.book.get(job.id).submissions == 0
    worker.round()
    assert worker.book.get(job.id).state is JobState.SUBMITTED


def test_of_two_workers_one_works(worker: Worker, tmp_path: Path) -> None:
    job = queued(worker.book, tmp_path)
    with (tmp_path / '.round').open('a') as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert worker.round() == 1
        assert worker.book.get(job.id).submissions == 0


def test_a_day_without_success_ends_it(worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fax.outgoing import sending
    monkeypatch.setattr(sending, 'MOST_SUBMISSIONS', 2)

    def refuse(*args: object, **more: object) -> int:
        raise HylafaxError('the disk of HylaFAX is full')
    monkeypatch.setattr(Hylafax, 'submit', refuse)
    job = queued(worker.book, tmp_path)
    before = worker.machine
    while worker.book.get(job.id).is_open:
        worker.round()
        worker.machine += timedelta(seconds=5)
    over = worker.book.get(job.id)
    assert (over.state, over.submissions) == (JobState.FAILED, 2) and 'disk of HylaFAX' in over.status
    assert worker.machine - before >= timedelta(seconds=10), 'a pause between the two'
    assert isinstance(over.ended_at, datetime)
