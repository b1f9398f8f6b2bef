"""`mesa simulate` tells beforehand what a real call then meets, under a set clock (mission.md 8.2)."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from callcenter.outcome import Outcome
from tests.real.callers import (
    FOREIGN,
    NOPALERA,
    NOPALERA_PREMIUM,
    NOPALERA_TRUNK,
    NOPALERA_VIP,
    NOPALERA_VIP_2,
    QUETZAL,
    QUETZAL_PREMIUM,
    TUESDAY,
    Books,
    clock_at,
    override,
    phone_of,
    prompts,
    together,
)
from tests.real.instance import RealMesa
from tests.real.phones import call

FAX = '8005550105'
SPOKEN_REASONS = {'mesa/closed-night': 'night', 'mesa/closed-early': 'early', 'mesa/closed-weekend': 'weekend',
                  'mesa/closed-holiday': 'holiday', 'mesa/closed-override': 'override_closed'}


@dataclass(frozen=True)
class Case:
    """A line, a caller, a time; what he types first, and the keys that lead him as far as the hour lets him."""

    line: str
    person: str                                        # 'user', 'director', or a number
    at: str
    keys: str
    employee: bool = False
    client: str = 'nopalera'


CASES = (
    Case(NOPALERA, 'user', TUESDAY, '0,2'),
    Case(NOPALERA, 'director', TUESDAY, '2'),
    Case(NOPALERA_VIP, 'user', TUESDAY, '2'),
    Case(NOPALERA_VIP_2, NOPALERA_TRUNK, TUESDAY, 'EMPLOYEE#,2', employee=True),
    Case(NOPALERA_PREMIUM, FOREIGN, TUESDAY, '#,#,#,0,2'),
    Case(FAX, FOREIGN, TUESDAY, ''),
    Case(QUETZAL, 'user', '2026-11-24T07:30', 'h', client='quetzal'),
    Case(QUETZAL_PREMIUM, 'user', '2026-11-24T07:30', '0,2', client='quetzal'),
    Case(QUETZAL_PREMIUM, 'anonymous', '2026-11-24T07:30', '#,#,#,0,2', client='quetzal'),
    Case(NOPALERA, 'user', '2026-12-25T10:00', 'h'),
    Case(NOPALERA_VIP, 'director', '2026-11-28T10:00', 'h'),
    Case(NOPALERA, FOREIGN, '2026-11-24T20:00', 'h'),
)


@pytest.fixture
def books(mesa: RealMesa) -> Iterator[Books]:
    kept = Books(mesa)
    yield kept
    kept.close()


def compare(books: Books, told: dict[str, Any], outcome: Outcome) -> None:
    """A call that was placed met what had been told."""
    heard = set(prompts(outcome))
    record, folio, note = books.call(outcome.linkedid), books.folio_of(outcome.linkedid), books.note(outcome.linkedid)
    if told['destination'] == 'fax':
        assert (record.destination, record.disposition, record.answered) == ('fax', 'fax_unavailable', None)
        return
    is_open = 'mesa/closed-menu' not in heard
    assert told['open'] is is_open
    assert (folio.report.rule if folio else note.rule if note else None) == told['rule']
    if not is_open:
        assert told['destination'] == 'closed'
        assert [told['reason']] == [SPOKEN_REASONS[name] for name in SPOKEN_REASONS if name in heard]
        return
    assert folio is not None
    assert (told['reason'], told['destination']) == ('hours', 'menu' if 'mesa/menu-new' in heard else 'agent')
    assert (told['queue'], told['priority']) == (record.queue, record.priority)
    assert (told['employee_number'], told['unlisted'], told['identified_by']) == (
        folio.report.employee_number, folio.report.unlisted, folio.report.identified_by)
    assert (told['own_number'] is not None) == ('mesa/vip-not-listed' in heard)


def test_a_dozen_real_calls_meet_what_simulate_told(mesa: RealMesa, books: Books) -> None:
    """Told by --at, while the clock stands elsewhere (and once by the clock itself); then called."""
    users = {client: iter(books.strangers(6, client)) for client in ('nopalera', 'quetzal')}
    directors = iter(books.strangers(3, vip=True))
    at_each: dict[str, list[Case]] = defaultdict(list)
    for case in CASES:
        at_each[case.at].append(case)
    for moment, cases in at_each.items():
        people = [phone_of(next(users[case.client])) if case.person == 'user' else phone_of(next(directors)) if case.person == 'director'
                  else case.person for case in cases]
        typed = [next(directors).employee_number if case.employee else '' for case in cases]
        questions = [('simulate', case.line, '--from', person, *(('--employee', number) if number else ()))
                     for case, person, number in zip(cases, people, typed, strict=True)]
        # A time without a zone is the line's own; the clock is set in the site's.
        beforehand = together(*(partial(mesa.json, *question, '--at', f'{moment}-06:00') for question in questions))
        with clock_at(mesa, moment):
            if moment == CASES[-1].at:
                assert mesa.json(*questions[-1]) == beforehand[-1]
            outcomes = together(*(
                partial(call, mesa.instance, case.line, person, case.keys.replace('EMPLOYEE', number), wait_s=0.2)
                for case, person, number in zip(cases, people, typed, strict=True)))
        for told, outcome in zip(beforehand, outcomes, strict=True):
            compare(books, told, outcome)


def test_an_override_is_told_too(mesa: RealMesa, books: Books) -> None:
    (user,) = books.strangers(1)
    with override(mesa, NOPALERA, '--closed', '--message', 'mesa/override-message'):
        told = mesa.json('simulate', NOPALERA, '--from', phone_of(user))
        later = mesa.json('simulate', NOPALERA, '--from', phone_of(user), '--at', '2026-11-24T14:00')
        outcome = call(mesa.instance, NOPALERA, phone_of(user), 'h')
    assert told['message'] == prompts(outcome)[0] == 'mesa/override-message'
    compare(books, told, outcome)
    assert (later['open'], later['message']) == (True, None)
