"""The handler of a close call, between a scripted Asterisk and the real books (mission.md 4.7)."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agi.close_call import agents, close_call
from agi.errors import CallerGone
from agi.office import Office, Standing
from agi.session import CallSession
from config.values import Modality
from ivr_flows.steps import ToQueue
from storage.engine import Database
from tests.fake_asterisk import HANG_UP, Answer, FakeAsterisk
from tests.small_site import at
from tests.test_ticketing_closing_close_calls import CALLABLE, TUESDAY, USER, Books
from ticketing.call_backs import CallBacks
from ticketing.closing.rows import Attempt, UnknownCloseCall
from ticketing.directory import Directory
from ticketing.folios import FolioBook
from ticketing.limits import StatusGuard
from ticketing.sessions import CallNotes

SILENCE = 'TIMEOUT '


class Desk:
    """An office with its books, and the close call that was just answered."""

    def __init__(self, db: Database, folder: Path) -> None:
        self.books = Books(db)
        self.now = TUESDAY
        self.office = Office(
            standing=lambda: Standing(self.books.site, Directory(self.books.site.clients), {}), overrides=lambda now: (),
            folios=FolioBook(db), guard=StatusGuard(db), notes=CallNotes(db), call_backs=CallBacks(db), close_calls=self.books.calls,
            messages=folder, now=lambda: self.now)
        self.number = self.books.resolved(category='mail')
        self.attempt: Attempt = self.books.only(TUESDAY)

    def serve(self, *answers: Answer, args: tuple[str, ...] | None = None) -> FakeAsterisk:
        """One call whose questions are answered so."""
        args = args or (str(self.attempt.close_call_id), self.attempt.linkedid)
        with FakeAsterisk(script='close_call', args=args, subroutines={
                'mesa-ask': answers, 'mesa-say': lambda args: 'OK', 'mesa-done': lambda args: 'OK'}) as asterisk:
            close_call(CallSession(asterisk.session_socket()), self.office)
        return asterisk


@pytest.fixture
def desk(db: Database, tmp_path: Path) -> Iterator[Desk]:
    yield Desk(db, tmp_path)


def ways(asterisk: FakeAsterisk) -> list[tuple[str, ...]]:
    """Where the call was handed over to."""
    return [args for name, args in asterisk.gosubs if name == 'mesa-done']


def test_solved_and_five(desk: Desk) -> None:
    asterisk = desk.serve('OK 1', 'OK 5')
    folio = desk.office.folios.get(desk.number)
    assert folio is not None and (folio.state, folio.score) == ('closed_verified', 5)
    assert [args[:2] for args in ways(asterisk)] == [('hangup', '')]
    said = '&'.join(args[0] for name, args in asterisk.gosubs if name in ('mesa-ask', 'mesa-say'))
    assert 'mesa/close-call-category&mesa/topic-mail&mesa/close-call-question' in said


def test_a_hang_up_after_the_key_takes_nothing_back(desk: Desk) -> None:
    with pytest.raises(CallerGone):
        desk.serve('OK 1', HANG_UP)
    desk.books.calls.ended(desk.attempt.linkedid, 'hung_up', TUESDAY)
    assert desk.books.state(desk.number) == 'closed_verified' and desk.books.outcomes() == ['confirmed']


def test_a_hang_up_before_any_key_is_an_attempt(desk: Desk) -> None:
    with pytest.raises(CallerGone):
        desk.serve(HANG_UP)
    desk.books.calls.ended(desk.attempt.linkedid, 'hung_up', TUESDAY)
    assert desk.books.state(desk.number) == 'resolved' and desk.books.outcomes() == ['no_key']


def test_not_solved_leads_to_an_agent_and_ties_the_call(desk: Desk) -> None:
    asterisk = desk.serve('OK 2', 'OK 1')
    assert [args[:4] for args in ways(asterisk)] == [('queue', 'quetzal', '0', desk.number)]
    assert desk.books.state(desk.number) == 'assigned'
    told = desk.office.folios.of_call(desk.attempt.linkedid)
    assert told is not None and told.number == desk.number


def test_after_closing_time_no_agent_is_offered(desk: Desk) -> None:
    desk.now = at('2026-11-24 20:00')
    asterisk = desk.serve('OK 2')
    assert [args[0] for args in ways(asterisk)] == ['hangup']


def test_silence_twice(desk: Desk) -> None:
    asterisk = desk.serve(SILENCE, SILENCE)
    assert [args[0] for args in ways(asterisk)] == ['hangup'] and desk.books.state(desk.number) == 'resolved'


def test_what_was_answered_on_the_page_is_not_asked_again(desk: Desk) -> None:
    desk.books.life.confirm(desk.number, by='user', via='page', now=TUESDAY)
    asterisk = desk.serve()
    assert any('mesa/close-call-changed' in args[0] for name, args in asterisk.gosubs if name == 'mesa-say')


@pytest.mark.parametrize('args', [('999', 'mesa-cc-1-1-aaaaaaaa'), ('1', 'other'), ('x', 'y'), ('1',), ('-1', ''), ('9' * 30, 'a')])
def test_a_call_that_nobody_placed_is_asked_nothing(desk: Desk, args: tuple[str, ...]) -> None:
    with pytest.raises(UnknownCloseCall):
        desk.serve(args=args)
    assert desk.books.state(desk.number) == 'resolved' and desk.books.outcomes() == [None]


def test_a_vip_waits_where_vips_wait(desk: Desk) -> None:
    folio = desk.office.folios.get(desk.number)
    assert folio is not None and agents(desk.office, folio) == ToQueue('quetzal', 0)
    client = CALLABLE.clients['quetzal']
    desk.books.site = replace(CALLABLE, clients={'quetzal': replace(
        client, vip_queue='quetzal-vip', users=(replace(USER, vip=True),), modalities=client.modalities | {Modality.VIP})})
    found = agents(desk.office, folio)
    assert found is not None and found.queue == 'quetzal-vip' and found.priority > 0
    desk.now += timedelta(days=4)                          # a Saturday
    assert agents(desk.office, folio) is None


def test_who_complains_is_not_connected_with_whom_he_complains_of(desk: Desk) -> None:
    folio = desk.office.folios.get(desk.number)
    assert folio is not None
    somebody = next(agent.login for agent in CALLABLE.agents.values() if 'quetzal' in agent.queues)
    complaint = replace(folio, report=replace(folio.report, kind='complaint', complained_of=somebody))
    assert agents(desk.office, complaint) is None
    assert agents(desk.office, replace(folio, report=replace(folio.report, kind='complaint', complained_of='nobody'))) is not None
