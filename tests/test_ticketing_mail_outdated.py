"""Letters held back over a night or a weekend leave only if they are still so (mission.md 4.5-4.7)."""
from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from storage.engine import Database
from tests.lives import DAY, HOUR, MINUTE, NOW, Desk, agent, site
from ticketing.closing.close_calls import CloseCalls
from ticketing.levels.escalation import Escalator
from ticketing.mail.outbox import Outbox
from ticketing.mail.postman import Postman
from ticketing.problems import Problems
from ticketing.values import Sending

MACHINE = datetime.fromisoformat('2030-01-01T00:00:00+00:00')
EVENING = NOW + 10 * HOUR + MINUTE                     # Tuesday 20:01: closed
MORNING = NOW + 22 * HOUR                              # Wednesday 08:00


class Night(Desk):
    """A folio whose letters wait for the morning."""

    def __init__(self, db: Database, folder: Path) -> None:
        super().__init__(db)
        self.now = MORNING
        self.postman = Postman(db, lambda: self.site, 'key', lambda: self.now, lambda: MACHINE, folder)

    def left(self, now: datetime = MORNING) -> set[str]:
        """Names of the letters that leave by then."""
        self.now = now
        self.postman.round()
        return {row.notice for row in Outbox(self.db).list([Sending.SENT])}

    def withdrawn(self) -> list[tuple[str, str, str | None]]:
        return [(row.notice, row.recipient, row.last_error) for row in Outbox(self.db).list([Sending.DROPPED])]


@pytest.fixture
def night(db: Database, tmp_path: Path) -> Night:
    return Night(db, tmp_path / 'maildir')


def escalated(night: Night) -> str:
    number = night.open(NOW)
    night.life.start(number, by='ana', now=NOW)
    Escalator(night.db, lambda: night.site).round(EVENING)
    return number


def test_an_escalation_leaves_while_the_folio_is_open(night: Night) -> None:
    escalated(night)
    assert 'escalation' in night.left() and night.withdrawn() == []


def test_an_escalation_of_what_was_resolved_meanwhile_does_not_leave(night: Night) -> None:
    number = escalated(night)
    night.life.resolve(number, solution='Listo', by='ana', now=EVENING + HOUR)
    assert 'escalation' not in night.left()
    assert {why for _, _, why in night.withdrawn()} == {'el folio ya no está abierto'}
    assert any('ya no se envió el' in entry.text for entry in night.book.timeline(number))


def test_an_escalation_for_want_of_an_answer_does_not_leave_after_one(night: Night) -> None:
    number = night.open(NOW)
    Escalator(night.db, lambda: night.site).round(NOW + HOUR + MINUTE)
    night.life.start(number, by='ana', now=NOW + HOUR + 2 * MINUTE)
    assert 'escalation' not in night.left(NOW + HOUR + 3 * MINUTE)


def test_a_hand_over_that_was_taken_back_does_not_leave(night: Night) -> None:
    number = night.open(NOW)
    night.life.assign(number, group='sap', by='ana', now=EVENING)
    night.life.assign(number, group='redes', by='ana', now=EVENING + MINUTE)
    assert 'handover' in night.left()
    assert night.withdrawn() == [('handover', 'sap@proveedor.example', 'el folio ya no está con ese grupo')]


def asked_in_writing(night: Night) -> str:
    number = night.open(NOW, employee_number=None, caller_number=None)
    night.life.resolve(number, solution='Listo', by='ana', now=EVENING)
    calls = CloseCalls(night.db, night.life, lambda: night.site, lambda now: ())
    for one in calls.due(MORNING):
        calls.take(one, MORNING)
    return number


@pytest.mark.parametrize(('meanwhile', 'leaves'), [
    (lambda night, number: None, True),
    (lambda night, number: night.life.reopen(number, reason='sigue', by='user', now=MORNING, via='page'), False),
    (lambda night, number: night.life.confirm(number, by='user', via='page', now=MORNING), False),
])
def test_a_question_leaves_only_while_it_is_asked(night: Night, meanwhile: Callable[[Night, str], object], leaves: bool) -> None:
    number = asked_in_writing(night)
    meanwhile(night, number)
    assert ('confirm' in night.left(MORNING + MINUTE)) is leaves


def test_a_question_of_an_earlier_resolution_does_not_leave(night: Night) -> None:
    number = asked_in_writing(night)
    night.life.reopen(number, reason='sigue', by='ana', now=MORNING)
    night.life.resolve(number, solution='Ahora sí', by='ana', now=MORNING + MINUTE)
    assert 'confirm' not in night.left(MORNING + 2 * MINUTE)


def test_a_complaint_does_not_reach_who_is_complained_of_since(db: Database, tmp_path: Path) -> None:
    night = Night(db, tmp_path / 'maildir')
    night.site = site(agents=(agent('ana'), agent('sara', supervisor=True), agent('rosa', supervisor=True)))
    number = night.open(NOW)
    night.life.complain(number, text='Me colgaron', by='user', now=EVENING)
    night.life.complain(number, text='Fue Sara', by='user', now=EVENING + MINUTE, complained_of='sara')
    night.left()
    told = [row.recipient for row in Outbox(db).list([Sending.SENT]) if row.notice == 'complaint']
    assert told and set(told) == {'rosa@mesa.example'}


def test_a_possible_failure_that_was_rejected_is_not_told(night: Night) -> None:
    for n in range(5):
        night.open(EVENING + n * timedelta(seconds=1))
    problems = Problems(night.db, lambda: night.site)
    problems.round(EVENING + MINUTE)
    [problem] = problems.list()
    problems.reject(problem.id, 'No es común', 'sara', EVENING + HOUR)
    assert 'problem_proposed' not in night.left(MORNING + DAY)
