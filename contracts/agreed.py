"""What was agreed with a client, as it holds on a day of the site's zone: facts for scripts and pages (mission.md chapter 7). Pure."""
from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Any

from config.terms import Terms, Waiver
from config.values import Client, Modality, Site
from config.vip_cap import vip_cap


def contract_facts(site: Site, client: Client, day: date) -> dict[str, Any]:
    """Everything agreed with a client and what of it holds on a day of the site's zone; amounts as text, MXN before taxes."""
    contract, cap, tax = client.contract, vip_cap(client, day), site.prices.tax(client.contract.tax_region, day)
    tariff = site.prices.tariff(client.key, day)
    return {
        'client': client.key, 'name': client.name, 'day': day, 'number': contract.number,
        'fiscal_name': contract.fiscal_name or client.name,
        'since': contract.since, 'until': contract.until,
        'in_force': (contract.since or day) <= day <= (contract.until or day),
        'pro_rata': contract.pro_rata, 'term_months': contract.term_months,
        'tax_region': contract.tax_region, 'iva_percent': str(tax.percent) if tax else None,
        'tariff': {'since': tariff.since, 'own': tariff.client is not None, 'across': tariff.across} if tariff else None,
        'vip': {'users': cap.users, 'vips': cap.vips, 'percent': cap.percent, 'allowed': cap.allowed, 'kept': cap.is_kept},
        'waivers': [_waiver(waiver, day) for waiver in contract.waivers],
        'modalities': [_modality(client, modality, day) for modality in Modality if modality in client.modalities],
    }


def _waiver(waiver: Waiver, day: date) -> dict[str, Any]:
    state = 'ended' if waiver.until < day else 'to come' if day < waiver.since else 'in force'
    return {'users': waiver.users, 'since': waiver.since, 'until': waiver.until, 'reason': waiver.reason, 'by': waiver.by, 'state': state}


def _modality(client: Client, modality: Modality, day: date) -> dict[str, Any]:
    """The terms that hold, null where nothing is agreed for the day; and when others began, or will, with what they change."""
    all_terms = [terms for terms in client.contract.terms if terms.modality is modality]
    now, latest = client.contract.in_force(modality, day), client.contract.latest(modality, day)
    changes: list[dict[str, Any]] = [{'since': terms.since, 'changes': _changes(all_terms[index - 1] if index else None, terms)}
                                     for index, terms in enumerate(all_terms)]
    return {
        'modality': modality, 'since': now.since if now else None,
        'terms': _agreed(now) if now else None, 'policy': asdict(client.policy_on(modality, day)),
        'earlier': [one for one in changes if latest and one['since'] < latest.since],
        'later': [one for one in changes if one['since'] > day],
    }


def _agreed(terms: Terms) -> dict[str, Any]:
    rule = terms.overage
    return {
        'allowance': terms.allowance, 'monthly_fee': str(terms.monthly_fee), 'overage_price': str(terms.overage_price),
        'overage_from': rule.above_percent, 'overage_run': 'whole' if rule.whole_run else 'third', 'overage_tariff': rule.tariff_of,
        'visit_price': str(terms.visit_price), 'counted': sorted(terms.counted)}


def _changes(before: Terms | None, after: Terms) -> dict[str, Any]:
    """What terms change of those before; what was agreed beyond the defaults when they are the first."""
    old = _agreed(before or Terms(after.modality, after.since)) | asdict((before or after).policy)
    return {name: value for name, value in (_agreed(after) | asdict(after.policy)).items() if old[name] != value}
