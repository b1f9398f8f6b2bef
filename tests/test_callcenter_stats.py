"""`mesa stats` as a person or a script runs it."""
from __future__ import annotations

import csv
import io
from datetime import date

import pytest

from callcenter.commands.stats import period
from callcenter.contract_loader import load
from callcenter.instance import Instance
from contracts.cells import safe
from contracts.months import Month
from contracts.statistics_figures import FIGURES
from storage.engine import Database
from tests.test_callcenter_commands import Mesa, before, mesa

__all__ = ['before', 'mesa']
TODAY = date(2026, 11, 24)                             # a Tuesday


@pytest.fixture
def busy(mesa: Mesa) -> Mesa:
    """An instance with the calls and folios of October and November."""
    instance = Instance.open(mesa.root)
    database = Database(instance.database_url, patience_s=20.0)
    load(database, instance.site(), first=Month(2026, 10), months=2, calls=500, folios=120)
    database.close()
    return mesa


def test_a_month_in_json_in_csv_and_for_a_person(busy: Mesa) -> None:
    month = busy('stats', '--month', '2026-10', '--json').json
    assert (month['label'], month['since'], month['until']) == (
        '2026-10-01 to 2026-10-31', '2026-10-01T06:00:00+00:00', '2026-11-01T06:00:00+00:00')
    told = month['figures']
    assert set(told) == {figure.key for figure in FIGURES} and told['offered'] > 50 and told['opened'] > 30
    assert told['target_met'] in (True, False) and 0 < told['service_level'] < 100
    assert sum(month['breakdowns']['kinds'].values()) == told['opened']
    assert sum(one['answered'] for one in month['waits']) == told['answered']
    by_day = busy('stats', '--month', '2026-10', '--by', 'day', '--json').json
    assert len(by_day) == 31 and sum(one['figures']['offered'] for one in by_day) == told['offered']
    table = list(csv.DictReader(io.StringIO(busy('stats', '--month', '2026-10', '--by', 'week', '--csv').out)))
    assert [row['week'] for row in table] == ['2026-W40', '2026-W41', '2026-W42', '2026-W43', '2026-W44']
    assert sum(int(row['resolved']) for row in table) == told['resolved']
    person = busy('stats', 'nopalera', '--month', '2026-10').out
    assert person.startswith('nopalera, 2026-10-01 to 2026-10-31\n') and 'first-call resolution (FCR)' in person
    queues = busy('stats', 'nopalera', '--month', '2026-10', '--by', 'queue').out
    assert 'nopalera-standard' in queues and 'quetzal' not in queues and 'opened' not in queues
    assert 'office' in busy('stats', '--month', '2026-10', '--by', 'category').out
    alone = busy('stats', '--month', '2026-10', '--queue', 'nopalera-vip', '--json').json
    assert 'opened' not in alone['figures'] and alone['queue'] == 'nopalera-vip'
    assert busy('stats', '--day', '2026-12-25', '--by', 'queue').out == 'Nothing in this period.\n'
    assert busy('stats', '--json').json['label'] == str(TODAY)
    assert busy('stats', '--month', '2026-10', '--modality', 'fax', '--json').json['figures']['offered'] == 0


@pytest.mark.parametrize(('words', 'days'), [
    ({}, ('2026-11-24', '2026-11-24')), ({'day': '2026-02-28'}, ('2026-02-28', '2026-02-28')),
    ({'month': '2028-02'}, ('2028-02-01', '2028-02-29')),
    ({'week': True}, ('2026-11-23', '2026-11-29')), ({'since': '2026-11-01'}, ('2026-11-01', '2026-11-24')),
    ({'since': '2026-11-01', 'until': '2026-11-03'}, ('2026-11-01', '2026-11-03'))])
def test_periods(words: dict[str, str], days: tuple[str, str]) -> None:
    asked = {'since': None, 'until': None, 'month': None, 'day': None, 'week': False} | words
    first, last = period(**asked, today=TODAY)         # type: ignore[arg-type]
    assert (str(first), str(last)) == days


@pytest.mark.parametrize(('words', 'code', 'said'), [
    ('stats acme', 1, "No client is called 'acme'. There are: nopalera, quetzal"),
    ('stats --queue acme', 1, "No queue is called 'acme'. There are: nopalera-standard"),
    ('stats --month 2026-13', 2, "'2026-13' is not a month. Write it like 2026-10"),
    ('stats --day yesterday', 2, "'yesterday' is not a day. Write it like 2026-10-01"),
    ('stats --until 2026-10-01', 2, '--until needs --since'),
    ('stats --since 2026-10-02 --until 2026-10-01', 2, 'is before the first'),
    ('stats --month 2026-10 --week', 2, 'Give one period'),
    ('stats --json --csv', 2, 'not both'),
    ('stats --queue nopalera-vip --by category', 2, 'Folios have no queue'),
    ('stats --by moon', 2, "'moon' is not one of")])
def test_wrong_usage_is_answered_in_a_sentence(mesa: Mesa, words: str, code: int, said: str) -> None:
    done = mesa(*words.split())
    assert (done.code, done.out) == (code, '') and said in done.err


def test_what_a_spreadsheet_would_run_is_text() -> None:
    assert [safe(word) for word in ('=1+1', '@x', '2026-10-01', 'mail', '')] == ["'=1+1", "'@x", '2026-10-01', 'mail', '']
