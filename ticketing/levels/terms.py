"""The contract's terms for one folio, as its service-level clock needs them (mission.md 4.5). Pure."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from config.contract import calendar_for, resolve_seconds, respond_seconds
from config.values import Calendar, EscalationStep, HolidayBook, Modality, Policy, Site


@dataclass(frozen=True)
class Terms:
    """Whose hours count, how much open time there is, and who is told when it runs out. Overrides of a line change nothing here."""

    calendar: Calendar
    holidays: HolidayBook
    policy: Policy
    ladder: tuple[EscalationStep, ...]
    respond_s: int
    resolve_s: int


def terms_of(site: Site, line: str, user_site: str | None, priority: str, opened: datetime) -> Terms | None:
    """The terms of a folio of this line, as agreed for the day on which it was opened: what was promised does not change at a midnight.

    None when the site in force does not have the line any more.
    """
    found = site.lines.get(line)
    if found is None:
        return None
    client = site.clients[found.client]
    policy = client.policy_on(Modality(found.modality), opened.astimezone(site.zone).date())
    return Terms(
        calendar=calendar_for(site, found, user_site), holidays=site.holidays, policy=policy, ladder=client.escalation,
        respond_s=respond_seconds(policy, priority), resolve_s=resolve_seconds(policy, priority))
