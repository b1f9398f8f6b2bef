"""The worker's round that hands faxes to HylaFAX and follows them to their end (mission.md 5.5).

Whether HylaFAX has a fax is never guessed from how sendfax ended, or whether we did: before every submission it is looked for, by a tag
that was stored with the row.
"""
from __future__ import annotations

import fcntl
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from time import monotonic

from config.values import Site
from fax.outgoing.hylafax import Hylafax, HylafaxError
from fax.outgoing.job_book import MOST_SUBMISSIONS, JobBook
from fax.outgoing.jobs import Attempt, FaxJob, JobState, Told
from fax.outgoing.numbers import sender_number
from fax.outgoing.orders import sheets_file
from fax.outgoing.transfer_log import attempts_in
from fax.values import FaxError
from storage.engine import DatabaseUnavailable

log = logging.getLogger('mesa.fax')
CUT_PATIENCE_S = 5.0
CLEARED_A_ROUND = 3
VANISHED_AFTER_S = 30.0                                # a job that goes from one queue to the other is in neither for a moment
VANISHED = 'HylaFAX does not know the job any more, and its log tells of no success'
UNPROVEN = 'HylaFAX calls it done, but not all pages were confirmed'
CANCELLED = 'cancelled by {}'
CUT_OFF = 'the worker ended in the middle of the submission'


@dataclass
class Sending:
    """The worker: one round at a time, whatever happened to the rounds before. `now` is Mesa's clock, `machine` the machine's."""

    book: JobBook
    hylafax: Callable[[], Hylafax]
    site: Callable[[], Site]
    folder: Path                                       # of the documents
    log_file: Path                                     # HylaFAX's xferfaxlog
    now: Callable[[], datetime]
    machine: Callable[[], datetime]
    patience: Callable[[], float] = monotonic
    vanished_after_s: float = VANISHED_AFTER_S
    _missing: dict[int, float] = field(default_factory=dict, init=False)      # id -> since when HylaFAX does not know it
    _told: dict[str, str] = field(default_factory=dict, init=False)           # the last troubles, so that each is logged once

    def round(self) -> int:
        """Submit what is queued, follow what is open, settle what is over; how many faxes are open.

        While HylaFAX does not answer nothing changes, but each fax says so.
        """
        self._measure()
        if not self.book.open():
            return 0
        client = self.hylafax()
        with self._alone(client) as alone:
            waiting = self.book.open()
            if not alone:
                return len(waiting)
            try:
                known = {told.tag: told for told in client.jobs()}
                self._say('server', '')
            except HylafaxError as error:
                self._say('server', f'faxes wait: {error}')
                for job in waiting:
                    self.book.note(job, str(error))
                return len(waiting)
            for job in waiting:
                self._step(client, job, known.get(job.tag))
            self._clear(client, tuple(known.values()))
        return len(waiting)

    def _clear(self, client: Hylafax, known: tuple[Told, ...]) -> None:
        """Let HylaFAX forget what is over and in the books; else its queue of what is done would grow for ever."""
        over = self.book.over([told.tag for told in known if told.is_over])
        for told in [told for told in known if told.tag in over][:CLEARED_A_ROUND]:
            try:
                client.remove(told.job)
            except HylafaxError as error:
                self._say(told.tag, str(error))

    def _step(self, client: Hylafax, job: FaxJob, told: Told | None) -> None:
        try:
            if told is not None:
                self._missing.pop(job.id, None)
                self._follow(client, job, told)
            elif job.state is JobState.QUEUED:
                self._queued(client, job)
            else:
                self._vanished(job)
        except DatabaseUnavailable:
            raise
        except (FaxError, OSError) as error:
            self._say(job.tag, f'fax {job.id}: {error}')
            self.book.note(job, str(error))

    def _follow(self, client: Hylafax, job: FaxJob, told: Told) -> None:
        if told.is_over:
            self._settle(job, told)
            return
        attempts = self._attempts_if_readable(job) if told.dials != job.dials else ()
        if changed(job, told):
            self.book.follow(job, told, attempts or (), self.now())
        if job.cancel_at is not None:
            self._cut(client, job, told)

    def _cut(self, client: Hylafax, job: FaxJob, told: Told) -> None:
        """Have HylaFAX give it up. faxrm returns only when a call under way has ended, which may take a minute: others are not to wait."""
        try:
            replace(client, patience_s=CUT_PATIENCE_S).remove(told.job)
        except HylafaxError as error:
            log.info('fax %s is being cut: %s', job.id, error)

    def _settle(self, job: FaxJob, told: Told) -> None:
        if told.all_sent:
            state, status = JobState.SENT, told.status
        elif job.cancel_at is not None:
            state, status = JobState.CANCELLED, CANCELLED.format(job.cancel_by)
        else:
            state, status = JobState.FAILED, told.status or UNPROVEN
        self._end(job, state, status, told)

    def _queued(self, client: Hylafax, job: FaxJob) -> None:
        """HylaFAX certainly does not have it."""
        if job.submissions and self._attempts(job):
            self._vanished(job)                        # it had it, and has forgotten it since
        elif job.cancel_at is not None:
            self._end(job, JobState.CANCELLED, CANCELLED.format(job.cancel_by))
        elif job.submissions >= MOST_SUBMISSIONS:
            self._end(job, JobState.FAILED, f'HylaFAX did not take it {job.submissions} times: {job.status}')
        elif job.submissions and job.not_before is None:
            # Whoever started sendfax is dead, and it, too; but what it asked of HylaFAX last may still be done.
            self.book.not_submitted(job, CUT_OFF, self.machine())
        elif (job.not_before is None or job.not_before <= self.machine()) and self.book.begin(job):
            self._submit(client, replace(job, submissions=job.submissions + 1))

    def _submit(self, client: Hylafax, job: FaxJob) -> None:
        sheets = sheets_file(self.folder, job.sha256)
        if not sheets.is_file():
            self._end(job, JobState.FAILED, f'its document is gone: {sheets}')
            return
        try:
            number = client.submit(sheets, job.number, job.tag, tries=job.max_tries, dials=job.max_dials,
                                   sender=sender_number(self.site(), job.client, job.line))
        except HylafaxError as error:
            log.warning('fax %s was not submitted: %s', job.id, error)
            if error.final:
                self._end(job, JobState.FAILED, str(error))
            else:
                self.book.not_submitted(job, str(error), self.machine())
            return
        self.book.submitted(job, number, self.now())

    def _vanished(self, job: FaxJob) -> None:
        """HylaFAX had it and does not know it any more, as after a cleaning: its log tells how it went."""
        since = self._missing.setdefault(job.id, self.patience())
        if self.patience() - since < self.vanished_after_s:
            return
        del self._missing[job.id]
        attempts = self._attempts(job)
        if attempts and attempts[-1].reason == '' and sum(call.pages for call in attempts) >= job.pages:
            self._end(job, JobState.SENT, '')
        elif job.cancel_at is not None:
            self._end(job, JobState.CANCELLED, CANCELLED.format(job.cancel_by))
        else:
            self._end(job, JobState.FAILED, (attempts[-1].reason if attempts else '') or VANISHED)

    def _end(self, job: FaxJob, state: JobState, status: str, told: Told | None = None) -> None:
        attempts = self._attempts_if_readable(job) if job.submissions else ()
        self._told.pop(job.tag, None)
        if self.book.end(job, state, status, attempts, self.now(), told):
            log.info('fax %s: %s %s', job.id, state.value, status)

    def _measure(self) -> None:
        """Tell the seconds of faxes that ended while HylaFAX's log could not be read."""
        for job in self.book.unmeasured():
            attempts = self._attempts_if_readable(job)
            if attempts is not None:
                self.book.measured(job, attempts)

    def _attempts(self, job: FaxJob) -> tuple[Attempt, ...]:
        return attempts_in(self.log_file, job.tag)

    def _attempts_if_readable(self, job: FaxJob) -> tuple[Attempt, ...] | None:
        """The calls that were made for it; None when the log cannot be read: HylaFAX itself tells how a fax ended, and its seconds wait."""
        try:
            attempts = self._attempts(job)
        except OSError as error:
            self._say('log', f'seconds of faxes are not known: {error}')
            return None
        self._say('log', '')
        return attempts

    @contextmanager
    def _alone(self, client: Hylafax) -> Iterator[bool]:
        """Whether no other worker is at it, and no sendfax that a killed one has left behind: then HylaFAX's answer can be trusted."""
        client.at_work.parent.mkdir(parents=True, exist_ok=True)
        with (self.folder / '.round').open('a') as ours:
            if not _locks(ours.fileno()):
                yield False
                return
            with client.at_work.open('a') as left_behind:
                free = _locks(left_behind.fileno())
            yield free

    def _say(self, about: str, trouble: str) -> None:
        if trouble and trouble != self._told.get(about):
            log.warning('%s', trouble)
        self._told[about] = trouble


def changed(job: FaxJob, told: Told) -> bool:
    """Whether HylaFAX tells of an open fax anything that the books do not have."""
    state = JobState.SENDING if told.code == 'R' else JobState.SUBMITTED
    return (job.state, job.hylafax_job, job.tries, job.dials, job.pages_sent, job.status) != (
        state, told.job, told.tries, told.dials, told.pages_sent, told.status)


def _locks(handle: int) -> bool:
    """Take an exclusive lock if nobody has it; it falls with the file, or with the process."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
