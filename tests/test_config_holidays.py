"""Article 74 LFT clause by clause, the admin's entries, and who confirmed what (mission.md 2.2)."""
import tomllib
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import holidays as oracle
import pytest

from config.holidays import confirmed_for_next_year, holidays_of, is_confirmed, proposed_of, statutory, unconfirmed_days
from config.values import Calendar, DatedHoliday, HolidayBook, Span, Where

WORKDAYS = {day: (Span(480, 1200),) for day in range(1, 6)}
CITY = Calendar('5x12', ZoneInfo('America/Mexico_City'), 'CMX', WORKDAYS)
ELECTION = DatedHoliday(date(2027, 6, 6), 'Elección federal', confirmed=False, election=True, where=Where('holidays.toml', 4, 'election'))
TEXTS = tomllib.loads((Path(__file__).parents[1] / 'asterisk-conf/prompts/es_MX.toml').read_text(encoding='utf-8'))['texts']


@pytest.mark.parametrize('year', range(1998, 2037))
def test_the_law_agrees_with_an_independent_library(year):
    ours, theirs = set(statutory(year)), set(oracle.Mexico(years=year))
    if year == 2006:
        # The annex moves all three days from 18 Jan 2006 on. The decree's second transitory article let fraction III begin
        # in 2007, for the bicentenary of Juárez's birth, and the library follows the decree.
        ours, theirs = ours - {date(2006, 3, 20)}, theirs - {date(2006, 3, 21)}
        assert (len(ours), len(theirs)) == (len(statutory(2006)) - 1, len(statutory(2006)) - 1)
    assert ours == theirs


def test_a_year_clause_by_clause():
    assert [(str(day), rest.clause, rest.name, rest.prompt) for day, rest in statutory(2030).items()] == [
        ('2030-01-01', 'LFT art. 74 fr. I', 'Año Nuevo', 'mesa/holiday-new-year'),
        ('2030-02-04', 'LFT art. 74 fr. II', 'Día de la Constitución', 'mesa/holiday-constitution'),
        ('2030-03-18', 'LFT art. 74 fr. III', 'Natalicio de Benito Juárez', 'mesa/holiday-juarez'),
        ('2030-05-01', 'LFT art. 74 fr. IV', 'Día del Trabajo', 'mesa/holiday-labour'),
        ('2030-09-16', 'LFT art. 74 fr. V', 'Día de la Independencia', 'mesa/holiday-independence'),
        ('2030-10-01', 'LFT art. 74 fr. VII', 'Transmisión del Poder Ejecutivo Federal', 'mesa/holiday-executive'),
        ('2030-11-18', 'LFT art. 74 fr. VI', 'Día de la Revolución', 'mesa/holiday-revolution'),
        ('2030-12-25', 'LFT art. 74 fr. VIII', 'Navidad', 'mesa/holiday-christmas'),
    ]


@pytest.mark.parametrize(('year', 'day'), [
    (1988, date(1988, 12, 1)), (1994, date(1994, 12, 1)), (2018, date(2018, 12, 1)), (2024, date(2024, 10, 1)), (2036, date(2036, 10, 1)),
])
def test_the_executive_is_transferred_every_sixth_year(year, day):
    assert [found for found, holiday in statutory(year).items() if holiday.clause.endswith('fr. VII')] == [day]


@pytest.mark.parametrize('year', [2022, 2023, 2025, 2026, 2027, 2028, 2029])
def test_other_years_have_seven_days(year):
    assert len(statutory(year)) == 7


def test_the_old_days_end_with_2005():
    days = {holiday.clause.removeprefix('LFT art. 74 fr. '): str(day) for day, holiday in statutory(2005).items()}
    assert (days['II'], days['III'], days['VI']) == ('2005-02-05', '2005-03-21', '2005-11-20')
    assert date(2006, 2, 6) in statutory(2006)
    assert date(2006, 2, 5) not in statutory(2006)


def test_every_prompt_has_a_text():
    book = HolidayBook((DatedHoliday(date(2030, 6, 2), 'Elección', election=True), DatedHoliday(date(2030, 7, 5), 'Aniversario')))
    for holiday in holidays_of(CITY, book, 2030).values():
        assert holiday.prompt.removeprefix('mesa/') in TEXTS


def test_a_confirmed_election_closes_and_a_proposed_one_only_shows():
    assert ELECTION.day not in holidays_of(CITY, HolidayBook((ELECTION,)), 2027)
    assert proposed_of(CITY, HolidayBook((ELECTION,)), 2027)[ELECTION.day].clause == 'LFT art. 74 fr. IX'
    confirmed = HolidayBook((DatedHoliday(ELECTION.day, ELECTION.name, election=True),))
    assert holidays_of(CITY, confirmed, 2027)[ELECTION.day].prompt == 'mesa/holiday-election'
    assert proposed_of(CITY, confirmed, 2027) == {}


def test_a_local_election_concerns_its_state_and_a_named_calendar_only_itself():
    book = HolidayBook((
        DatedHoliday(date(2027, 6, 6), 'Elección local', state='BCN', election=True),
        DatedHoliday(date(2027, 7, 5), 'Aniversario', calendar='norte'),
    ))
    north = Calendar('norte', ZoneInfo('America/Tijuana'), 'BCN', WORKDAYS)
    assert {date(2027, 6, 6), date(2027, 7, 5)} <= set(holidays_of(north, book, 2027))
    assert set(holidays_of(CITY, book, 2027)) == set(statutory(2027))


def test_a_calendar_without_holidays_closes_only_on_entries_that_name_it():
    always = Calendar('24x7', ZoneInfo('America/Mexico_City'), 'CMX', WORKDAYS, holidays=False)
    book = HolidayBook((DatedHoliday(date(2027, 7, 5), 'Mudanza', calendar='24x7'), DatedHoliday(date(2027, 7, 6), 'Aniversario')))
    assert [holiday.name for holiday in holidays_of(always, book, 2027).values()] == ['Mudanza']


def test_on_one_day_the_law_is_named_first_and_then_the_election():
    entries = (
        DatedHoliday(date(2027, 5, 1), 'Aniversario'), DatedHoliday(date(2027, 6, 6), 'Elección', election=True),
        DatedHoliday(date(2027, 6, 6), 'Fiesta'),
    )
    for book in (HolidayBook(entries), HolidayBook(entries[::-1])):
        found = holidays_of(CITY, book, 2027)
        assert (found[date(2027, 5, 1)].name, found[date(2027, 6, 6)].name) == ('Día del Trabajo', 'Elección')
        assert list(found) == sorted(found)


@pytest.mark.parametrize(('until', 'confirmed'), [
    (None, False), (date(2027, 11, 22), False), (date(2027, 11, 23), True), (date(2030, 1, 1), True),
])
def test_the_next_twelve_months_must_be_confirmed(until, confirmed):
    assert confirmed_for_next_year(HolidayBook(confirmed_until=until), date(2026, 11, 24)) is confirmed


def test_a_proposed_day_leaves_the_year_unconfirmed_until_it_is_past():
    book = HolidayBook((ELECTION,), date(2030, 12, 31))
    assert not confirmed_for_next_year(book, date(2026, 11, 24))
    assert confirmed_for_next_year(book, date(2026, 6, 6))         # the twelve months end the day before
    assert confirmed_for_next_year(book, date(2027, 6, 7))


def test_unconfirmed_days_are_those_of_twelve_months_in_order():
    book = HolidayBook((ELECTION,), date(2027, 3, 31))
    assert [str(holiday.day) for holiday in unconfirmed_days(book, date(2026, 11, 24))] == [
        '2027-05-01', '2027-06-06', '2027-09-16', '2027-11-15',
    ]


def test_a_leap_day_has_twelve_months_too():
    assert confirmed_for_next_year(HolidayBook(confirmed_until=date(2029, 2, 28)), date(2028, 2, 29))
    assert not confirmed_for_next_year(HolidayBook(confirmed_until=date(2029, 2, 27)), date(2028, 2, 29))


def test_an_entry_is_confirmed_by_its_own_mark_and_the_law_by_the_date():
    book = HolidayBook((DatedHoliday(date(2029, 7, 5), 'Aniversario'),), date(2027, 12, 31))
    found = {**holidays_of(CITY, book, 2029), **holidays_of(CITY, book, 2027)}
    assert is_confirmed(found[date(2029, 7, 5)], book)
    assert is_confirmed(found[date(2027, 12, 25)], book)
    assert not is_confirmed(found[date(2029, 12, 25)], book)
