"""tariffs.toml: what is read of it, and each slip by file, line and key (mission.md 7.3-7.5)."""
from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from config.check import Known
from config.load import load
from config.values import Modality
from tests.site_copies import EXAMPLE, KNOWN, TODAY, Mistake, copy_example, edit, new_problems, places, problems_of

FILE, SITE = 'tariffs.toml', 'site.toml'
GENERAL = '[[tariff]]\nsince = 2025-01-01\n'
D = date.fromisoformat


def test_what_is_written_is_read() -> None:
    prices = load(EXAMPLE).prices
    assert [(str(tariff.since), tariff.client, tariff.across) for tariff in prices.tariffs] == [
        ('2025-01-01', None, 'start'), ('2026-03-16', 'quetzal', 'start'), ('2027-01-01', None, 'split')]
    national = prices.tariffs[2].rates[0]
    assert (national.prefix, national.destination, national.per_minute, national.increment_s, national.minimum_s, national.connection) == (
        '+52', 'Nacional', Decimal('0.90'), 1, 30, Decimal(0))
    assert (prices.tariffs[0].rates[0].increment_s, prices.tariffs[0].rates[2].connection) == (60, Decimal('0.50'))
    assert [(tax.region, tax.percent) for tax in prices.taxes] == [('general', Decimal(16)), ('border', Decimal(8))]


@pytest.mark.parametrize(('client', 'day', 'since'), [
    ('nopalera', '2024-12-31', None), ('nopalera', '2025-01-01', '2025-01-01'), ('nopalera', '2026-12-31', '2025-01-01'),
    ('nopalera', '2027-01-01', '2027-01-01'), ('quetzal', '2026-03-15', '2025-01-01'), ('quetzal', '2027-06-01', '2026-03-16')])
def test_a_client_s_own_tariff_goes_before_everybody_s(client: str, day: str, since: str | None) -> None:
    tariff = load(EXAMPLE).prices.tariff(client, D(day))
    assert (str(tariff.since) if tariff else None) == since


@pytest.mark.parametrize(('region', 'day', 'percent'), [
    ('general', '2009-12-31', None), ('general', '2026-11-24', Decimal(16)), ('border', '2026-11-24', Decimal(8)),
    ('moon', '2026-11-24', None)])
def test_iva_by_region_and_day(region: str, day: str, percent: Decimal | None) -> None:
    tax = load(EXAMPLE).prices.tax(region, D(day))
    assert (tax.percent if tax else None) == percent


@pytest.mark.parametrize(('day', 'amount'), [('2024-12-31', None), ('2026-12-31', Decimal(15000)), ('2027-01-01', Decimal(16200))])
def test_the_initial_cost_is_that_of_the_day(day: str, amount: Decimal | None) -> None:
    cost = load(EXAMPLE).prices.initial_cost(Modality.STANDARD, D(day))
    assert (cost.amount if cost else None) == amount


MISTAKES = {
    'tariff on one day': Mistake(FILE, 'since = 2027-01-01                # from then', 'since = 2025-01-01 # from then',
        'since = 2025-01-01 # from', 'tariff[2].since', 'for everybody begins on 2025-01-01, too'),
    'tariff of nobody': Mistake(FILE, 'client = "quetzal"', 'client = "quetzals"',
        'client = ', 'tariff[3].client', "no client is called 'quetzals': choose one of nopalera, quetzal"),
    'prefix twice': Mistake(FILE, 'prefix = "+52800"', 'prefix = "+52"',
        'prefix = "+52"\ndestination = "Número 800"', 'tariff[1].rate[2].prefix', '+52 has a rate in this tariff already'),
    'no national rate': Mistake(FILE, 'prefix = "+52"', 'prefix = "+525"',
        '[[tariff]]', 'tariff[1]', 'no rate for "+52"', 'warning'),
    'increment of nothing': Mistake(FILE, 'increment_s = 1\n', 'increment_s = 0\n',
        'increment_s = 0', 'tariff[2].rate[1].increment_s', 'greater than or equal to 1'),
    'prefix that is none': Mistake(FILE, 'prefix = "+1"', 'prefix = "001"',
        'prefix = "001"', 'tariff[1].rate[3].prefix', "'001' holds characters"),
    'price in figures': Mistake(FILE, 'per_minute = "0.85"', 'per_minute = 0.85',
        'per_minute = 0.85', 'tariff[1].rate[1].per_minute', 'a price in quotes'),
    'unknown across': Mistake(FILE, 'across = "split"', 'across = "both"',
        'across = "both"', 'tariff[2].across', "'both'"),
    'IVA above all': Mistake(FILE, 'percent = "16"', 'percent = "160"',
        'percent = "160"', 'tax[1].percent', 'a percentage in quotes'),
    'cost on one day': Mistake(FILE, 'since = 2027-01-01\nmodality', 'since = 2025-01-01\nmodality',
        'since = 2025-01-01\nmodality = "standard"\namount = "16200', 'initial_cost[2].since', 'the initial cost of standard'),
    'cost of nothing': Mistake(FILE, 'amount = "9000.00"', '#',
        '[[initial_cost]]\nsince = 2025-01-01\nmodality = "vip"', 'initial_cost[4].amount', "'amount' is missing"),
    'unknown table': Mistake(FILE, '[[initial_cost]]', '[[initial_costs]]\nx = 1\n\n[[initial_cost]]',
        '[[initial_costs]]', 'initial_costs', "did you mean 'initial_cost'?"),
}


@pytest.mark.parametrize('name', MISTAKES)
def test_each_mistake_alone(tmp_path: Path, name: str) -> None:
    site, mistake = copy_example(tmp_path), MISTAKES[name]
    mistake.spoil(site)
    problems = new_problems(site)
    assert places(problems) == [mistake.place(site)]
    assert mistake.says in problems[0].message


def test_iva_of_one_region_and_day_is_told_once(tmp_path: Path) -> None:
    site = copy_example(tmp_path)
    edit(site, FILE, '# The initial cost', '[[tax]]\nsince = 2010-01-01\npercent = "15"\n\n# The initial cost')
    assert [str(problem.where).partition(': ')[2] for problem in new_problems(site)] == ['tax[3].since']


def test_no_file_is_no_price(tmp_path: Path) -> None:
    site = copy_example(tmp_path)
    (site / FILE).unlink()
    found = {(problem.where.file, problem.where.key, problem.severity) for problem in new_problems(site)}
    assert found == {('tariffs.toml', 'tariff', 'warning'), ('clients/nopalera.toml', 'contract.tax_region', 'error'),
                     ('clients/quetzal.toml', 'contract.tax_region', 'error')}


def test_where_no_call_of_ours_has_a_way_out_none_needs_a_price(tmp_path: Path) -> None:
    site = copy_example(tmp_path)
    edit(site, SITE, 'outbound = "127.0.0.2:5070" ', '#')
    edit(site, SITE, '\n[policy]\n', '\n[policy]\ncallback = false\nclose_call_attempts = 0\n')
    text = (site / FILE).read_text(encoding='utf-8')
    (site / FILE).write_text(text[text.index('# IVA'):], encoding='utf-8')
    assert new_problems(site) == []


def test_a_tariff_that_is_not_in_force_yet_prices_no_call_of_today() -> None:
    problems = problems_of(EXAMPLE, Known(KNOWN.prompts, D('2024-12-31')))
    assert [problem.message for problem in problems if 'in force today' in problem.message] == [
        f'no tariff for {client} is in force today, so calls for it have no price: add a [[tariff]] without client to tariffs.toml'
        for client in ('nopalera', 'quetzal')]


def test_a_file_that_cannot_be_read_is_told_once_and_nothing_is_made_up(tmp_path: Path) -> None:
    site = copy_example(tmp_path)
    (site / FILE).write_text('[[tariff]\n', encoding='utf-8')
    assert places(new_problems(site)) == [f'{FILE}:1: file error']
    assert load(EXAMPLE).prices.tariff('quetzal', TODAY) is not None
