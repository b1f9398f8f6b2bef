"""Who goes first, on the real Asterisk: directors before all others, across queues, and nobody overtaken for too long (mission.md 1.3)."""
from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from callcenter.caller import Caller
from callcenter.listening import Met, Queued
from tests.real.callers import (
    FOREIGN,
    NOPALERA,
    NOPALERA_PREMIUM,
    NOPALERA_TRUNK,
    NOPALERA_VIP,
    NOPALERA_VIP_2,
    QUETZAL,
    TUESDAY,
    Books,
    calls,
    follow,
    phone_of,
    prompts,
    queued,
    together,
    words,
)
from tests.real.instance import RealMesa
from tests.real.phones import AgentPhone, agent, caller

OVERTAKEN_MINUTES = 0.1                                # Quetzal's, six seconds; Nopalera keeps the ten minutes of the contract


def quickly(site: Path) -> None:
    """No wrap-up between calls, and a short overtaking for Quetzal."""
    queues = site / 'queues.toml'
    queues.write_text(re.sub(r'(?m)^(client = .*)$', r'\1\nwrapup_seconds = 0', queues.read_text()))
    quetzal = site / 'clients' / 'quetzal.toml'
    quetzal.write_text(quetzal.read_text().replace('[policy]\n', f'[policy]\nvip_overtakes_minutes = {OVERTAKEN_MINUTES}\n'))


@pytest.fixture(scope='module')
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealMesa]:
    """An instance of its own: agents register in the tests only."""
    own = RealMesa(tmp_path_factory.mktemp('vip'), edit=quickly, clock=TUESDAY)
    yield own
    own.stop()


@pytest.fixture
def books(busy: RealMesa) -> Iterator[Books]:
    kept = Books(busy)
    yield kept
    kept.close()


def waiting(stack: ExitStack, mesa: RealMesa, number: str, from_: str, keys: str) -> Caller:
    """A caller who waits in his queue."""
    line = stack.enter_context(caller(mesa.instance, number, from_))
    line.dial()
    follow(line, keys, queued)
    return line


def serve(phone: AgentPhone, lines: dict[str, Caller]) -> list[str]:
    """The agent takes one call after the other; who was connected, in order. `lines` are those who wait, by their numbers."""
    served: list[str] = []
    for _ in lines:
        shown = phone.expect_ring(30)
        (number,) = (number for number in lines if number in shown)
        phone.answer()
        lines[number].expect(Met)
        phone.hang_up()
        lines[number].finish()
        served.append(number)
    return served


def test_a_director_on_any_line_goes_before_all_who_wait(busy: RealMesa, books: Books) -> None:
    """No agent is there; two wait in two queues; a director calls last, on the standard number."""
    standard, premium = books.strangers(2)
    (director,) = books.strangers(1, vip=True)
    with ExitStack() as stack:
        lines = {
            phone_of(standard): waiting(stack, busy, NOPALERA, phone_of(standard), '0,2'),
            phone_of(premium): waiting(stack, busy, NOPALERA_PREMIUM, phone_of(premium), '0,2'),
            phone_of(director): waiting(stack, busy, NOPALERA, phone_of(director), '2'),
        }
        ana = stack.enter_context(agent(busy.instance, 'ana'))
        order = serve(ana, lines)
    assert order == [phone_of(director), phone_of(premium), phone_of(standard)]
    record = books.call(lines[phone_of(director)].linkedid)
    assert (record.queue, record.priority, record.agent, record.disposition) == ('nopalera-vip', 10, 'ana', 'answered')
    folio = books.folio(record.folio)
    assert (folio.report.line, folio.report.modality, folio.abandoned_at) == ('+52' + NOPALERA, 'standard', None)


def test_a_director_goes_first_when_a_busy_agent_becomes_free(busy: RealMesa, books: Books) -> None:
    first, second = books.strangers(2)
    (director,) = books.strangers(1, vip=True)
    with ExitStack() as stack:
        ana = stack.enter_context(agent(busy.instance, 'ana'))
        talking = waiting(stack, busy, NOPALERA, phone_of(first), '0,2')
        ana.expect_ring()
        ana.answer()
        lines = {
            phone_of(second): waiting(stack, busy, NOPALERA, phone_of(second), '0,2'),
            phone_of(director): waiting(stack, busy, NOPALERA_VIP_2, phone_of(director), '2'),
        }
        talking.hang_up()
        ana.expect_over()
        order = serve(ana, lines)
        talking.finish()
    assert order == [phone_of(director), phone_of(second)]
    assert books.call(talking.linkedid).disposition == 'answered'


def test_nobody_is_overtaken_for_longer_than_the_contract_says(busy: RealMesa, books: Books) -> None:
    """After his six seconds the normal caller stands above all directors, those who came meanwhile and those who come later."""
    (patient,) = books.strangers(1, 'quetzal')
    earlier, later = books.strangers(2, 'quetzal', vip=True)
    with ExitStack() as stack:
        normal = waiting(stack, busy, QUETZAL, phone_of(patient), '0,2')
        meanwhile = waiting(stack, busy, QUETZAL, phone_of(earlier), '2')
        joined = normal.story[-1].at
        waited = normal.expect(Queued, 15, lambda happening: happening.queue == 'quetzal-vip').at - joined
        assert OVERTAKEN_MINUTES * 60 - 0.5 < waited < OVERTAKEN_MINUTES * 60 + 6      # an announcement is spoken to its end first
        late = waiting(stack, busy, QUETZAL, phone_of(later), '2')
        lines = {phone_of(patient): normal, phone_of(earlier): meanwhile, phone_of(later): late}
        beto = stack.enter_context(agent(busy.instance, 'beto'))     # who answers Quetzal's directors, but not its standard queue
        order = serve(beto, lines)
    assert order == [phone_of(patient), phone_of(earlier), phone_of(later)]
    record = books.call(normal.linkedid)
    assert (record.promoted, record.queue, record.disposition, record.agent) == ('quetzal-vip', 'quetzal-vip', 'answered', 'beto')
    assert record.wait_s is not None
    assert record.wait_s > OVERTAKEN_MINUTES * 60 - 0.5


def test_who_is_no_director_is_told_his_own_number_and_waits_with_the_others(busy: RealMesa, books: Books) -> None:
    (listed, typed), (director, other) = books.strangers(2), books.strangers(2, vip=True)
    outcomes = calls(
        busy, (NOPALERA_VIP, phone_of(listed), '2'), (NOPALERA_VIP_2, FOREIGN, '#,#,#,2'),
        (NOPALERA_VIP, NOPALERA_TRUNK, f'{typed.employee_number}#,2'),
        (NOPALERA_VIP, phone_of(director), '2'), (NOPALERA_VIP_2, phone_of(other), '2'),
        (NOPALERA_VIP_2, NOPALERA_TRUNK, f'{director.employee_number}#,2'), (QUETZAL, phone_of(director), '#,#,#,0,2'))
    *no_directors, first, second, by_number, elsewhere = outcomes
    for outcome, user in zip(no_directors, (listed, None, typed), strict=True):
        record = books.call(outcome.linkedid)
        assert (outcome.outcome, record.queue, record.priority) == ('queued', 'nopalera-standard', 0)
        told = words(outcome)
        assert 'Este número es exclusivo para usuarios VIP.' in told
        assert 'marque el número de su empresa: 8 0 0 5 5 5 0 1 0 1 Su número de folio es:' in told
        report = books.folio(outcome.folio).report
        assert (report.employee_number, report.unlisted) == ((user.employee_number, False) if user else (None, True))
    for outcome in (first, second, by_number):         # both numbers lead to the same place
        record = books.call(outcome.linkedid)
        assert (outcome.outcome, record.queue, record.priority) == ('queued', 'nopalera-vip', 10)
        assert prompts(outcome)[0] == 'mesa/greeting-vip'
        assert 'mesa/vip-not-listed' not in prompts(outcome)
        assert 'mesa/menu-new' not in prompts(outcome)
    assert (elsewhere.queue, books.folio(elsewhere.folio).report.unlisted) == ('quetzal-standard', True)


def test_a_vip_number_that_fails_leaves_the_other(busy: RealMesa, books: Books) -> None:
    """One of the two is closed by an override; the other serves."""
    (director,) = books.strangers(1, vip=True)
    done = busy.mesa('line', 'override', NOPALERA_VIP, '--closed', '--until', '2026-11-24T12:00')
    assert done.returncode == 0, done.stderr
    closed, served = together(
        lambda: calls(busy, (NOPALERA_VIP, phone_of(director), 'h'))[0], lambda: calls(busy, (NOPALERA_VIP_2, phone_of(director), '2'))[0])
    assert busy.mesa('line', 'override', NOPALERA_VIP, '--cancel').returncode == 0
    assert 'mesa/closed-override' in prompts(closed)
    assert (served.outcome, served.queue) == ('queued', 'nopalera-vip')


