"""What the contract says of a site that moves: the 60 days, the steps, the cost, the new term (mission.md 7.4)."""
from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.terms import InitialCost, Prices
from config.values import DatedHoliday, HolidayBook, Line, Modality
from contracts.move_rules import (
    OPEN,
    STATE_NAMES,
    STEP_NAMES,
    STEPS,
    Cost,
    MoveState,
    NoInitialCost,
    ShortNotice,
    Step,
    StepRefused,
    Term,
    after,
    answer_is_late,
    check_days,
    check_delivered,
    check_planned,
    check_received,
    closed_day,
    costs_on,
    day_words,
    delivery_is_late,
    earliest,
    is_short,
    money_words,
    term_from,
    total,
)
from tests.small_site import SITE, WHOLE_DAY, a_site

DAY = timedelta(days=1)
CLIENT = SITE.clients['quetzal']
days = st.dates(date(2000, 1, 1), date(2100, 12, 31))


def day(text: str) -> date:
    return date.fromisoformat(text)


# -- which step leads where --------------------------------------------------------------------------------------------

WAYS = {
    ('noticed', 'feasible'): 'feasible', ('noticed', 'not-feasible'): 'not_feasible', ('noticed', 'reschedule'): 'noticed',
    ('noticed', 'withdraw'): 'withdrawn',
    ('feasible', 'accept'): 'accepted', ('feasible', 'reschedule'): 'feasible', ('feasible', 'withdraw'): 'withdrawn',
    ('accepted', 'deliver'): 'delivered', ('accepted', 'reschedule'): 'accepted', ('accepted', 'withdraw'): 'withdrawn',
    ('not_feasible', 'cancel-service'): 'service_cancelled', ('not_feasible', 'close'): 'closed',
}


@pytest.mark.parametrize(('state', 'step'), [*itertools.product(MoveState, Step)])
def test_every_step_in_every_state(state: MoveState, step: Step) -> None:
    wanted = WAYS.get((state.value, step.value))
    if wanted is not None:
        assert after(state, step, 'M1') == wanted
        return
    with pytest.raises(StepRefused) as refused:
        after(state, step, 'M1')
    possible = [way for (of, way) in WAYS if of == state.value]
    assert str(refused.value).startswith(f'site move M1 is {state}: {step} is not possible now (possible: ')
    assert set(str(refused.value).partition('(possible: ')[2].rstrip(')').split(', ')) == set(possible or ['nothing'])
    assert refused.value.told == f'El cambio de domicilio M1 está {STATE_NAMES[state]}: no es posible {STEP_NAMES[step]}.'


def test_every_state_and_step_has_a_spanish_name_and_the_ends_are_for_ever() -> None:
    assert set(STATE_NAMES) == set(MoveState) and set(STEP_NAMES) == set(STEPS) == set(Step)
    ends = {MoveState.DELIVERED, MoveState.WITHDRAWN, MoveState.SERVICE_CANCELLED, MoveState.CLOSED}
    assert set(OPEN) == set(MoveState) - ends
    assert not any(end in ways for end in ends for ways in STEPS.values())


# -- the 60 days -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(('received', 'wanted', 'short'), [
    ('2026-07-01', '2026-08-29', True), ('2026-07-01', '2026-08-30', False), ('2026-07-01', '2026-08-31', False),   # 59, 60, 61
    ('2026-11-15', '2027-01-13', True), ('2026-11-15', '2027-01-14', False), ('2026-11-15', '2027-01-15', False),   # across a year's end
    ('2028-01-15', '2028-03-14', True), ('2028-01-15', '2028-03-15', False), ('2028-01-15', '2028-03-16', False),   # with a 29 February
    ('2027-01-15', '2027-03-15', True), ('2027-01-15', '2027-03-16', False),                                        # and without one
    ('2027-12-31', '2028-02-28', True), ('2027-12-31', '2028-02-29', False), ('2028-02-29', '2028-04-28', True),
    ('2028-02-29', '2028-04-29', False), ('2026-07-01', '2026-07-01', True)])
def test_sixty_days_pass_and_fifty_nine_are_short(received: str, wanted: str, short: bool) -> None:
    assert is_short(day(received), day(wanted)) is short
    check_days(day(received), day(wanted), 'acuerdo del 3 de julio')
    if not short:
        check_days(day(received), day(wanted), '')
        return
    with pytest.raises(ShortNotice, match='--agreed') as refused:
        check_days(day(received), day(wanted), '')
    assert str(earliest(day(received))) in str(refused.value)
    assert day_words(earliest(day(received))) in refused.value.told and 'salvo acuerdo' in refused.value.told


@given(days, st.integers(0, 400))
def test_the_first_day_is_the_only_border(received: date, ahead: int) -> None:
    assert is_short(received, received + ahead * DAY) == (ahead < 60)


def test_no_agreement_makes_a_change_before_the_notice() -> None:
    with pytest.raises(StepRefused, match='received later'):
        check_days(day('2026-07-02'), day('2026-07-01'), 'acuerdo')


@pytest.mark.parametrize(('check', 'fine', 'refused', 'said'), [
    (lambda one: check_received(one, day('2026-07-10')), '2026-07-10', '2026-07-11', 'cannot have been received'),
    (lambda one: check_planned(one, day('2026-07-10')), '2026-07-10', '2026-07-09', 'cannot be planned'),
    (lambda one: check_delivered(one, day('2026-07-01'), day('2026-07-10')), '2026-07-10', '2026-07-11', 'today is 2026-07-10'),
    (lambda one: check_delivered(one, day('2026-07-01'), day('2026-07-10')), '2026-07-01', '2026-06-30', 'received later')])
def test_facts_are_past_and_plans_are_not(check, fine: str, refused: str, said: str) -> None:
    check(day(fine))
    with pytest.raises(StepRefused, match=said) as error:
        check(day(refused))
    assert error.value.told


# -- closed days -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(('wanted', 'why', 'proposed'), [
    ('2026-09-16', 'Día de la Independencia', '2026-09-17'),           # a Wednesday
    ('2026-09-20', 'domingo', '2026-09-21'), ('2026-09-19', 'sábado', '2026-09-21'),
    ('2026-11-14', 'sábado', '2026-11-17'),                            # the Monday after it is the third of November
    ('2026-12-25', 'Navidad', '2026-12-28'), ('2027-01-01', 'Año Nuevo', '2027-01-04'), ('2026-09-17', None, None)])
def test_a_closed_day_is_said_with_the_next_business_day(wanted: str, why: str | None, proposed: str | None) -> None:
    found = closed_day(SITE, CLIENT, 'Monterrey', day(wanted))
    assert (found.why if found else None, str(found.next_day) if found else None) == (why, proposed)


def test_the_sites_own_calendar_goes_before_the_lines() -> None:
    client = replace(CLIENT, site_calendars={'Planta': '24x7'})
    assert closed_day(SITE, client, 'Planta', day('2026-09-20')) is None
    assert closed_day(SITE, client, 'Oficina', day('2026-09-20')) is not None


def test_a_day_of_the_clients_own_closes_too() -> None:
    site = replace(SITE, holidays=HolidayBook((DatedHoliday(day('2026-09-17'), 'Inventario', calendar='5x12'),)))
    found = closed_day(site, CLIENT, '', day('2026-09-16'))
    assert found is not None and found.next_day == day('2026-09-18')
    found = closed_day(site, CLIENT, '', day('2026-09-17'))
    assert found is not None and found.why == 'Inventario'


def test_without_a_calendar_nothing_is_said_and_one_that_never_opens_proposes_nothing() -> None:
    fax_only = replace(SITE, lines={WHOLE_DAY: Line(WHOLE_DAY, 'quetzal', Modality.FAX, '5x12', None, None, '')})
    assert closed_day(fax_only, CLIENT, 'Monterrey', day('2026-09-20')) is None
    site = a_site()
    never = replace(site, calendars={name: replace(one, week={}) for name, one in site.calendars.items()})
    found = closed_day(never, CLIENT, 'Monterrey', day('2026-09-17'))
    assert found is not None and (found.why, found.next_day) == ('jueves', None)


# -- the cost ----------------------------------------------------------------------------------------------------------

STANDARD, PREMIUM, FAX = Modality.STANDARD, Modality.PREMIUM, Modality.FAX
PRICES = Prices(initial_costs=(
    InitialCost(day('2026-01-01'), STANDARD, Decimal('12000.00')), InitialCost(day('2026-01-01'), FAX, Decimal('0')),
    InitialCost(day('2026-09-16'), STANDARD, Decimal('12500.50')), InitialCost(day('2026-10-01'), PREMIUM, Decimal('8400.00'))))


def test_the_cost_is_that_of_the_day_of_the_change() -> None:
    assert costs_on(PRICES, (STANDARD,), day('2026-09-15')) == (Cost(STANDARD, Decimal('12000.00'), day('2026-01-01')),)
    assert costs_on(PRICES, (STANDARD,), day('2026-09-16')) == (Cost(STANDARD, Decimal('12500.50'), day('2026-09-16')),)
    costs = costs_on(PRICES, (STANDARD, PREMIUM, FAX), day('2026-10-01'))
    assert [cost.modality for cost in costs] == [STANDARD, PREMIUM, FAX]
    assert total(costs) == Decimal('20900.50') and money_words(total(costs)) == '$20,900.50'


@pytest.mark.parametrize(('modalities', 'when', 'missing'), [
    ((STANDARD, PREMIUM), '2026-09-30', 'premium'), ((STANDARD,), '2025-12-31', 'standard'),
    ((STANDARD, PREMIUM), '2025-12-31', 'standard, premium'), ((Modality.VIP,), '2026-10-01', 'vip')])
def test_a_cost_that_nobody_wrote_down_is_a_clear_problem(modalities: tuple[Modality, ...], when: str, missing: str) -> None:
    with pytest.raises(NoInitialCost, match=f'no initial cost of {missing} is in force on {when}: enter it in tariffs.toml') as refused:
        costs_on(PRICES, modalities, day(when))
    assert 'No hay un costo inicial vigente' in refused.value.told


# -- the new term ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(('delivered', 'length', 'last'), [
    ('2026-09-16', 12, '2027-09-15'), ('2026-09-16', 1, '2026-10-15'), ('2026-01-01', 12, '2026-12-31'), ('2026-12-01', 1, '2026-12-31'),
    ('2026-12-31', 2, '2027-02-28'), ('2027-12-31', 2, '2028-02-29'), ('2026-01-31', 1, '2026-02-28'), ('2026-01-29', 1, '2026-02-28'),
    ('2026-01-28', 1, '2026-02-27'), ('2026-02-01', 1, '2026-02-28'), ('2026-03-31', 1, '2026-04-30'), ('2026-03-30', 1, '2026-04-29'),
    ('2028-02-29', 12, '2029-02-28'), ('2028-03-01', 12, '2029-02-28'), ('2028-02-29', 48, '2032-02-28'), ('2027-03-01', 12, '2028-02-29'),
    ('2026-11-30', 24, '2028-11-29')])
def test_the_term_runs_from_the_delivery(delivered: str, length: int, last: str) -> None:
    assert term_from(day(delivered), length) == Term(day(delivered), day(last))


@given(days, st.integers(1, 120))
def test_a_term_ends_in_the_right_month_and_the_next_begins_where_a_person_expects_it(delivered: date, length: int) -> None:
    term = term_from(delivered, length)
    following = term.last + DAY
    passed = (following.year - delivered.year) * 12 + following.month - delivered.month
    assert (passed, following.day) in ((length, delivered.day), (length + 1, 1))
    assert (following.day == delivered.day) or (delivered.day > 28 and following.day == 1)


@given(days, st.integers(1, 120))
def test_a_later_delivery_never_ends_earlier_and_a_longer_term_ends_later(delivered: date, length: int) -> None:
    assert term_from(delivered, length).last <= term_from(delivered + DAY, length).last
    assert term_from(delivered, length).last < term_from(delivered, length + 1).last


def test_no_term_is_shorter_than_a_month() -> None:
    for length in (0, -1):
        with pytest.raises(StepRefused):
            term_from(day('2026-09-16'), length)


# -- what is late ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(('state', 'today', 'late'), [
    ('noticed', '2026-07-10', False), ('noticed', '2026-07-11', True), ('noticed', '2026-09-01', True), ('feasible', '2026-09-01', False),
    ('withdrawn', '2026-09-01', False)])
def test_a_notice_is_answered_within_ten_days(state: str, today: str, late: bool) -> None:
    assert answer_is_late(MoveState(state), day('2026-07-01'), day(today)) is late


@pytest.mark.parametrize('state', MoveState)
def test_a_delivery_is_late_on_the_day_after(state: MoveState) -> None:
    waits = state in (MoveState.NOTICED, MoveState.FEASIBLE, MoveState.ACCEPTED)
    assert delivery_is_late(state, day('2026-09-16'), day('2026-09-16')) is False
    assert delivery_is_late(state, day('2026-09-16'), day('2026-09-17')) is waits
