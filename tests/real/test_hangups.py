"""The caller hangs up, at every place where he can: what is written down of it is whole and says the same everywhere (mission.md 3.3)."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pytest

from tests.real.callers import (
    FOREIGN,
    NOPALERA,
    NOPALERA_PREMIUM,
    NOPALERA_VIP,
    Books,
    Where,
    calls,
    clock_at,
    eventually,
    follow,
    hang_up_at,
    met,
    phone_of,
    prompt,
    queued,
    recording,
    together,
)
from tests.real.instance import RealMesa
from tests.real.phones import agent, caller
from ticketing.folios import EntryKind


@pytest.fixture
def books(mesa: RealMesa) -> Iterator[Books]:
    kept = Books(mesa)
    yield kept
    kept.close()


@dataclass(frozen=True)
class Place:
    """Where he hangs up: the keys that lead there, and what is heard then."""

    keys: str
    at: str | Where
    line: str = NOPALERA
    stranger: bool = False
    director: bool = False
    speaks_s: float = 0.0

    def where(self) -> Where:
        return prompt(self.at) if isinstance(self.at, str) else self.at


BEFORE_A_FOLIO = (
    Place('', 'mesa/ask-employee-number', stranger=True),
    Place('123#', 'mesa/employee-number-wrong', stranger=True),
    Place('#,#,#', 'mesa/employee-number-none', stranger=True),
    Place('', 'mesa/menu-new'),
    Place('8', 'mesa/menu-again'),
    Place('2', 'mesa/ask-folio'),
    Place('2,12345678', 'mesa/folio-mistyped'),
    Place('2,00#', 'mesa/folio-not-found'),
)
AFTER_IT_WAS_OPENED = (
    Place('1', 'mesa/category-intro'),
    Place('1,0', 'mesa/menu-again'),
    Place('1,1', 'mesa/describe-offer'),
    Place('1,1,1', 'mesa/privacy'),
    Place('1,1,1,1', 'mesa/describe-now'),
    Place('1,1,1,1', recording),
    Place('1,1,1,1', recording, speaks_s=1.8),
    Place('1,1,1,9', 'mesa/privacy-refused'),
    Place('1,1,2', 'mesa/your-folio'),
    Place('0', 'mesa/your-folio', NOPALERA_PREMIUM),
    Place('0,1', 'mesa/again-folio'),
    Place('8,8,8', 'mesa/no-choice'),
    Place('', 'mesa/greeting-vip', NOPALERA_VIP, director=True),
    Place('', 'mesa/vip-not-listed', NOPALERA_VIP),
    Place('0,2', queued),
    Place('2', queued, NOPALERA_VIP, director=True),
)
IN_CLOSED_HOURS = (
    Place('', 'mesa/closed-menu'),
    Place('8', 'mesa/menu-again'),
    Place('2', 'mesa/ask-folio'),
    Place('1', 'mesa/ask-employee-number', stranger=True),
    Place('1', 'mesa/privacy-message'),
    Place('1,9', 'mesa/privacy-refused'),
    Place('1,1', 'mesa/message-now'),
    Place('1,1', recording),
    Place('9', 'mesa/goodbye'),
)
AFTER_A_MESSAGE = (
    Place('1,1', recording, speaks_s=1.8),
    Place('1,1', 'mesa/message-kept'),
    Place('1,1,1', 'mesa/again-folio'),
    Place('1,1,2', 'mesa/goodbye'),
)


def hang_up_at_each(mesa: RealMesa, books: Books, places: tuple[Place, ...]) -> list[tuple[Place, str, str]]:
    """Every place at the same time, each by somebody else: (place, linkedid, the caller's number)."""
    wanted = sum(place.director for place in places)
    users, directors = iter(books.strangers(len(places))), iter(books.strangers(wanted, vip=True))
    people = [FOREIGN if place.stranger else phone_of(next(directors if place.director else users)) for place in places]
    jobs = [partial(hang_up_at, mesa, place.line, person, place.keys, place.where(), place.speaks_s)
            for place, person in zip(places, people, strict=True)]
    linkedids = [linkedid for first in range(0, len(jobs), 8) for linkedid in together(*jobs[first:first + 8])]
    assert len(set(linkedids)) == len(places)
    return list(zip(places, linkedids, people, strict=True))


def test_before_a_folio_only_the_call_and_a_note_remain(mesa: RealMesa, books: Books) -> None:
    for place, linkedid, person in hang_up_at_each(mesa, books, BEFORE_A_FOLIO):
        record, note = books.call(linkedid), books.note(linkedid)
        assert (record.disposition, record.line, record.folio, record.queue) == ('hung_up', '+52' + place.line, None, None), place
        assert books.folio_of(linkedid) is None, place
        assert note is not None, place
        assert (note.line, note.caller_number) == ('+52' + place.line, '+52' + person), place
        assert note.identified_by == ('unknown' if place.stranger else 'caller_id'), place
        assert note.last_prompt.startswith(('mesa/menu-', 'mesa/ask-')), place


def test_after_status_no_folio_is_left_and_the_one_asked_for_is_untouched(mesa: RealMesa, books: Books) -> None:
    owner, asker = books.strangers(2)
    (own,) = calls(mesa, (NOPALERA, phone_of(owner), '0,2'))
    assert own.folio
    books.call(own.linkedid, own.folio)
    books.abandoned(own.folio)
    before = books.entries(own.folio)
    linkedid = hang_up_at(mesa, NOPALERA, phone_of(asker), f'2,{own.folio}', prompt('mesa/after-status'))
    assert books.call(linkedid).disposition == 'hung_up'
    assert books.folio_of(linkedid) is None
    assert books.note(linkedid) is not None
    assert books.entries(own.folio) == before


def test_after_it_was_opened_the_folio_is_abandoned_once(mesa: RealMesa, books: Books) -> None:
    for place, linkedid, person in hang_up_at_each(mesa, books, AFTER_IT_WAS_OPENED):
        (folio,) = eventually(lambda linkedid=linkedid: books.opened_by(linkedid), bool, f'a folio of {place}')
        folio = books.abandoned(folio.number)
        assert folio.report.caller_number == '+52' + person
        record = books.call(linkedid, folio.number)
        waited = place.at is queued
        assert (record.disposition, record.folio) == ('abandoned' if waited else 'hung_up', folio.number), place
        assert (record.queue is not None) == waited, place
        assert [entry.call for entry in books.entries(folio.number, EntryKind.ABANDONED)] == [linkedid], place
        assert books.note(linkedid) is None, place
        if place.speaks_s:
            assert books.recording(folio.number, EntryKind.DESCRIPTION).stat().st_size > 8000
            assert books.privacy(folio.number) == [('mesa/privacy', 'aceptado')]
        else:
            assert not books.entries(folio.number, EntryKind.DESCRIPTION), place


def test_in_the_middle_of_going_on_with_a_folio(mesa: RealMesa, books: Books) -> None:
    """At the choice nothing has happened yet; behind it the call belongs to the folio, and is an abandoned one."""
    (user,) = books.strangers(1)
    (first,) = calls(mesa, (NOPALERA, phone_of(user), '0,2'))
    assert first.folio
    books.abandoned(first.folio)
    undecided, decided = together(
        lambda: hang_up_at(mesa, NOPALERA, phone_of(user), '3', prompt('mesa/my-folio-choose')),
        lambda: hang_up_at(mesa, NOPALERA, phone_of(user), '3,1', prompt('mesa/continue-with')))
    assert books.folio_of(undecided) is None
    assert books.note(undecided) is not None
    assert books.call(undecided).folio is None
    assert books.call(decided, first.folio).disposition == 'hung_up'
    assert books.opened_by(decided) == []
    eventually(lambda: [entry.call for entry in books.entries(first.folio, EntryKind.ABANDONED)],
               lambda told: told == [first.linkedid, decided], 'both calls abandoned in the timeline')


def test_in_closed_hours_and_after_a_message(mesa: RealMesa, books: Books) -> None:
    with clock_at(mesa, '2026-11-24T21:00'):
        ends = hang_up_at_each(mesa, books, IN_CLOSED_HOURS + AFTER_A_MESSAGE)
    for place, linkedid, _ in ends[:len(IN_CLOSED_HOURS)]:
        record = books.call(linkedid)
        assert books.opened_by(linkedid) == [], place
        assert record.folio is None, place
        assert books.note(linkedid) is not None, place
        assert record.disposition == ('voice_message' if place.at is recording else 'hung_up'), place
    for place, linkedid, _ in ends[len(IN_CLOSED_HOURS):]:
        (folio,) = eventually(lambda linkedid=linkedid: books.opened_by(linkedid), bool, f'a folio of {place}')
        assert books.recording(folio.number, EntryKind.MESSAGE).stat().st_size > 8000
        record = books.call(linkedid, folio.number)
        assert (record.disposition, folio.report.from_message, folio.abandoned_at) == ('voice_message', True, None), place
        assert not books.entries(folio.number, EntryKind.ABANDONED), place


def test_while_an_agent_s_telephone_rings_and_while_he_talks(mesa: RealMesa, books: Books) -> None:
    rung, talked = books.strangers(2)
    with agent(mesa.instance, 'beto') as beto:
        with caller(mesa.instance, NOPALERA, phone_of(rung)) as line:
            line.dial()
            follow(line, '0,2', queued)
            assert phone_of(rung) in beto.expect_ring()
            line.hang_up()
            beto.expect_over()
            line.finish()
            unlucky = line.linkedid
        with caller(mesa.instance, NOPALERA, phone_of(talked)) as line:
            line.dial()
            follow(line, '0,2', queued)
            beto.expect_ring()
            beto.answer()
            follow(line, '', met)
            line.hang_up()
            beto.expect_over()
            line.finish()
            lucky = line.linkedid
    record = books.call(unlucky)
    assert (record.disposition, record.agent, record.talk_s) == ('abandoned', None, None)
    assert record.folio and books.abandoned(record.folio)
    assert [leg.disposition for leg in record.legs if leg.peer.startswith('PJSIP/1002')] == ['NO ANSWER']
    record = books.call(lucky)
    assert (record.disposition, record.agent) == ('answered', 'beto')
    assert record.talk_s is not None
    assert books.folio(record.folio).abandoned_at is None
    assert len(books.opened_by(lucky)) == 1
