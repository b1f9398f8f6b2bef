"""What follows from the site for a folio: whose calendar, how much time, which line, which way out (mission.md 2.3, 4.5)."""
from __future__ import annotations

from config.values import Calendar, Client, Line, Modality, Policy, Site, Trunk

ORDINARY = (Modality.STANDARD, Modality.PREMIUM)


def calendar_for(site: Site, line: Line, user_site: str | None) -> Calendar:
    """The calendar that decides: the line's, or that of the identified user's site when the contract says so (mission.md 2.3)."""
    client = site.clients[line.client]
    if client.policy.hours_by == 'site' and user_site is not None and user_site in client.site_calendars:
        return site.calendars[client.site_calendars[user_site]]
    return site.calendars[line.calendar]


def respond_seconds(policy: Policy, priority: str) -> int:
    """Open time to respond to a folio of this priority: 'low', 'medium' or 'high' (mission.md 4.5)."""
    return {'high': policy.respond_high_minutes, 'medium': policy.respond_medium_minutes, 'low': policy.respond_low_minutes}[priority] * 60


def resolve_seconds(policy: Policy, priority: str) -> int:
    """Open time to resolve a folio of this priority: 'low', 'medium' or 'high' (mission.md 4.5)."""
    return {'high': policy.resolve_high_hours, 'medium': policy.resolve_medium_hours, 'low': policy.resolve_low_hours}[priority] * 3600


def ordinary_line(site: Site, client: Client) -> Line | None:
    """The client's own line for what comes by no special number: standard, else premium."""
    for modality in ORDINARY:
        for line in site.lines.values():
            if line.client == client.key and line.modality is modality:
                return line
    return None


def mail_line(site: Site, client: Client) -> Line | None:
    """The line whose calendar and modality e-mail to this client follows (mission.md 4.8); None when it has only fax or VIP lines."""
    return site.lines.get(client.mail_line or '') or ordinary_line(site, client)


def way_out(site: Site) -> Trunk | None:
    """The trunk that takes our own calls: the first that can; None when none does."""
    return next((trunk for trunk in site.trunks if trunk.outbound), None)
