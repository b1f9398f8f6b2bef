"""Numbers, moments and waits as sound files, and whether each of these files exists."""
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from callcenter.provision import asterisk_prefix
from ivr_flows import spoken

PROMPTS = Path(__file__).parents[1] / 'asterisk-conf' / 'prompts'
HUMAN = asterisk_prefix() / 'usr/share/asterisk/sounds/es_MX_f_Allison'
MEXICO_CITY = ZoneInfo('America/Mexico_City')


def own_prompts():
    texts = tomllib.loads((PROMPTS / 'es_MX.toml').read_text(encoding='utf-8'))
    return {f'mesa/{name}' for table in ('texts', 'pauses') for name in texts[table]}


def names(text):
    """'digits/4 mesa/pause' from the shorter '4 pause'."""
    return tuple(part if '/' in part else f'digits/{part}' for part in text.replace('|', 'mesa/pause').split())


@pytest.mark.parametrize('text, group, said', [
    ('48213907', 2, '4 8 | 2 1 | 3 9 | 0 7'),
    ('48213', 2, '4 8 | 2 1 | 3'),
    ('482139', 3, '4 8 2 | 1 3 9'),
    ('0', 2, '0'),
])
def test_digits_are_said_in_groups(text, group, said):
    assert spoken.digits(text, group) == names(said)


@pytest.mark.parametrize('text', ['', '12a', ' 12', '-1', '١٢', '²'])
def test_only_digits_can_be_said_one_by_one(text):
    with pytest.raises(ValueError):
        spoken.digits(text)


@pytest.mark.parametrize('e164, said', [
    ('+525550001234', '5 5 | 5 0 0 0 | 1 2 3 4'),
    ('+528005550101', '8 0 0 | 5 5 5 | 0 1 0 1'),
    ('+526645550101', '6 6 4 | 5 5 5 | 0 1 0 1'),
    ('+12025550101', '1 2 0 | 2 5 5 | 5 0 1 | 0 1'),
])
def test_telephone_numbers_are_said_as_in_mexico(e164, said):
    assert spoken.phone(e164) == names(said)


def test_a_telephone_number_needs_its_country():
    with pytest.raises(ValueError):
        spoken.phone('5550001234')


@pytest.mark.parametrize('n, said', [
    (0, '0'), (1, '1'), (16, '16'), (20, '20'), (21, '21'), (29, '29'), (30, '30'), (31, '30 and 1'), (45, '40 and 5'), (90, '90'),
    (100, 'hundred'), (101, '100-and 1'), (121, '100-and 21'), (200, '200'), (555, '500 50 and 5'), (900, '900'),
    (1000, 'thousand'), (1001, 'thousand 1'), (1100, 'thousand hundred'), (2000, '2 thousand'), (9999, '9 thousand 900 90 and 9'),
])
def test_numbers(n, said):
    assert spoken.number(n) == names(said)


@pytest.mark.parametrize('n, said', [
    (1, '1M'), (2, '2'), (11, '11'), (21, 'mesa/twenty-one'), (31, '30 and 1M'), (101, '100-and 1M'),
    (121, '100-and mesa/twenty-one'), (1000, 'thousand'),
])
def test_numbers_are_shortened_before_a_noun(n, said):
    assert spoken.number(n, before_noun=True) == names(said)


@pytest.mark.parametrize('n', [-1, 10000])
def test_numbers_out_of_range_are_refused(n):
    with pytest.raises(ValueError):
        spoken.number(n)


@pytest.mark.parametrize('when, said', [
    ('2026-12-25 08:00', 'day-5 25 es-de mon-11 mesa/at-hour 8 mesa/in-the-morning'),
    ('2026-05-01 13:05', 'day-5 h-1 es-de mon-4 mesa/at-hour-one 1F and 5 mesa/in-the-afternoon'),
    ('2026-01-31 01:30', 'day-6 30 and 1 es-de mon-0 mesa/at-hour-one 1F 30 mesa/in-the-small-hours'),
    ('2026-02-01 12:00', 'day-0 h-1 es-de mon-1 mesa/at-hour 12 mesa/at-noon'),
    ('2026-02-02 00:15', 'day-1 2 es-de mon-1 mesa/at-hour 12 15 mesa/at-night'),
    ('2026-02-03 18:59', 'day-2 3 es-de mon-1 mesa/at-hour 6 50 and 9 mesa/in-the-afternoon'),
    ('2026-02-04 19:00', 'day-3 4 es-de mon-1 mesa/at-hour 7 mesa/at-night'),
    ('2026-02-05 06:00', 'day-4 5 es-de mon-1 mesa/at-hour 6 mesa/in-the-morning'),
])
def test_a_moment(when, said):
    local = datetime.strptime(when, '%Y-%m-%d %H:%M').replace(tzinfo=MEXICO_CITY)
    assert spoken.moment(local) == names(said)


def test_a_moment_is_said_in_the_zone_it_carries():
    opening = datetime(2026, 12, 28, 14, 0, tzinfo=UTC)
    assert spoken.moment(opening.astimezone(ZoneInfo('America/Tijuana')))[-3:] == ('mesa/at-hour', 'digits/6', 'mesa/in-the-morning')


def test_a_moment_without_zone_is_refused():
    with pytest.raises(ValueError):
        spoken.moment(datetime(2026, 12, 25, 8, 0))  # noqa: DTZ001


@pytest.mark.parametrize('seconds, said', [
    (-5, 'mesa/less-than-a-minute'), (0, 'mesa/less-than-a-minute'), (59.9, 'mesa/less-than-a-minute'),
    (60, '1M mesa/minute'), (61, '2 mesa/minutes'),
    (1201, 'mesa/twenty-one mesa/minutes'), (1860, '30 and 1M mesa/minutes'), (3600, '60 mesa/minutes'), (3601, 'mesa/more-than-an-hour'),
])
def test_a_wait_is_told_in_minutes_rounded_up(seconds, said):
    assert spoken.wait(seconds) == ('mesa/wait-about', *names(said))


def test_how_long_prompts_take():
    assert spoken.seconds(('digits/1', 'mesa/pause', 'digits/1'), {'digits/1': 0.7, 'mesa/pause': 0.3}) == pytest.approx(1.7)
    with pytest.raises(KeyError, match='digits/2'):
        spoken.seconds(('digits/2',), {})


def all_that_can_be_said():
    """Every number, moment of a day, day of a leap year, wait and digit."""
    said = {name for n in range(10_000) for shortened in (False, True) for name in spoken.number(n, shortened)}
    start = datetime(2028, 1, 1, tzinfo=MEXICO_CITY)
    said |= {name for minute in range(24 * 60) for name in spoken.moment(start + timedelta(minutes=minute))}
    said |= {name for day in range(366) for name in spoken.moment(start + timedelta(days=day))}
    said |= {name for s in range(0, 4000, 30) for name in spoken.wait(s)}
    return said | set(spoken.digits('0123456789'))


def test_every_own_prompt_exists():
    own = {name for name in all_that_can_be_said() if name.startswith('mesa/')}
    assert {'mesa/pause', 'mesa/twenty-one', 'mesa/at-night'} <= own <= own_prompts()


@pytest.mark.skipif(not HUMAN.is_dir(), reason='no Asterisk with es_MX sounds on this machine')
def test_every_prompt_of_asterisk_exists():
    missing = [name for name in all_that_can_be_said() if not name.startswith('mesa/') and not (HUMAN / f'{name}.wav').is_file()]
    assert missing == []
