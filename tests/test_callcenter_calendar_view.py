"""The picture of a year: what an admin sees, with and without colour, and the same as facts."""
import json
import re
from datetime import UTC, date, datetime, timedelta

import pytest

from callcenter.calendar_view import render_year
from config.calendar_year import year_facts
from config.hours import open_seconds, zone
from config.values import Calendar, DatedHoliday, HolidayBook, Override, OverrideState, Span, Where

WORKDAYS = {day: (Span(480, 1200),) for day in range(1, 6)}
TIJUANA = Calendar('5x12', zone('America/Tijuana'), 'BCN', WORKDAYS)
BOOK = HolidayBook((
    DatedHoliday(date(2027, 6, 6), 'Elección federal', confirmed=False, election=True, where=Where('holidays.toml', 4, 'day')),
    DatedHoliday(date(2027, 4, 2), 'Aniversario de la empresa', where=Where('holidays.toml', 8, 'day')),
), date(2027, 9, 30), 'Ana Pérez')
CLOSING = Override('+528005550101', OverrideState.CLOSED, datetime(2027, 7, 7, 15, tzinfo=UTC), datetime(2027, 7, 8, 15, tzinfo=UTC))
TODAY = date(2027, 3, 3)


def picture(colour=False, width=80, calendar=TIJUANA, book=BOOK, overrides=(CLOSING,)):
    return render_year(calendar, book, overrides, 2027, TODAY, colour, width)


def without_colour(text):
    return re.sub('\x1b\\[[0-9;]*m', '', text)


def test_a_row_of_months_without_colour():
    lines = picture().splitlines()
    first = lines.index('        Abril                    Mayo                   Junio')
    assert lines[first:first + 4] == [
        '        Abril                    Mayo                   Junio',
        'Lu Ma Mi Ju Vi Sá Do    Lu Ma Mi Ju Vi Sá Do    Lu Ma Mi Ju Vi Sá Do',
        '          1  2* 3· 4·                   1* 2·       1  2  3  4  5· 6?',
        ' 5  6  7  8  9 10·11·    3  4  5  6  7  8· 9·    7  8  9 10 11 12·13·',
    ]


def test_every_kind_of_day_has_its_sign():
    text = picture()
    for sign in (' 3< ', '15!16 ', ' 6?', ' 7~ 8~', '16*17 ', '11·'):
        assert sign in text
    assert 'abierto   · sin servicio   * festivo   ! festivo por confirmar\n' in text
    assert '? propuesto, todavía no cierra   ~ excepción temporal   < hoy\n' in text


def test_the_list_and_the_totals():
    text = picture()
    assert '* vie  1 ene  Año Nuevo                   fr. I     confirmado' in text
    assert '? dom  6 jun  Elección federal            fr. IX    propuesto' in text
    assert '* vie  2 abr  Aniversario de la empresa   propio    confirmado' in text
    assert '! sáb 25 dic  Navidad                     fr. VIII  por confirmar' in text
    assert 'Abierto 254 días, 3048 h' in text                  # 261 weekdays, 6 of them holidays, and one that the override closes
    assert 'Días festivos confirmados hasta el 2027-09-30 por Ana Pérez' in text
    assert 'Falta confirmar los días festivos de los próximos doce meses' in text
    assert 'Falta confirmar' not in picture(book=HolidayBook(confirmed_until=date(2028, 12, 31)))
    assert 'Cambio de horario: 14 de marzo, el reloj se adelanta 60 min' in text
    assert 'Cambio de horario: 7 de noviembre, el reloj se atrasa 60 min' in text
    assert 'lunes a viernes 08:00-20:00' in text


def test_colour_adds_only_colour():
    plain, coloured = picture(), picture(colour=True)
    assert '\x1b' not in plain
    assert '\x1b[1;31m 1*\x1b[0m' in coloured
    without_today = plain.replace(' 3<', ' 3 ').replace('   < hoy', '')
    assert [line.rstrip() for line in without_colour(coloured).splitlines()] == without_today.splitlines()


@pytest.mark.parametrize(('width', 'columns'), [(120, 4), (93, 4), (92, 3), (80, 3), (69, 3), (68, 2), (45, 2), (44, 1)])
def test_as_many_months_side_by_side_as_fit(width, columns):
    grid = without_colour(picture(True, width)).split('Días festivos')[0].splitlines()
    assert max(len(re.findall('Lu Ma', line)) for line in grid) == columns
    assert all(len(line) <= width for line in grid)
    assert len(re.findall('Lu Ma', '\n'.join(grid))) == 12


def test_every_day_stands_once_and_the_weeks_begin_on_monday():
    text = picture(width=44)
    march = text.split('Marzo\n')[1].split('Abril')[0]
    assert [int(number) for number in re.findall(r'\d+', march)] == list(range(1, 32))
    assert march.splitlines()[1].startswith(' 1 ')             # 1 March 2027 is a Monday


def test_text_of_the_files_cannot_steer_the_terminal():
    book = HolidayBook((DatedHoliday(date(2027, 4, 2), 'Fiesta\x1b[2J\r\n', where=Where('h.toml', 1, 'day')),), None)
    text = picture(book=book)
    assert 'Fiesta[2J' in text
    assert '\x1b' not in text
    assert 'Nadie ha confirmado los días festivos' in text


def test_facts_are_json_and_agree_with_the_engine():
    facts = json.loads(json.dumps(year_facts(TIJUANA, BOOK, (), 2027, TODAY)))
    start, end = datetime(2027, 1, 1, 8, tzinfo=UTC), datetime(2028, 1, 1, 8, tzinfo=UTC)
    assert (facts['open_days'], facts['open_seconds']) == (255, open_seconds(TIJUANA, BOOK, (), start, end))
    assert facts['holidays'][5] == {
        'date': '2027-06-06', 'weekday': 'domingo', 'name': 'Elección federal', 'clause': 'LFT art. 74 fr. IX',
        'confirmed': False, 'closes': False, 'where': 'holidays.toml:4',
    }
    assert len(facts['days']) == 365
    assert list(facts['days'].values()).count('open') == 255
    assert facts['days']['2027-11-15'] == 'unconfirmed'
    assert facts['next_twelve_months_confirmed'] is False
    assert facts['clock_changes'] == [{'date': '2027-03-14', 'minutes': 60}, {'date': '2027-11-07', 'minutes': -60}]


def test_a_day_that_an_override_opens_counts():
    opened = Override('+528005550101', OverrideState.OPEN, datetime(2027, 5, 2, 17, tzinfo=UTC), datetime(2027, 5, 2, 19, tzinfo=UTC))
    facts = year_facts(TIJUANA, BOOK, (opened,), 2027, TODAY)
    assert (facts['open_days'], facts['open_seconds']) == (256, 255 * 12 * 3600 + 7200)
    assert facts['days']['2027-05-02'] == 'override'


def test_around_the_clock_has_all_the_hours_of_the_year():
    always = Calendar('24x7', TIJUANA.zone, 'BCN', {day: (Span(0, 1440),) for day in range(1, 8)}, holidays=False)
    facts = year_facts(always, HolidayBook(), (), 2027, TODAY)
    assert (facts['open_days'], facts['open_seconds']) == (365, timedelta(days=365) // timedelta(seconds=1))
    assert 'ninguno' in picture(calendar=always, book=HolidayBook())
    assert 'lunes a domingo 00:00-24:00' in picture(calendar=always)
