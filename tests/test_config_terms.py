"""Contracts as admins write them: dated terms, waivers, and the site of a day (mission.md 1.3, chapter 7)."""
from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.check import Known
from config.load import load
from config.terms import Contract, Counted, OverageRule, Terms, Waiver
from config.values import Modality, Policy, Site
from config.vip_cap import vip_cap
from tests.site_copies import EXAMPLE, KNOWN, TODAY, Mistake, copy_example, edit, line_of, new_problems, places
from tests.small_site import a_site

NOPALERA, QUETZAL, USERS = 'clients/nopalera.toml', 'clients/quetzal.toml', 'clients/nopalera.users.csv'
STANDARD = 'modality = "standard"\nsince = 2025-01-01\n'
WAIVER = '[[waiver]]\nusers = 12\nsince = 2026-11-01\nuntil = 2027-01-31\nreason = "Relevo"\nby = "Leticia Barragán"\n\n'
D = date.fromisoformat


def nopalera(site: Path) -> Contract:
    return load(site).clients['nopalera'].contract


# -- reading -----------------------------------------------------------------------------------------------------------

def test_what_is_written_is_read() -> None:
    contract = load(EXAMPLE).clients['quetzal'].contract
    assert (contract.number, contract.since, contract.until) == ('MA-2026-003', D('2026-03-16'), D('2028-03-15'))
    assert (contract.tax_region, contract.pro_rata, contract.term_months) == ('border', 'days', 12)
    assert contract.fiscal_name == 'Transportes Quetzal, S.A. de C.V.'
    terms = contract.in_force(Modality.STANDARD, TODAY)
    assert terms is not None
    assert (terms.allowance, terms.monthly_fee, terms.overage_price) == (60, Decimal('14500.00'), Decimal('110.00'))
    assert (terms.overage, terms.counted) == (OverageRule(105, whole_run=False), frozenset({Counted.REOPEN}))
    assert terms.where.key == 'terms[1]' and terms.where.line == line_of(EXAMPLE, QUETZAL, '[[terms]]')
    assert [terms.modality for terms in contract.terms] == ['fax', 'premium', 'standard', 'vip']


def test_what_an_entry_does_not_say_is_as_in_the_one_before() -> None:
    contract = nopalera(EXAMPLE)
    first, second = [terms for terms in contract.terms if terms.modality is Modality.STANDARD]
    assert (first.allowance, first.monthly_fee, second.allowance, second.monthly_fee) == (300, Decimal(48000), 340, Decimal(52500))
    assert second.overage_price == first.overage_price == Decimal(95)
    assert [contract.in_force(Modality.STANDARD, D(day)) for day in ('2026-06-30', '2026-07-01')] == [first, second]


def test_the_order_in_the_file_does_not_matter(tmp_path: Path) -> None:
    site = copy_example(tmp_path)
    last = STANDARD.replace('2025', '2028') + 'allowance = "unmetered"\n\n'
    edit(site, NOPALERA, '[[terms]]\n' + STANDARD, f'[[terms]]\n{last}[[terms]]\n{STANDARD}')
    read = [terms for terms in nopalera(site).terms if terms.modality is Modality.STANDARD]
    assert [(str(terms.since), terms.allowance) for terms in read] == [('2025-01-01', 300), ('2026-07-01', 340), ('2028-01-01', None)]
    assert read[2].overage_price == Decimal(95)


def test_parameters_begin_with_those_of_the_modality_and_go_on_from_terms_to_terms(tmp_path: Path) -> None:
    site = copy_example(tmp_path)
    edit(site, NOPALERA, 'visit_price = "1450.00" ', 'visit_price = "1450.00"\n[terms.policy]\nresolve_low_hours = 12\n#')
    first, second = [terms.policy for terms in nopalera(site).terms if terms.modality is Modality.PREMIUM]
    assert (first.resolve_high_hours, first.resolve_low_hours, first.respond_high_minutes) == (2, 12, 15)
    assert second == replace(first, respond_high_minutes=10)


def test_parts_of_a_rule_are_changed_alone(tmp_path: Path) -> None:
    site = copy_example(tmp_path)
    edit(site, NOPALERA, 'allowance = 340', 'allowance = 340\noverage_from = 105')
    edit(site, NOPALERA, 'allowance = 300 ', 'allowance = 300\noverage_tariff = "each"\ncounted = ["fax", "status"] #')
    first, second = [terms for terms in nopalera(site).terms if terms.modality is Modality.STANDARD]
    assert (first.overage, second.overage) == (OverageRule(tariff_of='each'), OverageRule(105, tariff_of='each'))
    assert first.counted == second.counted == {Counted.FAX, Counted.STATUS}


@pytest.mark.parametrize('written', ['95', '"95,00"', '"-1"', '"1e3"', '"NaN"', '"95.12345"', '""', '95.0'])
def test_an_amount_is_a_decimal_in_quotes(tmp_path: Path, written: str) -> None:
    site = copy_example(tmp_path)
    edit(site, NOPALERA, 'overage_price = "95.00"', f'overage_price = {written}')
    problems = [problem for problem in new_problems(site) if problem.where.key == 'terms[1].overage_price']
    assert len(problems) == 1
    assert 'a price in quotes, such as "0.85"' in problems[0].message


MISTAKES = {
    'terms on one day': Mistake(NOPALERA, 'since = 2026-07-01', 'since = 2025-01-01',
        'since = 2025-01-01                # a new', 'terms[2].since', 'the standard terms of clients/nopalera.toml:'),
    'contract backwards': Mistake(NOPALERA, '# until = 2027-12-31 ', 'until = 2024-12-31 #',
        'until = ', 'contract.until', 'ends before its first day, 2025-01-01'),
    'contract over': Mistake(QUETZAL, 'until = 2028-03-15', 'until = 2026-11-23',
        'until = ', 'contract.until', 'ended on 2026-11-23: calls are still served', 'warning'),
    'terms before the contract': Mistake(NOPALERA, 'modality = "fax"\nsince = 2025-01-01', 'modality = "fax"\nsince = 2024-12-31',
        'since = 2024-12-31', 'terms[6].since', 'begin before the contract does (2025-01-01)', 'warning'),
    'terms after the contract': Mistake(NOPALERA, '# until = 2027-12-31 ', 'until = 2027-06-30 #',
        'since = 2027-07-01', 'terms[4].since', 'after the contract has ended (2027-06-30)', 'warning'),
    'metered without a price': Mistake(QUETZAL, 'overage_price = "110.00"\n', '',
        '[[terms]]', 'terms[1].overage_price', 'has an allowance of 60'),
    'visits of no premium': Mistake(NOPALERA, 'allowance = 340', 'allowance = 340\nvisit_price = "900"',
        'visit_price = "900"', 'terms[2].visit_price', 'only under premium'),
    'what is no matter of a modality': Mistake(NOPALERA, 'respond_high_minutes = 10', 'vip_percent = 10',
        'vip_percent', 'terms[4].policy.vip_percent', 'from its [policy] alone', 'warning'),
    'unknown IVA': Mistake(NOPALERA, '# tax_region = "general"', 'tax_region = "frontera"',
        'tax_region', 'contract.tax_region', "no IVA is known for the region 'frontera' on 2025-01-01"),
    'unknown thing to count': Mistake(QUETZAL, 'counted = ["reopen"]', 'counted = ["reopens"]',
        'counted', 'terms[1].counted[1]', "'reopens'"),
    'no allowance': Mistake(QUETZAL, 'allowance = 60', 'allowance = "none"',
        'allowance = ', 'terms[1].allowance', 'such as 300, or "unmetered"'),
    'negative allowance': Mistake(QUETZAL, 'allowance = 60', 'allowance = -1',
        'allowance = ', 'terms[1].allowance', 'such as 300, or "unmetered"'),
    'a parameter that is none': Mistake(NOPALERA, 'respond_high_minutes = 10', 'respond_hihg_minutes = 10',
        'respond_hihg', 'terms[4].policy.respond_hihg_minutes', "did you mean 'respond_high_minutes'?"),
    'terms without a day': Mistake(NOPALERA, STANDARD, 'modality = "standard"\n',
        '[[terms]]', 'terms[1].since', "'since' is missing"),
    'contract by whom': Mistake(NOPALERA, 'number = "MA-2025-014"', 'numero = "MA-2025-014"',
        'numero', 'contract.numero', "did you mean 'number'?"),
    'waiver over': Mistake(NOPALERA, '# A written permission', WAIVER.replace('2027-01-31', '2026-11-23') + '#',
        'until = 2026-11-23', 'waiver[1].until', 'has expired on 2026-11-23', 'warning'),
    'waiver backwards': Mistake(NOPALERA, '# A written permission', WAIVER.replace('2027-01-31', '2026-10-31') + '#',
        'until = 2026-10-31', 'waiver[1].until', 'ends before it begins'),
    'waiver by nobody': Mistake(NOPALERA, '# A written permission', WAIVER.replace('by = "Leticia Barragán"\n', '') + '#',
        '[[waiver]]', 'waiver[1].by', "'by' is missing"),
}


@pytest.mark.parametrize('name', MISTAKES)
def test_each_mistake_alone(tmp_path: Path, name: str) -> None:
    site, mistake = copy_example(tmp_path), MISTAKES[name]
    mistake.spoil(site)
    problems = new_problems(site)
    assert places(problems) == [mistake.place(site)]
    assert mistake.says in problems[0].message


def test_zero_is_a_price_when_it_is_written(tmp_path: Path) -> None:
    site = copy_example(tmp_path)
    edit(site, QUETZAL, 'overage_price = "110.00"', 'overage_price = "0"')
    assert new_problems(site) == []


def test_a_contract_without_terms_and_terms_without_a_contract_are_read(tmp_path: Path) -> None:
    site = copy_example(tmp_path)
    text = (site / QUETZAL).read_text(encoding='utf-8')
    begin, terms, end = text.index('[contract]'), text.index('[[terms]]'), text.index('# What a new incident')
    (site / QUETZAL).write_text(text[:begin] + text[terms:], encoding='utf-8')
    assert new_problems(site) == []
    assert load(site).clients['quetzal'].contract.in_force(Modality.VIP, TODAY) is not None
    (site / QUETZAL).write_text(text[:terms] + text[end:], encoding='utf-8')
    assert new_problems(site) == []
    assert load(site).clients['quetzal'].contract.in_force(Modality.VIP, TODAY) is None


def test_who_must_confirm_is_there_on_the_day_on_which_terms_ask_for_him(tmp_path: Path) -> None:
    site = copy_example(tmp_path)
    edit(site, NOPALERA, 'respond_high_minutes = 10', 'verify_with = "contact"')
    edit(site, NOPALERA, '[contact]', '[contacts]')
    assert "asks the client's contact" in ' '.join(problem.message for problem in new_problems(site))


# -- the site of a day -------------------------------------------------------------------------------------------------

def dated(*days: str, until: str | None = None) -> Site:
    """A site whose standard terms change on each day: resolve_high_hours is 1, 2, ..., and 9 before them all."""
    written = {Modality.STANDARD: Policy(resolve_high_hours=9)}
    terms = tuple(Terms(Modality.STANDARD, D(day), policy=Policy(resolve_high_hours=hours)) for hours, day in enumerate(days, start=1))
    return a_site(modality_policies=written, contract=Contract(terms=terms, until=D(until) if until else None))


def hours_on(site: Site, day: date) -> int:
    return site.on(day).clients['quetzal'].policy_of(Modality.STANDARD).resolve_high_hours


def test_terms_hold_from_their_day_on() -> None:
    site = dated('2026-01-01', '2026-07-01')
    assert [hours_on(site, D(day)) for day in ('2025-12-31', '2026-01-01', '2026-06-30', '2026-07-01', '2030-01-01')] == [9, 1, 1, 2, 2]


def test_after_a_contract_has_ended_calls_are_served_as_was_agreed_last() -> None:
    site = dated('2026-01-01', until='2026-06-30')
    assert hours_on(site, D('2026-07-01')) == 1
    assert site.clients['quetzal'].contract.in_force(Modality.STANDARD, D('2026-07-01')) is None


def test_a_modality_without_terms_is_as_the_files_have_it() -> None:
    client = dated('2026-01-01').on(D('2026-02-01')).clients['quetzal']
    assert client.policy_of(Modality.PREMIUM) == client.policy
    assert replace(client, contract=Contract()).on(D('2026-02-01')) == replace(client, contract=Contract())


def test_a_site_in_which_nothing_is_dated_is_its_own() -> None:
    site = a_site()
    assert site.on(TODAY) is site


@given(st.integers(-40, 400), st.integers(-40, 400))
def test_the_day_of_a_day_is_that_day(one: int, other: int) -> None:
    site, first = dated('2026-01-01', '2026-02-10', '2026-07-01'), D('2026-01-01')
    assert site.on(first + timedelta(one)).on(first + timedelta(other)) == site.on(first + timedelta(other))


def test_other_days_may_be_asked_of_any_site() -> None:
    client = dated('2026-01-01', '2026-07-01').on(D('2026-08-01')).clients['quetzal']
    found = [client.policy_on(Modality.STANDARD, D(day)).resolve_high_hours for day in ('2025-12-31', '2026-01-01', '2026-07-01')]
    assert found == [9, 1, 2]
    assert {policy.resolve_high_hours for policy in client.policies} == {Policy().resolve_high_hours, 1, 2, 9}


# -- VIPs ----------------------------------------------------------------------------------------------------------------

def fewer(site: Path, gone: int) -> None:
    """Remove the last users, none of whom is VIP."""
    rows = (site / USERS).read_text(encoding='utf-8').splitlines()
    (site / USERS).write_text('\n'.join(rows[:-gone]) + '\n', encoding='utf-8')


def vips(site: Path) -> frozenset[str]:
    return frozenset(user.employee_number for user in load(site).clients['nopalera'].users if user.vip)


BEFORE = replace(KNOWN, vips_before={'nopalera': vips(EXAMPLE)})


def test_who_adds_a_vip_above_the_cap_is_refused(tmp_path: Path) -> None:
    site = copy_example(tmp_path)
    edit(site, USERS, '5555550102,Ciudad de México,no', '5555550102,Ciudad de México,yes')
    problems = new_problems(site, BEFORE)
    assert places(problems) == [f'{USERS}:3: vip error'], 'the one that was added is named'
    assert '11 of 200 users of nopalera are VIP; 5 % allow 10: remove the flag here' in problems[0].message


def test_who_has_the_flag_keeps_it_when_the_users_become_fewer(tmp_path: Path) -> None:
    site = copy_example(tmp_path)
    fewer(site, 1)
    problems = new_problems(site, BEFORE)
    assert [problem.severity for problem in problems] == ['warning']
    assert '10 of 199 users of nopalera are VIP; 5 % allow 9. Nobody was added' in problems[0].message


def test_one_for_another_is_an_addition(tmp_path: Path) -> None:
    site = copy_example(tmp_path)
    fewer(site, 1)
    edit(site, USERS, '5555550102,Ciudad de México,no', '5555550102,Ciudad de México,yes')
    rows = (site / USERS).read_text(encoding='utf-8')
    other = next(line for line in rows.splitlines() if line.endswith(',yes') and not line.startswith('10002'))
    edit(site, USERS, other, other[:-3] + 'no')
    assert places(new_problems(site, BEFORE)) == [f'{USERS}:3: vip error']


@pytest.mark.parametrize(('today', 'severity', 'says'), [
    ('2026-10-31', 'error', '5 % allow 10: remove'), ('2026-11-01', None, ''), ('2027-01-31', None, ''),
    ('2027-02-01', 'error', 'and the waiver for 12 ended on 2027-01-31')])
def test_a_waiver_covers_so_many_on_its_days(tmp_path: Path, today: str, severity: str | None, says: str) -> None:
    site = copy_example(tmp_path)
    edit(site, NOPALERA, '# A written permission', WAIVER + '#')
    edit(site, USERS, '5555550102,Ciudad de México,no', '5555550102,Ciudad de México,yes')
    found = [problem for problem in new_problems(site, Known(KNOWN.prompts, D(today))) if problem.where.key == 'vip']
    assert [problem.severity for problem in found] == ([severity] if severity else [])
    assert says in ''.join(problem.message for problem in found)


def test_when_a_waiver_has_ended_who_was_there_is_told_of_and_nobody_may_be_added(tmp_path: Path) -> None:
    site = copy_example(tmp_path)
    edit(site, NOPALERA, '# A written permission', WAIVER + '#')
    edit(site, USERS, '5555550102,Ciudad de México,no', '5555550102,Ciudad de México,yes')
    later = Known(KNOWN.prompts, D('2027-02-01'), vips_before={'nopalera': vips(site)})
    assert [problem.severity for problem in new_problems(site, later) if problem.where.key == 'vip'] == ['warning']
    edit(site, USERS, '5555550104,Monterrey,no', '5555550104,Monterrey,yes')
    assert [problem.severity for problem in new_problems(site, later) if problem.where.key == 'vip'] == ['error']


def test_more_than_the_waiver_allows(tmp_path: Path) -> None:
    site = copy_example(tmp_path)
    edit(site, NOPALERA, '# A written permission', WAIVER.replace('12', '10', 1) + '#')
    edit(site, USERS, '5555550102,Ciudad de México,no', '5555550102,Ciudad de México,yes')
    problems = new_problems(site)
    assert 'and the waiver until 2027-01-31 10' in problems[0].message


def test_a_waiver_never_narrows_the_cap() -> None:
    client = load(EXAMPLE).clients['nopalera']
    narrow = Waiver(3, TODAY, TODAY, 'x', 'y')
    cap = vip_cap(replace(client, contract=replace(client.contract, waivers=(narrow, Waiver(12, TODAY, TODAY, 'x', 'y')))), TODAY)
    assert (cap.allowed, cap.is_kept, cap.waiver and cap.waiver.users) == (12, True, 12)
    assert vip_cap(replace(client, contract=replace(client.contract, waivers=(narrow,))), TODAY).allowed == 10
