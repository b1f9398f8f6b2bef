"""What the contract says about a fax: how many of its pages go, whether it is refused, and when it leaves (mission.md 5.2, 5.3). Pure."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from config.values import Line, Modality, Override, Policy, Site
from fax.arrival import TOO_MANY_PAGES
from fax.values import Fax
from ivr_flows.decide import Decision, decide
from ivr_flows.steps import Caller

NEXT_BUSINESS_DAY = 'next_business_day'
REJECT = 'reject'


@dataclass(frozen=True)
class Verdict:
    """What becomes of a counted fax."""

    rejected: bool
    pages: int                                         # that are delivered, from the first on


def policy_of(site: Site, client: str | None) -> Policy:
    """The contract parameters of a client's faxes; the defaults when the site has that client no more."""
    found = site.clients.get(client or '')
    return found.policy_of(Modality.FAX) if found else Policy()


def fax_line(site: Site, called_number: str) -> Line | None:
    """The fax line that was dialled; None when it is none of ours. HylaFAX is told our numbers without the plus."""
    line = site.lines.get('+' + called_number.removeprefix('+'))
    return line if line is not None and line.modality is Modality.FAX else None


def judge(policy: Policy, pages: int, reason: str, all_pages: bool) -> Verdict:
    """How many of the pages go (mission.md 5.2). A sender that HylaFAX refused in the middle has sent too many, whatever arrived."""
    if all_pages:
        return Verdict(False, pages)
    too_long = pages > policy.fax_pages or reason.startswith(TOO_MANY_PAGES)
    return Verdict(policy.fax_too_long == REJECT and too_long, min(pages, policy.fax_pages))


def release_at(site: Site, line: Line, overrides: Sequence[Override], received_at: datetime) -> datetime:
    """When a fax that came at this moment leaves, UTC: at once in open hours, else as `fax_release` says (mission.md 5.3).

    A calendar that never opens holds nothing back: nobody would ever see the fax.
    """
    decision = _decision(site, line, overrides, received_at)
    if decision.open:
        return received_at
    if decision.policy.fax_release != NEXT_BUSINESS_DAY:
        return decision.next_opening or received_at
    zone = decision.calendar.zone
    midnight = datetime.combine(received_at.astimezone(zone).date() + timedelta(days=1), time(0), zone)
    tomorrow = _decision(site, line, overrides, midnight)
    return midnight.astimezone(UTC) if tomorrow.open else tomorrow.next_opening or received_at


def may_leave(site: Site, facsimile: Fax, overrides: Sequence[Override], now: datetime) -> bool:
    """Whether a held fax leaves now: its time has come, or the line opened earlier than was foreseen. Never while a person holds it."""
    if facsimile.on_hold or facsimile.release_at is None:
        return False
    line = site.lines.get(facsimile.line or '')
    if facsimile.release_at <= now or line is None:
        return True
    decision = _decision(site, line, overrides, now)
    return decision.open and decision.policy.fax_release != NEXT_BUSINESS_DAY


def _decision(site: Site, line: Line, overrides: Sequence[Override], moment: datetime) -> Decision:
    """The one engine's answer for whoever sends a fax: nobody is identified, so the line's calendar decides."""
    return decide(site, Caller(line, None, None, 'unknown'), overrides, moment)
