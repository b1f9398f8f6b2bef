"""A client's contract: its days, the dated terms of each modality, and waivers (mission.md chapter 7 and 1.3)."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from config.documents import Document
from config.load_service import policy_read
from config.shapes import ClientFile
from config.shapes_terms import ContractShape, TermsShape, WaiverShape
from config.terms import Contract, Counted, Terms, Waiver
from config.toml_lines import KeyPath
from config.values import Modality, Policy


def contract(document: Document, client: str, shape: ClientFile, own: Policy, by_modality: Mapping[Modality, Policy]) -> Contract:
    """What was agreed with a client. The first terms of a modality begin with its contract parameters as the file has them."""
    read = document.shaped(ContractShape, shape.contract, ('contract',)) if shape.contract is not None else None
    if shape.contract is not None and read is None:
        document.found.unread.add(('contract', client))
    return Contract(
        **(read.given() if read else {}), where=document.where('contract'),
        terms=_terms(document, client, shape, own, by_modality),
        waivers=_waivers(document, client, shape))


def _terms(document: Document, client: str, shape: ClientFile, own: Policy, by_modality: Mapping[Modality, Policy]) -> tuple[Terms, ...]:
    """All terms by modality and day; what an entry does not say is as in the one before it."""
    readable = list(document.elements(TermsShape, shape.terms, 'terms'))
    if len(readable) < len(shape.terms):
        document.found.unread.add(('terms', client))
    read: list[Terms] = []
    for path, entry in sorted(readable, key=lambda one: (one[1].modality, one[1].since)):
        modality = Modality(entry.modality)
        before = read[-1] if read and read[-1].modality is modality else Terms(
            modality, entry.since, policy=by_modality.get(modality, own))
        read.append(_agreed(document, path, entry, before))
    return tuple(read)


def _agreed(document: Document, path: KeyPath, entry: TermsShape, before: Terms) -> Terms:
    """The terms of an entry: what is written in it, over those before."""
    given = entry.given()
    plain: dict[str, Any] = {name: given[name] for name in ('allowance', 'monthly_fee', 'overage_price', 'visit_price') if name in given}
    if 'counted' in given:
        plain['counted'] = frozenset(Counted(name) for name in entry.counted)
    rule = before.overage
    if 'overage_from' in given:
        rule = replace(rule, above_percent=entry.overage_from)
    if 'overage_run' in given:
        rule = replace(rule, whole_run=entry.overage_run == 'whole')
    if 'overage_tariff' in given:
        rule = replace(rule, tariff_of=entry.overage_tariff)
    return replace(before, **plain, since=entry.since, overage=rule, where=document.where(*path),
                   policy=policy_read(document, entry.policy, before.policy, (*path, 'policy')))


def _waivers(document: Document, client: str, shape: ClientFile) -> tuple[Waiver, ...]:
    read = [Waiver(**entry.given(), where=document.where(*path)) for path, entry in document.elements(WaiverShape, shape.waiver, 'waiver')]
    if len(read) < len(shape.waiver):
        document.found.unread.add(('waiver', client))
    return tuple(sorted(read, key=lambda waiver: waiver.since))
