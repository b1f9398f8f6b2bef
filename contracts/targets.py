"""What each line's contract promises of answering, and from when on, for wallboard, statistics and statement (mission.md 7.5, 9). Pure."""
from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from ami_listener.call_figures import Target, Targets
from config.values import Client, Modality, Policy, Site
from contracts.months import midnight


def targets_of(site: Site) -> Targets:
    """The targets of all lines at which callers wait, dated as the contracts' terms are: from the first local moment of a day."""
    return Targets({line.number: tuple(_dated(site, site.clients[line.client], line.modality))
                    for line in site.lines.values() if line.client in site.clients})


def _dated(site: Site, client: Client, modality: Modality) -> Iterator[tuple[datetime | None, Target]]:
    yield None, _target(client.policy_on(modality, date.min))
    days = {terms.since for terms in client.contract.terms if terms.modality is modality}
    for day in sorted(days):
        yield midnight(day, site.zone), _target(client.policy_on(modality, day))


def _target(policy: Policy) -> Target:
    return Target(policy.answer_percent, policy.answer_seconds)
