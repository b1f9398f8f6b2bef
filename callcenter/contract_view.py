"""What was agreed with a client, as lines for people (`mesa contract`)."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from config.values import Modality, Policy

WIDTH = 14
PRIORITIES = ('high', 'medium', 'low')


def contract_lines(facts: dict[str, Any]) -> Iterator[str]:
    """The facts of `contracts/agreed.py` for a person."""
    yield f'{facts["name"]} ({facts["client"]}) on {facts["day"]}'
    yield _line('contract', _contract(facts))
    yield _line('invoiced to', facts['fiscal_name'])
    yield _line('IVA', f'{facts["iva_percent"] or "not known"} % ({facts["tax_region"]})')
    tariff = facts['tariff']
    yield _line('calls', f'{"its own" if tariff["own"] else "the general"} tariff of {tariff["since"]}' if tariff else 'no tariff')
    vip = facts['vip']
    yield _line('VIPs', f'{vip["vips"]} of {vip["users"]} users; {vip["allowed"]} may be' + ('' if vip['kept'] else ': too many'))
    for waiver in facts['waivers']:
        yield _line('waiver', f'{waiver["users"]} VIPs, {waiver["since"]} to {waiver["until"]}, {waiver["state"]}: '
                              f'{waiver["reason"]} ({waiver["by"]})')
    for one in facts['modalities']:
        yield ''
        yield one['modality'] + (f', terms of {one["since"]}' if one['since'] else ': no terms in force')
        if one['terms']:
            yield from _terms(one['terms'], one['modality'])
        yield from _promises(Policy(**one['policy']), one['modality'])
        for when in ('earlier', 'later'):
            for change in one[when]:
                yield _line(when, f'{change["since"]}: ' + (', '.join(map(_change, change['changes'].items())) or 'nothing changes'))


def _contract(facts: dict[str, Any]) -> str:
    known = f'{facts["number"] or "without number"}, from {facts["since"] or "no written day"} to {facts["until"] or "no written day"}'
    return f'{known}, pro rata by {facts["pro_rata"]}' + ('' if facts['in_force'] else '; NOT IN FORCE')


def _terms(terms: dict[str, Any], modality: str) -> Iterator[str]:
    yield _line('fee', f'{terms["monthly_fee"]} a month')
    if terms['allowance'] is None:
        yield _line('requests', 'not metered')
    else:
        counted = f'; also counted: {", ".join(terms["counted"])}' if terms['counted'] else ''
        yield _line('requests', f'{terms["allowance"]} a month{counted}')
        yield _line('above', f'{terms["overage_price"]} each beyond {terms["overage_from"]} %, ' + (
            'the whole run' if terms['overage_run'] == 'whole' else 'from the third month on') + ', at the price of ' + (
            'the month that charges' if terms['overage_tariff'] == 'charged' else 'each month'))
    if modality == Modality.PREMIUM:
        yield _line('visits', f'{terms["visit_price"]} each')


def _promises(policy: Policy, modality: str) -> Iterator[str]:
    if modality == Modality.FAX:
        yield _line('fax', f'{policy.fax_pages} pages, then {policy.fax_too_long}; leaves at the {policy.fax_release.replace("_", " ")}; '
                           f'kept for {policy.fax_days} days')
        return
    yield _line('answer', f'{policy.answer_percent} % in {policy.answer_seconds} s; longest wait {policy.queue_wait_minutes:g} min')
    yield _line('respond', ', '.join(f'{priority} {getattr(policy, f"respond_{priority}_minutes")} min' for priority in PRIORITIES))
    yield _line('resolve', ', '.join(f'{priority} {getattr(policy, f"resolve_{priority}_hours")} h' for priority in PRIORITIES))
    yield _line('close calls', f'{policy.close_call_attempts}, {policy.close_call_spacing_hours} h apart, confirmed by '
                               f'{policy.verify_with}; closed after {policy.close_unverified_days} days, '
                               f'reopenable for {policy.reopen_days}')
    yield _line('recording', f'kept for {policy.recording_days} days' if policy.recording else 'off')
    yield _line('kept', f'attachments {policy.attachment_days} days; what identifies a user '
                        + (f'{policy.personal_days} days after the closing' if policy.personal_days else 'without limit'))


def _change(item: tuple[str, Any]) -> str:
    name, value = item
    if name == 'allowance' and value is None:
        value = 'unmetered'
    return f'{name} {", ".join(value) or "none" if isinstance(value, list) else value}'


def _line(name: str, text: str) -> str:
    return f'  {name:<{WIDTH}}{text}'
